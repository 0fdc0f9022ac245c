use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout_at},
};

use super::head::RequestHead;

/// A connection, and what has come over it that nobody has read.
#[derive(Debug)]
pub(super) struct Line {
    socket: TcpStream,
    inbox: Vec<u8>,
}

/// Why nothing more can be done on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The client has closed it, or reset it, or at least will send no more.
    Closed,
    /// What it sends is no HTTP.
    Garbled,
    /// The body is longer than anybody takes.
    TooLarge,
    /// Nothing came for too long.
    Idle,
}

impl Line {
    pub(super) fn new(socket: TcpStream) -> Self {
        // A byte by itself must travel by itself; where that fails it is only slower.
        let _ = socket.set_nodelay(true);
        Self { socket, inbox: Vec::new() }
    }

    /// The next head; `None` when the client closes between two requests.
    pub(super) async fn head(&mut self, idle: Duration) -> Result<Option<RequestHead>, Gone> {
        let until = Instant::now() + idle;
        loop {
            match RequestHead::read(&self.inbox) {
                Ok(Some((head, length))) => {
                    self.inbox.drain(..length);
                    return Ok(Some(head));
                }
                Ok(None) => {}
                Err(_) => return Err(Gone::Garbled),
            }
            match timeout_at(until, self.more()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) if self.inbox.is_empty() => return Ok(None),
                Ok(Err(gone)) => return Err(gone),
                Err(_) => return Err(Gone::Idle),
            }
        }
    }

    /// The body of the request with this head.
    pub(super) async fn body(&mut self, head: &RequestHead) -> Result<Vec<u8>, Gone> {
        if head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.chunks().await;
        }
        let Some(length) = head.header("content-length") else { return Ok(Vec::new()) };
        let length = length.parse::<usize>().map_err(|_| Gone::Garbled)?;
        if length > LARGEST {
            return Err(Gone::TooLarge);
        }
        self.take(length).await
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Gone> {
        let mut body = Vec::new();
        loop {
            match httparse::parse_chunk_size(&self.inbox).map_err(|_| Gone::Garbled)? {
                httparse::Status::Partial => self.more().await?,
                httparse::Status::Complete((line, size)) => {
                    self.inbox.drain(..line);
                    if size > (LARGEST - body.len()) as u64 {
                        return Err(Gone::TooLarge);
                    }
                    body.append(&mut self.take(size as usize).await?);
                    // The end of the chunk. Behind the last one no client of ours sends trailers.
                    if self.take(2).await? != b"\r\n" {
                        return Err(Gone::Garbled);
                    }
                    if size == 0 {
                        return Ok(body);
                    }
                }
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Gone> {
        while self.inbox.len() < length {
            self.more().await?;
        }
        let rest = self.inbox.split_off(length);
        Ok(std::mem::replace(&mut self.inbox, rest))
    }

    /// Writes all of it. Notices meanwhile when the client goes.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        self.look()?;
        while !bytes.is_empty() {
            match self.socket.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::select! {
                        ready = self.socket.writable() => ready.map_err(|_| Gone::Closed)?,
                        ready = self.socket.readable(), if self.inbox.len() < INBOX => {
                            ready.map_err(|_| Gone::Closed)?;
                            self.look()?;
                        }
                    }
                }
                Err(_) => return Err(Gone::Closed),
            }
        }
        Ok(())
    }

    /// Waits until `at`, or until the client goes.
    pub(super) async fn wait_until(&mut self, at: Instant) -> Result<(), Gone> {
        while Instant::now() < at {
            tokio::select! {
                biased;
                () = sleep_until(at) => {}
                ready = self.socket.readable(), if self.inbox.len() < INBOX => {
                    ready.map_err(|_| Gone::Closed)?;
                    self.look()?;
                }
            }
        }
        self.look()
    }

    /// Waits until the client goes.
    pub(super) async fn wait_for_ever(&mut self) {
        while self.socket.readable().await.is_ok() && self.look().is_ok() {
            // Whoever goes on sending to a line that is dead is read, or it could never be seen to go.
            self.inbox.clear();
        }
    }

    /// Waits until something comes, or the client goes.
    pub(super) async fn wait_for_more(&mut self) -> Result<(), Gone> {
        while self.inbox.is_empty() {
            self.more().await?;
        }
        Ok(())
    }

    /// Takes what has come. Does not wait.
    fn look(&mut self) -> Result<(), Gone> {
        while self.inbox.len() < INBOX {
            match self.read() {
                Ok(true) => {}
                Ok(false) => break,
                Err(gone) => return Err(gone),
            }
        }
        Ok(())
    }

    /// Waits for more.
    async fn more(&mut self) -> Result<(), Gone> {
        loop {
            self.socket.readable().await.map_err(|_| Gone::Closed)?;
            if self.read()? {
                return Ok(());
            }
        }
    }

    /// Takes one read's worth of what has come; `false` when nothing has.
    fn read(&mut self) -> Result<bool, Gone> {
        let mut bytes = [0; 16 << 10];
        match self.socket.try_read(&mut bytes) {
            Ok(0) => Err(Gone::Closed),
            Ok(length) => {
                self.inbox.extend_from_slice(&bytes[..length]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(_) => Err(Gone::Closed),
        }
    }

    /// Ends it with a reset.
    pub(super) fn reset(self) {
        let _ = self.socket.set_zero_linger();
    }

    /// The socket, and what has come over it already.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.socket, self.inbox)
    }
}

/// The largest body: what vendors of transcriptions take is 25 MB.
const LARGEST: usize = 32 << 20;

/// How much may come before it is wanted.
const INBOX: usize = 64 << 10;
