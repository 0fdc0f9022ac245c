use std::time::Duration;

use operetta_contract::{
    ApiKey, Complete, ErrorClass, HttpVendor, Method, Tool,
    suite::{self, HttpCase},
};
use operetta_vendors::llm::gemini::{Config, Gemini, Thinking};
use serde_json::{Value, json};

use super::{DONE, KEY, body_of, called, check, check_job, event_stream, job, long_job, play, returned};

const REPLY: &[u8] = include_bytes!("../fixtures/llm/gemini_tool.sse");

fn config() -> Config {
    Config::new(ApiKey::new(KEY), "gemini-3.5-flash")
}

fn vendor() -> Gemini {
    Gemini::new(config())
}

#[test]
fn a_job_is_asked_so() {
    let (request, _) = vendor().open(&job()).unwrap();
    let url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse";
    assert_eq!((request.method, request.url.as_str()), (Method::Post, url));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(headers[0], ("x-goog-api-key", KEY, true));
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "systemInstruction": {"parts": [{"text": "You answer the telephone of the Asha Clinic."}]},
            "contents": [{"role": "user", "parts": [{"text": "Have you anything on Tuesday?"}]}],
            "generationConfig": {"maxOutputTokens": 400},
            "tools": [{"functionDeclarations": [
                {
                    "name": "find_slot",
                    "description": "The tool find_slot.",
                    "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
                },
                {"name": "hang_up", "description": "The tool hang_up."},
            ]}],
        })
    );
    let warm_up = vendor().warm_up().unwrap();
    let url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash";
    assert_eq!((warm_up.method, warm_up.url.as_str()), (Method::Get, url));
}

#[test]
fn settings_are_sent_when_they_are_set() {
    let vendor = Gemini::new(Config {
        model: "models/gemini-3.5-flash".to_owned(),
        temperature: Some(0.5),
        thinking: Thinking::Budget(0),
        ..config()
    });
    let generation = &body_of(&vendor, &job())["generationConfig"];
    assert_eq!(generation["temperature"], 0.5);
    assert_eq!(generation["thinkingConfig"], json!({"thinkingBudget": 0}));
    assert!(vendor.open(&job()).unwrap().0.url.contains("/models/gemini-3.5-flash:"));
    let level = Gemini::new(Config { thinking: Thinking::Level("minimal".to_owned()), ..config() });
    assert_eq!(body_of(&level, &job())["generationConfig"]["thinkingConfig"], json!({"thinkingLevel": "minimal"}));
}

#[test]
fn schemas_lose_what_is_not_known_and_keep_fields_of_the_same_names() {
    let parameters = json!({
        "$schema": "x",
        "type": "object",
        "properties": {
            "strict": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}},
            "list": {"type": "array", "items": {"type": "object", "additionalProperties": false}},
        },
        "additionalProperties": false,
    });
    let tool = Tool { name: "x".into(), description: "".into(), parameters: parameters.to_string().into() };
    let body = body_of(&vendor(), &Complete { tools: vec![tool].into(), ..job() });
    assert_eq!(
        body["tools"][0]["functionDeclarations"][0]["parameters"],
        json!({
            "type": "object",
            "properties": {
                "strict": {"type": "object", "properties": {"a": {"type": "string"}}},
                "list": {"type": "array", "items": {"type": "object"}},
            },
        })
    );
}

#[test]
fn signatures_go_back_unchanged_and_results_stand_alone() {
    let text = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
    assert_eq!(
        body_of(&vendor(), &long_job())["contents"],
        json!([
            text("user", "(The call is connected.)"),
            text("model", "Namaste, Asha Clinic."),
            text("user", "Hello. Anything on Tuesday?"),
            text("model", "Let me look…"),
            text("user", "Quickly please."),
            {"role": "model", "parts": [
                {
                    "functionCall": {"id": "toolu_1", "name": "find_slot", "args": {"day": "Tuesday"}},
                    "thoughtSignature": "c2VhbA==",
                },
                {"functionCall": {"id": "functions_now_0", "name": "now", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "toolu_1", "name": "find_slot", "response": {"slots": ["9:30"]}}},
                {"functionResponse": {"id": "functions_now_0", "name": "now", "response": {"error": "no clock"}}},
            ]},
            text("user", "Well?"),
        ])
    );
}

#[test]
fn calls_of_other_models_are_sealed_for_them() {
    let mut foreign = job();
    foreign.dialogue.extend([called("a", "f", "{}", None), called("b", "g", "{}", None)]);
    foreign.dialogue.extend([returned("a", "f", "fine", false), returned("b", "g", "[1]", false)]);
    let parts = body_of(&vendor(), &foreign)["contents"][1]["parts"].clone();
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert!(parts[1].get("thoughtSignature").is_none(), "{parts}");
    let results = body_of(&vendor(), &foreign)["contents"][2]["parts"].clone();
    assert_eq!(results[0]["functionResponse"]["response"], json!({"output": "fine"}));
    assert_eq!(results[1]["functionResponse"]["response"], json!({"output": "[1]"}));
    let plain = Gemini::new(Config { seal_foreign_calls: false, ..config() });
    assert!(body_of(&plain, &foreign)["contents"][1]["parts"][0].get("thoughtSignature").is_none());
}

#[test]
fn words_and_calls_are_read_and_counted_and_thoughts_are_not_spoken() {
    let played = play(&vendor(), &job(), REPLY);
    assert_eq!(
        played.told,
        [
            "text ठीक है, ",
            "text one moment.",
            "call fc_1 find_slot {\"day\":\"Tuesday\"} sealed c2VhbA==",
            "call call_2 hang_up {}",
            DONE,
        ]
    );
    let usage = played.usage;
    assert_eq!((usage.tokens_in, usage.tokens_cached, usage.tokens_out, usage.estimated), (210, 128, 25, false));
    assert_eq!(usage.request_id.as_deref(), Some("r1"));
    assert_eq!(played.unknown, 0);
}

fn parts(parts: &Value, reason: Option<&str>) -> String {
    let candidate = json!({"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": 0});
    json!({"candidates": [candidate]}).to_string()
}

#[test]
fn reasons_to_stop() {
    let hello = parts(&json!([{"text": "Hello."}]), None);
    let end = |reason: &str| json!({"candidates": [{"finishReason": reason}]}).to_string();
    for good in ["STOP", "MAX_TOKENS", "OTHER", "SOMETHING_NEW"] {
        check(&vendor(), &[&hello, &end(good)], &["text Hello.", DONE]);
        check(&vendor(), &[&end(good)], &["error empty"]);
    }
    for refused in ["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"] {
        check(&vendor(), &[&end(refused)], &["error refused"]);
        check(&vendor(), &[&hello, &end(refused)], &["text Hello.", "error refused"]);
    }
    for broken in ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"] {
        check(&vendor(), &[&hello, &end(broken)], &["text Hello.", "error protocol"]);
    }
    check(
        &vendor(),
        &[r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#],
        &["error refused"],
    );
    check(&vendor(), &[&hello], &["text Hello.", "error protocol"]);
    check(&vendor(), &[&parts(&json!([{"text": "hm", "thought": true}]), Some("MAX_TOKENS"))], &["error empty"]);
    let begun = Complete { said: "We have nine".into(), ..job() };
    check_job(&vendor(), &begun, &[&end("STOP")], &[DONE]);
    let contents = body_of(&vendor(), &begun)["contents"].clone();
    assert_eq!((&contents[1]["role"], &contents[2]["role"]), (&json!("model"), &json!("user")));
}

#[test]
fn calls_in_odd_forms() {
    let call = |call: Value| parts(&json!([{"functionCall": call}]), Some("STOP"));
    check(&vendor(), &[&call(json!({"name": "f"}))], &["call call_1 f {}", DONE]);
    check(&vendor(), &[&call(json!({"id": null, "name": "f", "args": null}))], &["call call_1 f {}", DONE]);
    check(&vendor(), &[&call(json!({"id": "a", "name": "f", "args": {"x": [1]}}))], &["call a f {\"x\":[1]}", DONE]);
    check(&vendor(), &[&call(json!({"name": "f", "args": [1]}))], &["error protocol"]);
    check(&vendor(), &[&call(json!({"args": {}}))], &["error protocol"]);
    check_job(&vendor(), &long_job(), &[&call(json!({"id": "toolu_1", "name": "f"}))], &["call call_3 f {}", DONE]);
}

#[test]
fn failures_and_strange_things_in_the_stream() {
    let hello = parts(&json!([{"text": "Hello."}]), None);
    let error = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    check(&vendor(), &[error], &["error unavailable"]);
    check(&vendor(), &[&hello, &format!("[{error}]")], &["text Hello.", "error unavailable"]);
    check(&vendor(), &[r#"{"candidates":[{"content":"#], &["error protocol"]);
    check(&vendor(), &[&parts(&json!([{"text": 7}]), None)], &["error protocol"]);
    check(&vendor(), &[&parts(&json!("Hello"), None)], &["error protocol"]);
    check(&vendor(), &[], &["error protocol"]);
    let strange = parts(&json!([{"inlineData": {"data": ""}}, {"text": "So."}]), Some("STOP"));
    let played = check(&vendor(), &[r#"{"somethingNew":1}"#, &strange], &["text So.", DONE]);
    assert_eq!(played.unknown, 2);
}

#[test]
fn every_promise_is_kept() {
    let error = |code: u16, status: &str, details: &str| {
        format!(r#"[{{"error":{{"code":{code},"message":"why","status":"{status}","details":[{details}]}}}}]"#)
    };
    let pause = r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}"#;
    let per_day =
        r#"{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"RequestsPerDay"}]}"#;
    let case = HttpCase::new(job(), "text/event-stream", REPLY)
        .key(KEY)
        .refused(400, &error(400, "INVALID_ARGUMENT", r#"{"reason":"API_KEY_INVALID"}"#), ErrorClass::Auth)
        .refused(400, &error(400, "INVALID_ARGUMENT", ""), ErrorClass::BadRequest)
        .refused(403, &error(403, "PERMISSION_DENIED", ""), ErrorClass::Auth)
        .refused(404, &error(404, "NOT_FOUND", ""), ErrorClass::Missing)
        .refused(429, &error(429, "RESOURCE_EXHAUSTED", per_day), ErrorClass::Quota)
        .refused(500, &error(500, "INTERNAL", ""), ErrorClass::Unavailable)
        .refused(503, &error(503, "UNAVAILABLE", ""), ErrorClass::Unavailable)
        .refused(504, &error(504, "DEADLINE_EXCEEDED", ""), ErrorClass::Unavailable)
        .refused_with(
            429,
            &[],
            &error(429, "RESOURCE_EXHAUSTED", pause),
            ErrorClass::RateLimited,
            Some(Duration::from_secs(12)),
        );
    suite::http("Gemini", &vendor(), &case).assert();
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(body in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = play(&vendor(), &job(), &body);
        let _ = vendor().refusal(&event_stream(), &body);
    }
}
