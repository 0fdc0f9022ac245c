use std::{collections::BTreeMap, time::Duration};

use operetta_audio::{Encoding, Format};
use serde_json::{Value, json};

use super::{
    WsFailure,
    facts::Context as Noted,
    session::{Admission, Cause, Complaint, Floor, Manner, Refusal, Session, base64_of, number, sooner},
    voice::{Piece, Voice},
};
use crate::theatre::{CHARACTER_MS, RequestHead};

/// ElevenLabs' socket of many contexts, `/v1/text-to-speech/{voice}/multi-stream-input`, with its traps: five open contexts at
/// most, contexts that a flush or a keep-alive opens by accident, and 20 s for the next message.
pub(super) struct Contexts {
    manner: Manner,
    format: Format,
    /// Every text is spoken at once, without waiting for enough of it.
    is_auto: bool,
    patience: Duration,
    open: BTreeMap<String, Context>,
    last_input: Duration,
    is_over: bool,
}

struct Context {
    buffer: String,
    voice: Voice<()>,
    /// Characters that are waited for before speech is made of them.
    schedule: Vec<usize>,
    generations: usize,
    last_input: Duration,
    /// All of its text was flushed: to close it is to end it, not to cancel it.
    is_flushed: bool,
    is_closing: bool,
    is_cancelled: bool,
}

impl Contexts {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        let format = format_of(head.parameter("output_format").unwrap_or("mp3_44100_128"))
            .ok_or_else(|| refused(403, "output_format_not_allowed", "This fake speaks ulaw, alaw and pcm."))?;
        let bad = |name: &str| refused(400, "invalid_request", &format!("Invalid parameter (mock): {name}"));
        if let Some((name, _)) = head.query.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(bad(name));
        }
        let seconds: f64 = number(head, "inactivity_timeout").map_err(bad)?.unwrap_or(20.0);
        if !(1.0..=180.0).contains(&seconds) {
            return Err(bad("inactivity_timeout"));
        }
        let tenth = if manner.plays(WsFailure::IdleTimeout) { 0.1 } else { 1.0 };
        let mut contexts = Self {
            patience: manner.limit(Duration::from_secs_f64(seconds * tenth)),
            manner,
            format,
            is_auto: head.parameter("auto_mode") == Some("true"),
            open: BTreeMap::new(),
            last_input: Duration::ZERO,
            is_over: false,
        };
        // Newer models are refused on the open socket, not at its door.
        let model = head.parameter("model_id").unwrap_or_default();
        contexts.is_over = model.starts_with("eleven_v3") || model.starts_with("eleven_v4");
        Ok(Box::new(contexts))
    }

    fn heard(&mut self, message: &Value, floor: &mut Floor<'_>) {
        if message.get("close_socket") == Some(&Value::Bool(true)) {
            if self.open.is_empty() {
                self.is_over = true;
                return floor.close(1000, "");
            }
            return floor.fault("close_socket_with_open_contexts");
        }
        let text = message.get("text").and_then(Value::as_str);
        let id = message.get("context_id").and_then(Value::as_str);
        let settings = message.get("voice_settings");
        let Some(id) = id.or_else(|| text.filter(|text| !text.is_empty()).map(|_| "default")) else {
            if text.is_none() {
                floor.fault("message_without_context");
            } else {
                floor.kept_alive();
            }
            return;
        };
        let is_first = !self.open.contains_key(id);
        let is_close = message.get("close_context") == Some(&Value::Bool(true));
        if is_first && is_close {
            return floor.fault("close_of_unknown_context");
        }
        if is_first && !self.open(id, message, floor) {
            return;
        }
        if settings.is_some() && (!is_first || self.manner.plays(WsFailure::ContextRules)) {
            floor.fault("late_voice_settings");
            return self.end(error("invalid_request", "Settings belong to the first message (mock)."), floor);
        }
        self.obey(id, text, message, floor);
    }

    /// Opens a context, by a message that should or should not. Returns whether there was room.
    fn open(&mut self, id: &str, message: &Value, floor: &mut Floor<'_>) -> bool {
        if self.open.len() >= CAP || self.manner.plays(WsFailure::ContextCap) {
            floor.fault("too_many_contexts");
            self.end(error("max_active_conversations", "Too many open contexts (mock)."), floor);
            return false;
        }
        let schedule = message
            .pointer("/generation_config/chunk_length_schedule")
            .and_then(Value::as_array)
            .map(|sizes| sizes.iter().filter_map(Value::as_u64).map(|size| size as usize).collect())
            .filter(|sizes: &Vec<usize>| !sizes.is_empty())
            .unwrap_or_else(|| vec![120, 160, 250, 290]);
        let context = Context {
            buffer: String::new(),
            voice: Voice::new(self.format, self.manner.pacing),
            schedule,
            generations: 0,
            last_input: floor.now,
            is_flushed: false,
            is_closing: false,
            is_cancelled: false,
        };
        self.open.insert(id.to_owned(), context);
        let mut noted = Noted::new(id, floor.now);
        // A flush, or a keep-alive, of a context that nobody has begun.
        noted.is_leak = message.get("text").and_then(Value::as_str).unwrap_or_default().is_empty();
        if noted.is_leak {
            floor.fault("context_opened_by_accident");
        }
        floor.facts.opens(noted);
        true
    }

    fn obey(&mut self, id: &str, text: Option<&str>, message: &Value, floor: &mut Floor<'_>) {
        let is_prompt = self.is_auto;
        let is = |name: &str| message.get(name) == Some(&Value::Bool(true));
        let Some(context) = self.open.get_mut(id) else { return };
        context.last_input = floor.now;
        if context.is_closing {
            if text.is_some_and(|text| !text.trim().is_empty()) {
                floor.fault("text_after_close");
            }
            return;
        }
        match text {
            Some("") => floor.kept_alive(),
            // A single space begins a context, or keeps it alive: nothing to say.
            Some(text) if text.trim().is_empty() => {}
            Some(text) => {
                context.buffer.push_str(text);
                context.is_flushed = false;
            }
            None => {}
        }
        context.is_flushed |= is("flush");
        let enough = context.schedule[context.generations.min(context.schedule.len() - 1)];
        let is_due = is("flush") || is("try_trigger_generation") || is_prompt;
        if (is_due || context.buffer.chars().count() >= enough) && !context.buffer.is_empty() {
            let text = std::mem::take(&mut context.buffer);
            let characters = text.chars().count() as u64;
            context.generations += 1;
            floor.facts.billed.characters += characters;
            floor.facts.billed.audio_out_ms += context.voice.speak(floor.now, &text);
            if let Some(noted) = floor.facts.context(id) {
                noted.takes(floor.now, characters);
            }
        }
        if is("close_context") {
            self.close_context(id, floor);
        }
    }

    /// What was flushed is spoken to its end, and then the context is final. What was not is forgotten.
    fn close_context(&mut self, id: &str, floor: &mut Floor<'_>) {
        let manner = self.manner;
        let Some(context) = self.open.get_mut(id) else { return };
        context.is_closing = true;
        context.buffer.clear();
        context.is_cancelled = !context.is_flushed;
        if context.is_cancelled {
            floor.cancelled();
        }
        if let Some(noted) = floor.facts.context(id) {
            noted.closed = Some(floor.now);
        }
        if manner.plays(WsFailure::LateAudio) && context.voice.is_idle() {
            context.voice.speak(floor.now, &"x".repeat(LATE_CHARACTERS));
        }
        if manner.plays(WsFailure::EarlyAcknowledgement) {
            context.voice.mark_early(floor.now, (), 3);
        } else {
            context.voice.mark(floor.now, ());
        }
    }

    fn speak(&mut self, floor: &mut Floor<'_>) {
        let manner = self.manner;
        self.open.retain(|id, context| {
            while let Some(piece) = context.voice.next(floor.now) {
                match piece {
                    Piece::Audio { bytes, ms, characters } => {
                        if let Some(noted) = floor.facts.context(id) {
                            noted.sends(floor.now, ms);
                            floor.facts.audio_after_cancel += u64::from(context.is_cancelled);
                        }
                        floor.say(message(id, &bytes, &characters));
                    }
                    Piece::Mark(()) => {
                        floor.facts.ends(floor.now, |noted| noted.id == *id);
                        if !manner.plays(WsFailure::NoAcknowledgement) {
                            floor.note(json!({ "contextId": id, "isFinal": true }));
                        }
                    }
                }
            }
            // After an early mark there is audio left.
            !(context.is_closing && context.voice.is_idle())
        });
    }

    fn end(&mut self, message: Value, floor: &mut Floor<'_>) {
        self.is_over = true;
        let reason = message.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
        floor.note(message);
        floor.close(1008, reason);
    }

    fn expires_at(&self) -> Duration {
        let open = self.open.values().filter(|context| !context.is_closing).map(|context| context.last_input);
        // A context that waits for words counts for itself; without one the socket does.
        open.min().unwrap_or(self.last_input) + self.patience
    }
}

impl Session for Contexts {
    fn opened(&mut self, floor: &mut Floor<'_>) {
        if self.is_over {
            self.end(error("unsupported_model", "This model has a socket of its own (mock)."), floor);
        }
    }

    fn text(&mut self, text: &str, floor: &mut Floor<'_>) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        floor.heard(kind_of(&message), text.len());
        self.last_input = floor.now;
        if self.is_over {
            return;
        }
        if message.is_object() {
            self.heard(&message, floor);
        } else {
            floor.fault("unknown_message");
            self.end(error("invalid_request", "Message is no JSON object (mock)."), floor);
        }
    }

    fn binary(&mut self, bytes: &[u8], floor: &mut Floor<'_>) {
        floor.heard("binary", bytes.len());
        floor.fault("binary_message");
        self.end(error("invalid_request", "Text alone is read here (mock)."), floor);
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let speech = self.open.values().filter_map(|context| context.voice.wake_at()).min();
        sooner(speech, Some(self.expires_at()))
    }

    fn tick(&mut self, floor: &mut Floor<'_>) {
        if self.is_over {
            return;
        }
        self.speak(floor);
        if self.expires_at() <= floor.now {
            floor.fault("no_input");
            self.end(error("input_timeout_exceeded", "No text came within the limit, stream closed (mock)."), floor);
        }
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        let (name, code) = match cause {
            Cause::Auth => ("invalid_api_key", 1008),
            Cause::Quota => ("quota_exceeded", 1008),
            Cause::Missing => ("voice_not_found", 1008),
            Cause::Internal => ("internal_server_error", 1011),
            Cause::Expired => ("input_timeout_exceeded", 1008),
        };
        let mut message = error(name, "Something is wrong (mock).");
        message["code"] = json!(code);
        Complaint::told(message, code, name)
    }
}

/// A refused upgrade with this status.
pub(super) fn refusal(status: u16) -> Refusal {
    let word = match status {
        400 => "voice_not_found",
        401 => "invalid_api_key",
        402 => "payment_required",
        403 => "subscription_required",
        404 => "model_not_found",
        429 => "too_many_concurrent_requests",
        _ => "system_busy",
    };
    refused(status, word, "Refused (mock).")
}

fn refused(status: u16, word: &str, message: &str) -> Refusal {
    Refusal { status, headers: Vec::new(), body: json!({ "detail": { "status": word, "message": message } }) }
}

fn format_of(name: &str) -> Option<Format> {
    let (encoding, rate_hz) = name.split_once('_')?;
    let encoding = match encoding {
        "ulaw" => Encoding::Mulaw,
        "alaw" => Encoding::Alaw,
        "pcm" => Encoding::Pcm16,
        _ => return None,
    };
    let rate_hz = rate_hz.parse().ok()?;
    let is_known = match encoding {
        Encoding::Pcm16 => [8_000, 16_000, 22_050, 24_000, 44_100, 48_000].contains(&rate_hz),
        Encoding::Mulaw | Encoding::Alaw => rate_hz == 8_000,
    };
    is_known.then_some(Format { encoding, rate_hz })
}

/// A piece of audio with the characters that begin in it, their times counted from the start of the piece.
fn message(id: &str, bytes: &[u8], characters: &[(char, u64)]) -> Value {
    let alignment = (!characters.is_empty()).then(|| {
        json!({
            "chars": characters.iter().map(|(character, _)| character.to_string()).collect::<Vec<_>>(),
            "charStartTimesMs": characters.iter().map(|(_, at)| at).collect::<Vec<_>>(),
            "charDurationsMs": vec![CHARACTER_MS; characters.len()],
        })
    });
    json!({
        "audio": base64_of(bytes),
        "contextId": id,
        "isFinal": false,
        "alignment": alignment,
        "normalizedAlignment": alignment,
    })
}

fn error(name: &str, message: &str) -> Value {
    json!({ "message": message, "error": name, "code": 1008 })
}

/// What stands out in a message that names no type.
fn kind_of(message: &Value) -> String {
    let is = |name: &str| message.get(name) == Some(&Value::Bool(true));
    let text = message.get("text").and_then(Value::as_str);
    let mut words = Vec::new();
    match text {
        Some("") => words.push("keep_alive"),
        Some(text) if text.trim().is_empty() => words.push("begin"),
        Some(_) => words.push("text"),
        None => {}
    }
    words.extend(["flush", "close_context", "close_socket"].into_iter().filter(|name| is(name)));
    if words.is_empty() { "unreadable".to_owned() } else { words.join("+") }
}

/// Open contexts on one socket.
const CAP: usize = 5;

/// Twelve pieces of 20 ms.
const LATE_CHARACTERS: usize = 4;

/// Parameters of the address; others are refused.
#[rustfmt::skip]
const KNOWN: [&str; 11] = [
    "model_id", "output_format", "language_code", "auto_mode", "inactivity_timeout", "sync_alignment",
    "enable_ssml_parsing", "apply_text_normalization", "seed", "enable_logging", "optimize_streaming_latency",
];
