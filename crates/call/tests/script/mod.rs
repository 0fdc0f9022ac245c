//! A small language in which the tables write calls down: one input a line, and behind `=>` the orders it must bring.
//!
//! ```text
//! +2000  spoke                   => cancel #3, clear, note barge_in, enter listening
//! +3000  final #2 1 book it
//! +3400  time                    => note turn_ended, think #4, enter thinking
//!        due                     => +11.400
//!        dialogue                => caller: book it
//! ```

use std::sync::Arc;

use operetta_call::{
    At, Call, Chunk, Clip, Dialogue, Digit, Effect, Effects, Input, JobId, Limits, MarkId, Mode, Next, Note, OnFailure,
    PhaseName, Refusal, Retry, Settings, Speaker, Speech, Start, Stop, StreamSid, Wait,
};

/// One call that is being written.
pub(crate) struct Script {
    pub(crate) call: Call,
    pub(crate) now: At,
}

impl Script {
    /// A call in `phase`, on its usual way there. `given` are options of the start.
    pub(crate) fn new(given: &str, phase: PhaseName) -> Self {
        let mut script = Self { call: Call::new(Limits::default()), now: At::ZERO };
        let way = if given.split(' ').any(|option| option == "whole") { whole_way_to(phase) } else { way_to(phase) };
        for line in way {
            let line = line.replace("start", &format!("start {given}"));
            let _ = script.play(&line);
        }
        assert_eq!(script.call.phase(), phase, "given {given:?}");
        script
    }

    /// Plays one line, without looking at what it should bring; returns what it brings.
    pub(crate) fn play(&mut self, line: &str) -> String {
        let line = line.split("=>").next().unwrap_or_default().trim();
        if line == "due" {
            return self.call.deadline().map_or("never".into(), |due| due.to_string());
        }
        if line == "dialogue" {
            return self.dialogue();
        }
        self.feed(line).iter().map(word_of).collect::<Vec<_>>().join(", ")
    }

    /// Feeds one input, written as `+1234 input`.
    pub(crate) fn feed(&mut self, line: &str) -> Effects {
        let (at, input) = line.split_once(' ').unwrap_or_else(|| panic!("no input in {line:?}"));
        self.now = At::from_ms(number(at.trim_start_matches('+')));
        self.call.step(self.now, input_of(input.trim()))
    }

    /// Plays a story; returns every line that brought something else than it says.
    pub(crate) fn differences(&mut self, story: &str) -> Vec<String> {
        let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut differences = Vec::new();
        for line in lines {
            let expected = line.split_once("=>").map_or("", |(_, expected)| expected.trim());
            let seen = self.play(line);
            if seen != expected {
                differences.push(format!("{line}\n   seen: {seen}"));
            }
        }
        differences
    }

    fn dialogue(&self) -> String {
        let words = self.call.dialogue().map(Dialogue::words).unwrap_or_default();
        let line = |speaker| if speaker == Speaker::Caller { "caller" } else { "agent" };
        let each = words
            .iter()
            .map(|words| format!("{}: {}{}", line(words.speaker), words.text, if words.cut { " (cut)" } else { "" }));
        each.collect::<Vec<_>>().join(" | ")
    }
}

/// The usual way to a phase: a second of greeting, a turn of the caller, a reply of two seconds.
fn way_to(phase: PhaseName) -> &'static [&'static str] {
    let way: &'static [&'static str] = &[
        "+0 start",
        "+100 audio #3 1000",
        "+100 done #3",
        "+1100 mark 1",
        "+2000 spoke #1",
        "+3000 paused #1",
        "+3200 final #2 1 book it",
        "+3400 time",
        "+3600 reply #4 Of course, is ten all right? ",
        "+3650 reply_done #4 listen",
        "+3700 audio #5 2000",
        "+3800 stop",
    ];
    match phase {
        PhaseName::Connected => &[],
        PhaseName::Started | PhaseName::Greeting => &way[..1],
        PhaseName::Listening => &way[..4],
        PhaseName::Thinking => &way[..8],
        PhaseName::Speaking => &way[..11],
        PhaseName::Closed => way,
    }
}

/// The same where one provider leads the conversation.
fn whole_way_to(phase: PhaseName) -> &'static [&'static str] {
    let way: &'static [&'static str] = &[
        "+0 start",
        "+100 audio #2 1000",
        "+100 done #2",
        "+1100 mark 1",
        "+2000 spoke #1",
        "+3000 paused #1",
        "+3500 worded #1 1 Of course, is ten all right?",
        "+3600 voiced #1 1 2000",
        "+3800 stop",
    ];
    match phase {
        PhaseName::Connected => &[],
        PhaseName::Started | PhaseName::Greeting => &way[..1],
        PhaseName::Listening => &way[..4],
        PhaseName::Thinking => &way[..6],
        PhaseName::Speaking => &way[..8],
        PhaseName::Closed => way,
    }
}

fn input_of(text: &str) -> Input {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut words = rest.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let job = |word: &str| JobId(number(word.trim_start_matches('#')));
    match verb {
        "connected" => Input::Connected,
        "start" => Input::Started(start_of(rest)),
        "refused" => Input::Refused(match rest {
            "auth" => Refusal::Auth,
            _ => Refusal::Duplicate,
        }),
        "caller_audio" => Input::CallerAudio,
        "spoke" => Input::CallerSpoke(job(word())),
        "paused" => Input::CallerPaused(job(word())),
        "partial" => Input::Partial(job(word())),
        "final" => {
            let (job, flush) = (job(word()), word().parse().ok());
            Input::Final { job, text: rest.splitn(3, ' ').nth(2).unwrap_or_default().into(), flush }
        }
        "key" => {
            let key = rest.chars().next().and_then(Digit::new);
            Input::Dtmf(key.unwrap_or_else(|| panic!("{rest:?} is no key")))
        }
        "reply" => Input::Reply { job: job(word()), text: rest.split_once(' ').map_or("", |(_, text)| text).into() },
        "reply_done" => {
            let job = job(word());
            Input::ReplyDone { job, next: next_of(word()) }
        }
        "voiced" => Input::Voiced { job: job(word()), reply: number(word()), chunk: Chunk { ms: number(word()) } },
        "worded" => {
            let (job, reply) = (job(word()), number(word()));
            Input::Worded { job, reply, text: rest.splitn(3, ' ').nth(2).unwrap_or_default().into() }
        }
        "uttered" => Input::Uttered { job: job(word()), reply: number(word()), next: next_of(word()) },
        "audio" => Input::AudioCame { job: job(word()), chunk: Chunk { ms: number(word()) } },
        "done" => Input::SpeechDone(job(word())),
        "failed" => {
            let job = job(word());
            let retry = match word() {
                "never" => Retry::Never,
                "later" => Retry::Later,
                "now" => Retry::Now,
                other => panic!("what is {other:?}?"),
            };
            Input::JobFailed { job, retry }
        }
        "mark" => Input::MarkPlayed(MarkId(number(word()))),
        "stop" => Input::Stopped(Stop::HungUp),
        "flow" => Input::Stopped(Stop::Flow),
        "lost" => Input::LegLost,
        "stalled" => Input::LegStalled,
        "draining" => Input::Draining,
        "time" => Input::TimePassed,
        other => panic!("what is {other:?}?"),
    }
}

fn next_of(word: &str) -> Next {
    match word {
        "listen" => Next::Listen,
        "hang_up" => Next::HangUp,
        "transfer" => Next::Transfer,
        other => panic!("what is {other:?}?"),
    }
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

fn start_of(options: &str) -> Start {
    let mut settings = Settings::default();
    let mut duplex = true;
    for option in options.split_whitespace() {
        match option.split_once('=') {
            None if option == "bare" => settings.mode = Mode::Bare,
            None if option == "beep" => settings.mode = Mode::Beep,
            None if option == "listen_only" => duplex = false,
            None if option == "whole" => settings.whole = true,
            None if option == "no_barge_in" => settings.barge_in = false,
            None if option == "transfer_on_failure" => settings.on_failure = OnFailure::Transfer,
            None if option == "goodbye_on_failure" => settings.on_failure = OnFailure::Goodbye,
            Some(("call_ms", ms)) => settings.timing.call_ms = number(ms),
            Some(("idle_ms", ms)) => settings.timing.idle_ms = number(ms),
            Some(("idle_prompts", count)) => settings.timing.idle_prompts = number(count),
            Some(("audio_gap_ms", ms)) => settings.timing.audio_gap_ms = number(ms),
            _ => panic!("what is {option:?}?"),
        }
    }
    Start { stream: StreamSid::new("MZ1"), duplex, settings: Arc::new(settings) }
}

fn word_of(effect: &Effect) -> String {
    match effect {
        Effect::Enter(phase) => format!("enter {phase}"),
        Effect::Detect(job) => format!("detect {job}"),
        Effect::Listen(job) => format!("listen {job}"),
        Effect::Flush { job, flush } => format!("flush {job} {flush}"),
        Effect::Converse(job) => format!("converse {job}"),
        Effect::Cut { job, reply, heard_ms } => format!("cut {job} {reply} {heard_ms}"),
        Effect::Type { job, text } => format!("type {job} '{text}'"),
        Effect::Think(job) => format!("think {job}"),
        Effect::Speak { job, speech } => format!("speak {job} {}", speech_of(speech)),
        Effect::Play(chunk) => format!("play {}", chunk.ms),
        Effect::Comfort(ms) => format!("comfort {ms}"),
        Effect::SendMark(mark) => format!("mark {}", mark.0),
        Effect::Clear => "clear".into(),
        Effect::Cancel(job) => format!("cancel {job}"),
        Effect::Note(note) => format!("note {}", note_of(*note)),
        Effect::Close(reason) => format!("close {}", reason.as_str()),
    }
}

fn speech_of(speech: &Speech) -> String {
    let lines = Settings::default().lines;
    match speech {
        Speech::Greeting(text) if *text == lines.greeting => "greeting".into(),
        Speech::Line(text) if *text == lines.still_there => "still_there".into(),
        Speech::Line(text) if *text == lines.not_understood => "not_understood".into(),
        Speech::Line(text) if *text == lines.use_keys => "use_keys".into(),
        Speech::Line(text) if *text == lines.use_keys => "use_keys".into(),
        Speech::Line(text) if *text == lines.goodbye => "goodbye".into(),
        Speech::Greeting(text) | Speech::Line(text) | Speech::Reply(text) => format!("'{text}'"),
        Speech::Clip(Clip::Beep) => "(beep)".into(),
        Speech::Clip(Clip::OneMoment) => "(one moment)".into(),
        Speech::Clip(Clip::Apology) => "(apology)".into(),
    }
}

fn note_of(note: Note) -> String {
    match note {
        Note::Stale(job) => format!("stale {job}"),
        Note::Unexpected(kind) => format!("unexpected {}", kind.as_str()),
        Note::UnknownMark => "unknown_mark".into(),
        Note::BargeIn => "barge_in".into(),
        Note::TurnEnded => "turn_ended".into(),
        Note::EmptyTurn => "empty_turn".into(),
        Note::TimedOut(wait) => format!("timed_out {}", wait_of(wait)),
        Note::SpeechFailed => "speech_failed".into(),
        Note::MindFailed => "mind_failed".into(),
        Note::EarsFailed => "ears_failed".into(),
        Note::Greeted => "greeted".into(),
    }
}

const fn wait_of(wait: Wait) -> &'static str {
    match wait {
        Wait::Start => "start",
        Wait::Audio => "audio",
        Wait::Mind => "mind",
        Wait::Final => "final",
        Wait::Mark => "mark",
        Wait::Media => "media",
        Wait::Caller => "caller",
        Wait::Call => "call",
    }
}
