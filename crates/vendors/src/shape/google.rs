//! What goes wrong at Google's JSON APIs.

use std::time::Duration;

use operetta_contract::{ErrorClass, Head, ProviderError, class_of_status};
use serde_json::Value;

use super::{
    refused::{detail, refused},
    retry_after,
};

/// The error of a reply whose status is not 2xx: an envelope, or an array of one, or HTML, or nothing.
///
/// A bad key is a 400 whose details say `API_KEY_INVALID`; a 429 whose details name a quota per day is not worth another try
/// today (reference, 3.6 and 5.5).
pub fn refusal(head: &Head, body: &[u8]) -> ProviderError {
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let said = Said::of(envelope(&value).unwrap_or(&Value::Null));
    refused(head, said.class(head.status), said.status, said.message, said.pause)
}

/// The error in a line of a reply that began well, if it holds one: an object with `error`, or an array of one such.
pub fn error_in(line: &Value) -> Option<ProviderError> {
    let error = envelope(line)?;
    let said = Said::of(error);
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let class = said.class(code.unwrap_or(500));
    let failure = ProviderError::new(class, detail(0, said.status, said.message));
    Some(match (class, said.pause) {
        (ErrorClass::RateLimited, pause) => failure.after(pause.unwrap_or(retry_after::DEFAULT)),
        (_, Some(pause)) => failure.after(pause),
        (_, None) => failure,
    })
}

fn envelope(value: &Value) -> Option<&Value> {
    value.get("error").or_else(|| value.get(0)?.get("error"))
}

/// What an envelope says.
struct Said<'a> {
    /// The canonical name of the failure: `RESOURCE_EXHAUSTED`.
    status: &'a str,
    message: &'a str,
    /// The details tell of a wrong key.
    bad_key: bool,
    /// The details tell of a quota that is counted by the day.
    by_day: bool,
    pause: Option<Duration>,
}

impl<'a> Said<'a> {
    fn of(error: &'a Value) -> Self {
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default();
        let details = || error.get("details").and_then(Value::as_array).into_iter().flatten();
        let violations = || details().filter_map(|detail| detail.get("violations")?.as_array()).flatten();
        let by_day = |violation: &Value| {
            violation
                .get("quotaId")
                .and_then(Value::as_str)
                .is_some_and(|id| id.to_ascii_lowercase().contains("perday"))
        };
        let pauses = details().filter_map(|detail| retry_after::duration(detail.get("retryDelay")?.as_str()?));
        Self {
            status: text("status"),
            message: text("message"),
            bad_key: details().any(|detail| detail.get("reason").and_then(Value::as_str) == Some("API_KEY_INVALID")),
            by_day: violations().any(by_day),
            pause: pauses.max(),
        }
    }

    fn class(&self, status: u16) -> ErrorClass {
        match self.status {
            _ if self.bad_key => ErrorClass::Auth,
            "RESOURCE_EXHAUSTED" if self.by_day => ErrorClass::Quota,
            "RESOURCE_EXHAUSTED" => ErrorClass::RateLimited,
            "UNAUTHENTICATED" | "PERMISSION_DENIED" => ErrorClass::Auth,
            "NOT_FOUND" => ErrorClass::Missing,
            "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" => ErrorClass::Unavailable,
            "INVALID_ARGUMENT" => ErrorClass::BadRequest,
            _ => class_of_status(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope_of(code: u16, status: &str, details: &str) -> String {
        format!(r#"{{"error":{{"code":{code},"message":"why","status":"{status}","details":[{details}]}}}}"#)
    }

    fn check(code: u16, status: &str, details: &str, expected: ErrorClass, after: Option<u64>) {
        let object = envelope_of(code, status, details);
        for body in [object.clone(), format!("[{object}\n]")] {
            let error = refusal(&Head { status: code, headers: Vec::new() }, body.as_bytes());
            assert_eq!((error.class, error.after), (expected, after.map(Duration::from_secs)), "{body}");
            let error = error_in(&serde_json::from_str(&body).unwrap()).unwrap();
            assert_eq!((error.class, error.after), (expected, after.map(Duration::from_secs)), "in a stream: {body}");
        }
    }

    #[test]
    fn every_row_of_the_table() {
        use ErrorClass::{Auth, BadRequest, Missing, Quota, RateLimited, Unavailable};
        let bad_key = r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}"#;
        let per_day = r#"{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}"#;
        let per_minute = per_day.replace("PerDay", "PerMinute");
        let pause = r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}"#;
        check(400, "INVALID_ARGUMENT", bad_key, Auth, None);
        check(400, "INVALID_ARGUMENT", "", BadRequest, None);
        check(401, "UNAUTHENTICATED", "", Auth, None);
        check(403, "PERMISSION_DENIED", r#"{"reason":"SERVICE_DISABLED"}"#, Auth, None);
        check(404, "NOT_FOUND", "", Missing, None);
        check(429, "RESOURCE_EXHAUSTED", "", RateLimited, Some(1));
        check(429, "RESOURCE_EXHAUSTED", pause, RateLimited, Some(12));
        check(429, "RESOURCE_EXHAUSTED", &format!("{per_minute},{pause}"), RateLimited, Some(12));
        check(429, "RESOURCE_EXHAUSTED", per_day, Quota, None);
        check(500, "INTERNAL", "", Unavailable, None);
        check(503, "UNAVAILABLE", "", Unavailable, None);
        check(504, "DEADLINE_EXCEEDED", "", Unavailable, None);
    }

    #[test]
    fn without_an_envelope_the_status_counts() {
        let check = |status: u16, body: &str, expected| {
            assert_eq!(
                refusal(&Head { status, headers: Vec::new() }, body.as_bytes()).class,
                expected,
                "{status} {body}"
            );
        };
        check(502, "<html>", ErrorClass::Unavailable);
        check(429, "", ErrorClass::RateLimited);
        check(413, "[]", ErrorClass::TooLong);
        check(403, r#"{"error":"no"}"#, ErrorClass::Auth);
        assert_eq!(error_in(&serde_json::json!({"candidates": []})), None);
        assert_eq!(error_in(&serde_json::json!([])), None);
    }

    #[test]
    fn a_quota_by_the_day_has_no_pause_even_if_one_is_named() {
        let body = envelope_of(
            429,
            "RESOURCE_EXHAUSTED",
            r#"{"violations":[{"quotaId":"RequestsPerDay"}]},{"retryDelay":"9s"}"#,
        );
        let error = refusal(&Head { status: 429, headers: Vec::new() }, body.as_bytes());
        assert_eq!((error.class, error.after), (ErrorClass::Quota, None));
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_survived(status in 300u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = refusal(&Head { status, headers: Vec::new() }, &body);
        }
    }
}
