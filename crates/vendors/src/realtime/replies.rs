use std::{collections::VecDeque, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Convert, Format, ResampleError};
use operetta_contract::{Exchange, Outgoing, ProviderError, ToolCall};
use serde_json::{Value, json};

use super::{fault::TRUNCATE, text};
use crate::shape::json::protocol;

/// The responses of a session: what came of each, and what of it is still wanted.
///
/// A response that says something is a reply and gets the next number with its first word or sound. One that only calls tools
/// gets its number when it is done: the call may be to end behind it. Everything is known by the server's ids and never by order: what is late belongs to what was cancelled.
#[derive(Debug)]
pub(super) struct Replies {
    wire: Format,
    format: Format,
    list: VecDeque<Response>,
    numbers: u32,
    received_bytes: u64,
    convert: Convert,
    /// Whose audio the converter holds the end of.
    converting: Option<u32>,
}

#[derive(Debug)]
struct Response {
    id: String,
    number: Option<u32>,
    done: bool,
    /// The caller has heard enough of it.
    cut: bool,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    id: String,
    /// The name, when it is the call of a tool.
    tool: Option<String>,
    content_index: u64,
    received_bytes: u64,
    /// Some of its words have come.
    said: bool,
    /// The server was told what the caller heard of it.
    settled: bool,
}

impl Replies {
    pub(super) fn new(wire: Format, format: Format) -> Result<Self, ResampleError> {
        Ok(Self {
            wire,
            format,
            list: VecDeque::new(),
            numbers: 0,
            received_bytes: 0,
            convert: Convert::new(wire, format)?,
            converting: None,
        })
    }

    /// Whether a response is running.
    pub(super) fn is_running(&self) -> bool {
        self.list.iter().any(|response| !response.done)
    }

    /// How much audio has come, in ms.
    pub(super) fn received_ms(&self) -> u32 {
        u32::try_from(ms_of(self.received_bytes, self.wire)).unwrap_or(u32::MAX)
    }

    /// A response begins.
    pub(super) fn begin(&mut self, id: &str) {
        self.response(id);
    }

    /// An item of a response begins.
    pub(super) fn add_item(&mut self, message: &Value) {
        let item = message.get("item").unwrap_or(&Value::Null);
        let is_call = text(item, "type") == "function_call";
        let found = self.response(text(message, "response_id")).item(text(item, "id"));
        if is_call {
            found.tool = Some(text(item, "name").to_owned());
        }
    }

    /// The next piece of audio.
    pub(super) fn audio(&mut self, message: &Value, out: &mut Vec<Exchange>) -> Result<(), ProviderError> {
        let bytes =
            STANDARD.decode(text(message, "delta")).map_err(|_| protocol("audio in base64 expected, came none"))?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.received_bytes += bytes.len() as u64;
        let content_index = message.get("content_index").and_then(Value::as_u64).unwrap_or(0);
        let response = self.response(text(message, "response_id"));
        let item = response.item(text(message, "item_id"));
        item.content_index = content_index;
        item.received_bytes += bytes.len() as u64;
        if response.cut {
            return Ok(());
        }
        let number = self.number(text(message, "response_id"));
        if self.converting != Some(number) {
            // Half a sample of another reply is nobody's.
            self.convert.flush(&mut Vec::new());
            self.converting = Some(number);
        }
        let mut audio = Vec::new();
        self.convert.push(&bytes, &mut audio);
        self.give(number, &audio, out);
        Ok(())
    }

    /// An item has all its audio: what the converter holds is the end of it.
    pub(super) fn audio_done(&mut self, message: &Value, out: &mut Vec<Exchange>) {
        let response = self.response(text(message, "response_id"));
        if let (Some(number), false) = (response.number, response.cut) {
            self.flush(number, out);
        }
    }

    /// The next words.
    pub(super) fn said(&mut self, message: &Value, words: &str, out: &mut Vec<Exchange>) {
        let response = self.response(text(message, "response_id"));
        response.item(text(message, "item_id")).said = true;
        if response.cut || words.is_empty() {
            return;
        }
        let reply = self.number(text(message, "response_id"));
        out.push(Exchange::Said { reply, text: words.into() });
    }

    /// All the words of an item; news only when none came before.
    pub(super) fn all_said(&mut self, message: &Value, words: &str, out: &mut Vec<Exchange>) {
        if !self.response(text(message, "response_id")).item(text(message, "item_id")).said {
            self.said(message, words, out);
        }
    }

    /// The call that is complete with this message; `None` when it is not wanted any more.
    pub(super) fn call(&mut self, message: &Value) -> Option<ToolCall> {
        let response = self.response(text(message, "response_id"));
        let item = response.item(text(message, "item_id"));
        let name = match text(message, "name") {
            "" => item.tool.clone().unwrap_or_default(),
            name => name.to_owned(),
        };
        item.tool = Some(name.clone());
        (!response.cut).then(|| ToolCall {
            id: text(message, "call_id").into(),
            name: name.into(),
            arguments: text(message, "arguments").into(),
            seal: None,
        })
    }

    /// A response is done; whether anything was said in it.
    pub(super) fn done(&mut self, response: &Value, send: &mut Vec<Outgoing>, out: &mut Vec<Exchange>) -> bool {
        let found = self.response(text(response, "id"));
        if std::mem::replace(&mut found.done, true) {
            return true;
        }
        let (number, cut) = (found.number, found.cut);
        let called = found.items.iter().any(|item| item.tool.is_some());
        if cut {
            // What began while our cancel was on its way was heard by nobody.
            let items = response.get("output").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for item in items.iter().filter(|item| text(item, "type") == "message").take(MOST_ITEMS) {
                found.item(text(item, "id"));
            }
            for item in found.items.iter_mut().filter(|item| !item.settled && item.tool.is_none()) {
                item.settled = true;
                send.push(delete(&item.id));
            }
        } else if let Some(reply) = number {
            self.flush(reply, out);
            out.push(Exchange::ReplyDone(reply));
        } else if called {
            let reply = self.number(text(response, "id"));
            out.push(Exchange::ReplyDone(reply));
        }
        number.is_some()
    }

    /// The caller heard `heard_ms` of a reply and wants no more.
    ///
    /// The time counts from the reply's first sample and is laid over its items in their order. Never is more said to have been
    /// heard of an item than came of it, or the server refuses to hear of it at all.
    pub(super) fn cut(&mut self, reply: u32, heard_ms: u32, send: &mut Vec<Outgoing>) {
        let wire = self.wire;
        let Some(response) = self.list.iter_mut().find(|response| response.number == Some(reply)) else { return };
        if std::mem::replace(&mut response.cut, true) {
            return;
        }
        if !response.done {
            send.push(Outgoing::Text(json!({"type": "response.cancel", "response_id": response.id}).to_string()));
        }
        let mut left_ms = u64::from(heard_ms);
        for item in response.items.iter_mut().filter(|item| item.tool.is_none()) {
            let received_ms = ms_of(item.received_bytes, wire);
            let heard_ms = left_ms.min(received_ms);
            left_ms -= heard_ms;
            item.settled = true;
            if heard_ms == 0 {
                send.push(delete(&item.id));
            } else if heard_ms < received_ms || !response.done {
                send.push(Outgoing::Text(
                    json!({
                        "type": "conversation.item.truncate", "event_id": format!("{TRUNCATE}{}", item.id),
                        "item_id": item.id, "content_index": item.content_index, "audio_end_ms": heard_ms,
                    })
                    .to_string(),
                ));
            }
        }
    }

    /// The response of this id; the running one when the server names none.
    fn response(&mut self, id: &str) -> &mut Response {
        let at = self.list.iter().rposition(|response| response.id == id || (id.is_empty() && !response.done));
        let at = at.unwrap_or_else(|| {
            self.list.push_back(Response {
                id: id.to_owned(),
                number: None,
                done: false,
                cut: false,
                items: Vec::new(),
            });
            if self.list.len() > MOST_RESPONSES {
                self.list.pop_front();
            }
            self.list.len() - 1
        });
        &mut self.list[at]
    }

    /// The number of a response that says something.
    fn number(&mut self, id: &str) -> u32 {
        let next = self.numbers + 1;
        let number = *self.response(id).number.get_or_insert(next);
        self.numbers = self.numbers.max(number);
        number
    }

    fn flush(&mut self, reply: u32, out: &mut Vec<Exchange>) {
        if self.converting.take_if(|converting| *converting == reply).is_some() {
            let mut rest = Vec::new();
            self.convert.flush(&mut rest);
            self.give(reply, &rest, out);
        }
    }

    fn give(&self, reply: u32, audio: &[u8], out: &mut Vec<Exchange>) {
        // An event holds a second at most.
        for audio in audio.chunks(self.format.bytes_per_second()) {
            out.push(Exchange::Audio { reply, audio: Arc::from(audio) });
        }
    }
}

impl Response {
    /// The item of this id; the last one when the server names none.
    fn item(&mut self, id: &str) -> &mut Item {
        let known = self.items.iter().rposition(|item| item.id == id || id.is_empty());
        let at = known.unwrap_or_else(|| {
            if self.items.len() < MOST_ITEMS {
                self.items.push(Item {
                    id: id.to_owned(),
                    tool: None,
                    content_index: 0,
                    received_bytes: 0,
                    said: false,
                    settled: false,
                });
            }
            self.items.len() - 1
        });
        &mut self.items[at]
    }
}

fn delete(item: &str) -> Outgoing {
    Outgoing::Text(json!({"type": "conversation.item.delete", "item_id": item}).to_string())
}

fn ms_of(bytes: u64, format: Format) -> u64 {
    bytes * 1000 / format.bytes_per_second() as u64
}

/// How many responses are remembered: what is cut is the last one, or the one before.
const MOST_RESPONSES: usize = 8;
/// How many items one of them may have. What comes on top is counted to the last.
const MOST_ITEMS: usize = 64;
