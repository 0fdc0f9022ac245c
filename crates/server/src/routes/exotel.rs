//! Exotel's lookup of the socket's URL, and its sockets. Sources: developer.exotel.com/docs/agentstream, pages
//! stream-voicebot-applet and connect-voice-ai, read 2026-11-20.

use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use operetta_session::{Grant, Granted, Proof, TokenDigest};
use operetta_wire::{Carrier, webhook::Ring};
use serde::Serialize;

use super::{Edge, ExotelEdge, Upgrade, request};
use crate::auth::{ExotelKeys, Shown, StreamToken};
use crate::leg;

/// The answer to a lookup. The key is lower case.
#[derive(Serialize)]
struct Answer {
    url: String,
}

/// Answers where to connect a call. Exotel documents neither method nor body, so the fields are taken from the query, a
/// form or JSON. A lookup that proves itself is always answered: no answer would mean no agent on the call.
pub(super) async fn lookup(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    let Some(exotel) = &edge.exotel else {
        return HttpResponse::NotFound().finish();
    };
    let mut fields = request::query_fields(&req);
    if !exotel.keys.is_empty() && shown(exotel, &req, &fields) != Shown::Key {
        return refused(&edge, StatusCode::FORBIDDEN);
    }
    let agent = request::agent(&fields).map(Into::into);
    let body = match request::read_body(payload, edge.body_deadline).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    // Exotel has been seen to mislabel: what looks like an object is read as one.
    if request::is_type(&req, "application/json") || body.trim_ascii_start().starts_with(b"{") {
        fields.extend(request::json_fields(&body));
    } else {
        fields.extend(request::form_fields(&body));
    }
    let grant = match Ring::read(Carrier::Exotel, fields) {
        Ok(ring) => Grant { call_sid: ring.call_sid, from: ring.from, to: ring.to, agent },
        Err(_) => Grant { agent, ..Grant::default() },
    };
    HttpResponse::Ok().json(Answer { url: socket_url(&edge, exotel, grant) })
}

/// The URL of the socket. Without a token where none could be given out: Exotel has no word for busy, so the socket then
/// refuses, and Exotel's flow goes on to its next applet.
fn socket_url(edge: &Edge, exotel: &ExotelEdge, grant: Grant) -> String {
    let path = &exotel.media_path;
    let rate = exotel.sample_rate_hz;
    match StreamToken::random().ok().filter(|token| {
        let granted = Granted { token: token.digest(), grant };
        edge.grants.grant(granted).is_ok()
    }) {
        Some(token) => edge.public_url.ws(&format!("{path}?sample-rate={rate}&session={}", token.as_str())),
        None => edge.public_url.ws(&format!("{path}?sample-rate={rate}")),
    }
}

pub(super) async fn media(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    upgrade(&req, payload, &edge, true)
}

pub(super) async fn listen(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    upgrade(&req, payload, &edge, false)
}

fn upgrade(req: &HttpRequest, payload: web::Payload, edge: &Edge, duplex: bool) -> HttpResponse {
    let Some(exotel) = &edge.exotel else {
        return HttpResponse::NotFound().finish();
    };
    if request::is_browser(req) {
        return refused(edge, StatusCode::FORBIDDEN);
    }
    let query = request::query_fields(req);
    let token = request::first(&query, &["session", "session_token"]).map(TokenDigest::of);
    let proof = match shown(exotel, req, &query) {
        _ if exotel.keys.is_empty() => Proof::Open,
        Shown::Key => Proof::Upgrade,
        Shown::Nothing if token.is_some() => Proof::Token,
        Shown::Nothing | Shown::Wrong => return refused(edge, StatusCode::UNAUTHORIZED),
    };
    match leg::open(req, payload, &edge.leg) {
        Ok((answer, leg)) => {
            let rate_hint_hz = request::first(&query, &["sample-rate", "sample_rate"])
                .and_then(|rate| rate.parse().ok())
                .filter(|rate| matches!(rate, 8000 | 16000 | 24000));
            let upgrade = Upgrade { carrier: Carrier::Exotel, duplex, rate_hint_hz, proof, token };
            edge.opener.open(leg, upgrade);
            answer
        }
        Err(error) => error.error_response(),
    }
}

fn shown(exotel: &ExotelEdge, req: &HttpRequest, query: &request::Fields) -> Shown {
    exotel.keys.check(request::authorization(req), request::first(query, &ExotelKeys::SECRET_NAMES))
}

fn refused(edge: &Edge, status: StatusCode) -> HttpResponse {
    (edge.on_refused)(Carrier::Exotel);
    let mut answer = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((WWW_AUTHENTICATE, "Basic realm=\"operetta\""));
    }
    answer.finish()
}
