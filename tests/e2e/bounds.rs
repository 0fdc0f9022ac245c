//! What is full, taken or never begun.

use std::{thread, time::Duration};

use operetta_caller::{Carrier, Ending, Script};
use operetta_tests::{
    engine::Setup,
    http, people,
    socket::{Said, Socket},
    turn,
};

#[test]
fn a_socket_that_never_starts_is_closed() {
    let _turn = turn::together();
    let engine = Setup::new().var("OPERETTA__HTTP__LEG__START_SECS", "1").start();
    actix_rt::System::new().block_on(async {
        for path in ["/exotel/media", "/twilio/media"] {
            let mut socket = Socket::open(&engine.url("ws", path), &[]).await.expect("open on loopback");
            socket.say(r#"{"event":"connected"}"#).await;
            assert_eq!(socket.hear_out(Duration::from_secs(5)).await, Some(Said::Close(Some(1008))), "{path}");
        }
    });
    engine.until_quiet(Duration::from_secs(5));
    assert_eq!(engine.metrics().ended("no_start"), 2);
    assert_eq!(engine.metrics().count("operetta_faults_total", &[("code", "E110")]), 2);
}

#[test]
fn a_call_too_many_is_told_to_come_again() {
    let _turn = turn::together();
    let engine = Setup::new().var("OPERETTA__HTTP__MAX_CALLS", "1").start();
    let long = people::plan(&engine, Carrier::Exotel, Script::new().ending(Ending::HangUpAt(Duration::from_secs(6))));
    let first = thread::spawn(move || people::place(&long));
    engine.until("the first call is greeted", Duration::from_secs(20), |metrics| {
        metrics.count("operetta_calls_in_state", &[("state", "greeting")]) == 1
    });
    // Twilio has a word for it; Exotel is told by the socket.
    let answer = http::get(engine.carriers(), "/twilio/voice?CallSid=CA1");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("<Reject reason=\"busy\"/>"), "{}", answer.body);
    let second = people::place(&people::plan(&engine, Carrier::Exotel, Script::new()));
    assert_eq!(second.end.close_code(), Some(1013), "{:?}", second.end);
    assert_eq!(first.join().unwrap().failures(), []);
    engine.until_quiet(Duration::from_secs(5));
    assert_eq!(engine.metrics().ended("refused_capacity"), 1);
    assert_eq!(engine.metrics().count("operetta_faults_total", &[("code", "E116")]), 1);
}

#[test]
fn a_taken_address_is_named_with_what_to_set() {
    let _turn = turn::together();
    let engine = Setup::new().start();
    let second = Setup::new().var("OPERETTA__HTTP__BIND", &engine.carriers().to_string());
    let (code, said) = second.run_to_end(Duration::from_secs(20));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("OPERETTA__HTTP__BIND="), "{said}");
    assert!(said.contains("E151"), "{said}");
}
