//! How late a lane's event loop is.

use std::time::Duration;

use tokio::{runtime::Handle, time::sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::{Playbill, clock::reading};

/// How often the lateness is measured.
pub const EVERY: Duration = Duration::from_millis(100);

/// Measures, for as long as it lives, how late a timer of [`EVERY`] fires on this thread's event loop.
#[derive(Debug)]
#[must_use = "the watch ends when it is dropped"]
pub struct Watch(#[expect(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>);

/// Starts to watch this thread's event loop for `bill`'s lane, its lateness and its busy time.
///
/// The runtime's timers have a grain of 1 ms, so lateness below that is normal.
///
/// # Panics
/// Outside of an actix system or a tokio `LocalSet`.
pub fn watch(bill: &Playbill) -> Watch {
    bill.note_event_loop(Handle::current().metrics());
    let bill = bill.clone();
    Watch(AbortOnDropHandle::new(tokio::task::spawn_local(async move {
        loop {
            // From now, not from the last deadline: after a long stall one late firing is one observation, not a burst.
            let due = reading() + EVERY;
            sleep_until(due).await;
            bill.lag().observe(reading().saturating_duration_since(due));
        }
    })))
}
