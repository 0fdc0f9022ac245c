//! What several APIs have in common and no vendor owns.

mod address;
pub mod deepgram;
pub mod elevenlabs;
pub mod google;
pub mod openai;
pub mod quote;
pub mod refused;
mod request_id;
pub mod retry_after;
pub mod sse;

pub use address::{http_address, socket_address};
