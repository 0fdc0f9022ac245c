//! ElevenLabs over a socket: `/v1/text-to-speech/{voice}/multi-stream-input`, one context for each utterance.
//!
//! A context is opened by a space, given its text, flushed and closed at once: only a context that was closed reports its end,
//! after all its audio (bolna-ai/bolna#790). Nothing is said about a context after that, so none is ever opened by accident
//! (pipecat-ai/pipecat#4114), and each is known until its end has come: the sixth that is open at once costs the socket
//! (livekit/agents#5844). A cancelled utterance is dropped by its id; what is on its way of it is paid for anyway.
//!
//! Source: ElevenLabs API reference (multi-context WebSocket) and its Python SDK 2.78.0, read 2026-11.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::Format;
use operetta_contract::{
    Cancel, Capabilities, DuplexCodec, DuplexVendor, Flow, Message, Outgoing, ProviderError, Rest, Role, SocketRequest,
    Speech, SpokenWord, Synthesize, TextLimit, Timing, Wire,
};
use serde_json::{Value, json};

pub use super::elevenlabs::{Config, VoiceSettings};
use super::{
    asked,
    elevenlabs::{format, language, output_format},
    pour::Pour,
    words::Spelling,
};
use crate::shape::{
    elevenlabs,
    json::{parse, protocol},
    socket_address,
};

/// ElevenLabs over a socket.
#[derive(Clone, Debug)]
pub struct ElevenLabsSocket {
    config: Config,
    warm: Option<Synthesize>,
}

impl ElevenLabsSocket {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config, warm: None }
    }

    /// The same, with a socket opened before the first job for jobs of this voice and format.
    #[must_use]
    pub fn warmed_for(mut self, job: Synthesize) -> Self {
        self.warm = Some(job);
        self
    }

    fn address(&self, job: &Synthesize) -> Result<String, ProviderError> {
        let config = &self.config;
        let inactivity = INACTIVITY.as_secs().to_string();
        let mut query = vec![
            ("model_id", config.model.as_str()),
            ("output_format", output_format(format(job.format))),
            ("inactivity_timeout", &inactivity),
            ("sync_alignment", "true"),
        ];
        if config.tell_language {
            query.push(("language_code", language(job)));
        }
        if config.opt_out {
            query.push(("enable_logging", "false"));
        }
        let path = ["v1", "text-to-speech", asked::voice(job, &config.voice)?, "multi-stream-input"];
        socket_address(&config.base_url, &path, &query)
    }
}

impl DuplexVendor for ElevenLabsSocket {
    type Job = Synthesize;
    type Codec = ElevenLabsCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(self.config.max_chars)),
            cancel: Cancel::Message,
            timing: Timing::Words,
            concurrency: self.config.concurrency,
            idle: Some(INACTIVITY),
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(SocketRequest, ElevenLabsCodec), ProviderError> {
        asked::text(job)?;
        let url = self.address(job)?;
        let codec = ElevenLabsCodec {
            url: url.clone(),
            format: job.format,
            first: match self.config.settings.stated() {
                Some(settings) => json!({ "text": " ", "voice_settings": settings }),
                None => json!({ "text": " " }),
            },
            contexts: 0,
            open: Vec::new(),
            speaking: None,
            waiting: None,
            trouble: None,
            spoke_at: Duration::ZERO,
        };
        let headers = vec![(elevenlabs::KEY_HEADER, self.config.key.header(""))];
        Ok((SocketRequest { url, headers }, codec))
    }

    fn fits(&self, codec: &ElevenLabsCodec, job: &Synthesize) -> bool {
        job.format == codec.format && self.address(job).is_ok_and(|url| url == codec.url)
    }

    fn warm_up(&self) -> Option<Synthesize> {
        self.warm.clone()
    }
}

/// Talks over one socket.
pub struct ElevenLabsCodec {
    url: String,
    format: Format,
    /// What opens a context; its id is missing.
    first: Value,
    /// How many contexts there have been.
    contexts: u64,
    /// Contexts whose end has not come.
    open: Vec<String>,
    speaking: Option<Utterance>,
    /// A job that waits until a context has ended.
    waiting: Option<Synthesize>,
    /// Why the job that has begun cannot be done.
    trouble: Option<ProviderError>,
    /// When something was last said.
    spoke_at: Duration,
}

struct Utterance {
    context: String,
    pour: Pour,
    spelling: Spelling,
    /// Where audio began whose alignment has not come.
    unaligned_ms: Option<u32>,
}

impl DuplexCodec for ElevenLabsCodec {
    type Job = Synthesize;

    fn opened(&mut self, now: Duration, _: &mut Wire<Synthesize>) {
        self.spoke_at = now;
    }

    fn begin(&mut self, now: Duration, job: &Synthesize, wire: &mut Wire<Synthesize>) {
        if self.open.len() < MOST_OPEN {
            self.start(now, job, wire);
        } else {
            self.waiting = Some(job.clone());
        }
    }

    fn feed(&mut self, _: Duration, piece: operetta_contract::Nothing, _: &mut Wire<Synthesize>) {
        match piece {}
    }

    fn hear(
        &mut self,
        now: Duration,
        message: Message<'_>,
        wire: &mut Wire<Synthesize>,
    ) -> Result<Flow<Synthesize>, ProviderError> {
        let Message::Text(text) = message else {
            wire.output.unknown += 1;
            return Ok(Flow::More);
        };
        let message = parse(text)?;
        // Whichever context it is about, and it may name none: the server closes next.
        if let Some(error) = elevenlabs::error_message(&message) {
            return Err(error);
        }
        let Some(context) = field(&message, "contextId", "context_id").and_then(Value::as_str) else {
            wire.output.unknown += 1;
            return Ok(Flow::More);
        };
        let is_final = field(&message, "isFinal", "is_final").and_then(Value::as_bool) == Some(true);
        if is_final {
            self.open.retain(|open| open != context);
        }
        let flow = match &mut self.speaking {
            Some(utterance) if utterance.context == context => utterance.read(&message, is_final, wire)?,
            // It was cancelled.
            _ => Flow::More,
        };
        if is_final {
            if matches!(flow, Flow::Done(_)) {
                self.speaking = None;
            }
            if let Some(job) = self.waiting.take() {
                self.start(now, &job, wire);
            }
        }
        Ok(flow)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.trouble.is_some() {
            return Some(self.spoke_at);
        }
        self.open.is_empty().then(|| self.spoke_at + KEEP_ALIVE)
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        if self.open.is_empty() && now >= self.spoke_at + KEEP_ALIVE {
            // With the id of a context that is not open this would be the socket's end.
            self.say(now, &json!({ "text": "" }), wire);
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, _: &mut Wire<Synthesize>) {
        // Its context was closed when it was opened: there is nothing left to say.
        (self.speaking, self.waiting, self.trouble) = (None, None, None);
    }

    fn rest(&self) -> Rest {
        if self.open.len() < MOST_OPEN { Rest::Ready } else { Rest::Draining }
    }

    fn farewell(&mut self, now: Duration, wire: &mut Wire<Synthesize>) {
        // While a context is open it would not be obeyed; each was closed, and ends with the socket.
        if self.open.is_empty() {
            self.say(now, &json!({ "close_socket": true }), wire);
        }
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        elevenlabs::closed(code, reason)
    }
}

impl ElevenLabsCodec {
    fn start(&mut self, now: Duration, job: &Synthesize, wire: &mut Wire<Synthesize>) {
        let prepared = asked::text(job).and_then(|text| Ok((text.trim(), Pour::raw(format(job.format), job)?)));
        let (text, mut pour) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.trouble = Some(error);
                return;
            }
        };
        self.contexts += 1;
        let context = format!("u{}", self.contexts);
        let mut first = self.first.clone();
        first["context_id"] = context.as_str().into();
        self.say(now, &first, wire);
        // A text ends with a space: its last word is whole.
        self.say(now, &json!({ "text": format!("{text} "), "context_id": context }), wire);
        self.say(now, &json!({ "context_id": context, "flush": true }), wire);
        self.say(now, &json!({ "context_id": context, "close_context": true }), wire);
        wire.output.usage.clone_from(pour.usage());
        self.open.push(context.clone());
        self.speaking = Some(Utterance { context, pour, spelling: Spelling::default(), unaligned_ms: None });
    }

    fn say(&mut self, now: Duration, message: &Value, wire: &mut Wire<Synthesize>) {
        wire.send.push(Outgoing::Text(message.to_string()));
        self.spoke_at = now;
    }
}

impl Utterance {
    fn read(
        &mut self,
        message: &Value,
        is_final: bool,
        wire: &mut Wire<Synthesize>,
    ) -> Result<Flow<Synthesize>, ProviderError> {
        let mut words = Vec::new();
        let begins_ms = self.pour.received_ms();
        let audio = message.get("audio").and_then(Value::as_str).unwrap_or_default();
        if !audio.is_empty() {
            let audio = STANDARD.decode(audio).map_err(|error| protocol(format!("base64 expected: {error}")))?;
            self.pour.push(&audio, &mut wire.output)?;
        }
        // Of the text as it was given, not as it was read out. Its times count from the beginning of the audio beside it.
        match message.get("alignment").filter(|alignment| alignment.is_object()) {
            Some(alignment) => {
                let begins_ms = if audio.is_empty() { self.unaligned_ms.unwrap_or(begins_ms) } else { begins_ms };
                self.unaligned_ms = None;
                self.spelling.read(alignment, begins_ms, &mut words);
            }
            None if !audio.is_empty() => self.unaligned_ms = Some(begins_ms),
            None => {}
        }
        if is_final {
            self.spelling.finish(&mut words);
        }
        tell(words, wire);
        if !is_final {
            return Ok(Flow::More);
        }
        self.pour.finish(&mut wire.output).map(Flow::Done)
    }
}

fn tell(words: Vec<SpokenWord>, wire: &mut Wire<Synthesize>) {
    if !words.is_empty() {
        wire.output.events.push(Speech::Words(words.into()));
    }
}

/// A field under either of its names.
fn field<'a>(message: &'a Value, name: &str, other: &str) -> Option<&'a Value> {
    message.get(name).or_else(|| message.get(other))
}

/// How many contexts a server keeps open for one socket.
const MOST_OPEN: usize = 5;
/// After how long without a word from us the server closes: the longest that it takes.
const INACTIVITY: Duration = Duration::from_mins(3);
/// How often it is told that somebody is there, while no context is open.
const KEEP_ALIVE: Duration = Duration::from_mins(1);
