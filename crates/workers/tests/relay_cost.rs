//! What a relay costs: the time that it adds to an event on its way from provider to asker.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::{cell::Cell, rc::Rc, time::Duration};

use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{JobId, Speech, Synthesize};
use operetta_stage::{Ask, Clock, Desk, Kind, Metered, Playbill, Supervisor, Told};
use operetta_workers::{
    account::{Account, AccountConfig},
    relay::{Relay, RelayConfig, Rung, Times},
};
use relay_theatre::{SPRY, synthesize};
use tokio::sync::Notify;

const JOBS: usize = 100;
const EVENTS: usize = 200;

/// Speaks as fast as it is listened to.
struct Fast;

impl Kind for Fast {
    const KIND: &'static str = "fast";
}

impl Actor for Fast {
    type Context = Metered<Self>;
}

impl Handler<Ask<Synthesize>> for Fast {
    type Result = ();

    fn handle(&mut self, ask: Ask<Synthesize>, ctx: &mut Metered<Self>) {
        let speaking = async move {
            let audio = std::sync::Arc::from([0_u8; 160]);
            for _ in 0..EVENTS {
                if ask.answer.tell(Speech::Audio(std::sync::Arc::clone(&audio))).await.is_err() {
                    return;
                }
            }
            ask.answer.finish(Speech::Done);
        };
        ctx.spawn(speaking.into_actor(self));
    }
}

/// Counts what it hears.
struct Counter {
    heard: Rc<Cell<usize>>,
    done: Rc<Notify>,
}

impl Kind for Counter {
    const KIND: &'static str = "counter";
}

impl Actor for Counter {
    type Context = Metered<Self>;
}

impl Handler<Told<Synthesize>> for Counter {
    type Result = ();

    fn handle(&mut self, _: Told<Synthesize>, _: &mut Metered<Self>) {
        self.heard.set(self.heard.get() + 1);
        if self.heard.get() == JOBS * (EVENTS + 1) {
            self.done.notify_one();
        }
    }
}

/// Asks for all jobs, one worker each as with sockets of their own, and hears them to their ends.
async fn hear(desks: &[Desk<Synthesize>], bill: &Playbill) -> Duration {
    let clock = Clock::system();
    let (heard, done) = (Rc::default(), Rc::new(Notify::new()));
    let (counter, _task) = Metered::run(Counter { heard, done: Rc::clone(&done) }, 16, bill);
    let to = counter.downgrade().recipient();
    let ask = |id: usize| desks[id % desks.len()].ask(JobId(id as u32), synthesize(), to.clone()).unwrap();
    let _leases: Vec<_> = (0..JOBS).map(ask).collect();
    done.notified().await;
    clock.now()
}

#[test]
fn a_relay_adds_microseconds_to_an_event() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let bill = Playbill::new("main");
        let direct: Vec<_> = (0..JOBS).map(|_| Supervisor::start(SPRY, &bill, || Fast)).collect();
        let relayed: Vec<_> = direct
            .iter()
            .map(|desk| Rung {
                provider: "fast".into(),
                identity: "fast".into(),
                voice: None,
                desk: desk.clone(),
                account: Account::new("fast", AccountConfig::default(), Clock::system()),
                times: Times {
                    first: Duration::from_mins(1),
                    gap: Duration::from_mins(1),
                    flush: Duration::from_mins(1),
                },
            })
            .map(|rung| {
                let relay = move || {
                    Relay::new(vec![rung.clone()], RelayConfig { total: Duration::from_mins(1), ..Default::default() })
                };
                Supervisor::start(SPRY, &bill, relay)
            })
            .collect();
        let through_one = [relayed[0].clone()];
        let mut took = Vec::new();
        for desks in [&direct[..], &relayed, &through_one] {
            hear(desks, &bill).await;
            took.push(hear(desks, &bill).await / (JOBS * EVENTS) as u32);
        }
        println!(
            "an event takes {:?} straight, {:?} through a relay each, {:?} through one relay and one worker",
            took[0], took[1], took[2]
        );
        // In real time and without optimisation: the bound is for mistakes of another order.
        assert!(took[1] < Duration::from_millis(1), "{took:?}");
    });
}
