//! Sounds made by arithmetic: the beep that tries a line out, and what tests listen to.

use std::f32::consts::TAU;

/// A sine of `hz` for `ms` milliseconds at `rate_hz`, its peak `level_dbfs` below full scale (0 or less). Its first
/// and last 5 ms are faded, or it would begin and end with a click.
pub fn sine(hz: f32, ms: u32, rate_hz: u32, level_dbfs: f32) -> Vec<i16> {
    let samples = count(ms, rate_hz);
    let peak = amplitude(level_dbfs);
    let fade = (count(5, rate_hz)).min(samples / 2).max(1) as f32;
    (0..samples)
        .map(|index| {
            let edge = (index.min(samples - 1 - index) as f32 / fade).min(1.0);
            // The phase in double precision: after a minute a float no longer resolves one sample.
            let phase = (f64::from(hz) * index as f64 / f64::from(rate_hz)).fract() as f32;
            (peak * edge * (TAU * phase).sin()).round() as i16
        })
        .collect()
}

/// Nothing, for `ms` milliseconds.
pub fn silence(ms: u32, rate_hz: u32) -> Vec<i16> {
    vec![0; count(ms, rate_hz)]
}

/// White noise whose mean level is `level_dbfs` below full scale, the same for the same `seed`.
pub fn noise(ms: u32, rate_hz: u32, level_dbfs: f32, seed: u64) -> Vec<i16> {
    // Uniform noise of peak p has a root mean square of p / sqrt(3).
    let peak = amplitude(level_dbfs) * 3.0_f32.sqrt();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count(ms, rate_hz))
        .map(|_| {
            // Marsaglia's xorshift64: enough for noise, and no dependency.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let uniform = (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0;
            (peak * uniform).round() as i16
        })
        .collect()
}

fn count(ms: u32, rate_hz: u32) -> usize {
    (u64::from(ms) * u64::from(rate_hz) / 1000) as usize
}

fn amplitude(level_dbfs: f32) -> f32 {
    f32::from(i16::MAX) * 10_f32.powf(level_dbfs.min(0.0) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rms_dbfs(samples: &[i16]) -> f32 {
        let power: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power / f64::from(i16::MAX).powi(2)).log10() as f32
    }

    #[test]
    fn a_beep_has_its_length_pitch_and_level() {
        let beep = sine(440.0, 500, 8000, -6.0);
        assert_eq!(beep.len(), 4000);
        let rising = beep.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((219..=221).contains(&rising), "{rising} periods");
        assert!((rms_dbfs(&beep) + 9.0).abs() < 0.2, "{}", rms_dbfs(&beep));
        assert_eq!((beep[0], beep[3999]), (0, 0));
    }

    #[test]
    fn noise_has_its_level_and_repeats() {
        let hiss = noise(1000, 8000, -40.0, 7);
        assert!((rms_dbfs(&hiss) + 40.0).abs() < 0.3, "{}", rms_dbfs(&hiss));
        assert_eq!(hiss, noise(1000, 8000, -40.0, 7));
        assert_ne!(hiss, noise(1000, 8000, -40.0, 8));
    }
}
