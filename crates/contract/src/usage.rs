use std::sync::Arc;

/// What a job cost, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Characters sent to be spoken.
    pub characters: u32,
    /// Audio sent, in ms.
    pub audio_in_ms: u32,
    /// Audio received, in ms.
    pub audio_out_ms: u32,
    /// Tokens read by a model, cached ones included.
    pub tokens_in: u32,
    /// Tokens of those that came from the provider's cache.
    pub tokens_cached: u32,
    /// Tokens written by a model.
    pub tokens_out: u32,
    /// The figures are our own estimate: the provider reports none, or was cancelled before it did.
    pub estimated: bool,
    /// The provider's id of the request, for its support.
    pub request_id: Option<Arc<str>>,
}
