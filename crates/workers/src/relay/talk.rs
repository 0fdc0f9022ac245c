use std::{collections::VecDeque, time::Duration};

use operetta_contract::{Converse, Exchange, Turnout};

use super::resume::{Debt, Memory, Resume, Word};

impl Resume for Converse {
    type Memory = Talk;
    const OUTPUT: &'static str = "answer";

    fn cast(self, voice: Option<&str>) -> Self {
        match voice {
            Some(voice) => Self { voice: voice.into(), ..self },
            None => self,
        }
    }

    fn memory(&self) -> Talk {
        Talk { waiting: VecDeque::new(), fed_at: Duration::ZERO, awaited: None, begun: false }
    }
}

/// Of a conversation: what its provider has not got yet, and since when the caller waits for an answer. Once something has come
/// of it nobody else can go on with it: who the caller talked to is gone, and the call decides what follows.
#[derive(Debug)]
pub struct Talk {
    waiting: VecDeque<Turnout>,
    /// When the last piece was fed: the last that was heard of the caller.
    fed_at: Duration,
    /// Since when an answer is awaited.
    awaited: Option<Duration>,
    begun: bool,
}

impl Talk {
    /// How many pieces wait for a provider that is being connected to: ten seconds of a caller.
    const MOST_WAITING: usize = 256;
}

impl Memory<Converse> for Talk {
    fn fed(&mut self, piece: Turnout, now: Duration) {
        self.fed_at = now;
        if self.waiting.len() >= Self::MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(piece);
    }

    fn next_piece(&self) -> Option<&Turnout> {
        self.waiting.front()
    }

    fn took_piece(&mut self) {
        self.waiting.pop_front();
    }

    fn told(&mut self, event: &mut Exchange) -> Word {
        self.begun = true;
        match event {
            Exchange::CallerPaused => self.awaited = Some(self.fed_at),
            Exchange::Audio { .. } => {
                if let Some(since) = self.awaited.take() {
                    return Word::Answer { since };
                }
            }
            _ => {}
        }
        Word::Tell
    }

    fn suffices(&self, _: &Exchange) -> bool {
        true
    }

    fn may_resume(&self) -> bool {
        !self.begun
    }

    fn resumed(&mut self, job: &Converse) -> Converse {
        job.clone()
    }

    /// Its own waits are the call's: nobody else could end them sooner.
    fn debt(&self) -> Debt {
        Debt::Nothing
    }
}
