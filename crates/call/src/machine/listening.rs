use std::sync::Arc;

use super::live::Live;
use crate::{At, Digit, Effects, JobId, Note, Retry, Wait};

/// What is known of the caller's turn while it lasts.
#[derive(Debug)]
pub(super) struct Listening {
    /// Since when the detector hears the caller.
    speaking: Option<At>,
    /// Final words of this turn.
    words: String,
    /// Keys pressed in this turn.
    digits: String,
    /// The flush whose words are still to come, and how long they are waited for.
    awaited: Option<(u32, At)>,
    /// When the pause ends the turn.
    endpoint_at: Option<At>,
    /// When a number counts as complete.
    digits_at: Option<At>,
    /// When the caller is asked whether they are there.
    idle_at: At,
    /// The caller spoke, and there was nobody to understand it.
    unheard: bool,
    /// The caller spoke for longer than noises last.
    at_length: bool,
}

/// What a turn has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Open,
    /// The caller has said this and waits for an answer.
    Said(Arc<str>),
    /// The caller said something that could not be understood.
    NotUnderstood,
    /// There was a noise and no words.
    Nothing,
    /// Nobody has said anything for a long time.
    Idle,
}

impl Listening {
    /// What lasts longer is no cough and no door, in ms.
    const LONGEST_NOISE_MS: u32 = 1000;
    /// How often in a row a caller is asked to say it again although the listener found no words: a room may be loud for long.
    const MOST_MISHEARD: u32 = 2;
    /// A number longer than this is complete. No agent asks for more digits.
    const MOST_DIGITS: usize = 64;

    pub(super) fn new(live: &Live, now: At) -> Self {
        Self {
            // Who began to speak in a turn of ours and goes on is heard in this one.
            speaking: live.ears.voice().then_some(now),
            words: String::new(),
            digits: String::new(),
            awaited: None,
            endpoint_at: None,
            digits_at: None,
            idle_at: idle_from(live, now),
            unheard: false,
            at_length: false,
        }
    }

    /// Both sides are silent from now on.
    pub(super) fn start_idle(&mut self, live: &Live, now: At) {
        self.idle_at = idle_from(live, now);
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        let voice = match (self.speaking, self.awaited) {
            (Some(since), _) => Some(since + live.settings().timing.monologue_ms),
            (None, Some((_, by))) => Some(by.min(live.stopgap_at())),
            (None, None) => None,
        };
        // In the middle of a number neither the end of the voice nor idleness counts.
        let quiet = || self.digits_at.or(self.endpoint_at).unwrap_or(self.idle_at);
        match (voice, self.digits_at) {
            (Some(voice), Some(digits)) => voice.min(digits),
            (Some(voice), None) => voice,
            (None, _) => quiet(),
        }
    }

    /// The caller has finished, as far as is known, and waits for ears that are slow.
    pub(super) fn owes_words(&self, now: At) -> bool {
        self.speaking.is_none() && self.awaited.is_some_and(|(_, by)| now < by)
    }

    /// Whether the caller is in the middle of saying something.
    pub(super) const fn hears_the_caller(&self) -> bool {
        self.speaking.is_some()
    }

    // ---- facts ----

    pub(super) fn caller_spoke(&mut self, now: At) {
        self.speaking.get_or_insert(now);
        self.endpoint_at = None;
    }

    pub(super) fn caller_paused(&mut self, live: &mut Live, now: At, job: JobId, out: &mut Effects) {
        if live.ears.paused(job) {
            self.pause(live, now, out);
        } else {
            out.note(Note::Stale(job));
        }
    }

    /// The ears have failed. A detector that is gone will not tell of the pause.
    pub(super) fn ears_failed(&mut self, live: &mut Live, now: At, job: JobId, retry: Retry, out: &mut Effects) {
        let (detected, listened) = (live.ears.detects(job), live.ears.listens(job));
        let conversed = live.ears.converses(job);
        live.ears_failed(now, job, retry, out);
        // The words went with the listener, all or some of them: whoever takes over hears what is left of them.
        if listened && (self.awaited.take().is_some() || self.speaking.is_some()) {
            self.unheard = true;
        }
        if conversed && self.unheard {
            self.was_missed(live, now);
        } else if detected {
            self.pause(live, now, out);
        }
    }

    /// Whoever hears, thinks and speaks in one has gone before anything came of what the caller may have said. Nobody else
    /// knows whether that was anything, so the caller is asked.
    pub(super) fn was_missed(&mut self, live: &mut Live, now: At) {
        self.speaking = None;
        self.unheard = true;
        live.owes_words(now, now);
        self.endpoint_at = Some(now + live.settings().timing.endpoint_ms);
    }

    fn pause(&mut self, live: &mut Live, now: At, out: &mut Effects) {
        let Some(since) = self.speaking.take() else { return };
        if live.ears.conversation().is_some() {
            return;
        }
        let timing = live.settings().timing;
        self.at_length |= now.ms_since(since) >= Self::LONGEST_NOISE_MS + timing.pause_ms;
        // They have been waiting since their last sound.
        live.owes_words(At::from_ms(now.ms().saturating_sub(timing.pause_ms)), now);
        match live.flush_ears(out) {
            Some(flush) => self.awaited = Some((flush, now + timing.final_ms)),
            None => self.unheard = true,
        }
        self.endpoint_at = Some(now + timing.endpoint_ms.saturating_sub(timing.pause_ms));
        self.start_idle(live, now);
    }

    pub(super) fn heard(
        &mut self,
        live: &mut Live,
        now: At,
        job: JobId,
        text: &str,
        flush: Option<u32>,
        out: &mut Effects,
    ) {
        if !live.ears.listens(job) {
            out.note(Note::Stale(job));
            return;
        }
        live.ears.understood();
        let text = text.trim();
        if !text.is_empty() {
            if !self.words.is_empty() {
                self.words.push(' ');
            }
            self.words.push_str(text);
        }
        if self.awaited.is_some_and(|(awaited, _)| flush.is_some_and(|flush| flush >= awaited)) {
            self.awaited = None;
        }
        // Words that nobody asked for, or that come after their turn, end the turn as well, after the same pause.
        if !text.is_empty() && self.speaking.is_none() && self.awaited.is_none() && self.endpoint_at.is_none() {
            live.owes_words(now, now);
            self.endpoint_at = Some(now + live.settings().timing.endpoint_ms);
        }
    }

    pub(super) fn dtmf(&mut self, live: &mut Live, now: At, digit: Digit) {
        if !live.talks() {
            return;
        }
        live.owes_words(now, now);
        let complete = digit.as_char() == '#' || self.digits.len() >= Self::MOST_DIGITS;
        if digit.as_char() != '#' {
            self.digits.push(digit.as_char());
        }
        self.digits_at = Some(if complete { now } else { now + live.settings().timing.digits_ms });
        self.start_idle(live, now);
    }

    // ---- the verdict ----

    /// What the turn has come to by `now`.
    pub(super) fn judge(&mut self, live: &mut Live, now: At, out: &mut Effects) -> Verdict {
        if self.digits_at.is_some_and(|at| now >= at) {
            self.digits_at = None;
            if !self.digits.is_empty() {
                return Verdict::Said(self.take_words());
            }
        }
        if let Some(since) = self.speaking {
            if now < since + live.settings().timing.monologue_ms {
                return Verdict::Open;
            }
            // Nobody speaks that long without a pause: music, or a detector that is stuck.
            live.ears.mistrust();
            self.pause(live, now, out);
            self.at_length = false;
        }
        if let Some((_, by)) = self.awaited {
            if now < by {
                return Verdict::Open;
            }
            self.awaited = None;
            out.note(Note::TimedOut(Wait::Final));
            live.replace_listener(now, out);
            if self.words.is_empty() && self.digits.is_empty() {
                self.endpoint_at = None;
                return Verdict::NotUnderstood;
            }
        }
        // A number that is being entered ends the turn, not the voice: keys are heard as noise.
        if self.digits_at.is_none() && self.endpoint_at.is_some_and(|at| now >= at) {
            self.endpoint_at = None;
            if !self.words.is_empty() {
                return Verdict::Said(self.take_words());
            }
            // Who spoke for so long said something, whatever the listener makes of it: they wait for an answer.
            let empty = self.at_length && live.misheard < Self::MOST_MISHEARD;
            if std::mem::take(&mut self.unheard) || empty {
                if empty {
                    live.misheard += 1;
                    out.note(Note::EmptyTurn);
                }
                return Verdict::NotUnderstood;
            }
            // A cough, a door: it was speech to the detector and nothing to the listener.
            out.note(Note::EmptyTurn);
            return Verdict::Nothing;
        }
        let nothing_pending = self.endpoint_at.is_none() && self.digits_at.is_none();
        if nothing_pending && now >= self.idle_at {
            return Verdict::Idle;
        }
        Verdict::Open
    }

    /// Everything said and keyed in this turn: words first.
    fn take_words(&mut self) -> Arc<str> {
        self.unheard = false;
        let (mut words, digits) = (std::mem::take(&mut self.words), std::mem::take(&mut self.digits));
        if !words.is_empty() && !digits.is_empty() {
            words.push(' ');
        }
        words.push_str(&digits);
        words.into()
    }
}

/// When the caller is asked whether they are there, if both sides are silent from `now` on.
fn idle_from(live: &Live, now: At) -> At {
    if live.talks() { now + live.settings().timing.idle_ms } else { At::from_ms(u32::MAX) }
}
