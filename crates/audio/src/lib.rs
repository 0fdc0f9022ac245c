//! Samples: formats, G.711, resampling, framing and the sums of pacing. No clock, no I/O, no async.

mod cut;
mod format;

pub use cut::Cut;
pub use format::{Encoding, Format};
