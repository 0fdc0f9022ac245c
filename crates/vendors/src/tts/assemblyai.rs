//! AssemblyAI over HTTP: `POST /v1/speech`, the text in one piece, raw audio back.
//!
//! Source: the API as its makers' own client and plugins for voice agents use it, read 2026-11.

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Role, Speech, Synthesize, TextLimit, UsageSource, class_of_status,
};
use serde_json::{Value, json};

use super::{
    asked,
    media::{Media, not_audio},
    pour::Pour,
};
use crate::shape::{
    http_address,
    refused::{as_told, refused},
    request_id::naming,
    retry_after::believable,
};

/// What is said to AssemblyAI besides the text.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `authorization: …` without a word before it.
    pub key: ApiKey,
    /// `http(s)://host[:port]`. Default: `https://tts.us.assemblyai.com`; `https://tts.eu.assemblyai.com` has voices of its own.
    pub base_url: String,
    /// The model; empty leaves it to the API.
    pub model: String,
    /// The voice for jobs that leave the choice to the configuration. Default: `aai-jane`, the API's own.
    pub voice: String,
    /// How many requests the account allows at once. Default: `None`, not known.
    pub concurrency: Option<u32>,
}

impl Config {
    /// The defaults.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://tts.us.assemblyai.com".to_owned(),
            model: model.into(),
            voice: "aai-jane".to_owned(),
            concurrency: None,
        }
    }
}

/// AssemblyAI over HTTP.
#[derive(Clone, Debug)]
pub struct AssemblyAiSpeech {
    config: Config,
}

impl AssemblyAiSpeech {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl HttpVendor for AssemblyAiSpeech {
    type Job = Synthesize;
    type Reader = AssemblyAiReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(MOST_CHARS)),
            concurrency: self.config.concurrency,
            usage: UsageSource::Counted,
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, AssemblyAiReader), ProviderError> {
        let format = asked::format(job.format, &RATES_HZ, &RATES_HZ);
        let mut body = json!({
            "text": asked::text(job)?,
            "voice_id": asked::voice(job, &self.config.voice)?,
            "sample_rate": format.rate_hz,
            "encoding": word_of(format.encoding),
            "container": "raw",
            "stream": true,
        });
        if !self.config.model.is_empty() {
            body["model_id"] = json!(self.config.model);
        }
        // It refuses words that it does not know, and speaks without one.
        if let Some(language) = language(&job.language) {
            body["language"] = json!(language);
        }
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&self.config.base_url, &["v1", "speech"], &[])?,
            headers: vec![("authorization", self.config.key.header("")), ("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        };
        Ok((request, AssemblyAiReader { format, pour: Pour::raw(format, job)? }))
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let class = match text("code") {
            "rate_limited" => ErrorClass::RateLimited,
            "at_capacity" => ErrorClass::Busy,
            "voice_not_found" => ErrorClass::Missing,
            "auth_unavailable" => ErrorClass::Unavailable,
            // The account has to accept the terms first.
            "biometric_terms_not_accepted" => ErrorClass::Auth,
            "invalid_parameter" => ErrorClass::BadRequest,
            _ => class_of_status(head.status),
        };
        let told = body.get("retryable").and_then(Value::as_bool);
        let class = told.map_or(class, |is_retryable| as_told(class, is_retryable));
        let pause = body.get("retry_after_seconds").and_then(Value::as_f64).and_then(believable);
        let request = head.header(REQUEST_ID).or_else(|| body.get("request_id").and_then(Value::as_str));
        naming(refused(head, class, text("code"), text("message"), pause), request)
    }
}

/// Reads one reply of AssemblyAI.
pub struct AssemblyAiReader {
    format: Format,
    pour: Pour,
}

impl HttpReader for AssemblyAiReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        match Media::of(head)? {
            Media::Raw { .. } => {}
            Media::Unsure => self.pour.be_in_doubt(),
            other => return Err(not_audio(&format!("{other:?}"))),
        }
        let encoding = head.header("x-tts-encoding").unwrap_or(word_of(self.format.encoding));
        let rate = head.header("x-tts-sample-rate").map(str::trim);
        if encoding.trim() != word_of(self.format.encoding)
            || rate.is_some_and(|rate| rate.parse() != Ok(self.format.rate_hz))
        {
            return Err(not_audio(&format!("another format than {}", self.format)));
        }
        let usage = self.pour.usage();
        usage.request_id = head.header(REQUEST_ID).map(Into::into);
        // On buffered replies only.
        if let Some(billed) = head.header("x-tts-billed-characters").and_then(|count| count.trim().parse().ok()) {
            usage.characters = billed;
            usage.estimated = false;
        }
        out.usage.clone_from(usage);
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

const fn word_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Pcm16 => "pcm_s16le",
        Encoding::Mulaw => "pcm_mulaw",
        Encoding::Alaw => "pcm_alaw",
    }
}

/// The API's word for the language of a BCP 47 tag.
fn language(tag: &str) -> Option<&'static str> {
    let primary = tag.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(primary)).map(|(_, word)| *word)
}

const LANGUAGES: [(&str, &str); 6] =
    [("en", "english"), ("es", "spanish"), ("de", "german"), ("fr", "french"), ("it", "italian"), ("pt", "portuguese")];
const RATES_HZ: [u32; 6] = [8000, 16_000, 22_050, 24_000, 44_100, 48_000];
const REQUEST_ID: &str = "x-request-id";
/// The limit of the API's socket, for one message; none is documented for requests.
const MOST_CHARS: usize = 2000;
