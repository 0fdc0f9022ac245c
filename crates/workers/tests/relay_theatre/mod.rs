//! What the tests of the relay share: a lane in paused time, providers that play a part, an asker that writes down what it
//! hears.
#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod parts;
pub(crate) mod story;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Addr, AsyncContext, Handler, WrapFuture};
use operetta_audio::Format;
use operetta_contract::{Complete, Entry, ErrorClass, JobId, Meaning, Synthesize, Transcribe};
use operetta_stage::{Ask, Clock, Desk, Kind, Lease, Metered, Playbill, Policy, Supervisor, Told};
use operetta_workers::{
    account::{Account, AccountConfig, AccountSnapshot},
    relay::{Relay, RelayConfig, Resume, Rung, Shelf, Times},
};
use tokio::sync::Notify;

/// Runs a test body as a lane would: one thread, local tasks, but with time that moves only when everyone is idle.
pub(crate) fn on_a_lane<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, body)
}

/// Returns when nobody on the lane has anything left to do: paused time moves only then.
pub(crate) async fn idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a provider does with one job. Outputs come every 50 ms; a listener's outputs are the finals that answer flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Good,
    /// All of it, the first output so many ms late.
    Late(u64),
    /// Fails after so many outputs.
    Fail(u32, ErrorClass),
    /// Goes silent after so many outputs, and stays until it is cancelled.
    Stall(u32),
    /// Says over and over that it lives, and nothing else.
    Signs,
    /// Says it all, in pieces that take a multiple of the time that they last.
    Slow,
    /// Says one sample at a time.
    Drips,
    /// Sends silence behind its first output, twice as fast as it plays, and does not end.
    Fades,
    /// Reports success without an output.
    Empty,
    /// Panics after so many outputs.
    Panic(u32),
    /// Drops the job after so many outputs.
    Drop(u32),
    /// Answers everything twice.
    Twice,
    /// Takes nothing from its feed for so many ms; then all of it.
    Deaf(u64),
}

/// How many outputs a good answer has.
pub(crate) const OUTPUTS: u32 = 4;
/// The pace of outputs.
pub(crate) const PACE: Duration = Duration::from_millis(50);

/// A kind of job that players know.
pub(crate) trait Play: Resume {
    /// A job to ask for.
    fn example() -> Self;

    /// Plays a part.
    fn play(part: Part, name: char, ask: Ask<Self>) -> Pin<Box<dyn Future<Output = ()>>>;
}

pub(crate) fn synthesize() -> Synthesize {
    Synthesize {
        text: "Good morning.".into(),
        voice: "default".into(),
        language: "en-IN".into(),
        format: Format::MULAW_8K,
        fixed: false,
    }
}

pub(crate) fn complete() -> Complete {
    Complete {
        prompt: "Be kind.".into(),
        language: "en-IN".into(),
        tools: Arc::from([]),
        dialogue: Vec::<Entry>::new(),
        said: "".into(),
    }
}

pub(crate) fn transcribe() -> Transcribe {
    Transcribe { language: "en-IN".into(), rate_hz: 8_000 }
}

/// A provider: what it is to play, and what it has played.
#[derive(Clone)]
pub(crate) struct Provider<J: Play> {
    pub(crate) name: char,
    /// The parts of the next jobs; after the last, `otherwise`.
    pub(crate) script: Rc<RefCell<VecDeque<Part>>>,
    pub(crate) otherwise: Rc<Cell<Part>>,
    /// The jobs it was asked for.
    pub(crate) asked: Rc<RefCell<Vec<J>>>,
    /// Jobs that it is busy with.
    pub(crate) open: Rc<Cell<i32>>,
    pub(crate) account: Account,
}

impl<J: Play> Provider<J> {
    pub(crate) fn new(name: char, script: &[Part], account: AccountConfig) -> Self {
        Self {
            name,
            script: Rc::new(RefCell::new(script.iter().copied().collect())),
            otherwise: Rc::new(Cell::new(Part::Good)),
            asked: Rc::default(),
            open: Rc::default(),
            account: Account::new(name.to_string(), account, Clock::system()),
        }
    }

    pub(crate) fn desk(&self, policy: Policy, bill: &Playbill) -> Desk<J> {
        let provider = self.clone();
        Supervisor::start(policy, bill, move || Player(provider.clone()))
    }

    pub(crate) fn rung(&self, desk: Desk<J>, times: Times) -> Rung<J> {
        Rung {
            provider: self.name.to_string().into(),
            identity: format!("{} model", self.name).into(),
            voice: Some(format!("voice of {}", self.name).into()),
            desk,
            account: self.account.clone(),
            times,
        }
    }

    pub(crate) fn books(&self) -> AccountSnapshot {
        self.account.snapshot()
    }
}

/// The worker of a provider.
struct Player<J: Play>(Provider<J>);

impl<J: Play> Kind for Player<J> {
    const KIND: &'static str = "player";
}

impl<J: Play> Actor for Player<J> {
    type Context = Metered<Self>;
}

impl<J: Play> Handler<Ask<J>> for Player<J> {
    type Result = ();

    fn handle(&mut self, ask: Ask<J>, ctx: &mut Metered<Self>) {
        let part = self.0.script.borrow_mut().pop_front().unwrap_or(self.0.otherwise.get());
        self.0.asked.borrow_mut().push(ask.job.clone());
        let busy = Busy::new(&self.0.open);
        let playing = J::play(part, self.0.name, ask);
        ctx.spawn(
            async move {
                playing.await;
                drop(busy);
            }
            .into_actor(self),
        );
    }
}

struct Busy(Rc<Cell<i32>>);

impl Busy {
    fn new(open: &Rc<Cell<i32>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A relay over providers that play, and somebody who asks it.
pub(crate) struct House<J: Play> {
    pub(crate) bill: Playbill,
    pub(crate) clock: Clock,
    pub(crate) providers: Vec<Provider<J>>,
    pub(crate) desk: Desk<J>,
}

/// Deadlines that tell apart by their figures.
pub(crate) const TIMES: Times = Times { first: ms_const(1_000), gap: ms_const(700), flush: ms_const(800) };

const fn ms_const(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Workers that may fall as often as they like.
pub(crate) const SPRY: Policy = Policy {
    seats: 1_000,
    restarts: usize::MAX,
    period: Duration::from_secs(10),
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_mins(1),
};

impl<J: Play> House<J> {
    /// Providers `a`, `b` .. with these scripts.
    pub(crate) fn new(scripts: &[&[Part]], config: RelayConfig) -> Self {
        Self::with(scripts, config, AccountConfig::default(), 1)
    }

    pub(crate) fn with(scripts: &[&[Part]], config: RelayConfig, account: AccountConfig, seed: u64) -> Self {
        Self::build(scripts, SPRY, account, move |rungs| Relay::new(rungs, config).with_seed(seed))
    }

    /// Providers `a`, `b` .., the first of which has a worker under this policy.
    pub(crate) fn with_first(policy: Policy, scripts: &[&[Part]]) -> Self {
        Self::build(scripts, policy, AccountConfig::default(), |rungs| Relay::new(rungs, RelayConfig::default()))
    }

    /// Providers `a`, `b` .. whose relay looks on a shelf first.
    pub(crate) fn with_shelf(scripts: &[&[Part]], shelf: Rc<dyn Shelf<J>>) -> Self {
        let relay = move |rungs| Relay::new(rungs, RelayConfig::default()).with_shelf(Rc::clone(&shelf));
        Self::build(scripts, SPRY, AccountConfig::default(), relay)
    }

    fn build(
        scripts: &[&[Part]],
        first: Policy,
        account: AccountConfig,
        relay: impl Fn(Vec<Rung<J>>) -> Relay<J> + 'static,
    ) -> Self {
        let names = 'a'..='z';
        let providers: Vec<_> =
            scripts.iter().zip(names).map(|(script, name)| Provider::new(name, script, account)).collect();
        let bill = Playbill::new("main");
        let policies = std::iter::once(first).chain(std::iter::repeat(SPRY));
        let rungs: Vec<_> = providers
            .iter()
            .zip(policies)
            .map(|(provider, policy)| provider.rung(provider.desk(policy, &bill), TIMES))
            .collect();
        let desk = Supervisor::start(SPRY, &bill, move || relay(rungs.clone()));
        Self { bill, clock: Clock::system(), providers, desk }
    }

    /// Asks for a job.
    pub(crate) fn ask(&self, job: J) -> Asked<J> {
        let notes = Rc::new(Notes { began: self.clock.now(), heard: RefCell::default(), ended: Notify::new() });
        let ear = Ear { notes: Rc::clone(&notes), clock: self.clock.clone() };
        let (ear, _task) = Metered::run(ear, 16, &self.bill);
        let lease = self.desk.ask(JobId(1), job, ear.downgrade().recipient()).unwrap();
        Asked { lease: Some(lease), notes, _ear: ear }
    }

    /// Asks for a job and hears it to its end.
    pub(crate) async fn hear(&self) -> Rc<Notes<J>> {
        let asked = self.ask(J::example());
        asked.end().await;
        asked.notes
    }

    /// Nothing goes on any more: no provider is busy, every seat is free, the books balance.
    pub(crate) async fn assert_at_rest(&self) {
        idle().await;
        for provider in &self.providers {
            assert_eq!(provider.open.get(), 0, "{} is still busy", provider.name);
            let books = provider.books();
            assert_eq!((books.in_use, books.queued), (0, 0), "{}", provider.name);
            if J::FEED_BOUND == 0 {
                assert_eq!(books.requests, books.ok + books.failed() + books.cancelled, "{books:?}");
            }
            assert_eq!(books.requests, provider.asked.borrow().len() as u64, "{}", provider.name);
        }
        let jobs = self.bill.snapshot();
        assert_eq!(jobs.role(J::ROLE).unwrap().open, 0);
        let relay = jobs.actor(Relay::<J>::KIND).unwrap();
        assert_eq!((relay.panics, relay.restarts.iter().map(|(_, count)| count).sum()), (0, 0_u64));
    }
}

/// A job that was asked for.
pub(crate) struct Asked<J: Play> {
    pub(crate) lease: Option<Lease<J>>,
    pub(crate) notes: Rc<Notes<J>>,
    _ear: Addr<Ear<J>>,
}

impl<J: Play> Asked<J> {
    /// Waits for the end, which comes within a minute.
    pub(crate) async fn end(&self) {
        let ended = tokio::time::timeout(Duration::from_mins(1), self.notes.ended.notified()).await;
        assert!(ended.is_ok(), "no end within a minute");
    }

    pub(crate) fn feed(&self, piece: J::Feed) {
        let _gone = self.lease.as_ref().unwrap().feed(piece);
    }
}

/// What an asker heard, and when, counted from when it asked.
pub(crate) struct Notes<J: Play> {
    began: Duration,
    pub(crate) heard: RefCell<Vec<(Duration, J::Event)>>,
    pub(crate) ended: Notify,
}

pub(crate) struct Ear<J: Play> {
    notes: Rc<Notes<J>>,
    clock: Clock,
}

impl<J: Play> Kind for Ear<J> {
    const KIND: &'static str = "ear";
}

impl<J: Play> Actor for Ear<J> {
    type Context = Metered<Self>;
}

impl<J: Play> Handler<Told<J>> for Ear<J> {
    type Result = ();

    fn handle(&mut self, told: Told<J>, _: &mut Metered<Self>) {
        let is_last = !matches!(J::meaning(&told.event), Meaning::Output | Meaning::Sign);
        let at = self.clock.now().saturating_sub(self.notes.began);
        self.notes.heard.borrow_mut().push((at, told.event));
        if is_last {
            self.notes.ended.notify_one();
        }
    }
}
