//! Callers: what they say, and placing their calls.

use std::sync::OnceLock;

use operetta_caller::{
    Audience, CallPlan, CallReport, Caller, Carrier, Clip, Dice, Load, LoadReport, Script, Unwatched,
};
use operetta_local::flite::{Flite, FliteVoice};

use crate::engine::Engine;

/// `words` in the caller's voice, another than any agent has, with a little silence around them.
pub fn says(words: &str) -> Clip {
    static VOICE: OnceLock<Flite> = OnceLock::new();
    let spoken = VOICE.get_or_init(Flite::new).speak(words, FliteVoice::Kal16, 16_000).expect("16 kHz is a rate");
    let pause = vec![0; 1600];
    Clip::new([&pause[..], &spoken, &pause].concat(), 16_000)
}

/// A call of `script` through the webhook of `carrier`, with ids of its own.
pub fn plan(engine: &Engine, carrier: Carrier, script: Script) -> CallPlan {
    let webhook = match carrier {
        Carrier::Exotel => "/exotel/voicebot",
        Carrier::Twilio => "/twilio/voice",
    };
    let url = engine.url("http", webhook).parse().expect("a URL");
    CallPlan { seed: Dice::seed(), ..CallPlan::new(carrier, url, script) }
}

/// Places one call and waits for its end.
pub fn place(plan: &CallPlan) -> CallReport {
    let nobody = Audience { observer: &mut Unwatched, transcriber: None };
    actix_rt::System::new().block_on(async { Caller::new().place(plan, 0, nobody).await })
}

/// Places many.
pub fn load(plan: &CallPlan, load: &Load) -> LoadReport {
    actix_rt::System::new().block_on(async { Caller::new().load(plan, load, |_| {}).await })
}
