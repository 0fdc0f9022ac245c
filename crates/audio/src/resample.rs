use std::fmt;

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler as _, Resizable as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Changes the rate of a mono stream, piece by piece.
///
/// What comes out is aligned with what went in, to a twelfth of a sample: the filter's delay is cut from the front and made up for by
/// [`Resampler::flush`], so `n` samples in give `n · to / from` out, rounded. A sample can be had once those within
/// the filter's half length after it are known: [`Resampler::delay_ms`], 4 ms at 8 kHz. Equal rates cost a copy.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    sinc: Option<Box<Sinc>>,
}

struct Sinc {
    filter: Async<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Half the filter's length, in input samples.
    half: usize,
    /// Silence that goes before the stream, so that its first sample falls on an output sample.
    lead_in: usize,
    /// Output samples before the stream's first.
    delay: usize,
    /// How many of them are still to be cut.
    skip: usize,
    heard: u64,
    given: u64,
}

impl Resampler {
    /// A resampler between two rates of 4 to 96 kHz. Between 8, 16, 24 and 48 kHz every output sample falls on a
    /// computed phase of the filter and takes one dot product; other ratios interpolate between phases and take four.
    ///
    /// # Errors
    /// A rate out of range.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        if !(RATES_HZ.contains(&from_hz) && RATES_HZ.contains(&to_hz)) {
            return Err(ResampleError { from_hz, to_hz });
        }
        let sinc = if from_hz == to_hz { None } else { Some(Box::new(Sinc::new(from_hz, to_hz)?)) };
        Ok(Self { from_hz, to_hz, sinc })
    }

    /// Appends to `out` what `samples` make available.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        match &mut self.sinc {
            None => out.extend_from_slice(samples),
            Some(sinc) => {
                sinc.heard += samples.len() as u64;
                for block in samples.chunks(BLOCK) {
                    sinc.process(block.iter().map(|&sample| f32::from(sample)), out, usize::MAX);
                }
            }
        }
    }

    /// Appends the tail that was held back, and begins anew.
    pub fn flush(&mut self, out: &mut Vec<i16>) {
        if let Some(sinc) = &mut self.sinc {
            let due = (sinc.heard * u64::from(self.to_hz) + u64::from(self.from_hz) / 2) / u64::from(self.from_hz);
            while sinc.given < due {
                let left = (due - sinc.given) as usize;
                sinc.process(std::iter::repeat_n(0.0, BLOCK), out, left);
            }
        }
        self.reset();
    }

    /// Drops the tail and begins anew: what was held back belongs to a speech that has been cut off.
    pub fn reset(&mut self) {
        if let Some(sinc) = &mut self.sinc {
            sinc.begin();
        }
    }

    /// How much of the stream is held back, in milliseconds.
    pub fn delay_ms(&self) -> f32 {
        self.sinc.as_ref().map_or(0.0, |sinc| sinc.half as f32 * 1000.0 / self.from_hz as f32)
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resampler({} Hz to {} Hz)", self.from_hz, self.to_hz)
    }
}

impl Sinc {
    fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        // The filter's length counts samples of the input; going down it has to grow to keep its slope.
        let length = TAPS * from_hz.div_ceil(to_hz).max(1) as usize;
        let phases = to_hz / greatest_common_divisor(from_hz, to_hz);
        let parameters = SincInterpolationParameters::new(length, WindowFunction::Blackman);
        let parameters = if PHASES.is_multiple_of(phases) {
            parameters.oversampling_factor(PHASES as usize).interpolation(SincInterpolationType::Nearest)
        } else {
            parameters
        };
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let filter = Async::new_sinc(ratio, 1.0, &parameters, BLOCK, 1, FixedAsync::Input)
            .map_err(|_| ResampleError { from_hz, to_hz })?;
        // Output sample k stands for the input at (k + 1) · from / to - half, and one phase: the filter begins a length
        // early, steps before it reads, and has its middle one phase before a sample (measured; rubato 5.0.1, sinc.rs
        // and asynchro_sinc.rs). Silence before the stream moves its beginning to a whole k.
        let half = length.next_multiple_of(8) / 2;
        let step = (from_hz / greatest_common_divisor(from_hz, to_hz)) as usize;
        // No silence is worth a step that long; the stream is then aligned to the next output sample.
        let begins = if step <= BLOCK { half.next_multiple_of(step) } else { half };
        let output = vec![0.0; filter.output_frames_max()];
        let mut sinc = Self {
            filter,
            input: Vec::with_capacity(BLOCK),
            output,
            half,
            lead_in: begins - half,
            delay: (begins * phases as usize).div_ceil(step) - 1,
            skip: 0,
            heard: 0,
            given: 0,
        };
        sinc.begin();
        Ok(sinc)
    }

    fn begin(&mut self) {
        self.filter.reset();
        self.skip = self.delay;
        if self.lead_in > 0 {
            // All that comes out of it is cut.
            self.process(std::iter::repeat_n(0.0, self.lead_in), &mut Vec::new(), 0);
        }
        (self.heard, self.given) = (0, 0);
    }

    /// Filters one block of at most [`BLOCK`] samples and appends at most `most` of the result.
    #[expect(clippy::expect_used, reason = "buffers and block are sized here, which is all the filter asks for")]
    fn process(&mut self, block: impl Iterator<Item = f32>, out: &mut Vec<i16>, most: usize) {
        self.input.clear();
        self.input.extend(block);
        let frames = self.input.len();
        // Blocks are as long as what came, so nothing waits for a block to fill up.
        self.filter.set_chunk_size(frames).expect("1 to BLOCK samples");
        let room = self.filter.output_frames_next();
        if self.output.len() < room {
            self.output.resize(room, 0.0);
        }
        let input = InterleavedSlice::new(&self.input, 1, frames).expect("one channel, as long as it is");
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room).expect("one channel, made to fit");
        let (_, made) = self.filter.process_into_buffer(&input, &mut output, None).expect("both sizes as it asked");
        let cut = self.skip.min(made);
        self.skip -= cut;
        let before = out.len();
        // `as` saturates: a filtered full-scale signal may overshoot.
        out.extend(self.output.iter().take(made).skip(cut).take(most).map(|sample| sample.round() as i16));
        self.given += (out.len() - before) as u64;
    }
}

/// A rate that no voice has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rates of 4000 to 96000 Hz expected, {from_hz} to {to_hz} came")]
pub struct ResampleError {
    /// Rate of the input.
    pub from_hz: u32,
    /// Rate of the output.
    pub to_hz: u32,
}

const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=96_000;
/// Taps at the lower of the two rates.
const TAPS: usize = 64;
/// Filter phases: a multiple of 2, 3, 4 and 6, which covers the ratios between 8, 16, 24 and 48 kHz.
const PHASES: u32 = 12;
/// Most samples that are filtered in one go: 20 ms at 24 kHz.
const BLOCK: usize = 480;

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    fn resampled(from_hz: u32, to_hz: u32, samples: &[i16], piece: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            resampler.push(piece, &mut out);
        }
        resampler.flush(&mut out);
        out
    }

    /// How far, in decibels, `samples` are from `expected`, edges aside.
    fn error_db(samples: &[i16], expected: &[i16]) -> f64 {
        let edge = expected.len() / 10;
        let middle = edge..expected.len() - edge;
        let power = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
        let error = power(&mut middle.clone().map(|i| f64::from(samples[i]) - f64::from(expected[i])));
        10.0 * (error / power(&mut middle.map(|i| f64::from(expected[i])))).log10()
    }

    fn level_db(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        10.0 * (power / samples.len() as f64 / f64::from(i16::MAX).powi(2)).log10()
    }

    /// What a tone made at `from_hz` is at `to_hz`, one filter phase early.
    fn ideal(hz: f64, from_hz: u32, to_hz: u32, phases: f64) -> Vec<i16> {
        let shift = if from_hz == to_hz { 0.0 } else { 1.0 / phases / f64::from(from_hz) };
        let sample = |index| (std::f64::consts::TAU * hz * (f64::from(index) / f64::from(to_hz) + shift)).sin();
        let peak = f64::from(i16::MAX) * 10_f64.powf(-6.0 / 20.0);
        (0..to_hz / 2).map(|index| (peak * sample(index)).round() as i16).collect()
    }

    const RATES: [u32; 4] = [8000, 16_000, 24_000, 48_000];

    #[test]
    fn a_tone_keeps_pitch_phase_level_and_length() {
        for from_hz in RATES {
            for to_hz in RATES {
                for hz in [300.0, 1000.0, 3000.0] {
                    let out = resampled(from_hz, to_hz, &tone::sine(hz, 500, from_hz, -6.0), 160);
                    let expected = ideal(f64::from(hz), from_hz, to_hz, 12.0);
                    assert_eq!(out.len(), expected.len(), "{from_hz} {to_hz}");
                    let error = error_db(&out, &expected);
                    assert!(error < -70.0, "{from_hz} to {to_hz}, {hz} Hz: {error} dB");
                }
            }
        }
    }

    #[test]
    fn the_telephone_band_is_kept() {
        for (from_hz, to_hz) in [(8000, 16_000), (24_000, 8000), (16_000, 8000), (8000, 24_000)] {
            let out = resampled(from_hz, to_hz, &tone::sine(3400.0, 500, from_hz, -6.0), 160);
            let middle = out.len() / 10..out.len() * 9 / 10;
            let lost = -9.0 - level_db(&out[middle]);
            assert!(lost.abs() < 1.0, "{from_hz} to {to_hz}: {lost} dB");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        for (from_hz, hz) in [(16_000, 5000.0), (24_000, 5000.0), (24_000, 11_000.0), (48_000, 20_000.0)] {
            let out = resampled(from_hz, 8000, &tone::sine(hz, 500, from_hz, -6.0), 160);
            let level = level_db(&out[400..3600]);
            assert!(level < -70.0, "{from_hz}, {hz} Hz: {level} dB");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let speech = tone::noise(100, 24_000, -20.0, 3);
        for to_hz in [8000, 16_000, 48_000] {
            let whole = resampled(24_000, to_hz, &speech, speech.len());
            for piece in [1, 7, 160, 481, 1000] {
                let pieces = resampled(24_000, to_hz, &speech, piece);
                assert_eq!(pieces.len(), whole.len(), "{to_hz} in pieces of {piece}");
                let off = pieces.iter().zip(&whole).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(off <= 1, "{to_hz} in pieces of {piece}: {off}");
            }
        }
    }

    #[test]
    fn odd_ratios_work_too() {
        let out = resampled(22_050, 8000, &tone::sine(1000.0, 500, 22_050, -6.0), 200);
        assert_eq!(out.len(), 4000);
        assert!(error_db(&out, &ideal(1000.0, 22_050, 8000, 128.0)) < -45.0);
    }

    #[test]
    fn holds_back_four_milliseconds_and_gives_them_up_on_flush() {
        for (from_hz, to_hz) in [(8000, 16_000), (24_000, 8000), (16_000, 24_000)] {
            let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
            assert!(resampler.delay_ms() <= 4.01, "{from_hz} {to_hz}: {}", resampler.delay_ms());
            let mut out = Vec::new();
            resampler.push(&tone::sine(440.0, 100, from_hz, -6.0), &mut out);
            let held = to_hz as usize / 10 - out.len();
            assert!(held as f32 * 1000.0 / to_hz as f32 <= resampler.delay_ms() + 0.2, "{held}");
            resampler.flush(&mut out);
            assert_eq!(out.len(), to_hz as usize / 10);
            // As new: the same input gives the same output.
            let mut again = Vec::new();
            resampler.push(&tone::sine(440.0, 100, from_hz, -6.0), &mut again);
            resampler.flush(&mut again);
            assert_eq!(again, out);
        }
    }

    #[test]
    fn a_reset_drops_the_tail() {
        let mut resampler = Resampler::new(24_000, 8000).unwrap();
        let mut out = Vec::new();
        resampler.push(&tone::noise(100, 24_000, -6.0, 1), &mut out);
        resampler.reset();
        out.clear();
        resampler.push(&tone::silence(100, 24_000), &mut out);
        resampler.flush(&mut out);
        assert_eq!(out, tone::silence(100, 8000));
    }

    #[test]
    fn refuses_rates_out_of_range() {
        assert!(Resampler::new(0, 8000).is_err());
        assert!(Resampler::new(8000, 192_000).is_err());
    }
}
