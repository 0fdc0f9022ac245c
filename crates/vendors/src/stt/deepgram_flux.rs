//! Deepgram Flux, `wss://api.deepgram.com/v2/listen`: a listener that decides by itself when a turn is over.
//!
//! It differs from live v1 in kind: there are turns and no windows, every message holds the whole text of its turn, and its
//! clock is the audio. Where none comes, no turn ends, and there is no message that keeps the socket alive. Hence:
//!
//! - Silence follows the caller's words until the turn has ended, for [`Config::eot_timeout_ms`] and a little more at most.
//! - Then a tenth of a second of it every 3 s keeps the socket.
//!
//! A flush is a `ForceEndTurn`, answered by the end of the turn, after [`Config::force_wait`] without it, and at once when the
//! turn has ended already and nothing was said since.
//!
//! `EagerEndOfTurn` and `TurnResumed`, which come with [`Config::eager_eot_threshold`], are read as partials: an agent that
//! begins to think before the turn is over needs an event of its own in the contract.
//!
//! Source: Deepgram API reference, "Flux", and its Python SDK 7.16.0, read 2026-11.

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
    /// Which model: `flux-general-en`, which knows English only, or `flux-general-multi`.
    pub model: String,
    /// Which languages to expect, as ISO 639-1, for the model that knows many. Empty: the job's.
    pub language_hints: Vec<String>,
    /// How samples are sent: PCM as they are, or in half the bytes as G.711. PCM.
    pub encoding: Encoding,
    /// How sure the model must be that a turn is over, 0.5 to 1; `None` for the API's default, 0.7.
    pub eot_threshold: Option<f32>,
    /// How sure it must be to say so ahead of time, 0.3 to 0.9; `None` for never.
    pub eager_eot_threshold: Option<f32>,
    /// After how much silence a turn ends in any case, in ms, 500 to 60000. 5000, the API's default.
    pub eot_timeout_ms: u32,
    /// Words that are expected. None.
    pub keyterms: Vec<String>,
    /// Whether the audio is kept out of model training, which may change the price. Off.
    pub mip_opt_out: bool,
    /// How long the end of a turn that was forced is waited for: 300 to 500 ms. 400 ms.
    pub force_wait: Duration,
}

impl Config {
    /// The defaults, with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: deepgram::BASE_URL.to_owned(),
            model: model.into(),
            language_hints: Vec::new(),
            encoding: Encoding::Pcm16,
            eot_threshold: None,
            eager_eot_threshold: None,
            eot_timeout_ms: 5000,
            keyterms: Vec::new(),
            mip_opt_out: false,
            force_wait: Duration::from_millis(400),
        }
    }
}

/// The vendor.
#[derive(Clone, Debug)]
pub struct DeepgramFlux {
    config: Config,
}

impl DeepgramFlux {
    /// A vendor that works as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl DuplexVendor for DeepgramFlux {
    type Job = Transcribe;
    type Codec = FluxCodec;

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

    fn open(&self, job: &Transcribe) -> Result<(SocketRequest, FluxCodec), ProviderError> {
        let config = &self.config;
        let format = Format { encoding: config.encoding, rate_hz: message::known_rate(job)? };
        let rate = format.rate_hz.to_string();
        let threshold = config.eot_threshold.map(|threshold| threshold.clamp(0.5, 1.0).to_string());
        let eager = config.eager_eot_threshold.map(|threshold| threshold.clamp(0.3, 0.9).to_string());
        let timeout_ms = config.eot_timeout_ms.clamp(500, 60_000);
        let timeout = timeout_ms.to_string();
        let own_hint = [primary_subtag(&job.language)];
        let mut query = vec![
            ("model", config.model.as_str()),
            ("encoding", deepgram_name(config.encoding)),
            ("sample_rate", &rate),
            ("eot_timeout_ms", &timeout),
        ];
        query.extend(threshold.as_deref().map(|threshold| ("eot_threshold", threshold)));
        query.extend(eager.as_deref().map(|threshold| ("eager_eot_threshold", threshold)));
        if config.model.ends_with("-multi") {
            // Only the model that knows many languages takes hints.
            let hints = config.language_hints.iter().map(String::as_str);
            let own = own_hint.iter().map(String::as_str).filter(|_| config.language_hints.is_empty());
            query.extend(hints.chain(own).map(|hint| ("language_hint", hint)));
        }
        query.extend(config.keyterms.iter().map(|term| ("keyterm", term.as_str())));
        if config.mip_opt_out {
            query.push(("mip_opt_out", "true"));
        }
        let request = SocketRequest {
            url: socket_address(&config.base_url, &["v2", "listen"], &query)?,
            headers: vec![("authorization", config.key.header(deepgram::SCHEME))],
        };
        let codec = FluxCodec {
            line: Line::new(format, 80, 240),
            ledger: Ledger::new(),
            force_wait: config.force_wait,
            turn_wait: Duration::from_millis(u64::from(timeout_ms)) + SLACK,
            connected: false,
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

/// Talks over one socket, which serves one caller.
#[derive(Debug)]
pub struct FluxCodec {
    line: Line,
    ledger: Ledger,
    force_wait: Duration,
    /// How long silence follows the caller's words while their turn has not ended.
    turn_wait: Duration,
    connected: bool,
    /// The job was cancelled.
    over: bool,
    /// Where the audio of the last turn that ended is at its end, in ms.
    heard_ms: u64,
    request_id: Option<Arc<str>>,
}

impl DuplexCodec for FluxCodec {
    type Job = Transcribe;

    fn opened(&mut self, now: Duration, _: &mut Wire<Transcribe>) {
        self.line.begin(now);
    }

    /// The server says that it is connected before it takes audio.
    fn is_ready(&self) -> bool {
        self.connected
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
            "Connected" => {
                self.connected = true;
                self.request_id =
                    Some(message::text(&message, "request_id")).filter(|id| !id.is_empty()).map(Arc::from);
            }
            _ if self.over => {}
            "TurnInfo" => self.turn_info(&message, wire),
            "Warning" | "ConfigureSuccess" | "ConfigureFailure" => {}
            // Fatal; the close that follows says less.
            "Error" => return Err(deepgram::error_message(&message)),
            _ => wire.output.unknown += 1,
        }
        self.report_usage(wire);
        Ok(Flow::More)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.over || !self.connected {
            return None;
        }
        let silence = if self.turn_may_be_open(self.line.covered()) {
            self.line.covered() + SILENCE
        } else {
            self.line.sent_at() + TRICKLE
        };
        Some(self.ledger.due().map_or(silence, |due| due.min(silence)))
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Transcribe>) -> Result<Flow<Transcribe>, ProviderError> {
        if self.over || !self.connected {
            return Ok(Flow::More);
        }
        self.ledger.answer_due(now, &mut wire.output.events)?;
        if self.turn_may_be_open(self.line.covered()) {
            if now >= self.line.covered() + SILENCE {
                self.line.fill(now, &mut wire.send);
            }
        } else if now >= self.line.sent_at() + TRICKLE {
            // Not for the time that has passed: silence is billed as speech is.
            self.line.skip(now);
            self.line.be_silent(now, SILENCE.as_millis() as u32, &mut wire.send);
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

impl FluxCodec {
    fn flush(&mut self, now: Duration, flush: u32, wire: &mut Wire<Transcribe>) {
        self.line.push_out(now, &mut wire.send);
        let voiced_ms = self.line.voiced_ms();
        if self.heard_ms >= voiced_ms && !self.ledger.is_open() && !self.ledger.owes() {
            wire.output.events.push(self.ledger.answer_at_once(flush));
            return;
        }
        wire.send.push(Outgoing::Text(r#"{"type":"ForceEndTurn"}"#.to_owned()));
        self.ledger.owe(flush, now + self.force_wait, voiced_ms);
    }

    fn turn_info(&mut self, info: &Value, wire: &mut Wire<Transcribe>) {
        let span = info.get("turn_index").and_then(Value::as_u64).map_or(Span::Unknown, Span::Turn);
        let words = message::text(info, "transcript");
        match message::text(info, "event") {
            "EndOfTurn" => {
                let end = message::seconds_as_ms(info, "audio_window_end");
                // Nobody has heard more than was sent, whatever a message says.
                self.heard_ms = self.heard_ms.max(end.unwrap_or(0).min(self.line.length_ms()));
                self.ledger.hear(span, words, true);
                let before = wire.output.events.len();
                if message::text(info, "trigger") == "manual" {
                    let answer = self.ledger.acknowledged(end);
                    wire.output.events.extend(answer);
                }
                self.ledger.settled_until(self.heard_ms, &mut wire.output.events);
                // While a flush waits, its answer takes the words along: one final and not two.
                if !self.ledger.owes() && wire.output.events.len() == before {
                    wire.output.events.extend(self.ledger.close_turn());
                }
            }
            "Update" | "StartOfTurn" | "EagerEndOfTurn" | "TurnResumed" => {
                self.ledger.hear(span, words, false);
                wire.output.events.extend(self.ledger.partial());
            }
            _ => wire.output.unknown += 1,
        }
    }

    /// Whether silence has to go on: words wait for their end, or something was said that the server may still find words in.
    fn turn_may_be_open(&self, now: Duration) -> bool {
        let unheard = self.heard_ms < self.line.voiced_ms();
        (unheard || self.ledger.is_open()) && now < self.line.heard_at() + self.turn_wait
    }

    /// Every second that was sent is billed, whoever made it.
    fn report_usage(&self, wire: &mut Wire<Transcribe>) {
        let audio_in_ms = u32::try_from(self.line.length_ms()).unwrap_or(u32::MAX);
        wire.output.usage =
            Usage { audio_in_ms, estimated: true, request_id: self.request_id.clone(), ..Usage::default() };
    }
}

/// `en` of `en-IN`, in lower case.
fn primary_subtag(language: &str) -> String {
    language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// While a turn is open and the caller is quiet, so much silence is sent at once: what the API likes best is 80 ms.
const SILENCE: Duration = Duration::from_millis(100);
/// How often silence is sent between turns; the API names no limit, and v1 gives up after 10 s.
const TRICKLE: Duration = Duration::from_secs(3);
/// How much longer than the server's own limit a turn is given to end.
const SLACK: Duration = Duration::from_secs(2);
