//! The other end of a WebSocket, frame by frame.

use super::Peer;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The bit that says that a frame ends its message.
pub(crate) const FIN: u8 = 0x80;

impl Peer {
    /// Reads the request and upgrades the connection. False when it ends instead.
    pub(crate) async fn upgrade(&mut self) -> bool {
        let Some((head, _)) = self.request().await else { return false };
        let key =
            head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).expect("a key").trim().to_owned();
        let accept = String::from_utf8(actix_http::ws::hash_key(key.as_bytes()).to_vec()).unwrap();
        self.say(format!(
            "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
        ))
        .await;
        true
    }

    /// Writes a frame with this first byte.
    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            middle @ 126..65_536 => {
                frame.push(126);
                frame.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        self.say(frame).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.frame(FIN | TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn audio(&mut self, bytes: &[u8]) {
        self.frame(FIN | BINARY, bytes).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.frame(FIN | CLOSE, &payload).await;
    }

    /// Reads a frame: opcode and payload. `None` when the connection ends.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((length, frame)) = parse(&self.buffer) {
                self.buffer.drain(..length);
                return Some(frame);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads the next text, answers pings on the way. `None` when a close frame or the end comes instead.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        loop {
            match self.read().await? {
                (TEXT, payload) => return Some(String::from_utf8(payload).unwrap()),
                (BINARY, payload) => return Some(format!("{} bytes", payload.len())),
                (PING, payload) => self.frame(FIN | PONG, &payload).await,
                (CLOSE, payload) => {
                    self.frame(FIN | CLOSE, &payload).await;
                    return None;
                }
                _ => {}
            }
        }
    }

    /// Notes every text until the other side closes, and answers pings. Then closes as well.
    pub(crate) async fn note_all(&mut self) {
        while let Some(text) = self.hear().await {
            self.note(text);
        }
        self.ended().await;
    }
}

fn parse(bytes: &[u8]) -> Option<(usize, (u8, Vec<u8>))> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert!(second & 0x80 != 0, "a client masks what it says");
    let (length, at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()), 10),
        short => (u64::from(short), 2),
    };
    let mask: [u8; 4] = bytes.get(at..at + 4)?.try_into().unwrap();
    let end = at + 4 + length as usize;
    let payload = bytes.get(at + 4..end)?.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((end, (first & 0x0f, payload)))
}
