//! What several APIs have in common and no vendor owns.

mod address;
pub mod deepgram;
mod detail;

pub use address::{http_address, socket_address};
