//! The HTTP worker against servers that misbehave in every way on the list (the numbers are those of the list of failures that
//! a provider can play).

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

#[path = "../peer/mod.rs"]
mod peer;

mod connections;
mod failures;
mod http2;
mod tls;

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
