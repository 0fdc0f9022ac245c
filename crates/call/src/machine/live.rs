use super::{ears::Ears, stopgap::Stopgap};
use crate::{
    At, Chunk, CloseReason, Dialogue, Effect, Effects, JobId, MarkId, Mode, Note, Settings, Start, StreamSid, Wait,
};
use std::sync::Arc;

/// What a started call has, whatever its phase. It exists once and is moved from phase to phase.
#[derive(Debug)]
pub struct Live {
    stream: StreamSid,
    settings: Arc<Settings>,
    pub(super) ears: Ears,
    pub(super) dialogue: Dialogue,
    /// How often in a row the caller was asked whether they are there.
    pub(super) prompts: u32,
    /// How often in a row the caller spoke at length and no words were found.
    pub(super) misheard: u32,
    stopgap: Stopgap,
    /// The last reply of the conversation that was taken, cut or refused.
    replies: u32,
    jobs: Jobs,
    marks: u32,
    /// Marks in a row that did not come back.
    lost_marks: u32,
    /// Estimate of when everything sent so far has been played.
    plays_until: At,
    /// The same of what can be heard: comfort silence left out.
    heard_until: At,
    media_by: At,
    ends: At,
}

impl Live {
    /// After so many lost marks the carrier is one that returns none (bolna-ai/bolna pull request 1050 reports such
    /// calls), and to wait long for each would be a silence after every turn.
    const MARKS_TO_LOSE: u32 = 2;
    /// How late against its estimate a mark may be then, in ms.
    const LOST_MARK_GRACE_MS: u32 = 300;

    pub(super) fn new(now: At, start: Start) -> Self {
        let timing = &start.settings.timing;
        let (media_by, ends) = (now + timing.media_gap_ms, now + timing.call_ms);
        Self {
            stream: start.stream,
            settings: start.settings,
            ears: Ears::default(),
            dialogue: Dialogue::default(),
            prompts: 0,
            misheard: 0,
            stopgap: Stopgap::new(now),
            replies: 0,
            jobs: Jobs::default(),
            marks: 0,
            lost_marks: 0,
            plays_until: now,
            heard_until: now,
            media_by,
            ends,
        }
    }

    /// The carrier's id of the stream.
    pub const fn stream(&self) -> &StreamSid {
        &self.stream
    }

    /// How the agent behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was said so far.
    pub const fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    pub(super) const fn open_jobs(&self) -> usize {
        self.jobs.open.len()
    }

    /// Whether the agent converses. Otherwise it beeps at most, and neither asks nor answers nor says goodbye.
    pub(super) fn talks(&self) -> bool {
        self.settings.mode == Mode::Full
    }

    // ---- time ----

    pub(super) fn media_came(&mut self, now: At) {
        self.media_by = now + self.settings.timing.media_gap_ms;
    }

    /// When something is due that concerns every phase.
    pub(super) fn deadline(&self) -> At {
        self.media_by.min(self.ends).min(self.ears.deadline().unwrap_or(self.ends))
    }

    /// Whether the call is over because of the time; reopens ears whose pause is over.
    pub(super) fn overdue(&mut self, now: At, out: &mut Effects) -> Option<CloseReason> {
        if now >= self.media_by {
            out.note(Note::TimedOut(Wait::Media));
            return Some(CloseReason::MediaStopped);
        }
        self.ears.reopen(now, &mut self.jobs, out);
        if now >= self.ends {
            out.note(Note::TimedOut(Wait::Call));
            return Some(CloseReason::TimeLimit);
        }
        None
    }

    /// The last words have their own deadlines: from here on the call's length no longer ends it.
    pub(super) fn last_words(&mut self) {
        self.ends = At::from_ms(u32::MAX);
    }

    // ---- jobs ----

    pub(super) fn open_job(&mut self) -> JobId {
        self.jobs.open()
    }

    /// A job has ended by itself.
    pub(super) fn end_job(&mut self, job: JobId) {
        self.jobs.end(job);
    }

    pub(super) fn cancel(&mut self, job: JobId, out: &mut Effects) {
        self.jobs.cancel(job, out);
    }

    pub(super) fn cancel_all(mut self, out: &mut Effects) {
        for job in self.jobs.open.drain(..) {
            out.push(Effect::Cancel(job));
        }
    }

    // ---- ears ----

    pub(super) fn open_ears(&mut self, out: &mut Effects) {
        let whole = self.settings.whole;
        self.ears.open(whole, &mut self.jobs, out);
    }

    /// A job that no turn owns has failed: perhaps the ears.
    pub(super) fn ears_failed(&mut self, now: At, job: JobId, retry: crate::Retry, out: &mut Effects) {
        if self.ears.converses(job) {
            // The next conversation counts its replies anew.
            self.replies = 0;
        }
        self.ears.failed(now, job, retry, &mut self.jobs, out);
    }

    pub(super) fn flush_ears(&mut self, out: &mut Effects) -> Option<u32> {
        self.ears.flush(out)
    }

    /// The transcript did not come: these ears are no good any more.
    pub(super) fn replace_listener(&mut self, now: At, out: &mut Effects) {
        self.ears.replace_listener(now, &mut self.jobs, out);
    }

    // ---- a conversation that one provider leads ----

    /// Whether this reply may begin to be heard: none that was taken, cut or refused before.
    pub(super) fn may_take(&self, job: JobId, reply: u32) -> bool {
        self.ears.converses(job) && reply > self.replies
    }

    pub(super) fn reply_taken(&mut self, reply: u32) {
        self.replies = self.replies.max(reply);
    }

    /// The caller has heard so much of this reply, and will hear no more.
    pub(super) fn cut_reply(&self, job: JobId, reply: u32, heard_ms: u32, out: &mut Effects) {
        if self.ears.converses(job) {
            out.push(Effect::Cut { job, reply, heard_ms });
        }
    }

    /// A reply comes that cannot be said now: the provider must not believe that it was.
    pub(super) fn refuse(&mut self, job: JobId, reply: u32, out: &mut Effects) {
        if self.may_take(job, reply) {
            self.reply_taken(reply);
            self.cut_reply(job, reply, 0, out);
        } else {
            out.note(Note::Stale(job));
        }
    }

    /// The answer did not come.
    pub(super) fn leave_conversation(&mut self, now: At, out: &mut Effects) {
        self.replies = 0;
        self.ears.leave_conversation(now, &mut self.jobs, out);
    }

    // ---- the line ----

    /// When the line falls silent if nothing more is sent.
    pub(super) fn silent_from(&self, now: At) -> At {
        self.plays_until.max(now)
    }

    /// `ms` of audio go out now, behind all that went before.
    pub(super) fn sends(&mut self, now: At, ms: u32) {
        self.plays_until = self.silent_from(now) + ms;
        self.heard_until = self.plays_until;
    }

    /// `ms` of silence go out now, behind all that went before.
    pub(super) fn sends_silence(&mut self, now: At, ms: u32) {
        self.plays_until = self.silent_from(now) + ms;
    }

    /// Asks the carrier to tell when everything sent so far has been played.
    pub(super) fn mark(&mut self, now: At, out: &mut Effects) -> (MarkId, At) {
        self.marks += 1;
        let mark = MarkId(self.marks);
        out.push(Effect::SendMark(mark));
        let most = self.settings.timing.mark_grace_ms;
        let grace = if self.lost_marks < Self::MARKS_TO_LOSE { most } else { most.min(Self::LOST_MARK_GRACE_MS) };
        (mark, self.silent_from(now) + grace)
    }

    /// A mark did not come back in time.
    pub(super) fn mark_lost(&mut self, out: &mut Effects) {
        self.lost_marks += 1;
        out.note(Note::TimedOut(Wait::Mark));
    }

    /// A mark came back, in time or not: this carrier does return them.
    pub(super) const fn mark_returned(&mut self) {
        self.lost_marks = 0;
    }

    /// Nothing that was sent is to be played any more.
    pub(super) fn clear(&mut self, now: At, out: &mut Effects) {
        self.drop_stopgap(out);
        self.plays_until = now;
        self.heard_until = now;
        out.push(Effect::Clear);
    }

    /// The caller has the word: a recording that filled their waiting stops.
    pub(super) fn hush(&mut self, now: At, out: &mut Effects) {
        self.drop_stopgap(out);
        if self.heard_until > now {
            self.clear(now, out);
        }
    }

    // ---- the stopgap: what is heard while words do not come ----

    /// The caller waits for us to say something, `since` then.
    pub(super) fn owes_words(&mut self, since: At, now: At) {
        self.stopgap.owed_since(since);
        self.something_begins(now);
    }

    /// Something begins that may bring words at once.
    pub(super) fn something_begins(&mut self, now: At) {
        self.stopgap.hold_back(now);
    }

    /// When the caller has heard nothing for so long that the recording is due. Asked only while words are due.
    pub(super) fn stopgap_at(&self) -> At {
        if !self.talks() {
            return At::from_ms(u32::MAX);
        }
        self.stopgap.due(self.heard_until, self.settings.timing.fallback_after_ms)
    }

    /// Plays the recording if it is due.
    pub(super) fn fill(&mut self, now: At, out: &mut Effects) {
        if now >= self.stopgap_at() {
            self.stopgap.play(&mut self.jobs, out);
        }
    }

    pub(super) fn fills(&self, job: JobId) -> bool {
        self.stopgap.owns(job)
    }

    pub(super) fn filler_came(&mut self, now: At, chunk: Chunk, out: &mut Effects) {
        self.sends(now, chunk.ms);
        out.push(Effect::Play(chunk));
    }

    /// The recording has come, or will not come.
    pub(super) fn filler_ended(&mut self, now: At) {
        self.stopgap.ended(now, &mut self.jobs);
    }

    /// Words have come: the rest of the recording would get into the middle of them.
    pub(super) fn drop_stopgap(&mut self, out: &mut Effects) {
        self.stopgap.drop_it(&mut self.jobs, out);
    }
}

/// The jobs of a call that have not ended. Whoever closes the call finds every one of them here.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    last: u32,
    open: Vec<JobId>,
}

impl Jobs {
    pub(super) fn open(&mut self) -> JobId {
        self.last += 1;
        let job = JobId(self.last);
        self.open.push(job);
        job
    }

    pub(super) fn end(&mut self, job: JobId) {
        self.open.retain(|open| *open != job);
    }

    pub(super) fn cancel(&mut self, job: JobId, out: &mut Effects) {
        self.end(job);
        out.push(Effect::Cancel(job));
    }
}
