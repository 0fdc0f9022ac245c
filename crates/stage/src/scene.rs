//! Which lane a message is posted from.
//!
//! actix packs a message with nothing at hand but its type: not the address, not the sender. So the poster's lane is kept
//! per thread. A thread that runs an actor belongs to that actor's lane from then on; [`Answer`](crate::Answer), which may
//! live on a compute thread, enters its lane for the length of one post.

use std::{cell::RefCell, sync::Arc};

use tracing::Span;

use crate::{Playbill, fate::Fate, troupe::Troupe};

pub(crate) struct Scene {
    bill: Playbill,
    ticket: Option<Ticket>,
}

/// What goes along with a letter that belongs to a job.
#[derive(Clone)]
pub(crate) struct Ticket {
    /// The letter is delivered only as long as the asker wants to hear of the job.
    pub(crate) fate: Arc<Fate>,
    /// Whose story it continues, whatever span the posting thread is in.
    pub(crate) span: Span,
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

/// From now on this thread posts for `bill`'s lane.
pub(crate) fn settle(bill: &Playbill) {
    let scene = Scene { bill: bill.clone(), ticket: None };
    let _former = SCENE.try_with(|current| current.replace(Some(scene)));
}

/// This thread posts for `bill`'s lane until the guard is dropped.
pub(crate) fn enter(bill: &Playbill) -> Entered {
    swap_in(bill)
}

/// As [`enter`], and the next letter carries `ticket`.
pub(crate) fn enter_with(ticket: Ticket) -> Entered {
    let scene = Scene { bill: ticket.fate.bill().clone(), ticket: Some(ticket) };
    SCENE.try_with(|current| Entered::From(current.replace(Some(scene)))).unwrap_or(Entered::AtHome)
}

/// The troupe of actor type `A` on this thread's lane, and the ticket of the letter being posted.
pub(crate) fn look_up<A: 'static>() -> (Option<Arc<Troupe>>, Option<Ticket>) {
    // Letters may be posted by destructors of other thread-locals; those are simply not counted.
    SCENE
        .try_with(|current| {
            let mut current = current.borrow_mut();
            current.as_mut().map_or((None, None), |scene| (scene.bill.find::<A>(), scene.ticket.take()))
        })
        .unwrap_or((None, None))
}

fn swap_in(bill: &Playbill) -> Entered {
    SCENE
        .try_with(|current| {
            let at_home = current.borrow().as_ref().is_some_and(|scene| scene.bill.is(bill));
            if at_home {
                return Entered::AtHome;
            }
            Entered::From(current.replace(Some(Scene { bill: bill.clone(), ticket: None })))
        })
        .unwrap_or(Entered::AtHome)
}

/// Puts the thread's former lane back when dropped.
pub(crate) enum Entered {
    /// The thread was on this lane already, as it is on nearly every poll.
    AtHome,
    /// It was on another lane, or on none.
    From(Option<Scene>),
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Self::From(former) = self {
            let former = former.take();
            // The scene that leaves is dropped after the cell is free again: its drop must not find it borrowed.
            let _leaving = SCENE.try_with(|current| current.replace(former));
        }
    }
}
