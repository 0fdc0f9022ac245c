//! What the tests of this crate share: a lane in paused time, a job, an asker that writes down what it hears.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::{cell::RefCell, future::Future, rc::Rc, time::Duration};

use actix::{Actor, Addr, Handler, WeakRecipient};
use operetta_contract::{Job, JobId, Role};
use operetta_stage::{Kind, Metered, Playbill, Told};

/// Runs a test body as a lane would: one thread, local tasks, but with time that moves only when everyone is idle.
pub(crate) fn on_a_lane<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, body)
}

/// As [`on_a_lane`], in real time: for tests with plain threads.
pub(crate) fn on_a_real_lane<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, body)
}

/// Returns when nobody on the lane has anything left to do: paused time moves only then.
pub(crate) async fn idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A job that counts. It takes numbers as feed.
#[derive(Debug)]
pub(crate) struct Count(pub(crate) u32);

/// What a counting job says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Piece(u32),
    Done,
    Failed,
    Lost,
}

impl Counted {
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Piece(_))
    }
}

impl Job for Count {
    type Event = Counted;
    type Feed = u32;
    const ROLE: Role = Role::Llm;
    const FEED_BOUND: usize = 4;

    fn lost() -> Counted {
        Counted::Lost
    }
}

/// A job that takes no feed.
#[derive(Debug)]
pub(crate) struct Say;

impl Job for Say {
    type Event = ();
    type Feed = operetta_contract::Nothing;
    const ROLE: Role = Role::Tts;
    const FEED_BOUND: usize = 0;

    fn lost() {}
}

/// What an asker heard, in order.
pub(crate) type Heard = Rc<RefCell<Vec<(JobId, Counted)>>>;

/// An asker that writes down what it hears.
pub(crate) struct Ear(pub(crate) Heard);

impl Kind for Ear {
    const KIND: &'static str = "ear";
}

impl Actor for Ear {
    type Context = Metered<Self>;
}

impl Handler<Told<Count>> for Ear {
    type Result = ();

    fn handle(&mut self, told: Told<Count>, _: &mut Metered<Self>) {
        self.0.borrow_mut().push((told.id, told.event));
    }
}

/// Starts an ear: its address (which keeps it alive), the weak one to ask with, and what it hears.
pub(crate) fn listen(bill: &Playbill) -> (Addr<Ear>, WeakRecipient<Told<Count>>, Heard) {
    let heard = Heard::default();
    let (ear, _task) = Metered::run(Ear(Rc::clone(&heard)), 16, bill);
    let weak = ear.downgrade().recipient();
    (ear, weak, heard)
}
