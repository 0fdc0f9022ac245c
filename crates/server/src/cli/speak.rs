//! `operetta speak`.

mod script;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use operetta_audio::{Encoding, Format};
use operetta_contract::FaultCode;

use super::{is_printed, providers::table};
use crate::{
    config::{self, Settings},
    providers::{
        Configured, Guests,
        rehearsal::{Line, Rehearsal, Said, Source},
    },
};

/// Say something in an agent's voice, and keep it for calls
///
/// Speaks through the providers that speak for the agent, in their order, as a call would, and keeps what they said in the phrase
/// cache. What is there already is not paid for again. Ends with 0 if everything was said, with 1 if not, with 78 if the
/// configuration cannot be used.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Speak {
    /// What to say
    #[arg(value_name = "TEXT", group = "what")]
    text: Option<String>,
    /// A file with what calls will need: see docs/CONFIG.md
    #[arg(long, value_name = "FILE", group = "what")]
    warm: Option<PathBuf>,
    /// Who says it; without it, the default agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Write what was said to a WAV file (of TEXT, 8 kHz)
    #[arg(long, value_name = "FILE", conflicts_with = "warm")]
    out: Option<PathBuf>,
    /// The configuration file; without it, defaults and environment only
    #[arg(short, long, value_name = "FILE", env = "OPERETTA_CONFIG")]
    config: Option<PathBuf>,
}

/// The exit code of a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const UNUSABLE: u8 = 78;

/// How long the last files of the cache may take to be written.
const LAST_FILES: Duration = Duration::from_secs(10);

impl Speak {
    /// Speaks, keeps and prints.
    pub(super) fn run(self, guests: Guests) -> ExitCode {
        let settings = match Settings::load(self.config.as_deref(), config::environment()) {
            Ok(loaded) => loaded.settings,
            Err(problems) => return complain(&problems.to_string(), UNUSABLE),
        };
        let lines = match self.lines(&settings) {
            Ok(lines) => lines,
            Err(what) => return complain(&what, UNUSABLE),
        };
        let cast = match Configured::start_with(&settings, guests) {
            Ok(cast) => cast,
            Err(error) => return complain(&error.to_string(), 1),
        };
        let told = rehearse(&cast, &lines);
        cast.finish(LAST_FILES);
        let failed = told.iter().any(|(_, said)| said.is_err());
        if let (Some(out), Some((line, Ok(said)))) = (&self.out, told.first())
            && let Err(error) = write_wav(out, line.format, &said.audio)
        {
            return complain(&format!("{}: {error}", out.display()), 1);
        }
        if is_printed(&print(&told, &cast, io::stdout().lock())) && !failed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn lines(&self, settings: &Settings) -> Result<Vec<Line>, String> {
        let agent = self.agent.as_deref().unwrap_or(&settings.default_agent);
        let (agent, _) = settings.agents.get_key_value(agent).ok_or_else(|| {
            let known: Vec<_> = settings.agents.keys().map(String::as_str).collect();
            format!("there is no agent {agent:?}; there are: {}", known.join(", "))
        })?;
        match (&self.text, &self.warm) {
            (Some(text), _) if text.trim().is_empty() => Err("expected words, found none".to_owned()),
            // Kept for both carriers; the first is what is written to a file.
            (Some(text), _) => {
                Ok(script::FORMATS.map(|format| Line { agent: agent.clone(), text: text.clone(), format }).into())
            }
            (None, Some(file)) => {
                let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
                script::read(&text, agent, settings).map_err(|what| format!("{}: {what}", file.display()))
            }
            (None, None) => Ok(Vec::new()),
        }
    }
}

type Told = (Line, Result<Said, operetta_contract::ProviderError>);

fn rehearse(cast: &Configured, lines: &[Line]) -> Vec<Told> {
    let cast = cast.clone();
    actix_web::rt::System::new().block_on(async move {
        let mut rehearsal = Rehearsal::start(cast);
        let mut told = Vec::with_capacity(lines.len());
        for line in lines {
            let said = rehearsal.say(line).await;
            told.push((line.clone(), said));
        }
        told
    })
}

fn print(told: &[Told], cast: &Configured, mut out: impl Write) -> io::Result<()> {
    let head = ["AGENT", "FORMAT", "FROM", "FIRST MS", "AUDIO MS", "TEXT"].map(str::to_owned);
    let rows = told.iter().map(|(line, said)| {
        let (from, first, audio) = match said {
            Ok(said) => {
                let from = match &said.from {
                    Source::Kept => "the cache".to_owned(),
                    Source::Provider(name) => name.clone(),
                };
                (from, said.first.as_millis().to_string(), line.format.ms_of_bytes(said.audio.len()).to_string())
            }
            Err(error) => {
                let fault = FaultCode::of(operetta_contract::Role::Tts, error);
                (format!("{fault} {}: {}", error.code(), error.detail), String::new(), String::new())
            }
        };
        let text: String = line.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect();
        [line.agent.clone(), line.format.to_string(), from, first, audio, text]
    });
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>(), &mut out)?;
    let said = told.iter().filter(|(_, said)| said.is_ok()).map(|(line, _)| line.agent.as_str());
    let unkept: BTreeSet<_> = said.filter(|agent| !cast.keeps_for(agent)).collect();
    for agent in unkept {
        writeln!(out, "not kept for {agent}: its voice is inside the program and speaks ahead when the engine starts")?;
    }
    out.flush()
}

/// A WAV file of PCM16 or G.711, mono (RIFF WAVE; format tags 1, 6 and 7 of RFC 2361).
fn write_wav(path: &Path, format: Format, audio: &[u8]) -> io::Result<()> {
    let tag: u16 = match format.encoding {
        Encoding::Pcm16 => 1,
        Encoding::Alaw => 6,
        Encoding::Mulaw => 7,
    };
    let (sample, length) = (format.sample_bytes() as u16, audio.len() as u32);
    let mut file = Vec::with_capacity(audio.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(length + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&1_u16.to_le_bytes());
    file.extend_from_slice(&format.rate_hz.to_le_bytes());
    file.extend_from_slice(&(format.bytes_per_second() as u32).to_le_bytes());
    file.extend_from_slice(&sample.to_le_bytes());
    file.extend_from_slice(&(sample * 8).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(audio);
    fs::write(path, file)
}

fn complain(what: &str, code: u8) -> ExitCode {
    // Where even this cannot be written nobody is left to tell.
    let _ = writeln!(io::stderr().lock(), "error: {what}");
    ExitCode::from(code)
}
