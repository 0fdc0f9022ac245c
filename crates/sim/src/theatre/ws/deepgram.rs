//! What the three sockets of Deepgram have in common.

use serde_json::json;

use super::session::{Cause, Complaint, Refusal};
use crate::theatre::RequestHead;

/// Refuses unless every parameter is known.
pub(super) fn check(head: &RequestHead, known: &[&str]) -> Result<(), Refusal> {
    match head.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(bad_parameter(name)),
        None => Ok(()),
    }
}

/// A parameter that is unknown, missing, out of range, or does not go with another.
pub(super) fn bad_parameter(name: &str) -> Refusal {
    refused(400, "INVALID_QUERY_PARAMETER", &format!("Invalid query parameter (mock): {name}"))
}

/// A refused upgrade with this status.
pub(super) fn refusal(status: u16) -> Refusal {
    let (code, message) = match status {
        400 => ("INVALID_QUERY_PARAMETER", "Parameters do not go together (mock)."),
        401 => ("INVALID_AUTH", "Invalid credentials."),
        402 => ("ASR_PAYMENT_REQUIRED", "Project has no credit left (mock)."),
        403 => ("INSUFFICIENT_PERMISSIONS", "Model is not part of the plan (mock)."),
        404 => ("NOT_FOUND", "Model does not exist (mock)."),
        429 => ("TOO_MANY_REQUESTS", "Too many streams at a time (mock)."),
        _ => ("INTERNAL_SERVER_ERROR", "Overloaded (mock)."),
    };
    refused(status, code, message)
}

fn refused(status: u16, code: &str, message: &str) -> Refusal {
    Refusal {
        status,
        headers: vec![("dg-error", message.to_owned()), ("dg-request-id", REQUEST.to_owned())],
        body: json!({ "err_code": code, "err_msg": message, "request_id": REQUEST }),
    }
}

/// Deepgram's closes. Its speech sockets say nothing before them; `listen` has an `Error` of its own.
pub(super) fn complaint(cause: Cause) -> Complaint {
    match cause {
        Cause::Auth => Complaint::close(1008, "INVALID_AUTH"),
        Cause::Quota => Complaint::close(1008, "ASR_PAYMENT_REQUIRED"),
        Cause::Missing => Complaint::close(1008, "DATA-0000: no such model (mock)"),
        Cause::Internal => Complaint::close(1011, "NET-0000"),
        Cause::Expired => Complaint::close(1011, "NET-0003"),
    }
}

/// The id of every request here.
pub(super) const REQUEST: &str = "6d1b0000-0000-4000-8000-000000000001";
