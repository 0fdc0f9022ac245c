use std::time::Duration;

use operetta_audio::{Encoding, Format};
use operetta_contract::{ErrorClass, HttpVendor as _, Method, suite};
use operetta_vendors::tts::assemblyai::{AssemblyAiSpeech, Config};
use serde_json::json;

use crate::kit::*;

fn vendor() -> AssemblyAiSpeech {
    AssemblyAiSpeech::new(Config::new(key(), ""))
}

#[test]
fn the_jobs_own_format_is_asked_for_without_a_container() {
    let (request, _) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!((request.method, &*request.url), (Method::Post, "https://tts.us.assemblyai.com/v1/speech"));
    let expected = json!({
        "text": TEXT, "voice_id": "aai-jane", "language": "english", "sample_rate": 8000, "encoding": "pcm_mulaw",
        "container": "raw", "stream": true,
    });
    assert_eq!(body(&request), expected);
    check_key(&vendor(), "authorization", KEY);
    let mut config = Config::new(key(), "m1");
    config.base_url = "http://127.0.0.1:9".into();
    let mut job = job(Format { encoding: Encoding::Pcm16, rate_hz: 32_000 });
    (job.voice, job.language) = ("aai-tom".into(), "hi-IN".into());
    let (request, _) = AssemblyAiSpeech::new(config).open(&job).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:9/v1/speech");
    let asked = body(&request);
    assert_eq!(
        (&asked["model_id"], &asked["voice_id"], &asked["sample_rate"]),
        (&json!("m1"), &json!("aai-tom"), &json!(44_100))
    );
    assert_eq!((&asked["encoding"], asked.get("language")), (&json!("pcm_s16le"), None));
}

#[test]
fn it_keeps_its_promise() {
    for format in [MULAW_8K, PCM_8K, PCM_24K] {
        let case = suite::HttpCase::new(job(format), "application/octet-stream", sound(format, 1300))
            .key(KEY)
            .lasting(1300)
            .refused(401, r#"{"code":"unauthorized","message":"no"}"#, ErrorClass::Auth)
            .refused_with(429, &[], LIMITED, ErrorClass::RateLimited, Some(Duration::from_secs(3)));
        suite::http("AssemblyAI speech", &vendor(), &case).assert();
    }
}

#[test]
fn what_is_billed_and_what_it_comes_as_is_in_the_head() {
    let reply = |rate: &'static str| {
        let headers = [
            ("content-type", "application/octet-stream"),
            ("x-request-id", "r1"),
            ("x-tts-encoding", "pcm_mulaw"),
            ("x-tts-sample-rate", rate),
            ("x-tts-billed-characters", "40"),
        ];
        head(200, &headers)
    };
    let heard = check_sound(&vendor(), &job(MULAW_8K), &reply("8000"), &sound(MULAW_8K, 90), 90);
    assert_eq!((heard.usage.characters, heard.usage.estimated), (40, false));
    assert_eq!(heard.usage.request_id.as_deref(), Some("r1"));
    let other = whole(&vendor(), &job(MULAW_8K), &reply("16000"), &sound(MULAW_8K, 90));
    assert_eq!((other.class(), other.audio.len()), (Some(ErrorClass::Protocol), 0));
    check_never_played(&vendor());
}

#[test]
fn refusals_are_classed() {
    use ErrorClass::{Auth, BadRequest, Busy, Missing, RateLimited, Unavailable};
    check_refusals(
        &vendor(),
        &[
            (400, &[], r#"{"code":"invalid_parameter","param":"sample_rate","retryable":false}"#, BadRequest, None),
            (400, &[], r#"{"code":"voice_not_found","message":"no such voice in this zone"}"#, Missing, None),
            (401, &[], "", Auth, None),
            (403, &[], r#"{"code":"biometric_terms_not_accepted"}"#, Auth, None),
            (429, &[], LIMITED, RateLimited, Some(3000)),
            (429, &[("retry-after", "2")], "", RateLimited, Some(2000)),
            (429, &[], r#"{"code":"at_capacity","retryable":true,"retry_after_seconds":5}"#, Busy, Some(5000)),
            (503, &[], r#"{"code":"auth_unavailable","retryable":true}"#, Unavailable, None),
            (400, &[], r#"{"code":"of_tomorrow","retryable":true}"#, Unavailable, None),
            (502, &[], "<html>", Unavailable, None),
        ],
    );
}

const LIMITED: &str = r#"{"code":"rate_limited","message":"slow down","param":null,"request_id":"r2","errors":[],
    "retryable":true,"retry_after_seconds":3,"limit":10,"limit_window":"minute"}"#;
