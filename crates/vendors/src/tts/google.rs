//! Google Cloud Text-to-Speech over REST: `POST /v1/text:synthesize`, the text in one piece, one JSON document back.
//!
//! Nothing streams here: the audio comes when all of it is made, so texts should be sentences. PCM16 at the call's rate is asked
//! for, the only encoding without a header; a header that comes all the same is taken off.
//!
//! Source: Google Cloud Text-to-Speech REST reference and google-cloud-texttospeech 2.38.0, read 2026-11.

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
use crate::shape::{google, http_address, json::protocol};

/// What is said to Google besides the text.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `x-goog-api-key`.
    pub key: ApiKey,
    /// `http(s)://host[:port]`. Default: `https://texttospeech.googleapis.com`.
    pub base_url: String,
    /// The model, for the voices that are a name and a model (Gemini); empty for all others, whose name says it all.
    pub model: String,
    /// The voice for jobs that leave the choice to the configuration: `en-US-Chirp3-HD-Kore`. Default: empty, Google's own choice
    /// for the language.
    pub voice: String,
    /// 0.25 to 2, 1 being the voice's own pace. Default: `None`.
    pub speaking_rate: Option<f64>,
    /// -20 to 20 semitones; Chirp voices take none. Default: `None`.
    pub pitch: Option<f64>,
    /// Profiles such as `telephony-class-application`. Default: none.
    pub effects: Vec<String>,
    /// How many requests the project allows at once. Default: `None`, not known.
    pub concurrency: Option<u32>,
}

impl Config {
    /// The defaults.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://texttospeech.googleapis.com".to_owned(),
            model: model.into(),
            voice: String::new(),
            speaking_rate: None,
            pitch: None,
            effects: Vec::new(),
            concurrency: None,
        }
    }
}

/// Google Cloud Text-to-Speech.
#[derive(Clone, Debug)]
pub struct GoogleSpeech {
    config: Config,
}

impl GoogleSpeech {
    /// A speaker that asks as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    fn key(&self) -> (&'static str, HeaderValue) {
        ("x-goog-api-key", self.config.key.header(""))
    }

    fn body(&self, job: &Synthesize, format: Format) -> Result<Value, ProviderError> {
        let config = &self.config;
        // No voice is a choice here: the language is enough.
        let name = asked::voice(job, &config.voice).unwrap_or_default();
        let mut voice = json!({ "languageCode": language(name).unwrap_or(&job.language) });
        for (field, value) in [("name", name), ("modelName", &config.model)] {
            if !value.is_empty() {
                voice[field] = value.into();
            }
        }
        let mut audio = json!({ "audioEncoding": "PCM", "sampleRateHertz": format.rate_hz });
        for (field, value) in [("speakingRate", config.speaking_rate), ("pitch", config.pitch)] {
            if let Some(value) = value {
                audio[field] = value.into();
            }
        }
        if !config.effects.is_empty() {
            audio["effectsProfileId"] = config.effects.clone().into();
        }
        Ok(json!({ "input": { "text": asked::text(job)? }, "voice": voice, "audioConfig": audio }))
    }
}

impl HttpVendor for GoogleSpeech {
    type Job = Synthesize;
    type Reader = GoogleReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Bytes(MOST_TEXT_BYTES)),
            concurrency: self.config.concurrency,
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, GoogleReader), ProviderError> {
        let format = Format { encoding: Encoding::Pcm16, rate_hz: job.format.rate_hz };
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&self.config.base_url, &["v1", "text:synthesize"], &[])?,
            headers: vec![self.key(), ("content-type", "application/json".into())],
            body: self.body(job, format)?.to_string().into_bytes(),
        };
        Ok((request, GoogleReader { pour: Pour::raw(format, job)?, document: Vec::new(), most: most(job, format) }))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            // The voices of one language: the list of all is long.
            url: http_address(&self.config.base_url, &["v1", "voices"], &[("languageCode", "en-US")]).ok()?,
            headers: vec![self.key()],
            body: Vec::new(),
        })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        google::refusal(head, body)
    }
}

/// Reads one reply of Google.
pub struct GoogleReader {
    pour: Pour,
    /// What has come of the one document that the reply is.
    document: Vec<u8>,
    /// How long it may get, in bytes.
    most: usize,
}

impl HttpReader for GoogleReader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        out.usage.clone_from(self.pour.usage());
        match Media::of(head)? {
            Media::Json | Media::Unsure => Ok(()),
            other => Err(not_audio(&format!("JSON with it expected, {other:?}"))),
        }
    }

    fn read(&mut self, bytes: &[u8], _: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        if self.document.len() + bytes.len() > self.most {
            return Err(not_audio(&format!("a document of more than {} bytes", self.most)));
        }
        self.document.extend_from_slice(bytes);
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        let document = std::mem::take(&mut self.document);
        let document: Value = serde_json::from_slice(&document)
            .map_err(|_| protocol("one JSON document expected, something else came"))?;
        if let Some(error) = google::error_in(&document) {
            return Err(error);
        }
        let audio = document.get("audioContent").and_then(Value::as_str).unwrap_or_default();
        let audio = STANDARD.decode(audio).map_err(|error| protocol(format!("base64 expected: {error}")))?;
        self.pour.push(&audio, out)?;
        self.pour.finish(out)
    }
}

/// The language that stands at the beginning of a voice's name; naming another beside it is an error.
fn language(voice: &str) -> Option<&str> {
    let (language, rest) = voice.split_once('-')?;
    let (region, _) = rest.split_once('-')?;
    let is_language = matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region =
        matches!(region.len(), 2 | 3) && region.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (is_language && is_region).then(|| &voice[..language.len() + 1 + region.len()])
}

/// The longest document that any reading of the text could need: half a second for each character and a minute, in base64.
fn most(job: &Synthesize, format: Format) -> usize {
    let seconds = 60 + job.text.chars().count() / 2;
    seconds.saturating_mul(format.bytes_per_second()).saturating_mul(4) / 3 + 64 * 1024
}

/// Bytes of UTF-8, marks included.
const MOST_TEXT_BYTES: usize = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_names_its_language() {
        for (voice, expected) in [
            ("en-US-Chirp3-HD-Kore", Some("en-US")),
            ("cmn-CN-Wavenet-A", Some("cmn-CN")),
            ("es-419-Studio-B", Some("es-419")),
            ("Kore", None),
            ("my-voice-1", None),
            ("en-US", None),
            ("", None),
        ] {
            assert_eq!(language(voice), expected, "{voice}");
        }
    }
}
