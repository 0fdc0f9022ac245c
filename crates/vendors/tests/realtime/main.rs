//! OpenAI Realtime: sessions as its server plays them.
//!
//! A script is lines: `at_ms what` happens, and the lines behind it that begin with an arrow come of it. `->` is sent, `=>` is an
//! event. JSON is compared as JSON.

mod failures;
mod tools;
mod turns;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Converse, DuplexCodec as _, DuplexVendor, Entry, ErrorClass, Exchange, Flow, Message, Outgoing, Speaker,
    Tool, ToolCall, ToolResult, Turnout, Wire, Words,
};
use operetta_vendors::realtime::{Config, OpenAiRealtime, RealtimeCodec, TurnDetection};
use proptest::prelude::*;
use serde_json::{Value, json};

fn config() -> Config {
    Config {
        transcription_model: "gpt-live-transcribe".to_owned(),
        ..Config::new(ApiKey::new("secret-key"), "gpt-realtime-2.1")
    }
}

fn vendor() -> OpenAiRealtime {
    OpenAiRealtime::new(config())
}

fn job(format: Format) -> Converse {
    let tool = Tool {
        name: "find_slot".into(),
        description: "Finds a free time.".into(),
        parameters: r#"{"type":"object","properties":{}}"#.into(),
    };
    Converse {
        prompt: "You are a clinic receptionist.".into(),
        language: "en-IN".into(),
        voice: "default".into(),
        format,
        tools: [tool].into(),
        dialogue: Vec::new(),
    }
}

struct Session {
    codec: RealtimeCodec,
    job: Converse,
    begun: bool,
}

#[expect(clippy::unwrap_used, clippy::expect_used, reason = "a script that cannot be read fails its test")]
impl Session {
    fn new(job: Converse) -> Self {
        let (_, codec) = vendor().open(&job).unwrap();
        Self { codec, job, begun: false }
    }

    fn perform(&mut self, line: &str) -> Vec<String> {
        let (at, what) = line.split_once(' ').expect("a time and what happens");
        let now = Duration::from_millis(at.parse().expect("a time in ms"));
        let mut wire = Wire::default();
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        let mut error = None;
        let mut feed = |piece| self.codec.feed(now, piece, &mut wire);
        match verb {
            "speak" => feed(Turnout::Samples(vec![
                4000;
                rest.parse::<usize>().unwrap() * self.job.format.rate_hz as usize
                    / 1000
            ])),
            "cut" => {
                let (reply, ms) = rest.split_once(' ').expect("a reply and a time");
                feed(Turnout::Cut { reply: reply.parse().unwrap(), heard_ms: ms.parse().unwrap() });
            }
            "typed" => feed(Turnout::Typed(rest.into())),
            "returned" => {
                let (id, content) = rest.split_once(' ').expect("a call and its result");
                let content = content.into();
                feed(Turnout::Returned(ToolResult { id: id.into(), name: "find_slot".into(), content, failed: false }));
            }
            "open" => self.codec.opened(now, &mut wire),
            "cancel" => self.codec.cancel(now, &mut wire),
            "wait" => {
                while let Some(at) = self.codec.wake_at().filter(|at| *at <= now) {
                    self.codec.tick(at, &mut wire).unwrap();
                    assert!(self.codec.wake_at() != Some(at), "a tick that changes nothing");
                }
            }
            "bytes" => error = self.codec.hear(now, Message::Binary(&[1, 2]), &mut wire).err(),
            "<" => match self.codec.hear(now, Message::Text(rest), &mut wire) {
                Ok(flow) => assert!(matches!(flow, Flow::More)),
                Err(fault) => error = Some(fault),
            },
            other => panic!("{other}?"),
        }
        if !self.begun && self.codec.is_ready() {
            self.begun = true;
            self.codec.begin(now, &self.job, &mut wire);
        }
        let mut told: Vec<String> = wire.send.iter().map(sent).collect();
        told.extend(wire.output.events.iter().map(|event| event_line(event, self.job.format)));
        told.extend((0..wire.output.unknown).map(|_| "=> unknown".to_owned()));
        told.extend(error.map(|error| format!("=> error {}", error.code())));
        told
    }

    fn play(&mut self, script: &str) {
        let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            let mut expected = Vec::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("->") || line.starts_with("=>")) {
                expected.push(match line.strip_prefix("-> {") {
                    Some(rest) => format!("-> {}", serde_json::from_str::<Value>(&format!("{{{rest}")).unwrap()),
                    None => line.to_owned(),
                });
            }
            assert_eq!(self.perform(line), expected, "{line}");
        }
    }

    /// A session that is set up.
    fn ready(job: Converse) -> Self {
        let mut session = Self::new(job);
        session.perform("0 open");
        let update = session.perform(r#"0 < {"type":"session.created"}"#);
        assert!(update.len() == 1 && update[0].contains("session.update"));
        assert!(!session.codec.is_ready());
        session.perform(r#"0 < {"type":"session.updated"}"#);
        assert!(session.codec.is_ready());
        session
    }
}

/// What was sent, audio in short.
fn sent(message: &Outgoing) -> String {
    let Outgoing::Text(text) = message else { panic!("{message:?}") };
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    match value["audio"].as_str() {
        Some(audio) => format!("-> audio {} bytes", STANDARD.decode(audio).unwrap_or_default().len()),
        None => format!("-> {value}"),
    }
}

fn event_line(event: &Exchange, format: Format) -> String {
    match event {
        Exchange::CallerSpoke => "=> spoke".to_owned(),
        Exchange::CallerPaused => "=> paused".to_owned(),
        Exchange::CallerSaid(text) => format!("=> caller said {text}"),
        Exchange::Audio { reply, audio } => {
            assert!(audio.len().is_multiple_of(format.sample_bytes()) && audio.len() <= format.bytes_per_second());
            format!("=> {reply} audio {} ms", format.ms_of_bytes(audio.len()))
        }
        Exchange::Said { reply, text } => format!("=> {reply} said {text}"),
        Exchange::Call(call) => format!("=> call {} {} {}", call.id, call.name, call.arguments),
        Exchange::ReplyDone(reply) => format!("=> {reply} done"),
        other => panic!("{other:?}"),
    }
}

fn play(script: &str) {
    Session::ready(job(Format::MULAW_8K)).play(script);
}

/// `ms` of µ-law in base64, as an event of this item.
fn delta(response: &str, item: &str, ms: usize) -> String {
    let audio = STANDARD.encode(vec![0x80; ms * 8]);
    format!(
        r#"{{"type":"response.output_audio.delta","event_id":"ev","response_id":"{response}","item_id":"{item}","output_index":0,"content_index":0,"delta":"{audio}"}}"#
    )
}

fn created(response: &str) -> String {
    format!(r#"{{"type":"response.created","response":{{"id":"{response}","status":"in_progress","output":[]}}}}"#)
}

fn done(response: &str, status: &str) -> String {
    format!(
        r#"{{"type":"response.done","response":{{"id":"{response}","status":"{status}","output":[],"usage":{{"total_tokens":310,"input_tokens":250,"output_tokens":60,"input_token_details":{{"cached_tokens":128}}}}}}}}"#
    )
}

fn error(code: &str, message: &str, ours: &str) -> String {
    json!({"type": "error", "event_id": "ev_x", "error": {
        "type": "invalid_request_error", "code": code, "message": message, "param": null, "event_id": ours,
    }})
    .to_string()
}

const CREATE: &str = r#"{"type":"response.create","event_id":"create"}"#;
