//! What was heard, on a line.

use operetta_contract::{Complete, Completion, Speech, Switch, Synthesize, Transcribe, Transcript};

use super::Notes;

/// What an asker heard, on a line: outputs by who spoke, switches, the end, and the time of each turn.
pub(crate) trait Story {
    fn story(&self) -> String;
}

fn switch(switch: &Switch) -> String {
    format!("{}-{}->{}", switch.from, switch.error.code(), switch.to)
}

impl Story for Notes<Synthesize> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Speech::Audio(audio) if audio[1] == 0 => format!("{}@{}", audio[0] as char, at.as_millis()),
                Speech::Audio(audio) => (audio[0] as char).to_string(),
                Speech::Words(_) => return None,
                Speech::Switched(it) => switch(it),
                Speech::Done => "done".into(),
                Speech::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Speech::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}

impl Story for Notes<Complete> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Completion::Text(text) if text.trim().is_empty() => return None,
                Completion::Text(text) => text.trim().to_owned(),
                Completion::Call(_) => "call".into(),
                Completion::Switched(it) => switch(it),
                Completion::Done(_) => format!("done@{}", at.as_millis()),
                Completion::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Completion::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}

impl Story for Notes<Transcribe> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Transcript::Partial(_) => return None,
                Transcript::Final { text, flush } => format!("#{}[{}]", flush.map_or(-1, i64::from), text.trim()),
                Transcript::Switched(it) => switch(it),
                Transcript::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Transcript::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}
