//! Tools of language models: what is sent about them, and whether what comes back can be used.

use std::sync::Arc;

use operetta_contract::{ErrorClass, ProviderError, Tool};
use serde_json::{Map, Value};

use super::json::protocol;

/// The schema of a tool's arguments.
///
/// # Errors
/// [`BadRequest`](ErrorClass::BadRequest): it is no JSON object.
pub fn schema(tool: &Tool) -> Result<Value, ProviderError> {
    let schema = serde_json::from_str(&tool.parameters).ok().filter(Value::is_object);
    schema.ok_or_else(|| {
        let detail = format!("the parameters of the tool {:?} are no JSON object", tool.name);
        ProviderError::new(ErrorClass::BadRequest, detail)
    })
}

/// The arguments that a model wrote, as JSON text that is a whole object.
///
/// Nothing, `null` and blanks mean `{}`, and an object that was written as a string is taken out of it: local servers do
/// that.
///
/// # Errors
/// [`Protocol`](ErrorClass::Protocol): they are anything else, for example an object that a token limit has cut. A call with
/// half its arguments is never made.
pub fn arguments(written: &str) -> Result<Arc<str>, ProviderError> {
    let written = written.trim();
    if written.is_empty() {
        return Ok("{}".into());
    }
    match serde_json::from_str::<Value>(written) {
        Ok(Value::Object(_)) => Ok(written.into()),
        Ok(Value::Null) => Ok("{}".into()),
        Ok(Value::String(inner)) if is_object(&inner) => Ok(inner.trim().into()),
        Ok(_) => Err(protocol("the arguments of a tool call are JSON but no object")),
        Err(error) => {
            // The position and kind of the fault; what was written may repeat the caller's words.
            Err(protocol(format!(
                "the arguments of a tool call are no whole JSON object: fault at column {}",
                error.column()
            )))
        }
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(text).is_ok()
}

/// The arguments of a call in the history, to be sent as JSON.
pub fn sent_arguments(arguments: &str) -> Value {
    serde_json::from_str(arguments).ok().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()))
}

/// The id of a call as every API takes it: of another one's ids some are longer than 40 characters or have dots and colons in
/// them. The end is kept, because that is where ids differ.
pub fn sent_id(id: &str) -> String {
    let safe: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    safe[safe.len().saturating_sub(40)..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_whole_object_or_an_error() {
        let check = |written: &str, expected: Option<&str>| {
            assert_eq!(arguments(written).ok().as_deref(), expected, "{written:?}");
        };
        check("", Some("{}"));
        check(" \n", Some("{}"));
        check("null", Some("{}"));
        check(r#" {"day": "Tuesday"} "#, Some(r#"{"day": "Tuesday"}"#));
        check(r#""{\"day\":1}""#, Some(r#"{"day":1}"#));
        for broken in [r#"{"day":"Tu"#, "[]", "7", r#""Tuesday""#, "{}{}", "{'day':1}", "\0"] {
            check(broken, None);
            assert_eq!(arguments(broken).unwrap_err().class, ErrorClass::Protocol);
        }
        assert!(!arguments(r#"{"name":"Asha Ra"#).unwrap_err().detail.contains("Asha"));
    }

    #[test]
    fn ids_of_others_are_made_fit_and_stay_apart() {
        assert_eq!(sent_id("toolu_01-a"), "toolu_01-a");
        assert_eq!(sent_id("functions.find:0"), "functions_find_0");
        assert_eq!(sent_id("é"), "_");
        let long = |n| sent_id(&format!("chatcmpl-tool-{n:032x}"));
        assert_eq!(long(1).len(), 40);
        assert_ne!(long(1), long(2));
    }

    #[test]
    fn a_schema_is_an_object() {
        let tool = |parameters: &str| Tool { name: "x".into(), description: "".into(), parameters: parameters.into() };
        assert_eq!(schema(&tool(r#"{"type":"object"}"#)).unwrap()["type"], "object");
        for broken in ["", "[]", "{"] {
            assert_eq!(schema(&tool(broken)).unwrap_err().class, ErrorClass::BadRequest, "{broken}");
        }
    }
}
