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

#[cfg(test)]
mod tests {
    use actix::Addr;
    use operetta_audio::Format;
    use operetta_contract::JobId;
    use operetta_stage::{Desk, Lease, Playbill, Told};

    use super::*;
    use crate::workshop::{Craft, Ticket, Workshop};

    /// Chokes on the first utterance and says one piece of every other.
    struct Choking(bool);

    impl Craft<Utter> for Choking {
        fn take(&mut self, utter: Utter, _: Ticket) {
            assert!(std::mem::replace(&mut self.0, true), "choked");
            utter.tell.try_send(Uttered::Audio([0; 160].into())).unwrap();
            utter.tell.try_send(Uttered::Done).unwrap();
        }
    }

    struct Asker(mpsc::UnboundedSender<Speech>);

    impl Kind for Asker {
        const KIND: &'static str = "asker";
    }

    impl Actor for Asker {
        type Context = Metered<Self>;
    }

    impl Handler<Told<Synthesize>> for Asker {
        type Result = ();

        fn handle(&mut self, told: Told<Synthesize>, _: &mut Self::Context) {
            let _test_over = self.0.send(told.event);
        }
    }

    fn ask(desk: &Desk<Synthesize>, asker: &Addr<Asker>, id: u32) -> Lease<Synthesize> {
        let job = Synthesize {
            text: "Hello.".into(),
            voice: "kal".into(),
            language: "en".into(),
            format: Format::MULAW_8K,
            fixed: false,
        };
        desk.ask(JobId(id), job, asker.downgrade().recipient()).unwrap()
    }

    #[actix_rt::test]
    async fn a_panic_of_a_voice_ends_its_job_as_lost_and_the_thread_goes_on() {
        let bill = Playbill::new("test");
        let mouths = Workshop::start("choking", 1, 4, |_| Choking(false)).unwrap();
        let (speaker, _) = Metered::run(Engines::with_mouths(mouths).speaker(), 16, &bill);
        let desk = Desk::unsupervised(speaker.recipient(), 8, &bill);
        let (note, mut events) = mpsc::unbounded_channel();
        let (asker, _) = Metered::run(Asker(note), 16, &bill);
        let first = ask(&desk, &asker, 1);
        assert_eq!(events.recv().await, Some(Speech::Lost));
        let second = ask(&desk, &asker, 2);
        assert_eq!(events.recv().await, Some(Speech::Audio([0; 160].into())));
        assert_eq!(events.recv().await, Some(Speech::Done));
        drop((first, second));
    }
}
