use std::time::Duration;

use operetta_call::PhaseName;

use super::CallActor;
use crate::tally::Tally;

/// When what happened: for latencies.
#[derive(Default)]
pub(super) struct Moments {
    pub(super) started: Option<Duration>,
    pub(super) first_audio: Option<Duration>,
    pub(super) paused: Option<Duration>,
    pub(super) awaiting_answer: bool,
    pub(super) turns: u32,
}

impl CallActor {
    /// Frames went out: the first of the call and the first of an answer are what callers wait for.
    pub(super) fn frames_went_out(&mut self, frames: usize) {
        let (now, carrier) = (self.now(), self.arrival.line.carrier);
        for _ in 0..frames {
            self.tally().frames[carrier as usize][1].add();
        }
        if self.moments.first_audio.is_none()
            && let Some(started) = self.moments.started
        {
            let latency = now.saturating_sub(started);
            self.moments.first_audio = Some(latency);
            self.tally().first_audio.observe(&Tally::SETUP_BOUNDS, latency);
        }
        if self.moments.awaiting_answer && self.phase == PhaseName::Speaking {
            self.moments.awaiting_answer = false;
            if let Some(paused) = self.moments.paused.take() {
                let latency = now.saturating_sub(paused);
                self.tally().turn_latency.observe(&Tally::TURN_BOUNDS, latency);
                self.span.in_scope(|| tracing::info!(latency_ms = latency.as_millis() as u64, "answering"));
            }
        }
    }
}
