use std::collections::VecDeque;
use std::sync::Arc;

use super::live::Live;
use crate::{At, Effect, Effects, JobId, Retry, sentences::Sentences};

/// A reply that is being thought of: the job, and the part of it that cannot be spoken yet.
#[derive(Debug)]
pub(super) struct Thinking {
    pub(super) mind: JobId,
    sentences: Sentences,
    retried: bool,
    /// When the next sentence must have come.
    pub(super) give_up: At,
}

impl Thinking {
    pub(super) fn begin(live: &mut Live, now: At, out: &mut Effects) -> Self {
        let mind = live.open_job();
        out.push(Effect::Think(mind));
        Self { mind, sentences: Sentences::default(), retried: false, give_up: now + live.settings().timing.mind_ms }
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        self.give_up.min(live.stopgap_at())
    }

    /// The worker died. As long as nothing was said, its successor can think of the same, once.
    pub(super) fn ask_again(&mut self, live: &mut Live, retry: Retry, out: &mut Effects) -> bool {
        live.end_job(self.mind);
        if retry != Retry::Now || self.retried {
            return false;
        }
        self.retried = true;
        self.sentences = Sentences::default();
        self.mind = live.open_job();
        out.push(Effect::Think(self.mind));
        true
    }

    /// Takes a piece of the reply; sentences that are complete now are put behind `waiting`.
    pub(super) fn reply(&mut self, live: &Live, now: At, text: &str, waiting: &mut VecDeque<Arc<str>>) {
        let before = waiting.len();
        self.sentences.push(text, |sentence| waiting.push_back(sentence));
        // Only what can be spoken counts as going on: a mind that drips letters leaves the caller in silence.
        if waiting.len() > before {
            self.give_up = now + live.settings().timing.mind_ms;
        }
    }

    /// The reply is complete: what is left of it is the last sentence.
    pub(super) fn finish(mut self, live: &mut Live, waiting: &mut VecDeque<Arc<str>>) {
        live.end_job(self.mind);
        self.sentences.finish(|sentence| waiting.push_back(sentence));
    }
}
