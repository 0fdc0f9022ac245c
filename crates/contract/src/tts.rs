use std::sync::Arc;

use operetta_audio::Format;

use crate::{Job, Nothing, ProviderError, Role};

/// Speak one utterance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Synthesize {
    /// What to say: plain text, one or more sentences, never empty.
    pub text: Arc<str>,
    /// Which voice, by the provider's name for it.
    pub voice: Arc<str>,
    /// BCP 47 tag, for example `en-IN`.
    pub language: Arc<str>,
    /// The format in which every audio event must come.
    pub format: Format,
}

/// What a speaking provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Speech {
    /// The next piece of audio, in the format asked for, a whole number of samples, at most 1 s of it.
    Audio(Arc<[u8]>),
    /// All audio has been sent. At least one piece came before: an empty success is a failure.
    Done,
    /// The job ended without all its audio.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

impl Job for Synthesize {
    type Event = Speech;
    type Feed = Nothing;
    const ROLE: Role = Role::Tts;
    const FEED_BOUND: usize = 0;

    fn lost() -> Speech {
        Speech::Lost
    }
}
