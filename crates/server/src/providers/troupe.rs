//! The providers of one lane: a worker for each, a relay for each list, desks for each agent.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use operetta_contract::{
    Complete, Converse, Detect, DuplexVendor, HttpVendor, Recognize, Role, Synthesize, Transcribe,
};
use operetta_session::Desks;
use operetta_stage::{Desk, Playbill, Policy, Supervisor};
use operetta_workers::{
    ClipEars, DuplexWorker, HttpTimes, HttpWorker, Net, NetConfig, SocketTimes,
    relay::{Relay, RelayConfig, Resume, Rung, Shelf, Times},
};

use super::{
    Spent,
    configured::Cast,
    vendors::{AnyDesk, Asked, Visit},
};
use crate::config::{Agent, Api, Embedded, Patience, Provider};

/// The desks of every agent on one lane.
pub(super) struct Troupe {
    by_agent: BTreeMap<String, Desks>,
    /// What agents have that are not in the configuration; there are none.
    embedded: Desks,
}

impl Troupe {
    /// Starts whoever some agent needs, on the lane that this is called on.
    pub(super) fn gather(cast: &Cast, policy: Policy, bill: &Playbill) -> Self {
        let mut stage = Stage::new(cast, policy, bill);
        let agents = cast.settings.agents.iter();
        let by_agent = agents.map(|(name, agent)| (name.clone(), stage.desks(agent))).collect();
        Self { by_agent, embedded: stage.embedded }
    }

    pub(super) fn desks(&self, agent: &str) -> Desks {
        self.by_agent.get(agent).unwrap_or(&self.embedded).clone()
    }
}

/// What stands on the lane so far.
struct Stage<'a> {
    cast: &'a Cast,
    policy: Policy,
    bill: &'a Playbill,
    embedded: Desks,
    nets: BTreeMap<(Option<PathBuf>, u32), Net>,
    workers: BTreeMap<String, AnyDesk>,
    stt: Relays<Transcribe>,
    llm: Relays<Complete>,
    tts: Relays<Synthesize>,
    realtime: BTreeMap<String, Desk<Converse>>,
}

/// Relays by what makes them differ: the providers with the voices that they use, and the hedge.
type Relays<J> = BTreeMap<(Vec<(String, Option<String>)>, u32), Desk<J>>;

impl<'a> Stage<'a> {
    fn new(cast: &'a Cast, policy: Policy, bill: &'a Playbill) -> Self {
        let engines = || cast.engines.clone();
        let (vad, stt, llm, tts) = (engines(), engines(), engines(), engines());
        let embedded = Desks {
            vad: Supervisor::start::<Detect, _>(policy, bill, move || vad.detector()),
            stt: Supervisor::start::<Transcribe, _>(policy, bill, move || stt.listener()),
            llm: Supervisor::start::<Complete, _>(policy, bill, move || llm.receptionist()),
            tts: Supervisor::start::<Synthesize, _>(policy, bill, move || tts.speaker()),
            realtime: None,
        };
        Self {
            cast,
            policy,
            bill,
            embedded,
            nets: BTreeMap::new(),
            workers: BTreeMap::new(),
            stt: BTreeMap::new(),
            llm: BTreeMap::new(),
            tts: BTreeMap::new(),
            realtime: BTreeMap::new(),
        }
    }

    fn desks(&mut self, agent: &Agent) -> Desks {
        Desks {
            vad: self.embedded.vad.clone(),
            stt: self.desk::<Transcribe>(agent, 0),
            llm: self.desk::<Complete>(agent, agent.llm_hedge_ms),
            tts: self.desk::<Synthesize>(agent, agent.tts_hedge_ms),
            realtime: agent.realtime.first().and_then(|name| self.leader(name)),
        }
    }

    /// Where an agent's whole conversations go. The relay has one rung: when that fails, the agent's other providers take over.
    fn leader(&mut self, name: &str) -> Option<Desk<Converse>> {
        if let Some(relay) = self.realtime.get(name) {
            return Some(relay.clone());
        }
        let entry = self.cast.settings.providers.get(name)?;
        let listed = self.cast.listed.get(&(Role::Realtime, name.to_owned()))?;
        let AnyDesk::Realtime(desk) = self.worker(name, entry, &listed.spent)? else { return None };
        let rung = Rung {
            provider: Arc::clone(&listed.name),
            identity: format!("{}/{}/{}", listed.api, listed.address, listed.model).into(),
            voice: None,
            desk: desk.clone(),
            account: listed.account.clone(),
            times: times(Patience::of(entry)),
        };
        let config = RelayConfig { total: patience(Role::Realtime), ..RelayConfig::default() };
        let relay =
            Supervisor::start::<Converse, _>(self.policy, self.bill, move || Relay::new(vec![rung.clone()], config));
        self.realtime.insert(name.to_owned(), relay.clone());
        Some(relay)
    }

    /// Where an agent's jobs of one kind go.
    fn desk<J: Played>(&mut self, agent: &Agent, hedge_ms: u32) -> Desk<J> {
        let list = agent.list(J::ROLE);
        if super::is_asked_directly(agent, list) {
            return J::embedded(&self.embedded).clone();
        }
        let voice = |name: &String| (J::ROLE == Role::Tts).then(|| self.voice(agent, name));
        let cast: Vec<_> = list.iter().map(|name| (name.clone(), voice(name))).collect();
        let key = (cast, hedge_ms);
        if let Some(relay) = J::relays(self).get(&key) {
            return relay.clone();
        }
        let rungs: Vec<_> = key.0.iter().filter_map(|(name, voice)| self.rung(name, voice.as_deref())).collect();
        let hedge_after = (hedge_ms > 0).then(|| Duration::from_millis(hedge_ms.into()));
        let config = RelayConfig { hedge_after, total: patience(J::ROLE), ..RelayConfig::default() };
        let shelf = J::shelf(self.cast);
        let relay = Supervisor::start::<J, _>(self.policy, self.bill, move || {
            let relay = Relay::new(rungs.clone(), config);
            match &shelf {
                Some(shelf) => relay.with_shelf(Rc::clone(shelf)),
                None => relay,
            }
        });
        J::relays(self).insert(key, relay.clone());
        relay
    }

    fn rung<J: Played>(&mut self, name: &str, voice: Option<&str>) -> Option<Rung<J>> {
        let cast = self.cast;
        let listed = cast.listed.get(&(J::ROLE, name.to_owned()))?;
        let (desk, times, identity) = match cast.settings.providers.get(name) {
            Some(entry) => {
                let desk = self.worker(name, entry, &listed.spent)?;
                let settings = (entry.audio, entry.max_tokens, &entry.reasoning_effort, &entry.path);
                // Of whom the program brings nothing else is known; whoever is built in keeps its phrases when it is renamed.
                let brought = if entry.api.is_some_and(Api::is_brought) { name } else { "" };
                let identity = format!("{}/{brought}/{}/{}/{settings:?}", listed.api, listed.address, listed.model);
                (J::own(desk)?.clone(), times(Patience::of(entry)), identity)
            }
            None => (J::embedded(&self.embedded).clone(), EMBEDDED, format!("embedded/{name}")),
        };
        Some(Rung {
            provider: Arc::clone(&listed.name),
            identity: identity.into(),
            voice: voice.map(Arc::from),
            desk,
            account: listed.account.clone(),
            times,
        })
    }

    /// The voice that an agent has at a provider.
    fn voice(&self, agent: &Agent, name: &str) -> String {
        match Embedded::named(name) {
            Some(engine) => self.cast.embedded_voice(agent, engine),
            None => self.cast.settings.voice_at(agent, name).unwrap_or_default(),
        }
    }

    /// The worker of a vendor: one on this lane, whoever uses it.
    fn worker(&mut self, name: &str, entry: &Provider, spent: &Arc<Spent>) -> Option<&AnyDesk> {
        if !self.workers.contains_key(name) {
            let bill = self.cast.bills.get(self.bill.lane()).unwrap_or(self.bill).clone();
            // A hedge is a second job at another provider, and a job that was given up keeps its seat until it has let go.
            let policy = Policy { seats: self.policy.seats * 2, ..self.policy };
            let opener = Opener { policy, bill, net: self.net(entry), spent: Arc::clone(spent) };
            let desk = self.cast.guests.open(name, entry, opener)?;
            self.workers.insert(name.to_owned(), desk);
        }
        self.workers.get(name)
    }

    /// The connections for an entry: one pool for all with the same certificates and patience.
    fn net(&mut self, entry: &Provider) -> Net {
        let key = (entry.ca_file.clone(), entry.connect_ms);
        let roots = entry.ca_file.as_ref().and_then(|file| self.cast.roots.get(file));
        let patience = Duration::from_millis(entry.connect_ms.into());
        let config = NetConfig {
            connect: patience,
            handshake: patience,
            extra_roots: roots.cloned().into_iter().collect(),
            ..NetConfig::default()
        };
        let fresh = || Net::new(&config).unwrap_or_else(|_| unreachable!("one was made of these at the start"));
        self.nets.entry(key).or_insert_with(fresh).clone()
    }
}

/// How long an engine inside the program is waited for: it is the last in its list as a rule, and late words are better than
/// none.
const EMBEDDED: Times =
    Times { first: Duration::from_secs(3), gap: Duration::from_millis(2_500), flush: Duration::from_secs(3) };

/// How long a call waits for the first output of whichever provider: long enough for a second one to be asked when the first
/// was waited for in vain, and shorter than the call's own patience (`timing.mind_ms`, `tts_total_ms`, `final_ms`). The caller
/// hears a recording meanwhile.
const fn patience(role: Role) -> Duration {
    match role {
        Role::Llm => Duration::from_secs(5),
        Role::Tts => Duration::from_secs(4),
        Role::Vad | Role::Stt | Role::Realtime => Duration::from_secs(3),
    }
}

fn times(patience: Patience) -> Times {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    Times { first: ms(patience.first_ms), gap: ms(patience.gap_ms), flush: ms(patience.flush_ms) }
}

/// Opens the desk of a vendor.
pub(super) struct Opener {
    policy: Policy,
    bill: Playbill,
    net: Net,
    spent: Arc<Spent>,
}

impl Visit for Opener {
    type Out = AnyDesk;

    fn request<V: HttpVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> AnyDesk {
        let Self { policy, bill, net, spent } = self;
        V::Job::any(Supervisor::start::<V::Job, _>(policy, &bill, move || {
            let spent = Arc::clone(&spent);
            HttpWorker::new(vendor(), net.clone(), HttpTimes::default())
                .on_usage(Rc::new(move |usage| spent.add(&usage)))
        }))
    }

    fn socket<V: DuplexVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> AnyDesk {
        let Self { policy, bill, net, spent } = self;
        V::Job::any(Supervisor::start::<V::Job, _>(policy, &bill, move || {
            let spent = Arc::clone(&spent);
            DuplexWorker::new(vendor(), net.clone(), SocketTimes::default())
                .on_usage(Rc::new(move |usage| spent.add(&usage)))
        }))
    }

    fn clips<V: HttpVendor<Job = Recognize>>(self, vendor: impl Fn() -> V + 'static) -> AnyDesk {
        let Self { policy, bill, net, spent } = self;
        Transcribe::any(Supervisor::start::<Transcribe, _>(policy, &bill, move || {
            let spent = Arc::clone(&spent);
            ClipEars::new(vendor(), net.clone(), HttpTimes::default()).on_usage(Rc::new(move |usage| spent.add(&usage)))
        }))
    }

    fn converse<V: DuplexVendor<Job = Converse>>(self, vendor: impl Fn() -> V + 'static) -> AnyDesk {
        let Self { policy, bill, net, spent } = self;
        AnyDesk::Realtime(Supervisor::start::<Converse, _>(policy, &bill, move || {
            let spent = Arc::clone(&spent);
            DuplexWorker::new(vendor(), net.clone(), SocketTimes::default())
                .on_usage(Rc::new(move |usage| spent.add(&usage)))
        }))
    }
}

/// A job that agents have played by lists of providers.
trait Played: Asked + Resume {
    /// The desk inside the program.
    fn embedded(desks: &Desks) -> &Desk<Self>;

    /// The desk of a vendor, if it does this job.
    fn own(desk: &AnyDesk) -> Option<&Desk<Self>>;

    /// The relays that stand.
    fn relays<'a>(stage: &'a mut Stage<'_>) -> &'a mut Relays<Self>;

    /// Where what was done once is kept.
    fn shelf(cast: &Cast) -> Option<Rc<dyn Shelf<Self>>> {
        let _ = cast;
        None
    }
}

impl Played for Transcribe {
    fn embedded(desks: &Desks) -> &Desk<Self> {
        &desks.stt
    }

    fn own(desk: &AnyDesk) -> Option<&Desk<Self>> {
        if let AnyDesk::Stt(desk) = desk { Some(desk) } else { None }
    }

    fn relays<'a>(stage: &'a mut Stage<'_>) -> &'a mut Relays<Self> {
        &mut stage.stt
    }
}

impl Played for Complete {
    fn embedded(desks: &Desks) -> &Desk<Self> {
        &desks.llm
    }

    fn own(desk: &AnyDesk) -> Option<&Desk<Self>> {
        if let AnyDesk::Llm(desk) = desk { Some(desk) } else { None }
    }

    fn relays<'a>(stage: &'a mut Stage<'_>) -> &'a mut Relays<Self> {
        &mut stage.llm
    }
}

impl Played for Synthesize {
    fn embedded(desks: &Desks) -> &Desk<Self> {
        &desks.tts
    }

    fn own(desk: &AnyDesk) -> Option<&Desk<Self>> {
        if let AnyDesk::Tts(desk) = desk { Some(desk) } else { None }
    }

    fn relays<'a>(stage: &'a mut Stage<'_>) -> &'a mut Relays<Self> {
        &mut stage.tts
    }

    fn shelf(cast: &Cast) -> Option<Rc<dyn Shelf<Self>>> {
        cast.phrases.clone().map(|phrases| Rc::new(phrases) as Rc<dyn Shelf<Self>>)
    }
}

#[cfg(test)]
pub(super) mod tests;
