use std::sync::Arc;

use operetta_audio::Format;

use crate::{Entry, Job, Meaning, Outcome, ProviderError, Role, Switch, Tool, ToolCall, ToolResult};

/// Hear, think and speak for the length of a call: one provider in the place of three.
///
/// | what happens | event | what the call machine is told |
/// |---|---|---|
/// | the caller begins to speak | [`Exchange::CallerSpoke`] | `CallerSpoke`: barge-in, as with the detector |
/// | the caller has finished | [`Exchange::CallerPaused`] | `CallerPaused`: an answer is due |
/// | their words are known, often after the answer has begun | [`Exchange::CallerSaid`] | `Final` |
/// | a reply is voiced | [`Exchange::Audio`], [`Exchange::Said`] | `AudioCame`, `Reply` |
/// | the reply is complete | [`Exchange::ReplyDone`] | `ReplyDone` |
/// | the caller cuts it short | fed back as [`Turnout::Cut`] | |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converse {
    /// The agent's instructions.
    pub prompt: Arc<str>,
    /// BCP 47 tag of the conversation.
    pub language: Arc<str>,
    /// Which voice, by the provider's name for it; `default` for the provider's own default.
    pub voice: Arc<str>,
    /// The format in which every audio event must come. Samples are fed at its rate.
    pub format: Format,
    /// What the model may call.
    pub tools: Arc<[Tool]>,
    /// What was said before, oldest first: the greeting, and everything when a session replaces another.
    pub dialogue: Vec<Entry>,
}

/// What is fed to a provider that converses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turnout {
    /// The next samples of the caller, mono, 20 to 200 ms of them. Silence is not fed: a provider that needs it makes it.
    Samples(Vec<i16>),
    /// The caller interrupted this reply after they had heard so much of it: forget the rest. Nothing more of it is wanted.
    Cut {
        /// The reply.
        reply: u32,
        /// What was heard, in ms from its first sample.
        heard_ms: u32,
    },
    /// The caller said this by other means than their voice: keys of the telephone. An answer is wanted.
    Typed(Arc<str>),
    /// A tool has returned.
    Returned(ToolResult),
}

/// What a provider that converses answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Exchange {
    /// The caller began to speak.
    CallerSpoke,
    /// The caller has finished.
    CallerPaused,
    /// What the caller said. Comes late, and not always.
    CallerSaid(Arc<str>),
    /// The next piece of a reply's audio, in the format asked for, a whole number of samples, at most 1 s of it.
    Audio {
        /// Counts the replies of this job from 1.
        reply: u32,
        /// The audio.
        audio: Arc<[u8]>,
    },
    /// The next piece of what a reply says, in words.
    Said {
        /// The reply.
        reply: u32,
        /// The words, to be put behind those before as they are.
        text: Arc<str>,
    },
    /// A tool is to be called. Its arguments are complete. Answered by [`Turnout::Returned`].
    Call(ToolCall),
    /// All of a reply has been sent.
    ReplyDone(u32),
    /// Another provider goes on.
    Switched(Switch),
    /// The provider cannot go on.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

impl Job for Converse {
    type Event = Exchange;
    type Feed = Turnout;
    const ROLE: Role = Role::Realtime;
    const FEED_BOUND: usize = 256;

    fn lost() -> Exchange {
        Exchange::Lost
    }
}

impl Outcome for Converse {
    fn meaning(event: &Exchange) -> Meaning<'_> {
        match event {
            Exchange::Audio { .. } | Exchange::Said { .. } | Exchange::Call(_) | Exchange::ReplyDone(_) => {
                Meaning::Output
            }
            Exchange::CallerSpoke | Exchange::CallerPaused | Exchange::CallerSaid(_) | Exchange::Switched(_) => {
                Meaning::Sign
            }
            Exchange::Failed(error) => Meaning::Failed(error),
            Exchange::Lost => Meaning::Lost,
        }
    }

    fn failed(error: ProviderError) -> Exchange {
        Exchange::Failed(error)
    }

    fn switched(switch: Switch) -> Exchange {
        Exchange::Switched(switch)
    }
}
