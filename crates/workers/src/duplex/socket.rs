use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_http::ws::{CloseCode, Frame, Item, Message, ProtocolError};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::{Sink as _, Stream as _};
use operetta_contract::{ErrorClass, Outgoing, ProviderError};

use crate::net::{self, Frames, LONGEST_MESSAGE};

/// An open WebSocket. Reads and writes at the same time, so that neither side can block the other; answers pings; joins
/// fragments.
///
/// [`next`](Self::next) does all the work, and loses nothing when its future is dropped.
pub(crate) struct Socket {
    frames: Box<dyn Frames>,
    /// What nobody has taken yet.
    outbox: VecDeque<Message>,
    /// The answer to the latest ping; older ones need none (RFC 6455, section 5.5.3).
    pong: Option<Bytes>,
    /// Something was taken that has not left yet.
    is_unflushed: bool,
    /// Nothing can be written any more. What the other side has said before may still be read, and is often the reason.
    is_mute: bool,
    fragments: Option<Fragments>,
}

/// What happened on a socket.
#[derive(Debug)]
pub(crate) enum Woke {
    /// A whole text.
    Text(ByteString),
    /// A whole binary message.
    Binary(Bytes),
    /// A ping or a pong: the other side lives.
    Sign,
    /// Everything that was said has left.
    Flushed,
    /// The other side has closed, with this code (`None`: without a close frame) and reason.
    Closed(Option<u16>, String),
    /// The other side has broken the protocol.
    Broken(ProviderError),
}

struct Fragments {
    is_text: bool,
    bytes: BytesMut,
}

impl Socket {
    pub(crate) fn new(frames: Box<dyn Frames>) -> Self {
        Self { frames, outbox: VecDeque::new(), pong: None, is_unflushed: false, is_mute: false, fragments: None }
    }

    /// Puts a message behind those that wait.
    pub(crate) fn say(&mut self, message: Outgoing) {
        match message {
            Outgoing::Text(text) => self.put(Message::Text(text.into())),
            // An empty binary frame ends a stream at some providers; none was meant.
            Outgoing::Binary(bytes) if bytes.is_empty() => {}
            Outgoing::Binary(bytes) => self.put(Message::Binary(bytes.into())),
        }
    }

    pub(crate) fn ping(&mut self) {
        self.put(Message::Ping(Bytes::new()));
    }

    /// Says goodbye, behind what waits.
    pub(crate) fn close(&mut self) {
        self.put(Message::Close(Some(CloseCode::Normal.into())));
    }

    fn put(&mut self, message: Message) {
        if !self.is_mute {
            self.outbox.push_back(message);
        }
    }

    /// Whether something that was said has not left yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_mute || self.is_unflushed || !self.outbox.is_empty()
    }

    /// Whether more may be said without making what waits grow.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_mute && self.outbox.is_empty()
    }

    /// What happens next.
    pub(crate) async fn next(&mut self) -> Woke {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Woke> {
        let was_busy = self.is_busy();
        if let Poll::Ready(Err(_)) = self.poll_write(cx) {
            self.is_mute = true;
            self.outbox.clear();
        }
        loop {
            match Pin::new(&mut self.frames).poll_next(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(woke) = self.take(frame) {
                        return Poll::Ready(woke);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(broken(&error)),
                Poll::Ready(None) => return Poll::Ready(Woke::Closed(None, String::new())),
                Poll::Pending if was_busy && !self.is_busy() => return Poll::Ready(Woke::Flushed),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProtocolError>> {
        if self.is_mute {
            return Poll::Ready(Ok(()));
        }
        loop {
            let has_pong = self.pong.is_some();
            if !has_pong && self.outbox.is_empty() {
                break;
            }
            ready!(Pin::new(&mut self.frames).poll_ready(cx))?;
            let next = self.pong.take().map(Message::Pong).or_else(|| self.outbox.pop_front());
            if let Some(message) = next {
                self.is_unflushed = true;
                Pin::new(&mut self.frames).start_send(message)?;
            }
        }
        if self.is_unflushed {
            ready!(Pin::new(&mut self.frames).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// `None`: a fragment, go on.
    fn take(&mut self, frame: Frame) -> Option<Woke> {
        match frame {
            Frame::Text(bytes) => Some(text(bytes)),
            Frame::Binary(bytes) => Some(Woke::Binary(bytes)),
            Frame::Continuation(item) => self.join(item),
            Frame::Ping(payload) => {
                self.pong = Some(payload);
                Some(Woke::Sign)
            }
            Frame::Pong(_) => Some(Woke::Sign),
            Frame::Close(None) => Some(Woke::Closed(Some(NO_STATUS), String::new())),
            Frame::Close(Some(reason)) => {
                Some(Woke::Closed(Some(reason.code.into()), reason.description.unwrap_or_default()))
            }
        }
    }

    fn join(&mut self, item: Item) -> Option<Woke> {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => {
                self.fragments = Some(Fragments { is_text: true, bytes: BytesMut::new() });
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.fragments = Some(Fragments { is_text: false, bytes: BytesMut::new() });
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        // The frame codec lets no fragment through that nothing came before.
        let fragments = self.fragments.as_mut()?;
        if fragments.bytes.len() + bytes.len() > LONGEST_MESSAGE {
            let detail =
                format!("expected messages of at most {LONGEST_MESSAGE} bytes, a longer one came in fragments");
            return Some(Woke::Broken(ProviderError::new(ErrorClass::Protocol, detail)));
        }
        fragments.bytes.extend_from_slice(&bytes);
        if !is_last {
            return None;
        }
        let whole = self.fragments.take()?;
        let bytes = whole.bytes.freeze();
        Some(if whole.is_text { text(bytes) } else { Woke::Binary(bytes) })
    }
}

fn text(bytes: Bytes) -> Woke {
    match ByteString::try_from(bytes) {
        Ok(text) => Woke::Text(text),
        Err(_) => {
            Woke::Broken(ProviderError::new(ErrorClass::Protocol, "expected UTF-8 in a text message, got other bytes"))
        }
    }
}

fn broken(error: &ProtocolError) -> Woke {
    if let ProtocolError::Io(io) = error
        && net::of_read(io) != ErrorClass::Protocol
    {
        return Woke::Closed(None, String::new());
    }
    Woke::Broken(ProviderError::new(ErrorClass::Protocol, format!("expected WebSocket frames: {error}")))
}

/// Stands for a close frame without a code (RFC 6455, section 7.4.1).
const NO_STATUS: u16 = 1005;
