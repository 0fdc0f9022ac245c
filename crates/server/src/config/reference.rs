//! The tables of docs/CONFIG.md and the JSON Schema, made from the settings themselves.

use std::{collections::BTreeMap, fmt::Write};

use operetta_contract::Role;
use serde_json::{Value as Json, json};

use super::{
    audit, hint,
    layers::{self, ALIASES},
    providers::{Api, Patience},
    shape::{self, Form, Shape},
};

/// The JSON Schema of a configuration file (draft 2020-12), with the defaults.
pub fn json_schema() -> Json {
    let mut schema = shape::settings_schema();
    let shape = Shape::of_settings();
    for (key, value) in default_values(&shape) {
        // A default is shown where a file of this schema would have it; the built-in agent is not one of those places.
        let pointer = format!("/properties/{}", key.replace('.', "/properties/"));
        if let Some(Json::Object(place)) = schema.pointer_mut(&pointer) {
            // Defaults are printed as TOML; what of it is not JSON too stays out.
            if let Ok(value) = serde_json::from_str(&value) {
                place.insert("default".to_owned(), value);
            }
        }
    }
    schema["title"] = json!("Operetta configuration");
    schema["description"] =
        json!("A configuration file of Operetta. Every key may be left out; docs/CONFIG.md explains them.");
    schema
}

/// The table of all settings, in Markdown.
pub fn settings_table() -> String {
    let shape = Shape::of_settings();
    let defaults = default_values(&shape);
    let mut text = String::from("| key | takes | default | variable | meaning |\n|---|---|---|---|---|\n");
    for (key, leaf) in shape.leaves() {
        // The common tables show what agents inherit; the built-in agent shows the rest.
        let default = match inherited(&key, &defaults) {
            Some(common) => common,
            None => defaults.get(&key).map_or_else(|| "none".to_owned(), |value| format!("`{value}`")),
        };
        let (takes, about) = (takes(&key, leaf), leaf.about.replace('|', "\\|"));
        let variable = hint::variable_of(&key);
        let _ = writeln!(text, "| `{key}` | {takes} | {default} | `{variable}` | {about} |");
    }
    text
}

/// Where a setting takes its value from if it is not set, in words.
fn inherited(key: &str, defaults: &BTreeMap<String, String>) -> Option<String> {
    if let Some(of_agent) = key.strip_prefix("agents.<name>.") {
        let common = [of_agent.to_owned(), format!("roles.{of_agent}")];
        return common.into_iter().find(|common| defaults.contains_key(common)).map(|common| format!("as `{common}`"));
    }
    let of_provider = key.strip_prefix("providers.<name>.")?;
    matches!(of_provider, "base_url" | "first_ms" | "gap_ms" | "flush_ms").then(|| "by `api`".to_owned())
}

/// The table of APIs, in Markdown: what the defaults have for each.
pub fn apis_table() -> String {
    let effective = audit::effective(&layers::defaults(), &Shape::of_settings());
    let value = |api: Api, key: &str| {
        let key = format!("providers.{}.{key}", api.as_str());
        effective
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| format!("`{}`", setting.value.trim_matches('"')))
    };
    let mut text = String::from(
        "| `api`, and entry of the defaults | role | over | `base_url` | key | `model` | `voice` | `first_ms` | `gap_ms` | `flush_ms` |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for api in Api::ALL {
        let Patience { first_ms, gap_ms, flush_ms } = api.patience();
        let ms = |used: bool, ms: u32| if used { ms.to_string() } else { "–".to_owned() };
        let listens = api.role() == Role::Stt;
        let cells = [
            format!("`{}`", api.as_str()),
            format!("`{}`", api.role().as_str()),
            if api.is_socket() { "a socket" } else { "requests" }.to_owned(),
            format!("`{}`", api.base_url()),
            format!("`{}`", api.key_variable()),
            value(api, "model").unwrap_or_else(|| "–".to_owned()),
            value(api, "voice").unwrap_or_else(|| "–".to_owned()),
            ms(!listens, first_ms),
            ms(!listens, gap_ms),
            ms(listens, flush_ms),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// The table of older variable names, in Markdown.
pub fn aliases_table() -> String {
    let mut text = String::from("| variable | sets | note |\n|---|---|---|\n");
    for alias in &ALIASES {
        let _ = writeln!(text, "| `{}` | `{}` | {} |", alias.name, alias.key, alias.note);
    }
    text
}

/// Tables whose keys are names that an operator chooses.
const OWNED: [&str; 2] = ["agents", "providers"];

/// Defaults as TOML would write them. Those of an agent are under `agents.<name>`, as far as they hold for every agent.
fn default_values(shape: &Shape) -> BTreeMap<String, String> {
    let common = audit::effective(&layers::defaults(), shape);
    let is_common = |key: &str| OWNED.iter().all(|table| !key.starts_with(&format!("{table}.")));
    let mut values: BTreeMap<_, _> = common
        .into_iter()
        .filter(|setting| is_common(&setting.key))
        .map(|setting| (setting.key, setting.value))
        .collect();
    let schema = shape::settings_schema();
    for table in OWNED {
        let entry = &schema["properties"][table]["additionalProperties"]["properties"];
        for (key, schema) in entry.as_object().into_iter().flatten() {
            if let Some(default) = schema.get("default").filter(|default| !default.is_object()) {
                values.insert(format!("{table}.<name>.{key}"), default.to_string());
            }
        }
    }
    values
}

fn takes(key: &str, shape: &Shape) -> String {
    let unit = [("_ms", " ms"), ("_secs", " s"), ("_bytes", " bytes")];
    let unit = unit.iter().find(|(ending, _)| key.ends_with(ending)).map_or("", |(_, unit)| unit);
    match &shape.form {
        Form::Whole { min, max, step } => {
            let step = if *step > 1 { format!(", a multiple of {step}") } else { String::new() };
            format!("{min} to {max}{unit}{step}")
        }
        Form::Text { one_of, .. } if !one_of.is_empty() => {
            one_of.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Form::List { item, min_items, max_items } => {
            let item = item.form.expected();
            let count =
                if *min_items > 0 { format!("{min_items} to {max_items}") } else { format!("up to {max_items}") };
            format!("{count} of: {}{item}", if shape.secret { "secret " } else { "" })
        }
        form if shape.secret => format!("secret {}", form.expected()),
        form => form.expected().into_owned(),
    }
}
