use std::{f32::consts::PI, sync::Arc};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Turns the network's spectral parts into a waveform.
///
/// The network gives, for every frame of 12.5 ms and every bin of 20 Hz: the gain `lh` and phase `theta` of a pulse train
/// with the pitch `f0`, the gain `ln` of noise, and the gain `lr` of a part with the free phase `phi`. Their sum is a
/// short-time spectrum (window 50 ms, Hann), which is inverted. Source: metadata of the Python package `hibari-tts` 0.2.1.
///
/// Frame and bin do not depend on the rate, so a lower rate is had by leaving out the bins above its Nyquist frequency:
/// telephone speech costs a third and needs no resampling.
pub(super) struct Synthesis {
    rates: [Rate; 3],
    /// Normally distributed numbers: drawing one at random is cheaper than making one.
    noise: Vec<f32>,
}

struct Rate {
    hz: u32,
    /// Samples of a window: 50 ms.
    len: usize,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

const BINS: usize = 601;
const FRAMES_PER_S: usize = 80;
/// A window is this many frames long.
const OVERLAP: usize = 4;
/// Rate at which the network's gains were learned, in Hz.
const NATIVE_HZ: u32 = 24_000;
/// Frames with a lower pitch are unvoiced.
const LOWEST_PITCH_HZ: f32 = 40.0;
/// Harmonics end here at the native rate.
const HIGHEST_HARMONIC_HZ: f32 = 11_000.0;
/// Gains are logarithms and are capped, as in training.
const MAX_LOG_GAIN: f32 = 7.0;
const NOISE_LEN: usize = 1 << 14;

impl Synthesis {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let rates = [8_000, 16_000, NATIVE_HZ].map(|hz| {
            let len = hz as usize / FRAMES_PER_S * OVERLAP;
            let window = (0..len).map(|n| 0.5 - 0.5 * (2.0 * PI * n as f32 / len as f32).cos()).collect();
            Rate { hz, len, window, forward: planner.plan_fft_forward(len), inverse: planner.plan_fft_inverse(len) }
        });
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let noise = (0..NOISE_LEN)
            .map(|_| {
                // Box-Muller.
                let (u, v) = (dice.unit().max(1e-7), dice.unit());
                (-2.0 * u.ln()).sqrt() * (2.0 * PI * v).cos()
            })
            .collect();
        Self { rates, noise }
    }

    /// Appends the waveform of `parts` (`lh`, `theta`, `ln`, `lr`, `phi`, each 601 bins by F frames, bin after bin; `f0`,
    /// F frames) at `rate_hz`. `None` when the sizes do not fit each other or the rate is not one of the three.
    pub(super) fn render(&self, parts: &[Vec<f32>; 6], rate_hz: u32, seed: u64, speech: &mut Vec<f32>) -> Option<()> {
        let rate = self.rates.iter().find(|rate| rate.hz == rate_hz)?;
        let [lh, theta, ln, lr, phi, f0] = parts;
        let frames = f0.len();
        if frames == 0 || [lh, theta, ln, lr, phi].iter().any(|part| part.len() != BINS * frames) {
            return None;
        }
        let hop = rate.len / OVERLAP;
        let bins = rate.len / 2 + 1;
        let half = rate.len / 2;
        let source = padded(&pulses(f0, rate_hz, hop), half);
        let mut dice = Dice(seed ^ 0xD1B5_4A32_D192_ED03);
        let mut wave = vec![0.0_f32; (frames + OVERLAP - 1) * hop];
        let mut weight = vec![0.0_f32; wave.len()];
        let mut block = rate.forward.make_input_vec();
        let mut spectrum = rate.forward.make_output_vec();
        let mut scratch = rate.forward.make_scratch_vec();
        let mut scratch_back = rate.inverse.make_scratch_vec();
        // The transforms are not normalised; gains are those of the native rate.
        let scale = 1.0 / (NATIVE_HZ as usize / FRAMES_PER_S * OVERLAP) as f32;
        for frame in 0..frames {
            for (n, sample) in block.iter_mut().enumerate() {
                *sample = source[frame * hop + n] * rate.window[n] / hop as f32;
            }
            rate.forward.process_with_scratch(&mut block, &mut spectrum, &mut scratch).ok()?;
            for (bin, value) in spectrum.iter_mut().enumerate() {
                let at = bin * frames + frame;
                let harmonic = Complex32::from_polar(gain(lh[at]), PI * theta[at].tanh());
                let free = Complex32::from_polar(gain(lr[at]), phi[at]);
                let noise = Complex32::new(self.draw(&mut dice), self.draw(&mut dice)) * gain(ln[at]);
                *value = (*value * harmonic + free + noise) * (scale * edge(bin, bins));
            }
            // A real signal has real ends of its spectrum.
            spectrum[0].im = 0.0;
            spectrum[bins - 1].im = 0.0;
            rate.inverse.process_with_scratch(&mut spectrum, &mut block, &mut scratch_back).ok()?;
            let from = frame * hop;
            for (n, sample) in block.iter().enumerate() {
                wave[from + n] += sample * rate.window[n];
                weight[from + n] += rate.window[n] * rate.window[n];
            }
        }
        let centred = half..(half + frames * hop).min(wave.len());
        speech.extend(
            wave[centred.clone()].iter().zip(&weight[centred]).map(
                |(sample, weight)| {
                    if *weight > 1e-8 { sample / weight } else { 0.0 }
                },
            ),
        );
        Some(())
    }

    fn draw(&self, dice: &mut Dice) -> f32 {
        self.noise[(dice.next() >> 40) as usize % NOISE_LEN]
    }
}

fn gain(log: f32) -> f32 {
    log.min(MAX_LOG_GAIN).exp()
}

/// Fades the last bins out, so that a spectrum that was cut off does not ring.
fn edge(bin: usize, bins: usize) -> f32 {
    const FADE: usize = 12;
    let left = bins - 1 - bin;
    if bins == BINS || left >= FADE { 1.0 } else { left as f32 / FADE as f32 }
}

/// A train of pulses with the pitch `f0` (one value a frame, in Hz): the sum of all cosines below the limit, each of unit
/// amplitude, in closed form. Silent where the voice is.
fn pulses(f0: &[f32], rate_hz: u32, hop: usize) -> Vec<f32> {
    let limit = HIGHEST_HARMONIC_HZ.min(rate_hz as f32 * 0.5);
    let mut out = Vec::with_capacity(f0.len() * hop);
    let mut turns = 0.0_f64;
    for frame in 0..f0.len() {
        for n in 0..hop {
            // A frame's value holds in its middle.
            let offset = (n as f32 + 0.5) / hop as f32 - 0.5;
            let (near, share) = if offset < 0.0 {
                (f0[frame.saturating_sub(1)], -offset)
            } else {
                (f0[(frame + 1).min(f0.len() - 1)], offset)
            };
            let pitch = f0[frame] * (1.0 - share) + near * share;
            let voiced = pitch > LOWEST_PITCH_HZ;
            let pitch = pitch.max(LOWEST_PITCH_HZ);
            turns = (turns + f64::from(pitch) / f64::from(rate_hz)).fract();
            if !voiced {
                out.push(0.0);
                continue;
            }
            let angle = 2.0 * PI * turns as f32;
            let harmonics = (limit / pitch).floor();
            let below = 2.0 * (angle / 2.0).sin();
            out.push(if below.abs() <= 2e-3 { harmonics } else { ((harmonics + 0.5) * angle).sin() / below - 0.5 });
        }
    }
    out
}

/// `samples` with `pad` mirrored samples on both sides.
fn padded(samples: &[f32], pad: usize) -> Vec<f32> {
    let last = samples.len().saturating_sub(1);
    let mirror = |n: usize| samples[n.min(last)];
    let before = (1..=pad).rev().map(mirror);
    let after = (1..=pad).map(|n| mirror(last.saturating_sub(n)));
    before.chain(samples.iter().copied()).chain(after).collect()
}

/// A small xorshift generator: noise needs no better.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spectrum that passes the pulses through and nothing else.
    fn plain(frames: usize, pitch_hz: f32) -> [Vec<f32>; 6] {
        let flat = |value: f32| vec![value; BINS * frames];
        [flat(0.0), flat(0.0), flat(-30.0), flat(-30.0), flat(0.0), vec![pitch_hz; frames]]
    }

    #[test]
    fn pulses_come_back_with_the_same_pitch_at_every_rate() {
        for rate_hz in [8_000, 16_000, 24_000] {
            let mut speech = Vec::new();
            Synthesis::new().render(&plain(80, 100.0), rate_hz, 1, &mut speech).unwrap();
            assert_eq!(speech.len(), rate_hz as usize);
            let loud = speech.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            let peaks = (1..speech.len() - 1)
                .filter(|&n| speech[n] > loud / 2.0 && speech[n] >= speech[n - 1] && speech[n] > speech[n + 1])
                .count();
            assert!((98..=102).contains(&peaks), "{rate_hz}: {peaks} peaks");
        }
    }

    #[test]
    fn the_seed_decides_the_noise() {
        let mut parts = plain(10, 0.0);
        parts[2].fill(0.0);
        let synthesis = Synthesis::new();
        let render = |seed| {
            let mut speech = Vec::new();
            synthesis.render(&parts, 8_000, seed, &mut speech).unwrap();
            speech
        };
        assert_eq!(render(7), render(7));
        assert_ne!(render(7), render(8));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let mut parts = plain(10, 100.0);
        parts[3].pop();
        assert!(Synthesis::new().render(&parts, 8_000, 1, &mut Vec::new()).is_none());
        assert!(Synthesis::new().render(&plain(10, 100.0), 44_100, 1, &mut Vec::new()).is_none());
    }
}
