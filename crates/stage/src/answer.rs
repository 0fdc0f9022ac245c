use std::{fmt, time::Duration};

use actix::{Message, Recipient, WeakRecipient};
use operetta_contract::{Job, JobId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use crate::{
    blocking,
    fate::End,
    scene::{self, Ticket},
};

/// The worker's half of a job: the only way to answer it, and the proof that it ends.
///
/// A job ends exactly once. [`finish`](Self::finish) and [`fail`](Self::fail) consume the answer with the one final event; an
/// answer that is dropped without either, as a panic does, sends [`Job::lost`]; and once the asker has dropped its lease
/// nothing arrives any more, whatever the worker does. An answer may move to another thread and be used there.
///
/// ```compile_fail,E0382
/// # use operetta_contract::Job;
/// # use operetta_stage::Answer;
/// fn end_twice<J: Job>(answer: Answer<J>, first: J::Event, second: J::Event) {
///     answer.finish(first);
///     answer.finish(second); // use of moved value: `answer`
/// }
/// ```
///
/// It occupies a seat of its desk for as long as it lives, so a worker that goes on computing after a cancellation is not
/// given more work than it has seats for.
pub struct Answer<J: Job> {
    id: JobId,
    /// Weak: a job must not keep its call alive.
    to: WeakRecipient<Told<J>>,
    ticket: Ticket,
    /// One event at a time.
    turn: Semaphore,
    _seat: OwnedSemaphorePermit,
}

/// What a worker tells an asker.
pub struct Told<J: Job> {
    /// Which job it belongs to.
    pub id: JobId,
    /// What happened.
    pub event: J::Event,
}

impl<J: Job> Message for Told<J> {
    type Result = ();
}

// By hand, and without the event: it may hold a caller's words.
impl<J: Job> fmt::Debug for Told<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The asker has cancelled or is gone: whatever the worker still does for this job is for nobody.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the asker is gone")]
pub struct Gone;

/// How long [`Answer::tell_blocking`] waits for the asker to handle an event. An asker on a healthy lane takes microseconds.
pub const TELL_PATIENCE: Duration = Duration::from_secs(5);

impl<J: Job> Answer<J> {
    pub(crate) fn new(id: JobId, to: WeakRecipient<Told<J>>, ticket: Ticket, seat: OwnedSemaphorePermit) -> Self {
        Self { id, to, ticket, turn: Semaphore::new(1), _seat: seat }
    }

    /// Which job this answers.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The span in which the job was asked for. Instrument the job's futures with it, so that logs stay with the call.
    pub fn span(&self) -> &Span {
        &self.ticket.span
    }

    /// Sends an event that is not the last, and waits until the asker has handled it. A job therefore has at most one such
    /// event on its way, and a slow asker slows its worker down. Returns early with [`Gone`] when the asker cancels.
    ///
    /// Dropping the future takes the event back unless it was handled already.
    pub async fn tell(&self, event: J::Event) -> Result<(), Gone> {
        let _turn = tokio::select! {
            biased;
            () = self.ticket.fate.revoked() => return Err(Gone),
            turn = self.turn.acquire() => turn.map_err(|_| Gone)?,
        };
        let handled = self.post(|to| to.send(Told { id: self.id, event }))?;
        tokio::select! {
            biased;
            handled = handled => handled.map_err(|_| Gone),
            () = self.ticket.fate.revoked() => Err(Gone),
        }
    }

    /// As [`tell`](Self::tell), for a thread of its own. Gives up with [`Gone`], and takes the event back, if the asker has
    /// not handled it within [`TELL_PATIENCE`].
    pub fn tell_blocking(&self, event: J::Event) -> Result<(), Gone> {
        blocking::wait_for(self.tell(event), TELL_PATIENCE).unwrap_or(Err(Gone))
    }

    /// Ends the job as done, with its final event. Never waits; any thread may call it.
    pub fn finish(self, event: J::Event) {
        self.end(End::Done, || event);
    }

    /// Ends the job as failed, with its final event. Never waits; any thread may call it.
    ///
    /// To the asker it is the same as [`finish`](Self::finish): the event says what happened. The figures tell them apart.
    pub fn fail(self, event: J::Event) {
        self.end(End::Failed, || event);
    }

    /// Whether the asker has dropped its lease.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.fate.is_revoked()
    }

    /// Waits until the asker drops its lease.
    pub async fn cancelled(&self) {
        self.ticket.fate.revoked().await;
    }

    /// The worker never took the job: it ends without an event, and is not counted.
    pub(crate) fn refuse(self) {
        self.ticket.fate.settle(End::Refused);
    }

    /// Ends the job unless it has ended, and only then says so.
    fn end(&self, end: End, event: impl FnOnce() -> J::Event) {
        if self.ticket.fate.settle(end) {
            #[expect(clippy::disallowed_methods, reason = "the one final event of a job, which its seat has paid for")]
            let _asker_gone = self.post(|to| to.do_send(Told { id: self.id, event: event() }));
        }
    }

    fn post<R>(&self, send: impl FnOnce(&Recipient<Told<J>>) -> R) -> Result<R, Gone> {
        // A fresh recipient always has a slot of its own, so `send` queues at once and never parks: the bound that holds
        // is one event per job.
        let to = self.to.upgrade().ok_or(Gone)?;
        let _entered = scene::enter_with(self.ticket.clone());
        Ok(send(&to))
    }
}

impl<J: Job> Drop for Answer<J> {
    fn drop(&mut self) {
        self.end(End::Lost, J::lost);
    }
}

impl<J: Job> fmt::Debug for Answer<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("id", &self.id).finish_non_exhaustive()
    }
}
