//! Generic workers: what does the same work for every call, whatever the vendor or the carrier.

pub mod account;
mod recorder;

pub use recorder::{Recorder, RecorderCounts, Tape};
