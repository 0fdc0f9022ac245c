//! A lane with fake providers, and a carrier that speaks Exotel's dialect over the leg's channels. Time is virtual.
#![expect(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub, reason = "a test's own theatre")]

pub mod carrier;
pub mod cast;

use std::{cell::RefCell, future::Future, path::Path, rc::Rc, sync::Arc};

use operetta_call::{Limits, Settings};
use operetta_session::{Admission, Agent, Agents, Desks, Lane, LaneParts, Tally};
use operetta_stage::{Clock, Metered, Playbill, Policy, Supervisor};
use operetta_workers::Recorder;
use tokio::sync::watch;

use cast::{FakeEar, FakeListener, FakeMind, FakePartner, FakeVoice, Script};

/// Everything a test sees of the engine.
pub struct Theatre {
    pub lane: Lane,
    pub bill: Playbill,
    pub tally: Arc<Tally>,
    pub script: Rc<RefCell<Script>>,
    pub admission: actix::Addr<Admission>,
    pub draining: watch::Sender<bool>,
}

impl Theatre {
    pub fn new(settings: Settings, script: Script) -> Self {
        Self::build(settings, script, None, true)
    }

    /// No provider leads conversations.
    pub fn without_partner(settings: Settings, script: Script) -> Self {
        Self::build(settings, script, None, false)
    }

    pub fn with_recordings(settings: Settings, script: Script, folder: Option<&Path>) -> Self {
        Self::build(settings, script, folder, true)
    }

    fn build(settings: Settings, script: Script, folder: Option<&Path>, partnered: bool) -> Self {
        let (bill, clock, tally) = (Playbill::new("test"), Clock::system(), Arc::new(Tally::default()));
        let script = Rc::new(RefCell::new(script));
        let (draining, drain_watch) = watch::channel(false);
        let (admission, _) = Metered::run(Admission::new(clock.clone(), 100), Admission::MAILBOX, &bill);
        let agent = Agent {
            name: "asha".into(),
            voice: "fake".into(),
            language: "en-IN".into(),
            prompt: "Be kind.".into(),
            numbers: Vec::new(),
            settings: Arc::new(settings),
        };
        let scripts = [Rc::clone(&script), Rc::clone(&script), Rc::clone(&script), Rc::clone(&script)];
        let [voice, listener, mind, partner] = scripts;
        let desks = Desks {
            vad: Supervisor::start(Policy::default(), &bill, || FakeEar),
            stt: Supervisor::start(Policy::default(), &bill, move || FakeListener(Rc::clone(&listener))),
            llm: Supervisor::start(Policy::default(), &bill, move || FakeMind(Rc::clone(&mind))),
            tts: Supervisor::start(Policy::default(), &bill, move || FakeVoice(Rc::clone(&voice))),
            realtime: partnered
                .then(|| Supervisor::start(Policy::default(), &bill, move || FakePartner(Rc::clone(&partner)))),
        };
        let lane = Lane::new(LaneParts {
            bill: bill.clone(),
            tally: Arc::clone(&tally),
            clock,
            agents: Arc::new(Agents::new(agent, [])),
            admission: admission.clone(),
            limits: Limits::default(),
            leg_stall_ms: 3000,
            casting: desks.into(),
            recorder: folder.map(|folder| Recorder::start(folder).expect("a folder to record to")),
            draining: drain_watch,
        });
        Self { lane, bill, tally, script, admission, draining }
    }

    pub fn live_calls(&self) -> u64 {
        self.bill.snapshot().actor("call").map_or(0, |call| call.instances)
    }

    pub fn open_jobs(&self) -> u64 {
        self.bill.snapshot().jobs.iter().map(|jobs| jobs.open).sum()
    }
}

/// Runs a test on a lane of its own, in virtual time.
pub fn perform(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(tokio::task::LocalSet::new().run_until(test));
}
