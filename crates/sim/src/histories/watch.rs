use std::fmt;

use operetta_call::{
    At, Call, Chunk, Clip, CloseReason, Effect, Input, JobId, MarkId, Mode, Note, PhaseName, Retry, Speaker, Speech,
    Timing, Wait,
};

use super::coverage::Coverage;

/// What the machine promises, checked from outside after every step. It keeps books of its own and asks the machine
/// only what anyone can ask: [`Call::phase`], [`Call::deadline`], [`Call::open_jobs`], [`Call::dialogue`].
#[derive(Debug)]
pub struct Watch {
    phase: PhaseName,
    terms: Option<Terms>,
    jobs: Vec<Job>,
    open: usize,
    /// The jobs that the greeting was asked of: the second only after the first was lost unheard.
    greetings: u32,
    greeting_heard: bool,
    heard_anything: bool,
    flushes: u32,
    /// The replies that the provider of a conversation was told to forget.
    replies_cut: Vec<u32>,
    last_mark: u32,
    /// Marks in a row that did not come back.
    lost_marks: u32,
    /// Marks that were sent and whose audio may still be playing, each with the moment it counts as played.
    playing: Vec<(MarkId, At)>,
    /// When the line falls silent if nothing more is sent.
    line_until: At,
    /// The same of what can be heard: comfort silence left out.
    heard_until: At,
    /// Since when the caller waits for an answer that is being thought of, or since a recording for them ended.
    waits_since: At,
    /// Since when speech is being asked for without a pause.
    speech_due: Option<At>,
    closes: u32,
    reason: Option<CloseReason>,
    coverage: Coverage,
}

/// What the accepted start says.
#[derive(Clone, Copy, Debug)]
struct Terms {
    duplex: bool,
    mode: Mode,
    timing: Timing,
    since: At,
}

impl Terms {
    const fn speaks(self) -> bool {
        self.duplex && !matches!(self.mode, Mode::Bare)
    }
}

#[derive(Clone, Copy, Debug)]
struct Job {
    id: JobId,
    what: What,
    open: bool,
    greeting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Detect,
    Listen,
    Converse,
    Think,
    Speak,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A call is greeted once. The greeting is asked for again only when a worker died before any of it was heard.
    OneGreeting,
    /// Nothing is spoken, played, marked or cleared before the start, nor on a stream that takes no audio.
    SilentUntilStarted,
    /// Each mode uses what it says: bare nothing, beep a tone.
    Mode,
    /// A call closes once, enters its last phase once, and for one reason.
    OneClose,
    /// Nothing but notes follows the close.
    NothingAfterClose,
    /// Every job ends once: by itself or by a cancel. None is open after the close.
    JobsEnd,
    /// The machine counts its open jobs as the orders do.
    JobsCounted,
    /// Audio is played when it comes, of a job that is wanted, and never otherwise.
    AudioIsWanted,
    /// When the carrier is told to drop all audio, no more of it is being made.
    ClearIsClear,
    /// Marks are numbered upwards.
    MarksCount,
    /// Flushes are numbered upwards and go to ears that are open.
    FlushesCount,
    /// The agent thinks of an answer only when the last words are the caller's.
    AnswersTheCaller,
    /// Phases follow one another as the arrows say, and the phase is the one last entered.
    Arrows,
    /// Once told the time, the machine wants to be told a later one.
    LooksAhead,
    /// A greeted call is not silent for longer than it may be, whatever the voice does.
    AudioInTime,
    /// A reply of a conversation is cut once, and only while its conversation lasts.
    RepliesCutOnce,
    /// Who waits for an answer hears something, however slow the mind is.
    NotLeftWaiting,
    /// When the agent ends the call, everything it said has been heard, or waited for long enough.
    HeardBeforeHangUp,
    /// A call that nobody talks to any more closes by its deadlines alone.
    EndsByItself,
}

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

impl Broken {
    pub(super) fn new(rule: Rule, seen: impl Into<String>) -> Self {
        Self { rule, seen: seen.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.seen)
    }
}

/// `Ok` where `holds`, else the promise and what was seen. The text is written only where it is needed.
macro_rules! promise {
    ($holds:expr, $rule:ident, $($seen:tt)+) => {
        if !$holds {
            return Err(Broken::new(Rule::$rule, format!($($seen)+)));
        }
    };
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// How long a recording may take to come, in ms.
    const AT_ONCE_MS: u32 = 200;
    /// How long the machine may wait for words that may be at hand, in ms.
    const AT_HAND_MS: u32 = 20;
    /// How long a mark must be waited for where two in a row have been lost, in ms.
    const HASTY_GRACE_MS: u32 = 300;

    /// A watch over a call whose leg has just opened.
    pub fn new() -> Self {
        Self {
            phase: PhaseName::Connected,
            terms: None,
            jobs: Vec::with_capacity(16),
            open: 0,
            greetings: 0,
            greeting_heard: false,
            heard_anything: false,
            flushes: 0,
            replies_cut: Vec::new(),
            last_mark: 0,
            lost_marks: 0,
            playing: Vec::new(),
            line_until: At::ZERO,
            heard_until: At::ZERO,
            waits_since: At::ZERO,
            speech_due: None,
            closes: 0,
            reason: None,
            coverage: Coverage::default(),
        }
    }

    /// Which phases and closes were seen.
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Checks one step: what was put in, what came out, and how the call stands now.
    pub fn after(&mut self, now: At, input: &Input, effects: &[Effect], call: &Call) -> Result<(), Broken> {
        let audio = match input {
            Input::AudioCame { job, chunk } if self.is_open(*job, What::Speak) => Some((*job, *chunk)),
            // A reply of a conversation may be refused, because the caller has the word.
            Input::Voiced { job, chunk, .. }
                if self.is_open(*job, What::Converse) && effects.contains(&Effect::Play(*chunk)) =>
            {
                Some((*job, *chunk))
            }
            _ => None,
        };
        self.take_fact(now, input);
        let mut played = 0;
        for effect in effects {
            played += u32::from(matches!(effect, Effect::Play(_)));
            self.take_order(now, input, effect, audio)?;
        }
        let cancelled = |(job, _)| effects.contains(&Effect::Cancel(job));
        promise!(
            played == u32::from(audio.is_some()) || audio.is_some_and(cancelled),
            AudioIsWanted,
            "{played} pieces played where {audio:?} came"
        );
        self.stands(now, input, effects, call)
    }

    /// The history is over.
    pub fn over(&self, call: &Call) -> Result<(), Broken> {
        promise!(self.closes == 1, OneClose, "{} closes", self.closes);
        promise!(call.closed() == self.reason, OneClose, "{:?} was ordered, {:?} remains", self.reason, call.closed());
        promise!(call.deadline().is_none(), NothingAfterClose, "a closed call waits for {:?}", call.deadline());
        promise!(self.reason != Some(CloseReason::Bug), OneClose, "closed for a bug");
        Ok(())
    }

    // ---- what went in ----

    fn take_fact(&mut self, now: At, input: &Input) {
        if matches!(input, Input::MarkPlayed(_)) {
            self.lost_marks = 0;
        }
        match input {
            Input::Started(start) if self.phase == PhaseName::Connected && self.terms.is_none() => {
                let terms = Terms {
                    duplex: start.duplex,
                    mode: start.settings.mode,
                    timing: start.settings.timing,
                    since: now,
                };
                self.terms = Some(terms);
                self.line_until = now;
            }
            Input::SpeechDone(job) => {
                self.filled(now, *job);
                self.end(*job, Some(What::Speak));
            }
            Input::ReplyDone { job, .. } => self.end(*job, Some(What::Think)),
            Input::JobFailed { job, .. } => {
                self.filled(now, *job);
                self.end(*job, None);
            }
            Input::MarkPlayed(mark) if self.playing.iter().any(|(playing, _)| playing == mark) => {
                self.playing.retain(|(playing, _)| playing > mark);
            }
            _ => {}
        }
    }

    fn is_open(&self, job: JobId, what: What) -> bool {
        self.jobs.iter().rev().any(|open| open.id == job && open.open && open.what == what)
    }

    /// A job has ended by itself.
    fn end(&mut self, job: JobId, what: Option<What>) {
        let mut open = self.jobs.iter_mut().rev().filter(|open| open.open);
        if let Some(job) = open.find(|open| open.id == job && what.is_none_or(|what| open.what == what)) {
            job.open = false;
            self.open -= 1;
        }
        self.speech_may_be_over();
    }

    /// A recording that came, or failed, is not asked for again at once.
    fn filled(&mut self, now: At, job: JobId) {
        if self.is_open(job, What::Speak) {
            self.waits_since = now;
        }
    }

    fn speech_may_be_over(&mut self) {
        if !self.jobs.iter().any(|job| job.open && job.what == What::Speak) {
            self.speech_due = None;
        }
    }

    // ---- what came out ----

    fn take_order(
        &mut self,
        now: At,
        input: &Input,
        effect: &Effect,
        audio: Option<(JobId, Chunk)>,
    ) -> Result<(), Broken> {
        if let Effect::Note(note) = effect {
            self.lost_marks += u32::from(*note == Note::TimedOut(Wait::Mark));
            return Ok(());
        }
        promise!(self.closes == 0 || matches!(effect, Effect::Close(_)), NothingAfterClose, "{effect:?}");
        match effect {
            Effect::Enter(phase) => {
                self.enter(*phase)?;
                self.waits_since = now;
            }
            Effect::Detect(job) => self.ask(*job, What::Detect)?,
            Effect::Listen(job) => self.ask(*job, What::Listen)?,
            Effect::Converse(job) => {
                self.replies_cut.clear();
                self.ask(*job, What::Converse)?;
            }
            Effect::Cut { job, reply, .. } => {
                promise!(self.is_open(*job, What::Converse), RepliesCutOnce, "{job} leads no conversation");
                promise!(!self.replies_cut.contains(reply), RepliesCutOnce, "{reply} again");
                self.replies_cut.push(*reply);
            }
            Effect::Type { job, .. } => {
                promise!(self.is_open(*job, What::Converse), RepliesCutOnce, "{job} leads no conversation");
            }
            Effect::Think(job) => self.ask(*job, What::Think)?,
            Effect::Flush { job, flush } => {
                promise!(*flush == self.flushes + 1, FlushesCount, "{flush} after {}", self.flushes);
                promise!(self.is_open(*job, What::Listen), FlushesCount, "{job} does not listen");
                self.flushes = *flush;
            }
            Effect::Speak { job, speech } => {
                self.may_speak(effect)?;
                self.ask(*job, What::Speak)?;
                self.speak(now, input, *job, speech)?;
            }
            Effect::Play(chunk) => {
                self.may_speak(effect)?;
                promise!(audio.is_some_and(|(_, came)| came == *chunk), AudioIsWanted, "{chunk:?} played on {input:?}");
                self.play(now, audio);
                self.send(now, chunk.ms);
                self.heard_until = self.line_until;
            }
            Effect::Comfort(ms) => {
                self.may_speak(effect)?;
                self.heard_anything = true;
                self.send(now, *ms);
            }
            Effect::SendMark(mark) => {
                self.may_speak(effect)?;
                promise!(mark.0 > self.last_mark, MarksCount, "{mark} after {}", self.last_mark);
                self.last_mark = mark.0;
                let most = self.terms.map_or(0, |terms| terms.timing.mark_grace_ms);
                let grace = if self.lost_marks < 2 { most } else { most.min(Self::HASTY_GRACE_MS) };
                self.playing.push((*mark, self.line_until.max(now) + grace));
            }
            Effect::Clear => {
                self.may_speak(effect)?;
                let making = self.jobs.iter().find(|job| job.open && job.what == What::Speak);
                promise!(making.is_none(), ClearIsClear, "{making:?} goes on");
                self.line_until = now;
                self.heard_until = now;
                self.playing.clear();
            }
            Effect::Cancel(job) => self.cancel(*job)?,
            Effect::Close(reason) => self.close(now, *reason)?,
            Effect::Note(_) => {}
        }
        Ok(())
    }

    fn ask(&mut self, job: JobId, what: What) -> Result<(), Broken> {
        promise!(!self.jobs.iter().any(|known| known.id == job), JobsEnd, "{job} is asked for twice");
        let mode = self.terms.map(|terms| terms.mode);
        promise!(what == What::Speak || mode == Some(Mode::Full), Mode, "{what:?} in mode {mode:?}");
        self.jobs.push(Job { id: job, what, open: true, greeting: false });
        self.open += 1;
        Ok(())
    }

    fn cancel(&mut self, job: JobId) -> Result<(), Broken> {
        let open = self.jobs.iter_mut().rev().find(|known| known.id == job && known.open);
        let Some(open) = open else {
            return Err(Broken::new(Rule::JobsEnd, format!("{job} is cancelled and not open")));
        };
        open.open = false;
        self.open -= 1;
        self.speech_may_be_over();
        Ok(())
    }

    fn may_speak(&self, effect: &Effect) -> Result<(), Broken> {
        let Some(terms) = self.terms else {
            return Err(Broken::new(Rule::SilentUntilStarted, format!("{effect:?} before the start")));
        };
        promise!(terms.duplex, SilentUntilStarted, "{effect:?} on a stream that is only listened to");
        promise!(terms.mode != Mode::Bare, Mode, "{effect:?} on a bare call");
        Ok(())
    }

    fn speak(&mut self, now: At, input: &Input, job: JobId, speech: &Speech) -> Result<(), Broken> {
        let is_beep = matches!(speech, Speech::Clip(Clip::Beep));
        let mode = self.terms.map(|terms| terms.mode);
        promise!(is_beep == (mode == Some(Mode::Beep)), Mode, "{speech:?} in mode {mode:?}");
        let again = matches!(input, Input::JobFailed { retry: Retry::Now, .. });
        if matches!(speech, Speech::Greeting(_)) || is_beep {
            let allowed = self.greetings == 0 || (self.greetings == 1 && again && !self.greeting_heard);
            promise!(allowed && self.phase == PhaseName::Greeting, OneGreeting, "{job} greets again");
            self.greetings += 1;
            if let Some(job) = self.jobs.last_mut() {
                job.greeting = true;
            }
        }
        self.heard_anything |= matches!(speech, Speech::Clip(_));
        if matches!(speech, Speech::Clip(Clip::OneMoment)) && self.speech_due.is_none() {
            // It fills a wait for the ears or the mind; a line that is silent meanwhile is judged by that wait.
        } else if matches!(speech, Speech::Clip(_)) {
            // A recording is audio, and comes at once: there is time for it.
            self.speech_due = Some(now + Self::AT_ONCE_MS);
        } else if self.speech_due.is_none() {
            self.speech_due = Some(now);
        }
        Ok(())
    }

    fn play(&mut self, now: At, audio: Option<(JobId, Chunk)>) {
        self.heard_anything = true;
        self.speech_due = self.speech_due.map(|_| now);
        if let Some((job, _)) = audio {
            self.greeting_heard |= self.jobs.iter().any(|known| known.id == job && known.greeting);
        }
    }

    fn send(&mut self, now: At, ms: u32) {
        self.line_until = self.line_until.max(now) + ms;
    }

    fn enter(&mut self, phase: PhaseName) -> Result<(), Broken> {
        use PhaseName::{Closed, Connected, Greeting, Listening, Speaking, Started, Thinking};
        let arrow = match self.phase {
            Connected => matches!(phase, Started | Closed),
            Started => matches!(phase, Greeting | Closed),
            Greeting | Speaking => matches!(phase, Listening | Speaking | Closed),
            Listening => matches!(phase, Thinking | Speaking | Closed),
            Thinking => matches!(phase, Listening | Speaking | Closed),
            Closed => false,
        };
        promise!(arrow, Arrows, "{} -> {phase}", self.phase);
        self.coverage.entered(self.phase, phase);
        self.phase = phase;
        Ok(())
    }

    fn close(&mut self, now: At, reason: CloseReason) -> Result<(), Broken> {
        self.closes += 1;
        promise!(self.closes == 1, OneClose, "closed again: {reason:?}");
        promise!(self.phase == PhaseName::Closed, OneClose, "closed in phase {}", self.phase);
        promise!(self.open == 0, JobsEnd, "{} jobs are open after the close", self.open);
        let ours = matches!(
            reason,
            CloseReason::AgentHungUp | CloseReason::Transferred | CloseReason::NoInput | CloseReason::TimeLimit
        );
        let unheard = self.playing.iter().find(|(_, due)| *due > now);
        promise!(!ours || unheard.is_none(), HeardBeforeHangUp, "{unheard:?} at {now}");
        self.coverage.closed(reason);
        self.reason = Some(reason);
        Ok(())
    }

    // ---- how the call stands ----

    fn stands(&mut self, now: At, input: &Input, effects: &[Effect], call: &Call) -> Result<(), Broken> {
        promise!(call.phase() == self.phase, Arrows, "{} was entered, {} is", self.phase, call.phase());
        promise!(
            call.open_jobs() == self.open,
            JobsCounted,
            "{} by orders, {} by machine",
            self.open,
            call.open_jobs()
        );
        if effects.iter().any(|effect| matches!(effect, Effect::Think(_))) && self.phase == PhaseName::Thinking {
            let last = call.dialogue().and_then(|dialogue| dialogue.words().last());
            promise!(last.is_some_and(|words| words.speaker == Speaker::Caller), AnswersTheCaller, "{last:?}");
        }
        if matches!(input, Input::TimePassed) && self.closes == 0 {
            let due = call.deadline();
            promise!(due.is_some_and(|due| due > now), LooksAhead, "told {now}, wants {due:?}");
            self.in_time(now)?;
        }
        Ok(())
    }

    /// The machine has just been told the time.
    fn in_time(&self, now: At) -> Result<(), Broken> {
        let Some(terms) = self.terms.filter(|terms| terms.speaks()) else { return Ok(()) };
        let waited = now.ms_since(terms.since);
        if self.phase == PhaseName::Greeting && waited >= terms.timing.comfort_after_ms {
            promise!(self.heard_anything, AudioInTime, "nothing heard {waited} ms after the start");
        }
        let asked = || self.jobs.iter().any(|job| job.open && job.what == What::Speak);
        if self.phase == PhaseName::Thinking && !asked() {
            let (silent, most) = (
                now.ms_since(self.heard_until.max(self.waits_since)),
                terms.timing.fallback_after_ms.max(Self::AT_HAND_MS),
            );
            promise!(silent < most, NotLeftWaiting, "nothing heard for {silent} ms of at most {most}");
        }
        if let Some(since) = self.speech_due {
            let silent = now.ms_since(self.line_until.max(since));
            let most = terms.timing.comfort_after_ms;
            promise!(silent < most || silent == 0, AudioInTime, "the line is silent for {silent} ms of at most {most}");
        }
        Ok(())
    }
}
