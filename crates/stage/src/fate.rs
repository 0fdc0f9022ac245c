use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use operetta_contract::Role;
use tokio::sync::Notify;

use crate::{
    Playbill,
    snapshot::JobsSnapshot,
    tally::{add, read},
};

/// What asker and worker share of a job: how it ended, and whether the asker still wants to hear of it.
///
/// The two are apart on purpose. A job that is done while its final event lies in the asker's mailbox has ended as done; if
/// the lease is dropped then, the event must not arrive, and the job must not be counted again as cancelled.
pub(crate) struct Fate {
    role: Role,
    bill: Playbill,
    end: AtomicU8,
    revoked: AtomicBool,
    revocation: Notify,
}

/// How a job ends. Exactly one of these happens to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum End {
    Done = 1,
    Failed = 2,
    Cancelled = 3,
    Lost = 4,
    /// It never began: the worker did not take it. The asker knows from the error.
    Refused = 5,
}

const OPEN: u8 = 0;

impl Fate {
    pub(crate) fn new(role: Role, bill: Playbill) -> Self {
        Self { role, bill, end: AtomicU8::new(OPEN), revoked: AtomicBool::new(false), revocation: Notify::new() }
    }

    /// Ends the job, unless it has ended. Says whether this call was the end.
    pub(crate) fn settle(&self, end: End) -> bool {
        let first = self.end.compare_exchange(OPEN, end as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if first {
            self.bill.jobs(self.role).ended(end);
        }
        first
    }

    /// The asker is gone or has lost interest: ends the job if it is open, and voids whatever is on its way.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
        self.settle(End::Cancelled);
        self.revocation.notify_waiters();
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    pub(crate) async fn revoked(&self) {
        let mut notified = std::pin::pin!(self.revocation.notified());
        // Enrolled before the look: a revocation in between is then either seen or told.
        notified.as_mut().enable();
        if !self.is_revoked() {
            notified.await;
        }
    }

    pub(crate) fn bill(&self) -> &Playbill {
        &self.bill
    }
}

/// The counters of one role.
#[derive(Debug, Default)]
pub(crate) struct JobTally {
    pub(crate) asked: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    lost: AtomicU64,
    pub(crate) refused_busy: AtomicU64,
    pub(crate) refused_unavailable: AtomicU64,
}

impl JobTally {
    fn ended(&self, end: End) {
        match end {
            End::Done => add(&self.done),
            End::Failed => add(&self.failed),
            End::Cancelled => add(&self.cancelled),
            End::Lost => add(&self.lost),
            End::Refused => {}
        }
    }

    pub(crate) fn read(&self, role: Role) -> JobsSnapshot {
        let (done, failed, cancelled, lost) =
            (read(&self.done), read(&self.failed), read(&self.cancelled), read(&self.lost));
        let asked = read(&self.asked);
        JobsSnapshot {
            role,
            asked,
            // Ends are read before beginnings, so a job that moves on meanwhile can only be taken for open.
            open: asked.saturating_sub(done + failed + cancelled + lost),
            done,
            failed,
            cancelled,
            lost,
            refused_busy: read(&self.refused_busy),
            refused_unavailable: read(&self.refused_unavailable),
        }
    }
}
