use std::time::Duration;

/// Why a provider could not do a job.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{class:?}: {detail}")]
pub struct ProviderError {
    /// What kind of failure it is; decides what the engine does next.
    pub class: ErrorClass,
    /// What was expected and what came, for a person. Never a caller's words, never a key.
    pub detail: String,
    /// How long the provider asked to be left alone.
    pub after: Option<Duration>,
}

impl ProviderError {
    /// An error of `class`, explained by `detail`.
    pub fn new(class: ErrorClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into(), after: None }
    }

    /// The same error from a provider that asks to be left alone for `pause`.
    #[must_use]
    pub const fn after(mut self, pause: Duration) -> Self {
        self.after = Some(pause);
        self
    }

    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        self.class.code()
    }

    /// Who has to act.
    pub const fn blame(&self) -> Blame {
        self.class.blame()
    }

    /// Whether the same job may be asked of the same provider again.
    pub const fn retry(&self) -> Retry {
        self.class.retry()
    }
}

/// The classes of provider failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A deadline passed: for the connection, for the first useful output, or between two outputs.
    Timeout,
    /// The connection or the worker went away in the middle of a job.
    Closed,
    /// The provider cannot be reached, or says that the fault is its own (5xx, overloaded).
    Unavailable,
    /// No capacity: every seat is taken, or the provider counts more requests at once than it allows.
    Busy,
    /// Too many requests in too short a time.
    RateLimited,
    /// The account is out of money or over its limit: it will not help to ask again today.
    Quota,
    /// The key is wrong, or not allowed to do this.
    Auth,
    /// Something the operator must provide is not there: a model, a voice, a plan, a model file, a key.
    Missing,
    /// The answer was not what the protocol promises: malformed, truncated, of another type.
    Protocol,
    /// The provider reports success and has sent nothing that anybody could use.
    Empty,
    /// The job itself cannot be done: no text, an unknown format.
    BadRequest,
    /// The text is longer than the provider takes.
    TooLong,
    /// The provider will not say this: its content policy.
    Refused,
    /// A session came to its natural end: open another one.
    SessionExpired,
    /// The circuit breaker keeps requests from a provider that has failed too often.
    BreakerOpen,
    /// A fault of our own.
    Internal,
}

impl ErrorClass {
    /// Every class.
    pub const ALL: [Self; 16] = [
        Self::Timeout,
        Self::Closed,
        Self::Unavailable,
        Self::Busy,
        Self::RateLimited,
        Self::Quota,
        Self::Auth,
        Self::Missing,
        Self::Protocol,
        Self::Empty,
        Self::BadRequest,
        Self::TooLong,
        Self::Refused,
        Self::SessionExpired,
        Self::BreakerOpen,
        Self::Internal,
    ];

    /// A stable word for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Unavailable => "unavailable",
            Self::Busy => "busy",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Auth => "auth",
            Self::Missing => "missing",
            Self::Protocol => "protocol",
            Self::Empty => "empty",
            Self::BadRequest => "bad_request",
            Self::TooLong => "too_long",
            Self::Refused => "refused",
            Self::SessionExpired => "session_expired",
            Self::BreakerOpen => "breaker_open",
            Self::Internal => "internal",
        }
    }

    /// Who has to act.
    pub const fn blame(self) -> Blame {
        match self {
            Self::Timeout
            | Self::Closed
            | Self::Unavailable
            | Self::Busy
            | Self::RateLimited
            | Self::Protocol
            | Self::Empty
            | Self::Refused
            | Self::SessionExpired
            | Self::BreakerOpen => Blame::Provider,
            Self::Quota | Self::Auth | Self::Missing => Blame::Operator,
            Self::BadRequest | Self::TooLong | Self::Internal => Blame::Us,
        }
    }

    /// Whether the same job may be asked of the same provider again.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Closed | Self::SessionExpired | Self::Internal => Retry::Now,
            Self::Timeout
            | Self::Unavailable
            | Self::Busy
            | Self::RateLimited
            | Self::Protocol
            | Self::Empty
            | Self::BreakerOpen => Retry::Later,
            Self::Quota | Self::Auth | Self::Missing | Self::BadRequest | Self::TooLong | Self::Refused => Retry::Never,
        }
    }

    /// Whether a provider that fails so is ill: what circuit breakers count. Being busy, or being asked for too much, is no
    /// illness.
    pub const fn is_illness(self) -> bool {
        matches!(self, Self::Timeout | Self::Closed | Self::Unavailable | Self::Protocol | Self::Empty | Self::Internal)
    }

    /// Whether no request can succeed until a person has acted: one such answer opens the breaker.
    pub const fn needs_operator(self) -> bool {
        matches!(self, Self::Quota | Self::Auth | Self::Missing)
    }
}

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The telephony platform.
    Carrier,
    /// The provider.
    Provider,
    /// Whoever runs this engine.
    Operator,
    /// The engine itself.
    Us,
}

/// Whether asking again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It will fail again.
    Never,
    /// After a pause.
    Later,
    /// At once.
    Now,
}
