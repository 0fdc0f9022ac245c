//! The vendor that Mynah would be: its API over a real socket, so that the example can be heard. `mynah-api [ADDRESS]`.
//!
//! It knows one key, and two voices that can only whistle.

#![expect(clippy::print_stdout, reason = "this is how it tells where it listens")]

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use operetta_audio::{Encoding, g711, tone};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7070".into());
    let listener = TcpListener::bind(address)?;
    println!("ready http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        // Who goes away in the middle of a reply is a caller who interrupted.
        thread::spawn(move || drop(answer(stream)));
    }
    Ok(())
}

/// Answers one request, and closes.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(LONGEST));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let headers = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
        headers.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_u64).min(LONGEST);
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body)?;

    let request = lines.first().map(String::as_str).unwrap_or_default();
    let (status, kind, reply) = match request.split(' ').collect::<Vec<_>>()[..] {
        _ if header("authorization") != Some("Bearer mynah-key") => no(401, "wrong_key"),
        ["GET", "/v1/account", _] => (200, "application/json", json!({ "credit": 100 }).to_string().into_bytes()),
        ["POST", "/v1/say", _] => say(&serde_json::from_slice(&body).unwrap_or_default()),
        _ => no(404, "unknown_path"),
    };
    let length = reply.len();
    write!(
        stream,
        "HTTP/1.1 {status} \r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(&reply)
}

type Reply = (u16, &'static str, Vec<u8>);

/// A whistle of 60 ms for each character.
fn say(job: &Value) -> Reply {
    let text = job["text"].as_str().unwrap_or_default();
    let hz = match job["voice"].as_str() {
        Some("wren") => 620.0,
        Some("lark") => 880.0,
        _ => return no(404, "unknown_voice"),
    };
    let rate_hz = job["rate_hz"].as_u64().and_then(|rate_hz| u32::try_from(rate_hz).ok());
    match (rate_hz, u32::try_from(text.chars().count())) {
        (Some(rate_hz @ 8000..=48_000), Ok(count @ 1..=500)) => {
            let mut audio = Vec::new();
            g711::encode_into(Encoding::Pcm16, &tone::sine(hz, count * 60, rate_hz, -12.0), &mut audio);
            (200, "audio/l16", audio)
        }
        _ => no(400, "bad_request"),
    }
}

fn no(status: u16, error: &'static str) -> Reply {
    (
        status,
        "application/json",
        json!({ "error": error, "message": "see the page of errors" }).to_string().into_bytes(),
    )
}

/// Bytes of a request.
const LONGEST: u64 = 64 * 1024;
