//! The engine with fake providers, for tests of what real ones do seldom: `operetta-fakes speaks|hangs|refuses|..`.
//!
//! Everything but the providers is the engine's own, configured by the environment alone.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use operetta_audio::{Format, g711, tone};
use operetta_contract::{
    Complete, Completion, Detect, ErrorClass, Hearing, Next, ProviderError, Speech, Synthesize, Transcribe, Transcript,
    Voice,
};
use operetta_server::{
    config::{Settings, environment},
    providers::Providers,
    serve,
};
use operetta_session::{Casting, Desks};
use operetta_stage::{Ask, Kind, Metered, Playbill, Policy, Supervisor};
use tokio::time::sleep;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let act = std::env::args().nth(1).and_then(|word| Act::named(&word)).ok_or("expected: speaks, hangs, ..")?;
    let settings = Settings::load(None, environment())?.settings;
    settings.check_exposure()?;
    serve::serve(settings, Fakes(act), |addresses| {
        #[expect(clippy::print_stdout, reason = "this is how the engine tells whoever started it")]
        {
            println!("ready http://{} admin http://{}", addresses.carriers, addresses.admin);
        }
    })?;
    Ok(())
}

/// What the voice does with every job.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A second of tone after 100 ms.
    Speaks,
    /// Nothing, for ever.
    Hangs,
    /// Fails at once.
    Refuses,
    /// A sample a second.
    Drips,
    /// Ends without audio.
    Empty,
    /// Panics.
    Crashes,
    /// Audio that is cut inside a sample, then a failure.
    Garbage,
}

impl Act {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "speaks" => Self::Speaks,
            "hangs" => Self::Hangs,
            "refuses" => Self::Refuses,
            "drips" => Self::Drips,
            "empty" => Self::Empty,
            "crashes" => Self::Crashes,
            "garbage" => Self::Garbage,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy)]
struct Fakes(Act);

impl Providers for Fakes {
    fn casting(&self, policy: Policy, bill: &Playbill) -> Casting {
        let act = self.0;
        Desks {
            vad: Supervisor::start::<Detect, _>(policy, bill, || Ear),
            stt: Supervisor::start::<Transcribe, _>(policy, bill, || Listener),
            llm: Supervisor::start::<Complete, _>(policy, bill, || Mind),
            tts: Supervisor::start::<Synthesize, _>(policy, bill, move || Mouth(act)),
            realtime: None,
        }
        .into()
    }

    fn default_voice(&self, _: &Settings) -> String {
        "fake".into()
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("fake providers, and a voice that {:?}", self.0)]
    }
}

struct Mouth(Act);

impl Kind for Mouth {
    const KIND: &'static str = "tts";
}

impl Actor for Mouth {
    type Context = Metered<Self>;
}

impl Handler<Ask<Synthesize>> for Mouth {
    type Result = ();

    fn handle(&mut self, ask: Ask<Synthesize>, ctx: &mut Metered<Self>) {
        let act = self.0;
        assert!(!matches!(act, Act::Crashes), "the voice crashes, as it was told");
        let speak = async move {
            let (answer, format) = (ask.answer, ask.job.format);
            match act {
                Act::Speaks => {
                    sleep(Duration::from_millis(100)).await;
                    if answer.tell(Speech::Audio(beep(format, 1000))).await.is_ok() {
                        answer.finish(Speech::Done);
                    }
                }
                Act::Hangs => answer.cancelled().await,
                Act::Refuses => answer.fail(Speech::Failed(ProviderError::new(ErrorClass::Protocol, "refused"))),
                Act::Drips => {
                    while answer.tell(Speech::Audio(beep(format, 0))).await.is_ok() {
                        sleep(Duration::from_secs(1)).await;
                    }
                }
                Act::Empty => answer.finish(Speech::Done),
                Act::Garbage => {
                    let audio: Arc<[u8]> = vec![0x5a; 333].into();
                    if answer.tell(Speech::Audio(audio)).await.is_ok() {
                        answer.fail(Speech::Failed(ProviderError::new(ErrorClass::Protocol, "garbage")));
                    }
                }
                Act::Crashes => {}
            }
        };
        ctx.spawn(speak.into_actor(self));
    }
}

/// A tone, or one sample of it.
fn beep(format: Format, ms: u32) -> Arc<[u8]> {
    let mut samples = tone::sine(440.0, ms, format.rate_hz, -12.0);
    samples.resize(samples.len().max(1), 0);
    let mut bytes = Vec::new();
    g711::encode_into(format.encoding, &samples, &mut bytes);
    bytes.into()
}

/// Takes whatever is loud for speech.
struct Ear;

impl Kind for Ear {
    const KIND: &'static str = "vad";
}

impl Actor for Ear {
    type Context = Metered<Self>;
}

impl Handler<Ask<Detect>> for Ear {
    type Result = ();

    fn handle(&mut self, mut ask: Ask<Detect>, ctx: &mut Metered<Self>) {
        let detect = async move {
            let mut speaking = false;
            while let Some(piece) = ask.feed.recv().await {
                let loud = piece.iter().any(|sample| sample.unsigned_abs() > 1000);
                let event = match (speaking, loud) {
                    (false, true) => Voice::Began,
                    (true, false) => Voice::Ended,
                    (true, true) | (false, false) => continue,
                };
                speaking = loud;
                if ask.answer.tell(event).await.is_err() {
                    return;
                }
            }
        };
        ctx.spawn(detect.into_actor(self));
    }
}

/// Always understands the same.
struct Listener;

impl Kind for Listener {
    const KIND: &'static str = "stt";
}

impl Actor for Listener {
    type Context = Metered<Self>;
}

impl Handler<Ask<Transcribe>> for Listener {
    type Result = ();

    fn handle(&mut self, mut ask: Ask<Transcribe>, ctx: &mut Metered<Self>) {
        let listen = async move {
            while let Some(hearing) = ask.feed.recv().await {
                let Hearing::Flush(flush) = hearing else { continue };
                sleep(Duration::from_millis(80)).await;
                let heard = Transcript::Final { text: "something".into(), flush: Some(flush) };
                if ask.answer.tell(heard).await.is_err() {
                    return;
                }
            }
        };
        ctx.spawn(listen.into_actor(self));
    }
}

/// Always replies the same.
struct Mind;

impl Kind for Mind {
    const KIND: &'static str = "llm";
}

impl Actor for Mind {
    type Context = Metered<Self>;
}

impl Handler<Ask<Complete>> for Mind {
    type Result = ();

    fn handle(&mut self, ask: Ask<Complete>, ctx: &mut Metered<Self>) {
        let think = async move {
            sleep(Duration::from_millis(150)).await;
            if ask.answer.tell(Completion::Text("I see.".into())).await.is_ok() {
                ask.answer.finish(Completion::Done(Next::Listen));
            }
        };
        ctx.spawn(think.into_actor(self));
    }
}
