use std::sync::Arc;

use crate::{Chunk, JobId, MarkId, Refusal, Settings, StreamSid};

/// A fact that the machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The carrier said hello. Carries nothing to act on, may be missing and may repeat.
    Connected,
    /// The carrier started the stream and the call was admitted.
    Started(Start),
    /// The carrier started the stream and the call was not admitted.
    Refused(Refusal),
    /// A media message came from the caller.
    CallerAudio,
    /// The detector hears the caller speak.
    CallerSpoke(JobId),
    /// The detector hears that the caller has paused.
    CallerPaused(JobId),
    /// Words that may still change.
    Partial(JobId),
    /// Words that will not change, with the flush they answer.
    Final {
        /// The listening job.
        job: JobId,
        /// The words; may be empty.
        text: Arc<str>,
        /// The number of the [`Effect::Flush`](crate::Effect::Flush) this answers.
        flush: Option<u32>,
    },
    /// The caller pressed a key.
    Dtmf(Digit),
    /// The mind sent a piece of its reply.
    Reply {
        /// The thinking job.
        job: JobId,
        /// The piece.
        text: Arc<str>,
    },
    /// The mind has finished its reply.
    ReplyDone {
        /// The thinking job.
        job: JobId,
        /// What follows once the caller has heard it.
        next: Next,
    },
    /// A piece of agent audio is at hand. The shell keeps it until the effects of this step are performed.
    AudioCame {
        /// The speaking job.
        job: JobId,
        /// The piece.
        chunk: Chunk,
    },
    /// All audio of an utterance has come.
    SpeechDone(JobId),
    /// A piece of audio of a reply in a conversation is at hand. The shell keeps it until the effects of this step are
    /// performed.
    Voiced {
        /// The conversation.
        job: JobId,
        /// Counts its replies from 1.
        reply: u32,
        /// The piece.
        chunk: Chunk,
    },
    /// A piece of what a reply in a conversation says, in words.
    Worded {
        /// The conversation.
        job: JobId,
        /// The reply.
        reply: u32,
        /// The words, to be put behind those before as they are.
        text: Arc<str>,
    },
    /// All of a reply in a conversation has come.
    Uttered {
        /// The conversation.
        job: JobId,
        /// The reply.
        reply: u32,
        /// What follows once the caller has heard it.
        next: Next,
    },
    /// A job ended without what it was asked for: it failed, or its worker died.
    JobFailed {
        /// The job.
        job: JobId,
        /// Whether asking again makes sense.
        retry: Retry,
    },
    /// The carrier returned a mark.
    MarkPlayed(MarkId),
    /// The carrier ended the stream.
    Stopped(Stop),
    /// The socket has ended.
    LegLost,
    /// The carrier has stopped reading.
    LegStalled,
    /// The engine shuts down and its patience is over.
    Draining,
    /// The deadline may have come. Harmless when it has not.
    TimePassed,
}

impl Input {
    /// Which kind of input this is.
    pub const fn kind(&self) -> InputKind {
        match self {
            Self::Connected => InputKind::Connected,
            Self::Started(_) => InputKind::Started,
            Self::Refused(_) => InputKind::Refused,
            Self::CallerAudio => InputKind::CallerAudio,
            Self::CallerSpoke(_) => InputKind::CallerSpoke,
            Self::CallerPaused(_) => InputKind::CallerPaused,
            Self::Partial(_) => InputKind::Partial,
            Self::Final { .. } => InputKind::Final,
            Self::Dtmf(_) => InputKind::Dtmf,
            Self::Reply { .. } => InputKind::Reply,
            Self::ReplyDone { .. } => InputKind::ReplyDone,
            Self::AudioCame { .. } => InputKind::AudioCame,
            Self::SpeechDone(_) => InputKind::SpeechDone,
            Self::Voiced { .. } => InputKind::Voiced,
            Self::Worded { .. } => InputKind::Worded,
            Self::Uttered { .. } => InputKind::Uttered,
            Self::JobFailed { .. } => InputKind::JobFailed,
            Self::MarkPlayed(_) => InputKind::MarkPlayed,
            Self::Stopped(_) => InputKind::Stopped,
            Self::LegLost => InputKind::LegLost,
            Self::LegStalled => InputKind::LegStalled,
            Self::Draining => InputKind::Draining,
            Self::TimePassed => InputKind::TimePassed,
        }
    }
}

/// The kinds of input, without what they carry: for tables, counters and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is documented at the input of the same name")]
pub enum InputKind {
    Connected,
    Started,
    Refused,
    CallerAudio,
    CallerSpoke,
    CallerPaused,
    Partial,
    Final,
    Dtmf,
    Reply,
    ReplyDone,
    AudioCame,
    SpeechDone,
    Voiced,
    Worded,
    Uttered,
    JobFailed,
    MarkPlayed,
    Stopped,
    LegLost,
    LegStalled,
    Draining,
    TimePassed,
}

impl InputKind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::Connected,
        Self::Started,
        Self::Refused,
        Self::CallerAudio,
        Self::CallerSpoke,
        Self::CallerPaused,
        Self::Partial,
        Self::Final,
        Self::Dtmf,
        Self::Reply,
        Self::ReplyDone,
        Self::AudioCame,
        Self::SpeechDone,
        Self::Voiced,
        Self::Worded,
        Self::Uttered,
        Self::JobFailed,
        Self::MarkPlayed,
        Self::Stopped,
        Self::LegLost,
        Self::LegStalled,
        Self::Draining,
        Self::TimePassed,
    ];

    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Started => "started",
            Self::Refused => "refused",
            Self::CallerAudio => "caller_audio",
            Self::CallerSpoke => "caller_spoke",
            Self::CallerPaused => "caller_paused",
            Self::Partial => "partial",
            Self::Final => "final",
            Self::Dtmf => "dtmf",
            Self::Reply => "reply",
            Self::ReplyDone => "reply_done",
            Self::AudioCame => "audio_came",
            Self::SpeechDone => "speech_done",
            Self::Voiced => "voiced",
            Self::Worded => "worded",
            Self::Uttered => "uttered",
            Self::JobFailed => "job_failed",
            Self::MarkPlayed => "mark_played",
            Self::Stopped => "stopped",
            Self::LegLost => "leg_lost",
            Self::LegStalled => "leg_stalled",
            Self::Draining => "draining",
            Self::TimePassed => "time_passed",
        }
    }
}

/// An admitted start of a stream. The machine can speak only from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The carrier's id of the stream.
    pub stream: StreamSid,
    /// Whether the carrier takes audio from us. A listen-only stream is never spoken on.
    pub duplex: bool,
    /// How the agent that was chosen behaves.
    pub settings: Arc<Settings>,
}

/// Why the carrier ended the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// A party hung up, or the carrier gives no reason.
    HungUp,
    /// The carrier's flow moved on.
    Flow,
}

/// A telephone key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digit(char);

impl Digit {
    /// The key written as `c`: `0` to `9`, `*`, `#`, `A` to `D`.
    pub const fn new(c: char) -> Option<Self> {
        match c {
            '0'..='9' | '*' | '#' | 'A'..='D' => Some(Self(c)),
            _ => None,
        }
    }

    /// The key as it is written.
    pub const fn as_char(self) -> char {
        self.0
    }
}

/// What follows once the caller has heard the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Listen.
    Listen,
    /// End the call.
    HangUp,
    /// Leave the stream, so that the carrier's flow connects the caller to a person.
    Transfer,
}

/// Whether a failed job may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It will fail again.
    Never,
    /// After a pause.
    Later,
    /// At once.
    Now,
}
