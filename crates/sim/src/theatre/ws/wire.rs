use std::{io, time::Duration};

use actix_http::ws::{OpCode, Parser};
use actix_web::web::BytesMut;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

/// A connection at the level of frames: joins what comes, and writes anything, well formed or not.
pub(super) struct Wire {
    socket: TcpStream,
    inbox: BytesMut,
    outbox: BytesMut,
    /// The frames of a message so far, and what it is.
    joined: Option<(OpCode, BytesMut)>,
}

/// What a client sent.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Text(String),
    Binary(BytesMut),
    Ping(BytesMut),
    Pong,
    Close(Option<u16>, String),
    /// What is no WebSocket, and the code to close with.
    Broken(u16),
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// There may be something to [`take`](Wire::take).
    Bytes,
    /// The time has come.
    Time,
    /// The client is gone.
    Gone,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, leftover: &[u8]) -> Self {
        // A frame by itself should travel by itself; where that fails it is only slower.
        let _ = socket.set_nodelay(true);
        Self { socket, inbox: BytesMut::from(leftover), outbox: BytesMut::new(), joined: None }
    }

    /// Writes bytes that are no frame.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Writes one frame.
    pub(super) fn frame(&mut self, op: OpCode, payload: &[u8], is_last: bool) {
        Parser::write_message(&mut self.outbox, payload, op, is_last, false);
    }

    /// Writes one frame whose first reserved bit is set, as if it were compressed.
    pub(super) fn frame_with_rsv(&mut self, op: OpCode, payload: &[u8]) {
        let at = self.outbox.len();
        self.frame(op, payload, true);
        self.outbox[at] |= 0b0100_0000;
    }

    /// Writes one message in three frames, with a ping behind the first.
    pub(super) fn fragments(&mut self, op: OpCode, payload: &[u8]) {
        let (first, rest) = payload.split_at(payload.len() / 3);
        let (second, last) = rest.split_at(rest.len() / 2);
        self.frame(op, first, false);
        self.frame(OpCode::Ping, b"between", true);
        self.frame(OpCode::Continue, second, false);
        self.frame(OpCode::Continue, last, true);
    }

    /// Writes a close frame; without a code an empty one.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.extend(code.to_be_bytes());
            payload.extend(&reason.as_bytes()[..reason.floor_char_boundary(LONGEST_REASON)]);
        }
        self.frame(OpCode::Close, &payload, true);
    }

    /// How much waits to be written, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// The next message or control frame that has come.
    pub(super) fn take(&mut self) -> Option<Heard> {
        loop {
            let Ok(frame) = Parser::parse(&mut self.inbox, true, LARGEST) else {
                self.inbox.clear();
                return Some(Heard::Broken(1002));
            };
            let (is_last, op, payload) = frame?;
            let payload = payload.unwrap_or_default();
            let heard = match op {
                OpCode::Ping => Some(Heard::Ping(payload)),
                OpCode::Pong => Some(Heard::Pong),
                OpCode::Close => Some(closed(&payload)),
                OpCode::Text | OpCode::Binary | OpCode::Continue => self.join(op, &payload, is_last),
                OpCode::Bad => Some(Heard::Broken(1002)),
            };
            if heard.is_some() {
                return heard;
            }
        }
    }

    fn join(&mut self, op: OpCode, payload: &[u8], is_last: bool) -> Option<Heard> {
        let (op, mut joined) = match (self.joined.take(), op) {
            (Some(begun), OpCode::Continue) => begun,
            (None, OpCode::Text | OpCode::Binary) => (op, BytesMut::new()),
            _ => return Some(Heard::Broken(1002)),
        };
        joined.extend_from_slice(payload);
        if joined.len() > LARGEST {
            return Some(Heard::Broken(1009));
        }
        if !is_last {
            self.joined = Some((op, joined));
            return None;
        }
        if op == OpCode::Binary {
            return Some(Heard::Binary(joined));
        }
        Some(String::from_utf8(joined.to_vec()).map_or(Heard::Broken(1007), Heard::Text))
    }

    /// Writes and reads until something has come, or until `at`.
    pub(super) async fn wait(&mut self, at: Option<Instant>) -> Woken {
        loop {
            let far = Instant::now() + Duration::from_hours(1);
            tokio::select! {
                biased;
                ready = self.socket.writable(), if !self.outbox.is_empty() => {
                    if ready.is_err() || self.write().is_err() {
                        return Woken::Gone;
                    }
                }
                ready = self.socket.readable() => match ready.and_then(|()| self.read()) {
                    Ok(0) => {}
                    Ok(_) => return Woken::Bytes,
                    Err(_) => return Woken::Gone,
                },
                () = sleep_until(at.unwrap_or(far)) => return Woken::Time,
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        match self.socket.try_write(&self.outbox) {
            Ok(written) => {
                let _ = self.outbox.split_to(written);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 << 10];
        match self.socket.try_read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.inbox.extend_from_slice(&bytes[..length]);
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Writes what waits, as long as the client reads, for at most `patience`.
    pub(super) async fn drain(&mut self, patience: Duration) {
        let _ = timeout(patience, async {
            while !self.outbox.is_empty() {
                if self.socket.writable().await.is_err() || self.write().is_err() {
                    return;
                }
            }
        })
        .await;
    }

    /// Ends this half of the connection, without a close frame.
    pub(super) async fn shut(&mut self) {
        self.drain(PATIENCE).await;
        let _ = self.socket.shutdown().await;
    }

    /// Reads and forgets until the client is gone, for at most `patience`: a connection that is dropped with bytes unread ends in
    /// a reset, which would overtake what was written last.
    pub(super) async fn linger(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        while self.wait(Some(until)).await == Woken::Bytes {
            self.inbox.clear();
        }
    }

    /// Ends it with a reset, once it is dropped. What has been written is sent first.
    pub(super) async fn reset(&mut self) {
        self.drain(PATIENCE).await;
        let _ = self.socket.set_zero_linger();
    }
}

fn closed(payload: &[u8]) -> Heard {
    match payload {
        [] => Heard::Close(None, String::new()),
        [high, low, reason @ ..] => match std::str::from_utf8(reason) {
            Ok(reason) => Heard::Close(Some(u16::from_be_bytes([*high, *low])), reason.to_owned()),
            Err(_) => Heard::Broken(1007),
        },
        [_] => Heard::Broken(1002),
    }
}

/// Messages of a client, and sums of fragments: audio of 15 MiB as base64 fits.
const LARGEST: usize = 32 << 20;

/// A close frame holds 125 bytes, two of which are the code.
const LONGEST_REASON: usize = 123;

/// How long a client may take to read what was written last.
const PATIENCE: Duration = Duration::from_secs(2);
