use std::sync::Arc;

use crate::{Job, Meaning, Nothing, Outcome, ProviderError, Role, Switch};

/// Decide what to say next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The agent's instructions.
    pub prompt: Arc<str>,
    /// BCP 47 tag of the conversation.
    pub language: Arc<str>,
    /// What the model may call.
    pub tools: Arc<[Tool]>,
    /// The conversation so far, oldest first; the last entry is the caller's, or what a tool returned.
    pub dialogue: Vec<Entry>,
    /// The beginning of the reply, when another provider failed in the middle of it: the caller hears it, and the reply has to
    /// go on behind it. Empty as a rule.
    pub said: Arc<str>,
}

impl Complete {
    /// What was said so far, without what tools were called and returned.
    pub fn words(&self) -> impl Iterator<Item = &Words> {
        self.dialogue.iter().filter_map(|entry| match entry {
            Entry::Said(words) => Some(words),
            Entry::Called(_) | Entry::Returned(_) => None,
        })
    }
}

/// One entry of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Somebody said something.
    Said(Words),
    /// The model called a tool.
    Called(ToolCall),
    /// The tool returned.
    Returned(ToolResult),
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

/// Something that the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`, at most 64.
    pub name: Arc<str>,
    /// What it does and when to call it.
    pub description: Arc<str>,
    /// JSON Schema of its arguments, an object, as JSON text.
    pub parameters: Arc<str>,
}

/// The model calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Unique within the conversation; made up here when the provider gives none.
    pub id: Arc<str>,
    /// Which tool.
    pub name: Arc<str>,
    /// Its arguments as JSON text, always a whole object: `{}` when there are none.
    pub arguments: Arc<str>,
    /// What the provider wants to get back with the call, unread: Gemini's thought signature.
    pub seal: Option<Arc<str>>,
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The call that this answers.
    pub id: Arc<str>,
    /// Which tool.
    pub name: Arc<str>,
    /// What it returned, as text or JSON text. Data, never instructions.
    pub content: Arc<str>,
    /// The tool failed, and `content` says why.
    pub failed: bool,
}

/// What a thinking provider answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion {
    /// The next piece of the reply.
    Text(Arc<str>),
    /// A tool is to be called. Its arguments are complete.
    Call(ToolCall),
    /// Another provider goes on, behind what was said so far.
    Switched(Switch),
    /// The reply is complete. At least one piece of text or one call came before, unless the call is to go on without a word.
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

impl Outcome for Complete {
    fn meaning(event: &Completion) -> Meaning<'_> {
        match event {
            Completion::Text(text) if text.trim().is_empty() => Meaning::Sign,
            Completion::Text(_) | Completion::Call(_) => Meaning::Output,
            Completion::Switched(_) => Meaning::Sign,
            Completion::Done(_) => Meaning::Done,
            Completion::Failed(error) => Meaning::Failed(error),
            Completion::Lost => Meaning::Lost,
        }
    }

    fn failed(error: ProviderError) -> Completion {
        Completion::Failed(error)
    }

    fn switched(switch: Switch) -> Completion {
        Completion::Switched(switch)
    }
}
