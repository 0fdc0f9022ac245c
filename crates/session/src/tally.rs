use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use operetta_call::{CloseReason, Note, PhaseName};
use operetta_wire::{Carrier, Ignored, WireError};

/// What the calls of one lane count. Written by the lane, read by whoever renders metrics; atomics only.
#[derive(Debug, Default)]
pub struct Tally {
    /// Calls accepted, by carrier.
    pub started: [Counter; Carrier::ALL.len()],
    /// Calls in progress, by carrier.
    pub active: [Gauge; Carrier::ALL.len()],
    /// Calls ended, by carrier and reason.
    pub ended: [[Counter; CloseReason::ALL.len()]; Carrier::ALL.len()],
    /// Calls in each phase.
    pub in_phase: [Gauge; PhaseName::ALL.len()],
    /// Phrases that can be said without being rendered.
    pub phrases: Gauge,
    /// Phrases that could not be rendered ahead of time, tries that failed again included.
    pub unrendered: Counter,
    /// Media messages from and to carriers.
    pub frames: [[Counter; 2]; Carrier::ALL.len()],
    /// Messages that were understood and not acted on, by cause.
    pub ignored: [Counter; Ignored::ALL.len()],
    /// Messages that were not understood.
    pub unreadable: Counter,
    /// Binary messages where text is spoken.
    pub binary: Counter,
    /// Inputs that a phase did not expect.
    pub unexpected: Counter,
    /// Events of jobs that nobody owned any more.
    pub stale: Counter,
    /// Waits that were in vain.
    pub timeouts: Counter,
    /// The caller interrupted the agent.
    pub barge_ins: Counter,
    /// Turns of callers.
    pub turns: Counter,
    /// Speech without words.
    pub empty_turns: Counter,
    /// Speaking jobs that failed.
    pub speech_failures: Counter,
    /// Thinking jobs that failed.
    pub mind_failures: Counter,
    /// Listening jobs that failed.
    pub ears_failures: Counter,
    /// Pieces of caller audio that found no room in the ears.
    pub audio_dropped: Counter,
    /// Legs given up because the carrier had stopped reading.
    pub stalled_legs: Counter,
    /// Lengths of ended calls.
    pub call_seconds: Histogram<10>,
    /// Start received to first greeting frame written.
    pub first_audio: Histogram<11>,
    /// The caller's last voiced sample to the first frame of the answer.
    pub turn_latency: Histogram<17>,
    /// How late a frame is written against its schedule.
    pub pacer_lateness: Histogram<9>,
}

impl Tally {
    /// Bounds of [`Self::call_seconds`], in seconds.
    pub const CALL_BOUNDS: [f64; 10] = [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0];
    /// Bounds of [`Self::first_audio`], in seconds.
    pub const SETUP_BOUNDS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0];
    /// Bounds of [`Self::turn_latency`], in seconds.
    pub const TURN_BOUNDS: [f64; 17] =
        [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 8.0];
    /// Bounds of [`Self::pacer_lateness`], in seconds.
    pub const PACE_BOUNDS: [f64; 9] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.2];

    pub(crate) fn ended(&self, carrier: Carrier, reason: CloseReason) {
        if let Some(place) = CloseReason::ALL.iter().position(|other| *other == reason) {
            self.ended[carrier as usize][place].add();
        }
    }

    pub(crate) fn ignored(&self, why: Ignored) {
        if let Some(place) = Ignored::ALL.iter().position(|other| *other == why) {
            self.ignored[place].add();
        }
    }

    pub(crate) fn unreadable(&self, _error: WireError) {
        self.unreadable.add();
    }

    pub(crate) fn phase(&self, from: Option<PhaseName>, to: PhaseName) {
        if let Some(from) = from {
            self.in_phase[from as usize].add(-1);
        }
        self.in_phase[to as usize].add(1);
    }

    pub(crate) fn note(&self, note: Note) {
        match note {
            Note::Stale(_) => self.stale.add(),
            Note::Unexpected(_) | Note::UnknownMark => self.unexpected.add(),
            Note::BargeIn => self.barge_ins.add(),
            Note::TurnEnded => self.turns.add(),
            Note::EmptyTurn => self.empty_turns.add(),
            Note::TimedOut(_) => self.timeouts.add(),
            Note::SpeechFailed => self.speech_failures.add(),
            Note::MindFailed => self.mind_failures.add(),
            Note::EarsFailed => self.ears_failures.add(),
            Note::Greeted => {}
        }
    }
}

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, by: i64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, to: i64) {
        self.0.store(to, Ordering::Relaxed);
    }

    /// The value.
    pub fn read(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations in `N` classes and one above all bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum_us: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), above: AtomicU64::new(0), sum_us: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn observe(&self, bounds: &[f64; N], value: Duration) {
        let seconds = value.as_secs_f64();
        let class = bounds.iter().position(|bound| seconds <= *bound).map_or(&self.above, |at| &self.counts[at]);
        class.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(value.as_micros() as u64, Ordering::Relaxed);
    }

    /// The counts of all classes, not cumulative, the one above all bounds last.
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().chain([&self.above]).map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// The sum of everything observed, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum_us.load(Ordering::Relaxed) as f64 / 1e6
    }
}
