//! What a server may do wrong, and what becomes of the job.

use super::*;

#[actix_rt::test]
async fn what_the_server_may_do_wrong_without_a_body_of_audio() {
    let rows: [(&str, &str, bool, ErrorClass); 9] = [
        ("H01 slow head", "", true, ErrorClass::Timeout),
        ("H02 slow body", CHUNKED, true, ErrorClass::Timeout),
        (
            "H24 HTML",
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nabcd",
            true,
            ErrorClass::Protocol,
        ),
        (
            "H24 empty",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ncontent-length: 0\r\n\r\n",
            true,
            ErrorClass::Empty,
        ),
        (
            "H30 redirect",
            "HTTP/1.1 302 Found\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n",
            true,
            ErrorClass::Missing,
        ),
        (
            "H31 coded",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
            true,
            ErrorClass::Protocol,
        ),
        ("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n", true, ErrorClass::Protocol),
        ("H11 refused", "HTTP/1.1 401 No\r\ncontent-length: 4\r\n\r\nnope", true, ErrorClass::Auth),
        ("H17 half a refusal", "HTTP/1.1 503 No\r\ncontent-length: 400\r\n\r\n<html>", true, ErrorClass::Unavailable),
    ];
    for (name, reply, stays, expected) in rows {
        let mut server = replies(reply, stays).await;
        let mut play = Play::at(&server);
        assert_eq!(play.hello(1).await, (vec![], Err(expected)), "{name}");
        let requests = [server.next().await, server.next().await];
        assert!(matches!(requests, [Seen::Connected(1), Seen::Request(1, ..)]), "{name}: {requests:?}");
        assert!(!server.rest().iter().any(|seen| matches!(seen, Seen::Request(..))), "{name}: one request was enough");
        assert_eq!(play.asker.rest(), [], "{name}: nothing comes after the end");
    }
}

#[actix_rt::test]
async fn a_refusal_is_explained_by_its_body() {
    let server = replies("HTTP/1.1 429 No\r\ncontent-length: 9\r\n\r\nslow down", true).await;
    let mut play = Play::at(&server);
    let _lease = play.asker.ask(&play.desk, 1, say("hello"));
    let (_, end) = play.hear(1).await;
    assert_eq!(end, Speech::Failed(ProviderError::new(ErrorClass::RateLimited, "slow down")));
}

#[actix_rt::test]
async fn bodies_end_in_many_ways_and_only_some_are_good() {
    type Row = (&'static str, &'static str, &'static [u8], Result<(), ErrorClass>);
    let rows: [Row; 8] = [
        ("a length", WHOLE, b"abcd", Ok(())),
        (
            "a length, then closed",
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: audio/basic\r\ncontent-length: 4\r\n\r\nabcd",
            b"abcd",
            Ok(()),
        ),
        (
            "chunks",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
            b"abcd",
            Ok(()),
        ),
        (
            "chunks, then closed",
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"ab",
            Ok(()),
        ),
        ("the old way", "HTTP/1.0 200 OK\r\ncontent-type: audio/basic\r\n\r\nabcd", b"abcd", Ok(())),
        (
            "H10 a length that is not reached",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ncontent-length: 9\r\n\r\nabcd",
            b"abcd",
            Err(ErrorClass::Closed),
        ),
        (
            "H10 chunks without an end",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n",
            b"abcd",
            Err(ErrorClass::Closed),
        ),
        (
            "H10 half a chunk",
            "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n4\r\nab",
            b"ab",
            Err(ErrorClass::Closed),
        ),
    ];
    for (name, reply, audio, end) in rows {
        let server = replies(reply, false).await;
        let mut play = Play::at(&server);
        assert_eq!(play.hello(1).await, (audio.to_vec(), end), "{name}");
    }
}

#[actix_rt::test]
async fn h03_a_stall_in_the_middle_ends_the_job_and_the_connection() {
    let mut server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.say(CHUNKED).await;
        peer.chunk(b"abc").await;
        peer.ended().await;
    })
    .await;
    let mut play = Play::at(&server);
    assert_eq!(play.hello(1).await, (b"abc".to_vec(), Err(ErrorClass::Timeout)));
    assert!(matches!(server.next_said().await, Seen::Request(1, ..)));
    assert_eq!(server.next_said().await, Seen::Ended(1));
}

#[actix_rt::test]
async fn h05_a_body_that_drips_is_the_same_body() {
    let server = Server::start(|mut peer| async move {
        peer.request().await;
        for byte in CHUNKED.bytes() {
            peer.say([byte]).await;
            tokio::task::yield_now().await;
        }
        for byte in b'a'..=b'z' {
            for piece in [format!("1\r\n{}", byte as char), "\r\n".to_owned()] {
                peer.say(piece).await;
                tokio::task::yield_now().await;
            }
        }
        peer.say("0\r\n\r\n").await;
        peer.ended().await;
    })
    .await;
    let mut play = Play::at(&server);
    assert_eq!(play.hello(1).await, ((b'a'..=b'z').collect(), Ok(())));
}

#[actix_rt::test]
async fn h07_nobody_there() {
    let server = replies(WHOLE, true).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut play = play(format!("http://{free}"), HttpTimes::default(), &NetConfig::default(), false);
    assert_eq!(play.hello(1).await, (vec![], Err(ErrorClass::Unavailable)));
    drop(server);
}

#[actix_rt::test]
async fn h09_a_reset_in_the_middle_is_no_end() {
    let heard = Rc::new(Notify::new());
    let was_heard = Rc::clone(&heard);
    let server = Server::start(move |mut peer| {
        let was_heard = Rc::clone(&was_heard);
        async move {
            peer.request().await;
            peer.say(CHUNKED).await;
            peer.chunk(b"abc").await;
            // Before that the reset would overtake what has not been read.
            was_heard.notified().await;
            peer.reset();
        }
    })
    .await;
    let mut play = Play::at(&server);
    let _lease = play.asker.ask(&play.desk, 1, say("hello"));
    assert_eq!(play.asker.next().await, (1, Speech::Audio(Arc::from(*b"abc"))));
    heard.notify_one();
    let (_, end) = play.hear(1).await;
    assert_eq!(class(end), Err(ErrorClass::Closed));
}

#[actix_rt::test]
async fn h28_a_body_without_end_is_cut() {
    let server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.say(CHUNKED).await;
        while peer.number == 1 {
            peer.chunk(&[b'a'; 4096]).await;
            if peer.stream.try_read(&mut [0]).is_ok() {
                return peer.ended().await;
            }
        }
    })
    .await;
    let limits = HttpTimes { most_bytes: 100_000, ..times() };
    let mut play = play(server.url(), limits, &NetConfig::default(), false);
    let (audio, end) = play.hello(1).await;
    assert_eq!(end, Err(ErrorClass::Protocol));
    assert!(audio.len() <= 100_000, "{} bytes", audio.len());
}
