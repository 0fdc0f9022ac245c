//! Deepgram live transcription, `wss://api.deepgram.com/v1/listen`.
//!
//! Text controls and binary audio go out, JSON comes back. What the API asks for between the caller's words:
//!
//! - Silence from the beginning until the server has said anything: before that its `KeepAlive` may not hold the socket
//!   (deepgram-dotnet-sdk#131).
//! - `KeepAlive` every 4 s of quiet from then on; after 10 s without anything the server closes with `NET-0001`.
//! - Never an empty binary message: the server would take it for the end.
//!
//! A flush is a `Finalize`. The server need not acknowledge it when it has little to work on, so the answer is given without
//! it after [`Config::finalize_wait`], and at once when everything voiced has come back as final already. A server that has not
//! said a thing for so long that it must be deaf is given up instead.
//!
//! Source: Deepgram API reference, "Live audio", and its Python SDK 7.16.0, read 2026-11.

use std::{sync::Arc, time::Duration};

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, DuplexCodec, DuplexVendor, Flow, Hearing, Input, Message, Outgoing, ProviderError, Role,
    SocketRequest, Transcribe, Turns, Usage, Wire,
};
use serde_json::Value;

use super::{
    ledger::{Ledger, Span},
    line::{Line, deepgram_name},
    message,
};
use crate::shape::{deepgram, socket_address};

/// How to use it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key.
    pub key: ApiKey,
    /// Where it is; `https://api.deepgram.com`. Regional hosts exist.
    pub base_url: String,
    /// Which model, for example `nova-3`.
    pub model: String,
    /// Used instead of the job's language when it is not empty: `multi` for callers who change theirs.
    pub language: String,
    /// How samples are sent: PCM as they are, or in half the bytes as G.711. PCM.
    pub encoding: Encoding,
    /// After how much silence the server makes its words final by itself, in ms; `None` for never. 300: the API's own
    /// default of 10 is too eager for telephones.
    pub endpointing_ms: Option<u32>,
    /// After which gap between words the server reports the end of an utterance, in ms, at least 1000; `None` for never.
    /// 1000. It works over noise, where endpointing does not.
    pub utterance_end_ms: Option<u32>,
    /// Whether numbers, dates and addresses are written as such; finals may wait until they are complete. Off.
    pub smart_format: bool,
    /// Whether words are punctuated. On.
    pub punctuate: bool,
    /// Words that are expected, 500 tokens in all; `nova-3` only. None.
    pub keyterms: Vec<String>,
    /// Whether the audio is kept out of model training, which may change the price. Off.
    pub mip_opt_out: bool,
    /// How long an acknowledgement of `Finalize` is waited for: 300 to 500 ms. 400 ms.
    pub finalize_wait: Duration,
}

impl Config {
    /// The defaults, with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: deepgram::BASE_URL.to_owned(),
            model: model.into(),
            language: String::new(),
            encoding: Encoding::Pcm16,
            endpointing_ms: Some(300),
            utterance_end_ms: Some(1000),
            smart_format: false,
            punctuate: true,
            keyterms: Vec::new(),
            mip_opt_out: false,
            finalize_wait: Duration::from_millis(400),
        }
    }
}

/// The vendor.
#[derive(Clone, Debug)]
pub struct DeepgramListen {
    config: Config,
}

impl DeepgramListen {
    /// A vendor that works as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl DuplexVendor for DeepgramListen {
    type Job = Transcribe;
    type Codec = ListenCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            input: Input::Incremental,
            turns: Turns::Reported,
            concurrency: Some(50),
            idle: Some(Duration::from_secs(10)),
            pace_percent: Some(125),
            ..Capabilities::of(Role::Stt)
        }
    }

    fn open(&self, job: &Transcribe) -> Result<(SocketRequest, ListenCodec), ProviderError> {
        let config = &self.config;
        let format = Format { encoding: config.encoding, rate_hz: message::known_rate(job)? };
        let rate = format.rate_hz.to_string();
        let endpointing = config.endpointing_ms.map_or_else(|| "false".to_owned(), |ms| ms.to_string());
        let utterance_end = config.utterance_end_ms.map(|ms| ms.max(1000).to_string());
        let language = if config.language.is_empty() { &*job.language } else { &config.language };
        let mut query = vec![
            ("model", config.model.as_str()),
            ("encoding", deepgram_name(config.encoding)),
            ("sample_rate", &rate),
            ("channels", "1"),
            ("language", language),
            ("interim_results", "true"),
            ("endpointing", &endpointing),
            ("punctuate", bool_name(config.punctuate)),
            ("smart_format", bool_name(config.smart_format)),
        ];
        query.extend(utterance_end.as_deref().map(|ms| ("utterance_end_ms", ms)));
        query.extend(config.keyterms.iter().map(|term| ("keyterm", term.as_str())));
        if config.mip_opt_out {
            query.push(("mip_opt_out", "true"));
        }
        let request = SocketRequest {
            url: socket_address(&config.base_url, &["v1", "listen"], &query)?,
            headers: vec![("authorization", config.key.header(deepgram::SCHEME))],
        };
        let codec = ListenCodec {
            line: Line::new(format, 20, 250),
            ledger: Ledger::new(),
            finalize_wait: config.finalize_wait,
            answered: false,
            over: false,
            heard_ms: 0,
            request_id: None,
        };
        Ok((request, codec))
    }

    fn refusal(&self, status: u16) -> ProviderError {
        deepgram::refused_upgrade(status)
    }
}

/// Talks over one socket, which serves one caller: the server's ear is tuned to them, and its clock counts their audio.
#[derive(Debug)]
pub struct ListenCodec {
    line: Line,
    ledger: Ledger,
    finalize_wait: Duration,
    /// The server has said something: messages keep the socket alive from now on.
    answered: bool,
    /// The job was cancelled.
    over: bool,
    /// How far the audio is final, in ms.
    heard_ms: u64,
    request_id: Option<Arc<str>>,
}

impl DuplexCodec for ListenCodec {
    type Job = Transcribe;

    fn opened(&mut self, now: Duration, _: &mut Wire<Transcribe>) {
        self.line.begin(now);
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
        self.answered = true;
        if self.over {
            return Ok(Flow::More);
        }
        match message::text(&message, "type") {
            "Results" => self.results(&message, wire),
            "UtteranceEnd" if !self.ledger.owes() => wire.output.events.extend(self.ledger.close_turn()),
            "Metadata" => self.learn_request(&message),
            "UtteranceEnd" | "SpeechStarted" | "ConfigureSuccess" | "ConfigureFailure" | "Warning" => {}
            "Error" => return Err(deepgram::error_message(&message)),
            _ => wire.output.unknown += 1,
        }
        self.report_usage(wire);
        Ok(Flow::More)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.over {
            return None;
        }
        let alive = if self.answered { self.line.sent_at() + KEEP_ALIVE } else { self.line.covered() + SILENCE };
        Some(self.ledger.due().map_or(alive, |due| due.min(alive)))
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Transcribe>) -> Result<Flow<Transcribe>, ProviderError> {
        if self.over {
            return Ok(Flow::More);
        }
        self.ledger.answer_due(now, &mut wire.output.events)?;
        if !self.answered {
            if now >= self.line.covered() + SILENCE {
                self.line.fill(now, &mut wire.send);
            }
        } else if now >= self.line.sent_at() + KEEP_ALIVE {
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
        wire.send.push(Outgoing::Text(r#"{"type":"CloseStream"}"#.to_owned()));
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        deepgram::closed(code, reason)
    }
}

impl ListenCodec {
    fn flush(&mut self, now: Duration, flush: u32, wire: &mut Wire<Transcribe>) {
        self.line.push_out(now, &mut wire.send);
        let voiced_ms = self.line.voiced_ms();
        if self.heard_ms >= voiced_ms && !self.ledger.is_open() && !self.ledger.owes() {
            wire.output.events.push(self.ledger.answer_at_once(flush));
            return;
        }
        wire.send.push(Outgoing::Text(r#"{"type":"Finalize"}"#.to_owned()));
        self.ledger.owe(flush, now + self.finalize_wait, voiced_ms);
    }

    fn results(&mut self, results: &Value, wire: &mut Wire<Transcribe>) {
        let is_final = message::flag(results, "is_final");
        let start = message::seconds_as_ms(results, "start");
        let end = start.map(|start| start.saturating_add(message::seconds_as_ms(results, "duration").unwrap_or(0)));
        let span = match (start, end) {
            (Some(start), Some(end)) => Span::Window { start, end },
            _ => Span::Unknown,
        };
        let words = results.pointer("/channel/alternatives/0/transcript").and_then(Value::as_str).unwrap_or_default();
        self.ledger.hear(span, words, is_final);
        if let Some(metadata) = results.get("metadata") {
            self.learn_request(metadata);
        }
        let before = wire.output.events.len();
        if is_final {
            // Nobody has heard more than was sent, whatever a message says.
            self.heard_ms = self.heard_ms.max(end.unwrap_or(0).min(self.line.length_ms()));
            if message::flag(results, "from_finalize") {
                let answer = self.ledger.acknowledged(end);
                wire.output.events.extend(answer);
            }
            self.ledger.settled_until(self.heard_ms, &mut wire.output.events);
            let ends = message::flag(results, "speech_final") || message::flag(results, "from_finalize");
            if ends && !self.ledger.owes() && wire.output.events.len() == before {
                wire.output.events.extend(self.ledger.close_turn());
            }
        }
        if wire.output.events.len() == before {
            wire.output.events.extend(self.ledger.partial());
        }
    }

    fn learn_request(&mut self, message: &Value) {
        if self.request_id.is_none() {
            self.request_id = Some(message::text(message, "request_id")).filter(|id| !id.is_empty()).map(Arc::from);
        }
    }

    /// Every second that was sent is billed, whoever made it.
    fn report_usage(&self, wire: &mut Wire<Transcribe>) {
        let audio_in_ms = u32::try_from(self.line.length_ms()).unwrap_or(u32::MAX);
        wire.output.usage =
            Usage { audio_in_ms, estimated: true, request_id: self.request_id.clone(), ..Usage::default() };
    }
}

const fn bool_name(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// While the server has not yet said anything, so much silence is sent at once.
const SILENCE: Duration = Duration::from_millis(100);
/// Quiet after which the server is told that we are still here; it gives up after 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
