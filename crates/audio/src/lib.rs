//! Samples: formats, G.711, resampling, the voice gate, framing and the sums of pacing. No clock, no I/O, no async.
//!
//! | need | see |
//! |---|---|
//! | bytes of a carrier to samples and back | [`g711`] |
//! | another sample rate | [`Resampler`] |
//! | a stream in another format | [`Convert`] |
//! | MP3 from a voice that gives nothing else | [`Mp3`] |
//! | a WAV header that nobody asked for | [`Unwrap`] |
//! | is it worth asking a real voice detector | [`Gate`] |
//! | when to send which bytes, what has been played | [`Playout`], [`Cut`] |
//! | a beep, silence, noise | [`tone`] |

mod convert;
mod cut;
mod format;
pub mod g711;
mod gate;
mod mp3;
mod played;
mod playout;
mod resample;
pub mod tone;
mod wav;

pub use convert::Convert;
pub use cut::Cut;
pub use format::{Encoding, Format};
pub use gate::{Gate, GateState};
pub use mp3::{Mp3, Mp3Error};
pub use playout::{Cleared, MAX_QUEUED_MS, Next, Playout, PlayoutFull};
pub use resample::{ResampleError, Resampler};
pub use wav::{Unwrap, WavError};
