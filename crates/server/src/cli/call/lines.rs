use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::Error, value_parser};
use operetta_caller::{Act, Clip, Line};
use operetta_local::{
    flite::{Flite, FliteVoice},
    say,
};

/// The caller's lines, in the order of the command line.
///
/// clap's derive sorts values by option; what a caller says has an order across options, so these three are read by hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Vec<Said>);

#[derive(Clone, Debug)]
enum Said {
    Wav(PathBuf),
    Text(String),
    Keys(String),
}

impl Lines {
    /// Reads the files and renders the texts. The text says which option is at fault.
    pub(super) fn spoken(&self) -> Result<Vec<Line>, String> {
        let mut flite = None;
        self.0
            .iter()
            .map(|said| match said {
                Said::Wav(path) => {
                    let clip = Clip::read_wav(path).map_err(|error| format!("--wav {}: {error}", path.display()))?;
                    let name = path.file_name().unwrap_or(path.as_os_str());
                    Ok(Line::speak(name.to_string_lossy(), clip))
                }
                Said::Text(text) => {
                    let flite = flite.get_or_insert_with(Flite::new);
                    Ok(Line::speak(text, render(flite, text)?))
                }
                Said::Keys(digits) => {
                    let line = Line::press(digits);
                    let none = matches!(&line.act, Act::Press(keys) if keys.is_empty());
                    if none { Err(format!("--dtmf {digits:?}: expected 0-9, *, #, A-D")) } else { Ok(line) }
                }
            })
            .collect()
    }
}

/// A text in the caller's voice: another one than any agent's, so that the server's ears have something to do.
fn render(flite: &Flite, text: &str) -> Result<Clip, String> {
    let mut samples = Vec::new();
    for sentence in say::sentences(text) {
        if !samples.is_empty() {
            samples.resize(samples.len() + PAUSE_SAMPLES, 0);
        }
        let spoken = flite.speak(&say::spoken(&sentence), FliteVoice::Kal16, RATE_HZ);
        samples.extend(spoken.map_err(|error| format!("--text {text:?}: {error}"))?);
    }
    if samples.is_empty() {
        return Err(format!("--text {text:?}: nothing to say"));
    }
    Ok(Clip::new(samples, RATE_HZ))
}

impl Args for Lines {
    fn augment_args(command: Command) -> Command {
        let line = |name: &'static str, value: &'static str| {
            Arg::new(name).long(name).value_name(value).action(ArgAction::Append)
        };
        command
            .arg(
                line("wav", "FILE")
                    .num_args(1..)
                    .value_parser(value_parser!(PathBuf))
                    .help("Speak a WAV file: 16 bit, 8 to 48 kHz, of two channels the left one"),
            )
            .arg(line("text", "TEXT").help("Speak a text, in the voice kal16"))
            .arg(line("dtmf", "DIGITS").help("Press keys: 0-9, *, #, A-D"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Lines {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut said: Vec<(usize, Said)> = Vec::new();
        let at = |name: &str| matches.indices_of(name).into_iter().flatten();
        let wavs = matches.get_many::<PathBuf>("wav").into_iter().flatten();
        said.extend(at("wav").zip(wavs.cloned().map(Said::Wav)));
        let texts = matches.get_many::<String>("text").into_iter().flatten();
        said.extend(at("text").zip(texts.cloned().map(Said::Text)));
        let keys = matches.get_many::<String>("dtmf").into_iter().flatten();
        said.extend(at("dtmf").zip(keys.cloned().map(Said::Keys)));
        said.sort_by_key(|(index, _)| *index);
        Ok(Self(said.into_iter().map(|(_, said)| said).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Native rate of kal16.
const RATE_HZ: u32 = 16_000;
/// Between two sentences: 200 ms, too short for a server to take it as the end.
const PAUSE_SAMPLES: usize = RATE_HZ as usize / 5;
