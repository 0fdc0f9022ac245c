use actix::{Actor, AsyncContext, Handler, WrapFuture};
use actix_http::ws::{Frame, Message};
use futures_util::{SinkExt as _, StreamExt as _};
use operetta_contract::{Detect, Hearing, ProviderError, Transcribe, Transcript, Voice};
use operetta_stage::{Answer, Ask, FeedEnd, Kind, Metered};
use serde::Deserialize;

use super::{Line, broken};

/// Takes the engine's own gate for a detector: whatever opens it is speech.
pub(super) struct GateKeeper;

impl Kind for GateKeeper {
    const KIND: &'static str = "vad";
}

impl Actor for GateKeeper {
    type Context = Metered<Self>;
}

impl Handler<Ask<Detect>> for GateKeeper {
    type Result = ();

    fn handle(&mut self, ask: Ask<Detect>, ctx: &mut Metered<Self>) {
        let Ask { answer, mut feed, .. } = ask;
        let detect = async move {
            let mut speaking = false;
            while let Some(piece) = feed.recv().await {
                if piece.is_empty() == speaking {
                    speaking = !speaking;
                    let voice = if speaking { Voice::Began } else { Voice::Ended };
                    if answer.tell(voice).await.is_err() {
                        return;
                    }
                }
            }
        };
        ctx.spawn(detect.into_actor(self));
    }
}

/// Listens over one socket per call.
pub(super) struct Listener {
    line: Line,
}

impl Listener {
    pub(super) const fn new(line: Line) -> Self {
        Self { line }
    }
}

impl Kind for Listener {
    const KIND: &'static str = "stt";
}

impl Actor for Listener {
    type Context = Metered<Self>;
}

impl Handler<Ask<Transcribe>> for Listener {
    type Result = ();

    fn handle(&mut self, ask: Ask<Transcribe>, ctx: &mut Metered<Self>) {
        let Ask { answer, feed, .. } = ask;
        let line = self.line.clone();
        let listen = async move {
            let heard = tokio::select! {
                biased;
                heard = listen(&line, &answer, feed) => heard,
                () = answer.cancelled() => return,
            };
            if let Err(error) = heard {
                answer.fail(Transcript::Failed(error));
            }
        };
        ctx.spawn(listen.into_actor(self));
    }
}

#[derive(Deserialize)]
struct Final {
    flush: u32,
    text: String,
}

/// Ends well when the lease ends.
async fn listen(line: &Line, answer: &Answer<Transcribe>, mut feed: FeedEnd<Transcribe>) -> Result<(), ProviderError> {
    let (_, mut socket) = line.client.ws(line.url("ws", "stt")).connect().await.map_err(broken)?;
    loop {
        tokio::select! {
            biased;
            piece = feed.recv() => {
                let message = match piece {
                    Some(Hearing::Samples(samples)) => {
                        let mut bytes = Vec::with_capacity(2 * samples.len());
                        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
                        Message::Binary(bytes.into())
                    }
                    Some(Hearing::Flush(flush)) => Message::Text(format!(r#"{{"flush":{flush}}}"#).into()),
                    None => return Ok(()),
                };
                socket.send(message).await.map_err(broken)?;
            }
            frame = socket.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    let Final { flush, text } = serde_json::from_slice(&text).map_err(broken)?;
                    let heard = Transcript::Final { text: text.into(), flush: Some(flush) };
                    if answer.tell(heard).await.is_err() {
                        return Ok(());
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(broken("the listening vendor hung up")),
            },
        }
    }
}
