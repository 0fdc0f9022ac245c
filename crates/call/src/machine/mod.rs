//! The machine itself: one file per phase, each phase a struct that its arrows consume.
//!
//! ```text
//! connected ─ start ─▶ started ─ greet ─▶ greeting ─ heard, cut short or given up ─▶ streaming ⟲ turns
//!      └─────────────────┴──────────────────┴─────────────────────────────────────────┴─▶ closed
//! ```

mod closed;
mod connected;
mod ears;
mod greeting;
mod listening;
mod live;
mod speaking;
mod started;
mod stopgap;
mod streaming;
mod thinking;
mod utterance;
mod whole;

use std::{fmt, mem};

use crate::{At, CloseReason, Dialogue, Effects, Input, Limits, Settings, StreamSid};

/// The phases, for those who want to read or to prove something about them. They are built by the machine's arrows only.
pub mod phase {
    pub use super::{
        closed::Closed, connected::Connected, greeting::Greeting, live::Live, started::Started, streaming::Streaming,
    };
}

use phase::{Closed, Connected, Greeting, Live, Started, Streaming};

/// One phone call.
#[derive(Debug)]
pub struct Call {
    phase: Phase,
    now: At,
}

impl Call {
    /// A call whose leg has just opened.
    pub const fn new(limits: Limits) -> Self {
        Self { phase: Phase::Connected(Connected::new(limits)), now: At::ZERO }
    }

    /// Takes one fact and returns what must be done about it, in order.
    ///
    /// Any input is welcome in any phase, in any order and as often as it likes. Time that runs backwards stands still.
    ///
    /// While it works the call is closed for a bug: should this panic, what remains is a closed call.
    pub fn step(&mut self, at: At, input: Input) -> Effects {
        self.now = self.now.max(at);
        let mut out = Effects::new();
        let phase = mem::replace(&mut self.phase, Phase::Closed(Closed::for_a_bug()));
        self.phase = phase.on(self.now, input, &mut out);
        out
    }

    /// When the machine wants to be told that time has passed; `None` once it is closed.
    pub fn deadline(&self) -> Option<At> {
        match &self.phase {
            Phase::Connected(phase) => Some(phase.deadline()),
            Phase::Started(phase) => Some(phase.deadline()),
            Phase::Greeting(phase) => Some(phase.deadline()),
            Phase::Streaming(phase) => Some(phase.deadline()),
            Phase::Closed(_) => None,
        }
    }

    /// The phase the call is in.
    pub const fn phase(&self) -> PhaseName {
        match &self.phase {
            Phase::Connected(_) => PhaseName::Connected,
            Phase::Started(_) => PhaseName::Started,
            Phase::Greeting(_) => PhaseName::Greeting,
            Phase::Streaming(phase) => phase.name(),
            Phase::Closed(_) => PhaseName::Closed,
        }
    }

    /// Why the call ended, once it has.
    pub const fn closed(&self) -> Option<CloseReason> {
        match &self.phase {
            Phase::Closed(phase) => Some(phase.reason()),
            Phase::Connected(_) | Phase::Started(_) | Phase::Greeting(_) | Phase::Streaming(_) => None,
        }
    }

    /// What was said so far; empty before the start and after the end.
    pub fn dialogue(&self) -> Option<&Dialogue> {
        self.live().map(Live::dialogue)
    }

    /// The carrier's id of the stream, once there is one.
    pub fn stream(&self) -> Option<&StreamSid> {
        self.live().map(Live::stream)
    }

    /// How the agent behaves, once it is chosen.
    pub fn settings(&self) -> Option<&Settings> {
        self.live().map(Live::settings)
    }

    /// How many jobs are open: 0 once the call is closed.
    pub fn open_jobs(&self) -> usize {
        self.live().map_or(0, Live::open_jobs)
    }

    fn live(&self) -> Option<&Live> {
        match &self.phase {
            Phase::Started(phase) => Some(phase.live()),
            Phase::Greeting(phase) => Some(phase.live()),
            Phase::Streaming(phase) => Some(phase.live()),
            Phase::Connected(_) | Phase::Closed(_) => None,
        }
    }
}

/// The phases of a call, without what they hold: for tables, metrics and logs. Inside streaming it names the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhaseName {
    /// The leg is open; nothing is known of the call.
    Connected,
    /// The stream has started and the call is admitted; nothing is said on it.
    Started,
    /// The agent says its first words.
    Greeting,
    /// Streaming: the agent listens.
    Listening,
    /// Streaming: the agent thinks of a reply.
    Thinking,
    /// Streaming: the agent speaks.
    Speaking,
    /// The call is over.
    Closed,
}

impl PhaseName {
    /// Every phase, in the order of a call.
    pub const ALL: [Self; 7] =
        [Self::Connected, Self::Started, Self::Greeting, Self::Listening, Self::Thinking, Self::Speaking, Self::Closed];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Started => "started",
            Self::Greeting => "greeting",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug)]
enum Phase {
    Connected(Connected),
    Started(Started),
    Greeting(Greeting),
    Streaming(Streaming),
    Closed(Closed),
}

impl Phase {
    fn on(self, now: At, input: Input, out: &mut Effects) -> Self {
        match self {
            Self::Connected(phase) => phase.on(now, input, out),
            Self::Started(phase) => phase.on(now, input, out),
            Self::Greeting(phase) => phase.on(now, input, out),
            Self::Streaming(phase) => phase.on(now, input, out),
            Self::Closed(phase) => Self::Closed(phase.on(&input, out)),
        }
    }
}
