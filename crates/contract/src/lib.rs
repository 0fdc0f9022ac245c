//! A provider's promise.
//!
//! A provider does one kind of work: it speaks ([`Synthesize`]), listens ([`Transcribe`], [`Detect`]) or thinks
//! ([`Complete`]). A kind is a [`Job`]: what is asked, what may be fed in while the job runs, and one closed enum of events
//! that come back. The promise is the same for every kind:
//!
//! 1. A job ends exactly once, by its kind's `Done`, `Failed` or (when the worker dies) `Lost` event, or without any event
//!    after the asker cancelled it.
//! 2. Nothing is sent after the end.
//! 3. Audio comes in the format that was asked for. Converting is the provider's work, never the call's.
//!
//! Nothing here knows actors, sockets or vendors.

mod capabilities;
mod converse;
mod duplex;
mod error;
mod fault;
mod http;
mod job;
mod llm;
pub mod quote;
mod secret;
mod stt;
pub mod suite;
pub mod text;
mod tts;
mod usage;
mod vad;

pub use capabilities::{Cancel, Capabilities, Input, Timing, Turns, UsageSource};
pub use converse::{Converse, Exchange, Turnout};
pub use duplex::{
    DuplexCodec, DuplexVendor, Message, Outgoing, Rest, SocketRequest, Wire, class_of_status, closed_by_server,
    refused_upgrade,
};
pub use error::{Blame, ErrorClass, ProviderError, Retry};
pub use fault::FaultCode;
pub use http::{Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output};
pub use job::{Job, JobId, Meaning, Nothing, Outcome, Role, Switch, TextLimit};
pub use llm::{Complete, Completion, Entry, Next, Speaker, Tool, ToolCall, ToolResult, Words};
pub use secret::{ApiKey, HeaderValue};
pub use stt::{Hearing, Recognition, Recognize, Transcribe, Transcript};
pub use tts::{Speech, SpokenWord, Synthesize};
pub use usage::Usage;
pub use vad::{Detect, Voice};
