use super::{
    Phase,
    closed::Closed,
    listening::Listening,
    live::Live,
    streaming::Streaming,
    utterance::{HowEnded, Played, Progress, Utterance},
};
use crate::{At, Clip, CloseReason, Effect, Effects, Input, JobId, Mode, Note, PhaseName, Speech, Stop};

/// The agent says its first words. What the caller says meanwhile is heard: the ears are open.
#[derive(Debug)]
pub struct Greeting {
    live: Box<Live>,
    saying: Saying,
    /// Nothing of it has failed so far.
    whole: bool,
    /// Words of the caller that became final before the greeting was over.
    early: Listening,
}

#[derive(Debug)]
enum Saying {
    Coming(Utterance),
    Playing(Played),
}

impl Greeting {
    pub(super) fn begin(mut live: Box<Live>, now: At, out: &mut Effects) -> Self {
        out.push(Effect::Enter(PhaseName::Greeting));
        let settings = live.settings();
        let speech = match settings.mode {
            Mode::Full => Speech::Greeting(settings.lines.greeting.clone()),
            Mode::Beep | Mode::Bare => Speech::Clip(Clip::Beep),
        };
        live.owes_words(now, now);
        let utterance = Utterance::speak_again(&mut live, now, speech, 0, out);
        let early = Listening::new(&live, now);
        Self { live, saying: Saying::Coming(utterance), whole: true, early }
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn deadline(&self) -> At {
        let saying = match &self.saying {
            Saying::Coming(utterance) => utterance.deadline(&self.live),
            Saying::Playing(played) => played.due,
        };
        saying.min(self.live.deadline())
    }

    pub(super) fn on(mut self, now: At, input: Input, out: &mut Effects) -> Phase {
        let kind = input.kind();
        match input {
            Input::AudioCame { job, chunk } if self.live.fills(job) => {
                self.live.filler_came(now, chunk, out);
                if let Saying::Coming(utterance) = &mut self.saying {
                    utterance.line_filled(&self.live, now);
                }
            }
            Input::AudioCame { job, chunk } => match &mut self.saying {
                Saying::Coming(utterance) if utterance.owns(job) => {
                    utterance.audio_came(&mut self.live, now, chunk, out);
                    if utterance.is_endless() {
                        return self.speech_ended(now, job, out, Utterance::cut_off);
                    }
                }
                Saying::Coming(_) | Saying::Playing(_) => out.note(Note::Stale(job)),
            },
            Input::SpeechDone(job) | Input::JobFailed { job, .. } if self.live.fills(job) => {
                self.live.filler_ended(now);
            }
            Input::SpeechDone(job) => {
                return self.speech_ended(now, job, out, Utterance::speech_done);
            }
            Input::JobFailed { job, retry } => {
                if matches!(&self.saying, Saying::Coming(utterance) if utterance.owns(job)) {
                    return self.speech_ended(now, job, out, Utterance::failed(retry));
                }
                self.early.ears_failed(&mut self.live, now, job, retry, out);
            }
            // A provider that answers what the caller said before the greeting was over: too early.
            Input::Voiced { job, reply, .. } | Input::Worded { job, reply, .. } | Input::Uttered { job, reply, .. } => {
                self.live.refuse(job, reply, out);
            }
            Input::MarkPlayed(mark) => {
                self.live.mark_returned();
                match self.saying {
                    Saying::Playing(played) if played.mark == mark => {
                        return Self::heard(self.live, played, self.whole, self.early, now, out);
                    }
                    Saying::Coming(_) | Saying::Playing(_) => out.note(Note::UnknownMark),
                }
            }
            Input::CallerAudio => self.live.media_came(now),
            Input::CallerSpoke(job) => {
                if self.live.ears.spoke(job) {
                    self.early.caller_spoke(now);
                    if self.live.settings().barge_in {
                        return self.cut(now, out);
                    }
                } else {
                    out.note(Note::Stale(job));
                }
            }
            Input::CallerPaused(job) => self.early.caller_paused(&mut self.live, now, job, out),
            Input::Partial(job) => self.live.ears.partial(job, out),
            Input::Final { job, text, flush } => {
                self.early.heard(&mut self.live, now, job, &text, flush, out);
            }
            Input::Dtmf(digit) => {
                self.early.dtmf(&mut self.live, now, digit);
                if self.live.talks() && self.live.settings().barge_in {
                    return self.cut(now, out);
                }
            }
            Input::Stopped(Stop::HungUp) => return self.close(CloseReason::CallerHungUp, out),
            Input::Stopped(Stop::Flow) => return self.close(CloseReason::FlowEnded, out),
            Input::LegLost => return self.close(CloseReason::LegLost, out),
            Input::LegStalled => return self.close(CloseReason::LegStalled, out),
            Input::Draining => return self.cut_for(now, CloseReason::Drained, out),
            Input::TimePassed => return self.time_passed(now, out),
            Input::Connected => {}
            Input::Started(_) | Input::Refused(_) => out.note(Note::Unexpected(kind)),
            Input::Reply { job, .. } | Input::ReplyDone { job, .. } => out.note(Note::Stale(job)),
        }
        Phase::Greeting(self)
    }

    fn time_passed(mut self, now: At, out: &mut Effects) -> Phase {
        match self.live.overdue(now, out) {
            Some(CloseReason::TimeLimit) => return self.cut_for(now, CloseReason::TimeLimit, out),
            Some(reason) => return self.close(reason, out),
            None => {}
        }
        match self.saying {
            Saying::Coming(utterance) => {
                let progress = utterance.time_passed(&mut self.live, now, out);
                Self::go_on(self.live, progress, self.whole, self.early, now, out)
            }
            Saying::Playing(played) if now >= played.due => {
                self.live.mark_lost(out);
                Self::heard(self.live, played, self.whole, self.early, now, out)
            }
            Saying::Playing(played) => Phase::Greeting(Self { saying: Saying::Playing(played), ..self }),
        }
    }

    fn speech_ended(mut self, now: At, job: JobId, out: &mut Effects, how: HowEnded) -> Phase {
        match self.saying {
            Saying::Coming(utterance) if utterance.owns(job) => {
                let progress = how(utterance, &mut self.live, now, job, out);
                Self::go_on(self.live, progress, self.whole, self.early, now, out)
            }
            Saying::Coming(_) | Saying::Playing(_) => {
                out.note(Note::Stale(job));
                Phase::Greeting(self)
            }
        }
    }

    /// A greeting that cannot be said is replaced by a recording; a recording that cannot be played by listening.
    fn go_on(
        mut live: Box<Live>,
        progress: Progress,
        whole: bool,
        early: Listening,
        now: At,
        out: &mut Effects,
    ) -> Phase {
        let whole = whole && !matches!(progress, Progress::Failed { .. } | Progress::Again { .. });
        let saying = match progress {
            Progress::Coming(utterance) => Saying::Coming(utterance),
            Progress::Spoken(played)
            | Progress::Again { partly: played, .. }
            | Progress::Failed { partly: Some(played), .. } => Saying::Playing(played),
            Progress::Failed { partly: None, was_clip: false } => {
                Saying::Coming(Utterance::speak(&mut live, now, Speech::Clip(Clip::Apology), out))
            }
            Progress::Failed { partly: None, was_clip: true } => {
                return Streaming::listen(live, early, now, out);
            }
        };
        Phase::Greeting(Self { live, saying, whole, early })
    }

    fn heard(mut live: Box<Live>, played: Played, whole: bool, early: Listening, now: At, out: &mut Effects) -> Phase {
        played.heard(&mut live);
        if whole {
            out.note(Note::Greeted);
        }
        Streaming::listen(live, early, now, out)
    }

    /// Barge-in: the caller has something to say and need not hear the rest.
    fn cut(self, now: At, out: &mut Effects) -> Phase {
        let (live, early, unheard) = self.silence(now, out);
        if unheard {
            out.note(Note::BargeIn);
        }
        Streaming::listen(live, early, now, out)
    }

    /// The call has to end: the last words take the place of the first.
    fn cut_for(self, now: At, reason: CloseReason, out: &mut Effects) -> Phase {
        let (live, ..) = self.silence(now, out);
        Streaming::say_goodbye(live, now, reason, out)
    }

    fn silence(mut self, now: At, out: &mut Effects) -> (Box<Live>, Listening, bool) {
        let cut = match self.saying {
            Saying::Coming(utterance) => utterance.cut(&mut self.live, now, out),
            Saying::Playing(played) => played.cut(&mut self.live, now),
        };
        cut.write_down(&mut self.live);
        self.live.clear(now, out);
        (self.live, self.early, cut.unheard)
    }

    fn close(self, reason: CloseReason, out: &mut Effects) -> Phase {
        Phase::Closed(Closed::close(self.live, reason, out))
    }
}
