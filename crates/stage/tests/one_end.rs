//! The promise of a job, under any order of events: it ends exactly once, and what the asker hears agrees with that.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod theatre;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use actix::{Actor, ActorContext, Addr, AsyncContext, Handler, Message, WeakAddr, WrapFuture};
use operetta_contract::{JobId, Role};
use operetta_stage::{Ask, Desk, Kind, Lease, Metered, Playbill, Policy, Post, Supervisor, Told};
use proptest::prelude::*;
use theatre::{Count, Counted, idle, on_a_lane};

/// What may happen, in any order and to any of a few jobs.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u32),
    Feed(u32),
    DropLease(u32),
    Tell(u32),
    /// Tell from a future that the worker spawns, and finish once it was handled.
    TellThenFinish(u32),
    Finish(u32),
    Fail(u32),
    DropAnswer(u32),
    WorkerPanics,
    WorkerStops,
    AskerPanics,
    /// Let everybody finish what they can.
    Idle,
    /// Let the next in line take a turn.
    Yield,
}

const JOBS: u32 = 4;
const SEATS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let job = 0..JOBS;
    prop_oneof![
        4 => job.clone().prop_map(Step::Ask),
        1 => job.clone().prop_map(Step::Feed),
        2 => job.clone().prop_map(Step::DropLease),
        3 => job.clone().prop_map(Step::Tell),
        2 => job.clone().prop_map(Step::TellThenFinish),
        2 => job.clone().prop_map(Step::Finish),
        1 => job.clone().prop_map(Step::Fail),
        1 => job.prop_map(Step::DropAnswer),
        1 => Just(Step::WorkerPanics),
        1 => Just(Step::WorkerStops),
        1 => Just(Step::AskerPanics),
        3 => Just(Step::Idle),
        2 => Just(Step::Yield),
    ]
}

impl Message for Step {
    type Result = ();
}

/// Holds the asks it got, in its own value: they die with it.
struct Worker {
    asks: HashMap<JobId, Ask<Count>>,
    whereabouts: Rc<RefCell<Option<WeakAddr<Self>>>>,
}

impl Kind for Worker {
    const KIND: &'static str = "worker";
}

impl Actor for Worker {
    type Context = Metered<Self>;

    fn started(&mut self, ctx: &mut Metered<Self>) {
        self.whereabouts.replace(Some(ctx.address().downgrade()));
    }
}

impl Handler<Ask<Count>> for Worker {
    type Result = ();

    fn handle(&mut self, ask: Ask<Count>, _: &mut Metered<Self>) {
        self.asks.insert(ask.answer.id(), ask);
    }
}

impl Handler<Step> for Worker {
    type Result = ();

    fn handle(&mut self, step: Step, ctx: &mut Metered<Self>) {
        let mut of_job = |job: u32| {
            // The latest ask for this slot that is still unanswered.
            let id = self.asks.keys().filter(|id| id.0 % JOBS == job).max().copied()?;
            self.asks.remove(&id)
        };
        match step {
            Step::Tell(job) => {
                if let Some(ask) = of_job(job) {
                    let id = ask.answer.id();
                    let telling = async move {
                        let _gone = ask.answer.tell(Counted::Piece(1)).await;
                        ask
                    };
                    let back =
                        actix::ActorFutureExt::map(telling.into_actor(self), move |ask, worker: &mut Self, _| {
                            worker.asks.insert(id, ask);
                        });
                    ctx.spawn(back);
                }
            }
            Step::TellThenFinish(job) => {
                if let Some(ask) = of_job(job) {
                    let telling = async move {
                        if ask.answer.tell(Counted::Piece(2)).await.is_ok() {
                            ask.answer.finish(Counted::Done);
                        }
                    };
                    ctx.spawn(telling.into_actor(self));
                }
            }
            Step::Finish(job) => of_job(job).into_iter().for_each(|ask| ask.answer.finish(Counted::Done)),
            Step::Fail(job) => of_job(job).into_iter().for_each(|ask| ask.answer.fail(Counted::Failed)),
            Step::DropAnswer(job) => drop(of_job(job)),
            Step::WorkerPanics => std::panic::resume_unwind(Box::new("on command")),
            Step::WorkerStops => ctx.stop(),
            _ => unreachable!("not for workers"),
        }
    }
}

/// What happened to the jobs, in order, as the asker sees it.
type Log = Rc<RefCell<Vec<(JobId, Entry)>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Accepted,
    Heard(Counted),
    LeaseDropped,
}

struct Asker {
    desk: Desk<Count>,
    leases: BTreeMap<JobId, Lease<Count>>,
    next: u32,
    log: Log,
}

impl Kind for Asker {
    const KIND: &'static str = "asker";
}

impl Actor for Asker {
    type Context = Metered<Self>;
}

impl Drop for Asker {
    fn drop(&mut self) {
        for (id, lease) in std::mem::take(&mut self.leases) {
            drop(lease);
            self.log.borrow_mut().push((id, Entry::LeaseDropped));
        }
    }
}

impl Handler<Told<Count>> for Asker {
    type Result = ();

    fn handle(&mut self, told: Told<Count>, _: &mut Metered<Self>) {
        self.log.borrow_mut().push((told.id, Entry::Heard(told.event)));
    }
}

impl Handler<Step> for Asker {
    type Result = ();

    fn handle(&mut self, step: Step, ctx: &mut Metered<Self>) {
        let latest =
            |job: u32, leases: &BTreeMap<JobId, _>| leases.keys().filter(|id| id.0 % JOBS == job).max().copied();
        match step {
            Step::Ask(job) => {
                let id = JobId(self.next * JOBS + job);
                self.next += 1;
                if let Ok(lease) = self.desk.ask(id, Count(0), ctx.address().downgrade().recipient()) {
                    self.log.borrow_mut().push((id, Entry::Accepted));
                    self.leases.insert(id, lease);
                }
            }
            Step::Feed(job) => {
                if let Some(id) = latest(job, &self.leases) {
                    let _full_or_closed = self.leases[&id].feed(1);
                }
            }
            Step::DropLease(job) => {
                if let Some(id) = latest(job, &self.leases) {
                    self.leases.remove(&id);
                    self.log.borrow_mut().push((id, Entry::LeaseDropped));
                }
            }
            Step::AskerPanics => std::panic::resume_unwind(Box::new("on command")),
            _ => unreachable!("not for askers"),
        }
    }
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let bill = Playbill::new("main");
    let whereabouts = Rc::default();
    let of_factory = Rc::clone(&whereabouts);
    let desk: Desk<Count> = Supervisor::start(Policy { seats: SEATS, ..Policy::default() }, &bill, move || Worker {
        asks: HashMap::new(),
        whereabouts: Rc::clone(&of_factory),
    });
    let log = Log::default();
    let asker = Asker { desk: desk.clone(), leases: BTreeMap::new(), next: 0, log: Rc::clone(&log) };
    let (asker, _task): (Addr<Asker>, _) = Metered::run(asker, 64, &bill);

    for step in steps {
        // A full or closed mailbox refuses a step: as good a history as any.
        match step {
            Step::Idle => idle().await,
            Step::Yield => tokio::task::yield_now().await,
            Step::Ask(_) | Step::Feed(_) | Step::DropLease(_) | Step::AskerPanics => drop(asker.post(step)),
            _ => {
                let worker = whereabouts.borrow().as_ref().and_then(WeakAddr::<Worker>::upgrade);
                let _refused = worker.map(|worker| worker.post(step));
            }
        }
    }
    idle().await;

    // Half way: whatever has ended was told, if its asker still listened.
    let seen = bill.snapshot();
    let jobs = seen.role(Role::Llm).unwrap().clone();
    prop_assert_eq!(jobs.asked, jobs.open + jobs.done + jobs.failed + jobs.cancelled + jobs.lost);
    prop_assert!(jobs.open as usize <= SEATS);

    // The end: the worker goes, then the asker; nothing may remain.
    let free_before = desk.free_seats();
    drop(desk);
    let listening = asker.connected();
    drop(asker);
    idle().await;
    let seen = bill.snapshot();
    let jobs = seen.role(Role::Llm).unwrap().clone();
    prop_assert_eq!(jobs.open, 0);
    prop_assert_eq!(jobs.asked, jobs.done + jobs.failed + jobs.cancelled + jobs.lost);
    for actor in &seen.actors {
        prop_assert_eq!((actor.depth, actor.instances), (0, 0), "{}", actor.kind);
    }
    prop_assert!(free_before <= SEATS);

    let mut stories: BTreeMap<JobId, Vec<Entry>> = BTreeMap::new();
    for (id, entry) in log.borrow().iter() {
        stories.entry(*id).or_default().push(*entry);
    }
    prop_assert_eq!(stories.len() as u64, jobs.asked);
    for (id, story) in &stories {
        prop_assert_eq!(story[0], Entry::Accepted, "{}: {:?}", id, story);
        let finals = story.iter().filter(|entry| matches!(entry, Entry::Heard(event) if event.is_final())).count();
        let ended = story.iter().position(|entry| matches!(entry, Entry::Heard(event) if event.is_final()));
        let dropped = story.iter().position(|entry| *entry == Entry::LeaseDropped);
        prop_assert!(finals <= 1, "{}: {:?}", id, story);
        if let Some(end) = ended.into_iter().chain(dropped).min() {
            let heard_later = story[end + 1..].iter().any(|entry| matches!(entry, Entry::Heard(_)));
            prop_assert!(!heard_later, "{}: {:?}", id, story);
        }
        if listening && story.iter().all(|entry| *entry != Entry::LeaseDropped) {
            prop_assert_eq!(finals, 1, "{}: {:?}", id, story);
        }
    }
    let heard =
        |wanted: Counted| log.borrow().iter().filter(|(_, entry)| *entry == Entry::Heard(wanted)).count() as u64;
    prop_assert!(heard(Counted::Done) <= jobs.done);
    prop_assert!(heard(Counted::Failed) <= jobs.failed);
    prop_assert!(heard(Counted::Lost) <= jobs.lost);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn a_job_ends_exactly_once(steps in proptest::collection::vec(step(), 0..60)) {
        on_a_lane(play(steps))?;
    }
}
