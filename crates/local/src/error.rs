use std::path::{Path, PathBuf};

use operetta_contract::{ErrorClass, ProviderError};

/// What can go wrong in the embedded engines.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A model file cannot be used.
    #[error("expected a usable model file, found {reason}: {}", path.display())]
    Model {
        /// Which file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// A model ran and failed.
    #[error("{engine}: expected {expected}: {reason}")]
    Inference {
        /// Which engine.
        engine: &'static str,
        /// What it should have done.
        expected: &'static str,
        /// What the runtime said.
        reason: String,
    },
    /// The operating system gave no thread for inference.
    #[error("expected a thread for inference, came: {reason}")]
    Threads {
        /// What the operating system said.
        reason: String,
    },
    /// There is nothing to pronounce in a text.
    #[error("expected text that can be spoken, came {chars} characters without a word")]
    Unspeakable {
        /// Length of the text.
        chars: usize,
    },
}

impl LocalError {
    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Model { .. } => "bad_model",
            Self::Inference { .. } => "inference_failed",
            Self::Threads { .. } => "no_thread",
            Self::Unspeakable { .. } => "unspeakable_text",
        }
    }

    pub(crate) fn model(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Model { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn inference(engine: &'static str, expected: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Inference { engine, expected, reason: reason.to_string() }
    }
}

impl From<LocalError> for ProviderError {
    fn from(error: LocalError) -> Self {
        let class = match error {
            LocalError::Model { .. } => ErrorClass::Missing,
            LocalError::Inference { .. } | LocalError::Threads { .. } => ErrorClass::Internal,
            LocalError::Unspeakable { .. } => ErrorClass::BadRequest,
        };
        Self::new(class, error.to_string())
    }
}
