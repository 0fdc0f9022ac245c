use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::error::PayloadError;
use awc::ClientResponse;
use bytes::Bytes;
use futures_util::Stream;
use operetta_contract::{ErrorClass, Head, ProviderError};
use tokio::time::timeout;

use super::{fault, sight::Look};

/// A reply whose head has come.
pub(crate) struct Reply {
    /// The head.
    pub(crate) head: Head,
    /// `None` once it has ended.
    body: Option<Body>,
    look: Look,
    promised: Option<u64>,
    received: u64,
}

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

impl Reply {
    pub(super) fn new<S>(response: ClientResponse<S>, look: Look) -> Self
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
    {
        let readable = |(name, value): (&actix_http::header::HeaderName, &actix_http::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let head =
            Head { status: response.status().as_u16(), headers: response.headers().iter().map(readable).collect() };
        let promised = head.header("content-length").and_then(|length| length.trim().parse().ok());
        Self { head, body: Some(Box::pin(response)), look, promised, received: 0 }
    }

    /// How much of the body has come, in bytes.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The next bytes of the body, or `None` at its proper end.
    ///
    /// # Errors
    /// [`Timeout`](ErrorClass::Timeout) when nothing came `within` that time; [`Closed`](ErrorClass::Closed) when the body was
    /// cut off, which awc itself reports as an end like any other.
    pub(crate) async fn next(&mut self, within: Duration) -> Result<Option<Bytes>, ProviderError> {
        match timeout(within, poll_fn(|cx| self.poll_next(cx))).await {
            Ok(next) => next,
            Err(_) => Err(ProviderError::new(
                ErrorClass::Timeout,
                format!("nothing came for {} ms, after {} bytes", within.as_millis(), self.received),
            )),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ProviderError>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Ok(None));
        };
        match std::task::ready!(self.look.within(|| body.as_mut().poll_next(cx))) {
            Some(Ok(bytes)) => {
                self.received += bytes.len() as u64;
                Poll::Ready(Ok(Some(bytes)))
            }
            Some(Err(error)) => {
                self.body = None;
                Poll::Ready(Err(fault::of_body(&error)))
            }
            None => {
                let body = self.body.take();
                let was_cut = self.look.is_ended_by(|| drop(body));
                let is_short = self.promised.is_some_and(|promised| self.received < promised);
                // HTTP/1.0 has no other way to end a body than to close.
                let may_close = self.promised.is_none() && self.head.header("transfer-encoding").is_none();
                Poll::Ready(if is_short || (was_cut && !may_close) { Err(self.cut_off()) } else { Ok(None) })
            }
        }
    }

    fn cut_off(&self) -> ProviderError {
        let promised = self.promised.map_or_else(|| "more".to_owned(), |promised| format!("{promised} bytes"));
        let detail = format!("expected {promised}, the body was cut off after {} bytes", self.received);
        ProviderError::new(ErrorClass::Closed, detail)
    }

    /// Whether so little is to come that reading it is cheaper than a new connection.
    pub(crate) fn is_nearly_over(&self) -> bool {
        self.promised.is_some_and(|promised| promised.saturating_sub(self.received) <= SCRAPS as u64)
    }

    /// Reads what is left, if it is little and comes soon, so that the connection can be used again; else drops it.
    pub(crate) async fn drain(self) {
        self.read_out(SCRAPS as u64, DRAIN_WITHIN).await;
    }

    /// Reads what is left, up to so many bytes and for so long. A body that goes on is dropped, and its connection with it.
    pub(crate) async fn read_out(mut self, most: u64, within: Duration) {
        let before = self.received;
        let rest = async {
            // Whether it ends well changes nothing any more.
            while self.received - before <= most && matches!(self.next(within).await, Ok(Some(_))) {}
        };
        let _in_time = timeout(within, rest).await;
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.head.status)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// How much is read that nobody wants.
const SCRAPS: usize = 64 * 1024;

/// How long what nobody wants is waited for.
const DRAIN_WITHIN: Duration = Duration::from_millis(100);
