//! Deepgram Aura over HTTP: `POST /v1/speak`, the text in one piece, raw audio back.
//!
//! Source: Deepgram API reference (text to speech, REST) and its Python SDK 7.16.0, read 2026-11.

use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError, Role, Speech,
    Synthesize, TextLimit, UsageSource,
};
use serde_json::json;

use super::{
    asked,
    media::{Media, not_audio},
    pour::Pour,
};
use crate::shape::{deepgram, http_address};

/// What is said to Deepgram besides the text.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `authorization: Token …`.
    pub key: ApiKey,
    /// `http(s)://host[:port]`. Default: `https://api.deepgram.com`; regional hosts exist.
    pub base_url: String,
    /// The model, which is the voice and its language at once: `aura-2-thalia-en`.
    pub model: String,
    /// The model for jobs that leave the choice to the configuration. Default: empty, which means [`model`](Self::model).
    pub voice: String,
    /// How fast to speak, 1 being the voice's own pace. Default: `None`, left to the voice.
    pub speed: Option<f64>,
    /// Whether to keep what is said from being used for training; may cost more. Default: no.
    pub opt_out: bool,
    /// How many requests the account allows at once. Default: `None`, not known.
    pub concurrency: Option<u32>,
}

impl Config {
    /// The defaults.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: deepgram::BASE_URL.to_owned(),
            model: model.into(),
            voice: String::new(),
            speed: None,
            opt_out: false,
            concurrency: None,
        }
    }
}

/// Deepgram Aura over HTTP.
#[derive(Clone, Debug)]
pub struct DeepgramSpeech {
    config: Config,
}

impl DeepgramSpeech {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }
}

impl HttpVendor for DeepgramSpeech {
    type Job = Synthesize;
    type Reader = DeepgramReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(MOST_CHARS)),
            concurrency: self.config.concurrency,
            usage: UsageSource::Reported,
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, DeepgramReader), ProviderError> {
        let text = asked::text(job)?;
        let format = format(job.format);
        let query = query(&self.config, job, format)?;
        let mut query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Otherwise a WAV header comes first.
        query.push(("container", "none"));
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&self.config.base_url, &["v1", "speak"], &query)?,
            headers: vec![
                ("authorization", self.config.key.header(deepgram::SCHEME)),
                ("content-type", "application/json".into()),
            ],
            body: json!({ "text": text }).to_string().into_bytes(),
        };
        Ok((request, DeepgramReader { format, pour: Pour::raw(format, job)? }))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            // Tells about the key, whatever it may do.
            url: http_address(&self.config.base_url, &["v1", "auth", "token"], &[]).ok()?,
            headers: vec![("authorization", self.config.key.header(deepgram::SCHEME))],
            body: Vec::new(),
        })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        deepgram::refusal(head, body)
    }
}

/// Reads one reply of Deepgram Aura.
pub struct DeepgramReader {
    format: Format,
    pour: Pour,
}

impl HttpReader for DeepgramReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        let kind = head.content_type();
        let encoding = ENCODINGS.iter().find_map(|(name, encoding)| (*name == kind).then_some(*encoding));
        match Media::of(head)? {
            Media::Raw { rate_hz } => {
                let came = Format {
                    encoding: encoding.unwrap_or(self.format.encoding),
                    rate_hz: rate_hz.unwrap_or(self.format.rate_hz),
                };
                if came != self.format {
                    return Err(not_audio(&format!("{came} where {} was asked for", self.format)));
                }
            }
            Media::Unsure => self.pour.be_in_doubt(),
            other => return Err(not_audio(&format!("{other:?}"))),
        }
        let usage = self.pour.usage();
        usage.request_id = head.header("dg-request-id").map(Into::into);
        if let Some(characters) = head.header("dg-char-count").and_then(|count| count.trim().parse().ok()) {
            usage.characters = characters;
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

/// The format to ask for.
pub(super) fn format(job: Format) -> Format {
    asked::format(job, &[8000, 16_000, 24_000, 32_000, 48_000], &[8000, 16_000])
}

/// What the address says, the same over HTTP and over a socket.
pub(super) fn query(
    config: &Config,
    job: &Synthesize,
    format: Format,
) -> Result<Vec<(&'static str, String)>, ProviderError> {
    let usual = if config.voice.is_empty() { &config.model } else { &config.voice };
    let encoding = match format.encoding {
        Encoding::Pcm16 => "linear16",
        Encoding::Mulaw => "mulaw",
        Encoding::Alaw => "alaw",
    };
    let mut query = vec![
        ("model", asked::voice(job, usual)?.to_owned()),
        ("encoding", encoding.to_owned()),
        ("sample_rate", format.rate_hz.to_string()),
    ];
    query.extend(config.speed.map(|speed| ("speed", speed.to_string())));
    query.extend(config.opt_out.then(|| ("mip_opt_out", "true".to_owned())));
    Ok(query)
}

/// What the API calls its encodings in the type of an answer.
const ENCODINGS: [(&str, Encoding); 3] =
    [("audio/l16", Encoding::Pcm16), ("audio/mulaw", Encoding::Mulaw), ("audio/alaw", Encoding::Alaw)];
/// The documented limit is 2000 or 2400 characters, depending on the page.
pub(super) const MOST_CHARS: usize = 1900;
