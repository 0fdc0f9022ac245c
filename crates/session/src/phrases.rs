use std::{collections::HashMap, sync::Arc};

use operetta_contract::Synthesize;

use crate::Agent;

/// Phrases that every call says, rendered once and kept in the carrier's format: greetings and the agents' own lines. Two
/// agents may have the same words and voices of different providers, so each has its own.
///
/// Only phrases of the configuration are kept, so their number is bounded by it.
#[derive(Debug, Default)]
pub(crate) struct Phrases(HashMap<Arc<str>, HashMap<Synthesize, Arc<[u8]>>>);

impl Phrases {
    /// Audio of a phrase, if it has been rendered.
    pub(crate) fn find(&self, agent: &Agent, phrase: &Synthesize) -> Option<Arc<[u8]>> {
        self.0.get(&agent.name)?.get(phrase).cloned()
    }

    /// Keeps the whole audio of a phrase.
    pub(crate) fn keep(&mut self, agent: &Agent, phrase: Synthesize, audio: &[u8]) {
        let phrases = self.0.entry(Arc::clone(&agent.name)).or_default();
        phrases.entry(phrase).or_insert_with(|| audio.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }
}
