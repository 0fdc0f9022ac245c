//! `operetta providers`.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use operetta_contract::Role;
use serde_json::json;

use super::is_printed;
use crate::config::{self, Embedded, Inspection, Origin, Provider};

/// The exit code of a configuration with problems.
const UNUSABLE: u8 = 2;

/// List the providers: what there is, who uses it, which keys are missing
///
/// Ends with 0 if a server would start with this configuration, with 2 if not.
#[derive(Clone, Debug, Args)]
pub(super) struct Providers {
    /// The configuration file; without it, defaults and environment only
    #[arg(short, long, value_name = "FILE", env = "OPERETTA_CONFIG")]
    config: Option<PathBuf>,
    /// Only those that some agent uses
    #[arg(long)]
    active: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Providers {
    /// Lists; problems of the configuration go to standard error.
    pub(super) fn run(self) -> ExitCode {
        let found = config::inspect(self.config.as_deref(), config::environment());
        let mut rows = rows(&found);
        rows.retain(|row| !self.active || !row.agents.is_empty());
        let (out, err) = (io::stdout().lock(), io::stderr().lock());
        let printed = if self.json { print_json(&rows, out) } else { print_table(&rows, out) };
        let verdict = found.verdict();
        let printed = printed.and_then(|()| complain(&verdict, err));
        match (is_printed(&printed), verdict) {
            (true, Ok(())) => ExitCode::SUCCESS,
            (true, Err(_)) => ExitCode::from(UNUSABLE),
            (false, _) => ExitCode::FAILURE,
        }
    }
}

fn complain(verdict: &Result<(), config::Problems>, mut err: impl Write) -> io::Result<()> {
    match verdict {
        Ok(()) => Ok(()),
        Err(problems) => writeln!(err, "error: {problems}"),
    }
}

/// One provider in one role.
struct Row<'a> {
    name: &'a str,
    api: &'a str,
    role: Role,
    model: &'a str,
    voice: &'a str,
    address: &'a str,
    key: Key,
    agents: Vec<&'a str>,
}

/// What is known of a key. Never the key.
enum Key {
    NotNeeded,
    Missing { variable: &'static str },
    Set { origin: Origin },
}

impl Key {
    fn words(&self) -> String {
        match self {
            Self::NotNeeded => "not needed".to_owned(),
            Self::Missing { variable } => format!("missing: {variable}"),
            Self::Set { origin } => format!("set by {origin}"),
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::NotNeeded => "not_needed",
            Self::Missing { .. } => "missing",
            Self::Set { .. } => "set",
        }
    }
}

/// Every provider, by role and name: what is inside the program first.
fn rows(found: &Inspection) -> Vec<Row<'_>> {
    let settings = &found.settings;
    let users = |role: Role, name: &str| {
        let uses = |agent: &config::Agent| agent.list(role).iter().any(|used| used == name);
        settings.agents.iter().filter(|(_, agent)| uses(agent)).map(|(name, _)| name.as_str()).collect()
    };
    let mut rows = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Vad) {
        for embedded in Embedded::ALL.into_iter().filter(|embedded| embedded.plays(role)) {
            let name = embedded.as_str();
            let (api, address) = ("embedded", "");
            let agents = users(role, name);
            rows.push(Row { name, api, role, model: "", voice: "", address, key: Key::NotNeeded, agents });
        }
        for (name, provider) in &settings.providers {
            let Some(api) = provider.api.filter(|api| api.role() == role) else { continue };
            rows.push(Row {
                name,
                api: api.as_str(),
                role,
                model: provider.model.as_deref().unwrap_or_default(),
                voice: provider.voice.as_deref().unwrap_or_default(),
                address: provider.address(),
                key: key(found, name, provider),
                agents: users(role, name),
            });
        }
    }
    rows
}

fn key(found: &Inspection, name: &str, provider: &Provider) -> Key {
    let key = format!("providers.{name}.key");
    match found.effective.iter().find(|setting| setting.key == key) {
        Some(setting) => Key::Set { origin: setting.origin.clone() },
        None if provider.lacks_key() => Key::Missing { variable: provider.api.map_or("", config::Api::key_variable) },
        None => Key::NotNeeded,
    }
}

fn print_table(rows: &[Row<'_>], mut out: impl Write) -> io::Result<()> {
    let head = ["NAME", "ROLE", "API", "MODEL", "VOICE", "KEY", "USED BY"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
        [
            row.name.to_owned(),
            row.role.as_str().to_owned(),
            row.api.to_owned(),
            or_dash(row.model),
            or_dash(row.voice),
            row.key.words(),
            or_dash(&row.agents.join(", ")),
        ]
    });
    table(&[head].into_iter().chain(cells).collect::<Vec<_>>(), &mut out)?;
    out.flush()
}

/// Columns as wide as what is in them.
pub(super) fn table<const N: usize>(lines: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    for cells in lines {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

fn print_json(rows: &[Row<'_>], mut out: impl Write) -> io::Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name, "role": row.role.as_str(), "api": row.api, "model": row.model, "voice": row.voice,
                "address": row.address, "key": row.key.word(), "agents": row.agents,
            })
        })
        .collect();
    writeln!(out, "{:#}", json!(rows))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(env: &[(&str, &str)]) -> (String, Inspection) {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = config::inspect(None, env.into_iter());
        let mut out = Vec::new();
        print_table(&rows(&found), &mut out).unwrap();
        (String::from_utf8(out).unwrap(), found)
    }

    fn line(text: &str, name: &str, role: &str) -> String {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let line = text.lines().map(words).find(|words| words[..2] == [name, role]);
        line.unwrap_or_else(|| panic!("no {name} {role} in {text}")).join(" ")
    }

    #[test]
    fn what_is_active_and_what_is_missing_shows() {
        let env = [("TTS_PROVIDER", "elevenlabs,deepgram_speak,embedded"), ("ELEVENLABS_API_KEY", "hunter22")];
        let (text, found) = listed(&env);
        assert!(line(&text, "elevenlabs", "tts").ends_with("set by env:ELEVENLABS_API_KEY asha"), "{text}");
        assert!(line(&text, "deepgram_speak", "tts").ends_with("missing: DEEPGRAM_API_KEY asha"), "{text}");
        assert_eq!(line(&text, "embedded", "tts"), "embedded tts embedded – – not needed asha");
        assert_eq!(line(&text, "hibari", "tts"), "hibari tts embedded – – not needed –");
        assert!(line(&text, "anthropic", "llm").ends_with("missing: ANTHROPIC_API_KEY –"), "{text}");
        assert!(!text.contains("hunter22"), "{text}");
        let problems = found.verdict().unwrap_err();
        assert_eq!(problems.list().len(), 1, "{problems}");
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let env = [
            ("OPERETTA__PROVIDERS__OLLAMA__API", "openai_chat"),
            ("OPERETTA__PROVIDERS__OLLAMA__BASE_URL", "http://127.0.0.1:11434"),
            ("OPERETTA__PROVIDERS__OLLAMA__MODEL", "qwen3"),
            ("LLM_PROVIDER", "ollama"),
        ];
        let (text, found) = listed(&env);
        found.verdict().unwrap();
        assert_eq!(line(&text, "ollama", "llm"), "ollama llm openai_chat qwen3 – not needed asha");
        let mut json = Vec::new();
        print_json(&rows(&found), &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let ollama = json.as_array().unwrap().iter().find(|row| row["name"] == "ollama").unwrap();
        assert_eq!((&ollama["address"], &ollama["key"]), (&json!("http://127.0.0.1:11434"), &json!("not_needed")));
    }
}
