use crate::carrier::Fault;
use crate::report::End;
use serde::Serialize;

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When, from placing. Events that are recognised late (the end of a turn) carry the time at which they happened.
    pub at_ms: f64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The webhook answered.
    WebhookAnswered {
        /// Status.
        status: u16,
        /// How long it took.
        ms: f64,
    },
    /// The socket is open.
    Connected {
        /// Where, without userinfo and query.
        url: String,
    },
    /// `start` was sent.
    Started,
    /// The first agent audio came.
    FirstAudio {
        /// Since `start`.
        ms: f64,
    },
    /// The agent can be heard.
    AgentBegan {
        /// Its turn, from 0.
        turn: usize,
    },
    /// The agent has finished, or was cut off.
    AgentEnded {
        /// Its turn.
        turn: usize,
        /// How long it was heard.
        ms: f64,
        /// Cut off by `clear`.
        interrupted: bool,
    },
    /// What the agent said, by the transcriber.
    AgentWords {
        /// Its turn.
        turn: usize,
        /// The words; empty if none were understood.
        text: String,
    },
    /// The caller begins a line.
    CallerBegan {
        /// Which line of the script, from 0.
        line: usize,
        /// Its label.
        label: String,
        /// The agent was still to be heard.
        barge_in: bool,
    },
    /// The caller's last word, or key, is out.
    CallerEnded {
        /// Which line.
        line: usize,
    },
    /// A key was pressed.
    Pressed {
        /// The key.
        key: char,
    },
    /// The first audible audio of the answer came.
    Answered {
        /// To which line.
        line: usize,
        /// Since the end of the caller's speech; negative if before.
        ms: f64,
    },
    /// The engine set a mark.
    MarkReceived {
        /// Its name, cut at 64 characters.
        name: String,
    },
    /// The audio before a mark has been played.
    MarkPlayed {
        /// Its name.
        name: String,
    },
    /// The engine dropped what was not played.
    Cleared {
        /// How much.
        dropped_ms: u32,
        /// Marks that were waiting.
        marks: usize,
    },
    /// A gap inside an utterance.
    Underrun {
        /// How long.
        ms: u32,
    },
    /// The engine broke a rule (told once per rule).
    Violated {
        /// Which.
        fault: Fault,
        /// Particulars.
        detail: String,
    },
    /// The call is over.
    Ended {
        /// How.
        end: End,
    },
}
