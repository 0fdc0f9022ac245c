#![expect(clippy::disallowed_types, reason = "a yardstick stands on the same layer as the leg, and on nothing else")]

use std::{collections::VecDeque, pin::Pin};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Running, StreamHandler, WrapFuture,
    io::{SinkWrite, WriteHandler},
};
use actix_http::ws::{Frame, Message as Upstream};
use actix_service::ServiceExt as _;
use actix_web::{
    HttpRequest,
    web::{self, Payload, ServiceConfig},
};
use actix_web_actors::ws::{self, Message, ProtocolError, WebsocketContext};
use awc::{Client, Connector};
use bytestring::ByteString;
use futures_util::{Sink, StreamExt as _};

use super::is_media;

/// A socket at `/` that opens one socket to `upstream` (a `ws` URL) for each of its own and passes messages on, both ways.
/// No codec, no clock, no call.
pub fn bridge(upstream: String) -> impl FnOnce(&mut ServiceConfig) {
    move |server| {
        // As the engine's: no limit, no Nagle.
        let tcp = actix_tls::connect::Connector::default().service().map(|connection| {
            let _nagle_stays = connection.io_ref().set_nodelay(true);
            connection
        });
        let connector = Connector::new().connector(tcp).limit(0).max_http_version(awc::http::Version::HTTP_11);
        let client = Client::builder().connector(connector).finish();
        server.route(
            "/",
            web::get().to(move |request: HttpRequest, payload: Payload| {
                let bridge = Bridge {
                    client: client.clone(),
                    upstream: upstream.clone(),
                    waiting: VecDeque::new(),
                    there: None,
                };
                async move { ws::start(bridge, &request, payload) }
            }),
        );
    }
}

type There = SinkWrite<Upstream, Pin<Box<dyn Sink<Upstream, Error = ProtocolError>>>>;

struct Bridge {
    client: Client,
    upstream: String,
    /// What came before the other side was there.
    waiting: VecDeque<Upstream>,
    there: Option<There>,
}

impl Actor for Bridge {
    type Context = WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut WebsocketContext<Self>) {
        let socket = self.client.ws(&self.upstream).connect();
        ctx.spawn(socket.into_actor(self).map(|socket, bridge, ctx| {
            let Ok((_, framed)) = socket else { return ctx.stop() };
            let (sink, stream) = framed.split();
            ctx.add_stream(stream);
            let mut there: There = SinkWrite::new(Box::pin(sink), ctx);
            for message in bridge.waiting.drain(..) {
                let _closing = there.write(message);
            }
            bridge.there = Some(there);
        }));
    }
}

/// From the carrier.
impl StreamHandler<Result<Message, ProtocolError>> for Bridge {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut WebsocketContext<Self>) {
        match message {
            Ok(Message::Text(text)) if is_media(&text) => match &mut self.there {
                Some(there) => {
                    let _closing = there.write(Upstream::Text(text));
                }
                None => self.waiting.push_back(Upstream::Text(text)),
            },
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

/// From the other side.
impl StreamHandler<Result<Frame, ProtocolError>> for Bridge {
    fn handle(&mut self, frame: Result<Frame, ProtocolError>, ctx: &mut WebsocketContext<Self>) {
        match frame {
            Ok(Frame::Text(text)) => match ByteString::try_from(text) {
                Ok(text) => ctx.text(text),
                Err(_) => ctx.stop(),
            },
            Ok(Frame::Close(_)) | Err(_) => ctx.stop(),
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_) | Frame::Continuation(_)) => {}
        }
    }
}

impl WriteHandler<ProtocolError> for Bridge {
    fn error(&mut self, _: ProtocolError, _: &mut WebsocketContext<Self>) -> Running {
        Running::Stop
    }
}
