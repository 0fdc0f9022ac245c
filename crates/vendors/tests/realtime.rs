//! OpenAI Realtime: sessions as its server plays them.
//!
//! A script is lines: `at_ms what` happens, and the lines behind it that begin with an arrow come of it. `->` is sent, `=>` is an
//! event. JSON is compared as JSON.

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

#[test]
fn the_session_is_set_up_before_anything_else() {
    let (request, codec) = vendor().open(&job(Format::MULAW_8K)).unwrap();
    assert_eq!(request.url, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1");
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(headers, [("authorization", "Bearer secret-key", true)], "no header of the beta API");
    assert!(!format!("{:?} {request:?} {codec:?}", vendor()).contains("secret-key"));
    Session::new(job(Format::MULAW_8K)).play(
        r#"0 open
           5 wait
           10 < {"type":"session.created","event_id":"ev_0","session":{"id":"s1"}}
           -> {"type":"session.update","session":{"type":"realtime","instructions":"You are a clinic receptionist.","output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"model":"gpt-live-transcribe","language":"en"},"noise_reduction":{"type":"near_field"},"turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,"create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcmu"},"voice":"marin","speed":1.0}},"tools":[{"type":"function","name":"find_slot","description":"Finds a free time.","parameters":{"type":"object","properties":{}}}],"tool_choice":"auto","max_output_tokens":1024,"truncation":"auto"}}
           20 < {"type":"session.updated","session":{}}
           60 speak 40
           -> audio 320 bytes"#,
    );
}

#[test]
fn other_formats_go_as_pcm_at_24_khz_and_come_back_as_they_were_asked_for() {
    let pcm = Format { encoding: Encoding::Pcm16, rate_hz: 16_000 };
    let quiet = Config {
        transcription_model: String::new(),
        noise_reduction: String::new(),
        turns: TurnDetection::Meaning { eagerness: "low".to_owned() },
        speed: 1.1,
        ..config()
    };
    let plain = Converse { tools: [].into(), voice: "cedar".into(), ..job(pcm) };
    let (_, mut codec) = OpenAiRealtime::new(quiet).open(&plain).unwrap();
    let mut wire = Wire::default();
    codec.hear(Duration::ZERO, Message::Text(r#"{"type":"session.created"}"#), &mut wire).unwrap();
    let Outgoing::Text(update) = &wire.send[0] else { panic!() };
    let session = &serde_json::from_str::<Value>(update).unwrap()["session"];
    assert_eq!(
        session["audio"],
        json!({
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": true, "interrupt_response": true},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar", "speed": 1.1},
        })
    );
    assert!(session.get("tools").is_none());

    let mut session = Session::ready(job(pcm));
    let heard: usize = (1..=10)
        .flat_map(|at| session.perform(&format!("{} speak 40", at * 40)))
        .map(|line| line.trim_start_matches("-> audio ").trim_end_matches(" bytes").parse::<usize>().unwrap())
        .sum();
    assert!((18_800..=19_200).contains(&heard), "{heard} bytes of 400 ms, but for what the filter holds");
    // One second of PCM at 24 kHz, cut at an odd byte, is one second at 16 kHz.
    let bytes = vec![0u8; 48_000];
    let mut ms = 0;
    for piece in [&bytes[..12_345], &bytes[12_345..]] {
        let piece = STANDARD.encode(piece);
        let message =
            json!({"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": piece});
        ms += audio_ms(&session.perform(&format!("900 < {message}")));
    }
    let mut rest = session.perform(r#"950 < {"type":"response.output_audio.done","response_id":"r","item_id":"i"}"#);
    ms += audio_ms(&rest);
    rest = session.perform(&format!("960 < {}", done("r", "completed")));
    assert_eq!(rest, ["=> 1 done"]);
    assert!((998..=1000).contains(&ms), "{ms}");
}

#[expect(clippy::unwrap_used, reason = "a line that is no audio fails its test")]
fn audio_ms(lines: &[String]) -> u32 {
    lines
        .iter()
        .map(|line| line.trim_start_matches("=> 1 audio ").trim_end_matches(" ms").parse::<u32>().unwrap())
        .sum()
}

#[test]
fn a_turn_from_the_callers_words_to_the_end_of_the_reply() {
    play(&format!(
        r#"100 speak 40
           -> audio 320 bytes
           200 < {{"type":"input_audio_buffer.speech_started","event_id":"ev_1","audio_start_ms":2140,"item_id":"item_u1"}}
           => spoke
           300 wait
           -> audio 800 bytes
           -> audio 800 bytes
           900 < {{"type":"input_audio_buffer.speech_stopped","event_id":"ev_2","audio_end_ms":3900,"item_id":"item_u1"}}
           => paused
           900 < {{"type":"input_audio_buffer.committed","event_id":"ev_3","item_id":"item_u1","previous_item_id":null}}
           900 < {{"type":"conversation.item.added","item":{{"id":"item_u1","type":"message","role":"user","content":[]}}}}
           950 < {}
           960 < {{"type":"response.output_item.added","response_id":"resp_1","output_index":0,"item":{{"id":"item_a1","type":"message"}}}}
           960 < {{"type":"response.content_part.added","response_id":"resp_1","item_id":"item_a1","part":{{"type":"audio"}}}}
           970 < {{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","delta":"Of course,"}}
           => 1 said Of course,
           980 < {}
           => 1 audio 1000 ms
           => 1 audio 500 ms
           990 < {{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_u1","content_index":0,"transcript":"Can I move my visit?"}}
           => caller said Can I move my visit?
           990 < {{"type":"response.output_audio_transcript.done","response_id":"resp_1","item_id":"item_a1","transcript":"Of course,"}}
           995 < {{"type":"response.output_audio.done","response_id":"resp_1","item_id":"item_a1"}}
           995 < {{"type":"response.output_item.done","response_id":"resp_1","item":{{}}}}
           995 < {{"type":"rate_limits.updated","rate_limits":[]}}
           999 < {}
           => 1 done
           999 < {}"#,
        created("resp_1"),
        delta("resp_1", "item_a1", 1500),
        done("resp_1", "completed"),
        done("resp_1", "completed"),
    ));
}

#[test]
fn silence_follows_the_callers_words_until_their_end_is_heard() {
    let mut session = Session::ready(job(Format::MULAW_8K));
    assert!(session.perform("5000 wait").is_empty(), "nobody has spoken");
    session.perform("6000 speak 40");
    assert_eq!(session.perform("60000 wait").len(), 20, "two seconds, should the server hear something in it");
    session.perform("70000 speak 40");
    session.perform(r#"70000 < {"type":"input_audio_buffer.speech_started"}"#);
    assert_eq!(session.perform("90000 wait").len(), 100, "ten seconds at most");
    session.perform("100000 speak 40");
    session.perform("100500 wait");
    session.perform(r#"100500 < {"type":"input_audio_buffer.speech_stopped"}"#);
    assert_eq!(session.perform("120000 wait").len(), 15);
}

#[test]
fn an_interruption_says_what_was_heard_and_drops_the_rest() {
    play(&format!(
        r#"100 < {}
           110 < {}
           => 1 audio 900 ms
           200 < {{"type":"input_audio_buffer.speech_started"}}
           => spoke
           210 cut 1 640
           -> {{"type":"response.cancel","response_id":"resp_1"}}
           -> {{"type":"conversation.item.truncate","event_id":"truncate:item_a1","item_id":"item_a1","content_index":0,"audio_end_ms":640}}
           210 cut 1 700
           220 < {}
           220 < {{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","delta":"late"}}
           230 < {{"type":"conversation.item.truncated","item_id":"item_a1","audio_end_ms":640}}
           240 < {}
           250 < {}
           300 < {}
           310 < {}
           => 2 audio 100 ms"#,
        created("resp_1"),
        delta("resp_1", "item_a1", 900),
        delta("resp_1", "item_a1", 500),
        done("resp_1", "cancelled"),
        delta("resp_1", "item_a1", 500),
        created("resp_2"),
        delta("resp_2", "item_a2", 100),
    ));
}

#[test]
fn never_is_more_heard_than_came() {
    for (heard, orders) in [
        // Before the first sample: the whole item goes.
        (
            0,
            vec![
                r#"{"type":"conversation.item.delete","item_id":"a"}"#,
                r#"{"type":"conversation.item.delete","item_id":"b"}"#,
            ],
        ),
        // In the first item.
        (
            299,
            vec![
                r#"{"type":"conversation.item.truncate","event_id":"truncate:a","item_id":"a","content_index":0,"audio_end_ms":299}"#,
                r#"{"type":"conversation.item.delete","item_id":"b"}"#,
            ],
        ),
        // In the second.
        (
            350,
            vec![
                r#"{"type":"conversation.item.truncate","event_id":"truncate:b","item_id":"b","content_index":0,"audio_end_ms":50}"#,
            ],
        ),
        // All of it, by a clock that runs ahead.
        (585, vec![]),
    ] {
        let mut session = Session::ready(job(Format::MULAW_8K));
        session.perform(&format!("1 < {}", created("r")));
        session.perform(&format!("2 < {}", delta("r", "a", 300)));
        session.perform(&format!("3 < {}", delta("r", "b", 200)));
        session.perform(&format!("4 < {}", done("r", "completed")));
        let expected: Vec<String> =
            orders.iter().map(|order| format!("-> {}", serde_json::from_str::<Value>(order).unwrap())).collect();
        assert_eq!(session.perform(&format!("5 cut 1 {heard}")), expected, "{heard}");
    }
    // While more is on its way, even a clock that runs ahead must say where it was cut.
    play(&format!(
        r#"1 < {}
           2 < {}
           => 1 audio 300 ms
           3 cut 1 385
           -> {{"type":"response.cancel","response_id":"r"}}
           -> {{"type":"conversation.item.truncate","event_id":"truncate:a","item_id":"a","content_index":0,"audio_end_ms":300}}
           4 cut 7 100"#,
        created("r"),
        delta("r", "a", 300),
    ));
}

#[test]
fn what_begins_while_a_cancel_is_on_its_way_is_heard_by_nobody() {
    play(&format!(
        r#"1 < {}
           2 < {{"type":"response.output_text.delta","response_id":"r","item_id":"a","delta":"Well"}}
           => 1 said Well
           3 cut 1 0
           -> {{"type":"response.cancel","response_id":"r"}}
           -> {{"type":"conversation.item.delete","item_id":"a"}}
           4 < {}
           5 < {{"type":"response.done","response":{{"id":"r","status":"cancelled","output":[{{"id":"a","type":"message"}},{{"id":"b","type":"message"}},{{"id":"c","type":"message"}},{{"id":"f","type":"function_call"}}]}}}}
           -> {{"type":"conversation.item.delete","item_id":"b"}}
           -> {{"type":"conversation.item.delete","item_id":"c"}}"#,
        created("r"),
        delta("r", "b", 40),
    ));
}

#[test]
fn truncations_that_are_refused_are_mended() {
    play(&format!(
        r#"1 < {}
           -> {{"type":"conversation.item.truncate","event_id":"corrected:a","item_id":"a","content_index":0,"audio_end_ms":1850}}
           2 < {}
           3 < {}
           -> {{"type":"conversation.item.delete","item_id":"a"}}
           4 < {}
           5 < {}
           6 < {}
           7 < {}"#,
        error("invalid_value", "Audio content of 1850ms is already shorter than 1935ms", "truncate:a"),
        error("invalid_value", "Audio content of 1800ms is already shorter than 1850ms", "corrected:a"),
        error("unsupported_content_type", "only model output audio messages can be truncated", "truncate:a"),
        error("response_cancel_not_active", "x", "ev"),
        error("input_audio_buffer_commit_empty", "x", "ev"),
        error("item_create_duplicate_item_id", "x", "ev"),
        error("invalid_value", "something that the session survives", "ev"),
    ));
}

#[test]
fn tools_are_answered_when_the_response_is_done_and_all_have_returned() {
    let call = |id: &str, item: &str, arguments: &str| {
        json!({"type": "response.function_call_arguments.done", "response_id": "r", "item_id": item, "call_id": id,
               "name": "find_slot", "arguments": arguments})
    };
    let output = |id: &str, output: &str| json!({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": id, "output": output}});
    play(&format!(
        r#"1 < {}
           2 < {{"type":"response.output_item.added","response_id":"r","item":{{"id":"f1","type":"function_call","call_id":"c1","name":"find_slot"}}}}
           3 < {{"type":"response.function_call_arguments.delta","response_id":"r","item_id":"f1","delta":"{{"}}
           4 < {}
           => call c1 find_slot {{"day":"Friday"}}
           5 < {}
           => call c2 find_slot {{}}
           6 < {}
           7 returned c1 ten
           8 < {}
           -> {}
           -> {}
           => 1 done
           9 returned c2 eleven
           -> {}
           -> {CREATE}
           10 < {}
           11 < {}
           => 2 audio 40 ms"#,
        created("r"),
        call("c1", "f1", r#"{"day":"Friday"}"#),
        call("c2", "f2", ""),
        call("c3", "f3", r#"{"day":"#),
        done("r", "completed"),
        output("c3", r#"{"error":"the arguments of a tool call are no whole JSON object: fault at column 7"}"#),
        output("c1", "ten"),
        output("c2", "eleven"),
        created("r2"),
        delta("r2", "a", 40),
    ));
}

#[test]
fn a_response_is_asked_for_when_the_running_one_is_done() {
    play(&format!(
        r#"1 typed 4711#
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"4711#"}}]}}}}
           -> {CREATE}
           2 typed 5
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"5"}}]}}}}
           3 < {}
           4 < {}
           -> {CREATE}
           5 < {}
           6 < {}
           7 < {}
           -> {CREATE}"#,
        created("r1"),
        done("r1", "completed"),
        // The server was quicker.
        error("conversation_already_has_active_response", "x", "create"),
        created("r2"),
        done("r2", "completed"),
    ));
}

#[test]
fn a_call_that_never_returns_does_not_silence_the_others() {
    let call = |response: &str, id: &str| {
        json!({"type": "response.function_call_arguments.done", "response_id": response, "item_id": id, "call_id": id,
               "name": "find_slot", "arguments": "{}"})
    };
    play(&format!(
        r#"1 < {}
           2 < {}
           => call c1 find_slot {{}}
           3 < {}
           => 1 done
           4 < {}
           5 < {}
           => call c2 find_slot {{}}
           6 < {}
           => 2 done
           7 returned c2 ten
           -> {{"type":"conversation.item.create","item":{{"type":"function_call_output","call_id":"c2","output":"ten"}}}}
           -> {CREATE}"#,
        created("r1"),
        call("r1", "c1"),
        done("r1", "completed"),
        created("r2"),
        call("r2", "c2"),
        done("r2", "completed"),
    ));
}

#[test]
fn a_session_that_replaces_another_is_told_what_was_said() {
    let words = |speaker, text: &str, cut| Entry::Said(Words { speaker, text: text.into(), cut });
    let call = ToolCall { id: "c1".into(), name: "find_slot".into(), arguments: "{}".into(), seal: None };
    let result = ToolResult { id: "c1".into(), name: "find_slot".into(), content: "full".into(), failed: true };
    let dialogue = vec![
        words(Speaker::Agent, "Namaste, Asha Clinic", true),
        words(Speaker::Agent, " ", false),
        words(Speaker::Caller, "A time, please", false),
        Entry::Called(call),
        Entry::Returned(result),
    ];
    let mut session = Session::new(Converse { dialogue, ..job(Format::MULAW_8K) });
    session.perform("0 open");
    session.perform(r#"0 < {"type":"session.created"}"#);
    session.play(&format!(
        r#"1 < {{"type":"session.updated"}}
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"Namaste, Asha Clinic…"}}]}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"A time, please"}}]}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"function_call","call_id":"c1","name":"find_slot","arguments":"{{}}"}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"function_call_output","call_id":"c1","output":"{{\"error\":\"full\"}}"}}}}
           -> {CREATE}"#
    ));
    assert_eq!(vendor().capabilities().session, Some(Duration::from_mins(50)));
}

#[test]
fn transcripts_of_the_caller_come_in_their_order() {
    let committed = |item: &str| json!({"type": "input_audio_buffer.committed", "item_id": item});
    let completed = |item: &str, text: &str| json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "transcript": text});
    play(&format!(
        r#"1 < {}
           2 < {}
           3 < {}
           4 < {}
           => caller said one
           => caller said two
           5 < {}
           6 < {{"type":"conversation.item.input_audio_transcription.failed","item_id":"c","error":{{"code":"audio_unintelligible"}}}}
           7 < {}
           => caller said nobody announced this
           8 < {}
           9 < {}
           9 < {}
           9 < {}
           10 < {}
           => caller said five
           11 < {}
           12 < {}
           => caller said six
           => caller said seven"#,
        committed("a"),
        committed("b"),
        completed("b", "two"),
        completed("a", " one "),
        committed("c"),
        completed("x", "nobody announced this"),
        // The transcript of d never comes.
        committed("d"),
        committed("e"),
        completed("e", "five"),
        committed("f"),
        committed("g"),
        completed("g", "seven"),
        completed("f", "six"),
    ));
}

#[test]
fn responses_that_fail_are_asked_for_once_more() {
    let failed = |response: &str, code: &str| {
        json!({"type": "response.done", "response": {"id": response, "status": "failed", "output": [],
               "status_details": {"type": "failed", "error": {"type": "server_error", "code": code}}}})
    };
    for (code, class) in [
        ("inference_rate_limit_exceeded", ErrorClass::RateLimited),
        ("rate_limit_exceeded", ErrorClass::RateLimited),
        ("server_error", ErrorClass::Unavailable),
    ] {
        play(&format!(
            "1 < {}\n2 < {}\n-> {CREATE}\n3 < {}\n4 < {}\n=> error {}",
            created("r1"),
            failed("r1", code),
            created("r2"),
            failed("r2", code),
            class.code(),
        ));
    }
    play(&format!("1 < {}\n2 < {}\n=> error quota", created("r1"), failed("r1", "insufficient_quota")));
    for status in ["incomplete", "cancelled"] {
        play(&format!(
            "1 < {}\n2 < {}\n=> 1 audio 40 ms\n3 < {}\n=> 1 done",
            created("r"),
            delta("r", "a", 40),
            done("r", status)
        ));
    }
}

#[test]
fn errors_of_the_session_end_it() {
    for (code, kind, class) in [
        ("session_expired", "invalid_request_error", ErrorClass::SessionExpired),
        ("insufficient_quota", "insufficient_quota", ErrorClass::Quota),
        ("invalid_api_key", "invalid_request_error", ErrorClass::Auth),
        ("model_not_found", "invalid_request_error", ErrorClass::Missing),
        ("rate_limit_exceeded", "rate_limit_error", ErrorClass::RateLimited),
        ("", "server_error", ErrorClass::Unavailable),
    ] {
        let message = json!({"type": "error", "error": {"type": kind, "code": code, "message": "why"}});
        play(&format!("1 < {message}\n=> error {}", class.code()));
    }
    play(&format!("1 < {}\n=> error bad_request", error("invalid_value", "x", "create")));
    play("1 < {\"type\":\"error\"}\n=> error unavailable");
    Session::new(job(Format::MULAW_8K))
        .play(&format!("0 open\n1 < {}\n=> error bad_request", error("invalid_value", "no such voice", "")));
}

#[test]
fn closes_and_refusals_mean_what_the_table_says() {
    let (_, codec) = vendor().open(&job(Format::MULAW_8K)).unwrap();
    for (code, reason, class) in [
        (Some(1000), "", ErrorClass::SessionExpired),
        (Some(1001), "session_expired", ErrorClass::SessionExpired),
        (Some(3000), "invalid_request_error.invalid_api_key", ErrorClass::Auth),
        (Some(3000), "invalid_request_error.insufficient_quota", ErrorClass::Quota),
        (Some(3000), "invalid_request_error.model_not_found", ErrorClass::Missing),
        (Some(3000), "invalid_request_error.x", ErrorClass::BadRequest),
        (Some(1011), "", ErrorClass::Unavailable),
        (Some(1009), "", ErrorClass::TooLong),
        (None, "", ErrorClass::Unavailable),
    ] {
        assert_eq!(codec.closed(code, reason).class, class, "{code:?} {reason}");
    }
    for (status, class) in [(401, ErrorClass::Auth), (403, ErrorClass::Auth), (429, ErrorClass::RateLimited)] {
        assert_eq!(vendor().refusal(status).class, class);
    }
}

#[test]
fn names_of_the_beta_api_mean_the_same() {
    play(&format!(
        r#"1 < {{"type":"response.created","response":{{"id":"r"}}}}
           2 < {}
           => 1 audio 40 ms
           3 < {{"type":"response.audio_transcript.delta","response_id":"r","item_id":"a","delta":"Yes"}}
           => 1 said Yes
           4 < {{"type":"response.audio.done","response_id":"r","item_id":"a"}}
           5 < {{"type":"response.audio_transcript.done","response_id":"r","item_id":"a","transcript":"Yes"}}
           6 < {{"type":"conversation.item.created","item":{{}}}}
           7 < {{"type":"response.text.delta","response_id":"r","item_id":"b","delta":"No"}}
           => 1 said No
           8 < {{"type":"response.text.done","response_id":"r","item_id":"c","text":"All at once"}}
           => 1 said All at once"#,
        delta("r", "a", 40).replace("output_audio", "audio"),
    ));
}

#[test]
fn what_is_not_known_is_counted_and_what_is_broken_ends_the_session() {
    play(
        r#"1 < {"type":"something.new"}
           => unknown
           2 < []
           => unknown
           3 bytes
           => unknown
           4 < {"type":"input_audio_buffer.timeout_triggered"}
           5 < {"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":""}
           6 < {"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"§"}
           => error protocol"#,
    );
    play("1 < {\n=> error protocol");
}

#[test]
fn usage_is_the_sum_of_all_responses() {
    let mut session = Session::ready(job(Format::MULAW_8K));
    let mut wire = Wire::default();
    session.codec.feed(Duration::from_millis(40), Turnout::Samples(vec![0; 320]), &mut wire);
    for response in ["r1", "r2"] {
        for message in [delta(response, "a", 500), done(response, "completed")] {
            session.codec.hear(Duration::from_millis(50), Message::Text(&message), &mut wire).unwrap();
        }
    }
    let usage = &wire.output.usage;
    assert_eq!((usage.tokens_in, usage.tokens_out, usage.tokens_cached), (500, 120, 256));
    assert_eq!((usage.audio_in_ms, usage.audio_out_ms, usage.estimated), (40, 1000, false));
}

#[test]
fn a_cancelled_conversation_hears_nothing_more() {
    play(&format!(
        "1 speak 40\n-> audio 320 bytes\n2 cancel\n3 < {}\n4 < {}\n9000 wait",
        created("r"),
        delta("r", "a", 40)
    ));
}

proptest! {
    #[test]
    fn any_message_is_survived(messages in proptest::collection::vec(prop_oneof![
        ".{0,60}",
        Just(created("r")),
        Just(created("s")),
        ("[rs]?", "[ab]?", 0usize..3000).prop_map(|(response, item, ms)| delta(&response, &item, ms)),
        ("[rs]?", "completed|cancelled|failed|incomplete").prop_map(|(response, status)| done(&response, &status)),
        ("[a-z_]{0,9}", ".{0,30}", "(truncate|corrected):[ab]").prop_map(|(code, message, ours)| error(&code, &message, &ours)),
        "(response|conversation|input_audio_buffer)\\.[a-z_.]{0,30}".prop_map(|kind| json!({"type": kind}).to_string()),
    ], 0..30)) {
        let mut session = Session::ready(job(Format { encoding: Encoding::Pcm16, rate_hz: 16_000 }));
        let mut wire = Wire::default();
        for (at, message) in messages.iter().enumerate() {
            let now = Duration::from_millis(at as u64 * 130);
            let _ = session.codec.hear(now, Message::Text(message), &mut wire);
            session.codec.feed(now, Turnout::Cut { reply: at as u32 / 3, heard_ms: at as u32 * 37 }, &mut wire);
            session.codec.feed(now, Turnout::Samples(vec![1; at * 7]), &mut wire);
            let _ = session.codec.tick(now, &mut wire);
        }
        let empty = wire.output.events.iter().filter(|event| matches!(event, Exchange::Audio { audio, .. } if audio.is_empty()));
        prop_assert_eq!(empty.count(), 0);
    }
}
