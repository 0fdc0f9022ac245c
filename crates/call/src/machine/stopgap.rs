use super::live::Jobs;
use crate::{At, Clip, Effect, Effects, JobId, Speech};

/// The recording that the caller hears while words are due and do not come, whoever is slow: the ears, the mind or the voice.
/// It is played as often as the line has been silent for too long.
#[derive(Debug)]
pub(super) struct Stopgap {
    /// Since when the caller has been waiting.
    since: At,
    /// The job of the recording, while it comes.
    job: Option<JobId>,
}

impl Stopgap {
    pub(super) const fn new(now: At) -> Self {
        Self { since: now, job: None }
    }

    pub(super) const fn owed_since(&mut self, now: At) {
        self.since = now;
    }

    /// When it is due, if nothing was heard since `heard_until`. Never while it comes.
    pub(super) fn due(&self, heard_until: At, after_ms: u32) -> At {
        match self.job {
            Some(_) => At::from_ms(u32::MAX),
            None => self.since.max(heard_until) + after_ms,
        }
    }

    pub(super) fn owns(&self, job: JobId) -> bool {
        self.job == Some(job)
    }

    pub(super) fn play(&mut self, jobs: &mut Jobs, out: &mut Effects) {
        let job = jobs.open();
        self.job = Some(job);
        out.push(Effect::Speak { job, speech: Speech::Clip(Clip::OneMoment) });
    }

    /// A recording that failed is not asked for again at once.
    pub(super) fn ended(&mut self, now: At, jobs: &mut Jobs) {
        if let Some(job) = self.job.take() {
            jobs.end(job);
            self.since = self.since.max(now);
        }
    }

    pub(super) fn drop_it(&mut self, jobs: &mut Jobs, out: &mut Effects) {
        if let Some(job) = self.job.take() {
            jobs.cancel(job, out);
        }
    }
}
