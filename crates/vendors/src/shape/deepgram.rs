//! How Deepgram says no: the envelopes of HTTP, of messages and of close frames, the same for speech in both directions.
//!
//! Source: Deepgram API reference (errors; speak and listen, streaming) and its Python SDK 7.16.0, read 2026-11.

use operetta_contract::{ErrorClass, Head, ProviderError, class_of_status, closed_by_server};
use serde_json::Value;

use super::{quote::quote, refused::refused, request_id::naming};

/// Where Deepgram lives; regional hosts exist (`api.eu.deepgram.com` and others).
pub const BASE_URL: &str = "https://api.deepgram.com";

/// What stands before the key in the `authorization` header.
pub const SCHEME: &str = "Token ";

/// What a reply means whose status is not 2xx: `{"err_code", "err_msg", "request_id"}`, or `{"category", "message",
/// "details", "request_id"}`, or nothing that can be read.
pub fn refusal(head: &Head, body: &[u8]) -> ProviderError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = word(&body, &["err_code", "error_code", "category"]);
    let class = class_of_code(code).unwrap_or_else(|| class_of_refusal(head.status));
    let request = head.header("dg-request-id").or_else(|| body.get("request_id").and_then(Value::as_str));
    // A refused upgrade tells its reason in a header as well.
    let words = Some(word(&body, &["err_msg", "message"])).filter(|words| !words.is_empty());
    let words = words.or_else(|| head.header("dg-error")).unwrap_or_default();
    naming(refused(head, class, code, words, None), request)
}

/// What a refused upgrade means of which only the status is known.
pub fn refused_upgrade(status: u16) -> ProviderError {
    ProviderError::new(class_of_refusal(status), format!("the upgrade was refused with status {status}"))
}

/// What a message of type `Error` means: `{"type":"Error", "variant" | "code", "description" | "message"}`.
pub fn error_message(message: &Value) -> ProviderError {
    let code = word(message, &["variant", "code", "err_code"]);
    let words = word(message, &["description", "message", "err_msg"]);
    let class = class_of_code(code).or_else(|| class_of_reason(words)).unwrap_or(ErrorClass::Unavailable);
    ProviderError::new(class, format!("the server reports {:?}: {}", quote(code), quote(words)))
}

/// What it means that the server has closed: the reason begins with a code such as `NET-0001`, or ends in a link that
/// holds it (`https://dpgr.am/net0001`).
pub fn closed(code: Option<u16>, reason: &str) -> ProviderError {
    let mut error = closed_by_server(code, reason);
    if let Some(class) = class_of_reason(reason) {
        error.class = class;
    }
    error
}

fn class_of_refusal(status: u16) -> ErrorClass {
    match status {
        // It counts streams at once, not requests in a time.
        429 => ErrorClass::Busy,
        _ => class_of_status(status),
    }
}

fn class_of_code(code: &str) -> Option<ErrorClass> {
    let class = match code.to_ascii_uppercase().replace(' ', "_").as_str() {
        "ASR_PAYMENT_REQUIRED" => ErrorClass::Quota,
        "INVALID_AUTH" | "INSUFFICIENT_PERMISSIONS" => ErrorClass::Auth,
        "TOO_MANY_REQUESTS" => ErrorClass::Busy,
        "PAYLOAD_TOO_LARGE" => ErrorClass::TooLong,
        "SPEED_NOT_SUPPORTED" => ErrorClass::Missing,
        "BAD_REQUEST"
        | "INVALID_JSON"
        | "INVALID_QUERY_PARAMETER"
        | "UNPROCESSABLE_ENTITY"
        | "UNSUPPORTED_MEDIA_TYPE" => ErrorClass::BadRequest,
        "INTERNAL_SERVER_ERROR" | "SERVICE_UNAVAILABLE" => ErrorClass::Unavailable,
        other => return class_of_reason(other),
    };
    Some(class)
}

/// The class of the first code that stands anywhere in `text`, with or without its hyphen.
fn class_of_reason(text: &str) -> Option<ErrorClass> {
    let text = text.to_ascii_lowercase().replace('-', "");
    let (_, class) = REASONS.iter().find(|(code, _)| text.contains(code))?;
    Some(*class)
}

/// Without hyphens and in lower case. Whole codes come before the families they belong to.
const REASONS: &[(&str, ErrorClass)] = &[
    // Nothing was sent for 10 s, or the session is an hour old: another one will do.
    ("net0001", ErrorClass::SessionExpired),
    ("net0003", ErrorClass::SessionExpired),
    ("net00", ErrorClass::Unavailable),
    ("data0001", ErrorClass::RateLimited),
    ("data00", ErrorClass::BadRequest),
    ("big00", ErrorClass::TooLong),
    ("message00", ErrorClass::BadRequest),
];

fn word<'a>(value: &'a Value, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| value.get(name).and_then(Value::as_str)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn refused(status: u16, body: &str) -> ErrorClass {
        refusal(&Head { status, headers: Vec::new() }, body.as_bytes()).class
    }

    #[test]
    fn both_envelopes_are_read_and_the_code_beats_the_status() {
        for (status, body, class) in [
            (
                400,
                r#"{"err_code":"Bad Request","err_msg":"no such encoding","request_id":"r"}"#,
                ErrorClass::BadRequest,
            ),
            (400, r#"{"category":"INVALID_JSON","message":"m","details":"d"}"#, ErrorClass::BadRequest),
            (400, r#"{"err_code":"INVALID_QUERY_PARAMETER"}"#, ErrorClass::BadRequest),
            (401, r#"{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}"#, ErrorClass::Auth),
            (401, r#"{"err_code":"INSUFFICIENT_PERMISSIONS"}"#, ErrorClass::Auth),
            (402, r#"{"err_code":"ASR_PAYMENT_REQUIRED"}"#, ErrorClass::Quota),
            (402, "", ErrorClass::Quota),
            (403, r#"{"err_code":"INSUFFICIENT_PERMISSIONS"}"#, ErrorClass::Auth),
            (404, "", ErrorClass::Missing),
            (413, r#"{"err_code":"PAYLOAD_TOO_LARGE"}"#, ErrorClass::TooLong),
            (415, r#"{"category":"UNSUPPORTED_MEDIA_TYPE"}"#, ErrorClass::BadRequest),
            (422, r#"{"err_code":"UNPROCESSABLE_ENTITY"}"#, ErrorClass::BadRequest),
            (429, r#"{"err_code":"TOO_MANY_REQUESTS"}"#, ErrorClass::Busy),
            (429, r#"{"err_code":"Too Many Requests"}"#, ErrorClass::Busy),
            (429, "", ErrorClass::Busy),
            (500, r#"{"error_code":"INTERNAL_SERVER_ERROR"}"#, ErrorClass::Unavailable),
            (502, "<html>bad gateway</html>", ErrorClass::Unavailable),
            (503, "{", ErrorClass::Unavailable),
            (200, r#"{"err_code":"ASR_PAYMENT_REQUIRED"}"#, ErrorClass::Quota),
        ] {
            assert_eq!(refused(status, body), class, "{status} {body}");
        }
    }

    #[test]
    fn a_refusal_names_its_request_and_its_reason() {
        let mut head = Head { status: 400, headers: vec![("dg-request-id".into(), "r7".into())] };
        let body = br#"{"err_code":"Bad Request","err_msg":"no such rate"}"#;
        assert_eq!(refusal(&head, body).detail, "status 400, Bad Request: no such rate (request r7)");
        head.headers.push(("retry-after".into(), "2".into()));
        assert_eq!(refusal(&Head { status: 429, ..head.clone() }, b"").after, Some(Duration::from_secs(2)));
        head.headers.push(("dg-error".into(), "wrong model family".into()));
        assert_eq!(refusal(&head, b"").detail, "status 400: wrong model family (request r7)");
    }

    #[test]
    fn close_reasons_are_known_by_code_and_by_link() {
        for (code, reason, class) in [
            (Some(1011), "NET-0001: no audio for 10 s", ErrorClass::SessionExpired),
            (Some(1011), "see https://dpgr.am/net0001", ErrorClass::SessionExpired),
            (Some(1011), "NET-0003", ErrorClass::SessionExpired),
            (Some(1011), "NET-0000", ErrorClass::Unavailable),
            (Some(1011), "", ErrorClass::Unavailable),
            (Some(1008), "DATA-0000", ErrorClass::BadRequest),
            (Some(1008), "DATA-0001 too many characters", ErrorClass::RateLimited),
            (Some(1003), "MESSAGE-0000", ErrorClass::BadRequest),
            (Some(1009), "BIG-0001", ErrorClass::TooLong),
            (Some(1009), "", ErrorClass::TooLong),
            (Some(1000), "", ErrorClass::SessionExpired),
            (None, "", ErrorClass::Unavailable),
        ] {
            assert_eq!(closed(code, reason).class, class, "{code:?} {reason}");
        }
        assert!(closed(Some(1011), &"x".repeat(9999)).detail.len() < 300);
    }

    #[test]
    fn error_messages_are_known_by_code_then_by_words() {
        for (message, class) in [
            (
                json!({"type":"Error","variant":"DATA-0000","description":"Could not decode","code":null}),
                ErrorClass::BadRequest,
            ),
            (json!({"type":"Error","code":"INTERNAL_SERVER_ERROR"}), ErrorClass::Unavailable),
            (json!({"type":"Error","code":"NET-0003"}), ErrorClass::SessionExpired),
            (json!({"type":"Error","code":7,"description":"failed: data-0001"}), ErrorClass::RateLimited),
            (json!({"type":"Error"}), ErrorClass::Unavailable),
        ] {
            assert_eq!(error_message(&message).class, class, "{message}");
        }
        assert_eq!(refused_upgrade(429).class, ErrorClass::Busy);
        assert_eq!(refused_upgrade(402).class, ErrorClass::Quota);
    }
}
