//! Recordings as the engine leaves them.

use std::path::Path;

use hound::WavReader;

/// A stereo recording.
#[derive(Clone, Debug)]
pub struct Stereo {
    /// Samples a second.
    pub rate_hz: u32,
    /// Left.
    pub caller: Vec<i16>,
    /// Right.
    pub agent: Vec<i16>,
}

impl Stereo {
    /// Reads a file.
    ///
    /// # Panics
    /// It is no whole stereo WAV of 16-bit samples.
    pub fn read(path: &Path) -> Self {
        let wav = WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = wav.spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (2, 16), "{}", path.display());
        let samples: Vec<i16> = wav.into_samples().map(|sample| sample.expect("the samples are whole")).collect();
        let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect();
        Self { rate_hz: spec.sample_rate, caller: side(0), agent: side(1) }
    }

    /// Its length in ms.
    pub fn ms(&self) -> u64 {
        self.caller.len() as u64 * 1000 / u64::from(self.rate_hz)
    }
}

/// For how many ms `samples` can be heard: slots of 20 ms whose level is above -50 dB of full scale.
pub fn audible_ms(samples: &[i16], rate_hz: u32) -> u64 {
    let slot = rate_hz as usize / 50;
    let loud = |slot: &&[i16]| {
        let energy: f64 = slot.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (energy / slot.len() as f64).sqrt() > 100.0
    };
    samples.chunks(slot).filter(loud).count() as u64 * 20
}
