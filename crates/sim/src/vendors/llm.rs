use std::{convert::Infallible, iter, time::Duration};

use actix_web::{
    HttpResponse,
    web::{self, Bytes},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use super::Manner;

/// What the mind always says: three sentences, 133 characters, 8 s of speech.
pub const REPLY: &str = "We have a free place on Tuesday at ten in the day. \
It will take half an hour, and costs nothing, too. \
May I write down your name now?";

#[derive(Deserialize)]
pub(super) struct Question {
    #[expect(dead_code, reason = "a mind that reads nothing still insists on being asked properly")]
    prompt: String,
    dialogue: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    speaker: String,
    #[expect(dead_code, reason = "as above")]
    text: String,
}

pub(super) async fn think(question: web::Json<Question>, manner: web::Data<Manner>) -> HttpResponse {
    if question.dialogue.last().is_none_or(|said| said.speaker != "caller") {
        return HttpResponse::BadRequest().finish();
    }
    let manner = *manner.get_ref();
    let words = REPLY.split_inclusive(' ').map(|word| json!({ "text": word }));
    let lines = words.chain(iter::once(json!({ "done": true }))).map(|line| format!("{line}\n"));
    let pauses = iter::once(manner.first).chain(iter::repeat(manner.between_words));
    HttpResponse::Ok().content_type("application/x-ndjson").streaming(stream::unfold(
        lines.zip(pauses),
        |mut rest| async move {
            let (line, pause) = rest.next()?;
            wait(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from(line)), rest))
        },
    ))
}

pub(super) async fn wait(pause: Duration) {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
}
