//! Holds every value against the shape that settings must have, and takes out what does not fit, so that the rest can be
//! judged too: an operator sees all problems at once.

use config::{Value, ValueKind};

use super::{
    hint,
    layers::{table, table_mut},
    problem::{Origin, Problem, ProblemKind, Problems},
    shape::{Form, Shape, join},
};

/// One setting as it will be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key, with dots.
    pub key: String,
    /// The value as TOML would write it; asterisks for a secret.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Removes everything that does not fit from `settings`, with a problem for each.
pub(super) fn prune(settings: &mut Value, shape: &Shape, problems: &mut Problems) {
    Audit { root: shape, problems }.table(settings, shape, "");
}

/// Every single value, in the order of the keys.
pub(super) fn effective(settings: &Value, shape: &Shape) -> Vec<Effective> {
    let mut list = Vec::new();
    collect(settings, shape, "", &mut list);
    list.sort_by(|a, b| a.key.cmp(&b.key));
    list
}

struct Audit<'a> {
    root: &'a Shape,
    problems: &'a mut Problems,
}

impl Audit<'_> {
    /// `value` is a table by construction of the caller.
    fn table(&mut self, value: &mut Value, shape: &Shape, path: &str) {
        let Some(entries) = table_mut(value) else { return };
        entries.retain(|key, value| {
            let own_path = join(path, key);
            if let Some(below) = shape.below(key) {
                return self.fits(value, below, &own_path);
            }
            let meant = hint::closest_key(key, path, shape, self.root);
            let help = meant.map(|meant| format!("did you mean `{meant}`?"));
            self.problem(value, &own_path, ProblemKind::UnknownKey, "unknown key".to_owned(), help);
            false
        });
    }

    fn fits(&mut self, value: &mut Value, shape: &Shape, path: &str) -> bool {
        if let (Form::Table { .. }, ValueKind::Table(_)) = (&shape.form, &value.kind) {
            self.table(value, shape, path);
            return true;
        }
        match complaint(value, shape, shape.secret) {
            None => true,
            Some((what, help)) => {
                self.problem(value, path, ProblemKind::BadValue, what, help);
                false
            }
        }
    }

    fn problem(&mut self, value: &Value, path: &str, kind: ProblemKind, what: String, help: Option<String>) {
        let origin = origin_of(value);
        self.problems.add(Problem { origin, key: path.to_owned(), kind, what, help });
    }
}

/// What is wrong with one value, and a hint.
fn complaint(value: &Value, shape: &Shape, secret: bool) -> Option<(String, Option<String>)> {
    let wrong = |expected: &str, help: Option<String>| {
        let found = if secret { "something else".to_owned() } else { shown(value) };
        Some((format!("expected {expected}, found {found}"), help))
    };
    let expected = shape.form.expected();
    match (&shape.form, &value.kind) {
        (Form::Flag, ValueKind::Boolean(_)) => None,
        (Form::Whole { min, max, step }, ValueKind::I64(number)) => {
            if (min..=max).contains(&number) && number % step == 0 { None } else { wrong(&expected, None) }
        }
        (Form::List { item, min_items, max_items }, ValueKind::Array(items)) => {
            if items.len() < *min_items {
                return Some((format!("expected at least {min_items}, found {}", items.len()), None));
            }
            if items.len() > *max_items {
                return Some((format!("expected at most {max_items} items, found {}", items.len()), None));
            }
            items.iter().find_map(|value| complaint(value, item, secret))
        }
        (Form::Text { min, max, one_of, format }, ValueKind::String(text)) => {
            if !one_of.is_empty() {
                let meant = || hint::closest_word(text, one_of).map(|word| format!("did you mean `{word}`?"));
                return if one_of.contains(text) { None } else { wrong(&expected, meant()) };
            }
            // A URL may hold a password, so what was found there is not repeated.
            let bad_format = format.and_then(|format| format.check(text).err().map(|what| (format, what)));
            match bad_format {
                Some((super::shape::Format::PublicUrl | super::shape::Format::ServerUrl, what)) => {
                    Some((what.to_owned(), None))
                }
                Some((_, what)) => wrong(what, None),
                None if (min..=max).contains(&&text.chars().count()) => None,
                None => {
                    let unit = if *max == super::shape::UNBOUNDED {
                        format!("at least {min}")
                    } else {
                        format!("{min} to {max}")
                    };
                    Some((format!("expected {unit} characters, found {}", text.chars().count()), None))
                }
            }
        }
        _ => wrong(&expected, None),
    }
}

fn collect(value: &Value, shape: &Shape, path: &str, list: &mut Vec<Effective>) {
    if let (Form::Table { .. }, Some(entries)) = (&shape.form, table(value)) {
        for (key, value) in entries {
            if let Some(below) = shape.below(key) {
                collect(value, below, &join(path, key), list);
            }
        }
        return;
    }
    let value_text = if shape.secret { masked(value) } else { shown(value) };
    list.push(Effective { key: path.to_owned(), value: value_text, origin: origin_of(value) });
}

/// The origin of a value; of a table, which has none, that of what is in it.
fn origin_of(value: &Value) -> Origin {
    fn of(value: &Value) -> Option<&str> {
        match table(value) {
            Some(entries) => entries.values().find_map(of),
            None => value.origin(),
        }
    }
    Origin::read(of(value))
}

/// A value as TOML would write it, on one line.
fn shown(value: &Value) -> String {
    match &value.kind {
        // JSON's escapes are a part of those of TOML's basic strings.
        ValueKind::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// How many secrets there are, and nothing about them, not even their length.
fn masked(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(items) => format!("[{}]", vec!["\"********\""; items.len()].join(", ")),
        _ => "\"********\"".to_owned(),
    }
}
