//! The voice webhook. Source: twilio.com/docs/voice/twiml, request parameters; read 2026-11-20.

use super::{Direction, Ring, RingError, id};
use crate::{Carrier, PhoneNumber};

/// Documented names only, each at most once: the signature covers sorted values, not which of two we would use.
pub(super) fn read<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Ring, RingError> {
    let mut ring = Ring::of(Carrier::Twilio);
    let mut seen = [false; FIELDS.len()];
    for (name, value) in fields {
        let Some(position) = FIELDS.iter().position(|field| *field == name.as_ref()) else {
            continue;
        };
        if let (Some(seen), Some(field)) = (seen.get_mut(position), FIELDS.get(position).copied())
            && std::mem::replace(seen, true)
        {
            return Err(RingError::RepeatedField { field });
        }
        let value = value.as_ref();
        match name.as_ref() {
            "CallSid" => ring.call_sid = id(value),
            "AccountSid" => ring.account_sid = id(value),
            "From" => ring.from = PhoneNumber::read(value),
            "To" => ring.to = PhoneNumber::read(value),
            _ => ring.direction = Direction::read(value),
        }
    }
    if ring.call_sid.is_none() { Err(RingError::MissingCallSid) } else { Ok(ring) }
}

/// Every field that decides something; all others are ignored, and may repeat.
const FIELDS: [&str; 5] = ["CallSid", "AccountSid", "From", "To", "Direction"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_call() {
        let fields = [
            ("CallSid", "CA1"),
            ("AccountSid", "AC1"),
            ("From", "+12025550123"),
            ("To", "client:desk"),
            ("Direction", "inbound"),
            ("FromCity", "Pune"),
            ("FromCity", "Pune"),
        ];
        let ring = read(fields).unwrap();
        assert_eq!(ring.call_sid.as_deref(), Some("CA1"));
        assert_eq!(ring.account_sid.as_deref(), Some("AC1"));
        assert_eq!(ring.from.as_ref().map(PhoneNumber::as_str), Some("+12025550123"));
        assert_eq!(ring.to, None);
        assert_eq!(ring.direction, Direction::Inbound);
    }

    #[test]
    fn refuses_what_could_be_meant_twice() {
        for (fields, expected) in [
            (&[("CallSid", "CA1"), ("CallSid", "CA1")][..], RingError::RepeatedField { field: "CallSid" }),
            (&[("CallSid", "CA1"), ("To", "1"), ("To", "2")], RingError::RepeatedField { field: "To" }),
            (&[("From", "+12025550123")], RingError::MissingCallSid),
            (&[("CallSid", "")], RingError::MissingCallSid),
            (&[("callsid", "CA1")], RingError::MissingCallSid),
        ] {
            assert_eq!(read(fields.iter().copied()), Err(expected), "{fields:?}");
        }
    }
}
