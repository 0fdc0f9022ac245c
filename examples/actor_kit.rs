//! The actor kit by itself: a supervised worker that does jobs, crashes over one of them, and comes back.
//!
//! `cargo run -p operetta-examples --example actor_kit`
//!
//! What to see in the output: each job ends exactly once; the crash costs the job that caused it and nothing else; the
//! job that the asker no longer wants ends without another word; and nobody wrote a line for the figures at the end.

#![expect(clippy::print_stdout, reason = "a tour prints what it sees")]

use std::{io, time::Duration};

use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{Job, JobId, Nothing, Role};
use operetta_stage::{Ask, AskError, Desk, Kind, Lease, Metered, Playbill, Policy, Supervisor, Told};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A job: factor a number. Its events are a closed list, and the last variant stands for a worker that died.
struct Factor(u64);

#[derive(Debug)]
enum Found {
    Divisor(u64),
    Everything,
    Lost,
}

impl Job for Factor {
    type Event = Found;
    type Feed = Nothing;
    const ROLE: Role = Role::Llm;
    const FEED_BOUND: usize = 0;

    fn lost() -> Found {
        Found::Lost
    }
}

/// The worker. It has a bug: zero has too many divisors.
struct Arithmetician;

impl Kind for Arithmetician {
    const KIND: &'static str = "arithmetician";
}

impl Actor for Arithmetician {
    type Context = Metered<Self>;
}

impl Handler<Ask<Factor>> for Arithmetician {
    type Result = ();

    fn handle(&mut self, ask: Ask<Factor>, ctx: &mut Metered<Self>) {
        let Ask { job: Factor(number), answer, .. } = ask;
        assert_ne!(number, 0, "the bug of this tour");
        ctx.spawn(
            async move {
                for divisor in (1..=number).filter(|divisor| number.is_multiple_of(*divisor)) {
                    // Waits until it was handled. `Err` says that nobody wants to know any more.
                    if answer.tell(Found::Divisor(divisor)).await.is_err() {
                        return;
                    }
                }
                // Without this line the asker would be told `Lost`: an answer cannot be forgotten.
                answer.finish(Found::Everything);
            }
            .into_actor(self),
        );
    }
}

/// The asker. It owns the leases of its jobs: dropping one cancels the job.
struct Pupil {
    desk: Desk<Factor>,
    open: Vec<Lease<Factor>>,
    diary: UnboundedSender<(JobId, Found)>,
}

impl Kind for Pupil {
    const KIND: &'static str = "pupil";
}

impl Actor for Pupil {
    type Context = Metered<Self>;
}

#[derive(actix::Message)]
#[rtype(result = "Result<(), AskError>")]
struct Wonder(u64);

impl Handler<Wonder> for Pupil {
    type Result = Result<(), AskError>;

    fn handle(&mut self, wonder: Wonder, ctx: &mut Metered<Self>) -> Result<(), AskError> {
        let id = JobId(wonder.0 as u32);
        // The address is weak: a job does not keep its asker alive.
        self.open.push(self.desk.ask(id, Factor(wonder.0), ctx.address().downgrade().recipient())?);
        Ok(())
    }
}

impl Handler<Told<Factor>> for Pupil {
    type Result = ();

    fn handle(&mut self, told: Told<Factor>, _: &mut Metered<Self>) {
        match told.event {
            // Two divisors of a large number are enough: the lease goes, and with it the job.
            Found::Divisor(7..) => self.open.retain(|lease| lease.id() != told.id),
            Found::Everything | Found::Lost => self.open.retain(|lease| lease.id() != told.id),
            Found::Divisor(_) => {}
        }
        // The tour's own end of the channel may be gone; the pupil does not mind.
        let _ = self.diary.send((told.id, told.event));
    }
}

fn main() -> io::Result<()> {
    // A crash is part of the tour; its message need not be.
    std::panic::set_hook(Box::new(|_| println!("  (the worker panicked)")));
    actix::System::new().block_on(async {
        let bill = Playbill::new("tour");
        let policy = Policy { seats: 2, ..Policy::default() };
        let mut lives = 0;
        let desk = Supervisor::start(policy, &bill, move || {
            lives += 1;
            println!("  (life {lives} of the worker begins)");
            Arithmetician
        });
        let (diary, mut entries) = unbounded_channel();
        let pupil = Pupil { desk: desk.clone(), open: Vec::new(), diary };
        let (pupil, _task) = Metered::run(pupil, 16, &bill);

        for number in [6, 0, 4, 1_000_003 * 7] {
            println!("divisors of {number}?");
            // The desk answers `Unavailable` for the moment that a new life takes to begin.
            while pupil.send(Wonder(number)).await.map_err(io::Error::other)?.is_err() {
                tokio::task::yield_now().await;
            }
            while let Ok(Some((JobId(id), event))) =
                tokio::time::timeout(Duration::from_millis(200), entries.recv()).await
            {
                println!("  {id}: {event:?}");
                if matches!(event, Found::Everything | Found::Lost) {
                    break;
                }
            }
        }

        let seen = bill.snapshot();
        println!("what the playbill saw");
        for actor in &seen.actors {
            println!(
                "  {:<14} handled {:>2}, panics {}, restarts {}",
                actor.kind,
                actor.handled,
                actor.panics,
                actor.restarts.iter().map(|(_, count)| count).sum::<u64>()
            );
        }
        for jobs in seen.jobs.iter().filter(|jobs| jobs.asked > 0) {
            println!(
                "  jobs: asked {}, done {}, cancelled {}, lost {}, still open {}",
                jobs.asked, jobs.done, jobs.cancelled, jobs.lost, jobs.open
            );
        }
        Ok(())
    })
}
