//! The process dies in the middle of a call.

use std::{thread, time::Duration};

use operetta_caller::{CallPlan, Carrier, Cue, Ending, Line, Script};
use operetta_tests::{
    engine::Setup,
    people, turn,
    wav::{Stereo, audible_ms},
};

/// The recording can be read up to the last second, and the next process answers as if nothing had been.
#[test]
fn the_recording_is_readable_and_the_next_engine_answers() {
    let _turn = turn::together();
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new().var("OPERETTA__RECORDING__DIR", folder.path().to_str().unwrap());
    let mut engine = setup.start();
    let words = "I am telling you a story that has no end, and I will not stop before the line goes dead.";
    let line = Line::speak(words, people::says(words)).at(Cue::At(Duration::from_millis(2500))).unanswered();
    let script = Script { expects_greeting: false, ..Script::new() }.line(line);
    let script = script.ending(Ending::HangUpAt(Duration::from_mins(1)));
    engine.until_warm();
    let plan = people::plan(&engine, Carrier::Exotel, script);
    let caller = thread::spawn(move || people::place(&plan));
    let frames = |metrics: &operetta_tests::metrics::Metrics| {
        metrics.count("operetta_audio_frames_total", &[("direction", "in")])
    };
    // 50 frames are a second of the caller.
    engine.until("five seconds of the caller", Duration::from_secs(30), |metrics| frames(metrics) >= 250);
    engine.kill();
    let report = caller.join().unwrap();
    assert_eq!(report.end.code(), "lost", "{:?}", report.end);
    let spoken = report.recording.unwrap();
    let spoken_ms = spoken.caller.len() as u64 * 1000 / u64::from(spoken.rate_hz);

    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("expected one recording: {files:?}") };
    let recording = Stereo::read(file);
    assert!(recording.ms() + 1000 >= spoken_ms, "{} ms recorded of {spoken_ms} ms", recording.ms());
    assert!(audible_ms(&recording.caller, recording.rate_hz) > 1000, "the caller is in it");
    assert!(audible_ms(&recording.agent, recording.rate_hz) > 1000, "the agent is in it");

    let engine = setup.start();
    let script = Script::new();
    let report = people::place(&CallPlan { record: false, ..people::plan(&engine, Carrier::Exotel, script) });
    assert_eq!(report.failures(), []);
    let intact = Stereo::read(file);
    assert_eq!(intact.caller.len(), recording.caller.len(), "the next engine leaves it alone");
}
