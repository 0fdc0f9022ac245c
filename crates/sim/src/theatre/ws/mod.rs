//! Fake vendors that are sockets.
//!
//! Each vendor's protocol is a pure state machine ([`session`]); one loop for all of them reads, waits and writes ([`stage`]), and
//! plays what goes wrong below or beside the protocol. What a client did is kept as [`SocketFacts`].

mod assemblyai;
mod deepgram;
mod deepgram_flux;
mod deepgram_listen;
mod deepgram_speak;
mod ears;
mod elevenlabs;
mod facts;
mod play;
mod realtime;
mod session;
mod stage;
mod voice;
mod wire;

use std::time::Duration;

use actix_http::ws::hash_key;
use tokio::{net::TcpStream, time::Instant};

pub use self::{
    facts::{AudioIn, Context, Conversation, End, Ender, Fault, SocketFacts},
    play::{NoStunt, Stunt, WsFailure},
};
use self::{
    play::{Staged, plays},
    session::{Admission, Manner, Refusal},
    stage::Stage,
    voice::Pacing,
    wire::{Wire, Woken},
};
use super::{api::Api, backstage::Backstage, head::RequestHead, ledger::Auth, play::Play, tone::PIECE_MS};

/// Takes over a connection that asks for a WebSocket: answers the upgrade, and speaks until the connection is over.
///
/// `leftover` is what the client has sent behind its head. The head has been noted in the ledger, with its key; what
/// happens to whole connections (H07, H08) has been played. Everything else is up to this function: the answer's status
/// and time, messages, bills, the close.
pub(super) async fn serve(socket: TcpStream, head: RequestHead, leftover: Vec<u8>, stage: Backstage) {
    let conversation = Conversation::new();
    stage.note(|note| {
        note.socket = Some(conversation.clone());
        note.received_at = Some(stage.now());
    });
    let staged = match stage.play() {
        Some(Play::Socket(stunt)) => Some(Staged::new(*stunt, stage.take())),
        _ => None,
    };
    let mut wire = Wire::new(socket, &leftover);
    let pace = stage.pace();
    wait(&mut wire, pace.head).await;
    if plays(staged, WsFailure::SilentUpgrade) {
        wire.linger(FOR_EVER).await;
        stage.note(|note| note.cancelled_at = Some(stage.now()));
        return;
    }
    let speed = match staged {
        Some(Staged { failure: WsFailure::OddPace, form, .. }) => form.parse().unwrap_or(10.0),
        _ => f64::from(pace.speed.max(0.001)),
    };
    let pacing = Pacing { first: pace.first, speed, piece_ms: u64::from(PIECE_MS) };
    let manner = Manner { haste: stage.haste(), pacing, staged };
    let accept = head.header("sec-websocket-key").map(|key| hash_key(key.as_bytes()));
    match (admitted(&head, &stage, manner), accept) {
        (Ok(session), Some(accept)) => {
            wire.put(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ");
            wire.put(&accept);
            // A browser's client insists that one of its protocols is chosen; the other is its key.
            if head.header("sec-websocket-protocol").is_some_and(|all| all.starts_with("token")) {
                wire.put(b"\r\nsec-websocket-protocol: token");
            }
            wire.put(b"\r\n\r\n");
            conversation.change(|facts| facts.opened_at = stage.now());
            stage.note(|note| {
                note.status = Some(101);
                note.answered_at = Some(stage.now());
            });
            Stage::new(wire, session, manner, stage, conversation).run().await;
        }
        (Ok(_), None) => {
            let body = serde_json::json!({ "error": "no key of a WebSocket" });
            refuse(wire, &Refusal { status: 400, headers: Vec::new(), body }, &stage).await;
        }
        (Err(refusal), _) => refuse(wire, &refusal, &stage).await,
    }
}

fn admitted(head: &RequestHead, stage: &Backstage, manner: Manner) -> Admission {
    let api = stage.api();
    if let Some(Staged { failure: WsFailure::RefusedUpgrade, form, .. }) = manner.staged {
        let mut refusal = refusal(api, form.parse().unwrap_or(503));
        if refusal.status == 429 {
            refusal.headers.push(("retry-after", "2".to_owned()));
        }
        return Err(refusal);
    }
    if stage.auth() != Auth::WellFormed {
        return Err(refusal(api, 401));
    }
    match api {
        Api::DeepgramListen => deepgram_listen::Listen::admit(head, manner),
        Api::DeepgramFlux => deepgram_flux::Flux::admit(head, manner),
        Api::DeepgramSpeakSocket => deepgram_speak::Speak::admit(head, manner),
        Api::AssemblyAi => assemblyai::Turns::admit(head, manner),
        Api::OpenAiRealtime => realtime::Realtime::admit(head, manner),
        Api::ElevenLabsSocket if head.path.ends_with("/multi-stream-input") => {
            elevenlabs::Contexts::admit(head, manner)
        }
        // The socket of one context is not played: nobody who cares for barge-in uses it.
        _ => Err(refusal(api, 404)),
    }
}

/// The vendor's own way of refusing an upgrade with `status`.
fn refusal(api: Api, status: u16) -> Refusal {
    match api {
        Api::DeepgramListen | Api::DeepgramFlux | Api::DeepgramSpeakSocket => deepgram::refusal(status),
        Api::ElevenLabsSocket => elevenlabs::refusal(status),
        Api::AssemblyAi => assemblyai::refusal(status),
        _ => realtime::refusal(status),
    }
}

async fn refuse(mut wire: Wire, refusal: &Refusal, stage: &Backstage) {
    let Refusal { status, headers, body } = refusal;
    let body = body.to_string();
    let mut head =
        format!("HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    wire.put(head.as_bytes());
    wire.put(b"connection: close\r\n\r\n");
    wire.put(body.as_bytes());
    stage.note(|note| {
        note.status = Some(*status);
        note.answered_at = Some(stage.now());
        note.error = Some(status.to_string());
    });
    wire.shut().await;
    wire.linger(Duration::from_secs(2)).await;
}

/// Waits before the upgrade is answered; a client that goes meanwhile is noticed later.
async fn wait(wire: &mut Wire, pause: Duration) {
    if pause.is_zero() {
        return;
    }
    let until = Instant::now() + pause;
    while wire.wait(Some(until)).await == Woken::Bytes {}
}

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_hours(24);
