//! The other end, played by hand: a server on a real socket whose behaviour each test writes down.

use actix_http::ws::{CloseCode, Codec, Frame, Message, hash_key};
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use operetta_caller::{Clip, Url};
use serde_json::{Value, json};
use std::f64::consts::TAU;
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

/// What an engine does on one stream.
pub(crate) type Behaviour = fn(Leg) -> LocalBoxFuture<'static, ()>;

/// Basic credentials that the server wants on `/guarded`.
pub(crate) const KEY: &str = "Basic a2V5OnNlY3JldA==";
/// The auth token with which `/twilio/*` is signed.
pub(crate) const TOKEN: &str = "example-auth-token-not-real";
/// The public name under which `/twilio/*` is signed.
pub(crate) const PUBLIC: &str = "voice.example.com";

/// One stream, from the engine's side.
pub(crate) struct Leg {
    heard: mpsc::UnboundedReceiver<Value>,
    say: mpsc::UnboundedSender<Message>,
    /// The id that `start` gave, once [`Leg::start`] has read it.
    pub(crate) stream: String,
    twilio: bool,
    chunk_bytes: usize,
    silent: u32,
}

impl Leg {
    /// The next message, or `None` when the caller has gone.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        self.heard.recv().await
    }

    /// Reads up to `start` and returns it.
    pub(crate) async fn start(&mut self) -> Value {
        assert_eq!(self.next().await.unwrap()["event"], "connected");
        let start = self.next().await.unwrap();
        assert_eq!(start["event"], "start");
        self.twilio = start.get("streamSid").is_some();
        let id = start.get("streamSid").or(start.get("stream_sid")).unwrap();
        id.as_str().unwrap().clone_into(&mut self.stream);
        self.chunk_bytes = if self.twilio { 800 } else { 1600 };
        start
    }

    pub(crate) fn send(&self, text: impl Into<String>) {
        drop(self.say.send(Message::Text(text.into().into())));
    }

    pub(crate) fn order(&self, event: &str, key: &str, body: Value) {
        let id = if self.twilio { "streamSid" } else { "stream_sid" };
        let mut order = json!({"event": event, id: self.stream});
        if !key.is_empty() {
            order[key] = body;
        }
        self.send(order.to_string());
    }

    pub(crate) fn media(&self, bytes: &[u8]) {
        self.order("media", "media", json!({ "payload": STANDARD.encode(bytes) }));
    }

    /// A tone of `ms` in chunks of 100 ms, all at once.
    pub(crate) fn tone(&self, ms: usize) {
        let samples = sine(ms, 8000);
        let bytes: Vec<u8> = if self.twilio {
            samples.iter().map(|sample| if *sample >= 0 { 0x90 } else { 0x10 }).collect()
        } else {
            samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
        };
        for chunk in bytes.chunks(self.chunk_bytes) {
            self.media(chunk);
        }
    }

    pub(crate) fn mark(&self, name: &str) {
        self.order("mark", "mark", json!({ "name": name }));
    }

    pub(crate) fn clear(&self) {
        self.order("clear", "", Value::Null);
    }

    pub(crate) fn close(&self) {
        drop(self.say.send(Message::Close(Some(CloseCode::Normal.into()))));
    }

    pub(crate) fn binary(&self) {
        drop(self.say.send(Message::Binary(Bytes::from_static(b"beep"))));
    }

    pub(crate) fn ping(&self) {
        drop(self.say.send(Message::Ping(Bytes::from_static(b"there?"))));
    }

    /// Waits for an event and returns its message.
    pub(crate) async fn until(&mut self, event: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("the caller left before {event}"));
            if message["event"] == event {
                return message;
            }
        }
    }

    /// Waits until the caller speaks.
    pub(crate) async fn until_voice(&mut self) {
        while !loud(&self.until("media").await) {}
        self.silent = 0;
    }

    /// Waits until the caller has been silent for 100 ms.
    pub(crate) async fn until_silence(&mut self) {
        while self.silent < 5 {
            let silent = !loud(&self.until("media").await);
            self.silent = if silent { self.silent + 1 } else { 0 };
        }
        self.silent = 0;
    }
}

/// Whether a media message of the caller carries sound.
fn loud(media: &Value) -> bool {
    let payload = STANDARD.decode(media["media"]["payload"].as_str().unwrap()).unwrap();
    if payload.len() == 160 {
        payload.iter().any(|byte| !matches!(byte, 0xFF | 0x7F))
    } else {
        payload.iter().any(|byte| *byte != 0)
    }
}

/// A sine of 400 Hz.
pub(crate) fn sine(ms: usize, rate_hz: usize) -> Vec<i16> {
    (0..ms * rate_hz / 1000)
        .map(|index| ((index as f64 * 400.0 * TAU / rate_hz as f64).sin() * 8000.0) as i16)
        .collect()
}

/// A caller's line: a tone.
pub(crate) fn speech(ms: usize) -> Clip {
    Clip::new(sine(ms, 8000), 8000)
}

/// Starts a server that behaves so; it dies with the test's `System`. The answer is its origin, as `http://127.0.0.1:port`.
pub(crate) fn serve(behaviour: Behaviour) -> Url {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(behaviour))
            .route("/media", web::get().to(media))
            .route("/guarded", web::get().to(guarded))
            .route("/exotel/voicebot", web::get().to(exotel))
            .route("/twilio/voice", web::post().to(twilio))
            .route("/twilio/media", web::get().to(twilio_media))
            .route("/broken", web::to(HttpResponse::InternalServerError))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .unwrap();
    let port = server.addrs()[0].port();
    tokio::task::spawn_local(server.run());
    Url::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

async fn exotel(request: HttpRequest, query: web::Query<std::collections::HashMap<String, String>>) -> HttpResponse {
    assert!(["CallSid", "CallFrom", "CallTo", "Direction"].iter().all(|field| query.contains_key(*field)));
    let agent = query.get("agent").map_or("none", String::as_str);
    let host = request.headers().get(header::HOST).unwrap().to_str().unwrap();
    HttpResponse::Ok()
        .json(json!({"url": format!("ws://{host}/media?sample-rate=8000&agent={agent}&session={}", query["CallSid"])}))
}

async fn twilio(request: HttpRequest, form: web::Form<Vec<(String, String)>>) -> HttpResponse {
    let signed = operetta_caller::twilio_signature(TOKEN, &format!("https://{PUBLIC}/twilio/voice?agent=asha"), &form);
    if request.headers().get("x-twilio-signature").unwrap().as_bytes() != signed.as_bytes() {
        return HttpResponse::Forbidden().finish();
    }
    let twiml = format!(
        r#"<?xml version="1.0"?><Response><Connect><Stream url="wss://{PUBLIC}/twilio/media"><Parameter name="session_token" value="t&amp;1"/></Stream></Connect></Response>"#
    );
    HttpResponse::Ok().content_type("text/xml").body(twiml)
}

async fn twilio_media(request: HttpRequest, payload: web::Payload, behaviour: web::Data<Behaviour>) -> HttpResponse {
    let signed = operetta_caller::twilio_signature(TOKEN, &format!("wss://{PUBLIC}/twilio/media"), &[]);
    let host = request.headers().get(header::HOST).unwrap();
    if host != PUBLIC || request.headers().get("x-twilio-signature").is_none_or(|it| it.as_bytes() != signed.as_bytes())
    {
        return HttpResponse::Forbidden().finish();
    }
    media(request, payload, behaviour).await
}

async fn guarded(request: HttpRequest, payload: web::Payload, behaviour: web::Data<Behaviour>) -> HttpResponse {
    if request.headers().get(header::AUTHORIZATION).is_none_or(|it| it != KEY) {
        return HttpResponse::Unauthorized().finish();
    }
    media(request, payload, behaviour).await
}

async fn media(request: HttpRequest, mut payload: web::Payload, behaviour: web::Data<Behaviour>) -> HttpResponse {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).unwrap();
    let accept = hash_key(key.as_bytes());
    let (to_behaviour, heard) = mpsc::unbounded_channel();
    let (say, mut orders) = mpsc::unbounded_channel();
    let pong = say.clone();
    tokio::task::spawn_local(async move {
        let (mut codec, mut buffer) = (Codec::new(), BytesMut::new());
        while let Some(Ok(bytes)) = payload.next().await {
            buffer.extend_from_slice(&bytes);
            while let Ok(Some(frame)) = codec.decode(&mut buffer) {
                match frame {
                    Frame::Text(text) => drop(to_behaviour.send(serde_json::from_slice(&text).unwrap())),
                    Frame::Close(reason) => drop(pong.send(Message::Close(reason))),
                    Frame::Pong(_) => drop(to_behaviour.send(json!({"event": "pong"}))),
                    _ => {}
                }
            }
        }
    });
    let leg = Leg { heard, say, stream: String::new(), twilio: false, chunk_bytes: 0, silent: 0 };
    tokio::task::spawn_local((behaviour.get_ref())(leg));
    let mut codec = Codec::new();
    let mut closed = false;
    let body = futures_util::stream::poll_fn(move |cx| {
        if closed {
            return std::task::Poll::Ready(None);
        }
        orders.poll_recv(cx).map(|message| {
            let message = message?;
            closed = matches!(message, Message::Close(_));
            let mut bytes = BytesMut::new();
            codec.encode(message, &mut bytes).unwrap();
            Some(Ok::<_, std::io::Error>(bytes.freeze()))
        })
    });
    HttpResponse::SwitchingProtocols()
        .upgrade("websocket")
        .insert_header((header::SEC_WEBSOCKET_ACCEPT, std::str::from_utf8(&accept).unwrap()))
        .streaming(body)
}
