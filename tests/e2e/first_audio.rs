//! The first second of a call, for many callers at once, and with a voice that is ill.

use std::{thread, time::Duration};

use operetta_caller::{Carrier, Ending, Load, LoadReport, Script};
use operetta_tests::{
    engine::{Engine, Setup},
    people, turn,
};

#[test]
fn a_hundred_callers_at_once_are_greeted() {
    let _turn = turn::alone();
    let engine = Setup::new().var("OPERETTA__LOG__LEVEL", "warn").start();
    engine.until_warm();
    for carrier in [Carrier::Exotel, Carrier::Twilio] {
        let report = greet(&engine, carrier, 100, 100.0);
        println!("{carrier}: {}", figures(&report));
        assert_eq!((report.good, report.first_audio.count()), (100, 100), "{:?}", report.failures);
        // Measured below 50 ms; this is a test of function on a machine that may be busy.
        assert!(report.first_audio.at(0.99) < 900.0, "{}", figures(&report));
    }
    engine.until_quiet(Duration::from_secs(10));
}

/// Comfort silence at the latest after a second, whatever the voice does, and a call that lives on.
#[test]
fn an_ill_voice_is_covered_up() {
    let _turn = turn::alone();
    // They start side by side, because each waits a while for greetings that will not come.
    let start = |voice: &'static str| thread::spawn(move || (voice, Setup::fakes(voice).start()));
    let engines = ["hangs", "refuses", "drips", "empty", "crashes", "garbage"].map(start);
    for (voice, engine) in engines.map(|engine| engine.join().unwrap()) {
        let report = greet(&engine, Carrier::Exotel, 30, 60.0);
        println!("{voice}: {}", figures(&report));
        assert_eq!(report.first_audio.count(), 30, "{voice}: {:?} {:?}", report.failures, report.ends);
        assert_eq!(report.ends.get("hung_up"), Some(&30), "{voice}: every call lives until its caller hangs up");
        let slack = if report.late.max() > 50.0 { report.late.max() } else { 50.0 };
        assert!(report.first_audio.max() <= 1000.0 + slack, "{voice}: {}", figures(&report));
        assert_eq!(report.violations.len(), 0, "{voice}: {:?}", report.violations);
        engine.until_quiet(Duration::from_secs(10));
        let metrics = engine.metrics();
        assert_eq!(metrics.ended("bug"), 0, "{voice}");
        let told = |code: &str| metrics.count("operetta_faults_total", &[("code", code)]) > 0;
        // The others take longer than this to be given up.
        let fails = matches!(voice, "refuses" | "empty" | "crashes" | "garbage");
        assert!(told("E140") || !fails, "{voice}: phrases could not be made ready");
        assert_eq!((told("E121"), told("E122")), (voice == "crashes", voice == "crashes"), "{voice}: workers fell");
    }
}

/// Callers who listen for four seconds.
fn greet(engine: &Engine, carrier: Carrier, calls: usize, per_second: f64) -> LoadReport {
    let script = Script { expects_greeting: false, ..Script::new() };
    let script = script.ending(Ending::HangUpAt(Duration::from_secs(4)));
    let load = Load { calls, parallel: calls, per_second: Some(per_second), deaths_within: None };
    people::load(&people::plan(engine, carrier, script), &load)
}

fn figures(report: &LoadReport) -> String {
    format!(
        "start to first audio p50 {:.1} p99 {:.1} max {:.1} ms, first sound p50 {:.1} max {:.1} ms, webhook p99 {:.1} ms, double late p99 {:.1} ms, peak {}",
        report.first_audio.at(0.5),
        report.first_audio.at(0.99),
        report.first_audio.max(),
        report.first_sound.at(0.5),
        report.first_sound.max(),
        report.webhook.at(0.99),
        report.late.at(0.99),
        report.peak,
    )
}
