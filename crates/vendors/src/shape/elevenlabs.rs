//! How ElevenLabs says no: the envelopes of HTTP, of messages and of close frames.
//!
//! Source: ElevenLabs API reference (text to speech, errors), its Python SDK 2.78.0, and the reports that are cited where they
//! matter; read 2026-11.

use operetta_contract::{ErrorClass, Head, ProviderError, class_of_status, closed_by_server};
use serde_json::Value;

use super::{quote::quote, refused::refused, request_id::naming};

/// Where ElevenLabs lives; hosts with data residency exist (`api.eu.residency.elevenlabs.io` and others).
pub const BASE_URL: &str = "https://api.elevenlabs.io";

/// The header that holds the key.
pub const KEY_HEADER: &str = "xi-api-key";

/// What a reply means whose status is not 2xx: `{"detail": {"status", "message", "code", …}}`, a list of validation errors, a
/// plain string, or nothing that can be read. A spent quota comes as 401 and says so in the body.
pub fn refusal(head: &Head, body: &[u8]) -> ProviderError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = body.get("detail").unwrap_or(&body);
    let words = |name| detail.get(name).and_then(Value::as_str).unwrap_or_default();
    let known = [words("status"), words("code"), words("error")].into_iter().find(|code| class_of_code(code).is_some());
    let code = known.unwrap_or_else(|| words("status"));
    let class = known.and_then(class_of_code).unwrap_or_else(|| class_of_status(head.status));
    let message =
        detail.as_str().map_or_else(|| invalid(detail).unwrap_or_else(|| words("message").to_owned()), str::to_owned);
    naming(refused(head, class, code, &message, None), head.header("request-id"))
}

/// The error that a message tells of, if it does: `{"message", "error", "code"}`, with or without a context.
pub fn error_message(message: &Value) -> Option<ProviderError> {
    let code = message.get("error").and_then(Value::as_str)?;
    let words = message.get("message").and_then(Value::as_str).unwrap_or_default();
    let close = message.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let class = class_of_code(code).unwrap_or_else(|| closed_by_server(close, "").class);
    Some(ProviderError::new(class, format!("the server reports {:?}: {}", quote(code), quote(words))))
}

/// What it means that the server has closed: the reason may hold one of the codes.
pub fn closed(code: Option<u16>, reason: &str) -> ProviderError {
    let mut error = closed_by_server(code, reason);
    let words = reason.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '+'));
    if let Some(class) = words.into_iter().find_map(class_of_code) {
        error.class = class;
    }
    error
}

/// Where a validation error points, and what it asks for; the value it was given is left out.
fn invalid(detail: &Value) -> Option<String> {
    let first = detail.as_array()?.first()?;
    let place: Vec<String> =
        first.get("loc")?.as_array()?.iter().map(|part| part.to_string().replace('"', "")).collect();
    Some(format!("{}: {}", place.join("."), first.get("msg").and_then(Value::as_str).unwrap_or_default()))
}

fn class_of_code(code: &str) -> Option<ErrorClass> {
    let class = match code {
        "quota_exceeded" => ErrorClass::Quota,
        "invalid_api_key" | "missing_permissions" | "detected_unusual_activity" => ErrorClass::Auth,
        "voice_not_found"
        | "model_not_found"
        | "unsupported_model"
        | "only_for_creator+"
        | "subscription_required"
        | "output_format_not_allowed" => ErrorClass::Missing,
        "too_many_concurrent_requests" | "max_active_conversations" => ErrorClass::Busy,
        "max_character_limit_exceeded" => ErrorClass::TooLong,
        "input_timeout_exceeded" | "session_expired" => ErrorClass::SessionExpired,
        "system_busy" => ErrorClass::Unavailable,
        _ => return None,
    };
    Some(class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn refused_as(status: u16, body: &str) -> ErrorClass {
        refusal(&Head { status, headers: Vec::new() }, body.as_bytes()).class
    }

    #[test]
    fn every_row_of_the_table() {
        use ErrorClass::{Auth, BadRequest, Busy, Missing, Quota, RateLimited, TooLong, Unavailable};
        for (status, word, class) in [
            (400, "max_character_limit_exceeded", TooLong),
            (400, "voice_not_found", Missing),
            (404, "voice_not_found", Missing),
            (400, "model_not_found", Missing),
            (401, "invalid_api_key", Auth),
            (401, "missing_permissions", Auth),
            (401, "quota_exceeded", Quota),
            (401, "detected_unusual_activity", Auth),
            (403, "only_for_creator+", Missing),
            (403, "subscription_required", Missing),
            (403, "output_format_not_allowed", Missing),
            (429, "too_many_concurrent_requests", Busy),
            (429, "system_busy", Unavailable),
            (429, "something_new", RateLimited),
            (401, "something_new", Auth),
            (500, "something_new", Unavailable),
        ] {
            let body = format!(r#"{{"detail":{{"status":"{word}","message":"why"}}}}"#);
            assert_eq!(refused_as(status, &body), class, "{status} {word}");
            let newer = format!(r#"{{"detail":{{"type":"t","status":"other","code":"{word}","message":"why"}}}}"#);
            assert_eq!(refused_as(status, &newer), class, "{status} {word} as a code");
        }
        let invalid = r#"{"detail":[{"loc":["body","voice_settings","speed"],"msg":"Input should be 0.7 or more","input":"secret"}]}"#;
        let error = refusal(&Head { status: 422, headers: Vec::new() }, invalid.as_bytes());
        assert_eq!(error.class, BadRequest);
        assert_eq!(error.detail, "status 422: body.voice_settings.speed: Input should be 0.7 or more");
        assert_eq!(refused_as(403, r#"{"detail":"Forbidden"}"#), Auth);
        assert_eq!(refused_as(502, "<html>"), Unavailable);
        assert_eq!(refused_as(413, ""), TooLong);
    }

    #[test]
    fn a_pause_and_a_request_are_reported() {
        let headers = [("retry-after", "2"), ("request-id", "r1")];
        let head = Head { status: 429, headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec() };
        let error = refusal(&head, br#"{"detail":"slow down"}"#);
        assert_eq!((error.class, error.after), (ErrorClass::RateLimited, Some(Duration::from_secs(2))));
        assert_eq!(error.detail, "status 429: slow down (request r1)");
    }

    #[test]
    fn messages_and_close_reasons_hold_the_same_codes() {
        use ErrorClass::{Auth, BadRequest, Busy, Missing, Quota, SessionExpired, Unavailable};
        for (word, class) in [
            ("input_timeout_exceeded", SessionExpired),
            ("quota_exceeded", Quota),
            ("max_active_conversations", Busy),
            ("detected_unusual_activity", Auth),
            ("voice_not_found", Missing),
            ("unsupported_model", Missing),
            ("invalid_api_key", Auth),
            ("something_new", BadRequest),
        ] {
            let error = error_message(&json!({"message": "why", "error": word, "code": 1008})).unwrap();
            assert_eq!(error.class, class, "{word}");
            assert_eq!(closed(Some(1008), &format!("{word}: why")).class, class, "{word}");
        }
        assert_eq!(error_message(&json!({"error": "something_new", "code": 99_999})).unwrap().class, Unavailable);
        assert_eq!(error_message(&json!({"audio": "", "message": "m"})), None);
        assert_eq!(error_message(&json!([1])), None);
        assert_eq!(closed(None, "").class, Unavailable);
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_survived(status in 300u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = refusal(&Head { status, headers: Vec::new() }, &body);
        }
    }
}
