//! What every vendor checks of a request.

use serde_json::{Map, Value};

use super::{Request, refusal::Fault};

/// An object as it was sent.
pub(super) type Object = Map<String, Value>;

impl Request {
    /// The body as an object of JSON.
    pub(super) fn object(&self) -> Result<Object, Fault> {
        if self.head.content_type() != "application/json" {
            return Err(Fault::ContentType);
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(invalid("body", "an object of JSON")),
        }
    }

    /// No parameters of the query but these.
    pub(super) fn only_parameters(&self, known: &[&str]) -> Result<(), Fault> {
        match self.head.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(Fault::Unknown(name.clone())),
            None => Ok(()),
        }
    }

    /// About how many tokens were sent: four bytes each.
    pub(super) const fn tokens(&self) -> u64 {
        (self.body.len() / 4) as u64
    }
}

/// No fields but these.
pub(super) fn only_fields(object: &Object, known: &[&str]) -> Result<(), Fault> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Fault::Unknown(name.clone())),
        None => Ok(()),
    }
}

/// A field that must be there, and a string that is not empty.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> Result<&'a str, Fault> {
    let text = object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| invalid(name, "a string that is not empty"))
}

/// A field that may be missing, and a number in a range.
pub(super) fn number_in(object: &Object, name: &str, least: f64, most: f64) -> Result<(), Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if value.as_f64().is_some_and(|number| (least..=most).contains(&number)) => Ok(()),
        Some(_) => Err(invalid(name, &format!("a number from {least} to {most}"))),
    }
}

/// A field that may be missing, and one of some words.
pub(super) fn word_of<'a>(object: &'a Object, name: &str, known: &[&str]) -> Result<Option<&'a str>, Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if known.contains(&word.as_str()) => Ok(Some(word)),
        Some(_) => Err(invalid(name, &format!("one of {}", known.join(", ")))),
    }
}

/// A field that may be missing, and true or false.
pub(super) fn flag(object: &Object, name: &str) -> Result<bool, Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(invalid(name, "true or false")),
    }
}

pub(super) fn invalid(name: &str, right: &str) -> Fault {
    Fault::Invalid(name.to_owned(), right.to_owned())
}
