use std::sync::Arc;

use crate::{CloseReason, InputKind, JobId, MarkId, PhaseName};

/// An order that the shell carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tell the world that the call is in this phase now.
    Enter(PhaseName),
    /// Start detecting the caller's voice.
    Detect(JobId),
    /// Start transcribing the caller.
    Listen(JobId),
    /// Make final what the caller has said so far; answered by a final with this number.
    Flush {
        /// The listening job.
        job: JobId,
        /// Counts up from 1.
        flush: u32,
    },
    /// Start a conversation with a provider that hears, thinks and speaks, in the place of detecting and transcribing.
    Converse(JobId),
    /// Tell the provider of the conversation how much of a reply the caller heard: the rest is not wanted.
    Cut {
        /// The conversation.
        job: JobId,
        /// The reply.
        reply: u32,
        /// What was heard, in ms from its first sample.
        heard_ms: u32,
    },
    /// Tell the provider of the conversation what the caller keyed in, and have it answered.
    Type {
        /// The conversation.
        job: JobId,
        /// What was keyed in.
        text: Arc<str>,
    },
    /// Think of a reply to [`Call::dialogue`](crate::Call::dialogue).
    Think(JobId),
    /// Turn words into audio.
    Speak {
        /// The job under which the audio comes.
        job: JobId,
        /// The words.
        speech: Speech,
    },
    /// Send the piece of audio that came with this step to the carrier, after all that was sent before.
    Play(Chunk),
    /// Send this much silence, in ms.
    Comfort(u32),
    /// The utterance is complete: ask the carrier to say when it has been played.
    SendMark(MarkId),
    /// Drop all agent audio that has not been played, here and at the carrier.
    Clear,
    /// Stop a job. Nothing of it is wanted any more.
    Cancel(JobId),
    /// Something worth counting happened.
    Note(Note),
    /// The call is over: end the leg. Nothing follows.
    Close(CloseReason),
}

/// The orders of one step, in the order in which they must be carried out.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "an effect nobody performs is a promise broken to the caller"]
pub struct Effects(Vec<Effect>);

impl Effects {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.0.push(Effect::Note(note));
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The orders, for reading.
    pub fn iter(&self) -> std::slice::Iter<'_, Effect> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Effects {
    type Item = &'a Effect;
    type IntoIter = std::slice::Iter<'a, Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = std::vec::IntoIter<Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    /// The first words of the call. The same for every call of the agent.
    Greeting(Arc<str>),
    /// A line of the agent's own. The same for every call of the agent.
    Line(Arc<str>),
    /// A sentence of a reply.
    Reply(Arc<str>),
    /// A recording of the engine's own. Its audio comes at once and cannot fail.
    Clip(Clip),
}

/// The engine's own recordings: what the caller hears when nothing else can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clip {
    /// 0.5 s of 440 Hz.
    Beep,
    /// One moment please.
    OneMoment,
    /// An apology for a technical problem.
    Apology,
}

/// A piece of agent audio. The audio itself stays with the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// How long it plays, in ms.
    pub ms: u32,
}

/// What happened besides the orders: counters and log lines, never behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// An event of a job that no phase owns any more.
    Stale(JobId),
    /// An input that this phase does not expect; it changed nothing.
    Unexpected(InputKind),
    /// A mark that is not pending: returned late, twice, or because of our own clear.
    UnknownMark,
    /// The caller interrupted the agent.
    BargeIn,
    /// A turn of the caller is complete.
    TurnEnded,
    /// The detector heard speech and no words came of it.
    EmptyTurn,
    /// A wait is over.
    TimedOut(Wait),
    /// A speaking job failed.
    SpeechFailed,
    /// A thinking job failed.
    MindFailed,
    /// The ears failed.
    EarsFailed,
    /// The caller has heard the greeting to its end.
    Greeted,
}

/// What the machine can wait for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// The stream to start.
    Start,
    /// Speech to become audible, or to go on.
    Audio,
    /// The mind to reply, or to go on.
    Mind,
    /// The final transcript.
    Final,
    /// A mark to return.
    Mark,
    /// Anything from the carrier.
    Media,
    /// The caller to say something.
    Caller,
    /// The call to end.
    Call,
}
