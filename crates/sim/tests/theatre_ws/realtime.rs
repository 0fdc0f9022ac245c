use operetta_sim::theatre::{Api, Reply, Theatre};
use serde_json::{Value, json};

use crate::{
    client::{Client, Got, decode, encode, ended, facts, play},
    hasty, loud, paced, quiet, theatre,
};

const KEY: &str = "authorization: Bearer mock";

const PATH: &str = "/v1/realtime?model=gpt-realtime-2.1";

async fn open(theatre: &Theatre, turn_detection: Value) -> Client {
    let mut client = Client::open(theatre, PATH, KEY).await.unwrap();
    assert_eq!(client.json().await["type"], "session.created");
    client
        .say(json!({ "type": "session.update", "session": {
            "type": "realtime",
            "instructions": "You are a clinic receptionist.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": { "type": "audio/pcmu" },
                    "transcription": { "model": "gpt-live-transcribe" },
                    "turn_detection": turn_detection,
                },
                "output": { "format": { "type": "audio/pcmu" }, "voice": "marin" },
            },
        } }))
        .await;
    let updated = client.json().await;
    assert_eq!(
        (&updated["type"], &updated["session"]["audio"]["output"]["voice"]),
        (&json!("session.updated"), &json!("marin"))
    );
    client
}

fn server_vad() -> Value {
    json!({ "type": "server_vad", "silence_duration_ms": 300, "create_response": true, "interrupt_response": true })
}

async fn send(client: &mut Client, audio: &[u8]) {
    for piece in audio.chunks(160) {
        client.say(json!({ "type": "input_audio_buffer.append", "audio": encode(piece) })).await;
    }
}

async fn until_done(client: &mut Client) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let message = client.json().await;
        let is_done = message["type"] == "response.done";
        all.push(message);
        if is_done {
            return all;
        }
    }
}

fn audio_of(all: &[Value]) -> Vec<u8> {
    let deltas = all.iter().filter(|message| message["type"] == "response.output_audio.delta");
    deltas.flat_map(|message| decode(&message["delta"])).collect()
}

#[tokio::test]
async fn a_turn_is_heard_answered_and_transcribed() {
    let theatre = theatre();
    theatre.hear("Can I move my visit?");
    theatre.say(Reply::text("Of course, when would suit you?"));
    let mut client = open(&theatre, server_vad()).await;
    send(&mut client, &[loud(800), quiet(400)].concat()).await;
    let all = until_done(&mut client).await;
    let mut kinds: Vec<&str> = all.iter().filter_map(|message| message["type"].as_str()).collect();
    kinds.dedup();
    kinds.retain(|kind| kind.rsplit('.').next() != Some("delta"));
    assert_eq!(
        kinds,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.done",
            "response.output_audio.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
    );
    assert!(all.iter().any(|message| message["transcript"] == "Can I move my visit?"));
    let words: String = all
        .iter()
        .filter(|message| message["type"] == "response.output_audio_transcript.delta")
        .filter_map(|message| message["delta"].as_str())
        .collect();
    assert_eq!(words, "Of course, when would suit you?");
    assert_eq!(audio_of(&all).len(), 31 * 65 * 8);
    let done = &all.last().unwrap()["response"];
    assert_eq!(done["status"], "completed");
    assert!(done["usage"]["output_token_details"]["audio_tokens"].as_u64() > Some(0));
    client.close(1000).await;
    let facts = ended(&theatre, Api::OpenAiRealtime).await;
    assert_eq!(facts.end.unwrap().code, Some(1000));
    assert!(facts.faults.is_empty());
    assert_eq!((facts.audio.ms, facts.contexts[0].audio_ms), (1_200, 31 * 65));
}

#[tokio::test]
async fn a_caller_who_speaks_up_is_listened_to_and_the_item_is_cut() {
    let theatre = paced(2.0);
    theatre.say(Reply::text("A reply that is long enough to be interrupted by anybody who wants to."));
    let mut client = open(&theatre, server_vad()).await;
    send(&mut client, &[loud(500), quiet(400)].concat()).await;
    let delta = client.json_of("response.output_audio.delta").await;
    let item = delta["item_id"].as_str().unwrap();
    send(&mut client, &loud(100)).await;
    client.json_of("input_audio_buffer.speech_started").await;
    let done = client.json_of("response.done").await;
    assert_eq!(done["response"]["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    let truncate = |ms: u64, item: &str| json!({ "type": "conversation.item.truncate", "event_id": "mine", "item_id": item, "content_index": 0, "audio_end_ms": ms });
    client.say(truncate(60_000, item)).await;
    let error = client.json_of("error").await;
    assert!(error["error"]["message"].as_str().unwrap().contains("already shorter than 60000ms"));
    assert_eq!(error["error"]["event_id"], "mine");
    client.say(truncate(10, item)).await;
    let truncated = client.json_of("conversation.item.truncated").await;
    assert_eq!(truncated["audio_end_ms"], 10);
    client.say(truncate(0, "item_1")).await;
    assert_eq!(client.json_of("error").await["error"]["code"], "unsupported_content_type");
    client.say(json!({ "type": "response.cancel" })).await;
    assert_eq!(client.json_of("error").await["error"]["code"], "response_cancel_not_active");
    let facts = facts(&theatre, Api::OpenAiRealtime);
    assert!(facts.has_fault("truncate_beyond_audio") && facts.audio_after_cancel == 0);
    assert!(facts.contexts[0].audio_ms < facts.billed.audio_out_ms);
}

#[tokio::test]
async fn a_client_that_decides_for_itself_commits_and_asks() {
    let theatre = theatre();
    let mut client = open(&theatre, Value::Null).await;
    client.say(json!({ "type": "input_audio_buffer.commit" })).await;
    assert_eq!(client.json().await["error"]["code"], "input_audio_buffer_commit_empty");
    send(&mut client, &loud(500)).await;
    client.say(json!({ "type": "input_audio_buffer.commit" })).await;
    let heard = client.json_of("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(heard["transcript"], "one two");
    client.say(json!({ "type": "response.create" })).await;
    let all = until_done(&mut client).await;
    assert_eq!(all[0]["type"], "response.created");
    assert!(facts(&theatre, Api::OpenAiRealtime).has_fault("commit_of_too_little"));
}

#[tokio::test]
async fn tools_are_called_and_answered() {
    let theatre = theatre();
    theatre.say(Reply::call("find_slot", json!({ "day": "मंगल" })));
    theatre.say(Reply::text("Ten is free."));
    let mut client = open(&theatre, Value::Null).await;
    client.say(json!({ "type": "response.create" })).await;
    let all = until_done(&mut client).await;
    let done = all.iter().find(|message| message["type"] == "response.function_call_arguments.done").unwrap();
    let (call, arguments) = (done["call_id"].as_str().unwrap(), done["arguments"].as_str().unwrap());
    assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({ "day": "मंगल" }));
    let deltas: String = all
        .iter()
        .filter(|message| message["type"] == "response.function_call_arguments.delta")
        .filter_map(|message| message["delta"].as_str())
        .collect();
    assert_eq!(deltas, arguments);
    for (id, expected) in [("call_9", "error"), (call, "conversation.item.added")] {
        let item = json!({ "id": "mine", "type": "function_call_output", "call_id": id, "output": "{}" });
        client.say(json!({ "type": "conversation.item.create", "item": item })).await;
        assert_eq!(client.json().await["type"], expected);
    }
    client.json_of("conversation.item.done").await;
    client.say(json!({ "type": "conversation.item.create", "item": { "id": "mine", "type": "message" } })).await;
    assert_eq!(client.json().await["error"]["code"], "item_create_duplicate_item_id");
    client.say(json!({ "type": "response.create" })).await;
    let all = until_done(&mut client).await;
    assert_eq!(all.last().unwrap()["response"]["output"][0]["content"][0]["transcript"], "Ten is free.");
}

#[tokio::test]
async fn one_response_at_a_time() {
    let theatre = paced(1.0);
    let mut client = open(&theatre, Value::Null).await;
    client.say(json!({ "type": "response.create" })).await;
    client.say(json!({ "type": "response.create" })).await;
    assert_eq!(client.json_of("error").await["error"]["code"], "conversation_already_has_active_response");
    client.say(json!({ "type": "response.cancel" })).await;
    let done = client.json_of("response.done").await;
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
}

#[tokio::test]
async fn the_beta_is_over() {
    let theatre = theatre();
    let header = format!("{KEY}\r\nopenai-beta: realtime=v1");
    let mut client = Client::open(&theatre, PATH, &header).await.unwrap();
    assert_eq!(client.json().await["type"], "error");
    let Got::Close(Some(3000), reason) = client.next().await else { panic!("no close") };
    assert!(reason.starts_with("invalid_request_error."));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.say(json!({ "type": "session.update", "session": { "modalities": ["audio"] } })).await;
    assert_eq!(client.json().await["type"], "error");
    client.say(json!({ "type": "input_audio_buffer.append", "audio": encode(&quiet(20)) })).await;
    client.say(json!({ "type": "input_audio_buffer.append", "audio": "@" })).await;
    assert_eq!(client.json().await["type"], "error");
    let facts = facts(&theatre, Api::OpenAiRealtime);
    assert!(facts.has_fault("session_field_refused") && facts.has_fault("audio_before_session_updated"));
}

#[tokio::test]
async fn a_session_lives_an_hour() {
    // An hour is 60 ms here.
    let script = operetta_sim::theatre::Script { haste: 60_000.0, ..Default::default() };
    let theatre = Theatre::start(script).unwrap();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let all = client.rest().await;
    assert!(matches!(&all[1], Got::Json(message) if message["error"]["code"] == "session_expired"), "{all:?}");
    assert!(matches!(all.last(), Some(Got::Close(Some(1001), _))));
}

#[tokio::test]
async fn responses_fail_in_their_ways() {
    for (failure, status, detail) in [
        ("W27:rate", "failed", "/error/code=inference_rate_limit_exceeded"),
        ("W27:tokens", "incomplete", "/reason=max_output_tokens"),
        ("W27:filter", "incomplete", "/reason=content_filter"),
        ("W34", "cancelled", "/reason=turn_detected"),
    ] {
        let theatre = theatre();
        theatre.next(Api::OpenAiRealtime, 1, play(failure));
        let mut reply = Reply::call("find_slot", json!({}));
        reply.text = "One moment.".to_owned();
        theatre.say(reply);
        let mut client = open(&theatre, Value::Null).await;
        client.say(json!({ "type": "response.create" })).await;
        let all = until_done(&mut client).await;
        let done = &all.last().unwrap()["response"];
        assert_eq!(done["status"], status, "{failure}");
        let (path, value) = detail.split_once('=').unwrap();
        assert_eq!(done["status_details"].pointer(path), Some(&json!(value)), "{failure}");
        let has_call = all.iter().any(|message| message["type"] == "response.function_call_arguments.done");
        assert_eq!(has_call, failure == "W34");
    }
}

#[tokio::test]
async fn errors_of_truncating_and_committing_are_played() {
    for (failure, code) in [
        ("W26:shorter", "invalid_value"),
        ("W26:type", "unsupported_content_type"),
        ("W26:inactive", "response_cancel_not_active"),
        ("W32", "input_audio_buffer_commit_empty"),
    ] {
        let theatre = paced(2.0);
        theatre.next(Api::OpenAiRealtime, 1, play(failure));
        let mut client = open(&theatre, Value::Null).await;
        client.say(json!({ "type": "response.create" })).await;
        let delta = client.json_of("response.output_audio.delta").await;
        match failure {
            "W26:inactive" => client.say(json!({ "type": "response.cancel" })).await,
            "W32" => {
                send(&mut client, &loud(400)).await;
                client.say(json!({ "type": "input_audio_buffer.commit" })).await;
            }
            _ => {
                let item = &delta["item_id"];
                client.say(json!({ "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 1 })).await;
            }
        }
        assert_eq!(client.json_of("error").await["error"]["code"], code, "{failure}");
    }
}

#[tokio::test]
async fn audio_comes_after_the_end_of_its_response() {
    for failure in ["W16", "W18"] {
        let theatre = paced(4.0);
        theatre.next(Api::OpenAiRealtime, 1, play(failure));
        theatre.say(Reply::text("A reply of some length, for there has to be something left."));
        let mut client = open(&theatre, Value::Null).await;
        client.say(json!({ "type": "response.create" })).await;
        client.json_of("response.output_audio.delta").await;
        if failure == "W16" {
            client.say(json!({ "type": "response.cancel" })).await;
        }
        until_done(&mut client).await;
        let mut late = 0;
        while let Got::Json(message) = client.next_within(std::time::Duration::from_millis(300)).await {
            assert_eq!(message["type"], "response.output_audio.delta");
            late += 1;
        }
        let expected = if failure == "W16" { 12..=16 } else { 3..=8 };
        assert!(expected.contains(&late), "{failure} {late}");
        assert_eq!(facts(&theatre, Api::OpenAiRealtime).audio_after_cancel, late);
    }
}

#[tokio::test]
async fn transcripts_come_twice_or_empty() {
    for (failure, expected) in [("W21", vec!["one two"; 2]), ("W22:empty", vec![""])] {
        let theatre = hasty();
        theatre.next(Api::OpenAiRealtime, 1, play(failure));
        let mut client = open(&theatre, Value::Null).await;
        send(&mut client, &loud(500)).await;
        client.say(json!({ "type": "input_audio_buffer.commit" })).await;
        let mut told = Vec::new();
        while let Got::Json(message) = client.next_within(std::time::Duration::from_millis(200)).await {
            if message["type"] == "conversation.item.input_audio_transcription.completed" {
                told.push(message["transcript"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(told, expected, "{failure}");
    }
}
