use std::time::Duration;

use super::Stunt;
use crate::theatre::Api;

/// What one socket's client did, and what it was given: all that a test may want to know. Times count from the upgrade.
#[derive(Clone, Debug)]
pub struct SocketFacts {
    /// Which API.
    pub api: Api,
    /// What went wrong on purpose.
    pub play: Option<Stunt>,
    /// The status of the answer to the upgrade: 101 when it was accepted, 0 while (or when) it was not answered.
    pub status: u16,
    /// How the client named itself. The key itself is not kept.
    pub auth: Auth,
    /// Every message of the client, up to 100,000 of them.
    pub said: Vec<Said>,
    /// Messages of the client, beyond that bound too.
    pub messages: u64,
    /// Audio of the client.
    pub audio: AudioIn,
    /// When keep-alives came.
    pub keep_alives: Vec<Duration>,
    /// Binary messages without a byte (`W33`): the stream ends on the first.
    pub empty_binaries: u32,
    /// Pings of the client.
    pub pings: u32,
    /// Pings to the client that it answered.
    pub pongs: u32,
    /// Pings to the client.
    pub pings_sent: u32,
    /// Contexts, or whatever the API calls one stretch of speech, in the order in which they were opened.
    pub contexts: Vec<Context>,
    /// What a bill would say.
    pub billed: Billed,
    /// Messages of content that went out: audio, transcripts, words.
    pub content_sent: u64,
    /// Messages of audio that went out after the client had cancelled what they belong to.
    pub audio_after_cancel: u64,
    /// When the client cancelled: clear, close of a context, truncate, cancel of a response.
    pub cancels: Vec<Duration>,
    /// Rules that the client broke, by name, in order, up to 1,000 of them.
    pub faults: Vec<Fault>,
    /// How it ended; `None` while it goes on.
    pub end: Option<End>,
}

impl SocketFacts {
    /// Nothing has happened yet.
    pub const fn new(api: Api, play: Option<Stunt>, auth: Auth) -> Self {
        Self {
            api,
            play,
            status: 0,
            auth,
            said: Vec::new(),
            messages: 0,
            audio: AudioIn { messages: 0, bytes: 0, ms: 0, first: None, last: None, longest_gap: Duration::ZERO },
            keep_alives: Vec::new(),
            empty_binaries: 0,
            pings: 0,
            pongs: 0,
            pings_sent: 0,
            contexts: Vec::new(),
            billed: Billed { characters: 0, audio_ms: 0, heard_ms: 0 },
            content_sent: 0,
            audio_after_cancel: 0,
            cancels: Vec::new(),
            faults: Vec::new(),
            end: None,
        }
    }

    /// Whether the client broke this rule.
    pub fn has_fault(&self, rule: &str) -> bool {
        self.faults.iter().any(|fault| fault.rule == rule)
    }

    /// The kinds of the client's messages, in order.
    pub fn kinds(&self) -> Vec<&str> {
        self.said.iter().map(|said| said.kind.as_str()).collect()
    }

    pub(super) fn fault(&mut self, at: Duration, rule: &'static str) {
        if self.faults.len() < 1_000 {
            self.faults.push(Fault { at, rule });
        }
    }

    pub(super) fn heard(&mut self, at: Duration, kind: String, bytes: usize) {
        self.messages += 1;
        if self.said.len() < 100_000 {
            self.said.push(Said { at, kind, bytes });
        }
    }

    /// The context of this name that is open.
    pub(super) fn context(&mut self, id: &str) -> Option<&mut Context> {
        self.contexts.iter_mut().rev().find(|context| context.id == id)
    }
}

/// How a client named itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    Missing,
    /// With the right header, but not in the form that the vendor reads.
    Malformed,
    /// As the vendor wants it.
    WellFormed,
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When it was complete.
    pub at: Duration,
    /// `audio` for binary ones, else what the message calls itself, or what stands out in it.
    pub kind: String,
    /// Its length.
    pub bytes: usize,
}

/// Audio that a client sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioIn {
    /// Messages.
    pub messages: u64,
    /// Bytes, decoded where they came as base64.
    pub bytes: u64,
    /// How long it lasts, in ms.
    pub ms: u64,
    /// When the first message came.
    pub first: Option<Duration>,
    /// When the last message came.
    pub last: Option<Duration>,
    /// The longest time between two messages.
    pub longest_gap: Duration,
}

impl AudioIn {
    /// How many times faster than real time it came, from the first message to the last; 0 before the second.
    pub fn pace(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) if last > first => self.ms as f64 / ((last - first).as_secs_f64() * 1000.0),
            _ => 0.0,
        }
    }

    pub(super) fn heard(&mut self, at: Duration, bytes: usize, ms: u64) {
        self.messages += 1;
        self.bytes += bytes as u64;
        self.ms += ms;
        self.first.get_or_insert(at);
        if let Some(last) = self.last.replace(at) {
            self.longest_gap = self.longest_gap.max(at.saturating_sub(last));
        }
    }
}

/// One stretch of speech: a context, an utterance between two flushes, a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What it is called.
    pub id: String,
    /// When it began.
    pub opened: Duration,
    /// When the client closed or cancelled it.
    pub closed: Option<Duration>,
    /// When its end went out.
    pub ended: Option<Duration>,
    /// Whether it was opened by a message that should not have opened one (`W36`): a leak.
    pub is_leak: bool,
    /// Characters of its text.
    pub characters: u64,
    /// Milliseconds of its audio that went out.
    pub audio_ms: u64,
}

impl Context {
    pub(super) fn new(id: &str, opened: Duration) -> Self {
        Self { id: id.to_owned(), opened, closed: None, ended: None, is_leak: false, characters: 0, audio_ms: 0 }
    }
}

/// What a bill would say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Characters taken for generation.
    pub characters: u64,
    /// Milliseconds of audio generated for them, whether they were sent or cancelled first.
    pub audio_ms: u64,
    /// Milliseconds of the client's audio.
    pub heard_ms: u64,
}

/// A rule that the client broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Duration,
    /// Which, in snake case.
    pub rule: &'static str,
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Duration,
    /// Who ended it.
    pub by: Ender,
    /// The code of the first close frame; `None` without one.
    pub code: Option<u16>,
    /// Its reason.
    pub reason: String,
}

/// Who ended a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ender {
    /// The client, with a close frame.
    Client,
    /// The client, by hanging up.
    ClientDropped,
    /// The fake, with a close frame.
    Vendor,
    /// The fake, by hanging up.
    VendorDropped,
    /// The theatre itself closed.
    Theatre,
}
