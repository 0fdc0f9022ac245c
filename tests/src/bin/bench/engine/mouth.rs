use actix::{Actor, AsyncContext, Handler, WrapFuture};
use futures_util::StreamExt as _;
use operetta_audio::Encoding;
use operetta_contract::{ProviderError, Speech, Synthesize};
use operetta_stage::{Answer, Ask, Kind, Metered};
use serde_json::json;

use super::{Line, broken};

/// Speaks over HTTP.
pub(super) struct Mouth {
    line: Line,
}

impl Mouth {
    pub(super) const fn new(line: Line) -> Self {
        Self { line }
    }
}

impl Kind for Mouth {
    const KIND: &'static str = "tts";
}

impl Actor for Mouth {
    type Context = Metered<Self>;
}

impl Handler<Ask<Synthesize>> for Mouth {
    type Result = ();

    fn handle(&mut self, ask: Ask<Synthesize>, ctx: &mut Metered<Self>) {
        let Ask { job, answer, .. } = ask;
        let line = self.line.clone();
        let speak = async move {
            let spoken = tokio::select! {
                biased;
                spoken = speak(&line, &job, &answer) => spoken,
                () = answer.cancelled() => return,
            };
            match spoken {
                Ok(()) => answer.finish(Speech::Done),
                Err(error) => answer.fail(Speech::Failed(error)),
            }
        };
        ctx.spawn(speak.into_actor(self));
    }
}

async fn speak(line: &Line, job: &Synthesize, answer: &Answer<Synthesize>) -> Result<(), ProviderError> {
    let encoding = match job.format.encoding {
        Encoding::Mulaw => "mulaw",
        Encoding::Pcm16 => "pcm16",
        Encoding::Alaw => return Err(broken("the vendor does not speak A-law")),
    };
    let order = json!({ "text": &*job.text, "encoding": encoding, "rate_hz": job.format.rate_hz });
    let mut response = line.client.post(line.url("http", "tts")).send_json(&order).await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(broken(response.status()));
    }
    // What the network cut in the middle of a sample.
    let mut half: Option<u8> = None;
    while let Some(bytes) = response.next().await {
        let bytes = bytes.map_err(broken)?;
        let mut audio: Vec<u8> = half.take().into_iter().chain(bytes).collect();
        if !audio.len().is_multiple_of(job.format.sample_bytes()) {
            half = audio.pop();
        }
        if !audio.is_empty() {
            answer.tell(Speech::Audio(audio.into())).await.map_err(broken)?;
        }
    }
    Ok(())
}
