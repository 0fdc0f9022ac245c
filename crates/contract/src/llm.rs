use std::sync::Arc;

use crate::{Job, Nothing, ProviderError, Role};

/// Decide what to say next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The agent's instructions.
    pub prompt: Arc<str>,
    /// BCP 47 tag of the conversation.
    pub language: Arc<str>,
    /// The conversation so far, oldest first; the last entry is the caller's.
    pub dialogue: Vec<Words>,
}

/// What one side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Who said it.
    pub speaker: Speaker,
    /// The words. Of the agent's, only those that the caller heard.
    pub text: Arc<str>,
    /// The agent was interrupted after these words.
    pub cut: bool,
}

/// The two sides of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Who called us, or whom we called.
    Caller,
    /// The engine.
    Agent,
}

/// What a thinking provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// The next piece of the reply.
    Text(Arc<str>),
    /// The reply is complete. At least one piece of text came before, unless the call is to go on without a word.
    Done(Next),
    /// The job ended without a whole reply.
    Failed(ProviderError),
    /// The worker died.
    Lost,
}

/// What is to happen when the reply has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Listen to the caller.
    Listen,
    /// End the call.
    HangUp,
    /// Leave the stream so that the carrier's flow connects the caller to a person.
    Transfer,
}

impl Job for Complete {
    type Event = Completion;
    type Feed = Nothing;
    const ROLE: Role = Role::Llm;
    const FEED_BOUND: usize = 0;

    fn lost() -> Completion {
        Completion::Lost
    }
}
