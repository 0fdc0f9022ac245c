use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of a [`Distribution`]'s buckets, in seconds, inclusive; one more bucket holds whatever is longer.
///
/// These are the `fast` buckets of docs/METRICS.md: mailbox wait, handler time, event-loop lag.
pub const FAST_BOUNDS_SECONDS: [f64; 13] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// The same bounds in the unit that is compared on the hot path.
const BOUNDS_NANOS: [u64; 13] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
];

/// How many durations fell into which bucket, and their sum. Plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Per bucket, not cumulative: `counts[i]` durations were at most `FAST_BOUNDS_SECONDS[i]` and longer than the bound
    /// before it; the last element counts those above every bound.
    pub counts: [u64; 14],
    /// Sum of all durations.
    pub sum: Duration,
}

impl Distribution {
    /// How many durations were seen.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// A histogram that any thread may read while one writes. Relaxed throughout: a scrape may be one observation late.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; 14],
    sum_nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NANOS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS_NANOS.len());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Distribution {
        Distribution {
            counts: std::array::from_fn(|bucket| read(&self.counts[bucket])),
            sum: Duration::from_nanos(read(&self.sum_nanos)),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_tables_of_bounds_are_one() {
        for (seconds, nanos) in FAST_BOUNDS_SECONDS.iter().zip(BOUNDS_NANOS) {
            assert_eq!(Duration::from_secs_f64(*seconds), Duration::from_nanos(nanos));
        }
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let histogram = Histogram::default();
        for nanos in [0, 50_000, 50_001, 1_000_000_000, 1_000_000_001] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        let seen = histogram.read();
        assert_eq!((seen.counts[0], seen.counts[1], seen.counts[12], seen.counts[13]), (2, 1, 1, 1));
        assert_eq!(seen.count(), 5);
        assert_eq!(seen.sum, Duration::from_nanos(2_000_100_002));
    }
}
