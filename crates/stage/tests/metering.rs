//! The figures: what `Metered` counts and when.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod theatre;

use std::{cell::RefCell, rc::Rc, time::Duration};

use actix::{Actor, ActorContext, AsyncContext, Handler, Message, WrapFuture, prelude::SendError};
use operetta_stage::{FAST_BOUNDS_SECONDS, Kind, Metered, Playbill, Post, lag};
use theatre::{idle, on_a_lane, on_a_real_lane};
use tracing::Span;

/// Does as it is told.
#[derive(Default)]
struct Puppet {
    spans: Rc<RefCell<Vec<Option<tracing::span::Id>>>>,
}

impl Kind for Puppet {
    const KIND: &'static str = "puppet";
}

impl Actor for Puppet {
    type Context = Metered<Self>;
}

#[derive(Clone, Copy)]
enum Do {
    Nothing,
    /// Hear nothing for so long.
    Sleep(Duration),
    /// Hold the thread for so long.
    Block(Duration),
    Terminate,
    Panic,
    NoteSpan,
}

impl Message for Do {
    type Result = ();
}

impl Handler<Do> for Puppet {
    type Result = ();

    fn handle(&mut self, what: Do, ctx: &mut Metered<Self>) {
        match what {
            Do::Nothing => {}
            Do::Sleep(time) => ctx.wait(tokio::time::sleep(time).into_actor(self)),
            Do::Block(time) => std::thread::sleep(time),
            Do::Terminate => ctx.terminate(),
            Do::Panic => panic!("on command"),
            Do::NoteSpan => self.spans.borrow_mut().push(Span::current().id()),
        }
    }
}

fn puppet(bill: &Playbill) -> actix::Addr<Puppet> {
    Metered::run(Puppet::default(), 16, bill).0
}

#[test]
fn depth_counts_what_is_posted_and_not_yet_handled() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        for posted in 1..=5 {
            puppet.post(Do::Nothing).unwrap();
            assert_eq!(bill.snapshot().actor("puppet").unwrap().depth, posted);
        }
        idle().await;
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.depth, seen.handled, seen.dropped, seen.deepest), (0, 5, 0, 5));
        assert_eq!((seen.instances, seen.wait.count()), (1, 5));
        assert_eq!(seen.messages.len(), 1);
        assert_eq!(seen.messages[0].message, "Do");
        assert_eq!(bill.snapshot().actor("puppet").unwrap().deepest, 0, "deepest is that since the last snapshot");
    });
}

#[test]
fn depth_returns_to_zero_when_a_mailbox_dies_with_letters_in_it() {
    for death in [Do::Terminate, Do::Panic] {
        on_a_lane(async {
            let bill = Playbill::new("main");
            let puppet = puppet(&bill);
            puppet.post(death).unwrap();
            for _ in 0..7 {
                puppet.post(Do::Nothing).unwrap();
            }
            assert_eq!(bill.snapshot().actor("puppet").unwrap().depth, 8);
            idle().await;
            let seen = bill.snapshot();
            let seen = seen.actor("puppet").unwrap();
            assert_eq!((seen.depth, seen.dropped, seen.instances), (0, 7, 0));
        });
    }
}

#[test]
fn waiting_is_measured_from_posted_to_handled() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        puppet.post(Do::Sleep(Duration::from_millis(40))).unwrap();
        puppet.post(Do::Nothing).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let wait = &bill.snapshot().actor("puppet").unwrap().wait.clone();
        let bucket = FAST_BOUNDS_SECONDS.iter().position(|bound| *bound > 0.04).unwrap();
        assert_eq!((wait.counts[0], wait.counts[bucket]), (1, 1));
        assert!(wait.sum >= Duration::from_millis(40) && wait.sum < Duration::from_millis(42));
    });
}

#[test]
fn handling_time_is_that_of_the_handler() {
    on_a_real_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        puppet.send(Do::Block(Duration::from_millis(11))).await.unwrap();
        let seen = bill.snapshot();
        let handle = &seen.actor("puppet").unwrap().messages[0].handle;
        assert_eq!(handle.count(), 1);
        assert!(handle.sum >= Duration::from_millis(11));
    });
}

#[test]
fn a_panic_is_counted_and_told_by_the_handle() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (puppet, task) = Metered::run(Puppet::default(), 16, &bill);
        puppet.post(Do::Panic).unwrap();
        assert!(task.await.unwrap_err().is_panic());
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.panics, seen.instances, seen.handled), (1, 0, 0));
        assert_eq!(seen.running_since, None);
    });
}

#[test]
fn refusals_are_counted_by_reason() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let (puppet, _task) = Metered::run(Puppet::default(), 2, &bill);
        let full = (0..5).filter(|_| matches!(puppet.post(Do::Nothing), Err(SendError::Full(_)))).count();
        assert_eq!(full, 3);
        idle().await;
        puppet.post(Do::Terminate).unwrap();
        idle().await;
        assert!(matches!(puppet.post(Do::Nothing), Err(SendError::Closed(_))));
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.refused_full, seen.refused_closed, seen.handled), (3, 1, 3));
    });
}

#[test]
fn a_letter_that_nobody_waits_for_is_dropped_and_counted() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        drop(puppet.send(Do::Panic));
        idle().await;
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.depth, seen.dropped, seen.panics), (0, 1, 0));
    });
}

#[test]
fn types_of_one_kind_share_their_figures() {
    struct Marionette;
    impl Kind for Marionette {
        const KIND: &'static str = "puppet";
    }
    impl Actor for Marionette {
        type Context = Metered<Self>;
    }
    on_a_lane(async {
        let bill = Playbill::new("main");
        let _puppet = puppet(&bill);
        let (_marionette, _task) = Metered::run(Marionette, 16, &bill);
        let seen = bill.snapshot();
        assert_eq!(seen.actors.len(), 1);
        assert_eq!(seen.actors[0].instances, 2);
    });
}

#[test]
fn lanes_are_counted_apart_even_on_one_thread() {
    on_a_lane(async {
        let (left, right) = (Playbill::new("w0"), Playbill::new("w1"));
        let (of_left, of_right) = (puppet(&left), puppet(&right));
        of_left.send(Do::Nothing).await.unwrap();
        of_right.send(Do::Nothing).await.unwrap();
        of_right.send(Do::Nothing).await.unwrap();
        for (bill, handled) in [(&left, 1), (&right, 2)] {
            let seen = bill.snapshot();
            assert_eq!((seen.actor("puppet").unwrap().handled, seen.actor("puppet").unwrap().depth), (handled, 0));
        }
    });
}

#[test]
fn a_snapshot_may_be_taken_by_another_thread() {
    on_a_lane(async {
        let bill = Playbill::new("w7");
        let puppet = puppet(&bill);
        puppet.send(Do::Nothing).await.unwrap();
        let seen = std::thread::spawn(move || bill.snapshot()).join().unwrap();
        assert_eq!((seen.lane.as_str(), seen.actor("puppet").unwrap().handled), ("w7", 1));
    });
}

#[test]
fn a_letter_from_a_thread_without_a_lane_is_handled_and_never_distorts_the_depth() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        let stranger = puppet.clone();
        std::thread::spawn(move || stranger.post(Do::Nothing).unwrap()).join().unwrap();
        idle().await;
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.depth, seen.handled), (0, 1));
    });
}

#[test]
fn the_span_of_the_caller_goes_along() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    on_a_lane(async {
        let bill = Playbill::new("main");
        let spans = Rc::default();
        let (puppet, _task) = Metered::run(Puppet { spans: Rc::clone(&spans) }, 16, &bill);
        let (first, second) = (tracing::info_span!("call", n = 1), tracing::info_span!("call", n = 2));
        first.in_scope(|| puppet.post(Do::NoteSpan).unwrap());
        second.in_scope(|| puppet.post(Do::NoteSpan).unwrap());
        puppet.post(Do::NoteSpan).unwrap();
        idle().await;
        assert!(first.id().is_some());
        assert_eq!(*spans.borrow(), [first.id(), second.id(), None]);
    });
}

#[test]
fn lag_is_how_late_a_timer_fires() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let _watch = lag::watch(&bill);
        tokio::time::sleep(Duration::from_millis(350)).await;
        let quiet = bill.snapshot().lag;
        assert_eq!(quiet.count(), 3);
        assert!(quiet.sum <= Duration::from_millis(3), "an idle loop is on time: {quiet:?}");

        // Somebody holds the thread for 400 ms: the timer that was due at 400 ms fires at 750 ms.
        tokio::time::advance(Duration::from_millis(400)).await;
        tokio::task::yield_now().await;
        let stalled = bill.snapshot().lag;
        assert_eq!(stalled.count(), 4, "one late firing, not a burst");
        assert_eq!(stalled.counts[13] + stalled.counts[12], 1, "over 250 ms: {stalled:?}");
    });
}

#[test]
fn the_watch_ends_with_its_guard_and_the_loop_is_seen_working() {
    on_a_real_lane(async {
        let bill = Playbill::new("main");
        let watch = lag::watch(&bill);
        let puppet = puppet(&bill);
        puppet.send(Do::Block(Duration::from_millis(20))).await.unwrap();
        // Busy time is booked when the loop goes to sleep.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(bill.snapshot().busy >= Duration::from_millis(20));
        drop(watch);
    });
    on_a_lane(async {
        let bill = Playbill::new("main");
        drop(lag::watch(&bill));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(bill.snapshot().lag.count(), 0);
    });
}

/// One type for each `N`.
struct Numbered<const N: usize>;

impl<const N: usize> Message for Numbered<N> {
    type Result = ();
}

impl<const N: usize> Handler<Numbered<N>> for Puppet {
    type Result = ();

    fn handle(&mut self, _: Numbered<N>, _: &mut Metered<Self>) {}
}

impl<const N: usize> Kind for Numbered<N> {
    const KIND: &'static str = "numbered";
}

impl<const N: usize> Actor for Numbered<N> {
    type Context = Metered<Self>;
}

macro_rules! for_each_number {
    ($each:ident: $($n:literal)*) => { $( $each!($n); )* };
}

#[test]
fn message_types_beyond_sixteen_share_one_line() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let puppet = puppet(&bill);
        macro_rules! send {
            ($n:literal) => {
                puppet.send(Numbered::<$n>).await.unwrap()
            };
        }
        for_each_number!(send: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18);
        let seen = bill.snapshot();
        let seen = seen.actor("puppet").unwrap();
        assert_eq!((seen.messages.len(), seen.handled), (17, 19));
        assert_eq!((seen.messages[3].message.as_str(), seen.messages[3].handle.count()), ("Numbered<3>", 1));
        assert_eq!((seen.messages[16].message.as_str(), seen.messages[16].handle.count()), ("other", 3));
    });
}

#[test]
fn actor_types_beyond_thirty_two_share_one_kind() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let mut addresses: Vec<Box<dyn std::any::Any>> = Vec::new();
        macro_rules! run {
            ($n:literal) => {
                addresses.push(Box::new(Metered::run(Numbered::<$n>, 1, &bill).0))
            };
        }
        for_each_number!(run: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33);
        let seen = bill.snapshot();
        let kinds: Vec<_> = seen.actors.iter().map(|actor| (actor.kind, actor.instances)).collect();
        assert_eq!(kinds, [("numbered", 32), ("other", 2)]);
    });
}
