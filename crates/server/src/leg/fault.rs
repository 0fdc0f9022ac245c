use std::sync::atomic::{AtomicU64, Ordering};

/// How a peer broke RFC 6455 or our limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A frame from the client without a mask (section 5.1).
    Unmasked,
    /// A reserved bit, though no extension was agreed (section 5.2).
    ReservedBits,
    /// An opcode that does not exist (section 5.2).
    Opcode,
    /// A control frame that is fragmented, longer than 125 bytes or has a bad close code (section 5.5).
    Control,
    /// A continuation of nothing, or a new message inside a fragmented one (section 5.4).
    Fragment,
    /// Text that is not UTF-8 (section 8.1).
    Utf8,
    /// A message over the size or fragment limit.
    TooLarge,
}

impl Fault {
    /// RFC 6455 section 7.4.1.
    pub(crate) const fn close_code(self) -> u16 {
        match self {
            Self::Unmasked | Self::ReservedBits | Self::Opcode | Self::Control | Self::Fragment => 1002,
            Self::Utf8 => 1007,
            Self::TooLarge => 1009,
        }
    }

    const fn ending(self) -> LegEnding {
        match self {
            Self::Unmasked | Self::ReservedBits | Self::Opcode | Self::Control | Self::Fragment => {
                LegEnding::ProtocolViolation
            }
            Self::Utf8 => LegEnding::BadUtf8,
            Self::TooLarge => LegEnding::TooLarge,
        }
    }
}

impl From<Fault> for LegEnding {
    fn from(fault: Fault) -> Self {
        fault.ending()
    }
}

/// Why a leg ended, as it is counted. Each leg counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum LegEnding {
    /// The peer sent a close frame.
    PeerClosed,
    /// The call asked for it.
    CallClosed,
    /// The socket went away without a close frame, or the call killed it.
    Lost,
    /// The peer was silent for too long.
    HalfOpen,
    /// The peer broke the WebSocket protocol (1002).
    ProtocolViolation,
    /// The peer sent text that is not UTF-8 (1007).
    BadUtf8,
    /// The peer sent a message over the limits (1009).
    TooLarge,
}

impl LegEnding {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::PeerClosed,
        Self::CallClosed,
        Self::Lost,
        Self::HalfOpen,
        Self::ProtocolViolation,
        Self::BadUtf8,
        Self::TooLarge,
    ];

    /// A stable word for metrics and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::CallClosed => "call_closed",
            Self::Lost => "lost",
            Self::HalfOpen => "half_open",
            Self::ProtocolViolation => "protocol_violation",
            Self::BadUtf8 => "bad_utf8",
            Self::TooLarge => "too_large",
        }
    }
}

/// Counts of legs, shared by all lanes.
#[derive(Debug, Default)]
pub struct LegTally {
    opened: AtomicU64,
    ended: [AtomicU64; LegEnding::ALL.len()],
}

impl LegTally {
    /// Legs opened since the start of the process.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Legs that ended this way since the start of the process.
    pub fn ended(&self, ending: LegEnding) -> u64 {
        self.ended[ending as usize].load(Ordering::Relaxed)
    }

    /// Legs whose socket is open now.
    pub fn live(&self) -> u64 {
        let ended: u64 = LegEnding::ALL.iter().map(|&ending| self.ended(ending)).sum();
        self.opened().saturating_sub(ended)
    }

    pub(crate) fn open(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, ending: LegEnding) {
        self.ended[ending as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_own_counter() {
        for (place, ending) in LegEnding::ALL.into_iter().enumerate() {
            assert_eq!(ending as usize, place, "{}", ending.code());
        }
    }
}
