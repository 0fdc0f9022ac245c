//! Desk, lease and answer: what each side sees of a job.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod theatre;

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::mpsc, time::Duration};

use actix::{Actor, ActorContext, AsyncContext, Handler, Message, WrapFuture};
use operetta_contract::{JobId, Role};
use operetta_stage::{
    Answer, Ask, AskError, Desk, FeedError, Gone, JobsSnapshot, Kind, Metered, NoFeed, Playbill, Post, Told,
};
use theatre::{Count, Counted, Ear, Say, idle, listen, on_a_lane, on_a_real_lane};
use tracing::Span;

/// A worker that lays what it is asked on a table, for the test to take.
struct Clerk(Table);

type Table = Rc<RefCell<Vec<Ask<Count>>>>;

impl Kind for Clerk {
    const KIND: &'static str = "clerk";
}

impl Actor for Clerk {
    type Context = Metered<Self>;
}

impl Handler<Ask<Count>> for Clerk {
    type Result = ();

    fn handle(&mut self, ask: Ask<Count>, _: &mut Metered<Self>) {
        self.0.borrow_mut().push(ask);
    }
}

struct Leave;

impl Message for Leave {
    type Result = ();
}

impl Handler<Leave> for Clerk {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Metered<Self>) {
        ctx.terminate();
    }
}

fn desk(seats: usize, bill: &Playbill) -> (Desk<Count>, Table, actix::Addr<Clerk>) {
    let table = Table::default();
    let (clerk, _task) = Metered::run(Clerk(Rc::clone(&table)), seats + 1, bill);
    (Desk::unsupervised(clerk.clone().recipient(), seats, bill), table, clerk)
}

fn jobs(bill: &Playbill) -> JobsSnapshot {
    bill.snapshot().role(Role::Llm).unwrap().clone()
}

/// (asked, open, done, failed, cancelled, lost)
fn ends(bill: &Playbill) -> (u64, u64, u64, u64, u64, u64) {
    let jobs = jobs(bill);
    (jobs.asked, jobs.open, jobs.done, jobs.failed, jobs.cancelled, jobs.lost)
}

fn take(table: &Table) -> Ask<Count> {
    table.borrow_mut().pop().unwrap()
}

#[test]
fn a_job_is_told_piece_by_piece_and_then_done() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(2, &bill);
        let lease = desk.ask(JobId(7), Count(3), to).unwrap();
        idle().await;
        let ask = take(&table);
        assert_eq!((lease.id(), ask.answer.id(), ask.job.0), (JobId(7), JobId(7), 3));
        assert_eq!(ends(&bill), (1, 1, 0, 0, 0, 0));
        for n in 0..3 {
            ask.answer.tell(Counted::Piece(n)).await.unwrap();
            assert_eq!(heard.borrow().len() as u32, n + 1, "telling waits until the asker has handled it");
        }
        ask.answer.finish(Counted::Done);
        idle().await;
        assert_eq!(heard.borrow().last(), Some(&(JobId(7), Counted::Done)));
        assert_eq!(ends(&bill), (1, 0, 1, 0, 0, 0));
        drop(lease);
        assert_eq!(ends(&bill), (1, 0, 1, 0, 0, 0), "a lease that outlives its job cancels nothing");
    });
}

#[test]
fn failing_and_losing_are_told_and_counted_apart() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(2, &bill);
        let _first = desk.ask(JobId(1), Count(0), to.clone()).unwrap();
        let _second = desk.ask(JobId(2), Count(0), to).unwrap();
        idle().await;
        drop(take(&table));
        take(&table).answer.fail(Counted::Failed);
        idle().await;
        assert_eq!(*heard.borrow(), [(JobId(2), Counted::Lost), (JobId(1), Counted::Failed)]);
        assert_eq!(ends(&bill), (2, 0, 0, 1, 0, 1));
    });
}

#[test]
fn nothing_arrives_after_the_lease_is_dropped_not_even_what_is_in_the_mailbox() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(4, &bill);
        let told = desk.ask(JobId(1), Count(0), to.clone()).unwrap();
        let finished = desk.ask(JobId(2), Count(0), to.clone()).unwrap();
        let dropped = desk.ask(JobId(3), Count(0), to).unwrap();
        idle().await;
        let third = take(&table);
        take(&table).answer.finish(Counted::Done);
        let first = take(&table);
        let mut telling = std::pin::pin!(first.answer.tell(Counted::Piece(1)));
        tokio::select! {
            biased;
            _ = &mut telling => unreachable!("the asker has had no turn yet"),
            () = std::future::ready(()) => {}
        }
        // Both events lie in the mailbox unhandled.
        assert_eq!(bill.snapshot().actor("ear").unwrap().depth, 2);
        drop((told, finished, dropped));
        assert!(third.answer.is_cancelled());
        assert_eq!(third.answer.tell(Counted::Piece(2)).await, Err(Gone));
        drop(third);
        assert_eq!(telling.await, Err(Gone));
        idle().await;
        assert_eq!(*heard.borrow(), []);
        assert_eq!(ends(&bill), (3, 0, 1, 0, 2, 0));
        assert_eq!(bill.snapshot().actor("ear").unwrap().depth, 0);
    });
}

#[test]
fn cancellation_is_seen_by_a_waiting_worker() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let lease = desk.ask(JobId(1), Count(0), to).unwrap();
        idle().await;
        let ask = take(&table);
        let waiting = tokio::task::spawn_local(async move {
            ask.answer.cancelled().await;
            // Asked again after the fact: returns at once.
            ask.answer.cancelled().await;
        });
        idle().await;
        assert!(!waiting.is_finished());
        drop(lease);
        waiting.await.unwrap();
    });
}

#[test]
fn a_job_cancelled_before_its_turn_never_reaches_the_worker() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        drop(desk.ask(JobId(1), Count(0), to).unwrap());
        idle().await;
        assert!(table.borrow().is_empty());
        assert_eq!(desk.free_seats(), 1);
        assert_eq!(ends(&bill), (1, 0, 0, 0, 1, 0));
    });
}

#[test]
fn seats_are_the_bound_and_are_freed_with_the_answer() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(2, &bill);
        let mut leases: Vec<_> = (0..2).map(|n| desk.ask(JobId(n), Count(0), to.clone()).unwrap()).collect();
        assert_eq!(desk.ask(JobId(9), Count(0), to.clone()).unwrap_err(), AskError::Busy);
        idle().await;

        leases.pop();
        assert_eq!(desk.free_seats(), 0, "cancelled, but the worker is still at it");
        drop(take(&table));
        assert_eq!(desk.free_seats(), 1);
        take(&table).answer.finish(Counted::Done);
        assert_eq!(desk.free_seats(), 2);
        idle().await;
        assert_eq!(*heard.borrow(), [(JobId(0), Counted::Done)], "a refused job is never heard of");
        assert_eq!((jobs(&bill).asked, jobs(&bill).refused_busy), (2, 1));
    });
}

#[test]
fn a_desk_without_its_worker_is_unavailable() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, _table, clerk) = desk(2, &bill);
        clerk.post(Leave).unwrap();
        // These two are in the mailbox when it dies: one behind the other, both lost.
        let _leases: Vec<_> = (0..2).map(|n| desk.ask(JobId(n), Count(0), to.clone()).unwrap()).collect();
        idle().await;
        assert!(!desk.is_open());
        assert_eq!(desk.ask(JobId(3), Count(0), to).unwrap_err(), AskError::Unavailable);
        assert_eq!(*heard.borrow(), [(JobId(0), Counted::Lost), (JobId(1), Counted::Lost)]);
        assert_eq!((ends(&bill), jobs(&bill).refused_unavailable), ((2, 0, 0, 0, 0, 2), 1));
        assert_eq!(bill.snapshot().actor("clerk").unwrap().depth, 0);
    });
}

#[test]
fn a_worker_whose_mailbox_is_full_is_busy() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let table = Table::default();
        let (clerk, _task) = Metered::run(Clerk(Rc::clone(&table)), 1, &bill);
        let desk = Desk::unsupervised(clerk.recipient(), 8, &bill);
        let _lease = desk.ask(JobId(1), Count(0), to.clone()).unwrap();
        assert_eq!(desk.ask(JobId(2), Count(0), to).unwrap_err(), AskError::Busy);
        assert_eq!(desk.free_seats(), 7, "a refused job gives its seat back");
        idle().await;
        assert_eq!((table.borrow().len(), heard.borrow().len()), (1, 0));
        assert_eq!((ends(&bill), jobs(&bill).refused_busy), ((1, 1, 0, 0, 0, 0), 1));
    });
}

#[test]
fn an_asker_that_dies_leaves_no_job_behind() {
    /// Holds its leases, as a call does.
    struct Asker {
        _leases: Vec<operetta_stage::Lease<Count>>,
    }
    impl Kind for Asker {
        const KIND: &'static str = "asker";
    }
    impl Actor for Asker {
        type Context = Metered<Self>;
    }
    impl Handler<Told<Count>> for Asker {
        type Result = ();

        fn handle(&mut self, _: Told<Count>, _: &mut Metered<Self>) {
            panic!("on command");
        }
    }
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (desk, table, _clerk) = desk(4, &bill);
        let (asker, task) = Metered::run_with(16, &bill, |ctx| {
            let to = || ctx.address().downgrade().recipient();
            Asker { _leases: (0..3).map(|n| desk.ask(JobId(n), Count(0), to()).unwrap()).collect() }
        });
        idle().await;
        assert_eq!(take(&table).answer.tell(Counted::Piece(0)).await, Err(Gone));
        assert!(task.await.unwrap_err().is_panic());
        assert!(!asker.connected());
        assert_eq!(ends(&bill), (3, 0, 0, 0, 3, 0));
        assert_eq!(take(&table).answer.tell(Counted::Piece(0)).await, Err(Gone));
        take(&table).answer.finish(Counted::Done);
        assert_eq!(ends(&bill), (3, 0, 0, 0, 3, 0));
    });
}

#[test]
fn feed_is_bounded_and_ends_with_the_lease() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let lease = desk.ask(JobId(1), Count(0), to).unwrap();
        for n in 0..4 {
            lease.feed(n).unwrap();
        }
        assert_eq!(lease.feed(4), Err(FeedError::Full));
        idle().await;
        let mut ask = take(&table);
        assert_eq!(ask.feed.recv().await, Some(0));
        assert_eq!(ask.feed.try_recv(), Ok(1));
        lease.feed(4).unwrap();
        drop(lease);
        assert_eq!(ask.feed.recv().await, Some(2), "what was fed can still be read");
        assert_eq!((ask.feed.try_recv(), ask.feed.try_recv()), (Ok(3), Ok(4)));
        assert_eq!((ask.feed.try_recv(), ask.feed.recv().await), (Err(NoFeed::Ended), None));
    });
}

#[test]
fn feeding_a_job_that_takes_none_or_has_ended_is_refused() {
    /// Keeps nothing: answers at once.
    struct Parrot;
    impl Kind for Parrot {
        const KIND: &'static str = "parrot";
    }
    impl Actor for Parrot {
        type Context = Metered<Self>;
    }
    impl Handler<Ask<Say>> for Parrot {
        type Result = ();

        fn handle(&mut self, mut ask: Ask<Say>, _: &mut Metered<Self>) {
            assert_eq!(ask.feed.try_recv().unwrap_err(), NoFeed::Ended);
            ask.answer.finish(());
        }
    }
    struct Mute;
    impl Kind for Mute {
        const KIND: &'static str = "mute";
    }
    impl Actor for Mute {
        type Context = Metered<Self>;
    }
    impl Handler<Told<Say>> for Mute {
        type Result = ();

        fn handle(&mut self, _: Told<Say>, _: &mut Metered<Self>) {}
    }
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (parrot, _task) = Metered::run(Parrot, 4, &bill);
        let (mute, _task) = Metered::run(Mute, 4, &bill);
        let say = Desk::unsupervised(parrot.recipient(), 4, &bill);
        let _said = say.ask(JobId(1), Say, mute.downgrade().recipient()).unwrap();
        idle().await;
        assert_eq!(bill.snapshot().role(Role::Tts).unwrap().done, 1);

        let (_ear, to, _heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let lease = desk.ask(JobId(1), Count(0), to).unwrap();
        idle().await;
        take(&table).answer.finish(Counted::Done);
        assert_eq!(lease.feed(1), Err(FeedError::Closed));
    });
}

#[test]
fn a_thread_may_tell_and_finish() {
    let (give, take_it) = mpsc::channel();
    on_a_real_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let lease = desk.ask(JobId(1), Count(0), to).unwrap();
        while table.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        let mut ask = take(&table);
        let thread = tokio::task::spawn_blocking(move || {
            let mut sum = 0;
            while let Some(n) = ask.feed.blocking_recv() {
                sum += n;
                if ask.answer.tell_blocking(Counted::Piece(sum)).is_err() {
                    break;
                }
                if sum == 6 {
                    ask.answer.finish(Counted::Done);
                    give.send(sum).unwrap();
                    break;
                }
            }
        });
        for n in 1..=3 {
            lease.feed(n).unwrap();
        }
        thread.await.unwrap();
        while heard.borrow().len() < 4 {
            tokio::task::yield_now().await;
        }
        let events: Vec<_> = heard.borrow().iter().map(|(_, event)| *event).collect();
        assert_eq!(events, [Counted::Piece(1), Counted::Piece(3), Counted::Piece(6), Counted::Done]);
        let seen = bill.snapshot();
        let ear = seen.actor("ear").unwrap();
        assert_eq!((ear.handled, ear.depth, ear.dropped), (4, 0, 0));
    });
    assert_eq!(take_it.recv(), Ok(6));
}

#[test]
fn a_thread_that_tells_is_released_by_cancellation() {
    on_a_real_lane(async {
        let bill = Playbill::new("main");
        let (desk, table, _clerk) = desk(1, &bill);
        // An asker that hears nothing, because it waits for something else for ever.
        let (ear, _task) = Metered::run(Ear(Rc::default()), 16, &bill);
        let deaf = Metered::run_with(16, &bill, |ctx: &mut Metered<Ear>| {
            let ear = Ear(Rc::default());
            ctx.wait(std::future::pending::<()>().into_actor(&ear));
            ear
        });
        drop(ear);
        let lease = desk.ask(JobId(1), Count(0), deaf.0.downgrade().recipient()).unwrap();
        while table.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        let ask = take(&table);
        let thread = tokio::task::spawn_blocking(move || ask.answer.tell_blocking(Counted::Piece(1)));
        while bill.snapshot().actor("ear").unwrap().depth == 0 {
            tokio::task::yield_now().await;
        }
        drop(lease);
        assert_eq!(thread.await.unwrap(), Err(Gone));
        assert_eq!(desk.free_seats(), 1);
    });
}

#[test]
fn finishing_races_cancelling_and_each_job_still_ends_once() {
    on_a_real_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let (give, answers) = mpsc::channel::<Answer<Count>>();
        let finisher = std::thread::spawn(move || {
            for answer in answers {
                answer.finish(Counted::Done);
            }
        });
        for n in 0..2_000 {
            let lease = desk.ask(JobId(n), Count(0), to.clone()).unwrap();
            while table.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            give.send(take(&table).answer).unwrap();
            if n % 2 == 0 {
                tokio::task::yield_now().await;
            }
            drop(lease);
            while desk.free_seats() == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(give);
        finisher.join().unwrap();
        let (asked, open, done, failed, cancelled, lost) = ends(&bill);
        assert_eq!((asked, open, failed, lost, done + cancelled), (2_000, 0, 0, 0, 2_000));
        let mut times: HashMap<JobId, u32> = HashMap::new();
        for (id, _) in heard.borrow().iter() {
            *times.entry(*id).or_default() += 1;
        }
        assert!(times.values().all(|times| *times == 1) && times.len() as u64 <= done);
    });
}

#[test]
fn one_event_at_a_time_even_if_two_futures_tell() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let _lease = desk.ask(JobId(1), Count(0), to).unwrap();
        idle().await;
        let ask = take(&table);
        let (first, second) = tokio::join!(ask.answer.tell(Counted::Piece(1)), ask.answer.tell(Counted::Piece(2)));
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert_eq!(heard.borrow().len(), 2);
        assert_eq!(bill.snapshot().actor("ear").unwrap().deepest, 1);
    });
}

#[test]
fn a_telling_that_is_given_up_takes_its_event_back() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let _lease = desk.ask(JobId(1), Count(0), to).unwrap();
        idle().await;
        let ask = take(&table);
        assert!(tokio::time::timeout(Duration::ZERO, ask.answer.tell(Counted::Piece(1))).await.is_err());
        ask.answer.finish(Counted::Done);
        idle().await;
        assert_eq!(*heard.borrow(), [(JobId(1), Counted::Done)]);
    });
}

#[test]
fn the_span_of_the_asker_comes_back_from_any_thread() {
    /// Notes in which span it hears.
    struct Historian(Rc<RefCell<Vec<Option<tracing::span::Id>>>>);
    impl Kind for Historian {
        const KIND: &'static str = "historian";
    }
    impl Actor for Historian {
        type Context = Metered<Self>;
    }
    impl Handler<Told<Count>> for Historian {
        type Result = ();

        fn handle(&mut self, _: Told<Count>, _: &mut Metered<Self>) {
            self.0.borrow_mut().push(Span::current().id());
        }
    }
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    on_a_lane(async {
        let bill = Playbill::new("main");
        let spans = Rc::default();
        let (historian, _task) = Metered::run(Historian(Rc::clone(&spans)), 16, &bill);
        let (desk, table, _clerk) = desk(2, &bill);
        let call = tracing::info_span!("call");
        let to = || historian.downgrade().recipient();
        let _lease = call.in_scope(|| desk.ask(JobId(1), Count(0), to())).unwrap();
        idle().await;
        let ask = take(&table);
        assert_eq!(ask.answer.span().id(), call.id());
        ask.answer.tell(Counted::Piece(1)).await.unwrap();
        std::thread::spawn(move || ask.answer.finish(Counted::Done)).join().unwrap();
        idle().await;
        assert!(call.id().is_some());
        assert_eq!(*spans.borrow(), [call.id(), call.id()]);
    });
}

#[test]
fn the_halves_of_a_job_may_change_threads() {
    fn may_move<T: Send>(_: &T) {}
    fn may_be_shared<T: Sync>(_: &T) {}
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (_ear, to, _heard) = listen(&bill);
        let (desk, table, _clerk) = desk(1, &bill);
        let lease = desk.ask(JobId(1), Count(0), to).unwrap();
        idle().await;
        let mut ask = take(&table);
        may_move(&lease);
        may_move(&ask);
        may_be_shared(&ask.answer);
        may_move(&ask.feed.recv());
        may_move(&ask.answer.cancelled());
        may_move(&ask.answer.tell(Counted::Done));
    });
}
