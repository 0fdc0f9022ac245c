//! The speaking providers' codecs: what they ask, what they make of replies, however those are cut.

mod deepgram;
mod elevenlabs;
mod google;
mod kit;
mod openai;
