//! Exotel `AgentStream`. Source: developer.exotel.com/docs/agentstream (stream-voicebot-applet, websocket-protocol,
//! connect-voice-ai) and the published samples github.com/exotel/Agent-Stream; read 2026-11-20.

use operetta_audio::{Cut, Encoding, Format};

use crate::{Line, envelope::MediaFormat, say, say::Spelling};

/// The format that a line has before, or without, `start`.
pub(crate) fn route_format(line: &Line) -> Format {
    let rate_hz = line.rate_hint_hz.filter(|rate| RATES_HZ.contains(rate)).unwrap_or(8000);
    Format { encoding: Encoding::Pcm16, rate_hz }
}

/// `start` outranks the URL; labels that name no law are all PCM16 (`raw/slin`, `raw`, `audio/x-raw`, `base64`).
pub(crate) fn format(line: &Line, told: &MediaFormat<'_>) -> Format {
    let route = route_format(line);
    let label = told.encoding.as_deref().unwrap_or_default().to_ascii_lowercase();
    let encoding = if ["mulaw", "mu-law", "ulaw", "u-law", "pcmu"].iter().any(|law| label.contains(law)) {
        Encoding::Mulaw
    } else if ["alaw", "a-law", "pcma"].iter().any(|law| label.contains(law)) {
        Encoding::Alaw
    } else {
        Encoding::Pcm16
    };
    let rate_hz =
        told.sample_rate.as_deref().and_then(rate_hz).filter(|rate| RATES_HZ.contains(rate)).unwrap_or(route.rate_hz);
    Format { encoding, rate_hz }
}

/// `16000`, `16000Hz`, `16 kHz`, `8000.0`.
fn rate_hz(text: &str) -> Option<u32> {
    let text = text.trim();
    let end = text.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let number: u32 = digits.parse().ok()?;
    if unit.trim_start().starts_with(['k', 'K']) { number.checked_mul(1000) } else { Some(number) }
}

/// Multiples of 320 bytes, 3,200 at 8 and 16 kHz and 3,840 at 24 kHz unless the line says otherwise; the first of an
/// utterance lasts at most 100 ms. Real time plus a tenth, at most 0.8 s ahead: Exotel's samples send one chunk each
/// 0.9 of its duration and tell of calls that ended when whole greetings were poured out.
pub(crate) fn cut(line: &Line, format: Format) -> Cut {
    let default = match (format.encoding, format.rate_hz) {
        (Encoding::Pcm16, 24_000) => 3840,
        (Encoding::Pcm16, _) => 3200,
        (Encoding::Mulaw | Encoding::Alaw, _) => 1600,
    };
    let chunk_bytes = line.chunk_bytes.unwrap_or(default).clamp(ALIGN_BYTES, MAX_FRAME_BYTES);
    Cut {
        align_bytes: ALIGN_BYTES,
        chunk_bytes,
        first_chunk_bytes: format.bytes_of_ms(100).min(chunk_bytes),
        head_ms: 100,
        lead_ms: 800,
    }
    .sound(format)
}

/// The counters of our side, as strings, where Exotel's samples put them in either spelling: the sequence number at
/// the top in `snake_case`, within `media` in camelCase.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    frames: u64,
    bytes: u64,
}

impl Counters {
    pub(crate) fn write_top(&self, out: &mut String, spelling: Spelling) {
        if spelling == Spelling::Snake {
            say::counter(out, "sequence_number", self.frames + 1);
        }
    }

    pub(crate) fn write_media(&self, out: &mut String, spelling: Spelling, format: Format) {
        say::counter(out, "chunk", self.frames + 1);
        say::counter(out, "timestamp", self.bytes * 1000 / format.bytes_per_second() as u64);
        if spelling == Spelling::Camel {
            say::counter(out, "sequenceNumber", self.frames + 1);
        }
    }

    /// A frame has been written.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }
}

const RATES_HZ: [u32; 3] = [8000, 16_000, 24_000];
const ALIGN_BYTES: usize = 320;
/// 234 times 320: its base64 is 99,840 characters, so "at most 100k" holds before and after encoding.
pub(crate) const MAX_FRAME_BYTES: usize = 74_880;
