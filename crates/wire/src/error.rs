/// What could not be read, or could not be said. Never holds a payload or a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message is longer than any carrier's.
    #[error("message of at most {} bytes expected, {bytes} came", crate::MAX_TEXT_BYTES)]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Objects or lists nest deeper than any carrier's.
    #[error("nesting of at most {} levels expected, more came", crate::MAX_DEPTH)]
    TooDeep,
    /// The text is not JSON.
    #[error("JSON expected, something else came: line {line}, column {column}")]
    NotJson {
        /// Where it stops being JSON, from 1.
        line: usize,
        /// Where it stops being JSON, from 1.
        column: usize,
    },
    /// JSON, but not one object.
    #[error("one JSON object expected, another value came")]
    NotObject,
    /// An object without a usable `event`.
    #[error("a field named event expected, none came")]
    NoEvent,
    /// Too many of the above in one session.
    #[error("at most {} unreadable messages a session expected, more came", crate::MAX_BAD_MESSAGES)]
    TooManyBad,
    /// A `start` that names no stream, or with an id too long to keep: nothing could be answered.
    #[error("start with a stream sid expected, none came")]
    StartWithoutStream,
    /// A `start` for another stream on the same socket. Two calls are never mixed.
    #[error("one stream a socket expected, a start for another one came")]
    SecondStream,
    /// A `start` whose audio this carrier does not have.
    #[error("start with 8 kHz mono mu-law expected, another format came")]
    UnsupportedFormat,
    /// Nothing may be said before the stream is known.
    #[error("start expected before anything is said, none came yet")]
    NotStarted,
    /// The line takes no audio from us.
    #[error("silence expected on a listen-only line, something was to be said")]
    ListenOnly,
    /// The stream has been stopped.
    #[error("silence expected after stop, something was to be said")]
    Stopped,
    /// A media frame of a size that the carrier does not take.
    #[error("a frame of 1 to {max} bytes expected, {bytes} were given")]
    FrameSize {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A mark with no name, or too long a one.
    #[error("a mark name of 1 to {} bytes expected, {bytes} were given", crate::MAX_MARK_BYTES)]
    MarkName {
        /// Bytes given.
        bytes: usize,
    },
}

/// Who has to act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The telephony platform, or whoever poses as one.
    Carrier,
    /// The engine.
    Us,
}

impl WireError {
    /// A stable word for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep => "too_deep",
            Self::NotJson { .. } => "not_json",
            Self::NotObject => "not_object",
            Self::NoEvent => "no_event",
            Self::TooManyBad => "too_many_bad",
            Self::StartWithoutStream => "start_without_stream",
            Self::SecondStream => "second_stream",
            Self::UnsupportedFormat => "unsupported_format",
            Self::NotStarted => "not_started",
            Self::ListenOnly => "listen_only",
            Self::Stopped => "stopped",
            Self::FrameSize { .. } => "frame_size",
            Self::MarkName { .. } => "mark_name",
        }
    }

    /// Who has to act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::TooLarge { .. }
            | Self::TooDeep
            | Self::NotJson { .. }
            | Self::NotObject
            | Self::NoEvent
            | Self::TooManyBad
            | Self::StartWithoutStream
            | Self::SecondStream
            | Self::UnsupportedFormat => Blame::Carrier,
            Self::NotStarted | Self::ListenOnly | Self::Stopped | Self::FrameSize { .. } | Self::MarkName { .. } => {
                Blame::Us
            }
        }
    }

    /// The RFC 6455 code to close the socket with. `None`: count it, drop the message, go on.
    pub const fn close_code(&self) -> Option<u16> {
        match self {
            Self::TooLarge { .. } => Some(1009),
            Self::TooManyBad | Self::StartWithoutStream | Self::SecondStream | Self::UnsupportedFormat => Some(1008),
            Self::TooDeep
            | Self::NotJson { .. }
            | Self::NotObject
            | Self::NoEvent
            | Self::NotStarted
            | Self::ListenOnly
            | Self::Stopped
            | Self::FrameSize { .. }
            | Self::MarkName { .. } => None,
        }
    }
}
