//! What a server may do wrong, and what becomes of the job.

use super::*;

#[actix_rt::test]
async fn w01_refused_upgrades_are_judged_by_their_status() {
    let rows = [
        ("HTTP/1.1 401 No\r\ncontent-length: 4\r\n\r\nnope", ErrorClass::Auth),
        ("HTTP/1.1 402 No\r\ncontent-length: 0\r\n\r\n", ErrorClass::Quota),
        ("HTTP/1.1 429 No\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n", ErrorClass::RateLimited),
        ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", ErrorClass::Unavailable),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ErrorClass::BadRequest),
        ("HTTP/1.1 101 Switching\r\n\r\n", ErrorClass::Protocol),
    ];
    for (reply, class) in rows {
        let mut server = Server::start(move |mut peer| async move {
            peer.request().await;
            peer.say(reply).await;
            peer.ended().await;
        })
        .await;
        assert_eq!(Play::at(&server).hello(1).await, (vec![], Err(class)), "{reply}");
        let seen = server.rest();
        assert_eq!(seen.iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1, "asked once: {seen:?}");
    }
}

#[actix_rt::test]
async fn w02_an_upgrade_that_is_never_answered_is_given_up() {
    let mut server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.ended().await;
    })
    .await;
    assert_eq!(Play::at(&server).hello(1).await, (vec![], Err(ErrorClass::Timeout)));
    let Seen::Request(1, head, _) = server.next_said().await else { panic!("no request") };
    assert!(head.contains("x-test: yes") && head.starts_with("GET /talk?voice=any "), "{head}");
    assert_eq!(server.next_said().await, Seen::Ended(1));
}

#[actix_rt::test]
async fn w04_before_the_server_is_ready_no_job_begins() {
    let mut server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        if peer.number == 2 {
            peer.text("hello").await;
            peer.hear().await;
            peer.hear().await;
            peer.audio(b"ab").await;
            peer.text("done").await;
        }
        peer.note_all().await;
    })
    .await;
    let mut play = Play::of(Talker { url: url(&server), greeted: true, ..Talker::default() }, times());
    assert_eq!(play.hello(1).await, (vec![], Err(ErrorClass::Timeout)));
    let seen = [server.next_said().await, server.next_said().await, server.next_said().await];
    assert!(matches!(&seen[0], Seen::Request(1, ..)), "{seen:?}");
    assert_eq!(seen[1..], [Seen::Noted(1, "open".into()), Seen::Ended(1)], "nothing was said of the job");
    assert_eq!(play.hello(2).await, (b"ab".to_vec(), Ok(())));
}

#[actix_rt::test]
async fn w06_to_w09_ends_and_errors_are_what_the_codec_says() {
    type End = fn(Peer) -> futures_util::future::LocalBoxFuture<'static, ()>;
    let rows: [(&str, ErrorClass, End); 7] = [
        ("W09 an error and no close", ErrorClass::Quota, |mut peer| {
            Box::pin(async move {
                peer.text("error: no money").await;
                peer.note_all().await;
            })
        }),
        ("W03 an error, then a close", ErrorClass::Quota, |mut peer| {
            Box::pin(async move {
                peer.text("error: no money").await;
                peer.close(1008, "policy").await;
            })
        }),
        ("W07 a close with a code", ErrorClass::BadRequest, |mut peer| {
            Box::pin(async move {
                peer.close(1008, "DATA-0000").await;
                peer.note_all().await;
            })
        }),
        ("W06 a close for a restart", ErrorClass::Unavailable, |mut peer| {
            Box::pin(async move {
                peer.close(1012, "").await;
            })
        }),
        ("W08 a close without a code", ErrorClass::Unavailable, |mut peer| {
            Box::pin(async move {
                peer.frame(FIN | 8, b"").await;
            })
        }),
        ("W06 an end without a close", ErrorClass::Unavailable, |peer| Box::pin(async move { drop(peer) })),
        ("W06 a reset", ErrorClass::Unavailable, |peer| Box::pin(async move { peer.reset() })),
    ];
    for (name, class, end) in rows {
        let mut server = Server::start(move |mut peer| async move {
            begun(&mut peer).await;
            end(peer).await;
        })
        .await;
        let mut play = Play::at(&server);
        assert_eq!(play.hello(1).await, (vec![], Err(class)), "{name}");
        assert_eq!(play.asker.rest(), [], "{name}: nothing comes after the end");
        let seen = server.rest();
        assert_eq!(seen.iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1, "{name}: {seen:?}");
    }
}

#[actix_rt::test]
async fn w10_open_and_dead_is_noticed_by_pings() {
    let mut server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        // The first two are answered.
        for _ in 0..2 {
            assert_eq!(peer.read().await.unwrap().0, PING);
            peer.frame(FIN | PONG, b"").await;
            peer.note("pinged");
        }
        peer.ended().await;
    })
    .await;
    let pinging =
        SocketTimes { ping_every: Some(Duration::from_millis(20)), pong: Duration::from_millis(200), ..times() };
    let mut play = Play::of(Talker { url: url(&server), ..Talker::default() }, pinging);
    assert_eq!(play.hello(1).await, (vec![], Err(ErrorClass::Timeout)));
    assert!(matches!(server.next_said().await, Seen::Request(..)));
    let seen = [server.next_said().await, server.next_said().await, server.next_said().await];
    assert_eq!(seen, [Seen::Noted(1, "pinged".into()), Seen::Noted(1, "pinged".into()), Seen::Ended(1)]);
}

#[actix_rt::test]
async fn w11_and_w12_pings_are_answered_even_between_fragments() {
    let server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.frame(BINARY, b"ab").await;
        peer.frame(FIN | PING, b"alive?").await;
        assert_eq!(peer.read().await, Some((PONG, b"alive?".to_vec())));
        peer.frame(0, b"cd").await;
        peer.frame(FIN, b"ef").await;
        peer.frame(TEXT, b"do").await;
        peer.frame(FIN, b"ne").await;
        peer.note_all().await;
    })
    .await;
    let mut play = Play::at(&server);
    let _lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert_eq!(play.asker.next().await, (1, Speech::Audio(Arc::from(*b"abcdef"))), "one message, one event");
    assert_eq!(play.asker.next().await, (1, Speech::Done));
}

#[actix_rt::test]
async fn w13_long_messages_are_taken_up_to_the_limit() {
    const MIB: usize = 1024 * 1024;
    let server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        for size in [65_537, MIB, 15 * MIB] {
            peer.audio(&vec![b'a'; size]).await;
        }
        if peer.number == 1 {
            peer.audio(&vec![b'a'; 17 * MIB]).await;
        } else {
            peer.frame(BINARY, &vec![b'a'; 9 * MIB]).await;
            peer.frame(FIN, &vec![b'a'; 9 * MIB]).await;
        }
        peer.ended().await;
    })
    .await;
    let mut play = Play::at(&server);
    for id in 1..=2 {
        let (audio, end) = play.hello(id).await;
        assert_eq!((audio.len(), end), (65_537 + 16 * MIB, Err(ErrorClass::Protocol)));
    }
}

#[actix_rt::test]
async fn w15_bytes_that_break_the_protocol_end_the_job() {
    let rows: [(&str, &[u8]); 4] = [
        ("invalid UTF-8", &[FIN | TEXT, 2, 0xc3, 0x28]),
        ("a reserved bit, as compression sets it", &[FIN | 0x40 | TEXT, 2, b'o', b'k']),
        ("an unknown opcode", &[FIN | 3, 0]),
        ("a continuation of nothing", &[FIN, 2, b'o', b'k']),
    ];
    for (name, bytes) in rows {
        let server = Server::start(move |mut peer| async move {
            begun(&mut peer).await;
            peer.say(bytes).await;
            peer.ended().await;
        })
        .await;
        assert_eq!(Play::at(&server).hello(1).await, (vec![], Err(ErrorClass::Protocol)), "{name}");
    }
}

#[actix_rt::test]
async fn an_end_without_audio_is_a_failure() {
    let server = Server::start(|mut peer| async move {
        begun(&mut peer).await;
        peer.text("done").await;
        peer.note_all().await;
    })
    .await;
    assert_eq!(Play::at(&server).hello(1).await, (vec![], Err(ErrorClass::Empty)));
}
