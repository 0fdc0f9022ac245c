use crate::report::Recording;
use std::path::Path;
use thiserror::Error;

/// The recording could not be written.
#[derive(Debug, Error)]
#[error("the recording cannot be written: {0}")]
pub struct RecordingError(#[from] hound::Error);

impl Recording {
    /// Writes both sides as 16-bit stereo WAV: left the caller, right the agent as it was played. Blocks on the file system.
    pub fn write_wav(&self, path: impl AsRef<Path>) -> Result<(), RecordingError> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: self.rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(path, spec)?;
        for (caller, agent) in self.caller.iter().zip(&self.agent) {
            wav.write_sample(*caller)?;
            wav.write_sample(*agent)?;
        }
        wav.finalize()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Recording;

    #[test]
    fn the_caller_is_left_and_the_agent_right() {
        let path = tempfile::tempdir().unwrap().keep().join("call.wav");
        let recording = Recording { rate_hz: 8000, caller: vec![1, 2], agent: vec![-1, -2] };
        recording.write_wav(&path).unwrap();
        let mut wav = hound::WavReader::open(&path).unwrap();
        assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8000));
        let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
        assert_eq!(samples, [1, -1, 2, -2]);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
