use operetta_audio::{Encoding, Resampler, g711};

/// Samples as the carrier writes them.
pub(crate) fn encode(samples: &[i16], encoding: Encoding) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * 2);
    g711::encode_into(encoding, samples, &mut bytes);
    bytes
}

/// The carrier's bytes as samples, replacing what `out` held. A trailing odd byte of PCM16 is dropped.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding, out: &mut Vec<i16>) {
    out.clear();
    g711::decode_into(encoding, bytes, out);
}

/// The samples at another rate, both 4 to 96 kHz.
pub(crate) fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz {
        return samples.to_vec();
    }
    let length = (samples.len() as u64 * u64::from(to_hz) / u64::from(from_hz)) as usize;
    let mut out = Vec::with_capacity(length);
    let Ok(mut resampler) = Resampler::new(from_hz, to_hz) else {
        unreachable!("Clip keeps to 4 to 96 kHz, carriers to 8, 16 and 24")
    };
    resampler.push(samples, &mut out);
    resampler.flush(&mut out);
    out.resize(length, 0);
    out
}
