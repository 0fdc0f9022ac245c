//! The conversation that the server keeps: what was heard, what was said, and what of it was cut off.

use serde_json::{Value, json};

use super::{Item, Realtime, SHORTEST_MS, text};
use crate::theatre::ws::{
    WsFailure,
    ears::text_of,
    session::{Floor, type_of},
};

impl Realtime {
    pub(super) fn commit(&mut self, message: &Value, floor: &mut Floor<'_>) {
        if self.buffered_ms < SHORTEST_MS || self.manner.plays(WsFailure::TooLittleAudio) {
            floor.fault("commit_of_too_little");
            return self.error("input_audio_buffer_commit_empty", "The buffer is too small (mock).", message, floor);
        }
        self.take_turn(floor);
    }

    /// What has been heard becomes an item of the conversation, and is transcribed.
    pub(super) fn take_turn(&mut self, floor: &mut Floor<'_>) {
        self.buffered_ms = 0;
        floor.turn_ended();
        let (words, id) = match self.utterance.take() {
            Some((utterance, id)) => (text_of(&utterance.whole()), id),
            None => (String::new(), self.numbers.item()),
        };
        let before = self.last_item.replace(id.clone());
        self.items.insert(id.clone(), Item::default());
        let item = json!({
            "id": id, "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_audio", "transcript": null }],
        });
        self.note("input_audio_buffer.committed", json!({ "item_id": id, "previous_item_id": before }), floor);
        for kind in ["conversation.item.added", "conversation.item.done"] {
            self.note(kind, json!({ "previous_item_id": before, "item": item }), floor);
        }
        if !self.settings.is_transcribed {
            return;
        }
        let is_empty = self.manner.plays(WsFailure::OddFinals) && self.manner.form() == "empty";
        let words = if is_empty { String::new() } else { words };
        let times = if self.manner.plays(WsFailure::DuplicateFinals) { 2 } else { 1 };
        for _ in 0..times {
            let body = json!({ "item_id": id, "content_index": 0, "transcript": words });
            let event = self.event("conversation.item.input_audio_transcription.completed", body);
            floor.say(event);
        }
    }

    pub(super) fn create_item(&mut self, message: &Value, floor: &mut Floor<'_>) {
        let Some(mut item) = message.get("item").filter(|item| item.is_object()).cloned() else {
            floor.fault("item_is_no_object");
            return self.error("invalid_value", "An item is an object (mock).", message, floor);
        };
        let id = match item.get("id").and_then(Value::as_str) {
            Some(id) if self.items.contains_key(id) => {
                let code = "item_create_duplicate_item_id";
                return self.error(code, "There is such an item already (mock).", message, floor);
            }
            Some(id) => id.to_owned(),
            None => self.numbers.item(),
        };
        let call = text(&item, "call_id");
        if type_of(&item) == "function_call_output" && !self.calls.contains(&call) {
            floor.fault("output_of_unknown_call");
            return self.error("invalid_value", "No such call is known (mock).", message, floor);
        }
        if type_of(&item) == "function_call" {
            // What was called in a session before this one.
            self.calls.push(call);
        }
        item["id"] = json!(id);
        let before = self.last_item.replace(id.clone());
        self.items.insert(id, Item::default());
        for kind in ["conversation.item.added", "conversation.item.done"] {
            self.note(kind, json!({ "previous_item_id": before, "item": item }), floor);
        }
    }

    pub(super) fn truncate(&mut self, message: &Value, floor: &mut Floor<'_>) {
        let id = text(message, "item_id");
        let end_ms = message.get("audio_end_ms").and_then(Value::as_u64).unwrap_or_default();
        floor.cancelled();
        let form = if self.manner.plays(WsFailure::TruncateErrors) { self.manner.form() } else { "" };
        let Some(audio_ms) = self.items.get(&id).map(|item| item.audio_ms) else {
            floor.fault("truncate_of_unknown_item");
            return self.error("item_truncate_invalid_item_id", "There is no such item (mock).", message, floor);
        };
        if audio_ms == 0 || form == "type" {
            floor.fault("truncate_without_audio");
            let text = "Only model output audio messages can be truncated";
            return self.error("unsupported_content_type", text, message, floor);
        }
        if end_ms > audio_ms || form == "shorter" {
            floor.fault("truncate_beyond_audio");
            let text = format!("Audio content of {audio_ms}ms is already shorter than {end_ms}ms");
            return self.error("invalid_value", &text, message, floor);
        }
        if let Some(item) = self.items.get_mut(&id) {
            item.audio_ms = end_ms;
        }
        floor.truncated(end_ms);
        if !self.manner.plays(WsFailure::NoAcknowledgement) {
            let body = json!({ "item_id": id, "content_index": 0, "audio_end_ms": end_ms });
            self.note("conversation.item.truncated", body, floor);
        }
    }
}
