//! Every recorded session of `crates/wire/tests/fixtures`, replayed at its own pace against the running engine.

use std::{collections::BTreeMap, fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Encoding, g711};
use operetta_tests::{
    engine::{Engine, Setup},
    program,
    socket::{Said, Socket},
    turn,
    wav::Stereo,
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

#[test]
fn exotel() {
    replay_all("exotel");
}

#[test]
fn twilio() {
    replay_all("twilio");
}

/// The files of a carrier share the id of their call, so they follow each other.
fn replay_all(carrier: &str) {
    let _turn = turn::together();
    let expected: BTreeMap<String, Value> = serde_json::from_str(&fixture("expected.json")).unwrap();
    let sessions: Vec<_> = expected.iter().filter(|(_, session)| session["platform"] == carrier).collect();
    assert!(sessions.len() >= 4, "{sessions:?}");
    // A short greeting, because one session waits for its end; callers of tones are not interrupting.
    let engine = Setup::new().var("GREETING_TEXT", "Hello.").var("OPERETTA__LOG__LEVEL", "debug").start();
    for (replayed, (name, session)) in sessions.iter().enumerate() {
        let replay = actix_rt::System::new().block_on(replay(&engine, name, session));
        check(name, session, &replay);
        engine.until_quiet(Duration::from_secs(5));
        engine.until_recorded(replayed + 1);
        let recorded = engine.recorded();
        assert_eq!(recorded.len(), replayed + 1, "{name}: each session leaves a recording");
        let recording = Stereo::read(recorded.last().unwrap());
        assert_eq!(u64::from(recording.rate_hz), session["sample_rate"], "{name}");
        caller_is_recorded(name, &recording);
    }
    let metrics = engine.metrics();
    let abrupt = sessions.iter().filter(|(_, session)| session["ended_by"] == "transport_loss").count() as u64;
    let applet = sessions.iter().filter(|(_, session)| session["stop_reason"] == "stopped").count() as u64;
    assert_eq!(metrics.ended("leg_lost"), abrupt);
    assert_eq!(metrics.ended("flow_ended"), applet);
    assert_eq!(metrics.ended("caller_hung_up"), sessions.len() as u64 - abrupt - applet);
    assert_eq!(metrics.count("operetta_ws_messages_unreadable_total", &[]), 0);
}

/// What the engine said in one session.
#[derive(Debug, Default)]
struct Replay {
    media: usize,
    bytes: usize,
    marks: Vec<String>,
    streams: Vec<Value>,
    closed: Option<Said>,
}

async fn replay(engine: &Engine, name: &str, session: &Value) -> Replay {
    let path = session["url_path"].as_str().unwrap();
    let mut socket = Socket::open(&engine.url("ws", path), &[]).await.expect("open on loopback");
    let frame = Duration::from_millis(session["frame_ms"].as_u64().unwrap());
    let mut replay = Replay::default();
    let mut due = Instant::now();
    let lines = fixture(name);
    for line in lines.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        if let Some(mark) = message["mark"]["name"].as_str() {
            // Only what was sent can be echoed, so the session waits for the mark.
            let until = Instant::now() + Duration::from_secs(20);
            while !replay.marks.iter().any(|sent| sent == mark) {
                assert!(Instant::now() < until, "{name}: {mark} was never sent: {replay:?}");
                replay.take(socket.hear(Duration::from_millis(100)).await);
            }
            due = Instant::now();
        }
        socket.say(line).await;
        if message["event"] == "media" {
            due += frame;
            while let Ok(said) = timeout_at(due, socket.hear(frame)).await {
                replay.take(said);
            }
        }
    }
    if session["ended_by"] == "stop" {
        let until = Instant::now() + Duration::from_secs(5);
        while replay.closed.is_none() && Instant::now() < until {
            replay.take(socket.hear(Duration::from_millis(100)).await);
        }
        assert_eq!(replay.closed, Some(Said::Close(Some(1000))), "{name}: closed within 5 s of stop");
    }
    replay
}

impl Replay {
    fn take(&mut self, said: Said) {
        match (&said, said.event()) {
            (Said::Text(message), Some(event)) => {
                self.streams.extend(
                    [&message["stream_sid"], &message["streamSid"]].into_iter().find(|it| !it.is_null()).cloned(),
                );
                match event {
                    "media" => {
                        let payload = message["media"]["payload"].as_str().expect("media has a payload");
                        self.bytes += STANDARD.decode(payload).expect("base64").len();
                        self.media += 1;
                    }
                    "mark" => self.marks.push(said.mark().expect("a mark has a name").into()),
                    "clear" => {}
                    other => panic!("no carrier knows {other}"),
                }
            }
            (Said::Nothing, _) => {}
            (Said::Close(_) | Said::Gone, _) => assert!(self.closed.replace(said).is_none(), "closed once"),
            (Said::Text(message), None) => panic!("no event: {message}"),
        }
    }
}

fn check(name: &str, session: &Value, replay: &Replay) {
    if session["unidirectional"] == true {
        assert_eq!((replay.media, replay.marks.len()), (0, 0), "{name}: nothing is said where nobody can hear it");
    } else {
        assert!(replay.media > 0, "{name}: greeted");
        assert!(replay.streams.iter().all(|stream| *stream == session["stream_sid"]), "{name}: {:?}", replay.streams);
    }
}

/// The left channel is what the session's caller sent. Where frames were late there is silence between them, so silence is
/// left out on both sides.
fn caller_is_recorded(name: &str, recording: &Stereo) {
    let mut sent = Vec::new();
    for line in fixture(name).lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        if message["event"] == "media" && message["media"]["track"] != "outbound" {
            let bytes = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
            let encoding = if name.starts_with("twilio") { Encoding::Mulaw } else { Encoding::Pcm16 };
            g711::decode_into(encoding, &bytes, &mut sent);
        }
    }
    let sound = |samples: &[i16]| samples.iter().copied().filter(|&sample| sample != 0).collect::<Vec<_>>();
    let (sent, recorded) = (sound(&sent), sound(&recording.caller));
    assert!(sent.len() > 1000, "{name}: the session has a tone in it");
    assert_eq!(recorded.len(), sent.len(), "{name}: as much was recorded as was sent");
    assert!(recorded == sent, "{name}: recorded as it was sent");
}

fn fixture(name: &str) -> String {
    let path = program::workspace().join("crates/wire/tests/fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
