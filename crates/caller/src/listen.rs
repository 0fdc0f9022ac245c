use crate::timeline::Event;
use futures_util::future::LocalBoxFuture;

/// Watches calls as they go on.
pub trait Observer {
    /// `event` was added to the timeline of call `call` (its number in a load, 0 alone).
    fn saw(&mut self, call: usize, event: &Event);
}

/// An observer who looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn saw(&mut self, _call: usize, _event: &Event) {}
}

/// Turns the agent's speech into words, so that a call can be read.
///
/// Implemented by whoever has ears: this crate has none. The work must not be done on the calling thread (the call's 20 ms
/// clock runs there), only awaited.
pub trait Transcriber {
    /// The words of `speech`; `None` if none were understood.
    fn transcribe(&self, speech: AgentSpeech) -> LocalBoxFuture<'static, Option<String>>;
}

/// One turn of the agent, as it was played: what `clear` dropped is not in it.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentSpeech {
    /// Which turn of the agent, from 0.
    pub turn: usize,
    /// Mono samples, at most 60 s.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub rate_hz: u32,
    /// When it began to be heard, ms from placing the call.
    pub at_ms: f64,
}
