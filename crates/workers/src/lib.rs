//! Generic workers: what does the same work for every call, whatever the vendor or the carrier.

pub mod account;
mod bill;
pub mod duplex;
pub mod http;
pub mod net;
mod recorder;
pub mod relay;

pub use duplex::{DuplexWorker, SocketTimes};
pub use http::{HttpTimes, HttpWorker};
pub use net::{LONGEST_MESSAGE, Net, NetConfig, NetError, UNACKNOWLEDGED};
pub use recorder::{Recorder, RecorderCounts, Tape};
