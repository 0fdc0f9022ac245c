use std::time::Duration;

use actix::prelude::*;
use operetta_contract::{JobId, Speech, Synthesize};
use operetta_stage::{Kind, Lease, Metered, Told};

use crate::Lane;

/// Renders phrases before anybody needs them, one after the other, and is gone when it has done so. A phrase that fails
/// is tried again a little later; calls meanwhile render it themselves.
pub(crate) struct Warmer {
    lane: Lane,
    /// What is still to be rendered, the next one last.
    phrases: Vec<Synthesize>,
    rendering: Option<(Lease<Synthesize>, Vec<u8>)>,
    last: u32,
    tries: u32,
}

impl Warmer {
    const PATIENCE: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_secs(2);
    const MOST_TRIES: u32 = 30;

    pub(crate) fn start(lane: &Lane, mut phrases: Vec<Synthesize>) {
        phrases.reverse();
        let warmer = Self { lane: lane.clone(), phrases, rendering: None, last: 0, tries: 0 };
        // Its own timers and jobs keep it alive for as long as it has something to do.
        let _detached = Metered::run(warmer, 16, &lane.parts().bill);
    }

    fn next(&mut self, ctx: &mut Metered<Self>) {
        let Some(phrase) = self.phrases.last() else {
            ctx.stop();
            return;
        };
        self.last += 1;
        let answers = ctx.address().downgrade().recipient();
        match self.lane.parts().desks.tts.ask(JobId(self.last), phrase.clone(), answers) {
            Ok(lease) => {
                self.rendering = Some((lease, Vec::new()));
                let job = JobId(self.last);
                ctx.run_later(Self::PATIENCE, move |warmer, ctx| {
                    if warmer.rendering.as_ref().is_some_and(|(lease, _)| lease.id() == job) {
                        warmer.failed("timeout", ctx);
                    }
                });
            }
            Err(error) => self.failed(error.code(), ctx),
        }
    }

    fn failed(&mut self, code: &str, ctx: &mut Metered<Self>) {
        self.rendering = None;
        self.tries += 1;
        tracing::warn!(code, tries = self.tries, "a phrase could not be rendered ahead of time");
        if self.tries >= Self::MOST_TRIES {
            ctx.stop();
            return;
        }
        ctx.run_later(Self::PAUSE, Self::next);
    }
}

impl Kind for Warmer {
    const KIND: &'static str = "warmer";
}

impl Actor for Warmer {
    type Context = Metered<Self>;

    fn started(&mut self, ctx: &mut Metered<Self>) {
        self.next(ctx);
    }
}

impl Handler<Told<Synthesize>> for Warmer {
    type Result = ();

    fn handle(&mut self, told: Told<Synthesize>, ctx: &mut Metered<Self>) {
        let Some((lease, audio)) = &mut self.rendering else { return };
        if lease.id() != told.id {
            return;
        }
        match told.event {
            Speech::Audio(piece) => audio.extend_from_slice(&piece),
            Speech::Done => {
                if let (Some((_, audio)), Some(phrase)) = (self.rendering.take(), self.phrases.pop()) {
                    self.lane.keep(phrase, &audio);
                }
                self.next(ctx);
            }
            Speech::Failed(error) => self.failed(error.code(), ctx),
            Speech::Lost => self.failed("lost", ctx),
        }
    }
}
