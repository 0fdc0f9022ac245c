use operetta_audio::{Encoding, Format};
use operetta_contract::{ApiKey, ErrorClass, HttpVendor as _, Method, TextLimit};
use operetta_vendors::tts::openai::{Answer, Config, OpenAiSpeech};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

/// A reply in events: a comment, CRLF and LF, an unknown event, data in two lines under its other name, and `[DONE]`.
const EVENTS: &str = include_str!("../fixtures/tts/openai_events.txt");
/// 300 ms of 440 Hz by LAME 3.100, mono, 24 kHz.
const MP3: &[u8] = include_bytes!("../fixtures/tts/speech_24k.mp3");

fn vendor_of(change: impl FnOnce(&mut Config)) -> OpenAiSpeech {
    let mut config = Config::new(key(), "gpt-4o-mini-tts");
    change(&mut config);
    OpenAiSpeech::new(config)
}

fn vendor() -> OpenAiSpeech {
    vendor_of(|_| {})
}

#[test]
fn pcm_is_asked_for_unless_the_server_gives_something_else() {
    let (request, _) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "https://api.openai.com/v1/audio/speech");
    let expected = json!({ "model": "gpt-4o-mini-tts", "input": TEXT, "voice": "alloy", "response_format": "pcm" });
    assert_eq!(body(&request), expected);
    check_key(&vendor(), "authorization", &format!("Bearer {KEY}"));
    assert_eq!(vendor().capabilities().max_text, Some(TextLimit::Chars(4096)));

    let asks = |change: &dyn Fn(&mut Config), field: &str| {
        body(&vendor_of(|config| change(config)).open(&job(MULAW_8K)).unwrap().0)[field].clone()
    };
    assert_eq!(asks(&|config| config.answer = Answer::Mp3, "response_format"), "mp3");
    assert_eq!(asks(&|config| config.answer = Answer::Wav, "response_format"), "wav");
    assert_eq!(asks(&|config| config.answer = Answer::PcmAtCallRate, "sample_rate"), 8000);
    assert_eq!(asks(&|config| config.events = true, "stream_format"), "sse");
    assert_eq!(asks(&|config| config.speed = Some(0.9), "speed"), 0.9);
    assert_eq!(asks(&|config| config.instructions = Some("calmly".into()), "instructions"), "calmly");
}

#[test]
fn a_local_server_without_a_key_is_sent_none() {
    let vendor = vendor_of(|config| (config.key, config.base_url) = (ApiKey::new(""), "http://localhost:8000".into()));
    let (request, _) = vendor.open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.url, "http://localhost:8000/v1/audio/speech");
    assert!(request.headers.iter().all(|(name, _)| *name != "authorization"));
}

#[test]
fn raw_audio_becomes_the_format_of_the_call() {
    let reply = head(200, &[("content-type", "audio/pcm"), ("x-request-id", "req_mock_01")]);
    for format in [MULAW_8K, PCM_8K, PCM_24K] {
        let heard = check_sound(&vendor(), &job(format), &reply, &sound(PCM_24K, 40), 40);
        assert_eq!(heard.usage.request_id.as_deref(), Some("req_mock_01"));
        assert!(heard.usage.estimated);
    }
    // The rate that a server states goes before the one that was configured.
    let pcm_16k = Format { encoding: Encoding::Pcm16, rate_hz: 16_000 };
    check_sound(&vendor(), &job(MULAW_8K), &ok("audio/L16; rate=16000"), &sound(pcm_16k, 40), 40);
    let own = vendor_of(|config| config.answer = Answer::Pcm { rate_hz: 16_000 });
    check_sound(&own, &job(MULAW_8K), &ok("application/octet-stream"), &sound(pcm_16k, 40), 40);
    let asked = vendor_of(|config| config.answer = Answer::PcmAtCallRate);
    check_sound(&asked, &job(PCM_8K), &ok("audio/pcm"), &sound(PCM_8K, 40), 40);
}

#[test]
fn events_are_read_whatever_was_asked_for() {
    let reply = ok("text/event-stream");
    for vendor in [vendor(), vendor_of(|config| config.events = true)] {
        let heard = check_sound(&vendor, &job(MULAW_8K), &reply, EVENTS.as_bytes(), 60);
        assert_eq!((heard.usage.tokens_in, heard.usage.tokens_out, heard.usage.estimated), (11, 187, false));
        assert_eq!(heard.unknown, 1);
    }
    let speaches = EVENTS.replace("usage", "token_usage").replace("11", "0").replace("187", "0");
    let heard = whole(&vendor(), &job(MULAW_8K), &reply, speaches.as_bytes());
    check_tone(&heard, MULAW_8K, 60);
    assert!(heard.usage.estimated);
}

#[test]
fn a_stream_without_its_last_event_is_no_success() {
    let read = |body: &str| whole(&vendor(), &job(MULAW_8K), &ok("text/event-stream"), body.as_bytes());
    let done = EVENTS.find("data: {\"type\":\"speech.audio.done").unwrap();
    for at in [done, done + 10, done / 2] {
        let heard = read(&EVENTS[..at]);
        assert_eq!(heard.class(), Some(ErrorClass::Protocol), "cut at {at}");
    }
    assert_eq!(read("").class(), Some(ErrorClass::Protocol));
    assert_eq!(read("data: {\"type\":\"speech.audio.done\"}\n\n").class(), Some(ErrorClass::Empty));
    assert_eq!(read("data: [DONE]\n\n").class(), Some(ErrorClass::Empty));
    assert_eq!(read("data: {\"type\":\"speech.audio.delta\",\n\n").class(), Some(ErrorClass::Protocol));
    assert_eq!(read("data: {\"type\":\"speech.audio.delta\",\"audio\":7}\n\n").class(), Some(ErrorClass::Protocol));
    assert_eq!(read("data: {\"type\":\"speech.audio.delta\",\"audio\":\"*\"}\n\n").class(), Some(ErrorClass::Protocol));
    let failed =
        "data: {\"error\":{\"type\":\"server_error\",\"code\":\"server_is_overloaded\",\"message\":\"later\"}}\n\n";
    assert_eq!(read(failed).class(), Some(ErrorClass::Unavailable));
    let heard = read(&format!("{}{failed}", &EVENTS[..done]));
    assert_eq!(heard.class(), Some(ErrorClass::Unavailable));
    assert!(!heard.audio.is_empty());
}

#[test]
fn a_wav_and_an_mp3_are_decoded() {
    let wav = [
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xAC\0\0\x02\0\x10\0data\0\0\0\0".to_vec(),
        sound(Format { encoding: Encoding::Pcm16, rate_hz: 22_050 }, 40),
    ]
    .concat();
    for vendor in [vendor(), vendor_of(|config| config.answer = Answer::Wav)] {
        check_sound(&vendor, &job(MULAW_8K), &ok("audio/wav"), &wav, 40);
    }
    // Whoever is asked for PCM and sends MP3 says so.
    let length = MULAW_8K.ms_of_bytes(whole(&vendor(), &job(MULAW_8K), &ok("audio/mpeg"), MP3).audio.len());
    assert!((290..420).contains(&length), "{length}");
    check_sound(&vendor(), &job(MULAW_8K), &ok("audio/mpeg"), MP3, length);
    let mp3 = vendor_of(|config| config.answer = Answer::Mp3);
    check_tone(&whole(&mp3, &job(MULAW_8K), &ok("application/octet-stream"), MP3), MULAW_8K, length);
    let none = whole(&mp3, &job(MULAW_8K), &ok("audio/mpeg"), &vec![1; 70_000]);
    assert_eq!((none.class(), none.audio.len()), (Some(ErrorClass::Protocol), 0));
    assert_eq!(whole(&mp3, &job(MULAW_8K), &ok("audio/mpeg"), b"").class(), Some(ErrorClass::Empty));
}

#[test]
fn what_is_no_audio_is_not_played() {
    check_never_played(&vendor());
    check_never_played(&vendor_of(|config| config.answer = Answer::Mp3));
    assert_eq!(whole(&vendor(), &job(MULAW_8K), &ok("audio/pcm"), b"").class(), Some(ErrorClass::Empty));
}

#[test]
fn refusals_are_classed() {
    use ErrorClass::{Auth, BadRequest, Missing, Quota, RateLimited, TooLong, Unavailable};
    let error = |kind: &str, code: &str| {
        format!(r#"{{"error":{{"message":"why","type":"{kind}","param":null,"code":"{code}"}}}}"#)
    };
    check_refusals(
        &vendor(),
        &[
            (401, &[], &error("invalid_request_error", "invalid_api_key"), Auth, None),
            (400, &[], &error("invalid_request_error", "invalid_value"), BadRequest, None),
            (400, &[], &error("invalid_request_error", "string_above_max_length"), TooLong, None),
            (403, &[], &error("invalid_request_error", "unsupported_country_region_territory"), Auth, None),
            (404, &[], &error("invalid_request_error", "model_not_found"), Missing, None),
            (429, &[], &error("insufficient_quota", ""), Quota, None),
            (429, &[("x-should-retry", "true")], &error("x", "billing_hard_limit_reached"), Quota, None),
            (429, &[("retry-after", "2")], &error("requests", "rate_limit_exceeded"), RateLimited, Some(2000)),
            (429, &[("retry-after-ms", "1500")], &error("requests", "slow_down"), RateLimited, Some(1500)),
            (500, &[], &error("server_error", ""), Unavailable, None),
            (503, &[], &error("service_unavailable_error", "server_is_overloaded"), Unavailable, None),
            (400, &[("x-should-retry", "true")], "", Unavailable, None),
            (500, &[("x-should-retry", "false")], "", BadRequest, None),
            (422, &[], r#"{"detail":"speed out of range"}"#, BadRequest, None),
            (502, &[], "<html>", Unavailable, None),
        ],
    );
}

proptest! {
    #[test]
    fn any_reply_is_survived(
        kind in proptest::sample::select(&["audio/pcm", "audio/mpeg", "text/event-stream", "audio/wav", ""][..]),
        begin in proptest::sample::select(&["", "data: ", "data: {\"type\":\"speech.audio.delta\",\"audio\":\"", "RIFF\0\0\0\0WAVE"][..]),
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        cut in any::<proptest::sample::Index>(),
    ) {
        let body = [begin.as_bytes(), &bytes].concat();
        let at = cut.index(body.len() + 1);
        let heard = read(&vendor(), &job(MULAW_8K), &ok(kind), &body, &[at]);
        prop_assert_eq!(heard.end, whole(&vendor(), &job(MULAW_8K), &ok(kind), &body).end);
        let _ = vendor().refusal(&head(400, &[]), &body);
    }
}
