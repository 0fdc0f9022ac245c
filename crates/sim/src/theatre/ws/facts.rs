use std::{sync::Arc, time::Duration};

use crate::theatre::{ledger::Billed, shared::Shared};

/// What is known of one socket, while it is open and after.
#[derive(Clone, Debug)]
pub struct Conversation(Arc<Shared<SocketFacts>>);

impl Conversation {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared::new(SocketFacts::default())))
    }

    /// All of it, as of now.
    pub fn facts(&self) -> SocketFacts {
        self.0.look(Clone::clone)
    }

    /// Waits until it is as `wanted`. Has no deadline of its own.
    pub async fn until(&self, wanted: impl FnMut(&SocketFacts) -> bool) {
        self.0.until(wanted).await;
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut SocketFacts) -> R) -> R {
        self.0.change(change)
    }
}

/// What one socket's client did, and what it was given: all that a test may want to know beside its page in the ledger. Times
/// count from the upgrade. Of every list the last 10,000 entries are kept.
#[derive(Clone, Debug, Default)]
pub struct SocketFacts {
    /// When the upgrade was answered, by the clock of the ledger: what all other times here count from.
    pub opened_at: Duration,
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
    /// When a turn of the caller was told as over: what came of it goes out after the vendor's own delay.
    pub turns_ended: Vec<Duration>,
    /// How many contexts there have been.
    pub contexts_opened: u32,
    /// How many of them are over.
    pub contexts_ended: u32,
    /// What a bill would say.
    pub billed: Billed,
    /// Messages of content that went out: audio, transcripts, words.
    pub content_sent: u64,
    /// Messages of audio that went out after the client had cancelled what they belong to.
    pub audio_after_cancel: u64,
    /// When the client cancelled: clear, close of a context whose text was not flushed, truncate, cancel of a response.
    pub cancels: Vec<Duration>,
    /// Where replies were cut short by a truncation that was accepted, in ms of their audio, in order.
    pub truncated_ms: Vec<u64>,
    /// Rules that the client broke, in order.
    pub faults: Vec<Fault>,
    /// How it ended; `None` while it goes on.
    pub end: Option<End>,
}

impl SocketFacts {
    /// Whether the client broke this rule.
    pub fn has_fault(&self, rule: &str) -> bool {
        self.faults.iter().any(|fault| fault.rule == rule)
    }

    pub(super) fn opens(&mut self, context: Context) {
        self.contexts_opened += 1;
        keep(&mut self.contexts, context);
    }

    /// Contexts that are open and as said are over.
    pub(super) fn ends(&mut self, now: Duration, which: impl Fn(&Context) -> bool) {
        for context in self.contexts.iter_mut().filter(|context| context.ended.is_none() && which(context)) {
            context.ended = Some(now);
            self.contexts_ended += 1;
        }
    }

    pub(super) fn fault(&mut self, at: Duration, rule: &'static str) {
        keep(&mut self.faults, Fault { at, rule });
    }

    /// The context of this name that is open.
    pub(super) fn context(&mut self, id: &str) -> Option<&mut Context> {
        self.contexts.iter_mut().rev().find(|context| context.id == id)
    }
}

pub(super) fn keep<T>(list: &mut Vec<T>, entry: T) {
    if list.len() >= 10_000 {
        list.remove(0);
    }
    list.push(entry);
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
            (Some(first), Some(last)) if last > first => {
                self.ms as f64 / (last.saturating_sub(first).as_secs_f64() * 1000.0)
            }
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
    /// When speech was first made of its text: the client's part of the delay ends here.
    pub spoken: Option<Duration>,
    /// When its first audio went out: the vendor's part of the delay ends here.
    pub first_audio: Option<Duration>,
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
        Self {
            id: id.to_owned(),
            opened,
            closed: None,
            spoken: None,
            first_audio: None,
            ended: None,
            is_leak: false,
            characters: 0,
            audio_ms: 0,
        }
    }

    /// Text was taken for generation.
    pub(super) fn takes(&mut self, now: Duration, characters: u64) {
        self.spoken.get_or_insert(now);
        self.characters += characters;
    }

    /// Audio went out.
    pub(super) fn sends(&mut self, now: Duration, ms: u64) {
        self.first_audio.get_or_insert(now);
        self.audio_ms += ms;
    }
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
