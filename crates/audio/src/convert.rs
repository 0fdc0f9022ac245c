use crate::{Encoding, Format, ResampleError, Resampler, g711};

/// Turns a stream of one [`Format`] into another, bytes cut anywhere.
///
/// Half a sample at the end of a piece waits for its other half. Equal formats cost a copy, equal rates no filter.
#[derive(Debug)]
pub struct Convert {
    from: Format,
    to: Format,
    resampler: Resampler,
    /// The first byte of a sample whose second has not come yet.
    odd: Option<u8>,
    samples: Vec<i16>,
    resampled: Vec<i16>,
}

impl Convert {
    /// A converter between two formats whose rates are 4 to 96 kHz.
    ///
    /// # Errors
    /// A rate out of range.
    pub fn new(from: Format, to: Format) -> Result<Self, ResampleError> {
        let resampler = Resampler::new(from.rate_hz, to.rate_hz)?;
        Ok(Self { from, to, resampler, odd: None, samples: Vec::new(), resampled: Vec::new() })
    }

    /// What it is fed.
    pub const fn from(&self) -> Format {
        self.from
    }

    /// Appends to `out` what `bytes` make available: whole samples.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut samples = std::mem::take(&mut self.samples);
        samples.clear();
        match self.from.encoding {
            Encoding::Pcm16 => self.pair_up(bytes, &mut samples),
            encoding if self.from == self.to => {
                debug_assert_ne!(encoding, Encoding::Pcm16);
                out.extend_from_slice(bytes);
            }
            encoding => g711::decode_into(encoding, bytes, &mut samples),
        }
        self.push_samples(&samples, out);
        self.samples = samples;
    }

    /// The same for samples of the rate it is fed.
    pub fn push_samples(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        self.resampled.clear();
        self.resampler.push(samples, &mut self.resampled);
        g711::encode_into(self.to.encoding, &self.resampled, out);
    }

    /// Appends the tail that was held back, drops half a sample, and begins anew.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.odd = None;
        self.resampled.clear();
        self.resampler.flush(&mut self.resampled);
        g711::encode_into(self.to.encoding, &self.resampled, out);
    }

    fn pair_up(&mut self, bytes: &[u8], samples: &mut Vec<i16>) {
        let mut rest = bytes;
        if let (Some(low), Some((high, after))) = (self.odd, bytes.split_first()) {
            samples.push(i16::from_le_bytes([low, *high]));
            self.odd = None;
            rest = after;
        }
        let (pairs, half) = rest.as_chunks::<2>();
        samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        if let [low] = half {
            self.odd = Some(*low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    const RATES_HZ: [u32; 5] = [8000, 16_000, 22_050, 24_000, 44_100];

    fn formats() -> impl Iterator<Item = Format> {
        let encodings = [Encoding::Pcm16, Encoding::Mulaw, Encoding::Alaw];
        encodings.into_iter().flat_map(|encoding| RATES_HZ.map(|rate_hz| Format { encoding, rate_hz }))
    }

    fn converted(from: Format, to: Format, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut convert = Convert::new(from, to).unwrap();
        let mut out = Vec::new();
        for piece in bytes.chunks(piece) {
            convert.push(piece, &mut out);
            assert!(out.len().is_multiple_of(to.sample_bytes()));
        }
        convert.flush(&mut out);
        out
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        for from in formats() {
            let mut bytes = Vec::new();
            g711::encode_into(from.encoding, &tone::sine(440.0, 40, from.rate_hz, -6.0), &mut bytes);
            for to in formats().filter(|to| to.rate_hz <= 24_000) {
                let whole = converted(from, to, &bytes, bytes.len());
                assert_eq!(whole.len(), to.bytes_of_ms(40), "{from} to {to}");
                for piece in [1, 3, 7, 959] {
                    assert_eq!(converted(from, to, &bytes, piece), whole, "{from} to {to}, {piece}");
                }
            }
        }
    }

    #[test]
    fn equal_formats_are_copied_and_half_a_sample_is_dropped_at_the_end() {
        let noise: Vec<u8> = (0..=255).chain(0..=254).collect();
        for from in formats() {
            let whole = noise.len() / from.sample_bytes() * from.sample_bytes();
            assert_eq!(converted(from, from, &noise, 7), noise[..whole], "{from}");
        }
    }

    #[test]
    fn half_a_sample_does_not_survive_a_flush() {
        let pcm = Format::PCM16_8K;
        let mut convert = Convert::new(pcm, pcm).unwrap();
        let mut out = Vec::new();
        convert.push(&[1, 2, 3], &mut out);
        convert.flush(&mut out);
        convert.push(&[4, 5], &mut out);
        assert_eq!(out, [1, 2, 4, 5]);
        assert!(Convert::new(Format { rate_hz: 1, ..pcm }, pcm).is_err());
    }
}
