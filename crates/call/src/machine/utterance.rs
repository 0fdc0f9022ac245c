use std::sync::Arc;

use super::live::Live;
use crate::{At, Chunk, Effect, Effects, JobId, MarkId, Note, Retry, Speaker, Speech, Wait};

/// One stretch of agent speech while its audio is coming: one speaking job. While words do not come it sends comfort silence.
#[derive(Debug)]
pub(super) struct Utterance {
    job: JobId,
    speech: Speech,
    /// It was asked again after its worker failed.
    retried: bool,
    /// How often it may still be said again when its voice fails in the middle of it.
    repeats: u8,
    /// When its first audio plays, and how much has come.
    begins: Option<At>,
    ms: u32,
    comfort_at: At,
    first_by: At,
}

/// What became of an utterance after an input.
pub(super) enum Progress {
    /// Its audio is still coming.
    Coming(Utterance),
    /// All its audio has been sent; the mark will tell when it has been heard.
    Spoken(Played),
    /// It failed in the middle: what the caller has not heard to its end is said again.
    Again {
        /// What came of it. It is not a part of the dialogue: the repetition will be.
        partly: Played,
        /// All of it.
        speech: Speech,
        /// How often that may fail as well.
        repeats: u8,
    },
    /// It failed, after some or none of its audio. A recording cannot fail in this way twice.
    Failed {
        /// What could be said of it.
        partly: Option<Played>,
        /// It was a recording.
        was_clip: bool,
    },
}

/// How a speaking job ended.
pub(super) type HowEnded = fn(Utterance, &mut Live, At, JobId, &mut Effects) -> Progress;

impl Utterance {
    /// How much silence is sent at a time while the line waits, in ms.
    const COMFORT_MS: u32 = 200;
    /// Nobody says as much in one breath, in ms: a voice that goes on is broken, and its audio has to be kept somewhere.
    const LONGEST_MS: u32 = 120_000;

    /// How often a sentence is said again. Each time another voice says it.
    const REPEATS: u8 = 2;

    pub(super) fn speak(live: &mut Live, now: At, speech: Speech, out: &mut Effects) -> Self {
        let job = live.open_job();
        out.push(Effect::Speak { job, speech: speech.clone() });
        live.something_begins(now);
        let silent_from = live.silent_from(now);
        let timing = &live.settings().timing;
        Self {
            job,
            speech,
            retried: false,
            repeats: Self::REPEATS,
            begins: None,
            ms: 0,
            comfort_at: silent_from + timing.comfort_after_ms,
            first_by: silent_from + timing.first_audio_ms,
        }
    }

    /// As [`speak`](Self::speak), and what fails in the middle is said again `repeats` times at most.
    pub(super) fn speak_again(live: &mut Live, now: At, speech: Speech, repeats: u8, out: &mut Effects) -> Self {
        Self { repeats, ..Self::speak(live, now, speech, out) }
    }

    pub(super) fn owns(&self, job: JobId) -> bool {
        self.job == job
    }

    /// Words are due and none has come. Recordings come at once, so they are never waited for.
    pub(super) const fn is_due(&self) -> bool {
        self.begins.is_none() && self.text().is_some()
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        let soonest = self.comfort_due(live).min(self.give_up(live));
        if self.is_due() { soonest.min(live.stopgap_at()) } else { soonest }
    }

    /// Comfort silence is for a line that is silent.
    fn comfort_due(&self, live: &Live) -> At {
        self.comfort_at.max(live.silent_from(At::ZERO))
    }

    /// Audio that comes slower than it plays does not count as going on for ever: the gap is measured on the line.
    fn give_up(&self, live: &Live) -> At {
        match self.begins {
            None => self.first_by,
            Some(begins) => begins + self.ms + live.settings().timing.audio_gap_ms,
        }
    }

    pub(super) fn audio_came(&mut self, live: &mut Live, now: At, chunk: Chunk, out: &mut Effects) {
        live.drop_stopgap(out);
        self.begins.get_or_insert(live.silent_from(now));
        self.ms = self.ms.saturating_add(chunk.ms);
        live.sends(now, chunk.ms);
        self.comfort_at = live.silent_from(now) + live.settings().timing.comfort_after_ms;
        out.push(Effect::Play(chunk));
    }

    /// The recording fills the line: silence is due only some time after it.
    pub(super) fn line_filled(&mut self, live: &Live, now: At) {
        self.comfort_at = live.silent_from(now) + live.settings().timing.comfort_after_ms;
    }

    /// More audio came than anybody would listen to.
    pub(super) const fn is_endless(&self) -> bool {
        self.ms > Self::LONGEST_MS
    }

    /// What came so far is all that is said of it.
    pub(super) fn cut_off(self, live: &mut Live, now: At, _: JobId, out: &mut Effects) -> Progress {
        out.note(Note::SpeechFailed);
        live.cancel(self.job, out);
        Progress::Spoken(self.end(live, now, out))
    }

    pub(super) fn speech_done(self, live: &mut Live, now: At, job: JobId, out: &mut Effects) -> Progress {
        live.end_job(job);
        match self.begins {
            Some(_) => Progress::Spoken(self.end(live, now, out)),
            // All of nothing: an empty success is a failure.
            None => self.fail(live, now, out),
        }
    }

    /// How a job ends that failed: for good, or to be asked once more.
    pub(super) fn failed(retry: Retry) -> HowEnded {
        match retry {
            Retry::Now => Self::ask_again,
            Retry::Later | Retry::Never => Self::job_failed,
        }
    }

    /// The worker died. As long as nothing was heard, its successor can say the same.
    fn ask_again(mut self, live: &mut Live, now: At, job: JobId, out: &mut Effects) -> Progress {
        if self.retried || self.begins.is_some() || self.text().is_none() {
            return self.job_failed(live, now, job, out);
        }
        live.end_job(job);
        self.retried = true;
        self.job = live.open_job();
        out.push(Effect::Speak { job: self.job, speech: self.speech.clone() });
        Progress::Coming(self)
    }

    fn job_failed(self, live: &mut Live, now: At, job: JobId, out: &mut Effects) -> Progress {
        live.end_job(job);
        self.fail(live, now, out)
    }

    pub(super) fn time_passed(mut self, live: &mut Live, now: At, out: &mut Effects) -> Progress {
        if now >= self.give_up(live) {
            out.note(Note::TimedOut(Wait::Audio));
            live.cancel(self.job, out);
            return self.fail(live, now, out);
        }
        if self.is_due() && now >= live.stopgap_at() {
            live.fill(now, out);
            // It comes at once: silence sent now would only push it back.
            self.comfort_at = self.comfort_at.max(now + Self::COMFORT_MS);
        } else if now >= self.comfort_due(live) {
            out.push(Effect::Comfort(Self::COMFORT_MS));
            live.sends_silence(now, Self::COMFORT_MS);
        }
        Progress::Coming(self)
    }

    /// The caller interrupts: nothing more of it is wanted. What was heard of it enters the dialogue.
    pub(super) fn cut(self, live: &mut Live, now: At, out: &mut Effects) -> Cut {
        live.cancel(self.job, out);
        let mut cut = Cut { unheard: true, remembered: false };
        if let (Some(text), Some(begins)) = (self.text(), self.begins) {
            // While the audio is still coming its whole length is unknown: it is estimated from the text.
            let whole_ms = self.ms.max(estimate_ms(text));
            cut.remembered = remember_heard(live, text, now.ms_since(begins).min(self.ms), whole_ms);
        }
        cut
    }

    /// What enters the dialogue: recordings do not.
    const fn text(&self) -> Option<&Arc<str>> {
        match &self.speech {
            Speech::Greeting(text) | Speech::Line(text) | Speech::Reply(text) => Some(text),
            Speech::Clip(_) => None,
        }
    }

    fn fail(self, live: &mut Live, now: At, out: &mut Effects) -> Progress {
        out.note(Note::SpeechFailed);
        live.drop_stopgap(out);
        let was_clip = self.text().is_none();
        if self.begins.is_none() {
            return Progress::Failed { partly: None, was_clip };
        }
        if was_clip || self.repeats == 0 {
            return Progress::Failed { partly: Some(self.end_early(live, now, out)), was_clip };
        }
        let (speech, repeats) = (self.speech.clone(), self.repeats - 1);
        let mut partly = self.end(live, now, out);
        partly.text = None;
        Progress::Again { partly, speech, repeats }
    }

    /// The rest of it will not come: only what came of its words can be heard.
    fn end_early(self, live: &mut Live, now: At, out: &mut Effects) -> Played {
        let came = self.text().and_then(|text| share(text, self.ms, self.ms.max(estimate_ms(text))));
        Played { text: came, ..self.end(live, now, out) }
    }

    fn end(self, live: &mut Live, now: At, out: &mut Effects) -> Played {
        let (mark, due) = live.mark(now, out);
        Played { mark, due, text: self.text().cloned(), begins: self.begins.unwrap_or(now), ms: self.ms }
    }
}

/// An utterance that is complete and has not been heard to its end yet.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) mark: MarkId,
    /// When the mark counts as lost, and the utterance as heard.
    pub(super) due: At,
    text: Option<Arc<str>>,
    begins: At,
    ms: u32,
}

impl Played {
    /// The caller has heard all of it. `true` when it entered the dialogue: recordings do not.
    pub(super) fn heard(self, live: &mut Live) -> bool {
        let Some(text) = &self.text else { return false };
        live.dialogue.add(Speaker::Agent, text);
        true
    }

    /// The caller interrupts while it plays, or while its mark is on its way. What was heard of it enters the dialogue.
    pub(super) fn cut(self, live: &mut Live, now: At) -> Cut {
        let heard_ms = now.ms_since(self.begins);
        let remembered = self.text.as_ref().is_some_and(|text| remember_heard(live, text, heard_ms, self.ms));
        Cut { unheard: heard_ms < self.ms, remembered }
    }
}

/// What an interruption has found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cut {
    /// Something was not heard.
    pub(super) unheard: bool,
    /// Something was heard, and is in the dialogue now.
    pub(super) remembered: bool,
}

impl Cut {
    pub(super) const fn and(self, other: Self) -> Self {
        Self { unheard: self.unheard || other.unheard, remembered: self.remembered || other.remembered }
    }

    /// Says in the dialogue that the agent was interrupted there. Words that it said before, and that were heard to their
    /// end, are left as they are.
    pub(super) fn write_down(self, live: &mut Live) {
        if self.unheard && self.remembered {
            live.dialogue.cut();
        }
    }
}

/// Adds the share of `text` that `heard_ms` of `whole_ms` is to the dialogue. `false` when that is nothing.
fn remember_heard(live: &mut Live, text: &Arc<str>, heard_ms: u32, whole_ms: u32) -> bool {
    let heard = share(text, heard_ms, whole_ms);
    if let Some(heard) = &heard {
        live.dialogue.add(Speaker::Agent, heard);
    }
    heard.is_some()
}

/// The share of `text` that `part_ms` of `whole_ms` is, rounded down to a word; `None` when that is nothing.
pub(super) fn share(text: &Arc<str>, part_ms: u32, whole_ms: u32) -> Option<Arc<str>> {
    if part_ms >= whole_ms {
        return Some(Arc::clone(text));
    }
    let end = text.floor_char_boundary((text.len() as u64 * u64::from(part_ms) / u64::from(whole_ms.max(1))) as usize);
    let space = text[..end].rfind(char::is_whitespace)?;
    let words = text[..space].trim_end();
    (!words.is_empty()).then(|| words.into())
}

/// How long `text` takes to say, at 15 characters a second.
pub(super) fn estimate_ms(text: &str) -> u32 {
    (text.chars().count() as u32).saturating_mul(1000 / 15)
}
