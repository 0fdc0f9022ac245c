//! A client that sees everything: chunks, times, and how a connection ends.

#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses some of it")]

use std::{net::SocketAddr, time::Duration};

use operetta_sim::theatre::{Api, Pace, Rule, Script, Theatre};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};

/// A theatre that plays these rules, at once.
pub(crate) fn theatre(rules: &str) -> Theatre {
    theatre_at(Pace::AT_ONCE, rules)
}

/// A theatre that plays these rules, at this pace.
pub(crate) fn theatre_at(pace: Pace, rules: &str) -> Theatre {
    Theatre::start(Script::default().with_pace(pace).with_rules(Rule::list(rules).unwrap())).unwrap()
}

/// A request that is right, to each API that is asked by HTTP: method and target, headers, body.
pub(crate) fn right(api: Api) -> Ask {
    let text = "Hello there.";
    let (target, auth, body) = match api {
        Api::OpenAiSpeech => (
            "POST /v1/audio/speech",
            "authorization: Bearer k",
            json!({"model": "gpt-4o-mini-tts", "input": text, "voice": "alloy", "response_format": "pcm"}),
        ),
        Api::ElevenLabsStream => (
            "POST /v1/text-to-speech/v1/stream?output_format=ulaw_8000",
            "xi-api-key: k",
            json!({"text": text, "model_id": "eleven_flash_v2_5"}),
        ),
        Api::GoogleSynthesize => (
            "POST /v1/text:synthesize",
            "x-goog-api-key: k",
            json!({
                "input": {"text": text},
                "voice": {"languageCode": "en-US"},
                "audioConfig": {"audioEncoding": "PCM", "sampleRateHertz": 8000},
            }),
        ),
        Api::DeepgramSpeak => (
            "POST /v1/speak?model=aura-2-thalia-en&encoding=linear16&sample_rate=8000&container=none",
            "authorization: Token k",
            json!({"text": text}),
        ),
        Api::Anthropic => (
            "POST /v1/messages",
            "x-api-key: k\r\nanthropic-version: 2023-06-01",
            json!({
                "model": "claude-haiku-5-5", "max_tokens": 100, "stream": true,
                "messages": [{"role": "user", "content": "Hi."}],
            }),
        ),
        Api::OpenAiChat => (
            "POST /v1/chat/completions",
            "authorization: Bearer k",
            json!({
                "model": "gpt-5.6-luna", "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "Hi."}],
            }),
        ),
        Api::Gemini => (
            "POST /v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse",
            "x-goog-api-key: k",
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi."}]}]}),
        ),
        Api::OpenAiTranscription => return transcription("gpt-transcribe", &[]),
        Api::Status => ("GET /v1/models", "authorization: Bearer k", Value::Null),
        _ => unreachable!("{api} is a socket"),
    };
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Ask { target: target.into(), headers: format!("{auth}\r\ncontent-type: application/json"), body }
}

/// All APIs that are asked by HTTP.
pub(crate) fn by_http() -> impl Iterator<Item = Api> {
    Api::ALL.into_iter().filter(|api| !api.is_socket())
}

/// A request for the words of half a second of silence at 16 kHz.
pub(crate) fn transcription(model: &str, fields: &[(&str, &str)]) -> Ask {
    let audio = vec![0; 16_000];
    let mut wav = b"RIFF\xA4\x3E\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(32_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((audio.len() as u32).to_le_bytes());
    wav.extend(audio);
    let mut body = Vec::new();
    for (name, value) in fields.iter().chain(&[("model", model)]) {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n");
    body.extend(wav);
    body.extend(b"\r\n--b--\r\n");
    Ask {
        target: "POST /v1/audio/transcriptions".into(),
        headers: "authorization: Bearer k\r\ncontent-type: multipart/form-data; boundary=b".into(),
        body,
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Method and path.
    pub(crate) target: String,
    /// Lines.
    pub(crate) headers: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Ask {
    /// The same with a change in its JSON.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut body = serde_json::from_slice(&self.body).unwrap();
        change(&mut body);
        self.body = body.to_string().into_bytes();
        self
    }

    /// The same at another target.
    pub(crate) fn at(mut self, target: &str) -> Self {
        self.target = target.into();
        self
    }

    /// The same with other headers.
    pub(crate) fn headed(mut self, headers: &str) -> Self {
        self.headers = headers.into();
        self
    }
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// 0: no head came.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As they were cut; empty for a body that was not.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// All of it.
    pub(crate) body: Vec<u8>,
    /// How it ended.
    pub(crate) ended: Ended,
    /// When the head had come, since the request was sent.
    pub(crate) head_at: Duration,
    /// When the first byte of the body came.
    pub(crate) first_at: Option<Duration>,
    /// When the last did.
    pub(crate) last_at: Duration,
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As it should.
    #[default]
    Properly,
    /// The connection was closed before.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing more came in [`PATIENCE`].
    Silent,
}

impl Reply {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The data of its events, however they are spelt: name and data.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let text = self.text().replace("\r\n", "\n");
        let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
        blocks
            .map(|block| {
                let field = |name: &'static str| {
                    block
                        .lines()
                        .filter_map(move |line| line.strip_prefix(name))
                        .map(|rest| rest.strip_prefix(' ').unwrap_or(rest))
                };
                (field("event:").collect(), field("data:").collect::<Vec<_>>().join("\n"))
            })
            .filter(|(_, data): &(String, String)| !data.is_empty())
            .collect()
    }

    /// The data of its events as JSON, `[DONE]` left out.
    pub(crate) fn data(&self) -> Vec<Value> {
        let events = self.events().into_iter().filter(|(_, data)| data != "[DONE]");
        events.map(|(_, data)| serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {data}"))).collect()
    }
}

/// A connection.
pub(crate) struct Raw {
    socket: TcpStream,
    inbox: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), inbox: Vec::new() }
    }

    /// Sends a request and reads the reply.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Reply {
        self.send(ask).await;
        self.read().await
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, ask: &Ask) {
        let Ask { target, headers, body } = ask;
        let head = format!("{target} HTTP/1.1\r\nhost: fake\r\n{headers}\r\ncontent-length: {}\r\n\r\n", body.len());
        // What was reset before all of it was sent shows when it is read.
        let _ = self.socket.write_all(&[head.as_bytes(), body].concat()).await;
    }

    /// Reads a reply.
    pub(crate) async fn read(&mut self) -> Reply {
        let start = Instant::now();
        let mut reply = Reply::default();
        let head = loop {
            if let Some(end) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                break self.inbox.drain(..end + 4).collect::<Vec<_>>();
            }
            if let Err(ended) = self.more(start).await {
                return Reply { ended, last_at: start.elapsed(), ..reply };
            }
        };
        reply.head_at = start.elapsed();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        reply.status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        reply.headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let ended = if reply.header("transfer-encoding") == Some("chunked") {
            self.read_chunks(start, &mut reply).await
        } else {
            let length = reply.header("content-length").map(|length| length.parse().unwrap());
            self.read_plain(start, length, &mut reply).await
        };
        reply.ended = ended.err().unwrap_or_default();
        reply
    }

    /// Reads until the first byte of the body has come, and hangs up.
    pub(crate) async fn hang_up_at_first_byte(mut self) {
        let start = Instant::now();
        while !self.inbox.windows(4).any(|four| four == b"\r\n\r\n") || self.inbox.ends_with(b"\r\n\r\n") {
            self.more(start).await.unwrap();
        }
    }

    async fn read_chunks(&mut self, start: Instant, reply: &mut Reply) -> Result<(), Ended> {
        loop {
            let line = loop {
                match self.inbox.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break self.inbox.drain(..end + 2).collect::<Vec<_>>(),
                    None => self.more(start).await?,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            while self.inbox.len() < size + 2 {
                self.more(start).await?;
            }
            let chunk: Vec<u8> = self.inbox.drain(..size).collect();
            assert_eq!(self.inbox.drain(..2).collect::<Vec<_>>(), b"\r\n");
            if size == 0 {
                return Ok(());
            }
            reply.first_at.get_or_insert(start.elapsed());
            reply.last_at = start.elapsed();
            reply.body.extend(&chunk);
            reply.chunks.push(chunk);
        }
    }

    async fn read_plain(&mut self, start: Instant, length: Option<usize>, reply: &mut Reply) -> Result<(), Ended> {
        while length.is_none_or(|length| reply.body.len() < length) {
            if self.inbox.is_empty() {
                match self.more(start).await {
                    Err(Ended::Closed) if length.is_none() => return Ok(()),
                    ended => ended?,
                }
            }
            let wanted = length.map_or(usize::MAX, |length| length - reply.body.len());
            reply.body.extend(self.inbox.drain(..wanted.min(self.inbox.len())));
            reply.first_at.get_or_insert(start.elapsed());
            reply.last_at = start.elapsed();
        }
        Ok(())
    }

    async fn more(&mut self, start: Instant) -> Result<(), Ended> {
        let mut bytes = vec![0; 64 << 10];
        match timeout_at(start + PATIENCE, self.socket.read(&mut bytes)).await {
            Err(_) => Err(Ended::Silent),
            Ok(Ok(0)) => Err(Ended::Closed),
            Ok(Ok(length)) => {
                self.inbox.extend(&bytes[..length]);
                Ok(())
            }
            Ok(Err(_)) => Err(Ended::Reset),
        }
    }
}

/// Asks over a connection of its own.
pub(crate) async fn ask(theatre: &Theatre, ask: &Ask) -> Reply {
    Raw::connect(theatre.address()).await.ask(ask).await
}

/// How long a reply may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a wave rises through zero.
pub(crate) fn rises(samples: &[i16]) -> usize {
    samples.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count()
}

/// PCM16 as samples.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}
