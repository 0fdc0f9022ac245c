//! OpenAI Realtime, `/v1/realtime`, as it is since general availability: events in, events out.

mod fault;
mod items;
mod response;
mod settings;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

pub(super) use self::fault::refusal;
use self::{
    fault::{beta_is_over, complaint, refused},
    response::{Response, Step},
    settings::Settings,
};
use super::{
    WsFailure,
    ears::{Ears, Utterance, Window},
    facts::Context,
    session::{Admission, Cause, Complaint, Floor, Manner, Session, bytes_of_base64, sooner, type_of},
};
use crate::theatre::RequestHead;

/// One conversation. Speech is understood as by the other fakes' ears; replies come from the script, tools and all.
pub(super) struct Realtime {
    manner: Manner,
    settings: Settings,
    /// The session has been updated: until then audio is taken for 24 kHz PCM.
    is_updated: bool,
    ears: Ears,
    utterance: Option<(Utterance, String)>,
    /// Audio since the last commit, in ms.
    buffered_ms: u64,
    items: BTreeMap<String, Item>,
    last_item: Option<String>,
    active: Option<Response>,
    /// A response that was cancelled and whose audio is late (`W16`).
    late: Option<Response>,
    calls: Vec<String>,
    /// Speaks in the old names: everything is refused.
    is_beta: bool,
    numbers: Numbers,
    dies_at: Duration,
    is_over: bool,
}

#[derive(Default)]
struct Item {
    /// Audio of the model that went out, in ms.
    audio_ms: u64,
}

/// Ids, counted.
#[derive(Debug, Default)]
struct Numbers {
    event: u64,
    item: u64,
    response: u64,
    call: u64,
}

impl Realtime {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        if let Some((name, _)) = head.query.iter().find(|(name, _)| !["model", "call_id"].contains(&name.as_str())) {
            return Err(refused(400, "unknown_parameter", name));
        }
        let Some(model) = head.parameter("model").filter(|model| !model.is_empty()) else {
            return Err(refused(400, "missing_model", "model"));
        };
        let settings = Settings::new(model);
        Ok(Box::new(Self {
            ears: Ears::new(settings.input),
            settings,
            is_updated: false,
            utterance: None,
            buffered_ms: 0,
            items: BTreeMap::new(),
            last_item: None,
            active: None,
            late: None,
            calls: Vec::new(),
            is_beta: head.header("openai-beta").is_some(),
            numbers: Numbers::default(),
            dies_at: manner.limit(LIFE),
            manner,
            is_over: false,
        }))
    }

    fn event(&mut self, kind: &str, mut body: Value) -> Value {
        self.numbers.event += 1;
        body["type"] = json!(kind);
        body["event_id"] = json!(format!("ev_{}", self.numbers.event));
        body
    }

    fn note(&mut self, kind: &str, body: Value, floor: &mut Floor<'_>) {
        let event = self.event(kind, body);
        floor.note(event);
    }

    fn error(&mut self, code: &str, message: &str, cause: &Value, floor: &mut Floor<'_>) {
        let body = json!({ "error": {
            "type": "invalid_request_error", "code": code, "message": message, "param": null,
            "event_id": cause.get("event_id"),
        } });
        self.note("error", body, floor);
    }

    fn obey(&mut self, kind: &str, message: &Value, floor: &mut Floor<'_>) {
        match kind {
            "session.update" => self.update(message, floor),
            "input_audio_buffer.append" => self.append(message, floor),
            "input_audio_buffer.commit" => self.commit(message, floor),
            "input_audio_buffer.clear" => {
                self.utterance = None;
                self.buffered_ms = 0;
                if !self.manner.plays(WsFailure::NoAcknowledgement) {
                    self.note("input_audio_buffer.cleared", json!({}), floor);
                }
            }
            "conversation.item.create" => self.create_item(message, floor),
            "conversation.item.delete" => {
                let id = text(message, "item_id");
                if self.items.remove(&id).is_some() {
                    self.note("conversation.item.deleted", json!({ "item_id": id }), floor);
                } else {
                    self.error("item_delete_invalid_item_id", "There is no such item (mock).", message, floor);
                }
            }
            "conversation.item.retrieve" => {
                let item = json!({ "id": text(message, "item_id"), "type": "message" });
                self.note("conversation.item.retrieved", json!({ "item": item }), floor);
            }
            "conversation.item.truncate" => self.truncate(message, floor),
            "response.create" => {
                if self.active.is_some() {
                    floor.fault("response_while_active");
                    let code = "conversation_already_has_active_response";
                    self.error(code, "A response is in progress (mock).", message, floor);
                } else {
                    self.respond(floor);
                }
            }
            "response.cancel" => {
                let named = message.get("response_id").and_then(Value::as_str);
                let is_active = self.active.as_ref().is_some_and(|one| named.is_none_or(|id| id == one.id));
                if !is_active || (self.manner.plays(WsFailure::TruncateErrors) && self.manner.form() == "inactive") {
                    let code = "response_cancel_not_active";
                    self.error(code, "There is nothing to cancel (mock).", message, floor);
                } else {
                    self.cancel("client_cancelled", floor);
                }
            }
            _ => {
                floor.fault("unknown_message");
                self.error("invalid_value", "Event of an unknown type (mock).", message, floor);
            }
        }
    }

    fn update(&mut self, message: &Value, floor: &mut Floor<'_>) {
        match self.settings.update(message.get("session").unwrap_or(&Value::Null)) {
            Ok(()) => {
                self.is_updated = true;
                self.ears = Ears::new(self.settings.input);
                let session = self.settings.told();
                self.note("session.updated", json!({ "session": session }), floor);
            }
            Err(field) => {
                floor.fault("session_field_refused");
                self.error(
                    "invalid_value",
                    &format!("Not a field of a session, or missing: {field} (mock)."),
                    message,
                    floor,
                );
            }
        }
    }

    fn append(&mut self, message: &Value, floor: &mut Floor<'_>) {
        let Some(bytes) = message.get("audio").and_then(Value::as_str).and_then(bytes_of_base64) else {
            floor.fault("audio_not_base64");
            return self.error("invalid_value", "Audio is no base64 (mock).", message, floor);
        };
        if !self.is_updated {
            floor.fault("audio_before_session_updated");
        }
        let ms = u64::from(self.ears.format().ms_of_bytes(bytes.len()));
        floor.facts.audio.heard(floor.now, bytes.len(), ms);
        floor.facts.billed.audio_in_ms += ms;
        self.buffered_ms += ms;
        for window in self.ears.hear(&bytes) {
            self.window(window, floor);
        }
    }

    fn window(&mut self, window: Window, floor: &mut Floor<'_>) {
        let vad = self.settings.vad;
        match &mut self.utterance {
            None if window.is_loud => {
                let id = self.numbers.item();
                let start_ms = window.end_ms.saturating_sub(20);
                self.utterance = Some((Utterance::begin(window, (floor.lines)()), id.clone()));
                let Some(vad) = vad else { return };
                let body = json!({ "audio_start_ms": start_ms, "item_id": id });
                self.note("input_audio_buffer.speech_started", body, floor);
                if vad.interrupts && self.active.is_some() {
                    self.cancel("turn_detected", floor);
                }
            }
            None => {}
            Some((utterance, id)) => {
                utterance.hear(window);
                if let Some(vad) = vad.filter(|vad| utterance.quiet_ms(window) >= vad.quiet_ms) {
                    let body = json!({ "audio_end_ms": window.end_ms, "item_id": id });
                    self.note("input_audio_buffer.speech_stopped", body, floor);
                    self.take_turn(floor);
                    if vad.responds && self.active.is_none() {
                        self.respond(floor);
                    }
                }
            }
        }
    }

    fn respond(&mut self, floor: &mut Floor<'_>) {
        let reply = (floor.replies)();
        let response = Response::new(&self.settings, self.manner, reply, &mut self.numbers, floor.now);
        let mut noted = Context::new(&response.id, floor.now);
        noted.takes(floor.now, response.characters());
        floor.facts.opens(noted);
        floor.facts.billed.characters += response.characters();
        floor.facts.billed.audio_out_ms += response.speech_ms();
        if let Some(item) = response.message_item() {
            self.items.insert(item.to_owned(), Item::default());
        }
        self.calls.extend(response.call_ids());
        let begun = response.begun();
        self.active = Some(response);
        for (kind, body) in begun {
            self.note(kind, body, floor);
        }
    }

    fn cancel(&mut self, reason: &str, floor: &mut Floor<'_>) {
        let Some(mut response) = self.active.take() else { return };
        floor.cancelled();
        if let Some(noted) = floor.facts.context(&response.id) {
            noted.closed = Some(floor.now);
        }
        floor.facts.ends(floor.now, |noted| noted.id == response.id);
        if !(self.manner.plays(WsFailure::NoAcknowledgement) && reason == "client_cancelled") {
            let done = response.done("cancelled", &json!({ "type": "cancelled", "reason": reason }));
            self.note("response.done", done, floor);
        }
        if self.manner.plays(WsFailure::LateAudio) {
            response.cancel(12, floor.now);
            self.late = Some(response);
        }
    }

    fn speak(&mut self, floor: &mut Floor<'_>) {
        while let Some(response) = &mut self.active
            && let Some(step) = response.next(floor.now)
        {
            let id = response.id.clone();
            match step {
                Step::Audio { item, body, ms } => {
                    if let Some(noted) = floor.facts.context(&id) {
                        noted.sends(floor.now, ms);
                    }
                    if let Some(item) = self.items.get_mut(&item) {
                        item.audio_ms += ms;
                    }
                    let event = self.event("response.output_audio.delta", body);
                    floor.say(event);
                }
                Step::Said(kind, body) => {
                    let event = self.event(kind, body);
                    floor.say(event);
                }
                Step::Noted(kind, body) => self.note(kind, body, floor),
                Step::Done(body) => {
                    floor.facts.ends(floor.now, |noted| noted.id == id);
                    let response = self.active.take();
                    self.last_item = response.as_ref().and_then(|one| one.message_item().map(str::to_owned));
                    self.note("response.done", body, floor);
                    // What was overtaken by its own end still comes.
                    self.late = response.filter(|response| response.wake_at().is_some());
                }
            }
        }
        while let Some(step) = self.late.as_mut().and_then(|response| response.next(floor.now)) {
            if let Step::Audio { body, .. } = step {
                floor.facts.audio_after_cancel += 1;
                let event = self.event("response.output_audio.delta", body);
                floor.say(event);
            }
        }
        self.late.take_if(|response| response.wake_at().is_none());
    }
}

impl Session for Realtime {
    fn opened(&mut self, floor: &mut Floor<'_>) {
        if self.is_beta {
            floor.fault("beta_header");
            self.is_over = true;
            return floor.complain(beta_is_over());
        }
        let session = self.settings.told();
        let event = self.event("session.created", json!({ "session": session }));
        floor.confirm(event);
    }

    fn text(&mut self, text: &str, floor: &mut Floor<'_>) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = type_of(&message).to_owned();
        floor.heard(if kind.is_empty() { "unreadable" } else { &kind }, text.len());
        if !self.is_over {
            self.obey(&kind, &message, floor);
        }
    }

    fn binary(&mut self, bytes: &[u8], floor: &mut Floor<'_>) {
        floor.heard("binary", bytes.len());
        floor.fault("binary_message");
        self.error("invalid_value", "Text alone is read here (mock).", &Value::Null, floor);
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        let speech = self.active.as_ref().and_then(Response::wake_at);
        let late = self.late.as_ref().and_then(Response::wake_at);
        sooner(sooner(speech, late), Some(self.dies_at))
    }

    fn tick(&mut self, floor: &mut Floor<'_>) {
        if self.is_over {
            return;
        }
        self.speak(floor);
        if self.dies_at <= floor.now {
            self.is_over = true;
            floor.complain(self.complaint(Cause::Expired));
        }
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        complaint(cause)
    }
}

impl Numbers {
    fn item(&mut self) -> String {
        self.item += 1;
        format!("item_{}", self.item)
    }

    fn response(&mut self) -> String {
        self.response += 1;
        format!("resp_{}", self.response)
    }

    fn call(&mut self) -> String {
        self.call += 1;
        format!("call_{}", self.call)
    }
}

fn text(message: &Value, field: &str) -> String {
    message.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Audio that can be committed, in ms.
const SHORTEST_MS: u64 = 100;

/// How long a session lives.
const LIFE: Duration = Duration::from_hours(1);
