use std::{collections::VecDeque, time::Duration};

use operetta_contract::Job;
use operetta_stage::FeedEnd;

/// What a job is fed, in order. Until something has come back it is kept, so that the job can begin again on another socket.
pub(crate) struct Feeder<J: Job> {
    live: FeedEnd<J>,
    /// What was given out so far; `None` once it cannot be given out again.
    kept: Option<Vec<J::Feed>>,
    /// What is to be given out again, before anything new.
    again: VecDeque<J::Feed>,
    is_over: bool,
}

impl<J: Job> Feeder<J>
where
    J::Feed: Clone,
{
    pub(crate) const fn new(live: FeedEnd<J>) -> Self {
        Self { live, kept: Some(Vec::new()), again: VecDeque::new(), is_over: false }
    }

    /// Whether nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over && self.again.is_empty()
    }

    /// The next piece; `None` at the end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<J::Feed> {
        let piece = match self.again.pop_front() {
            Some(piece) => Some(piece),
            None => self.live.recv().await,
        };
        self.is_over |= piece.is_none();
        if let (Some(kept), Some(piece)) = (&mut self.kept, &piece) {
            kept.push(piece.clone());
            if kept.len() > KEPT {
                self.kept = None;
            }
        }
        piece
    }

    /// Something has come back: from here on the job cannot begin again.
    pub(crate) fn forget(&mut self) {
        self.kept = None;
    }

    /// Begins again, if that is possible.
    pub(crate) fn rewind(&mut self) -> bool {
        let Some(kept) = self.kept.take() else { return false };
        let rest = std::mem::take(&mut self.again);
        self.again = kept.into_iter().chain(rest).collect();
        self.kept = Some(Vec::new());
        true
    }
}

/// How many pieces are kept: as many as may wait in front of a worker.
const KEPT: usize = 256;

/// Decides when the next piece of audio may be sent to a provider that limits how fast. Pure.
///
/// What counts is the sum: short bursts are free, a backlog has to be paid off at the provider's pace.
pub(crate) struct Pace {
    /// Time that a second of audio costs, in percent; 0: no limit.
    percent: u32,
    paid_until: Duration,
}

impl Pace {
    pub(crate) fn new(percent: Option<u32>) -> Self {
        Self { percent: percent.unwrap_or(0), paid_until: Duration::ZERO }
    }

    /// When the next piece may be sent; in the past as a rule.
    pub(crate) fn free_at(&self) -> Duration {
        self.paid_until.saturating_sub(BURST)
    }

    /// A piece with so much audio is sent.
    pub(crate) fn sent(&mut self, now: Duration, audio_ms: u32) {
        if self.percent > 0 {
            let cost = Duration::from_micros(u64::from(audio_ms) * 100_000 / u64::from(self.percent));
            self.paid_until = self.paid_until.max(now) + cost;
        }
    }
}

/// How much audio may be sent at once.
const BURST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_second_is_free_and_then_the_pace_holds() {
        let mut pace = Pace::new(Some(125));
        let mut now = MS(10_000);
        let mut sent = Vec::new();
        for _ in 0..15 {
            now = now.max(pace.free_at());
            sent.push(now.as_millis());
            pace.sent(now, 200);
        }
        // 200 ms of audio cost 160 ms.
        assert_eq!(sent[..8], [10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_120]);
        assert_eq!(sent[8..], [10_280, 10_440, 10_600, 10_760, 10_920, 11_080, 11_240]);
        // A pause is not saved up.
        now = MS(60_000);
        for _ in 0..7 {
            assert!(pace.free_at() <= now);
            pace.sent(now, 200);
        }
        assert!(pace.free_at() > now);
        let mut free = Pace::new(None);
        free.sent(now, 100_000);
        assert_eq!(free.free_at(), Duration::ZERO);
    }
}
