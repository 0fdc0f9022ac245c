//! The actor kit: what an engine of many small actors needs on top of actix.
//!
//! - [`Metered`], a context that measures every message, and [`Playbill`], where the figures of a lane are read.
//! - [`Desk`], [`Lease`] and [`Answer`]: asking a worker for a job that ends exactly once, whoever dies first.
//! - [`Supervisor`], which rebuilds a worker that crashed and knows when to pause.
//! - [`Clock`], the only source of time, and [`lag::watch`], which tells how late a lane's event loop is.
//!
//! # A tour
//!
//! A role is a [`Job`](operetta_contract::Job) type. A worker handles [`Ask`]; who asks handles [`Told`], and knows nothing of
//! the worker but its desk.
//!
//! ```
//! use actix::{Actor, AsyncContext, Handler, WrapFuture};
//! use operetta_contract::{Job, JobId, Nothing, Role};
//! use operetta_stage::{Ask, Desk, Kind, Lease, Metered, Playbill, Policy, Supervisor, Told};
//! # #[derive(Debug)] enum Said { Word(&'static str), Done, Lost }
//! # struct Recite;
//! # impl Job for Recite {
//! #     type Event = Said;
//! #     type Feed = Nothing;
//! #     const ROLE: Role = Role::Llm;
//! #     const FEED_BOUND: usize = 0;
//! #     fn lost() -> Said { Said::Lost }
//! # }
//!
//! struct Reciter;
//! impl Kind for Reciter { const KIND: &'static str = "reciter"; }
//! impl Actor for Reciter { type Context = Metered<Self>; }
//! impl Handler<Ask<Recite>> for Reciter {
//!     type Result = ();
//!     fn handle(&mut self, ask: Ask<Recite>, ctx: &mut Metered<Self>) {
//!         ctx.spawn(async move {
//!             for word in ["to", "be"] {
//!                 // Waits until the asker has handled it; an error means that nobody listens any more.
//!                 if ask.answer.tell(Said::Word(word)).await.is_err() { return }
//!             }
//!             ask.answer.finish(Said::Done); // without this line the asker would be told `Said::Lost`
//!         }.into_actor(self));
//!     }
//! }
//!
//! struct Listener { desk: Desk<Recite>, lease: Option<Lease<Recite>>, ended: Option<tokio::sync::oneshot::Sender<()>> }
//! impl Kind for Listener { const KIND: &'static str = "listener"; }
//! impl Actor for Listener {
//!     type Context = Metered<Self>;
//!     fn started(&mut self, ctx: &mut Metered<Self>) {
//!         // The job lives no longer than its lease: dropping that cancels it.
//!         self.lease = self.desk.ask(JobId(1), Recite, ctx.address().downgrade().recipient()).ok();
//!     }
//! }
//! impl Handler<Told<Recite>> for Listener {
//!     type Result = ();
//!     fn handle(&mut self, told: Told<Recite>, _: &mut Metered<Self>) {
//!         match told.event {
//!             Said::Word(word) => assert!(["to", "be"].contains(&word)),
//!             Said::Done | Said::Lost => drop(self.ended.take().map(|ended| ended.send(()))),
//!         }
//!     }
//! }
//!
//! actix::System::new().block_on(async {
//!     let bill = Playbill::new("main");
//!     let desk = Supervisor::start(Policy::default(), &bill, || Reciter);
//!     let (ended, end) = tokio::sync::oneshot::channel();
//!     let (_listener, _task) = Metered::run(Listener { desk, lease: None, ended: Some(ended) }, 16, &bill);
//!     end.await.unwrap();
//!     let seen = bill.snapshot();
//!     assert_eq!(seen.actor("listener").unwrap().handled, 3);
//!     assert_eq!(seen.role(Role::Llm).unwrap().done, 1);
//! });
//! ```
//!
//! # What is absent on purpose
//!
//! No registry, no global: actors are wired by constructor. No lock: figures are atomics, state has one owner. No restart of
//! askers: a call that breaks ends. No call ids in labels: those belong in spans, which every message carries along.

mod answer;
mod blocking;
mod clock;
mod desk;
mod fate;
mod feed;
pub mod lag;
mod letter;
mod metered;
mod patience;
mod playbill;
mod post;
mod scene;
mod snapshot;
mod supervisor;
mod tally;
mod troupe;

pub use answer::{Answer, Gone, TELL_PATIENCE, Told};
pub use clock::{Clock, Hand};
pub use desk::{Ask, AskError, Desk, Lease};
pub use feed::{FeedEnd, FeedError, NoFeed};
pub use metered::{Kind, Metered};
pub use playbill::Playbill;
pub use post::Post;
pub use snapshot::{Cause, JobsSnapshot, KindSnapshot, LaneSnapshot, MessageSnapshot};
pub use supervisor::{Policy, Supervisor};
pub use tally::{Distribution, FAST_BOUNDS_SECONDS};
