use std::time::Duration;

/// How much audio a carrier may send: a good deal more than real time, as after a stall of the network, but not without end
/// (threat T20: audio faster than time passes).
#[derive(Debug)]
pub(crate) struct Allowance {
    left: Duration,
    at: Duration,
}

impl Allowance {
    /// Audio that may come per unit of time.
    const RATE: u32 = 4;
    /// Audio that may come at once.
    const MOST: Duration = Duration::from_secs(10);

    /// A whole allowance.
    pub(crate) const fn new() -> Self {
        Self { left: Self::MOST, at: Duration::ZERO }
    }

    /// Whether `audio` that comes `now` is still allowed; it is used up if so. Time is that since the leg opened.
    pub(crate) fn take(&mut self, audio: Duration, now: Duration) -> bool {
        let earned = now.saturating_sub(self.at).saturating_mul(Self::RATE);
        self.at = self.at.max(now);
        self.left = self.left.saturating_add(earned).min(Self::MOST);
        match self.left.checked_sub(audio) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of audio taken in a minute when it comes `times` as fast as time passes, in pieces of `piece_ms`.
    fn taken(times: u32, piece_ms: u64) -> u64 {
        let mut allowance = Allowance::new();
        let piece = Duration::from_millis(piece_ms);
        let pieces = (0..).map(|number: u32| piece * number / times).take_while(|at| *at < Duration::from_mins(1));
        pieces.filter(|at| allowance.take(piece, *at)).count() as u64 * piece_ms / 1000
    }

    #[test]
    fn real_time_and_more_is_taken_and_a_flood_is_not() {
        for piece_ms in [20, 200, 3200] {
            assert!((57..=63).contains(&taken(1, piece_ms)), "{piece_ms} ms");
            assert!((236..=244).contains(&taken(4, piece_ms)), "{piece_ms} ms");
            assert!((235..=250).contains(&taken(10, piece_ms)), "{piece_ms} ms");
            assert!((235..=250).contains(&taken(100, piece_ms)), "{piece_ms} ms");
        }
    }

    #[test]
    fn a_stall_is_made_up_for() {
        let mut allowance = Allowance::new();
        let (frame, later) = (Duration::from_millis(20), Duration::from_secs(30));
        assert_eq!((0..500).filter(|_| allowance.take(frame, later)).count(), 500, "ten seconds at once");
        assert!(!allowance.take(frame, later));
    }
}
