//! OpenAI's `POST /v1/audio/transcriptions` and what is shaped like it: speaches, vLLM, whisper.cpp, Ollama.
//!
//! A whole recording goes up as a form with a WAV file inside, a transcript comes back: in one piece or as events, whichever
//! the server knows. They differ most in the latter, so a reply is read as what it is and not as what was asked for:
//!
//! | reply | from | ends with |
//! |---|---|---|
//! | JSON `{"text"}` | all of them | the body |
//! | bare text | servers set to `text` | the body |
//! | events with a `type` | OpenAI | `transcript.text.done` |
//! | events that are `transcription.chunk`s | vLLM | `[DONE]`, or a chunk that has a reason to finish |
//! | events with nothing but `text`, or bare text | speaches, one for each segment | the body |
//!
//! Whisper models write thanks for watching where nobody spoke. Text for a recording in which nothing is loud enough to be
//! speech is dropped, and so are the best known of these phrases where it is hardly loud enough.
//!
//! Source: OpenAI API reference, "Create transcription"; the sources of speaches (router `stt.py`), vLLM 0.33.0 and
//! whisper.cpp (`examples/server`); read 2026-11.

use operetta_contract::{
    ApiKey, Capabilities, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Recognition, Recognize, Role, Usage,
};
use serde_json::Value;

use super::{
    form::{Form, wav_of},
    line::level,
};
use crate::shape::{http_address, openai, sse::Sse};

/// How to use it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key; none for servers that need none.
    pub key: ApiKey,
    /// Where it is; `https://api.openai.com`.
    pub base_url: String,
    /// Where it is there: `/v1/audio/transcriptions`. whisper.cpp has it at `/inference` unless it was started otherwise.
    pub path: String,
    /// Which model, for example `gpt-transcribe`.
    pub model: String,
    /// Whether the transcript may come piece by piece. Off: recordings of one turn are short.
    pub stream: bool,
    /// The rate of the file, in Hz: recordings are converted to it. 16000, what whisper models hear with.
    pub rate_hz: u32,
    /// What the recordings are about, for models that take such a prompt. Empty.
    pub prompt: String,
}

impl Config {
    /// The defaults, with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://api.openai.com".to_owned(),
            path: "/v1/audio/transcriptions".to_owned(),
            model: model.into(),
            stream: false,
            rate_hz: 16_000,
            prompt: String::new(),
        }
    }
}

/// The vendor.
#[derive(Clone, Debug)]
pub struct OpenAiTranscription {
    config: Config,
}

impl OpenAiTranscription {
    /// A vendor that works as `config` says.
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    fn request(&self, path: &str) -> Result<HttpRequest, ProviderError> {
        let config = &self.config;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut headers = Vec::new();
        if !config.key.is_empty() {
            headers.push(("authorization", config.key.header("Bearer ")));
        }
        let url = http_address(&config.base_url, &segments, &[])?;
        Ok(HttpRequest { method: Method::Get, url, headers, body: Vec::new() })
    }
}

impl HttpVendor for OpenAiTranscription {
    type Job = Recognize;
    type Reader = TranscriptReader;

    fn capabilities(&self) -> Capabilities {
        Capabilities::of(Role::Stt)
    }

    fn open(&self, job: &Recognize) -> Result<(HttpRequest, TranscriptReader), ProviderError> {
        let config = &self.config;
        let wav = wav_of(job, config.rate_hz)?;
        if wav.len() > MOST_FILE_BYTES {
            return Err(ProviderError::new(
                ErrorClass::TooLong,
                format!("at most {MOST_FILE_BYTES} bytes of audio expected, came {}", wav.len()),
            ));
        }
        let language = job.language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let mut form = Form::beside(&wav);
        form.field("model", &config.model);
        form.field("response_format", "json");
        for (name, value) in [("language", language.as_str()), ("prompt", &config.prompt)] {
            if !value.is_empty() {
                form.field(name, value);
            }
        }
        if config.stream {
            form.field("stream", "true");
        }
        let (content_type, body) = form.end_with_file(&wav);
        let mut request = self.request(&config.path)?;
        request.method = Method::Post;
        request.headers.push(("content-type", content_type.into()));
        request.body = body;
        let audio_in_ms = (job.samples.len() as u64 * 1000 / u64::from(job.rate_hz)) as u32;
        Ok((request, TranscriptReader::new(loudest(job), audio_in_ms)))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        // whisper.cpp has no list of models.
        self.config.path.starts_with("/v1/").then(|| self.request("/v1/models").ok()).flatten()
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        openai::refusal(head, body)
    }
}

/// Reads one reply.
#[derive(Debug)]
pub struct TranscriptReader {
    kind: Kind,
    trust: Trust,
    /// The text is held back until it is whole, to be judged: all of it so far.
    held: String,
    /// Something of the stream was given out or held back.
    any: bool,
    /// The stream may end with its body.
    may_end: bool,
    audio_in_ms: u32,
}

#[derive(Debug)]
enum Kind {
    /// The head has not come.
    Unknown,
    /// One JSON object, or bare text.
    Whole {
        body: Vec<u8>,
        json: bool,
    },
    Events(Sse),
}

/// How far a transcript of this recording can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Somebody speaks.
    Yes,
    /// Hardly anything is to be heard.
    NoPhrases,
    /// Nothing is to be heard.
    No,
}

impl TranscriptReader {
    fn new(loudest: u64, audio_in_ms: u32) -> Self {
        let trust = match loudest {
            ..QUIET_RMS => Trust::No,
            QUIET_RMS..FAINT_RMS => Trust::NoPhrases,
            _ => Trust::Yes,
        };
        Self { kind: Kind::Unknown, trust, held: String::new(), any: false, may_end: false, audio_in_ms }
    }
}

impl HttpReader for TranscriptReader {
    type Job = Recognize;

    fn head(&mut self, head: &Head, out: &mut Output<Recognize>) -> Result<(), ProviderError> {
        self.kind = match head.content_type().as_str() {
            "text/event-stream" => Kind::Events(Sse::default()),
            "application/json" => Kind::Whole { body: Vec::new(), json: true },
            "text/plain" => Kind::Whole { body: Vec::new(), json: false },
            other => {
                let detail =
                    format!("JSON, text or events expected, came {:?}", other.chars().take(60).collect::<String>());
                return Err(ProviderError::new(ErrorClass::Protocol, detail));
            }
        };
        let request_id = head.header("x-request-id").filter(|id| !id.is_empty()).map(Into::into);
        out.usage = Usage { audio_in_ms: self.audio_in_ms, estimated: true, request_id, ..Usage::default() };
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Recognize>) -> Result<Flow<Recognize>, ProviderError> {
        match &mut self.kind {
            Kind::Unknown => {}
            Kind::Whole { body, .. } if body.len() + bytes.len() > MOST_REPLY_BYTES => {
                return Err(protocol(format!("at most {MOST_REPLY_BYTES} bytes expected, more came")));
            }
            Kind::Whole { body, .. } => body.extend_from_slice(bytes),
            Kind::Events(sse) => {
                sse.feed(bytes);
                while let Kind::Events(sse) = &mut self.kind {
                    let Some(event) = sse.next_event()? else { break };
                    if self.event(&event.data, out)? {
                        return Ok(Flow::Done(self.done(out)));
                    }
                }
            }
        }
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Output<Recognize>) -> Result<Recognition, ProviderError> {
        match std::mem::replace(&mut self.kind, Kind::Unknown) {
            Kind::Unknown => return Err(protocol("a reply expected, came a body without a head")),
            Kind::Whole { body, json: true } => {
                let value: Value = serde_json::from_slice(&body)
                    .map_err(|error| protocol(format!("JSON expected, came a fault at column {}", error.column())))?;
                if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
                    return Err(openai::error_in_stream(error));
                }
                let text = value.get("text").and_then(Value::as_str);
                let text = text.ok_or_else(|| protocol("an object with a text expected, came none"))?;
                read_usage(&value, out);
                self.say(text, out);
            }
            Kind::Whole { body, json: false } => {
                let text = String::from_utf8(body).map_err(|_| protocol("UTF-8 expected, came something else"))?;
                self.say(&text, out);
            }
            Kind::Events(mut sse) => {
                let whole = match sse.end() {
                    Some(event) => self.event(&event.data, out)?,
                    None => false,
                };
                if !whole && !self.may_end {
                    return Err(protocol("the end of the transcript expected, came the end of the body"));
                }
            }
        }
        Ok(self.done(out))
    }
}

impl TranscriptReader {
    /// Reads one event; whether it is the last.
    fn event(&mut self, data: &str, out: &mut Output<Recognize>) -> Result<bool, ProviderError> {
        if data.trim() == "[DONE]" {
            return Ok(true);
        }
        let value = match serde_json::from_str::<Value>(data) {
            Ok(value @ Value::Object(_)) => value,
            Err(error) if data.trim_start().starts_with('{') => {
                return Err(protocol(format!("JSON expected, came a fault at column {}", error.column())));
            }
            // A segment of speaches that is set to bare text: numbers and quotes in it are text.
            _ => {
                self.may_end = true;
                self.say(data, out);
                return Ok(false);
            }
        };
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(openai::error_in_stream(error));
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        match (text("type"), text("object")) {
            (Some("transcript.text.delta"), _) => {
                self.may_end = false;
                self.say(text("delta").unwrap_or_default(), out);
            }
            (Some("transcript.text.done"), _) => {
                // It repeats everything. Whoever sends no deltas says it here alone.
                if !self.any {
                    self.say(text("text").unwrap_or_default(), out);
                }
                read_usage(&value, out);
                return Ok(true);
            }
            (Some("error"), _) => return Err(openai::error_in_stream(&value)),
            (Some(_), _) => out.unknown += 1,
            (None, Some("transcription.chunk")) => {
                self.may_end = value.pointer("/choices/0/finish_reason").is_some_and(|reason| !reason.is_null())
                    || (self.may_end && value.pointer("/choices/0").is_none());
                self.say(value.pointer("/choices/0/delta/content").and_then(Value::as_str).unwrap_or_default(), out);
                read_usage(&value, out);
            }
            (None, _) => match text("text") {
                Some(segment) => {
                    self.may_end = true;
                    self.say(segment, out);
                }
                None => out.unknown += 1,
            },
        }
        Ok(false)
    }

    fn say(&mut self, text: &str, out: &mut Output<Recognize>) {
        if text.is_empty() {
            return;
        }
        if self.trust == Trust::Yes {
            // White space in front of everything stands for no pause that anybody made.
            let text = if self.any { text } else { text.trim_start() };
            if !text.is_empty() {
                out.events.push(Recognition::Text(text.into()));
                self.any = true;
            }
        } else if self.held.len() < MOST_HELD_BYTES {
            self.held.push_str(text);
            self.any = true;
        }
    }

    fn done(&mut self, out: &mut Output<Recognize>) -> Recognition {
        let held = std::mem::take(&mut self.held);
        let held = held.trim();
        if self.trust == Trust::NoPhrases && !held.is_empty() && !is_hallucinated(held) {
            out.events.push(Recognition::Text(held.into()));
        }
        Recognition::Done
    }
}

fn read_usage(value: &Value, out: &mut Output<Recognize>) {
    let Some(usage) = value.get("usage").filter(|usage| usage.is_object()) else { return };
    let tokens = |name: &str| usage.get(name).and_then(Value::as_u64).and_then(|tokens| u32::try_from(tokens).ok());
    if let Some(seconds) = usage.get("seconds").and_then(Value::as_f64) {
        out.usage.audio_in_ms = (seconds * 1000.0).round() as u32;
        out.usage.estimated = false;
    }
    // vLLM counts as chat completions do.
    let (read, written) =
        (tokens("input_tokens").or(tokens("prompt_tokens")), tokens("output_tokens").or(tokens("completion_tokens")));
    if read.is_some() || written.is_some() {
        out.usage.tokens_in = read.unwrap_or(0);
        out.usage.tokens_out = written.unwrap_or(0);
        out.usage.estimated = false;
    }
}

/// Whether whisper models write this where nobody spoke.
fn is_hallucinated(text: &str) -> bool {
    let mut letters = String::new();
    for word in text.split_whitespace() {
        let word = word.chars().filter(|c| c.is_alphanumeric() || *c == '\'').flat_map(char::to_lowercase);
        if !letters.is_empty() {
            letters.push(' ');
        }
        letters.extend(word);
    }
    letters.is_empty() || PHRASES.contains(&letters.as_str())
}

/// The root mean square of the loudest 20 ms.
fn loudest(job: &Recognize) -> u64 {
    let frame = (job.rate_hz as usize / 50).max(1);
    job.samples.chunks(frame).map(level).max().unwrap_or(0)
}

fn protocol(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorClass::Protocol, detail)
}

/// Root mean square of the loudest 20 ms below which nobody has spoken: -56 dB of full scale.
const QUIET_RMS: u64 = 52;
/// The same below which it may have been anything: -44 dB of full scale. Speech on a telephone is at -30 dB and above.
const FAINT_RMS: u64 = 207;
/// What the API takes as one file.
const MOST_FILE_BYTES: usize = 25_000_000;
/// No transcript of a turn is longer.
const MOST_REPLY_BYTES: usize = 1 << 20;
const MOST_HELD_BYTES: usize = 64 * 1024;
/// What whisper models write for silence: what subtitles end with. Lower case, no punctuation.
const PHRASES: [&str; 16] = [
    "you",
    "bye",
    "bye bye",
    "thank you",
    "thank you very much",
    "thank you so much",
    "thanks",
    "thanks for watching",
    "thanks for watching bye",
    "thank you for watching",
    "please subscribe",
    "please subscribe to my channel",
    "like and subscribe",
    "subtitles by the amaraorg community",
    "धन्यवाद",
    "ご視聴ありがとうございました",
];
