//! Speech to text.
//!
//! | file | API | transport |
//! |---|---|---|
//! | [`deepgram`] | Deepgram live v1 | WebSocket |
//! | [`deepgram_flux`] | Deepgram Flux v2, which decides about turns by itself | WebSocket |
//! | [`assemblyai`] | AssemblyAI streaming v3 | WebSocket |
//! | [`openai`] | `POST /v1/audio/transcriptions` of OpenAI and of whisper-like servers | HTTP |
//!
//! The samples that reach a codec have passed a voice gate: nothing comes while the caller is silent. What an API needs in
//! the meantime, silence or a message, the codec makes by itself.

pub mod assemblyai;
pub mod deepgram;
pub mod deepgram_flux;
pub mod openai;

mod form;
mod ledger;
mod line;
mod message;
