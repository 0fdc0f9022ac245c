use super::live::Jobs;
use crate::{At, Effect, Effects, JobId, Note, Retry};

/// The two jobs that listen for the length of a call: one that tells speech from noise, one that understands it.
/// Either may fail; it is opened again, at once or after a growing pause, until it says that this will never help.
#[derive(Debug, Default)]
pub(super) struct Ears {
    detector: Ear,
    listener: Ear,
    /// One provider for everything, as long as it is trusted.
    whole: Option<Ear>,
    flushes: u32,
    /// The caller is speaking, as far as the detector has told.
    voice: bool,
}

#[derive(Debug, Default)]
struct Ear {
    job: Option<JobId>,
    reopen: Option<At>,
    failures: u32,
    /// Something has come from this job.
    proven: bool,
}

impl Ears {
    const FIRST_PAUSE_MS: u32 = 250;
    const LONGEST_PAUSE_MS: u32 = 8000;

    pub(super) fn open(&mut self, whole: bool, jobs: &mut Jobs, out: &mut Effects) {
        if whole {
            self.whole.insert(Ear::default()).open(jobs, out, Effect::Converse);
        } else {
            self.open_parts(jobs, out);
        }
    }

    fn open_parts(&mut self, jobs: &mut Jobs, out: &mut Effects) {
        self.detector.open(jobs, out, Effect::Detect);
        self.listener.open(jobs, out, Effect::Listen);
    }

    pub(super) fn detects(&self, job: JobId) -> bool {
        self.detector.job == Some(job) || self.converses(job)
    }

    pub(super) fn listens(&self, job: JobId) -> bool {
        self.listener.job == Some(job) || self.converses(job)
    }

    pub(super) fn converses(&self, job: JobId) -> bool {
        self.conversation() == Some(job)
    }

    /// Whether the conversation has yet to show that somebody is there.
    pub(super) fn is_unproven(&self, job: JobId) -> bool {
        self.converses(job) && self.whole.as_ref().is_some_and(|whole| !whole.proven)
    }

    /// The conversation, where one provider leads it.
    pub(super) fn conversation(&self) -> Option<JobId> {
        self.whole.as_ref()?.job
    }

    /// The detector hears the caller; `false` when it is not ours. It works: earlier failures are forgiven. A conversation has
    /// more to do than to hear.
    pub(super) fn spoke(&mut self, job: JobId) -> bool {
        let ours = self.detects(job);
        if ours {
            self.voice = true;
            self.detector.failures = 0;
            if let Some(whole) = &mut self.whole {
                whole.proven = true;
            }
        }
        ours
    }

    /// The detector hears a pause; `false` when it is not ours.
    pub(super) fn paused(&mut self, job: JobId) -> bool {
        let ours = self.detects(job);
        self.voice &= !ours;
        ours
    }

    /// Whether the caller is speaking, in whatever turn they began to.
    pub(super) const fn voice(&self) -> bool {
        self.voice
    }

    /// What the detector hears is not speech.
    pub(super) const fn mistrust(&mut self) {
        self.voice = false;
    }

    /// Words that may still change: a sign of life, nothing more.
    pub(super) fn partial(&self, job: JobId, out: &mut Effects) {
        if !self.listens(job) {
            out.note(Note::Stale(job));
        }
    }

    /// Asks the listener for its final words; `None` when there is no listener.
    pub(super) fn flush(&mut self, out: &mut Effects) -> Option<u32> {
        let job = self.listener.job?;
        self.flushes += 1;
        out.push(Effect::Flush { job, flush: self.flushes });
        Some(self.flushes)
    }

    /// Nobody listens now, and whether anybody will is not known.
    pub(super) fn are_deaf(&self) -> bool {
        self.listener.job.is_none() && self.conversation().is_none()
    }

    /// The conversation has answered, to the end: earlier failures are forgiven. One that breaks off whenever it should answer
    /// would else be tried for the length of the call.
    pub(super) fn answered(&mut self) {
        if let Some(whole) = &mut self.whole {
            whole.failures = 0;
        }
    }

    /// The listener works: earlier failures are forgiven.
    pub(super) fn understood(&mut self) {
        self.listener.failures = 0;
    }

    pub(super) fn failed(&mut self, now: At, job: JobId, retry: Retry, jobs: &mut Jobs, out: &mut Effects) {
        if self.converses(job) {
            return self.conversation_failed(now, job, retry, jobs, out);
        }
        let (ear, effect): (_, fn(JobId) -> Effect) = if self.detects(job) {
            self.voice = false;
            (&mut self.detector, Effect::Detect)
        } else if self.listens(job) {
            (&mut self.listener, Effect::Listen)
        } else {
            out.note(Note::Stale(job));
            return;
        };
        jobs.end(job);
        out.note(Note::EarsFailed);
        ear.failed(now, retry, jobs, out, effect);
    }

    /// A conversation that fails twice without an answer between, or before anything came of it, or can never succeed, is left
    /// to the parts for the rest of the call: as long as it is not there, nobody hears the caller.
    fn conversation_failed(&mut self, now: At, job: JobId, retry: Retry, jobs: &mut Jobs, out: &mut Effects) {
        jobs.end(job);
        self.voice = false;
        out.note(Note::EarsFailed);
        if let Some(ear) = self.whole.as_mut().filter(|ear| ear.proven && ear.failures == 0 && retry != Retry::Never) {
            ear.failed(now, retry, jobs, out, Effect::Converse);
        } else {
            self.whole = None;
            self.open_parts(jobs, out);
        }
    }

    /// The answer did not come: this conversation is no good any more.
    pub(super) fn leave_conversation(&mut self, now: At, jobs: &mut Jobs, out: &mut Effects) {
        if let Some(job) = self.conversation() {
            out.push(Effect::Cancel(job));
            self.conversation_failed(now, job, Retry::Now, jobs, out);
        }
    }

    pub(super) fn replace_listener(&mut self, now: At, jobs: &mut Jobs, out: &mut Effects) {
        if let Some(job) = self.listener.job {
            out.push(Effect::Cancel(job));
            self.failed(now, job, Retry::Now, jobs, out);
        }
    }

    pub(super) fn deadline(&self) -> Option<At> {
        let whole = self.whole.as_ref().and_then(|whole| whole.reopen);
        [self.detector.reopen, self.listener.reopen, whole].into_iter().flatten().min()
    }

    pub(super) fn reopen(&mut self, now: At, jobs: &mut Jobs, out: &mut Effects) {
        if self.detector.reopen.is_some_and(|at| now >= at) {
            self.detector.open(jobs, out, Effect::Detect);
        }
        if self.listener.reopen.is_some_and(|at| now >= at) {
            self.listener.open(jobs, out, Effect::Listen);
        }
        if let Some(whole) = self.whole.as_mut().filter(|whole| whole.reopen.is_some_and(|at| now >= at)) {
            whole.open(jobs, out, Effect::Converse);
        }
    }
}

impl Ear {
    fn failed(&mut self, now: At, retry: Retry, jobs: &mut Jobs, out: &mut Effects, effect: fn(JobId) -> Effect) {
        self.job = None;
        self.failures += 1;
        match retry {
            Retry::Now if self.failures == 1 => self.open(jobs, out, effect),
            Retry::Now | Retry::Later => {
                let pause = Ears::FIRST_PAUSE_MS << (self.failures - 1).min(8);
                self.reopen = Some(now + pause.min(Ears::LONGEST_PAUSE_MS));
            }
            Retry::Never => {}
        }
    }

    fn open(&mut self, jobs: &mut Jobs, out: &mut Effects, effect: fn(JobId) -> Effect) {
        let job = jobs.open();
        self.reopen = None;
        self.proven = false;
        self.job = Some(job);
        out.push(effect(job));
    }
}
