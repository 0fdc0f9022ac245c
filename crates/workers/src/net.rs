//! The lane's way out: two HTTP clients set up for calls, and what every worker needs to know of a connection.

mod fault;
mod look;
mod reply;
mod sight;
mod tls;
mod wire;

use std::{fmt, rc::Rc, time::Duration};

use actix_http::ws::{Frame, Message, ProtocolError};
use actix_service::ServiceExt as _;
use awc::{
    Client, ClientRequest, Connector,
    error::WsClientError,
    http::{
        Method as HttpMethod,
        header::{HeaderName, HeaderValue as Value},
    },
};
use futures_util::{Sink, Stream};
use operetta_contract::{ErrorClass, HeaderValue, HttpRequest, Method, ProviderError, SocketRequest};
use tokio::time::timeout;

pub use self::look::{Knocked, Looked, tls_of};
pub(crate) use self::{fault::of_read, reply::Reply};
use self::{sight::Sight, wire::Wired};

/// The outgoing connections of one lane. Cloning is cheap; all clones share the same pools.
///
/// Two clients, because they must offer different protocols: requests may use HTTP/2, sockets cannot. Both leave counting to
/// the workers, follow no redirects, undo no compression and send small messages at once. A connection is given up when the
/// other side has acknowledged nothing for [`UNACKNOWLEDGED`]; without that a dead HTTP/2 connection would be reused until
/// the kernel loses patience, a quarter of an hour later.
#[derive(Clone)]
pub struct Net(Rc<Inner>);

struct Inner {
    http: Client,
    sockets: Client,
    sight: Sight,
}

/// How the connections of a lane are made and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// How long a TCP connection may take, the look-up of the name included. 1.5 s: a provider that is further away than that
    /// is of no use to a call.
    pub connect: Duration,
    /// How long the TLS handshake may take. 1.5 s.
    pub handshake: Duration,
    /// How long an unused HTTP connection is kept. 90 s: awc's 15 s would have each turn of a slow call connect anew.
    pub keep_alive: Duration,
    /// How old an HTTP connection may get. 1 h; awc's 75 s would end a warm connection in the middle of every call.
    pub lifetime: Duration,
    /// Whether HTTP/2 is offered to providers for requests. Cancelling a job then costs a stream and not a connection.
    pub http2: bool,
    /// Certificates to trust besides those of the public authorities, for private endpoints: each a PEM bundle, or one
    /// certificate in DER.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(1500),
            handshake: Duration::from_millis(1500),
            keep_alive: Duration::from_secs(90),
            lifetime: Duration::from_hours(1),
            http2: true,
            extra_roots: Vec::new(),
        }
    }
}

/// Why a lane has no way out.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NetError {
    /// An extra root is neither PEM nor DER, or not a certificate.
    #[error("expected a certificate in PEM or DER as extra root {index}, found {found}")]
    BadRoot {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        found: String,
    },
}

impl NetError {
    /// A stable word for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRoot { .. } => "bad_root",
        }
    }
}

/// How long a connection lives whose other side acknowledges nothing that was sent.
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// How often a request is sent while kept connections turn out to have ended. Three times, because one over HTTP/2 that dies
/// under a request is given out once more before awc notices.
const ATTEMPTS: u32 = 3;

/// The largest frame, and the largest message, that a provider may send over a socket.
pub const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;

impl Net {
    /// The connections of the lane this runs on: none yet.
    ///
    /// # Errors
    /// An extra root is not a certificate.
    pub fn new(config: &NetConfig) -> Result<Self, NetError> {
        let roots = tls::roots(&config.extra_roots)?;
        let sight = Sight::default();
        let all: &[&[u8]] = if config.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let http = client(config, tls::client(roots.clone(), all), &sight);
        let sockets = client(config, tls::client(roots, &[b"http/1.1"]), &sight);
        Ok(Self(Rc::new(Inner { http, sockets, sight })))
    }

    /// Sends a request and waits for the head of the reply, `within` that time in all.
    ///
    /// A kept connection may be closed by the server in the very moment in which it is used again. Nothing has come back then
    /// and nothing was done there, so the request is sent again.
    pub(crate) async fn send(&self, request: &HttpRequest, within: Duration) -> Result<Reply, ProviderError> {
        let sending = async {
            let mut attempts = 1;
            loop {
                match self.attempt(request).await {
                    Err(miss) if miss.was_stale && attempts < ATTEMPTS => attempts += 1,
                    other => return other,
                }
            }
        };
        match timeout(within, sending).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(miss)) => Err(miss.error),
            Err(_) => Err(ProviderError::new(
                ErrorClass::Timeout,
                format!("expected the head of the reply within {} ms, nothing came", within.as_millis()),
            )),
        }
    }

    async fn attempt(&self, request: &HttpRequest) -> Result<Reply, Miss> {
        let prepared = self.prepare(request).map_err(|error| Miss { error, was_stale: false })?;
        let look = self.0.sight.look();
        let sent = look.during(prepared.send_body(request.body.clone())).await;
        match sent {
            Ok(response) => Ok(Reply::new(response, look)),
            Err(error) => {
                let was_stale = !look.has_connected() && !look.has_received() && fault::is_end(&error);
                Err(Miss { error: fault::of_request(&error), was_stale })
            }
        }
    }

    fn prepare(&self, request: &HttpRequest) -> Result<ClientRequest, ProviderError> {
        let method = match request.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
        };
        let mut prepared = self.0.http.request(method, &request.url).no_decompress();
        for (name, value) in &request.headers {
            let (name, value) = header(name, value)?;
            prepared = prepared.insert_header((name, value));
        }
        Ok(prepared)
    }

    /// Opens a WebSocket, `within` that time in all.
    pub(crate) async fn open(&self, request: &SocketRequest, within: Duration) -> Result<Box<dyn Frames>, Refused> {
        let mut prepared = self.0.sockets.ws(&request.url).max_frame_size(LONGEST_MESSAGE);
        for (name, value) in &request.headers {
            let (name, value) = header(name, value).map_err(Refused::Error)?;
            prepared = prepared.set_header(name, value);
        }
        let late = || {
            let detail = format!("expected the upgrade within {} ms, nothing came", within.as_millis());
            Refused::Error(ProviderError::new(ErrorClass::Timeout, detail))
        };
        match timeout(within, prepared.connect()).await {
            Ok(Ok((_, framed))) => Ok(Box::new(framed)),
            Ok(Err(WsClientError::InvalidResponseStatus(status))) => Err(Refused::Status(status.as_u16())),
            Ok(Err(WsClientError::SendRequest(error))) => Err(Refused::Error(fault::of_request(&error))),
            Ok(Err(error)) => {
                let detail = format!("expected an upgrade to a WebSocket, got: {error}");
                Err(Refused::Error(ProviderError::new(ErrorClass::Protocol, detail)))
            }
            Err(_) => Err(late()),
        }
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

/// An open WebSocket: frames in, messages out.
pub(crate) trait Frames:
    Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin
{
}

impl<T> Frames for T where T: Stream<Item = Result<Frame, ProtocolError>> + Sink<Message, Error = ProtocolError> + Unpin {}

/// Why a socket did not open.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The server answered with this status. awc keeps the rest of the answer to itself.
    Status(u16),
    /// Anything else.
    Error(ProviderError),
}

struct Miss {
    error: ProviderError,
    /// The connection was one that had been kept, and ended before a byte came back.
    was_stale: bool,
}

fn client(config: &NetConfig, tls: rustls::ClientConfig, sight: &Sight) -> Client {
    let sight = sight.clone();
    let tcp = actix_tls::connect::Connector::default().service().map(move |connection| {
        wire::tune(connection.io_ref());
        let (io, connection) = connection.replace_io(());
        connection.replace_io(Wired::new(io, &sight)).1
    });
    let connector = Connector::new()
        .connector(tcp)
        // Not `max_http_version`: that would throw this configuration away, roots and all.
        .rustls_0_23(tls.into())
        .timeout(config.connect)
        .handshake_timeout(config.handshake)
        // Sockets count for as long as they live, all hosts together. Desks and accounts count better.
        .limit(0)
        .conn_keep_alive(config.keep_alive)
        .conn_lifetime(config.lifetime);
    // The workers' own timers know whether it is a connection, a head or a body that is late.
    Client::builder().connector(connector).disable_timeout().disable_redirects().finish()
}

fn header(name: &str, value: &HeaderValue) -> Result<(HeaderName, Value), ProviderError> {
    let class = if value.is_secret() { ErrorClass::Auth } else { ErrorClass::BadRequest };
    // What the value is stays out of the error: it may be a key.
    let unfit = |what: &str| ProviderError::new(class, format!("the {what} of header {name:?} cannot be sent"));
    let checked = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit("name"))?;
    let mut content = Value::from_str(value.expose()).map_err(|_| unfit("value"))?;
    content.set_sensitive(value.is_secret());
    Ok((checked, content))
}

#[cfg(test)]
mod tests {
    use operetta_contract::ApiKey;

    use super::*;

    #[test]
    fn a_key_is_marked_as_a_secret_and_never_quoted() {
        let (_, value) = header("authorization", &ApiKey::new("sesame").header("Bearer ")).unwrap();
        assert!(value.is_sensitive() && !format!("{value:?}").contains("sesame"));
        assert!(!header("accept", &"audio/basic".into()).unwrap().1.is_sensitive());
        let error = header("authorization", &ApiKey::new("open\nsesame").header("")).unwrap_err();
        assert_eq!(error.class, ErrorClass::Auth);
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
