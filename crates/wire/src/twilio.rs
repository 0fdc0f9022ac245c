//! Twilio Media Streams. Source: twilio.com/docs/voice/media-streams/websocket-messages; read 2026-11-20.

use operetta_audio::{Cut, Format};

use crate::{Line, WireError, envelope::MediaFormat, exotel};

/// Always µ-law at 8 kHz. A `start` that says otherwise would be noise in the caller's ear, so it is refused.
pub(crate) fn format(told: &MediaFormat<'_>) -> Result<Format, WireError> {
    let encoding = told.encoding.as_deref().unwrap_or("audio/x-mulaw");
    let rate = told.sample_rate.as_deref().unwrap_or("8000");
    let channels = told.channels.as_deref().unwrap_or("1");
    if encoding.eq_ignore_ascii_case("audio/x-mulaw") && rate == "8000" && channels == "1" {
        Ok(Format::MULAW_8K)
    } else {
        Err(WireError::UnsupportedFormat)
    }
}

/// Any size will do; 20 ms is what everybody sends. Twilio buffers, so the lead alone decides.
pub(crate) fn cut(line: &Line) -> Cut {
    Cut {
        align_bytes: 1,
        chunk_bytes: line.chunk_bytes.unwrap_or(160).min(MAX_FRAME_BYTES),
        first_chunk_bytes: usize::MAX,
        head_ms: LEAD_MS,
        lead_ms: LEAD_MS,
    }
    .sound(Format::MULAW_8K)
}

/// Not Twilio's rule, which has none: one bound for both carriers keeps frames small enough for every leg.
pub(crate) const MAX_FRAME_BYTES: usize = exotel::MAX_FRAME_BYTES;
/// A barge-in clears what is ahead, so the lead may be long; it covers a lost packet and its retransmission.
const LEAD_MS: u32 = 1000;
