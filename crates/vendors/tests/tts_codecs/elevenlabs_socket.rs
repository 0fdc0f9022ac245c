use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_contract::{
    Cancel, DuplexCodec as _, DuplexVendor as _, ErrorClass, Message, Rest, SpokenWord, Timing, Wire,
};
use operetta_vendors::tts::elevenlabs_socket::{Config, ElevenLabsSocket};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

/// "Let me check." in two pieces of audio, 65 ms a character, each with times of its own, then the end of its context.
const REPLY: &str = include_str!("../fixtures/tts/elevenlabs_contexts.txt");

fn config() -> Config {
    let mut config = Config::new(key(), "eleven_flash_v2_5");
    config.voice = "voice1".into();
    config
}

fn vendor() -> ElevenLabsSocket {
    ElevenLabsSocket::new(config())
}

fn audio(context: &str, bytes: &[u8]) -> String {
    json!({ "audio": STANDARD.encode(bytes), "contextId": context, "isFinal": false }).to_string()
}

fn last(context: &str) -> String {
    json!({ "contextId": context, "isFinal": true }).to_string()
}

fn words(words: &[SpokenWord]) -> Vec<(&str, u32, u32)> {
    words.iter().map(|word| (&*word.text, word.start_ms, word.end_ms)).collect()
}

#[test]
fn the_socket_is_opened_for_a_voice_and_a_format() {
    let (request, codec) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(
        request.url,
        "wss://api.elevenlabs.io/v1/text-to-speech/voice1/multi-stream-input?model_id=eleven_flash_v2_5\
         &output_format=ulaw_8000&inactivity_timeout=180&sync_alignment=true"
    );
    check_socket_key(&vendor(), "xi-api-key", KEY);
    assert!(vendor().fits(&codec, &job(MULAW_8K)));
    assert!(!vendor().fits(&codec, &job(PCM_8K)));
    let mut other = job(MULAW_8K);
    other.voice = "voice2".into();
    assert!(!vendor().fits(&codec, &other));
    let capabilities = vendor().capabilities();
    assert_eq!((capabilities.cancel, capabilities.timing), (Cancel::Message, Timing::Words));
    assert_eq!(vendor().warm_up(), None);
    assert_eq!(vendor().warmed_for(job(MULAW_8K)).warm_up(), Some(job(MULAW_8K)));
    let mut local = config();
    local.base_url = "http://127.0.0.1:9".into();
    assert!(ElevenLabsSocket::new(local).open(&job(MULAW_8K)).unwrap().0.url.starts_with("ws://127.0.0.1:9/v1/"));
}

#[test]
fn every_utterance_has_a_context_that_is_opened_flushed_and_closed() {
    let mut config = config();
    config.settings.stability = Some(0.5);
    let mut socket = Socket::open(&ElevenLabsSocket::new(config), &job(MULAW_8K));
    assert!(socket.sent().is_empty());
    for context in ["u1", "u2"] {
        socket.begin(&job(MULAW_8K));
        assert_eq!(
            socket.sent(),
            [
                json!({ "text": " ", "context_id": context, "voice_settings": { "stability": 0.5 } }),
                json!({ "text": format!("{TEXT} "), "context_id": context }),
                json!({ "context_id": context, "flush": true }),
                json!({ "context_id": context, "close_context": true }),
            ]
        );
        assert_eq!(socket.text(&audio(context, &sound(MULAW_8K, 100))), None);
        assert_eq!(socket.text(&last(context)), None);
        check_tone(&socket.heard, MULAW_8K, 100);
        assert_eq!(socket.codec.rest(), Rest::Ready);
    }
    let mut wire = Wire::default();
    socket.codec.farewell(socket.now, &mut wire);
    assert_eq!(wire.send, [operetta_contract::Outgoing::Text(r#"{"close_socket":true}"#.to_owned())]);
    // With a context open it would not be obeyed.
    socket.begin(&job(MULAW_8K));
    wire.send.clear();
    socket.codec.farewell(socket.now, &mut wire);
    assert!(wire.send.is_empty());
}

#[test]
fn times_of_characters_become_words_of_the_utterance() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    for line in REPLY.lines() {
        assert_eq!(socket.text(line), None);
    }
    check_tone(&socket.heard, MULAW_8K, 845);
    assert_eq!(words(&socket.heard.words), [("Let", 0, 195), ("me", 260, 390), ("check.", 455, 845)]);
    assert_eq!(socket.heard.unknown, 0);
    // Times that come after their audio count from where that began.
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    let times = json!({ "contextId": "u1", "audio": null,
        "alignment": { "chars": ["h", "i"], "charStartTimesMs": [0, 50], "charDurationsMs": [50, 50] } });
    socket.text(&audio("u1", &sound(MULAW_8K, 100)));
    socket.text(&times.to_string());
    socket.text(&audio("u1", &sound(MULAW_8K, 100)));
    socket.text(&times.to_string());
    socket.text(&last("u1"));
    assert_eq!(words(&socket.heard.words), [("hihi", 0, 200)]);
}

#[test]
fn late_audio_of_a_cancelled_utterance_is_dropped_by_its_id() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    socket.text(&audio("u1", &sound(MULAW_8K, 100)));
    socket.cancel();
    assert!(socket.sent().is_empty());
    assert_eq!(socket.codec.rest(), Rest::Ready);
    socket.begin(&job(MULAW_8K));
    for _ in 0..20 {
        assert_eq!(socket.text(&audio("u1", &[0x11; 800])), None);
    }
    let own = sound(MULAW_8K, 60);
    socket.text(&audio("u2", &own));
    socket.text(&last("u1"));
    assert!(!socket.is_done());
    socket.text(&audio("u2", &own));
    socket.text(&last("u2"));
    assert!(socket.is_done());
    assert_eq!(socket.heard.audio, [own.clone(), own].concat());
    // Everything once more, when nobody speaks.
    socket.text(&audio("u2", &[0x11; 800]));
    assert_eq!(socket.text(&last("u2")), None);
}

#[test]
fn never_more_than_five_contexts_are_open() {
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    for _ in 0..5 {
        assert_eq!(socket.codec.rest(), Rest::Ready);
        socket.begin(&job(MULAW_8K));
        assert_eq!(socket.sent().len(), 4);
        socket.cancel();
    }
    assert_eq!(socket.codec.rest(), Rest::Draining);
    // A job that comes all the same waits for one of them.
    socket.begin(&job(MULAW_8K));
    assert!(socket.sent().is_empty());
    socket.text(&last("u3"));
    assert_eq!(socket.sent()[0]["context_id"], "u6");
    assert_eq!(socket.codec.rest(), Rest::Draining);
    socket.text(&audio("u6", &sound(MULAW_8K, 60)));
    socket.text(&last("u6"));
    assert!(socket.is_done());
    assert_eq!(socket.codec.rest(), Rest::Ready);
    // One that is cancelled while it waits is never begun.
    socket.begin(&job(MULAW_8K));
    socket.cancel();
    socket.sent();
    socket.begin(&job(MULAW_8K));
    socket.cancel();
    socket.text(&last("u1"));
    assert!(socket.sent().is_empty());
}

#[test]
fn a_quiet_socket_is_kept_alive_without_naming_a_context() {
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    socket.wait(Duration::from_secs(59));
    assert!(socket.sent().is_empty());
    socket.wait(Duration::from_mins(2));
    assert_eq!(socket.sent(), [json!({ "text": "" }), json!({ "text": "" })]);
    // While a context is open, its end is waited for.
    socket.begin(&job(MULAW_8K));
    socket.sent();
    socket.wait(Duration::from_mins(5));
    assert!(socket.sent().is_empty());
    socket.text(&audio("u1", &sound(MULAW_8K, 60)));
    socket.text(&last("u1"));
    socket.wait(Duration::from_secs(1));
    assert_eq!(socket.sent(), [json!({ "text": "" })]);
}

#[test]
fn failures_end_the_job_and_the_socket() {
    use ErrorClass::{Auth, Busy, Empty, Missing, Protocol, Quota, SessionExpired};
    let error = |word: &str| json!({ "message": "why (mock)", "error": word, "code": 1008 }).to_string();
    for (message, class) in [
        (error("quota_exceeded"), Quota),
        (error("invalid_api_key"), Auth),
        (error("voice_not_found"), Missing),
        (error("max_active_conversations"), Busy),
        (error("input_timeout_exceeded"), SessionExpired),
        (last("u1"), Empty),
        ("{".to_owned(), Protocol),
        (json!({ "audio": "*", "contextId": "u1" }).to_string(), Protocol),
    ] {
        let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
        assert_eq!(socket.text(&message), Some(class), "{message}");
    }
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    let mut blank = job(MULAW_8K);
    blank.text = " ".into();
    socket.begin(&blank);
    assert_eq!(socket.wait(Duration::from_millis(1)), Some(ErrorClass::BadRequest));
    assert_eq!(socket.codec.closed(Some(1008), "input_timeout_exceeded").class, SessionExpired);
    assert_eq!(socket.codec.closed(None, "").class, ErrorClass::Unavailable);
    assert_eq!(vendor().refusal(401).class, Auth);
}

#[test]
fn what_is_not_known_is_counted_and_changes_nothing() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    for message in [r#"{"type":"flush_done"}"#, "[]", "null", r#"{"audio":"AAAA"}"#] {
        assert_eq!(socket.text(message), None);
    }
    assert_eq!(socket.bytes(b"\x00\x01"), None);
    assert_eq!(socket.heard.unknown, 5);
    assert!(socket.heard.audio.is_empty());
}

proptest! {
    #[test]
    fn any_messages_are_survived(
        noise in proptest::collection::vec((any::<proptest::sample::Index>(), ".{0,12}"), 1..4),
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut socket = Socket::begun(&vendor(), &job(PCM_8K));
        for (at, words) in noise {
            let mut line = REPLY.lines().nth(at.index(3)).unwrap_or_default().to_owned();
            let at = line.floor_char_boundary(at.index(line.len() + 1));
            line.insert_str(at, &words);
            let _ = socket.hear(Message::Text(&line));
            let _ = socket.hear(Message::Text(&words));
            let _ = socket.hear(Message::Binary(&bytes));
            if socket.heard.end.is_err() {
                break;
            }
        }
    }
}
