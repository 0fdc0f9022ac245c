//! What several APIs have in common and no vendor owns.

pub mod google;
pub mod openai;
pub mod quote;
pub mod refused;
pub mod retry_after;
pub mod sse;
