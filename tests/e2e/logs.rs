//! What must never be logged is not, not even at level debug.

use std::time::Duration;

use operetta_caller::{Carrier, Ending, Line, Script};
use operetta_tests::{engine::Setup, people, turn};

use crate::first_call::story;

#[test]
fn a_whole_call_at_level_debug_gives_nothing_away() {
    let _turn = turn::together();
    let token = "planted-auth-token-5d1c";
    let engine = Setup::new()
        .var("TWILIO_AUTH_TOKEN", token)
        .var("OPERETTA__EXOTEL__USERNAME", "planted-user")
        .var("OPERETTA__EXOTEL__PASSWORD", "planted-password-77aa")
        .var("OPERETTA__LOG__LEVEL", "debug")
        .start();
    let said = "I would like to book an appointment.";
    let script = Script::new()
        .line(Line::speak(said, people::says(said)))
        .line(Line::press("73951#"))
        .line(Line::speak("Goodbye.", people::says("Goodbye.")))
        .ending(Ending::AwaitEngine(Duration::from_secs(20)));
    let mut twilio = people::plan(&engine, Carrier::Twilio, script.clone());
    twilio.auth_token = Some(token.into());
    twilio.from = "+12025550147".into();
    twilio.called = "+12025550186".into();
    let mut exotel = people::plan(&engine, Carrier::Exotel, script);
    exotel.basic = Some(("planted-user".into(), "planted-password-77aa".into()));
    exotel.from = "02025550147".into();
    exotel.called = "02025550186".into();
    for plan in [&twilio, &exotel] {
        let report = people::place(plan);
        assert!(report.started_at_ms.is_some() && report.lines.len() == 3, "{}", story(&report));
    }
    engine.until_quiet(Duration::from_secs(10));

    let log = engine.log().to_lowercase();
    for phase in ["connected", "greeting", "listening", "thinking", "speaking", "closed"] {
        assert!(log.contains(&format!("\"phase\":\"{phase}\"")), "the log tells the story: {phase}\n{log}");
    }
    let planted = [token, "planted-user", "planted-password", "2025550147", "2025550186", "73951"];
    let words = ["appointment", "which day", "what day", "goodbye", "lotus clinic", "how can i help"];
    let machinery = ["session_token", "session=", "payload\":", "authorization", "x-twilio-signature"];
    for given_away in planted.iter().chain(&words).chain(&machinery) {
        let line = log.lines().find(|line| line.contains(given_away));
        assert_eq!(line, None, "{given_away} was logged");
    }
}
