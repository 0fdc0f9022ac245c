use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What the engine wants the carrier to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say<'a> {
    /// Play this audio, in the stream's format, after what was sent before.
    Media(&'a [u8]),
    /// Send this name back when the audio before it has been played.
    Mark(&'a str),
    /// Drop what has not been played yet.
    Clear,
}

/// How keys are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Snake,
    Camel,
}

impl Spelling {
    const fn stream_sid(self) -> &'static str {
        match self {
            Self::Snake => r#"","stream_sid":"#,
            Self::Camel => r#"","streamSid":"#,
        }
    }
}

/// Opens a message: its event and its stream. `sid_json` is quoted and escaped.
pub(crate) fn head(out: &mut String, event: &str, spelling: Spelling, sid_json: &str) {
    out.push_str(r#"{"event":""#);
    out.push_str(event);
    out.push_str(spelling.stream_sid());
    out.push_str(sid_json);
}

/// The payload of a media message, which closes nothing.
pub(crate) fn payload(out: &mut String, audio: &[u8]) {
    out.push_str(r#""payload":""#);
    STANDARD.encode_string(audio, out);
    out.push('"');
}

/// A counter as a string: one of the two documented shapes, and the one that every reader takes.
pub(crate) fn counter(out: &mut String, name: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(out, r#""{name}":"{value}","#);
}

/// `text` as a JSON string, quotes included.
pub(crate) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}
