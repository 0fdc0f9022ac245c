//! One look at a server, for whoever wants to know whether it can be used.

use std::time::Duration;

use operetta_contract::{Head, HttpRequest, ProviderError, SocketRequest};
use operetta_stage::Clock;

use super::{Net, NetConfig, NetError, Refused, tls};

/// What a server said to one request.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The head.
    pub head: Head,
    /// How long it took to come; without connecting, if the connection was there.
    pub head_after: Duration,
    /// The beginning of the body, 64 KiB at most; what broke off is left out.
    pub body: Vec<u8>,
}

/// Why a socket did not open.
#[derive(Debug)]
pub enum Knocked {
    /// The server answered with this status.
    Refused(u16),
    /// Anything else.
    Failed(ProviderError),
}

impl Net {
    /// Sends one request and reads the beginning of the reply, whatever its status; `within` that time for the head, and as long
    /// again for the body.
    ///
    /// # Errors
    /// Nothing came back.
    pub async fn look(&self, request: &HttpRequest, within: Duration) -> Result<Looked, ProviderError> {
        let clock = Clock::system();
        let began = clock.now();
        let mut reply = self.send(request, within).await?;
        let head_after = clock.now().saturating_sub(began);
        let (head, mut body) = (reply.head.clone(), Vec::new());
        let reading = async {
            while let Ok(Some(bytes)) = reply.next(within).await {
                body.extend_from_slice(&bytes);
                if body.len() >= LONGEST_LOOK {
                    body.truncate(LONGEST_LOOK);
                    break;
                }
            }
        };
        // What has come by then says enough.
        let _in_time = tokio::time::timeout(within, reading).await;
        Ok(Looked { head, head_after, body })
    }

    /// Opens a socket and closes it again.
    ///
    /// # Errors
    /// It did not open `within` that time, or the server refused it.
    pub async fn knock(&self, request: &SocketRequest, within: Duration) -> Result<(), Knocked> {
        match self.open(request, within).await {
            Ok(_closed_by_its_drop) => Ok(()),
            Err(Refused::Status(status)) => Err(Knocked::Refused(status)),
            Err(Refused::Error(error)) => Err(Knocked::Failed(error)),
        }
    }
}

/// The TLS of connections that are made as `config` says, for a handshake by hand.
///
/// # Errors
/// An extra root is not a certificate.
pub fn tls_of(config: &NetConfig) -> Result<rustls::ClientConfig, NetError> {
    Ok(tls::client(tls::roots(&config.extra_roots)?, &[b"http/1.1"]))
}

/// How much of a body is read, in bytes.
const LONGEST_LOOK: usize = 64 * 1024;
