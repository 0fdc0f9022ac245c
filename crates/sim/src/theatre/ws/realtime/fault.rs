//! How OpenAI says no: at the door, and on an open socket.

use serde_json::json;

use crate::theatre::ws::session::{Cause, Complaint, Refusal};

/// An error, and the close behind it.
pub(super) fn complaint(cause: Cause) -> Complaint {
    let (kind, code, close) = match cause {
        Cause::Auth => ("invalid_request_error", "invalid_api_key", 3000),
        Cause::Quota => ("insufficient_quota", "insufficient_quota", 3000),
        Cause::Missing => ("invalid_request_error", "model_not_found", 3000),
        Cause::Internal => ("server_error", "server_error", 1011),
        Cause::Expired => ("invalid_request_error", "session_expired", 1001),
    };
    let message = json!({ "type": "error", "event_id": "ev_0", "error": {
        "type": kind, "code": code, "message": "Something is wrong (mock).", "param": null, "event_id": null,
    } });
    Complaint::told(message, close, &format!("{kind}.{code}"))
}

/// What clients of the beta hear.
pub(super) fn beta_is_over() -> Complaint {
    let error = json!({ "type": "error", "event_id": "ev_0", "error": {
        "type": "invalid_request_error", "code": "beta_api_shape_disabled",
        "message": "The beta is over (mock).", "param": null, "event_id": null,
    } });
    Complaint::told(error, 3000, "invalid_request_error.beta_api_shape_disabled")
}

/// A refused upgrade with this status.
pub(in crate::theatre::ws) fn refusal(status: u16) -> Refusal {
    match status {
        401 => refused(401, "invalid_api_key", "key"),
        402 => refused(402, "insufficient_quota", "balance"),
        403 => refused(403, "unsupported_country_region_territory", "region"),
        404 => refused(404, "model_not_found", "model"),
        429 => refused(429, "rate_limit_exceeded", "requests"),
        _ => refused(status, "server_error", "server"),
    }
}

pub(super) fn refused(status: u16, code: &str, what: &str) -> Refusal {
    let error = json!({ "type": "invalid_request_error", "code": code, "message": format!("Refused: {what} (mock)."), "param": null });
    Refusal { status, headers: vec![("x-request-id", "req_mock".to_owned())], body: json!({ "error": error }) }
}
