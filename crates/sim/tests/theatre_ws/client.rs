use std::{io, time::Duration};

use actix_http::ws::{OpCode, Parser};
use actix_web::web::BytesMut;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use operetta_sim::theatre::{
    Api, Play, Theatre,
    ws::{Conversation, SocketFacts},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A client that takes whatever comes, frame by frame, and forgives nothing silently.
pub(crate) struct Client {
    socket: TcpStream,
    inbox: BytesMut,
    joined: Option<(OpCode, Vec<u8>)>,
    /// Pings are answered.
    pub(crate) answers_pings: bool,
    /// Pings that came.
    pub(crate) pings: u32,
    /// Messages that came in more than one frame.
    pub(crate) joins: u32,
    /// The longest message.
    pub(crate) longest: usize,
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    Json(Value),
    /// Text that is no JSON object, or no UTF-8.
    BadText(Vec<u8>),
    Binary(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
    /// A frame that breaks the rules.
    Broken,
    /// The end of the stream.
    End,
    Reset,
    /// Nothing, for as long as was waited.
    Nothing,
}

/// A refused upgrade.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Client {
    /// Opens `path`, with this header as the key.
    pub(crate) async fn open(theatre: &Theatre, path: &str, header: &str) -> Result<Self, Refused> {
        let mut socket = TcpStream::connect(theatre.address()).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n\r\n",
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut inbox = BytesMut::new();
        let end = loop {
            if let Some(end) = inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(timeout(PATIENCE, socket.read_buf(&mut inbox)).await.expect("an answer in time").unwrap() > 0);
        };
        let head = String::from_utf8(inbox.split_to(end + 4).to_vec()).unwrap();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 101 {
            // RFC 6455, section 1.3: the answer to this very key.
            assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
            return Ok(Self { socket, inbox, joined: None, answers_pings: true, pings: 0, joins: 0, longest: 0 });
        }
        let mut body = inbox.to_vec();
        timeout(PATIENCE, socket.read_to_end(&mut body)).await.expect("an end in time").unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Err(Refused { status, head: head.to_ascii_lowercase(), body })
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(OpCode::Text, message.to_string().as_bytes()).await.unwrap();
    }

    pub(crate) async fn audio(&mut self, bytes: &[u8]) {
        self.send(OpCode::Binary, bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, op: OpCode, bytes: &[u8]) -> io::Result<()> {
        let mut frame = BytesMut::new();
        Parser::write_message(&mut frame, bytes, op, true, true);
        self.socket.write_all(&frame).await
    }

    pub(crate) async fn close(&mut self, code: u16) {
        self.send(OpCode::Close, &code.to_be_bytes()).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Got {
        self.next_within(PATIENCE).await
    }

    /// The next message, if it comes in time.
    pub(crate) async fn next_within(&mut self, patience: Duration) -> Got {
        timeout(patience, self.read()).await.unwrap_or(Got::Nothing)
    }

    /// The next message that is JSON.
    pub(crate) async fn json(&mut self) -> Value {
        match self.next().await {
            Got::Json(message) => message,
            other => panic!("expected JSON, found {other:?}"),
        }
    }

    /// The next message of this type; others are passed over.
    pub(crate) async fn json_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.json().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next JSON of this type, with audio before it passed over.
    pub(crate) async fn json_of_audio(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Got::Json(message) if message["type"] == kind => return message,
                Got::Json(_) | Got::Binary(_) => {}
                other => panic!("expected {kind}, found {other:?}"),
            }
        }
    }

    /// Everything until the end.
    pub(crate) async fn rest(&mut self) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            let got = self.next().await;
            all.push(got.clone());
            if matches!(got, Got::Close(..) | Got::Broken | Got::End | Got::Reset | Got::Nothing) {
                return all;
            }
        }
    }

    async fn read(&mut self) -> Got {
        loop {
            match Parser::parse(&mut self.inbox, false, 32 << 20) {
                Err(_) => return Got::Broken,
                Ok(Some((is_last, op, payload))) => {
                    if let Some(got) = self.frame(is_last, op, payload.unwrap_or_default().to_vec()).await {
                        return got;
                    }
                    continue;
                }
                Ok(None) => {}
            }
            match self.socket.read_buf(&mut self.inbox).await {
                Ok(0) => return Got::End,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Got::Reset,
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn frame(&mut self, is_last: bool, op: OpCode, payload: Vec<u8>) -> Option<Got> {
        match op {
            OpCode::Ping => {
                self.pings += 1;
                if self.answers_pings {
                    let _ = self.send(OpCode::Pong, &payload).await;
                }
                return None;
            }
            OpCode::Pong => return Some(Got::Pong),
            OpCode::Close => {
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                let reason = String::from_utf8(payload.get(2..).unwrap_or_default().to_vec()).unwrap();
                let _ = self.send(OpCode::Close, payload.get(..2).unwrap_or_default()).await;
                return Some(Got::Close(code, reason));
            }
            OpCode::Continue => {
                let (_, joined) = self.joined.as_mut().expect("a message that was begun");
                joined.extend(payload);
                self.joins += 1;
            }
            OpCode::Text | OpCode::Binary => {
                assert!(self.joined.is_none(), "a message within a message");
                self.joined = Some((op, payload));
            }
            OpCode::Bad => return Some(Got::Broken),
        }
        if !is_last {
            return None;
        }
        let (op, bytes) = self.joined.take()?;
        self.longest = self.longest.max(bytes.len());
        if op == OpCode::Binary {
            return Some(Got::Binary(bytes));
        }
        Some(match serde_json::from_slice::<Value>(&bytes) {
            Ok(message) if message.is_object() => Got::Json(message),
            _ => Got::BadText(bytes),
        })
    }
}

/// The only conversation with an API so far, as of now.
pub(crate) fn facts(theatre: &Theatre, api: Api) -> SocketFacts {
    conversation(theatre, api).facts()
}

/// The last conversation with an API.
pub(crate) fn conversation(theatre: &Theatre, api: Api) -> Conversation {
    theatre.ledger().requests_to(api).pop().unwrap().socket.unwrap()
}

/// Waits until the last socket to an API has ended, and tells how it went.
pub(crate) async fn ended(theatre: &Theatre, api: Api) -> SocketFacts {
    let conversation = conversation(theatre, api);
    timeout(PATIENCE, conversation.until(|facts| facts.end.is_some())).await.expect("an end in time");
    conversation.facts()
}

pub(crate) fn play(text: &str) -> Play {
    text.parse().unwrap()
}

/// How many messages of this type.
pub(crate) fn count(all: &[Got], kind: &str) -> usize {
    all.iter().filter(|got| matches!(got, Got::Json(message) if message["type"] == kind)).count()
}

/// All binary messages, joined.
pub(crate) fn binary(all: &[Got]) -> Vec<u8> {
    all.iter()
        .filter_map(|got| if let Got::Binary(bytes) = got { Some(bytes.clone()) } else { None })
        .flatten()
        .collect()
}

pub(crate) fn decode(base64: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
