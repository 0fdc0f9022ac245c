//! Fake vendors over real sockets that speak the real protocols, and that can fail in every way in which callers of the real
//! ones have seen them fail.
//!
//! A [`Theatre`] listens on a port of the loopback and is every vendor at once: the path tells which. It checks
//! requests as strictly as the vendor would, answers as its [`Script`] says, plays the failures that its [`Rule`]s and its
//! queue hold ([`Play`]), and keeps a [`Ledger`] that tests read.
//!
//! Speech is a tone of 440 Hz, 65 ms for each character of the text, in pieces of 20 ms.
//!
//! It runs on the runtime that starts it, so that tests can own its time (`start_paused`), or on a thread of its own.
//! Formats: the vendors' public documentation and SDKs as of November 2026.

mod api;
mod auth;
mod backstage;
mod deck;
mod head;
mod http;
mod ledger;
mod line;
mod play;
mod script;
mod server;
mod shared;
mod tone;
pub mod ws;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream as StdStream},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
    sync::{oneshot, watch},
    task::JoinSet,
};

pub use self::{
    api::{Api, Kind, NoRoute, Route, Vendor},
    backstage::Backstage,
    head::RequestHead,
    ledger::{Auth, Billed, Book, CloseNote, ConnectionNote, KEPT, Ledger, MESSAGES, MessageNote, RequestNote},
    play::{Malformed, NoPlay, OddTools, Play, Rule, Truncated, Wait, WavHeader, WrongType},
    script::{Call, Pace, Reply, Script, transcript_of},
    tone::{CHARACTER_MS, PIECE_MS, Tone},
};

use self::backstage::House;

/// Fake vendors behind one port. When it is dropped, its connections are closed.
#[derive(Debug)]
pub struct Theatre {
    house: Arc<House>,
    address: SocketAddr,
    door: watch::Sender<bool>,
    refusing: Closed,
    black_hole: Full,
    _run: Run,
}

/// Where it runs. Dropping it ends it.
#[derive(Debug)]
enum Run {
    Here { _tasks: JoinSet<()> },
    Elsewhere { stop: Option<oneshot::Sender<()>>, thread: Option<thread::JoinHandle<()>> },
}

impl Theatre {
    /// Opens on any free port, on the runtime that calls.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// There is no tokio runtime here, or it cannot do I/O.
    pub fn start(script: Script) -> io::Result<Self> {
        Self::start_at(0, script)
    }

    /// Opens on `port` of the loopback, on the runtime that calls.
    ///
    /// # Errors
    /// The port is taken.
    ///
    /// # Panics
    /// There is no tokio runtime here, or it cannot do I/O.
    pub fn start_at(port: u16, script: Script) -> io::Result<Self> {
        let listener = server::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let (house, address) = (Arc::new(House::new(script)), listener.local_addr()?);
        let (door, is_open) = watch::channel(true);
        let mut tasks = JoinSet::new();
        tasks.spawn(server::run(listener, address, is_open, Arc::clone(&house)));
        let (refusing, black_hole) = (Closed::new()?, Full::new()?);
        Ok(Self { house, address, door, refusing, black_hole, _run: Run::Here { _tasks: tasks } })
    }

    /// Opens on any free port, on a thread of its own: so that what it does takes no time from the thread that calls.
    ///
    /// # Errors
    /// There is no free port, or no thread.
    pub fn on_a_thread(script: Script) -> io::Result<Self> {
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("theatre".into()).spawn(move || {
            let theatre = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let theatre = runtime.block_on(async { Self::start(script) })?;
                Ok((runtime, theatre))
            });
            match theatre {
                Ok((runtime, Self { house, address, door, refusing, black_hole, _run: run })) => {
                    let _ = ready.send(Ok((house, address, door, refusing, black_hole)));
                    // Until the other side is dropped: whether it says so or just goes.
                    let _ = runtime.block_on(stopped);
                    drop(run);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        let started = started.recv().map_err(|_| io::Error::other("the thread of the theatre ended"))?;
        let (house, address, door, refusing, black_hole) = started?;
        let run = Run::Elsewhere { stop: Some(stop), thread: Some(thread) };
        Ok(Self { house, address, door, refusing, black_hole, _run: run })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as vendors' base URLs are configured: `http://127.0.0.1:port`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A port that refuses connections (H07).
    pub fn base_url_refusing(&self) -> String {
        format!("http://{}", self.refusing.address)
    }

    /// The port where it listens, as if it spoke TLS: it does not, and every handshake fails at once (H07).
    pub fn base_url_without_tls(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A port that does not answer when it is connected to (H08).
    pub fn base_url_black_hole(&self) -> String {
        format!("http://{}", self.black_hole.address)
    }

    /// What it has seen.
    pub fn ledger(&self) -> &Ledger {
        &self.house.ledger
    }

    /// Since it began: the clock of its ledger.
    pub fn now(&self) -> Duration {
        self.house.now()
    }

    /// The next `count` requests of `route` play `play`, before any rule does.
    pub fn next(&self, route: impl Into<Route>, count: usize, play: Play) {
        self.house.deck.change(|deck| deck.enqueue(route.into(), count, Some(play)));
    }

    /// The next `count` requests of `route` are answered well, whatever the rules say.
    pub fn next_well(&self, route: impl Into<Route>, count: usize) {
        self.house.deck.change(|deck| deck.enqueue(route.into(), count, None));
    }

    /// From now on these rules hold, and no other.
    pub fn play(&self, rules: Vec<Rule>) {
        self.house.deck.change(|deck| deck.replace_rules(rules));
    }

    /// What a model says next, after what is said already.
    pub fn say(&self, reply: Reply) {
        self.house.deck.change(|deck| deck.add_reply(reply));
    }

    /// What is heard next, after what is heard already.
    pub fn hear(&self, text: impl Into<String>) {
        self.house.deck.change(|deck| deck.add_transcript(text.into()));
    }

    /// Stops listening, and closes every connection: from now on the port refuses (H07), as soon as the theatre's runtime
    /// comes to it.
    pub fn close_door(&self) {
        self.door.send_replace(false);
    }

    /// Listens again, on the same port.
    pub fn open_door(&self) {
        self.door.send_replace(true);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Self::Elsewhere { stop, thread } = self {
            drop(stop.take());
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// A port that is taken, so that nobody else listens there, and not listened at.
#[derive(Debug)]
struct Closed {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Closed {
    fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }
}

/// A port whose queue of connections is full for ever: the kernel answers no further SYN.
#[derive(Debug)]
struct Full {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: StdStream,
}

impl Full {
    fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        // Linux takes one connection more than the backlog says.
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        Ok(Self { address, _listener: listener, _queue: StdStream::connect(address)? })
    }
}
