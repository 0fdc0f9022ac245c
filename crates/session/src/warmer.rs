use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::prelude::*;
use operetta_contract::{FaultCode, JobId, Retry, Speech, Synthesize};
use operetta_stage::{Kind, Lease, Metered, Told};

use crate::{Agent, Lane};

/// Renders phrases before anybody needs them, one after the other, and is gone when it has done so. A phrase that fails
/// goes to the end of the line and is tried again a little later, unless it will never succeed; calls meanwhile render it
/// themselves.
pub(crate) struct Warmer {
    lane: Lane,
    phrases: VecDeque<(Arc<Agent>, Synthesize)>,
    rendering: Option<(Lease<Synthesize>, Vec<u8>)>,
    last: u32,
    /// Failures since the last success.
    failures: u32,
}

impl Warmer {
    const PATIENCE: Duration = Duration::from_secs(10);
    /// The pause after a failure; each further one in a row doubles it.
    const FIRST_PAUSE: Duration = Duration::from_secs(2);
    const LONGEST_PAUSE: Duration = Duration::from_mins(1);
    /// No phrase takes as long to say: a voice that goes on is broken, and its audio has to be kept somewhere.
    const LONGEST_MS: u32 = 120_000;

    pub(crate) fn start(lane: &Lane, phrases: Vec<(Arc<Agent>, Synthesize)>) {
        let warmer = Self { lane: lane.clone(), phrases: phrases.into(), rendering: None, last: 0, failures: 0 };
        // Its own timers and jobs keep it alive for as long as it has something to do.
        let _detached = Metered::run(warmer, 16, &lane.parts().bill);
    }

    fn next(&mut self, ctx: &mut Metered<Self>) {
        let Some((agent, phrase)) = self.phrases.front() else {
            ctx.stop();
            return;
        };
        self.last += 1;
        let answers = ctx.address().downgrade().recipient();
        match self.lane.desks(agent).tts.ask(JobId(self.last), phrase.clone(), answers) {
            Ok(lease) => {
                self.rendering = Some((lease, Vec::new()));
                let job = JobId(self.last);
                ctx.run_later(Self::PATIENCE, move |warmer, ctx| {
                    if warmer.rendering.as_ref().is_some_and(|(lease, _)| lease.id() == job) {
                        warmer.failed("timeout", Retry::Later, ctx);
                    }
                });
            }
            Err(error) => self.failed(error.code(), Retry::Later, ctx),
        }
    }

    fn failed(&mut self, code: &str, retry: Retry, ctx: &mut Metered<Self>) {
        self.rendering = None;
        let pause = Self::FIRST_PAUSE.saturating_mul(1 << self.failures.min(8)).min(Self::LONGEST_PAUSE);
        self.failures += 1;
        let (phrases, again) = (self.phrases.len(), retry != Retry::Never);
        let fault = FaultCode::PhraseNotReady.code();
        tracing::warn!(fault, code, phrases, again, "a phrase could not be rendered ahead of time");
        self.lane.parts().tally.unrendered.add();
        // One phrase that cannot be said must not keep the others from being ready.
        let phrase = self.phrases.pop_front();
        self.phrases.extend(phrase.filter(|_| again));
        ctx.run_later(pause, Self::next);
    }

    fn rendered(&mut self, ctx: &mut Metered<Self>) {
        match self.rendering.take() {
            // Kept, it would be a silent greeting for as long as the process lives.
            Some((_, audio)) if audio.is_empty() => self.failed("empty", Retry::Later, ctx),
            Some((_, audio)) => {
                self.failures = 0;
                if let Some((agent, phrase)) = self.phrases.pop_front() {
                    self.lane.keep(&agent, phrase, &audio);
                }
                self.next(ctx);
            }
            None => {}
        }
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
            Speech::Audio(piece) => {
                audio.extend_from_slice(&piece);
                let most = self.phrases.front().map_or(0, |(_, phrase)| phrase.format.bytes_of_ms(Self::LONGEST_MS));
                if audio.len() > most {
                    self.failed("endless", Retry::Later, ctx);
                }
            }
            Speech::Words(_) => {}
            // A stand-in's voice is not what this agent is to be greeted with for as long as the process lives.
            Speech::Switched(_) => self.failed("switched", Retry::Later, ctx),
            Speech::Done => self.rendered(ctx),
            Speech::Failed(error) => self.failed(error.code(), error.retry(), ctx),
            Speech::Lost => self.failed("lost", Retry::Later, ctx),
        }
    }
}
