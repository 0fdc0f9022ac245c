//! What becomes of workers that crash, and of those who wait for them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod theatre;

use std::{cell::Cell, rc::Rc, time::Duration};

use actix::{Actor, ActorContext, AsyncContext, Handler, WrapFuture};
use operetta_contract::JobId;
use operetta_stage::{Ask, AskError, Cause, Clock, Desk, Kind, Metered, Playbill, Policy, Supervisor};
use theatre::{Count, Counted, idle, listen, on_a_lane};

/// Does what the number of its job says.
struct Hand {
    life: u32,
    dirt: u32,
}

const PANIC: u32 = 0;
const STOP: u32 = 1;
/// Says how often this very value was used, in which life.
const TELL: u32 = 2;
const NEVER_END: u32 = 3;

impl Kind for Hand {
    const KIND: &'static str = "hand";
}

impl Actor for Hand {
    type Context = Metered<Self>;
}

impl Handler<Ask<Count>> for Hand {
    type Result = ();

    fn handle(&mut self, ask: Ask<Count>, ctx: &mut Metered<Self>) {
        self.dirt += 1;
        let said = Counted::Piece(100 * self.life + self.dirt);
        match ask.job.0 {
            PANIC => panic!("on command"),
            STOP => ctx.stop(),
            TELL => {
                let work = async move {
                    ask.answer.tell(said).await.unwrap();
                    ask.answer.finish(Counted::Done);
                };
                ctx.spawn(work.into_actor(self));
            }
            _ => {
                let work = async move {
                    std::future::pending::<()>().await;
                    drop(ask);
                };
                ctx.spawn(work.into_actor(self));
            }
        }
    }
}

/// A desk with a hand behind it, and how many hands were made.
fn hire(policy: Policy, bill: &Playbill) -> (Desk<Count>, Rc<Cell<u32>>) {
    let lives = Rc::new(Cell::new(0));
    let counter = Rc::clone(&lives);
    let desk = Supervisor::start(policy, bill, move || {
        counter.set(counter.get() + 1);
        Hand { life: counter.get(), dirt: 0 }
    });
    (desk, lives)
}

fn restarts(bill: &Playbill) -> [(Cause, u64); 2] {
    bill.snapshot().actor("hand").unwrap().restarts
}

#[test]
fn a_crash_costs_the_jobs_at_hand_and_nothing_else() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let clock = Clock::system();
        let (_ear, to, heard) = listen(&bill);
        let (desk, lives) = hire(Policy::default(), &bill);
        let _leases: Vec<_> = [(1, NEVER_END), (2, PANIC), (3, TELL)]
            .map(|(id, what)| desk.ask(JobId(id), Count(what), to.clone()).unwrap())
            .into();
        while lives.get() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(clock.now() <= Duration::from_millis(100), "back after {:?}", clock.now());
        assert!(desk.is_open());
        let _lease = desk.ask(JobId(4), Count(TELL), to.clone()).unwrap();
        idle().await;
        let mut heard = heard.borrow().clone();
        heard[..3].sort_by_key(|(id, _)| *id);
        assert_eq!(
            heard,
            [
                (JobId(1), Counted::Lost),
                (JobId(2), Counted::Lost),
                (JobId(3), Counted::Lost),
                // A fresh value: the second life, used once.
                (JobId(4), Counted::Piece(201)),
                (JobId(4), Counted::Done),
            ]
        );
        let seen = bill.snapshot();
        let hand = seen.actor("hand").unwrap();
        assert_eq!((hand.panics, hand.instances, hand.depth), (1, 1, 0));
        assert_eq!(hand.restarts, [(Cause::Panic, 1), (Cause::Stopped, 0)]);
        assert_eq!(desk.free_seats(), Policy::default().seats);
        assert_eq!(seen.actor("ear").unwrap().panics, 0);
    });
}

#[test]
fn a_worker_that_stops_by_itself_is_started_again() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, lives) = hire(Policy::default(), &bill);
        let _lease = desk.ask(JobId(1), Count(STOP), to).unwrap();
        idle().await;
        assert_eq!((lives.get(), desk.is_open()), (2, true));
        assert_eq!(*heard.borrow(), [(JobId(1), Counted::Lost)]);
        assert_eq!(restarts(&bill), [(Cause::Panic, 0), (Cause::Stopped, 1)]);
    });
}

/// Crashes the worker behind the desk and returns when that has been noticed.
async fn crash(desk: &Desk<Count>, to: &actix::WeakRecipient<operetta_stage::Told<Count>>) {
    let lease = desk.ask(JobId(0), Count(PANIC), to.clone()).unwrap();
    idle().await;
    drop(lease);
}

/// How long until the desk is open again, to the next tick of 1 ms above.
async fn closed_for(desk: &Desk<Count>, clock: &Clock) -> Duration {
    let from = clock.now();
    while !desk.is_open() {
        idle().await;
    }
    clock.now().saturating_sub(from)
}

#[test]
fn five_restarts_are_free_then_the_desk_is_unavailable_for_longer_and_longer() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let clock = Clock::system();
        let (_ear, to, _heard) = listen(&bill);
        let (desk, lives) = hire(Policy::default(), &bill);
        for _ in 0..5 {
            crash(&desk, &to).await;
            assert!(desk.is_open());
        }
        assert_eq!(lives.get(), 6);

        for pause_secs in [1, 2, 4, 8, 16, 32, 60, 60] {
            crash(&desk, &to).await;
            assert_eq!(desk.ask(JobId(1), Count(TELL), to.clone()).unwrap_err(), AskError::Unavailable);
            assert_eq!(desk.free_seats(), 0);
            let closed = closed_for(&desk, &clock).await;
            let expected = Duration::from_secs(pause_secs);
            assert!(
                closed + Duration::from_millis(3) > expected && closed < expected + Duration::from_millis(3),
                "{closed:?}"
            );
        }
        assert_eq!(lives.get(), 14);
        assert_eq!(restarts(&bill), [(Cause::Panic, 13), (Cause::Stopped, 0)]);
        assert_eq!(bill.snapshot().actor("hand").unwrap().pauses, 8, "five restarts are free");
        assert_eq!(bill.snapshot().role(operetta_contract::Role::Llm).unwrap().refused_unavailable, 8);

        // A period without trouble, and it is trusted again.
        tokio::time::sleep(Duration::from_secs(11)).await;
        for _ in 0..5 {
            crash(&desk, &to).await;
            assert!(desk.is_open());
        }
        crash(&desk, &to).await;
        assert!(!desk.is_open());
    });
}

#[test]
fn slow_trouble_is_mended_at_once_for_ever() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, lives) = hire(Policy::default(), &bill);
        for life in 1..=200 {
            assert_eq!(lives.get(), life);
            crash(&desk, &to).await;
            assert!(desk.is_open());
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        }
    });
}

#[test]
fn a_factory_that_panics_is_a_worker_that_does() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let clock = Clock::system();
        let calls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&calls);
        let desk: Desk<Count> = Supervisor::start(Policy::default(), &bill, move || {
            counter.set(counter.get() + 1);
            assert!(counter.get() > 7, "not yet");
            Hand { life: 1, dirt: 0 }
        });
        assert!(!desk.is_open());
        idle().await;
        assert_eq!(calls.get(), 6, "the first start and five restarts");
        let closed = closed_for(&desk, &clock).await;
        assert!(
            closed >= Duration::from_millis(2_900) && closed <= Duration::from_millis(3_003),
            "1 s and 2 s: {closed:?}"
        );
        assert_eq!((calls.get(), bill.snapshot().actor("hand").unwrap().panics), (8, 7));
    });
}

#[test]
fn the_worker_ends_with_the_last_desk() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, lives) = hire(Policy::default(), &bill);
        let other = desk.clone();
        let _lease = desk.ask(JobId(1), Count(NEVER_END), to).unwrap();
        idle().await;
        drop(desk);
        idle().await;
        assert_eq!(bill.snapshot().actor("hand").unwrap().instances, 1);
        drop(other);
        idle().await;
        assert_eq!(bill.snapshot().actor("hand").unwrap().instances, 0);
        assert_eq!(lives.get(), 1);
        assert_eq!(*heard.borrow(), [(JobId(1), Counted::Lost)]);
    });
}

#[test]
fn a_desk_dropped_during_a_pause_ends_the_supervision() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, lives) = hire(Policy { restarts: 0, ..Policy::default() }, &bill);
        crash(&desk, &to).await;
        assert!(!desk.is_open());
        drop(desk);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(lives.get(), 1);
    });
}
