use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rten::ThreadPool;
use tokio::sync::mpsc;

use crate::LocalError;

/// Threads of one trade, each with a short queue of its own. Heavy work happens here and never on a lane.
///
/// An order goes to the thread with the fewest orders; when every queue is full the order comes back. The threads end
/// when the last clone of the workshop is dropped.
pub(crate) struct Workshop<T> {
    places: Arc<[Place<T>]>,
    bound: usize,
}

struct Place<T> {
    queue: mpsc::Sender<(T, Ticket)>,
    taken: Arc<AtomicUsize>,
}

/// Stands for one order in the count of its thread; whoever works on the order keeps it until the end.
pub(crate) struct Ticket(Arc<AtomicUsize>);

/// What one thread of a workshop does.
///
/// A panic costs the order that was being worked on and nothing else. To keep that promise an implementation takes an
/// order out of its own collections before it works on it.
pub(crate) trait Craft<T> {
    /// Accepts an order. May do all of it at once.
    fn take(&mut self, order: T, ticket: Ticket);

    /// Does the next part of the work that waits; returns whether more of it waits.
    fn work(&mut self) -> bool {
        false
    }
}

impl<T> Clone for Workshop<T> {
    fn clone(&self) -> Self {
        Self { places: Arc::clone(&self.places), bound: self.bound }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T: Send + 'static> Workshop<T> {
    /// Starts `threads` threads that each take up to `bound` orders at a time. `learn` makes a thread's craft and gets the
    /// one-thread pool on which that thread runs networks.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn start<C, L>(name: &str, threads: usize, bound: usize, learn: L) -> Result<Self, LocalError>
    where
        C: Craft<T>,
        L: Fn(Arc<ThreadPool>) -> C + Send + Sync + 'static,
    {
        let learn = Arc::new(learn);
        let mut places = Vec::with_capacity(threads);
        for number in 0..threads.max(1) {
            let (queue, orders) = mpsc::channel(bound);
            let learn = Arc::clone(&learn);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    let pool = Arc::new(quiet_pool());
                    // Inside the pool, so that networks run on this very thread and not on a third one.
                    let inside = Arc::clone(&pool);
                    pool.run(move || toil(learn(inside), orders));
                })
                .map_err(|error| LocalError::Threads { reason: error.to_string() })?;
            places.push(Place { queue, taken: Arc::default() });
        }
        Ok(Self { places: places.into(), bound })
    }

    /// Hands an order over, or hands it back when every thread has enough to do.
    pub(crate) fn place(&self, order: T) -> Result<(), T> {
        let Some(place) = self.places.iter().min_by_key(|place| place.taken.load(Ordering::Relaxed)) else {
            return Err(order);
        };
        if place.taken.fetch_add(1, Ordering::Relaxed) >= self.bound {
            place.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(order);
        }
        let ticket = Ticket(Arc::clone(&place.taken));
        place.queue.try_send((order, ticket)).map_err(|error| error.into_inner().0)
    }

    /// As [`place`](Self::place), but waits for a free slot. The order is lost only with the threads themselves.
    pub(crate) async fn place_waiting(&self, order: T) {
        let Some(place) = self.places.iter().min_by_key(|place| place.taken.load(Ordering::Relaxed)) else { return };
        place.taken.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket(Arc::clone(&place.taken));
        let _threads_gone = place.queue.send((order, ticket)).await;
    }
}

fn toil<T, C: Craft<T>>(mut craft: C, mut orders: mpsc::Receiver<(T, Ticket)>) {
    let mut more = false;
    loop {
        let order = if more {
            match orders.try_recv() {
                Ok(order) => Some(order),
                Err(mpsc::error::TryRecvError::Empty) => None,
                Err(mpsc::error::TryRecvError::Disconnected) => return,
            }
        } else {
            let Some(order) = orders.blocking_recv() else { return };
            Some(order)
        };
        // What unwinds is the order, with the sender in it: its asker learns that it was lost. The craft itself is sound,
        // see its promise.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if let Some((order, ticket)) = order {
                craft.take(order, ticket);
            }
            craft.work()
        }));
        more = outcome.unwrap_or_else(|_| {
            tracing::error!(code = "inference_panic", "an inference thread lost one job to a panic and goes on");
            true
        });
    }
}

/// How much less than a lane an inference thread asks for (nice value, Linux: per thread).
const NICENESS: i32 = 10;

/// A pool of one thread that gives way to the lanes: media must leave every 20 ms, an inference may be late.
pub(crate) fn quiet_pool() -> ThreadPool {
    let pool = ThreadPool::with_num_threads(1);
    pool.run(|| {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
            tracing::debug!(%error, "an inference thread keeps its scheduling priority");
        }
    });
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Adder(mpsc::Sender<u32>);

    impl Craft<u32> for Adder {
        fn take(&mut self, order: u32, _: Ticket) {
            assert!(order != 13, "unlucky");
            self.0.blocking_send(order + 1).unwrap();
        }
    }

    #[test]
    fn a_panic_costs_one_order() {
        let (tell, mut told) = mpsc::channel(8);
        let workshop = Workshop::start("adder", 1, 8, move |_| Adder(tell.clone())).unwrap();
        for order in [1, 13, 2] {
            workshop.place(order).unwrap();
        }
        assert_eq!(told.blocking_recv(), Some(2));
        assert_eq!(told.blocking_recv(), Some(3));
    }

    /// Says that it has begun and then waits for leave to go on.
    struct Patient {
        begun: mpsc::Sender<()>,
    }

    impl Craft<tokio::sync::oneshot::Receiver<()>> for Patient {
        fn take(&mut self, leave: tokio::sync::oneshot::Receiver<()>, _: Ticket) {
            let _test_over = (self.begun.blocking_send(()), leave.blocking_recv());
        }
    }

    #[test]
    fn a_full_queue_hands_the_order_back() {
        let (begun, mut begins) = mpsc::channel(8);
        let workshop = Workshop::start("patient", 1, 2, move |_| Patient { begun: begun.clone() }).unwrap();
        let mut leaves = Vec::new();
        for _ in 0..2 {
            let (leave, wait) = tokio::sync::oneshot::channel();
            workshop.place(wait).unwrap();
            leaves.push(leave);
        }
        begins.blocking_recv().unwrap();
        let (_leave, wait) = tokio::sync::oneshot::channel();
        let wait = workshop.place(wait).unwrap_err();
        // One is let go; when the second has begun, there is a place again.
        leaves.remove(0).send(()).unwrap();
        begins.blocking_recv().unwrap();
        workshop.place(wait).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn inference_gives_way_to_lanes() {
        let quiet = quiet_pool().run(|| rustix::process::getpriority_process(None).unwrap());
        let here = rustix::process::getpriority_process(None).unwrap();
        assert_eq!(quiet - here, NICENESS.min(19 - here));
    }
}
