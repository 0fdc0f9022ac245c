//! What all fakes that speak have in common.

use operetta_audio::{Encoding, Format};

use super::{
    super::{
        backstage::Backstage,
        ledger::Billed,
        play::{Play, WavHeader},
        tone::Tone,
    },
    answer::{Answer, Beat, Shape},
    wav,
};

/// Raw audio for a text of `characters`; `wav`: behind such a header.
pub(super) fn raw(
    stage: &Backstage,
    format: Format,
    characters: usize,
    content_type: &'static str,
    wav: Option<WavHeader>,
) -> Answer {
    let (pace, ms) = (stage.pace(), Tone::ms_of(characters));
    let wav = match stage.play() {
        Some(Play::WavHeader(kind)) => Some(*kind),
        _ => wav,
    };
    let prefix = match stage.play() {
        Some(Play::Huge(mib)) => Some(vec![0xFF; mib << 20]),
        _ => wav.map(|kind| wav::header(format, format.bytes_of_ms(ms), kind)),
    };
    let prefix = prefix.map(|bytes| Beat::bytes(pace.first, bytes));
    let beats = Tone::new(sounding(stage, format)).pieces(ms).map(move |(from, length, bytes)| {
        let billed = Billed { audio_out_ms: length.into(), ..Billed::default() };
        Beat::bytes(pace.first + pace.of_audio(from), bytes).billed(billed)
    });
    Answer::new(Shape::Audio, content_type, pace.head, Box::new(prefix.into_iter().chain(beats))).billed(of(characters))
}

/// What a text costs before a byte of it is spoken.
pub(super) fn of(characters: usize) -> Billed {
    Billed { characters: characters as u64, ..Billed::default() }
}

/// The format it comes in, which is what was asked for, unless it is played to be another (H26).
pub(super) fn sounding(stage: &Backstage, format: Format) -> Format {
    let factor = if stage.play() == Some(&Play::WrongRate) { 3 } else { 1 };
    Format { rate_hz: format.rate_hz * factor, ..format }
}

/// PCM16 at a rate.
pub(super) const fn pcm(rate_hz: u32) -> Format {
    Format { encoding: Encoding::Pcm16, rate_hz }
}
