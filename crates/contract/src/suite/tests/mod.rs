//! The suite is held to its own promise: a good codec passes, and each of its bad twins is told by what it breaks.

mod http;
mod listening;
mod socket;

use operetta_audio::Format;

use super::{Promise, Report};
use crate::Synthesize;

const KEY: &str = "sk-toy-0123456789";

fn job(format: Format) -> Synthesize {
    let text = "Namaste, this is the Asha Clinic. How can I help you?";
    Synthesize { text: text.into(), voice: "toy".into(), language: "en-IN".into(), format, fixed: false }
}

/// So many bytes of audio as a toy understands it; an odd byte at the end is no sample.
fn audio(bytes: &str, format: Format) -> Option<Vec<u8>> {
    let bytes = bytes.parse::<usize>().ok().filter(|bytes| *bytes < 1_000_000)?;
    Some(vec![0x2a; bytes - bytes % format.sample_bytes()])
}

/// Nothing but `promise` is broken, and the report says so in words.
fn check(report: &Report, promise: Promise, fault: &str) {
    let broken: Vec<Promise> = report.broken().map(|(promise, _)| promise).collect();
    assert_eq!(broken, [promise], "{fault}\n{report}");
    let sentence = report.broken().next().unwrap().1;
    assert!(sentence.len() > 20, "{fault}: {sentence}");
    let told = report.to_string();
    assert!(told.contains(promise.words()) && told.contains(sentence), "{told}");
}
