use std::{collections::VecDeque, sync::Arc};

use super::{
    live::Live,
    thinking::Thinking,
    utterance::{Cut, HowEnded, Played, Progress, Utterance},
};
use crate::{At, Chunk, Clip, CloseReason, Effects, JobId, MarkId, Next, Note, OnFailure, Speech, Wait};

/// The agent speaks, sentence by sentence: one is being voiced, at most one that is complete is still being heard.
#[derive(Debug)]
pub(super) struct Speaking {
    /// The rest of the reply is still being thought of.
    pub(super) mind: Option<Thinking>,
    waiting: VecDeque<Speech>,
    coming: Option<Utterance>,
    playing: VecDeque<Played>,
    /// Something of this turn is in the dialogue.
    remembered: bool,
    /// The recorded apology was asked for.
    apologised: bool,
    pub(super) then: Then,
}

/// What follows once the caller has heard everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Listen,
    Close(CloseReason),
}

impl Then {
    /// What the mind wants to follow.
    pub(super) const fn after(next: Next) -> Self {
        match next {
            Next::Listen => Self::Listen,
            Next::HangUp => Self::Close(CloseReason::AgentHungUp),
            Next::Transfer => Self::Close(CloseReason::Transferred),
        }
    }

    /// What the agent is to do when its providers have failed.
    pub(super) fn after_failure(live: &Live) -> Self {
        match live.settings().on_failure {
            OnFailure::Retry => Self::Listen,
            OnFailure::Transfer => Self::Close(CloseReason::Transferred),
            OnFailure::Goodbye => Self::Close(CloseReason::ProvidersFailed),
        }
    }
}

impl Speaking {
    /// How many complete utterances may be playing while the next is voiced.
    const LOOK_AHEAD: usize = 1;
    /// How many sentences may wait to be voiced. A mind that says more is going round in circles.
    const MOST_WAITING: usize = 64;

    pub(super) fn begin(
        live: &mut Live,
        now: At,
        speech: impl IntoIterator<Item = Speech>,
        mind: Option<Thinking>,
        then: Then,
        out: &mut Effects,
    ) -> Self {
        let waiting: VecDeque<_> = speech.into_iter().collect();
        let apologised = waiting.contains(&Speech::Clip(Clip::Apology));
        let playing = VecDeque::new();
        let mut speaking = Self { mind, waiting, coming: None, playing, remembered: false, apologised, then };
        speaking.bound(live, out);
        speaking.go_on(live, now, out);
        speaking
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        let never = At::from_ms(u32::MAX);
        let coming = self.coming.as_ref().map_or(never, |utterance| utterance.deadline(live));
        let playing = self.playing.front().map_or(never, |played| played.due);
        let mind = self.mind.as_ref().map_or(never, |thinking| thinking.give_up);
        let stopgap = if self.owes_words() { live.stopgap_at() } else { never };
        coming.min(playing).min(mind).min(stopgap)
    }

    /// The caller waits for the voice, or for the mind to go on.
    fn owes_words(&self) -> bool {
        match &self.coming {
            Some(utterance) => utterance.is_due(),
            None => self.mind.is_some(),
        }
    }

    /// Everything was said and heard.
    pub(super) fn is_over(&self) -> bool {
        self.mind.is_none() && self.waiting.is_empty() && self.coming.is_none() && self.playing.is_empty()
    }

    pub(super) fn voices(&self, job: JobId) -> bool {
        self.coming.as_ref().is_some_and(|utterance| utterance.owns(job))
    }

    pub(super) fn thinks(&self, job: JobId) -> bool {
        self.mind.as_ref().is_some_and(|thinking| thinking.mind == job)
    }

    // ---- facts ----

    pub(super) fn reply(&mut self, live: &mut Live, now: At, text: &str, out: &mut Effects) {
        let mut sentences = VecDeque::new();
        if let Some(thinking) = &mut self.mind {
            thinking.reply(live, now, text, &mut sentences);
        }
        self.queue(live, now, sentences, out);
    }

    pub(super) fn reply_done(&mut self, live: &mut Live, now: At, then: Then, out: &mut Effects) {
        let mut sentences = VecDeque::new();
        if let Some(thinking) = self.mind.take() {
            thinking.finish(live, &mut sentences);
        }
        self.then = then;
        self.queue(live, now, sentences, out);
    }

    /// The rest of the reply will not come. What was said stands.
    pub(super) fn mind_failed(&mut self, live: &mut Live, out: &mut Effects) {
        if let Some(thinking) = self.mind.take() {
            live.end_job(thinking.mind);
            out.note(Note::MindFailed);
        }
    }

    pub(super) fn audio_came(&mut self, live: &mut Live, now: At, job: JobId, chunk: Chunk, out: &mut Effects) {
        if let Some(utterance) = &mut self.coming {
            utterance.audio_came(live, now, chunk, out);
            if utterance.is_endless() {
                self.speech_ended(live, now, job, out, Utterance::cut_off);
            }
        }
    }

    pub(super) fn line_filled(&mut self, live: &Live, now: At) {
        if let Some(utterance) = &mut self.coming {
            utterance.line_filled(live, now);
        }
    }

    pub(super) fn speech_ended(&mut self, live: &mut Live, now: At, job: JobId, out: &mut Effects, how: HowEnded) {
        if let Some(utterance) = self.coming.take() {
            let progress = how(utterance, live, now, job, out);
            self.take(live, now, progress, out);
        }
    }

    pub(super) fn mark_played(&mut self, live: &mut Live, now: At, mark: MarkId, out: &mut Effects) {
        if !self.playing.iter().any(|played| played.mark == mark) {
            out.note(Note::UnknownMark);
            return;
        }
        // Marks return in order: one that is missing before this one was lost, its audio was not.
        while let Some(played) = self.playing.pop_front() {
            let last = played.mark == mark;
            self.remembered |= played.heard(live);
            if last {
                break;
            }
        }
        self.go_on(live, now, out);
    }

    pub(super) fn time_passed(&mut self, live: &mut Live, now: At, out: &mut Effects) {
        if self.mind.as_ref().is_some_and(|thinking| now >= thinking.give_up)
            && let Some(thinking) = self.mind.take()
        {
            out.note(Note::TimedOut(Wait::Mind));
            live.cancel(thinking.mind, out);
        }
        while let Some(played) = self.playing.pop_front_if(|played| now >= played.due) {
            live.mark_lost(out);
            self.remembered |= played.heard(live);
        }
        if let Some(utterance) = self.coming.take() {
            let progress = utterance.time_passed(live, now, out);
            self.take(live, now, progress, out);
        } else {
            self.go_on(live, now, out);
            if self.owes_words() {
                live.fill(now, out);
            }
        }
    }

    /// The caller interrupts, or the call has to end: nothing more of this is wanted. `true` when some of it was unheard.
    pub(super) fn cut(mut self, live: &mut Live, now: At, out: &mut Effects) -> bool {
        let unheard = self.mind.is_some() || !self.waiting.is_empty();
        let mut cut = Cut { unheard, remembered: self.remembered };
        if let Some(thinking) = self.mind.take() {
            live.cancel(thinking.mind, out);
        }
        for played in self.playing {
            cut = cut.and(played.cut(live, now));
        }
        if let Some(utterance) = self.coming {
            cut = cut.and(utterance.cut(live, now, out));
        }
        cut.write_down(live);
        live.clear(now, out);
        cut.unheard
    }

    // ---- going on ----

    fn queue(&mut self, live: &mut Live, now: At, sentences: VecDeque<Arc<str>>, out: &mut Effects) {
        self.waiting.extend(sentences.into_iter().map(Speech::Reply));
        self.bound(live, out);
        self.go_on(live, now, out);
    }

    fn bound(&mut self, live: &mut Live, out: &mut Effects) {
        if self.waiting.len() > Self::MOST_WAITING {
            self.waiting.truncate(Self::MOST_WAITING);
            out.note(Note::MindFailed);
            if let Some(thinking) = self.mind.take() {
                live.cancel(thinking.mind, out);
            }
        }
    }

    fn go_on(&mut self, live: &mut Live, now: At, out: &mut Effects) {
        if self.coming.is_none()
            && self.playing.len() <= Self::LOOK_AHEAD
            && let Some(speech) = self.waiting.pop_front()
        {
            self.coming = Some(Utterance::speak(live, now, speech, out));
        }
    }

    fn take(&mut self, live: &mut Live, now: At, progress: Progress, out: &mut Effects) {
        match progress {
            Progress::Coming(utterance) => self.coming = Some(utterance),
            Progress::Spoken(played) => self.playing.push_back(played),
            Progress::Again { partly, speech, repeats } => {
                self.playing.push_back(partly);
                self.coming = Some(Utterance::speak_again(live, now, speech, repeats, out));
            }
            Progress::Failed { partly, was_clip } => {
                self.playing.extend(partly);
                // No voice can say the rest: an apology takes its place, once, and then what the agent is to do without one.
                self.waiting.clear();
                if let Some(thinking) = self.mind.take() {
                    live.cancel(thinking.mind, out);
                }
                if !was_clip && !self.apologised {
                    self.apologised = true;
                    self.waiting.push_back(Speech::Clip(Clip::Apology));
                    if self.then == Then::Listen {
                        self.then = Then::after_failure(live);
                    }
                }
            }
        }
        self.go_on(live, now, out);
    }
}
