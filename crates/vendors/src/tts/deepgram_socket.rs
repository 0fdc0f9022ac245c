//! Deepgram Aura over a socket: `wss://api.deepgram.com/v1/speak`.
//!
//! `Speak` and `Flush` go out for each utterance; audio comes back in binary messages, and `Flushed` behind the last of it. To
//! cancel is `Clear`, and everything up to `Cleared` is dropped. A socket takes 20 flushes in 60 s and ignores more, so one that
//! has had them is given up, as is one that is nearly an hour old.
//!
//! Source: Deepgram API reference (text to speech, streaming), read 2026-11.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use operetta_audio::Format;
use operetta_contract::{
    Cancel, Capabilities, DuplexCodec, DuplexVendor, ErrorClass, Flow, Message, Nothing, Outgoing, ProviderError, Rest,
    Role, SocketRequest, Synthesize, TextLimit, Wire, text,
};
use serde_json::{Value, json};

pub use super::deepgram::Config;
use super::{
    asked,
    deepgram::{MOST_CHARS, format, query},
    pour::Pour,
};
use crate::shape::{deepgram, json::parse, socket_address};

/// Deepgram Aura over a socket.
#[derive(Clone, Debug)]
pub struct DeepgramSpeechSocket {
    config: Config,
    warm: Option<Synthesize>,
}

impl DeepgramSpeechSocket {
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
        let query = query(&self.config, job, format(job.format))?;
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        socket_address(&self.config.base_url, &["v1", "speak"], &query)
    }
}

impl DuplexVendor for DeepgramSpeechSocket {
    type Job = Synthesize;
    type Codec = DeepgramCodec;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_text: Some(TextLimit::Chars(MOST_CHARS)),
            cancel: Cancel::Message,
            concurrency: self.config.concurrency,
            // Nothing is documented, but sockets that were idle for minutes have been found dead.
            idle: Some(Duration::from_mins(2)),
            session: Some(SESSION),
            ..Capabilities::of(Role::Tts)
        }
    }

    fn open(&self, job: &Synthesize) -> Result<(SocketRequest, DeepgramCodec), ProviderError> {
        asked::text(job)?;
        let url = self.address(job)?;
        let codec = DeepgramCodec {
            url: url.clone(),
            format: job.format,
            now: Duration::ZERO,
            speaking: None,
            flushes: VecDeque::new(),
            flush_at: None,
            doubted_at: None,
            cleared_by: None,
            unanswered: 0,
            trouble: None,
            is_spent: false,
            request: None,
        };
        let headers = vec![("authorization", self.config.key.header(deepgram::SCHEME))];
        Ok((SocketRequest { url, headers }, codec))
    }

    fn fits(&self, codec: &DeepgramCodec, job: &Synthesize) -> bool {
        job.format == codec.format && self.address(job).is_ok_and(|url| url == codec.url)
    }

    fn warm_up(&self) -> Option<Synthesize> {
        self.warm.clone()
    }

    fn refusal(&self, status: u16) -> ProviderError {
        deepgram::refused_upgrade(status)
    }
}

/// Talks over one socket.
pub struct DeepgramCodec {
    url: String,
    format: Format,
    /// The last time that is known.
    now: Duration,
    speaking: Option<Pour>,
    /// When the flushes of the last [`FLUSH_PERIOD`] were sent.
    flushes: VecDeque<Duration>,
    /// When the flush of the running job may be sent, if it was not.
    flush_at: Option<Duration>,
    /// The server has warned about flushes: by then it has gone on all the same, or the job has failed.
    doubted_at: Option<Duration>,
    /// `Clear` was sent: by then `Cleared` has come, or never will.
    cleared_by: Option<Duration>,
    /// Flushes of cancelled jobs that may still be answered.
    unanswered: u32,
    /// Why the job that has begun cannot be done.
    trouble: Option<ProviderError>,
    is_spent: bool,
    request: Option<Arc<str>>,
}

impl DuplexCodec for DeepgramCodec {
    type Job = Synthesize;

    fn opened(&mut self, now: Duration, _: &mut Wire<Synthesize>) {
        self.now = now;
    }

    fn begin(&mut self, now: Duration, job: &Synthesize, wire: &mut Wire<Synthesize>) {
        self.now = now;
        let prepared = asked::text(job).and_then(|text| Ok((text, Pour::raw(format(job.format), job)?)));
        let (words, mut pour) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.trouble = Some(error);
                return;
            }
        };
        for (at, piece) in text::split(words, TextLimit::Chars(MOST_CHARS)).into_iter().enumerate() {
            // The server joins the pieces as they are: what was two words must not become one.
            let space = if at == 0 { "" } else { " " };
            say(&json!({ "type": "Speak", "text": format!("{space}{piece}") }), wire);
        }
        pour.usage().request_id.clone_from(&self.request);
        wire.output.usage.clone_from(pour.usage());
        self.speaking = Some(pour);
        match self.flushes_left() {
            0 => self.flush_at = self.flushes.front().map(|first| *first + FLUSH_PERIOD),
            _ => self.flush(wire),
        }
    }

    fn feed(&mut self, _: Duration, piece: Nothing, _: &mut Wire<Synthesize>) {
        match piece {}
    }

    fn hear(
        &mut self,
        now: Duration,
        message: Message<'_>,
        wire: &mut Wire<Synthesize>,
    ) -> Result<Flow<Synthesize>, ProviderError> {
        self.now = now;
        match message {
            Message::Binary(audio) => {
                if let (Some(pour), None) = (&mut self.speaking, self.cleared_by) {
                    self.doubted_at = self.doubted_at.map(|_| now + DOUBT);
                    pour.push(audio, &mut wire.output)?;
                }
                Ok(Flow::More)
            }
            Message::Text(text) => self.read(&parse(text)?, wire),
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        let trouble = self.trouble.as_ref().map(|_| self.now);
        [trouble, self.flush_at, self.doubted_at, self.cleared_by].into_iter().flatten().min()
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        self.now = now;
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        if self.cleared_by.is_some_and(|at| at <= now) {
            // Whatever comes now could belong to the cancelled job or to the next.
            self.cleared_by = None;
            self.is_spent = true;
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush_at = None;
            self.flush(wire);
        }
        if self.doubted_at.is_some_and(|at| at <= now) {
            return Err(ProviderError::new(ErrorClass::RateLimited, "the server has ignored a flush"));
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, now: Duration, wire: &mut Wire<Synthesize>) {
        self.now = now;
        self.unanswered += u32::from(self.speaking.take().is_some() && self.flush_at.is_none());
        (self.flush_at, self.doubted_at, self.trouble) = (None, None, None);
        self.cleared_by = Some(now + CLEAR_WAIT);
        say(&json!({ "type": "Clear" }), wire);
    }

    fn rest(&self) -> Rest {
        if self.is_spent || self.flushes_left() == 0 || self.now >= SESSION {
            Rest::Spent
        } else if self.cleared_by.is_some() {
            Rest::Draining
        } else {
            Rest::Ready
        }
    }

    fn farewell(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        say(&json!({ "type": "Close" }), wire);
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        deepgram::closed(code, reason)
    }
}

impl DeepgramCodec {
    fn read(&mut self, message: &Value, wire: &mut Wire<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        match message.get("type").and_then(Value::as_str) {
            Some("Metadata") => {
                self.request = message.get("request_id").and_then(Value::as_str).map(Into::into);
                if let Some(pour) = &mut self.speaking {
                    pour.usage().request_id.clone_from(&self.request);
                    wire.output.usage.clone_from(pour.usage());
                }
            }
            Some("Flushed") => return self.flushed(wire),
            Some("Cleared") => self.cleared_by = None,
            Some("Warning") if self.speaking.is_some() && is_about_flushes(message) => {
                self.doubted_at.get_or_insert(self.now + DOUBT);
            }
            // The command was ignored, and it was none that anything depends on.
            Some("Warning") => {}
            Some("Error") => return Err(deepgram::error_message(message)),
            _ => wire.output.unknown += 1,
        }
        Ok(Flow::More)
    }

    fn flushed(&mut self, wire: &mut Wire<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        if self.cleared_by.is_some() {
            self.unanswered = self.unanswered.saturating_sub(1);
            return Ok(Flow::More);
        }
        let Some(pour) = &mut self.speaking else { return Ok(Flow::More) };
        if self.unanswered > 0 && pour.received_ms() == 0 {
            // A late answer to the flush of a job that was cancelled.
            self.unanswered -= 1;
            return Ok(Flow::More);
        }
        let end = pour.finish(&mut wire.output)?;
        (self.speaking, self.doubted_at, self.flush_at, self.unanswered) = (None, None, None, 0);
        Ok(Flow::Done(end))
    }

    fn flush(&mut self, wire: &mut Wire<Synthesize>) {
        self.flushes.push_back(self.now);
        while self.flushes.len() > MOST_FLUSHES {
            self.flushes.pop_front();
        }
        say(&json!({ "type": "Flush" }), wire);
    }

    fn flushes_left(&self) -> usize {
        let recent = self.flushes.iter().filter(|at| **at + FLUSH_PERIOD > self.now).count();
        MOST_FLUSHES - recent.min(MOST_FLUSHES)
    }
}

fn say(message: &Value, wire: &mut Wire<Synthesize>) {
    wire.send.push(Outgoing::Text(message.to_string()));
}

fn is_about_flushes(warning: &Value) -> bool {
    let words = ["code", "description"].map(|name| warning.get(name).and_then(Value::as_str).unwrap_or_default());
    words.iter().any(|words| words.to_ascii_lowercase().contains("flush"))
}

/// More in [`FLUSH_PERIOD`] are ignored.
const MOST_FLUSHES: usize = 20;
const FLUSH_PERIOD: Duration = Duration::from_mins(1);
/// How long after a warning the server may take to show that it has not ignored a flush.
const DOUBT: Duration = Duration::from_millis(500);
/// How long `Cleared` may take.
const CLEAR_WAIT: Duration = Duration::from_millis(500);
/// The server closes after an hour.
const SESSION: Duration = Duration::from_mins(55);
