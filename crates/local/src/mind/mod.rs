//! The mind: a clinic receptionist made of rules. It books, moves and cancels appointments, tells the opening hours, passes
//! the call to a person and says goodbye.
//!
//! It keeps nothing between turns and asks no clock: what to say is a pure function of the instructions and the dialogue
//! so far, which it plays through from the beginning each time. It is therefore a worker like every language model later,
//! and a conversation can be tested as a table. It writes nothing down either: what callers book lives in the call.
//!
//! Both small language models that can be had without a key were tried and told callers wrong facts; rules do not.

mod actor;
mod diary;
mod facts;
mod heard;
mod hour;
mod phrases;
mod plan;
mod talk;
mod when;

pub use actor::Receptionist;
use operetta_contract::{Next, Speaker, Words};

use self::{facts::Facts, talk::Talk};

/// What the mind has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What to say: a few short sentences, times as words.
    pub text: String,
    /// What is to happen when that has been heard.
    pub next: Next,
}

/// The reply to the last thing the caller said.
///
/// `prompt` may hold facts, one a line: `name: Asha Clinic`, `hours: Monday to Saturday, 9 am to 6 pm`, `address: ..`,
/// `today: Friday`. Everything else in it is for other minds and is ignored. Of more than 200 entries in the dialogue the
/// newest 200 count.
pub fn reply(prompt: &str, dialogue: &[Words]) -> Reply {
    let facts = Facts::read(prompt);
    let mut talk = Talk::new(&facts);
    let mut last = None;
    for turn in turns(&dialogue[dialogue.len().saturating_sub(MOST_ENTRIES)..]) {
        last = Some(talk.hear(&turn.said, turn.unheard_chars(last.as_ref())));
    }
    last.unwrap_or_else(|| talk.open())
}

const MOST_ENTRIES: usize = 200;

/// What the caller said between two of our replies, and how much of the reply before it was heard.
struct Turn {
    said: String,
    /// Characters of the agent's last words, if it was interrupted.
    heard_chars: Option<usize>,
    /// The agent said something since the turn before.
    answered: bool,
}

impl Turn {
    /// Characters of the `reply` before this turn that the caller did not hear.
    fn unheard_chars(&self, reply: Option<&Reply>) -> usize {
        let said = reply.map_or(0, |reply| reply.text.chars().count());
        match self.heard_chars {
            _ if !self.answered => said,
            Some(heard) => said.saturating_sub(heard),
            None => 0,
        }
    }
}

/// The caller's side in turns: words that no reply came between belong together, because they were said in one breath.
fn turns(dialogue: &[Words]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let (mut answered, mut heard_chars) = (true, None);
    for words in dialogue {
        match words.speaker {
            Speaker::Agent => {
                answered = true;
                heard_chars = words.cut.then(|| words.text.chars().count());
            }
            Speaker::Caller => {
                match turns.last_mut() {
                    Some(turn) if !answered => {
                        turn.said.push(' ');
                        turn.said.push_str(&words.text);
                    }
                    _ => turns.push(Turn { said: words.text.to_string(), heard_chars, answered }),
                }
                (answered, heard_chars) = (false, None);
            }
        }
    }
    turns
}
