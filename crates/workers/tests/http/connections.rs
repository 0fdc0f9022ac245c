//! What becomes of connections: kept, cancelled, warm.

use super::*;

/// Answers every request of a connection with `WHOLE`, but closes it when it gets one for which `is_over` is true.
async fn closes_when(is_over: impl Fn(u32, u32) -> bool + Copy + 'static) -> Server {
    Server::start(move |mut peer| async move {
        let mut request = 0;
        while peer.request().await.is_some() {
            request += 1;
            if is_over(peer.number, request) {
                return;
            }
            peer.say(WHOLE).await;
        }
    })
    .await
}

#[actix_rt::test]
async fn h29_a_kept_connection_that_ends_as_it_is_used_again_costs_nothing() {
    let mut server = closes_when(|connection, request| (connection, request) == (1, 2)).await;
    let mut play = Play::at(&server);
    for id in 1..=3 {
        assert_eq!(play.hello(id).await, (b"abcd".to_vec(), Ok(())));
    }
    let seen: Vec<(u32, bool)> = server
        .rest()
        .iter()
        .filter_map(|seen| match seen {
            Seen::Request(connection, head, _) => Some((*connection, head.contains("authorization: Bearer sesame"))),
            _ => None,
        })
        .collect();
    assert_eq!(
        seen,
        [(1, true), (1, true), (2, true), (2, true)],
        "the second request was sent once more, the third was not"
    );
}

#[actix_rt::test]
async fn a_new_connection_that_ends_before_the_reply_may_have_been_understood_and_is_not_asked_again() {
    let mut server = closes_when(|_, _| true).await;
    let mut play = Play::at(&server);
    assert_eq!(play.hello(1).await, (vec![], Err(ErrorClass::Closed)));
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Request(..))).count(), 1);
}

#[actix_rt::test]
async fn a_cancelled_job_loses_its_connection_at_once() {
    let mut server = Server::start(|mut peer| async move {
        if peer.number == 1 {
            peer.request().await;
            peer.say(CHUNKED).await;
            peer.chunk(b"abc").await;
            return peer.ended().await;
        }
        while peer.request().await.is_some() {
            peer.say(WHOLE).await;
        }
    })
    .await;
    let patient = HttpTimes { head: peer::EVER, gap: peer::EVER, ..HttpTimes::default() };
    let mut play = play(server.url(), patient, &NetConfig::default(), false);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert_eq!(play.asker.next().await, (1, Speech::Audio(Arc::from(*b"abc"))));
    drop(lease);
    assert!(matches!(server.next_said().await, Seen::Request(1, ..)));
    assert_eq!(server.next_said().await, Seen::Ended(1));
    assert_eq!(play.usage.borrow()[..], [Usage { characters: 5, estimated: true, ..Usage::default() }]);
    assert_eq!(play.hello(2).await, (b"abcd".to_vec(), Ok(())));
}

#[actix_rt::test]
async fn a_job_cancelled_before_the_head_loses_its_connection_as_well() {
    let mut server = replies("", true).await;
    let patient = HttpTimes { head: peer::EVER, ..HttpTimes::default() };
    let play = play(server.url(), patient, &NetConfig::default(), false);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert!(matches!(server.next_said().await, Seen::Request(1, ..)));
    drop(lease);
    assert_eq!(server.next_said().await, Seen::Ended(1));
}

#[actix_rt::test]
async fn a_connection_whose_reply_is_nearly_over_survives_the_cancellation() {
    let cancelled = Rc::new(Notify::new());
    let was_cancelled = Rc::clone(&cancelled);
    let mut server = Server::start(move |mut peer| {
        let was_cancelled = Rc::clone(&was_cancelled);
        async move {
            peer.request().await;
            peer.say(&WHOLE[..WHOLE.len() - 2]).await;
            was_cancelled.notified().await;
            peer.say("cd").await;
            while peer.request().await.is_some() {
                peer.say(WHOLE).await;
            }
        }
    })
    .await;
    let mut play = Play::at(&server);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert_eq!(play.asker.next().await, (1, Speech::Audio(Arc::from(*b"ab"))));
    drop(lease);
    cancelled.notify_one();
    // The seat of the first job is free when its connection is.
    while play.desk.free_seats() < Policy::default().seats {
        tokio::task::yield_now().await;
    }
    assert_eq!(play.hello(2).await, (b"abcd".to_vec(), Ok(())));
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1);
}

#[actix_rt::test]
async fn what_follows_the_end_of_a_job_does_not_cost_the_connection() {
    let mut server = Server::start(|mut peer| async move {
        while peer.request().await.is_some() {
            // In one write: the end is told before the rest is read, and the next job may come at once.
            peer.say(format!("{CHUNKED}3\r\nab.\r\n5\r\nusage\r\n0\r\n\r\n")).await;
        }
    })
    .await;
    let mut play = Play::at(&server);
    for id in 1..=3 {
        assert_eq!(play.hello(id).await, (b"ab".to_vec(), Ok(())));
    }
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1);
}

#[actix_rt::test]
async fn a_text_that_is_too_long_is_asked_for_in_pieces_one_after_the_other() {
    let mut server = closes_when(|_, _| false).await;
    let mut play = Play::at(&server);
    let _lease = play.asker.ask(&play.desk, 1, say("One two three. Four five six. Seven."));
    assert_eq!(play.hear(1).await, (b"abcdabcd".to_vec(), Speech::Done));
    let bodies: Vec<_> = server
        .rest()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Request(1, _, body) => Some(String::from_utf8(body).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(bodies, ["One two three.", "Four five six. Seven."].map(str::to_owned));
    assert_eq!(play.usage.borrow()[..], [Usage { characters: 35, ..Usage::default() }]);
}

#[actix_rt::test]
async fn blank_text_is_not_asked_for() {
    let mut server = replies(WHOLE, true).await;
    let mut play = Play::at(&server);
    let _lease = play.asker.ask(&play.desk, 1, say("  "));
    assert_eq!(class(play.hear(1).await.1), Err(ErrorClass::BadRequest));
    assert_eq!(server.rest(), []);
}

#[actix_rt::test]
async fn a_connection_is_warm_before_the_first_job_and_stays_so() {
    let mut server = Server::start(|mut peer| async move {
        while peer.request().await.is_some() {
            peer.say(WHOLE).await;
        }
    })
    .await;
    let warm = HttpTimes { warm_every: Some(Duration::from_millis(30)), ..times() };
    let mut play = play(server.url(), warm, &NetConfig::default(), true);
    let is_warm_up = |seen: &Seen| matches!(seen, Seen::Request(1, head, _) if head.starts_with("GET /warm "));
    for _ in 0..3 {
        let seen = server.next_said().await;
        assert!(is_warm_up(&seen), "{seen:?}");
    }
    assert_eq!(play.hello(1).await, (b"abcd".to_vec(), Ok(())));
    let rest = server.rest();
    assert!(
        rest.iter().any(|seen| matches!(seen, Seen::Request(1, head, _) if head.starts_with("POST /speak "))),
        "{rest:?}"
    );
}

#[actix_rt::test]
async fn a_warm_up_that_fails_fails_nothing() {
    let server = Server::start(|mut peer| async move {
        while let Some((head, _)) = peer.request().await {
            if head.starts_with("GET /warm ") {
                return;
            }
            peer.say(WHOLE).await;
        }
    })
    .await;
    let mut play = play(server.url(), times(), &NetConfig::default(), true);
    assert_eq!(play.hello(1).await, (b"abcd".to_vec(), Ok(())));
}
