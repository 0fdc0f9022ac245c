//! Speech to speech.
