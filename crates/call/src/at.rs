use std::{fmt, ops};

/// A moment of a call: milliseconds since its leg opened.
///
/// There is no `now()`. Whoever owns the clock says what time it is, so the machine cannot read one even by accident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u32);

impl At {
    /// The moment the leg opened.
    pub const ZERO: Self = Self(0);

    /// The moment `ms` milliseconds after the leg opened.
    pub const fn from_ms(ms: u32) -> Self {
        Self(ms)
    }

    /// Milliseconds since the leg opened.
    pub const fn ms(self) -> u32 {
        self.0
    }

    /// Milliseconds since `earlier`, 0 if that lies in the future.
    pub const fn ms_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl ops::Add<u32> for At {
    type Output = Self;

    fn add(self, ms: u32) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// As the transcripts write it: `+3.904`.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}
