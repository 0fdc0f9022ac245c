use std::{collections::HashMap, sync::Arc};

use operetta_audio::{Encoding, Format, Resampler, g711, tone};
use operetta_call::Clip;

/// The engine's own recordings, in the formats that were asked for so far. They need no provider, so they can always be
/// played. When a provider dies all calls want one at once, so each is converted once a lane.
#[derive(Debug, Default)]
pub(crate) struct Clips(HashMap<(Clip, Format), Arc<[u8]>>);

impl Clips {
    /// The whole of `clip` in `format`.
    pub(crate) fn play(&mut self, clip: Clip, format: Format) -> Arc<[u8]> {
        let known = self.0.entry((clip, format)).or_insert_with(|| recording(clip, format));
        Arc::clone(known)
    }
}

/// The spoken ones are 8 kHz µ-law, rendered with the `kal` voice of CMU Flite.
fn recording(clip: Clip, format: Format) -> Arc<[u8]> {
    match clip {
        Clip::Beep => encode(&tone::sine(440.0, BEEP_MS, format.rate_hz, BEEP_DBFS), format),
        Clip::OneMoment => spoken(include_bytes!("../assets/one_moment.ulaw"), format),
        Clip::Apology => spoken(include_bytes!("../assets/apology.ulaw"), format),
    }
}

const BEEP_MS: u32 = 500;
const BEEP_DBFS: f32 = -12.0;

fn spoken(mulaw: &[u8], format: Format) -> Arc<[u8]> {
    if format == Format::MULAW_8K {
        return mulaw.into();
    }
    let mut samples = Vec::new();
    g711::decode_into(Encoding::Mulaw, mulaw, &mut samples);
    let mut resampled = Vec::new();
    match Resampler::new(Format::MULAW_8K.rate_hz, format.rate_hz) {
        Ok(mut resampler) => {
            resampler.push(&samples, &mut resampled);
            resampler.flush(&mut resampled);
        }
        // No carrier speaks such a rate: better too fast than nothing.
        Err(_) => resampled = samples,
    }
    encode(&resampled, format)
}

fn encode(samples: &[i16], format: Format) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(samples.len() * format.sample_bytes());
    g711::encode_into(format.encoding, samples, &mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_is_audible_in_every_format() {
        for rate_hz in [8000, 16_000, 24_000] {
            for encoding in [Encoding::Pcm16, Encoding::Mulaw, Encoding::Alaw] {
                for clip in [Clip::Beep, Clip::OneMoment, Clip::Apology] {
                    let format = Format { encoding, rate_hz };
                    let bytes = recording(clip, format);
                    let mut samples = Vec::new();
                    g711::decode_into(encoding, &bytes, &mut samples);
                    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
                    let ms = format.ms_of_bytes(bytes.len());
                    assert!(loudest > Some(3000), "{clip:?} in {format}: {loudest:?}");
                    assert!((500..8000).contains(&ms), "{clip:?} in {format}: {ms} ms");
                }
            }
        }
    }
}
