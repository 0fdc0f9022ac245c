//! The fake vendors over WebSocket: a session of each, and each failure as it looks on the wire.
#![cfg(feature = "theatre")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test client has nobody to tell")]

mod assemblyai;
mod client;
mod codecs;
mod deepgram_flux;
mod deepgram_listen;
mod deepgram_speak;
mod elevenlabs;
mod failures;
mod noise;
mod realtime;

use std::time::Duration;

use operetta_audio::Format;
use operetta_sim::theatre::{Pace, Script, Theatre, Tone};

/// A theatre without pauses.
fn theatre() -> Theatre {
    Theatre::start(Script { pace: Pace::AT_ONCE, ..Script::default() }).unwrap()
}

/// A theatre whose vendors' limits pass 20 times as fast.
fn hasty() -> Theatre {
    Theatre::start(Script { pace: Pace::AT_ONCE, haste: 20.0, ..Script::default() }).unwrap()
}

/// A theatre whose audio comes at `speed` times real time.
fn paced(speed: f32) -> Theatre {
    let pace = Pace { head: Duration::ZERO, first: Duration::from_millis(20), speed, token: Duration::ZERO };
    Theatre::start(Script { pace, ..Script::default() }).unwrap()
}

/// Speech of a caller: a tone, at 8 kHz µ-law.
fn loud(ms: u32) -> Vec<u8> {
    Tone::new(Format::MULAW_8K).piece(0, ms)
}

/// Silence of a caller.
fn quiet(ms: u32) -> Vec<u8> {
    vec![Format::MULAW_8K.silence_byte(); Format::MULAW_8K.bytes_of_ms(ms)]
}

/// Rises through zero of audio at 8 kHz µ-law: 440 in a second of our tone.
fn rises(bytes: &[u8]) -> usize {
    let mut samples = Vec::new();
    operetta_audio::g711::decode_into(operetta_audio::Encoding::Mulaw, bytes, &mut samples);
    samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count()
}
