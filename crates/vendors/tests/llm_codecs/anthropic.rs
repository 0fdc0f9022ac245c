use std::time::Duration;

use operetta_contract::{
    ApiKey, Complete, ErrorClass, Head, HttpVendor, Method,
    suite::{self, HttpCase},
};
use operetta_vendors::llm::anthropic::{Anthropic, Cache, Config, Version};
use serde_json::{Value, json};

use super::{DONE, KEY, body_of, check, check_job, event_stream, job, long_job, play, play_with};

const REPLY: &[u8] = include_bytes!("../fixtures/llm/anthropic_tool.sse");

fn config() -> Config {
    Config::new(ApiKey::new(KEY), "claude-haiku-5-5")
}

fn vendor() -> Anthropic {
    Anthropic::new(config())
}

#[test]
fn a_job_is_asked_so() {
    let (request, _) = vendor().open(&job()).unwrap();
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://api.anthropic.com/v1/messages"));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(
        headers,
        [
            ("x-api-key", KEY, true),
            ("anthropic-version", "2026-10-21", false),
            ("content-type", "application/json", false),
            ("accept", "text/event-stream", false),
        ]
    );
    let cached = json!({"type": "ephemeral"});
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "model": "claude-haiku-5-5",
            "max_tokens": 400,
            "stream": true,
            "thinking": {"type": "disabled"},
            "system": [{"type": "text", "text": "You answer the telephone of the Asha Clinic.", "cache_control": cached}],
            "tools": [
                {
                    "name": "find_slot",
                    "description": "The tool find_slot.",
                    "input_schema": {
                        "type": "object", "properties": {"day": {"type": "string"}}, "additionalProperties": false,
                    },
                },
                {
                    "name": "hang_up",
                    "description": "The tool hang_up.",
                    "input_schema": {"type": "object", "properties": {}},
                    "cache_control": cached,
                },
            ],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Have you anything on Tuesday?"}]}],
        })
    );
}

#[test]
fn results_stand_first_in_one_message_of_the_user() {
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        body_of(&vendor(), &long_job())["messages"],
        json!([
            {"role": "user", "content": [text("(The call is connected.)")]},
            {"role": "assistant", "content": [text("Namaste, Asha Clinic.")]},
            {"role": "user", "content": [text("Hello. Anything on Tuesday?")]},
            {"role": "assistant", "content": [text("Let me look…")]},
            {"role": "user", "content": [text("Quickly please.")]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "find_slot", "input": {"day": "Tuesday"}},
                {"type": "tool_use", "id": "functions_now_0", "name": "now", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "{\"slots\":[\"9:30\"]}"},
                {"type": "tool_result", "tool_use_id": "functions_now_0", "content": "no clock", "is_error": true},
                text("Well?"),
            ]},
        ])
    );
}

#[test]
fn a_reply_that_was_begun_is_prefilled_or_asked_for() {
    let begun = Complete { said: "We have nine ".into(), ..job() };
    let messages = body_of(&vendor(), &begun)["messages"].clone();
    // White space at the end of a prefill is refused.
    assert_eq!(messages[1], json!({"role": "assistant", "content": [{"type": "text", "text": "We have nine"}]}));
    assert_eq!(messages.as_array().unwrap().len(), 2);
    let asked = Anthropic::new(Config { prefill: false, ..config() });
    let messages = body_of(&asked, &begun)["messages"].clone();
    assert_eq!(messages[1]["content"][0]["text"], "We have nine");
    assert_eq!(messages[2]["role"], "user");
    assert!(messages[2]["content"][0]["text"].as_str().unwrap().contains("broke off"));
    // The beginning may have been all there was to say.
    check_job(&vendor(), &begun, &[STOP], &[DONE]);
}

#[test]
fn sampling_goes_to_the_old_version_only() {
    let sampling = Config { temperature: Some(0.5), top_p: Some(0.5), top_k: Some(3), ..config() };
    let new = body_of(&Anthropic::new(sampling.clone()), &job());
    let old = Anthropic::new(Config { version: Version::V2023_06_01, ..sampling });
    for (name, value) in [("temperature", json!(0.5)), ("top_p", json!(0.5)), ("top_k", json!(3))] {
        assert!(new.get(name).is_none(), "{name}");
        assert_eq!(body_of(&old, &job())[name], value);
    }
    assert_eq!(old.open(&job()).unwrap().0.headers[1].1.expose(), "2023-06-01");
    assert_eq!(Version::named("2026-10-21"), Some(Version::V2026_10_21));
    assert_eq!(Version::named("2026"), None);
}

#[test]
fn the_cache_is_used_as_configured_and_its_prefix_stays_the_same() {
    let hour = body_of(&Anthropic::new(Config { cache: Cache::OneHour, ..config() }), &job());
    assert_eq!(hour["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    let off = Anthropic::new(Config { cache: Cache::Off, ..config() }).open(&job()).unwrap().0.body;
    assert!(!String::from_utf8(off).unwrap().contains("cache_control"));
    let (one, other) = (body_of(&vendor(), &job()), body_of(&vendor(), &long_job()));
    assert_eq!(
        one["system"].to_string() + &one["tools"].to_string(),
        other["system"].to_string() + &other["tools"].to_string()
    );
    let bare = Complete { prompt: " ".into(), tools: Vec::new().into(), ..job() };
    let body = body_of(&vendor(), &bare);
    assert!(body.get("system").is_none() && body.get("tools").is_none(), "{body}");
}

#[test]
fn words_and_a_call_are_read_and_counted() {
    let head = {
        let mut head = event_stream();
        head.headers.push(("request-id".into(), "req_1".into()));
        head
    };
    let played = play_with(&vendor(), &job(), &head, REPLY);
    assert_eq!(
        played.told,
        ["text एक मिनट, ", "text let me check. 🙂", "call toolu_1 find_slot {\"day\":\"Tuesday\"}", DONE]
    );
    let usage = played.usage;
    assert_eq!((usage.tokens_in, usage.tokens_cached, usage.tokens_out, usage.estimated), (2212, 1800, 41, false));
    assert_eq!(usage.request_id.as_deref(), Some("req_1"));
    assert_eq!(played.unknown, 0);
}

#[test]
fn a_reply_that_is_cut_off_tells_what_is_known() {
    let cut = REPLY.len() / 2;
    let played = play(&vendor(), &job(), &REPLY[..cut]);
    assert_eq!(played.told.last().unwrap(), "error protocol");
    let usage = played.usage;
    assert!(
        usage.estimated && usage.tokens_in == 2212 && usage.tokens_cached == 1800 && usage.tokens_out > 0,
        "{usage:?}"
    );
}

const STOP: &str = r#"{"type":"message_stop"}"#;

fn text(text: &str) -> String {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}).to_string()
}

fn stop_reason(reason: &str) -> String {
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}}).to_string()
}

#[test]
fn reasons_to_stop() {
    let hello = text("Hello.");
    for good in
        ["end_turn", "stop_sequence", "max_tokens", "pause_turn", "model_context_window_exceeded", "something_new"]
    {
        check(&vendor(), &[&hello, &stop_reason(good), STOP], &["text Hello.", DONE]);
        check(&vendor(), &[&stop_reason(good), STOP], &["error empty"]);
    }
    check(&vendor(), &[&stop_reason("refusal"), STOP], &["error refused"]);
    check(&vendor(), &[&hello, &stop_reason("refusal"), STOP], &["text Hello.", "error refused"]);
    check(&vendor(), &[&text(" \n"), STOP], &["text  \n", "error empty"]);
    check(&vendor(), &[&hello, &stop_reason("end_turn")], &["text Hello.", "error protocol"]);
}

#[test]
fn tool_calls_in_odd_forms() {
    let start = |index: u8, input: Value| {
        let block = json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": "find_slot", "input": input});
        json!({"type": "content_block_start", "index": index, "content_block": block}).to_string()
    };
    let piece = |index: u8, json: &str| {
        let delta = json!({"type": "input_json_delta", "partial_json": json});
        json!({"type": "content_block_delta", "index": index, "delta": delta}).to_string()
    };
    let stop = |index: u8| json!({"type": "content_block_stop", "index": index}).to_string();
    let (one, other) = (start(0, json!({})), start(1, json!({})));
    // Nothing means an object without fields.
    check(&vendor(), &[&one, &stop(0), STOP], &["call toolu_0 find_slot {}", DONE]);
    check(&vendor(), &[&one, &piece(0, ""), &stop(0), STOP], &["call toolu_0 find_slot {}", DONE]);
    // In one piece, with the block, and interleaved with another.
    check(&vendor(), &[&one, &piece(0, "{\"a\":1}"), &stop(0), STOP], &["call toolu_0 find_slot {\"a\":1}", DONE]);
    check(&vendor(), &[&start(0, json!({"a": 1})), &stop(0), STOP], &["call toolu_0 find_slot {\"a\":1}", DONE]);
    let interleaved = [&one, &other, &piece(1, "{\"b\""), &piece(0, "{\"a\":1}"), &piece(1, ":2}"), &stop(1), &stop(0)];
    let mut lines: Vec<&str> = interleaved.map(String::as_str).to_vec();
    lines.push(STOP);
    check(&vendor(), &lines, &["call toolu_1 find_slot {\"b\":2}", "call toolu_0 find_slot {\"a\":1}", DONE]);
    // Cut by the token limit, broken, no object, never ended, without a name: the call is not made.
    for broken in ["{\"day\":\"Tu", "{]", "7"] {
        check(&vendor(), &[&one, &piece(0, broken), &stop(0), &stop_reason("max_tokens"), STOP], &["error protocol"]);
    }
    check(&vendor(), &[&one, &piece(0, "{}"), STOP], &["error protocol"]);
    let nameless = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"x"}}"#;
    check(&vendor(), &[nameless, &stop(0), STOP], &["error protocol"]);
    // Without an id, and with one that the conversation has had.
    let anonymous = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"now"}}"#;
    check(&vendor(), &[anonymous, &stop(0), STOP], &["call call_1 now {}", DONE]);
    check_job(&vendor(), &long_job(), &[&other, &stop(1), STOP], &["call call_3 find_slot {}", DONE]);
    // Endless.
    let long = "x".repeat(300 * 1024);
    check(&vendor(), &[&one, &piece(0, &long)], &["error protocol"]);
}

#[test]
fn what_is_not_for_the_caller_is_passed_over() {
    let thought = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"hm"}}"#;
    let thinking = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
    let signature = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#;
    let played = check(&vendor(), &[thought, thinking, signature, &text("So."), STOP], &["text So.", DONE]);
    assert_eq!(played.unknown, 0);
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","name":"x"}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":1}}"#;
    let played = check(&vendor(), &[block, delta, r#"{"type":"new_event"}"#, &text("So."), STOP], &["text So.", DONE]);
    assert_eq!(played.unknown, 3);
}

#[test]
fn failures_in_the_stream() {
    let error = |kind: &str| format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"Overloaded"}}}}"#);
    check(&vendor(), &[&error("overloaded_error")], &["error unavailable"]);
    check(&vendor(), &[&text("Well"), &error("overloaded_error")], &["text Well", "error unavailable"]);
    check(&vendor(), &[&error("api_error")], &["error unavailable"]);
    check(&vendor(), &[&error("rate_limit_error")], &["error rate_limited"]);
    check(&vendor(), &[&error("something_new")], &["error unavailable"]);
    check(&vendor(), &["{\"type\":"], &["error protocol"]);
    check(&vendor(), &["{\"type\":\"ping\0\"}"], &["error protocol"]);
    let wrong = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":7}}"#;
    check(&vendor(), &[&text("Well"), wrong], &["text Well", "error protocol"]);
    check(&vendor(), &[], &["error protocol"]);
}

#[test]
fn the_type_may_stand_in_the_name_of_the_event_only() {
    let body = "event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\nevent: message_stop\ndata: {}\n\n";
    assert_eq!(play(&vendor(), &job(), body.as_bytes()).told, ["text Hi", DONE]);
}

fn error(kind: &str, message: &str, details: &str) -> String {
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"{details}}},"request_id":"req_1"}}"#)
}

#[test]
fn every_promise_is_kept() {
    let (request, none) = ("invalid_request_error", "");
    let spent = |code: &str| error("rate_limit_error", "why", &format!(r#","details":{{"error_code":"{code}"}}"#));
    let case = HttpCase::new(job(), "text/event-stream", REPLY)
        .key(KEY)
        .refused(400, &error(request, "messages: wrong", none), ErrorClass::BadRequest)
        .refused(400, &error(request, "prompt is too long: 200001 tokens", none), ErrorClass::TooLong)
        .refused(400, &error(request, "Your credit balance is too low", none), ErrorClass::Quota)
        .refused(401, &error("authentication_error", "invalid x-api-key", none), ErrorClass::Auth)
        .refused(402, &error("billing_error", "why", none), ErrorClass::Quota)
        .refused(403, &error("permission_error", "why", none), ErrorClass::Auth)
        .refused(404, &error("not_found_error", "model: claude-1", none), ErrorClass::Missing)
        .refused(413, &error("request_too_large", "why", none), ErrorClass::TooLong)
        .refused(429, &spent("enforced_spend_limit_reached"), ErrorClass::Quota)
        .refused(429, &spent("contract_spend_limit_reached"), ErrorClass::Quota)
        .refused(429, &spent("ramp_limit_exceeded"), ErrorClass::RateLimited)
        .refused(500, &error("api_error", "why", none), ErrorClass::Unavailable)
        .refused(504, &error("timeout_error", "why", none), ErrorClass::Unavailable)
        .refused(529, &error("overloaded_error", "Overloaded", none), ErrorClass::Unavailable)
        .refused_with(
            429,
            &[("retry-after", "2")],
            &error("rate_limit_error", "why", none),
            ErrorClass::RateLimited,
            Some(Duration::from_secs(2)),
        );
    suite::http("Anthropic", &vendor(), &case).assert();
}

#[test]
fn a_refusal_names_its_request() {
    let head = Head { status: 529, headers: Vec::new() };
    let error = vendor().refusal(&head, error("overloaded_error", "Overloaded", "").as_bytes());
    assert_eq!(error.detail, "status 529, overloaded_error: Overloaded (request req_1)");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(body in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = play(&vendor(), &job(), &body);
        let _ = vendor().refusal(&event_stream(), &body);
    }
}
