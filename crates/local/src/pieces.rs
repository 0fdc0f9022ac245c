use std::sync::Arc;

use operetta_audio::{Format, Resampler, g711};

use crate::LocalError;

/// Samples as bytes of `format`; their rate is already right.
pub(crate) fn encode(samples: &[i16], format: Format) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(samples.len() * format.sample_bytes());
    g711::encode_into(format.encoding, samples, &mut bytes);
    bytes.into()
}

/// A whole recording at another rate.
pub(crate) fn resample(samples: Vec<i16>, from_hz: u32, to_hz: u32) -> Result<Vec<i16>, LocalError> {
    if from_hz == to_hz {
        return Ok(samples);
    }
    let mut resampler = Resampler::new(from_hz, to_hz)
        .map_err(|error| LocalError::inference("resampler", "a rate that can be changed", error))?;
    let mut out = Vec::with_capacity(samples.len() * to_hz as usize / from_hz as usize + 1);
    resampler.push(&samples, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}

/// A sample as a number between -1 and 1.
pub(crate) fn float(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// A number between -1 and 1 as a sample; louder ones are clipped.
pub(crate) fn short(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}
