//! Turns of a conversation that one provider leads as a whole: it hears, thinks and speaks, and we pace and cut.

use std::collections::VecDeque;

use super::{
    Phase,
    listening::Listening,
    live::Live,
    speaking::{Speaking, Then},
    streaming::{Streaming, Turn},
    utterance::{estimate_ms, share},
};
use crate::{At, Chunk, Clip, CloseReason, Effect, Effects, JobId, MarkId, Next, Note, Retry, Speaker, Speech, Wait};

/// The caller has finished, and the provider has not begun to answer.
#[derive(Debug)]
pub(super) struct Awaiting {
    /// When the answer must have begun.
    pub(super) give_up: At,
}

impl Awaiting {
    /// The caller has been waiting `since` then.
    pub(super) fn new(live: &mut Live, now: At, since: At) -> Self {
        live.owes_words(since, now);
        Self { give_up: now + live.settings().timing.mind_ms }
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        self.give_up.min(live.stopgap_at())
    }
}

/// The replies of the provider while they are voiced, and until they have been heard. They come faster than they play, and
/// a reply that follows a tool may come while the one before it is still being heard.
#[derive(Debug)]
pub(super) struct Flow {
    /// Never empty, the oldest first. All but the last have come to their end.
    replies: VecDeque<Reply>,
    /// What follows once all of them have been heard.
    then: Then,
}

#[derive(Debug)]
struct Reply {
    job: JobId,
    number: u32,
    text: String,
    /// When its first audio plays, and how much has come.
    begins: Option<At>,
    ms: u32,
    /// When its first audio must have come.
    first_by: At,
    /// All of it has come: the mark behind it, and when that counts as lost.
    ended: Option<(MarkId, At)>,
}

impl Flow {
    /// How many replies may wait to be heard. A provider that says more talks to itself.
    const MOST: usize = 8;

    fn begin(live: &mut Live, now: At, job: JobId, number: u32) -> Self {
        Self { replies: VecDeque::from([Reply::begin(live, now, job, number)]), then: Then::Listen }
    }

    pub(super) fn deadline(&self, live: &Live) -> At {
        self.replies.iter().map(|reply| reply.deadline(live)).min().unwrap_or(At::from_ms(u32::MAX))
    }

    /// The reply that is still coming.
    fn coming(&mut self) -> Option<&mut Reply> {
        self.replies.back_mut().filter(|reply| reply.ended.is_none())
    }

    /// The reply of this number, while it is still coming.
    fn reply(&mut self, job: JobId, number: u32) -> Option<&mut Reply> {
        self.coming().filter(|reply| reply.job == job && reply.number == number)
    }

    /// Whether another reply may follow.
    fn has_room(&self) -> bool {
        self.replies.len() < Self::MOST && self.replies.back().is_some_and(|reply| reply.ended.is_some())
    }

    /// Words at most, and no voice to say them: nothing that the caller could hear.
    fn is_mute(&self) -> bool {
        self.replies.iter().all(|reply| reply.begins.is_none())
    }

    /// The voice of its words was waited for long enough.
    pub(super) fn came_to_nothing(&self, live: &Live, now: At) -> bool {
        self.is_mute() && self.replies.back().is_some_and(|reply| reply.ended.is_none() && now >= reply.give_up(live))
    }

    /// Why the call closes behind it, if it does.
    pub(super) const fn closes(&self) -> Option<CloseReason> {
        match self.then {
            Then::Listen => None,
            Then::Close(reason) => Some(reason),
        }
    }

    /// `true` once all of it has been heard.
    pub(super) fn mark_played(&mut self, live: &mut Live, mark: MarkId, out: &mut Effects) -> bool {
        let ours = |reply: &Reply| reply.ended.is_some_and(|(awaited, _)| awaited == mark);
        if !self.replies.iter().any(ours) {
            out.note(Note::UnknownMark);
            return false;
        }
        // Marks return in order: one that is missing before this one was lost, its audio was not.
        while let Some(reply) = self.replies.pop_front() {
            let last = ours(&reply);
            reply.heard(live);
            if last {
                break;
            }
        }
        self.replies.is_empty()
    }

    /// `true` once it is over.
    pub(super) fn time_passed(&mut self, live: &mut Live, now: At, out: &mut Effects) -> bool {
        while let Some(reply) = self.replies.pop_front_if(|reply| reply.ended.is_some_and(|(_, due)| now >= due)) {
            live.mark_lost(out);
            reply.heard(live);
        }
        if self.came_to_nothing(live, now) {
            return false;
        }
        if let Some(reply) = self.coming() {
            if now >= reply.give_up(live) {
                // A voice that has broken off: what came is all that is said.
                out.note(Note::TimedOut(Wait::Audio));
                live.cut_reply(reply.job, reply.number, reply.ms, out);
                reply.end(live, now, out);
            } else if reply.begins.is_none() {
                live.fill(now, out);
            }
        }
        self.replies.is_empty()
    }

    /// The caller interrupts, or the call has to end. `true` when some of it was unheard.
    pub(super) fn cut(self, live: &mut Live, now: At, out: &mut Effects) -> bool {
        let (mut unheard, mut remembered) = (false, false);
        for reply in self.replies {
            let (rest, heard) = reply.cut(live, now, out);
            unheard |= rest;
            remembered |= heard;
        }
        if unheard && remembered {
            live.dialogue.cut();
        }
        live.clear(now, out);
        unheard
    }
}

impl Reply {
    /// Nobody says more in one breath, in bytes.
    const MOST_TEXT: usize = 64 * 1024;

    fn begin(live: &mut Live, now: At, job: JobId, number: u32) -> Self {
        live.reply_taken(number);
        let first_by = live.silent_from(now) + live.settings().timing.mind_ms;
        Self { job, number, text: String::new(), begins: None, ms: 0, first_by, ended: None }
    }

    fn deadline(&self, live: &Live) -> At {
        match self.ended {
            Some((_, due)) => due,
            None if self.begins.is_none() => self.first_by.min(live.stopgap_at()),
            None => self.give_up(live),
        }
    }

    fn give_up(&self, live: &Live) -> At {
        match self.begins {
            None => self.first_by,
            Some(begins) => begins + self.ms + live.settings().timing.audio_gap_ms,
        }
    }

    fn voiced(&mut self, live: &mut Live, now: At, chunk: Chunk, out: &mut Effects) {
        live.drop_stopgap(out);
        self.begins.get_or_insert(live.silent_from(now));
        self.ms = self.ms.saturating_add(chunk.ms);
        live.sends(now, chunk.ms);
        out.push(Effect::Play(chunk));
    }

    fn worded(&mut self, text: &str) {
        if self.text.len() + text.len() <= Self::MOST_TEXT {
            self.text.push_str(text);
        }
    }

    /// All of it has come.
    fn end(&mut self, live: &mut Live, now: At, out: &mut Effects) {
        self.ended.get_or_insert_with(|| live.mark(now, out));
    }

    /// The caller has heard all of it.
    fn heard(self, live: &mut Live) {
        remember(live, self.said(), self.ms, self.ms);
    }

    /// Its words, as far as there was a voice to say them.
    fn said(&self) -> &str {
        if self.begins.is_some() { &self.text } else { "" }
    }

    /// Whether some of it was unheard, and whether some of it was heard.
    fn cut(self, live: &mut Live, now: At, out: &mut Effects) -> (bool, bool) {
        let heard_ms = self.begins.map_or(0, |begins| now.ms_since(begins)).min(self.ms);
        let unheard = self.ended.is_none() || heard_ms < self.ms;
        if unheard {
            live.cut_reply(self.job, self.number, heard_ms, out);
        }
        // While it is still coming the length of its words is unknown: it is estimated.
        let whole_ms = if self.ended.is_some() { self.ms } else { self.ms.max(estimate_ms(&self.text)) };
        (unheard, remember(live, self.said(), heard_ms, whole_ms))
    }
}

/// Adds what was heard of `text` to the dialogue. `false` when that is nothing.
fn remember(live: &mut Live, text: &str, heard_ms: u32, whole_ms: u32) -> bool {
    let text = text.trim();
    let heard = if text.is_empty() { None } else { share(&text.into(), heard_ms, whole_ms) };
    if let Some(heard) = &heard {
        live.dialogue.add(Speaker::Agent, heard);
    }
    heard.is_some()
}

/// What a provider that leads the conversation does to a turn.
impl Streaming {
    /// The caller has finished: whoever leads the conversation answers by themselves.
    pub(super) fn await_answer(mut self, now: At, job: JobId, out: &mut Effects) -> Self {
        self.live.ears.paused(job);
        match &self.turn {
            Turn::Listening(listening) if listening.hears_the_caller() => {
                out.note(Note::TurnEnded);
                self.live.prompts = 0;
                // They have been waiting since their last sound.
                let since = At::from_ms(now.ms().saturating_sub(self.live.settings().timing.endpoint_ms));
                let awaiting = Awaiting::new(&mut self.live, now, since);
                Self::turn_to(self.live, now, Turn::Awaiting(awaiting), out)
            }
            // Where the caller may not interrupt, what they say meanwhile is no turn.
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => self,
        }
    }

    /// A job failed while the provider answers or is about to: perhaps the conversation itself.
    pub(super) fn conversation_failed(mut self, now: At, job: JobId, retry: Retry, out: &mut Effects) -> Self {
        let lost = self.live.ears.converses(job);
        self.live.ears_failed(now, job, retry, out);
        match &mut self.turn {
            // What was said of the answer stands, and so does a goodbye without a word.
            Turn::Flowing(flow) if lost && flow.replies.iter().any(|it| it.begins.is_some() || it.ended.is_some()) => {
                if let Some(reply) = flow.coming() {
                    reply.end(&mut self.live, now, out);
                }
            }
            Turn::Flowing(_) | Turn::Awaiting(_) if lost => return Self::ask_again(self.live, now, out),
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {}
        }
        self
    }

    pub(super) fn voiced(mut self, now: At, job: JobId, number: u32, chunk: Chunk, out: &mut Effects) -> Self {
        self = self.take_reply(now, job, number, out);
        match self.turn.reply(job, number) {
            Some(reply) => reply.voiced(&mut self.live, now, chunk, out),
            None => self.live.refuse(job, number, out),
        }
        self
    }

    pub(super) fn worded(mut self, now: At, job: JobId, number: u32, text: &str, out: &mut Effects) -> Self {
        self = self.take_reply(now, job, number, out);
        match self.turn.reply(job, number) {
            Some(reply) => reply.worded(text),
            None => self.live.refuse(job, number, out),
        }
        self
    }

    pub(super) fn uttered(mut self, now: At, job: JobId, number: u32, next: Next, out: &mut Effects) -> Self {
        if let Turn::Flowing(flow) = &mut self.turn
            && flow.reply(job, number).is_some()
        {
            if flow.is_mute() && next == Next::Listen {
                // An empty success: the caller waits for an answer, and this was none.
                out.note(Note::SpeechFailed);
                self.live.cut_reply(job, number, 0, out);
                return Self::ask_again(self.live, now, out);
            }
            self.live.ears.answered();
            if let Some(reply) = flow.coming() {
                reply.end(&mut self.live, now, out);
            }
            flow.then = Then::after(next);
            return self;
        }
        match &mut self.turn {
            // A reply without a word: a tool was called, and another reply follows, or the call is over.
            Turn::Listening(_) | Turn::Awaiting(_) if self.live.may_take(job, number) => {
                self.live.reply_taken(number);
                if let then @ Then::Close(_) = Then::after(next) {
                    let speaking = Speaking::begin(&mut self.live, now, [], None, then, out);
                    return Self::turn_to(self.live, now, Turn::Speaking(speaking), out);
                }
            }
            Turn::Flowing(flow) if self.live.may_take(job, number) => {
                self.live.reply_taken(number);
                flow.then = Then::after(next);
            }
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                self.live.refuse(job, number, out);
            }
        }
        self
    }

    /// A reply that may begin does so, unless the caller has the word or a line of the agent's own is being said.
    fn take_reply(mut self, now: At, job: JobId, number: u32, out: &mut Effects) -> Self {
        if !self.live.may_take(job, number) {
            return self;
        }
        match &mut self.turn {
            Turn::Listening(listening) if listening.hears_the_caller() => self,
            Turn::Listening(_) | Turn::Awaiting(_) => {
                let flow = Flow::begin(&mut self.live, now, job, number);
                Self::turn_to(self.live, now, Turn::Flowing(flow), out)
            }
            Turn::Flowing(flow) if flow.has_room() => {
                flow.replies.push_back(Reply::begin(&mut self.live, now, job, number));
                self
            }
            Turn::Thinking(_) | Turn::Speaking(_) | Turn::Flowing(_) => self,
        }
    }

    /// What the caller said is lost with whoever heard it, and somebody else listens from now on.
    pub(super) fn ask_again(mut live: Box<Live>, now: At, out: &mut Effects) -> Self {
        live.drop_stopgap(out);
        let apology = Speech::Clip(Clip::Apology);
        let speaking = Speaking::begin(&mut live, now, [apology], None, Then::Listen, out);
        Self::turn_to(live, now, Turn::Speaking(speaking), out)
    }

    /// The reply has been heard.
    pub(super) fn flowed(self, now: At, out: &mut Effects) -> Phase {
        match self.turn {
            Turn::Flowing(Flow { then: Then::Close(reason), .. }) => self.close(reason, out),
            Turn::Listening(_) | Turn::Thinking(_) | Turn::Speaking(_) | Turn::Awaiting(_) | Turn::Flowing(_) => {
                let listening = Listening::new(&self.live, now);
                Self::turn_to(self.live, now, Turn::Listening(listening), out).settle(now, out)
            }
        }
    }
}

impl Turn {
    /// The reply of this number, while it is still coming.
    fn reply(&mut self, job: JobId, number: u32) -> Option<&mut Reply> {
        match self {
            Self::Flowing(flow) => flow.reply(job, number),
            Self::Listening(_) | Self::Thinking(_) | Self::Speaking(_) | Self::Awaiting(_) => None,
        }
    }
}
