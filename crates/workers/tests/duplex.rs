//! The socket worker against servers that misbehave in every way on the list (the numbers are those of the list of failures
//! that a provider can play).
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod peer;

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

/// Listening: the feed.
fn ears(server: &Server, times: SocketTimes) -> (Desk<Transcribe>, Asker<Transcribe>) {
    let bill = Playbill::new("test");
    let (net, vendor) = (Net::new(&NetConfig::default()).unwrap(), Ears(url(server)));
    let desk =
        Supervisor::start(Policy::default(), &bill, move || DuplexWorker::new(vendor.clone(), net.clone(), times));
    (desk, Asker::new(&bill))
}

fn listen() -> Transcribe {
    Transcribe { language: Arc::from("en"), rate_hz: 8000 }
}

#[actix_rt::test]
async fn what_is_fed_arrives_in_order_and_again_when_the_session_was_over_before_it_began() {
    let mut server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        for _ in 0..3 {
            let heard = peer.hear().await.unwrap();
            peer.note(heard);
        }
        if peer.number == 1 {
            return peer.text("expired").await;
        }
        peer.text("7 good morning").await;
        peer.note_all().await;
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    // Fed before anything is open.
    for piece in [Hearing::Samples(vec![1; 80]), Hearing::Samples(vec![2; 160]), Hearing::Flush(7)] {
        lease.feed(piece).unwrap();
    }
    let heard = Transcript::Final { text: Arc::from("good morning"), flush: Some(7) };
    assert_eq!(asker.next().await, (1, heard));
    lease.feed(Hearing::Flush(8)).unwrap();
    for connection in 1..=2 {
        assert!(matches!(server.next_said().await, Seen::Request(..)));
        for expected in ["160 bytes", "320 bytes", "flush 7"] {
            assert_eq!(server.next_said().await, Seen::Noted(connection, expected.into()));
        }
    }
    assert_eq!(server.next_said().await, Seen::Noted(2, "flush 8".into()));
    drop(lease);
    assert_eq!(server.next_said().await, Seen::Noted(2, "bye".into()));
    assert_eq!(server.next_said().await, Seen::Ended(2));
}

#[actix_rt::test]
async fn a_server_that_reads_nothing_is_given_up() {
    let mut server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        // It goes on living, and tells so.
        loop {
            peer.frame(FIN | PING, b"").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            if peer.stream.writable().await.is_err() || peer.stream.peer_addr().is_err() {
                return;
            }
        }
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    // More than any kernel buffers.
    for _ in 0..200 {
        lease.feed(Hearing::Samples(vec![0; 100_000])).unwrap();
    }
    let (_, event) = asker.next().await;
    assert!(matches!(&event, Transcript::Failed(error) if error.class == ErrorClass::Timeout), "{event:?}");
    assert!(matches!(server.next().await, Seen::Connected(1)));
}

#[actix_rt::test]
async fn w35_a_close_while_we_send_ends_the_job_once() {
    let server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        peer.hear().await;
        peer.close(1011, "internal").await;
        peer.reset();
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    for _ in 0..100 {
        lease.feed(Hearing::Samples(vec![0; 20_000])).unwrap();
    }
    let (_, event) = asker.next().await;
    assert!(matches!(&event, Transcript::Failed(error) if error.class == ErrorClass::Unavailable), "{event:?}");
    assert_eq!(asker.rest(), []);
}
