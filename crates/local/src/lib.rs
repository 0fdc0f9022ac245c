//! Embedded speech and dialogue: providers that need no account, no key and no network.
//!
//! | role | with model files | without |
//! |---|---|---|
//! | speech | [`hibari`], neural; [`flite`] | [`flite`] |
//! | recognition | [`moonshine`] | none: `Transcribe` fails as missing |
//! | voice detection | [`silero`], one network for all calls | [`silero`], weights in the binary |
//! | dialogue | [`mind`], rules | the same |
//!
//! They stand behind the same contract as every vendor: [`Engines`] holds models and threads, once for the process; each
//! lane makes its workers from it ([`Speaker`], [`Listener`], [`Detector`], [`mind::Receptionist`]) and puts them behind
//! desks. Whatever computes does so on threads of its own that give way to the lanes, with short queues.

mod detector;
mod engines;
mod error;
pub mod flite;
pub mod hibari;
mod listener;
pub mod mind;
pub mod moonshine;
mod mouth;
mod net;
mod pieces;
pub mod say;
mod scribe;
pub mod silero;
mod speaker;
mod workshop;

pub use detector::Detector;
pub use engines::{Config, Engines};
pub use error::LocalError;
pub use listener::Listener;
pub use mouth::Voice;
pub use speaker::Speaker;
