use std::{cell::RefCell, rc::Rc, sync::Arc};

use actix::prelude::*;
use operetta_audio::Format;
use operetta_call::{Limits, Mode};
use operetta_contract::{Complete, Detect, Synthesize, Transcribe};
use operetta_stage::{Clock, Desk, Playbill};
use operetta_workers::Recorder;
use tokio::sync::watch;

use crate::{Admission, Agents, Tally, phrases::Phrases, warmer::Warmer};

/// What all calls of one lane share: one thread, its desks, its counters. Built on the thread it lives on.
#[derive(Clone)]
pub struct Lane(Rc<Shared>);

/// What a lane is made of.
pub struct LaneParts {
    /// Metrics of the lane's actors.
    pub bill: Playbill,
    /// Metrics of the lane's calls.
    pub tally: Arc<Tally>,
    /// The lane's time.
    pub clock: Clock,
    /// Who answers what.
    pub agents: Arc<Agents>,
    /// Lets calls in; one for all lanes.
    pub admission: Addr<Admission>,
    /// Bounds of a call before anything is known of it.
    pub limits: Limits,
    /// How long a carrier may refuse to read before the leg is given up, in ms.
    pub leg_stall_ms: u32,
    /// The providers.
    pub desks: Desks,
    /// Records calls, where that is wanted.
    pub recorder: Option<Recorder>,
    /// Becomes true when calls have to end.
    pub draining: watch::Receiver<bool>,
}

/// Where the providers of a lane take their jobs.
pub struct Desks {
    /// Detects speech.
    pub vad: Desk<Detect>,
    /// Understands speech.
    pub stt: Desk<Transcribe>,
    /// Decides what to say.
    pub llm: Desk<Complete>,
    /// Speaks.
    pub tts: Desk<Synthesize>,
}

pub(crate) struct Shared {
    pub(crate) parts: LaneParts,
    pub(crate) phrases: RefCell<Phrases>,
}

impl Lane {
    /// A lane of these parts. Needs the lane's own runtime, because it begins at once to render what every call says.
    pub fn new(parts: LaneParts) -> Self {
        let lane = Self(Rc::new(Shared { parts, phrases: RefCell::default() }));
        Warmer::start(&lane, lane.phrases_to_warm());
        lane
    }

    pub(crate) fn parts(&self) -> &LaneParts {
        &self.0.parts
    }

    pub(crate) fn phrases(&self) -> &RefCell<Phrases> {
        &self.0.phrases
    }

    /// How many phrases are ready to be said.
    pub fn warm_phrases(&self) -> usize {
        self.0.phrases.borrow().len()
    }

    /// What every call says, in the formats that carriers speak unless told otherwise.
    fn phrases_to_warm(&self) -> Vec<Synthesize> {
        let mut phrases = Vec::new();
        for agent in self.parts().agents.iter().filter(|agent| agent.settings.mode == Mode::Full) {
            let lines = &agent.settings.lines;
            // Greetings first: a call needs them before anything else.
            for text in [&lines.greeting, &lines.not_understood, &lines.still_there, &lines.use_keys, &lines.goodbye] {
                for format in [Format::PCM16_8K, Format::MULAW_8K] {
                    phrases.push(Synthesize {
                        text: Arc::clone(text),
                        voice: Arc::clone(&agent.voice),
                        language: Arc::clone(&agent.language),
                        format,
                    });
                }
            }
        }
        phrases
    }
}
