//! Gemini `POST /v1beta/models/{model}:streamGenerateContent`: the REST reference of the Gemini API v1beta, November 2026.

use serde_json::{Value, json};

use super::{
    super::{backstage::Backstage, play::OddTools},
    Request,
    answer::{Answer, Beat, Part, Shape, What},
    checks::{Object, invalid, only_fields},
    refusal::Fault,
    thought::{Thought, a_token, read},
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&["alt", "key", "$alt"])?;
    let body = request.object()?;
    only_fields(&body, FIELDS)?;
    check_contents(&body)?;
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let functions = tools.filter_map(|tool| tool["functionDeclarations"].as_array()).flatten();
    let names: Vec<String> = functions.filter_map(|function| function["name"].as_str().map(str::to_owned)).collect();
    if let Some(config) = body.get("generationConfig").and_then(Value::as_object) {
        only_fields(config, CONFIG)?;
    }
    let model = request.head.path.trim_start_matches("/v1beta/models/");
    let model = model.split(':').next().unwrap_or_default();
    let thought = Thought::next(stage, &names);
    let events = request.head.parameter("alt") == Some("sse");
    let beats = beats(stage, model, &thought, request.tokens());
    let (content_type, beats): (_, Vec<Beat>) =
        if events { ("text/event-stream", beats) } else { ("application/json; charset=UTF-8", as_array(beats)) };
    let answer = Answer::new(Shape::Events, content_type, stage.pace().head, Box::new(beats.into_iter()));
    Ok(answer.billed(read(request.tokens())))
}

fn beats(stage: &Backstage, model: &str, thought: &Thought, tokens_in: u64) -> Vec<Beat> {
    let pace = stage.pace();
    let id = stage.id("fake");
    let chunk = |parts: Value, finish: Option<&str>, tokens_out: u64| {
        let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
        let mut usage = json!({"promptTokenCount": tokens_in, "totalTokenCount": tokens_in + tokens_out});
        if let Some(reason) = finish {
            candidate["finishReason"] = json!(reason);
            usage["candidatesTokenCount"] = json!(tokens_out);
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": id})
    };
    let (mut at, mut tokens, mut beats) = (pace.first, 0, Vec::new());
    for token in thought.reply.tokens() {
        tokens += 1;
        let data = chunk(json!([{"text": token}]), None, tokens);
        beats.push(Beat::event(at, Part::Output, None, &data).billed(a_token()));
        at += pace.token;
    }
    let calls = thought.reply.calls.iter().enumerate().map(|(index, call)| {
        let mut told = json!({"name": call.name});
        if thought.odd != Some(OddTools::Anonymous) {
            told["id"] = json!(format!("fc_{}_{index}", stage.request));
        }
        match thought.odd {
            Some(OddTools::Empty) => {}
            Some(OddTools::Invalid) => told["args"] = json!("{\"day\": Tuesday"),
            _ => told["args"] = call.arguments.clone(),
        }
        json!({"functionCall": told, "thoughtSignature": "ZmFrZQ=="})
    });
    // Calls come whole: one that is cut does not come at all.
    let parts: Vec<Value> = if thought.is_cut() { Vec::new() } else { calls.collect() };
    if !parts.is_empty() {
        tokens += parts.len() as u64;
        beats.push(Beat::event(at, Part::Output, None, &chunk(parts.into(), None, tokens)).billed(a_token()));
        at += pace.token;
    }
    let reason = if thought.is_cut() { "MAX_TOKENS" } else { "STOP" };
    let last = chunk(json!([{"text": ""}]), Some(reason), tokens);
    beats.push(Beat::event(at, Part::End, None, &last));
    beats
}

/// One array, streamed in pieces: what comes without `alt=sse`.
fn as_array(beats: Vec<Beat>) -> Vec<Beat> {
    let last = beats.len().saturating_sub(1);
    let pieces = beats.into_iter().enumerate().map(|(index, beat)| {
        let What::Event { data, .. } = beat.what else { return beat };
        let (open, close) = (if index == 0 { "[" } else { ",\r\n" }, if index == last { "]" } else { "" });
        Beat { what: What::Bytes(format!("{open}{data}{close}").into_bytes()), ..beat }
    });
    pieces.collect()
}

fn check_contents(body: &Object) -> Result<(), Fault> {
    let contents = body.get("contents").and_then(Value::as_array).filter(|contents| !contents.is_empty());
    for content in contents.ok_or_else(|| invalid("contents", "a list that is not empty"))? {
        if !["user", "model"].contains(&content["role"].as_str().unwrap_or("user")) {
            return Err(invalid("contents.role", "user or model"));
        }
        let parts = content["parts"].as_array().filter(|parts| !parts.is_empty());
        for part in parts.ok_or_else(|| invalid("contents.parts", "a list that is not empty"))? {
            let kinds = ["text", "functionCall", "functionResponse", "inlineData", "fileData"];
            if kinds.into_iter().filter(|kind| part.get(kind).is_some()).count() != 1 {
                return Err(invalid("contents.parts", "exactly one kind of data"));
            }
        }
    }
    Ok(())
}

const FIELDS: &[&str] = &[
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "generationConfig",
    "safetySettings",
    "cachedContent",
];

const CONFIG: &[&str] = &[
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "stopSequences",
    "thinkingConfig",
    "responseMimeType",
    "responseSchema",
    "candidateCount",
];
