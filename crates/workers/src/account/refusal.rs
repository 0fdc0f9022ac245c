use std::time::Duration;

use operetta_contract::{ErrorClass, ProviderError};

/// Why an account does not take a job. Nothing was asked of the provider.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// The circuit breaker is open.
    #[error("the circuit breaker is open, it tries again in {} s", after.as_secs())]
    BreakerOpen {
        /// When it would let somebody through.
        after: Duration,
    },
    /// The provider asked to be left alone.
    #[error("the provider wants to be left alone for {} ms more", after.as_millis())]
    Paused {
        /// For how long still.
        after: Duration,
    },
    /// Every seat is taken, and so is every place in the queue.
    #[error("every seat is taken and the queue is full")]
    QueueFull,
    /// No seat was free in time.
    #[error("no seat within {} ms", waited.as_millis())]
    QueueLate {
        /// How long the job waited.
        waited: Duration,
    },
}

impl Refusal {
    /// The class of error that this is for the job.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::BreakerOpen { .. } => ErrorClass::BreakerOpen,
            Self::Paused { .. } => ErrorClass::RateLimited,
            Self::QueueFull | Self::QueueLate { .. } => ErrorClass::Busy,
        }
    }
}

impl From<Refusal> for ProviderError {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.class(), refusal.to_string());
        match refusal {
            Refusal::BreakerOpen { after } | Refusal::Paused { after } => error.after(after),
            Refusal::QueueFull | Refusal::QueueLate { .. } => error,
        }
    }
}
