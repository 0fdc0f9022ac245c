use std::fmt;

/// A telephony platform whose media messages we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Exotel `AgentStream`: Voicebot and Stream applets, Connect Voice AI.
    Exotel,
    /// Twilio Media Streams.
    Twilio,
}

impl Carrier {
    /// Every carrier, for tables and metrics.
    pub const ALL: [Self; 2] = [Self::Exotel, Self::Twilio];

    /// The label of this carrier in metrics, logs and routes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exotel => "exotel",
            Self::Twilio => "twilio",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a route knows about a leg before its first message. The route names the carrier: an Exotel `start` in
/// camelCase has the shape of Twilio's with other audio, so nothing is guessed from messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose messages these are.
    pub carrier: Carrier,
    /// Whether the carrier takes audio from us. On a listen-only line every [`crate::Say`] is refused.
    pub duplex: bool,
    /// The rate that the URL of the socket asked for, if it did; `start` outranks it. Other values than 8000, 16000
    /// and 24000 count as none. Twilio has none.
    pub rate_hint_hz: Option<u32>,
    /// Whether media without `start` begins the session: right where the proof was given at the upgrade, wrong where
    /// it comes in `start`.
    pub implicit_start: bool,
    /// Whether our media carry counters and time stamps. Exotel only: without them some Connect streams end early
    /// (Exotel's own samples say so); Twilio warns about keys that it does not know (31951).
    pub extras: bool,
    /// Bytes of one outbound frame instead of the carrier's default. Exotel: cut to 320..=74880 in steps of 320.
    pub chunk_bytes: Option<usize>,
}

impl Line {
    /// An Exotel Voicebot line, proven at the upgrade, with everything at its default.
    pub const fn exotel() -> Self {
        Self {
            carrier: Carrier::Exotel,
            duplex: true,
            rate_hint_hz: None,
            implicit_start: true,
            extras: true,
            chunk_bytes: None,
        }
    }

    /// A Twilio `<Connect><Stream>` line, proven in `start`.
    pub const fn twilio() -> Self {
        Self {
            carrier: Carrier::Twilio,
            duplex: true,
            rate_hint_hz: None,
            implicit_start: false,
            extras: false,
            chunk_bytes: None,
        }
    }

    /// The same line, to be listened to only: Exotel's Stream applet, Twilio's `<Start><Stream>`.
    #[must_use]
    pub const fn listen_only(mut self) -> Self {
        self.duplex = false;
        self
    }
}
