use std::time::Duration;

use operetta_contract::{
    ApiKey, Complete, ErrorClass, HttpVendor, Method,
    suite::{self, HttpCase},
};
use operetta_vendors::llm::openai::{Config, LimitField, OpenAiChat};
use serde_json::{Value, json};

use super::{DONE, KEY, body_of, check, check_job, event_stream, job, long_job, play};

const REPLY: &[u8] = include_bytes!("../fixtures/llm/openai_tool.sse");
const OLLAMA: &[u8] = include_bytes!("../fixtures/llm/ollama_tool.sse");

fn config() -> Config {
    Config::new(ApiKey::new(KEY), "gpt-5.6-luna")
}

fn vendor() -> OpenAiChat {
    OpenAiChat::new(config())
}

fn local() -> OpenAiChat {
    OpenAiChat::new(Config::local("http://localhost:11434", "qwen"))
}

#[test]
fn a_job_is_asked_so() {
    let (request, _) = vendor().open(&job()).unwrap();
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://api.openai.com/v1/chat/completions"));
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(headers[0], ("authorization", "Bearer sk-test-0123456789", true));
    let tool = |name: &str, parameters: Value| {
        let description = format!("The tool {name}.");
        json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}})
    };
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "model": "gpt-5.6-luna",
            "max_completion_tokens": 400,
            "stream": true,
            "stream_options": {"include_usage": true, "include_obfuscation": false},
            "tools": [
                tool("find_slot", json!({
                    "type": "object", "properties": {"day": {"type": "string"}}, "additionalProperties": false,
                })),
                tool("hang_up", json!({"type": "object", "properties": {}})),
            ],
            "messages": [
                {"role": "system", "content": "You answer the telephone of the Asha Clinic."},
                {"role": "user", "content": "Have you anything on Tuesday?"},
            ],
        })
    );
}

#[test]
fn models_that_reason_take_their_limit_under_its_new_name_wherever_they_are() {
    for (model, limit) in [
        ("gpt-5.6-luna", LimitField::MaxCompletionTokens),
        ("openai/o4-mini", LimitField::MaxCompletionTokens),
        ("gpt-4o", LimitField::MaxTokens),
        ("openai/gpt-oss-20b", LimitField::MaxTokens),
        ("qwen3:8b", LimitField::MaxTokens),
    ] {
        assert_eq!(LimitField::elsewhere(model), limit, "{model}");
    }
}

#[test]
fn a_local_server_is_asked_without_a_key_and_with_plain_fields() {
    let (request, _) = local().open(&Complete { tools: Vec::new().into(), ..job() }).unwrap();
    assert_eq!(request.url, "http://localhost:11434/v1/chat/completions");
    assert!(request.headers.iter().all(|(name, value)| *name != "authorization" && !value.is_secret()));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["max_tokens", "messages", "model", "stream", "stream_options"]);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    let warm_up = local().warm_up().unwrap();
    assert_eq!((warm_up.method, warm_up.url.as_str()), (Method::Get, "http://localhost:11434/v1/models"));
    let plain = Config { report_usage: false, ..Config::local("http://localhost:1", "x") };
    assert!(body_of(&OpenAiChat::new(plain), &job()).get("stream_options").is_none());
}

#[test]
fn settings_are_sent_when_they_are_set() {
    let vendor = OpenAiChat::new(Config {
        limit: LimitField::MaxTokens,
        temperature: Some(0.5),
        reasoning_effort: Some("none".to_owned()),
        verbosity: Some("low".to_owned()),
        cache_key: Some("asha".to_owned()),
        service_tier: Some("priority".to_owned()),
        ..config()
    });
    let body = body_of(&vendor, &job());
    assert_eq!(body["max_tokens"], 400);
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(body["reasoning_effort"], "none");
    assert_eq!(body["verbosity"], "low");
    assert_eq!(body["prompt_cache_key"], "asha");
    assert_eq!(body["service_tier"], "priority");
}

#[test]
fn results_follow_the_message_with_their_calls() {
    let messages = body_of(&vendor(), &long_job())["messages"].clone();
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    assert_eq!(
        messages.as_array().unwrap()[1..],
        [
            json!({"role": "user", "content": "(The call is connected.)"}),
            json!({"role": "assistant", "content": "Namaste, Asha Clinic."}),
            json!({"role": "user", "content": "Hello. Anything on Tuesday?"}),
            json!({"role": "assistant", "content": "Let me look…"}),
            json!({"role": "user", "content": "Quickly please."}),
            json!({"role": "assistant", "content": "", "tool_calls": [
                call("toolu_1", "find_slot", "{\"day\":\"Tuesday\"}"), call("functions_now_0", "now", "{}"),
            ]}),
            json!({"role": "tool", "tool_call_id": "toolu_1", "content": "{\"slots\":[\"9:30\"]}"}),
            json!({"role": "tool", "tool_call_id": "functions_now_0", "content": "The tool failed: no clock"}),
            json!({"role": "user", "content": "Well?"}),
        ]
    );
}

#[test]
fn a_reply_that_was_begun_is_asked_for() {
    let begun = Complete { said: "We have nine ".into(), ..job() };
    let messages = body_of(&vendor(), &begun)["messages"].clone();
    assert_eq!(messages[2], json!({"role": "assistant", "content": "We have nine"}));
    assert_eq!(messages[3]["role"], "user");
    check_job(&vendor(), &begun, &["[DONE]"], &[DONE]);
}

#[test]
fn words_and_a_call_are_read_and_counted() {
    let played = play(&vendor(), &job(), REPLY);
    assert_eq!(played.told, ["text ज़रूर, ", "text one moment.", "call call_1 find_slot {\"day\":\"Tuesday\"}", DONE]);
    let usage = played.usage;
    assert_eq!((usage.tokens_in, usage.tokens_cached, usage.tokens_out, usage.estimated), (512, 384, 24, false));
    assert_eq!(played.unknown, 0);
}

#[test]
fn a_local_server_may_leave_out_nearly_everything() {
    let played = play(&local(), &job(), OLLAMA);
    assert_eq!(played.told, ["call call_1 find_slot {\"day\":\"Tuesday\"}", "call call_2 hang_up {}", DONE]);
    assert!(played.usage.estimated && played.usage.tokens_in > 0 && played.usage.tokens_out > 0, "{:?}", played.usage);
}

fn delta(delta: &Value, reason: Option<&str>) -> String {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}).to_string()
}

fn text(text: &str) -> String {
    delta(&json!({"content": text}), None)
}

fn finish(reason: &str) -> String {
    delta(&json!({}), Some(reason))
}

#[test]
fn ends_in_all_their_forms() {
    let hello = text("Hello.");
    for reason in ["stop", "length", "tool_calls", "function_call", "something_new"] {
        check(&vendor(), &[&hello, &finish(reason), "[DONE]"], &["text Hello.", DONE]);
        check(&vendor(), &[&hello, &finish(reason)], &["text Hello.", DONE]);
        check(&vendor(), &[&finish(reason), "[DONE]"], &["error empty"]);
    }
    check(&vendor(), &[&hello, "[DONE]", "[DONE]"], &["text Hello.", DONE]);
    check(&vendor(), &[&hello], &["text Hello.", "error protocol"]);
    check(&vendor(), &[], &["error protocol"]);
    check(&vendor(), &[&hello, &finish("content_filter"), "[DONE]"], &["text Hello.", "error refused"]);
    check(&vendor(), &[&delta(&json!({"refusal": "I cannot"}), None)], &["error refused"]);
    // The last event without its blank line.
    let body = format!("data: {hello}\n\ndata: {}\n", finish("stop"));
    assert_eq!(play(&vendor(), &job(), body.as_bytes()).told, ["text Hello.", DONE]);
}

#[test]
fn tool_calls_in_odd_forms() {
    let call = |fragments: &[Value]| delta(&json!({"content": null, "tool_calls": fragments}), None);
    let (stop, done) = (finish("stop"), "[DONE]");
    let whole = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}});
    let other = json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{\"y\":"}});
    let rest = json!({"index": 1, "function": {"arguments": "2}"}});
    check(&vendor(), &[&call(std::slice::from_ref(&whole)), &stop, done], &["call a f {\"x\":1}", DONE]);
    // Interleaved indexes, in one chunk and in several.
    let both = ["call a f {\"x\":1}", "call b g {\"y\":2}", DONE];
    check(&vendor(), &[&call(&[whole.clone(), other.clone()]), &call(std::slice::from_ref(&rest)), &stop, done], &both);
    check(&vendor(), &[&call(&[other, whole.clone()]), &call(&[rest]), &stop], &[both[1], both[0], DONE]);
    // No index: a new id is a new call, and so is a new name without an id.
    let by_id = |id: &str, arguments: &str| json!({"id": id, "function": {"name": "f", "arguments": arguments}});
    check(
        &vendor(),
        &[&call(&[by_id("a", "{}")]), &call(&[by_id("b", "{}")]), &stop],
        &["call a f {}", "call b f {}", DONE],
    );
    check(
        &vendor(),
        &[&call(&[by_id("a", "{\"x\"")]), &call(&[by_id("a", ":1}")]), &stop],
        &["call a f {\"x\":1}", DONE],
    );
    let nameless = json!({"function": {"arguments": ":1}"}});
    check(&vendor(), &[&call(&[by_id("a", "{\"x\"")]), &call(&[nameless]), &stop], &["call a f {\"x\":1}", DONE]);
    let no_id = |name: &str| json!({"function": {"name": name, "arguments": "{}"}});
    check(
        &vendor(),
        &[&call(&[no_id("f")]), &call(&[no_id("g")]), &stop],
        &["call call_1 f {}", "call call_2 g {}", DONE],
    );
    // Every call with the index 0.
    let zero = |id: &str| json!({"index": 0, "id": id, "function": {"name": "f", "arguments": "{}"}});
    check(&vendor(), &[&call(&[zero("a")]), &call(&[zero("b")]), &stop], &["call a f {}", "call b f {}", DONE]);
    // The id and the name again with every piece.
    let again = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}});
    let closed = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}});
    check(&vendor(), &[&call(&[again]), &call(&[closed]), &stop], &["call a f {}", DONE]);
    // Empty, missing, null, an object, an object as a string.
    for (arguments, expected) in [
        (json!(""), "{}"),
        (Value::Null, "{}"),
        (json!({"x": 1}), "{\"x\":1}"),
        (json!("\"{\\\"x\\\":1}\""), "{\"x\":1}"),
    ] {
        let odd = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}});
        check(&vendor(), &[&call(&[odd]), &stop], &[&format!("call a f {expected}"), DONE]);
    }
    // Cut by the token limit, broken, no object, without a name: the call is not made.
    for broken in [json!("{\"day\":\"Tu"), json!("{]"), json!([1]), json!(7)] {
        let odd = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": broken}});
        check(&vendor(), &[&text("So"), &call(&[odd]), &finish("length"), done], &["text So", "error protocol"]);
    }
    let nobody = json!({"index": 0, "id": "a", "function": {"arguments": "{}"}});
    check(&vendor(), &[&call(&[nobody]), &stop], &["error protocol"]);
    let endless = json!({"index": 0, "function": {"name": "f", "arguments": "x".repeat(300 * 1024)}});
    check(&vendor(), &[&call(&[endless])], &["error protocol"]);
    let many: Vec<Value> =
        (0..80).map(|n| json!({"index": n, "id": format!("i{n}"), "function": {"name": "f"}})).collect();
    let body = format!("data: {}\n\ndata: {stop}\n\n", call(&many));
    assert_eq!(play(&vendor(), &job(), body.as_bytes()).told.last().unwrap(), "error protocol");
}

#[test]
fn usage_may_be_anywhere_or_nowhere() {
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 2});
    let every = json!({"choices": [{"delta": {"content": "Hi"}}], "usage": usage}).to_string();
    let last = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}).to_string();
    let played = check(&vendor(), &[&every, &finish("stop"), &last, &last, "[DONE]"], &["text Hi", DONE]);
    assert_eq!((played.usage.tokens_in, played.usage.tokens_out, played.usage.estimated), (9, 3, false));
    let played =
        check(&vendor(), &[&text("Hello there, caller."), &finish("stop")], &["text Hello there, caller.", DONE]);
    assert_eq!((played.usage.tokens_out, played.usage.estimated), (5, true));
    assert!(played.usage.tokens_in > 50);
}

#[test]
fn failures_in_the_stream() {
    let error = r#"{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}"#;
    check(&vendor(), &[error, "[DONE]"], &["error unavailable"]);
    check(&vendor(), &[&text("Well"), error], &["text Well", "error unavailable"]);
    let number = r#"{"error":{"message":"why","type":"BadRequestError","code":400}}"#;
    check(&vendor(), &[number, "[DONE]"], &["error bad_request"]);
    check(&vendor(), &[r#"{"error":"out of memory"}"#], &["error unavailable"]);
    check(&vendor(), &[r#"{"choices":[{"delta":{"content":"#], &["error protocol"]);
    check(&vendor(), &[r#"{"choices":[{"delta":{"content":7}}]}"#], &["error protocol"]);
    check(&vendor(), &[r#"{"choices":7}"#], &["error protocol"]);
    check(&vendor(), &["{\"choices\":[\0]}"], &["error protocol"]);
}

#[test]
fn what_is_not_known_or_not_for_the_caller_is_passed_over() {
    let thought = delta(&json!({"reasoning_content": "hm", "reasoning": "hm"}), None);
    let second = json!({"choices": [{"index": 1, "delta": {"content": "other"}}]}).to_string();
    let lines = [r#"{"object":"something.new"}"#, &thought, &second, &text("So."), &finish("stop")];
    let played = check(&vendor(), &lines, &["text So.", DONE]);
    assert_eq!(played.unknown, 1);
}

#[test]
fn every_promise_is_kept() {
    let error = |kind: &str, code: &str| {
        format!(r#"{{"error":{{"message":"why","type":"{kind}","param":null,"code":{code}}}}}"#)
    };
    let request = "invalid_request_error";
    let case = HttpCase::new(job(), "text/event-stream", REPLY)
        .key(KEY)
        .refused(400, &error(request, r#""invalid_value""#), ErrorClass::BadRequest)
        .refused(400, &error(request, r#""context_length_exceeded""#), ErrorClass::TooLong)
        .refused(401, &error(request, r#""invalid_api_key""#), ErrorClass::Auth)
        .refused(404, &error(request, r#""model_not_found""#), ErrorClass::Missing)
        .refused(429, &error("insufficient_quota", "null"), ErrorClass::Quota)
        .refused(429, &error("requests", r#""insufficient_quota""#), ErrorClass::Quota)
        .refused(503, &error("service_unavailable_error", r#""server_is_overloaded""#), ErrorClass::Unavailable)
        .refused_with(500, &[("x-should-retry", "false")], "", ErrorClass::BadRequest, None)
        .refused_with(400, &[("x-should-retry", "true")], "", ErrorClass::Unavailable, None)
        .refused_with(
            429,
            &[("retry-after-ms", "1500")],
            &error("requests", r#""rate_limit_exceeded""#),
            ErrorClass::RateLimited,
            Some(Duration::from_millis(1500)),
        );
    suite::http("OpenAI", &vendor(), &case).assert();
    let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    let case = HttpCase::new(job(), "text/event-stream", OLLAMA).refused(503, loading, ErrorClass::Unavailable);
    suite::http("Ollama", &local(), &case).assert();
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(body in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = play(&vendor(), &job(), &body);
        let _ = vendor().refusal(&event_stream(), &body);
    }
}
