//! What all fakes that think have in common.

use serde_json::{Value, json};

use super::super::{
    backstage::Backstage,
    ledger::Billed,
    play::{OddTools, Play},
    script::{Call, Reply},
};

/// What a model says to one request: its words, then its calls.
pub(super) struct Thought {
    pub(super) reply: Reply,
    /// How its calls are told, if not as they should be.
    pub(super) odd: Option<OddTools>,
}

impl Thought {
    /// What comes next in the script; with a call of a tool where the play needs one. `tools`: those that may be called.
    pub(super) fn next(stage: &Backstage, tools: &[String]) -> Self {
        let mut reply = stage.reply();
        let odd = match stage.play() {
            Some(Play::OddTools(odd)) => Some(*odd),
            _ => None,
        };
        if odd.is_some() && reply.calls.is_empty() {
            let name = tools.first().cloned().unwrap_or_else(|| "find_slot".into());
            reply.calls.push(Call { name, arguments: json!({"day": "Tuesday"}) });
        }
        if odd == Some(OddTools::Interleaved) && reply.calls.len() == 1 {
            reply.calls.push(Call { name: reply.calls[0].name.clone(), arguments: json!({"day": "Friday"}) });
        }
        Self { reply, odd }
    }

    /// Whether it ends because nothing more may be said.
    pub(super) fn is_cut(&self) -> bool {
        self.odd == Some(OddTools::Cut)
    }

    /// Pieces of the arguments of all calls, in the order in which they come: which call, the piece.
    pub(super) fn argument_pieces(&self) -> Vec<(usize, String)> {
        let calls = self.reply.calls.iter().enumerate();
        let all: Vec<Vec<(usize, String)>> = calls
            .map(|(index, call)| pieces(&call.arguments, self.odd).into_iter().map(|piece| (index, piece)).collect())
            .collect();
        if self.odd != Some(OddTools::Interleaved) {
            return all.into_iter().flatten().collect();
        }
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        (0..longest).flat_map(|turn| all.iter().filter_map(move |pieces| pieces.get(turn).cloned())).collect()
    }
}

fn pieces(arguments: &Value, odd: Option<OddTools>) -> Vec<String> {
    let text = arguments.to_string();
    match odd {
        Some(OddTools::Whole) => vec![text],
        Some(OddTools::Empty) => Vec::new(),
        Some(OddTools::Cut) => cut(&text[..text.floor_char_boundary(text.len() / 2)]),
        Some(OddTools::Invalid) => cut("{\"day\": Tuesday"),
        Some(OddTools::Interleaved | OddTools::Anonymous) | None => cut(&text),
    }
}

/// In pieces of a few characters, as tokens come.
fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(PIECE).map(|piece| piece.iter().collect()).collect()
}

/// One token written.
pub(super) fn a_token() -> Billed {
    Billed { tokens_out: 1, ..Billed::default() }
}

/// So many tokens read.
pub(super) fn read(tokens: u64) -> Billed {
    Billed { tokens_in: tokens, ..Billed::default() }
}

/// Characters of arguments in one token.
const PIECE: usize = 5;
