use super::live::Jobs;
use crate::{At, Clip, Effect, Effects, JobId, Speech};

/// The recording that the caller hears while words are due and do not come, whoever is slow: the ears, the mind or the voice.
/// It is played as often as the line has been silent for too long.
#[derive(Debug)]
pub(super) struct Stopgap {
    /// Since when the caller has been waiting.
    since: At,
    /// What has just been begun may be at hand: the recording gives it this long.
    not_before: At,
    /// The job of the recording, while it comes.
    job: Option<JobId>,
}

impl Stopgap {
    /// How long the recording gives words that may be at hand, in ms.
    const AT_HAND_MS: u32 = 20;

    pub(super) const fn new(now: At) -> Self {
        Self { since: now, not_before: now, job: None }
    }

    /// Something is begun that may bring words at once.
    pub(super) fn hold_back(&mut self, now: At) {
        self.not_before = now + Self::AT_HAND_MS;
    }

    pub(super) const fn owed_since(&mut self, now: At) {
        self.since = now;
    }

    /// When it is due, if nothing was heard since `heard_until`. Never while it comes.
    pub(super) fn due(&self, heard_until: At, after_ms: u32) -> At {
        match self.job {
            Some(_) => At::from_ms(u32::MAX),
            None => (self.since.max(heard_until) + after_ms).max(self.not_before),
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
