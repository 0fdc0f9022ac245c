use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        api::Vendor,
        play::{Play, Wait},
    },
    answer::Answer,
    date::Date,
};

/// Why a vendor does not do what it is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// There is no key, or none of the right form, or it is wrong.
    BadKey,
    /// The body is not of a type the vendor reads.
    ContentType,
    /// A field, or a parameter of the query, that nobody has heard of.
    Unknown(String),
    /// A field that is missing, or whose value is wrong: which, and what would be right.
    Invalid(String, String),
    /// The text is too long: the vendor's limit.
    TooLong(usize),
    /// There is no such model.
    NoModel,
    /// Nothing is at this path.
    NoPath,
    /// Something is at this path, for another method.
    Method,
    /// Too many requests.
    RateLimited(Wait),
    /// The account is used up.
    Quota { status: u16, only_in_type: bool },
    /// The vendor's own fault.
    Server(u16),
}

/// What a vendor says, in its own manner: status, its word, its body.
struct Words {
    status: u16,
    code: String,
    body: Value,
}

/// A vendor's refusal, at once.
pub(super) fn refuse(vendor: Vendor, fault: &Fault) -> Answer {
    if *fault == Fault::Server(502) {
        return with_status(502, "bad_gateway", Answer::document("text/html", Duration::ZERO, BAD_GATEWAY));
    }
    let Words { status, code, mut body } = match vendor {
        Vendor::OpenAi | Vendor::AssemblyAi => openai(fault),
        Vendor::ElevenLabs => elevenlabs(fault),
        Vendor::Google => google(fault),
        Vendor::Deepgram => deepgram(fault),
        Vendor::Anthropic => anthropic(fault),
    };
    let mut headers = Vec::new();
    if let Fault::RateLimited(wait) = fault {
        match wait {
            Wait::Seconds(seconds) => headers.push(("retry-after", seconds.to_string())),
            Wait::Milliseconds(ms) => headers.push(("retry-after-ms", ms.to_string())),
            Wait::Body(seconds) => body["retry_after_seconds"] = json!(seconds),
            Wait::RetryInfo(seconds) => {
                body["error"]["details"] = json!([{
                    "@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": format!("{seconds}s"),
                }]);
            }
            Wait::Date => headers.push(("retry-after", Date::now().later(2).http())),
            Wait::Reset if vendor == Vendor::Anthropic => headers.extend([
                ("anthropic-ratelimit-requests-remaining", "0".into()),
                ("anthropic-ratelimit-requests-reset", Date::now().later(2).rfc3339()),
            ]),
            Wait::Reset => headers.extend([
                ("x-ratelimit-limit-requests", "500".into()),
                ("x-ratelimit-remaining-requests", "0".into()),
                ("x-ratelimit-reset-requests", "2s".into()),
            ]),
            Wait::Garbage => headers.push(("retry-after", "soon".into())),
            Wait::Concurrent => {}
        }
    }
    let mut answer = Answer::document("application/json", Duration::ZERO, body.to_string());
    answer.headers.append(&mut headers);
    with_status(status, &code, answer)
}

/// What a play says instead of an answer, where that is all there is to it.
pub(super) fn played(vendor: Vendor, play: &Play) -> Option<Answer> {
    let refusal = |fault: Fault| Some(refuse(vendor, &fault));
    match play {
        Play::BadKey => refusal(Fault::BadKey),
        Play::RateLimited(wait) => refusal(Fault::RateLimited(*wait)),
        Play::Quota { only_in_type } => refusal(Fault::Quota { status: 429, only_in_type: *only_in_type }),
        Play::QuotaAs401 => refusal(Fault::Quota { status: 401, only_in_type: false }),
        Play::QuotaAs402 => refusal(Fault::Quota { status: 402, only_in_type: false }),
        // Whoever it comes from, it is Google's manner that makes it worth playing.
        Play::KeyAs400 => Some(refuse(Vendor::Google, &Fault::BadKey)),
        Play::ServerError(status) => refusal(Fault::Server(*status)),
        Play::ShouldRetry(true) => {
            let fault = Fault::Invalid("model".into(), "a model that is awake".into());
            refusal(fault).map(|answer| answer.header("x-should-retry", "true"))
        }
        Play::ShouldRetry(false) => refusal(Fault::Server(500)).map(|answer| answer.header("x-should-retry", "false")),
        Play::TooLong => refusal(Fault::TooLong(10)),
        Play::ModelGone => refusal(Fault::NoModel),
        Play::Loading(_) => {
            let body = json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}});
            let answer = Answer::document("application/json", Duration::ZERO, body.to_string());
            Some(with_status(503, "unavailable_error", answer))
        }
        Play::Redirect(status) => {
            let answer = Answer::document("text/html", Duration::ZERO, "<html>Moved</html>");
            Some(with_status(*status, "redirect", answer.header("location", "/v2/elsewhere")))
        }
        _ => None,
    }
}

fn with_status(status: u16, code: &str, answer: Answer) -> Answer {
    Answer { status, error: Some(code.to_owned()), ..answer }
}

/// Shape and codes: OpenAI's guide to errors and its Python SDK 3.51.0.
fn openai(fault: &Fault) -> Words {
    let error = |status, kind: &str, code: Option<&str>, message: String, param: Option<&str>| Words {
        status,
        code: code.unwrap_or(kind).to_owned(),
        body: json!({"error": {"message": message, "type": kind, "param": param, "code": code}}),
    };
    let bad = "invalid_request_error";
    match fault {
        Fault::BadKey => {
            error(401, bad, Some("invalid_api_key"), "Incorrect API key provided: sk-fake***.".into(), None)
        }
        Fault::ContentType => error(400, bad, Some("invalid_content_type"), "Unsupported content type.".into(), None),
        Fault::Unknown(name) => {
            error(400, bad, Some("unknown_parameter"), format!("Unknown parameter: '{name}'."), Some(name))
        }
        Fault::Invalid(name, right) => {
            error(400, bad, Some("invalid_value"), format!("Invalid '{name}': expected {right}."), Some(name))
        }
        Fault::TooLong(limit) => error(
            400,
            bad,
            Some("string_above_max_length"),
            format!("Invalid 'input': string too long. Expected a string with maximum length {limit}."),
            Some("input"),
        ),
        Fault::NoModel => error(404, bad, Some("model_not_found"), "The model does not exist.".into(), Some("model")),
        Fault::NoPath => error(404, bad, Some("unknown_url"), "Unknown request URL.".into(), None),
        Fault::Method => error(405, bad, Some("method_not_supported"), "Method not allowed.".into(), None),
        Fault::RateLimited(_) => {
            error(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached.".into(), None)
        }
        Fault::Quota { status, only_in_type } => error(
            *status,
            "insufficient_quota",
            (!only_in_type).then_some("insufficient_quota"),
            "You exceeded your current quota.".into(),
            None,
        ),
        Fault::Server(503) => error(
            503,
            "service_unavailable_error",
            Some("server_is_overloaded"),
            "The server is overloaded.".into(),
            None,
        ),
        Fault::Server(status) => error(*status, "server_error", None, "The server had an error.".into(), None),
    }
}

/// Shape: ElevenLabs' guide to errors; validation as FastAPI words it.
fn elevenlabs(fault: &Fault) -> Words {
    let detail = |status: u16, word: &str, message: &str| Words {
        status,
        code: word.to_owned(),
        body: json!({"detail": {"status": word, "message": message}}),
    };
    let invalid = |place: &str, kind: &str, message: String| Words {
        status: 422,
        code: kind.to_owned(),
        body: json!({"detail": [{"loc": [place], "msg": message, "type": kind}]}),
    };
    match fault {
        Fault::BadKey => detail(401, "invalid_api_key", "Invalid API key."),
        Fault::ContentType => invalid("body", "model_attributes_type", "Input should be a valid dictionary".into()),
        Fault::Unknown(name) => invalid(name, "extra_forbidden", "Extra inputs are not permitted".into()),
        Fault::Invalid(name, right) => invalid(name, "value_error", format!("Input should be {right}")),
        Fault::TooLong(_) => detail(400, "max_character_limit_exceeded", "The text is too long for this model."),
        Fault::NoModel => detail(404, "model_not_found", "A model with this id was not found."),
        Fault::NoPath => Words { status: 404, code: "not_found".into(), body: json!({"detail": "Not Found"}) },
        Fault::Method => {
            Words { status: 405, code: "method_not_allowed".into(), body: json!({"detail": "Method Not Allowed"}) }
        }
        Fault::RateLimited(Wait::Concurrent) => {
            detail(429, "too_many_concurrent_requests", "Too many concurrent requests for this plan.")
        }
        Fault::RateLimited(_) => detail(429, "system_busy", "The system is busy: try again later."),
        Fault::Quota { status, .. } => detail(*status, "quota_exceeded", "Not enough credits left for this text."),
        Fault::Server(status) => detail(*status, "internal_server_error", "Something went wrong."),
    }
}

/// Shape: of all of Google's JSON APIs (google.rpc.Status as JSON).
fn google(fault: &Fault) -> Words {
    let error = |status: u16, word: &str, message: String, details: Value| Words {
        status,
        code: details[0]["reason"].as_str().unwrap_or(word).to_owned(),
        body: json!({"error": {"code": status, "message": message, "status": word, "details": details}}),
    };
    let none = || json!([]);
    match fault {
        Fault::BadKey => error(
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.".into(),
            json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }]),
        ),
        Fault::ContentType => error(400, "INVALID_ARGUMENT", "Expected a body of JSON.".into(), none()),
        Fault::Unknown(name) => error(
            400,
            "INVALID_ARGUMENT",
            format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."),
            none(),
        ),
        Fault::Invalid(name, right) => {
            error(400, "INVALID_ARGUMENT", format!("Invalid value at '{name}': expected {right}."), none())
        }
        Fault::TooLong(limit) => {
            error(400, "INVALID_ARGUMENT", format!("The input is longer than the limit of {limit} bytes."), none())
        }
        Fault::NoModel => error(404, "NOT_FOUND", "The model is not found.".into(), none()),
        Fault::NoPath => error(404, "NOT_FOUND", "Nothing here.".into(), none()),
        Fault::Method => error(405, "UNIMPLEMENTED", "Method not allowed.".into(), none()),
        Fault::RateLimited(_) => error(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for requests per minute.".into(),
            json!([{
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "RequestsPerMinutePerProject"}],
            }]),
        ),
        Fault::Quota { status, .. } => error(
            *status,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for requests per day.".into(),
            json!([{
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "RequestsPerDayPerProject"}],
            }]),
        ),
        Fault::Server(503) => error(503, "UNAVAILABLE", "The model is overloaded.".into(), none()),
        Fault::Server(504) => error(504, "DEADLINE_EXCEEDED", "Deadline exceeded.".into(), none()),
        Fault::Server(status) => error(*status, "INTERNAL", "Internal error.".into(), none()),
    }
}

/// Shape: Deepgram's guide to errors; bodies about JSON have the other one.
fn deepgram(fault: &Fault) -> Words {
    let error = |status: u16, code: &str, message: String| Words {
        status,
        code: code.to_owned(),
        body: json!({"err_code": code, "err_msg": message, "request_id": "00000000-fake"}),
    };
    match fault {
        Fault::BadKey => error(401, "INVALID_AUTH", "Invalid credentials.".into()),
        Fault::ContentType => error(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported content type.".into()),
        Fault::Unknown(name) => error(400, "INVALID_QUERY_PARAMETER", format!("Unknown parameter {name}.")),
        Fault::Invalid(name, right) if name == "body" => Words {
            status: 400,
            code: "INVALID_JSON".into(),
            body: json!({
                "category": "INVALID_JSON",
                "message": "Invalid JSON submitted.",
                "details": format!("expected {right}"),
                "request_id": "00000000-fake",
            }),
        },
        Fault::Invalid(name, right) => error(400, "INVALID_QUERY_PARAMETER", format!("{name}: expected {right}.")),
        Fault::TooLong(limit) => error(413, "PAYLOAD_TOO_LARGE", format!("Input text exceeds {limit} characters.")),
        Fault::NoModel => error(404, "MODEL_NOT_FOUND", "No such model.".into()),
        Fault::NoPath => error(404, "NOT_FOUND", "Not found.".into()),
        Fault::Method => error(405, "METHOD_NOT_ALLOWED", "Method not allowed.".into()),
        Fault::RateLimited(_) => error(429, "TOO_MANY_REQUESTS", "Too many requests.".into()),
        Fault::Quota { status, .. } => error(*status, "ASR_PAYMENT_REQUIRED", "Not enough credits.".into()),
        Fault::Server(status) => error(*status, "INTERNAL_SERVER_ERROR", "Something went wrong.".into()),
    }
}

/// Shape: Anthropic's guide to errors.
fn anthropic(fault: &Fault) -> Words {
    let error = |status: u16, kind: &str, message: String| Words {
        status,
        code: kind.to_owned(),
        body: json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}),
    };
    match fault {
        Fault::BadKey => error(401, "authentication_error", "invalid x-api-key".into()),
        Fault::ContentType => error(400, "invalid_request_error", "content-type: expected application/json".into()),
        Fault::Unknown(name) => error(400, "invalid_request_error", format!("{name}: Extra inputs are not permitted")),
        Fault::Invalid(name, right) => error(400, "invalid_request_error", format!("{name}: expected {right}")),
        Fault::TooLong(limit) => error(413, "request_too_large", format!("Request exceeds {limit} bytes")),
        Fault::NoModel => error(404, "not_found_error", "model: no such model".into()),
        Fault::NoPath => error(404, "not_found_error", "Not found".into()),
        Fault::Method => error(405, "invalid_request_error", "Method Not Allowed".into()),
        Fault::RateLimited(_) => error(429, "rate_limit_error", "This request would exceed the rate limit.".into()),
        Fault::Quota { status: 429, .. } => {
            let mut words = error(429, "rate_limit_error", "This request would exceed the spend limit.".into());
            words.code = "enforced_spend_limit_reached".into();
            words.body["error"]["details"] = json!({"error_code": "enforced_spend_limit_reached"});
            words
        }
        Fault::Quota { status, .. } => error(*status, "billing_error", "Your credit balance is too low.".into()),
        Fault::Server(529) => error(529, "overloaded_error", "Overloaded".into()),
        Fault::Server(504) => error(504, "timeout_error", "Request timed out".into()),
        Fault::Server(status) => error(*status, "api_error", "Internal server error".into()),
    }
}

const BAD_GATEWAY: &str =
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>";
