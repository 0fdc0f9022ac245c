use std::sync::Arc;

use operetta_audio::{Format, g711};

/// A tone of 440 Hz in one format, without end: its pieces fit together.
#[derive(Clone, Debug)]
pub struct Tone {
    format: Format,
    /// 100 ms: 44 waves, so that the end leads to the beginning.
    period: Arc<[u8]>,
}

impl Tone {
    /// The tone in `format`; the rate is a multiple of 50 Hz.
    pub fn new(format: Format) -> Self {
        let samples = format.rate_hz / 10;
        let wave = |index: u32| {
            let turns = f64::from(index) * HZ / f64::from(format.rate_hz);
            (PEAK * (turns.fract() * std::f64::consts::TAU).sin()).round() as i16
        };
        let mut period = Vec::new();
        g711::encode_into(format.encoding, &(0..samples).map(wave).collect::<Vec<_>>(), &mut period);
        Self { format, period: period.into() }
    }

    /// Its format.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How long a text of `characters` is spoken, in ms.
    pub const fn ms_of(characters: usize) -> u32 {
        characters as u32 * CHARACTER_MS
    }

    /// The bytes from `from_ms` on, for `ms`.
    pub fn piece(&self, from_ms: u32, ms: u32) -> Vec<u8> {
        let sample = self.format.sample_bytes();
        let at = |ms: u32| (u64::from(ms) * u64::from(self.format.rate_hz) / 1000) as usize * sample;
        let (start, end) = (at(from_ms), at(from_ms + ms));
        let mut bytes = Vec::with_capacity(end - start);
        let mut rest = &self.period[start % self.period.len()..];
        while bytes.len() < end - start {
            bytes.extend_from_slice(&rest[..rest.len().min(end - start - bytes.len())]);
            rest = &self.period;
        }
        bytes
    }

    /// All of `ms`, in pieces of [`PIECE_MS`], the last of which may be shorter: where each begins, how long it is, its bytes.
    pub fn pieces(self, ms: u32) -> impl Iterator<Item = (u32, u32, Vec<u8>)> + Send {
        (0..ms).step_by(PIECE_MS as usize).map(move |from| {
            let length = PIECE_MS.min(ms - from);
            (from, length, self.piece(from, length))
        })
    }
}

/// How long one character is spoken, in ms.
pub const CHARACTER_MS: u32 = 65;

/// The length of one piece, in ms.
pub const PIECE_MS: u32 = 20;

const HZ: f64 = 440.0;

/// About 12 dB below full scale.
const PEAK: f64 = 8_192.0;

#[cfg(test)]
mod tests {
    use operetta_audio::Encoding;

    use super::*;

    #[test]
    fn it_is_a_tone_of_440_hz_without_a_seam() {
        for rate_hz in [8000, 16_000, 24_000, 22_050, 44_100] {
            let tone = Tone::new(Format { encoding: Encoding::Pcm16, rate_hz });
            let bytes: Vec<u8> = tone.pieces(1010).flat_map(|(_, _, bytes)| bytes).collect();
            let samples: Vec<i16> = bytes.chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
            assert_eq!(samples.len() as u32, 1010 * rate_hz / 1000);
            let rises = samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count();
            assert!((443..=445).contains(&rises), "{rises} at {rate_hz}");
            // No step is higher than the steepest of a sine.
            let steepest = (PEAK * std::f64::consts::TAU * HZ / f64::from(rate_hz)) as i32 + 2;
            let highest = samples.windows(2).map(|two| (i32::from(two[1]) - i32::from(two[0])).abs()).max();
            assert!(highest <= Some(steepest), "{highest:?} at {rate_hz}");
        }
    }

    #[test]
    fn companded_pieces_have_a_byte_for_each_sample() {
        let tone = Tone::new(Format::MULAW_8K);
        let lengths: Vec<_> = tone.pieces(Tone::ms_of(1)).map(|(_, _, bytes)| bytes.len()).collect();
        assert_eq!(lengths, [160, 160, 160, 40]);
    }
}
