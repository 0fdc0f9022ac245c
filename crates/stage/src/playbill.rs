use std::{
    any::TypeId,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use operetta_contract::Role;
use tokio::runtime::RuntimeMetrics;

use crate::{Clock, fate::JobTally, metered::Kind, snapshot::LaneSnapshot, tally::Histogram, troupe::Troupe};

/// The figures of one lane: its actors by kind, its jobs by role, the lateness of its event loop.
///
/// A lane makes one and hands it to every [`Metered::run`](crate::Metered::run) and
/// [`Supervisor::start`](crate::Supervisor::start). It is a handle to atomics: cloning is cheap, any thread may keep a clone
/// and call [`snapshot`](Self::snapshot) while the lane works, and nothing on the lane ever waits for a reader.
#[derive(Clone)]
pub struct Playbill(Arc<Bill>);

struct Bill {
    lane: String,
    clock: Clock,
    /// Filled from the front, never emptied. An actor type is found by walking it: at most [`MOST_ACTOR_TYPES`] comparisons
    /// of two words, without a lock and without a hash.
    cast: [OnceLock<Billing>; MOST_ACTOR_TYPES],
    /// Where actor types go that found the cast full; a closed set of labels must not grow without bound.
    others: Arc<Troupe>,
    jobs: [JobTally; Role::ALL.len()],
    lag: Histogram,
    event_loop: OnceLock<RuntimeMetrics>,
}

struct Billing {
    actor: TypeId,
    troupe: Arc<Troupe>,
}

/// How many actor types of one lane are told apart.
const MOST_ACTOR_TYPES: usize = 32;

impl Playbill {
    /// An empty playbill. `lane` becomes a metric label, so it must come from a small closed set (`main`, `w0` ... `wN`).
    pub fn new(lane: impl Into<String>) -> Self {
        Self(Arc::new(Bill {
            lane: lane.into(),
            clock: Clock::system(),
            cast: std::array::from_fn(|_| OnceLock::new()),
            others: Arc::new(Troupe::new("other")),
            jobs: std::array::from_fn(|_| JobTally::default()),
            lag: Histogram::default(),
            event_loop: OnceLock::new(),
        }))
    }

    /// The lane's label.
    pub fn lane(&self) -> &str {
        &self.0.lane
    }

    /// All figures as plain data. `deepest` of every kind starts anew with each call.
    pub fn snapshot(&self) -> LaneSnapshot {
        let mut actors = Vec::new();
        let mut seen: Vec<*const Troupe> = Vec::new();
        let billed = self.0.cast.iter().map_while(OnceLock::get).map(|billing| &billing.troupe);
        for troupe in billed.chain([&self.0.others]) {
            // Several actor types may share a kind, and then they share the troupe.
            if !seen.contains(&Arc::as_ptr(troupe)) && (troupe.kind() != "other" || troupe.was_used()) {
                seen.push(Arc::as_ptr(troupe));
                actors.push(troupe.read());
            }
        }
        LaneSnapshot {
            lane: self.0.lane.clone(),
            actors,
            jobs: Role::ALL.iter().map(|role| self.jobs(*role).read(*role)).collect(),
            lag: self.0.lag.read(),
            busy: self.0.event_loop.get().map_or(Duration::ZERO, |metrics| metrics.worker_total_busy_duration(0)),
        }
    }

    /// The troupe of an actor type, registered now if it is new.
    pub(crate) fn troupe<A: Kind + 'static>(&self) -> Arc<Troupe> {
        let actor = TypeId::of::<A>();
        for slot in &self.0.cast {
            let billing = slot.get_or_init(|| Billing { actor, troupe: self.troupe_named(A::KIND) });
            if billing.actor == actor {
                return Arc::clone(&billing.troupe);
            }
        }
        Arc::clone(&self.0.others)
    }

    /// The troupe of an actor type, if one of that type was ever started here.
    pub(crate) fn find<A: 'static>(&self) -> Option<Arc<Troupe>> {
        let actor = TypeId::of::<A>();
        let mut billed = self.0.cast.iter().map_while(OnceLock::get);
        billed.find(|billing| billing.actor == actor).map(|billing| Arc::clone(&billing.troupe))
    }

    fn troupe_named(&self, kind: &'static str) -> Arc<Troupe> {
        let mut billed = self.0.cast.iter().map_while(OnceLock::get).map(|billing| &billing.troupe);
        billed.find(|troupe| troupe.kind() == kind).map_or_else(|| Arc::new(Troupe::new(kind)), Arc::clone)
    }

    pub(crate) fn jobs(&self, role: Role) -> &JobTally {
        match role {
            Role::Vad => &self.0.jobs[0],
            Role::Stt => &self.0.jobs[1],
            Role::Llm => &self.0.jobs[2],
            Role::Tts => &self.0.jobs[3],
            Role::Realtime => &self.0.jobs[4],
        }
    }

    pub(crate) fn lag(&self) -> &Histogram {
        &self.0.lag
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Notes whose busy time [`LaneSnapshot::busy`] shows. The first event loop stays: a lane is one thread.
    pub(crate) fn note_event_loop(&self, metrics: RuntimeMetrics) {
        let _already_noted = self.0.event_loop.set(metrics);
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Playbill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playbill").field("lane", &self.0.lane).finish_non_exhaustive()
    }
}
