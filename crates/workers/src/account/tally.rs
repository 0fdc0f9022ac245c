use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use operetta_contract::ErrorClass;

use super::{BreakerState, Steer};

/// Upper bounds of the buckets of [`FirstOutput`], in seconds, inclusive; one more bucket holds whatever is longer.
pub const FIRST_OUTPUT_BOUNDS_SECONDS: [f64; 14] =
    [0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// What an account looks like at one moment: plain data. Counters only grow.
#[derive(Clone, Debug)]
pub struct AccountSnapshot {
    /// The account's name.
    pub name: String,
    /// Where the breaker stands, steering included.
    pub breaker: BreakerState,
    /// What a person has told the breaker to do.
    pub steer: Steer,
    /// How often the breaker opened.
    pub opened: u64,
    /// How much longer the provider wants to be left alone; zero as a rule.
    pub paused_for: Duration,
    /// How many jobs the account does at once at most; `None` for no limit.
    pub seats: Option<u32>,
    /// How many seats are taken; 0 for an account without a limit.
    pub in_use: u32,
    /// How many jobs wait for a seat.
    pub queued: u32,
    /// Jobs asked of the provider, retries and hedges included.
    pub requests: u64,
    /// Jobs done well; for listening, flushes answered.
    pub ok: u64,
    /// Jobs that failed, by class, in the order of [`ErrorClass::ALL`].
    pub errors: [(ErrorClass, u64); ErrorClass::ALL.len()],
    /// Jobs that we gave up ourselves before anything was known: neither good nor bad.
    pub cancelled: u64,
    /// Jobs that another account took over from this one.
    pub switches_away: u64,
    /// Jobs that this account took over from another one.
    pub switches_to: u64,
    /// Jobs asked of this account while the one before it was late.
    pub hedges_started: u64,
    /// Those of them that were faster.
    pub hedges_won: u64,
    /// Jobs asked again of this account after it had failed.
    pub retries: u64,
    /// Jobs that the breaker kept away.
    pub refused_breaker: u64,
    /// Jobs kept away because the provider had asked for a pause.
    pub refused_paused: u64,
    /// Jobs for which no seat was free in time.
    pub refused_queue: u64,
    /// Jobs that the lane's own worker did not take.
    pub refused_desk: u64,
    /// How long providers took to the first useful output; for listening, from flush to final.
    pub first_output: FirstOutput,
}

impl AccountSnapshot {
    /// All failed jobs.
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }

    /// Failed jobs of one class.
    pub fn errors_of(&self, class: ErrorClass) -> u64 {
        self.errors.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count)
    }
}

/// How many first outputs fell into which bucket, and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstOutput {
    /// Per bucket, not cumulative: `counts[i]` were at most [`FIRST_OUTPUT_BOUNDS_SECONDS`]`[i]` and longer than the bound before
    /// it; the last element counts those above every bound.
    pub counts: [u64; FIRST_OUTPUT_BOUNDS_SECONDS.len() + 1],
    /// Sum of all durations.
    pub sum: Duration,
}

impl FirstOutput {
    /// How many were seen.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The counters of one account. Relaxed throughout: a scrape may be one event late.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) opened: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) ok: AtomicU64,
    errors: [AtomicU64; ErrorClass::ALL.len()],
    pub(super) cancelled: AtomicU64,
    pub(super) switches_away: AtomicU64,
    pub(super) switches_to: AtomicU64,
    pub(super) hedges_started: AtomicU64,
    pub(super) hedges_won: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) refused_breaker: AtomicU64,
    pub(super) refused_paused: AtomicU64,
    pub(super) refused_queue: AtomicU64,
    pub(super) refused_desk: AtomicU64,
    first_output: [AtomicU64; FIRST_OUTPUT_BOUNDS_SECONDS.len() + 1],
    first_output_nanos: AtomicU64,
}

impl Tally {
    pub(super) fn failed(&self, class: ErrorClass) {
        if let Some(at) = ErrorClass::ALL.iter().position(|other| *other == class) {
            add(&self.errors[at]);
        }
    }

    pub(super) fn first_output(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = FIRST_OUTPUT_BOUNDS_SECONDS.iter().position(|bound| seconds <= *bound);
        add(&self.first_output[bucket.unwrap_or(FIRST_OUTPUT_BOUNDS_SECONDS.len())]);
        self.first_output_nanos.fetch_add(took.as_nanos() as u64, Relaxed);
    }

    pub(super) fn errors(&self) -> [(ErrorClass, u64); ErrorClass::ALL.len()] {
        std::array::from_fn(|at| (ErrorClass::ALL[at], read(&self.errors[at])))
    }

    pub(super) fn first_outputs(&self) -> FirstOutput {
        FirstOutput {
            counts: std::array::from_fn(|bucket| read(&self.first_output[bucket])),
            sum: Duration::from_nanos(read(&self.first_output_nanos)),
        }
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
