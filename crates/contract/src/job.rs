use std::{convert::Infallible, fmt, sync::Arc};

use crate::ProviderError;

/// One kind of work that a provider does.
pub trait Job: Send + 'static {
    /// What comes back. A closed enum; its last variant is the end of the job.
    type Event: Send + 'static;
    /// What the asker may send while the job runs: [`Nothing`] for jobs that are asked in one piece.
    type Feed: Send + 'static;
    /// Which role this job belongs to: the `kind` label of metrics.
    const ROLE: Role;
    /// How many pieces of feed may wait for the provider; 0 for jobs that are asked in one piece.
    const FEED_BOUND: usize;

    /// The event that stands for a provider which died before the job ended.
    fn lost() -> Self::Event;
}

/// A job whose events can be judged by whoever stands between the asker and several providers.
pub trait Outcome: Job {
    /// What an event means for the job.
    fn meaning(event: &Self::Event) -> Meaning<'_>;

    /// The event that ends the job because of `error`.
    fn failed(error: ProviderError) -> Self::Event;

    /// The event that tells the asker that another provider goes on.
    fn switched(switch: Switch) -> Self::Event;

    /// How much audio a piece of feed holds, in ms; 0 for what holds none. Providers limit how fast audio may be sent.
    fn audio_ms(&self, piece: &Self::Feed) -> u32 {
        let _ = piece;
        0
    }

    /// The job cut into pieces that a provider with this limit takes, in order. Jobs without text are one piece.
    fn parts(self, limit: Option<TextLimit>) -> Vec<Self>
    where
        Self: Sized,
    {
        let _ = limit;
        vec![self]
    }
}

/// What an event means for its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// A sign of life, of no use by itself.
    Sign,
    /// Something that the asker can use.
    Output,
    /// The end, and a good one.
    Done,
    /// The end, and a bad one.
    Failed(&'a ProviderError),
    /// The worker died.
    Lost,
}

/// One provider has given up, another goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Who failed.
    pub from: Arc<str>,
    /// Why.
    pub error: ProviderError,
    /// Who goes on.
    pub to: Arc<str>,
    /// The place of `to` in the list, from 0.
    pub rung: u8,
}

/// How much text a provider takes in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextLimit {
    /// Unicode characters.
    Chars(usize),
    /// Bytes of UTF-8.
    Bytes(usize),
}

/// The feed of a job that takes none: it has no values.
pub type Nothing = Infallible;

/// Identifies a job among those of one call. The asker chooses it and every event carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The roles that providers play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Voice activity detection.
    Vad,
    /// Speech to text.
    Stt,
    /// Language model, or whatever decides what to say.
    Llm,
    /// Text to speech.
    Tts,
    /// Speech to speech.
    Realtime,
}

impl Role {
    /// Every role, in the order of a turn.
    pub const ALL: [Self; 5] = [Self::Vad, Self::Stt, Self::Llm, Self::Tts, Self::Realtime];

    /// The label of this role in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vad => "vad",
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
            Self::Realtime => "realtime",
        }
    }
}
