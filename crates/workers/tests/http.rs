//! The HTTP worker against servers that misbehave in every way on the list (the numbers are those of the list of failures that
//! a provider can play).

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod peer;

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Role, Speech, Synthesize, TextLimit, Usage, class_of_status,
};
use operetta_stage::{Desk, Playbill, Policy, Supervisor};
use operetta_workers::{HttpTimes, HttpWorker, Net, NetConfig};
use tokio::sync::Notify;

use peer::{Asker, Seen, Server};

/// Speaks by posting the text and taking the body for audio. A body that contains `.` is over there.
#[derive(Clone)]
struct Plain {
    base: String,
    warm: bool,
}

struct PlainReader {
    usage: Usage,
}

impl HttpVendor for Plain {
    type Job = Synthesize;
    type Reader = PlainReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities { max_text: Some(TextLimit::Chars(22)), ..Capabilities::of(Role::Tts) }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, PlainReader), ProviderError> {
        let key = ApiKey::new("sesame");
        let request = HttpRequest {
            method: Method::Post,
            url: format!("{}/speak", self.base),
            headers: vec![("authorization", key.header("Bearer ")), ("accept", "audio/*".into())],
            body: job.text.as_bytes().to_vec(),
        };
        let usage = Usage { characters: job.text.len() as u32, ..Usage::default() };
        Ok((request, PlainReader { usage }))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        let url = format!("{}/warm", self.base);
        self.warm.then_some(HttpRequest { method: Method::Get, url, headers: vec![], body: vec![] })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        ProviderError::new(class_of_status(head.status), String::from_utf8_lossy(body))
    }
}

impl HttpReader for PlainReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        out.usage = self.usage.clone();
        match head.content_type().as_str() {
            "audio/basic" => Ok(()),
            other => Err(ProviderError::new(ErrorClass::Protocol, format!("expected audio, got {other}"))),
        }
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        let (audio, is_done) = match bytes.iter().position(|byte| *byte == b'.') {
            Some(end) => (&bytes[..end], true),
            None => (bytes, false),
        };
        if !audio.is_empty() {
            out.events.push(Speech::Audio(audio.into()));
        }
        Ok(if is_done { Flow::Done(Speech::Done) } else { Flow::More })
    }

    fn end(&mut self, _: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        Ok(Speech::Done)
    }
}

/// A worker behind its desk, and somebody in front of it.
struct Play {
    desk: Desk<Synthesize>,
    asker: Asker<Synthesize>,
    usage: Rc<RefCell<Vec<Usage>>>,
}

fn times() -> HttpTimes {
    let short = Duration::from_millis(200);
    // What is to be too slow never comes at all, so a short time makes the tests fast and not shaky.
    HttpTimes { head: short, gap: short, refusal: short, ..HttpTimes::default() }
}

fn play(base: String, times: HttpTimes, net: &NetConfig, warm: bool) -> Play {
    let bill = Playbill::new("test");
    let net = Net::new(net).unwrap();
    let usage = Rc::new(RefCell::new(Vec::new()));
    let (seen, vendor) = (Rc::clone(&usage), Plain { base, warm });
    let desk = Supervisor::start(Policy::default(), &bill, move || {
        let seen = Rc::clone(&seen);
        HttpWorker::new(vendor.clone(), net.clone(), times)
            .on_usage(Rc::new(move |usage| seen.borrow_mut().push(usage)))
    });
    Play { desk, asker: Asker::new(&bill), usage }
}

fn say(text: &str) -> Synthesize {
    let format = Format { encoding: Encoding::Mulaw, rate_hz: 8000 };
    Synthesize { text: text.into(), voice: Arc::from("any"), language: Arc::from("en"), format, fixed: false }
}

impl Play {
    fn at(server: &Server) -> Self {
        play(server.url(), times(), &NetConfig::default(), false)
    }

    /// The audio of a job that was asked for as `id`, all in one, and how it ended.
    async fn hear(&mut self, id: u32) -> (Vec<u8>, Speech) {
        let mut audio = Vec::new();
        loop {
            let (told, event) = self.asker.next().await;
            assert_eq!(told, id);
            match event {
                Speech::Audio(piece) => audio.extend_from_slice(&piece),
                end => return (audio, end),
            }
        }
    }

    /// Says `hello` and listens to the end.
    async fn hello(&mut self, id: u32) -> (Vec<u8>, Result<(), ErrorClass>) {
        let lease = self.asker.ask(&self.desk, id, say("hello"));
        let (audio, end) = self.hear(id).await;
        drop(lease);
        (audio, class(end))
    }
}

fn class(end: Speech) -> Result<(), ErrorClass> {
    match end {
        Speech::Done => Ok(()),
        Speech::Failed(error) => Err(error.class),
        other => panic!("{other:?} is no end"),
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ncontent-length: 4\r\n\r\nabcd";

/// Plays `reply` to the first request of each connection, then closes it, or not.
async fn replies(reply: &'static str, stays: bool) -> Server {
    Server::start(move |mut peer| async move {
        if peer.request().await.is_some() {
            peer.say(reply).await;
            if stays {
                peer.ended().await;
            }
        }
    })
    .await
}

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

mod tls {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use rustls::{
        ServerConfig, ServerConnection, StreamOwned,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    };

    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");

    /// A server behind TLS that answers one request a connection with `reply` and says goodbye properly. Its thread ends with
    /// the last of `connections`.
    fn serve(reply: &'static str, connections: usize) -> String {
        let chain =
            CertificateDer::pem_slice_iter(include_bytes!("fixtures/server.pem")).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for _ in 0..connections {
                let (stream, _) = listener.accept().unwrap();
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
                let mut request = [0; 4096];
                // A client that does not trust us never gets as far as asking.
                if stream.read(&mut request).is_ok_and(|read| read > 0) {
                    stream.write_all(reply.as_bytes()).unwrap();
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        format!("https://localhost:{}", address.port())
    }

    #[actix_rt::test]
    async fn an_unknown_authority_is_not_trusted_and_a_private_one_can_be() {
        let url = serve(WHOLE, 2);
        let mut stranger = play(url.clone(), HttpTimes::default(), &NetConfig::default(), false);
        assert_eq!(stranger.hello(1).await, (vec![], Err(ErrorClass::Unavailable)));
        let trusting = NetConfig { extra_roots: vec![AUTHORITY.to_vec()], ..NetConfig::default() };
        let mut friend = play(url, HttpTimes::default(), &trusting, false);
        assert_eq!(friend.hello(1).await, (b"abcd".to_vec(), Ok(())));
    }

    #[actix_rt::test]
    async fn h10_a_body_that_is_cut_off_behind_tls_is_no_whole_one_either() {
        let trusting = NetConfig { extra_roots: vec![AUTHORITY.to_vec()], ..NetConfig::default() };
        let cut = "HTTP/1.1 200 OK\r\ncontent-type: audio/basic\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n";
        let mut play = play(serve(cut, 1), HttpTimes::default(), &trusting, false);
        assert_eq!(play.hello(1).await, (b"ab".to_vec(), Err(ErrorClass::Closed)));
    }
}

mod http2 {
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        thread,
    };

    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
    use rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    };

    use super::*;

    /// Notes when a reply is given up before its end.
    struct Guard(Sender<String>);

    impl Drop for Guard {
        fn drop(&mut self) {
            let _ = self.0.send("given up".into());
        }
    }

    /// Says `ab`; for ever, if that is the text.
    async fn speak(request: HttpRequest, text: String, notes: web::Data<Sender<String>>) -> HttpResponse {
        notes.send(format!("{:?} {text}", request.version())).unwrap();
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>(web::Bytes::from_static(b"ab"))]);
        let mut reply = HttpResponse::Ok();
        reply.content_type("audio/basic");
        if text != "for ever" {
            return reply.streaming(first);
        }
        // This server notices that nobody listens when it says more.
        let more = futures_util::stream::unfold(Guard(Sender::clone(&notes)), async |guard| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok(web::Bytes::from_static(b"ab")), guard))
        });
        reply.streaming(futures_util::StreamExt::chain(first, Box::pin(more)))
    }

    /// A real server that speaks HTTP/2, on a thread of its own: where it is, what it notes, and how to stop it.
    fn serve() -> (String, Receiver<String>, ServerHandle) {
        let chain =
            CertificateDer::pem_slice_iter(include_bytes!("fixtures/server.pem")).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let (notes, seen) = channel();
        let (tell, told) = channel();
        thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let connections = notes.clone();
                let notes = web::Data::new(notes);
                let app = move || App::new().app_data(notes.clone()).route("/speak", web::post().to(speak));
                let server = HttpServer::new(app)
                    .workers(1)
                    .on_connect(move |_, _| connections.send("connected".into()).unwrap())
                    .disable_signals()
                    .bind_rustls_0_23("127.0.0.1:0", config)
                    .unwrap();
                let port = server.addrs()[0].port();
                let running = server.run();
                tell.send((format!("https://localhost:{port}"), running.handle())).unwrap();
                running.await.unwrap();
            });
        });
        let (url, handle) = told.recv().unwrap();
        (url, seen, handle)
    }

    #[actix_rt::test]
    async fn a_cancelled_job_costs_a_stream_and_not_a_connection() {
        let (url, seen, server) = serve();
        let trusting =
            NetConfig { extra_roots: vec![include_bytes!("fixtures/authority.pem").to_vec()], ..NetConfig::default() };
        let patient = HttpTimes { gap: peer::EVER, ..HttpTimes::default() };
        let mut play = play(url, patient, &trusting, false);
        assert_eq!(play.hello(1).await, (b"ab".to_vec(), Ok(())));
        let lease = play.asker.ask(&play.desk, 2, say("for ever"));
        assert_eq!(play.asker.next().await, (2, Speech::Audio(Arc::from(*b"ab"))));
        drop(lease);
        assert_eq!(play.hello(3).await, (b"ab".to_vec(), Ok(())));
        assert_eq!(play.hello(4).await, (b"ab".to_vec(), Ok(())));
        let mut noted: Vec<String> = (0..6).map(|_| seen.recv_timeout(peer::EVER).unwrap()).collect();
        noted.sort();
        let expected =
            ["HTTP/2.0 for ever", "HTTP/2.0 hello", "HTTP/2.0 hello", "HTTP/2.0 hello", "connected", "given up"];
        assert_eq!(noted, expected);
        server.stop(false).await;
    }

    #[actix_rt::test]
    async fn a_connection_that_the_server_has_ended_meanwhile_costs_nothing() {
        let (url, seen, server) = serve();
        let trusting =
            NetConfig { extra_roots: vec![include_bytes!("fixtures/authority.pem").to_vec()], ..NetConfig::default() };
        let mut play = play(url.clone(), HttpTimes::default(), &trusting, false);
        assert_eq!(play.hello(1).await, (b"ab".to_vec(), Ok(())));
        server.stop(false).await;
        // Nobody is there any more: the kept connection must not hide that.
        assert_eq!(play.hello(2).await, (vec![], Err(ErrorClass::Unavailable)));
        assert_eq!(seen.try_iter().count(), 2);
    }
}
