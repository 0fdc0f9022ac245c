//! The socket worker against servers that misbehave in every way on the list (the numbers are those of the list of failures
//! that a provider can play).
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

#[path = "../peer/mod.rs"]
mod peer;

mod failures;
mod feeds;
mod sockets;

use std::{sync::Arc, time::Duration};

use operetta_audio::Format;
use operetta_contract::{
    Capabilities, DuplexCodec, DuplexVendor, ErrorClass, Flow, Hearing, Message, Outgoing, ProviderError, Rest, Role,
    SocketRequest, Speech, Synthesize, Transcribe, Transcript, Wire,
};
use operetta_stage::{Desk, Playbill, Policy, Supervisor};
use operetta_workers::{DuplexWorker, Net, NetConfig, SocketTimes};
use peer::{
    Asker, Peer, Seen, Server,
    frames::{BINARY, FIN, PING, PONG, TEXT},
};

/// Speaks: `speak …` is answered by binary audio and `done`; `stop` by `stopped`. Errors are texts that begin with `error`.
#[derive(Clone, Default)]
struct Talker {
    url: String,
    /// Sockets serve one job after the other.
    pooled: bool,
    /// A job may begin when the server has said `hello`.
    greeted: bool,
    warm: bool,
    session: Option<Duration>,
    idle: Option<Duration>,
}

struct TalkerCodec {
    vendor: Talker,
    is_ready: bool,
    rest: Rest,
}

impl DuplexVendor for Talker {
    type Job = Synthesize;
    type Codec = TalkerCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities { session: self.session, idle: self.idle, ..Capabilities::of(Role::Tts) }
    }

    fn open(&self, job: &Synthesize) -> Result<(SocketRequest, TalkerCodec), ProviderError> {
        let url = format!("{}/talk?voice={}", self.url, job.voice);
        let codec = TalkerCodec { vendor: self.clone(), is_ready: !self.greeted, rest: Rest::Ready };
        Ok((SocketRequest { url, headers: vec![("x-test", "yes".into())] }, codec))
    }

    fn fits(&self, _: &TalkerCodec, _: &Synthesize) -> bool {
        self.pooled
    }

    fn warm_up(&self) -> Option<Synthesize> {
        self.warm.then(|| say("warm"))
    }
}

impl DuplexCodec for TalkerCodec {
    type Job = Synthesize;

    fn opened(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        wire.send.push(Outgoing::Text("open".into()));
        // None is meant by it, and none may arrive.
        wire.send.push(Outgoing::Binary(vec![]));
    }

    fn is_ready(&self) -> bool {
        self.is_ready
    }

    fn begin(&mut self, _: Duration, job: &Synthesize, wire: &mut Wire<Synthesize>) {
        self.rest = Rest::Draining;
        wire.output.usage.characters = job.text.len() as u32;
        wire.send.push(Outgoing::Text(format!("speak {}", job.text)));
    }

    fn feed(&mut self, _: Duration, piece: std::convert::Infallible, _: &mut Wire<Synthesize>) {
        match piece {}
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Synthesize>,
    ) -> Result<Flow<Synthesize>, ProviderError> {
        match message {
            Message::Binary(audio) => wire.output.events.push(Speech::Audio(audio.into())),
            Message::Text("hello") => self.is_ready = true,
            Message::Text("done") => {
                self.rest = Rest::Ready;
                return Ok(Flow::Done(Speech::Done));
            }
            Message::Text("stopped") => self.rest = Rest::Ready,
            Message::Text("expired") => return Err(ProviderError::new(ErrorClass::SessionExpired, "expired")),
            Message::Text(error) if error.starts_with("error") => {
                return Err(ProviderError::new(ErrorClass::Quota, error));
            }
            Message::Text(_) => wire.output.unknown += 1,
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        wire.send.push(Outgoing::Text("stop".into()));
    }

    fn rest(&self) -> Rest {
        if self.vendor.pooled { self.rest } else { Rest::Spent }
    }

    fn farewell(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        wire.send.push(Outgoing::Text("bye".into()));
    }
}

/// Listens: samples are binary, `flush N` is answered by `N words`, and the session expires by `expired`.
#[derive(Clone)]
struct Ears(String);

struct EarsCodec;

impl DuplexVendor for Ears {
    type Job = Transcribe;
    type Codec = EarsCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities::of(Role::Stt)
    }

    fn open(&self, _: &Transcribe) -> Result<(SocketRequest, EarsCodec), ProviderError> {
        Ok((SocketRequest { url: self.0.clone(), headers: vec![] }, EarsCodec))
    }
}

impl DuplexCodec for EarsCodec {
    type Job = Transcribe;

    fn opened(&mut self, _: Duration, _: &mut Wire<Transcribe>) {}

    fn begin(&mut self, _: Duration, _: &Transcribe, _: &mut Wire<Transcribe>) {}

    fn feed(&mut self, _: Duration, piece: Hearing, wire: &mut Wire<Transcribe>) {
        wire.send.push(match piece {
            Hearing::Samples(samples) => {
                Outgoing::Binary(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect())
            }
            Hearing::Flush(number) => Outgoing::Text(format!("flush {number}")),
        });
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Transcribe>,
    ) -> Result<Flow<Transcribe>, ProviderError> {
        let Message::Text(text) = message else { return Ok(Flow::More) };
        match text.split_once(' ') {
            None => return Err(ProviderError::new(ErrorClass::SessionExpired, text)),
            Some((flush, words)) => {
                let flush = Some(flush.parse().unwrap());
                wire.output.events.push(Transcript::Final { text: words.into(), flush });
            }
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, _: &mut Wire<Transcribe>) {}

    fn farewell(&mut self, _: Duration, wire: &mut Wire<Transcribe>) {
        wire.send.push(Outgoing::Text("bye".into()));
    }
}

fn say(text: &str) -> Synthesize {
    Synthesize {
        text: text.into(),
        voice: Arc::from("any"),
        language: Arc::from("en"),
        format: Format::MULAW_8K,
        fixed: false,
    }
}

/// What is to be too slow never comes at all, so short times make the tests fast and not shaky.
fn times() -> SocketTimes {
    let short = Duration::from_millis(200);
    SocketTimes { upgrade: short, ready: short, stall: short, drain: short, ..SocketTimes::default() }
}

/// A talking worker behind its desk, and somebody in front of it.
struct Play {
    desk: Desk<Synthesize>,
    asker: Asker<Synthesize>,
}

impl Play {
    fn of(vendor: Talker, times: SocketTimes) -> Self {
        let bill = Playbill::new("test");
        let net = Net::new(&NetConfig::default()).unwrap();
        let desk =
            Supervisor::start(Policy::default(), &bill, move || DuplexWorker::new(vendor.clone(), net.clone(), times));
        Self { desk, asker: Asker::new(&bill) }
    }

    fn at(server: &Server) -> Self {
        Self::of(Talker { url: url(server), ..Talker::default() }, times())
    }

    fn pooled(server: &Server) -> Self {
        Self::of(Talker { url: url(server), pooled: true, ..Talker::default() }, times())
    }

    /// Says `hello` and listens to the end.
    async fn hello(&mut self, id: u32) -> (Vec<u8>, Result<(), ErrorClass>) {
        let _lease = self.asker.ask(&self.desk, id, say("hello"));
        self.hear(id).await
    }

    async fn hear(&mut self, id: u32) -> (Vec<u8>, Result<(), ErrorClass>) {
        let mut audio = Vec::new();
        loop {
            let (told, event) = self.asker.next().await;
            assert_eq!(told, id);
            match event {
                Speech::Audio(piece) => audio.extend_from_slice(&piece),
                Speech::Done => return (audio, Ok(())),
                Speech::Failed(error) => return (audio, Err(error.class)),
                other => panic!("{other:?} is no end"),
            }
        }
    }
}

fn url(server: &Server) -> String {
    server.url().replace("http:", "ws:")
}

/// Upgrades and hears the beginning of a job.
async fn begun(peer: &mut Peer) {
    assert!(peer.upgrade().await);
    assert_eq!(peer.hear().await.as_deref(), Some("open"));
    assert_eq!(peer.hear().await.as_deref(), Some("speak hello"));
}

/// Speaks whenever it is asked to, and notes all else.
async fn good(mut peer: Peer) {
    if !peer.upgrade().await {
        return;
    }
    while let Some(text) = peer.hear().await {
        if text.starts_with("speak ") {
            peer.audio(b"abcd").await;
            peer.text("done").await;
        }
        peer.note(text);
    }
    peer.ended().await;
}
