//! The one place where parts are put together: which providers a lane has, what it shares with the others.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::Addr;
use operetta_call::Limits;
use operetta_contract::FaultCode;
use operetta_session::{Admission, Agents, Arrival, CallActor, Gauge, Granted, Lane, LaneParts, Leg, Proof, Tally};
use operetta_stage::{Clock, Metered, Playbill, Policy, lag};
use operetta_wire::{Carrier, Line};
use operetta_workers::Recorder;
use tokio::sync::watch;

use crate::{
    auth::{ExotelKeys, TwilioKeys},
    config::{PublicUrl, Settings},
    leg::{LegSettings, LegTally},
    metrics::{Highest, Metrics, Requests, Sources},
    providers::{Listed, Providers},
    routes::{Busy, CallOpener, Edge, ExotelEdge, Grants, TwilioEdge, Upgrade, health::Readiness},
};

/// Gives a leg to a call of its lane.
struct Opener {
    lane: Lane,
    settings: Arc<Settings>,
}

impl CallOpener for Opener {
    fn open(&self, leg: Leg, upgrade: Upgrade) {
        let (exotel, twilio) = (&self.settings.exotel, &self.settings.twilio);
        let (line, lead_ms) = match upgrade.carrier {
            Carrier::Exotel => {
                // The address of the socket, or what came with it, is Exotel's proof: its stream may begin without a start.
                let line = Line { extras: exotel.extras, chunk_bytes: exotel.chunk_bytes, ..Line::exotel() };
                (Line { implicit_start: true, ..line }, exotel.lead_ms)
            }
            Carrier::Twilio => {
                let chunk_bytes = Some(twilio.frame_ms as usize * MULAW_BYTES_PER_MS);
                let implicit_start = upgrade.proof == Proof::Upgrade;
                (Line { chunk_bytes, implicit_start, ..Line::twilio() }, twilio.lead_ms)
            }
        };
        let line = Line { duplex: upgrade.duplex, rate_hint_hz: upgrade.rate_hint_hz, ..line };
        let arrival = Arrival { line, proof: upgrade.proof, lead_ms, token: upgrade.token };
        CallActor::open(leg, arrival, &self.lane);
    }
}

/// How long the engine waits for its greetings before it takes calls.
const WARM_UP: Duration = Duration::from_secs(5);
const MULAW_BYTES_PER_MS: usize = 8;

/// Promises to carriers, for as long as new calls are wanted and there is room: who is promised a place while the node
/// drains would keep it from ending, and who is promised a place that is not there would be connected to hear a close.
struct Promises {
    admission: Addr<Admission>,
    readiness: watch::Receiver<Readiness>,
    lanes: Arc<Vec<(Playbill, Arc<Tally>)>>,
    most_calls: i64,
}

impl Promises {
    /// Every leg counts, those that have not started yet too.
    fn is_full(&self) -> bool {
        let legs = self.lanes.iter().flat_map(|(_, tally)| &tally.active).map(Gauge::read).sum::<i64>();
        legs >= self.most_calls
    }
}

impl Grants for Promises {
    fn grant(&self, granted: Granted) -> Result<(), Busy> {
        if *self.readiness.borrow() == Readiness::Draining || self.is_full() {
            return Err(Busy);
        }
        self.admission.grant(granted)
    }
}

/// Says in the log that somebody could not prove to be a carrier: whoever brings up an account looks there. Strangers must
/// not be able to fill it, so it is one line in a while and not one a request.
struct Knocks {
    clock: Clock,
    silent_until: Cell<Duration>,
    untold: Cell<u32>,
}

impl Knocks {
    const EVERY: Duration = Duration::from_secs(10);

    const fn new(clock: Clock) -> Self {
        Self { clock, silent_until: Cell::new(Duration::ZERO), untold: Cell::new(0) }
    }

    /// How many requests the line is to speak of; `None` while it is too early for another.
    fn due(&self) -> Option<u32> {
        self.untold.set(self.untold.get().saturating_add(1));
        let now = self.clock.now();
        (now >= self.silent_until.get()).then(|| {
            self.silent_until.set(now + Self::EVERY);
            self.untold.take()
        })
    }

    fn log(&self, carrier: Carrier) {
        if let Some(requests) = self.due() {
            let carrier = carrier.as_str();
            let fault = FaultCode::Signature.code();
            tracing::warn!(fault, carrier, requests, "refused: no valid signature, password or secret");
        }
    }
}

/// What all lanes share: settings nobody can change, counters, and addresses of actors and threads of their own.
#[derive(Clone)]
pub(crate) struct House<P> {
    /// The settings.
    pub settings: Arc<Settings>,
    /// Lets calls in.
    pub admission: Addr<Admission>,
    /// Becomes true when calls have to end.
    pub ending: watch::Receiver<bool>,
    /// Whether new calls are wanted.
    pub readiness: watch::Receiver<Readiness>,
    /// Requests served.
    pub requests: Requests,
    agents: Arc<Agents>,
    providers: P,
    recorder: Option<Recorder>,
    clock: Clock,
    lanes: Arc<Vec<(Playbill, Arc<Tally>)>>,
    opened: Arc<AtomicUsize>,
    legs: Arc<LegTally>,
}

impl<P: Providers> House<P> {
    /// A house of `settings`. Needs a runtime: the admission begins to work at once, on this thread.
    pub(crate) fn build(
        settings: Arc<Settings>,
        agents: Agents,
        providers: P,
        recorder: Option<Recorder>,
        readiness: watch::Receiver<Readiness>,
        ending: watch::Receiver<bool>,
    ) -> (Self, Playbill) {
        let clock = Clock::system();
        let front = Playbill::new("main");
        let admission = Admission::new(clock.clone(), settings.http.max_calls);
        let (admission, _detached) = Metered::run(admission, Admission::MAILBOX, &front);
        let lanes = (0..settings.lanes()).map(|lane| (Playbill::new(format!("w{lane}")), Arc::default())).collect();
        let house = Self {
            agents: Arc::new(agents),
            settings,
            admission,
            ending,
            readiness,
            legs: Arc::default(),
            requests: Requests::new(),
            providers,
            recorder,
            clock,
            lanes: Arc::new(lanes),
            opened: Arc::default(),
        };
        (house, front)
    }

    /// A lane for the thread this is called on.
    pub(crate) fn lane(&self) -> (Lane, lag::Watch) {
        // A thread that died and was started again takes over counters that only grow.
        let number = self.opened.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let (bill, tally) = &self.lanes[number];
        // A call has one job of each kind that lasts, and at most two of those that do not.
        let policy = Policy { seats: self.settings.http.max_calls * 2, ..Policy::default() };
        let parts = LaneParts {
            bill: bill.clone(),
            tally: Arc::clone(tally),
            clock: self.clock.clone(),
            agents: Arc::clone(&self.agents),
            admission: self.admission.clone(),
            limits: Limits { start_ms: self.settings.http.leg.start_secs as u32 * 1000 },
            leg_stall_ms: self.settings.http.leg.stall_ms as u32,
            casting: self.providers.casting(policy, bill),
            recorder: self.recorder.clone(),
            draining: self.ending.clone(),
        };
        (Lane::new(parts), lag::watch(bill))
    }

    /// What carriers meet on a lane.
    pub(crate) fn edge(&self, lane: Lane, public_url: PublicUrl) -> Edge {
        let settings = &self.settings;
        let requests = self.requests.clone();
        let knocks = Knocks::new(self.clock.clone());
        Edge {
            public_url,
            exotel: settings.exotel.enabled.then(|| ExotelEdge {
                keys: ExotelKeys::new(
                    settings.exotel.username.clone().zip(settings.exotel.password.clone()),
                    settings.exotel.secret.clone(),
                ),
                media_path: settings.http.ws_path.clone(),
                sample_rate_hz: 8000,
            }),
            twilio: settings.twilio.enabled.then(|| TwilioEdge {
                keys: TwilioKeys::new(settings.twilio.auth_tokens.clone(), settings.twilio.slash_form),
            }),
            grants: Rc::new(Promises {
                admission: self.admission.clone(),
                readiness: self.readiness.clone(),
                lanes: Arc::clone(&self.lanes),
                most_calls: settings.http.max_calls as i64,
            }),
            opener: Rc::new(Opener { lane, settings: Arc::clone(settings) }),
            leg: LegSettings {
                message_bytes: settings.http.leg.message_bytes,
                ping_every: Duration::from_secs(settings.http.leg.ping_secs),
                silence_limit: Duration::from_secs(settings.http.leg.dead_secs),
                tally: Arc::clone(&self.legs),
                ..LegSettings::default()
            },
            on_refused: Rc::new(move |carrier| {
                requests.signature_failed(carrier.as_str());
                knocks.log(carrier);
            }),
            body_deadline: Edge::BODY_DEADLINE,
        }
    }

    /// Waits until every lane takes calls and can greet them at once. A voice that does not work delays this by
    /// [`WARM_UP`] and no more: calls have other ways to be greeted.
    pub(crate) async fn wait_until_open(&self) {
        let began = self.clock.now();
        let patient = || self.clock.now().saturating_sub(began) < WARM_UP;
        while self.opened.load(Ordering::Relaxed) < self.lanes.len() || (!self.is_warm() && patient()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn is_warm(&self) -> bool {
        let greetings = self.agents.greetings() as i64;
        self.lanes.iter().all(|(_, tally)| tally.phrases.read() >= greetings)
    }

    /// The providers that have an account.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        self.providers.listed()
    }

    /// What operators scrape.
    pub(crate) fn metrics(&self, front: Playbill) -> Metrics {
        let sources = Sources {
            bills: self
                .lanes
                .iter()
                .map(|(bill, _)| bill.clone())
                .chain(self.providers.bills())
                .chain([front])
                .collect(),
            tallies: self.lanes.iter().map(|(_, tally)| Arc::clone(tally)).collect(),
            recorder: self.recorder.clone(),
            legs: Arc::clone(&self.legs),
            requests: self.requests.clone(),
            capacity: self.settings.http.max_calls,
            providers: self.providers.listed(),
            phrases: self.providers.phrases(),
            highest: Highest::default(),
            readiness: self.readiness.clone(),
        };
        Metrics::new(sources)
    }

    /// How long calls may go on once no new ones are wanted.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.drain.drain_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_fill_the_log() {
        let (clock, hand) = Clock::by_hand();
        let knocks = Knocks::new(clock);
        assert_eq!(knocks.due(), Some(1));
        assert_eq!((0..500).filter_map(|_| knocks.due()).count(), 0);
        hand.advance(Knocks::EVERY);
        assert_eq!(knocks.due(), Some(501));
    }
}
