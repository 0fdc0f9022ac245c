use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Handler};
use operetta_contract::{FaultCode, Job};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::{Ask, Cause, Desk, Kind, Metered, Playbill, desk::WeakDesk, patience::Patience, troupe::Troupe};

/// Keeps a worker behind a desk: rebuilds it from its factory whenever it panics or stops.
///
/// Unlike actix's type of the same name it sees panics, starts every life with a fresh value, and knows when to stop trying
/// for a while. Workers are restarted; calls never are.
#[derive(Debug)]
pub enum Supervisor {}

/// How much a desk lets in, and how much trouble its supervisor puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Jobs at a time.
    pub seats: usize,
    /// Restarts at once, without a pause, within any [`period`](Self::period).
    pub restarts: usize,
    /// The span in which restarts are counted, and how long a worker must hold out to be trusted again.
    pub period: Duration,
    /// The first pause once the restarts are used up. Each further crash doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Policy {
    /// 32 seats; 5 restarts in 10 s; then pauses of 1 s to 60 s.
    fn default() -> Self {
        Self {
            seats: 32,
            restarts: 5,
            period: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
        }
    }
}

/// Mailbox slots beyond one per seat, for what a worker's own futures send to it.
const SPARE_SLOTS: usize = 16;

impl Supervisor {
    /// Builds a worker, starts it on this lane and returns the desk in front of it.
    ///
    /// When the worker panics or stops, the jobs it had end as lost (its answers are dropped), the desk answers
    /// [`Unavailable`](crate::AskError::Unavailable), and the factory is called again: at once as long as `policy` allows,
    /// after a pause otherwise. A factory that panics counts as a worker that did. Dropping the last clone of the desk stops
    /// worker and supervision.
    ///
    /// # Panics
    /// Outside of an actix system or a tokio `LocalSet`.
    pub fn start<J, A>(policy: Policy, bill: &Playbill, factory: impl FnMut() -> A + 'static) -> Desk<J>
    where
        J: Job,
        A: Actor<Context = Metered<A>> + Kind + Handler<Ask<J>>,
    {
        let desk = Desk::closed(policy.seats, bill);
        let mut watch = Watch {
            desk: desk.downgrade(),
            bill: bill.clone(),
            troupe: bill.troupe::<A>(),
            mailbox: policy.seats + SPARE_SLOTS,
            patience: Patience::new(policy),
            factory,
        };
        // The first life begins before this returns, so that the desk is open from the start.
        let life = watch.raise(&desk);
        desk.keep(AbortOnDropHandle::new(tokio::task::spawn_local(watch.run(life))));
        desk
    }
}

struct Watch<J: Job, F> {
    desk: WeakDesk<J>,
    bill: Playbill,
    troupe: Arc<Troupe>,
    mailbox: usize,
    patience: Patience,
    factory: F,
}

/// A running worker; it is aborted, with its futures, when this is dropped.
type Life = AbortOnDropHandle<()>;

impl<J, A, F> Watch<J, F>
where
    J: Job,
    A: Actor<Context = Metered<A>> + Kind + Handler<Ask<J>>,
    F: FnMut() -> A + 'static,
{
    async fn run(mut self, mut life: Option<Life>) {
        loop {
            let born = self.bill.clock().now();
            let cause = match life {
                Some(life) => match cause_of_death(life.await) {
                    Some(cause) => cause,
                    // The runtime is being torn down.
                    None => return,
                },
                None => Cause::Panic,
            };
            let Some(desk) = self.desk.upgrade() else {
                return;
            };
            desk.close();
            drop(desk);

            let now = self.bill.clock().now();
            let pause = self.patience.fell(now, now.saturating_sub(born));
            let (actor, pause_ms) = (A::KIND, pause.as_millis() as u64);
            let fault = if pause.is_zero() { FaultCode::WorkerFell } else { FaultCode::WorkerPaused };
            tracing::warn!(fault = fault.code(), actor, cause = cause.as_str(), pause_ms, "worker fell");
            if !pause.is_zero() {
                self.troupe.paused();
                tokio::time::sleep(pause).await;
            }
            let Some(desk) = self.desk.upgrade() else {
                return;
            };
            self.troupe.restarted(cause);
            life = self.raise(&desk);
        }
    }

    /// Builds and starts a worker and opens the desk to it. `None` when the factory panicked.
    fn raise(&mut self, desk: &Desk<J>) -> Option<Life> {
        // Unwind safety: a factory that panics is not asked what it left behind; it is called again from the top.
        let actor = catch_unwind(AssertUnwindSafe(|| (self.factory)())).ok();
        let Some(actor) = actor else {
            self.troupe.panicked();
            return None;
        };
        let (addr, task) = Metered::run(actor, self.mailbox, &self.bill);
        desk.open(addr.recipient());
        Some(AbortOnDropHandle::new(task))
    }
}

fn cause_of_death(ended: Result<(), JoinError>) -> Option<Cause> {
    match ended {
        Ok(()) => Some(Cause::Stopped),
        Err(error) if error.is_panic() => Some(Cause::Panic),
        Err(_) => None,
    }
}
