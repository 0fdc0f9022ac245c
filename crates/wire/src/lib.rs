//! Carrier dialects: what telephony platforms send becomes [`Heard`], what the engine wants to [`Say`] becomes text.
//!
//! Pure: no clock, no socket, no async. One [`Dialect`] serves one leg; it learns the ids and the spelling from what
//! it hears and answers in kind. Reading forgives, writing has one form.
//!
//! | | Exotel Voicebot | Twilio `<Connect><Stream>` |
//! |---|---|---|
//! | keys read | `snake_case` and camelCase, nested or flat | camelCase; ids nested or at the top |
//! | keys written | as `start` spelled the stream id; `snake_case` when it gave none | camelCase |
//! | begins | with `start`, or with the first media on a line proven at the upgrade | with `start` |
//! | audio | PCM16 at 8, 16 or 24 kHz; G.711 where the label names it | µ-law at 8 kHz, nothing else |
//! | frames out | multiples of 320 bytes, counters in `media` as strings | any size, no counters |
//! | ends | `stop` with a reason, or an event named `closed` | `stop` without one |
//!
//! Sources: Exotel `AgentStream` documentation (stream and voicebot applet, Connect Voice AI) and its published
//! samples; Twilio Media Streams documentation (WebSocket messages). Read 2026-11-20.
//!
//! ```
//! use operetta_wire::{Dialect, Heard, Line, Say};
//!
//! let mut dialect = Dialect::new(Line::twilio());
//! let (mut audio, mut out) = (Vec::new(), String::new());
//! let start = r#"{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}"#;
//! assert!(matches!(dialect.decode(start, &mut audio)?, Heard::Started(_)));
//!
//! let media = r#"{"event":"media","streamSid":"MZ1","media":{"track":"inbound","payload":"////"}}"#;
//! assert_eq!(dialect.decode(media, &mut audio)?, Heard::Media);
//! assert_eq!(audio, [0xFF; 3]);
//!
//! dialect.encode(Say::Mark("utt-1"), &mut out)?;
//! assert_eq!(out, r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"utt-1"}}"#);
//! # Ok::<(), operetta_wire::WireError>(())
//! ```
#![deny(clippy::indexing_slicing)]

mod dialect;
mod envelope;
mod error;
mod exotel;
mod heard;
mod json;
mod line;
mod number;
mod say;
mod twilio;
pub mod webhook;

pub use dialect::Dialect;
pub use error::{Blame, WireError};
pub use heard::{Digit, Heard, Ignored, Start, Stop, StopReason};
pub use line::{Carrier, Line};
pub use number::PhoneNumber;
pub use say::Say;

/// The longest message that is read, in bytes: as long as the leg lets through.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// How deep objects and lists may nest. The deepest documented message has three levels.
pub const MAX_DEPTH: usize = 16;
/// Unreadable messages and payloads after which a session is given up.
pub const MAX_BAD_MESSAGES: u32 = 1000;
/// Custom parameters that are kept; Exotel allows three.
pub const MAX_PARAMETERS: usize = 32;
/// Bytes of a parameter's name, and of an id; a bound on memory, not a check of form.
pub const MAX_NAME_BYTES: usize = 512;
/// Bytes of a parameter's value. Twilio allows 500 characters for name and value together.
pub const MAX_VALUE_BYTES: usize = 2048;
/// Bytes of a mark's name.
pub const MAX_MARK_BYTES: usize = 128;
