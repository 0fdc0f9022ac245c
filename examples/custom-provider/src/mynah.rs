//! Mynah, a speech API that does not exist: `POST /v1/say`, the text in one piece, raw PCM16 back.
//!
//! Pure: it writes the request and reads the reply. The engine connects, waits, retries, cancels and counts.

use operetta_audio::{Convert, Encoding, Format};
use operetta_contract::{
    ApiKey, Capabilities, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError,
    Role, Speech, Synthesize, TextLimit, Usage, class_of_status,
};
use operetta_server::providers::Terms;
use operetta_vendors::shape::{http_address, refused::refused};
use serde_json::{Value, json};

/// The vendor: what never changes from one utterance to the next.
pub struct Mynah {
    key: ApiKey,
    base_url: String,
    voice: String,
}

impl Mynah {
    /// A vendor that asks as its entry in the configuration says.
    pub fn new(terms: Terms) -> Self {
        Self { key: terms.key, base_url: terms.base_url, voice: terms.voice }
    }
}

impl HttpVendor for Mynah {
    type Job = Synthesize;
    type Reader = Reply;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(500)), // The engine cuts longer texts, at ends of sentences.
            concurrency: Some(8),                  // More than that wait at our side, and not for a 429.
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, Reply), ProviderError> {
        // Mynah has no G.711, but it has every rate that a telephone uses.
        let came = Format { encoding: Encoding::Pcm16, rate_hz: job.format.rate_hz };
        let voice = if matches!(&*job.voice, "" | "default") { self.voice.as_str() } else { &job.voice };
        let body = json!({ "text": &*job.text, "voice": voice, "rate_hz": came.rate_hz });
        let request = HttpRequest {
            method: Method::Post,
            url: http_address(&self.base_url, &["v1", "say"], &[])?,
            headers: vec![("authorization", self.key.header("Bearer ")), ("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        };
        Ok((request, Reply::new(job, came)?))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: Method::Get,
            url: http_address(&self.base_url, &["v1", "account"], &[]).ok()?,
            headers: vec![("authorization", self.key.header("Bearer "))],
            body: Vec::new(),
        })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        // `{"error": "no_credit", "message": "..."}`; proxies in between send HTML, or nothing.
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let class = match text("error") {
            "no_credit" => ErrorClass::Quota,
            "unknown_voice" => ErrorClass::Missing,
            "too_many_at_once" => ErrorClass::Busy,
            _ => class_of_status(head.status),
        };
        // Reads `Retry-After`, and leaves out of the message what looks like a key or a number of a person.
        refused(head, class, text("error"), text("message"), None)
    }
}

/// Reads one reply.
pub struct Reply {
    convert: Convert,
    to: Format,
    /// Converted, and not told yet.
    ready: Vec<u8>,
    /// Bytes that were told.
    told: usize,
    usage: Usage,
}

impl Reply {
    fn new(job: &Synthesize, came: Format) -> Result<Self, ProviderError> {
        let convert = Convert::new(came, job.format).map_err(|error| protocol(error.to_string()))?;
        let characters = u32::try_from(job.text.chars().count()).unwrap_or(u32::MAX);
        let usage = Usage { characters, estimated: true, ..Usage::default() };
        Ok(Self { convert, to: job.format, ready: Vec::new(), told: 0, usage })
    }

    /// Hands on what there is, in pieces of 1 s at most.
    fn tell(&mut self, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        self.told += self.ready.len();
        self.usage.audio_out_ms = self.to.ms_of_bytes(self.told);
        if self.usage.audio_out_ms > LONGEST_MS {
            return Err(protocol("audio without an end"));
        }
        out.events.extend(self.ready.chunks(self.to.bytes_per_second()).map(|piece| Speech::Audio(piece.into())));
        out.usage.clone_from(&self.usage);
        self.ready.clear();
        Ok(())
    }
}

impl HttpReader for Reply {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, _: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        self.usage.request_id = head.header("x-request-id").map(Into::into);
        // A page, or an error with status 200, must never be played to a caller.
        match head.content_type().as_str() {
            "audio/l16" => Ok(()),
            other => Err(protocol(format!("audio/l16 expected, {other:?} came"))),
        }
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        // `Convert` keeps half a sample until its other half comes.
        self.convert.push(bytes, &mut self.ready);
        self.tell(out)?;
        Ok(Flow::More)
    }

    fn end(&mut self, out: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        self.convert.flush(&mut self.ready);
        self.tell(out)?;
        if self.told == 0 {
            return Err(ProviderError::new(ErrorClass::Empty, "audio expected, a success without any came"));
        }
        Ok(Speech::Done)
    }
}

fn protocol(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorClass::Protocol, detail)
}

/// 500 characters are half a minute.
const LONGEST_MS: u32 = 120_000;
