//! Who plays the roles. The engine knows providers by their desks only, so whoever starts it may bring others.

use operetta_contract::{Complete, Detect, Synthesize, Transcribe};
use operetta_local::Engines;
use operetta_session::Desks;
use operetta_stage::{Playbill, Policy, Supervisor};

use crate::config::{Settings, TtsProvider};

/// Opens the desks of each lane.
pub trait Providers: Clone + Send + 'static {
    /// The desks of one lane, opened on its thread. Each takes `policy.seats` jobs at a time.
    fn desks(&self, policy: Policy, bill: &Playbill) -> Desks;

    /// The voice of agents that name none.
    fn default_voice(&self, settings: &Settings) -> String;

    /// What is active and why, in lines for people.
    fn describe(&self) -> Vec<String>;
}

/// The embedded engines: no key, no network.
impl Providers for Engines {
    fn desks(&self, policy: Policy, bill: &Playbill) -> Desks {
        let (vad, stt, llm, tts) = (self.clone(), self.clone(), self.clone(), self.clone());
        Desks {
            vad: Supervisor::start::<Detect, _>(policy, bill, move || vad.detector()),
            stt: Supervisor::start::<Transcribe, _>(policy, bill, move || stt.listener()),
            llm: Supervisor::start::<Complete, _>(policy, bill, move || llm.receptionist()),
            tts: Supervisor::start::<Synthesize, _>(policy, bill, move || tts.speaker()),
        }
    }

    fn default_voice(&self, settings: &Settings) -> String {
        match settings.speech.tts {
            TtsProvider::Embedded => Self::default_voice(self),
            TtsProvider::Hibari => "hibari",
            TtsProvider::Flite => "kal",
        }
        .into()
    }

    fn describe(&self) -> Vec<String> {
        Self::describe(self).to_vec()
    }
}

/// The embedded engines as the settings want them. Takes about a second when there are models to load.
///
/// # Errors
/// A model file cannot be read, or a thread cannot be started.
pub fn embedded(settings: &Settings) -> Result<Engines, operetta_local::LocalError> {
    let speech = &settings.speech;
    Engines::start(&operetta_local::Config {
        models: Some(speech.models_dir.clone()),
        stt_threads: speech.stt_threads,
        tts_threads: speech.tts_threads,
        vad_threads: speech.vad_threads,
        ..operetta_local::Config::default()
    })
}
