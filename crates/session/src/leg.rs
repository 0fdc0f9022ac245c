use std::net::{Shutdown, TcpStream};

use bytestring::ByteString;
use tokio::sync::mpsc;

/// One open WebSocket to a carrier, as the call sees it: what was heard, what to say, and a switch that ends it.
///
/// The socket itself lives in the server; dropping the `Leg` closes it.
#[derive(Debug)]
pub struct Leg {
    /// Messages from the carrier, in order. Ends when the socket has ended.
    pub heard: mpsc::Receiver<FromLeg>,
    /// Messages to the carrier. Full when the peer has stopped reading.
    pub say: mpsc::Sender<ToLeg>,
    /// Ends the socket, whatever the peer does.
    pub kill: KillSwitch,
}

/// What comes from the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLeg {
    /// One whole text message, at most 256 KiB.
    Text(ByteString),
    /// A binary message was dropped; carriers speak text here.
    Binary,
    /// The socket has ended; comes once, last.
    Closed {
        /// RFC 6455 section 7.4 close code: the peer's, 1005 if its close frame had none; 1002, 1007 or 1009 if the peer
        /// broke the rules; 1006 if the socket was lost, silent for too long, or did not answer our close.
        code: u16,
    },
}

/// What goes to the carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToLeg {
    /// One text message.
    Text(ByteString),
    /// Close the socket with this code; nothing may follow.
    Close {
        /// RFC 6455 section 7.4 close code.
        code: u16,
    },
}

/// A duplicate of the leg's socket. A WebSocket actor gets neither messages nor timers while its peer does not read
/// (actix-web issue 2441), so the way to end it is to shut the socket down from outside. Dropping the switch does that.
#[derive(Debug)]
pub struct KillSwitch(Option<TcpStream>);

impl KillSwitch {
    /// A switch for `socket`, a duplicate of the leg's.
    pub fn new(socket: TcpStream) -> Self {
        Self(Some(socket))
    }

    /// A switch with nothing behind it, for legs that are not sockets.
    pub const fn none() -> Self {
        Self(None)
    }
}

impl Drop for KillSwitch {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take() {
            // An error says that the socket is gone already, which is what was wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
