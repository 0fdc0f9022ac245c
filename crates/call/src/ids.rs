use std::{fmt, sync::Arc};

/// Identifies one job of a call: one utterance to synthesise, one reply to think of, one pair of ears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Identifies one mark of a call. Marks are numbered from 1 in sending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkId(pub u32);

impl MarkId {
    const PREFIX: &'static str = "utt-";

    /// The mark that carries this name on the wire, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(Self::PREFIX)?;
        if digits.starts_with(['0', '+']) {
            return None;
        }
        digits.parse().ok().map(Self)
    }
}

/// The name of the mark on the wire.
impl fmt::Display for MarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

/// The carrier's opaque id of one media stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamSid(Arc<str>);

impl StreamSid {
    /// The id as the carrier wrote it in `start` (or in the first media message, where that begins the stream).
    pub fn new(sid: impl Into<Arc<str>>) -> Self {
        Self(sid.into())
    }

    /// The id as the carrier wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_knows_its_own_name_and_no_other() {
        assert_eq!(MarkId::from_name(&MarkId(7).to_string()), Some(MarkId(7)));
        for strange in ["", "utt-", "utt-x", "utt--1", "utt-07", "utt-+7", "other-7", "utt-99999999999"] {
            assert_eq!(MarkId::from_name(strange), None, "{strange}");
        }
    }
}
