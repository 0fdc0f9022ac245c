use super::live::Live;
use crate::{CloseReason, Effect, Effects, Input, Note, PhaseName};

/// The call is over. No arrow leads away from here.
#[derive(Debug)]
pub struct Closed(CloseReason);

impl Closed {
    /// What a call is while the machine works on it, so that a panic leaves a closed call behind.
    pub(super) const fn for_a_bug() -> Self {
        Self(CloseReason::Bug)
    }

    /// Closes a call that never started: it has no jobs.
    pub(super) fn before_start(reason: CloseReason, out: &mut Effects) -> Self {
        Self::end(reason, out)
    }

    /// Closes a call that has started. It takes the whole of what lives, so every open job is cancelled here.
    pub(super) fn close(live: Box<Live>, reason: CloseReason, out: &mut Effects) -> Self {
        live.cancel_all(out);
        Self::end(reason, out)
    }

    fn end(reason: CloseReason, out: &mut Effects) -> Self {
        out.push(Effect::Enter(PhaseName::Closed));
        out.push(Effect::Close(reason));
        Self(reason)
    }

    /// Why the call ended.
    pub const fn reason(&self) -> CloseReason {
        self.0
    }

    pub(super) fn on(self, input: &Input, out: &mut Effects) -> Self {
        // Workers that had not heard of the end yet, and a carrier that goes on talking, are no surprise.
        out.note(match input {
            Input::AudioCame { job, .. }
            | Input::SpeechDone(job)
            | Input::Voiced { job, .. }
            | Input::Worded { job, .. }
            | Input::Uttered { job, .. }
            | Input::CallerSpoke(job)
            | Input::CallerPaused(job)
            | Input::Partial(job)
            | Input::Final { job, .. }
            | Input::Reply { job, .. }
            | Input::ReplyDone { job, .. }
            | Input::JobFailed { job, .. } => Note::Stale(*job),
            Input::Connected
            | Input::Started(_)
            | Input::Refused(_)
            | Input::CallerAudio
            | Input::Dtmf(_)
            | Input::MarkPlayed(_)
            | Input::Stopped(_)
            | Input::LegLost
            | Input::LegStalled
            | Input::Draining
            | Input::TimePassed => Note::Unexpected(input.kind()),
        });
        self
    }
}
