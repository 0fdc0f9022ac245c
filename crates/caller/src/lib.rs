//! Carrier and caller double: places calls over the real wire.
//!
//! A [`Caller`] plays the telephony platform and the person on the line at once. It asks the webhook as Exotel or Twilio would, opens
//! the WebSocket, speaks a [`Script`] in frames of 20 ms, plays the agent's audio out of a real buffer at real time, returns marks when
//! their audio has been heard, and drops the buffer on `clear`. What the engine does against the carrier's pages becomes a
//! [`Violation`], and all that can be timed stands in the [`CallReport`].
//!
//! ```no_run
//! use operetta_caller::{Audience, CallPlan, Caller, Carrier, Clip, Line, Script, Unwatched};
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let script = Script::new().line(Line::speak("hello", Clip::read_wav("hello.wav")?));
//! let plan = CallPlan::new(Carrier::Exotel, "http://127.0.0.1:8080/exotel/voicebot".parse()?, script);
//! let report = Caller::new().place(&plan, 0, Audience { observer: &mut Unwatched, transcriber: None }).await;
//! assert!(report.failures().is_empty());
//! # Ok(()) }
//! ```
//!
//! Everything runs on one thread of an actix `System`: a call is one future, and calls of a load share their encoded audio.

mod caller;
mod carrier;
mod clip;
mod conductor;
mod dice;
mod listen;
mod live;
mod load;
mod plan;
mod playout;
mod report;
mod script;
mod side;
mod signature;
mod socket;
mod sound;
mod stereo;
mod stillborn;
mod timeline;
mod twiml;
mod webhook;

pub use caller::{Audience, Caller};
pub use carrier::{Carrier, Counters, Double, ExotelDouble, Fault, Ids, Manner, Order, Spelling, TwilioDouble};
pub use clip::{Clip, ClipError};
pub use dice::Dice;
pub use listen::{AgentSpeech, Observer, Transcriber, Unwatched};
pub use load::{Load, LoadReport, Progress, Spread};
pub use plan::CallPlan;
pub use report::{
    BargeIn, CallReport, End, Failure, Greeting, LineReport, Marks, Recording, Traffic, Underruns, Violation,
};
pub use script::{Act, Cue, Death, Ending, Line, Script};
pub use signature::twilio_signature;
pub use stereo::RecordingError;
pub use timeline::{Event, What};
pub use twiml::{StreamOrder, TwimlError, read_twiml};
pub use url::Url;
