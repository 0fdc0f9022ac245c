use actix::{Actor, AsyncContext, Handler, WrapFuture};
use futures_util::StreamExt as _;
use operetta_contract::{Complete, Completion, Next, ProviderError, Speaker};
use operetta_stage::{Answer, Ask, Kind, Metered};
use serde::Deserialize;
use serde_json::json;

use super::{Line, broken};

/// Thinks over HTTP, word by word.
pub(super) struct Mind {
    line: Line,
}

impl Mind {
    pub(super) const fn new(line: Line) -> Self {
        Self { line }
    }
}

impl Kind for Mind {
    const KIND: &'static str = "llm";
}

impl Actor for Mind {
    type Context = Metered<Self>;
}

impl Handler<Ask<Complete>> for Mind {
    type Result = ();

    fn handle(&mut self, ask: Ask<Complete>, ctx: &mut Metered<Self>) {
        let Ask { job, answer, .. } = ask;
        let line = self.line.clone();
        let think = async move {
            let thought = tokio::select! {
                biased;
                thought = think(&line, &job, &answer) => thought,
                () = answer.cancelled() => return,
            };
            match thought {
                Ok(()) => answer.finish(Completion::Done(Next::Listen)),
                Err(error) => answer.fail(Completion::Failed(error)),
            }
        };
        ctx.spawn(think.into_actor(self));
    }
}

#[derive(Deserialize)]
struct Word {
    text: Option<String>,
}

async fn think(line: &Line, job: &Complete, answer: &Answer<Complete>) -> Result<(), ProviderError> {
    let dialogue: Vec<_> = job
        .words()
        .map(|words| {
            let speaker = match words.speaker {
                Speaker::Caller => "caller",
                Speaker::Agent => "agent",
            };
            json!({ "speaker": speaker, "text": &*words.text })
        })
        .collect();
    let question = json!({ "prompt": &*job.prompt, "dialogue": dialogue });
    let mut response = line.client.post(line.url("http", "llm")).send_json(&question).await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(broken(response.status()));
    }
    let mut unread = Vec::new();
    while let Some(bytes) = response.next().await {
        unread.extend_from_slice(&bytes.map_err(broken)?);
        let whole = unread.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for text in unread.drain(..whole).as_slice().split(|&byte| byte == b'\n').filter(|text| !text.is_empty()) {
            let Word { text } = serde_json::from_slice(text).map_err(broken)?;
            if let Some(text) = text {
                answer.tell(Completion::Text(text.into())).await.map_err(broken)?;
            }
        }
    }
    Ok(())
}
