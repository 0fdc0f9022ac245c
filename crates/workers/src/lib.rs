//! Generic workers: what does the same work for every call, whatever the vendor or the carrier.

pub mod account;
mod bill;
pub mod clip;
pub mod duplex;
pub mod http;
pub mod net;
pub mod phrases;
mod recorder;
pub mod relay;

pub use clip::ClipEars;
pub use duplex::{DuplexWorker, SocketTimes};
pub use http::{HttpTimes, HttpWorker};
pub use net::{LONGEST_MESSAGE, Net, NetConfig, NetError, UNACKNOWLEDGED};
pub use phrases::{PhraseBook, PhraseConfig, PhraseCounts};
pub use recorder::{Recorder, RecorderCounts, Tape};
