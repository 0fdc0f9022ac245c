use std::f64::consts::TAU;

use operetta_audio::{Format, g711};

/// The voice of every fake: 440 Hz, unbroken over pieces of any length, so that a listener can tell it from noise, and tell its
/// rate by its pitch.
#[derive(Debug)]
pub(super) struct Tone {
    format: Format,
    at: u64,
}

impl Tone {
    pub(super) const fn new(format: Format) -> Self {
        Self { format, at: 0 }
    }

    /// The next `samples`, as bytes.
    pub(super) fn next(&mut self, samples: usize) -> Vec<u8> {
        let rate_hz = u64::from(self.format.rate_hz);
        let piece: Vec<i16> = (self.at..self.at + samples as u64)
            .map(|at| {
                // The phase of a whole second is whole, so the index may be reduced before it is multiplied.
                let phase = 440.0 * (at % rate_hz) as f64 / rate_hz as f64;
                (PEAK * (TAU * phase).sin()).round() as i16
            })
            .collect();
        self.at += samples as u64;
        let mut bytes = Vec::with_capacity(samples * self.format.sample_bytes());
        g711::encode_into(self.format.encoding, &piece, &mut bytes);
        bytes
    }
}

/// -12 dB of full scale.
const PEAK: f64 = 8_192.0;

/// How long a character takes, in ms.
pub(super) const CHARACTER_MS: u64 = 65;

#[cfg(test)]
mod tests {
    use operetta_audio::Encoding;

    use super::*;

    #[test]
    fn pieces_join_without_a_click() {
        let format = Format { encoding: Encoding::Pcm16, rate_hz: 22_050 };
        let (mut one, mut many) = (Tone::new(format), Tone::new(format));
        let whole = one.next(2_205);
        let joined: Vec<u8> = [1, 441, 3, 1_000, 760].into_iter().flat_map(|samples| many.next(samples)).collect();
        assert_eq!(whole, joined);
    }

    #[test]
    fn it_swings_440_times_a_second() {
        let mut tone = Tone::new(Format { encoding: Encoding::Pcm16, rate_hz: 8_000 });
        let mut samples = Vec::new();
        g711::decode_into(Encoding::Pcm16, &tone.next(8_000), &mut samples);
        let rises = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((439..=440).contains(&rises), "{rises}");
    }
}
