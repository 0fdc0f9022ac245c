//! One HTTP request over one connection, without a client that could be kinder than a carrier's.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// `GET`s `target` (path and query).
pub fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, &format!("GET {target} HTTP/1.1"), &[], "")
}

/// `POST`s a form.
pub fn post_form(address: SocketAddr, target: &str, headers: &[(&str, &str)], form: &str) -> Answer {
    let headers = [headers, &[("Content-Type", "application/x-www-form-urlencoded")]].concat();
    ask(address, &format!("POST {target} HTTP/1.1"), &headers, form)
}

/// Sends a request with the given first line and reads the answer until the server closes.
///
/// # Panics
/// There is no answer within [`PATIENCE`], or it is no HTTP.
pub fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the engine listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let length = body.len();
    let request =
        format!("{line}\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("the engine reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the engine answers");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer:?}"));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.unwrap_or_else(|| panic!("no status: {head:?}")), body: body.into() }
}

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
