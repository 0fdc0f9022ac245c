//! The reply of a language model while it is being read: what is the same for every API.

use std::{collections::HashSet, sync::Arc};

use operetta_contract::{Complete, Completion, Entry, ErrorClass, Next, Output, ProviderError, ToolCall, Usage};

use super::{json::protocol, tools};

/// Takes what a codec has understood, and makes events of it.
#[derive(Debug)]
pub struct Reply {
    /// What it has cost so far. Estimated until [`counted`](Self::counted) is called: a stream that is cancelled never tells.
    usage: Usage,
    /// The size of what was asked, in bytes.
    asked: usize,
    written: usize,
    useful: bool,
    /// Another provider began the reply, so this one may find that nothing is missing.
    continues: bool,
    taken: HashSet<Arc<str>>,
    argument_bytes: usize,
    calls: usize,
}

/// A call of a tool that is still being written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Its id as far as is known; empty when the provider gave none.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// What has been written of its arguments.
    pub arguments: String,
}

/// All arguments of one reply together. A model that writes more is running away.
const MOST_ARGUMENT_BYTES: usize = 256 * 1024;
const MOST_CALLS: usize = 64;
/// How many bytes of text make a token, roughly: for estimates.
const BYTES_PER_TOKEN: usize = 4;

impl Reply {
    /// The reply to `job`, which was asked with a body of `asked` bytes.
    pub fn new(job: &Complete, asked: usize) -> Self {
        let ids = job.dialogue.iter().filter_map(|entry| match entry {
            Entry::Called(call) => Some(call.id.clone()),
            Entry::Said(_) | Entry::Returned(_) => None,
        });
        Self {
            usage: Usage { estimated: true, ..Usage::default() },
            asked,
            written: 0,
            useful: false,
            continues: !job.said.trim().is_empty(),
            taken: ids.collect(),
            argument_bytes: 0,
            calls: 0,
        }
    }

    /// The provider's id of the request.
    pub fn request_id(&mut self, id: &str) {
        self.usage.request_id = Some(id.chars().take(128).collect::<String>().into());
    }

    /// The provider has counted, and its last count is right. What was written is known at the end only: `None` before.
    pub fn counted(&mut self, tokens_in: u64, tokens_cached: u64, tokens_out: Option<u64>) {
        let clamped = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        self.usage.tokens_in = clamped(tokens_in);
        self.usage.tokens_cached = clamped(tokens_cached);
        if let Some(tokens_out) = tokens_out {
            self.usage.tokens_out = clamped(tokens_out);
            self.usage.estimated = false;
        }
    }

    /// The next piece of text; an empty one is none.
    pub fn text(&mut self, piece: &str, out: &mut Output<Complete>) {
        if !piece.is_empty() {
            self.written += piece.len();
            self.useful |= !piece.trim().is_empty();
            out.events.push(Completion::Text(piece.into()));
        }
    }

    /// A piece of arguments is about to be kept.
    ///
    /// # Errors
    /// [`Protocol`](ErrorClass::Protocol): it is too much.
    pub fn grow(&mut self, bytes: usize) -> Result<(), ProviderError> {
        self.argument_bytes = self.argument_bytes.saturating_add(bytes);
        if self.argument_bytes > MOST_ARGUMENT_BYTES {
            let detail = format!("the arguments of tool calls are longer than {MOST_ARGUMENT_BYTES} bytes");
            return Err(protocol(detail));
        }
        Ok(())
    }

    /// A call is complete. One without an id, or with an id that the conversation has had, gets a new one.
    ///
    /// # Errors
    /// [`Protocol`](ErrorClass::Protocol): it names no tool, its arguments are no whole object, or there are too many.
    pub fn call(&mut self, draft: &Draft, seal: Option<&str>, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        if draft.name.trim().is_empty() {
            return Err(protocol("a tool call names no tool"));
        }
        self.calls += 1;
        if self.calls > MOST_CALLS {
            return Err(protocol("there are too many tool calls in one reply"));
        }
        let arguments = tools::arguments(&draft.arguments)?;
        self.written += draft.name.len() + arguments.len();
        self.useful = true;
        let id = self.unused(&draft.id);
        let (name, seal) = (draft.name.trim().into(), seal.map(Into::into));
        out.events.push(Completion::Call(ToolCall { id, name, arguments, seal }));
        Ok(())
    }

    /// The reply has ended well, if anything has been said.
    ///
    /// # Errors
    /// [`Empty`](ErrorClass::Empty): neither words nor a call came, and nobody had said anything before.
    pub fn done(&self) -> Result<Completion, ProviderError> {
        if self.useful || self.continues {
            return Ok(Completion::Done(Next::Listen));
        }
        Err(ProviderError::new(ErrorClass::Empty, "the reply ended without a word and without a tool call"))
    }

    /// Tells what the reply has cost so far.
    pub fn report(&self, out: &mut Output<Complete>) {
        out.usage = self.usage.clone();
        if out.usage.estimated {
            let tokens = |bytes: usize| u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
            if out.usage.tokens_in == 0 {
                out.usage.tokens_in = tokens(self.asked);
            }
            out.usage.tokens_out = tokens(self.written);
        }
    }

    fn unused(&mut self, given: &str) -> Arc<str> {
        let mut id: Arc<str> = given.into();
        let mut n = self.taken.len();
        while id.is_empty() || self.taken.contains(&id) {
            n += 1;
            id = format!("call_{n}").into();
        }
        self.taken.insert(id.clone());
        id
    }
}
