//! Speech to speech: OpenAI Realtime, generally available form, `wss://api.openai.com/v1/realtime?model=…`.
//!
//! The server hears the caller, decides when they have finished, thinks and speaks. It does not know what the caller heard:
//! audio comes several times faster than it is played, so an interruption has to tell it
//! ([`Turnout::Cut`] becomes `conversation.item.truncate`). What that may say is bounded by what really came of the item, or the
//! server refuses it and goes on believing that it was heard to the end.
//!
//! - `session.created`, then our `session.update`, then `session.updated`: only then audio, which would be taken for 24 kHz PCM.
//! - µ-law and A-law at 8 kHz go as they are, both ways; everything else as PCM at 24 kHz, converted here.
//! - Silence follows the caller's words until the server has heard their end: its detector counts audio.
//! - One response at a time: another is asked for when the running one is done.
//! - The names of the beta API are understood as well; no request uses them.
//! - A session ends after 60 minutes without a warning, so [`Capabilities::session`] names 50: it is to be replaced by one that
//!   is opened with the conversation so far, in a silent moment.
//!
//! | server | event | what the call does with it |
//! |---|---|---|
//! | `input_audio_buffer.speech_started` | [`Exchange::CallerSpoke`] | stops playing, and feeds [`Turnout::Cut`] with what was heard of the reply that played |
//! | `input_audio_buffer.speech_stopped` | [`Exchange::CallerPaused`] | waits for the reply, which the server begins by itself |
//! | `…input_audio_transcription.completed` | [`Exchange::CallerSaid`], in the order of speaking | writes it down |
//! | `response.output_audio.delta` | [`Exchange::Audio`] | plays it |
//! | `response.output_audio_transcript.delta` | [`Exchange::Said`] | writes it down, as far as it was heard |
//! | `response.function_call_arguments.done` | [`Exchange::Call`] | feeds [`Turnout::Returned`]; once all have returned, the reply follows by itself |
//! | `response.done` | [`Exchange::ReplyDone`], unless it was cut | knows that no more audio comes; also when the server cancelled it, and when it only called tools |
//! | `error`, `response.done` that failed twice, close | an error | opens another session with the conversation so far |
//!
//! Source: OpenAI API reference, "Realtime" (client and server events), and its Python SDK 3.51.0, read 2026-11.

mod caller;
mod config;
mod fault;
mod replies;
mod session;

use std::{sync::Arc, time::Duration};

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    Capabilities, Converse, DuplexCodec, DuplexVendor, ErrorClass, Exchange, Flow, Input, Message, Outgoing,
    ProviderError, Role, SocketRequest, Timing, Turnout, Turns, Usage, UsageSource, Wire,
};
use serde_json::{Value, json};

pub use self::config::{Config, TurnDetection};
use self::{
    caller::{Caller, Heard},
    fault::{CREATE, Verdict},
    replies::Replies,
};
use crate::shape::{json::parse, socket_address, tools};

/// The vendor.
#[derive(Clone, Debug)]
pub struct OpenAiRealtime {
    config: Config,
}

impl OpenAiRealtime {
    /// A vendor that works as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl DuplexVendor for OpenAiRealtime {
    type Job = Converse;
    type Codec = RealtimeCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            input: Input::Incremental,
            timing: Timing::Estimated,
            turns: Turns::Reported,
            session: Some(Duration::from_mins(50)),
            usage: UsageSource::Reported,
            ..Capabilities::of(Role::Realtime)
        }
    }

    fn open(&self, job: &Converse) -> Result<(SocketRequest, RealtimeCodec), ProviderError> {
        let wire = wire_format(job.format);
        let convert = |_| {
            let detail = format!("audio of a telephone expected, came {}", job.format);
            ProviderError::new(ErrorClass::BadRequest, detail)
        };
        let codec = RealtimeCodec {
            update: session::update(&self.config, job, wire)?,
            dialogue: session::dialogue(&job.dialogue),
            patience: self.config.turns.patience(),
            caller: Caller::new(job.format.rate_hz, wire).map_err(convert)?,
            replies: Replies::new(wire, job.format).map_err(convert)?,
            heard: Heard::default(),
            phase: Phase::Opening,
            asked: false,
            wanted: session::answer_is_due(&job.dialogue),
            open_calls: Vec::new(),
            returned: Vec::new(),
            retried: false,
            tokens: Usage::default(),
        };
        let request = SocketRequest {
            url: socket_address(&self.config.base_url, &["v1", "realtime"], &[("model", &self.config.model)])?,
            headers: vec![("authorization", self.config.key.header("Bearer "))],
        };
        Ok((request, codec))
    }
}

/// The format that goes over the wire for audio of `format`.
fn wire_format(format: Format) -> Format {
    match (format.encoding, format.rate_hz) {
        (Encoding::Mulaw | Encoding::Alaw, 8000) => format,
        _ => Format { encoding: Encoding::Pcm16, rate_hz: 24_000 },
    }
}

/// Talks over one socket, which is one conversation.
#[derive(Debug)]
pub struct RealtimeCodec {
    update: Outgoing,
    dialogue: Vec<Outgoing>,
    caller: Caller,
    /// How much silence the server takes for the end of what the caller says, at most.
    patience: Duration,
    replies: Replies,
    heard: Heard,
    phase: Phase,
    /// A response was asked for and has not begun.
    asked: bool,
    /// One is wanted: when the session begins, or when the running one is done.
    wanted: bool,
    /// Tools that have been called and have not returned.
    open_calls: Vec<Arc<str>>,
    /// What tools returned while a response was running.
    returned: Vec<Outgoing>,
    /// The last response was asked for once more.
    retried: bool,
    tokens: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The session is not yet what the job asks for.
    Opening,
    Ready,
    /// The job was cancelled.
    Over,
}

impl DuplexCodec for RealtimeCodec {
    type Job = Converse;

    fn opened(&mut self, now: Duration, _: &mut Wire<Converse>) {
        self.caller.begin(now);
    }

    fn is_ready(&self) -> bool {
        self.phase != Phase::Opening
    }

    fn begin(&mut self, now: Duration, _: &Converse, wire: &mut Wire<Converse>) {
        self.caller.begin(now);
        wire.send.append(&mut self.dialogue);
        if self.wanted {
            self.want_response(wire);
        }
    }

    fn feed(&mut self, now: Duration, piece: Turnout, wire: &mut Wire<Converse>) {
        match piece {
            Turnout::Samples(samples) => wire.send.extend(self.caller.hear(now, &samples)),
            Turnout::Cut { reply, heard_ms } => self.replies.cut(reply, heard_ms, &mut wire.send),
            Turnout::Typed(text) => {
                wire.send.push(session::said_by_caller(&text));
                self.want_response(wire);
            }
            Turnout::Returned(result) => {
                self.open_calls.retain(|call| *call != result.id);
                self.returned.push(session::returned(&result));
                if !self.is_busy() {
                    self.answer_tools(wire);
                }
            }
        }
        self.report_usage(wire);
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Converse>,
    ) -> Result<Flow<Converse>, ProviderError> {
        let Message::Text(text) = message else {
            wire.output.unknown += 1;
            return Ok(Flow::More);
        };
        let message = parse(text)?;
        if self.phase != Phase::Over {
            self.event(&message, wire)?;
            self.report_usage(wire);
        }
        Ok(Flow::More)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.phase != Phase::Ready {
            return None;
        }
        self.caller.silence_at().into_iter().chain(self.caller.must_stop_by(self.patience)).min()
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Converse>) -> Result<Flow<Converse>, ProviderError> {
        if self.phase == Phase::Ready {
            if self.caller.must_stop_by(self.patience).is_some_and(|by| now >= by) {
                self.phase = Phase::Over;
                let detail = "the caller has paused, and the server goes on hearing them speak";
                return Err(ProviderError::new(ErrorClass::Timeout, detail));
            }
            wire.send.extend(self.caller.be_silent(now));
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, _: &mut Wire<Converse>) {
        self.phase = Phase::Over;
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        fault::closed(code, reason)
    }
}

impl RealtimeCodec {
    fn event(&mut self, message: &Value, wire: &mut Wire<Converse>) -> Result<(), ProviderError> {
        let out = &mut wire.output.events;
        match ga_name(text(message, "type")) {
            "session.created" => wire.send.push(self.update.clone()),
            "session.updated" => self.phase = Phase::Ready,
            "input_audio_buffer.speech_started" => {
                self.caller.speaks(true);
                out.push(Exchange::CallerSpoke);
            }
            "input_audio_buffer.speech_stopped" => {
                self.caller.speaks(false);
                out.push(Exchange::CallerPaused);
            }
            "input_audio_buffer.committed" => self.heard.expect(text(message, "item_id"), out),
            "conversation.item.input_audio_transcription.completed" => {
                self.heard.know(text(message, "item_id"), text(message, "transcript"), out);
            }
            // The audio itself was heard all the same.
            "conversation.item.input_audio_transcription.failed" => self.heard.know(text(message, "item_id"), "", out),
            "response.created" => {
                self.asked = false;
                // The conversation has moved on; what is still being worked on comes when it comes.
                self.open_calls.clear();
                self.replies.begin(text(message.get("response").unwrap_or(&Value::Null), "id"));
            }
            "response.output_item.added" => self.replies.add_item(message),
            "response.output_audio.delta" => self.replies.audio(message, out)?,
            "response.output_audio.done" => self.replies.audio_done(message, out),
            "response.output_audio_transcript.delta" | "response.output_text.delta" => {
                self.replies.said(message, text(message, "delta"), out);
            }
            "response.output_audio_transcript.done" => self.replies.all_said(message, text(message, "transcript"), out),
            "response.output_text.done" => self.replies.all_said(message, text(message, "text"), out),
            "response.function_call_arguments.done" => self.call(message, wire),
            "response.done" => return self.response_done(message.get("response").unwrap_or(&Value::Null), wire),
            "error" => return self.error(message.get("error").unwrap_or(message), wire),
            name if is_of_no_use(name) => {}
            _ => wire.output.unknown += 1,
        }
        Ok(())
    }

    /// A tool is called. What it returns is sent when the response that called it is done.
    fn call(&mut self, message: &Value, wire: &mut Wire<Converse>) {
        let Some(mut call) = self.replies.call(message) else { return };
        match tools::arguments(&call.arguments) {
            Ok(arguments) => {
                call.arguments = arguments;
                if self.open_calls.len() < MOST_CALLS && !self.open_calls.contains(&call.id) {
                    self.open_calls.push(Arc::clone(&call.id));
                    wire.output.events.push(Exchange::Call(call));
                }
            }
            // The model made the mistake, so the model is told.
            Err(error) => self.returned.push(session::misused(&call.id, &error.detail)),
        }
    }

    fn response_done(&mut self, response: &Value, wire: &mut Wire<Converse>) -> Result<(), ProviderError> {
        self.count(response.get("usage").unwrap_or(&Value::Null));
        let voiced = self.replies.done(response, &mut wire.send, &mut wire.output.events);
        if text(response, "status") == "failed" {
            let cause = response.pointer("/status_details/error").unwrap_or(&Value::Null);
            let error = fault::of_response(cause);
            // Once more, if that may help; who has begun to speak has said something.
            if std::mem::replace(&mut self.retried, true) || !fault::may_pass(&error) {
                return Err(error);
            }
            self.wanted |= !voiced;
        } else {
            self.retried = false;
        }
        self.answer_tools(wire);
        if self.wanted {
            self.want_response(wire);
        }
        Ok(())
    }

    fn error(&mut self, error: &Value, wire: &mut Wire<Converse>) -> Result<(), ProviderError> {
        match fault::judge(error, self.phase == Phase::Ready) {
            Verdict::Ignore => {}
            Verdict::Wait => {
                self.asked = false;
                self.wanted = true;
            }
            Verdict::Send(message) => wire.send.push(message),
            Verdict::Fatal(error) => return Err(error),
        }
        Ok(())
    }

    /// Tells the model what its tools returned, and has it go on once all of them have.
    fn answer_tools(&mut self, wire: &mut Wire<Converse>) {
        if self.is_busy() || self.returned.is_empty() {
            return;
        }
        wire.send.append(&mut self.returned);
        if self.open_calls.is_empty() {
            self.want_response(wire);
        }
    }

    fn want_response(&mut self, wire: &mut Wire<Converse>) {
        self.wanted = self.is_busy();
        if !self.wanted {
            self.asked = true;
            wire.send.push(Outgoing::Text(json!({"type": "response.create", "event_id": CREATE}).to_string()));
        }
    }

    fn is_busy(&self) -> bool {
        self.asked || self.replies.is_running()
    }

    fn count(&mut self, usage: &Value) {
        let number = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0).min(u32::MAX.into()) as u32;
        let sum = &mut self.tokens;
        sum.tokens_in = sum.tokens_in.saturating_add(number("/input_tokens"));
        sum.tokens_out = sum.tokens_out.saturating_add(number("/output_tokens"));
        sum.tokens_cached = sum.tokens_cached.saturating_add(number("/input_token_details/cached_tokens"));
    }

    fn report_usage(&self, wire: &mut Wire<Converse>) {
        wire.output.usage = Usage {
            audio_in_ms: self.caller.sent_ms(),
            audio_out_ms: self.replies.received_ms(),
            ..self.tokens.clone()
        };
    }
}

/// A text field; empty when it is not there or no text.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The name that an event of the beta API has now.
fn ga_name(name: &str) -> &str {
    match name {
        "response.audio.delta" => "response.output_audio.delta",
        "response.audio.done" => "response.output_audio.done",
        "response.audio_transcript.delta" => "response.output_audio_transcript.delta",
        "response.audio_transcript.done" => "response.output_audio_transcript.done",
        "response.text.delta" => "response.output_text.delta",
        "response.text.done" => "response.output_text.done",
        "conversation.item.created" => "conversation.item.added",
        name => name,
    }
}

/// Events that are known and change nothing here.
fn is_of_no_use(name: &str) -> bool {
    let families =
        ["rate_limits.", "mcp_", "response.mcp_", "conversation.", "input_audio_buffer.", "output_audio_buffer."];
    let rest = [
        "response.content_part.added",
        "response.content_part.done",
        "response.output_item.done",
        "response.function_call_arguments.delta",
    ];
    rest.contains(&name) || families.iter().any(|family| name.starts_with(family))
}

/// No reply calls more tools than this.
const MOST_CALLS: usize = 32;
