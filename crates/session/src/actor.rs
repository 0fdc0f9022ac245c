//! The actor, one file per side of its work: what it hears, how it starts, what it is ordered, what it is answered.

mod answers;
mod heard;
mod latency;
mod orders;
mod start;
mod troubles;

use std::{collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use actix::{fut::wrap_future, prelude::*};
use operetta_call::{At, Call, CloseReason, Input, Next, PhaseName};
use operetta_contract::Complete;
use operetta_stage::{Kind, Lease, Metered};
use operetta_wire::{Dialect, Line};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{Span, field};

use crate::{
    Agent, Desks, FromLeg, KillSwitch, Lane, Leg, Proof, ToLeg, TokenDigest,
    admission::CallPermit,
    alarm::{Alarm, Alarmed, Hand},
    allowance::Allowance,
    ears::Ears,
    mouth::{Mouth, Spoken},
    tally::Tally,
    tape::Recording,
};
use answers::Utterance;
use latency::Moments;
use troubles::Troubles;

/// How a leg came to be, as far as its call has to know.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The carrier's route.
    pub line: Line,
    /// What was proven at the upgrade.
    pub proof: Proof,
    /// How far ahead of the caller's ear audio may be sent, in ms.
    pub lead_ms: u32,
    /// The stream token, where it came with the address of the socket.
    pub token: Option<TokenDigest>,
}

/// One phone call. It feeds facts to the call machine and does what the machine orders; it decides nothing.
pub struct CallActor {
    lane: Lane,
    call: Call,
    opened: Duration,
    arrival: Arrival,
    dialect: Dialect,
    ears: Ears,
    mouth: Mouth,
    recording: Option<Recording>,
    /// Who answers, and who plays the roles; from the admission on.
    agent: Option<Arc<Agent>>,
    desks: Option<Desks>,
    permit: Option<CallPermit>,
    /// Jobs besides those of the ears. They live here and are cancelled by being dropped.
    speaking: Vec<Utterance>,
    thinking: Option<Lease<Complete>>,
    /// How the model wants the call to go on once its reply has been heard.
    farewell: Option<Next>,
    troubles: Troubles,
    /// Facts that the machine has still to be told, with the audio that goes with them.
    inbox: VecDeque<(Input, Option<Arc<[u8]>>)>,
    feeding: bool,
    /// The audio that came with the fact being told.
    hand: Option<Arc<[u8]>>,
    heard_bytes: Vec<u8>,
    heard: Vec<i16>,
    allowance: Allowance,
    moments: Moments,
    phase: PhaseName,
    closing: Option<Duration>,
    /// The close code for a carrier that broke its own protocol.
    broken: Option<u16>,
    /// The code with which the socket ended, where it has.
    leg_code: Option<u16>,
    alarm: Rc<Hand>,
    kill: Option<KillSwitch>,
    say: mpsc::Sender<ToLeg>,
    span: Span,
}

impl CallActor {
    /// Messages that may wait for a call. Media does not come this way.
    const MAILBOX: usize = 64;
    /// How long the carrier may take to answer our close before the socket is shut down.
    const FAREWELL: Duration = Duration::from_secs(1);

    /// Takes a leg that has just been opened, on its own lane.
    pub fn open(leg: Leg, arrival: Arrival, lane: &Lane) -> Addr<Self> {
        let lane = lane.clone();
        let (address, _detached) =
            Metered::run_with(Self::MAILBOX, &lane.parts().bill.clone(), |ctx| Self::new(leg, arrival, lane, ctx));
        address
    }

    fn new(leg: Leg, arrival: Arrival, lane: Lane, ctx: &mut Metered<Self>) -> Self {
        let parts = lane.parts();
        let (clock, mut draining) = (parts.clock.clone(), parts.draining.clone());
        ctx.add_stream(ReceiverStream::new(leg.heard));
        let hand = Rc::new(Hand::default());
        ctx.spawn(Alarm::new(clock.clone(), Rc::clone(&hand)));
        let drained = async move { draining.wait_for(|draining| *draining).await.is_ok() };
        ctx.spawn(wrap_future::<_, Self>(drained).map(|_, call: &mut Self, ctx| call.feed(Input::Draining, ctx)));

        let dialect = Dialect::new(arrival.line);
        let carrier = arrival.line.carrier;
        parts.tally.started[carrier as usize].add();
        parts.tally.active[carrier as usize].add(1);
        parts.tally.phase(None, PhaseName::Connected);
        let span = tracing::info_span!("call", carrier = carrier.as_str(), sid = field::Empty, stream = field::Empty);
        span.in_scope(|| tracing::info!(phase = "connected", "leg opened"));
        Self {
            call: Call::new(parts.limits),
            opened: clock.now(),
            ears: Ears::new(dialect.format().rate_hz),
            mouth: Mouth::new(dialect.format(), dialect.cut(), leg.say.clone(), false),
            recording: None,
            agent: None,
            desks: None,
            farewell: None,
            troubles: Troubles::default(),
            permit: None,
            speaking: Vec::new(),
            thinking: None,
            inbox: VecDeque::new(),
            feeding: false,
            hand: None,
            heard_bytes: Vec::new(),
            heard: Vec::new(),
            allowance: Allowance::new(),
            moments: Moments::default(),
            phase: PhaseName::Connected,
            closing: None,
            broken: None,
            leg_code: None,
            alarm: hand,
            kill: Some(leg.kill),
            say: leg.say,
            span,
            dialect,
            arrival,
            lane,
        }
    }

    fn now(&self) -> Duration {
        self.lane.parts().clock.now().saturating_sub(self.opened)
    }

    fn tally(&self) -> &Tally {
        &self.lane.parts().tally
    }

    fn feed(&mut self, input: Input, ctx: &mut Metered<Self>) {
        self.feed_with(input, None, ctx);
    }

    /// Tells the machine a fact and does what it orders. Facts that arise meanwhile wait for their turn.
    fn feed_with(&mut self, input: Input, audio: Option<Arc<[u8]>>, ctx: &mut Metered<Self>) {
        self.inbox.push_back((input, audio));
        if self.feeding {
            return;
        }
        self.feeding = true;
        while let Some((input, audio)) = self.inbox.pop_front() {
            self.hand = audio;
            let at = At::from_ms(self.now().as_millis() as u32);
            for effect in self.call.step(at, input) {
                self.perform(effect, ctx);
            }
        }
        self.feeding = false;
        self.alarm.set(self.due());
    }

    fn after_speaking(&mut self, spoken: Spoken, ctx: &mut Metered<Self>) {
        if spoken.frames > 0 {
            self.frames_went_out(spoken.frames);
        }
        let stall = Duration::from_millis(u64::from(self.lane.parts().leg_stall_ms));
        if spoken.lost {
            self.feed(Input::LegLost, ctx);
        } else if spoken.stalled_for >= stall {
            self.tally().stalled_legs.add();
            self.feed(Input::LegStalled, ctx);
        }
    }

    fn write_recording(&mut self, now: Duration) {
        if let Some(recording) = &mut self.recording {
            recording.write(now, self.mouth.playout());
        }
    }

    fn leg_ended(&mut self, ctx: &mut Metered<Self>) {
        self.feed(Input::LegLost, ctx);
        ctx.stop();
    }
}

impl Drop for CallActor {
    fn drop(&mut self) {
        let (tally, carrier) = (self.lane.parts().tally.clone(), self.arrival.line.carrier);
        if self.call.closed().is_none() || self.phase != PhaseName::Closed {
            // Only a panic, or the end of the process, ends a call this way.
            let at_ms = self.now().as_millis() as u64;
            self.span.in_scope(|| tracing::error!(reason = CloseReason::Bug.as_str(), at_ms, "call ended"));
            tally.ended(carrier, CloseReason::Bug);
            tally.phase(Some(self.phase), PhaseName::Closed);
        }
        tally.in_phase[PhaseName::Closed as usize].add(-1);
        tally.active[carrier as usize].add(-1);
    }
}

impl Kind for CallActor {
    const KIND: &'static str = "call";
}

impl Actor for CallActor {
    type Context = Metered<Self>;
}

impl Alarmed for CallActor {
    fn due(&self) -> Option<Duration> {
        let deadline = self.call.deadline().map(|at| Duration::from_millis(u64::from(at.ms())));
        let recording = self.recording.as_ref().map(Recording::due);
        let due = [deadline, self.mouth.due(), recording, self.closing].into_iter().flatten().min()?;
        Some(self.opened + due)
    }

    fn rang(&mut self, ctx: &mut Metered<Self>) {
        let now = self.now();
        if self.closing.is_some_and(|by| now >= by) {
            // The carrier did not answer our close: the switch does.
            self.kill = None;
            ctx.stop();
            return;
        }
        if self.call.closed().is_none() && self.mouth.due().is_some_and(|due| now >= due) {
            let spoken = self.mouth.speak(now, &mut self.dialect, &self.lane.parts().tally);
            self.after_speaking(spoken, ctx);
        }
        if self.recording.as_ref().is_some_and(|recording| now >= recording.due()) {
            self.write_recording(now);
        }
        let late = |at: At| now.as_millis() as u64 >= u64::from(at.ms());
        if self.call.deadline().is_some_and(late) {
            self.feed(Input::TimePassed, ctx);
        }
    }
}

impl StreamHandler<FromLeg> for CallActor {
    fn handle(&mut self, from: FromLeg, ctx: &mut Metered<Self>) {
        match from {
            FromLeg::Text(text) => self.hear(&text, ctx),
            FromLeg::Binary => self.tally().binary.add(),
            FromLeg::Closed { code } => {
                self.leg_code = Some(code);
                self.leg_ended(ctx);
            }
        }
    }

    fn finished(&mut self, ctx: &mut Metered<Self>) {
        self.leg_ended(ctx);
    }
}
