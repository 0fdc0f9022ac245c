//! The other ends: a server that is written out byte by byte, and somebody who asks.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses its own part of this one, and it fails as a test does"
)]

pub(crate) mod frames;

use std::{cell::Cell, future::Future, net::SocketAddr, rc::Rc, time::Duration};

use actix::{Actor, Addr, Handler};
use operetta_contract::{Job, JobId};
use operetta_stage::{Desk, Kind, Lease, Metered, Playbill, Told};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// Longer than anything here takes; whoever waits for it has waited in vain.
pub(crate) const EVER: Duration = Duration::from_secs(20);

/// A server on the loopback, and what it has seen, in order.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: UnboundedReceiver<Seen>,
    _accepting: tokio::task::JoinHandle<()>,
}

/// What a server saw. The number is the connection's, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Connected(u32),
    Request(u32, String, Vec<u8>),
    /// Something that the test itself wants to know.
    Noted(u32, String),
    Ended(u32),
}

/// One connection to a server.
pub(crate) struct Peer {
    pub(crate) number: u32,
    pub(crate) stream: TcpStream,
    pub(crate) buffer: Vec<u8>,
    tell: UnboundedSender<Seen>,
}

impl Server {
    /// Plays `part` with every connection.
    pub(crate) async fn start<F>(part: impl Fn(Peer) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = unbounded_channel();
        let accepting = tokio::task::spawn_local(async move {
            let count = Cell::new(0);
            let part = Rc::new(part);
            while let Ok((stream, _)) = listener.accept().await {
                count.set(count.get() + 1);
                let _ = tell.send(Seen::Connected(count.get()));
                let peer = Peer { number: count.get(), stream, buffer: Vec::new(), tell: tell.clone() };
                let part = Rc::clone(&part);
                tokio::task::spawn_local(async move { part(peer).await });
            }
        });
        Self { address, seen, _accepting: accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it saw next.
    pub(crate) async fn next(&mut self) -> Seen {
        timeout(EVER, self.seen.recv()).await.expect("the server saw nothing").unwrap()
    }

    /// What it saw next but for connections that were made.
    pub(crate) async fn next_said(&mut self) -> Seen {
        loop {
            match self.next().await {
                Seen::Connected(_) => {}
                other => return other,
            }
        }
    }

    /// What it has seen since the last question.
    pub(crate) fn rest(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

impl Peer {
    /// Reads a whole request; `None` when the connection ends instead.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more().await {
                self.note_end();
                return None;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while self.buffer.len() < length {
            if !self.more().await {
                self.note_end();
                return None;
            }
        }
        let body: Vec<u8> = self.buffer.drain(..length).collect();
        let _ = self.tell.send(Seen::Request(self.number, head.clone(), body.clone()));
        Some((head, body))
    }

    /// Reads more into the buffer. False at the end, whatever the end is.
    pub(crate) async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // Whoever hangs up in the middle is seen to have ended.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn chunk(&mut self, bytes: &[u8]) {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.say(chunk).await;
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) {
        while self.more().await {}
        self.note_end();
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        let _ = self.tell.send(Seen::Noted(self.number, what.into()));
    }

    fn note_end(&self) {
        let _ = self.tell.send(Seen::Ended(self.number));
    }
}

/// Somebody who asks and listens.
pub(crate) struct Asker<J: Job> {
    address: Addr<Listener<J>>,
    told: UnboundedReceiver<(JobId, J::Event)>,
}

struct Listener<J: Job>(UnboundedSender<(JobId, J::Event)>);

impl<J: Job> Kind for Listener<J> {
    const KIND: &'static str = "asker";
}

impl<J: Job> Actor for Listener<J> {
    type Context = Metered<Self>;
}

impl<J: Job> Handler<Told<J>> for Listener<J> {
    type Result = ();

    fn handle(&mut self, told: Told<J>, _: &mut Metered<Self>) {
        let _ = self.0.send((told.id, told.event));
    }
}

impl<J: Job> Asker<J> {
    pub(crate) fn new(bill: &Playbill) -> Self {
        let (tell, told) = unbounded_channel();
        let (address, _) = Metered::run(Listener(tell), 64, bill);
        Self { address, told }
    }

    pub(crate) fn ask(&self, desk: &Desk<J>, id: u32, job: J) -> Lease<J> {
        desk.ask(JobId(id), job, self.address.downgrade().recipient()).expect("the desk is open")
    }

    pub(crate) async fn next(&mut self) -> (u32, J::Event) {
        let (id, event) = timeout(EVER, self.told.recv()).await.expect("nothing was told").unwrap();
        (id.0, event)
    }

    /// Whatever was told since the last question, without waiting.
    pub(crate) fn rest(&mut self) -> Vec<J::Event> {
        std::iter::from_fn(|| self.told.try_recv().ok()).map(|(_, event)| event).collect()
    }
}
