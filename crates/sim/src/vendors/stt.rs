#![expect(clippy::disallowed_types, reason = "the theatre's own sockets, not the engine's")]

use actix::{Actor, ActorContext, StreamHandler};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, CloseCode, Message, ProtocolError, WebsocketContext};
use serde::Deserialize;
use serde_json::json;

pub(super) async fn listen(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    ws::start(Ear::default(), &request, payload)
}

/// Listens to one caller, at 8 kHz, and understands how long they spoke.
#[derive(Default)]
struct Ear {
    samples: usize,
}

#[derive(Deserialize)]
struct Flush {
    flush: u32,
}

impl Actor for Ear {
    type Context = WebsocketContext<Self>;
}

impl StreamHandler<Result<Message, ProtocolError>> for Ear {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut WebsocketContext<Self>) {
        match message {
            Ok(Message::Binary(samples)) => self.samples += samples.len() / 2,
            Ok(Message::Text(text)) => match serde_json::from_str(&text) {
                Ok(Flush { flush }) => {
                    let ms = std::mem::take(&mut self.samples) / 8;
                    let text = if ms == 0 { String::new() } else { format!("{ms} ms of speech") };
                    ctx.text(json!({ "flush": flush, "text": text }).to_string());
                }
                Err(_) => ctx.close(Some(CloseCode::Protocol.into())),
            },
            Ok(Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(Message::Pong(_) | Message::Continuation(_) | Message::Nop) => {}
            Err(_) => ctx.stop(),
        }
    }
}
