//! Deepgram live v1: sessions as its server plays them.

mod stt_theatre;

use std::time::Duration;

use operetta_audio::Encoding;
use operetta_contract::{ApiKey, DuplexCodec as _, DuplexVendor, ErrorClass, Transcribe, Wire};
use operetta_vendors::stt::deepgram::{Config, DeepgramListen};
use proptest::prelude::*;
use stt_theatre::{Session, job, play, survive};

fn config() -> Config {
    Config::new(ApiKey::new("secret-key"), "nova-3")
}

fn vendor() -> DeepgramListen {
    DeepgramListen::new(config())
}

/// A `Results` message: from, to, text and what it is.
fn results(from: f64, to: f64, text: &str, marks: &str) -> String {
    let mark = |name| marks.split(' ').any(|mark| mark == name);
    format!(
        r#"{{"type":"Results","channel_index":[0,1],"duration":{:.2},"start":{from},"is_final":{},"speech_final":{},"channel":{{"alternatives":[{{"transcript":"{text}","confidence":0.93,"words":[]}}]}},"metadata":{{"request_id":"r1"}},"from_finalize":{}}}"#,
        to - from,
        mark("final"),
        mark("speech"),
        mark("forced"),
    )
}

#[test]
fn the_address_says_everything_but_the_key() {
    let (request, _) = vendor().open(&job()).unwrap();
    assert_eq!(
        request.url,
        "wss://api.deepgram.com/v1/listen?model=nova-3&encoding=linear16&sample_rate=8000&channels=1&language=en-IN\
         &interim_results=true&endpointing=300&punctuate=true&smart_format=false&utterance_end_ms=1000"
    );
    let (name, value) = &request.headers[0];
    assert_eq!((*name, value.expose(), value.is_secret()), ("authorization", "Token secret-key", true));
    assert_eq!(request.headers.len(), 1);

    let other = Config {
        base_url: "http://127.0.0.1:9".to_owned(),
        language: "multi".to_owned(),
        encoding: Encoding::Mulaw,
        endpointing_ms: None,
        utterance_end_ms: None,
        keyterms: vec!["Aadhaar".to_owned(), "UPI & more".to_owned()],
        mip_opt_out: true,
        ..config()
    };
    let (request, _) = DeepgramListen::new(other).open(&Transcribe { rate_hz: 24_000, ..job() }).unwrap();
    assert_eq!(
        request.url,
        "ws://127.0.0.1:9/v1/listen?model=nova-3&encoding=mulaw&sample_rate=24000&channels=1&language=multi\
         &interim_results=true&endpointing=false&punctuate=true&smart_format=false&keyterm=Aadhaar\
         &keyterm=UPI+%26+more&mip_opt_out=true"
    );
}

#[test]
fn nothing_that_is_printed_holds_the_key() {
    let (request, codec) = vendor().open(&job()).unwrap();
    assert!(!format!("{:?} {request:?} {codec:?}", vendor()).contains("secret-key"));
}

#[test]
fn rates_of_no_telephone_are_refused() {
    let error = vendor().open(&Transcribe { rate_hz: 44_100, ..job() }).err().unwrap();
    assert_eq!(error.class, ErrorClass::BadRequest);
}

#[test]
fn a_turn_from_the_first_silence_to_the_answered_flush() {
    play(
        &vendor(),
        &format!(
            "0 open
             100 wait
             -> audio 100 in 1
             140 speak 40
             -> audio 40 in 1
             180 speak 40
             -> audio 40 in 1
             500 wait
             -> audio 300 in 3
             600 < {}
             => partial i need
             700 speak 200
             -> audio 200 in 1
             900 < {}
             => partial I need to cancel
             1000 flush 1
             -> {{\"type\":\"Finalize\"}}
             1100 < {}
             => final 1 I need to cancel.",
            results(0.1, 0.4, "i need", ""),
            results(0.1, 0.7, "I need to cancel", ""),
            results(0.1, 0.8, "I need to cancel.", "final forced"),
        ),
    );
}

#[test]
fn messages_keep_the_socket_once_the_server_has_spoken() {
    play(
        &vendor(),
        &format!(
            "0 open
             350 wait
             -> audio 300 in 3
             350 < {}
             4250 wait
             4300 wait
             -> {{\"type\":\"KeepAlive\"}}
             8300 wait
             -> {{\"type\":\"KeepAlive\"}}
             9000 speak 40
             -> audio 40 in 1
             12999 wait
             13000 wait
             -> {{\"type\":\"KeepAlive\"}}",
            results(0.0, 0.3, "", "final"),
        ),
    );
}

#[test]
fn silence_goes_on_for_as_long_as_the_server_says_nothing() {
    play(&vendor(), "0 open\n60000 wait\n-> audio 60000 in 600");
}

#[test]
fn the_servers_own_ends_are_finals_and_not_repeated() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => partial book
             600 < {}
             => partial Book it
             700 < {}
             => final Book it on Friday.
             750 < {{\"type\":\"UtteranceEnd\",\"channel\":[0,1],\"last_word_end\":0.4}}
             800 flush 1
             => final 1
             900 < {}
             950 < {}",
            results(0.0, 0.1, "book", ""),
            results(0.0, 0.2, "Book it", "final"),
            results(0.2, 0.4, "on Friday.", "final speech"),
            // The same once more, and what a finalize of nothing may bring.
            results(0.2, 0.4, "on Friday.", "final speech"),
            results(0.4, 0.4, "", "final forced"),
        ),
    );
}

#[test]
fn an_utterance_that_ends_without_speech_final_ends_all_the_same() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => partial hello
             600 < {{\"type\":\"UtteranceEnd\",\"channel\":[0,1],\"last_word_end\":0.4}}
             => final hello",
            r#"{"type":"Results","start":0.0,"duration":0.3,"is_final":true,"channel":{"alternatives":[{"transcript":"hello"}]}}"#,
        ),
    );
}

#[test]
fn a_finalize_without_acknowledgement_is_answered_with_what_is_there() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => partial yes please
             500 flush 1
             -> {{\"type\":\"Finalize\"}}
             899 wait
             900 wait
             => final 1 yes please
             1000 < {}
             1100 speak 100
             -> audio 100 in 1
             1200 < {}
             => partial thanks
             1300 flush 2
             -> {{\"type\":\"Finalize\"}}
             1700 wait
             => final 2 thanks
             1800 < {}
             => final a lot",
            results(0.0, 0.2, "yes please", ""),
            // It comes after all: nothing new.
            results(0.0, 0.4, "Yes, please.", "final forced"),
            results(0.4, 0.45, "thanks", ""),
            results(0.4, 0.5, "Thanks a lot", "final forced"),
        ),
    );
}

#[test]
fn a_server_that_hears_nothing_is_given_up_at_the_flush() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => final yes
             2500 speak 2000
             -> audio 2000 in 8
             2600 flush 1
             -> {{\"type\":\"Finalize\"}}
             2999 wait
             3000 wait
             => error timeout",
            results(0.0, 0.4, "yes", "final speech"),
        ),
    );
}

#[test]
fn flushes_are_answered_in_order_and_at_once_when_nothing_was_said() {
    play(
        &vendor(),
        &format!(
            "0 open
             10 flush 1
             => final 1
             400 speak 400
             -> audio 400 in 2
             400 flush 2
             -> {{\"type\":\"Finalize\"}}
             450 speak 40
             -> audio 40 in 1
             450 flush 3
             -> {{\"type\":\"Finalize\"}}
             500 < {}
             => final 2 one
             850 wait
             => final 3",
            results(0.0, 0.4, "one", "final speech"),
        ),
    );
}

#[test]
fn finals_out_of_order_and_without_words_are_put_in_order() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => partial on Friday
             510 < {}
             => partial See you on Friday
             520 < {}
             530 < {}
             => final See you on Friday",
            results(0.2, 0.4, "on Friday", "final"),
            results(0.0, 0.2, "See you", "final"),
            results(0.5, 0.6, "", "final"),
            r#"{"type":"UtteranceEnd"}"#,
        ),
    );
}

#[test]
fn a_clock_out_of_all_bounds_does_not_answer_for_the_caller() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 400
             -> audio 400 in 2
             500 < {}
             => partial hello
             600 speak 40
             -> audio 40 in 1
             600 flush 1
             -> {{\"type\":\"Finalize\"}}
             700 < {}
             => final 1 hello there",
            results(-1e300, 1e300, "hello", "final"),
            results(0.4, 1e300, "there", "final forced"),
        ),
    );
}

#[test]
fn what_is_not_known_is_counted_and_what_is_broken_ends_the_session() {
    play(
        &vendor(),
        r#"0 open
           1 < {"type":"Metadata","request_id":"r1","duration":42.3,"channels":1}
           2 < {"type":"SpeechStarted","channel":[0],"timestamp":3.27}
           3 < {"type":"SomethingNew","x":[]}
           => unknown
           4 < [1,2]
           => unknown
           5 bytes
           => unknown
           6 < {"type":"Results"}
           7 < {"type":"Results","start":"x","is_final":3,"channel":[]}
           8 < {"type":"Results"
           => error protocol"#,
    );
    for (message, code) in [
        (r#"{"type":"Error","variant":"DATA-0000","description":"Could not decode the audio"}"#, "bad_request"),
        (r#"{"type":"Error","variant":"NET-0001","description":""}"#, "session_expired"),
        (r#"{"type":"Error","description":"x","message":"y","code":null}"#, "unavailable"),
    ] {
        play(&vendor(), &format!("0 open\n1 < {message}\n=> error {code}"));
    }
}

#[test]
fn closes_and_refusals_mean_what_the_table_says() {
    use ErrorClass::{Auth, BadRequest, Busy, Missing, Quota, RateLimited, SessionExpired, TooLong, Unavailable};
    let (_, codec) = vendor().open(&job()).unwrap();
    for (code, reason, class) in [
        (Some(1000), "", SessionExpired),
        (Some(1011), "NET-0001: no audio", SessionExpired),
        (Some(1011), "did not receive audio. See https://dpgr.am/net0001", SessionExpired),
        (Some(1011), "net-0001", SessionExpired),
        (Some(1011), "NET-0000", Unavailable),
        (Some(1011), "", Unavailable),
        (Some(1012), "", Unavailable),
        (Some(1013), "", Unavailable),
        (None, "", Unavailable),
        (Some(1006), "", Unavailable),
        (Some(1008), "DATA-0000", BadRequest),
        (Some(1008), "DATA-0001", RateLimited),
        (Some(1003), "", BadRequest),
        (Some(1009), "", TooLong),
    ] {
        assert_eq!(codec.closed(code, reason).class, class, "{code:?} {reason}");
    }
    for (status, class) in
        [(400, BadRequest), (401, Auth), (402, Quota), (403, Auth), (404, Missing), (429, Busy), (503, Unavailable)]
    {
        assert_eq!(vendor().refusal(status).class, class, "{status}");
    }
}

#[test]
fn every_second_sent_is_counted_and_the_request_is_named() {
    let mut session = Session::new(&vendor(), 16);
    let mut wire = Wire::default();
    session.codec.opened(Duration::ZERO, &mut wire);
    session.codec.tick(Duration::from_millis(500), &mut wire).unwrap();
    session.codec.feed(Duration::from_millis(600), operetta_contract::Hearing::Samples(vec![0; 800]), &mut wire);
    let message = results(0.0, 0.5, "", "final");
    session.codec.hear(Duration::from_secs(1), operetta_contract::Message::Text(&message), &mut wire).unwrap();
    assert_eq!(wire.output.usage.audio_in_ms, 600);
    assert_eq!(wire.output.usage.request_id.as_deref(), Some("r1"));
}

#[test]
fn a_cancelled_job_says_goodbye_and_hears_nothing_more() {
    play(
        &vendor(),
        &format!(
            "0 open
             400 speak 40
             -> audio 40 in 1
             500 cancel
             600 < {}
             9000 wait
             9000 farewell
             -> {{\"type\":\"CloseStream\"}}",
            results(0.0, 0.4, "late", "final speech"),
        ),
    );
}

proptest! {
    #[test]
    fn any_message_is_survived(messages in proptest::collection::vec(prop_oneof![
        ".{0,60}".prop_map(Ok),
        proptest::collection::vec(any::<u8>(), 0..60).prop_map(Err),
        (any::<f64>(), any::<f64>(), "[a-z ]{0,9}", "(final )?(speech )?(forced)?")
            .prop_map(|(from, to, text, marks)| Ok(results(from, to, &text, &marks))),
        (0u32..9, 0u32..9, "[a-z ]{0,9}", "(final )?(speech )?(forced)?")
            .prop_map(|(from, to, text, marks)| Ok(results(f64::from(from), f64::from(from + to), &text, &marks))),
    ], 0..20)) {
        survive(&vendor(), &messages);
    }
}
