use operetta_audio::{Encoding, Format};
use operetta_contract::{Converse, Entry, Outgoing, ProviderError, Speaker, ToolResult};
use serde_json::{Value, json};

use super::{Config, TurnDetection};
use crate::shape::tools;

/// The order that makes the session what the job asks for.
pub(super) fn update(config: &Config, job: &Converse, wire: Format) -> Result<Outgoing, ProviderError> {
    let format = match wire.encoding {
        Encoding::Mulaw => json!({"type": "audio/pcmu"}),
        Encoding::Alaw => json!({"type": "audio/pcma"}),
        Encoding::Pcm16 => json!({"type": "audio/pcm", "rate": wire.rate_hz}),
    };
    let turns = match &config.turns {
        TurnDetection::Silence { threshold, prefix_padding_ms, silence_ms } => json!({
            "type": "server_vad", "threshold": short(*threshold), "prefix_padding_ms": prefix_padding_ms,
            "silence_duration_ms": silence_ms, "create_response": true, "interrupt_response": true,
        }),
        TurnDetection::Meaning { eagerness } => json!({
            "type": "semantic_vad", "eagerness": eagerness, "create_response": true, "interrupt_response": true,
        }),
    };
    let mut input = json!({"format": format, "turn_detection": turns});
    if !config.transcription_model.is_empty() {
        let language = job.language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let mut transcription = json!({"model": config.transcription_model});
        if !language.is_empty() {
            transcription["language"] = language.into();
        }
        input["transcription"] = transcription;
    }
    if !config.noise_reduction.is_empty() {
        input["noise_reduction"] = json!({"type": config.noise_reduction});
    }
    let voice = if job.voice.is_empty() || &*job.voice == "default" { &config.voice } else { &*job.voice };
    let mut session = json!({
        "type": "realtime",
        "instructions": &*job.prompt,
        "output_modalities": ["audio"],
        "audio": {"input": input, "output": {"format": format, "voice": voice, "speed": short(config.speed)}},
        "max_output_tokens": config.max_output_tokens.clamp(1, 4096),
        "truncation": "auto",
    });
    if !job.tools.is_empty() {
        let mut list = Vec::with_capacity(job.tools.len());
        for tool in job.tools.iter() {
            list.push(json!({
                "type": "function", "name": &*tool.name, "description": &*tool.description,
                "parameters": tools::schema(tool)?,
            }));
        }
        session["tools"] = list.into();
        session["tool_choice"] = "auto".into();
    }
    Ok(message(&json!({"type": "session.update", "session": session})))
}

/// The conversation before this session, as the server wants to be told.
pub(super) fn dialogue(entries: &[Entry]) -> Vec<Outgoing> {
    entries.iter().filter_map(entry).collect()
}

/// Whether somebody waits for an answer at the end of the conversation so far.
pub(super) fn answer_is_due(entries: &[Entry]) -> bool {
    match entries.last() {
        Some(Entry::Said(words)) => words.speaker == Speaker::Caller && !words.text.trim().is_empty(),
        Some(Entry::Returned(_)) => true,
        Some(Entry::Called(_)) | None => false,
    }
}

/// What the caller said by other means than their voice.
pub(super) fn said_by_caller(text: &str) -> Outgoing {
    item(&json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}))
}

/// What a tool returned.
pub(super) fn returned(result: &ToolResult) -> Outgoing {
    let output =
        if result.failed { json!({"error": &*result.content}).to_string() } else { result.content.to_string() };
    item(&json!({"type": "function_call_output", "call_id": &*result.id, "output": output}))
}

/// The answer to a call that cannot be made.
pub(super) fn misused(call: &str, why: &str) -> Outgoing {
    let output = json!({"error": why}).to_string();
    item(&json!({"type": "function_call_output", "call_id": call, "output": output}))
}

fn entry(entry: &Entry) -> Option<Outgoing> {
    Some(match entry {
        Entry::Said(words) if words.text.trim().is_empty() => return None,
        Entry::Said(words) => match words.speaker {
            Speaker::Caller => said_by_caller(&words.text),
            Speaker::Agent => {
                // The model sees where it was interrupted.
                let text = if words.cut { format!("{}…", words.text) } else { words.text.to_string() };
                item(&json!({
                    "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}],
                }))
            }
        },
        Entry::Called(call) => item(&json!({
            "type": "function_call", "call_id": &*call.id, "name": &*call.name, "arguments": &*call.arguments,
        })),
        Entry::Returned(result) => returned(result),
    })
}

fn item(item: &Value) -> Outgoing {
    message(&json!({"type": "conversation.item.create", "item": item}))
}

fn message(message: &Value) -> Outgoing {
    Outgoing::Text(message.to_string())
}

/// A number as it stands in the configuration: an `f32` that is widened shows digits that nobody wrote.
fn short(number: f32) -> Value {
    number.to_string().parse::<f64>().unwrap_or(1.0).into()
}
