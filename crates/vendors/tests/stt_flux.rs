//! Deepgram Flux: sessions as its server plays them.

mod stt_theatre;

use operetta_contract::{ApiKey, DuplexCodec as _, DuplexVendor, ErrorClass};
use operetta_vendors::stt::deepgram_flux::{Config, DeepgramFlux};
use proptest::prelude::*;
use stt_theatre::{job, play, survive};

fn config() -> Config {
    Config::new(ApiKey::new("secret-key"), "flux-general-en")
}

fn vendor() -> DeepgramFlux {
    DeepgramFlux::new(config())
}

const CONNECTED: &str = r#"{"type":"Connected","request_id":"b7","sequence_id":0}"#;

/// A `TurnInfo` message: which event, of which turn, heard to where, what was said.
fn turn(event: &str, index: u32, end: f64, text: &str) -> String {
    let trigger = if event == "manual" { "manual" } else { "model" };
    let event = if event == "manual" { "EndOfTurn" } else { event };
    format!(
        r#"{{"type":"TurnInfo","request_id":"b7","sequence_id":14,"event":"{event}","turn_index":{index},"audio_window_start":0.0,"audio_window_end":{end},"transcript":"{text}","words":[{{"word":"x","confidence":0.97}}],"end_of_turn_confidence":0.04,"trigger":"{trigger}"}}"#
    )
}

#[test]
fn the_address_says_everything_but_the_key() {
    let (request, codec) = vendor().open(&job()).unwrap();
    assert_eq!(
        request.url,
        "wss://api.deepgram.com/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=8000&eot_timeout_ms=5000"
    );
    let (name, value) = &request.headers[0];
    assert_eq!((*name, value.expose(), value.is_secret()), ("authorization", "Token secret-key", true));
    assert!(!format!("{:?} {request:?} {codec:?}", vendor()).contains("secret-key"));

    let many = Config {
        model: "flux-general-multi".to_owned(),
        eot_threshold: Some(0.2),
        eager_eot_threshold: Some(0.4),
        keyterms: vec!["Aadhaar".to_owned()],
        ..config()
    };
    let (request, _) = DeepgramFlux::new(many).open(&job()).unwrap();
    assert!(
        request.url.ends_with(
            "&eot_timeout_ms=5000&eot_threshold=0.5&eager_eot_threshold=0.4&language_hint=en&keyterm=Aadhaar"
        ),
        "{}",
        request.url
    );
}

#[test]
fn nothing_is_sent_before_the_server_is_connected() {
    play(
        &vendor(),
        &format!(
            "0 open
             60000 wait
             60000 < {CONNECTED}
             62999 wait
             63000 wait
             -> audio 100 in 1"
        ),
    );
}

#[test]
fn a_turn_that_the_server_ends() {
    play(
        &vendor(),
        &format!(
            "0 open
             10 < {CONNECTED}
             50 speak 40
             90 speak 40
             -> audio 80 in 1
             290 speak 200
             -> audio 200 in 1
             390 wait
             -> audio 100 in 1
             400 < {}
             => partial can
             450 < {}
             => partial can you
             500 < {}
             => partial Can you go?
             510 < {}
             => partial can you go on
             690 wait
             -> audio 300 in 3
             700 < {}
             => final Can you go on Friday?
             710 < {}
             800 flush 1
             => final 1
             3689 wait
             3690 wait
             -> audio 100 in 1
             6690 wait
             -> audio 100 in 1",
            turn("Update", 0, 0.1, "can"),
            turn("StartOfTurn", 0, 0.2, "can you"),
            turn("EagerEndOfTurn", 0, 0.3, "Can you go?"),
            turn("TurnResumed", 0, 0.4, "can you go on"),
            turn("EndOfTurn", 0, 0.68, "Can you go on Friday?"),
            turn("EndOfTurn", 0, 0.68, "Can you go on Friday?"),
        ),
    );
}

#[test]
fn a_flush_ends_the_turn() {
    play(
        &vendor(),
        &format!(
            "0 open
             10 < {CONNECTED}
             10 flush 1
             => final 1
             400 speak 400
             -> audio 400 in 2
             430 speak 40
             450 < {}
             => partial yes
             460 flush 2
             -> audio 80 in 1
             -> {{\"type\":\"ForceEndTurn\"}}
             500 < {}
             => final 2 Yes.
             600 < {}
             => partial no
             700 < {}
             => final No.",
            turn("Update", 0, 0.3, "yes"),
            turn("manual", 0, 0.48, "Yes."),
            turn("StartOfTurn", 1, 0.6, "no"),
            turn("EndOfTurn", 1, 0.7, "No."),
        ),
    );
}

#[test]
fn a_forced_end_that_does_not_come_is_not_waited_for() {
    play(
        &vendor(),
        &format!(
            "0 open
             10 < {CONNECTED}
             400 speak 400
             -> audio 400 in 2
             410 < {}
             => partial the first of
             410 flush 1
             -> {{\"type\":\"ForceEndTurn\"}}
             809 wait
             -> audio 400 in 4
             810 wait
             => final 1 the first of
             820 < {}
             => partial May
             900 < {}
             => final May.",
            turn("Update", 0, 0.3, "the first of"),
            turn("Update", 0, 0.5, "The first of May"),
            turn("EndOfTurn", 0, 0.5, "The first of May."),
        ),
    );
}

#[test]
fn the_servers_own_end_answers_a_flush_that_waits() {
    play(
        &vendor(),
        &format!(
            "0 open
             10 < {CONNECTED}
             400 speak 400
             -> audio 400 in 2
             410 flush 1
             -> {{\"type\":\"ForceEndTurn\"}}
             420 < {}
             => final 1 Yes.
             430 < {}",
            turn("EndOfTurn", 0, 0.4, "Yes."),
            turn("manual", 0, 0.4, "Yes."),
        ),
    );
}

#[test]
fn silence_for_a_turn_that_never_ends_has_an_end() {
    // Five seconds are the server's own limit, two are ours; then it is kept alive and no more.
    play(
        &vendor(),
        &format!(
            "0 open
             10 < {CONNECTED}
             100 speak 80
             -> audio 80 in 1
             110 < {}
             => partial hm
             7100 wait
             -> audio 7000 in 70
             10099 wait
             10100 wait
             -> audio 100 in 1",
            turn("Update", 0, 0.1, "hm"),
        ),
    );
}

#[test]
fn what_is_not_known_is_counted_and_what_is_broken_ends_the_session() {
    play(
        &vendor(),
        r#"0 open
           1 < {"type":"Connected"}
           2 < {"type":"Warning","code":"x"}
           3 < {"type":"ConfigureSuccess"}
           4 < {"type":"TurnInfo","event":"SomethingNew"}
           => unknown
           5 < {"type":"TurnInfo"}
           => unknown
           6 < {"type":"TurnInfo","event":"Update","turn_index":-1,"transcript":null}
           7 < {"type":"New"}
           => unknown
           8 bytes
           => unknown
           9 < nothing
           => error protocol"#,
    );
    play(
        &vendor(),
        r#"0 open
           1 < {"type":"Error","sequence_id":20,"code":"INTERNAL_SERVER_ERROR","description":"x"}
           => error unavailable"#,
    );
}

#[test]
fn closes_and_refusals_are_deepgrams() {
    let (_, codec) = vendor().open(&job()).unwrap();
    assert_eq!(codec.closed(Some(1011), "https://dpgr.am/net0001").class, ErrorClass::SessionExpired);
    assert_eq!(codec.closed(Some(1008), "DATA-0000").class, ErrorClass::BadRequest);
    assert_eq!(vendor().refusal(429).class, ErrorClass::Busy);
    assert_eq!(vendor().refusal(402).class, ErrorClass::Quota);
}

#[test]
fn a_cancelled_job_says_goodbye_and_hears_nothing_more() {
    play(
        &vendor(),
        &format!(
            "0 open
             1 < {CONNECTED}
             400 cancel
             600 < {}
             9000 wait
             9000 farewell
             -> {{\"type\":\"CloseStream\"}}",
            turn("EndOfTurn", 0, 0.4, "late"),
        ),
    );
}

proptest! {
    #[test]
    fn any_message_is_survived(messages in proptest::collection::vec(prop_oneof![
        ".{0,60}".prop_map(Ok),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Err),
        Just(Ok(CONNECTED.to_owned())),
        ("Update|StartOfTurn|EndOfTurn|manual|TurnResumed", 0u32..4, any::<f64>(), "[a-z ]{0,9}")
            .prop_map(|(event, index, end, text)| Ok(turn(&event, index, end, &text))),
    ], 0..20)) {
        let connected = [vec![Ok(CONNECTED.to_owned())], messages].concat();
        survive(&vendor(), &connected);
    }
}
