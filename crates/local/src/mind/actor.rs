use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{Complete, Completion};
use operetta_stage::{Answer, Ask, Kind, Metered};
use tracing::Instrument;

use super::{Reply, reply};
use crate::say;

/// The worker that thinks. A reply takes microseconds, so it needs no thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receptionist;

impl Receptionist {
    /// A receptionist; they are all alike.
    pub const fn new() -> Self {
        Self
    }
}

impl Kind for Receptionist {
    const KIND: &'static str = "llm";
}

impl Actor for Receptionist {
    type Context = Metered<Self>;
}

impl Handler<Ask<Complete>> for Receptionist {
    type Result = ();

    fn handle(&mut self, ask: Ask<Complete>, ctx: &mut Self::Context) {
        let Ask { job, answer, .. } = ask;
        let reply = reply(&job.prompt, &job.words().cloned().collect::<Vec<_>>());
        let span = answer.span().clone();
        ctx.spawn(tell(reply, answer).instrument(span).into_actor(self));
    }
}

/// Sends a reply sentence by sentence, as a language model would.
async fn tell(reply: Reply, answer: Answer<Complete>) {
    for (n, sentence) in say::sentences(&reply.text).into_iter().enumerate() {
        let text = if n == 0 { sentence } else { format!(" {sentence}") };
        if answer.tell(Completion::Text(text.into())).await.is_err() {
            return;
        }
    }
    answer.finish(Completion::Done(reply.next));
}
