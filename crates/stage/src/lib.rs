//! The actor kit: what an engine of many small actors needs on top of actix.
//!
//! - [`Metered`], a context that measures every message, and [`Playbill`], where the figures of a lane are read.
//! - [`Desk`], [`Lease`] and [`Answer`]: asking a worker for a job that ends exactly once, whoever dies first.
//! - [`Supervisor`], which rebuilds a worker that crashed and knows when to pause.
//! - [`Clock`], the only source of time, and [`lag::watch`], which tells how late a lane's event loop is.

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
