use std::time::Duration;

use operetta_contract::{ErrorClass, Meaning, ProviderError};
use operetta_stage::Lease;

use super::{Rung, resume::Resume, shelf::Keep, switchboard::Line};
use crate::account::Pass;

/// One provider at work on the job. Dropping it cancels, and nothing that the provider says afterwards is heard.
pub(super) struct Leg<J: Resume> {
    /// Its place in the list.
    pub(super) rung: usize,
    pub(super) lease: Lease<J>,
    pub(super) line: Line<J>,
    pub(super) pass: Pass,
    /// Writes down what it says, for the shelf.
    pub(super) keep: Option<Box<dyn Keep<J>>>,
    /// When it was asked.
    pub(super) asked: Duration,
    /// When its first useful output came, later by what it took to tell of it and of those behind it.
    pub(super) began: Duration,
    /// When its last useful output had been told.
    pub(super) last: Duration,
    /// How many useful outputs came.
    pub(super) outputs: u64,
    /// Signs of life that came before the first useful output. If that never comes, nobody was told of them, and what the asker
    /// hears of the next provider is not mixed with them.
    held: Vec<J::Event>,
}

/// How many signs of life are held; what comes on top is dropped.
const MOST_HELD: usize = 64;

impl<J: Resume> Leg<J> {
    pub(super) fn new(rung: usize, lease: Lease<J>, line: Line<J>, pass: Pass, now: Duration) -> Self {
        Self { rung, lease, line, pass, keep: None, asked: now, began: now, last: now, outputs: 0, held: Vec::new() }
    }

    pub(super) fn hold(&mut self, event: J::Event) {
        if self.held.len() < MOST_HELD {
            self.held.push(event);
        }
    }

    pub(super) fn take_held(&mut self) -> Vec<J::Event> {
        std::mem::take(&mut self.held)
    }
}

/// What an event means, on its own.
pub(super) enum Sense {
    Sign,
    Output,
    Done,
    Failed(ProviderError),
}

pub(super) fn sense<J: Resume>(event: &J::Event, rung: &Rung<J>) -> Sense {
    match J::meaning(event) {
        Meaning::Sign => Sense::Sign,
        Meaning::Output => Sense::Output,
        Meaning::Done => Sense::Done,
        Meaning::Failed(error) => Sense::Failed(error.clone()),
        Meaning::Lost => {
            let provider = &rung.provider;
            Sense::Failed(ProviderError::new(ErrorClass::Closed, format!("the worker of {provider} died with the job")))
        }
    }
}

/// Until when something has to come, and what it means if it does not.
pub(super) struct Limit {
    pub(super) at: Duration,
    /// The whole job has no more time, and the provider came late into it: that says little about the provider.
    pub(super) is_excused: bool,
    pub(super) what: Awaited,
    /// How long the provider had.
    pub(super) had: Duration,
}

/// What a provider is waited for.
#[derive(Clone, Copy)]
pub(super) enum Awaited {
    First,
    More,
    /// The line must not run dry.
    Faster,
    Final,
}

impl Limit {
    pub(super) fn error<J: Resume>(&self, rung: &Rung<J>) -> ProviderError {
        let (what, provider, ms) = (J::OUTPUT, &rung.provider, self.had.as_millis());
        let detail = match self.what {
            Awaited::First => format!("no first {what} within {ms} ms from {provider}"),
            Awaited::More => format!("no more {what} for {ms} ms from {provider}"),
            Awaited::Faster => format!("no more {what} in time from {provider}: {ms} ms behind what the line needs"),
            Awaited::Final => format!("no final within {ms} ms of a flush from {provider}"),
        };
        ProviderError::new(ErrorClass::Timeout, detail)
    }
}
