//! What carriers ask over HTTP when a call reaches them, read from key and value pairs that the server has decoded.
//! The answers are written by the server, with a writer of their own.

mod exotel;
mod twilio;

use std::fmt;

use crate::{Carrier, MAX_NAME_BYTES, PhoneNumber};

/// A call that asks where to connect its audio.
#[derive(Clone, PartialEq, Eq)]
pub struct Ring {
    /// Who asks.
    pub carrier: Carrier,
    /// Names the call; opaque, at most [`MAX_NAME_BYTES`]. Twilio always gives it, Exotel nearly always.
    pub call_sid: Option<Box<str>>,
    /// Names the account.
    pub account_sid: Option<Box<str>>,
    /// Who calls, unless withheld or no number.
    pub from: Option<PhoneNumber>,
    /// Who is called.
    pub to: Option<PhoneNumber>,
    /// Who placed the call.
    pub direction: Direction,
    /// Exotel's `CustomField`, as given when the call was placed; at most 512 bytes. May hold secrets.
    pub custom: Option<Box<str>>,
}

impl Ring {
    /// Reads the fields of `carrier`'s request, in the order in which they came: query first, then body.
    ///
    /// # Errors
    /// Twilio signs its requests and promises a call sid, so a missing one or a repeated field is refused. Exotel's
    /// lookup is never refused: no answer would mean no agent.
    pub fn read<K: AsRef<str>, V: AsRef<str>>(
        carrier: Carrier,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, RingError> {
        match carrier {
            Carrier::Exotel => Ok(exotel::read(fields)),
            Carrier::Twilio => twilio::read(fields),
        }
    }

    const fn of(carrier: Carrier) -> Self {
        Self {
            carrier,
            call_sid: None,
            account_sid: None,
            from: None,
            to: None,
            direction: Direction::Unknown,
            custom: None,
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("carrier", &self.carrier)
            .field("call_sid", &self.call_sid)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("direction", &self.direction)
            .field("custom", &self.custom.is_some())
            .finish_non_exhaustive()
    }
}

/// Who placed a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Somebody called us.
    Inbound,
    /// The call was placed for us.
    Outbound,
    /// The carrier did not say, or not in words we know.
    Unknown,
}

impl Direction {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Unknown => "unknown",
        }
    }

    /// Exotel: `incoming`, `inbound`, `outbound`, `outbound-dial`, `outbound-api`. Twilio: the last three and `inbound`.
    fn read(word: &str) -> Self {
        let word = word.trim().to_ascii_lowercase();
        if matches!(&*word, "incoming" | "inbound") {
            Self::Inbound
        } else if word.starts_with("outbound") {
            Self::Outbound
        } else {
            Self::Unknown
        }
    }
}

/// Why a request is not a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// No call sid, or one too long to keep.
    #[error("a field named CallSid expected, none came")]
    MissingCallSid,
    /// A field that decides something came twice: one could be signed and the other used.
    #[error("each field once expected, {field} came twice")]
    RepeatedField {
        /// Its documented name.
        field: &'static str,
    },
}

impl RingError {
    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingCallSid => "missing_call_sid",
            Self::RepeatedField { .. } => "repeated_field",
        }
    }
}

/// An opaque id, unless it is empty or too long to keep.
fn id(value: &str) -> Option<Box<str>> {
    let value = value.trim();
    (!value.is_empty() && value.len() <= MAX_NAME_BYTES).then(|| value.into())
}
