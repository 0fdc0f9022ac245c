use std::sync::{Arc, atomic::Ordering};

use actix::{
    Actor, Handler, Message,
    dev::{EnvelopeProxy, MessageResponse, OneshotSender},
};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    clock::reading,
    fate::Fate,
    metered::{Kind, Metered},
    scene,
    tally::add,
    troupe::Troupe,
};

/// A message on its way through a mailbox.
///
/// It counts itself into the depth of its actor kind when it is posted and out again when it is opened or dropped, so the
/// depth is exact even when a mailbox dies with letters in it.
pub(crate) struct Letter<M: Message> {
    message: Option<M>,
    reply: Option<OneshotSender<M::Result>>,
    posted: Instant,
    /// The caller's span: the handler continues the caller's story, whichever actor it runs in.
    span: Span,
    /// Where the depth was counted. `None` for a post from a thread that belongs to no lane.
    counted: Option<Arc<Troupe>>,
    /// The job this letter tells of; if its asker has lost interest meanwhile, the letter is not delivered.
    job: Option<Arc<Fate>>,
}

impl<M: Message> Letter<M> {
    pub(crate) fn post<A: 'static>(message: M, reply: Option<OneshotSender<M::Result>>) -> Self {
        let (counted, ticket) = scene::look_up::<A>();
        if let Some(troupe) = &counted {
            troupe.depth.fetch_add(1, Ordering::Relaxed);
        }
        let (span, job) = match ticket {
            Some(ticket) => (ticket.span, Some(ticket.fate)),
            None => (Span::current(), None),
        };
        Self { message: Some(message), reply, posted: reading(), span, counted, job }
    }

    /// Whether anybody waits for what the handler would do: actix cancels a message when its sender drops the request.
    fn is_wanted(&self) -> bool {
        !self.reply.as_ref().is_some_and(OneshotSender::is_closed)
            && !self.job.as_ref().is_some_and(|job| job.is_revoked())
    }
}

impl<A, M> EnvelopeProxy<A> for Letter<M>
where
    A: Actor<Context = Metered<A>> + Kind + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Metered<A>) {
        if !self.is_wanted() {
            return;
        }
        let Some(message) = self.message.take() else {
            return;
        };
        if let Some(troupe) = self.counted.take() {
            troupe.depth.fetch_sub(1, Ordering::Relaxed);
        }
        ctx.run += 1;
        let opened = reading();
        ctx.troupe.wait.observe(opened.saturating_duration_since(self.posted));
        let _within = self.span.enter();
        let response = <A as Handler<M>>::handle(actor, message, ctx);
        response.handle(ctx, self.reply.take());
        ctx.troupe.line::<M>().observe(reading().saturating_duration_since(opened));
    }
}

impl<M: Message> Drop for Letter<M> {
    fn drop(&mut self) {
        if let Some(troupe) = self.counted.take() {
            troupe.depth.fetch_sub(1, Ordering::Relaxed);
            add(&troupe.dropped);
        }
    }
}
