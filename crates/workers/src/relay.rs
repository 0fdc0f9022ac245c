//! Between a call and several providers: whoever fails, the job goes on.
//!
//! A [`Relay`] stands behind a desk like any worker, and has desks of its own, its rungs, in the order in which they are asked.
//! A rung that refuses, fails or is silent for too long is left for the next one. What the asker hears is one job: a
//! [`Switch`](operetta_contract::Switch) where another provider takes over, and one end.
//!
//! - **Deadlines**: to the first useful output and between outputs ([`Times`]), and to the first output from whomever
//!   ([`RelayConfig::total`]). An expiry is a [`Timeout`](operetta_contract::ErrorClass::Timeout) whose detail names it.
//!   Who falls a gap behind what the line needs is as late: audio that plays faster than it comes, fewer than five letters a
//!   second, more than two seconds of silence in an utterance.
//! - **Speaking** (`Synthesize`): a rung that fails before its first audio is replaced. One that fails behind it ends the job: the
//!   call knows what the caller has heard and asks for the rest, which another rung is to say: for the next three seconds the one
//!   that broke off is asked last.
//! - **Thinking** (`Complete`): the next model continues what was said (`Complete::said`), unless a tool was called already.
//! - **Listening** (`Transcribe`): the next listener is fed the audio since the last final, 30 s at most, and every unanswered
//!   flush, so that each flush has exactly one final. The job stays with it until that one falls.
//! - **Leading a conversation** (`Converse`): a provider is replaced only before anything came of it; behind that, the call decides.
//! - **When all have failed** there is one more round after a random pause, if the time and the budgets of the accounts allow;
//!   then the job fails as `Unavailable`, naming each provider and its code.

mod course;
mod ears;
mod leg;
mod resume;
mod search;
mod service;
mod shelf;
mod switchboard;
mod talk;

use std::{
    cell::RefCell,
    fmt,
    hash::{BuildHasher, RandomState},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, AsyncContext, Handler, ResponseFuture};
use operetta_contract::{ProviderError, Role};
use operetta_stage::{Ask, Clock, Desk, Kind, Metered, Told};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::account::Account;
pub use ears::Ears;
pub use resume::{Debt, Memory, Replied, Resume, Spoken, Word};
pub use shelf::{Fetched, Keep, LocalBoxFuture, Shelf};
pub use talk::Talk;

use course::Course;
use search::Dice;
use switchboard::Switchboard;

/// Does one kind of job with the first of several providers that can. An actor of one lane, behind a desk.
///
/// Each job runs in a task of its own, so a fault in one job is the end of that job only; the tasks end with the relay.
pub struct Relay<J: Resume> {
    house: Rc<House<J>>,
    dice: Dice,
    jobs: JoinSet<()>,
}

/// What every job of a relay shares.
struct House<J: Resume> {
    rungs: Vec<Rung<J>>,
    config: RelayConfig,
    shelf: Option<Rc<dyn Shelf<J>>>,
    switchboard: Switchboard<J>,
    /// Why a rung broke off where nobody could go on behind it, and until when it is asked last for that.
    broke_off: RefCell<Vec<Option<(Duration, ProviderError)>>>,
    clock: Clock,
}

/// One provider in the list of a relay.
pub struct Rung<J: Resume> {
    /// Its name, as switches and errors name it.
    pub provider: Arc<str>,
    /// Provider, model and settings: what the shelf must not mix up.
    pub identity: Arc<str>,
    /// The voice that this provider uses instead of the job's.
    pub voice: Option<Arc<str>>,
    /// Where it is asked.
    pub desk: Desk<J>,
    /// What all lanes know of it.
    pub account: Account,
    /// How long it is waited for.
    pub times: Times,
}

impl<J: Resume> Clone for Rung<J> {
    fn clone(&self) -> Self {
        Self {
            provider: Arc::clone(&self.provider),
            identity: Arc::clone(&self.identity),
            voice: self.voice.clone(),
            desk: self.desk.clone(),
            account: self.account.clone(),
            times: self.times,
        }
    }
}

/// How long a provider is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From the request to the first useful output.
    pub first: Duration,
    /// From one useful output to the next, or to the end.
    pub gap: Duration,
    /// Of listeners: from a flush to its final. They have no other deadline, since a silent caller yields no words.
    pub flush: Duration,
}

impl Times {
    /// The defaults for a provider that is asked over HTTP: speaking 1500 ms to the first audio and 1500 ms between, thinking
    /// 2000 ms and 2500 ms, listening 1000 ms from flush to final.
    pub const fn http(role: Role) -> Self {
        let (first, gap) = if matches!(role, Role::Llm) { (2_000, 2_500) } else { (1_500, 1_500) };
        Self { first: Duration::from_millis(first), gap: Duration::from_millis(gap), flush: Duration::from_secs(1) }
    }

    /// The defaults for a provider behind a socket that is open already: as over HTTP, but 1000 ms to the first audio.
    pub const fn socket(role: Role) -> Self {
        let times = Self::http(role);
        if matches!(role, Role::Tts) { Self { first: Duration::from_secs(1), ..times } } else { times }
    }
}

/// How a relay goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    /// How long an asker waits for the first useful output (of listeners: for the final after a flush), from whichever
    /// provider, before the job fails; 2.5 s by default.
    pub total: Duration,
    /// The longest pause before the second round; the real one is random. 200 ms by default.
    pub pause: Duration,
    /// When the first provider is so late, the next one is asked as well, and the faster one is heard. Never by default, and
    /// never for listening.
    pub hedge_after: Option<Duration>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self { total: Duration::from_millis(2_500), pause: Duration::from_millis(200), hedge_after: None }
    }
}

impl<J: Resume> Relay<J> {
    /// A relay over these providers, the best first.
    pub fn new(rungs: Vec<Rung<J>>, config: RelayConfig) -> Self {
        let house = House {
            broke_off: RefCell::new(vec![None; rungs.len()]),
            rungs,
            config,
            shelf: None,
            switchboard: Switchboard::default(),
            clock: Clock::system(),
        };
        Self { house: Rc::new(house), dice: Dice::new(RandomState::new().hash_one(())), jobs: JoinSet::new() }
    }

    /// The same relay, which looks on a shelf before it asks, and puts there what is worth keeping.
    #[must_use]
    pub fn with_shelf(self, shelf: Rc<dyn Shelf<J>>) -> Self {
        let House { rungs, config, switchboard, clock, .. } = &*self.house;
        let house = House {
            rungs: rungs.clone(),
            config: *config,
            shelf: Some(shelf),
            switchboard: switchboard.clone(),
            broke_off: RefCell::new(vec![None; rungs.len()]),
            clock: clock.clone(),
        };
        Self { house: Rc::new(house), ..self }
    }

    /// The same relay, whose random pauses follow from `seed`: for tests that must be repeatable.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { dice: Dice::new(seed), ..self }
    }
}

impl<J: Resume> Kind for Relay<J> {
    const KIND: &'static str = match J::ROLE {
        Role::Stt => "stt_relay",
        Role::Llm => "llm_relay",
        Role::Tts => "tts_relay",
        Role::Realtime => "realtime_relay",
        Role::Vad => "vad_relay",
    };
}

impl<J: Resume> Actor for Relay<J> {
    type Context = Metered<Self>;
}

impl<J: Resume> Handler<Ask<J>> for Relay<J> {
    type Result = ();

    fn handle(&mut self, ask: Ask<J>, ctx: &mut Metered<Self>) {
        while let Some(ended) = self.jobs.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!(role = J::ROLE.as_str(), "a relayed job broke");
            }
        }
        let span = ask.answer.span().clone();
        let me = ctx.address().downgrade().recipient();
        let course = Course::new(Rc::clone(&self.house), me, self.dice.fork(), ask.job, ask.feed);
        // A task of its own and not a future of the context: that polls all its futures whenever one of them is woken.
        self.jobs.spawn_local(course.run(ask.answer).instrument(span));
    }
}

impl<J: Resume> Handler<Told<J>> for Relay<J> {
    /// Resolves when the asker has handled the event: a slow asker slows the provider down, through the relay.
    type Result = ResponseFuture<()>;

    fn handle(&mut self, told: Told<J>, _: &mut Metered<Self>) -> ResponseFuture<()> {
        Box::pin(self.house.switchboard.deliver(told.id, told.event))
    }
}

impl<J: Resume> fmt::Debug for Relay<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: Vec<_> = self.house.rungs.iter().map(|rung| &rung.provider).collect();
        f.debug_struct("Relay")
            .field("providers", &providers)
            .field("config", &self.house.config)
            .finish_non_exhaustive()
    }
}

impl<J: Resume> fmt::Debug for Rung<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rung").field("provider", &self.provider).field("times", &self.times).finish_non_exhaustive()
    }
}
