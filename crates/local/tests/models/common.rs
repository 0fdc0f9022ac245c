//! What the tests of the embedded engines share.

use std::path::PathBuf;

use actix::{Actor, Addr, Handler};
use operetta_audio::{Encoding, g711};
use operetta_contract::{Job, JobId};
use operetta_local::{
    Config, Engines,
    flite::{Flite, FliteVoice},
};
use operetta_stage::{Desk, Kind, Lease, Metered, Playbill, Told};
use tokio::sync::mpsc;

/// The directory with the model files: `OPERETTA_MODELS`, or `models` at the top of the workspace.
#[expect(clippy::disallowed_methods, reason = "a test run may keep its models elsewhere")]
pub(crate) fn models() -> PathBuf {
    let dir = std::env::var("OPERETTA_MODELS")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models"), PathBuf::from);
    assert!(
        dir.join("moonshine-tiny/encoder_model.onnx").is_file(),
        "the speech models are missing in {}: run `make models` (or scripts/models.sh) first",
        dir.display()
    );
    dir
}

/// Engines with every model.
pub(crate) fn engines() -> Engines {
    Engines::start(&Config { models: Some(models()), ..Config::default() }).unwrap()
}

/// Engines without any.
pub(crate) fn bare_engines() -> Engines {
    Engines::start(&Config { models: None, ..Config::default() }).unwrap()
}

/// What a telephone line makes of samples at 8 kHz.
pub(crate) fn over_the_line(samples: &[i16]) -> Vec<i16> {
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    g711::encode_into(Encoding::Mulaw, samples, &mut bytes);
    g711::decode_into(Encoding::Mulaw, &bytes, &mut back);
    back
}

/// A caller: Flite, 8 kHz, over a telephone line, with silence around it.
pub(crate) fn caller_says(text: &str, voice: FliteVoice) -> Vec<i16> {
    let speech = Flite::new().speak(text, voice, 8_000).unwrap();
    over_the_line(&[vec![0; 2_400], speech, vec![0; 2_400]].concat())
}

/// Words that tell two texts apart: lower case, no marks, numbers as figures.
pub(crate) fn plain_words(text: &str) -> Vec<String> {
    const FIGURES: [(&str, &str); 12] = [
        ("one", "1"),
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
        ("ten", "10"),
        ("eleven", "11"),
        ("twelve", "12"),
    ];
    text.to_lowercase()
        .replace(|c: char| !c.is_alphanumeric() && c != '\'', " ")
        .split_whitespace()
        .map(|word| FIGURES.iter().find(|(name, _)| *name == word).map_or(word, |(_, figure)| figure).to_owned())
        .collect()
}

/// Words to insert, drop or change to get from one text to the other.
pub(crate) fn word_errors(expected: &str, heard: &str) -> usize {
    let (expected, heard) = (plain_words(expected), plain_words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (n, word) in expected.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, other) in heard.iter().enumerate() {
            let cost = (diagonal + usize::from(word != other)).min(row[m] + 1).min(row[m + 1] + 1);
            diagonal = row[m + 1];
            row[m + 1] = cost;
        }
    }
    row[heard.len()]
}

/// Somebody who asks for a job and notes every event.
pub(crate) struct Asker<J: Job>(mpsc::UnboundedSender<J::Event>);

impl<J: Job> Kind for Asker<J> {
    const KIND: &'static str = "asker";
}

impl<J: Job> Actor for Asker<J>
where
    Self: Unpin,
{
    type Context = Metered<Self>;
}

impl<J: Job> Handler<Told<J>> for Asker<J>
where
    Self: Unpin,
{
    type Result = ();

    fn handle(&mut self, told: Told<J>, _: &mut Self::Context) {
        let _test_over = self.0.send(told.event);
    }
}

/// A job that was asked for. Dropping it cancels the job.
pub(crate) struct Asked<J: Job> {
    pub lease: Lease<J>,
    pub events: mpsc::UnboundedReceiver<J::Event>,
    _asker: Addr<Asker<J>>,
}

/// Asks `desk` for `job`.
pub(crate) fn ask<J: Job>(desk: &Desk<J>, job: J, bill: &Playbill) -> Asked<J> {
    let (note, events) = mpsc::unbounded_channel();
    let (asker, _) = Metered::run(Asker::<J>(note), 64, bill);
    let lease = desk.ask(JobId(1), job, asker.downgrade().recipient()).unwrap();
    Asked { lease, events, _asker: asker }
}
