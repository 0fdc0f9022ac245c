use std::{collections::VecDeque, time::Duration};

use crate::Policy;

/// Decides how long to wait before a worker is started again. Pure: time comes in as a parameter.
pub(crate) struct Patience {
    policy: Policy,
    mood: Mood,
}

enum Mood {
    /// When the recent restarts happened, oldest first.
    Trusting(VecDeque<Duration>),
    /// The last pause. Only a life of a whole period leads back.
    BackingOff(Duration),
}

impl Patience {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, mood: Mood::Trusting(VecDeque::new()) }
    }

    /// The worker fell at `now` after it had lived for `lived`. Returns the pause before the next life.
    pub(crate) fn fell(&mut self, now: Duration, lived: Duration) -> Duration {
        if lived >= self.policy.period {
            self.mood = Mood::Trusting(VecDeque::new());
        }
        match &mut self.mood {
            Mood::Trusting(restarts) => {
                while restarts.front().is_some_and(|at| *at + self.policy.period <= now) {
                    restarts.pop_front();
                }
                if restarts.len() < self.policy.restarts {
                    restarts.push_back(now);
                    return Duration::ZERO;
                }
                self.mood = Mood::BackingOff(self.policy.first_pause);
                self.policy.first_pause
            }
            Mood::BackingOff(pause) => {
                *pause = pause.saturating_mul(2).min(self.policy.longest_pause);
                *pause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of (fell at, had lived, pause), all in ms.
    fn check(rows: &[(u64, u64, u64)]) {
        let mut patience = Patience::new(Policy::default());
        for (row, (now, lived, pause)) in rows.iter().enumerate() {
            let got = patience.fell(Duration::from_millis(*now), Duration::from_millis(*lived));
            assert_eq!(got, Duration::from_millis(*pause), "row {row}: fell at {now} ms");
        }
    }

    #[test]
    fn five_restarts_are_free_then_pauses_double_up_to_a_minute() {
        check(&[
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 1_000),
            (1_000, 0, 2_000),
            (3_000, 0, 4_000),
            (7_000, 0, 8_000),
            (15_000, 0, 16_000),
            (31_000, 0, 32_000),
            (63_000, 0, 60_000),
            (123_000, 0, 60_000),
        ]);
    }

    #[test]
    fn the_window_slides() {
        check(&[
            (0, 0, 0),
            (4_000, 4_000, 0),
            (6_000, 2_000, 0),
            (8_000, 2_000, 0),
            (9_000, 1_000, 0),
            // The restart at 0 has left the window by 10 000; the one at 4 000 has not by 10 001.
            (10_000, 1_000, 0),
            (10_001, 1, 1_000),
        ]);
    }

    #[test]
    fn a_period_without_trouble_is_a_fresh_start() {
        check(&[
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 1_000),
            (2_000, 1_000, 2_000),
            (14_000, 10_000, 0),
            (14_000, 0, 0),
            (14_000, 0, 0),
            (14_000, 0, 0),
            (14_000, 0, 0),
            (14_000, 0, 1_000),
        ]);
    }
}
