use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    web::{self, Bytes},
};
use futures_util::stream;
use operetta_audio::{Encoding, Format, g711, tone};
use serde::Deserialize;

use super::{Manner, llm::wait};

/// How much audio comes at a time, in ms.
pub const PIECE_MS: u32 = 200;

#[derive(Deserialize)]
pub(super) struct Order {
    text: String,
    encoding: Coding,
    rate_hz: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    Mulaw,
    Pcm16,
}

pub(super) async fn speak(order: web::Json<Order>, manner: web::Data<Manner>) -> HttpResponse {
    let Order { text, encoding, rate_hz } = order.into_inner();
    if text.is_empty() || !(8_000..=48_000).contains(&rate_hz) {
        return HttpResponse::BadRequest().finish();
    }
    let encoding = match encoding {
        Coding::Mulaw => Encoding::Mulaw,
        Coding::Pcm16 => Encoding::Pcm16,
    };
    let format = Format { encoding, rate_hz };
    // A hum, quiet enough for whoever has to listen to it.
    let mut piece = Vec::with_capacity(format.bytes_of_ms(PIECE_MS));
    g711::encode_into(encoding, &tone::sine(200.0, PIECE_MS, rate_hz, -30.0), &mut piece);
    let piece = Bytes::from(piece);
    let bytes = format.bytes_of_ms(text.chars().count() as u32 * CHARACTER_MS);
    let (first, between) = (manner.first, Duration::from_millis(u64::from(PIECE_MS)) / manner.speed.max(1));
    HttpResponse::Ok().content_type("application/octet-stream").streaming(stream::unfold(
        (bytes, first),
        move |(left, pause)| {
            let piece = piece.clone();
            async move {
                if left == 0 {
                    return None;
                }
                wait(pause).await;
                let piece = piece.slice(..left.min(piece.len()));
                let left = left - piece.len();
                Some((Ok::<_, Infallible>(piece), (left, between)))
            }
        },
    ))
}

/// People say about 16 characters a second.
const CHARACTER_MS: u32 = 60;
