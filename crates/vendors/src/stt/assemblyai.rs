//! AssemblyAI Universal Streaming, `wss://streaming.assemblyai.com/v3/ws`.
//!
//! Chosen over ElevenLabs Scribe realtime because its contract is the better specified: every failure has a number, turns are
//! counted, an end can be forced with any amount of audio (a commit of less than 0.3 s closes a Scribe session), and audio
//! goes as bytes and not as base64.
//!
//! - Audio messages hold 50 to 1000 ms: frames are grouped, and what is left at a flush is filled up with silence.
//! - Silence follows the caller's words until the turn has ended, for a few seconds at most; then `KeepAlive` every 10 s.
//! - A flush is a `ForceEndpoint`, answered by the end of the turn, and after [`Config::force_wait`] without it.
//! - With formatting on, the end of a turn comes twice. The first counts and the second is dropped: words in time are worth
//!   more to an agent than capitals. Formatting is therefore off unless asked for.
//! - `Terminate` says farewell: an abandoned session is billed until it times out.
//!
//! Source: AssemblyAI API reference, "Streaming", version 2025-05-12, and its Python SDK 1.8.2, read 2026-11.

use std::{sync::Arc, time::Duration};

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, DuplexCodec, DuplexVendor, ErrorClass, Flow, Hearing, Input, Message, Outgoing,
    ProviderError, Role, SocketRequest, Transcribe, Turns, Usage, Wire, closed_by_server,
};
use serde_json::{Value, json};

use super::{
    ledger::{Ledger, Span},
    line::Line,
    message,
};
use crate::shape::{quote::quote, socket_address};

/// How to use it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key.
    pub key: ApiKey,
    /// Where it is; `https://streaming.assemblyai.com`. The European host is `https://streaming.eu.assemblyai.com`.
    pub base_url: String,
    /// Which model, for example `universal-streaming-english`; the job's language is part of the choice.
    pub model: String,
    /// Which languages to expect, for models that know many. None: the model's own.
    pub language_codes: Vec<String>,
    /// How samples are sent: PCM as they are, or in half the bytes as µ-law. PCM; A-law is not known there and goes as PCM.
    pub encoding: Encoding,
    /// Whether the end of a turn is to come a second time, formatted. Off, see above.
    pub format_turns: bool,
    /// How sure the model must be that a turn is over, 0 to 1; `None` for its own default.
    pub end_of_turn_confidence_threshold: Option<f32>,
    /// After how much silence a turn ends when the model is sure, in ms; `None` for its own default.
    pub min_turn_silence_ms: Option<u32>,
    /// After how much silence a turn ends in any case, in ms; `None` for its own default.
    pub max_turn_silence_ms: Option<u32>,
    /// Words that are expected. None.
    pub keyterms: Vec<String>,
    /// After how long without audio and `KeepAlive` the server ends the session, so that an abandoned one is not billed for
    /// hours; `None` for never. One minute.
    pub inactivity: Option<Duration>,
    /// How long the end of a turn that was forced is waited for: 300 to 500 ms. 400 ms.
    pub force_wait: Duration,
}

impl Config {
    /// The defaults, with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://streaming.assemblyai.com".to_owned(),
            model: model.into(),
            language_codes: Vec::new(),
            encoding: Encoding::Pcm16,
            format_turns: false,
            end_of_turn_confidence_threshold: None,
            min_turn_silence_ms: None,
            max_turn_silence_ms: None,
            keyterms: Vec::new(),
            inactivity: Some(Duration::from_mins(1)),
            force_wait: Duration::from_millis(400),
        }
    }
}

/// The vendor.
#[derive(Clone, Debug)]
pub struct AssemblyAi {
    config: Config,
}

impl AssemblyAi {
    /// A vendor that works as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl DuplexVendor for AssemblyAi {
    type Job = Transcribe;
    type Codec = AssemblyCodec;

    /// A session lives for hours; when it ends the server says so (3008), and another one is opened.
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            input: Input::Incremental,
            turns: Turns::Reported,
            idle: self.config.inactivity,
            pace_percent: Some(125),
            ..Capabilities::of(Role::Stt)
        }
    }

    fn open(&self, job: &Transcribe) -> Result<(SocketRequest, AssemblyCodec), ProviderError> {
        let config = &self.config;
        let encoding = if config.encoding == Encoding::Mulaw { Encoding::Mulaw } else { Encoding::Pcm16 };
        let format = Format { encoding, rate_hz: message::known_rate(job)? };
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let list = |items: &[String]| (!items.is_empty()).then(|| json!(items).to_string());
        let query = [
            ("sample_rate", Some(format.rate_hz.to_string())),
            ("encoding", Some(if encoding == Encoding::Mulaw { "pcm_mulaw" } else { "pcm_s16le" }.to_owned())),
            ("speech_model", Some(config.model.clone())),
            ("format_turns", Some(config.format_turns.to_string())),
            ("end_of_turn_confidence_threshold", config.end_of_turn_confidence_threshold.map(|sure| sure.to_string())),
            ("min_turn_silence", number(config.min_turn_silence_ms)),
            ("max_turn_silence", number(config.max_turn_silence_ms)),
            ("language_codes", list(&config.language_codes)),
            ("keyterms_prompt", list(&config.keyterms)),
            ("inactivity_timeout", config.inactivity.map(|inactivity| inactivity.as_secs().to_string())),
        ];
        let query: Vec<(&str, &str)> =
            query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        let request = SocketRequest {
            url: socket_address(&config.base_url, &["v3", "ws"], &query)?,
            headers: vec![("authorization", config.key.header("")), ("assemblyai-version", "2025-05-12".into())],
        };
        let codec = AssemblyCodec {
            line: Line::new(format, 50, 1000),
            ledger: Ledger::new(),
            force_wait: config.force_wait,
            turn_wait: config.max_turn_silence_ms.map_or(TURN_WAIT, |ms| Duration::from_millis(ms.into())) + SLACK,
            keep_alive: config.inactivity.map_or(KEEP_ALIVE, |inactivity| (inactivity / 3).min(KEEP_ALIVE)),
            begun: false,
            over: false,
            heard_ms: 0,
            session_id: None,
        };
        Ok((request, codec))
    }
}

/// Talks over one socket, which serves one caller.
#[derive(Debug)]
pub struct AssemblyCodec {
    line: Line,
    ledger: Ledger,
    force_wait: Duration,
    /// How long silence follows the caller's words while their turn has not ended.
    turn_wait: Duration,
    keep_alive: Duration,
    /// The session has begun: audio is taken.
    begun: bool,
    /// The job was cancelled.
    over: bool,
    /// How far the audio is final, in ms.
    heard_ms: u64,
    session_id: Option<Arc<str>>,
}

impl DuplexCodec for AssemblyCodec {
    type Job = Transcribe;

    fn opened(&mut self, now: Duration, _: &mut Wire<Transcribe>) {
        self.line.begin(now);
    }

    fn is_ready(&self) -> bool {
        self.begun
    }

    fn begin(&mut self, now: Duration, _: &Transcribe, _: &mut Wire<Transcribe>) {
        self.line.begin(now);
    }

    fn feed(&mut self, now: Duration, piece: Hearing, wire: &mut Wire<Transcribe>) {
        match piece {
            Hearing::Samples(samples) => self.line.hear(now, &samples, &mut wire.send),
            Hearing::Flush(flush) => self.flush(now, flush, wire),
        }
        self.report_usage(wire);
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Transcribe>,
    ) -> Result<Flow<Transcribe>, ProviderError> {
        self.ledger.stirred(self.line.length_ms());
        let Some(message) = message::read(message)? else {
            wire.output.unknown += 1;
            return Ok(Flow::More);
        };
        match message::text(&message, "type") {
            "Begin" => {
                self.begun = true;
                self.session_id = Some(message::text(&message, "id")).filter(|id| !id.is_empty()).map(Arc::from);
            }
            _ if self.over => {}
            "Turn" => self.turn(&message, wire),
            // The close that follows says less.
            "Error" => return Err(error_message(&message)),
            "SpeechStarted" | "Termination" | "Heartbeat" | "Silence" | "SpeakerRevision" | "Warning"
            | "LLMGatewayResponse" => {}
            // Errors of the first versions of this API had no type.
            "" if message.get("error").is_some_and(Value::is_string) => return Err(error_message(&message)),
            _ => wire.output.unknown += 1,
        }
        self.report_usage(wire);
        Ok(Flow::More)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.over || !self.begun {
            return None;
        }
        let next =
            if self.turn_may_be_open() { self.line.covered() + SILENCE } else { self.line.sent_at() + self.keep_alive };
        Some(self.ledger.due().map_or(next, |due| due.min(next)))
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Transcribe>) -> Result<Flow<Transcribe>, ProviderError> {
        if self.over || !self.begun {
            return Ok(Flow::More);
        }
        self.ledger.answer_due(now, &mut wire.output.events)?;
        if self.turn_may_be_open() {
            if now >= self.line.covered() + SILENCE {
                self.line.fill(now, &mut wire.send);
            }
        } else if now >= self.line.sent_at() + self.keep_alive {
            wire.send.push(Outgoing::Text(r#"{"type":"KeepAlive"}"#.to_owned()));
            self.line.note_sent(now);
        }
        self.report_usage(wire);
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, _: &mut Wire<Transcribe>) {
        self.over = true;
        self.ledger.clear();
    }

    fn farewell(&mut self, _: Duration, wire: &mut Wire<Transcribe>) {
        wire.send.push(Outgoing::Text(r#"{"type":"Terminate"}"#.to_owned()));
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        let mut error = closed_by_server(code, &quote(reason));
        if let Some(class) = code.and_then(|code| class_of_code(code.into())) {
            error.class = class;
        }
        paused(error)
    }
}

impl AssemblyCodec {
    fn flush(&mut self, now: Duration, flush: u32, wire: &mut Wire<Transcribe>) {
        self.line.push_out(now, &mut wire.send);
        let voiced_ms = self.line.voiced_ms();
        if self.heard_ms >= voiced_ms && !self.ledger.is_open() && !self.ledger.owes() {
            wire.output.events.push(self.ledger.answer_at_once(flush));
            return;
        }
        wire.send.push(Outgoing::Text(r#"{"type":"ForceEndpoint"}"#.to_owned()));
        self.ledger.owe(flush, now + self.force_wait, voiced_ms);
    }

    fn turn(&mut self, turn: &Value, wire: &mut Wire<Transcribe>) {
        let span = turn.get("turn_order").and_then(Value::as_u64).map_or(Span::Unknown, Span::Turn);
        let words = turn.get("words").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let transcript = message::text(turn, "transcript");
        if !message::flag(turn, "end_of_turn") {
            // The transcript holds the words that are certain; the list, those as well that may change.
            let all = words.iter().map(|word| message::text(word, "text")).collect::<Vec<_>>().join(" ");
            let text = if all.len() > transcript.len() { &all } else { transcript };
            self.ledger.hear(span, text, false);
            wire.output.events.extend(self.ledger.partial());
            return;
        }
        self.ledger.hear(span, transcript, true);
        // The server has heard silence behind the last word, or it would not have ended the turn.
        let end = words.last().and_then(|word| word.get("end")).and_then(Value::as_u64);
        let heard_ms = end.map(|end| end.saturating_add(SILENCE_HEARD_MS));
        // Nobody has heard more than was sent, whatever a message says.
        self.heard_ms = self.heard_ms.max(heard_ms.unwrap_or(0).min(self.line.length_ms()));
        let before = wire.output.events.len();
        let answer = self.ledger.acknowledged(heard_ms);
        wire.output.events.extend(answer);
        self.ledger.settled_until(self.heard_ms, &mut wire.output.events);
        if wire.output.events.len() == before && !self.ledger.owes() {
            wire.output.events.extend(self.ledger.close_turn());
        }
    }

    /// Whether silence has to go on: words wait for their end, or something was said that the server may still find words in.
    fn turn_may_be_open(&self) -> bool {
        let unheard = self.heard_ms < self.line.voiced_ms();
        (unheard || self.ledger.is_open()) && self.line.covered() < self.line.heard_at() + self.turn_wait
    }

    /// The server bills the length of the session. What is known here is the audio.
    fn report_usage(&self, wire: &mut Wire<Transcribe>) {
        let audio_in_ms = u32::try_from(self.line.length_ms()).unwrap_or(u32::MAX);
        wire.output.usage =
            Usage { audio_in_ms, estimated: true, request_id: self.session_id.clone(), ..Usage::default() };
    }
}

/// What an `Error` message means: `{"type":"Error", "error_code", "error"}`.
fn error_message(message: &Value) -> ProviderError {
    let code = message.get("error_code").map_or(0, |code| match code {
        Value::String(code) => code.parse().unwrap_or(0),
        other => other.as_u64().unwrap_or(0),
    });
    let words = message::text(message, "error");
    let class = class_of_code(code).or_else(|| class_of_words(words)).unwrap_or(ErrorClass::Unavailable);
    paused(ProviderError::new(class, format!("the server reports {code}: {}", quote(words))))
}

/// What a number of theirs means, in a message or a close frame.
const fn class_of_code(code: u64) -> Option<ErrorClass> {
    Some(match code {
        // 1008 is what older servers say for a wrong key and an empty account alike.
        1008 | 4001 => ErrorClass::Auth,
        4002 => ErrorClass::Quota,
        1013 | 3005 => ErrorClass::Unavailable,
        3006 | 4100 | 4101 => ErrorClass::BadRequest,
        // 3007 also stands for messages that are too short or too long, which ours are not.
        3007 | 4029 => ErrorClass::RateLimited,
        3008 | 4031 => ErrorClass::SessionExpired,
        3009 => ErrorClass::Busy,
        _ => return None,
    })
}

fn class_of_words(words: &str) -> Option<ErrorClass> {
    let words = words.to_ascii_lowercase();
    let rows = [
        ("at_capacity", ErrorClass::Busy),
        ("concurrent", ErrorClass::Busy),
        ("insufficient", ErrorClass::Quota),
        ("unauthorized", ErrorClass::Auth),
        ("not authorized", ErrorClass::Auth),
        ("expired", ErrorClass::SessionExpired),
    ];
    rows.iter().find(|(word, _)| words.contains(word)).map(|(_, class)| *class)
}

/// Who sends too fast waits a second, unless told otherwise, which this API never does.
fn paused(error: ProviderError) -> ProviderError {
    if error.class == ErrorClass::RateLimited { error.after(Duration::from_secs(1)) } else { error }
}

/// While a turn is open and the caller is quiet, so much silence is sent at once.
const SILENCE: Duration = Duration::from_millis(100);
/// How long a turn stays open in silence where the configuration does not say.
const TURN_WAIT: Duration = Duration::from_secs(3);
/// How much longer than the server's own limit a turn is given to end.
const SLACK: Duration = Duration::from_secs(2);
/// How often the server is told that we are still here.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Silence that the server has heard behind the last word of a turn that it ended, in ms: its shortest setting.
const SILENCE_HEARD_MS: u64 = 150;
