use operetta_contract::{ErrorClass, Message, ProviderError, Transcribe};
use serde_json::Value;

use crate::shape::json;

/// A message of a server that speaks JSON; `None` for bytes, which none of them sends.
///
/// # Errors
/// The text is no JSON.
pub(super) fn read(message: Message<'_>) -> Result<Option<Value>, ProviderError> {
    match message {
        Message::Binary(_) => Ok(None),
        Message::Text(text) => json::parse(text).map(Some),
    }
}

/// A text field; empty when it is not there or no text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A flag; `false` when it is not there or no flag.
pub(super) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// A time in seconds, as milliseconds.
pub(super) fn seconds_as_ms(value: &Value, name: &str) -> Option<u64> {
    let seconds = value.get(name).and_then(Value::as_f64)?;
    Some((seconds * 1000.0).round() as u64)
}

/// The rate of a job.
///
/// # Errors
/// It is none that callers' audio has.
pub(super) fn known_rate(job: &Transcribe) -> Result<u32, ProviderError> {
    match job.rate_hz {
        rate @ (8_000 | 16_000 | 24_000) => Ok(rate),
        other => Err(ProviderError::new(
            ErrorClass::BadRequest,
            format!("8000, 16000 or 24000 samples a second expected, came {other}"),
        )),
    }
}
