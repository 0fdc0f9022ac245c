use operetta_call::{
    At, Chunk, Clip, Digit, Effect, Input, JobId, MarkId, Next, PhaseName, Refusal, Retry, Speech, Start, Stop,
};

use super::{dice::Dice, pool::Pool};

/// Everybody outside the machine: carrier, caller, workers and clock, as far as dice can play them.
#[derive(Debug)]
pub(super) struct World<'p> {
    pool: &'p Pool,
    dice: Dice,
    asked: Vec<Asked>,
    marks: Vec<MarkId>,
    flushes: Vec<(JobId, u32)>,
    /// Inputs on their way that something else has overtaken.
    late: Vec<Input>,
    last: Option<Input>,
    /// A timer that goes off next.
    tick: Option<At>,
    started: bool,
    caller_speaks: bool,
    /// The replies of the conversation so far, and whether the last one is still coming.
    replies: u32,
    replying: bool,
}

/// A job that the machine has asked for.
#[derive(Debug)]
struct Asked {
    job: JobId,
    what: What,
    /// Neither ended, as the world sees it, nor cancelled.
    open: bool,
    /// How many pieces of its answer are still to come.
    pieces: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Detect,
    Listen,
    Converse,
    Think,
    Speak,
}

impl<'p> World<'p> {
    pub(super) fn new(pool: &'p Pool, dice: Dice) -> Self {
        Self {
            pool,
            dice,
            asked: Vec::with_capacity(16),
            marks: Vec::new(),
            flushes: Vec::new(),
            late: Vec::new(),
            last: None,
            tick: None,
            started: false,
            caller_speaks: false,
            replies: 0,
            replying: false,
        }
    }

    pub(super) const fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Reads the orders of a step.
    pub(super) fn obey(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Detect(job) => self.take(*job, What::Detect, 0),
                Effect::Listen(job) => self.take(*job, What::Listen, 0),
                Effect::Converse(job) => {
                    self.replies = 0;
                    self.take(*job, What::Converse, 0);
                }
                Effect::Think(job) => {
                    let pieces = self.dice.below(4);
                    self.take(*job, What::Think, pieces);
                }
                Effect::Speak { job, speech } => {
                    let pieces = match speech {
                        Speech::Clip(Clip::Beep | Clip::OneMoment | Clip::Apology) => 1,
                        Speech::Greeting(_) | Speech::Line(_) | Speech::Reply(_) => self.dice.below(4),
                    };
                    self.take(*job, What::Speak, pieces);
                }
                Effect::Flush { job, flush } => self.flushes.push((*job, *flush)),
                Effect::SendMark(mark) => self.marks.push(*mark),
                Effect::Cancel(job) => self.over(*job),
                // What is cleared has not been played; its marks come back all the same, at once.
                Effect::Clear
                | Effect::Enter(
                    PhaseName::Connected
                    | PhaseName::Started
                    | PhaseName::Greeting
                    | PhaseName::Listening
                    | PhaseName::Thinking
                    | PhaseName::Speaking
                    | PhaseName::Closed,
                )
                | Effect::Play(_)
                | Effect::Comfort(_)
                | Effect::Cut { .. }
                | Effect::Type { .. }
                | Effect::Note(_)
                | Effect::Close(_) => {}
            }
        }
    }

    fn take(&mut self, job: JobId, what: What, pieces: u32) {
        self.asked.push(Asked { job, what, open: true, pieces });
    }

    fn over(&mut self, job: JobId) {
        if let Some(asked) = self.asked.iter_mut().rev().find(|asked| asked.job == job) {
            asked.open = false;
        }
    }

    // ---- what happens next ----

    /// The next input and when it comes.
    pub(super) fn next(&mut self, now: At, deadline: Option<At>) -> (At, Input) {
        if let Some(at) = self.tick.take() {
            return (at, Input::TimePassed);
        }
        let input = self.happen();
        let at = match input {
            Input::TimePassed => self.tick(now, deadline),
            _ => self.gap(now, deadline),
        };
        // While nothing else happens, a carrier sends the sounds of the room.
        if input == Input::TimePassed && self.started && at.ms_since(now) > 100 && self.dice.chance(85) {
            self.tick = Some(at);
            return (At::from_ms(at.ms() - 1), Input::CallerAudio);
        }
        self.last = Some(input.clone());
        (at, input)
    }

    /// A timer: mostly on time, else too early or too late.
    fn tick(&mut self, now: At, deadline: Option<At>) -> At {
        let due = deadline.unwrap_or(now);
        match self.dice.below(20) {
            0 => now,
            1 | 2 => At::from_ms(due.ms().saturating_sub(1)),
            3 => due + 1,
            4 => due + self.dice.below(2000),
            5 if self.dice.chance(20) => due + self.dice.below(120_000),
            _ => due,
        }
    }

    /// The time between two things that have nothing to do with a timer. Sometimes the timer should have come first, and
    /// sometimes the clock is wrong.
    fn gap(&mut self, now: At, deadline: Option<At>) -> At {
        match self.dice.below(20) {
            0..6 => now,
            6..13 => now + self.dice.below(60),
            13..17 => now + self.dice.below(900),
            17 => deadline.unwrap_or(now),
            18 => deadline.unwrap_or(now) + self.dice.below(3000),
            _ => At::from_ms(now.ms().saturating_sub(self.dice.below(100))),
        }
    }

    fn happen(&mut self) -> Input {
        match self.dice.below(100) {
            0..3 => {
                if let Some(last) = &self.last {
                    return last.clone();
                }
            }
            3..8 if !self.late.is_empty() => {
                let which = self.dice.below(self.late.len() as u32) as usize;
                return self.late.swap_remove(which);
            }
            _ => {}
        }
        let input = self.invent();
        match self.dice.below(100) {
            // Overtaken.
            0..5 if self.late.len() < 4 => {
                self.late.push(input);
                self.invent()
            }
            // Lost.
            5..8 => self.invent(),
            _ => input,
        }
    }

    fn invent(&mut self) -> Input {
        if !self.started {
            return if self.dice.chance(88) { self.open() } else { self.nonsense() };
        }
        if self.dice.chance(12) { self.nonsense() } else { self.sense() }
    }

    fn open(&mut self) -> Input {
        match self.dice.below(100) {
            0..30 => return Input::Connected,
            30 => return Input::TimePassed,
            31 => return self.ending(),
            _ => {}
        }
        self.started = true;
        self.start()
    }

    fn start(&mut self) -> Input {
        Input::Started(Start {
            stream: self.pool.stream.clone(),
            duplex: !self.dice.chance(4),
            settings: self.dice.pick(&self.pool.settings).clone(),
        })
    }

    // ---- what could really happen ----

    fn sense(&mut self) -> Input {
        let input = match self.dice.below(100) {
            0..14 => None,
            14..20 | 99 => Some(Input::CallerAudio),
            20..38 => self.caller(),
            38..50 => self.transcript(),
            50..64 => self.speech(),
            64..72 => self.conversation().or_else(|| self.speech()),
            72..84 => self.thought(),
            84..91 => self.mark(),
            91..94 => Some(self.key()),
            94..97 => self.failure(),
            97 => Some(if self.dice.chance(50) { self.start() } else { Input::Connected }),
            _ => self.dice.chance(60).then(|| self.ending()),
        };
        input.unwrap_or(Input::TimePassed)
    }

    fn open_job(&self, what: What) -> Option<JobId> {
        self.asked.iter().rev().find(|asked| asked.open && asked.what == what).map(|asked| asked.job)
    }

    fn caller(&mut self) -> Option<Input> {
        let job = self.open_job(What::Detect).or_else(|| self.open_job(What::Converse))?;
        self.caller_speaks = if self.dice.chance(85) { !self.caller_speaks } else { self.caller_speaks };
        Some(if self.caller_speaks { Input::CallerSpoke(job) } else { Input::CallerPaused(job) })
    }

    fn transcript(&mut self) -> Option<Input> {
        let text = self.dice.pick(&self.pool.finals).clone();
        if let Some((job, flush)) = self.flushes.pop() {
            return Some(Input::Final { job, text, flush: Some(flush) });
        }
        let job = self.open_job(What::Listen).or_else(|| self.open_job(What::Converse))?;
        Some(if self.dice.chance(50) { Input::Partial(job) } else { Input::Final { job, text, flush: None } })
    }

    fn speech(&mut self) -> Option<Input> {
        // A voice that never stops, now and then.
        let ms = if self.dice.below(200) == 0 { 100_000 } else { 20 * (1 + self.dice.below(60)) };
        // The oldest first, else the stopgap's audio could never meet that of the speech it stands for.
        let second = self.dice.chance(30);
        let mut open = self.asked.iter_mut().filter(|asked| asked.open && asked.what == What::Speak);
        let first = open.next()?;
        let asked = if second { open.next().unwrap_or(first) } else { first };
        if asked.pieces > 0 {
            asked.pieces -= 1;
            return Some(Input::AudioCame { job: asked.job, chunk: Chunk { ms } });
        }
        asked.open = false;
        Some(Input::SpeechDone(asked.job))
    }

    /// A provider that leads the conversation answers: words, audio, the end.
    fn conversation(&mut self) -> Option<Input> {
        let job = self.open_job(What::Converse)?;
        if !self.replying {
            self.replies += 1;
            self.replying = true;
        }
        let reply = self.replies;
        Some(match self.dice.below(10) {
            0..6 => Input::Voiced { job, reply, chunk: Chunk { ms: 20 * (1 + self.dice.below(60)) } },
            6..8 => Input::Worded { job, reply, text: self.dice.pick(&self.pool.replies).clone() },
            _ => {
                self.replying = false;
                let next = *self.dice.pick(&[Next::Listen, Next::Listen, Next::Listen, Next::HangUp, Next::Transfer]);
                Input::Uttered { job, reply, next }
            }
        })
    }

    fn thought(&mut self) -> Option<Input> {
        let text = self.dice.pick(&self.pool.replies).clone();
        let next = *self.dice.pick(&[Next::Listen, Next::Listen, Next::Listen, Next::HangUp, Next::Transfer]);
        let asked = self.asked.iter_mut().rev().find(|asked| asked.open && asked.what == What::Think)?;
        let job = asked.job;
        if asked.pieces > 0 {
            asked.pieces -= 1;
            return Some(Input::Reply { job, text });
        }
        asked.open = false;
        Some(Input::ReplyDone { job, next })
    }

    fn mark(&mut self) -> Option<Input> {
        if self.marks.is_empty() {
            return None;
        }
        let which = if self.dice.chance(80) { 0 } else { self.dice.below(self.marks.len() as u32) };
        Some(Input::MarkPlayed(self.marks.remove(which as usize)))
    }

    fn key(&mut self) -> Input {
        let key = *self.dice.pick(&['1', '5', '0', '#', '*']);
        Digit::new(key).map_or(Input::CallerAudio, Input::Dtmf)
    }

    fn failure(&mut self) -> Option<Input> {
        let retry = self.retry();
        let open = self.asked.iter().filter(|asked| asked.open).count() as u32;
        let which = self.dice.below(open) as usize;
        let asked = self.asked.iter_mut().filter(|asked| asked.open).nth(which)?;
        asked.open = false;
        Some(Input::JobFailed { job: asked.job, retry })
    }

    fn retry(&mut self) -> Retry {
        *self.dice.pick(&[Retry::Never, Retry::Later, Retry::Now])
    }

    fn ending(&mut self) -> Input {
        match self.dice.below(10) {
            0 | 1 => Input::Stopped(Stop::HungUp),
            2 => Input::Stopped(Stop::Flow),
            3 | 4 => Input::LegLost,
            5 => Input::LegStalled,
            6 => Input::Refused(Refusal::Duplicate),
            _ => Input::Draining,
        }
    }

    // ---- what nobody should ever send ----

    fn nonsense(&mut self) -> Input {
        let job = self.any_job();
        let text = self.dice.pick(&self.pool.finals).clone();
        match self.dice.below(36) {
            0..3 => Input::CallerSpoke(job),
            3..5 => Input::CallerPaused(job),
            5..7 => Input::Partial(job),
            7..11 => {
                let flush = if self.dice.chance(60) { Some(self.dice.below(6)) } else { None };
                Input::Final { job, text, flush }
            }
            11..14 => Input::Reply { job, text },
            14..17 => Input::ReplyDone { job, next: Next::Listen },
            17..21 => Input::AudioCame { job, chunk: Chunk { ms: self.dice.below(500) } },
            21..24 => Input::SpeechDone(job),
            24..27 => Input::JobFailed { job, retry: self.retry() },
            27..30 => Input::MarkPlayed(MarkId(self.dice.below(8))),
            30 => self.start(),
            31 => Input::Connected,
            32 => self.key(),
            33 => Input::Voiced { job, reply: self.dice.below(4), chunk: Chunk { ms: self.dice.below(500) } },
            34 => Input::Uttered { job, reply: self.dice.below(4), next: Next::Listen },
            _ => Input::Refused(Refusal::Auth),
        }
    }

    fn any_job(&mut self) -> JobId {
        if self.asked.is_empty() || self.dice.chance(20) {
            JobId(self.dice.below(12))
        } else {
            self.dice.pick(&self.asked).job
        }
    }
}
