//! Text to speech.
//!
//! | file | API | audio comes as |
//! |---|---|---|
//! | [`assemblyai`] | AssemblyAI over HTTP | raw bytes of the asked format |
//! | [`deepgram`] | Deepgram Aura over HTTP | raw bytes of the asked format |
//! | [`deepgram_socket`] | Deepgram Aura over a socket | binary messages of the asked format |
//! | [`elevenlabs`] | ElevenLabs over HTTP | raw bytes of the asked format |
//! | [`elevenlabs_socket`] | ElevenLabs, several contexts over a socket | base64 in JSON, with the time of every character |
//! | [`google`] | Google Cloud over REST | one base64 string in JSON |
//! | [`openai`] | OpenAI and whatever has its shape | raw bytes, a WAV, MP3, or base64 in events |
//!
//! Every codec asks for the job's own format where its API has it. What comes otherwise is converted on the way: no caller ever
//! hears a header, half a sample, or JSON.

mod asked;
pub mod assemblyai;
pub mod deepgram;
pub mod deepgram_socket;
pub mod elevenlabs;
pub mod elevenlabs_socket;
pub mod google;
mod media;
pub mod openai;
mod pour;
mod words;
