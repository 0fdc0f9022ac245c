use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// A monotonic clock that counts from its own origin. The only source of time in the engine.
///
/// Two kinds exist. [`Clock::system`] follows the runtime, so `tokio::time::pause` and `advance` drive it in tests.
/// [`Clock::by_hand`] stands still until its [`Hand`] moves it, for tests that have no runtime.
///
/// ```
/// use std::time::Duration;
/// use operetta_stage::Clock;
///
/// let (clock, hand) = Clock::by_hand();
/// hand.advance(Duration::from_millis(20));
/// assert_eq!(clock.now(), Duration::from_millis(20));
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Runtime { origin: Instant, origin_unix: Duration },
    Hand(Arc<AtomicU64>),
}

impl Clock {
    /// A clock whose origin is now.
    pub fn system() -> Self {
        // A wall clock before 1970 is an operator's mistake that must not stop calls: the Unix time is then counted from 0.
        let origin_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::Runtime { origin: reading(), origin_unix })
    }

    /// A clock that stands at zero, and the hand that moves it. Its origin is the Unix epoch.
    pub fn by_hand() -> (Self, Hand) {
        let nanos = Arc::new(AtomicU64::new(0));
        (Self(Source::Hand(Arc::clone(&nanos))), Hand(nanos))
    }

    /// Time since the origin. Never runs backwards.
    pub fn now(&self) -> Duration {
        match &self.0 {
            Source::Runtime { origin, .. } => reading().saturating_duration_since(*origin),
            Source::Hand(nanos) => Duration::from_nanos(nanos.load(Ordering::Acquire)),
        }
    }

    /// Time since the Unix epoch, for people and dashboards. It is the wall clock read once, at the origin, plus [`now`](Self::now):
    /// later corrections of the wall clock do not show, so differences are always right.
    pub fn unix(&self) -> Duration {
        match &self.0 {
            Source::Runtime { origin_unix, .. } => *origin_unix + self.now(),
            Source::Hand(_) => self.now(),
        }
    }
}

/// Moves a clock made by [`Clock::by_hand`].
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::AcqRel);
    }
}

/// The one reading of the runtime's clock in this crate.
pub(crate) fn reading() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_follows_paused_time() {
        let clock = Clock::system();
        let (before, unix) = (clock.now(), clock.unix());
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(clock.now().saturating_sub(before), Duration::from_hours(1));
        assert_eq!(clock.unix().saturating_sub(unix), Duration::from_hours(1));
        assert!(unix > Duration::from_hours(24 * 365 * 50), "the wall clock is past the year 2020");
    }

    #[test]
    fn a_clock_by_hand_moves_only_by_hand_and_all_its_clones_with_it() {
        let (clock, hand) = Clock::by_hand();
        let clone = clock.clone();
        assert_eq!(clock.now(), Duration::ZERO);
        hand.advance(Duration::from_millis(20));
        hand.advance(Duration::from_millis(20));
        assert_eq!((clock.now(), clone.now(), clone.unix()), (Duration::from_millis(40), clock.now(), clock.now()));
    }
}
