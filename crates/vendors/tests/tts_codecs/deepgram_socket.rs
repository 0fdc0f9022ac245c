use std::time::Duration;

use operetta_contract::{
    Cancel, DuplexCodec as _, DuplexVendor as _, ErrorClass, Message, Outgoing, Rest, TextLimit, Wire,
};
use operetta_vendors::tts::deepgram_socket::{Config, DeepgramSpeechSocket};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::*;

const METADATA: &str = r#"{"type":"Metadata","request_id":"0f3c","model_name":"aura-2-thalia-en","model_version":"2025-04-07.0","model_uuid":"9a"}"#;
const FLUSHED: &str = r#"{"type":"Flushed","sequence_id":0}"#;
const CLEARED: &str = r#"{"type":"Cleared","sequence_id":0}"#;
const FLUSH_WARNING: &str = r#"{"type":"Warning","code":"EXCESSIVE_FLUSH","description":"Flush ignored (mock)."}"#;

fn vendor() -> DeepgramSpeechSocket {
    DeepgramSpeechSocket::new(Config::new(key(), "aura-2-thalia-en"))
}

#[test]
fn the_socket_is_opened_for_a_voice_and_a_format() {
    let (request, codec) = vendor().open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.url, "wss://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000");
    check_socket_key(&vendor(), "authorization", &format!("Token {KEY}"));
    assert!(vendor().fits(&codec, &job(MULAW_8K)));
    assert!(!vendor().fits(&codec, &job(PCM_24K)));
    let mut other = job(MULAW_8K);
    other.voice = "aura-2-luna-en".into();
    assert!(!vendor().fits(&codec, &other));
    let capabilities = vendor().capabilities();
    assert_eq!((capabilities.cancel, capabilities.max_text), (Cancel::Message, Some(TextLimit::Chars(1900))));
    assert_eq!(capabilities.session, Some(Duration::from_mins(55)));
    assert_eq!(vendor().refusal(429).class, ErrorClass::Busy);
    assert_eq!(vendor().refusal(402).class, ErrorClass::Quota);
    assert_eq!(vendor().warmed_for(job(MULAW_8K)).warm_up(), Some(job(MULAW_8K)));
}

#[test]
fn an_utterance_is_spoken_flushed_and_done_when_it_is_flushed() {
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    for _ in 0..2 {
        socket.begin(&job(MULAW_8K));
        let speak = json!({ "type": "Speak", "text": TEXT });
        assert_eq!(socket.sent(), [speak, json!({ "type": "Flush" })]);
        assert_eq!(socket.text(METADATA), None);
        let audio = sound(MULAW_8K, 300);
        for piece in audio.chunks(37) {
            assert_eq!(socket.bytes(piece), None);
        }
        assert_eq!(socket.text(FLUSHED), None);
        check_tone(&socket.heard, MULAW_8K, 300);
        assert_eq!(socket.heard.audio, audio);
        assert_eq!(socket.heard.usage.request_id.as_deref(), Some("0f3c"));
        assert_eq!(socket.codec.rest(), Rest::Ready);
        // Nobody speaks any more.
        assert_eq!((socket.bytes(&audio), socket.text(FLUSHED)), (None, None));
    }
    let mut wire = Wire::default();
    socket.codec.farewell(socket.now, &mut wire);
    assert_eq!(wire.send, [Outgoing::Text(r#"{"type":"Close"}"#.to_owned())]);
}

#[test]
fn long_texts_are_spoken_in_pieces_the_server_takes() {
    let mut long = job(MULAW_8K);
    long.text = "A sentence that is said over and over again. ".repeat(100).into();
    let mut socket = Socket::open(&vendor(), &long);
    socket.begin(&long);
    let sent = socket.sent();
    let (flush, spoken) = sent.split_last().unwrap();
    assert_eq!(flush["type"], "Flush");
    assert_eq!(spoken.len(), 3);
    let texts: Vec<&str> = spoken.iter().filter_map(|speak| speak["text"].as_str()).collect();
    assert!(texts.iter().all(|text| text.chars().count() <= 2000));
    assert_eq!(texts.concat().trim(), long.text.trim());
}

#[test]
fn samples_stay_whole_however_messages_are_cut() {
    let mut socket = Socket::begun(&vendor(), &job(PCM_8K));
    let audio = sound(PCM_8K, 100);
    for piece in audio.chunks(3) {
        socket.bytes(piece);
    }
    socket.text(FLUSHED);
    check_tone(&socket.heard, PCM_8K, 100);
    assert_eq!(socket.heard.audio, audio);
}

#[test]
fn what_comes_before_cleared_is_dropped() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    socket.bytes(&sound(MULAW_8K, 100));
    socket.cancel();
    assert_eq!(socket.sent(), [json!({ "type": "Clear" })]);
    assert_eq!(socket.codec.rest(), Rest::Draining);
    for _ in 0..20 {
        socket.bytes(&[0x11; 800]);
    }
    socket.text(CLEARED);
    assert_eq!(socket.codec.rest(), Rest::Ready);
    socket.begin(&job(MULAW_8K));
    // The flush of the cancelled job is answered late.
    assert_eq!(socket.text(FLUSHED), None);
    assert!(!socket.is_done());
    socket.bytes(&sound(MULAW_8K, 60));
    socket.text(FLUSHED);
    check_tone(&socket.heard, MULAW_8K, 60);
}

#[test]
fn a_socket_that_does_not_acknowledge_a_clear_is_given_up() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    socket.cancel();
    assert_eq!(socket.wait(Duration::from_millis(499)), None);
    assert_eq!(socket.codec.rest(), Rest::Draining);
    assert_eq!(socket.wait(Duration::from_millis(1)), None);
    assert_eq!(socket.codec.rest(), Rest::Spent);
}

#[test]
fn twenty_flushes_a_minute_and_no_more() {
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    for count in 1..=20 {
        assert_eq!(socket.codec.rest(), Rest::Ready, "{count}");
        socket.begin(&job(MULAW_8K));
        socket.bytes(&sound(MULAW_8K, 20));
        socket.text(FLUSHED);
        assert!(socket.is_done());
        socket.wait(Duration::from_millis(100));
    }
    assert_eq!(socket.codec.rest(), Rest::Spent);
    socket.sent();
    // A job that comes all the same waits with its flush.
    socket.begin(&job(MULAW_8K));
    assert_eq!(socket.sent().len(), 1);
    assert_eq!(socket.wait(Duration::from_millis(57_900)), None);
    assert!(socket.sent().is_empty());
    assert_eq!(socket.wait(Duration::from_millis(200)), None);
    assert_eq!(socket.sent(), [json!({ "type": "Flush" })]);
}

#[test]
fn a_socket_is_given_up_before_its_hour_is_over() {
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    socket.now = Duration::from_mins(55);
    socket.text(METADATA);
    assert_eq!(socket.codec.rest(), Rest::Spent);
}

#[test]
fn warnings_are_no_failures_unless_a_flush_was_ignored() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    for _ in 0..1000 {
        assert_eq!(socket.text(FLUSH_WARNING), None);
        assert_eq!(socket.text(r#"{"type":"Warning","code":"OTHER","description":"…"}"#), None);
    }
    // It goes on all the same.
    for _ in 0..5 {
        assert_eq!(socket.bytes(&sound(MULAW_8K, 20)), None);
        assert_eq!(socket.wait(Duration::from_millis(400)), None);
    }
    socket.text(FLUSHED);
    assert!(socket.is_done());
    assert_eq!(socket.wait(Duration::from_secs(5)), None);

    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    socket.text(FLUSH_WARNING);
    assert_eq!(socket.wait(Duration::from_secs(1)), Some(ErrorClass::RateLimited));
}

#[test]
fn failures_end_the_job_and_the_socket() {
    use ErrorClass::{BadRequest, Empty, Protocol, RateLimited, SessionExpired, TooLong, Unavailable};
    for (message, class) in [
        (FLUSHED, Empty),
        (r#"{"type":"Error","code":"DATA-0000","description":"…"}"#, BadRequest),
        (r#"{"type":"Error","description":"see https://dpgr.am/net0003"}"#, SessionExpired),
        ("{", Protocol),
    ] {
        let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
        assert_eq!(socket.text(message), Some(class), "{message}");
    }
    let mut blank = job(MULAW_8K);
    blank.text = " ".into();
    let mut socket = Socket::open(&vendor(), &job(MULAW_8K));
    socket.begin(&blank);
    assert_eq!(socket.wait(Duration::from_millis(1)), Some(BadRequest));
    for (code, reason, class) in [
        (1008, "DATA-0001 too many characters", RateLimited),
        (1011, "NET-0003", SessionExpired),
        (1011, "NET-0000", Unavailable),
        (1009, "BIG-0000", TooLong),
        (1003, "MESSAGE-0000", BadRequest),
    ] {
        assert_eq!(socket.codec.closed(Some(code), reason).class, class, "{reason}");
    }
}

#[test]
fn what_is_not_known_is_counted_and_changes_nothing() {
    let mut socket = Socket::begun(&vendor(), &job(MULAW_8K));
    for message in [r#"{"type":"SpeechStarted"}"#, "[]", "7", r#"{"type":8}"#] {
        assert_eq!(socket.text(message), None);
    }
    assert_eq!(socket.heard.unknown, 4);
}

proptest! {
    #[test]
    fn any_messages_are_survived(
        order in proptest::collection::vec((0_usize..6, ".{0,12}", proptest::collection::vec(any::<u8>(), 0..40)), 1..20),
    ) {
        let mut socket = Socket::begun(&vendor(), &job(PCM_8K));
        for (what, words, bytes) in order {
            match what {
                0 => drop(socket.bytes(&bytes)),
                1 => drop(socket.text(FLUSHED)),
                2 => socket.cancel(),
                3 => drop(socket.text(CLEARED)),
                4 => drop(socket.text(FLUSH_WARNING)),
                _ => drop(socket.hear(Message::Text(&words))),
            }
            if socket.heard.end != Ok(operetta_contract::Speech::Lost) {
                break;
            }
        }
    }
}
