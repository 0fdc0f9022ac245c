//! Anthropic `POST /v1/messages`: its API reference and Python SDK 2.10.0, November 2026.

use serde_json::{Value, json};

use super::{
    super::{backstage::Backstage, play::OddTools},
    Request,
    answer::{Answer, Beat, Part, Shape},
    checks::{Object, flag, invalid, only_fields, text},
    refusal::Fault,
    thought::{Thought, a_token, read},
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&["beta"])?;
    let version = request.head.header("anthropic-version").unwrap_or_default();
    if !["2023-06-01", "2026-10-21"].contains(&version) {
        return Err(invalid("anthropic-version", "a version"));
    }
    let body = request.object()?;
    only_fields(&body, FIELDS)?;
    let sampling = ["temperature", "top_p", "top_k"].into_iter().find(|name| body.contains_key(*name));
    if let (Some(name), "2026-10-21") = (sampling, version) {
        return Err(invalid(name, "none since version 2026-10-21"));
    }
    let model = text(&body, "model")?;
    let most = body.get("max_tokens").and_then(Value::as_u64);
    let most = most.ok_or_else(|| invalid("max_tokens", "an integer"))?;
    check_messages(&body)?;
    let tools = tools(&body)?;
    // No token may be written: the request only fills the cache.
    let is_warm_up = most == 0;
    let thought = if is_warm_up {
        Thought { reply: super::super::script::Reply::default(), odd: None }
    } else {
        Thought::next(stage, &tools)
    };
    let stop_reason = match () {
        () if is_warm_up || thought.is_cut() => "max_tokens",
        () if thought.reply.calls.is_empty() => "end_turn",
        () => "tool_use",
    };
    let answer = if flag(&body, "stream")? {
        stream(stage, model, &thought, request.tokens(), stop_reason)
    } else {
        document(stage, model, &thought, request.tokens(), stop_reason)
    };
    Ok(answer.billed(read(request.tokens())).header("request-id", stage.id("req_fake_")))
}

fn stream(stage: &Backstage, model: &str, thought: &Thought, tokens_in: u64, stop_reason: &str) -> Answer {
    let pace = stage.pace();
    let mut script = Script { beats: Vec::new(), at: pace.head };
    script.tell(
        Part::Prelude,
        "message_start",
        &json!({
            "type": "message_start",
            "message": {
                "id": stage.id("msg_fake_"), "type": "message", "role": "assistant", "model": model, "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": usage(tokens_in, 1),
            },
        }),
    );
    let mut index = 0;
    if !thought.reply.text.is_empty() {
        let block = json!({"type": "text", "text": ""});
        script.tell(Part::Prelude, "content_block_start", &started(json!(index), &block));
        script.tell(Part::Prelude, "ping", &json!({"type": "ping"}));
        script.at = pace.first;
        for token in thought.reply.tokens() {
            let delta = json!({"type": "text_delta", "text": token});
            script.tell(
                Part::Output,
                "content_block_delta",
                &json!({
                    "type": "content_block_delta", "index": index, "delta": delta,
                }),
            );
            script.at += pace.token;
        }
        script.tell(Part::Prelude, "content_block_stop", &json!({"type": "content_block_stop", "index": index}));
        index = 1;
    }
    script.at = script.at.max(pace.first);
    let (is_anonymous, is_interleaved) =
        (thought.odd == Some(OddTools::Anonymous), thought.odd == Some(OddTools::Interleaved));
    let place = |call: usize| if is_anonymous { Value::Null } else { json!(index + call) };
    let pieces = thought.argument_pieces();
    let open = |script: &mut Script, call: usize| {
        let mut block = json!({"type": "tool_use", "name": thought.reply.calls[call].name, "input": {}});
        if !is_anonymous {
            block["id"] = json!(format!("toolu_{}_{call}", stage.request));
        }
        script.tell(Part::Output, "content_block_start", &started(place(call), &block));
        // The first piece of arguments is always empty.
        script.tell(Part::Output, "content_block_delta", &fragment(place(call), ""));
        script.at += pace.token;
    };
    let stop = |script: &mut Script, call: usize| {
        let mut event = json!({"type": "content_block_stop"});
        if !is_anonymous {
            event["index"] = place(call);
        }
        script.tell(Part::Prelude, "content_block_stop", &event);
    };
    let calls = 0..thought.reply.calls.len();
    if is_interleaved {
        calls.clone().for_each(|call| open(&mut script, call));
        for (call, piece) in &pieces {
            script.tell(Part::Output, "content_block_delta", &fragment(place(*call), piece));
            script.at += pace.token;
        }
        calls.for_each(|call| stop(&mut script, call));
    } else {
        for call in calls {
            open(&mut script, call);
            for (_, piece) in pieces.iter().filter(|(of, _)| *of == call) {
                script.tell(Part::Output, "content_block_delta", &fragment(place(call), piece));
                script.at += pace.token;
            }
            stop(&mut script, call);
        }
    }
    let written = script.beats.iter().map(|beat| beat.billed.tokens_out).sum::<u64>();
    let delta = json!({"stop_reason": stop_reason, "stop_sequence": null});
    script.tell(
        Part::End,
        "message_delta",
        &json!({
            "type": "message_delta", "delta": delta, "usage": {"output_tokens": written},
        }),
    );
    script.tell(Part::End, "message_stop", &json!({"type": "message_stop"}));
    let beats = Box::new(script.beats.into_iter());
    Answer::new(Shape::Events, "text/event-stream; charset=utf-8", pace.head, beats)
}

/// Events, and how far they have come.
struct Script {
    beats: Vec<Beat>,
    at: std::time::Duration,
}

impl Script {
    fn tell(&mut self, part: Part, name: &'static str, data: &Value) {
        let beat = Beat::event(self.at, part, Some(name), data);
        self.beats.push(if part == Part::Output { beat.billed(a_token()) } else { beat });
    }
}

fn started(index: Value, block: &Value) -> Value {
    let mut event = json!({"type": "content_block_start", "content_block": block});
    if !index.is_null() {
        event["index"] = index;
    }
    event
}

fn fragment(index: Value, piece: &str) -> Value {
    let delta = json!({"type": "input_json_delta", "partial_json": piece});
    let mut event = json!({"type": "content_block_delta", "delta": delta});
    if !index.is_null() {
        event["index"] = index;
    }
    event
}

fn document(stage: &Backstage, model: &str, thought: &Thought, tokens_in: u64, stop_reason: &str) -> Answer {
    let pace = stage.pace();
    let mut content = Vec::new();
    if !thought.reply.text.is_empty() {
        content.push(json!({"type": "text", "text": thought.reply.text}));
    }
    content.extend(thought.reply.calls.iter().enumerate().map(|(call, of)| {
        let id = format!("toolu_{}_{call}", stage.request);
        json!({"type": "tool_use", "id": id, "name": of.name, "input": of.arguments})
    }));
    let written = thought.reply.tokens().count() as u64;
    let document = json!({
        "id": stage.id("msg_fake_"), "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": usage(tokens_in, written),
    });
    Answer::document("application/json", pace.first + pace.token * written as u32, document.to_string())
}

fn usage(tokens_in: u64, tokens_out: u64) -> Value {
    json!({
        "input_tokens": tokens_in,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens_out,
        "service_tier": "standard",
    })
}

/// Roles are known; the uses of tools in one message are all answered at the front of the next; what is said ahead
/// does not end in white space.
fn check_messages(body: &Object) -> Result<(), Fault> {
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| invalid("messages", "at least one message"))?;
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if !["user", "assistant"].contains(&role) {
            return Err(invalid("messages.role", "user or assistant"));
        }
        if !(message["content"].is_string() || message["content"].is_array()) {
            return Err(invalid("messages.content", "a string or a list of blocks"));
        }
        let blocks = || message["content"].as_array().into_iter().flatten();
        let results = blocks().take_while(|block| block["type"] == "tool_result");
        let answered: Vec<_> = results.filter_map(|block| block["tool_use_id"].as_str()).collect();
        let all = blocks().filter(|block| block["type"] == "tool_result").count();
        let is_complete = open.iter().all(|id| answered.contains(id));
        if !is_complete || all != answered.len() || answered.iter().any(|id| !open.contains(id)) {
            return Err(invalid("messages", "the tool_result blocks of all tool_use blocks before, first of all"));
        }
        let uses = blocks().filter(|block| role == "assistant" && block["type"] == "tool_use");
        open = uses.filter_map(|block| block["id"].as_str()).collect();
    }
    if !open.is_empty() {
        return Err(invalid("messages", "a tool_result for every tool_use"));
    }
    let last = messages.last().filter(|message| message["role"] == "assistant");
    let ahead = last.and_then(|message| match &message["content"] {
        Value::String(text) => Some(text.as_str()),
        content => content.as_array()?.last()?["text"].as_str(),
    });
    if ahead.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return Err(invalid("messages", "final assistant content without trailing whitespace"));
    }
    Ok(())
}

fn tools(body: &Object) -> Result<Vec<String>, Fault> {
    let tools = body.get("tools").and_then(Value::as_array);
    let names = tools.into_iter().flatten().map(|tool| {
        let name = tool["input_schema"].is_object().then(|| tool["name"].as_str()).flatten();
        name.map(str::to_owned).ok_or_else(|| invalid("tools", "tools with a name and an input_schema"))
    });
    names.collect()
}

const FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "stop_sequences",
    "metadata",
    "service_tier",
    "stream",
    "thinking",
    "output_config",
    "cache_control",
    "temperature",
    "top_p",
    "top_k",
    "container",
    "context_management",
];
