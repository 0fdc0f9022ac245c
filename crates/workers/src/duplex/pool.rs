use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
    time::Duration,
};

use operetta_contract::{DuplexCodec, Rest};
use tokio::sync::oneshot;

use super::{
    SocketTimes,
    line::{Heard, Line},
};

/// Lines that wait for their next job. Each is watched by a future of its own, which the worker runs: it answers pings, lets the
/// codec keep the session alive, and ends the line when its time is up.
pub(crate) struct Pool<C: DuplexCodec>(Rc<Berths<C>>);

struct Berths<C: DuplexCodec> {
    berths: RefCell<Vec<Berth<C>>>,
    next: Cell<u64>,
}

struct Berth<C: DuplexCodec> {
    id: u64,
    codec: Rc<RefCell<C>>,
    take: oneshot::Sender<oneshot::Sender<Line<C>>>,
}

impl<C: DuplexCodec> Default for Pool<C> {
    fn default() -> Self {
        Self(Rc::new(Berths { berths: RefCell::default(), next: Cell::new(0) }))
    }
}

impl<C: DuplexCodec> Pool<C> {
    /// A line that `fits` and is ready for a job, the one that was used last. It comes in a moment, unless it ends in that very
    /// moment.
    pub(crate) fn take(&self, fits: impl Fn(&C) -> bool) -> Option<oneshot::Receiver<Line<C>>> {
        let mut berths = self.0.berths.borrow_mut();
        let is_free = |berth: &Berth<C>| {
            let codec = berth.codec.borrow();
            codec.rest() == Rest::Ready && fits(&codec)
        };
        let index = berths.iter().rposition(is_free)?;
        let berth = berths.remove(index);
        let (give, given) = oneshot::channel();
        berth.take.send(give).ok()?;
        Some(given)
    }

    /// Whether a line that `fits` waits here, or will soon be able to.
    pub(crate) fn has(&self, fits: impl Fn(&C) -> bool) -> bool {
        self.0.berths.borrow().iter().any(|berth| {
            let codec = berth.codec.borrow();
            codec.rest() != Rest::Spent && fits(&codec)
        })
    }

    /// Keeps a line for at most `idle`, and never longer than until it is as old as `age`. The future watches it and has to be
    /// run.
    pub(crate) fn park(
        &self,
        mut line: Line<C>,
        times: SocketTimes,
        idle: Duration,
        age: Option<Duration>,
    ) -> impl Future<Output = ()> + use<C> {
        line.was_parked = true;
        let id = self.0.next.get();
        self.0.next.set(id + 1);
        let (take, taken) = oneshot::channel();
        let mut berths = self.0.berths.borrow_mut();
        // The one that has waited longest makes room: its watch ends when nobody can take it any more.
        if berths.len() >= times.pool.max(1) {
            berths.remove(0);
        }
        berths.push(Berth { id, codec: Rc::clone(&line.codec), take });
        drop(berths);
        let leave = Leave { berths: Rc::clone(&self.0), id };
        let until = line.now() + idle;
        let until = age.map_or(until, |age| until.min(age));
        watch(line, times, until, taken, leave)
    }
}

/// Takes a berth out of the pool when its watch ends, however it does.
struct Leave<C: DuplexCodec> {
    berths: Rc<Berths<C>>,
    id: u64,
}

impl<C: DuplexCodec> Drop for Leave<C> {
    fn drop(&mut self) {
        self.berths.berths.borrow_mut().retain(|berth| berth.id != self.id);
    }
}

async fn watch<C: DuplexCodec>(
    mut line: Line<C>,
    times: SocketTimes,
    until: Duration,
    mut taken: oneshot::Receiver<oneshot::Sender<Line<C>>>,
    leave: Leave<C>,
) {
    let quiet_by = line.now() + times.drain;
    loop {
        let now = line.now();
        let until = match line.rest() {
            Rest::Ready => until,
            Rest::Draining => until.min(quiet_by),
            Rest::Spent => now,
        };
        if now >= until {
            break;
        }
        let wake_at = line.wake_at(&times).map_or(until, |at| at.min(until));
        let heard = tokio::select! {
            biased;
            request = &mut taken => match request {
                Ok(give) => {
                    drop(leave);
                    // A job that was cancelled in this very moment wants no line any more.
                    if let Err(line) = give.send(line) {
                        line.retire(true).await;
                    }
                    return;
                }
                // Others are fresher.
                Err(_) => break,
            },
            woke = line.socket.next() => line.hear(&woke),
            () = tokio::time::sleep(wake_at.saturating_sub(now)) => line.tick(&times),
        };
        // Whatever is said now belongs to no job.
        line.wire.output.events.clear();
        if let Heard::Over(error) = heard {
            tracing::debug!(code = error.code(), detail = error.detail, "a socket ended between two jobs");
            drop(leave);
            line.retire(false).await;
            return;
        }
    }
    drop(leave);
    line.retire(true).await;
}
