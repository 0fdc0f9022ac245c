use std::sync::Arc;

use operetta_audio::Format;

use crate::{Job, Meaning, Nothing, Outcome, ProviderError, Role, Switch, TextLimit, text};

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
    /// The same words are said in many calls: worth keeping.
    pub fixed: bool,
}

/// What a speaking provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Speech {
    /// The next piece of audio, in the format asked for, a whole number of samples, at most 1 s of it.
    Audio(Arc<[u8]>),
    /// When words are spoken, where the provider tells. In any order with the audio, words in their order.
    Words(Arc<[SpokenWord]>),
    /// Another provider goes on.
    Switched(Switch),
    /// All audio has been sent. At least one piece came before: an empty success is a failure.
    Done,
    /// The job ended without all its audio.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

/// A word and when it is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenWord {
    /// The word as it stands in the text.
    pub text: Arc<str>,
    /// Its beginning, in ms from the first sample of the utterance.
    pub start_ms: u32,
    /// Its end, in ms from the first sample of the utterance.
    pub end_ms: u32,
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

impl Outcome for Synthesize {
    fn meaning(event: &Speech) -> Meaning<'_> {
        match event {
            Speech::Audio(audio) if !audio.is_empty() => Meaning::Output,
            Speech::Audio(_) | Speech::Words(_) | Speech::Switched(_) => Meaning::Sign,
            Speech::Done => Meaning::Done,
            Speech::Failed(error) => Meaning::Failed(error),
            Speech::Lost => Meaning::Lost,
        }
    }

    fn failed(error: ProviderError) -> Speech {
        Speech::Failed(error)
    }

    fn switched(switch: Switch) -> Speech {
        Speech::Switched(switch)
    }

    fn parts(self, limit: Option<TextLimit>) -> Vec<Self> {
        match limit {
            None => vec![self],
            Some(limit) => {
                let part = |text: &str| Self { text: text.into(), ..self.clone() };
                text::split(&self.text, limit).into_iter().map(part).collect()
            }
        }
    }
}
