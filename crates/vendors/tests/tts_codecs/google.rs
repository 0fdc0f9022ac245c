use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_contract::{ErrorClass, HttpVendor as _, Method, TextLimit};
use operetta_vendors::tts::google::{Config, GoogleSpeech};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

/// A reply that has a WAV header, as `LINEAR16` has, with a `LIST` chunk in it.
const WAV: &[u8] = include_bytes!("../fixtures/tts/google_synthesize.json");

fn vendor() -> GoogleSpeech {
    GoogleSpeech::new(Config::new(key(), ""))
}

fn document(audio: &[u8]) -> Vec<u8> {
    json!({ "audioContent": STANDARD.encode(audio) }).to_string().into_bytes()
}

#[test]
fn pcm_is_asked_for_at_the_rate_of_the_call() {
    let (request, _) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "https://texttospeech.googleapis.com/v1/text:synthesize");
    let audio = json!({ "audioEncoding": "PCM", "sampleRateHertz": 8000 });
    let expected = json!({ "input": { "text": TEXT }, "voice": { "languageCode": "en-IN" }, "audioConfig": audio });
    assert_eq!(body(&request), expected);
    check_key(&vendor(), "x-goog-api-key", KEY);
    assert_eq!(vendor().capabilities().max_text, Some(TextLimit::Bytes(5000)));
}

#[test]
fn the_configuration_is_written_out_and_a_voice_brings_its_language() {
    let mut config = Config::new(key(), "some-model");
    config.voice = "en-US-Chirp3-HD-Kore".into();
    config.speaking_rate = Some(1.2);
    config.pitch = Some(-2.0);
    config.effects = vec!["telephony-class-application".into()];
    let (request, _) = GoogleSpeech::new(config).open(&job(PCM_24K)).unwrap();
    let voice = json!({ "languageCode": "en-US", "name": "en-US-Chirp3-HD-Kore", "modelName": "some-model" });
    assert_eq!(body(&request)["voice"], voice);
    let audio = json!({ "audioEncoding": "PCM", "sampleRateHertz": 24_000, "speakingRate": 1.2, "pitch": -2.0,
        "effectsProfileId": ["telephony-class-application"] });
    assert_eq!(body(&request)["audioConfig"], audio);
}

#[test]
fn the_document_becomes_audio_with_a_header_and_without() {
    let json = ok("application/json; charset=UTF-8");
    let heard = check_sound(&vendor(), &job(PCM_8K), &json, WAV, 60);
    assert_eq!(heard.audio.len(), PCM_8K.bytes_of_ms(60));
    check_sound(&vendor(), &job(MULAW_8K), &json, &document(&sound(PCM_8K, 50)), 50);
    // A header that states another rate is believed.
    check_tone(&whole(&vendor(), &job(PCM_24K), &json, WAV), PCM_24K, 60);
    let long = whole(&vendor(), &job(PCM_8K), &json, &document(&sound(PCM_8K, 2500)));
    check_tone(&long, PCM_8K, 2500);
}

#[test]
fn what_is_no_audio_is_not_played() {
    check_never_played(&vendor());
    let read = |body: &[u8]| whole(&vendor(), &job(PCM_8K), &ok("application/json"), body).class();
    assert_eq!(read(b"{}"), Some(ErrorClass::Empty));
    assert_eq!(read(br#"{"audioContent":""}"#), Some(ErrorClass::Empty));
    assert_eq!(read(br#"{"audioContent":"***"}"#), Some(ErrorClass::Protocol));
    assert_eq!(read(&WAV[..WAV.len() - 20]), Some(ErrorClass::Protocol));
    assert_eq!(read(b""), Some(ErrorClass::Protocol));
    assert_eq!(read(&vec![b' '; 8 << 20]), Some(ErrorClass::Protocol));
    assert_eq!(
        read(br#"{"error":{"code":503,"status":"UNAVAILABLE","message":"later"}}"#),
        Some(ErrorClass::Unavailable)
    );
    let raw = whole(&vendor(), &job(PCM_8K), &ok("audio/pcm"), &sound(PCM_8K, 40));
    assert_eq!((raw.class(), raw.audio.len()), (Some(ErrorClass::Protocol), 0));
}

#[test]
fn refusals_are_classed() {
    use ErrorClass::{Auth, BadRequest, Missing, Quota, RateLimited, Unavailable};
    let error = |status: &str, details: &str| {
        format!(r#"{{"error":{{"code":400,"message":"why","status":"{status}","details":[{details}]}}}}"#)
    };
    let bad_key = error("INVALID_ARGUMENT", r#"{"reason":"API_KEY_INVALID","domain":"googleapis.com"}"#);
    let minute = error("RESOURCE_EXHAUSTED", r#"{"retryDelay":"12s"}"#);
    let day = error("RESOURCE_EXHAUSTED", r#"{"violations":[{"quotaId":"CharactersPerDay"}]}"#);
    check_refusals(
        &vendor(),
        &[
            (400, &[], &bad_key, Auth, None),
            (400, &[], &error("INVALID_ARGUMENT", ""), BadRequest, None),
            (401, &[], &error("UNAUTHENTICATED", ""), Auth, None),
            (403, &[], &error("PERMISSION_DENIED", r#"{"reason":"BILLING_DISABLED"}"#), Auth, None),
            (404, &[], &error("NOT_FOUND", ""), Missing, None),
            (429, &[], &minute, RateLimited, Some(12_000)),
            (429, &[], &day, Quota, None),
            (500, &[], &error("INTERNAL", ""), Unavailable, None),
            (503, &[], "<html>", Unavailable, None),
            (504, &[], &error("DEADLINE_EXCEEDED", ""), Unavailable, None),
        ],
    );
}

proptest! {
    #[test]
    fn any_reply_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), noise in any::<proptest::sample::Index>()) {
        let json = ok("application/json");
        let mut damaged = document(&bytes);
        *noise.get_mut(&mut damaged) ^= 0x15;
        for body in [bytes.as_slice(), &document(&bytes), &damaged] {
            let _ = whole(&vendor(), &job(MULAW_8K), &json, body);
            let _ = vendor().refusal(&head(400, &[]), body);
        }
    }
}
