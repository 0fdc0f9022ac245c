//! ElevenLabs over HTTP: `POST /v1/text-to-speech/{voice}/stream`, the text in one piece, raw audio back.
//!
//! Source: ElevenLabs API reference (text to speech, stream) and its Python SDK 2.78.0, read 2026-11.

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError, Role, Speech,
    Synthesize, TextLimit,
};
use serde_json::{Map, Value, json};

use super::{
    asked,
    media::{Media, not_audio},
    pour::Pour,
};
use crate::shape::{elevenlabs, http_address};

/// What is said to ElevenLabs besides the text.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `xi-api-key`.
    pub key: ApiKey,
    /// `http(s)://host[:port]`. Default: `https://api.elevenlabs.io`; hosts with data residency exist.
    pub base_url: String,
    /// The model. The v3 and v4 models are refused by the sockets.
    pub model: String,
    /// The id of the voice for jobs that leave the choice to the configuration. Default: empty, there is no usual one.
    pub voice: String,
    /// How the voice sounds. Default: as it is stored.
    pub settings: VoiceSettings,
    /// Whether to name the language of the job; some models refuse that. Default: no.
    pub tell_language: bool,
    /// Whether to keep what is said out of the account's history; only some plans may. Default: no.
    pub opt_out: bool,
    /// The most characters in one piece. Default: 5000, which every model takes.
    pub max_chars: usize,
    /// How many requests or contexts the plan allows at once: 2 (free) to 15 (scale). Default: `None`, not known.
    pub concurrency: Option<u32>,
}

impl Config {
    /// The defaults.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: elevenlabs::BASE_URL.to_owned(),
            model: model.into(),
            voice: String::new(),
            settings: VoiceSettings::default(),
            tell_language: false,
            opt_out: false,
            max_chars: 5000,
            concurrency: None,
        }
    }
}

/// How a voice sounds; what is `None` is as it is stored with the voice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VoiceSettings {
    /// 0 (lively) to 1 (even).
    pub stability: Option<f64>,
    /// 0 to 1: how near to the original voice.
    pub similarity_boost: Option<f64>,
    /// 0 to 1: how much of the original style. Costs time.
    pub style: Option<f64>,
    /// Whether to come nearer to the original speaker. Costs time.
    pub use_speaker_boost: Option<bool>,
    /// 0.7 to 1.2.
    pub speed: Option<f64>,
}

impl VoiceSettings {
    /// The settings as the API writes them; `None` when there are none.
    pub(super) fn stated(self) -> Option<Value> {
        let numbers = [
            ("stability", self.stability),
            ("similarity_boost", self.similarity_boost),
            ("style", self.style),
            ("speed", self.speed),
        ];
        let mut stated: Map<String, Value> =
            numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
        stated.extend(self.use_speaker_boost.map(|boost| ("use_speaker_boost".to_owned(), boost.into())));
        (!stated.is_empty()).then_some(Value::Object(stated))
    }
}

/// ElevenLabs over HTTP.
#[derive(Clone, Debug)]
pub struct ElevenLabsSpeech {
    config: Config,
}

impl ElevenLabsSpeech {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl HttpVendor for ElevenLabsSpeech {
    type Job = Synthesize;
    type Reader = ElevenLabsReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(self.config.max_chars)),
            concurrency: self.config.concurrency,
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, ElevenLabsReader), ProviderError> {
        let config = &self.config;
        let mut body = json!({ "text": asked::text(job)?, "model_id": config.model });
        if config.tell_language {
            body["language_code"] = language(job).into();
        }
        if let Some(settings) = config.settings.stated() {
            body["voice_settings"] = settings;
        }
        let format = format(job.format);
        let mut query = vec![("output_format", output_format(format))];
        if config.opt_out {
            query.push(("enable_logging", "false"));
        }
        let path = ["v1", "text-to-speech", asked::voice(job, &config.voice)?, "stream"];
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&config.base_url, &path, &query)?,
            headers: vec![(elevenlabs::KEY_HEADER, config.key.header("")), ("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        };
        Ok((request, ElevenLabsReader { pour: Pour::raw(format, job)? }))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            url: http_address(&self.config.base_url, &["v1", "models"], &[]).ok()?,
            headers: vec![(elevenlabs::KEY_HEADER, self.config.key.header(""))],
            body: Vec::new(),
        })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        elevenlabs::refusal(head, body)
    }
}

/// Reads one reply of ElevenLabs.
pub struct ElevenLabsReader {
    pour: Pour,
}

impl HttpReader for ElevenLabsReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        match Media::of(head)? {
            // `audio/mpeg` is what some formats are called that are none: what was asked for counts.
            Media::Raw { .. } | Media::Mp3 => {}
            Media::Unsure => self.pour.be_in_doubt(),
            other => return Err(not_audio(&format!("{other:?}"))),
        }
        self.pour.usage().request_id = head.header("request-id").map(Into::into);
        out.usage.clone_from(self.pour.usage());
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        self.pour.push(bytes, out)?;
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        self.pour.finish(out)
    }
}

/// The format to ask for.
pub(super) fn format(job: Format) -> Format {
    asked::format(job, &[8000, 16_000, 24_000], &[8000])
}

/// Its name.
pub(super) const fn output_format(format: Format) -> &'static str {
    match (format.encoding, format.rate_hz) {
        (Encoding::Mulaw, _) => "ulaw_8000",
        (Encoding::Alaw, _) => "alaw_8000",
        (Encoding::Pcm16, 8000) => "pcm_8000",
        (Encoding::Pcm16, 16_000) => "pcm_16000",
        (Encoding::Pcm16, _) => "pcm_24000",
    }
}

/// The two letters of a job's language (ISO 639-1).
pub(super) fn language(job: &Synthesize) -> &str {
    job.language.split('-').next().unwrap_or_default()
}
