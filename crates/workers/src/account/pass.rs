use std::{fmt, time::Duration};

use operetta_contract::{ErrorClass, ProviderError};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Account, Books,
    breaker::{Event, Probe},
    tally::add,
};

/// Leave to ask a provider for one job, with the seat that the job takes.
///
/// Who holds it reports what came of it. Dropping it without a report says that we gave up ourselves, which tells nothing
/// about the provider.
#[must_use = "a seat is taken for as long as the pass lives"]
pub struct Pass {
    account: Account,
    probe: Option<Probe>,
    seat: Option<OwnedSemaphorePermit>,
    asked: bool,
    settled: bool,
}

impl Pass {
    pub(super) fn new(account: Account, probe: Option<Probe>) -> Self {
        Self { account, probe, seat: None, asked: false, settled: false }
    }

    pub(super) fn sit(&mut self, seat: Option<OwnedSemaphorePermit>) {
        self.seat = seat;
    }

    /// The provider has been asked. To be said once.
    pub fn asked(&mut self, attempt: Attempt) {
        let Books { tally, allowance, .. } = &*self.account.0;
        self.asked = true;
        add(&tally.requests);
        match attempt {
            Attempt::First => allowance.earn(),
            Attempt::Again => add(&tally.retries),
            Attempt::Hedge => add(&tally.hedges_started),
        }
    }

    /// The provider took so long to the first useful output.
    pub fn first_output(&self, took: Duration) {
        self.account.0.tally.first_output(took);
    }

    /// The provider did what was asked. May be said again for a job that is asked many things, as listening is.
    pub fn good(&mut self) {
        self.settled = true;
        add(&self.account.0.tally.ok);
        self.account.step(Event::Good(self.probe.take()));
    }

    /// The provider failed. A pause that it asks for holds for the whole account.
    pub fn bad(&mut self, error: &ProviderError) {
        self.settled = true;
        self.account.0.tally.failed(error.class);
        let pause = match error.class {
            ErrorClass::RateLimited => Some(error.after.unwrap_or(Self::UNSAID_PAUSE)),
            ErrorClass::Busy | ErrorClass::Unavailable => error.after,
            _ => None,
        };
        if let Some(pause) = pause {
            self.account.hold(pause);
        }
        let probe = self.probe.take();
        if error.class.needs_operator() {
            self.account.step(Event::Barred);
        } else if error.class.is_illness() {
            self.account.step(Event::Ill(probe));
        } else if let Some(probe) = probe {
            self.account.step(Event::Void(probe));
        }
    }

    /// How long a provider is left alone that says "too often" and not for how long: the reference's 1 s.
    const UNSAID_PAUSE: Duration = Duration::from_secs(1);
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.asked && !self.settled {
            add(&self.account.0.tally.cancelled);
        }
        if let Some(probe) = self.probe.take() {
            self.account.step(Event::Void(probe));
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("account", &self.account)
            .field("seated", &self.seat.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The job asks this provider for the first time.
    First,
    /// It asked before, and failed.
    Again,
    /// The provider before it is late.
    Hedge,
}
