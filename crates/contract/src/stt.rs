use std::sync::Arc;

use crate::{Job, ProviderError, Role};

/// Listen to one caller for the length of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcribe {
    /// BCP 47 tag, for example `en-IN`.
    pub language: Arc<str>,
    /// Rate of the samples that will be fed, in Hz: 8000, 16000 or 24000.
    pub rate_hz: u32,
}

/// What is fed to a listening provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// The next samples of the caller, mono, 20 to 200 ms of them.
    Samples(Vec<i16>),
    /// The caller has paused: make everything fed so far final, soon. Answered by exactly one [`Transcript::Final`] that
    /// carries the same number, with empty text if there was nothing to hear.
    Flush(u32),
}

/// What a listening provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Transcript {
    /// Words that may still change.
    Partial(Arc<str>),
    /// Words that will not change.
    Final {
        /// What was heard since the last final; may be empty.
        text: Arc<str>,
        /// The flush this answers, if it answers one.
        flush: Option<u32>,
    },
    /// The provider cannot go on.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

impl Job for Transcribe {
    type Event = Transcript;
    type Feed = Hearing;
    const ROLE: Role = Role::Stt;
    const FEED_BOUND: usize = 256;

    fn lost() -> Transcript {
        Transcript::Lost
    }
}
