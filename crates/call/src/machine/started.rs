use super::{Phase, closed::Closed, greeting::Greeting, live::Live};
use crate::{At, CloseReason, Effects, Input, Mode, Note, Stop};

/// The stream has started and the call is admitted. Calls that are only listened to, or that only test the socket, stay
/// here until they end; all others are greeted at once.
#[derive(Debug)]
pub struct Started {
    pub(super) live: Box<Live>,
}

impl Started {
    pub(super) const fn new(live: Box<Live>) -> Self {
        Self { live }
    }

    /// The only way into [`Greeting`]. A call has one `Started` and it is moved here: a second greeting does not compile.
    pub fn greet(mut self, now: At, out: &mut Effects) -> Greeting {
        if self.live.settings().mode == Mode::Full {
            self.live.open_ears(out);
        }
        Greeting::begin(self.live, now, out)
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn deadline(&self) -> At {
        self.live.deadline()
    }

    #[expect(clippy::needless_pass_by_value, reason = "every phase takes an input in the same way: a fact is used up")]
    pub(super) fn on(mut self, now: At, input: Input, out: &mut Effects) -> Phase {
        let kind = input.kind();
        match input {
            Input::CallerAudio => self.live.media_came(now),
            Input::Stopped(Stop::HungUp) => return self.close(CloseReason::CallerHungUp, out),
            Input::Stopped(Stop::Flow) => return self.close(CloseReason::FlowEnded, out),
            Input::LegLost => return self.close(CloseReason::LegLost, out),
            Input::LegStalled => return self.close(CloseReason::LegStalled, out),
            Input::Draining => return self.close(CloseReason::Drained, out),
            Input::TimePassed => {
                if let Some(reason) = self.live.overdue(now, out) {
                    return self.close(reason, out);
                }
            }
            Input::Connected | Input::Dtmf(_) => {}
            Input::Started(_)
            | Input::Refused(_)
            | Input::CallerSpoke(_)
            | Input::CallerPaused(_)
            | Input::Partial(_)
            | Input::Final { .. }
            | Input::Reply { .. }
            | Input::ReplyDone { .. }
            | Input::AudioCame { .. }
            | Input::SpeechDone(_)
            | Input::Voiced { .. }
            | Input::Worded { .. }
            | Input::Uttered { .. }
            | Input::JobFailed { .. }
            | Input::MarkPlayed(_) => out.note(Note::Unexpected(kind)),
        }
        Phase::Started(self)
    }

    fn close(self, reason: CloseReason, out: &mut Effects) -> Phase {
        Phase::Closed(Closed::close(self.live, reason, out))
    }
}
