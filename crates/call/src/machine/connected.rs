use super::{Phase, closed::Closed, live::Live, started::Started};
use crate::{At, CloseReason, Effect, Effects, Input, Limits, Mode, Note, PhaseName, Start, Stop, Wait};

/// The leg is open. Nothing is known of the call, so nothing can be said.
#[derive(Debug)]
pub struct Connected {
    give_up: At,
}

impl Connected {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { give_up: At::from_ms(limits.start_ms) }
    }

    pub(super) const fn deadline(&self) -> At {
        self.give_up
    }

    pub(super) fn on(self, now: At, input: Input, out: &mut Effects) -> Phase {
        let kind = input.kind();
        match input {
            Input::Started(start) => return Self::start(now, start, out),
            Input::Refused(refusal) => return Self::close(CloseReason::Refused(refusal), out),
            Input::Stopped(Stop::HungUp) => return Self::close(CloseReason::CallerHungUp, out),
            Input::Stopped(Stop::Flow) => return Self::close(CloseReason::FlowEnded, out),
            Input::LegLost => return Self::close(CloseReason::LegLost, out),
            Input::LegStalled => return Self::close(CloseReason::LegStalled, out),
            Input::Draining => return Self::close(CloseReason::Drained, out),
            Input::TimePassed => {
                if now >= self.give_up {
                    out.note(Note::TimedOut(Wait::Start));
                    return Self::close(CloseReason::NoStart, out);
                }
            }
            Input::Connected => {}
            Input::CallerAudio
            | Input::CallerSpoke(_)
            | Input::CallerPaused(_)
            | Input::Partial(_)
            | Input::Final { .. }
            | Input::Dtmf(_)
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
        Phase::Connected(self)
    }

    /// The only way into `Started`. From there on the call has a stream, an agent and, if it is a talking one, a greeting.
    fn start(now: At, start: Start, out: &mut Effects) -> Phase {
        let (mode, duplex) = (start.settings.mode, start.duplex);
        out.push(Effect::Enter(PhaseName::Started));
        let started = Started::new(Box::new(Live::new(now, start)));
        match (mode, duplex) {
            (Mode::Full | Mode::Beep, true) => Phase::Greeting(started.greet(now, out)),
            (Mode::Bare, _) | (_, false) => Phase::Started(started),
        }
    }

    fn close(reason: CloseReason, out: &mut Effects) -> Phase {
        Phase::Closed(Closed::before_start(reason, out))
    }
}
