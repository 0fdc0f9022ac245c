//! Samples to bytes and back, for every [`Encoding`].
//!
//! G.711 (ITU-T, 1988) is done by `audio-codec-algorithms`, whose tables and segment arithmetic are byte-identical to
//! Python's `audioop`.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use crate::Encoding;

/// Appends the samples that `bytes` hold. An odd last byte of PCM16 is cut off.
pub fn decode_into(encoding: Encoding, bytes: &[u8], samples: &mut Vec<i16>) {
    match encoding {
        Encoding::Pcm16 => samples.extend(bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair))),
        Encoding::Mulaw => samples.extend(bytes.iter().map(|&byte| decode_ulaw(byte))),
        Encoding::Alaw => samples.extend(bytes.iter().map(|&byte| decode_alaw(byte))),
    }
}

/// Appends the bytes that stand for `samples`.
pub fn encode_into(encoding: Encoding, samples: &[i16], bytes: &mut Vec<u8>) {
    match encoding {
        Encoding::Pcm16 => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        Encoding::Mulaw => bytes.extend(samples.iter().map(|&sample| encode_ulaw(sample))),
        Encoding::Alaw => bytes.extend(samples.iter().map(|&sample| encode_alaw(sample))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::new();
        decode_into(encoding, bytes, &mut samples);
        samples
    }

    fn encoded(encoding: Encoding, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_into(encoding, samples, &mut bytes);
        bytes
    }

    #[test]
    fn every_code_word_survives_the_round_trip() {
        for encoding in [Encoding::Mulaw, Encoding::Alaw] {
            for byte in 0..=u8::MAX {
                let back = encoded(encoding, &decoded(encoding, &[byte]));
                // µ-law has two zeros; the negative one comes back as the positive.
                let expected = if encoding == Encoding::Mulaw && byte == 0x7F { 0xFF } else { byte };
                assert_eq!(back, [expected], "{encoding:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn quantising_errs_by_less_than_half_a_step() {
        for encoding in [Encoding::Mulaw, Encoding::Alaw] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let back = decoded(encoding, &encoded(encoding, &[sample]))[0];
                let (sample, back) = (f32::from(sample), f32::from(back));
                // The largest steps are 1024 (µ-law), 2048 (A-law halves), each a 32nd of what they measure.
                let bound = (sample.abs() / 16.0).max(16.0) + 660.0 * f32::from(u8::from(sample.abs() > 32_000.0));
                assert!((sample - back).abs() <= bound, "{encoding:?} {sample} {back}");
            }
        }
    }

    #[test]
    fn silence_bytes_are_silent() {
        for encoding in [Encoding::Pcm16, Encoding::Mulaw, Encoding::Alaw] {
            let format = Format { encoding, rate_hz: 8000 };
            for sample in decoded(encoding, &[format.silence_byte(); 4]) {
                assert!(sample.abs() <= 8, "{encoding:?} {sample}");
            }
        }
    }

    #[test]
    fn pcm_is_little_endian_and_cuts_the_odd_byte() {
        assert_eq!(decoded(Encoding::Pcm16, &[0x34, 0x12, 0xFF, 0xFF, 0x77]), [0x1234, -1]);
        assert_eq!(encoded(Encoding::Pcm16, &[0x1234, -1]), [0x34, 0x12, 0xFF, 0xFF]);
    }
}
