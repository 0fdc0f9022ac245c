use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc, time::Duration};

use operetta_contract::Role;
use operetta_local::Engines;
use operetta_session::Casting;
use operetta_stage::{Clock, Playbill, Policy};
use operetta_workers::{
    Net, NetConfig, PhraseBook, PhraseConfig,
    account::{Account, AccountConfig},
};

use super::{Guests, Listed, Providers, Spent, troupe::Troupe};
use crate::config::{Agent, Embedded, Provider, Settings, TtsProvider};

/// The providers that the settings name: the engines inside the program, and whoever is reached over the network.
#[derive(Clone)]
pub struct Configured(Arc<Cast>);

/// What all lanes share of the providers.
pub(super) struct Cast {
    pub(super) settings: Settings,
    pub(super) engines: Engines,
    /// The vendors that the program brings.
    pub(super) guests: Guests,
    /// Those that some agent uses; engines inside the program only where they stand in a list with others.
    pub(super) listed: BTreeMap<(Role, String), Listed>,
    /// Certificates to trust, by the files that they were read from.
    pub(super) roots: BTreeMap<PathBuf, Vec<u8>>,
    /// What is said in many calls; `None` where nobody is reached over the network: what is inside the program speaks faster.
    pub(super) phrases: Option<PhraseBook>,
    /// The figures of vendors' workers, by the lane they work for. Apart from the lane's own: a job that a relay takes and a
    /// vendor does is one job of the call.
    pub(super) bills: BTreeMap<String, Playbill>,
}

/// Why the providers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A model file, or a thread.
    #[error("the embedded speech cannot start: {0}")]
    Embedded(#[from] operetta_local::LocalError),
    /// The folder of the phrase cache.
    #[error("phrases.dir: {} cannot be used: {why}", dir.display())]
    Phrases {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
    /// An entry of a vendor that the program does not bring.
    #[error(
        "providers.{provider}: expected a program that brings {provider:?} for its api; this one brings: {brought}"
    )]
    NotBrought {
        /// The entry.
        provider: String,
        /// Who was brought.
        brought: String,
    },
    /// A file of certificates.
    #[error("providers.{provider}.ca_file: expected certificates in {}, found: {found}", file.display())]
    Certificates {
        /// Whose file it is.
        provider: String,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        found: String,
    },
}

impl Configured {
    /// Reads models and certificates. Takes about a second when there are models to load.
    ///
    /// # Errors
    /// A model file or a certificate cannot be used, or a thread cannot be started.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Guests::default())
    }

    /// The same, with vendors that the program brings: entries whose `api` is `own_tts` and the like.
    ///
    /// # Errors
    /// As [`start`](Self::start), or the settings use somebody whom the program does not bring.
    pub fn start_with(settings: &Settings, guests: Guests) -> Result<Self, StartError> {
        for name in settings.active_providers().into_keys() {
            if settings.providers.get(name).is_some_and(|entry| guests.capabilities(name, entry).is_none()) {
                let brought = guests.names();
                return Err(StartError::NotBrought { provider: name.to_owned(), brought });
            }
        }
        let roots = roots(settings)?;
        let engines = super::embedded(settings)?;
        let listed = listed(settings, &guests);
        let phrases = if listed.is_empty() { None } else { Some(phrases(settings)?) };
        let lanes = if listed.is_empty() { 0 } else { settings.lanes() };
        let bills = (0..lanes).map(|lane| (format!("w{lane}"), Playbill::new(format!("w{lane}.providers")))).collect();
        Ok(Self(Arc::new(Cast { settings: settings.clone(), engines, guests, listed, roots, phrases, bills })))
    }
}

impl Configured {
    /// Whether what is said in the agent's voice is kept for calls.
    pub(crate) fn keeps_for(&self, agent: &str) -> bool {
        let agent = self.0.settings.agents.get(agent);
        self.0.phrases.is_some() && agent.is_some_and(|agent| !super::is_asked_directly(agent, &agent.tts))
    }

    /// Waits until every phrase that was kept is on disk, for `patience` at most.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Some(phrases) = &self.0.phrases {
            phrases.finish(patience);
        }
    }

    pub(super) fn cast(&self) -> &Cast {
        &self.0
    }
}

impl Providers for Configured {
    fn casting(&self, policy: Policy, bill: &Playbill) -> Casting {
        let troupe = Troupe::gather(&self.0, policy, bill);
        Casting::new(move |agent| troupe.desks(&agent.name))
    }

    fn default_voice(&self, settings: &Settings) -> String {
        default_voice(settings, &self.0.engines).to_owned()
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.0.engines.describe().to_vec();
        for provider in self.0.listed.values() {
            let (role, name, agents) = (provider.role.as_str(), &provider.name, provider.agents.join(", "));
            let asked: Vec<_> = [provider.api, &*provider.model].into_iter().filter(|word| !word.is_empty()).collect();
            let asked = if provider.address.is_empty() { String::new() } else { format!(" ({})", asked.join(" ")) };
            lines.push(format!("{role}: {name}{asked} for {agents}"));
        }
        lines
    }

    fn listed(&self) -> Vec<Listed> {
        self.0.listed.values().cloned().collect()
    }

    fn phrases(&self) -> Option<PhraseBook> {
        self.0.phrases.clone()
    }

    fn bills(&self) -> Vec<Playbill> {
        self.0.bills.values().cloned().collect()
    }
}

/// The voice of the embedded engine for agents that name none.
fn default_voice(settings: &Settings, engines: &Engines) -> &'static str {
    match settings.speech.tts {
        TtsProvider::Embedded => engines.default_voice(),
        TtsProvider::Hibari => "hibari",
        TtsProvider::Flite => "kal",
    }
}

impl Cast {
    /// The voice in which an agent speaks where nobody gives it another.
    pub(super) fn voice_of(&self, agent: &str) -> String {
        let agent = self.settings.agents.get(agent);
        agent.map_or_else(|| "default".to_owned(), |agent| self.embedded_voice(agent, agent.speaker()))
    }

    /// The voice in which an engine inside the program speaks for an agent.
    pub(super) fn embedded_voice(&self, agent: &Agent, engine: Embedded) -> String {
        embedded_voice(agent, engine, default_voice(&self.settings, &self.engines)).to_owned()
    }
}

/// The voice in which an engine inside the program speaks for an agent, `default` being that of agents without a wish.
pub(crate) fn embedded_voice<'a>(agent: &'a Agent, engine: Embedded, default: &'a str) -> &'a str {
    match engine {
        Embedded::Any if agent.voice == "default" => default,
        Embedded::Any => &agent.voice,
        Embedded::Hibari => "hibari",
        Embedded::Flite if agent.voice == "kal16" => "kal16",
        Embedded::Flite => "kal",
    }
}

/// Every provider that has an account, with the agents that use it.
fn listed(settings: &Settings, guests: &Guests) -> BTreeMap<(Role, String), Listed> {
    let clock = Clock::system();
    let mut listed = BTreeMap::new();
    for (agent_name, agent) in &settings.agents {
        for role in [Role::Stt, Role::Llm, Role::Tts, Role::Realtime] {
            let list = agent.list(role);
            for name in list {
                let entry = settings.providers.get(name);
                if entry.is_none() && super::is_asked_directly(agent, list) {
                    continue;
                }
                let known = listed.entry((role, name.clone())).or_insert_with(|| {
                    one(name, role, entry, Account::new(name.as_str(), account(name, entry, guests), clock.clone()))
                });
                known.agents.push(agent_name.as_str().into());
            }
        }
    }
    listed
}

fn one(name: &str, role: Role, entry: Option<&Provider>, account: Account) -> Listed {
    let model = entry.map_or("", |entry| entry.model.as_deref().unwrap_or_default());
    Listed {
        name: name.into(),
        role,
        api: entry.and_then(|entry| entry.api).map_or("embedded", crate::config::Api::as_str),
        model: model.into(),
        address: entry.map_or("", Provider::address).into(),
        agents: Vec::new(),
        account,
        spent: Arc::new(Spent::default()),
    }
}

/// How the account of a provider is run; an engine inside the program has threads and queues of its own.
fn account(name: &str, entry: Option<&Provider>, guests: &Guests) -> AccountConfig {
    let Some(entry) = entry else { return AccountConfig::default() };
    let allowed = guests.capabilities(name, entry).and_then(|capabilities| capabilities.concurrency);
    AccountConfig {
        seats: entry.max_at_once.or(allowed),
        first_pause: Duration::from_secs(entry.breaker_pause_secs.into()),
        longest_pause: Duration::from_secs(entry.breaker_longest_secs.into()),
        ..AccountConfig::default()
    }
}

fn phrases(settings: &Settings) -> Result<PhraseBook, StartError> {
    let wanted = &settings.phrases;
    let config = PhraseConfig {
        memory_bytes: wanted.memory_bytes,
        folder: (wanted.disk_bytes > 0).then(|| wanted.dir.clone()),
        disk_bytes: wanted.disk_bytes,
        ..PhraseConfig::default()
    };
    PhraseBook::start(&config).map_err(|why| StartError::Phrases { dir: wanted.dir.clone(), why })
}

/// The certificates that providers in use want to be trusted, each file read once and found to hold some.
fn roots(settings: &Settings) -> Result<BTreeMap<PathBuf, Vec<u8>>, StartError> {
    let mut roots = BTreeMap::new();
    for name in settings.active_providers().into_keys() {
        let Some(file) = settings.providers.get(name).and_then(|provider| provider.ca_file.as_ref()) else { continue };
        if roots.contains_key(file) {
            continue;
        }
        let bad = |found: String| StartError::Certificates { provider: name.to_owned(), file: file.clone(), found };
        let bytes = fs::read(file).map_err(|error| bad(error.to_string()))?;
        // Clients are made on the lanes, where it is too late to refuse: here one is made to see whether it can be.
        let config = NetConfig { extra_roots: vec![bytes.clone()], ..NetConfig::default() };
        actix_web::rt::System::new()
            .block_on(async { Net::new(&config).map(drop) })
            .map_err(|error| bad(error.to_string()))?;
        roots.insert(file.clone(), bytes);
    }
    Ok(roots)
}
