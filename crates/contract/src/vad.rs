use crate::{Job, ProviderError, Role};

/// Tell speech from other sound for the length of a call. Fed with the caller's samples, mono, 20 to 200 ms a piece, and
/// only while a cheap gate finds the line loud enough; an empty piece says that the gate has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detect {
    /// Rate of the samples that will be fed, in Hz: 8000, 16000 or 24000.
    pub rate_hz: u32,
    /// Probability, in percent, from which a window counts as speech.
    pub threshold_percent: u8,
    /// Voiced time after which `Began` is sent, in ms: shorter noises are not speech.
    pub min_speech_ms: u32,
    /// Unvoiced time after which `Ended` is sent, in ms.
    pub min_silence_ms: u32,
}

/// What a detector answers: `Began` and `Ended` take turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The caller is speaking.
    Began,
    /// The caller has been silent for `min_silence_ms`.
    Ended,
    /// The detector cannot go on.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

impl Job for Detect {
    type Event = Voice;
    type Feed = Vec<i16>;
    const ROLE: Role = Role::Vad;
    const FEED_BOUND: usize = 256;

    fn lost() -> Voice {
        Voice::Lost
    }
}
