//! A leg is a carrier's WebSocket turned into a pipe: see [`open`].

#![expect(clippy::disallowed_types, reason = "this is the one file that speaks to actix-web-actors")]

mod fault;
mod gate;
mod settings;
mod socket;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix::{Actor, ActorContext, ActorFuture, AsyncContext, StreamHandler};
use actix_http::ws::Item;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use actix_web_actors::ws::{self, CloseCode, CloseReason, HandshakeError, Message, ProtocolError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use operetta_session::{FromLeg, Leg, ToLeg};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) use fault::Fault;
pub use fault::{LegEnding, LegTally};
pub(crate) use gate::{Gate, Mode};
pub use settings::LegSettings;
pub use socket::{on_connect, tune};

use crate::guard::{FrameGuard, Limits};

/// Opens a leg on a WebSocket upgrade: the answer to send, and the call's end of a pipe.
///
/// The pipe forwards whole text messages both ways and decides nothing about the call. Whatever the peer does it stays
/// within 512 KiB, ends the socket within [`LegSettings`]' deadlines, and says [`FromLeg::Closed`] exactly once:
/// with the peer's close code (1005 if its close frame had none), with 1002, 1007 or 1009 if the peer broke the
/// rules, or with 1006 if the socket was lost, was silent too long, or did not answer our close frame.
///
/// A call ends its leg by [`ToLeg::Close`] and waits for `Closed`, up to a deadline of its own; then, or at any time,
/// it drops the [`Leg`]. A peer that does not read freezes the pipe, and only that drop ends it.
pub fn open(req: &HttpRequest, payload: web::Payload, settings: &LegSettings) -> Result<(HttpResponse, Leg), LegError> {
    verify(req)?;
    let kill = socket::kill_switch(req).ok_or(LegError::NoKillSwitch)?;
    let (gate, heard) = Gate::new(settings.heard_messages);
    let (say, saying) = mpsc::channel(settings.say_messages.max(1));
    let gate = Rc::new(gate);
    let limits = Limits { message_bytes: settings.message_bytes, fragments: settings.fragments };
    let guard = FrameGuard::new(payload, Rc::clone(&gate), limits);
    let pipe = Pipe::new(Rc::clone(&gate), saying, settings);
    let mut answer = ws::WsResponseBuilder::new(pipe, req, guard)
        .frame_size(settings.message_bytes)
        .start()
        // `verify` has asked everything that `start` asks again.
        .map_err(|_| LegError::Handshake(HandshakeError::BadWebsocketKey))?;
    // actix-web names a type for every streamed body; an upgrade has none.
    answer.headers_mut().remove(CONTENT_TYPE);
    settings.tally.open();
    Ok((answer, Leg { heard, say, kill }))
}

/// Why an upgrade was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    /// The request is not a WebSocket handshake. Answered 400, 405 or 426.
    #[error("expected a WebSocket handshake: {0}")]
    Handshake(HandshakeError),
    /// The socket could not be duplicated, most likely for want of descriptors. Answered 503.
    #[error("expected a socket that can be ended from outside, found none")]
    NoKillSwitch,
}

impl LegError {
    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "bad_handshake",
            Self::NoKillSwitch => "no_kill_switch",
        }
    }
}

impl ResponseError for LegError {
    fn status_code(&self) -> actix_web::http::StatusCode {
        match self {
            Self::Handshake(error) => actix_http::Response::from(error).status(),
            Self::NoKillSwitch => actix_web::http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Handshake(error) => actix_http::Response::from(error).into(),
            Self::NoKillSwitch => HttpResponse::new(self.status_code()),
        }
    }
}

/// The handshake of RFC 6455 section 4.2.1. The library lets drafts 7 and 8 and any text as a key pass.
fn verify(req: &HttpRequest) -> Result<(), LegError> {
    actix_http::ws::verify_handshake(req.head()).map_err(LegError::Handshake)?;
    let header = |name| req.headers().get(name).map(HeaderValue::as_bytes);
    if header(SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(LegError::Handshake(HandshakeError::UnsupportedVersion));
    }
    let key = header(SEC_WEBSOCKET_KEY).and_then(|key| BASE64_STANDARD.decode(key).ok());
    match key {
        Some(nonce) if nonce.len() == 16 => Ok(()),
        _ => Err(LegError::Handshake(HandshakeError::BadWebsocketKey)),
    }
}

/// The actor inside the HTTP response body. It gets no time while the peer does not read (actix-web issue 2441), so
/// nothing that must happen may depend on it.
struct Pipe {
    gate: Rc<Gate>,
    say: mpsc::Receiver<ToLeg>,
    phase: Phase,
    /// The only timer, at or before the next deadline.
    timer: Pin<Box<Sleep>>,
    fragments: Option<Fragments>,
    ending: Option<LegEnding>,
    settings: LegSettings,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Open {
        next_ping: Instant,
    },
    /// Our close frame is out. `code` is what the call is told unless the peer names its own.
    Closing {
        until: Instant,
        code: u16,
    },
    Ended,
}

/// A fragmented message being put together. The guard bounds it.
enum Fragments {
    Text(BytesMut),
    Binary,
}

type PipeContext = ws::WebsocketContext<Pipe>;

impl Pipe {
    fn new(gate: Rc<Gate>, say: mpsc::Receiver<ToLeg>, settings: &LegSettings) -> Self {
        let now = gate.last_touch();
        let next_ping = now + settings.ping_every;
        Self {
            gate,
            say,
            phase: Phase::Open { next_ping },
            timer: Box::pin(sleep_until(next_ping.min(now + settings.silence_limit))),
            fragments: None,
            ending: None,
            settings: settings.clone(),
        }
    }

    fn receive(&mut self, message: Message, ctx: &mut PipeContext) {
        match message {
            Message::Text(text) => self.gate.hear(FromLeg::Text(text)),
            Message::Binary(_) => self.gate.hear(FromLeg::Binary),
            Message::Continuation(item) => self.assemble(item, ctx),
            Message::Ping(bytes) if self.is_open() => ctx.write_raw(Message::Pong(bytes)),
            Message::Close(reason) => self.peer_closed(reason, ctx),
            Message::Ping(_) | Message::Pong(_) | Message::Nop => {}
        }
    }

    fn assemble(&mut self, item: Item, ctx: &mut PipeContext) {
        match (item, &mut self.fragments) {
            (Item::FirstText(bytes), fragments) => *fragments = Some(Fragments::Text(bytes.into())),
            (Item::FirstBinary(_), fragments) => *fragments = Some(Fragments::Binary),
            (Item::Continue(bytes), Some(Fragments::Text(text))) => text.extend_from_slice(&bytes),
            (Item::Last(bytes), Some(Fragments::Text(text))) => {
                text.extend_from_slice(&bytes);
                let whole = std::mem::take(text).freeze();
                self.fragments = None;
                self.hear_whole(whole, ctx);
            }
            (Item::Last(_), Some(Fragments::Binary)) => {
                self.fragments = None;
                self.gate.hear(FromLeg::Binary);
            }
            // The guard lets no continuation of nothing through.
            (Item::Continue(_), Some(Fragments::Binary) | None) | (Item::Last(_), None) => {}
        }
    }

    fn hear_whole(&mut self, text: Bytes, ctx: &mut PipeContext) {
        match ByteString::try_from(text) {
            Ok(text) => self.gate.hear(FromLeg::Text(text)),
            Err(_) => self.violated(Fault::Utf8, ctx),
        }
    }

    fn peer_closed(&mut self, reason: Option<CloseReason>, ctx: &mut PipeContext) {
        let code = reason.as_ref().map_or(NO_CODE, |reason| reason.code.into());
        if self.is_open() {
            ctx.close(reason.map(|reason| reason.code.into()));
            self.ending = Some(LegEnding::PeerClosed);
        }
        self.end(code, ctx);
    }

    /// The first fault ends the leg: a handler that only counted would be called with the same error for ever.
    fn violated(&mut self, fault: Fault, ctx: &mut PipeContext) {
        self.gate.switch(Mode::Sink);
        self.fragments = None;
        if self.is_open() {
            self.ending = Some(fault.into());
            ctx.close(Some(CloseCode::from(fault.close_code()).into()));
        }
        self.linger(fault.close_code());
    }

    fn close(&mut self, code: u16, ctx: &mut PipeContext) {
        self.gate.switch(Mode::Closing);
        self.ending = Some(LegEnding::CallClosed);
        ctx.close(Some(CloseCode::from(sendable(code)).into()));
        self.linger(LOST);
    }

    /// Waits for the peer's close frame or its end of the stream, so that ours is not lost to a reset.
    fn linger(&mut self, code: u16) {
        self.say.close();
        let until = match self.phase {
            Phase::Open { .. } => Instant::now() + self.settings.close_wait,
            Phase::Closing { until, .. } => until,
            Phase::Ended => return,
        };
        self.phase = Phase::Closing { until, code };
        self.timer.as_mut().reset(until);
    }

    fn end(&mut self, code: u16, ctx: &mut PipeContext) {
        self.phase = Phase::Ended;
        self.gate.end(code);
        ctx.stop();
    }

    const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Takes what the call says, up to about a write buffer full. There is more time when that has been written: the
    /// HTTP dispatcher polls its body again after every chunk.
    fn poll_say(&mut self, ctx: &mut PipeContext, task: &mut Context<'_>) {
        let mut room = SAY_BYTES;
        while room > 0 && self.is_open() {
            match self.say.poll_recv(task) {
                Poll::Ready(Some(ToLeg::Text(text))) => {
                    room = room.saturating_sub(text.len());
                    ctx.text(text);
                }
                Poll::Ready(Some(ToLeg::Close { code })) => self.close(code, ctx),
                // The call has let go of the leg without a word; its kill switch is under way.
                Poll::Ready(None) => self.close(GOING_AWAY, ctx),
                Poll::Pending => return,
            }
        }
    }

    fn poll_timer(&mut self, ctx: &mut PipeContext, task: &mut Context<'_>) {
        while self.timer.as_mut().poll(task).is_ready() {
            let now = Instant::now();
            let next = match self.phase {
                Phase::Open { next_ping } => self.keep_alive(now, next_ping, ctx),
                Phase::Closing { until, code } if until <= now => return self.end(code, ctx),
                Phase::Closing { until, .. } => until,
                Phase::Ended => return,
            };
            self.timer.as_mut().reset(next);
        }
    }

    /// Pings when it is time, ends the leg when the peer has been silent too long, and says when to look again. The
    /// silence is that of the socket: a missing pong means nothing while audio flows.
    fn keep_alive(&mut self, now: Instant, next_ping: Instant, ctx: &mut PipeContext) -> Instant {
        let silent_until = self.gate.last_touch() + self.settings.silence_limit;
        if silent_until <= now {
            self.ending = Some(LegEnding::HalfOpen);
            ctx.close(Some(CloseCode::Away.into()));
            self.end(LOST, ctx);
            return silent_until + self.settings.silence_limit;
        }
        let mut next_ping = next_ping;
        if next_ping <= now {
            ctx.write_raw(Message::Ping(Bytes::new()));
            // Counted from now: pings that were missed while the peer did not read are not made up for.
            next_ping = now + self.settings.ping_every;
            self.phase = Phase::Open { next_ping };
        }
        next_ping.min(silent_until)
    }
}

impl Actor for Pipe {
    type Context = PipeContext;

    fn started(&mut self, ctx: &mut PipeContext) {
        ctx.spawn(Pump);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Also when the connection was dropped over our head, as by the kill switch.
        self.gate.end(LOST);
        self.settings.tally.end(self.ending.unwrap_or(LegEnding::Lost));
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Pipe {
    fn handle(&mut self, item: Result<Message, ProtocolError>, ctx: &mut PipeContext) {
        self.gate.frame_handled();
        match item {
            Ok(message) => self.receive(message, ctx),
            Err(error) => {
                let fault = self.gate.take_fault().unwrap_or(match error {
                    // The guard has passed the header, so what is left to fail is the text itself.
                    ProtocolError::Io(_) => Fault::Utf8,
                    _ => Fault::Control,
                });
                self.violated(fault, ctx);
            }
        }
    }

    /// The peer's end of the stream.
    fn finished(&mut self, ctx: &mut PipeContext) {
        let code = match self.phase {
            Phase::Closing { code, .. } => code,
            Phase::Open { .. } | Phase::Ended => LOST,
        };
        self.end(code, ctx);
    }
}

/// The other half of the pipe, and its timer. A future and not `run_interval`, which makes up for missed ticks in one
/// burst after the peer has begun to read again.
struct Pump;

impl ActorFuture<Pipe> for Pump {
    type Output = ();

    fn poll(self: Pin<&mut Self>, pipe: &mut Pipe, ctx: &mut PipeContext, task: &mut Context<'_>) -> Poll<()> {
        let was_open = pipe.is_open();
        if was_open && pipe.gate.is_call_gone() {
            pipe.close(GOING_AWAY, ctx);
        }
        pipe.poll_say(ctx, task);
        if was_open && !pipe.is_open() {
            // The guard may be waiting for room that a closing leg does not need.
            task.waker().wake_by_ref();
        }
        pipe.poll_timer(ctx, task);
        Poll::Pending
    }
}

/// Codes that RFC 6455 section 7.4 lets nobody send become "internal error".
const fn sendable(code: u16) -> u16 {
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => code,
        _ => 1011,
    }
}

const GOING_AWAY: u16 = 1001;
/// A close frame without a code.
const NO_CODE: u16 = 1005;
/// No close frame at all.
const LOST: u16 = 1006;
/// With what is written at a time, less than the 8 KiB that a connection has from the start: a buffer that has grown, by the
/// second of audio that opens an utterance, stays that large for as long as the call lasts.
const SAY_BYTES: usize = 3 * 1024;
