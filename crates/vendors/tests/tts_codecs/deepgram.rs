use operetta_audio::{Encoding, Format};
use operetta_contract::{ErrorClass, HttpVendor as _, Method, TextLimit};
use operetta_vendors::tts::deepgram::{Config, DeepgramSpeech};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

fn vendor() -> DeepgramSpeech {
    DeepgramSpeech::new(Config::new(key(), "aura-2-thalia-en"))
}

#[test]
fn the_jobs_own_format_is_asked_for_without_a_container() {
    let (request, _) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(
        request.url,
        "https://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none"
    );
    assert_eq!(body(&request), json!({ "text": TEXT }));
    check_key(&vendor(), "authorization", &format!("Token {KEY}"));
    for (encoding, rate_hz, expected) in [
        (Encoding::Pcm16, 8000, "encoding=linear16&sample_rate=8000&"),
        (Encoding::Pcm16, 24_000, "encoding=linear16&sample_rate=24000&"),
        (Encoding::Alaw, 8000, "encoding=alaw&sample_rate=8000&"),
        (Encoding::Mulaw, 24_000, "encoding=linear16&sample_rate=24000&"),
    ] {
        let (request, _) = vendor().open(&job(Format { encoding, rate_hz })).unwrap();
        assert!(request.url.contains(expected), "{}", request.url);
    }
    assert_eq!(vendor().capabilities().max_text, Some(TextLimit::Chars(1900)));
}

#[test]
fn a_job_may_choose_the_voice_and_the_configuration_the_rest() {
    let mut config = Config::new(key(), "aura-2-thalia-en");
    config.base_url = "http://127.0.0.1:9".into();
    config.voice = "aura-2-orion-en".into();
    config.speed = Some(1.1);
    config.opt_out = true;
    let vendor = DeepgramSpeech::new(config);
    let (request, _) = vendor.open(&job(PCM_8K)).unwrap();
    assert_eq!(
        request.url,
        "http://127.0.0.1:9/v1/speak?model=aura-2-orion-en&encoding=linear16&sample_rate=8000&speed=1.1&mip_opt_out=true&container=none"
    );
    let mut job = job(PCM_8K);
    job.voice = "aura-2-luna-en".into();
    assert!(vendor.open(&job).unwrap().0.url.contains("model=aura-2-luna-en&"));
    job.text = " \n".into();
    assert_eq!(vendor.open(&job).err().map(|error| error.class), Some(ErrorClass::BadRequest));
}

#[test]
fn audio_is_handed_on_as_it_is() {
    let reply =
        head(200, &[("content-type", "audio/mulaw;rate=8000"), ("dg-request-id", "r1"), ("dg-char-count", "40")]);
    let audio = sound(MULAW_8K, 90);
    let heard = check_sound(&vendor(), &job(MULAW_8K), &reply, &audio, 90);
    assert_eq!(heard.audio, audio);
    assert_eq!((heard.usage.characters, heard.usage.estimated), (40, false));
    assert_eq!(heard.usage.request_id.as_deref(), Some("r1"));
    check_sound(&vendor(), &job(PCM_24K), &ok("audio/l16;rate=24000"), &sound(PCM_24K, 30), 30);
    let long = sound(MULAW_8K, 3210);
    assert_eq!(whole(&vendor(), &job(MULAW_8K), &ok("audio/basic"), &long).audio, long);
}

#[test]
fn a_header_that_nobody_asked_for_is_taken_off() {
    let audio = sound(PCM_8K, 40);
    let wav = [
        b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x80\x3E\0\0\x02\0\x10\0data\xFF\xFF\xFF\xFF",
        &audio[..],
    ]
    .concat();
    assert_eq!(check_sound(&vendor(), &job(PCM_8K), &ok("audio/wav"), &wav, 40).audio, audio);
}

#[test]
fn what_is_no_audio_is_not_played() {
    check_never_played(&vendor());
    for kind in
        ["audio/l16;rate=24000", "audio/l16;rate=8000", "audio/mulaw;rate=16000", "audio/alaw;rate=8000", "audio/mpeg"]
    {
        let another = whole(&vendor(), &job(MULAW_8K), &ok(kind), &sound(PCM_24K, 40));
        assert_eq!((another.class(), another.audio.len()), (Some(ErrorClass::Protocol), 0), "{kind}");
    }
    let nothing = whole(&vendor(), &job(MULAW_8K), &ok("audio/mulaw;rate=8000"), b"");
    assert_eq!(nothing.class(), Some(ErrorClass::Empty));
    let half = whole(&vendor(), &job(PCM_8K), &ok("audio/l16;rate=8000"), b"\x01");
    assert_eq!(half.class(), Some(ErrorClass::Empty));
    let endless = whole(&vendor(), &job(MULAW_8K), &ok("audio/mulaw;rate=8000"), &vec![0xFF; 8000 * 90]);
    assert_eq!(endless.class(), Some(ErrorClass::Protocol));
}

#[test]
fn refusals_are_classed() {
    use ErrorClass::{Auth, BadRequest, Busy, Missing, Quota, TooLong, Unavailable};
    check_refusals(
        &vendor(),
        &[
            (400, &[], r#"{"err_code":"Bad Request","err_msg":"unsupported rate"}"#, BadRequest, None),
            (
                400,
                &[],
                r#"{"category":"INVALID_JSON","message":"Invalid JSON submitted.","details":"column 14"}"#,
                BadRequest,
                None,
            ),
            (
                401,
                &[],
                r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials.","request_id":"6d1b"}"#,
                Auth,
                None,
            ),
            (402, &[], r#"{"err_code":"ASR_PAYMENT_REQUIRED","err_msg":"no credit"}"#, Quota, None),
            (403, &[], r#"{"err_code":"INSUFFICIENT_PERMISSIONS"}"#, Auth, None),
            (404, &[], "", Missing, None),
            (413, &[], r#"{"err_code":"PAYLOAD_TOO_LARGE"}"#, TooLong, None),
            (415, &[], r#"{"err_code":"UNSUPPORTED_MEDIA_TYPE"}"#, BadRequest, None),
            (422, &[], r#"{"err_code":"UNPROCESSABLE_ENTITY"}"#, BadRequest, None),
            (429, &[], r#"{"err_code":"TOO_MANY_REQUESTS"}"#, Busy, None),
            (429, &[("retry-after", "2")], r#"{"err_code":"Too Many Requests"}"#, Busy, Some(2000)),
            (302, &[("location", "https://elsewhere")], "", Missing, None),
            (500, &[], r#"{"error_code":"INTERNAL_SERVER_ERROR"}"#, Unavailable, None),
            (502, &[], "<html>", Unavailable, None),
            (503, &[("retry-after", "1")], "", Unavailable, Some(1000)),
        ],
    );
}

proptest! {
    #[test]
    fn any_reply_is_survived(
        kind in proptest::sample::select(&["audio/l16", "application/octet-stream", "audio/wav"][..]),
        body in proptest::collection::vec(any::<u8>(), 0..400),
        cut in any::<proptest::sample::Index>(),
    ) {
        let at = cut.index(body.len() + 1);
        let heard = read(&vendor(), &job(MULAW_8K), &ok(kind), &body, &[at]);
        prop_assert_eq!(heard.audio, whole(&vendor(), &job(MULAW_8K), &ok(kind), &body).audio);
        let _ = vendor().refusal(&head(400, &[]), &body);
    }
}
