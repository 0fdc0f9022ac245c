//! The call machine: what a phone call is, as a value.
//!
//! [`Call::step`] takes one [`Input`] (a fact: the carrier started the stream, a worker sent audio, time passed) and
//! returns [`Effects`] (orders: speak, play, cancel, close). Nothing here reads a clock, opens a socket, waits or shares.
//! The shell that owns a `Call` tells it the time with every input and sets one timer to [`Call::deadline`].
//!
//! ```
//! use operetta_call::{At, Call, CloseReason, Effect, Input, Limits};
//!
//! let mut call = Call::new(Limits::default());
//! let nothing = call.step(At::ZERO, Input::Connected);
//! assert!(nothing.is_empty());
//!
//! // The carrier never sends `start`: the machine waits for it, but not for ever.
//! let due = call.deadline().expect("a call that waits has a deadline");
//! let effects = call.step(due, Input::TimePassed);
//! assert!(effects.iter().any(|effect| matches!(effect, Effect::Close(CloseReason::NoStart))));
//! ```
//!
//! # What cannot be written
//!
//! A second greeting does not compile: `greet` takes the one [`phase::Started`] by value and no arrow leads back.
//!
//! ```compile_fail,E0382
//! fn twice(started: operetta_call::phase::Started, at: operetta_call::At, out: &mut operetta_call::Effects) {
//!     let first = started.greet(at, out);
//!     let second = started.greet(at, out);
//! }
//! ```
//!
//! A greeting cannot be made from nothing, nor a call be closed behind the machine's back: only the arrows build phases.
//!
//! ```compile_fail,E0451
//! fn forge(live: Box<operetta_call::phase::Live>) -> operetta_call::phase::Started {
//!     operetta_call::phase::Started { live }
//! }
//! ```
//!
//! ```compile_fail,E0423
//! fn forge() -> operetta_call::phase::Closed {
//!     operetta_call::phase::Closed(operetta_call::CloseReason::CallerHungUp)
//! }
//! ```
//!
//! Nobody speaks before `start`: speech needs [`phase::Live`], which only an accepted [`Start`] yields.
//!
//! ```compile_fail,E0599
//! fn early(connected: operetta_call::phase::Connected, at: operetta_call::At, out: &mut operetta_call::Effects) {
//!     connected.greet(at, out);
//! }
//! ```
//!
//! An order that nobody performs is an error:
//!
//! ```compile_fail
//! #![deny(unused_must_use)]
//! let mut call = operetta_call::Call::new(operetta_call::Limits::default());
//! call.step(operetta_call::At::ZERO, operetta_call::Input::Connected);
//! ```
#![deny(clippy::wildcard_enum_match_arm)]

mod at;
mod dialogue;
mod effect;
mod ids;
mod input;
mod machine;
mod reason;
mod sentences;
mod settings;

pub use at::At;
pub use dialogue::{Dialogue, Speaker, Words};
pub use effect::{Chunk, Clip, Effect, Effects, Note, Speech, Wait};
pub use ids::{JobId, MarkId, StreamSid};
pub use input::{Digit, Input, InputKind, Next, Retry, Start, Stop};
pub use machine::{Call, PhaseName, phase};
pub use reason::{CloseReason, Refusal};
pub use settings::{Limits, Lines, Mode, OnFailure, Settings, Timing};
