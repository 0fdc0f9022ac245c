//! A steady load of webhooks.

use operetta_tests::{engine::Setup, turn, webhooks::storm};

#[test]
fn every_webhook_is_answered_with_a_stream() {
    let _turn = turn::alone();
    let token = "an-auth-token-of-this-test";
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", token).start();
    engine.until_warm();
    let storm = actix_rt::System::new().block_on(storm(&engine.url("http", ""), token, 200, 3));
    println!("p50 {:.2} p99 {:.2} max {:.2} ms, {:?}", storm.at(0.5), storm.at(0.99), storm.at(1.0), storm.statuses);
    assert_eq!(storm.statuses.into_iter().collect::<Vec<_>>(), [(200, 600)]);
    assert_eq!(storm.useless, 0);
    assert!(engine.metrics().is_quiet(), "a promise is no call");
}
