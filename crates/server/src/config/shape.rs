use std::{borrow::Cow, collections::BTreeMap};

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;
use tracing_subscriber::EnvFilter;

use super::{public_url::PublicUrl, server_url::ServerUrl, settings::Settings};

/// The shape that settings must have, read from the JSON Schema of [`Settings`]: one source for the check of values, the
/// reading of variables, the documentation and `--schema`, so that they cannot disagree.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// What the setting means: the first paragraph of its documentation.
    pub(super) about: String,
    /// A secret: its value is never shown.
    pub(super) secret: bool,
    pub(super) form: Form,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Known keys, or any keys whose values are alike.
    Table {
        keys: BTreeMap<String, Shape>,
        others: Option<Box<Shape>>,
    },
    List {
        item: Box<Shape>,
        min_items: usize,
        max_items: usize,
    },
    /// A whole number in a range, a multiple of `step`.
    Whole {
        min: i64,
        max: i64,
        step: i64,
    },
    Flag,
    /// Text, lengths in characters; one of `one_of` unless that is empty.
    Text {
        min: usize,
        max: usize,
        one_of: Vec<String>,
        format: Option<Format>,
    },
}

/// What a text must be beyond its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    LanguageTag,
    LogFilter,
    PublicUrl,
    ServerUrl,
    SocketAddress,
    UrlPath,
    Voice,
}

/// What a text or a list without a bound has for one.
pub(super) const UNBOUNDED: usize = i64::MAX as usize;

/// Voices that an agent may name, apart from `default`, with whether they need the neural model.
pub(super) const VOICES: [(&str, bool); 3] = [("hibari", true), ("kal", false), ("kal16", false)];

impl Shape {
    /// The shape of all settings.
    pub(super) fn of_settings() -> Self {
        Self::read(&settings_schema())
    }

    fn read(schema: &Json) -> Self {
        let about = schema["description"].as_str().unwrap_or_default();
        Self {
            about: about.split("\n\n").next().unwrap_or_default().replace('\n', " "),
            secret: schema["writeOnly"].as_bool().unwrap_or(false),
            form: Form::read(schema),
        }
    }

    /// The shape of the setting at this path, `None` if there is no such setting.
    pub(super) fn at<'a>(&'a self, path: &[String]) -> Option<&'a Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        self.below(first)?.at(rest)
    }

    /// The shape of the key directly below this table.
    pub(super) fn below(&self, key: &str) -> Option<&Self> {
        match &self.form {
            Form::Table { keys, others } => keys.get(key).or(others.as_deref()),
            Form::List { .. } | Form::Whole { .. } | Form::Flag | Form::Text { .. } => None,
        }
    }

    /// Every single setting with its path; keys that users choose are written `<name>`.
    pub(super) fn leaves(&self) -> Vec<(String, &Self)> {
        let mut leaves = Vec::new();
        self.collect_leaves("", &mut leaves);
        leaves
    }

    fn collect_leaves<'a>(&'a self, path: &str, leaves: &mut Vec<(String, &'a Self)>) {
        match &self.form {
            Form::Table { keys, others } => {
                let known = keys.iter().map(|(key, shape)| (key.as_str(), shape));
                for (key, shape) in known.chain(others.iter().map(|shape| ("<name>", &**shape))) {
                    shape.collect_leaves(&join(path, key), leaves);
                }
            }
            Form::List { .. } | Form::Whole { .. } | Form::Flag | Form::Text { .. } => {
                leaves.push((path.to_owned(), self));
            }
        }
    }
}

impl Form {
    fn read(schema: &Json) -> Self {
        let kind = match &schema["type"] {
            // `["string", "null"]`: an optional string.
            Json::Array(kinds) => kinds.first().and_then(Json::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") => Self::Table {
                keys: schema["properties"]
                    .as_object()
                    .map(|keys| keys.iter().map(|(key, schema)| (key.clone(), Shape::read(schema))).collect())
                    .unwrap_or_default(),
                others: schema["additionalProperties"]
                    .is_object()
                    .then(|| Box::new(Shape::read(&schema["additionalProperties"]))),
            },
            Some("array") => Self::List {
                item: Box::new(Shape::read(&schema["items"])),
                min_items: bound(&schema["minItems"], 0) as usize,
                max_items: bound(&schema["maxItems"], UNBOUNDED as i64) as usize,
            },
            Some("integer") => Self::Whole {
                min: bound(&schema["minimum"], i64::MIN),
                max: bound(&schema["maximum"], i64::MAX),
                step: bound(&schema["multipleOf"], 1),
            },
            Some("boolean") => Self::Flag,
            // An enum of documented variants has no type of its own, only `oneOf`; the rest are strings.
            Some(_) | None => Self::Text {
                min: bound(&schema["minLength"], 0) as usize,
                max: bound(&schema["maxLength"], UNBOUNDED as i64) as usize,
                one_of: words(schema),
                format: schema["format"].as_str().and_then(Format::named),
            },
        }
    }

    /// What a value must be, in words that follow "expected".
    pub(super) fn expected(&self) -> Cow<'static, str> {
        match self {
            Self::Table { .. } => "a table".into(),
            Self::List { .. } => "a list".into(),
            Self::Whole { min, max, step } => {
                let step = if *step > 1 { format!(", a multiple of {step}") } else { String::new() };
                format!("a whole number from {min} to {max}{step}").into()
            }
            Self::Flag => "true or false".into(),
            Self::Text { one_of, .. } if !one_of.is_empty() => format!("one of {}", one_of.join(", ")).into(),
            Self::Text { format: Some(format), .. } => format.expected().into(),
            Self::Text { max, .. } if *max == UNBOUNDED => "text".into(),
            Self::Text { min: 0, max, .. } => format!("text of at most {max} characters").into(),
            Self::Text { min, max, .. } => format!("text of {min} to {max} characters").into(),
        }
    }
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "language-tag" => Self::LanguageTag,
            "log-filter" => Self::LogFilter,
            "public-url" => Self::PublicUrl,
            "server-url" => Self::ServerUrl,
            "socket-address" => Self::SocketAddress,
            "url-path" => Self::UrlPath,
            "voice" => Self::Voice,
            _ => return None,
        })
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::LanguageTag => "a language tag such as en-IN",
            Self::LogFilter => "a level such as info, or a filter such as info,operetta_session=debug",
            Self::PublicUrl => "a URL such as https://voice.example.com",
            Self::ServerUrl => "a URL such as https://api.example.com",
            Self::SocketAddress => "an address and a port such as 127.0.0.1:8080",
            Self::UrlPath => "a path such as /exotel/media: a slash, then letters, digits, - . _ ~ and more slashes",
            Self::Voice => "a known voice: default, hibari, kal or kal16",
        }
    }

    /// `Err` with the whole complaint if `text` is not of this format.
    pub(super) fn check(self, text: &str) -> Result<(), &'static str> {
        let fits = match self {
            Self::LanguageTag => is_language_tag(text),
            Self::LogFilter => EnvFilter::try_new(text).is_ok(),
            Self::PublicUrl => return PublicUrl::parse(text).map(drop),
            Self::ServerUrl => return ServerUrl::parse(text).map(drop),
            Self::SocketAddress => text.parse::<std::net::SocketAddr>().is_ok(),
            Self::UrlPath => is_url_path(text),
            Self::Voice => text == "default" || VOICES.iter().any(|(voice, _)| *voice == text),
        };
        if fits { Ok(()) } else { Err(self.expected()) }
    }
}

/// The JSON Schema (draft 2020-12) of a configuration file.
///
/// No key is `required`: what a file leaves out comes from the defaults.
pub(super) fn settings_schema() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>().to_value();
    relax(&mut schema);
    schema
}

/// Takes out what serde needs to know and a file does not: which keys must be there once all layers are merged, and the empty
/// text that stands for "missing".
fn relax(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            // Only the keyword is an array; a setting of this name would be an object.
            if members.get("required").is_some_and(Json::is_array) {
                members.remove("required");
            }
            if members.get("default").is_some_and(|default| default == "") {
                members.remove("default");
            }
            members.values_mut().for_each(relax);
        }
        Json::Array(items) => items.iter_mut().for_each(relax),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// `a.b` from `a` and `b`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn bound(value: &Json, otherwise: i64) -> i64 {
    value.as_i64().unwrap_or(otherwise)
}

fn words(schema: &Json) -> Vec<String> {
    let plain = schema["enum"].as_array().into_iter().flatten();
    let documented = schema["oneOf"].as_array().into_iter().flatten().map(|variant| &variant["const"]);
    plain.chain(documented).filter_map(Json::as_str).map(str::to_owned).collect()
}

/// BCP 47 in its outline: a language of 2 or 3 letters, then subtags of 1 to 8 letters and digits.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_url_path(text: &str) -> bool {
    let usable = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'/');
    text.starts_with('/') && !text.contains("//") && !text.contains("..") && text.bytes().all(usable)
}
