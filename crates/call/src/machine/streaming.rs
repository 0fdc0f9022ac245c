use std::{collections::VecDeque, iter, sync::Arc};

use super::{
    Phase,
    closed::Closed,
    listening::{Listening, Verdict},
    live::Live,
    speaking::{Speaking, Then},
    thinking::Thinking,
    utterance::Utterance,
    whole::{Awaiting, Flow},
};
use crate::{
    At, Clip, CloseReason, Effect, Effects, Input, JobId, Next, Note, OnFailure, PhaseName, Retry, Speaker, Speech,
    Stop, Wait,
};

/// The conversation: turn after turn, until somebody ends it.
#[derive(Debug)]
pub struct Streaming {
    pub(super) live: Box<Live>,
    pub(super) turn: Turn,
}

#[derive(Debug)]
pub(super) enum Turn {
    Listening(Listening),
    Thinking(Thinking),
    Speaking(Speaking),
    /// One provider leads the conversation, and is about to answer.
    Awaiting(Awaiting),
    /// One provider leads the conversation, and answers.
    Flowing(Flow),
}

impl Streaming {
    // ---- arrows into it ----

    /// The greeting is over. What the caller said meanwhile begins their first turn, and may be all of it.
    pub(super) fn listen(live: Box<Live>, mut early: Listening, now: At, out: &mut Effects) -> Phase {
        early.start_idle(&live, now);
        Self::turn_to(live, now, Turn::Listening(early), out).settle(now, out)
    }

    /// The call has to end, for `reason`: a last line, and then the close.
    pub(super) fn say_goodbye(mut live: Box<Live>, now: At, reason: CloseReason, out: &mut Effects) -> Phase {
        if !live.talks() {
            return Phase::Closed(Closed::close(live, reason, out));
        }
        if may_not_interrupt(reason) {
            live.last_words();
        }
        live.owes_words(now, now);
        let goodbye = Speech::Line(live.settings().lines.goodbye.clone());
        let speaking = Speaking::begin(&mut live, now, [goodbye], None, Then::Close(reason), out);
        Phase::Streaming(Self::turn_to(live, now, Turn::Speaking(speaking), out))
    }

    pub(super) fn turn_to(mut live: Box<Live>, now: At, turn: Turn, out: &mut Effects) -> Self {
        live.something_begins(now);
        let streaming = Self { live, turn };
        out.push(Effect::Enter(streaming.name()));
        streaming
    }

    // ---- reading ----

    pub(super) const fn name(&self) -> PhaseName {
        match &self.turn {
            Turn::Listening(_) => PhaseName::Listening,
            Turn::Thinking(_) | Turn::Awaiting(_) => PhaseName::Thinking,
            Turn::Speaking(_) | Turn::Flowing(_) => PhaseName::Speaking,
        }
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn deadline(&self) -> At {
        let turn = match &self.turn {
            Turn::Listening(listening) => listening.deadline(&self.live),
            Turn::Thinking(thinking) => thinking.deadline(&self.live),
            Turn::Speaking(speaking) => speaking.deadline(&self.live),
            Turn::Awaiting(awaiting) => awaiting.deadline(&self.live),
            Turn::Flowing(flow) => flow.deadline(&self.live),
        };
        turn.min(self.live.deadline())
    }

    // ---- inputs ----

    pub(super) fn on(mut self, now: At, input: Input, out: &mut Effects) -> Phase {
        let kind = input.kind();
        match input {
            Input::CallerAudio => {
                // Nothing else can change by it: the path of every frame ends here.
                self.live.media_came(now);
                return Phase::Streaming(self);
            }
            Input::CallerSpoke(job) => self = self.caller_spoke(now, job, out),
            Input::CallerPaused(job) if self.live.ears.converses(job) => self = self.await_answer(now, job, out),
            Input::CallerPaused(job) => match &mut self.turn {
                Turn::Listening(listening) => listening.caller_paused(&mut self.live, now, job, out),
                // Where the caller may not interrupt, what they say meanwhile is no turn.
                Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                    if !self.live.ears.paused(job) {
                        out.note(Note::Stale(job));
                    }
                }
            },
            Input::Partial(job) => self.live.ears.partial(job, out),
            Input::Final { job, text, flush } => self = self.heard(now, job, &text, flush, out),
            Input::Dtmf(digit) => {
                if self.may_interrupt() {
                    self = self.interrupt(now, out);
                }
                if let Turn::Listening(listening) = &mut self.turn {
                    listening.dtmf(&mut self.live, now, digit);
                }
            }
            Input::Reply { job, text } => self = self.reply(now, job, &text, out),
            Input::ReplyDone { job, next } => self = self.reply_done(now, job, next, out),
            Input::AudioCame { job, chunk } if self.live.fills(job) => {
                self.live.filler_came(now, chunk, out);
                if let Turn::Speaking(speaking) = &mut self.turn {
                    speaking.line_filled(&self.live, now);
                }
            }
            Input::AudioCame { job, chunk } => match &mut self.turn {
                Turn::Speaking(speaking) if speaking.voices(job) => {
                    speaking.audio_came(&mut self.live, now, job, chunk, out);
                }
                Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                    out.note(Note::Stale(job));
                }
            },
            Input::SpeechDone(job) | Input::JobFailed { job, .. } if self.live.fills(job) => {
                self.live.filler_ended(now);
            }
            Input::SpeechDone(job) => match &mut self.turn {
                Turn::Speaking(speaking) if speaking.voices(job) => {
                    speaking.speech_ended(&mut self.live, now, job, out, Utterance::speech_done);
                }
                Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                    out.note(Note::Stale(job));
                }
            },
            Input::JobFailed { job, retry } => self = self.job_failed(now, job, retry, out),
            Input::Voiced { job, reply, chunk } => self = self.voiced(now, job, reply, chunk, out),
            Input::Worded { job, reply, text } => self = self.worded(now, job, reply, &text, out),
            Input::Uttered { job, reply, next } => self = self.uttered(now, job, reply, next, out),
            Input::MarkPlayed(mark) => {
                self.live.mark_returned();
                match &mut self.turn {
                    Turn::Speaking(speaking) => speaking.mark_played(&mut self.live, now, mark, out),
                    Turn::Flowing(flow) => {
                        if flow.mark_played(&mut self.live, mark, out) {
                            return self.flowed(now, out);
                        }
                    }
                    Turn::Listening(_) | Turn::Thinking(_) | Turn::Awaiting(_) => out.note(Note::UnknownMark),
                }
            }
            Input::TimePassed => match self.live.overdue(now, out) {
                Some(CloseReason::TimeLimit) => return self.cut_for(now, CloseReason::TimeLimit, out),
                Some(reason) => return self.close(reason, out),
                None => {
                    if let Turn::Flowing(flow) = &mut self.turn
                        && flow.time_passed(&mut self.live, now, out)
                    {
                        return self.flowed(now, out);
                    }
                    self = self.time_passed(now, out);
                }
            },
            Input::Draining => match &mut self.turn {
                // Already saying goodbye, and from now on nothing the caller says can change it.
                Turn::Speaking(Speaking { then: Then::Close(reason), mind: None, .. }) => {
                    if !may_not_interrupt(*reason) {
                        *reason = CloseReason::Drained;
                    }
                }
                Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                    return self.cut_for(now, CloseReason::Drained, out);
                }
            },
            Input::Stopped(Stop::HungUp) => return self.close(CloseReason::CallerHungUp, out),
            Input::Stopped(Stop::Flow) => return self.close(CloseReason::FlowEnded, out),
            Input::LegLost => return self.close(CloseReason::LegLost, out),
            Input::LegStalled => return self.close(CloseReason::LegStalled, out),
            Input::Connected => {}
            Input::Started(_) | Input::Refused(_) => out.note(Note::Unexpected(kind)),
        }
        self.settle(now, out)
    }

    /// Does what follows from where the turn stands now.
    pub(super) fn settle(mut self, now: At, out: &mut Effects) -> Phase {
        match &mut self.turn {
            Turn::Listening(listening) => match listening.judge(&mut self.live, now, out) {
                Verdict::Open => Phase::Streaming(self),
                Verdict::Said(words) => Phase::Streaming(self.think(now, &words, out)),
                Verdict::NotUnderstood => {
                    let lines = &self.live.settings().lines;
                    let deaf = self.live.ears.are_deaf();
                    if deaf && self.live.settings().on_failure != OnFailure::Retry {
                        return Phase::Streaming(Self::apologise(self.live, now, out));
                    }
                    let line = if deaf { &lines.use_keys } else { &lines.not_understood }.clone();
                    Phase::Streaming(self.say(now, Speech::Line(line), Then::Listen, out))
                }
                Verdict::Nothing => match self.live.dialogue.words().last() {
                    // The noise came while we were about to answer.
                    Some(words) if words.speaker == Speaker::Caller => {
                        let thinking = Thinking::begin(&mut self.live, now, out);
                        Phase::Streaming(Self::turn_to(self.live, now, Turn::Thinking(thinking), out))
                    }
                    // Then it was as silent as before, perhaps for too long.
                    Some(_) | None => self.settle(now, out),
                },
                Verdict::Idle => self.ask_whether_there(now, out),
            },
            Turn::Speaking(speaking) if speaking.is_over() => match speaking.then {
                Then::Close(reason) => self.close(reason, out),
                Then::Listen => {
                    let listening = Listening::new(&self.live, now);
                    Phase::Streaming(Self::turn_to(self.live, now, Turn::Listening(listening), out))
                }
            },
            Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => Phase::Streaming(self),
        }
    }

    fn caller_spoke(mut self, now: At, job: JobId, out: &mut Effects) -> Self {
        if !self.live.ears.spoke(job) {
            out.note(Note::Stale(job));
            return self;
        }
        self.live.prompts = 0;
        if self.may_interrupt() {
            self = self.interrupt(now, out);
        }
        if let Turn::Listening(listening) = &mut self.turn {
            self.live.hush(now, out);
            listening.caller_spoke(now);
        }
        self
    }

    fn heard(mut self, now: At, job: JobId, text: &Arc<str>, flush: Option<u32>, out: &mut Effects) -> Self {
        if self.live.ears.converses(job) {
            // Whoever leads the conversation answers by themselves; this is for the record.
            if !text.trim().is_empty() {
                self.live.dialogue.add(Speaker::Caller, &text.trim().into());
            }
            return self;
        }
        match &mut self.turn {
            Turn::Listening(listening) => listening.heard(&mut self.live, now, job, text, flush, out),
            Turn::Thinking(_) if self.live.ears.listens(job) && !text.trim().is_empty() => {
                // The caller had more to say than was known when the turn seemed complete: think again, of all of it.
                self = self.interrupt(now, out);
                if let Turn::Listening(listening) = &mut self.turn {
                    listening.heard(&mut self.live, now, job, text, None, out);
                }
            }
            Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                if !self.live.ears.listens(job) {
                    out.note(Note::Stale(job));
                }
            }
        }
        self
    }

    fn reply(mut self, now: At, job: JobId, text: &str, out: &mut Effects) -> Self {
        match &mut self.turn {
            Turn::Thinking(thinking) if thinking.mind == job => {
                let mut sentences = VecDeque::new();
                thinking.reply(&self.live, now, text, &mut sentences);
                if sentences.is_empty() {
                    return self;
                }
                self.speak_reply(now, sentences, out)
            }
            Turn::Speaking(speaking) if speaking.thinks(job) => {
                speaking.reply(&mut self.live, now, text, out);
                self
            }
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                out.note(Note::Stale(job));
                self
            }
        }
    }

    fn reply_done(mut self, now: At, job: JobId, next: Next, out: &mut Effects) -> Self {
        let then = Then::after(next);
        match self.turn {
            Turn::Thinking(thinking) if thinking.mind == job => {
                let mut sentences = VecDeque::new();
                thinking.finish(&mut self.live, &mut sentences);
                if sentences.is_empty() && then == Then::Listen {
                    // A mind that has nothing to say and does not end the call has failed the caller.
                    out.note(Note::MindFailed);
                    return Self::apologise(self.live, now, out);
                }
                let speech = sentences.into_iter().map(Speech::Reply);
                let speaking = Speaking::begin(&mut self.live, now, speech, None, then, out);
                Self::turn_to(self.live, now, Turn::Speaking(speaking), out)
            }
            Turn::Speaking(ref mut speaking) if speaking.thinks(job) => {
                speaking.reply_done(&mut self.live, now, then, out);
                self
            }
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                out.note(Note::Stale(job));
                self
            }
        }
    }

    fn job_failed(mut self, now: At, job: JobId, retry: Retry, out: &mut Effects) -> Self {
        match &mut self.turn {
            Turn::Thinking(thinking) if thinking.mind == job => {
                out.note(Note::MindFailed);
                if !thinking.ask_again(&mut self.live, retry, out) {
                    return Self::apologise(self.live, now, out);
                }
            }
            Turn::Speaking(speaking) if speaking.thinks(job) => speaking.mind_failed(&mut self.live, out),
            Turn::Speaking(speaking) if speaking.voices(job) => {
                speaking.speech_ended(&mut self.live, now, job, out, Utterance::failed(retry));
            }
            Turn::Listening(listening) => {
                let unproven = self.live.ears.is_unproven(job);
                listening.ears_failed(&mut self.live, now, job, retry, out);
                if unproven {
                    listening.was_missed(&mut self.live, now);
                }
            }
            Turn::Thinking(_) | Turn::Speaking(_) => self.live.ears_failed(now, job, retry, out),
            Turn::Awaiting(_) | Turn::Flowing(_) => return self.conversation_failed(now, job, retry, out),
        }
        self
    }

    fn time_passed(mut self, now: At, out: &mut Effects) -> Self {
        match &mut self.turn {
            Turn::Thinking(thinking) if now >= thinking.give_up => {
                let mind = thinking.mind;
                out.note(Note::TimedOut(Wait::Mind));
                self.live.cancel(mind, out);
                Self::apologise(self.live, now, out)
            }
            Turn::Awaiting(awaiting) if now >= awaiting.give_up => {
                out.note(Note::TimedOut(Wait::Mind));
                self.live.leave_conversation(now, out);
                Self::ask_again(self.live, now, out)
            }
            Turn::Flowing(flow) if flow.came_to_nothing(&self.live, now) => {
                out.note(Note::TimedOut(Wait::Audio));
                self.live.leave_conversation(now, out);
                Self::ask_again(self.live, now, out)
            }
            Turn::Thinking(_) | Turn::Awaiting(_) => {
                self.live.fill(now, out);
                self
            }
            Turn::Flowing(_) => self,
            Turn::Speaking(speaking) => {
                speaking.time_passed(&mut self.live, now, out);
                self
            }
            Turn::Listening(listening) => {
                if listening.owes_words(now) {
                    self.live.fill(now, out);
                }
                self
            }
        }
    }

    // ---- arrows inside ----

    fn may_interrupt(&self) -> bool {
        match &self.turn {
            Turn::Listening(_) => false,
            Turn::Thinking(_) | Turn::Awaiting(_) => true,
            Turn::Flowing(flow) if flow.closes().is_some_and(may_not_interrupt) => false,
            Turn::Speaking(Speaking { then: Then::Close(reason), .. }) if may_not_interrupt(*reason) => false,
            Turn::Speaking(_) | Turn::Flowing(_) => self.live.settings().barge_in,
        }
    }

    /// The caller goes on (while we think) or cuts in (while we speak): back to listening.
    fn interrupt(mut self, now: At, out: &mut Effects) -> Self {
        match self.turn {
            Turn::Listening(_) => return self,
            Turn::Thinking(thinking) => {
                self.live.cancel(thinking.mind, out);
                self.live.hush(now, out);
            }
            Turn::Awaiting(_) => self.live.hush(now, out),
            Turn::Flowing(flow) => {
                if flow.cut(&mut self.live, now, out) {
                    out.note(Note::BargeIn);
                }
            }
            Turn::Speaking(speaking) => {
                // The caller who answers before the last mark is back interrupts nothing.
                if speaking.cut(&mut self.live, now, out) {
                    out.note(Note::BargeIn);
                }
            }
        }
        let listening = Listening::new(&self.live, now);
        Self::turn_to(self.live, now, Turn::Listening(listening), out)
    }

    fn think(mut self, now: At, words: &Arc<str>, out: &mut Effects) -> Self {
        out.note(Note::TurnEnded);
        self.live.prompts = 0;
        self.live.misheard = 0;
        self.live.dialogue.add(Speaker::Caller, words);
        if let Some(job) = self.live.ears.conversation() {
            out.push(Effect::Type { job, text: Arc::clone(words) });
            let awaiting = Awaiting::new(&mut self.live, now, now);
            return Self::turn_to(self.live, now, Turn::Awaiting(awaiting), out);
        }
        let thinking = Thinking::begin(&mut self.live, now, out);
        Self::turn_to(self.live, now, Turn::Thinking(thinking), out)
    }

    fn speak_reply(mut self, now: At, sentences: VecDeque<Arc<str>>, out: &mut Effects) -> Self {
        let mind = match self.turn {
            Turn::Thinking(thinking) => Some(thinking),
            Turn::Listening(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => None,
        };
        let speech = sentences.into_iter().map(Speech::Reply);
        let speaking = Speaking::begin(&mut self.live, now, speech, mind, Then::Listen, out);
        Self::turn_to(self.live, now, Turn::Speaking(speaking), out)
    }

    fn say(mut self, now: At, speech: Speech, then: Then, out: &mut Effects) -> Self {
        let speaking = Speaking::begin(&mut self.live, now, [speech], None, then, out);
        Self::turn_to(self.live, now, Turn::Speaking(speaking), out)
    }

    fn apologise(mut live: Box<Live>, now: At, out: &mut Effects) -> Self {
        let then = Then::after_failure(&live);
        let goodbye = match then {
            Then::Close(CloseReason::ProvidersFailed) => Some(Speech::Line(live.settings().lines.goodbye.clone())),
            Then::Listen | Then::Close(_) => None,
        };
        live.drop_stopgap(out);
        let speech = iter::once(Speech::Clip(Clip::Apology)).chain(goodbye);
        let speaking = Speaking::begin(&mut live, now, speech, None, then, out);
        Self::turn_to(live, now, Turn::Speaking(speaking), out)
    }

    fn ask_whether_there(mut self, now: At, out: &mut Effects) -> Phase {
        out.note(Note::TimedOut(Wait::Caller));
        if self.live.prompts >= self.live.settings().timing.idle_prompts {
            return Self::say_goodbye(self.live, now, CloseReason::NoInput, out);
        }
        self.live.prompts += 1;
        self.live.owes_words(now, now);
        let line = self.live.settings().lines.still_there.clone();
        Phase::Streaming(self.say(now, Speech::Line(line), Then::Listen, out))
    }

    /// The call has to end now: whatever was going on is dropped for the last words.
    fn cut_for(mut self, now: At, reason: CloseReason, out: &mut Effects) -> Phase {
        match self.turn {
            Turn::Listening(_) | Turn::Awaiting(_) => {}
            Turn::Thinking(thinking) => self.live.cancel(thinking.mind, out),
            Turn::Speaking(speaking) => _ = speaking.cut(&mut self.live, now, out),
            Turn::Flowing(flow) => _ = flow.cut(&mut self.live, now, out),
        }
        Self::say_goodbye(self.live, now, reason, out)
    }

    pub(super) fn close(self, reason: CloseReason, out: &mut Effects) -> Phase {
        Phase::Closed(Closed::close(self.live, reason, out))
    }
}

/// The call ends for this reason whatever the caller still says.
const fn may_not_interrupt(reason: CloseReason) -> bool {
    matches!(reason, CloseReason::Drained | CloseReason::TimeLimit | CloseReason::Transferred)
}
