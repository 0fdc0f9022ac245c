use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    api::Api,
    deck::Deck,
    ledger::{Auth, Ledger, RequestNote},
    play::Play,
    script::{Pace, Reply, Script, transcript_of},
    shared::Shared,
};

/// What every connection of one theatre shares.
#[derive(Debug)]
pub(super) struct House {
    pub(super) script: Script,
    pub(super) deck: Shared<Deck>,
    pub(super) ledger: Ledger,
    pub(super) began: Instant,
}

impl House {
    pub(super) fn new(mut script: Script) -> Self {
        let (rules, replies, transcripts) = (
            std::mem::take(&mut script.rules),
            std::mem::take(&mut script.replies),
            std::mem::take(&mut script.transcripts),
        );
        Self {
            deck: Shared::new(Deck::new(script.seed, rules, replies, transcripts)),
            script,
            ledger: Ledger::new(),
            began: Instant::now(),
        }
    }

    /// Since the theatre began.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// What a fake vendor knows of one request, or of one socket, beside what the client sent.
#[derive(Clone, Debug)]
pub struct Backstage {
    pub(super) house: Arc<House>,
    pub(super) api: Api,
    pub(super) request: usize,
    pub(super) play: Option<Play>,
    pub(super) take: usize,
    pub(super) auth: Auth,
}

impl Backstage {
    /// The API that was asked.
    pub const fn api(&self) -> Api {
        self.api
    }

    /// What is to be played, drawn once for this request.
    pub const fn play(&self) -> Option<&Play> {
        self.play.as_ref()
    }

    /// How often this play was drawn before, in the whole theatre: plays with several forms take turns.
    pub const fn take(&self) -> usize {
        self.take
    }

    /// Whether it came with a key.
    pub const fn auth(&self) -> Auth {
        self.auth
    }

    /// How fast to be.
    pub fn pace(&self) -> Pace {
        self.house.script.pace_of(self.api)
    }

    /// How many times faster the limits of sockets pass.
    pub fn haste(&self) -> f64 {
        self.house.script.haste.max(0.001)
    }

    /// Since the theatre began: the clock of the ledger.
    pub fn now(&self) -> Duration {
        self.house.now()
    }

    /// Writes to the ledger, under this request.
    pub fn note<R: Default>(&self, change: impl FnOnce(&mut RequestNote) -> R) -> R {
        self.house.ledger.note(self.request, change)
    }

    /// What the model says next.
    pub fn reply(&self) -> Reply {
        self.house.deck.change(Deck::reply)
    }

    /// What was heard in `ms` of audio.
    pub fn transcript(&self, ms: u32) -> String {
        self.house.deck.change(Deck::transcript).unwrap_or_else(|| transcript_of(ms))
    }

    /// An id that no other request has.
    pub fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:06}", self.request)
    }
}
