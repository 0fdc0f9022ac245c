//! A real server with one WebSocket route, and a client that writes bytes as it likes.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpServer, web};
use operetta_server::leg::{self, LegError, LegSettings, LegTally};
use operetta_session::{FromLeg, Leg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Lab {
    pub(crate) addr: SocketAddr,
    pub(crate) tally: Arc<LegTally>,
    legs: mpsc::Receiver<Leg>,
}

impl Lab {
    /// A server of one lane on a thread of its own.
    pub(crate) fn start(settings: LegSettings) -> Self {
        let tally = Arc::clone(&settings.tally);
        let (opened, legs) = mpsc::channel(256);
        let (bound, addr) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new().app_data(web::Data::new((opened.clone(), settings.clone()))).route("/", web::to(upgrade))
                });
                let server = leg::tune(server).workers(1).bind("127.0.0.1:0").unwrap();
                bound.send(server.addrs()[0]).unwrap();
                server.run().await.unwrap();
            });
        });
        Self { addr: addr.recv().unwrap(), tally, legs }
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer { stream: TcpStream::connect(self.addr).await.unwrap() }
    }

    /// A peer that has shaken hands, and the call's end of its leg.
    pub(crate) async fn dial(&mut self) -> (Peer, Leg) {
        let mut peer = self.connect().await;
        let leg = self.shake_hands(&mut peer).await;
        (peer, leg)
    }

    /// The same with a small receive buffer, so that a peer that does not read is felt soon.
    pub(crate) async fn dial_narrow(&mut self) -> (Peer, Leg) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let mut peer = Peer { stream: socket.connect(self.addr).await.unwrap() };
        let leg = self.shake_hands(&mut peer).await;
        (peer, leg)
    }

    async fn shake_hands(&mut self, peer: &mut Peer) -> Leg {
        peer.write(handshake("dGhlIHNhbXBsZSBub25jZQ==", "13").as_bytes()).await;
        let head = peer.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(!head.to_lowercase().contains("content-type"), "{head}");
        self.leg().await
    }

    pub(crate) async fn leg(&mut self) -> Leg {
        timeout(PATIENCE, self.legs.recv()).await.expect("a leg").expect("the server lives")
    }

    pub(crate) async fn wait_for(&self, what: &str, patience: Duration, mut done: impl FnMut(&LegTally) -> bool) {
        let give_up = Instant::now() + patience;
        while !done(&self.tally) {
            assert!(Instant::now() < give_up, "waited in vain for {what}");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

type Lane = (mpsc::Sender<Leg>, LegSettings);

async fn upgrade(
    req: HttpRequest,
    payload: web::Payload,
    lane: web::Data<Lane>,
) -> Result<actix_web::HttpResponse, LegError> {
    let (answer, leg) = leg::open(&req, payload, &lane.1)?;
    lane.0.try_send(leg).expect("the test takes its legs");
    Ok(answer)
}

pub(crate) fn handshake(key: &str, version: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
}

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.write(&frame(first, payload)).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.send(0x81, text.as_bytes()).await;
    }

    pub(crate) async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(2 * PATIENCE, self.stream.read_u8()).await.expect("an answer").unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// The next frame: its first byte and its payload.
    pub(crate) async fn read(&mut self) -> (u8, Vec<u8>) {
        timeout(PATIENCE, self.read_frame()).await.expect("a frame")
    }

    async fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let length = match self.stream.read_u8().await.unwrap() {
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    pub(crate) async fn expect_close(&mut self, code: u16) {
        loop {
            match self.read().await {
                (0x88, payload) => return assert_eq!(payload, code.to_be_bytes(), "close code"),
                (0x89 | 0x8a, _) => {}
                (first, payload) => panic!("expected a close frame, got {first:#x} of {} bytes", payload.len()),
            }
        }
    }

    /// The server's end of TCP, and nothing before it.
    pub(crate) async fn expect_end(&mut self, patience: Duration) {
        let read = timeout(patience, self.stream.read(&mut [0; 64])).await.expect("the end of the connection");
        assert!(matches!(read, Ok(0) | Err(_)), "expected the end, got {read:?}");
    }
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    let at = frame.len();
    frame.extend_from_slice(payload);
    frame[at..].iter_mut().zip(MASK.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    frame
}

pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..=125 => header.push(0x80 | length as u8),
        126..=0xffff => {
            header.push(0xfe);
            header.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header.push(0xff);
            header.extend_from_slice(&length.to_be_bytes());
        }
    }
    header.extend_from_slice(&MASK);
    header
}

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

pub(crate) async fn hear(leg: &mut Leg) -> FromLeg {
    timeout(PATIENCE, leg.heard.recv()).await.expect("a message").expect("the leg lives")
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Open descriptors of this process.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Processor time of this process, in ticks of 10 ms.
pub(crate) fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
