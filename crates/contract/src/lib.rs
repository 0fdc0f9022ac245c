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

mod error;
mod job;
mod llm;
mod stt;
mod tts;
mod vad;

pub use error::{Blame, ErrorClass, ProviderError, Retry};
pub use job::{Job, JobId, Nothing, Role};
pub use llm::{Complete, Completion, Next, Speaker, Words};
pub use stt::{Hearing, Transcribe, Transcript};
pub use tts::{Speech, Synthesize};
pub use vad::{Detect, Voice};
