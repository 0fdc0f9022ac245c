//! Twilio's voice webhook and its sockets. Sources: twilio.com/docs/voice/twiml/stream and
//! twilio.com/docs/usage/webhooks/webhooks-security, read 2026-11-20.

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use operetta_session::{Grant, Granted, Proof};
use operetta_wire::{Carrier, webhook::Ring};

use super::{Edge, TwilioEdge, Upgrade, request, twiml};
use crate::auth::{Signed, StreamToken};
use crate::leg;

/// Answers a call with the stream to connect it to. Twilio repeats nothing in the upgrade's URL (31920), so the token
/// travels as a `<Parameter>` and comes back in `start`.
pub(super) async fn voice(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    let Some(twilio) = &edge.twilio else {
        return HttpResponse::NotFound().finish();
    };
    if !twilio.keys.is_empty() && signature(&req).is_none() {
        return refused(&edge);
    }
    let body = match request::read_body(payload, edge.body_deadline).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    // One parser for what is verified and what is used (threat T4).
    let query = request::query_fields(&req);
    let form = if request::is_type(&req, FORM) { request::form_fields(&body) } else { Vec::new() };
    let signed = match *req.method() {
        Method::GET if body.is_empty() => Signed::Url,
        _ if request::is_type(&req, FORM) => Signed::Form(&form),
        _ if body.is_empty() => Signed::Form(&[]),
        _ => Signed::Body(&body),
    };
    if !is_genuine(twilio, &req, &edge.public_url.http(target(&req)), signed) {
        return refused(&edge);
    }
    let agent = request::agent(&query).map(str::to_owned);
    let ring = match Ring::read(Carrier::Twilio, query.into_iter().chain(form)) {
        Ok(ring) => ring,
        Err(error) => return HttpResponse::BadRequest().body(error.code()),
    };
    let grant =
        Grant { call_sid: ring.call_sid, from: ring.from, to: ring.to, agent: agent.as_deref().map(Into::into) };
    HttpResponse::Ok().insert_header((CONTENT_TYPE, XML)).body(answer(&edge, grant, agent.as_deref()))
}

fn answer(edge: &Edge, grant: Grant, agent: Option<&str>) -> String {
    let Ok(token) = StreamToken::random() else {
        return twiml::busy();
    };
    if edge.grants.grant(Granted { token: token.digest(), grant }).is_err() {
        return twiml::busy();
    }
    let mut parameters = vec![("session_token", token.as_str())];
    parameters.extend(agent.map(|name| ("agent", name)));
    twiml::connect(&edge.public_url.ws(MEDIA_PATH), &parameters)
}

/// Both directions. The signature says that it is Twilio; which call it is, the token in `start` must say.
pub(super) async fn media(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    upgrade(&req, payload, &edge, true)
}

/// Caller audio only, for `<Start><Stream>` in TwiML that is not ours, and so without a token of ours.
pub(super) async fn listen(req: HttpRequest, payload: web::Payload, edge: web::Data<Edge>) -> HttpResponse {
    upgrade(&req, payload, &edge, false)
}

fn upgrade(req: &HttpRequest, payload: web::Payload, edge: &Edge, duplex: bool) -> HttpResponse {
    let Some(twilio) = &edge.twilio else {
        return HttpResponse::NotFound().finish();
    };
    if request::is_browser(req) || !is_genuine(twilio, req, &edge.public_url.ws(target(req)), Signed::Upgrade) {
        return refused(edge);
    }
    let proof = match duplex {
        _ if twilio.keys.is_empty() => Proof::Open,
        true => Proof::Token,
        false => Proof::Upgrade,
    };
    match leg::open(req, payload, &edge.leg) {
        Ok((answer, leg)) => {
            let upgrade = Upgrade { carrier: Carrier::Twilio, duplex, rate_hint_hz: None, proof, token: None };
            edge.opener.open(leg, upgrade);
            answer
        }
        Err(error) => error.error_response(),
    }
}

fn is_genuine(twilio: &TwilioEdge, req: &HttpRequest, url: &str, signed: Signed<'_>) -> bool {
    twilio.keys.is_empty() || signature(req).is_some_and(|signature| twilio.keys.verify(url, signed, signature))
}

/// The header, if there is exactly one.
fn signature(req: &HttpRequest) -> Option<&[u8]> {
    let mut signatures = req.headers().get_all("x-twilio-signature");
    match (signatures.next(), signatures.next()) {
        (Some(signature), None) => Some(HeaderValue::as_bytes(signature)),
        _ => None,
    }
}

/// Path and query as they came, still encoded.
fn target(req: &HttpRequest) -> &str {
    req.uri().path_and_query().map_or("/", |target| target.as_str())
}

fn refused(edge: &Edge) -> HttpResponse {
    (edge.on_refused)(Carrier::Twilio);
    HttpResponse::Forbidden().finish()
}

const FORM: &str = "application/x-www-form-urlencoded";
const XML: &str = "text/xml; charset=utf-8";
const MEDIA_PATH: &str = "/twilio/media";
