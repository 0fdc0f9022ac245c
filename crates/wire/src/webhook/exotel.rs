//! The lookup of a dynamic socket URL. Source: developer.exotel.com/docs/agentstream/connect-voice-ai and reports of
//! integrators for methods and names; read 2026-11-20.

use super::{Direction, Ring, id};
use crate::{Carrier, PhoneNumber};

/// Names count without regard to case, hyphens and underscores; of a repeated field the first usable value wins.
pub(super) fn read<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Ring {
    let mut ring = Ring::of(Carrier::Exotel);
    for (name, value) in fields.into_iter().take(MAX_FIELDS) {
        let (name, value) = (plain(name.as_ref()), value.as_ref());
        match name.as_str() {
            "callsid" => keep(&mut ring.call_sid, || id(value)),
            "accountsid" => keep(&mut ring.account_sid, || id(value)),
            "callfrom" | "from" => keep(&mut ring.from, || PhoneNumber::read(value)),
            "callto" | "to" => keep(&mut ring.to, || PhoneNumber::read(value)),
            "customfield" => keep(&mut ring.custom, || id(value)),
            "direction" if ring.direction == Direction::Unknown => {
                ring.direction = Direction::read(value);
            }
            _ => {}
        }
    }
    ring
}

fn keep<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if slot.is_none() {
        *slot = value();
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .take(MAX_FIELD_NAME)
        .filter(|symbol| !matches!(symbol, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// No request of theirs has half as many.
const MAX_FIELDS: usize = 128;
const MAX_FIELD_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(fields: &[(&str, &str)]) -> Ring {
        read(fields.iter().copied())
    }

    #[test]
    fn reads_every_spelling() {
        let expected = rung(&[
            ("CallSid", "b01"),
            ("CallFrom", "01000000001"),
            ("CallTo", "01000000002"),
            ("Direction", "incoming"),
        ]);
        assert_eq!(expected.call_sid.as_deref(), Some("b01"));
        assert_eq!(expected.from.as_ref().map(PhoneNumber::as_str), Some("01000000001"));
        assert_eq!(expected.to.as_ref().map(PhoneNumber::as_str), Some("01000000002"));
        assert_eq!(expected.direction, Direction::Inbound);
        for fields in [
            [("call_sid", "b01"), ("call_from", "01000000001"), ("call_to", "01000000002"), ("direction", "inbound")],
            [("callsid", "b01"), ("From", "01000000001"), ("To", "01000000002"), ("DIRECTION", "Incoming")],
            [("callSid", " b01 "), ("from", "0100 000 0001"), ("to", "01000000002"), ("direction", "incoming")],
        ] {
            assert_eq!(rung(&fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn the_first_usable_value_wins() {
        let ring = rung(&[
            ("CallSid", ""),
            ("CallSid", "b01"),
            ("CallSid", "b02"),
            ("From", "withheld"),
            ("CallFrom", "0100000000"),
        ]);
        assert_eq!(ring.call_sid.as_deref(), Some("b01"));
        assert_eq!(ring.from.as_ref().map(PhoneNumber::as_str), Some("0100000000"));
    }

    #[test]
    fn a_lookup_with_nothing_in_it_is_still_answered() {
        assert_eq!(rung(&[]), Ring::of(Carrier::Exotel));
        assert_eq!(
            rung(&[("CallSid", &"x".repeat(513)), ("CustomField", "lead-17")]).custom.as_deref(),
            Some("lead-17")
        );
    }

    #[test]
    fn directions_of_placed_calls() {
        for word in ["outbound", "outbound-dial", "outbound-api"] {
            assert_eq!(rung(&[("Direction", word)]).direction, Direction::Outbound, "{word}");
        }
        assert_eq!(rung(&[("Direction", "sideways")]).direction, Direction::Unknown);
    }
}
