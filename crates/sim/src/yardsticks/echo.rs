#![expect(clippy::disallowed_types, reason = "a yardstick stands on the same layer as the leg, and on nothing else")]

use actix::{Actor, ActorContext, StreamHandler};
use actix_web::{
    HttpRequest,
    web::{self, Payload, ServiceConfig},
};
use actix_web_actors::ws::{self, Message, ProtocolError, WebsocketContext};

use super::is_media;

/// A socket at `/` that sends every media message back as it came. Also what a [`bridge`](super::bridge) leads to.
pub fn echo(server: &mut ServiceConfig) {
    server.route("/", web::get().to(async |request: HttpRequest, payload: Payload| ws::start(Echo, &request, payload)));
}

struct Echo;

impl Actor for Echo {
    type Context = WebsocketContext<Self>;
}

impl StreamHandler<Result<Message, ProtocolError>> for Echo {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut WebsocketContext<Self>) {
        match message {
            Ok(Message::Text(text)) if is_media(&text) => ctx.text(text),
            Ok(Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(_) => {}
            Err(_) => ctx.stop(),
        }
    }
}
