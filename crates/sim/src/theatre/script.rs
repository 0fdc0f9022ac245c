use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use super::{
    api::{Api, Route},
    play::Rule,
};

/// What the theatre plays.
#[derive(Clone, Debug)]
pub struct Script {
    /// The seed of its dice: the same script plays the same failures for the same order of requests.
    pub seed: u64,
    /// Which failures, when. The first that falls on a request is played.
    pub rules: Vec<Rule>,
    /// How fast the vendors are, unless `paces` says otherwise.
    pub pace: Pace,
    /// How fast some of them are. The first that covers a request counts.
    pub paces: Vec<(Route, Pace)>,
    /// What language models say, in turn. When there is no more, they [count](Reply::counted).
    pub replies: VecDeque<Reply>,
    /// What was heard, in turn. When there is no more, it is [told from the length](transcript_of) of the audio.
    pub transcripts: VecDeque<String>,
    /// How long a connection may wait for its next request.
    pub idle: Duration,
    /// How many times faster the limits of sockets pass (10 s without audio, an hour for a session); above 0. Audio keeps its time.
    pub haste: f64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 7,
            rules: Vec::new(),
            pace: Pace::default(),
            paces: Vec::new(),
            replies: VecDeque::new(),
            transcripts: VecDeque::new(),
            idle: Duration::from_mins(2),
            haste: 1.0,
        }
    }
}

impl Script {
    /// The same with these rules.
    #[must_use]
    pub fn with_rules(mut self, rules: Vec<Rule>) -> Self {
        self.rules = rules;
        self
    }

    /// The same with this pace.
    #[must_use]
    pub const fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    pub(super) fn pace_of(&self, api: Api) -> Pace {
        self.paces.iter().find(|(route, _)| route.covers(api)).map_or(self.pace, |(_, pace)| *pace)
    }
}

/// How fast a vendor is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// From the whole request to the head of the answer.
    pub head: Duration,
    /// From the whole request to the first audio, token or text; at least `head`.
    pub first: Duration,
    /// How many times faster than it is played audio comes; above 0.
    pub speed: f32,
    /// Between two tokens.
    pub token: Duration,
}

impl Pace {
    /// As fast as the machine: for tests of what comes, not when.
    pub const AT_ONCE: Self =
        Self { head: Duration::ZERO, first: Duration::ZERO, speed: f32::INFINITY, token: Duration::ZERO };

    /// How long audio of `ms` takes to come.
    pub fn of_audio(self, ms: u32) -> Duration {
        Duration::from_secs_f64(f64::from(ms) / 1000.0 / f64::from(self.speed.max(0.001)))
    }
}

impl Default for Pace {
    /// A good day: the head after 50 ms, audio or words after 100 ms, audio at five times its own pace, 60 tokens a second.
    fn default() -> Self {
        Self {
            head: Duration::from_millis(50),
            first: Duration::from_millis(100),
            speed: 5.0,
            token: Duration::from_millis(16),
        }
    }
}

/// What a language model says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Its words; may be empty.
    pub text: String,
    /// The tools it calls after them.
    pub calls: Vec<Call>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The name of the tool.
    pub name: String,
    /// The arguments: an object.
    pub arguments: Value,
}

impl Reply {
    /// These words and no tool.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), calls: Vec::new() }
    }

    /// A call of one tool, without words.
    pub fn call(name: impl Into<String>, arguments: Value) -> Self {
        Self { text: String::new(), calls: vec![Call { name: name.into(), arguments }] }
    }

    /// What a model says that has not been told what to say: two sentences and a question.
    pub fn counted(number: u64) -> Self {
        Self::text(format!("This is reply {number}. It was made up by a fake vendor. What else can I do for you?"))
    }

    /// The words as tokens come: one word with the space before it each.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_str();
        std::iter::from_fn(move || {
            let end = rest.char_indices().skip(1).find(|(_, c)| *c == ' ').map_or(rest.len(), |(at, _)| at);
            let (token, after) = rest.split_at(end);
            rest = after;
            (!token.is_empty()).then_some(token)
        })
    }
}

/// What was heard in `ms` of audio, when the script does not say: a word for every 400 ms.
pub fn transcript_of(ms: u32) -> String {
    format!("{} words in {ms} milliseconds.", ms / 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_add_up_to_the_text() {
        for text in ["", " ", "one", "one two  three ", "नमस्ते दुनिया"] {
            assert_eq!(Reply::text(text).tokens().collect::<String>(), text);
        }
        assert_eq!(Reply::text("a b").tokens().collect::<Vec<_>>(), ["a", " b"]);
    }

    #[test]
    fn audio_at_infinite_speed_takes_no_time() {
        assert_eq!(Pace::AT_ONCE.of_audio(60_000), Duration::ZERO);
        assert_eq!(Pace::default().of_audio(1000), Duration::from_millis(200));
    }
}
