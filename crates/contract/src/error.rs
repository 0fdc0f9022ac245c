/// Why a provider could not do a job.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{class:?}: {detail}")]
pub struct ProviderError {
    /// What kind of failure it is; decides what the engine does next.
    pub class: ErrorClass,
    /// What was expected and what came, for a person. Never a caller's words, never a key.
    pub detail: String,
}

impl ProviderError {
    /// An error of `class`, explained by `detail`.
    pub fn new(class: ErrorClass, detail: impl Into<String>) -> Self {
        Self { class, detail: detail.into() }
    }

    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        self.class.code()
    }

    /// Who has to act.
    pub const fn blame(&self) -> Blame {
        match self.class {
            ErrorClass::Timeout | ErrorClass::Closed | ErrorClass::Busy | ErrorClass::Protocol => Blame::Provider,
            ErrorClass::Missing => Blame::Operator,
            ErrorClass::BadRequest | ErrorClass::Internal => Blame::Us,
        }
    }

    /// Whether the same job may be asked again.
    pub const fn retry(&self) -> Retry {
        match self.class {
            ErrorClass::Closed | ErrorClass::Internal => Retry::Now,
            ErrorClass::Timeout | ErrorClass::Busy | ErrorClass::Protocol => Retry::Later,
            ErrorClass::Missing | ErrorClass::BadRequest => Retry::Never,
        }
    }
}

/// The classes of provider failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A deadline passed.
    Timeout,
    /// The connection or the worker went away.
    Closed,
    /// No capacity: every seat is taken or the provider says so.
    Busy,
    /// The answer was not what the protocol promises, an empty success included.
    Protocol,
    /// Something the operator must provide is not there: a model file, a voice, a key.
    Missing,
    /// The job itself cannot be done: no text, an unknown format.
    BadRequest,
    /// A fault of our own.
    Internal,
}

impl ErrorClass {
    /// A stable word for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Busy => "busy",
            Self::Protocol => "protocol",
            Self::Missing => "missing",
            Self::BadRequest => "bad_request",
            Self::Internal => "internal",
        }
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
