use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix::prelude::*;
use operetta_stage::Clock;
use tokio::time::{Instant, Sleep};

/// An actor that wants to be woken.
pub(crate) trait Alarmed: Actor {
    /// When, by the alarm's clock; `None` for never. Asked whenever the actor has done something.
    fn due(&self) -> Option<Duration>;

    /// The time has come. What [`due`](Self::due) says afterwards must lie in the future, or it rings again at once.
    fn rang(&mut self, ctx: &mut Self::Context);
}

/// The one timer of an actor. It lives as long as the actor, so waiting for the next of 50 frames a second costs no
/// allocation and no message: whatever wakes the actor makes its context poll this as well.
pub(crate) struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    hand: Rc<Hand>,
}

/// Tells the alarm that its time has come nearer. A future of the actor may run after the alarm was polled in the same
/// round, and the alarm would not look again before something else happens.
#[derive(Default)]
pub(crate) struct Hand {
    armed: Cell<Option<Duration>>,
    waker: Cell<Option<Waker>>,
}

impl Hand {
    /// Has the alarm look again if it is set to a later time than `due`.
    pub(crate) fn set(&self, due: Option<Duration>) {
        let Some(due) = due else { return };
        if self.armed.get().is_none_or(|armed| due < armed)
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }
}

impl Alarm {
    /// After this many rings without a pause, others get their turn.
    const BURST: usize = 4;

    pub(crate) fn new(clock: Clock, hand: Rc<Hand>) -> Self {
        Self { clock, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), hand }
    }

    fn arm(&mut self, due: Duration, now: Duration) {
        self.sleep.as_mut().reset(Instant::now() + due.saturating_sub(now));
        self.hand.armed.set(Some(due));
    }
}

impl<A: Alarmed> ActorFuture<A> for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, actor: &mut A, ctx: &mut A::Context, task: &mut Context<'_>) -> Poll<()> {
        self.hand.waker.set(Some(task.waker().clone()));
        for _ in 0..Self::BURST {
            let Some(due) = actor.due() else {
                // Whatever comes next is nearer than never: the hand must not take an old time for one that is waited for.
                self.hand.armed.set(None);
                return Poll::Pending;
            };
            let now = self.clock.now();
            if now >= due {
                self.hand.armed.set(None);
                actor.rang(ctx);
                continue;
            }
            // A timer that is set too early rings for nothing once; setting it anew for every change costs more.
            if self.hand.armed.get().is_none_or(|armed| due < armed) {
                self.arm(due, now);
            }
            if self.sleep.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            let now = self.clock.now();
            self.arm(due.max(now + Duration::from_millis(1)), now);
            if self.sleep.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
