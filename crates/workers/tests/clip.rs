//! Listening through a provider that takes whole recordings.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod peer;

use std::{cell::RefCell, rc::Rc, sync::Arc};

use operetta_contract::{
    Capabilities, ErrorClass, Flow, Head, Hearing, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Recognition, Recognize, Role, Transcribe, Transcript, Usage, class_of_status,
};
use operetta_stage::{Desk, Playbill, Policy, Supervisor};
use operetta_workers::{ClipEars, HttpTimes, Net, NetConfig};
use peer::{Asker, Seen, Server};
use tokio::sync::Notify;

/// Posts the samples and takes the body for the transcript.
#[derive(Clone)]
struct Clerk(String);

struct ClerkReader(u32);

impl HttpVendor for Clerk {
    type Job = Recognize;
    type Reader = ClerkReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities::of(Role::Stt)
    }

    fn open(&self, job: &Recognize) -> Result<(HttpRequest, ClerkReader), ProviderError> {
        let body = job.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let url = format!("{}/listen?language={}", self.0, job.language);
        let ms = job.samples.len() as u32 * 1000 / job.rate_hz;
        Ok((HttpRequest { method: Method::Post, url, headers: vec![], body }, ClerkReader(ms)))
    }

    fn refusal(&self, head: &Head, _: &[u8]) -> ProviderError {
        ProviderError::new(class_of_status(head.status), "refused")
    }
}

impl HttpReader for ClerkReader {
    type Job = Recognize;

    fn head(&mut self, _: &Head, out: &mut Output<Recognize>) -> Result<(), ProviderError> {
        out.usage.audio_in_ms = self.0;
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Recognize>) -> Result<Flow<Recognize>, ProviderError> {
        out.events.push(Recognition::Text(std::str::from_utf8(bytes).unwrap().into()));
        Ok(Flow::More)
    }

    fn end(&mut self, _: &mut Output<Recognize>) -> Result<Recognition, ProviderError> {
        Ok(Recognition::Done)
    }
}

struct Play {
    desk: Desk<Transcribe>,
    asker: Asker<Transcribe>,
    usage: Rc<RefCell<Vec<Usage>>>,
}

fn play(server: &Server) -> Play {
    let bill = Playbill::new("test");
    let (net, vendor) = (Net::new(&NetConfig::default()).unwrap(), Clerk(server.url()));
    let usage = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&usage);
    let desk = Supervisor::start(Policy::default(), &bill, move || {
        let seen = Rc::clone(&seen);
        ClipEars::new(vendor.clone(), net.clone(), HttpTimes::default())
            .on_usage(Rc::new(move |usage| seen.borrow_mut().push(usage)))
    });
    Play { desk, asker: Asker::new(&bill), usage }
}

fn listen() -> Transcribe {
    Transcribe { language: Arc::from("hi"), rate_hz: 8000 }
}

fn samples(ms: usize) -> Hearing {
    Hearing::Samples(vec![1; ms * 8])
}

fn last(text: &str, flush: u32) -> Transcript {
    Transcript::Final { text: text.into(), flush: Some(flush) }
}

fn partial(text: &str) -> Transcript {
    Transcript::Partial(text.into())
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Answers every request with how many bytes it had.
async fn counting() -> Server {
    Server::start(|mut peer| async move {
        while let Some((_, body)) = peer.request().await {
            let text = format!(" {} bytes ", body.len());
            peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())).await;
        }
    })
    .await
}

#[actix_rt::test]
async fn a_flush_is_answered_by_what_was_fed_since_the_last() {
    let mut server = counting().await;
    let mut play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    for piece in [samples(100), samples(100), Hearing::Flush(1), samples(150), Hearing::Flush(2)] {
        lease.feed(piece).unwrap();
    }
    let expected = [partial("3200 bytes "), last("3200 bytes", 1), partial("2400 bytes "), last("2400 bytes", 2)];
    for event in expected {
        assert_eq!(play.asker.next().await, (1, event));
    }
    let seen = server.rest();
    assert_eq!(seen.iter().filter(|seen| matches!(seen, Seen::Connected(_))).count(), 1, "one connection: {seen:?}");
    let heard: Vec<u32> = play.usage.borrow().iter().map(|usage| usage.audio_in_ms).collect();
    assert_eq!(heard, [200, 150]);
}

#[actix_rt::test]
async fn nothing_to_hear_is_answered_without_a_request() {
    let mut server = counting().await;
    let mut play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    for piece in [Hearing::Flush(1), samples(99), Hearing::Flush(2), Hearing::Flush(3)] {
        lease.feed(piece).unwrap();
    }
    for flush in 1..=3 {
        assert_eq!(play.asker.next().await, (1, last("", flush)));
    }
    assert_eq!(server.rest(), []);
}

#[actix_rt::test]
async fn what_is_fed_while_a_request_is_on_its_way_belongs_to_the_next() {
    let go_on = Rc::new(Notify::new());
    let gate = Rc::clone(&go_on);
    let mut server = Server::start(move |mut peer| {
        let gate = Rc::clone(&gate);
        async move {
            while peer.request().await.is_some() {
                peer.say(CHUNKED).await;
                peer.chunk(b"good ").await;
                gate.notified().await;
                peer.chunk(b"morning").await;
                peer.say("0\r\n\r\n").await;
            }
        }
    })
    .await;
    let mut play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    lease.feed(samples(200)).unwrap();
    lease.feed(Hearing::Flush(1)).unwrap();
    assert_eq!(play.asker.next().await, (1, partial("good ")));
    // More than the feed holds by itself.
    for _ in 0..500 {
        while lease.feed(samples(20)).is_err() {
            tokio::task::yield_now().await;
        }
    }
    lease.feed(Hearing::Flush(2)).unwrap();
    go_on.notify_one();
    for event in [partial("good morning"), last("good morning", 1), partial("good ")] {
        assert_eq!(play.asker.next().await, (1, event));
    }
    go_on.notify_one();
    for event in [partial("good morning"), last("good morning", 2)] {
        assert_eq!(play.asker.next().await, (1, event));
    }
    let sizes: Vec<usize> = server
        .rest()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Request(_, _, body) => Some(body.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [3200, 160_000]);
}

#[actix_rt::test]
async fn of_a_monologue_the_last_minute_counts() {
    let server = counting().await;
    let mut play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    for _ in 0..70 {
        lease.feed(samples(1000)).unwrap();
    }
    lease.feed(Hearing::Flush(1)).unwrap();
    assert_eq!(play.asker.next().await, (1, partial("960000 bytes ")));
}

#[actix_rt::test]
async fn a_request_that_fails_ends_the_listening() {
    let server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.say("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await;
        peer.ended().await;
    })
    .await;
    let mut play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    lease.feed(samples(200)).unwrap();
    lease.feed(Hearing::Flush(1)).unwrap();
    let failed = Transcript::Failed(ProviderError::new(ErrorClass::Unavailable, "refused"));
    assert_eq!(play.asker.next().await, (1, failed));
}

#[actix_rt::test]
async fn a_call_that_ends_takes_its_request_along() {
    let mut server = Server::start(|mut peer| async move {
        peer.request().await;
        peer.say(CHUNKED).await;
        peer.ended().await;
    })
    .await;
    let play = play(&server);
    let lease = play.asker.ask(&play.desk, 1, listen());
    lease.feed(samples(200)).unwrap();
    lease.feed(Hearing::Flush(1)).unwrap();
    assert!(matches!(server.next_said().await, Seen::Request(1, ..)));
    drop(lease);
    assert_eq!(server.next_said().await, Seen::Ended(1));
}
