use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How much an account may be asked beyond one request a job: a token bucket that first requests fill and extra ones empty.
///
/// A provider in trouble is not helped by being asked twice as often, so over any stretch of time the extra requests are at
/// most a fixed share of the first ones, plus what the bucket held at its beginning.
#[derive(Debug)]
pub(super) struct Allowance {
    /// In hundredths of a request.
    held: AtomicU64,
    percent: u64,
    most: u64,
}

const ONE: u64 = 100;

impl Allowance {
    pub(super) fn new(percent: u32, start: u32) -> Self {
        let start = u64::from(start) * ONE;
        Self { held: AtomicU64::new(start), percent: percent.into(), most: start.max(ONE) }
    }

    /// A first request was made.
    pub(super) fn earn(&self) {
        let _always = self.held.fetch_update(Relaxed, Relaxed, |held| Some((held + self.percent).min(self.most)));
    }

    /// Whether an extra request is left.
    pub(super) fn has_one(&self) -> bool {
        self.held.load(Relaxed) >= ONE
    }

    /// Takes an extra request, if one is left.
    pub(super) fn spend(&self) -> bool {
        self.held.fetch_update(Relaxed, Relaxed, |held| held.checked_sub(ONE)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_requests_are_a_tenth_of_the_first_ones_and_a_small_start() {
        let allowance = Allowance::new(10, 3);
        let mut extra = 0;
        for _ in 0..1_000 {
            allowance.earn();
            extra += u32::from(allowance.spend());
        }
        assert_eq!(extra, 102);
    }

    #[test]
    fn what_is_not_used_does_not_pile_up() {
        let allowance = Allowance::new(10, 3);
        (0..100_000).for_each(|_| allowance.earn());
        assert_eq!((0..100).filter(|_| allowance.spend()).count(), 3);
    }
}
