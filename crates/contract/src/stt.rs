use std::sync::Arc;

use crate::{Job, Meaning, Nothing, Outcome, ProviderError, Role, Switch};

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
    /// The next samples of the caller, mono, 20 to 200 ms of them. Silence is not fed: a provider that needs it makes it.
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
    /// Another provider goes on.
    Switched(Switch),
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

impl Outcome for Transcribe {
    fn meaning(event: &Transcript) -> Meaning<'_> {
        match event {
            Transcript::Partial(text) if text.trim().is_empty() => Meaning::Sign,
            Transcript::Partial(_) | Transcript::Final { .. } => Meaning::Output,
            Transcript::Switched(_) => Meaning::Sign,
            Transcript::Failed(error) => Meaning::Failed(error),
            Transcript::Lost => Meaning::Lost,
        }
    }

    fn failed(error: ProviderError) -> Transcript {
        Transcript::Failed(error)
    }

    fn switched(switch: Switch) -> Transcript {
        Transcript::Switched(switch)
    }

    fn audio_ms(&self, piece: &Hearing) -> u32 {
        match piece {
            Hearing::Samples(samples) => (samples.len() as u64 * 1000 / u64::from(self.rate_hz.max(1))) as u32,
            Hearing::Flush(_) => 0,
        }
    }
}

/// Understand one recording: what providers do that take whole files and no streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognize {
    /// BCP 47 tag, for example `en-IN`.
    pub language: Arc<str>,
    /// What was said, mono.
    pub samples: Arc<[i16]>,
    /// Rate of the samples, in Hz.
    pub rate_hz: u32,
}

/// What comes of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Recognition {
    /// The next piece of the transcript, to be put behind the pieces before as it is.
    Text(Arc<str>),
    /// The transcript is complete; nothing may have been said.
    Done,
    /// It could not be understood.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

impl Job for Recognize {
    type Event = Recognition;
    type Feed = Nothing;
    const ROLE: Role = Role::Stt;
    const FEED_BOUND: usize = 0;

    fn lost() -> Recognition {
        Recognition::Lost
    }
}
