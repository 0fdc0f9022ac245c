use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{ErrorClass, ProviderError, Speech, Synthesize};
use operetta_stage::{Answer, Ask, Kind, Metered};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::{
    engines::Engines,
    mouth::{PIECES, Utter, Uttered, Voice, acceptable},
    say,
};

/// The worker that speaks. It decides nothing and computes nothing: a thread of [`Engines`] does.
pub struct Speaker {
    engines: Engines,
}

impl Speaker {
    pub(crate) fn new(engines: Engines) -> Self {
        Self { engines }
    }
}

impl Kind for Speaker {
    const KIND: &'static str = "tts";
}

impl Actor for Speaker {
    type Context = Metered<Self>;
}

impl Handler<Ask<Synthesize>> for Speaker {
    type Result = ();

    fn handle(&mut self, ask: Ask<Synthesize>, ctx: &mut Self::Context) {
        let Ask { job, answer, .. } = ask;
        if let Err(error) = acceptable(&job.text, &job.voice, job.format) {
            return answer.fail(Speech::Failed(error));
        }
        let Some(voice) = Voice::named(&job.voice) else { return };
        let sentences = say::sentences(&job.text).into();
        let (tell, told) = mpsc::channel(PIECES);
        match self.engines.utter(Utter { voice, sentences, format: job.format, tell }) {
            Ok(()) => {
                let span = answer.span().clone();
                ctx.spawn(pass_on(told, answer).instrument(span).into_actor(self));
            }
            Err(_) => answer.fail(Speech::Failed(ProviderError::new(
                ErrorClass::Busy,
                "expected a free place in the queue of the voices, all are taken",
            ))),
        }
    }
}

/// Carries audio from the thread to the asker. When it ends early the thread sees its channel closed and stops.
async fn pass_on(mut told: mpsc::Receiver<Uttered>, answer: Answer<Synthesize>) {
    loop {
        let uttered = tokio::select! {
            biased;
            () = answer.cancelled() => return,
            uttered = told.recv() => uttered,
        };
        match uttered {
            Some(Uttered::Audio(audio)) => {
                if answer.tell(Speech::Audio(audio)).await.is_err() {
                    return;
                }
            }
            Some(Uttered::Done) => return answer.finish(Speech::Done),
            Some(Uttered::Failed(error)) => return answer.fail(Speech::Failed(error)),
            // The thread lost the job; dropping the answer says so.
            None => return,
        }
    }
}
