//! What becomes of sockets: left, used again, opened ahead.

use super::*;

#[actix_rt::test]
async fn a_socket_for_one_job_is_left_politely() {
    let mut server = Server::start(good).await;
    let mut play = Play::at(&server);
    assert_eq!(play.hello(1).await, (b"abcd".to_vec(), Ok(())));
    assert!(matches!(server.next_said().await, Seen::Request(..)));
    for expected in ["open", "speak hello", "bye"] {
        assert_eq!(server.next_said().await, Seen::Noted(1, expected.into()));
    }
    assert_eq!(server.next_said().await, Seen::Ended(1));
    assert_eq!(play.hello(2).await, (b"abcd".to_vec(), Ok(())));
}

#[actix_rt::test]
async fn a_socket_for_many_jobs_is_used_again() {
    let mut server = Server::start(good).await;
    let mut play = Play::pooled(&server);
    for id in 1..=20 {
        assert_eq!(play.hello(id).await, (b"abcd".to_vec(), Ok(())));
    }
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1);
}

#[actix_rt::test]
async fn w16_a_cancelled_job_costs_a_message_and_its_late_audio_is_nobodys() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.audio(b"ab").await;
        assert_eq!(peer.hear().await.as_deref(), Some("stop"));
        peer.note("stop");
        for _ in 0..20 {
            peer.audio(b"late").await;
        }
        peer.text("stopped").await;
        // Whether the worker has read this is known by the answer to a ping behind it.
        peer.frame(FIN | PING, b"?").await;
        assert_eq!(peer.read().await, Some((PONG, b"?".to_vec())));
        peer.note("drained");
        assert_eq!(peer.hear().await.as_deref(), Some("speak hello"));
        peer.audio(b"cd").await;
        peer.text("done").await;
        peer.note_all().await;
    })
    .await;
    let mut play = Play::pooled(&server);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert_eq!(play.asker.next().await, (1, Speech::Audio(Arc::from(*b"ab"))));
    drop(lease);
    assert!(matches!(server.next_said().await, Seen::Request(..)));
    assert_eq!(server.next_said().await, Seen::Noted(1, "stop".into()));
    assert_eq!(server.next_said().await, Seen::Noted(1, "drained".into()));
    assert_eq!(play.hello(2).await, (b"cd".to_vec(), Ok(())), "the same socket, and no late audio");
    assert!(!server.rest().iter().any(|seen| matches!(seen, Seen::Connected(_))));
}

#[actix_rt::test]
async fn a_socket_that_is_still_busy_with_a_cancelled_job_is_given_to_no_other() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.audio(b"ab").await;
        if peer.number == 1 {
            assert_eq!(peer.hear().await.as_deref(), Some("stop"));
            peer.note("stop");
            // The acknowledgement is on its way for as long as anybody looks.
            return peer.note_all().await;
        }
        peer.text("done").await;
        peer.note_all().await;
    })
    .await;
    let patient = SocketTimes { drain: peer::EVER, ..times() };
    let mut play = Play::of(Talker { url: url(&server), pooled: true, ..Talker::default() }, patient);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    play.asker.next().await;
    drop(lease);
    assert!(matches!(server.next_said().await, Seen::Request(1, ..)));
    assert_eq!(server.next_said().await, Seen::Noted(1, "stop".into()));
    assert_eq!(play.hello(2).await, (b"ab".to_vec(), Ok(())));
    assert!(server.rest().contains(&Seen::Connected(2)));
}

#[actix_rt::test]
async fn w17_a_cancellation_that_is_never_acknowledged_costs_the_socket() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.audio(b"ab").await;
        peer.note_all().await;
    })
    .await;
    let mut play = Play::pooled(&server);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    play.asker.next().await;
    drop(lease);
    assert!(matches!(server.next_said().await, Seen::Request(..)));
    for expected in ["stop", "bye"] {
        assert_eq!(server.next_said().await, Seen::Noted(1, expected.into()));
    }
    assert_eq!(server.next_said().await, Seen::Ended(1));
}

#[actix_rt::test]
async fn a_job_that_is_cancelled_while_it_connects_leaves_nothing_behind() {
    let mut server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.ended().await;
    })
    .await;
    let patient = SocketTimes { upgrade: peer::EVER, ..times() };
    let play = Play::of(Talker { url: url(&server), ..Talker::default() }, patient);
    let lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert!(matches!(server.next_said().await, Seen::Request(..)));
    drop(lease);
    assert_eq!(server.next_said().await, Seen::Ended(1));
}

#[actix_rt::test]
async fn w19_a_socket_that_ended_while_it_waited_is_replaced_without_a_word() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.audio(b"ab").await;
        peer.text("done").await;
        match peer.number {
            // Closed while it waits.
            1 => peer.close(1008, "input_timeout_exceeded").await,
            // Closed as it is used again.
            2 => drop(peer.hear().await),
            // Expired as it is used again.
            3 => {
                peer.hear().await;
                peer.text("expired").await;
            }
            _ => peer.note_all().await,
        }
    })
    .await;
    let mut play = Play::pooled(&server);
    for id in 1..=4 {
        assert_eq!(play.hello(id).await, (b"ab".to_vec(), Ok(())), "job {id}");
    }
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 4);
}

/// A relay waits a second for the first audio: the goodbye to the old socket is not to take it.
#[actix_rt::test]
async fn a_new_socket_does_not_wait_for_the_goodbye_of_the_old_one() {
    let server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        if peer.number == 1 {
            peer.text("expired").await;
            // It answers no close, and keeps the connection.
            std::future::pending::<()>().await;
        }
        peer.audio(b"ab").await;
        peer.text("done").await;
    })
    .await;
    let mut play = Play::at(&server);
    let heard = tokio::time::timeout(Duration::from_millis(700), play.hello(1)).await;
    assert_eq!(heard, Ok((b"ab".to_vec(), Ok(()))));
}

#[actix_rt::test]
async fn a_session_that_has_expired_twice_or_too_late_is_reported() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        if peer.number > 2 {
            peer.audio(b"ab").await;
        }
        peer.text("expired").await;
    })
    .await;
    let mut play = Play::at(&server);
    assert_eq!(play.hello(1).await, (vec![], Err(ErrorClass::SessionExpired)));
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 2);
    assert_eq!(play.hello(2).await, (b"ab".to_vec(), Err(ErrorClass::SessionExpired)));
    assert_eq!(server.rest().iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1);
}

#[actix_rt::test]
async fn sockets_are_replaced_before_their_age_ends_them_and_left_when_nobody_wants_them() {
    for (name, vendor) in [
        ("session", Talker { session: Some(Duration::from_millis(100)), ..Talker::default() }),
        ("idle", Talker { idle: Some(Duration::from_millis(100)), ..Talker::default() }),
    ] {
        let mut server = Server::start(good).await;
        let mut play = Play::of(Talker { url: url(&server), pooled: true, ..vendor }, times());
        assert_eq!(play.hello(1).await, (b"abcd".to_vec(), Ok(())));
        assert!(matches!(server.next_said().await, Seen::Request(..)));
        for expected in ["open", "speak hello", "bye"] {
            assert_eq!(server.next_said().await, Seen::Noted(1, expected.into()), "{name}");
        }
        assert_eq!(server.next_said().await, Seen::Ended(1), "{name}");
        assert_eq!(play.hello(2).await, (b"abcd".to_vec(), Ok(())), "{name}");
    }
}

#[actix_rt::test]
async fn no_more_sockets_wait_than_may() {
    let mut server = Server::start(good).await;
    let few = SocketTimes { pool: 2, ..times() };
    let mut play = Play::of(Talker { url: url(&server), pooled: true, ..Talker::default() }, few);
    let leases: Vec<_> = (1..=5).map(|id| play.asker.ask(&play.desk, id, say("hello"))).collect();
    for _ in 0..10 {
        play.asker.next().await;
    }
    drop(leases);
    let mut ended = 0;
    while ended < 3 {
        ended += u32::from(matches!(server.next().await, Seen::Ended(_)));
    }
    assert_eq!(play.hello(9).await, (b"abcd".to_vec(), Ok(())));
    let rest = server.rest();
    assert!(!rest.iter().any(|seen| matches!(seen, Seen::Connected(_))), "two have stayed: {rest:?}");
}

#[actix_rt::test]
async fn a_socket_is_open_before_the_first_job_and_before_the_next() {
    for pooled in [true, false] {
        let mut server = Server::start(good).await;
        let vendor = Talker { url: url(&server), warm: true, pooled, ..Talker::default() };
        // A worker whose sockets serve one job may still use one that was opened ahead, if it fits.
        let mut play = Play::of(vendor, times());
        assert_eq!(server.next().await, Seen::Connected(1));
        assert!(matches!(server.next().await, Seen::Request(1, ..)));
        assert_eq!(server.next().await, Seen::Noted(1, "open".into()));
        assert_eq!(play.hello(1).await, (b"abcd".to_vec(), Ok(())));
        if pooled {
            assert!(server.rest().iter().any(|seen| *seen == Seen::Noted(1, "speak hello".into())));
        }
    }
}
