//! What actix 0.13 really does, where this crate relies on it (STYLE.md, section 4). If an update changes one of these, the
//! test that falls says which promise of ours has to be thought through again.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod theatre;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, AsyncContext, Context, Handler, Message, StreamHandler, Supervised, WrapFuture,
    prelude::SendError,
};
use operetta_stage::{Kind, Metered, Playbill};
use theatre::{idle, on_a_lane};
use tokio::time::timeout;

struct Number(u32);

impl Message for Number {
    type Result = ();
}

/// Keeps what it is told; its mailbox holds four.
#[derive(Default)]
struct Shelf(Rc<RefCell<Vec<u32>>>);

impl Actor for Shelf {
    type Context = Context<Self>;
}

impl Handler<Number> for Shelf {
    type Result = ();

    fn handle(&mut self, number: Number, _: &mut Self::Context) {
        self.0.borrow_mut().push(number.0);
    }
}

fn shelf(bound: usize) -> (actix::Addr<Shelf>, Rc<RefCell<Vec<u32>>>) {
    let kept = Rc::default();
    let shelf = Shelf(Rc::clone(&kept));
    let addr = Shelf::create(|ctx| {
        ctx.set_mailbox_capacity(bound);
        shelf
    });
    (addr, kept)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "to show what it does")]
fn do_send_ignores_the_bound_of_a_mailbox() {
    on_a_lane(async {
        let (addr, kept) = shelf(4);
        let accepted = (0..100).filter(|n| addr.try_send(Number(*n)).is_ok()).count();
        assert_eq!(accepted, 4);
        for n in 0..10_000 {
            addr.do_send(Number(n));
        }
        idle().await;
        assert_eq!(kept.borrow().len(), 10_004);
    });
}

#[test]
fn every_clone_of_an_address_has_one_slot_more() {
    on_a_lane(async {
        let (addr, kept) = shelf(1);
        assert!(addr.try_send(Number(0)).is_ok());
        assert!(matches!(addr.try_send(Number(0)), Err(SendError::Full(_))));
        for n in 0..50 {
            // So a fresh recipient can always send once: `Answer` sends each event through one.
            let weak: actix::WeakRecipient<Number> = addr.downgrade().recipient();
            assert!(weak.upgrade().unwrap().try_send(Number(n)).is_ok());
        }
        idle().await;
        assert_eq!(kept.borrow().len(), 51);
    });
}

#[test]
fn a_send_to_a_full_mailbox_goes_in_by_the_slot_of_its_own_clone() {
    on_a_lane(async {
        let (addr, kept) = shelf(1);
        let requests: Vec<_> = (0..100).map(|n| addr.send(Number(n))).collect();
        for request in requests {
            // Nobody wakes a request that found the mailbox full; it holds a clone of the address, and that has a slot.
            assert!(timeout(Duration::from_hours(1), request).await.unwrap().is_ok());
        }
        assert_eq!(kept.borrow().len(), 100);
    });
}

#[test]
fn notify_ignores_the_bound_too() {
    struct Selfish(Rc<Cell<u32>>);
    impl Actor for Selfish {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.set_mailbox_capacity(1);
            for n in 0..100 {
                ctx.notify(Number(n));
            }
        }
    }
    impl Handler<Number> for Selfish {
        type Result = ();

        fn handle(&mut self, _: Number, _: &mut Context<Self>) {
            self.0.set(self.0.get() + 1);
        }
    }
    on_a_lane(async {
        let seen = Rc::new(Cell::new(0));
        let _selfish = Selfish(Rc::clone(&seen)).start();
        idle().await;
        assert_eq!(seen.get(), 100);
    });
}

#[test]
fn a_message_is_cancelled_with_its_request() {
    on_a_lane(async {
        let (addr, kept) = shelf(4);
        drop(addr.send(Number(1)));
        assert!(addr.send(Number(2)).await.is_ok());
        assert_eq!(*kept.borrow(), [2]);
    });
}

/// Grows at every life, dies on command.
struct Patient {
    lives: Rc<Cell<u32>>,
    dirt: Rc<RefCell<Vec<u32>>>,
    mine: u32,
}

enum Die {
    Stopping,
    Panicking,
}

impl Message for Die {
    type Result = ();
}

impl Actor for Patient {
    type Context = Context<Self>;
}

impl Supervised for Patient {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.lives.set(self.lives.get() + 1);
        self.dirt.borrow_mut().push(self.mine);
    }
}

impl Handler<Die> for Patient {
    type Result = ();

    fn handle(&mut self, how: Die, ctx: &mut Context<Self>) {
        self.mine += 1;
        match how {
            Die::Stopping => ctx.stop(),
            Die::Panicking => panic!("on command"),
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "to show what it does")]
fn the_supervisor_of_actix_restarts_the_same_dirty_struct_without_a_limit_and_lets_panics_die() {
    on_a_lane(async {
        let (lives, dirt) = (Rc::new(Cell::new(0)), Rc::<RefCell<Vec<u32>>>::default());
        let patient = Patient { lives: Rc::clone(&lives), dirt: Rc::clone(&dirt), mine: 0 };
        let addr = actix::Supervisor::start(move |_| patient);
        for _ in 0..1_000 {
            addr.do_send(Die::Stopping);
        }
        idle().await;
        assert_eq!(lives.get(), 1_000, "no limit");
        assert_eq!(dirt.borrow().last(), Some(&1_000), "the same struct throughout");

        addr.do_send(Die::Panicking);
        idle().await;
        assert_eq!(lives.get(), 1_000);
        assert!(!addr.connected(), "dead for good");
    });
}

#[test]
fn stopped_runs_while_a_panic_unwinds() {
    struct Mortal(Rc<Cell<Option<bool>>>);
    impl Kind for Mortal {
        const KIND: &'static str = "mortal";
    }
    impl Actor for Mortal {
        type Context = Metered<Self>;

        fn stopped(&mut self, _: &mut Metered<Self>) {
            self.0.set(Some(std::thread::panicking()));
        }
    }
    impl Handler<Number> for Mortal {
        type Result = ();

        fn handle(&mut self, _: Number, _: &mut Metered<Self>) {
            panic!("on command");
        }
    }
    on_a_lane(async {
        let seen = Rc::new(Cell::new(None));
        let (addr, task) = Metered::run(Mortal(Rc::clone(&seen)), 4, &Playbill::new("main"));
        assert!(addr.send(Number(0)).await.is_err());
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(seen.get(), Some(true), "a panic in there would abort the process: clean up in Drop guards instead");
    });
}

/// Takes control messages by mailbox and media by stream, and writes down which came.
struct Stage {
    seen: Rc<RefCell<Vec<Seen>>>,
    stay: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Control,
    Media,
}

impl Kind for Stage {
    const KIND: &'static str = "stage";
}

impl Actor for Stage {
    type Context = Metered<Self>;
}

impl Handler<Number> for Stage {
    type Result = ();

    fn handle(&mut self, _: Number, _: &mut Metered<Self>) {
        self.seen.borrow_mut().push(Seen::Control);
    }
}

impl StreamHandler<u8> for Stage {
    fn handle(&mut self, _: u8, ctx: &mut Metered<Self>) {
        let mut seen = self.seen.borrow_mut();
        if seen.is_empty() {
            // Control arrives while a long queue of media is being worked off.
            assert!(ctx.address().try_send(Number(0)).is_ok());
        }
        seen.push(Seen::Media);
    }

    fn finished(&mut self, ctx: &mut Metered<Self>) {
        if !self.stay {
            ctx.stop();
        }
    }
}

#[test]
fn control_overtakes_media_after_sixteen_items() {
    on_a_lane(async {
        let seen = Rc::<RefCell<Vec<Seen>>>::default();
        let stage = Stage { seen: Rc::clone(&seen), stay: true };
        let (_addr, _task) = Metered::run_with(16, &Playbill::new("main"), |ctx| {
            ctx.add_stream(tokio_stream::iter([0_u8; 100]));
            stage
        });
        idle().await;
        let seen = seen.borrow();
        assert_eq!(seen.len(), 101);
        assert_eq!(seen.iter().position(|one| *one == Seen::Control), Some(16));
    });
}

#[test]
fn the_mailbox_is_polled_before_streams() {
    on_a_lane(async {
        let seen = Rc::<RefCell<Vec<Seen>>>::default();
        let stage = Stage { seen: Rc::clone(&seen), stay: true };
        let (addr, _task) = Metered::run_with(16, &Playbill::new("main"), |ctx| {
            ctx.add_stream(tokio_stream::iter([0_u8; 3]));
            stage
        });
        assert!(addr.try_send(Number(0)).is_ok());
        idle().await;
        assert_eq!(seen.borrow()[0], Seen::Control, "although the stream was added first");
    });
}

#[test]
fn the_end_of_a_stream_stops_the_actor_unless_finished_is_written() {
    struct Careless;
    impl Actor for Careless {
        type Context = Context<Self>;
    }
    impl StreamHandler<u8> for Careless {
        fn handle(&mut self, _: u8, _: &mut Context<Self>) {}
    }
    on_a_lane(async {
        let careless = Careless::create(|ctx| {
            ctx.add_stream(tokio_stream::iter([0_u8; 3]));
            Careless
        });
        let stage = Stage { seen: Rc::default(), stay: true };
        let (careful, _task) = Metered::run_with(16, &Playbill::new("main"), |ctx| {
            ctx.add_stream(tokio_stream::iter([0_u8; 3]));
            stage
        });
        idle().await;
        assert!(!careless.connected());
        assert!(careful.connected());
    });
}

#[test]
fn an_actor_without_addresses_lives_as_long_as_its_futures() {
    on_a_lane(async {
        let bill = Playbill::new("main");
        let stage = Stage { seen: Rc::default(), stay: true };
        let (addr, task) = Metered::run_with(16, &bill, |ctx| {
            ctx.spawn(tokio::time::sleep(Duration::from_secs(3)).into_actor(&stage));
            stage
        });
        drop(addr);
        assert!(timeout(Duration::from_secs(2), task).await.is_err(), "hence a desk aborts its worker's task");
        idle().await;
        assert_eq!(bill.snapshot().actor("stage").unwrap().instances, 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(bill.snapshot().actor("stage").unwrap().instances, 0);
    });
}
