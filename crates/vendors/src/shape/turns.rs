//! A conversation in the order that every API of a language model insists on.

use std::collections::HashSet;

use operetta_contract::{Complete, Entry, Speaker, ToolCall, ToolResult};

/// One turn of a conversation. See [`turns`] for what holds of their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The caller's words; never blank.
    Caller(String),
    /// The agent's words, then the tools it called: one of them may be empty.
    Agent {
        /// Its words.
        text: String,
        /// Its calls.
        calls: Vec<ToolCall>,
    },
    /// What the tools of the turn before returned: one result for each call, in their order.
    Results(Vec<ToolResult>),
}

/// How a provider is made to go on with a reply that another one began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// The conversation ends with the beginning of the reply, and the model writes on behind it.
    Prefill,
    /// An instruction behind it asks for the rest.
    Ask,
}

/// The turns of a job.
///
/// The first one is the caller's, the last one too (or the results of tools, or with [`GoOn::Prefill`] the beginning of the
/// reply). No two of a kind stand side by side, nothing is blank, and every turn with calls is followed by its results: a
/// call that nobody answered gets a result that says so, and a result without a call is dropped, because every API refuses
/// the whole conversation for one of those. Words at which the agent was interrupted end in an ellipsis.
pub fn turns(job: &Complete, go_on: GoOn) -> Vec<Turn> {
    let mut turns = Turns { list: Vec::new(), dialogue: &job.dialogue, used: HashSet::new() };
    for (at, entry) in job.dialogue.iter().enumerate() {
        match entry {
            Entry::Said(words) if words.text.trim().is_empty() => {}
            Entry::Said(words) => {
                let text = words.text.trim();
                let cut = words.cut && !text.ends_with('…');
                turns.said(words.speaker, &if cut { format!("{text}…") } else { text.to_owned() });
            }
            Entry::Called(call) => turns.called(at, call),
            Entry::Returned(_) => {}
        }
    }
    let said = job.said.trim();
    match (said.is_empty(), go_on) {
        (true, _) if turns.list.is_empty() => turns.said(Speaker::Caller, CONNECTED),
        (true, _) if turns.ends_with_agent() => turns.said(Speaker::Caller, SILENT),
        (true, _) => {}
        (false, GoOn::Prefill) => turns.said(Speaker::Agent, said),
        (false, GoOn::Ask) => {
            turns.said(Speaker::Agent, said);
            turns.said(Speaker::Caller, GO_ON);
        }
    }
    turns.list
}

/// Stands for the caller when the agent speaks first.
const CONNECTED: &str = "(The call is connected.)";
/// Stands for the caller when the agent spoke last.
const SILENT: &str = "(The caller says nothing.)";
const GO_ON: &str = "(Your reply broke off after the words above, and the caller has heard them. Write only what comes behind \
    the last word, as if there had been no break: repeat nothing and do not mention it.)";
const NO_RESULT: &str = "no result: the conversation went on before the tool had finished";

struct Turns<'a> {
    list: Vec<Turn>,
    dialogue: &'a [Entry],
    /// Places in the dialogue of results that have been given to a call.
    used: HashSet<usize>,
}

impl Turns<'_> {
    fn ends_with_agent(&self) -> bool {
        matches!(self.list.last(), Some(Turn::Agent { calls, .. }) if calls.is_empty())
    }

    fn said(&mut self, speaker: Speaker, words: &str) {
        match (speaker, self.list.last_mut()) {
            (Speaker::Caller, Some(Turn::Caller(text))) => join(text, words),
            (Speaker::Caller, _) => self.list.push(Turn::Caller(words.to_owned())),
            (Speaker::Agent, Some(Turn::Agent { text, calls })) if calls.is_empty() => join(text, words),
            (Speaker::Agent, _) => self.agent(words.to_owned()),
        }
    }

    fn agent(&mut self, text: String) {
        if self.list.is_empty() {
            self.list.push(Turn::Caller(CONNECTED.to_owned()));
        }
        self.list.push(Turn::Agent { text, calls: Vec::new() });
    }

    /// Calls of one reply stand together, so their results follow the last of them.
    fn called(&mut self, at: usize, call: &ToolCall) {
        let result = self.result_of(at, call);
        let together = matches!(self.dialogue.get(at.wrapping_sub(1)), Some(Entry::Called(_)));
        if together && let [.., Turn::Agent { calls, .. }, Turn::Results(results)] = &mut self.list[..] {
            calls.push(call.clone());
            results.push(result);
            return;
        }
        if !self.ends_with_agent() {
            self.agent(String::new());
        }
        if let Some(Turn::Agent { calls, .. }) = self.list.last_mut() {
            calls.push(call.clone());
        }
        self.list.push(Turn::Results(vec![result]));
    }

    fn result_of(&mut self, at: usize, call: &ToolCall) -> ToolResult {
        let after = self.dialogue.iter().enumerate().skip(at + 1);
        let found = after.into_iter().find_map(|(place, entry)| match entry {
            Entry::Returned(result) if result.id == call.id && !self.used.contains(&place) => Some((place, result)),
            _ => None,
        });
        if let Some((place, result)) = found {
            self.used.insert(place);
            return ToolResult { name: call.name.clone(), ..result.clone() };
        }
        ToolResult { id: call.id.clone(), name: call.name.clone(), content: NO_RESULT.into(), failed: true }
    }
}

fn join(text: &mut String, words: &str) {
    text.push(' ');
    text.push_str(words);
}

#[cfg(test)]
mod tests {
    use operetta_contract::Words;

    use super::*;

    /// A job from lines: `c:` caller, `a:` agent, `a-` agent who was interrupted, `?1 x` call of x, `!1 text` its result.
    fn job(lines: &[&str], said: &str) -> Complete {
        let words = |speaker, text: &str, cut| Entry::Said(Words { speaker, text: text.into(), cut });
        let dialogue = lines.iter().map(|line| match line.split_at(1) {
            ("c", rest) => words(Speaker::Caller, &rest[1..], false),
            ("a", rest) => words(Speaker::Agent, &rest[1..], rest.starts_with('-')),
            ("?", rest) => {
                let (id, name) = rest.split_once(' ').unwrap_or((rest, ""));
                Entry::Called(ToolCall { id: id.into(), name: name.into(), arguments: "{}".into(), seal: None })
            }
            (_, rest) => {
                let (id, content) = rest.split_once(' ').unwrap_or((rest, ""));
                Entry::Returned(ToolResult { id: id.into(), name: "".into(), content: content.into(), failed: false })
            }
        });
        Complete {
            prompt: "".into(),
            language: "en".into(),
            tools: Vec::new().into(),
            dialogue: dialogue.collect(),
            said: said.into(),
        }
    }

    fn show(turns: &[Turn]) -> Vec<String> {
        let show = |turn: &Turn| match turn {
            Turn::Caller(text) => format!("c:{text}"),
            Turn::Agent { text, calls } => {
                let calls = calls.iter().map(|call| format!(" ?{} {}", call.id, call.name));
                format!("a:{text}{}", calls.collect::<Vec<_>>().concat())
            }
            Turn::Results(results) => {
                let show = |result: &ToolResult| {
                    let failed = if result.failed { "FAILED" } else { &*result.content };
                    format!("!{} {failed}", result.id)
                };
                results.iter().map(show).collect::<Vec<_>>().join(" ")
            }
        };
        turns.iter().map(show).collect()
    }

    fn check(lines: &[&str], expected: &[&str]) {
        let job = job(lines, "");
        assert_eq!(show(&turns(&job, GoOn::Ask)), expected, "{lines:?}");
        assert_eq!(show(&turns(&job, GoOn::Prefill)), expected, "{lines:?}");
    }

    #[test]
    fn turns_alternate_and_begin_and_end_with_the_caller() {
        check(&["c:hello"], &["c:hello"]);
        check(&["a:hi", "c:hello"], &["c:(The call is connected.)", "a:hi", "c:hello"]);
        check(&["c:a", "c: ", "c:b ", "a:x", "a:y", "c:z"], &["c:a b", "a:x y", "c:z"]);
        check(&["c:a", "a-we are", "c:stop"], &["c:a", "a:we are…", "c:stop"]);
        check(&["c:a", "a- ", "c:stop"], &["c:a stop"]);
        check(&["c:a", "a:b"], &["c:a", "a:b", "c:(The caller says nothing.)"]);
        check(&[], &["c:(The call is connected.)"]);
    }

    #[test]
    fn results_follow_their_calls() {
        check(&["c:a", "?1 x", "!1 r"], &["c:a", "a: ?1 x", "!1 r"]);
        check(&["c:a", "a:wait", "?1 x", "?2 y", "!1 r", "!2 s"], &["c:a", "a:wait ?1 x ?2 y", "!1 r !2 s"]);
        check(&["c:a", "?1 x", "?2 y", "!2 s", "!1 r"], &["c:a", "a: ?1 x ?2 y", "!1 r !2 s"]);
        check(
            &["c:a", "?1 x", "!1 r", "?2 y", "!2 s", "a:so", "c:b"],
            &["c:a", "a: ?1 x", "!1 r", "a: ?2 y", "!2 s", "a:so", "c:b"],
        );
        check(&["c:a", "?1 x", "c:and b?", "!1 r"], &["c:a", "a: ?1 x", "!1 r", "c:and b?"]);
    }

    #[test]
    fn what_does_not_belong_together_is_mended() {
        check(&["c:a", "?1 x", "c:b"], &["c:a", "a: ?1 x", "!1 FAILED", "c:b"]);
        check(&["c:a", "!9 r"], &["c:a"]);
        check(
            &["c:a", "?1 x", "!1 r", "!1 again", "?1 x", "c:b"],
            &["c:a", "a: ?1 x", "!1 r", "a: ?1 x", "!1 FAILED", "c:b"][..],
        );
    }

    #[test]
    fn a_reply_that_was_begun_is_gone_on_with() {
        let begun = job(&["c:a"], " Let me ");
        assert_eq!(show(&turns(&begun, GoOn::Prefill)), ["c:a", "a:Let me"]);
        assert_eq!(show(&turns(&begun, GoOn::Ask)), ["c:a".to_owned(), "a:Let me".to_owned(), format!("c:{GO_ON}")]);
        let begun = job(&["c:a", "?1 x", "!1 r"], "So");
        assert_eq!(show(&turns(&begun, GoOn::Prefill)), ["c:a", "a: ?1 x", "!1 r", "a:So"]);
    }
}
