use std::{cell::RefCell, fmt, rc::Rc, sync::Arc};

use actix::{Message, Recipient, WeakRecipient, prelude::SendError};
use operetta_contract::{Job, JobId};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;
use tracing::Span;

use crate::{
    Answer, FeedEnd, FeedError, Playbill, Told,
    fate::Fate,
    feed,
    scene::{self, Ticket},
    tally::add,
};

/// Where one kind of job is asked for. It does not say who does it.
///
/// A desk has a fixed number of seats; a job takes one before it is sent and gives it back when it has ended and its
/// [`Answer`] is gone. That is the real bound on what waits for a worker, since a mailbox bound in actix is not one. Cloning is
/// cheap; a desk belongs to one lane. When the last clone of a supervised desk is dropped, its worker is stopped.
pub struct Desk<J: Job>(Rc<Front<J>>);

struct Front<J: Job> {
    bill: Playbill,
    seats: Arc<Semaphore>,
    /// `None` while the worker is down.
    worker: RefCell<Option<Recipient<Ask<J>>>>,
    supervisor: RefCell<Option<AbortOnDropHandle<()>>>,
}

/// The one message that a worker handles: do this job.
pub struct Ask<J: Job> {
    /// What is wanted.
    pub job: J,
    /// Where to say what came of it.
    pub answer: Answer<J>,
    /// What the asker sends while the job runs.
    pub feed: FeedEnd<J>,
}

impl<J: Job> Message for Ask<J> {
    type Result = ();
}

// By hand, and without the job: it may hold a caller's words.
impl<J: Job> fmt::Debug for Ask<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("id", &self.answer.id()).finish_non_exhaustive()
    }
}

/// Why a desk did not take a job. No event of the job will follow.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AskError {
    /// Every seat is taken.
    #[error("every seat is taken")]
    Busy,
    /// The worker is down: just crashed, or backing off after too many crashes.
    #[error("the worker is down")]
    Unavailable,
}

impl AskError {
    /// A stable word for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
        }
    }
}

impl<J: Job> Desk<J> {
    /// A desk in front of a worker that nobody supervises, with `seats` jobs at a time.
    pub fn unsupervised(worker: Recipient<Ask<J>>, seats: usize, bill: &Playbill) -> Self {
        let desk = Self::closed(seats, bill);
        desk.open(worker);
        desk
    }

    /// A desk whose worker is yet to come.
    pub(crate) fn closed(seats: usize, bill: &Playbill) -> Self {
        Self(Rc::new(Front {
            bill: bill.clone(),
            seats: Arc::new(Semaphore::new(seats)),
            worker: RefCell::new(None),
            supervisor: RefCell::new(None),
        }))
    }

    /// Asks for a job. Never waits. Events go to `to` under `id`, until the job ends or the lease is dropped.
    ///
    /// The asker chooses the id, unique among its own jobs. The address is weak: a job does not keep its asker alive.
    pub fn ask(&self, id: JobId, job: J, to: WeakRecipient<Told<J>>) -> Result<Lease<J>, AskError> {
        let tally = self.0.bill.jobs(J::ROLE);
        let worker = self.0.worker.borrow();
        let Some(worker) = worker.as_ref() else {
            add(&tally.refused_unavailable);
            return Err(AskError::Unavailable);
        };
        let Ok(seat) = Arc::clone(&self.0.seats).try_acquire_owned() else {
            add(&tally.refused_busy);
            return Err(AskError::Busy);
        };
        let fate = Arc::new(Fate::new(J::ROLE, self.0.bill.clone()));
        let (give, feed) = feed::open();
        let ticket = Ticket { fate: Arc::clone(&fate), span: Span::current() };
        // The ask carries the ticket too: a job cancelled before its turn never reaches the worker.
        let entered = scene::enter_with(ticket.clone());
        let sent = worker.try_send(Ask { job, answer: Answer::new(id, to, ticket, seat), feed });
        drop(entered);
        match sent {
            Ok(()) => {
                add(&tally.asked);
                Ok(Lease { id, feed: give, fate })
            }
            Err(SendError::Full(ask)) => {
                ask.answer.refuse();
                add(&tally.refused_busy);
                Err(AskError::Busy)
            }
            Err(SendError::Closed(ask)) => {
                ask.answer.refuse();
                add(&tally.refused_unavailable);
                Err(AskError::Unavailable)
            }
        }
    }

    /// How many more jobs the desk would take now; 0 while the worker is down.
    pub fn free_seats(&self) -> usize {
        if self.is_open() { self.0.seats.available_permits() } else { 0 }
    }

    /// Whether a worker sits behind the desk.
    pub fn is_open(&self) -> bool {
        self.0.worker.borrow().as_ref().is_some_and(Recipient::connected)
    }

    pub(crate) fn open(&self, worker: Recipient<Ask<J>>) {
        self.0.worker.replace(Some(worker));
    }

    pub(crate) fn close(&self) {
        self.0.worker.replace(None);
    }

    /// Hands the desk the task that keeps its worker alive; the task ends with the desk.
    pub(crate) fn keep(&self, supervisor: AbortOnDropHandle<()>) {
        self.0.supervisor.replace(Some(supervisor));
    }

    pub(crate) fn downgrade(&self) -> WeakDesk<J> {
        WeakDesk(Rc::downgrade(&self.0))
    }
}

impl<J: Job> Clone for Desk<J> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<J: Job> fmt::Debug for Desk<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("role", &J::ROLE).field("free_seats", &self.free_seats()).finish_non_exhaustive()
    }
}

/// A supervisor's view of its desk: it must not keep the desk, and so itself, alive.
pub(crate) struct WeakDesk<J: Job>(std::rc::Weak<Front<J>>);

impl<J: Job> WeakDesk<J> {
    pub(crate) fn upgrade(&self) -> Option<Desk<J>> {
        self.0.upgrade().map(Desk)
    }
}

/// The asker's half of a job. Dropping it cancels the job: nothing that the worker says afterwards arrives.
#[must_use = "a job is cancelled when its lease is dropped"]
pub struct Lease<J: Job> {
    id: JobId,
    feed: Option<mpsc::Sender<J::Feed>>,
    fate: Arc<Fate>,
}

impl<J: Job> Lease<J> {
    /// Which job this is.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Sends a piece to the worker. Never waits; a piece that is not taken is lost, and the asker decides what that means.
    pub fn feed(&self, piece: J::Feed) -> Result<(), FeedError> {
        self.feed.as_ref().ok_or(FeedError::Closed)?.try_send(piece).map_err(|refusal| match refusal {
            mpsc::error::TrySendError::Full(_) => FeedError::Full,
            mpsc::error::TrySendError::Closed(_) => FeedError::Closed,
        })
    }
}

impl<J: Job> Drop for Lease<J> {
    fn drop(&mut self) {
        self.fate.revoke();
    }
}

impl<J: Job> fmt::Debug for Lease<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).finish_non_exhaustive()
    }
}
