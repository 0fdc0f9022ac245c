//! What measuring costs: the same messages through actix's own context and through ours, and a whole job.
//!
//! `cargo run --release -p operetta-stage --example stage_cost`
#![expect(clippy::print_stdout, reason = "an example that prints")]

use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WrapFuture, dev::ToEnvelope};
use operetta_contract::{Job, JobId, Nothing, Role};
use operetta_stage::{Ask, Clock, Desk, Kind, Metered, Playbill, Told};

const BATCH: u32 = 1_000;
const BATCHES: u32 = 500;

struct Tick;

impl Message for Tick {
    type Result = ();
}

struct Plain(u64);

impl Actor for Plain {
    type Context = Context<Self>;
}

impl Handler<Tick> for Plain {
    type Result = ();

    fn handle(&mut self, _: Tick, _: &mut Context<Self>) {
        self.0 += 1;
    }
}

struct Measured(u64);

impl Kind for Measured {
    const KIND: &'static str = "measured";
}

impl Actor for Measured {
    type Context = Metered<Self>;
}

impl Handler<Tick> for Measured {
    type Result = ();

    fn handle(&mut self, _: Tick, _: &mut Metered<Self>) {
        self.0 += 1;
    }
}

/// Time per message, best of `rounds`, posting in batches so that neither side waits for the other.
async fn per_message<A>(addr: &Addr<A>, clock: &Clock) -> Duration
where
    A: Actor + Handler<Tick>,
    A::Context: ToEnvelope<A, Tick>,
{
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let from = clock.now();
        for _ in 0..BATCHES {
            for _ in 0..BATCH {
                assert!(addr.try_send(Tick).is_ok(), "the mailbox holds a batch");
            }
            tokio::task::yield_now().await;
        }
        best = best.min(clock.now().saturating_sub(from) / (BATCH * BATCHES));
    }
    best
}

/// A job of three events.
struct Three;

impl Job for Three {
    type Event = ();
    type Feed = Nothing;
    const ROLE: Role = Role::Tts;
    const FEED_BOUND: usize = 0;

    fn lost() {}
}

impl Handler<Ask<Three>> for Measured {
    type Result = ();

    fn handle(&mut self, ask: Ask<Three>, ctx: &mut Metered<Self>) {
        let work = async move {
            for _ in 0..2 {
                if ask.answer.tell(()).await.is_err() {
                    return;
                }
            }
            ask.answer.finish(());
        };
        ctx.spawn(work.into_actor(self));
    }
}

impl Handler<Told<Three>> for Measured {
    type Result = ();

    fn handle(&mut self, _: Told<Three>, _: &mut Metered<Self>) {
        self.0 += 1;
    }
}

fn main() {
    actix::System::new().block_on(async {
        let bill = Playbill::new("main");
        let clock = Clock::system();
        let plain = Plain::create(|ctx| {
            ctx.set_mailbox_capacity(2 * BATCH as usize);
            Plain(0)
        });
        let (measured, _task) = Metered::run(Measured(0), 2 * BATCH as usize, &bill);
        let bare = per_message(&plain, &clock).await;
        let ours = per_message(&measured, &clock).await;
        println!("a message through actix::Context   {:>5} ns", bare.as_nanos());
        println!("a message through stage::Metered   {:>5} ns", ours.as_nanos());
        println!("measuring costs                    {:>5} ns", ours.saturating_sub(bare).as_nanos());

        let (asker, _task) = Metered::run(Measured(0), 64, &bill);
        let desk = Desk::unsupervised(measured.recipient(), 1, &bill);
        let from = clock.now();
        for n in 0..BATCHES * 100 {
            let Ok(lease) = desk.ask(JobId(n), Three, asker.downgrade().recipient()) else { continue };
            while desk.free_seats() == 0 {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            drop(lease);
        }
        let done = bill.snapshot().role(Role::Tts).map_or(0, |jobs| jobs.done);
        println!(
            "a job with three events            {:>5} ns  ({done} jobs)",
            clock.now().saturating_sub(from).as_nanos() / u128::from(done.max(1))
        );
    });
}
