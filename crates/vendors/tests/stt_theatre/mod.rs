//! Plays a session over a listening codec, without a socket and without a clock.
//!
//! A script is lines. `at_ms what` is what happens, and the lines behind it that begin with an arrow are what has to come of it:
//!
//! | line | means |
//! |---|---|
//! | `0 open` | the socket opens, and the job begins once the codec is ready |
//! | `20 speak 40` | the caller's voice, 40 ms of it; `quiet 40` is line noise |
//! | `500 flush 1` | the caller has paused |
//! | `500 wait` | time passes until then, and the codec is woken whenever it asks |
//! | `600 < {..}` | the server says this |
//! | `600 bytes` | the server sends bytes |
//! | `-> audio 80 in 2` | 80 ms of audio in 2 messages |
//! | `-> {..}` | a text message |
//! | `=> partial hello` | an event |
//! | `=> final hello`, `=> final 1 hello` | words of the server's own deciding, or that answer a flush |
//! | `=> error busy` | the job and the socket end |
//! | `=> unknown` | a message that is not known |

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a script that cannot be read fails its test")]

use std::{iter::Peekable, time::Duration};

use operetta_contract::{
    DuplexCodec, DuplexVendor, Flow, Hearing, Message, Outgoing, ProviderError, Transcribe, Transcript, Wire,
};

/// A job as telephones make it.
pub(crate) fn job() -> Transcribe {
    Transcribe { language: "en-IN".into(), rate_hz: 8000 }
}

/// A session of `vendor` in progress.
pub(crate) struct Session<V: DuplexVendor<Job = Transcribe>> {
    pub(crate) codec: V::Codec,
    begun: bool,
    bytes_per_ms: usize,
}

impl<V: DuplexVendor<Job = Transcribe>> Session<V> {
    pub(crate) fn new(vendor: &V, bytes_per_ms: usize) -> Self {
        let (_, codec) = vendor.open(&job()).unwrap();
        Self { codec, begun: false, bytes_per_ms }
    }

    /// Performs one line, and tells what came of it.
    fn perform(&mut self, line: &str) -> Vec<String> {
        let (at, what) = line.split_once(' ').expect("a time and what happens");
        let now = Duration::from_millis(at.parse().expect("a time in ms"));
        let mut wire = Wire::default();
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        let samples = |level: i16| Hearing::Samples(vec![level; rest.parse::<usize>().unwrap() * 8]);
        let result = match verb {
            "open" => {
                self.codec.opened(now, &mut wire);
                Ok(())
            }
            "speak" => {
                self.codec.feed(now, samples(4000), &mut wire);
                Ok(())
            }
            "quiet" => {
                self.codec.feed(now, samples(10), &mut wire);
                Ok(())
            }
            "flush" => {
                self.codec.feed(now, Hearing::Flush(rest.parse().unwrap()), &mut wire);
                Ok(())
            }
            "cancel" => {
                self.codec.cancel(now, &mut wire);
                Ok(())
            }
            "farewell" => {
                self.codec.farewell(now, &mut wire);
                Ok(())
            }
            "wait" => self.wait(now, &mut wire),
            "<" => self.codec.hear(now, Message::Text(rest), &mut wire).map(Self::goes_on),
            "bytes" => self.codec.hear(now, Message::Binary(&[1, 2, 3]), &mut wire).map(Self::goes_on),
            other => panic!("{other}?"),
        };
        if !self.begun && self.codec.is_ready() {
            self.begun = true;
            self.codec.begin(now, &job(), &mut wire);
        }
        self.tell(wire, result)
    }

    fn wait(&mut self, until: Duration, wire: &mut Wire<Transcribe>) -> Result<(), ProviderError> {
        let mut woken = Duration::ZERO;
        while let Some(at) = self.codec.wake_at().filter(|at| *at <= until) {
            // Whoever wants to be woken at a time that has passed would spin.
            woken = woken.max(at);
            let before = self.codec.wake_at();
            self.codec.tick(woken, wire).map(Self::goes_on)?;
            assert!(self.codec.wake_at() != before, "a tick at {at:?} that changes nothing");
        }
        Ok(())
    }

    #[expect(clippy::needless_pass_by_value, reason = "for `map`")]
    fn goes_on(flow: Flow<Transcribe>) {
        assert!(matches!(flow, Flow::More), "listening ends with the call and not before");
    }

    fn tell(&self, wire: Wire<Transcribe>, result: Result<(), ProviderError>) -> Vec<String> {
        let mut told = Vec::new();
        let mut send = wire.send.into_iter().peekable();
        while let Some(message) = send.next() {
            told.push(match message {
                Outgoing::Text(text) => format!("-> {text}"),
                Outgoing::Binary(bytes) => self.audio(bytes.len(), &mut send),
            });
        }
        told.extend(wire.output.events.iter().map(|event| match event {
            Transcript::Partial(text) => format!("=> partial {text}"),
            Transcript::Final { text, flush: None } => format!("=> final {text}"),
            Transcript::Final { text, flush: Some(flush) } => format!("=> final {flush} {text}").trim_end().to_owned(),
            other => panic!("{other:?}"),
        }));
        told.extend((0..wire.output.unknown).map(|_| "=> unknown".to_owned()));
        told.extend(result.err().map(|error| format!("=> error {}", error.code())));
        told
    }

    /// A run of audio messages as one line.
    fn audio(&self, first: usize, send: &mut Peekable<impl Iterator<Item = Outgoing>>) -> String {
        let (mut bytes, mut messages) = (first, 1);
        assert!(first > 0, "an empty message ends the stream at some servers");
        while let Some(Outgoing::Binary(next)) = send.next_if(|message| matches!(message, Outgoing::Binary(_))) {
            assert!(!next.is_empty(), "an empty message ends the stream at some servers");
            bytes += next.len();
            messages += 1;
        }
        format!("-> audio {} in {messages}", bytes / self.bytes_per_ms)
    }
}

/// Plays `script` and compares.
pub(crate) fn play<V: DuplexVendor<Job = Transcribe>>(vendor: &V, script: &str) {
    let mut session = Session::new(vendor, 16);
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let is_outcome = |line: &&str| line.starts_with("->") || line.starts_with("=>");
    while let Some(line) = lines.next() {
        let mut expected = Vec::new();
        while let Some(outcome) = lines.next_if(is_outcome) {
            expected.push(outcome.to_owned());
        }
        assert_eq!(session.perform(line), expected, "{line}");
    }
}

/// Says anything at all to a codec, and lets time pass.
pub(crate) fn survive<V: DuplexVendor<Job = Transcribe>>(vendor: &V, messages: &[Result<String, Vec<u8>>]) {
    let (_, mut codec) = vendor.open(&job()).unwrap();
    let mut wire = Wire::default();
    codec.opened(Duration::ZERO, &mut wire);
    for (at, message) in messages.iter().enumerate() {
        let now = Duration::from_millis(at as u64 * 170);
        let message = match message {
            Ok(text) => Message::Text(text),
            Err(bytes) => Message::Binary(bytes),
        };
        let _ = codec.hear(now, message, &mut wire);
        codec.feed(now, Hearing::Samples(vec![5000; at * 100]), &mut wire);
        codec.feed(now, Hearing::Flush(at as u32), &mut wire);
        let _ = codec.tick(now, &mut wire);
    }
    let _ = codec.tick(Duration::from_hours(1), &mut wire);
    for (flush, event) in messages.iter().enumerate().zip(answers(&wire)) {
        assert_eq!(flush.0 as u32, event, "every flush is answered once, in order");
    }
    assert_eq!(answers(&wire).count(), messages.len(), "every flush is answered");
    assert!(wire.send.iter().all(|message| *message != Outgoing::Binary(Vec::new())));
}

fn answers(wire: &Wire<Transcribe>) -> impl Iterator<Item = u32> {
    wire.output.events.iter().filter_map(|event| match event {
        Transcript::Final { flush, .. } => *flush,
        _ => None,
    })
}
