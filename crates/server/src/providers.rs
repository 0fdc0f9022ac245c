//! Who plays the roles. The engine knows providers by their desks only, so whoever starts it may bring others.

mod configured;
mod guests;
pub(crate) mod rehearsal;
mod troupe;
pub(crate) mod vendors;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use operetta_contract::{Role, Usage};
use operetta_local::Engines;
use operetta_session::Casting;
use operetta_stage::{Playbill, Policy};
use operetta_workers::{PhraseBook, account::Account};

use crate::config::{Agent, Embedded, Settings};
pub(crate) use configured::embedded_voice;
pub use configured::{Configured, StartError};
pub use guests::Guests;
pub use vendors::Terms;

/// Opens the desks of each lane.
pub trait Providers: Clone + Send + 'static {
    /// The providers of every agent on one lane, opened on its thread. Each desk takes `policy.seats` jobs at a time.
    fn casting(&self, policy: Policy, bill: &Playbill) -> Casting;

    /// The voice of agents that name none.
    fn default_voice(&self, settings: &Settings) -> String;

    /// What is active and why, in lines for people.
    fn describe(&self) -> Vec<String>;

    /// The providers that have an account: what is measured of them, and how their breakers are steered.
    fn listed(&self) -> Vec<Listed> {
        Vec::new()
    }

    /// Phrases that are kept for whoever calls next, where there are any.
    fn phrases(&self) -> Option<PhraseBook> {
        None
    }

    /// The figures of actors that work for a lane besides those of its own bill.
    fn bills(&self) -> Vec<Playbill> {
        Vec::new()
    }
}

/// A provider in use. Cloning is cheap; clones are the same provider.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What it does.
    pub role: Role,
    /// Which API it is spoken to in; `embedded` inside the program.
    pub api: &'static str,
    /// The model, empty where there is none to choose.
    pub model: Arc<str>,
    /// Where it is served, empty inside the program.
    pub address: Arc<str>,
    /// Which agents use it.
    pub agents: Vec<Arc<str>>,
    /// What all lanes know of it.
    pub account: Account,
    /// What its jobs cost.
    pub spent: Arc<Spent>,
}

/// What all jobs of a provider cost until now.
#[derive(Debug, Default)]
pub struct Spent {
    /// Characters sent to be spoken.
    pub characters: AtomicU64,
    /// Audio sent, in ms.
    pub audio_in_ms: AtomicU64,
    /// Audio received, in ms.
    pub audio_out_ms: AtomicU64,
    /// Tokens read by a model, cached ones included.
    pub tokens_in: AtomicU64,
    /// Tokens of those that came from the provider's cache.
    pub tokens_cached: AtomicU64,
    /// Tokens written by a model.
    pub tokens_out: AtomicU64,
}

impl Spent {
    /// Adds what one job cost.
    pub fn add(&self, usage: &Usage) {
        for (sum, part) in [
            (&self.characters, usage.characters),
            (&self.audio_in_ms, usage.audio_in_ms),
            (&self.audio_out_ms, usage.audio_out_ms),
            (&self.tokens_in, usage.tokens_in),
            (&self.tokens_cached, usage.tokens_cached),
            (&self.tokens_out, usage.tokens_out),
        ] {
            sum.fetch_add(part.into(), Relaxed);
        }
    }
}

/// Whether an agent's jobs go to an engine inside the program without anybody between: there is nobody to switch to, and the
/// job has the right voice already.
fn is_asked_directly(agent: &Agent, list: &[String]) -> bool {
    matches!(list, [only] if Embedded::named(only).is_some()) && agent.realtime.is_empty()
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

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.role.as_str())
    }
}
