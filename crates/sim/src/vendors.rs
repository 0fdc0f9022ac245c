//! Fake providers behind real sockets: the engine's workers reach them as they would reach a vendor, and nothing is computed.
//!
//! The protocol, our own, has one endpoint per role:
//!
//! | role | request | answer |
//! |---|---|---|
//! | listening | WebSocket `GET /stt`; binary messages of PCM16, little-endian; text `{"flush":7}` when the caller pauses | per flush one text `{"flush":7,"text":"1240 ms of speech"}`, with an empty text if nothing was fed since the last |
//! | thinking | `POST /llm` with `{"prompt":"…","dialogue":[{"speaker":"caller","text":"…"}]}` | lines of JSON while it thinks: `{"text":"…"}`, at the end `{"done":true}` |
//! | speaking | `POST /tts` with `{"text":"…","encoding":"mulaw","rate_hz":8000}`, or `pcm16` | raw audio in pieces of [`PIECE_MS`], 60 ms of it for each character of the text |

mod llm;
mod stt;
mod tts;

use std::time::Duration;

use actix_web::web::{self, ServiceConfig};

pub use llm::REPLY;
pub use tts::PIECE_MS;

/// How fast the vendors are.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// From a request to the first byte of speech or thought.
    pub first: Duration,
    /// Between two pieces of thought: a word or two.
    pub between_words: Duration,
    /// How many times faster than it is played speech comes; at least 1.
    pub speed: u32,
}

impl Default for Manner {
    /// A good day: 100 ms to the first byte, 60 pieces of thought a second, speech at five times its own pace.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), between_words: Duration::from_millis(16), speed: 5 }
    }
}

/// Adds the vendors' endpoints to a server.
pub fn configure(manner: Manner) -> impl FnOnce(&mut ServiceConfig) {
    move |server| {
        server
            .app_data(web::Data::new(manner))
            .route("/stt", web::get().to(stt::listen))
            .route("/llm", web::post().to(llm::think))
            .route("/tts", web::post().to(tts::speak));
    }
}
