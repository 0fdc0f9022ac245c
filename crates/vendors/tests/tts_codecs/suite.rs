//! All six, held to the promise that every provider makes.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_contract::{
    ErrorClass, Outgoing, Synthesize,
    suite::{self, DuplexCase, HttpCase, Step},
};
use operetta_vendors::tts::{
    deepgram, deepgram_socket::DeepgramSpeechSocket, elevenlabs, elevenlabs_socket::ElevenLabsSocket, google, openai,
};
use serde_json::json;

use crate::kit::*;

const EVENTS: &str = include_str!("../fixtures/tts/openai_events.txt");
const MP3: &[u8] = include_bytes!("../fixtures/tts/speech_24k.mp3");

fn http(content_type: &str, body: impl Into<Vec<u8>>, ms: u32) -> HttpCase<Synthesize> {
    HttpCase::new(job(MULAW_8K), content_type, body).key(KEY).lasting(ms)
}

#[test]
fn deepgram_keeps_its_promise() {
    let vendor = deepgram::DeepgramSpeech::new(deepgram::Config::new(key(), "aura-2-thalia-en"));
    let case = http("audio/mulaw;rate=8000", sound(MULAW_8K, 1300), 1300)
        .refused(401, r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}"#, ErrorClass::Auth)
        .refused(402, r#"{"err_code":"ASR_PAYMENT_REQUIRED","err_msg":"no credit"}"#, ErrorClass::Quota)
        .refused_with(
            429,
            &[("retry-after", "2")],
            r#"{"err_code":"TOO_MANY_REQUESTS"}"#,
            ErrorClass::Busy,
            Some(Duration::from_secs(2)),
        )
        .refused(500, "<html>", ErrorClass::Unavailable);
    suite::http("Deepgram speech", &vendor, &case).assert();
}

#[test]
fn elevenlabs_keeps_its_promise() {
    let mut config = elevenlabs::Config::new(key(), "eleven_flash_v2_5");
    config.voice = "voice1".into();
    let case = http("audio/basic", sound(MULAW_8K, 1300), 1300)
        .refused(401, r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#, ErrorClass::Auth)
        .refused(401, r#"{"detail":{"status":"quota_exceeded","message":"Not enough credits."}}"#, ErrorClass::Quota)
        .refused_with(429, &[("retry-after", "2")], "{}", ErrorClass::RateLimited, Some(Duration::from_secs(2)));
    suite::http("ElevenLabs speech", &elevenlabs::ElevenLabsSpeech::new(config), &case).assert();
}

#[test]
fn google_keeps_its_promise() {
    let vendor = google::GoogleSpeech::new(google::Config::new(key(), ""));
    let document = json!({ "audioContent": STANDARD.encode(sound(PCM_8K, 1300)) }).to_string();
    let bad_key =
        r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"…","details":[{"reason":"API_KEY_INVALID"}]}}"#;
    let by_day =
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"PerDay"}]}]}}"#;
    let by_minute = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"12s"}]}}"#;
    let case = http("application/json; charset=UTF-8", document, 1300)
        .refused(400, bad_key, ErrorClass::Auth)
        .refused(429, by_day, ErrorClass::Quota)
        .refused_with(429, &[], by_minute, ErrorClass::RateLimited, Some(Duration::from_secs(12)));
    suite::http("Google speech", &vendor, &case).assert();
}

#[test]
fn openai_keeps_its_promise_in_every_form() {
    let vendor = openai::OpenAiSpeech::new(openai::Config::new(key(), "gpt-4o-mini-tts"));
    let forms = [
        ("audio/pcm", sound(PCM_24K, 1300), 1300),
        ("text/event-stream", EVENTS.as_bytes().to_vec(), 60),
        ("audio/mpeg", MP3.to_vec(), 360),
    ];
    for (kind, body, ms) in forms {
        let case = http(kind, body, ms)
            .refused(401, r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key"}}"#, ErrorClass::Auth)
            .refused(429, r#"{"error":{"type":"insufficient_quota","code":null}}"#, ErrorClass::Quota)
            .refused_with(
                429,
                &[("retry-after-ms", "1500")],
                "{}",
                ErrorClass::RateLimited,
                Some(Duration::from_millis(1500)),
            );
        suite::http(&format!("OpenAI speech as {kind}"), &vendor, &case).assert();
    }
}

/// What a server says about the context that was opened last.
fn of_last_context(sent: &[Outgoing], mut message: serde_json::Value) -> Outgoing {
    let opened = sent.iter().filter_map(|sent| match sent {
        Outgoing::Text(text) => serde_json::from_str::<serde_json::Value>(text).ok(),
        Outgoing::Binary(_) => None,
    });
    let context = opened.filter_map(|message| Some(message.get("context_id")?.clone())).next_back();
    message["contextId"] = context.unwrap_or_default();
    Outgoing::Text(message.to_string())
}

#[test]
fn elevenlabs_over_a_socket_keeps_its_promise() {
    let mut config = elevenlabs::Config::new(key(), "eleven_flash_v2_5");
    config.voice = "voice1".into();
    let script = || {
        let audio = |sent: &[Outgoing]| {
            let times = json!({ "chars": ["H", "i"], "charStartTimesMs": [0, 65], "charDurationsMs": [65, 65] });
            of_last_context(
                sent,
                json!({ "audio": STANDARD.encode(sound(MULAW_8K, 650)), "isFinal": null, "alignment": times }),
            )
        };
        let last = |sent: &[Outgoing]| of_last_context(sent, json!({ "isFinal": true }));
        vec![Step::Answers(audio), Step::Answers(audio), Step::Answers(last)]
    };
    let case = DuplexCase::new(job(MULAW_8K), script()).again(script()).key(KEY).lasting(1300);
    suite::duplex("ElevenLabs speech over a socket", &ElevenLabsSocket::new(config), &case).assert();
}

#[test]
fn deepgram_over_a_socket_keeps_its_promise() {
    let vendor = DeepgramSpeechSocket::new(deepgram::Config::new(key(), "aura-2-thalia-en"));
    let script = || {
        let mut script = vec![Step::says(r#"{"type":"Metadata","request_id":"0f3c","model_name":"aura-2-thalia-en"}"#)];
        script.extend(sound(MULAW_8K, 1300).chunks(1999).map(Step::sends));
        script.push(Step::says(r#"{"type":"Flushed","sequence_id":0}"#));
        script
    };
    let case = DuplexCase::new(job(MULAW_8K), script())
        .again(script())
        .after_cancel(vec![Step::says(r#"{"type":"Cleared","sequence_id":0}"#)])
        .key(KEY)
        .lasting(1300);
    suite::duplex("Deepgram speech over a socket", &vendor, &case).assert();
}
