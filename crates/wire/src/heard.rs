use std::fmt;

use operetta_audio::Format;

use crate::PhoneNumber;

/// One message from the carrier, understood.
///
/// The audio of [`Heard::Media`], and of the media that started a session implicitly, is in the buffer that was given
/// to [`crate::Dialect::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The socket is up. Carries nothing to act on; may never come.
    Connected,
    /// The session begins; told once a leg. When [`Start::implicit`], the audio buffer holds its first frame.
    Started(Box<Start>),
    /// The `start` of a session that had begun implicitly. The stream is the same; ids, parameters and, if the
    /// carrier contradicts the route, the format may be new.
    Amended(Box<Start>),
    /// Caller audio, in the audio buffer: whole samples, at least one.
    Media,
    /// The caller pressed a key.
    Dtmf(Digit),
    /// A mark of ours came back, as sent. Exotel: the audio before it has been played. Twilio: played, or flushed by a
    /// `clear`; who sent the clear knows which.
    Mark(Box<str>),
    /// The carrier ended the stream. Whatever follows is [`Ignored::AfterStop`].
    Stopped(Stop),
    /// Read and dropped.
    Ignored(Ignored),
}

/// What the carrier says about a session when it begins. Every id is opaque.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// Names the stream; every message of ours carries it.
    pub stream_sid: Box<str>,
    /// Names the call, if the carrier told.
    pub call_sid: Option<Box<str>>,
    /// Names the account, if the carrier told.
    pub account_sid: Option<Box<str>>,
    /// Who calls. Twilio tells it in the webhook only.
    pub from: Option<PhoneNumber>,
    /// Who is called.
    pub to: Option<PhoneNumber>,
    /// Custom parameters, in the carrier's order, at most [`crate::MAX_PARAMETERS`]. May hold secrets.
    pub parameters: Vec<(String, String)>,
    /// Parameters that were dropped: too many, too long, repeated, or not scalar.
    pub parameters_dropped: u32,
    /// The audio of both directions.
    pub format: Format,
    /// Began by media; a `start` may follow and is then told as [`Heard::Amended`].
    pub implicit: bool,
}

impl Start {
    /// The custom parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Parameters carry tokens and names; numbers mask themselves.
        f.debug_struct("Start")
            .field("stream_sid", &self.stream_sid)
            .field("call_sid", &self.call_sid)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("parameters", &self.parameters.len())
            .field("parameters_dropped", &self.parameters_dropped)
            .field("format", &self.format)
            .field("implicit", &self.implicit)
            .finish_non_exhaustive()
    }
}

/// The carrier's last word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Why, where the carrier says so; Twilio never does.
    pub reason: Option<StopReason>,
    /// The call, for sessions that never had a `start`.
    pub call_sid: Option<Box<str>>,
    /// The account, likewise.
    pub account_sid: Option<Box<str>>,
}

/// Why a stream was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// `callended`: a party hung up.
    CallEnded,
    /// `stopped`: the applet ended the stream, the call goes on.
    Stopped,
    /// Any other word.
    Other,
}

impl StopReason {
    /// A stable word for logs and metrics: the carrier's own where it is known.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallEnded => "callended",
            Self::Stopped => "stopped",
            Self::Other => "other",
        }
    }

    pub(crate) fn read(word: &str) -> Self {
        match word {
            "callended" => Self::CallEnded,
            "stopped" => Self::Stopped,
            _ => Self::Other,
        }
    }
}

/// One key of a telephone: `0`-`9`, `*`, `#`, `A`-`D`. Its `Debug` hides it, since callers type card numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(char);

impl Digit {
    /// The key that `symbol` names; small letters count.
    pub const fn new(symbol: char) -> Option<Self> {
        match symbol.to_ascii_uppercase() {
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Some(Self(key)),
            _ => None,
        }
    }

    /// The key as one character.
    pub const fn as_char(self) -> char {
        self.0
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut symbols = text.chars();
        match (symbols.next(), symbols.next()) {
            (Some(symbol), None) => Self::new(symbol),
            _ => None,
        }
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(_)")
    }
}

/// Why a message that could be read was dropped. Each is counted; none ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// `connected` again.
    RepeatedConnected,
    /// The `start` that was heard before.
    RepeatedStart,
    /// An event that neither dialect nor engine knows.
    UnknownEvent,
    /// Media, a key or a mark before the session began.
    BeforeStart,
    /// Media that would begin the session, but names no stream: nothing could be answered.
    NoStreamSid,
    /// A message for another stream.
    OtherStream,
    /// Audio or a key that is not the caller's.
    OtherTrack,
    /// Media with nothing in it, or less than one sample.
    EmptyPayload,
    /// A payload that is not base64.
    BadBase64,
    /// A key that no telephone has.
    BadDigit,
    /// A mark with no name, or with one longer than any of ours.
    BadMark,
    /// `clear` from the carrier: at most a hint, and undocumented.
    InboundClear,
    /// Anything after the first `stop`.
    AfterStop,
}

impl Ignored {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 13] = [
        Self::RepeatedConnected,
        Self::RepeatedStart,
        Self::UnknownEvent,
        Self::BeforeStart,
        Self::NoStreamSid,
        Self::OtherStream,
        Self::OtherTrack,
        Self::EmptyPayload,
        Self::BadBase64,
        Self::BadDigit,
        Self::BadMark,
        Self::InboundClear,
        Self::AfterStop,
    ];

    /// A stable word for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RepeatedConnected => "repeated_connected",
            Self::RepeatedStart => "repeated_start",
            Self::UnknownEvent => "unknown_event",
            Self::BeforeStart => "before_start",
            Self::NoStreamSid => "no_stream_sid",
            Self::OtherStream => "other_stream",
            Self::OtherTrack => "other_track",
            Self::EmptyPayload => "empty_payload",
            Self::BadBase64 => "bad_base64",
            Self::BadDigit => "bad_digit",
            Self::BadMark => "bad_mark",
            Self::InboundClear => "inbound_clear",
            Self::AfterStop => "after_stop",
        }
    }
}
