use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use operetta_audio::{Encoding, Format};
use serde_json::Value;

use super::{SocketFacts, facts::keep, play::Staged, voice::Pacing};
use crate::theatre::{RequestHead, script::Reply};

/// One vendor's side of one socket, pure: messages and time in, messages out. `now` is the time since the upgrade.
pub(super) trait Session: Send {
    /// The upgrade was accepted.
    fn opened(&mut self, floor: &mut Floor<'_>) {
        let _ = floor;
    }

    /// The client sent text, valid UTF-8.
    fn text(&mut self, text: &str, floor: &mut Floor<'_>);

    /// The client sent bytes.
    fn binary(&mut self, bytes: &[u8], floor: &mut Floor<'_>);

    /// When [`tick`](Self::tick) is due.
    fn wake_at(&self) -> Option<Duration>;

    /// Time has passed.
    fn tick(&mut self, floor: &mut Floor<'_>);

    /// How long it thinks about everything it says.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    /// How this vendor complains.
    fn complaint(&self, cause: Cause) -> Complaint;
}

/// What a vendor complains about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The key.
    Auth,
    /// The balance.
    Quota,
    /// Something that does not exist: a model, a voice.
    Missing,
    /// Its own trouble.
    Internal,
    /// The age of the session.
    Expired,
}

/// A complaint: a message, where the vendor writes one, and the close that follows.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    pub(super) message: Option<Value>,
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Complaint {
    pub(super) fn close(code: u16, reason: &str) -> Self {
        Self { message: None, code, reason: reason.to_owned() }
    }

    pub(super) fn told(message: Value, code: u16, reason: &str) -> Self {
        Self { message: Some(message), code, reason: reason.to_owned() }
    }
}

/// Where a session acts: what it says goes out in order, what it sees is written down.
pub(super) struct Floor<'a> {
    pub(super) now: Duration,
    pub(super) acts: Vec<Act>,
    pub(super) facts: &'a mut SocketFacts,
    /// Messages that were heard, for the ledger: what they are, and their bytes.
    pub(super) heard: Vec<(String, usize)>,
    /// The script's next words of a caller.
    pub(super) lines: &'a mut (dyn FnMut() -> Option<String> + Send),
    /// The script's next reply of a model.
    pub(super) replies: &'a mut (dyn FnMut() -> Reply + Send),
}

/// What a session does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// Confirms the session.
    Confirm(Value),
    /// Says something that is no content: acknowledgements, metadata, warnings.
    Note(Value),
    /// Content as JSON.
    Say(Value),
    /// Content as bytes.
    Audio(Vec<u8>),
    /// Closes, once everything before has gone out.
    Close(u16, String),
}

impl Floor<'_> {
    pub(super) fn confirm(&mut self, message: Value) {
        self.acts.push(Act::Confirm(message));
    }

    pub(super) fn note(&mut self, message: Value) {
        self.acts.push(Act::Note(message));
    }

    pub(super) fn say(&mut self, message: Value) {
        self.acts.push(Act::Say(message));
    }

    pub(super) fn audio(&mut self, bytes: Vec<u8>) {
        self.acts.push(Act::Audio(bytes));
    }

    pub(super) fn close(&mut self, code: u16, reason: impl Into<String>) {
        self.acts.push(Act::Close(code, reason.into()));
    }

    /// Says what is wrong, and closes.
    pub(super) fn complain(&mut self, complaint: Complaint) {
        if let Some(message) = complaint.message {
            self.note(message);
        }
        self.close(complaint.code, complaint.reason);
    }

    pub(super) fn fault(&mut self, rule: &'static str) {
        self.facts.fault(self.now, rule);
    }

    /// The client keeps the socket alive.
    pub(super) fn kept_alive(&mut self) {
        keep(&mut self.facts.keep_alives, self.now);
    }

    /// The client cancels.
    pub(super) fn cancelled(&mut self) {
        keep(&mut self.facts.cancels, self.now);
    }

    /// The client cut a reply short, after so much of its audio.
    pub(super) fn truncated(&mut self, end_ms: u64) {
        keep(&mut self.facts.truncated_ms, end_ms);
    }

    /// A turn of the caller is over.
    pub(super) fn turn_ended(&mut self) {
        keep(&mut self.facts.turns_ended, self.now);
    }

    /// Names the message that is being heard.
    pub(super) fn heard(&mut self, kind: impl Into<String>, bytes: usize) {
        self.heard.push((kind.into(), bytes));
    }
}

/// How a fake behaves: its script's pace, and how fast its clocks run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// How many times faster the vendor's limits pass: 20 turns 10 s into half a second. Audio keeps its own time.
    pub(super) haste: f64,
    /// How speech is made.
    pub(super) pacing: Pacing,
    pub(super) staged: Option<Staged>,
}

impl Manner {
    /// One of the vendor's limits, as long as it lasts here.
    pub(super) fn limit(&self, limit: Duration) -> Duration {
        limit.div_f64(self.haste)
    }

    pub(super) fn plays(&self, failure: super::WsFailure) -> bool {
        super::play::plays(self.staged, failure)
    }

    pub(super) fn form(&self) -> &'static str {
        self.staged.map_or("", |staged| staged.form)
    }
}

/// A session, or why the upgrade is refused.
pub(super) type Admission = Result<Box<dyn Session>, Refusal>;

/// A refused upgrade.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

/// A parameter as a number; `Err` names the parameter when it is something else.
pub(super) fn number<N: std::str::FromStr>(head: &RequestHead, name: &'static str) -> Result<Option<N>, &'static str> {
    head.parameter(name).map(|text| text.parse().map_err(|_| name)).transpose()
}

/// A format by its usual names.
pub(super) fn format_of(encoding: &str, rate_hz: u32) -> Option<Format> {
    let encoding = match encoding {
        "linear16" | "pcm_s16le" => Encoding::Pcm16,
        "mulaw" | "pcm_mulaw" => Encoding::Mulaw,
        "alaw" | "pcm_alaw" => Encoding::Alaw,
        _ => return None,
    };
    Some(Format { encoding, rate_hz })
}

/// The `type` of a message, where it is an object that has one.
pub(super) fn type_of(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn base64_of(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub(super) fn bytes_of_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// Milliseconds as the float seconds that Deepgram writes.
pub(super) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// The earlier of two moments.
pub(super) fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
