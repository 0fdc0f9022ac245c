//! The caller interrupts the greeting.

use std::time::Duration;

use operetta_caller::{Carrier, Cue, Line, Script};
use operetta_tests::{engine::Setup, people, turn};

use crate::first_call::story;

#[test]
fn exotel() {
    interrupts(Carrier::Exotel);
}

#[test]
fn twilio() {
    interrupts(Carrier::Twilio);
}

fn interrupts(carrier: Carrier) {
    let _turn = turn::together();
    let engine = Setup::new().start();
    let words = "What are your opening hours?";
    let interruption = Line::speak(words, people::says(words)).at(Cue::AgentSpeaking(Duration::from_millis(800)));
    let thanks = Line::speak("Goodbye.", people::says("Goodbye."));
    let report = people::place(&people::plan(&engine, carrier, Script::new().line(interruption).line(thanks)));
    println!("{}", story(&report));
    assert_eq!(report.failures(), [], "{}", story(&report));
    assert!(report.greeting.is_some_and(|greeting| greeting.interrupted), "{}", story(&report));
    let barge_in = report.lines[0].barge_in.expect("the first line is spoken into the greeting");
    let clear_ms = barge_in.clear_ms.expect("a clear came");
    let silent_ms = barge_in.silent_ms.expect("the agent fell silent");
    // 200 ms of speech make an interruption; the rest is detection on a machine that does other things meanwhile.
    assert!(clear_ms < 1500.0, "clear after {clear_ms} ms");
    assert!(silent_ms < clear_ms + 100.0, "silent after {silent_ms} ms, clear after {clear_ms} ms");
    assert!(report.lines.iter().all(|line| line.answer_ms.is_some()), "{}", story(&report));
    engine.until_quiet(Duration::from_secs(5));
    let metrics = engine.metrics();
    assert_eq!(metrics.count("operetta_barge_ins_total", &[]), 1, "one interruption, and the answers are heard out");
    assert!(metrics.count("operetta_turns_total", &[]) >= 1);
}
