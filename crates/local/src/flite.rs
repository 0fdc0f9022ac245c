//! Text to speech that is always there: Flite's diphone voices `kal` (8 kHz) and `kal16` (16 kHz), the same robotic but
//! very clear American man. No files, first audio in about 1 ms.

use flite_rs::{Engine, Flow};

use crate::{LocalError, pieces::resample};

/// Both voices. One for the whole process: speaking takes `&self`.
pub struct Flite {
    kal: Engine,
    kal16: Engine,
}

/// Which of the two recordings speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FliteVoice {
    /// Native 8 kHz: what a telephone line carries.
    Kal,
    /// Native 16 kHz.
    Kal16,
}

impl Flite {
    /// Reads the voices that are in the binary. Takes below 1 ms.
    pub fn new() -> Self {
        let (kal, mut kal16) = (Engine::new(), Engine::new());
        let found = kal16.select_voice("kal16");
        debug_assert!(found, "the crate is built with its feature `kal16`");
        Self { kal, kal16 }
    }

    /// Speaks one sentence at `rate_hz` (8000, 16000 or 24000). Text without a word gives no samples.
    ///
    /// # Errors
    /// A rate that the resampler does not know (below 4000 or above 96 000).
    pub fn speak(&self, sentence: &str, voice: FliteVoice, rate_hz: u32) -> Result<Vec<i16>, LocalError> {
        let engine = match voice {
            FliteVoice::Kal => &self.kal,
            FliteVoice::Kal16 => &self.kal16,
        };
        let mut samples = Vec::new();
        engine.synthesize_streaming(sentence, |period| {
            samples.extend_from_slice(period);
            Flow::Continue
        });
        resample(samples, engine.sample_rate(), rate_hz)
    }
}

impl Default for Flite {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_voices_speak_at_every_rate() {
        let flite = Flite::new();
        for voice in [FliteVoice::Kal, FliteVoice::Kal16] {
            for rate_hz in [8_000, 16_000, 24_000] {
                let samples = flite.speak("Good morning.", voice, rate_hz).unwrap();
                let seconds = samples.len() as f32 / rate_hz as f32;
                assert!((0.5..2.0).contains(&seconds), "{voice:?} at {rate_hz}: {seconds} s");
                assert!(samples.iter().any(|s| s.unsigned_abs() > 3000), "{voice:?} at {rate_hz} is silent");
            }
        }
        assert!(flite.speak("", FliteVoice::Kal, 8_000).unwrap().is_empty());
    }
}
