//! Which agent answers, and the modes in which a carrier account is brought up.

use std::time::Duration;

use operetta_caller::{CallReport, Carrier, Ending, Script};
use operetta_tests::{
    engine::{Engine, Setup},
    people, turn,
};

/// Three agents that can be told apart by ear: one beeps, one says nothing, one speaks.
const AGENTS: &str = r#"
default_agent = "talker"

[agents.talker]
greeting = "Hello."
voice = "kal"

[agents.beeper]
greeting = "This is never said."
mode = "beep"
numbers = ["080 4718 1888"]

[agents.mute]
greeting = "This is never said."
mode = "bare"
"#;

#[test]
fn number_and_name_choose_who_answers() {
    let _turn = turn::together();
    let engine = Setup::new().config(AGENTS).start();
    for carrier in [Carrier::Exotel, Carrier::Twilio] {
        let other = match carrier {
            Carrier::Exotel => "08047180000",
            Carrier::Twilio => "+918047180000",
        };
        let talks = call(&engine, carrier, other, None);
        let said = talks.greeting.unwrap_or_else(|| panic!("{carrier}: nobody spoke: {:?}", talks.end));
        assert!(!(480.0..=620.0).contains(&said.ms), "{carrier}: a word, not a beep: {said:?}");

        let beeper = match carrier {
            Carrier::Exotel => "08047181888",
            Carrier::Twilio => "+918047181888",
        };
        let beeps = call(&engine, carrier, beeper, None);
        let beep = beeps.greeting.unwrap_or_else(|| panic!("{carrier}: no beep: {:?}", beeps.end));
        assert!((480.0..=620.0).contains(&beep.ms), "{carrier}: half a second: {beep:?}");
        assert_eq!(beeps.marks.played, 1, "{carrier}: and a mark");

        // The webhook's address is the operator's own word, so it counts for more than the number.
        let mute = call(&engine, carrier, beeper, Some("mute"));
        assert_eq!((mute.traffic.frames_heard, mute.marks.received), (0, 0), "{carrier}: the socket only");
        assert_eq!(mute.end.code(), "hung_up", "{carrier}: and it stays open");
    }
}

/// A call of three seconds in which the caller listens.
fn call(engine: &Engine, carrier: Carrier, called: &str, agent: Option<&str>) -> CallReport {
    let script = Script { expects_greeting: false, ..Script::new() };
    let mut plan = people::plan(engine, carrier, script.ending(Ending::HangUpAt(Duration::from_secs(3))));
    plan.called = called.into();
    plan.agent = agent.map(Into::into);
    let report = people::place(&plan);
    assert_eq!(report.failures(), [], "{carrier} {called} {agent:?}: {:?}", report.violations);
    report
}
