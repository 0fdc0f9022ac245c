//! What the suite has to know about a kind of job.

use std::fmt::Debug;

use operetta_audio::Format;

use crate::{
    Complete, Completion, Converse, Exchange, Hearing, Job, Outcome, Recognition, Recognize, Speech, Synthesize,
    TextLimit, Transcribe, Transcript,
};

/// A kind of job that can be examined.
pub trait Examined: Job<Event: Debug, Feed: Clone + Debug> + Clone {
    /// Whether the job ends by itself; otherwise it goes on for as long as the call.
    const ENDS: bool;

    /// What an event is.
    fn see(event: &Self::Event) -> Seen<'_>;

    /// Whether its `Done` is a lie when nothing useful came before.
    fn needs_output(&self) -> bool {
        Self::ENDS
    }

    /// The format that audio has to come in.
    fn format(&self) -> Option<Format> {
        None
    }

    /// The words that have to reach the provider.
    fn words(&self) -> Option<&str> {
        None
    }

    /// The same job with another text, cut as its limit says.
    fn with_words(&self, text: &str, limit: TextLimit) -> Vec<Self> {
        let _ = (text, limit);
        Vec::new()
    }

    /// The number of the flush, if this is one.
    fn flush(feed: &Self::Feed) -> Option<u32> {
        let _ = feed;
        None
    }
}

/// What an event is to the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Audio. Where it is cut does not matter.
    Audio(&'a [u8]),
    /// Text. Where it is cut does not matter.
    Text(&'a str),
    /// What was said before this flush.
    Flushed(u32),
    /// Something else that the asker can use.
    Useful,
    /// Something else.
    Sign,
    /// The good end.
    Done,
    /// Another end.
    Failed,
}

impl Examined for Synthesize {
    const ENDS: bool = true;

    fn see(event: &Speech) -> Seen<'_> {
        match event {
            Speech::Audio(audio) => Seen::Audio(audio),
            Speech::Words(_) | Speech::Switched(_) => Seen::Sign,
            Speech::Done => Seen::Done,
            Speech::Failed(_) | Speech::Lost => Seen::Failed,
        }
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn words(&self) -> Option<&str> {
        Some(&self.text)
    }

    fn with_words(&self, text: &str, limit: TextLimit) -> Vec<Self> {
        Self { text: text.into(), ..self.clone() }.parts(Some(limit))
    }
}

impl Examined for Complete {
    const ENDS: bool = true;

    fn see(event: &Completion) -> Seen<'_> {
        match event {
            Completion::Text(text) => Seen::Text(text),
            Completion::Call(_) => Seen::Useful,
            Completion::Switched(_) => Seen::Sign,
            Completion::Done(_) => Seen::Done,
            Completion::Failed(_) | Completion::Lost => Seen::Failed,
        }
    }

    /// Whoever goes on with a reply may find that nothing is missing.
    fn needs_output(&self) -> bool {
        self.said.trim().is_empty()
    }
}

impl Examined for Recognize {
    const ENDS: bool = true;

    fn see(event: &Recognition) -> Seen<'_> {
        match event {
            Recognition::Text(text) => Seen::Text(text),
            Recognition::Done => Seen::Done,
            Recognition::Failed(_) | Recognition::Lost => Seen::Failed,
        }
    }

    /// Nothing may have been said.
    fn needs_output(&self) -> bool {
        false
    }
}

impl Examined for Transcribe {
    const ENDS: bool = false;

    fn see(event: &Transcript) -> Seen<'_> {
        match event {
            Transcript::Final { flush: Some(flush), .. } => Seen::Flushed(*flush),
            Transcript::Partial(_) | Transcript::Final { flush: None, .. } => Seen::Useful,
            Transcript::Switched(_) => Seen::Sign,
            Transcript::Failed(_) | Transcript::Lost => Seen::Failed,
        }
    }

    fn flush(feed: &Hearing) -> Option<u32> {
        match feed {
            Hearing::Flush(number) => Some(*number),
            Hearing::Samples(_) => None,
        }
    }
}

impl Examined for Converse {
    const ENDS: bool = false;

    fn see(event: &Exchange) -> Seen<'_> {
        match event {
            Exchange::Audio { audio, .. } => Seen::Audio(audio),
            Exchange::Said { text, .. } => Seen::Text(text),
            Exchange::Call(_) | Exchange::ReplyDone(_) => Seen::Useful,
            Exchange::CallerSpoke | Exchange::CallerPaused | Exchange::CallerSaid(_) | Exchange::Switched(_) => {
                Seen::Sign
            }
            Exchange::Failed(_) | Exchange::Lost => Seen::Failed,
        }
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }
}
