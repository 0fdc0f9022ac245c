//! The engine is told to end while somebody is on the line.

use std::{thread, time::Duration};

use operetta_caller::{CallReport, Carrier, Ending, Script};
use operetta_stage::Clock;
use operetta_tests::{
    engine::{Engine, Setup},
    http, people, turn,
};

#[test]
fn the_call_goes_on_to_its_end_and_then_the_process_ends() {
    let _turn = turn::together();
    let mut engine = Setup::new().start();
    let caller = call(&engine, Duration::from_secs(8));
    engine.terminate();
    let took = until_not_ready(&engine);
    assert!(took <= Duration::from_millis(300), "/ready said no after {took:?}");
    println!("/ready 503 after {took:?}");
    assert_eq!(engine.admin("/health").status, 200);
    assert_eq!(engine.metrics().count("operetta_node_draining", &[]), 1);
    // A carrier that asks now is told something it can work with.
    let twilio = http::get(engine.carriers(), "/twilio/voice?CallSid=CA1");
    assert_eq!(twilio.status, 200);
    assert!(twilio.body.contains("<Reject reason=\"busy\"/>"), "{}", twilio.body);
    let exotel = http::get(engine.carriers(), "/exotel/voicebot?CallSid=c1");
    assert_eq!(exotel.status, 200);
    assert!(exotel.body.starts_with("{\"url\":\"ws"), "{}", exotel.body);
    assert!(!exotel.body.contains("session="), "nothing is promised any more: {}", exotel.body);
    let late = people::place(&people::plan(&engine, Carrier::Exotel, Script::new()));
    assert_eq!(late.end.close_code(), Some(1013), "come again later: {:?}", late.end);
    // The one that was turned away takes a moment to be gone; the call that was there before goes on.
    engine
        .until("one call is left", Duration::from_secs(5), |metrics| metrics.count("operetta_calls_active", &[]) == 1);
    assert!(engine.wait(Duration::ZERO).is_none(), "and so does the process");
    let report = caller.join().unwrap();
    assert_eq!(report.failures(), [], "{:?}", report.end);
    assert_eq!(report.end.code(), "hung_up");
    let ended = engine.wait(Duration::from_secs(10)).expect("the process ends after its last call");
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn when_patience_is_over_the_caller_hears_a_goodbye() {
    let _turn = turn::together();
    let mut engine = Setup::new().var("OPERETTA__DRAIN__DRAIN_SECS", "1").start();
    let caller = call(&engine, Duration::from_mins(1));
    engine.terminate();
    let report = caller.join().unwrap();
    assert_eq!(report.end.close_code(), Some(1001), "{:?}", report.end);
    assert_eq!(report.violations, [], "nothing is cut off");
    let ended = engine.wait(Duration::from_secs(10)).expect("the process ends after its last call");
    assert_eq!(ended.code(), Some(0));
    assert!(engine.log().contains("\"reason\":\"drained\""), "{}", engine.log());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let _turn = turn::together();
    let mut engine = Setup::new().start();
    let caller = call(&engine, Duration::from_mins(1));
    engine.terminate();
    until_not_ready(&engine);
    engine.terminate();
    let ended = engine.wait(Duration::from_secs(5)).expect("the process ends at once");
    assert_eq!(ended.code(), Some(0));
    let report = caller.join().unwrap();
    assert!(report.duration_ms < 30_000.0, "the call was cut: {:?}", report.end);
}

/// Somebody on the line until `hangs_up`, and the engine knows.
fn call(engine: &Engine, hangs_up: Duration) -> thread::JoinHandle<CallReport> {
    let plan = people::plan(engine, Carrier::Exotel, Script::new().ending(Ending::HangUpAt(hangs_up)));
    let caller = thread::spawn(move || people::place(&plan));
    engine.until("the call is greeted", Duration::from_secs(20), |metrics| {
        metrics.count("operetta_calls_in_state", &[("state", "greeting")]) == 1
    });
    caller
}

/// How long it takes until `/ready` says no.
fn until_not_ready(engine: &Engine) -> Duration {
    let clock = Clock::system();
    let began = clock.now();
    while engine.admin("/ready").status != 503 {
        assert!(clock.now() < began + Duration::from_secs(5), "never said no");
    }
    clock.now().saturating_sub(began)
}
