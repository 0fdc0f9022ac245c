//! Reading JSON that somebody else wrote.

use operetta_contract::{ErrorClass, ProviderError};
use serde_json::Value;

/// The JSON of one message.
///
/// # Errors
/// [`Protocol`](ErrorClass::Protocol): it is none. What it is does not show: it may repeat the words of a caller.
pub fn parse(text: &str) -> Result<Value, ProviderError> {
    serde_json::from_str(text)
        .map_err(|error| protocol(format!("a message is no JSON: fault at column {}", error.column())))
}

/// The text in a field; empty when the field is absent or `null`, as it often is.
///
/// # Errors
/// [`Protocol`](ErrorClass::Protocol): something other than text stands there.
pub fn text_of<'a>(value: &'a Value, field: &str) -> Result<&'a str, ProviderError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(protocol(format!("text was expected in the field {field:?} of a message"))),
    }
}

/// An answer that is not what the protocol promises.
pub fn protocol(detail: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorClass::Protocol, detail)
}
