use std::{ffi::OsString, path::Path};

use config::{Config, File, FileFormat, Map, Source, Value, ValueKind};

use super::{
    hint,
    problem::{Origin, Problem, ProblemKind, Problems},
    providers::Api,
    server_url::ServerUrl,
    shape::{Form, Shape},
};

/// The lowest layer: every setting that has a default.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// The agent that the defaults bring.
const BUILT_IN_AGENT: &str = "asha";

/// What our own variables begin with; levels of the key are separated by the same two underscores.
pub(super) const PREFIX: &str = "OPERETTA__";

/// A variable name that deployments had before ours, and the key that it sets. A later row wins over an earlier one.
pub(super) const ALIASES: [Alias; 16] = [
    Alias {
        name: "PORT",
        key: "http.bind",
        note: "the port; the address becomes `0.0.0.0`, as hosting platforms expect",
    },
    Alias { name: "RENDER_EXTERNAL_URL", key: "http.public_url", note: "gives way to `WEBHOOK_BASE_URL`" },
    Alias { name: "WEBHOOK_BASE_URL", key: "http.public_url", note: "" },
    Alias { name: "WS_PATH", key: "http.ws_path", note: "a slash at its beginning is added if it is missing" },
    Alias { name: "EXOTEL_WS_TOKEN", key: "exotel.secret", note: "" },
    Alias { name: "TWILIO_AUTH_TOKEN", key: "twilio.auth_tokens", note: "several are separated by commas" },
    Alias { name: "GREETING_TEXT", key: "agents.<default_agent>.greeting", note: "the greeting of the default agent" },
    Alias { name: "STT_PROVIDER", key: "roles.stt", note: "several are separated by commas, the first choice first" },
    Alias { name: "LLM_PROVIDER", key: "roles.llm", note: "likewise" },
    Alias { name: "TTS_PROVIDER", key: "roles.tts", note: "likewise; `hibari` and `flite` are embedded voices" },
    Alias { name: "ANTHROPIC_API_KEY", key: KEY, note: KEY_NOTE },
    Alias { name: "ASSEMBLYAI_API_KEY", key: KEY, note: "likewise" },
    Alias { name: "DEEPGRAM_API_KEY", key: KEY, note: "likewise" },
    Alias { name: "ELEVENLABS_API_KEY", key: KEY, note: "likewise" },
    Alias { name: "GOOGLE_API_KEY", key: KEY, note: "likewise" },
    Alias { name: "OPENAI_API_KEY", key: KEY, note: "likewise" },
];

/// What the well-known variables of keys set.
const KEY: &str = "providers.<name>.key";
const KEY_NOTE: &str =
    "of every provider whose API is theirs and which has no key of its own; never sent to hosts other than theirs";

pub(super) struct Alias {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) note: &'static str,
}

/// One source of settings whose values know where they come from.
#[derive(Clone, Debug, Default)]
struct Layer {
    values: Map<String, Value>,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.values.clone())
    }
}

/// All layers on top of each other: defaults, file, older variable names, our variables.
///
/// Values keep their origin. What cannot be read goes to `problems` and is left out.
pub(super) fn merged(
    path: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    shape: &Shape,
    problems: &mut Problems,
) -> Value {
    let mut env: Vec<_> = env
        .map(|(name, value)| (name, value.trim().to_owned()))
        // An empty variable is how compose files and hosting platforms say "not set".
        .filter(|(_, value)| !value.is_empty())
        .collect();
    // Backwards, so that `X_FILE` comes before `X`, which wins.
    env.sort_by(|a, b| b.cmp(a));
    let file = path.map(|path| file(path, problems)).unwrap_or_default();
    let ours = variables(&env, shape, problems);
    let defaults = defaults_for(&[&file, &ours]);
    let aliases = aliases(&env, &overlay(&[&defaults, &file, &ours]), shape, problems);
    overlay(&[&defaults, &file, &aliases, &ours])
}

/// The defaults alone.
pub(super) fn defaults() -> Value {
    overlay(&[&defaults_for(&[])])
}

/// The defaults, without the built-in agent if higher layers have agents and none of them is meant for it.
fn defaults_for(higher: &[&Layer]) -> Layer {
    let mut layer = parsed(DEFAULTS, &Origin::Default)
        .unwrap_or_else(|_| unreachable!("a test reads config/default.toml as it is built in"));
    let mut own_agents =
        higher.iter().filter_map(|layer| table(layer.values.get("agents")?)).flat_map(Map::keys).peekable();
    if own_agents.peek().is_some() && !own_agents.any(|name| name == BUILT_IN_AGENT) {
        layer.values.remove("agents");
    }
    layer
}

fn file(path: &Path, problems: &mut Problems) -> Layer {
    let origin = Origin::File(path.display().to_string());
    let read = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
    read.and_then(|text| parsed(&text, &origin)).unwrap_or_else(|what| {
        problems.add(Problem { origin, key: String::new(), kind: ProblemKind::UnreadableFile, what, help: None });
        Layer::default()
    })
}

fn parsed(text: &str, origin: &Origin) -> Result<Layer, String> {
    let values = File::from_str(text, FileFormat::Toml).collect().map_err(|error| complaint(&error, text))?;
    // The crate takes top-level keys for paths: `"a[4294967295]" = 1` would build a list of that size.
    let is_plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if let Some(key) = values.keys().find(|key| !is_plain(key)) {
        return Err(format!("key {key:?}: expected letters, digits, - and _"));
    }
    let values = values.into_iter().map(|(key, value)| (key, marked(value.kind, origin))).collect();
    Ok(Layer { values })
}

/// Position and cause of a syntax error, without the line itself: it may hold a secret.
fn complaint(error: &config::ConfigError, text: &str) -> String {
    let config::ConfigError::FileParse { cause, .. } = error else { return format!("is not TOML: {error}") };
    let Some(toml) = cause.downcast_ref::<toml::de::Error>() else { return "is not TOML".to_owned() };
    let before = toml.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let line = before.matches('\n').count() + 1;
    format!("is not TOML: line {line}, column {column}: {}", toml.message())
}

/// Writes the origin on every value of a tree.
fn marked(kind: ValueKind, origin: &Origin) -> Value {
    let kind = match kind {
        ValueKind::Table(table) => {
            ValueKind::Table(table.into_iter().map(|(key, value)| (key, marked(value.kind, origin))).collect())
        }
        ValueKind::Array(items) => ValueKind::Array(items.into_iter().map(|item| marked(item.kind, origin)).collect()),
        plain => plain,
    };
    Value::new(Some(&origin.to_string()), kind)
}

/// Our own variables. A name that no setting has is a problem, and so is one that only misses underscores.
fn variables(env: &[(String, String)], shape: &Shape, problems: &mut Problems) -> Layer {
    let mut layer = Layer::default();
    for (name, text) in env {
        let origin = Origin::Env(name.clone());
        let Some(path) = path_of(name) else {
            if let Some(meant) = hint::almost_variable(name, shape) {
                problems.add(unknown_variable(origin, "not a setting".to_owned(), Some(meant)));
            }
            continue;
        };
        match (shape.at(&path), secret_file(name, shape)) {
            (Some(found), _) => layer.set(&path, found, text, &origin, problems),
            (None, Some((path, found))) => match std::fs::read_to_string(text) {
                Ok(secret) => layer.set(&path, found, secret.trim(), &origin, problems),
                Err(error) => problems.add(Problem {
                    origin,
                    key: path.join("."),
                    kind: ProblemKind::BadValue,
                    what: format!("{text:?} cannot be read: {error}"),
                    help: None,
                }),
            },
            (None, None) => {
                let meant = hint::closest_variable(name, &path, shape);
                problems.add(unknown_variable(origin, "unknown variable: no setting has this name".to_owned(), meant));
            }
        }
    }
    layer
}

fn unknown_variable(origin: Origin, what: String, meant: Option<String>) -> Problem {
    let help = meant.map(|meant| format!("did you mean `{meant}`?"));
    Problem { origin, key: String::new(), kind: ProblemKind::UnknownKey, what, help }
}

/// `["http", "bind"]` for `OPERETTA__HTTP__BIND`, `None` for variables of others.
fn path_of(name: &str) -> Option<Vec<String>> {
    Some(name.strip_prefix(PREFIX)?.to_ascii_lowercase().split("__").map(str::to_owned).collect())
}

/// The secret that `OPERETTA__EXOTEL__SECRET_FILE` and the like are about: the variable names a file that holds it, which is
/// how container platforms hand secrets over without showing them in the environment.
fn secret_file<'a>(name: &str, shape: &'a Shape) -> Option<(Vec<String>, &'a Shape)> {
    let path = path_of(name.strip_suffix("_FILE")?)?;
    let found = shape.at(&path).filter(|found| found.secret)?;
    Some((path, found))
}

/// The older names. `below` is what all other layers say, for the alias that depends on a setting.
fn aliases(env: &[(String, String)], below: &Value, shape: &Shape, problems: &mut Problems) -> Layer {
    let mut layer = Layer::default();
    for alias in &ALIASES {
        let Some((_, text)) = env.iter().find(|(name, _)| name == alias.name) else { continue };
        let origin = Origin::Env(alias.name.to_owned());
        let mut problem = |key: &str, what: String| {
            problems.add(Problem {
                origin: origin.clone(),
                key: key.to_owned(),
                kind: ProblemKind::BadValue,
                what,
                help: None,
            });
        };
        if alias.key == KEY {
            for name in keyless(below, alias.name) {
                let path = ["providers".to_owned(), name, "key".to_owned()];
                if let Some(found) = shape.at(&path) {
                    layer.set(&path, found, text, &origin, problems);
                }
            }
            continue;
        }
        let (key, text) = match alias.name {
            "PORT" => match text.parse::<u16>() {
                Ok(port) if port > 0 => (alias.key.to_owned(), format!("0.0.0.0:{port}")),
                _ => {
                    problem(alias.key, format!("expected a port from 1 to 65535, found {text:?}"));
                    continue;
                }
            },
            // Names are in small letters; platforms like capitals.
            "STT_PROVIDER" | "LLM_PROVIDER" | "TTS_PROVIDER" => (alias.key.to_owned(), text.to_ascii_lowercase()),
            "WS_PATH" if !text.starts_with('/') => (alias.key.to_owned(), format!("/{text}")),
            "GREETING_TEXT" => {
                let agent = text_at(below, &["default_agent"]).unwrap_or_default();
                if value_at(below, &["agents", &agent]).is_none() {
                    problem("default_agent", format!("there is no agent {agent:?} to say this greeting"));
                    continue;
                }
                (alias.key.replace("<default_agent>", &agent), text.clone())
            }
            _ => (alias.key.to_owned(), text.clone()),
        };
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if let Some(found) = shape.at(&path) {
            layer.set(&path, found, &text, &origin, problems);
        }
    }
    layer
}

/// The providers whose key is to come from the variable of their API: they have none of their own, and they are served by its
/// makers, who may know it. A server of somebody else must not be sent it.
fn keyless(below: &Value, variable: &str) -> Vec<String> {
    let Some(providers) = value_at(below, &["providers"]).and_then(table) else { return Vec::new() };
    let wants = |provider: &Value| {
        let text = |key| text_at(provider, &[key]);
        let api = Api::ALL.into_iter().find(|api| text("api").is_some_and(|word| word == api.as_str()));
        let at_home = |api: Api| {
            text("base_url").is_none_or(|url| ServerUrl::parse(&url).is_ok_and(|url| url.is_within(api.domain())))
        };
        api.is_some_and(|api| api.key_variable() == variable && at_home(api)) && value_at(provider, &["key"]).is_none()
    };
    providers.iter().filter(|(_, provider)| wants(provider)).map(|(name, _)| name.clone()).collect()
}

impl Layer {
    /// Puts the text of a variable at a path, as the kind of value that this setting takes.
    fn set(&mut self, path: &[String], shape: &Shape, text: &str, origin: &Origin, problems: &mut Problems) {
        match typed(text, shape) {
            Ok(kind) => {
                let Some((last, parents)) = path.split_last() else { return };
                let mut table = &mut self.values;
                for parent in parents {
                    let next =
                        table.entry(parent.clone()).or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
                    let ValueKind::Table(inner) = &mut next.kind else { return };
                    table = inner;
                }
                table.insert(last.clone(), marked(kind, origin));
            }
            Err(what) => problems.add(Problem {
                origin: origin.clone(),
                key: path.join("."),
                kind: ProblemKind::BadValue,
                what,
                help: None,
            }),
        }
    }
}

/// The value that a variable's text stands for. Ranges and formats are judged later, for all layers alike.
fn typed(text: &str, shape: &Shape) -> Result<ValueKind, String> {
    let found = || if shape.secret { "something else".to_owned() } else { format!("{text:?}") };
    let wrong = || format!("expected {}, found {}", shape.form.expected(), found());
    match &shape.form {
        Form::Table { .. } => Err("a table cannot be set by one variable: set its keys".to_owned()),
        Form::List { item, .. } => {
            let items = text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
            let items: Result<Vec<_>, _> =
                items.map(|text| typed(text, item).map(|kind| Value::new(None, kind))).collect();
            Ok(ValueKind::Array(items?))
        }
        Form::Whole { .. } => text.replace('_', "").parse().map(ValueKind::I64).map_err(|_| wrong()),
        Form::Flag => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(ValueKind::Boolean(true)),
            "false" | "0" | "no" | "off" => Ok(ValueKind::Boolean(false)),
            _ => Err(wrong()),
        },
        // Words of a closed list are written in capitals by some platforms.
        Form::Text { one_of, .. } if !one_of.is_empty() => Ok(ValueKind::String(text.to_ascii_lowercase())),
        Form::Text { .. } => Ok(ValueKind::String(text.to_owned())),
    }
}

fn overlay(layers: &[&Layer]) -> Value {
    let builder = layers.iter().fold(Config::builder(), |builder, layer| builder.add_source((*layer).clone()));
    builder.build().map_or_else(|_| unreachable!("our layers are in memory and cannot fail"), |config| config.cache)
}

/// The environment of this process, as far as it is text. The one place that reads it.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

pub(super) fn table(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

pub(super) fn table_mut(value: &mut Value) -> Option<&mut Map<String, Value>> {
    match &mut value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

pub(super) fn value_at<'a>(root: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, key| table(value)?.get(*key))
}

fn text_at(root: &Value, path: &[&str]) -> Option<String> {
    match &value_at(root, path)?.kind {
        ValueKind::String(text) => Some(text.clone()),
        _ => None,
    }
}
