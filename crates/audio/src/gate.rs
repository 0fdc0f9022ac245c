/// Whether anybody might be speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GateState {
    /// Silence or line noise: not worth a real voice detector's time.
    Closed,
    /// Speech, or something that may be speech.
    Open,
}

impl GateState {
    /// Whether it is [`GateState::Open`].
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

/// A voice gate that costs next to nothing: it stands before a neural detector, which costs a hundred times as much.
///
/// It compares the energy of 20 ms frames, mean removed, with a noise floor that it learns:
/// - A frame opens the gate when it is above -60 dBFS and 6 dB above the floor, or above -45 dBFS and 3 dB above the
///   floor for two frames running. The gate closes [`Gate::with_hangover_ms`] after the last such frame.
/// - The floor falls within a few frames when it gets quieter, and creeps up by 6 dB a second at most; a vowel held
///   for long does not become noise.
/// - Sound that stays within 3 dB for a whole second is no speech: it becomes the floor at once. So does the first
///   fifth of a second of a call if it is that steady; until then the gate stays closed unless something stands out.
///
/// It errs on the side of open: knocks, music and babble open it, and the detector behind it decides. Digital silence
/// and steady noise do not, save for that one second after steady noise has become louder.
#[derive(Clone, Debug)]
pub struct Gate {
    // The frame being filled.
    sum: i64,
    squares: i64,
    filled: u32,
    frame: u32,
    // The block being filled: its frames' energies.
    frames: u8,
    quietest: f32,
    loudest: f32,
    total: f32,
    // Blocks that stayed at one level, and that level.
    steady_blocks: u8,
    steady: f32,
    // What was learned.
    floor: f32,
    calibrated: bool,
    // The answer.
    loud_frames: u8,
    open_frames: u16,
    hangover_frames: u16,
}

impl Gate {
    /// A closed gate for audio at `rate_hz`, 8000 to 48000, with a hangover of 500 ms.
    pub fn new(rate_hz: u32) -> Self {
        Self {
            sum: 0,
            squares: 0,
            filled: 0,
            frame: (rate_hz / (1000 / FRAME_MS)).max(1),
            frames: 0,
            quietest: f32::MAX,
            loudest: 0.0,
            total: 0.0,
            steady_blocks: 0,
            steady: 0.0,
            floor: LEAST_FLOOR,
            calibrated: false,
            loud_frames: 0,
            open_frames: 0,
            hangover_frames: 500 / FRAME_MS as u16,
        }
    }

    /// The same gate, staying open for `ms` after the last frame that might be speech; rounded up to 20 ms, at most
    /// 20 minutes.
    #[must_use]
    pub fn with_hangover_ms(mut self, ms: u32) -> Self {
        self.hangover_frames = ms.div_ceil(FRAME_MS).min(u32::from(u16::MAX) - 1) as u16;
        self
    }

    /// Listens to `samples`, of any number, and answers for the last whole frame among them; open if the gate was
    /// open at any of them, so that no onset is lost in a long piece.
    pub fn push(&mut self, samples: &[i16]) -> GateState {
        let mut open = self.state().is_open();
        let mut rest = samples;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min((self.frame - self.filled) as usize));
            rest = after;
            let (sum, squares) = moments(piece);
            self.sum += sum;
            self.squares += squares;
            self.filled += piece.len() as u32;
            if self.filled == self.frame {
                let energy = variance(self.sum, self.squares, self.frame);
                (self.sum, self.squares, self.filled) = (0, 0, 0);
                self.judge(energy);
                open |= self.state().is_open();
            }
        }
        if open { GateState::Open } else { GateState::Closed }
    }

    /// The answer as of the last whole frame.
    pub const fn state(&self) -> GateState {
        if self.open_frames > 0 { GateState::Open } else { GateState::Closed }
    }

    /// One frame of `energy`, the mean square of its samples.
    fn judge(&mut self, energy: f32) {
        self.frames += 1;
        self.quietest = self.quietest.min(energy);
        self.loudest = self.loudest.max(energy);
        self.total += energy;

        let active = if self.calibrated {
            if energy < self.floor {
                self.floor = (self.floor + FALL * (energy - self.floor)).max(LEAST_FLOOR);
            }
            let loud = energy > ALWAYS_HEARD && energy > self.floor * DB_3;
            self.loud_frames = if loud { self.loud_frames.saturating_add(1) } else { 0 };
            (energy > NEVER_HEARD && energy > self.floor * DB_6) || self.loud_frames >= 2
        } else {
            // Nothing to compare with yet, except the call's own first frames.
            self.loudest > NEVER_HEARD && self.loudest > self.quietest * DB_6
        };
        self.open_frames = if active { self.hangover_frames + 1 } else { self.open_frames.saturating_sub(1) };
        if self.frames == BLOCK_FRAMES || (active && !self.calibrated) {
            self.learn();
        }
    }

    /// Ends a block: has the line been steady, and how quiet does it get?
    fn learn(&mut self) {
        let mean = self.total / f32::from(self.frames);
        let steady = self.loudest <= self.quietest.max(LEAST_FLOOR) * DB_3;
        let same = mean <= self.steady * DB_3 && self.steady <= mean * DB_3;
        self.steady_blocks = match (steady, same) {
            (true, true) => self.steady_blocks.saturating_add(1),
            (true, false) => 1,
            (false, _) => 0,
        };
        if self.steady_blocks <= 1 {
            self.steady = mean;
        }
        if !self.calibrated {
            self.floor = if steady { mean } else { self.quietest };
            self.calibrated = true;
        } else if self.steady_blocks >= STEADY_BLOCKS {
            self.floor = mean;
        } else if self.quietest > self.floor {
            self.floor = self.quietest.min(self.floor * RISE);
        }
        self.floor = self.floor.max(LEAST_FLOOR);
        (self.frames, self.quietest, self.loudest, self.total) = (0, f32::MAX, 0.0, 0.0);
    }
}

/// Sum and sum of squares. At most one frame, so 32 bits hold the sum; the squares are summed in short runs for the
/// same reason, which lets the compiler use vector instructions.
fn moments(samples: &[i16]) -> (i64, i64) {
    let (mut sum, mut squares) = (0_i64, 0_i64);
    for run in samples.chunks(64) {
        let mut run_sum = 0_i32;
        let mut run_squares = 0_u64;
        for &sample in run {
            run_sum += i32::from(sample);
            run_squares += u64::from((i32::from(sample) * i32::from(sample)) as u32);
        }
        sum += i64::from(run_sum);
        squares += run_squares as i64;
    }
    (sum, squares)
}

fn variance(sum: i64, squares: i64, count: u32) -> f32 {
    let count = f64::from(count);
    let mean = sum as f64 / count;
    (squares as f64 / count - mean * mean).max(0.0) as f32
}

/// Two periods of the slowest voices, and a whole period of mains hum, whose energy would flutter in shorter frames.
const FRAME_MS: u32 = 20;
const BLOCK_FRAMES: u8 = 10;
const STEADY_BLOCKS: u8 = 5;
const DB_3: f32 = 2.0;
const DB_6: f32 = 4.0;
/// -45 dBFS, as mean square of 16-bit samples.
const ALWAYS_HEARD: f32 = FULL_SCALE * 3.162e-5;
/// -60 dBFS.
const NEVER_HEARD: f32 = FULL_SCALE * 1e-6;
/// -75 dBFS: what an idle G.711 line makes of silence.
const LEAST_FLOOR: f32 = FULL_SCALE * 3.162e-8;
const FULL_SCALE: f32 = 32_768.0 * 32_768.0;
/// Share of the way down that the floor goes in a quieter frame.
const FALL: f32 = 0.4;
/// Most that the floor rises in a block, 1.2 dB: 6 dB a second.
const RISE: f32 = 1.318;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoding, g711, tone};

    /// Syllables: bursts of a harmonic sound with a moving envelope, five a second, as speech has.
    fn speech(ms: u32, rate_hz: u32, level_dbfs: f32) -> Vec<i16> {
        let samples = ms * rate_hz / 1000;
        let peak = 32_767.0 * 10_f32.powf(level_dbfs / 20.0) * 2.2;
        (0..samples)
            .map(|index| {
                let time = index as f32 / rate_hz as f32;
                let envelope = (std::f32::consts::PI * 5.0 * time).sin().abs().powi(2);
                let pitch = 120.0 + 20.0 * (3.0 * time).sin();
                let voice: f32 =
                    (1..=8).map(|n| (std::f32::consts::TAU * pitch * n as f32 * time).sin() / n as f32).sum();
                (peak * envelope * voice / 1.5).clamp(-32_768.0, 32_767.0) as i16
            })
            .collect()
    }

    fn mixed(a: &[i16], b: &[i16]) -> Vec<i16> {
        a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
    }

    /// Milliseconds, in steps of 20, at which the gate was open.
    fn open_ms(gate: &mut Gate, samples: &[i16], rate_hz: u32) -> Vec<u32> {
        let frame = (rate_hz / 50) as usize;
        samples
            .chunks_exact(frame)
            .enumerate()
            .filter(|(_, piece)| gate.push(piece).is_open())
            .map(|(index, _)| index as u32 * 20)
            .collect()
    }

    #[test]
    fn silence_and_steady_noise_never_open_it() {
        for rate_hz in [8000, 16_000, 24_000] {
            let mut gate = Gate::new(rate_hz);
            assert_eq!(open_ms(&mut gate, &tone::silence(5000, rate_hz), rate_hz), []);
            for level in [-75.0, -60.0, -50.0, -40.0, -30.0] {
                let mut gate = Gate::new(rate_hz);
                let hiss = tone::noise(10_000, rate_hz, level, 11);
                assert_eq!(open_ms(&mut gate, &hiss, rate_hz), [], "{rate_hz} Hz, {level} dBFS");
            }
            for hum_hz in [50.0, 60.0] {
                let mut gate = Gate::new(rate_hz);
                let hum: Vec<i16> = tone::sine(hum_hz, 10_100, rate_hz, -35.0).split_off(rate_hz as usize / 10);
                assert_eq!(open_ms(&mut gate, &hum, rate_hz), [], "{rate_hz} Hz, hum of {hum_hz} Hz");
            }
        }
    }

    #[test]
    fn a_constant_offset_and_an_idle_g711_line_are_silence() {
        let mut gate = Gate::new(8000);
        assert_eq!(open_ms(&mut gate, &vec![900; 40_000], 8000), []);
        for encoding in [Encoding::Mulaw, Encoding::Alaw] {
            let (mut line, mut heard) = (Vec::new(), Vec::new());
            g711::encode_into(encoding, &tone::noise(5000, 8000, -78.0, 5), &mut line);
            g711::decode_into(encoding, &line, &mut heard);
            assert_eq!(open_ms(&mut Gate::new(8000), &heard, 8000), [], "{encoding:?}");
        }
    }

    #[test]
    fn quiet_speech_over_a_quiet_line_opens_it_within_a_syllable() {
        for level in [-45.0, -30.0, -12.0] {
            let mut gate = Gate::new(8000);
            let line = tone::noise(1000, 8000, -65.0, 2);
            assert_eq!(open_ms(&mut gate, &line, 8000), []);
            let open = open_ms(&mut gate, &mixed(&speech(2000, 8000, level), &tone::noise(2000, 8000, -65.0, 3)), 8000);
            assert!(open.first().is_some_and(|&first| first <= 80), "{level} dBFS: {open:?}");
            assert_eq!(open.len() as u32, (2000 - open[0]) / 20, "closed between syllables at {level} dBFS");
        }
    }

    #[test]
    fn speech_that_begins_with_the_call_opens_it() {
        for lead_in in [0, 10, 60, 150] {
            let mut gate = Gate::new(8000);
            let mut samples = tone::silence(lead_in, 8000);
            samples.extend(speech(1000, 8000, -25.0));
            let open = open_ms(&mut gate, &samples, 8000);
            assert!(open.first().is_some_and(|&first| first <= lead_in + 100), "{open:?}");
        }
    }

    #[test]
    fn speech_in_a_noisy_street_opens_it_and_the_street_does_not() {
        let mut gate = Gate::new(8000);
        let street = tone::noise(8000, 8000, -42.0, 9);
        assert_eq!(open_ms(&mut gate, &street[..16_000], 8000), []);
        let open = open_ms(&mut gate, &mixed(&speech(3000, 8000, -30.0), &street), 8000);
        assert!(open.first().is_some_and(|&first| first <= 100), "{open:?}");
        assert!(open.len() >= 140, "{}", open.len());
        // Afterwards the hangover, and nothing more.
        let after = open_ms(&mut gate, &street[24_000..], 8000);
        assert!(after.last().is_none_or(|&last| last <= 520), "{after:?}");
    }

    #[test]
    fn stays_open_through_minutes_of_speech() {
        let mut gate = Gate::new(8000);
        open_ms(&mut gate, &tone::noise(1000, 8000, -60.0, 4), 8000);
        let open = open_ms(&mut gate, &speech(120_000, 8000, -28.0), 8000);
        assert!(open.len() as u32 >= (120_000 - 100) / 20, "{}", open.len());
    }

    #[test]
    fn closes_after_its_hangover() {
        for hangover in [0, 200, 500, 1000] {
            let mut gate = Gate::new(8000).with_hangover_ms(hangover);
            open_ms(&mut gate, &tone::silence(400, 8000), 8000);
            assert!(gate.push(&tone::noise(100, 8000, -20.0, 6)).is_open());
            let after = open_ms(&mut gate, &tone::silence(3000, 8000), 8000);
            let expected = hangover.saturating_sub(20);
            assert!(after.last().copied().unwrap_or(0).abs_diff(expected) <= 20, "{hangover}: {after:?}");
        }
    }

    #[test]
    fn noise_that_grows_louder_and_stays_is_learned_in_a_second() {
        let mut gate = Gate::new(8000);
        open_ms(&mut gate, &tone::noise(2000, 8000, -65.0, 1), 8000);
        let open = open_ms(&mut gate, &tone::noise(10_000, 8000, -40.0, 2), 8000);
        assert!(open.last().is_some_and(|&last| last <= 2000), "{open:?}");
        // And a held vowel that was taken for noise does not make the gate deaf to what follows.
        let open = open_ms(&mut gate, &speech(2000, 8000, -30.0), 8000);
        assert!(open.first().is_some_and(|&first| first <= 200), "{open:?}");
    }

    #[test]
    fn a_line_that_becomes_quiet_is_listened_to_more_closely() {
        let mut gate = Gate::new(8000);
        assert_eq!(open_ms(&mut gate, &tone::noise(3000, 8000, -38.0, 1), 8000), []);
        assert_eq!(open_ms(&mut gate, &tone::noise(200, 8000, -65.0, 2), 8000), []);
        let open = open_ms(&mut gate, &speech(1000, 8000, -45.0), 8000);
        assert!(open.first().is_some_and(|&first| first <= 100), "{open:?}");
    }

    #[test]
    fn noise_that_wavers_is_learned_in_a_few_seconds() {
        let mut gate = Gate::new(8000);
        let mut samples = tone::silence(400, 8000);
        for index in 0..100 {
            samples.extend(tone::noise(100, 8000, if index % 2 == 0 { -50.0 } else { -54.0 }, index + 1));
        }
        let open = open_ms(&mut gate, &samples, 8000);
        assert!(open.last().is_some_and(|&last| (1000..5000).contains(&last)), "{open:?}");
    }

    #[test]
    fn a_constant_offset_hides_no_speech() {
        let mut gate = Gate::new(8000);
        let offset = vec![900; 24_000];
        assert_eq!(open_ms(&mut gate, &offset[..8000], 8000), []);
        let open = open_ms(&mut gate, &mixed(&speech(1000, 8000, -42.0), &offset), 8000);
        assert!(open.first().is_some_and(|&first| first <= 100), "{open:?}");
    }

    #[test]
    fn the_size_of_pieces_does_not_matter() {
        let mut samples = tone::noise(1000, 8000, -65.0, 1);
        samples.extend(speech(1000, 8000, -30.0));
        samples.extend(tone::silence(2000, 8000));
        let state = |piece: usize| {
            let mut gate = Gate::new(8000);
            for piece in samples.chunks(piece) {
                gate.push(piece);
            }
            (gate.floor, gate.open_frames, gate.filled)
        };
        for piece in [1, 80, 333, 1600] {
            assert_eq!(state(piece), state(160), "{piece}");
        }
    }

    #[test]
    fn is_small() {
        assert!(size_of::<Gate>() <= 96, "{} bytes", size_of::<Gate>());
    }
}
