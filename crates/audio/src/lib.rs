//! Samples: formats, G.711, resampling, framing and the sums of pacing. No clock, no I/O, no async.

mod format;

pub use format::{Encoding, Format};
