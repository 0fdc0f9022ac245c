use std::{collections::HashMap, sync::Arc};

use operetta_contract::Synthesize;

/// Phrases that every call says, rendered once and kept in the carrier's format: greetings and the agents' own lines.
///
/// Only phrases of the configuration are kept, so their number is bounded by it.
#[derive(Debug, Default)]
pub(crate) struct Phrases(HashMap<Synthesize, Arc<[u8]>>);

impl Phrases {
    /// Audio of a phrase, if it has been rendered.
    pub(crate) fn find(&self, phrase: &Synthesize) -> Option<Arc<[u8]>> {
        self.0.get(phrase).cloned()
    }

    /// Keeps the whole audio of a phrase.
    pub(crate) fn keep(&mut self, phrase: Synthesize, audio: &[u8]) {
        self.0.entry(phrase).or_insert_with(|| audio.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
