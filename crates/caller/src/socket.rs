use actix_http::ws::{Frame, Item, Message, ProtocolError};
use bytes::{Bytes, BytesMut};
use futures_util::{Sink, Stream};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The framed socket that awc gives out.
pub(crate) trait Framed:
    Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin
{
}
impl<T: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin> Framed for T {}

/// One client WebSocket, one clock and one bounded outbox, waited for together without a task of their own.
///
/// A peer that does not read fills the outbox and never stops the clock; a peer that floods is read one message at a time, the clock
/// first.
pub(crate) struct Socket<F> {
    framed: F,
    outbox: VecDeque<Message>,
    unflushed: bool,
    clock: Pin<Box<Sleep>>,
    fragments: Option<(BytesMut, bool)>,
}

/// Why the socket woke its owner.
#[derive(Debug)]
pub(crate) enum Woke {
    /// The clock rang.
    Tick,
    Text(Bytes),
    Binary(usize),
    /// The peer closes, with this code if it gave one.
    Close(Option<u16>),
    /// The connection is gone without a close.
    Gone(String),
    /// The peer broke the protocol.
    Broken(String),
}

impl<F: Framed> Socket<F> {
    pub(crate) fn new(framed: F) -> Self {
        Self {
            framed,
            outbox: VecDeque::new(),
            unflushed: false,
            clock: Box::pin(sleep_until(Instant::now())),
            fragments: None,
        }
    }

    /// Sets the clock.
    pub(crate) fn wake_at(&mut self, deadline: Instant) {
        // Asked on each turn of the owner's loop, mostly for the same deadline: the timer is touched only when it changes.
        if self.clock.deadline() != deadline {
            self.clock.as_mut().reset(deadline);
        }
    }

    /// Queues a message; false if the peer has not read for so long that the outbox is full.
    pub(crate) fn send(&mut self, message: Message) -> bool {
        if self.outbox.len() >= OUTBOX {
            return false;
        }
        self.outbox.push_back(message);
        true
    }

    /// Waits for the clock or the peer, writing meanwhile.
    pub(crate) async fn next(&mut self) -> Woke {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Writes out what is queued, at most for `within`.
    pub(crate) async fn flush(&mut self, within: Duration) {
        let written = poll_fn(|cx| match self.write(cx) {
            Ok(()) if self.outbox.is_empty() && !self.unflushed => Poll::Ready(()),
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        });
        // Too late or broken: either way the connection is dropped next.
        let _late = tokio::time::timeout(within, written).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Woke> {
        if self.clock.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Woke::Tick);
        }
        if let Err(error) = self.write(cx) {
            return Poll::Ready(Woke::Gone(error.to_string()));
        }
        loop {
            let Poll::Ready(next) = Pin::new(&mut self.framed).poll_next(cx) else { return Poll::Pending };
            let woke = match next {
                None => Woke::Gone("end of stream".to_owned()),
                Some(Err(ProtocolError::Io(error))) => Woke::Gone(error.to_string()),
                Some(Err(error)) => Woke::Broken(error.to_string()),
                Some(Ok(Frame::Text(text))) => Woke::Text(text),
                Some(Ok(Frame::Binary(bytes))) => Woke::Binary(bytes.len()),
                Some(Ok(Frame::Close(reason))) => Woke::Close(reason.map(|reason| reason.code.into())),
                Some(Ok(Frame::Ping(payload))) => {
                    self.send(Message::Pong(payload));
                    if let Err(error) = self.write(cx) {
                        return Poll::Ready(Woke::Gone(error.to_string()));
                    }
                    continue;
                }
                Some(Ok(Frame::Pong(_))) => continue,
                Some(Ok(Frame::Continuation(item))) => match self.assemble(item) {
                    Some(woke) => woke,
                    None => continue,
                },
            };
            return Poll::Ready(woke);
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), ProtocolError> {
        while !self.outbox.is_empty() {
            match Pin::new(&mut self.framed).poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
            if let Some(message) = self.outbox.pop_front() {
                Pin::new(&mut self.framed).start_send(message)?;
                self.unflushed = true;
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.framed).poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Puts fragments together, within bounds.
    fn assemble(&mut self, item: Item) -> Option<Woke> {
        let (part, last) = match item {
            Item::FirstText(part) => {
                self.fragments = Some((BytesMut::from(&part[..]), true));
                return None;
            }
            Item::FirstBinary(part) => {
                self.fragments = Some((BytesMut::from(&part[..]), false));
                return None;
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        let Some((whole, text)) = &mut self.fragments else {
            return Some(Woke::Broken("a fragment without a first one".into()));
        };
        if whole.len() + part.len() > LONGEST_MESSAGE {
            return Some(Woke::Broken("a message above 1 MiB".into()));
        }
        whole.extend_from_slice(&part);
        if !last {
            return None;
        }
        let text = *text;
        let whole = self.fragments.take().map(|(whole, _)| whole.freeze()).unwrap_or_default();
        Some(if text { Woke::Text(whole) } else { Woke::Binary(whole.len()) })
    }
}

/// Ten seconds of frames.
const OUTBOX: usize = 500;
/// Longer than any carrier would take: Exotel's ceiling is 100 kB.
pub(crate) const LONGEST_MESSAGE: usize = 1 << 20;
