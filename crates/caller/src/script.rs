use crate::clip::Clip;
use std::time::Duration;

/// What the caller does in one call, line by line.
///
/// ```
/// use operetta_caller::{Clip, Line, Script};
/// let hello = Clip::new(vec![0; 8000], 8000);
/// let script = Script::new().line(Line::speak("hello", hello)).line(Line::press("42"));
/// assert_eq!(script.lines.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    /// The caller's lines, in order.
    pub lines: Vec<Line>,
    /// Whether the agent is expected to speak first. Without this the first line comes at once.
    pub expects_greeting: bool,
    /// How long the caller waits for a greeting before going on without.
    pub greeting_within: Duration,
    /// How long the caller waits for the answer to a line before going on without.
    pub answer_within: Duration,
    /// How quiet the agent must be before the caller takes it that it has finished.
    pub quiet: Duration,
    /// How many utterances an answer has, where the caller knows it; a greeting has one. Each utterance ends with a mark, which
    /// recordings that fill a silence ("one moment") do not have: so who counts them never takes such a recording for the
    /// end. The caller goes on when so many were heard and it has been quiet for `quiet`; when at least one was and it has been
    /// quiet for `doubt`; or when there was none within the time allowed. 0 (the default): whatever was heard counts.
    pub utterances: u32,
    /// The silence after which the caller believes that an answer of fewer utterances is over.
    pub doubt: Duration,
    /// What the caller does after the last answer.
    pub ending: Ending,
    /// The call ends here whatever happens, counted from `start`.
    pub limit: Duration,
}

/// One thing the caller does.
#[derive(Clone, Debug)]
pub struct Line {
    /// How reports name it: the words, or a file's name.
    pub label: String,
    /// When it begins.
    pub cue: Cue,
    /// What it is.
    pub act: Act,
    /// Whether the agent should answer it.
    pub expects_answer: bool,
}

/// When a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// After the agent has finished: all marks played and quiet for [`Script::quiet`].
    AgentDone,
    /// This long after the agent began to be heard: a barge-in. If the agent finishes earlier the line begins then.
    AgentSpeaking(Duration),
    /// This long after `start`, whatever the agent does. For loads in which callers speak at fixed times.
    At(Duration),
}

/// What the caller does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Speaks.
    Speak(Clip),
    /// Presses keys, one each 250 ms.
    Press(Vec<char>),
}

/// How the caller ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Hangs up: `stop`, then the close.
    HangUp,
    /// Stays until the engine ends the call, at most this long, then hangs up.
    AwaitEngine(Duration),
    /// Stays until this long after `start`, then hangs up: a load's fixed call length.
    HangUpAt(Duration),
    /// Goes away in an unmannerly fashion this long after `start`, wherever the script stands.
    Die(Duration, Death),
}

/// How a connection dies without the carrier's manners. Everything here happens to servers in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// TCP is dropped.
    Cut,
    /// A close without `stop`, and nobody waits for the answer.
    CloseOnly,
    /// `stop`, then nothing but the end of the connection so much later.
    StopOnly(Duration),
    /// The first fragment of a message, whose rest never comes.
    HalfMessage(Duration),
    /// Nothing more is said; the connection stays, is read, and is dropped so much later.
    Silence(Duration),
    /// Nothing more is said or read for so long, then TCP is dropped.
    Frozen(Duration),
}

impl Script {
    /// A caller who listens to the greeting and hangs up.
    pub const fn new() -> Self {
        Self {
            lines: Vec::new(),
            expects_greeting: true,
            greeting_within: Duration::from_secs(12),
            answer_within: Duration::from_secs(15),
            quiet: Duration::from_millis(600),
            utterances: 0,
            doubt: Duration::from_secs(4),
            ending: Ending::HangUp,
            limit: Duration::from_mins(10),
        }
    }

    /// Adds a line.
    #[must_use]
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Sets the ending.
    #[must_use]
    pub const fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// Speaks `clip` once the agent has finished, and expects an answer.
    pub fn speak(label: impl Into<String>, clip: Clip) -> Self {
        Self { label: label.into(), cue: Cue::AgentDone, act: Act::Speak(clip), expects_answer: true }
    }

    /// Presses the keys among `digits` (`0`-`9 * # A`-`D`; others are skipped) once the agent has finished, and expects an answer.
    pub fn press(digits: &str) -> Self {
        let keys = digits.chars().map(|key| key.to_ascii_uppercase()).filter(|key| is_key(*key)).collect();
        Self { label: digits.to_owned(), cue: Cue::AgentDone, act: Act::Press(keys), expects_answer: true }
    }

    /// Begins at `cue` instead.
    #[must_use]
    pub const fn at(mut self, cue: Cue) -> Self {
        self.cue = cue;
        self
    }

    /// Nobody needs to answer it.
    #[must_use]
    pub const fn unanswered(mut self) -> Self {
        self.expects_answer = false;
        self
    }
}

/// Whether a telephone has this key.
pub(crate) const fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}
