use actix::{Actor, Addr, Handler, Message, prelude::SendError};

use crate::{
    metered::{Kind, Metered},
    scene,
    tally::add,
};

/// Sending that never waits and that counts what it could not deliver.
///
/// Use it instead of `do_send`, which ignores the mailbox bound, and instead of a bare `try_send`, whose refusals nobody sees.
pub trait Post<A: Actor> {
    /// Posts a message, or gives it back when the mailbox is full or closed.
    fn post<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send;
}

impl<A: Actor<Context = Metered<A>> + Kind> Post<A> for Addr<A> {
    fn post<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let sent = self.try_send(message);
        if let Err(refusal) = &sent
            && let Some(troupe) = scene::look_up::<A>().0
        {
            match refusal {
                SendError::Full(_) => add(&troupe.refused_full),
                SendError::Closed(_) => add(&troupe.refused_closed),
            }
        }
        sent
    }
}
