//! Recorded sessions, replayed against what they are known to hold.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use operetta_audio::{Encoding, Format};
use operetta_wire::{Carrier, Dialect, Heard, Ignored, Line, PhoneNumber, Start, Stop, StopReason};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Everything that a session told.
#[derive(Default)]
struct Session {
    lines: usize,
    start: Option<Start>,
    format: Option<Format>,
    frames: usize,
    audio: Vec<u8>,
    digits: Vec<String>,
    marks: Vec<String>,
    stop: Option<Stop>,
    ignored: BTreeMap<&'static str, usize>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The line that the route of `url_path` would make.
fn line(platform: &str, url_path: &str, listen_only: bool) -> Line {
    let line = match platform {
        "exotel" => Line::exotel(),
        "twilio" => Line::twilio(),
        other => panic!("no such platform: {other}"),
    };
    let rate = url_path.split_once("sample-rate=").map(|(_, rest)| rest.split('&').next().unwrap().parse().unwrap());
    let line = Line { rate_hint_hz: rate, ..line };
    if listen_only { line.listen_only() } else { line }
}

fn replay(name: &str, line: Line) -> Session {
    let mut dialect = Dialect::new(line);
    let (mut session, mut audio) = (Session::default(), Vec::new());
    for text in fs::read_to_string(fixtures().join(name)).unwrap().lines() {
        session.lines += 1;
        match dialect.decode(text, &mut audio).unwrap() {
            Heard::Connected => assert_eq!(session.lines, 1),
            Heard::Started(start) => {
                session.format = Some(start.format);
                session.frames += usize::from(start.implicit);
                session.start = Some(*start);
            }
            Heard::Amended(_) => panic!("no recorded session has a late start"),
            Heard::Media => session.frames += 1,
            Heard::Dtmf(digit) => session.digits.push(digit.as_char().to_string()),
            Heard::Mark(name) => session.marks.push(name.into()),
            Heard::Stopped(stop) => session.stop = Some(stop),
            Heard::Ignored(why) => *session.ignored.entry(why.code()).or_default() += 1,
        }
        session.audio.extend_from_slice(&audio);
    }
    session
}

#[test]
fn every_recorded_session() {
    let expected = fs::read_to_string(fixtures().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 9);
    for (name, expected) in &expected {
        let text = |key: &str| expected[key].as_str();
        let number = |key: &str| usize::try_from(expected[key].as_u64().unwrap()).unwrap();
        let list = |key: &str| -> Vec<&str> {
            expected[key].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
        };
        let listen_only = expected["unidirectional"].as_bool().unwrap_or(false);
        let session = replay(name, line(text("platform").unwrap(), text("url_path").unwrap(), listen_only));
        let start = session.start.as_ref().unwrap();
        let format = session.format.unwrap();
        let call_sid = start.call_sid.as_deref().or_else(|| session.stop.as_ref()?.call_sid.as_deref());
        let account_sid = start.account_sid.as_deref().or_else(|| session.stop.as_ref()?.account_sid.as_deref());
        let parameters: BTreeMap<_, _> = start.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let wanted: BTreeMap<_, _> = expected["custom_parameters"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let encoding = match text("wire_encoding").unwrap() {
            "pcm_s16le" => Encoding::Pcm16,
            "mulaw" => Encoding::Mulaw,
            other => panic!("no such encoding: {other}"),
        };
        let reason = session.stop.as_ref().and_then(|stop| stop.reason).map(StopReason::as_str);

        assert_eq!(session.lines, number("lines"), "{name}");
        assert_eq!(Some(&*start.stream_sid), text("stream_sid"), "{name}");
        assert_eq!(call_sid, text("call_sid"), "{name}");
        assert_eq!(account_sid, text("account_sid"), "{name}");
        assert_eq!(start.from.as_ref().map(PhoneNumber::as_str), text("from"), "{name}");
        assert_eq!(start.to.as_ref().map(PhoneNumber::as_str), text("to"), "{name}");
        assert_eq!((format.encoding, format.rate_hz as usize), (encoding, number("sample_rate")), "{name}");
        assert_eq!(parameters, wanted, "{name}");
        assert_eq!(session.frames, number("caller_media_frames"), "{name}");
        assert_eq!(session.audio.len(), number("caller_audio_bytes"), "{name}");
        assert_eq!(format.ms_of_bytes(session.audio.len()) as usize, number("caller_audio_ms"), "{name}");
        assert_eq!(Some(&*hex::encode(Sha256::digest(&session.audio))), text("caller_audio_sha256"), "{name}");
        assert_eq!(session.digits, list("dtmf"), "{name}");
        assert_eq!(session.marks, list("marks_echoed"), "{name}");
        assert_eq!(session.stop.is_some(), text("ended_by") == Some("stop"), "{name}");
        assert_eq!(reason, text("stop_reason"), "{name}");

        // The other track is the only thing in these sessions that is read and dropped.
        let other_track = expected["other_track_audio_bytes"].as_u64().map(|bytes| bytes as usize / 160);
        assert_eq!(session.ignored.get(Ignored::OtherTrack.code()).copied(), other_track, "{name}");
        assert_eq!(session.ignored.values().sum::<usize>(), other_track.unwrap_or(0), "{name}");
    }
}

#[test]
fn a_session_without_start_begins_with_its_first_frame() {
    let session = replay("exotel_connected_then_media.jsonl", Line::exotel());
    assert!(session.start.unwrap().implicit);
    // The same messages on a line whose proof is in `start`: nothing of them is heard.
    let line = Line { implicit_start: false, ..Line::exotel() };
    let session = replay("exotel_connected_then_media.jsonl", line);
    assert_eq!((session.start, session.audio.len(), session.frames), (None, 0, 0));
    assert_eq!(session.ignored.get(Ignored::BeforeStart.code()), Some(&25));
}

#[test]
fn carriers_have_labels() {
    assert_eq!(Carrier::ALL.map(Carrier::as_str), ["exotel", "twilio"]);
}
