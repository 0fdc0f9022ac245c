//! One provider entry and its credential: what every lane must know of it together.
//!
//! Sockets belong to a lane, but a provider that is ill is ill for all of them, and its rate limit counts all our requests. So
//! an [`Account`] is shared: a few atomics and a semaphore, no lock. Who wants to ask the provider gets a [`Pass`] or a
//! [`Refusal`], and reports on the pass what came of it.

mod allowance;
mod breaker;
mod pass;
mod refusal;
mod tally;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use operetta_contract::FaultCode;
use operetta_stage::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use allowance::Allowance;
use breaker::{Event, Mode, Probe, Rules, State, Ticks, Verdict};
pub use pass::{Attempt, Pass};
pub use refusal::Refusal;
pub use tally::{AccountSnapshot, FIRST_OUTPUT_BOUNDS_SECONDS, FirstOutput};
use tally::{Tally, add, read};

/// One provider entry and its credential: circuit breaker, seats, pause, budget for extra requests, counters.
///
/// Cloning is cheap, clones are the same account, and every thread may use them at once. Nothing in it ever needs a restart:
/// an open breaker tries again by itself when somebody asks late enough.
#[derive(Clone)]
pub struct Account(Arc<Books>);

struct Books {
    name: Arc<str>,
    rules: Rules,
    clock: Clock,
    breaker: AtomicU64,
    steer: AtomicU8,
    /// The clock's reading, in ms, before which the provider wants to be left alone.
    not_before: AtomicU64,
    longest_hold: Duration,
    seats: Option<Seats>,
    allowance: Allowance,
    tally: Tally,
}

struct Seats {
    permits: Arc<Semaphore>,
    total: u32,
    queue: u32,
    patience: Duration,
    queued: AtomicU32,
}

/// How an account is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// Jobs at once, over all lanes; `None` (the default) leaves it to the provider.
    pub seats: Option<u32>,
    /// How many jobs may wait for a seat; 32 by default.
    pub queue: u32,
    /// How long a job waits for a seat at most; 500 ms by default.
    pub patience: Duration,
    /// How long the breaker stays open the first time; 60 s by default.
    pub first_pause: Duration,
    /// How many times longer it stays open each time the provider is still ill; 2 by default.
    pub factor: u32,
    /// The longest that the breaker stays open; 60 s by default, so that by default every pause is 60 s.
    pub longest_pause: Duration,
    /// The longest pause that a provider may ask for (`Retry-After`); 60 s by default.
    pub longest_hold: Duration,
    /// Extra requests (retries, hedges) in percent of the first ones; 10 by default.
    pub extra_percent: u32,
    /// How many extra requests are free before the first ones have earned any, and how many can be saved up; 3 by default.
    pub extra_start: u32,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            seats: None,
            queue: 32,
            patience: Duration::from_millis(500),
            first_pause: Duration::from_mins(1),
            factor: 2,
            longest_pause: Duration::from_mins(1),
            longest_hold: Duration::from_mins(1),
            extra_percent: 10,
            extra_start: 3,
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// One request at a time passes, to see whether the provider is well again.
    HalfOpen,
    /// Nothing passes.
    Open,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The `state` label in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What a person tells a breaker to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Steer {
    /// Decide by itself.
    Auto = 0,
    /// Stay open: the provider is not asked.
    Open = 1,
    /// Stay closed, whatever comes back.
    Close = 2,
}

impl Account {
    /// An account that nobody has used yet. `clock` must be the same for all lanes, and run.
    pub fn new(name: impl Into<Arc<str>>, config: AccountConfig, clock: Clock) -> Self {
        let seats = config.seats.map(|total| Seats {
            permits: Arc::new(Semaphore::new((total as usize).min(Semaphore::MAX_PERMITS))),
            total,
            queue: config.queue,
            patience: config.patience,
            queued: AtomicU32::new(0),
        });
        Self(Arc::new(Books {
            name: name.into(),
            rules: Rules {
                first_pause: config.first_pause,
                factor: config.factor.max(1),
                longest_pause: config.longest_pause.max(config.first_pause),
            },
            clock,
            breaker: AtomicU64::new(State::NEW.pack()),
            steer: AtomicU8::new(Steer::Auto as u8),
            not_before: AtomicU64::new(0),
            longest_hold: config.longest_hold,
            seats,
            allowance: Allowance::new(config.extra_percent, config.extra_start),
            tally: Tally::default(),
        }))
    }

    /// The name of the provider entry.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Lets a job through to the provider, or not: first the provider's own pause and the breaker, at once; then a seat, for
    /// which the job waits at most `wait`, and at most the account's patience.
    ///
    /// Dropping the future gives back whatever it held.
    pub async fn admit(&self, wait: Duration) -> Result<Pass, Refusal> {
        let probe = self.gate()?;
        // The pass exists before the wait for its seat: when that is in vain, its drop frees the breaker for the next probe.
        let mut pass = Pass::new(self.clone(), probe);
        pass.sit(self.seat(wait).await?);
        Ok(pass)
    }

    /// How long until a job may get past pause and breaker, seats aside; zero as a rule, and while a probe is out, which may end
    /// at any moment; `None` while a person keeps the breaker open.
    pub fn wait(&self) -> Option<Duration> {
        let now = self.0.clock.now();
        let breaker = match self.steered() {
            Steer::Open => return None,
            Steer::Close => Duration::ZERO,
            Steer::Auto => match self.state() {
                State { mode: Mode::HalfOpen, .. } => Duration::ZERO,
                state => state.pause_left(Ticks::of(now), &self.0.rules),
            },
        };
        Some(breaker.max(self.paused_for(now)))
    }

    /// Takes one extra request from the budget, if one is left. The request is then to be made, or it is lost.
    pub fn afford_extra(&self) -> bool {
        self.0.allowance.spend()
    }

    /// Whether an extra request is left in the budget.
    pub fn has_extra(&self) -> bool {
        self.0.allowance.has_one()
    }

    /// Where the breaker stands.
    pub fn breaker(&self) -> BreakerState {
        match self.steered() {
            Steer::Open => BreakerState::Open,
            Steer::Close => BreakerState::Closed,
            Steer::Auto => match self.state().mode {
                Mode::Closed => BreakerState::Closed,
                Mode::Open => BreakerState::Open,
                Mode::HalfOpen => BreakerState::HalfOpen,
            },
        }
    }

    /// Steers the breaker. Whatever it has seen until now is forgotten: back in [`Steer::Auto`] it starts closed.
    pub fn steer(&self, steer: Steer) {
        self.0.steer.store(steer as u8, Ordering::Release);
        self.0.breaker.store(State::NEW.pack(), Ordering::Release);
    }

    /// A job went from this account to another one.
    pub fn switched_away(&self) {
        add(&self.0.tally.switches_away);
    }

    /// A job came to this account from another one.
    pub fn switched_to(&self) {
        add(&self.0.tally.switches_to);
    }

    /// A hedge on this account was faster.
    pub fn hedge_won(&self) {
        add(&self.0.tally.hedges_won);
    }

    /// The lane's own worker did not take a job that was let through.
    pub fn desk_refused(&self) {
        add(&self.0.tally.refused_desk);
    }

    /// The account at this moment.
    pub fn snapshot(&self) -> AccountSnapshot {
        let Books { name, clock, seats, tally, .. } = &*self.0;
        let free = |seats: &Seats| seats.permits.available_permits() as u32;
        AccountSnapshot {
            name: name.to_string(),
            breaker: self.breaker(),
            steer: self.steered(),
            opened: read(&tally.opened),
            paused_for: self.paused_for(clock.now()),
            seats: seats.as_ref().map(|seats| seats.total),
            in_use: seats.as_ref().map_or(0, |seats| seats.total.saturating_sub(free(seats))),
            queued: seats.as_ref().map_or(0, |seats| seats.queued.load(Ordering::Relaxed)),
            requests: read(&tally.requests),
            ok: read(&tally.ok),
            errors: tally.errors(),
            cancelled: read(&tally.cancelled),
            switches_away: read(&tally.switches_away),
            switches_to: read(&tally.switches_to),
            hedges_started: read(&tally.hedges_started),
            hedges_won: read(&tally.hedges_won),
            retries: read(&tally.retries),
            refused_breaker: read(&tally.refused_breaker),
            refused_paused: read(&tally.refused_paused),
            refused_queue: read(&tally.refused_queue),
            refused_desk: read(&tally.refused_desk),
            first_output: tally.first_outputs(),
        }
    }

    fn gate(&self) -> Result<Option<Probe>, Refusal> {
        let tally = &self.0.tally;
        let paused = self.paused_for(self.0.clock.now());
        if !paused.is_zero() {
            add(&tally.refused_paused);
            return Err(Refusal::Paused { after: paused });
        }
        let refused = match self.steered() {
            Steer::Close => return Ok(None),
            Steer::Open => Duration::ZERO,
            Steer::Auto => match self.step(Event::Asked) {
                Verdict::Pass | Verdict::Noted => return Ok(None),
                Verdict::Probe(probe) => return Ok(Some(probe)),
                Verdict::Refuse(after) => after,
            },
        };
        add(&tally.refused_breaker);
        Err(Refusal::BreakerOpen { after: refused })
    }

    async fn seat(&self, wait: Duration) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(seats) = &self.0.seats else { return Ok(None) };
        if let Ok(seat) = Arc::clone(&seats.permits).try_acquire_owned() {
            return Ok(Some(seat));
        }
        let refused = |refusal| {
            add(&self.0.tally.refused_queue);
            Err(refusal)
        };
        let Some(_place) = Place::take(seats) else { return refused(Refusal::QueueFull) };
        let wait = wait.min(seats.patience);
        match tokio::time::timeout(wait, Arc::clone(&seats.permits).acquire_owned()).await {
            Ok(Ok(seat)) => Ok(Some(seat)),
            // Nobody closes the semaphore; if somebody did, there would be no seat either.
            Ok(Err(_)) | Err(_) => refused(Refusal::QueueLate { waited: wait }),
        }
    }

    fn step(&self, event: Event) -> Verdict {
        let now = Ticks::of(self.0.clock.now());
        let mut verdict = Verdict::Noted;
        let mut opened = false;
        let stepped = |word: u64| {
            let state = State::unpack(word);
            let (next, said) = state.step(event, now, &self.0.rules);
            verdict = said;
            opened = next.mode == Mode::Open && state.mode != Mode::Open;
            (next != state).then(|| next.pack())
        };
        let _unchanged = self.0.breaker.fetch_update(Ordering::AcqRel, Ordering::Acquire, stepped);
        if opened {
            add(&self.0.tally.opened);
            let fault = FaultCode::BreakerOpen.code();
            tracing::warn!(fault, provider = &*self.0.name, "circuit breaker opened");
        }
        verdict
    }

    fn state(&self) -> State {
        State::unpack(self.0.breaker.load(Ordering::Acquire))
    }

    fn steered(&self) -> Steer {
        match self.0.steer.load(Ordering::Acquire) {
            1 => Steer::Open,
            2 => Steer::Close,
            _ => Steer::Auto,
        }
    }

    fn hold(&self, pause: Duration) {
        let until = self.0.clock.now() + pause.min(self.0.longest_hold);
        self.0.not_before.fetch_max(until.as_millis() as u64, Ordering::AcqRel);
    }

    fn paused_for(&self, now: Duration) -> Duration {
        Duration::from_millis(self.0.not_before.load(Ordering::Acquire)).saturating_sub(now)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.0.name).field("breaker", &self.breaker()).finish_non_exhaustive()
    }
}

/// A place in the queue for a seat.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(seats: &'a Seats) -> Option<Self> {
        let grown = |queued: u32| (queued < seats.queue).then_some(queued + 1);
        seats.queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).ok().map(|_| Self(&seats.queued))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
