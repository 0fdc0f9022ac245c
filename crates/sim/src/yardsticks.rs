//! What the engine is measured against: servers on the same socket layer that do as little as can be done with a call.

mod bridge;
mod echo;

pub use bridge::bridge;
pub use echo::echo;

/// Whether a message of a carrier double holds audio.
fn is_media(text: &str) -> bool {
    text.starts_with(r#"{"event":"media""#)
}
