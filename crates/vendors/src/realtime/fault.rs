use operetta_contract::{ErrorClass, Outgoing, ProviderError, Retry, closed_by_server};
use serde_json::{Value, json};

use super::text;
use crate::shape::{openai, quote::quote, retry_after};

/// What an `error` event asks for.
pub(super) enum Verdict {
    /// A race that somebody else has won.
    Ignore,
    /// A response is running; ours is to be asked for when it is done.
    Wait,
    /// This, instead of what was refused.
    Send(Outgoing),
    /// The session is of no use.
    Fatal(ProviderError),
}

/// Our id of a request for a response.
pub(super) const CREATE: &str = "create";
/// Our ids of truncations begin so; the item follows. The server repeats the id in its refusal.
pub(super) const TRUNCATE: &str = "truncate:";
/// The same of a truncation that was corrected.
const CORRECTED: &str = "corrected:";

/// Judges the `error` of an `error` event. `ready`: the session was set up before.
pub(super) fn judge(error: &Value, ready: bool) -> Verdict {
    let code = text(error, "code");
    let ours = text(error, "event_id");
    match code {
        "response_cancel_not_active" | "input_audio_buffer_commit_empty" | "item_create_duplicate_item_id" => {
            return Verdict::Ignore;
        }
        "conversation_already_has_active_response" => return Verdict::Wait,
        "session_expired" => {
            return Verdict::Fatal(ProviderError::new(ErrorClass::SessionExpired, "the session has expired"));
        }
        // The item has no audio yet.
        "unsupported_content_type" => {
            if let Some(item) = ours.strip_prefix(TRUNCATE).or_else(|| ours.strip_prefix(CORRECTED)) {
                let delete = json!({"type": "conversation.item.delete", "item_id": item});
                return Verdict::Send(Outgoing::Text(delete.to_string()));
            }
        }
        _ => {}
    }
    if let Some(item) = ours.strip_prefix(TRUNCATE)
        && let Some(audio_end_ms) = audio_length(text(error, "message"))
    {
        // It counts less than we have received. Once, with its own number.
        let again = json!({
            "type": "conversation.item.truncate", "event_id": format!("{CORRECTED}{item}"),
            "item_id": item, "content_index": 0, "audio_end_ms": audio_end_ms,
        });
        return Verdict::Send(Outgoing::Text(again.to_string()));
    }
    let is_request = text(error, "type") == "invalid_request_error";
    let mut fault = openai::error_in_stream(error);
    if is_request && fault.class == ErrorClass::Unavailable {
        // The session goes on without what we asked for; unless that was the session itself, or an answer for the caller.
        if ready && ours != CREATE {
            return Verdict::Ignore;
        }
        fault.class = ErrorClass::BadRequest;
    }
    Verdict::Fatal(fault)
}

/// What made a response fail.
pub(super) fn of_response(error: &Value) -> ProviderError {
    let mut fault = openai::error_in_stream(error);
    // The type beside it says that it is the server's fault.
    if text(error, "code").ends_with("rate_limit_exceeded") {
        fault.class = ErrorClass::RateLimited;
        fault.after.get_or_insert(retry_after::DEFAULT);
    }
    fault
}

/// Whether asking once more may help.
pub(super) const fn may_pass(error: &ProviderError) -> bool {
    !matches!(error.class.retry(), Retry::Never)
}

/// What it means that the server has closed: some failures are told in the reason, with code 3000 and the words of an error.
pub(super) fn closed(code: Option<u16>, reason: &str) -> ProviderError {
    let mut error = closed_by_server(code, &quote(reason));
    let known = REASONS.iter().find(|(word, _)| reason.contains(word));
    if let Some((_, class)) = known {
        error.class = *class;
    }
    error
}

const REASONS: &[(&str, ErrorClass)] = &[
    ("insufficient_quota", ErrorClass::Quota),
    ("billing", ErrorClass::Quota),
    ("invalid_api_key", ErrorClass::Auth),
    ("model_not_found", ErrorClass::Missing),
    ("session_expired", ErrorClass::SessionExpired),
    ("rate_limit", ErrorClass::RateLimited),
    ("invalid_request_error", ErrorClass::BadRequest),
    ("server_error", ErrorClass::Unavailable),
];

/// The X of "Audio content of X ms is already shorter than Y ms", rounded down.
fn audio_length(message: &str) -> Option<u32> {
    let (before, _) = message.split_once("already shorter than")?;
    let number = before
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .find(|part| part.starts_with(|c: char| c.is_ascii_digit()))?;
    let whole = number.split('.').next()?;
    whole.parse().ok().filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_read_from_the_words() {
        for (message, ms) in [
            ("Audio content of 1850ms is already shorter than 1935ms", Some(1850)),
            ("Audio content of 1850.7 ms is already shorter than 1935 ms", Some(1850)),
            ("Audio content of 0ms is already shorter than 85ms", None),
            ("Audio content of x ms is already shorter than y ms", None),
            ("Audio content of 99999999999999ms is already shorter than 1ms", None),
            ("something else of 7 ms", None),
        ] {
            assert_eq!(audio_length(message), ms, "{message}");
        }
    }
}
