use operetta_audio::{Encoding, Format};
use serde::Deserialize;

use crate::{config::Settings, providers::rehearsal::Line};

/// What carriers speak unless told otherwise, that of a file first.
pub(super) const FORMATS: [Format; 2] = [Format::PCM16_8K, Format::MULAW_8K];

/// A file of phrases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    /// Agents whose greeting and fixed lines are wanted.
    #[serde(default)]
    agents: Vec<String>,
    /// Further phrases.
    #[serde(default)]
    phrase: Vec<Phrase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrase {
    text: String,
    /// Who says it; the default agent unless said otherwise.
    agent: Option<String>,
    /// In which formats, as `encoding/rate`.
    formats: Option<Vec<String>>,
}

/// The lines of a file, each in every format that is wanted.
///
/// # Errors
/// What is wrong with the file, for a person.
pub(super) fn read(text: &str, default_agent: &str, settings: &Settings) -> Result<Vec<Line>, String> {
    let script: Script = toml::from_str(text).map_err(|error| error.to_string())?;
    let known = |name: &str| {
        settings.agents.get(name).ok_or_else(|| {
            let names: Vec<_> = settings.agents.keys().map(String::as_str).collect();
            format!("there is no agent {name:?}; there are: {}", names.join(", "))
        })
    };
    let mut lines = Vec::new();
    for name in &script.agents {
        let agent = known(name)?;
        let own = &agent.lines;
        for text in [&agent.greeting, &own.not_understood, &own.still_there, &own.use_keys, &own.goodbye] {
            lines.extend(FORMATS.map(|format| Line { agent: name.clone(), text: text.clone(), format }));
        }
    }
    for (place, phrase) in script.phrase.iter().enumerate() {
        let agent = phrase.agent.as_deref().unwrap_or(default_agent);
        known(agent)?;
        if phrase.text.trim().is_empty() {
            return Err(format!("phrase {}: expected words, found none", place + 1));
        }
        let formats = match &phrase.formats {
            None => FORMATS.to_vec(),
            Some(wanted) => wanted.iter().map(|word| format(word)).collect::<Result<_, _>>()?,
        };
        let line = |format| Line { agent: agent.to_owned(), text: phrase.text.clone(), format };
        lines.extend(formats.into_iter().map(line));
    }
    if lines.is_empty() {
        return Err("expected `agents` or [[phrase]], found nothing to say".to_owned());
    }
    Ok(lines)
}

fn format(word: &str) -> Result<Format, String> {
    let encodings = [Encoding::Pcm16, Encoding::Mulaw, Encoding::Alaw];
    let formats = encodings.into_iter().flat_map(|encoding| RATES_HZ.map(|rate_hz| Format { encoding, rate_hz }));
    let known = formats.filter(|format| format.encoding == Encoding::Pcm16 || format.rate_hz == 8000);
    let known: Vec<_> = known.collect();
    known.iter().copied().find(|format| format.to_string() == word).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(ToString::to_string).collect();
        format!("expected one of {}, found {word:?}", words.join(", "))
    })
}

/// The rates of carriers.
const RATES_HZ: [u32; 3] = [8000, 16_000, 24_000];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::load(None, std::iter::empty()).unwrap().settings
    }

    #[test]
    fn a_file_names_agents_and_phrases() {
        let text = "agents = [\"asha\"]\n[[phrase]]\ntext = \"One moment.\"\n[[phrase]]\ntext = \"Bye.\"\nagent = \"asha\"\nformats = [\"pcm16/16000\"]\n";
        let lines = read(text, "asha", &settings()).unwrap();
        assert_eq!(lines.len(), 5 * 2 + 2 + 1);
        assert!(lines[0].text.starts_with("Hello, this is Asha"));
        let last = lines.last().unwrap();
        assert_eq!((last.text.as_str(), last.format.to_string().as_str()), ("Bye.", "pcm16/16000"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (text, why) in [
            ("", "nothing to say"),
            ("agents = [\"bert\"]", "there is no agent \"bert\"; there are: asha"),
            ("[[phrase]]\ntext = \" \"", "phrase 1: expected words"),
            (
                "[[phrase]]\ntext = \"x\"\nformats = [\"mp3\"]",
                "expected one of pcm16/8000, pcm16/16000, pcm16/24000, mulaw/8000, alaw/8000",
            ),
            ("[[phrase]]\ntext = \"x\"\nvoice = \"y\"", "unknown field `voice`"),
            ("[[phrase]", "TOML"),
        ] {
            let found = read(text, "asha", &settings()).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
