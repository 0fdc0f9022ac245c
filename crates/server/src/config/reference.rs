//! The tables of docs/CONFIG.md and the JSON Schema, made from the settings themselves.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value as Json, json};

use super::{
    audit, hint,
    layers::{self, ALIASES},
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
        let inherited = key.strip_prefix("agents.<name>.").filter(|rest| rest.contains('.'));
        let default = match inherited {
            Some(common) => format!("as `{common}`"),
            None => defaults.get(&key).map_or_else(|| "none".to_owned(), |value| format!("`{value}`")),
        };
        let (takes, about) = (takes(&key, leaf), leaf.about.replace('|', "\\|"));
        let variable = hint::variable_of(&key);
        let _ = writeln!(text, "| `{key}` | {takes} | {default} | `{variable}` | {about} |");
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

/// Defaults as TOML would write them. Those of an agent are under `agents.<name>`, as far as they hold for every agent.
fn default_values(shape: &Shape) -> BTreeMap<String, String> {
    let common = audit::effective(&layers::defaults(), shape);
    let mut values: BTreeMap<_, _> = common
        .into_iter()
        .filter(|setting| !setting.key.starts_with("agents."))
        .map(|setting| (setting.key, setting.value))
        .collect();
    let schema = shape::settings_schema();
    let agent = &schema["properties"]["agents"]["additionalProperties"]["properties"];
    for (key, schema) in agent.as_object().into_iter().flatten() {
        if let Some(default) = schema.get("default") {
            values.insert(format!("agents.<name>.{key}"), default.to_string());
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
        Form::List { item, max_items } => {
            let item = item.form.expected();
            format!("up to {max_items} of: {}{item}", if shape.secret { "secret " } else { "" })
        }
        form if shape.secret => format!("secret {}", form.expected()),
        form => form.expected().into_owned(),
    }
}
