use operetta_audio::{Encoding, Format};
use operetta_contract::{ErrorClass, HttpVendor as _, Method, TextLimit};
use operetta_vendors::tts::elevenlabs::{Config, ElevenLabsSpeech};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

fn config() -> Config {
    let mut config = Config::new(key(), "eleven_flash_v2_5");
    config.voice = "voice1".into();
    config
}

fn vendor() -> ElevenLabsSpeech {
    ElevenLabsSpeech::new(config())
}

#[test]
fn the_jobs_own_format_is_asked_for() {
    let (request, _) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "https://api.elevenlabs.io/v1/text-to-speech/voice1/stream?output_format=ulaw_8000");
    assert_eq!(body(&request), json!({ "text": TEXT, "model_id": "eleven_flash_v2_5" }));
    check_key(&vendor(), "xi-api-key", KEY);
    for (encoding, rate_hz, expected) in [
        (Encoding::Pcm16, 8000, "pcm_8000"),
        (Encoding::Pcm16, 16_000, "pcm_16000"),
        (Encoding::Pcm16, 24_000, "pcm_24000"),
        (Encoding::Alaw, 8000, "alaw_8000"),
        (Encoding::Mulaw, 16_000, "pcm_16000"),
    ] {
        let (request, _) = vendor().open(&job(Format { encoding, rate_hz })).unwrap();
        assert!(request.url.ends_with(&format!("output_format={expected}")), "{}", request.url);
    }
    assert_eq!(vendor().capabilities().max_text, Some(TextLimit::Chars(5000)));
}

#[test]
fn the_configuration_is_written_out() {
    let mut config = config();
    config.tell_language = true;
    config.opt_out = true;
    config.settings.stability = Some(0.5);
    config.settings.speed = Some(0.7);
    config.settings.use_speaker_boost = Some(false);
    let mut job = job(MULAW_8K);
    job.voice = "a/b".into();
    let (request, _) = ElevenLabsSpeech::new(config).open(&job).unwrap();
    assert!(
        request.url.ends_with("/text-to-speech/a%2Fb/stream?output_format=ulaw_8000&enable_logging=false"),
        "{}",
        request.url
    );
    let settings = json!({ "stability": 0.5, "speed": 0.7, "use_speaker_boost": false });
    let expected =
        json!({ "text": TEXT, "model_id": "eleven_flash_v2_5", "language_code": "en", "voice_settings": settings });
    assert_eq!(body(&request), expected);
}

#[test]
fn a_voice_has_to_be_named_somewhere() {
    let nobody = ElevenLabsSpeech::new(Config::new(key(), "eleven_flash_v2_5"));
    assert_eq!(nobody.open(&job(MULAW_8K)).err().map(|error| error.class), Some(ErrorClass::Missing));
}

#[test]
fn audio_is_what_was_asked_for_whatever_it_is_called() {
    let audio = sound(MULAW_8K, 90);
    for kind in ["audio/basic", "audio/mpeg", "application/octet-stream"] {
        let reply = head(200, &[("content-type", kind), ("request-id", "r1"), ("character-cost", "20")]);
        let heard = check_sound(&vendor(), &job(MULAW_8K), &reply, &audio, 90);
        assert_eq!(heard.audio, audio);
        assert_eq!(heard.usage.characters, TEXT.len() as u32);
        assert_eq!(heard.usage.request_id.as_deref(), Some("r1"));
    }
    let mulaw_16k = Format { encoding: Encoding::Mulaw, rate_hz: 16_000 };
    let pcm_16k = Format { encoding: Encoding::Pcm16, rate_hz: 16_000 };
    check_sound(&vendor(), &job(mulaw_16k), &ok("audio/pcm"), &sound(pcm_16k, 40), 40);
}

#[test]
fn what_is_no_audio_is_not_played() {
    check_never_played(&vendor());
    assert_eq!(whole(&vendor(), &job(PCM_8K), &ok("audio/pcm"), b"").class(), Some(ErrorClass::Empty));
}

#[test]
fn refusals_are_classed() {
    use ErrorClass::{Auth, BadRequest, Busy, Missing, Quota, RateLimited, TooLong, Unavailable};
    check_refusals(
        &vendor(),
        &[
            (
                401,
                &[],
                r#"{"detail":{"status":"quota_exceeded","message":"Not enough credits left (mock)."}}"#,
                Quota,
                None,
            ),
            (401, &[], r#"{"detail":{"status":"invalid_api_key","message":"Invalid API key"}}"#, Auth, None),
            (401, &[], r#"{"detail":{"status":"detected_unusual_activity","message":"…"}}"#, Auth, None),
            (400, &[], r#"{"detail":{"status":"max_character_limit_exceeded","message":"…"}}"#, TooLong, None),
            (
                404,
                &[],
                r#"{"detail":{"type":"not_found","code":"voice_not_found","status":"voice_not_found","message":"…"}}"#,
                Missing,
                None,
            ),
            (403, &[], r#"{"detail":{"status":"output_format_not_allowed","message":"…"}}"#, Missing, None),
            (
                422,
                &[],
                r#"{"detail":[{"loc":["body","voice_settings","speed"],"msg":"…","type":"greater_than_equal"}]}"#,
                BadRequest,
                None,
            ),
            (429, &[], r#"{"detail":{"status":"too_many_concurrent_requests","message":"…"}}"#, Busy, None),
            (429, &[], r#"{"detail":{"status":"system_busy","message":"…"}}"#, Unavailable, None),
            (429, &[("retry-after", "3")], r#"{"detail":"slow down"}"#, RateLimited, Some(3000)),
            (429, &[("retry-after", "garbage")], "", RateLimited, Some(1000)),
            (502, &[], "<html><body>bad gateway</body></html>", Unavailable, None),
            (307, &[], "", Missing, None),
        ],
    );
}

proptest! {
    #[test]
    fn any_reply_is_survived(body in proptest::collection::vec(any::<u8>(), 0..400), cut in any::<proptest::sample::Index>()) {
        let at = cut.index(body.len() + 1);
        let heard = read(&vendor(), &job(MULAW_8K), &ok("audio/basic"), &body, &[at]);
        prop_assert_eq!(heard.audio, whole(&vendor(), &job(MULAW_8K), &ok("audio/basic"), &body).audio);
        let _ = vendor().refusal(&head(400, &[]), &body);
    }
}
