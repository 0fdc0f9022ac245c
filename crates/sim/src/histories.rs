//! Random histories of calls: the machine against a world that means it no good.
//!
//! A history is a few dozen inputs that an outside world of dice invents. The world reads the machine's orders, so most
//! of its answers fit; the rest come late, twice, never, in the wrong order, for jobs long gone or for nobody at all.
//! [`Watch`] knows the promises of the machine from its documentation alone and checks every one after every step. At
//! the end the world falls silent and the call must close by itself: nothing but [`Call::deadline`] is followed.
//!
//! A history is named by a seed and its index, so each can be played again by itself, however many there were.
//!
//! [`Call::deadline`]: operetta_call::Call::deadline

mod coverage;
pub(crate) mod dice;
mod plant;
mod pool;
mod story;
mod watch;
mod world;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

pub use coverage::Coverage;
pub use plant::Plant;
pub use story::{Ending, Story, Telling};
pub use watch::{Broken, Rule, Watch};

use pool::Pool;

/// Which histories to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Names the dice. Together with an index it names a history.
    pub seed: u64,
    /// How many histories.
    pub histories: u64,
    /// On how many threads, at least 1.
    pub threads: usize,
    /// A fault put between machine and watch, to see that it is found.
    pub plant: Option<Plant>,
}

/// What a run has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many histories were played to their end.
    pub histories: u64,
    /// How many inputs the machine was given in them.
    pub steps: u64,
    /// How often each phase followed another, and how often each reason closed a call: a run that never came by a place
    /// has not shown anything about it.
    pub coverage: Coverage,
    /// The broken promise with the lowest index among those that were found before the run stopped.
    pub broken: Option<(u64, Broken)>,
}

impl Run {
    /// How many histories a thread takes at a time.
    const SLICE: u64 = 1000;

    /// Plays the histories. The first broken promise stops the run.
    pub fn play(&self) -> Outcome {
        let next = AtomicU64::new(0);
        let stopped_at = AtomicU64::new(u64::MAX);
        let mut whole = Outcome::default();
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.threads.max(1)).map(|_| scope.spawn(|| self.play_slices(&next, &stopped_at))).collect();
            for thread in threads {
                let part = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                whole.add(part);
            }
        });
        whole
    }

    fn play_slices(&self, next: &AtomicU64, stopped_at: &AtomicU64) -> Outcome {
        // Each thread owns its texts and settings: their counters are touched in every step.
        let pool = Pool::new(self.seed);
        let mut part = Outcome::default();
        loop {
            let from = next.fetch_add(Self::SLICE, Ordering::Relaxed);
            for index in from..self.histories.min(from.saturating_add(Self::SLICE)) {
                if index > stopped_at.load(Ordering::Relaxed) {
                    return part;
                }
                let mut story = Story::new(&pool, self.seed, index, self.plant);
                let ending = story.tell(Telling::Quiet);
                part.histories += 1;
                part.steps += ending.steps;
                part.coverage.add(&ending.coverage);
                if let Some(broken) = ending.broken {
                    stopped_at.fetch_min(index, Ordering::Relaxed);
                    part.broken = Some((index, broken));
                    return part;
                }
            }
            if from.saturating_add(Self::SLICE) >= self.histories {
                return part;
            }
        }
    }

    /// Plays one history and returns its lines: the last `tail` of them, or all.
    pub fn replay(&self, index: u64, tail: Option<usize>) -> (Vec<String>, Ending) {
        let pool = Pool::new(self.seed);
        let mut lines = Vec::new();
        let ending = Story::new(&pool, self.seed, index, self.plant).tell(Telling::Aloud(&mut lines));
        if let Some(tail) = tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        (lines, ending)
    }
}

impl Outcome {
    fn add(&mut self, part: Self) {
        self.histories += part.histories;
        self.steps += part.steps;
        self.coverage.add(&part.coverage);
        let broken = self.broken.take().into_iter().chain(part.broken).min_by_key(|(index, _)| *index);
        self.broken = broken;
    }
}
