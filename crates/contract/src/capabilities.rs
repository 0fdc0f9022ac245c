use std::time::Duration;

use crate::{Role, TextLimit};

/// What a provider can do: data, because the APIs differ in kind and not in shape only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What it is for.
    pub role: Role,
    /// How it takes its input.
    pub input: Input,
    /// How much text it takes in one piece; longer texts are split.
    pub max_text: Option<TextLimit>,
    /// What stopping it costs.
    pub cancel: Cancel,
    /// Whether it tells what was spoken when.
    pub timing: Timing,
    /// Who decides that the caller has finished.
    pub turns: Turns,
    /// How many jobs it does at once unless the account allows more; what comes on top waits here, not there.
    pub concurrency: Option<u32>,
    /// How long an unused socket stays open.
    pub idle: Option<Duration>,
    /// How long a socket lives at most.
    pub session: Option<Duration>,
    /// How fast audio may be sent, in percent of its own pace; bursts of up to a second aside.
    pub pace_percent: Option<u32>,
    /// Where the cost of a job is known from.
    pub usage: UsageSource,
}

/// How a provider takes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// In one piece.
    Whole,
    /// Piece by piece, while it works.
    Incremental,
}

/// What stopping a job costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Its connection.
    Connection,
    /// A message; the socket goes on.
    Message,
}

/// Whether a speaking provider tells what was spoken when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// No: it is estimated from the length of the text.
    Estimated,
    /// With the audio, for every word.
    Words,
}

/// Who decides that the caller has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// We do, by flushing.
    Ours,
    /// The provider reports it as well.
    Reported,
}

/// Where the cost of a job is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// The provider reports it.
    Reported,
    /// It is counted or estimated here.
    Counted,
}

impl Capabilities {
    /// What is true of a provider unless it says otherwise: whole input, no limits, one connection a job, nothing reported.
    pub const fn of(role: Role) -> Self {
        Self {
            role,
            input: Input::Whole,
            max_text: None,
            cancel: Cancel::Connection,
            timing: Timing::Estimated,
            turns: Turns::Ours,
            concurrency: None,
            idle: None,
            session: None,
            pace_percent: None,
            usage: UsageSource::Counted,
        }
    }
}
