//! What several APIs have in common and no vendor owns.

mod address;
pub mod deepgram;
pub mod elevenlabs;
pub mod google;
pub mod json;
pub mod openai;
pub mod refused;
pub mod reply;
pub(crate) mod request_id;
pub mod retry_after;
pub mod sse;
pub mod tools;
pub mod turns;

pub use operetta_contract::quote;

pub use address::{http_address, socket_address};
