//! AssemblyAI v3: sessions as its server plays them.

mod stt_theatre;

use std::time::Duration;

use operetta_audio::Encoding;
use operetta_contract::{ApiKey, DuplexCodec as _, DuplexVendor, ErrorClass};
use operetta_vendors::stt::assemblyai::{AssemblyAi, Config};
use proptest::prelude::*;
use stt_theatre::{job, play, survive};

fn config() -> Config {
    Config::new(ApiKey::new("secret-key"), "universal-streaming-english")
}

fn vendor() -> AssemblyAi {
    AssemblyAi::new(config())
}

const BEGIN: &str = r#"{"type":"Begin","id":"a2","expires_at":"2026-11-20T12:00:00Z"}"#;

/// A `Turn` message: which, what was said, where its last word ends, and whether it is over.
fn turn(order: u32, text: &str, last_word_end: u32, end: bool) -> String {
    format!(
        r#"{{"type":"Turn","turn_order":{order},"turn_is_formatted":false,"end_of_turn":{end},"transcript":"{text}","end_of_turn_confidence":0.02,"words":[{{"text":"x","start":0,"end":{last_word_end},"confidence":0.99,"word_is_final":true}}]}}"#
    )
}

#[test]
fn the_address_says_everything_but_the_key() {
    let (request, codec) = vendor().open(&job()).unwrap();
    assert_eq!(
        request.url,
        "wss://streaming.assemblyai.com/v3/ws?sample_rate=8000&encoding=pcm_s16le\
         &speech_model=universal-streaming-english&format_turns=false&inactivity_timeout=60"
    );
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(headers, [("authorization", "secret-key", true), ("assemblyai-version", "2025-05-12", false)]);
    assert!(!format!("{:?} {request:?} {codec:?}", vendor()).contains("secret-key"));

    let other = Config {
        base_url: "https://streaming.eu.assemblyai.com".to_owned(),
        encoding: Encoding::Mulaw,
        format_turns: true,
        end_of_turn_confidence_threshold: Some(0.5),
        min_turn_silence_ms: Some(160),
        max_turn_silence_ms: Some(1200),
        language_codes: vec!["en".to_owned(), "hi".to_owned()],
        keyterms: vec!["Aadhaar".to_owned()],
        inactivity: None,
        ..config()
    };
    let (request, _) = AssemblyAi::new(other).open(&job()).unwrap();
    assert_eq!(
        request.url,
        "wss://streaming.eu.assemblyai.com/v3/ws?sample_rate=8000&encoding=pcm_mulaw\
         &speech_model=universal-streaming-english&format_turns=true&end_of_turn_confidence_threshold=0.5\
         &min_turn_silence=160&max_turn_silence=1200&language_codes=%5B%22en%22%2C%22hi%22%5D\
         &keyterms_prompt=%5B%22Aadhaar%22%5D"
    );
}

#[test]
fn frames_are_grouped_and_a_flush_fills_up_the_last_one() {
    play(
        &vendor(),
        &format!(
            "0 open
             5000 wait
             5000 < {BEGIN}
             5020 speak 20
             5040 speak 20
             5060 speak 20
             -> audio 60 in 1
             5080 speak 20
             5080 flush 1
             -> audio 50 in 1
             -> {{\"type\":\"ForceEndpoint\"}}
             5200 < {}
             => final 1 yes
             5300 flush 2
             => final 2",
            turn(0, "yes", 60, true),
        ),
    );
}

#[test]
fn a_turn_that_the_server_ends_twice_is_one_turn() {
    play(
        &vendor(),
        &format!(
            "0 open
             0 < {BEGIN}
             400 speak 400
             -> audio 400 in 1
             500 < {{\"type\":\"SpeechStarted\",\"timestamp\":1240}}
             510 < {}
             => partial i would
             520 < {{\"type\":\"Turn\",\"turn_order\":0,\"end_of_turn\":false,\"transcript\":\"i would\",\"words\":[{{\"text\":\"i\"}},{{\"text\":\"would\"}},{{\"text\":\"lik\",\"word_is_final\":false}}]}}
             => partial i would lik
             600 wait
             -> audio 200 in 2
             700 < {}
             => final i would like to cancel
             710 < {}
             800 flush 1
             => final 1
             10599 wait
             10600 wait
             -> {{\"type\":\"KeepAlive\"}}
             20600 wait
             -> {{\"type\":\"KeepAlive\"}}",
            turn(0, "i would", 240, false),
            turn(0, "i would like to cancel", 380, true),
            turn(0, "I would like to cancel.", 380, true),
        ),
    );
}

#[test]
fn a_forced_end_that_does_not_come_is_not_waited_for() {
    play(
        &vendor(),
        &format!(
            "0 open
             0 < {BEGIN}
             400 speak 400
             -> audio 400 in 1
             410 < {}
             => partial the first of
             410 flush 1
             -> {{\"type\":\"ForceEndpoint\"}}
             810 wait
             -> audio 400 in 4
             => final 1 the first of
             820 < {}
             => final May",
            turn(0, "the first of", 240, false),
            turn(0, "The first of May", 380, true),
        ),
    );
}

#[test]
fn silence_for_a_turn_that_never_ends_has_an_end() {
    play(
        &vendor(),
        &format!(
            "0 open
             0 < {BEGIN}
             100 speak 100
             -> audio 100 in 1
             5100 wait
             -> audio 5000 in 50
             15099 wait
             15100 wait
             -> {{\"type\":\"KeepAlive\"}}"
        ),
    );
}

#[test]
fn a_short_inactivity_limit_makes_keep_alives_more_frequent() {
    let vendor = AssemblyAi::new(Config { inactivity: Some(Duration::from_secs(9)), ..config() });
    assert_eq!(vendor.capabilities().idle, Some(Duration::from_secs(9)));
    play(&vendor, &format!("0 open\n0 < {BEGIN}\n3000 wait\n-> {{\"type\":\"KeepAlive\"}}"));
}

#[test]
fn what_is_not_known_is_counted_and_what_is_broken_ends_the_session() {
    play(
        &vendor(),
        r#"0 open
           1 < {"type":"Begin","id":7,"expires_at":1795000000}
           2 < {"type":"Heartbeat"}
           2 < {"type":"Silence"}
           2 < {"type":"SpeakerRevision"}
           2 < {"type":"Warning","warning_code":1,"warning":"x"}
           2 < {"type":"LLMGatewayResponse"}
           2 < {"type":"Termination","audio_duration_seconds":41,"session_duration_seconds":44}
           3 < {"type":"Turn"}
           4 < {"type":"Turn","turn_order":"x","transcript":[],"words":{},"end_of_turn":1}
           5 < {"type":"New"}
           => unknown
           6 < {}
           => unknown
           7 bytes
           => unknown
           8 < "
           => error protocol"#,
    );
}

#[test]
fn errors_and_closes_mean_what_the_table_says() {
    use ErrorClass::{Auth, BadRequest, Busy, Protocol, Quota, RateLimited, SessionExpired, TooLong, Unavailable};
    let (_, codec) = vendor().open(&job()).unwrap();
    for (code, class) in [
        (1000, SessionExpired),
        (1006, Unavailable),
        (1008, Auth),
        (1009, TooLong),
        (1011, Unavailable),
        (1013, Unavailable),
        (3005, Unavailable),
        (3006, BadRequest),
        (3007, RateLimited),
        (3008, SessionExpired),
        (3009, Busy),
        (4001, Auth),
        (4002, Quota),
        (4029, RateLimited),
        (4031, SessionExpired),
        (4100, BadRequest),
        (4101, BadRequest),
        (4999, Protocol),
    ] {
        let error = codec.closed(Some(code), &"why ".repeat(40));
        assert_eq!(error.class, class, "{code}");
        assert_eq!(error.after.is_some(), class == RateLimited, "{code}");
        if code >= 3000 && code != 4999 {
            let message = format!(r#"{{"type":"Error","error_code":{code},"error":"why"}}"#);
            play(&vendor(), &format!("0 open\n1 < {message}\n=> error {}", class.code()));
        }
    }
    for (message, code) in [
        (r#"{"type":"Error","error_code":"3009","error":"x"}"#, "busy"),
        (r#"{"type":"Error","error":"at_capacity"}"#, "busy"),
        (r#"{"error":"Not authorized"}"#, "auth"),
        (r#"{"type":"Error"}"#, "unavailable"),
    ] {
        play(&vendor(), &format!("0 open\n1 < {message}\n=> error {code}"));
    }
    for (status, class) in [(401, Auth), (402, Quota), (403, Auth), (429, RateLimited), (503, Unavailable)] {
        assert_eq!(vendor().refusal(status).class, class, "{status}");
    }
}

#[test]
fn a_cancelled_job_says_goodbye_and_hears_nothing_more() {
    play(
        &vendor(),
        &format!(
            "0 open
             1 < {BEGIN}
             400 cancel
             600 < {}
             90000 wait
             90000 farewell
             -> {{\"type\":\"Terminate\"}}",
            turn(0, "late", 300, true),
        ),
    );
}

proptest! {
    #[test]
    fn any_message_is_survived(messages in proptest::collection::vec(prop_oneof![
        ".{0,60}".prop_map(Ok),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Err),
        (0u32..4, "[a-z ]{0,9}", any::<u32>(), any::<bool>())
            .prop_map(|(order, text, at, end)| Ok(turn(order, &text, at, end))),
    ], 0..20)) {
        let begun = [vec![Ok(BEGIN.to_owned())], messages].concat();
        survive(&vendor(), &begun);
    }
}
