//! Settings: read once, checked as a whole, then plain data that nobody can change.
//!
//! Layers, each over the one before: the defaults in the program (`config/default.toml`), a TOML file, the variable names
//! that deployments had before ours, our own variables (`OPERETTA__HTTP__BIND` sets `http.bind`). Every value remembers
//! where it came from. All problems are reported together, unknown keys among them, before a port is bound.
//!
//! This module alone knows the `config` crate, the environment's names and the file's format.

mod audit;
mod casting;
mod exposure;
mod hint;
mod layers;
mod problem;
mod providers;
mod public_url;
mod reference;
mod rules;
mod server_url;
mod settings;
mod shape;

use std::path::Path;

use ::config::{Map, Value};

pub use self::{
    audit::Effective,
    layers::environment,
    problem::{Origin, Problem, ProblemKind, Problems},
    providers::{Api, Audio, Embedded, OnFailure, Patience, Provider, Roles},
    public_url::PublicUrl,
    reference::{aliases_table, apis_table, json_schema, settings_table},
    server_url::ServerUrl,
    settings::{
        Admin, Agent, Drain, Exotel, Http, LegLimits, Lines, Log, LogFormat, Mode, Phrases, Recording, Settings,
        Speech, Timing, TtsProvider, Twilio,
    },
};
use self::{
    layers::{table, table_mut},
    shape::Shape,
};

/// Settings that may be used, and where each of them came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Every value with its origin, in the order of the keys, secrets masked.
    pub effective: Vec<Effective>,
}

/// What a look at the configuration found, good or bad.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The settings, with defaults in place of what is wrong: to be looked at, not to be served from.
    pub settings: Settings,
    /// Every value with its origin, in the order of the keys, secrets masked; what is wrong is left out.
    pub effective: Vec<Effective>,
    /// Everything that is wrong, exposure apart.
    pub problems: Problems,
}

impl Settings {
    /// Reads all layers. `env` are the variables of the process, names and values: [`environment`], or what a test likes.
    ///
    /// # Errors
    /// All problems at once. The server ends with code 78 then, before it has bound a port. What makes a server open to
    /// strangers is not among them, because the command line may still allow that: see [`Settings::check_exposure`].
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Loaded, Problems> {
        let Inspection { settings, effective, problems } = inspect(path, env);
        problems.or(Loaded { settings, effective })
    }
}

impl Inspection {
    /// Everything that keeps a server from starting with these settings, exposure included.
    ///
    /// # Errors
    /// All problems at once.
    pub fn verdict(&self) -> Result<(), Problems> {
        let mut problems = self.problems.clone();
        if let Err(open) = self.settings.check_exposure() {
            problems.extend(open);
        }
        problems.sort();
        problems.or(())
    }
}

/// Reads all layers and tells everything about them, whatever state they are in.
pub fn inspect(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Inspection {
    let shape = Shape::of_settings();
    let mut problems = Problems::default();
    let mut values = layers::merged(path, env, &shape, &mut problems);
    audit::prune(&mut values, &shape, &mut problems);
    let effective = audit::effective(&values, &shape);
    fill(&mut values, &layers::defaults());
    inherit(&mut values);
    let settings: Settings = serde_path_to_error::deserialize(values)
        .unwrap_or_else(|error| unreachable!("values of the settings' own shape: {}", error.path()));
    rules::check(&settings, &effective, &mut problems);
    problems.sort();
    Inspection { settings, effective, problems }
}

/// Puts defaults where nothing is (left): a value that was wrong must not hide what else is wrong.
fn fill(values: &mut Value, defaults: &Value) {
    let (Some(values), Some(defaults)) = (table_mut(values), table(defaults)) else { return };
    for (key, default) in defaults {
        match values.get_mut(key) {
            // Agents are their owner's: the built-in one must not come back, nor lend its words to another.
            Some(_) if key == "agents" => {}
            Some(value) => fill(value, default),
            None => {
                values.insert(key.clone(), default.clone());
            }
        }
    }
}

/// Completes every agent from the common tables: `roles` lie in the agent's own table, `timing` and `lines` below it.
fn inherit(values: &mut Value) {
    let Some(root) = table_mut(values) else { return };
    let roles = root.get("roles").cloned().unwrap_or_default();
    for agent in root.get_mut("agents").and_then(table_mut).into_iter().flat_map(Map::values_mut) {
        fill(agent, &roles);
    }
    for part in ["timing", "lines"] {
        let common = root.get(part).cloned().unwrap_or_default();
        let Some(agents) = root.get_mut("agents").and_then(table_mut) else { return };
        for agent in agents.values_mut().filter_map(table_mut) {
            let own = agent.entry(part.to_owned()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
            fill(own, &common);
        }
    }
}
