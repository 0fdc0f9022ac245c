use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use super::{Numbers, settings::Settings};
use crate::theatre::{
    script::Reply,
    ws::{
        WsFailure,
        session::{Manner, base64_of},
        voice::{Piece, Voice},
    },
};

/// One response of the model: speech (or text) and calls of tools, step by step.
pub(super) struct Response {
    pub(super) id: String,
    item: Option<String>,
    calls: Vec<Call>,
    text: String,
    is_text: bool,
    voice: Voice<()>,
    /// Characters whose transcript has not been told: up to the next space.
    word: String,
    /// Steps that wait for no clock.
    ready: VecDeque<Step>,
    /// How it will end.
    ending: Ending,
    /// The words come no more: it was cancelled.
    is_cancelled: bool,
    since: Duration,
}

struct Call {
    id: String,
    item: String,
    name: String,
    arguments: String,
}

struct Ending {
    status: &'static str,
    details: Value,
}

/// What comes next.
pub(super) enum Step {
    /// Audio of an item.
    Audio { item: String, body: Value, ms: u64 },
    /// Content.
    Said(&'static str, Value),
    /// The frame around content.
    Noted(&'static str, Value),
    /// The end: the body of `response.done`.
    Done(Value),
}

impl Response {
    pub(super) fn new(settings: &Settings, manner: Manner, reply: Reply, numbers: &mut Numbers, now: Duration) -> Self {
        let mut ending = Ending { status: "completed", details: Value::Null };
        let mut text = reply.text;
        let calls = reply.calls.into_iter().map(|call| Call {
            id: numbers.call(),
            item: numbers.item(),
            name: call.name,
            arguments: call.arguments.to_string(),
        });
        let mut calls: Vec<Call> = calls.collect();
        if manner.plays(WsFailure::ResponseFails) {
            calls.clear();
            let half = text.chars().count() / 2;
            (ending, text) = match manner.form() {
                "tokens" => (incomplete("max_output_tokens"), text.chars().take(half).collect()),
                "filter" => (incomplete("content_filter"), text.chars().take(half).collect()),
                _ => {
                    let error = json!({ "type": "server_error", "code": "inference_rate_limit_exceeded" });
                    let details = json!({ "type": "failed", "error": error });
                    (Ending { status: "failed", details }, String::new())
                }
            };
        }
        if manner.plays(WsFailure::ToolCancelled) && !calls.is_empty() {
            let details = json!({ "type": "cancelled", "reason": "turn_detected" });
            ending = Ending { status: "cancelled", details };
        }
        let mut voice = Voice::new(settings.output, manner.pacing);
        if !settings.is_text {
            voice.speak(now, &text);
        }
        if manner.plays(WsFailure::EarlyAcknowledgement) {
            voice.mark_early(now, (), 3);
        } else {
            voice.mark(now, ());
        }
        Self {
            id: numbers.response(),
            item: (!text.is_empty()).then(|| numbers.item()),
            calls,
            text,
            is_text: settings.is_text,
            voice,
            word: String::new(),
            ready: VecDeque::new(),
            ending,
            is_cancelled: false,
            since: now,
        }
    }

    pub(super) fn message_item(&self) -> Option<&str> {
        self.item.as_deref()
    }

    pub(super) fn call_ids(&self) -> impl Iterator<Item = String> {
        self.calls.iter().map(|call| call.id.clone())
    }

    pub(super) fn characters(&self) -> u64 {
        self.text.chars().count() as u64
    }

    pub(super) fn speech_ms(&self) -> u64 {
        if self.is_text { 0 } else { self.characters() * u64::from(crate::theatre::CHARACTER_MS) }
    }

    /// How it begins.
    pub(super) fn begun(&self) -> Vec<(&'static str, Value)> {
        let response = json!({ "id": self.id, "object": "realtime.response", "status": "in_progress", "output": [] });
        let mut events = vec![("response.created", json!({ "response": response }))];
        if let Some(item) = &self.item {
            let message =
                json!({ "id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": [] });
            events.push(("response.output_item.added", self.about(None, json!({ "item": message }))));
            events.push(("conversation.item.added", json!({ "previous_item_id": null, "item": message })));
            let kind = if self.is_text { "text" } else { "audio" };
            events.push(("response.content_part.added", self.about(Some(item), json!({ "part": { "type": kind } }))));
        }
        events
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        if self.ready.is_empty() { self.voice.wake_at() } else { Some(self.since) }
    }

    /// What is due by `now`, one at a time.
    pub(super) fn next(&mut self, now: Duration) -> Option<Step> {
        if let Some(step) = self.ready.pop_front() {
            return Some(step);
        }
        match self.voice.next(now)? {
            Piece::Mark(()) => {
                self.finish();
                self.ready.pop_front()
            }
            Piece::Audio { bytes, ms, characters } => {
                let item = self.item.clone().unwrap_or_default();
                if !self.is_cancelled {
                    for (character, _) in characters {
                        self.word.push(character);
                        if character == ' ' {
                            self.tell_word(&item);
                        }
                    }
                }
                let body = self.about(Some(&item), json!({ "delta": base64_of(&bytes) }));
                self.ready.push_back(Step::Audio { item, body, ms });
                self.ready.pop_front()
            }
        }
    }

    /// Forgets what has not gone out, but for the next `late` pieces.
    pub(super) fn cancel(&mut self, late: u64, now: Duration) {
        self.is_cancelled = true;
        self.ready.clear();
        if self.voice.is_idle() {
            self.voice.speak(now, "late");
        }
        self.voice.cancel(late);
    }

    fn tell_word(&mut self, item: &str) {
        if !self.word.is_empty() {
            let delta = std::mem::take(&mut self.word);
            let body = self.about(Some(item), json!({ "delta": delta }));
            self.ready.push_back(Step::Said("response.output_audio_transcript.delta", body));
        }
    }

    fn finish(&mut self) {
        if let Some(item) = self.item.clone() {
            self.finish_message(&item);
        }
        for index in 0..self.calls.len() {
            self.finish_call(index);
        }
        let done = self.done(self.ending.status, &self.ending.details);
        self.ready.push_back(Step::Done(done));
    }

    fn finish_message(&mut self, item: &str) {
        let text = self.text.clone();
        let part = if self.is_text {
            let tokens: Vec<String> = Reply::text(text.clone()).tokens().map(str::to_owned).collect();
            for token in tokens {
                let body = self.about(Some(item), json!({ "delta": token }));
                self.ready.push_back(Step::Said("response.output_text.delta", body));
            }
            let body = self.about(Some(item), json!({ "text": text }));
            self.ready.push_back(Step::Noted("response.output_text.done", body));
            json!({ "type": "output_text", "text": text })
        } else {
            self.tell_word(item);
            let body = self.about(Some(item), json!({ "transcript": text }));
            self.ready.push_back(Step::Noted("response.output_audio_transcript.done", body));
            let body = self.about(Some(item), json!({}));
            self.ready.push_back(Step::Noted("response.output_audio.done", body));
            json!({ "type": "output_audio", "transcript": text })
        };
        let body = self.about(Some(item), json!({ "part": part }));
        self.ready.push_back(Step::Noted("response.content_part.done", body));
        let body = self.about(None, json!({ "item": self.message() }));
        self.ready.push_back(Step::Noted("response.output_item.done", body));
        let body = json!({ "previous_item_id": null, "item": self.message() });
        self.ready.push_back(Step::Noted("conversation.item.done", body));
    }

    fn finish_call(&mut self, index: usize) {
        let call = &self.calls[index];
        let about = |body: Value| {
            let mut body = body;
            body["response_id"] = json!(self.id);
            body["item_id"] = json!(call.item);
            body["output_index"] = json!(usize::from(self.item.is_some()) + index);
            body["call_id"] = json!(call.id);
            body
        };
        let mut begun = call_item(call, "in_progress");
        begun["arguments"] = json!("");
        let (first, rest) =
            call.arguments.split_at(call.arguments.floor_char_boundary(call.arguments.len().div_ceil(2)));
        let delta = "response.function_call_arguments.delta";
        let done = json!({ "name": call.name, "arguments": call.arguments });
        self.ready.extend([
            Step::Noted("response.output_item.added", about(json!({ "item": begun }))),
            Step::Said(delta, about(json!({ "delta": first }))),
            Step::Said(delta, about(json!({ "delta": rest }))),
            Step::Said("response.function_call_arguments.done", about(done)),
            Step::Noted("response.output_item.done", about(json!({ "item": call_item(call, "completed") }))),
        ]);
    }

    /// The body of `response.done`.
    pub(super) fn done(&self, status: &str, details: &Value) -> Value {
        let mut output: Vec<Value> = self.item.iter().map(|_| self.message()).collect();
        output.extend(self.calls.iter().map(|call| call_item(call, "completed")));
        // A token is about four characters, or 50 ms of speech.
        let (text, audio) = (self.characters().div_ceil(4), self.speech_ms() / 50);
        let usage = json!({
            "total_tokens": 100 + text + audio, "input_tokens": 100, "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": 60, "audio_tokens": 40, "image_tokens": 0, "cached_tokens": 32,
                "cached_tokens_details": { "text_tokens": 32, "audio_tokens": 0 },
            },
            "output_token_details": { "text_tokens": text, "audio_tokens": audio },
        });
        json!({ "response": {
            "id": self.id, "object": "realtime.response", "status": status, "status_details": details,
            "output": output, "usage": usage,
        } })
    }

    fn message(&self) -> Value {
        let content = if self.is_text {
            json!({ "type": "output_text", "text": self.text })
        } else {
            json!({ "type": "output_audio", "transcript": self.text })
        };
        json!({ "id": self.item, "type": "message", "role": "assistant", "status": "completed", "content": [content] })
    }

    fn about(&self, item: Option<&str>, mut body: Value) -> Value {
        body["response_id"] = json!(self.id);
        body["output_index"] = json!(0);
        if let Some(item) = item {
            body["item_id"] = json!(item);
            body["content_index"] = json!(0);
        }
        body
    }
}

fn call_item(call: &Call, status: &str) -> Value {
    json!({
        "id": call.item, "type": "function_call", "status": status, "call_id": call.id, "name": call.name,
        "arguments": call.arguments,
    })
}

fn incomplete(reason: &'static str) -> Ending {
    Ending { status: "incomplete", details: json!({ "type": "incomplete", "reason": reason }) }
}
