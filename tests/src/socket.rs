//! A carrier's WebSocket, message by message, for what the caller double is too well-bred to do.

use std::time::Duration;

use actix_http::ws::{CloseCode, Frame, Message, ProtocolError};
use awc::{Client, error::WsClientError, http::Version};
use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use operetta_caller::Caller;
use serde_json::Value;
use tokio::time::timeout;

/// An open socket. Dropping it cuts the connection without a close.
pub struct Socket(Box<dyn Framed>);

/// The client's framed socket, without the name of the crate it comes from.
trait Framed: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin {}
impl<T: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin> Framed for T {}

/// What the engine said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A message.
    Text(Value),
    /// It closes, with this code if it gave one.
    Close(Option<u16>),
    /// The connection is gone.
    Gone,
    /// Nothing within the time it had.
    Nothing,
}

impl Said {
    /// The `event` of a message.
    pub fn event(&self) -> Option<&str> {
        match self {
            Self::Text(message) => message["event"].as_str(),
            Self::Close(_) | Self::Gone | Self::Nothing => None,
        }
    }

    /// The name of a mark.
    pub fn mark(&self) -> Option<&str> {
        match self {
            Self::Text(message) if message["event"] == "mark" => message["mark"]["name"].as_str(),
            _ => None,
        }
    }
}

impl Socket {
    /// Opens `url`, or tells the status with which that was refused. Needs an actix `System`.
    pub async fn open(url: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        // The double chooses the cryptography for the process; nothing here needs TLS, but the client asks for it.
        drop(Caller::new());
        let request = Client::builder().max_http_version(Version::HTTP_11).finish().ws(url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        match request.connect().await {
            Ok((_, framed)) => Ok(Self(Box::new(framed))),
            Err(WsClientError::InvalidResponseStatus(status)) => Err(status.as_u16()),
            Err(error) => panic!("{url} cannot be opened: {error}"),
        }
    }

    /// Sends a message. A connection that is gone is noticed by [`Self::hear`].
    pub async fn say(&mut self, text: &str) {
        let _ = self.0.send(Message::Text(text.into())).await;
    }

    /// Sends a close.
    pub async fn close(&mut self) {
        let _ = self.0.send(Message::Close(Some(CloseCode::Normal.into()))).await;
    }

    /// The next thing that is said, pings left out.
    pub async fn hear(&mut self, within: Duration) -> Said {
        timeout(within, self.next()).await.unwrap_or(Said::Nothing)
    }

    /// Listens until the engine closes or is gone; `None` if it has not `within` that time.
    pub async fn hear_out(&mut self, within: Duration) -> Option<Said> {
        let end = async {
            loop {
                let said = self.next().await;
                if matches!(said, Said::Close(_) | Said::Gone) {
                    return said;
                }
            }
        };
        timeout(within, end).await.ok()
    }

    async fn next(&mut self) -> Said {
        loop {
            match self.0.next().await {
                Some(Ok(Frame::Text(text))) => return Said::Text(message(&text)),
                Some(Ok(Frame::Close(reason))) => {
                    let code = reason.map(|reason| u16::from(reason.code));
                    self.close().await;
                    return Said::Close(code);
                }
                Some(Ok(Frame::Ping(payload))) => drop(self.0.send(Message::Pong(payload)).await),
                Some(Ok(Frame::Pong(_))) => {}
                Some(Ok(other)) => panic!("a carrier is sent text only, came {other:?}"),
                Some(Err(_)) | None => return Said::Gone,
            }
        }
    }
}

fn message(text: &Bytes) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("no JSON: {error}"))
}
