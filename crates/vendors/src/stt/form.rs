use std::fmt::Write as _;

use operetta_audio::Resampler;
use operetta_contract::{ErrorClass, ProviderError, Recognize};

/// A body of `multipart/form-data` (RFC 7578).
pub(super) struct Form {
    boundary: String,
    head: String,
}

impl Form {
    /// A form with a boundary that does not occur in `file`.
    pub(super) fn beside(file: &[u8]) -> Self {
        let mut number = 0u32;
        loop {
            let boundary = format!("operetta-form-{number:08x}");
            if !file.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
                return Self { boundary, head: String::new() };
            }
            number += 1;
        }
    }

    pub(super) fn field(&mut self, name: &str, value: &str) {
        let boundary = &self.boundary;
        // Values are the operator's. One that held the boundary would end its own part.
        let value = value.replace(boundary.as_str(), "");
        let _ = write!(self.head, "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }

    /// The content type and the body. The part needs a file name: servers look at its ending.
    pub(super) fn end_with_file(self, file: &[u8]) -> (String, Vec<u8>) {
        let Self { boundary, mut head } = self;
        let _ = write!(
            head,
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             content-type: audio/wav\r\n\r\n"
        );
        let mut body = head.into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

/// The recording as a WAV file at `rate_hz`: PCM16, mono.
pub(super) fn wav_of(job: &Recognize, rate_hz: u32) -> Result<Vec<u8>, ProviderError> {
    let wrong = |error: operetta_audio::ResampleError| ProviderError::new(ErrorClass::BadRequest, error.to_string());
    let mut resampler = Resampler::new(job.rate_hz, rate_hz).map_err(wrong)?;
    let mut samples = Vec::with_capacity(job.samples.len() * rate_hz as usize / job.rate_hz as usize + 1);
    resampler.push(&job.samples, &mut samples);
    resampler.flush(&mut samples);
    let data = samples.len() as u32 * 2;
    let mut wav = Vec::with_capacity(44 + samples.len() * 2);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    for half in [1u16, 1] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(&rate_hz.to_le_bytes());
    wav.extend_from_slice(&(rate_hz * 2).to_le_bytes());
    for half in [2u16, 16] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(wav)
}
