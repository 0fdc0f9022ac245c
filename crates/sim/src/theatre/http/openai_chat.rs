//! OpenAI `POST /v1/chat/completions`: its API reference and Python SDK 3.51.0, November 2026.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{backstage::Backstage, play::OddTools},
    Request,
    answer::{Answer, Beat, Part, Shape},
    checks::{Object, flag, invalid, number_in, only_fields, text, word_of},
    refusal::Fault,
    thought::{Thought, a_token, read},
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&[])?;
    let body = request.object()?;
    only_fields(&body, FIELDS)?;
    let model = text(&body, "model")?;
    check_sampling(&body, model)?;
    check_messages(&body)?;
    let tools = tools(&body)?;
    let options = body.get("stream_options").and_then(Value::as_object);
    if let Some(options) = options {
        only_fields(options, &["include_usage", "include_obfuscation"])?;
    }
    let with_usage = options.map_or(Ok(false), |options| flag(options, "include_usage"))?;
    let thought = Thought::next(stage, &tools);
    let request_id = stage.id("req_fake_");
    let answer = if flag(&body, "stream")? {
        stream(stage, model, &thought, request.tokens(), with_usage)
    } else {
        document(stage, model, &thought, request.tokens())
    };
    Ok(answer.billed(read(request.tokens())).header("x-request-id", request_id))
}

fn stream(stage: &Backstage, model: &str, thought: &Thought, tokens_in: u64, with_usage: bool) -> Answer {
    let pace = stage.pace();
    let id = stage.id("chatcmpl-fake");
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": 1_795_100_000,
            "model": model,
            "choices": choices,
            "usage": usage,
        })
    };
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null);
    let opening = json!({"role": "assistant", "content": "", "refusal": null});
    let mut beats = vec![Beat::event(pace.head, Part::Prelude, None, &delta(opening))];
    let mut at = pace.first;
    let mut say = |beats: &mut Vec<Beat>, data: Value, next: Duration| {
        beats.push(Beat::event(at, Part::Output, None, &data).billed(a_token()));
        at += next;
    };
    for token in thought.reply.tokens() {
        say(&mut beats, delta(json!({"content": token})), pace.token);
    }
    let is_anonymous = thought.odd == Some(OddTools::Anonymous);
    let tool_call = |index: usize, mut call: Value| {
        if !is_anonymous {
            call["index"] = json!(index);
        }
        delta(json!({"tool_calls": [call]}))
    };
    let opened = |index: usize, arguments: &str| {
        let mut call = json!({
            "type": "function",
            "function": {"name": thought.reply.calls[index].name, "arguments": arguments},
        });
        if !is_anonymous {
            call["id"] = json!(format!("call_{}_{index}", stage.request));
        }
        tool_call(index, call)
    };
    let is_whole = thought.odd == Some(OddTools::Whole);
    let is_interleaved = thought.odd == Some(OddTools::Interleaved);
    let pieces = thought.argument_pieces();
    let mut begun = Vec::new();
    for index in 0..thought.reply.calls.len() {
        if is_interleaved || !is_whole {
            say(&mut beats, opened(index, ""), pace.token);
            begun.push(index);
        }
        if is_interleaved {
            continue;
        }
        for (_, piece) in pieces.iter().filter(|(of, _)| *of == index) {
            if is_whole {
                say(&mut beats, opened(index, piece), pace.token);
            } else {
                say(&mut beats, tool_call(index, json!({"function": {"arguments": piece}})), pace.token);
            }
        }
    }
    if is_interleaved {
        for (index, piece) in &pieces {
            say(&mut beats, tool_call(*index, json!({"function": {"arguments": piece}})), pace.token);
        }
    }
    let written = beats.iter().map(|beat| beat.billed.tokens_out).sum::<u64>();
    let finish = json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(thought)}]);
    beats.push(Beat::event(at, Part::End, None, &chunk(finish, Value::Null)));
    if with_usage {
        beats.push(Beat::event(at, Part::End, None, &chunk(json!([]), usage(tokens_in, written))));
    }
    beats.push(Beat::event(at, Part::Done, None, "[DONE]"));
    Answer::new(Shape::Events, "text/event-stream; charset=utf-8", pace.head, Box::new(beats.into_iter()))
}

fn document(stage: &Backstage, model: &str, thought: &Thought, tokens_in: u64) -> Answer {
    let pace = stage.pace();
    let mut message = json!({"role": "assistant", "content": thought.reply.text, "refusal": null});
    let calls = thought.reply.calls.iter().enumerate().map(|(index, call)| {
        json!({
            "id": format!("call_{}_{index}", stage.request),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments.to_string()},
        })
    });
    let calls: Vec<Value> = calls.collect();
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let written = thought.reply.tokens().count() as u64;
    let document = json!({
        "id": stage.id("chatcmpl-fake"),
        "object": "chat.completion",
        "created": 1_795_100_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason(thought)}],
        "usage": usage(tokens_in, written),
    });
    Answer::document("application/json", pace.first + pace.token * written as u32, document.to_string())
}

fn usage(tokens_in: u64, tokens_out: u64) -> Value {
    json!({
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

fn finish_reason(thought: &Thought) -> &'static str {
    match () {
        () if thought.is_cut() => "length",
        () if thought.reply.calls.is_empty() => "stop",
        () => "tool_calls",
    }
}

/// Models that reason refuse the old limit and, unless they are told not to reason, the temperature.
fn check_sampling(body: &Object, model: &str) -> Result<(), Fault> {
    number_in(body, "temperature", 0.0, 2.0)?;
    word_of(body, "reasoning_effort", &["none", "minimal", "low", "medium", "high", "xhigh"])?;
    word_of(body, "verbosity", &["low", "medium", "high"])?;
    let reasons = ["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family));
    if reasons && body.contains_key("max_tokens") {
        return Err(invalid("max_tokens", "max_completion_tokens with this model"));
    }
    let effort = body.get("reasoning_effort").and_then(Value::as_str);
    if reasons && effort != Some("none") && body.contains_key("temperature") {
        return Err(invalid("temperature", "none with this model"));
    }
    Ok(())
}

/// Roles are known; every call of a tool is answered directly behind the message that made it, and nothing else is.
fn check_messages(body: &Object) -> Result<(), Fault> {
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| invalid("messages", "a list that is not empty"))?;
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open.iter().position(|open| *open == id);
            open.remove(at.ok_or_else(|| invalid("messages", "a tool message to answer a preceding tool call"))?);
            continue;
        }
        if !open.is_empty() {
            return Err(invalid("messages", "every tool_call_id to be answered by a tool message"));
        }
        if !["developer", "system", "user", "assistant"].contains(&role) {
            return Err(invalid("messages.role", "a role"));
        }
        let calls = message["tool_calls"].as_array();
        if calls.is_none() && !(message["content"].is_string() || message["content"].is_array()) {
            return Err(invalid("messages.content", "a string or a list of parts"));
        }
        open = calls.into_iter().flatten().filter_map(|call| call["id"].as_str()).collect();
    }
    if open.is_empty() { Ok(()) } else { Err(invalid("messages", "every tool_call_id to be answered")) }
}

fn tools(body: &Object) -> Result<Vec<String>, Fault> {
    let Some(tools) = body.get("tools") else { return Ok(Vec::new()) };
    let tools = tools.as_array().filter(|tools| !tools.is_empty());
    let names = tools.into_iter().flatten().map(|tool| {
        let is_function = tool["type"] == "function" && tool["function"]["name"].is_string();
        let name = is_function.then(|| tool["function"]["name"].as_str()).flatten();
        name.map(str::to_owned).ok_or_else(|| invalid("tools", "functions with names"))
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() { Err(invalid("tools", "a list that is not empty")) } else { Ok(names) }
}

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_completion_tokens",
    "max_tokens",
    "reasoning_effort",
    "verbosity",
    "temperature",
    "top_p",
    "n",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "stream",
    "stream_options",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "safety_identifier",
    "store",
    "metadata",
    "user",
    "modalities",
    "logit_bias",
    "logprobs",
    "top_logprobs",
];
