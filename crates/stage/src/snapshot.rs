use std::time::Duration;

use operetta_contract::Role;

use crate::Distribution;

/// What a lane looks like at one moment: plain data, made by [`Playbill::snapshot`](crate::Playbill::snapshot).
///
/// Figures are read one by one while the lane works, so two of them may differ by the message that was handled in between.
/// Counters only grow; whoever exports them needs no state.
#[derive(Clone, Debug)]
pub struct LaneSnapshot {
    /// The lane's label.
    pub lane: String,
    /// One entry for each actor kind that ever started here, in order of first appearance.
    pub actors: Vec<KindSnapshot>,
    /// One entry for each role, in the order of [`Role::ALL`].
    pub jobs: Vec<JobsSnapshot>,
    /// How late a 100 ms timer fires on this lane's event loop. Empty without a [`lag::watch`](crate::lag::watch).
    pub lag: Distribution,
    /// Time the event loop has spent polling tasks. Zero without a [`lag::watch`](crate::lag::watch).
    pub busy: Duration,
}

impl LaneSnapshot {
    /// The figures of one actor kind, if any of that kind ever started here.
    pub fn actor(&self, kind: &str) -> Option<&KindSnapshot> {
        self.actors.iter().find(|actor| actor.kind == kind)
    }

    /// The figures of one role's jobs, if the lane has that role. It always has those of [`Role::ALL`].
    pub fn role(&self, role: Role) -> Option<&JobsSnapshot> {
        self.jobs.iter().find(|jobs| jobs.role == role)
    }
}

/// The actors of one kind on one lane.
#[derive(Clone, Debug)]
pub struct KindSnapshot {
    /// The `actor` label.
    pub kind: &'static str,
    /// How many run now.
    pub instances: u64,
    /// Unix time since when at least one has been running; `None` while none runs. For a single worker this is its start.
    pub running_since: Option<Duration>,
    /// Letters posted and not yet handled, over all instances.
    pub depth: u64,
    /// The longest queue that one instance worked off in one go since the last snapshot.
    pub deepest: u64,
    /// From posted to handler entered.
    pub wait: Distribution,
    /// Handler times by message type: the synchronous part only, not the futures that a handler spawns.
    pub messages: Vec<MessageSnapshot>,
    /// Letters whose handler returned.
    pub handled: u64,
    /// Letters refused by [`Post::post`](crate::Post::post) or a desk because the mailbox was full.
    pub refused_full: u64,
    /// Letters refused because the actor is gone.
    pub refused_closed: u64,
    /// Letters accepted and never handled: the actor ended first, or nobody wanted the answer any more.
    pub dropped: u64,
    /// Panics, in handlers and in futures of the actor.
    pub panics: u64,
    /// Starts after the first by a supervisor, by cause.
    pub restarts: [(Cause, u64); 2],
    /// How often a supervisor has paused before it starts the next one, because too many fell.
    pub pauses: u64,
}

/// One message type of one actor kind.
#[derive(Clone, Debug)]
pub struct MessageSnapshot {
    /// The type's name without its path.
    pub message: String,
    /// Time inside the synchronous part of the handler.
    pub handle: Distribution,
}

/// The jobs of one role on one lane. Every accepted job ends in exactly one of `done`, `failed`, `cancelled` and `lost`.
#[derive(Clone, Debug)]
pub struct JobsSnapshot {
    /// The `kind` label.
    pub role: Role,
    /// Jobs that a desk accepted.
    pub asked: u64,
    /// Jobs accepted and not ended.
    pub open: u64,
    /// Ended by [`Answer::finish`](crate::Answer::finish).
    pub done: u64,
    /// Ended by [`Answer::fail`](crate::Answer::fail).
    pub failed: u64,
    /// Ended because the asker dropped its lease first.
    pub cancelled: u64,
    /// Ended because the worker dropped its answer, most likely while it panicked.
    pub lost: u64,
    /// Not accepted: every seat was taken.
    pub refused_busy: u64,
    /// Not accepted: the worker is down.
    pub refused_unavailable: u64,
}

/// Why a supervisor started a worker again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The worker, or the factory that was to build it, panicked.
    Panic,
    /// The worker stopped by itself although its desk was open.
    Stopped,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 2] = [Self::Panic, Self::Stopped];

    /// The `cause` label in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Stopped => "error",
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Panic => 0,
            Self::Stopped => 1,
        }
    }
}
