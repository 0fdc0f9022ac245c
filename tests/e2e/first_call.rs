//! The main job: somebody calls, is greeted, speaks, is answered, books an appointment and says goodbye.

use std::{fs, process::Command, time::Duration};

use operetta_caller::{CallReport, Carrier, End, Ending, Line, Script};
use operetta_tests::{
    engine::{Engine, Setup},
    people, program, turn,
    wav::{Stereo, audible_ms},
};
use serde_json::Value;

const LINES: [&str; 4] = [
    "I would like to book an appointment.",
    "Tomorrow at ten thirty, please.",
    "Yes, that is right.",
    "No, thank you. Goodbye.",
];

/// With the program's own caller, who also makes out what the agent says.
#[test]
fn exotel() {
    let _turn = turn::together();
    let engine = Setup::new().start();
    let out = tempfile::tempdir().unwrap();
    let mut call = Command::new(program::operetta());
    call.args(["call", "--carrier", "exotel", "--stay", "20000", "--to", &engine.url("http", "/exotel/voicebot")]);
    call.args(LINES.iter().flat_map(|line| ["--text", line]));
    call.arg("--models").arg(program::workspace().join("models"));
    call.arg("--out").arg(out.path().join("call.wav")).env_clear();
    let output = call.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));

    let timeline: Value = serde_json::from_slice(&fs::read(out.path().join("call.json")).unwrap()).unwrap();
    assert_eq!(timeline["end"]["how"], "engine_closed", "{told}");
    let words: Vec<String> = timeline["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "agent_words")
        .map(|event| event["text"].as_str().unwrap_or_default().to_lowercase())
        .collect();
    assert!(words.len() >= 5, "a greeting, three questions, a goodbye: {words:?}");
    let confirmed =
        words.iter().any(|words| ["ten thirty", "10:30", "10.30", "1030"].iter().any(|it| words.contains(it)));
    assert!(confirmed, "the agent repeats the time that was asked for: {words:?}");
    let heard = Stereo::read(&out.path().join("call.wav"));
    recording_holds(&engine, audible_ms(&heard.caller, heard.rate_hz), audible_ms(&heard.agent, heard.rate_hz));
    nothing_is_left(&engine);
}

/// Through a signed webhook, with the token in `start`.
#[test]
fn twilio() {
    let _turn = turn::together();
    let token = "an-auth-token-of-this-test";
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", token).start();
    let script = LINES.iter().fold(Script::new(), |script, line| script.line(Line::speak(*line, people::says(line))));
    let script = script.ending(Ending::AwaitEngine(Duration::from_secs(20)));
    let mut plan = people::plan(&engine, Carrier::Twilio, script);
    plan.auth_token = Some(token.into());
    let report = people::place(&plan);
    assert_eq!(report.failures(), [], "{}", story(&report));
    assert_eq!(report.end, End::EngineClosed { close_code: 1000 }, "{}", story(&report));
    assert!(report.marks.played >= 5, "{:?}", report.marks);
    let heard = report.recording.as_ref().unwrap();
    recording_holds(&engine, audible_ms(&heard.caller, heard.rate_hz), audible_ms(&heard.agent, heard.rate_hz));
    nothing_is_left(&engine);
    println!("{}", story(&report));
}

/// The engine's recording has both sides, as long as they were heard at the other end of the line.
fn recording_holds(engine: &Engine, caller_ms: u64, agent_ms: u64) {
    engine.until_recorded(1);
    let [recording] = &engine.recorded()[..] else { panic!("expected one recording: {:?}", engine.recorded()) };
    let recording = Stereo::read(recording);
    let sides = [("caller", &recording.caller, caller_ms), ("agent", &recording.agent, agent_ms)];
    for (side, samples, heard_ms) in sides {
        let recorded_ms = audible_ms(samples, recording.rate_hz);
        let near = recorded_ms.abs_diff(heard_ms) <= heard_ms / 20 + 100;
        assert!(near && heard_ms > 2000, "{side}: {recorded_ms} ms recorded, {heard_ms} ms heard");
    }
}

fn nothing_is_left(engine: &Engine) {
    engine.until_quiet(Duration::from_secs(5));
    engine.until_recorded(1);
    let metrics = engine.metrics();
    assert_eq!((metrics.ended("agent_hung_up"), metrics.count("operetta_calls_ended_total", &[])), (1, 1));
    assert_eq!(metrics.count("operetta_jobs_total", &[("outcome", "lost")]), 0);
    assert_eq!(metrics.count("operetta_actor_panics_total", &[]), 0);
    assert_eq!(metrics.count("operetta_recordings_total", &[("outcome", "stored")]), 1);
    let lag = |class: &str| metrics.count("operetta_arbiter_lag_seconds_bucket", &[("le", class)]);
    println!(
        "of {} looks at the lanes' clocks {} were late by more than 5 ms",
        lag("+Inf"),
        lag("+Inf") - lag("0.005")
    );
}

/// A call in a few lines, for a test that failed and for the curious.
pub(crate) fn story(report: &CallReport) -> String {
    let head = format!(
        "{} end {:?} first audio {:?} ms greeting {:?} marks {:?} underruns {:?} late {} ms {:?}",
        report.carrier,
        report.end,
        report.first_audio_ms,
        report.greeting,
        report.marks,
        report.underruns,
        report.late_ms_max,
        report.violations,
    );
    let lines = report.lines.iter().map(|line| {
        format!(
            "\n  {:8.0} {} -> answer {:?} ms, barge-in {:?}",
            line.began_at_ms, line.label, line.answer_ms, line.barge_in
        )
    });
    head + &lines.collect::<Vec<_>>().concat()
}
