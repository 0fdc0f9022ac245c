//! The speaking providers' codecs: what they ask, what they make of replies, however those are cut.

mod assemblyai;
mod deepgram;
mod deepgram_socket;
mod elevenlabs;
mod elevenlabs_socket;
mod google;
mod kit;
mod openai;
mod suite;
