//! A stage for codecs: it plays the worker.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

use std::time::Duration;

use operetta_audio::{Encoding, Format, g711, tone};
use operetta_contract::{
    ApiKey, DuplexCodec as _, DuplexVendor, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Message,
    Outgoing, Output, ProviderError, Speech, SpokenWord, Synthesize, Usage, Wire,
};

pub(crate) const KEY: &str = "tts-key-0123456789";
pub(crate) const TEXT: &str = "Your appointment is on Tuesday at ten.";
pub(crate) const MULAW_8K: Format = Format::MULAW_8K;
pub(crate) const PCM_8K: Format = Format::PCM16_8K;
pub(crate) const PCM_24K: Format = Format { encoding: Encoding::Pcm16, rate_hz: 24_000 };

pub(crate) fn key() -> ApiKey {
    ApiKey::new(KEY)
}

pub(crate) fn job(format: Format) -> Synthesize {
    Synthesize { text: TEXT.into(), voice: "default".into(), language: "en-IN".into(), format, fixed: false }
}

pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Head {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Head { status, headers }
}

/// The head of a good reply of this type.
pub(crate) fn ok(content_type: &str) -> Head {
    head(200, &[("content-type", content_type)])
}

/// 440 Hz.
pub(crate) fn sound(format: Format, ms: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    g711::encode_into(format.encoding, &tone::sine(440.0, ms, format.rate_hz, -12.0), &mut bytes);
    bytes
}

/// Everything that came of one reply.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) audio: Vec<u8>,
    pub(crate) words: Vec<SpokenWord>,
    pub(crate) end: Result<Speech, ProviderError>,
    pub(crate) usage: Usage,
    pub(crate) unknown: u32,
}

impl Heard {
    pub(crate) fn class(&self) -> Option<ErrorClass> {
        self.end.as_ref().err().map(|error| error.class)
    }

    /// Takes what a codec has told, and holds it to its promise.
    pub(crate) fn take(&mut self, format: Format, out: &mut Output<Synthesize>) {
        for event in out.events.drain(..) {
            match event {
                Speech::Audio(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= format.bytes_per_second(), "{} bytes", piece.len());
                    assert_eq!(piece.len() % format.sample_bytes(), 0, "half a sample");
                    self.audio.extend_from_slice(&piece);
                }
                Speech::Words(words) => {
                    assert!(!words.is_empty());
                    self.words.extend(words.iter().cloned());
                }
                other => panic!("{other:?} is no event of a job that goes on"),
            }
        }
        self.usage.clone_from(&out.usage);
        self.unknown = out.unknown;
    }
}

impl Default for Heard {
    fn default() -> Self {
        let (audio, words, usage) = (Vec::new(), Vec::new(), Usage::default());
        Self { audio, words, end: Ok(Speech::Lost), usage, unknown: 0 }
    }
}

/// Reads one good reply whose body comes in the pieces that `cuts` make of it.
pub(crate) fn read<V>(vendor: &V, job: &Synthesize, head: &Head, body: &[u8], cuts: &[usize]) -> Heard
where
    V: HttpVendor<Job = Synthesize>,
{
    let mut heard = Heard::default();
    heard.end = play(vendor, job, head, body, cuts, &mut heard);
    heard
}

fn play<V>(
    vendor: &V,
    job: &Synthesize,
    head: &Head,
    body: &[u8],
    cuts: &[usize],
    heard: &mut Heard,
) -> Result<Speech, ProviderError>
where
    V: HttpVendor<Job = Synthesize>,
{
    let (_, mut reader) = vendor.open(job)?;
    let mut out = Output::default();
    reader.head(head, &mut out)?;
    let mut from = 0;
    for &to in cuts.iter().chain([&body.len()]) {
        let flow = reader.read(&body[from..to], &mut out);
        heard.take(job.format, &mut out);
        if let Flow::Done(end) = flow? {
            return Ok(end);
        }
        from = to;
    }
    let end = reader.end(&mut out);
    heard.take(job.format, &mut out);
    end
}

/// The same in one piece.
pub(crate) fn whole<V: HttpVendor<Job = Synthesize>>(vendor: &V, job: &Synthesize, head: &Head, body: &[u8]) -> Heard {
    read(vendor, job, head, body, &[])
}

/// A good reply gives 440 Hz of this length, wherever it is cut.
pub(crate) fn check_sound<V>(vendor: &V, job: &Synthesize, head: &Head, body: &[u8], ms: u32) -> Heard
where
    V: HttpVendor<Job = Synthesize>,
{
    let heard = whole(vendor, job, head, body);
    check_tone(&heard, job.format, ms);
    // Everywhere in short bodies; in long ones at 400 places, odd and even, for each costs a whole reading.
    for at in (0..=body.len()).step_by((body.len() / 400) | 1) {
        assert_eq!(read(vendor, job, head, body, &[at]), heard, "cut at {at}");
    }
    let all: Vec<usize> = (0..body.len()).collect();
    assert_eq!(read(vendor, job, head, body, &all), heard, "byte by byte");
    heard
}

pub(crate) fn check_tone(heard: &Heard, format: Format, ms: u32) {
    assert_eq!(heard.end, Ok(Speech::Done));
    assert_eq!(format.ms_of_bytes(heard.audio.len()), ms, "length in ms");
    assert_eq!(heard.usage.audio_out_ms, ms);
    let mut samples = Vec::new();
    g711::decode_into(format.encoding, &heard.audio, &mut samples);
    let ups = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let expected = 440 * ms as usize / 1000;
    assert!(ups.abs_diff(expected) <= 2 + expected / 50, "a tone of 440 Hz has {expected} periods, {ups} came");
}

/// The key goes over the wire in one header, and shows nowhere else.
pub(crate) fn check_key<V>(vendor: &V, header: &str, value: &str)
where
    V: HttpVendor<Job = Synthesize> + std::fmt::Debug,
{
    let (request, _) = vendor.open(&job(MULAW_8K)).unwrap();
    for request in [Some(request), vendor.warm_up()].into_iter().flatten() {
        let (_, sent) = request.headers.iter().find(|(name, _)| *name == header).expect("a header with the key");
        assert!(sent.is_secret());
        assert_eq!(sent.expose(), value);
        let others = request.headers.iter().filter(|(name, _)| *name != header).map(|(_, value)| value.expose());
        assert!(others.chain([request.url.as_str()]).all(|text| !text.contains(KEY)));
        assert!(!String::from_utf8_lossy(&request.body).contains(KEY));
        assert!(!format!("{request:?}{vendor:?}").contains(KEY));
    }
}

/// Replies that are no audio end as failures, and nothing of them is played.
pub(crate) fn check_never_played<V: HttpVendor<Job = Synthesize>>(vendor: &V) {
    let job = job(MULAW_8K);
    let page = b"<!DOCTYPE html><html>log in</html>";
    let json = br#"{"error":{"message":"no","type":"server_error"}}"#;
    for (head, body) in [
        (ok("text/html"), &page[..]),
        (ok("text/plain"), b"sorry"),
        (ok("application/octet-stream"), page),
        (ok("application/octet-stream"), json),
        (ok("application/json"), json),
        (head(200, &[]), page),
        (head(200, &[]), json),
        (head(200, &[("content-type", "audio/pcm"), ("content-encoding", "gzip")]), b"\x1f\x8b\x08"),
        (ok("audio/ogg"), b"OggS"),
    ] {
        let heard = whole(vendor, &job, &head, body);
        assert!(heard.audio.is_empty(), "{head:?}");
        assert!(heard.end.is_err(), "{head:?}");
    }
}

/// Status, headers, body; the class of the error and its pause in ms.
pub(crate) type Refusal<'a> = (u16, &'a [(&'a str, &'a str)], &'a str, ErrorClass, Option<u64>);

/// What a reply means whose status is not 2xx.
pub(crate) fn check_refusals<V>(vendor: &V, rows: &[Refusal<'_>])
where
    V: HttpVendor<Job = Synthesize>,
{
    for (status, headers, body, class, after_ms) in rows {
        let error = vendor.refusal(&head(*status, headers), body.as_bytes());
        let after_ms = after_ms.map(Duration::from_millis);
        assert_eq!((error.class, error.after), (*class, after_ms), "{status} {headers:?} {body}: {error}");
        assert!(!error.detail.contains(KEY));
    }
}

/// The body of a request, as JSON.
pub(crate) fn body(request: &HttpRequest) -> serde_json::Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// One socket, played on as a worker would.
pub(crate) struct Socket<V: DuplexVendor<Job = Synthesize>> {
    pub(crate) codec: V::Codec,
    pub(crate) now: Duration,
    pub(crate) heard: Heard,
    wire: Wire<Synthesize>,
    format: Format,
}

impl<V: DuplexVendor<Job = Synthesize>> Socket<V> {
    /// Open, and nothing asked.
    pub(crate) fn open(vendor: &V, job: &Synthesize) -> Self {
        let (_, mut codec) = vendor.open(job).unwrap();
        let mut wire = Wire::default();
        codec.opened(Duration::ZERO, &mut wire);
        Self { codec, now: Duration::ZERO, heard: Heard::default(), wire, format: job.format }
    }

    /// Open, with the job begun and what was said for it taken.
    pub(crate) fn begun(vendor: &V, job: &Synthesize) -> Self {
        let mut socket = Self::open(vendor, job);
        socket.begin(job);
        socket.sent();
        socket
    }

    pub(crate) fn begin(&mut self, job: &Synthesize) {
        self.heard = Heard::default();
        self.codec.begin(self.now, job, &mut self.wire);
    }

    /// What has been said since it was last asked.
    pub(crate) fn sent(&mut self) -> Vec<serde_json::Value> {
        let text = |sent| match sent {
            Outgoing::Text(text) => serde_json::from_str(&text).unwrap(),
            Outgoing::Binary(bytes) => panic!("{} bytes were sent", bytes.len()),
        };
        self.wire.send.drain(..).map(text).collect()
    }

    /// The server says this. The class of the error, if that ends the job and the socket.
    pub(crate) fn hear(&mut self, message: Message<'_>) -> Option<ErrorClass> {
        let flow = self.codec.hear(self.now, message, &mut self.wire);
        self.take(flow)
    }

    pub(crate) fn text(&mut self, text: &str) -> Option<ErrorClass> {
        self.hear(Message::Text(text))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Option<ErrorClass> {
        self.hear(Message::Binary(bytes))
    }

    /// Time passes; the codec is woken whenever it asks.
    pub(crate) fn wait(&mut self, time: Duration) -> Option<ErrorClass> {
        let until = self.now + time;
        while let Some(at) = self.codec.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let flow = self.codec.tick(self.now, &mut self.wire);
            if let Some(class) = self.take(flow) {
                return Some(class);
            }
            assert!(self.codec.wake_at().is_none_or(|next| next > self.now), "it is woken for ever");
        }
        self.now = until;
        None
    }

    pub(crate) fn cancel(&mut self) {
        self.codec.cancel(self.now, &mut self.wire);
    }

    /// Whether the job has ended well.
    pub(crate) fn is_done(&self) -> bool {
        self.heard.end == Ok(Speech::Done)
    }

    fn take(&mut self, flow: Result<Flow<Synthesize>, ProviderError>) -> Option<ErrorClass> {
        self.heard.take(self.format, &mut self.wire.output);
        match flow {
            Ok(Flow::More) => None,
            Ok(Flow::Done(end)) => {
                assert_eq!(self.heard.end, Ok(Speech::Lost), "a second end");
                self.heard.end = Ok(end);
                None
            }
            Err(error) => {
                let class = error.class;
                self.heard.end = Err(error);
                Some(class)
            }
        }
    }
}

/// The key goes over the wire in one header of the upgrade, and shows nowhere else.
pub(crate) fn check_socket_key<V>(vendor: &V, header: &str, value: &str)
where
    V: DuplexVendor<Job = Synthesize> + std::fmt::Debug,
{
    let (request, _) = vendor.open(&job(MULAW_8K)).unwrap();
    assert_eq!(request.headers.len(), 1);
    let (name, sent) = &request.headers[0];
    assert!(*name == header && sent.is_secret() && sent.expose() == value);
    assert!(!request.url.contains(KEY) && !format!("{request:?}{vendor:?}").contains(KEY));
}
