/// Why a call ended. Every call ends with exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseReason {
    /// The carrier opened the leg and never started the stream.
    NoStart,
    /// The call was not admitted.
    Refused(Refusal),
    /// A party to the call hung up.
    CallerHungUp,
    /// The carrier's flow ended the stream; the call may go on elsewhere.
    FlowEnded,
    /// The socket went away without a word.
    LegLost,
    /// The carrier stopped reading.
    LegStalled,
    /// Nothing came from the carrier any more although the socket is open.
    MediaStopped,
    /// The agent said goodbye.
    AgentHungUp,
    /// The caller is being connected to a person.
    Transferred,
    /// The caller said nothing, again and again.
    NoInput,
    /// The call reached its longest allowed duration.
    TimeLimit,
    /// The engine is shutting down.
    Drained,
    /// The providers failed, and the agent was told to end calls then.
    ProvidersFailed,
    /// The machine failed. It cannot go on, so the call is over.
    Bug,
}

impl CloseReason {
    /// Every reason, refusals included.
    pub const ALL: [Self; 19] = [
        Self::NoStart,
        Self::Refused(Refusal::Auth),
        Self::Refused(Refusal::Capacity),
        Self::Refused(Refusal::Draining),
        Self::Refused(Refusal::Duplicate),
        Self::Refused(Refusal::BadRequest),
        Self::Refused(Refusal::Unavailable),
        Self::CallerHungUp,
        Self::FlowEnded,
        Self::LegLost,
        Self::LegStalled,
        Self::MediaStopped,
        Self::AgentHungUp,
        Self::Transferred,
        Self::NoInput,
        Self::TimeLimit,
        Self::Drained,
        Self::ProvidersFailed,
        Self::Bug,
    ];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoStart => "no_start",
            Self::Refused(refusal) => refusal.as_str(),
            Self::CallerHungUp => "caller_hung_up",
            Self::FlowEnded => "flow_ended",
            Self::LegLost => "leg_lost",
            Self::LegStalled => "leg_stalled",
            Self::MediaStopped => "media_stopped",
            Self::AgentHungUp => "agent_hung_up",
            Self::Transferred => "transferred",
            Self::NoInput => "no_input",
            Self::TimeLimit => "time_limit",
            Self::Drained => "drained",
            Self::ProvidersFailed => "providers_failed",
            Self::Bug => "bug",
        }
    }

    /// The close code that the leg is given (RFC 6455 section 7.4.1).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Refused(Refusal::Capacity | Refusal::Draining | Refusal::Unavailable) => 1013,
            Self::NoStart | Self::Refused(_) => 1008,
            Self::Drained => 1001,
            Self::Bug => 1011,
            Self::CallerHungUp
            | Self::FlowEnded
            | Self::LegLost
            | Self::LegStalled
            | Self::MediaStopped
            | Self::AgentHungUp
            | Self::Transferred
            | Self::NoInput
            | Self::TimeLimit
            | Self::ProvidersFailed => 1000,
        }
    }
}

/// Why a call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The stream token is missing, wrong, spent, too old or another call's.
    Auth,
    /// The engine carries as many calls as it is allowed to.
    Capacity,
    /// The engine is shutting down.
    Draining,
    /// The call is already connected by another leg.
    Duplicate,
    /// The start message cannot be used.
    BadRequest,
    /// Nobody could be asked in time.
    Unavailable,
}

impl Refusal {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "refused_auth",
            Self::Capacity => "refused_capacity",
            Self::Draining => "refused_draining",
            Self::Duplicate => "refused_duplicate",
            Self::BadRequest => "refused_bad_request",
            Self::Unavailable => "refused_unavailable",
        }
    }
}
