//! What goes wrong at OpenAI and at everything that is shaped like it: llama.cpp, vLLM, Ollama, FastAPI servers, gateways.

use operetta_contract::{ErrorClass, Head, ProviderError, class_of_status};
use serde_json::Value;

use super::refused::{detail, refused};

/// The error of a reply whose status is not 2xx, whatever its body: OpenAI's envelope, FastAPI's `detail`, a bare string,
/// HTML, nothing.
///
/// Body codes beat the status; the first row of the error table (reference, 3.1 and 7.3) that matches counts.
pub fn refusal(head: &Head, body: &[u8]) -> ProviderError {
    let said = Said::of_body(body);
    let class = classify(&said.words(), Some(head.status));
    refused(head, class, said.word(), &said.message, said.pause())
}

/// The error of a reply that began well: the value of `error` in a line of its stream.
pub fn error_in_stream(error: &Value) -> ProviderError {
    let said = Said::of_error(error);
    let class = classify(&said.words(), said.status);
    let error = ProviderError::new(class, detail(0, said.word(), &said.message));
    match (class, said.pause()) {
        (ErrorClass::RateLimited, pause) => error.after(pause.unwrap_or(super::retry_after::DEFAULT)),
        (_, Some(pause)) => error.after(pause),
        (_, None) => error,
    }
}

/// What an error envelope says.
#[derive(Default)]
struct Said {
    code: String,
    kind: String,
    message: String,
    /// A status that stands in the body: llama.cpp and vLLM put a number into `code`.
    status: Option<u16>,
    retry_after_seconds: Option<f64>,
}

impl Said {
    fn of_body(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        // Gateways in front of other APIs put the envelope into an array.
        let value = value.get(0).unwrap_or(&value);
        match (value.get("error"), value.get("detail")) {
            (Some(error), _) => {
                let said = Self::of_error(error);
                Self { retry_after_seconds: said.retry_after_seconds.or(seconds(value)), ..said }
            }
            (None, Some(detail)) => Self { message: fast_api(detail), ..Self::default() },
            // vLLM before 0.10 and some gateways send the fields without the envelope.
            (None, None) => Self::of_error(value),
        }
    }

    fn of_error(error: &Value) -> Self {
        if let Value::String(message) = error {
            return Self { message: message.clone(), ..Self::default() };
        }
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let retry_after_seconds = seconds(error);
        Self { code: text("code"), kind: text("type"), message: text("message"), status, retry_after_seconds }
    }

    fn words(&self) -> [&str; 2] {
        [&self.code, &self.kind]
    }

    /// The more exact of the two words.
    fn word(&self) -> &str {
        if self.code.is_empty() { &self.kind } else { &self.code }
    }

    fn pause(&self) -> Option<std::time::Duration> {
        self.retry_after_seconds.and_then(super::retry_after::believable)
    }
}

fn seconds(value: &Value) -> Option<f64> {
    value.get("retry_after_seconds").and_then(Value::as_f64)
}

/// FastAPI's `detail`: text, or a list of faults of which each has a `msg`. What was sent stands beside it and is not taken.
fn fast_api(detail: &Value) -> String {
    match detail {
        Value::String(message) => message.clone(),
        Value::Array(faults) => {
            let messages: Vec<&str> = faults.iter().filter_map(|fault| fault.get("msg")?.as_str()).collect();
            messages.join("; ")
        }
        other => other.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

/// The class of `words`, in the order of the table; then of the status; and of a failure of which nothing is known that it is
/// the provider's.
fn classify(words: &[&str], status: Option<u16>) -> ErrorClass {
    let listed = CLASSES.iter().find(|(_, list)| words.iter().any(|word| list.contains(word)));
    match (listed, status) {
        (Some((class, _)), _) => *class,
        (None, Some(status)) => class_of_status(status),
        (None, None) => ErrorClass::Unavailable,
    }
}

/// What `code` and `type` mean; the first row that has one of them counts. Words that are as broad as `invalid_request_error`
/// are absent on purpose: the status says more.
const CLASSES: [(ErrorClass, &[&str]); 7] = [
    (
        ErrorClass::Quota,
        &[
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
            "account_deactivated",
        ],
    ),
    (ErrorClass::Auth, &["invalid_api_key", "authentication_error", "permission_error"]),
    (
        ErrorClass::Missing,
        &["model_not_found", "voice_not_found", "unsupported_model", "SPEED_NOT_SUPPORTED", "NotFoundError"],
    ),
    (ErrorClass::TooLong, &["string_above_max_length", "context_length_exceeded", "request_too_large"]),
    (ErrorClass::Refused, &["content_policy_violation", "content_filter"]),
    (
        ErrorClass::Unavailable,
        &[
            "server_is_overloaded",
            "overloaded_error",
            "service_unavailable_error",
            "unavailable_error",
            "server_error",
            "ServiceUnavailableError",
            "InternalServerError",
        ],
    ),
    (ErrorClass::RateLimited, &["rate_limit_exceeded", "slow_down", "rate_limit_error", "RateLimitError"]),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(status: u16, body: &str, expected: ErrorClass) -> ProviderError {
        let error = refusal(&Head { status, headers: Vec::new() }, body.as_bytes());
        assert_eq!(error.class, expected, "{status} {body}");
        error
    }

    fn envelope(kind: &str, code: &str) -> String {
        format!(r#"{{"error":{{"message":"why","type":"{kind}","param":null,"code":{code}}}}}"#)
    }

    #[test]
    fn every_row_of_the_table() {
        use ErrorClass::{Auth, BadRequest, Missing, Quota, RateLimited, Refused, TooLong, Unavailable};
        let request = "invalid_request_error";
        check(400, &envelope(request, r#""string_above_max_length""#), TooLong);
        check(400, &envelope(request, r#""context_length_exceeded""#), TooLong);
        check(400, &envelope(request, r#""invalid_value""#), BadRequest);
        check(400, &envelope("image_generation_user_error", r#""content_policy_violation""#), Refused);
        check(401, &envelope(request, r#""invalid_api_key""#), Auth);
        check(401, &envelope(request, "null"), Auth);
        check(403, &envelope("request_forbidden", r#""unsupported_country_region_territory""#), Auth);
        check(404, &envelope(request, r#""model_not_found""#), Missing);
        check(400, &envelope(request, r#""model_not_found""#), Missing);
        check(408, "", Unavailable);
        check(409, "", Unavailable);
        check(413, "", TooLong);
        check(429, &envelope("requests", r#""rate_limit_exceeded""#), RateLimited);
        check(429, &envelope("requests", r#""slow_down""#), RateLimited);
        for code in CLASSES[0].1 {
            check(429, &envelope("requests", &format!("\"{code}\"")), Quota);
            check(429, &envelope(code, "null"), Quota);
        }
        check(500, &envelope("server_error", "null"), Unavailable);
        check(502, "<html><body>Bad Gateway</body></html>", Unavailable);
        check(503, &envelope("service_unavailable_error", r#""server_is_overloaded""#), Unavailable);
        check(504, "", Unavailable);
        check(529, "", Unavailable);
        check(302, "", Missing);
    }

    #[test]
    fn local_servers_say_it_in_their_own_ways() {
        use ErrorClass::{Auth, BadRequest, Missing, Unavailable};
        let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
        assert_eq!(check(503, loading, Unavailable).detail, "status 503, unavailable_error: Loading model");
        check(401, r#"{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}"#, Auth);
        check(400, &envelope("BadRequestError", "400"), BadRequest);
        check(404, &envelope("NotFoundError", "404"), Missing);
        check(503, &envelope("ServiceUnavailableError", "503"), Unavailable);
        assert_eq!(
            check(404, r#"{"detail":"Model is not installed"}"#, Missing).detail,
            "status 404: Model is not installed"
        );
        let faults =
            r#"{"detail":[{"loc":["body"],"msg":"field required","input":"a caller's words"},{"msg":"too short"}]}"#;
        assert_eq!(check(422, faults, BadRequest).detail, "status 422: field required; too short");
        assert_eq!(check(500, r#"{"error":"no memory"}"#, Unavailable).detail, "status 500: no memory");
        check(500, r#"{"error":7}"#, Unavailable);
        check(400, "[1,2]", BadRequest);
        check(400, r#"{"object":"error","message":"why","type":"BadRequestError","code":400}"#, BadRequest);
    }

    #[test]
    fn a_pause_in_the_body_counts_too() {
        let body = r#"{"error":{"message":"why","type":"requests","code":"slow_down","retry_after_seconds":2.5}}"#;
        assert_eq!(check(429, body, ErrorClass::RateLimited).after, Some(Duration::from_millis(2500)));
        assert_eq!(check(429, "", ErrorClass::RateLimited).after, Some(Duration::from_secs(1)));
        assert_eq!(check(429, &envelope("insufficient_quota", "null"), ErrorClass::Quota).after, None);
    }

    #[test]
    fn an_error_after_a_good_beginning_has_no_status() {
        let check = |error: &str, expected: ErrorClass| {
            let value: Value = serde_json::from_str(error).unwrap();
            assert_eq!(error_in_stream(&value).class, expected, "{error}");
        };
        check(
            r#"{"message":"The server had an error","type":"server_error","param":null,"code":null}"#,
            ErrorClass::Unavailable,
        );
        check(r#"{"message":"why","type":"BadRequestError","code":400}"#, ErrorClass::BadRequest);
        check(r#"{"message":"why","type":"insufficient_quota","code":429}"#, ErrorClass::Quota);
        check(r#"{"message":"why","code":"rate_limit_exceeded"}"#, ErrorClass::RateLimited);
        check(r#""why""#, ErrorClass::Unavailable);
        check("{}", ErrorClass::Unavailable);
        check("null", ErrorClass::Unavailable);
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_survived(status in 300u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = refusal(&Head { status, headers: Vec::new() }, &body);
        }
    }
}
