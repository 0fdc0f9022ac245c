//! What is written about the configuration is true: docs/CONFIG.md, the examples, the defaults' file, the schema.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use operetta_server::config::{self, Settings};
use serde_json::Value;

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

/// The part of docs/CONFIG.md between two comments.
fn section(name: &str) -> String {
    let text = read("docs/CONFIG.md");
    let (_, rest) = text.split_once(&format!("<!-- {name}: begin")).unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (section, _) = rest.split_once(&format!("<!-- {name}: end")).unwrap();
    section.trim().to_owned()
}

/// Every key of the schema with its `default`, as `a.b.c`.
fn leaves(schema: &Value, path: &str, found: &mut BTreeMap<String, Option<Value>>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if schema["type"] == "object" {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            leaves(schema, &join(key), found);
        }
        if schema["additionalProperties"].is_object() {
            leaves(&schema["additionalProperties"], &join("<name>"), found);
        }
        return;
    }
    found.insert(path.to_owned(), schema.get("default").cloned());
}

fn schema_leaves() -> BTreeMap<String, Option<Value>> {
    let mut found = BTreeMap::new();
    leaves(&config::json_schema(), "", &mut found);
    found
}

#[test]
fn the_document_has_the_tables_of_the_code() {
    let hint = "run `operetta check-config --markdown` and put its tables into docs/CONFIG.md";
    assert_eq!(section("settings"), config::settings_table().trim(), "{hint}");
    assert_eq!(section("apis"), config::apis_table().trim(), "{hint}");
    assert_eq!(section("aliases"), config::aliases_table().trim(), "{hint}");
}

#[test]
fn the_document_lists_every_key_with_its_default() {
    let table = section("settings");
    let leaves = schema_leaves();
    assert!(leaves.len() > 60, "{}", leaves.len());
    for (key, default) in leaves {
        let row = table.lines().find(|row| row.starts_with(&format!("| `{key}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {key}"));
        let cells: Vec<_> = row.split(" | ").collect();
        let variable = format!("`OPERETTA__{}`", key.to_uppercase().replace('.', "__"));
        assert_eq!(cells[3], variable, "{row}");
        if let Some(default) = default {
            assert_eq!(cells[2].trim_matches('`'), default.to_string(), "{row}");
        }
    }
}

#[test]
fn the_older_names_are_all_documented() {
    let table = section("aliases");
    for name in [
        "WEBHOOK_BASE_URL",
        "RENDER_EXTERNAL_URL",
        "WS_PATH",
        "EXOTEL_WS_TOKEN",
        "GREETING_TEXT",
        "STT_PROVIDER",
        "LLM_PROVIDER",
        "TTS_PROVIDER",
        "ANTHROPIC_API_KEY",
        "ASSEMBLYAI_API_KEY",
        "DEEPGRAM_API_KEY",
        "ELEVENLABS_API_KEY",
        "GOOGLE_API_KEY",
        "OPENAI_API_KEY",
        "PORT",
        "TWILIO_AUTH_TOKEN",
    ] {
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_defaults_are_valid_and_complete() {
    let loaded = Settings::load(Some(&project("config/default.toml")), std::iter::empty()).unwrap();
    let given: Vec<_> = loaded.effective.iter().map(|setting| setting.key.as_str()).collect();
    // These say something by not being there.
    let unset = [
        "exotel.chunk_bytes",
        "exotel.password",
        "exotel.secret",
        "exotel.username",
        "http.public_url",
        "http.workers",
    ];
    let named = |key: &str| key.starts_with("agents.") || key.starts_with("providers.");
    for key in schema_leaves().keys().filter(|key| !named(key) && !unset.contains(&key.as_str())) {
        assert!(given.contains(&key.as_str()), "{key} has no default");
    }
}

#[test]
fn the_examples_are_valid() {
    let local = Settings::load(Some(&project("examples/config/local.toml")), std::iter::empty()).unwrap().settings;
    local.check_exposure().unwrap();

    let path = project("examples/config/production.toml");
    let bare = Settings::load(Some(&path), std::iter::empty()).unwrap().settings;
    let missing = bare.check_exposure().unwrap_err();
    assert_eq!(
        missing.list().iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
        ["twilio.auth_tokens", "exotel.secret"]
    );
    let secrets = [("EXOTEL_WS_TOKEN", "exotel-token"), ("TWILIO_AUTH_TOKEN", "twilio-token")];
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let whole = Settings::load(Some(&path), secrets.into_iter()).unwrap().settings;
    whole.check_exposure().unwrap();
    assert!(!whole.agents["lotus-clinic"].numbers.is_empty());
}

#[test]
fn the_schema_is_one_for_files() {
    let schema = config::json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["http"]["properties"]["workers"]["maximum"], 256);
    assert_eq!(schema["properties"]["exotel"]["properties"]["chunk_bytes"]["multipleOf"], 320);
    assert_eq!(schema["properties"]["exotel"]["properties"]["secret"]["writeOnly"], true);
    // A file may leave out everything.
    assert!(!schema.to_string().contains("\"required\":["));
}
