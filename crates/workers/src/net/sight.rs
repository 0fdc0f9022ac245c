use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::pin,
    rc::{Rc, Weak},
};

/// Shows a request what happens on the connection that carries it.
///
/// awc does not say whether a connection was a kept one, nor whether a chunked body ended or was cut off. Both can be seen from
/// below: while a request's future is polled, its connection is polled within, and reports here.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight(Rc<RefCell<Option<Rc<Seen>>>>);

#[derive(Debug, Default)]
struct Seen {
    connected: Cell<bool>,
    received: Cell<bool>,
    connection: RefCell<Weak<()>>,
}

/// What one request has seen so far.
#[derive(Debug)]
pub(super) struct Look {
    sight: Sight,
    seen: Rc<Seen>,
}

impl Sight {
    pub(super) fn look(&self) -> Look {
        Look { sight: self.clone(), seen: Rc::default() }
    }

    /// A connection was made.
    pub(super) fn connected(&self) {
        if let Some(seen) = self.0.borrow().as_ref() {
            seen.connected.set(true);
        }
    }

    /// The connection with this `life` was read from, with something to show for it or not.
    pub(super) fn read(&self, life: &Rc<()>, received: bool) {
        if let Some(seen) = self.0.borrow().as_ref() {
            seen.received.set(seen.received.get() || received);
            seen.connection.replace(Rc::downgrade(life));
        }
    }
}

impl Look {
    /// Runs `work`, which is a step of the request.
    pub(super) fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let outer = self.sight.0.replace(Some(Rc::clone(&self.seen)));
        let result = work();
        self.sight.0.replace(outer);
        result
    }

    /// Runs a future whose every step is a step of the request.
    pub(super) async fn during<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| self.within(|| future.as_mut().poll(cx))).await
    }

    /// Whether a connection had to be made.
    pub(super) fn has_connected(&self) -> bool {
        self.seen.connected.get()
    }

    /// Whether a byte has come.
    pub(super) fn has_received(&self) -> bool {
        self.seen.received.get()
    }

    /// Whether `drop` ended the connection: one whose exchange was complete has gone back to its pool before.
    pub(super) fn is_ended_by(&self, drop: impl FnOnce()) -> bool {
        let is_alive = || self.seen.connection.borrow().strong_count() > 0;
        let was_alive = is_alive();
        drop();
        was_alive && !is_alive()
    }
}
