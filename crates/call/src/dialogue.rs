use std::sync::Arc;

/// What was said in a call, oldest first. Of the agent's words only those that the caller heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue(Vec<Words>);

/// What one side said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Who said it.
    pub speaker: Speaker,
    /// The words.
    pub text: Arc<str>,
    /// The agent was interrupted after these words.
    pub cut: bool,
}

/// The two sides of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Who called us, or whom we called.
    Caller,
    /// The engine.
    Agent,
}

impl Dialogue {
    /// A dialogue longer than this loses its oldest words.
    pub const MOST: usize = 400;

    /// Everything said so far.
    pub fn words(&self) -> &[Words] {
        &self.0
    }

    /// Adds words. What one side says in a row is one entry.
    pub(crate) fn add(&mut self, speaker: Speaker, text: &Arc<str>) {
        match self.0.last_mut() {
            Some(last) if last.speaker == speaker && !last.cut => {
                last.text = format!("{} {text}", last.text).into();
            }
            Some(_) | None => {
                if self.0.len() == Self::MOST {
                    self.0.remove(0);
                }
                self.0.push(Words { speaker, text: text.clone(), cut: false });
            }
        }
    }

    /// The agent was interrupted: what it said so far is all that the caller heard.
    pub(crate) fn cut(&mut self) {
        if let Some(last) = self.0.last_mut()
            && last.speaker == Speaker::Agent
        {
            last.cut = true;
        }
    }
}
