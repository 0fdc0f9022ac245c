use crate::carrier::Fault;
use crate::timeline::Event;
use serde::Serialize;
use std::fmt;

/// All that one call showed: what came when, how fast the agent was, what it did wrong.
///
/// Times are milliseconds. `at_ms` counts from the moment the call was placed; `*_ms` fields are lengths as their docs say.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// `exotel` or `twilio`.
    pub carrier: &'static str,
    /// The audio format, e.g. `pcm16/8000`; empty if the call never started.
    pub format: String,
    /// The call's id.
    pub call_sid: String,
    /// The stream's id.
    pub stream_sid: String,
    /// From the webhook request to its whole answer; `None` for a call placed straight to a socket.
    pub webhook_ms: Option<f64>,
    /// From dialling the socket to its upgrade.
    pub connect_ms: Option<f64>,
    /// When `start` was sent, from placing.
    pub started_at_ms: Option<f64>,
    /// From `start` sent to the first agent audio received, whatever it holds.
    pub first_audio_ms: Option<f64>,
    /// From `start` sent to the first agent audio received that can be heard: comfort silence does not count.
    pub first_sound_ms: Option<f64>,
    /// Whether the script expected the agent to speak first.
    pub expects_greeting: bool,
    /// The agent's first turn, if it came before the caller's first line.
    pub greeting: Option<Greeting>,
    /// The caller's lines that began.
    pub lines: Vec<LineReport>,
    /// Lines of the script that never began.
    pub lines_unspoken: usize,
    /// Marks.
    pub marks: Marks,
    /// `clear` messages received.
    pub clears: u64,
    /// Gaps in agent audio inside an utterance.
    pub underruns: Underruns,
    /// Frames and bytes of audio.
    pub traffic: Traffic,
    /// How late the double's own 20 ms clock was at worst. Latencies cannot be trusted below this.
    pub late_ms_max: f64,
    /// How the call ended.
    pub end: End,
    /// From placing to the end.
    pub duration_ms: f64,
    /// The carrier's rules that the engine broke.
    pub violations: Vec<Violation>,
    /// The timeline. Empty in a load.
    pub events: Vec<Event>,
    /// Both sides of the call as samples, if they were kept.
    #[serde(skip)]
    pub recording: Option<Recording>,
}

/// The agent's first turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Greeting {
    /// From `start` sent to the first slot in which it was played.
    pub began_ms: f64,
    /// How long it was heard.
    pub ms: f64,
    /// Whether a `clear` cut it short.
    pub interrupted: bool,
}

/// One line of the caller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineReport {
    /// The script's label.
    pub label: String,
    /// When it began, from placing.
    pub began_at_ms: f64,
    /// When the last word (or key) was sent.
    pub ended_at_ms: Option<f64>,
    /// Whether the script expected an answer.
    pub expects_answer: bool,
    /// From the end of the caller's speech to the first audible agent audio. Negative if the agent did not wait for the end.
    pub answer_ms: Option<f64>,
    /// Set if the caller spoke into the agent's speech.
    pub barge_in: Option<BargeIn>,
}

/// How the agent took being interrupted. Times count from the caller's first word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct BargeIn {
    /// Until `clear` came.
    pub clear_ms: Option<f64>,
    /// Until nothing of the agent could be heard.
    pub silent_ms: Option<f64>,
}

impl BargeIn {
    /// The agent talked on for longer than a person would bear.
    fn ignored(&self) -> bool {
        self.clear_ms.is_none() && self.silent_ms.is_none_or(|silent| silent > BEARABLE_MS)
    }
}

/// Marks of the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// Received from the engine.
    pub received: u64,
    /// Whose audio was played to the end.
    pub played: u64,
    /// That a `clear` overtook.
    pub flushed: u64,
}

/// Gaps inside utterances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Underruns {
    /// How many.
    pub count: u64,
    /// All of them, ms.
    pub total_ms: u64,
    /// The longest, ms.
    pub longest_ms: u32,
}

/// Audio on the wire, before base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Media messages sent.
    pub frames_sent: u64,
    /// Bytes of audio sent.
    pub bytes_sent: u64,
    /// Media messages received.
    pub frames_heard: u64,
    /// Bytes of audio received.
    pub bytes_heard: u64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum End {
    /// The caller hung up: `stop`, then close.
    HungUp {
        /// The code of the engine's close; 1005 if it gave none, `None` if it did not answer within 5 s.
        close_code: Option<u16>,
    },
    /// The engine closed the stream.
    EngineClosed {
        /// Its code; 1005 if it gave none.
        close_code: u16,
    },
    /// The caller's side cut the connection, as its script said.
    Cut,
    /// The connection went away without a close.
    Lost {
        /// What the socket said.
        why: String,
    },
    /// The engine did not read for ten seconds.
    Stalled,
    /// The upgrade was refused.
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// No connection.
    Unreached {
        /// What the network said.
        why: String,
    },
    /// The webhook gave no usable answer.
    WebhookFailed {
        /// Its HTTP status, if it answered.
        status: Option<u16>,
        /// What was wrong.
        why: String,
    },
}

impl End {
    /// A stable word.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HungUp { .. } => "hung_up",
            Self::EngineClosed { .. } => "engine_closed",
            Self::Cut => "cut",
            Self::Lost { .. } => "lost",
            Self::Stalled => "stalled",
            Self::Refused { .. } => "refused",
            Self::Unreached { .. } => "unreached",
            Self::WebhookFailed { .. } => "webhook_failed",
        }
    }

    /// The close code that the engine sent, if it sent one.
    pub const fn close_code(&self) -> Option<u16> {
        match self {
            Self::HungUp { close_code } => *close_code,
            Self::EngineClosed { close_code } => Some(*close_code),
            _ => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp { close_code: Some(_) } => f.write_str("caller hung up"),
            Self::HungUp { close_code: None } => f.write_str("caller hung up, the engine did not close"),
            Self::EngineClosed { close_code } => write!(f, "agent hung up (close {close_code})"),
            Self::Cut => f.write_str("connection cut by the caller's side"),
            Self::Lost { why } => write!(f, "connection lost: {why}"),
            Self::Stalled => f.write_str("the engine stopped reading"),
            Self::Refused { status } => write!(f, "upgrade refused with status {status}"),
            Self::Unreached { why } => write!(f, "no connection: {why}"),
            Self::WebhookFailed { status: Some(status), why } => {
                write!(f, "webhook failed with status {status}: {why}")
            }
            Self::WebhookFailed { status: None, why } => write!(f, "webhook failed: {why}"),
        }
    }
}

/// A rule of the carrier that the engine broke.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// Which.
    pub fault: Fault,
    /// When it happened first, from placing.
    pub at_ms: f64,
    /// Particulars of the first time: sizes and lengths, never content.
    pub detail: String,
    /// How often.
    pub count: u64,
}

/// Both sides of a call at the stream's rate, from `start` on, in step with each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Samples a second.
    pub rate_hz: u32,
    /// What the caller sent.
    pub caller: Vec<i16>,
    /// What was played of the agent.
    pub agent: Vec<i16>,
}

/// Why a call is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It ended in a way nobody scripted: see the code.
    Ended(&'static str),
    /// The agent did not speak first.
    NoGreeting,
    /// A line was not answered.
    NoAnswer {
        /// Which, from 0.
        line: usize,
    },
    /// Lines were left when the call ended.
    Unspoken {
        /// How many.
        lines: usize,
    },
    /// The agent talked on when it was interrupted.
    BargeInIgnored {
        /// By which line.
        line: usize,
    },
    /// A carrier's rule was broken.
    Violation(Fault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(code) => write!(f, "call ended: {code}"),
            Self::NoGreeting => f.write_str("no greeting"),
            Self::NoAnswer { line } => write!(f, "no answer to line {}", line + 1),
            Self::Unspoken { lines } => write!(f, "{lines} lines not spoken when the call ended"),
            Self::BargeInIgnored { line } => write!(f, "agent talked on through the barge-in of line {}", line + 1),
            Self::Violation(fault) => write!(f, "violation: {fault}"),
        }
    }
}

impl CallReport {
    /// All that is wrong with the call; empty for a good one.
    pub fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        if !matches!(
            self.end,
            End::HungUp { close_code: Some(_) } | End::EngineClosed { close_code: 1000 | 1005 } | End::Cut
        ) {
            failures.push(Failure::Ended(self.end.code()));
        }
        let started = self.started_at_ms.is_some();
        if started && self.expects_greeting && self.greeting.is_none() {
            failures.push(Failure::NoGreeting);
        }
        for (line, report) in self.lines.iter().enumerate() {
            if report.expects_answer && report.answer_ms.is_none() {
                failures.push(Failure::NoAnswer { line });
            }
            if report.barge_in.is_some_and(|it| it.ignored()) {
                failures.push(Failure::BargeInIgnored { line });
            }
        }
        if started && self.lines_unspoken > 0 {
            failures.push(Failure::Unspoken { lines: self.lines_unspoken });
        }
        failures.extend(self.violations.iter().map(|it| Failure::Violation(it.fault)));
        failures
    }

    /// Notes a violation: its particulars the first time, its count after that. Returns whether it is the first.
    pub(crate) fn violate(&mut self, fault: Fault, at_ms: f64, detail: String) -> bool {
        if let Some(known) = self.violations.iter_mut().find(|it| it.fault == fault) {
            known.count += 1;
            return false;
        }
        self.violations.push(Violation { fault, at_ms, detail, count: 1 });
        true
    }
}

/// An interrupted person stops within this time; an agent should too.
const BEARABLE_MS: f64 = 2_000.0;

/// A duration as milliseconds with a tenth's precision, which is what reports carry.
pub(crate) fn tenths(duration: std::time::Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

/// Milliseconds with a tenth's precision: differences of such numbers carry noise behind it.
pub(crate) fn rounded(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}
