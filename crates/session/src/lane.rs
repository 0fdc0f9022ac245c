use std::{cell::RefCell, rc::Rc, sync::Arc};

use actix::prelude::*;
use operetta_audio::Format;
use operetta_call::{Clip, Limits};
use operetta_contract::{Complete, Converse, Detect, Synthesize, Transcribe};
use operetta_stage::{Clock, Desk, Playbill};
use operetta_workers::Recorder;
use tokio::sync::watch;

use crate::{Admission, Agent, Agents, Tally, clips::Clips, phrases::Phrases, warmer::Warmer};

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
    /// The providers of each agent.
    pub casting: Casting,
    /// Records calls, where that is wanted.
    pub recorder: Option<Recorder>,
    /// Becomes true when calls have to end.
    pub draining: watch::Receiver<bool>,
}

/// Which providers an agent has on this lane. Asked once for each call.
pub struct Casting(Box<dyn Fn(&Agent) -> Desks>);

impl Casting {
    /// The desks of an agent are what `desks_of` says.
    pub fn new(desks_of: impl Fn(&Agent) -> Desks + 'static) -> Self {
        Self(Box::new(desks_of))
    }
}

/// The same providers for every agent.
impl From<Desks> for Casting {
    fn from(desks: Desks) -> Self {
        Self::new(move |_| desks.clone())
    }
}

/// Where an agent's providers take their jobs.
#[derive(Clone)]
pub struct Desks {
    /// Detects speech.
    pub vad: Desk<Detect>,
    /// Understands speech.
    pub stt: Desk<Transcribe>,
    /// Decides what to say.
    pub llm: Desk<Complete>,
    /// Speaks.
    pub tts: Desk<Synthesize>,
    /// Hears, thinks and speaks, for agents that have such a provider.
    pub realtime: Option<Desk<Converse>>,
}

pub(crate) struct Shared {
    pub(crate) parts: LaneParts,
    pub(crate) phrases: RefCell<Phrases>,
    pub(crate) clips: RefCell<Clips>,
}

impl Lane {
    /// A lane of these parts. Needs the lane's own runtime, because it begins at once to render what every call says.
    pub fn new(parts: LaneParts) -> Self {
        let lane = Self(Rc::new(Shared { parts, phrases: RefCell::default(), clips: RefCell::default() }));
        Warmer::start(&lane, lane.phrases_to_warm());
        lane
    }

    pub(crate) fn parts(&self) -> &LaneParts {
        &self.0.parts
    }

    /// The providers of an agent.
    pub(crate) fn desks(&self, agent: &Agent) -> Desks {
        (self.parts().casting.0)(agent)
    }

    /// Audio of a phrase in the agent's voice, if it has been rendered on this lane.
    pub(crate) fn phrase(&self, agent: &Agent, phrase: &Synthesize) -> Option<Arc<[u8]>> {
        self.0.phrases.borrow().find(agent, phrase)
    }

    /// One of the engine's own recordings.
    pub(crate) fn clip(&self, clip: Clip, format: Format) -> Arc<[u8]> {
        self.0.clips.borrow_mut().play(clip, format)
    }

    /// Keeps the whole audio of a phrase for whoever says it next.
    pub(crate) fn keep(&self, agent: &Agent, phrase: Synthesize, audio: &[u8]) {
        let mut phrases = self.0.phrases.borrow_mut();
        phrases.keep(agent, phrase, audio);
        self.parts().tally.phrases.set(phrases.len() as i64);
    }

    /// What every call says, in the formats that carriers speak unless told otherwise. Greetings come first: a call needs
    /// them before anything else.
    fn phrases_to_warm(&self) -> Vec<(Arc<Agent>, Synthesize)> {
        let agents: Vec<_> = self.parts().agents.talking().collect();
        let greetings = agents.iter().map(|agent| (agent, &agent.settings.lines.greeting));
        let lines = agents.iter().flat_map(|agent| {
            let lines = &agent.settings.lines;
            [&lines.not_understood, &lines.still_there, &lines.use_keys, &lines.goodbye].map(|line| (agent, line))
        });
        let phrase = |(agent, text): (&&Arc<Agent>, &Arc<str>), format| {
            let phrase = Synthesize {
                text: Arc::clone(text),
                voice: Arc::clone(&agent.voice),
                language: Arc::clone(&agent.language),
                format,
                fixed: true,
            };
            (Arc::clone(agent), phrase)
        };
        greetings.chain(lines).flat_map(|said| WARM_FORMATS.map(|format| phrase(said, format))).collect()
    }
}

/// What Exotel and Twilio speak unless told otherwise. Other formats are rendered by the first call that needs them.
pub(crate) const WARM_FORMATS: [Format; 2] = [Format::PCM16_8K, Format::MULAW_8K];
