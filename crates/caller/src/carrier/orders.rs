use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What the engine orders the carrier to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// Play this: base64 audio in the stream's format.
    Media(Cow<'a, str>),
    /// Say when all audio before this has been played.
    Mark(Cow<'a, str>),
    /// Throw away what has not been played.
    Clear,
}

/// A way in which the engine breaks the carrier's rules. Words are stable: they stand in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A text message that is no JSON object.
    NotJson,
    /// A binary message on a stream of JSON (Twilio: warning 31950).
    BinaryMessage,
    /// An event the carrier does not take.
    UnknownEvent,
    /// A key too many, too few, or of the wrong type (Twilio: warning 31951).
    UnexpectedShape,
    /// The stream id is missing, misspelt or of another stream. Twilio plays nothing of it.
    WrongStreamId,
    /// A mark without a name.
    UnnamedMark,
    /// A payload that is not standard base64.
    BadBase64,
    /// Exotel: a payload that is no multiple of 320 bytes (audible gaps).
    NotMultipleOf320,
    /// Exotel: a payload above 100 kB (time-outs).
    ChunkTooLarge,
    /// Exotel: a counter that goes backwards.
    CounterBackwards,
    /// Exotel: audio further ahead of playing than the double allows.
    TooFarAhead,
    /// More unplayed audio than the double holds (two minutes).
    BufferOverflow,
    /// Audio, a mark or a clear before the stream began.
    BeforeStart,
    /// The engine closed the stream over audio that it had sent and nobody had heard.
    ClosedOverUnplayedAudio,
    /// Not WebSocket, or not UTF-8.
    ProtocolError,
    /// The webhook answered with another content type than the carrier wants.
    WrongContentType,
    /// The webhook named a URL that the carrier refuses: scheme, length, query.
    BadStreamUrl,
    /// More parameters, or longer ones, than the carrier hands on.
    BadParameters,
}

impl Fault {
    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::BinaryMessage => "binary_message",
            Self::UnknownEvent => "unknown_event",
            Self::UnexpectedShape => "unexpected_shape",
            Self::WrongStreamId => "wrong_stream_id",
            Self::UnnamedMark => "unnamed_mark",
            Self::BadBase64 => "bad_base64",
            Self::NotMultipleOf320 => "not_multiple_of_320",
            Self::ChunkTooLarge => "chunk_too_large",
            Self::CounterBackwards => "counter_backwards",
            Self::TooFarAhead => "too_far_ahead",
            Self::BufferOverflow => "buffer_overflow",
            Self::BeforeStart => "before_start",
            Self::ClosedOverUnplayedAudio => "closed_over_unplayed_audio",
            Self::ProtocolError => "protocol_error",
            Self::WrongContentType => "wrong_content_type",
            Self::BadStreamUrl => "bad_stream_url",
            Self::BadParameters => "bad_parameters",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Which fault an unreadable message is: JSON of another shape, or no JSON.
pub(super) fn fault_of(error: &serde_json::Error) -> Fault {
    if error.is_data() { Fault::UnexpectedShape } else { Fault::NotJson }
}

/// A string that borrows from the message unless it holds escapes.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, words: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(words)))
            }

            fn visit_str<E: Error>(self, words: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(words.to_owned())))
            }
        }
        from.deserialize_str(Words)
    }
}

/// A counter, written as a number or as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter(pub(super) u64);

impl<'de> Deserialize<'de> for Counter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Counter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a counter")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Counter, E> {
                Ok(Counter(number))
            }

            fn visit_str<E: Error>(self, digits: &str) -> Result<Counter, E> {
                digits.parse().map(Counter).map_err(|_| E::custom("a counter that is no number"))
            }
        }
        from.deserialize_any(Digits)
    }
}
