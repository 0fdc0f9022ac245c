use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, ORIGIN};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;
use url::form_urlencoded;

use super::Edge;

/// Decoded fields in the order in which they came.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn query_fields(req: &HttpRequest) -> Fields {
    form_fields(req.query_string().as_bytes())
}

pub(super) fn form_fields(bytes: &[u8]) -> Fields {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// The scalars at the top of a JSON object, in the order in which they came; nothing of anything else. A map would keep
/// the last of two equal names, so the pairs are read one by one.
pub(super) fn json_fields(bytes: &[u8]) -> Fields {
    serde_json::from_slice::<Pairs>(bytes).map(|pairs| pairs.0).unwrap_or_default()
}

/// The first value that goes by one of `names`, and is not empty.
pub(super) fn first<'a>(fields: &'a Fields, names: &[&str]) -> Option<&'a str> {
    fields.iter().find(|(name, value)| names.contains(&name.as_str()) && !value.is_empty()).map(|(_, value)| &**value)
}

/// The agent that the webhook's address asks for, from the query that the operator gave to the carrier.
pub(super) fn agent(query: &Fields) -> Option<&str> {
    first(query, &["agent", "businessId"]).filter(|name| name.len() <= AGENT_NAME_BYTES)
}

pub(super) fn authorization(req: &HttpRequest) -> Option<&[u8]> {
    req.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes)
}

/// Whether the body says that it is `kind`, such as `application/json`.
pub(super) fn is_type(req: &HttpRequest, kind: &str) -> bool {
    let header = req.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind)
}

/// Carriers send no `Origin`; a browser always does, and no page has business on our media sockets (threat T13).
pub(super) fn is_browser(req: &HttpRequest) -> bool {
    req.headers().contains_key(ORIGIN)
}

/// Reads a body within [`Edge::BODY_BYTES`] and `deadline`; otherwise the answer to give.
pub(super) async fn read_body(payload: web::Payload, deadline: Duration) -> Result<Bytes, HttpResponse> {
    match timeout(deadline, collect(payload)).await {
        Ok(read) => read,
        Err(_) => Err(HttpResponse::RequestTimeout().force_close().finish()),
    }
}

async fn collect(mut payload: web::Payload) -> Result<Bytes, HttpResponse> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| HttpResponse::BadRequest().finish())?;
        if body.len() + chunk.len() > Edge::BODY_BYTES {
            return Err(HttpResponse::PayloadTooLarge().force_close().finish());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Longer than any name in the configuration.
const AGENT_NAME_BYTES: usize = 128;

struct Pairs(Fields);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> serde::de::Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Fields::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            match value {
                Value::String(text) => pairs.push((name, text)),
                Value::Number(number) => pairs.push((name, number.to_string())),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
            }
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_order_and_repetition() {
        let fields = json_fields(br#"{"CallSid":"b01","n":7,"CallSid":"b02","deep":{"CallSid":"x"},"none":null}"#);
        let expected = [("CallSid", "b01"), ("n", "7"), ("CallSid", "b02")];
        assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for odd in ["", "[]", "7", "{", "{\"CallSid\":\"b01\"", &"[".repeat(10_000), "\u{0}"] {
            assert_eq!(json_fields(odd.as_bytes()), Fields::new(), "{odd:.20}");
        }
    }

    #[test]
    fn the_agent_is_named_in_either_way() {
        assert_eq!(agent(&form_fields(b"x=1&businessId=asha&agent=ravi")), Some("asha"));
        assert_eq!(agent(&form_fields(b"agent=&businessId=asha")), Some("asha"));
        assert_eq!(agent(&form_fields(format!("agent={}", "x".repeat(129)).as_bytes())), None);
    }
}
