//! OpenAI's speech endpoint and whatever has its shape: `POST /v1/audio/speech`, the text in one piece.
//!
//! OpenAI itself shuts every model behind this endpoint down on 2027-01-06 (its deprecations page, read 2026-11); local servers
//! such as speaches, Ollama, `LocalAI` and `kokoro-fastapi` keep its shape. They differ in what they answer, so the type of the
//! answer decides how it is read: raw samples, a WAV, MP3, or server-sent events with base64.
//!
//! Source: OpenAI API reference (audio, speech) and its Python SDK 3.51.0; speaches, `speech.py`; read 2026-11.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, Flow, Head, HeaderValue, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Role, Speech, Synthesize, TextLimit,
};
use serde_json::{Value, json};

use super::{
    asked,
    media::{Media, not_audio},
    pour::Pour,
};
use crate::shape::{
    http_address,
    json::{parse, protocol},
    openai,
    sse::Sse,
};

/// What is said besides the text.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `authorization: Bearer …`; empty for local servers that ask for none.
    pub key: ApiKey,
    /// `http(s)://host[:port]`. Default: `https://api.openai.com`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The voice for jobs that leave the choice to the configuration. Default: `alloy`.
    pub voice: String,
    /// What to ask for. Default: PCM at 24 kHz, which is what OpenAI's `pcm` is.
    pub answer: Answer,
    /// Whether to ask for server-sent events, which report usage; not every model has them. Default: no.
    pub events: bool,
    /// How to speak, in words; not every model takes them. Default: none.
    pub instructions: Option<String>,
    /// 0.25 to 4. Default: `None`, which is 1.
    pub speed: Option<f64>,
    /// The most characters in one piece. Default: 4096.
    pub max_chars: usize,
    /// How many requests the account or the server allows at once. Default: `None`, not known.
    pub concurrency: Option<u32>,
}

impl Config {
    /// The defaults.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://api.openai.com".to_owned(),
            model: model.into(),
            voice: "alloy".to_owned(),
            answer: Answer::Pcm { rate_hz: OWN_RATE_HZ },
            events: false,
            instructions: None,
            speed: None,
            max_chars: 4096,
            concurrency: None,
        }
    }
}

/// What to ask a server for: they differ in what they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `pcm`: PCM16 without a header, at the rate that this server's voices have.
    Pcm {
        /// In Hz. The rate of the answer's content type goes before it.
        rate_hz: u32,
    },
    /// `pcm` at the rate of the call, asked for in `sample_rate`; speaches takes that.
    PcmAtCallRate,
    /// `wav`: the header tells the rate.
    Wav,
    /// `mp3`, decoded here. The last resort: it costs time, and the voice sounds worse.
    Mp3,
}

/// A server that speaks as OpenAI's does.
#[derive(Clone, Debug)]
pub struct OpenAiSpeech {
    config: Config,
}

impl OpenAiSpeech {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    fn headers(&self) -> Vec<(&'static str, HeaderValue)> {
        let key = &self.config.key;
        if key.is_empty() { Vec::new() } else { vec![("authorization", key.header("Bearer "))] }
    }
}

impl HttpVendor for OpenAiSpeech {
    type Job = Synthesize;
    type Reader = OpenAiReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(self.config.max_chars)),
            concurrency: self.config.concurrency,
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, OpenAiReader), ProviderError> {
        let config = &self.config;
        let mut body = json!({
            "model": config.model,
            "input": asked::text(job)?,
            "voice": asked::voice(job, &config.voice)?,
            "response_format": match config.answer {
                Answer::Pcm { .. } | Answer::PcmAtCallRate => "pcm",
                Answer::Wav => "wav",
                Answer::Mp3 => "mp3",
            },
        });
        if config.answer == Answer::PcmAtCallRate {
            body["sample_rate"] = job.format.rate_hz.into();
        }
        if config.events {
            body["stream_format"] = "sse".into();
        }
        if let Some(instructions) = &config.instructions {
            body["instructions"] = instructions.as_str().into();
        }
        if let Some(speed) = config.speed {
            body["speed"] = speed.into();
        }
        let mut headers = self.headers();
        headers.push(("content-type", "application/json".into()));
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&config.base_url, &["v1", "audio", "speech"], &[])?,
            headers,
            body: body.to_string().into_bytes(),
        };
        Ok((request, OpenAiReader::new(config.answer, job.clone())?))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            url: http_address(&self.config.base_url, &["v1", "models"], &[]).ok()?,
            headers: self.headers(),
            body: Vec::new(),
        })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        openai::refusal(head, body)
    }
}

/// Reads one reply of a server that speaks as OpenAI's does.
pub struct OpenAiReader {
    job: Synthesize,
    answer: Answer,
    pour: Pour,
    /// When the reply comes as events.
    events: Option<Sse>,
}

impl OpenAiReader {
    fn new(answer: Answer, job: Synthesize) -> Result<Self, ProviderError> {
        let pour = match answer {
            Answer::Mp3 => Pour::mp3(&job),
            Answer::Pcm { rate_hz } => Pour::raw(pcm(rate_hz), &job)?,
            Answer::PcmAtCallRate => Pour::raw(pcm(job.format.rate_hz), &job)?,
            Answer::Wav => Pour::raw(pcm(OWN_RATE_HZ), &job)?,
        };
        Ok(Self { job, answer, pour, events: None })
    }

    /// Reads the events that have come; the job's end, if it is among them.
    fn read_events(&mut self, out: &mut Output<Synthesize>) -> Result<Option<Speech>, ProviderError> {
        while let Some(event) = self.events.as_mut().map_or(Ok(None), Sse::next_event)? {
            if let Some(end) = self.read_event(&event.data, event.is_done(), out)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn read_event(
        &mut self,
        data: &str,
        is_done: bool,
        out: &mut Output<Synthesize>,
    ) -> Result<Option<Speech>, ProviderError> {
        if is_done {
            return self.pour.finish(out).map(Some);
        }
        let event = parse(data)?;
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            return Err(openai::error_in_stream(error));
        }
        match event.get("type").and_then(Value::as_str) {
            Some("speech.audio.delta") => {
                // Some builds call it by the other name.
                let audio = event.get("audio").or_else(|| event.get("delta")).and_then(Value::as_str);
                let audio = audio.ok_or_else(|| protocol("base64 expected in the audio of an event, none came"))?;
                let audio = STANDARD.decode(audio).map_err(|error| protocol(format!("base64 expected: {error}")))?;
                self.pour.push(&audio, out)?;
                Ok(None)
            }
            Some("speech.audio.done") => {
                self.count(event.get("usage").or_else(|| event.get("token_usage")));
                self.pour.finish(out).map(Some)
            }
            _ => {
                out.unknown += 1;
                Ok(None)
            }
        }
    }

    fn count(&mut self, reported: Option<&Value>) {
        let tokens = |name| {
            reported.and_then(|usage| usage.get(name)?.as_u64()).map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX))
        };
        let usage = self.pour.usage();
        (usage.tokens_in, usage.tokens_out) = (tokens("input_tokens"), tokens("output_tokens"));
        // Servers that count nothing report nought.
        usage.estimated = (usage.tokens_in, usage.tokens_out) == (0, 0);
    }
}

impl HttpReader for OpenAiReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        match (Media::of(head)?, self.answer) {
            (Media::Events, _) => self.events = Some(Sse::default()),
            (Media::Raw { rate_hz: Some(rate_hz) }, _) => self.pour = Pour::raw(pcm(rate_hz), &self.job)?,
            // Asked for MP3, it sends what OpenAI sends, or a WAV.
            (Media::Raw { rate_hz: None }, Answer::Mp3) => self.pour = Pour::raw(pcm(OWN_RATE_HZ), &self.job)?,
            (Media::Raw { rate_hz: None }, _) => {}
            // Some servers know nothing else, whatever they are asked for.
            (Media::Mp3, _) => self.pour = Pour::mp3(&self.job),
            (Media::Unsure, _) => self.pour.be_in_doubt(),
            (Media::Json, _) => return Err(not_audio("JSON")),
        }
        self.pour.usage().request_id = head.header("x-request-id").map(Into::into);
        out.usage.clone_from(self.pour.usage());
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        let Some(events) = &mut self.events else {
            self.pour.push(bytes, out)?;
            return Ok(Flow::More);
        };
        events.feed(bytes);
        Ok(self.read_events(out)?.map_or(Flow::More, Flow::Done))
    }

    fn end(&mut self, out: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        let Some(events) = &mut self.events else {
            return self.pour.finish(out);
        };
        let last = events.end();
        let end = last.map_or(Ok(None), |event| self.read_event(&event.data, event.is_done(), out))?;
        end.ok_or_else(|| protocol("the last event expected, the stream ended without it"))
    }
}

const fn pcm(rate_hz: u32) -> Format {
    Format { encoding: Encoding::Pcm16, rate_hz }
}

/// The rate of OpenAI's `pcm`.
const OWN_RATE_HZ: u32 = 24_000;
