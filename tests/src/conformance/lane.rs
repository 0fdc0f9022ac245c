use std::{cell::RefCell, rc::Rc, time::Duration};

use actix::{Actor, Addr, Handler};
use operetta_contract::{
    Capabilities, DuplexVendor, HttpVendor, Job, JobId, Meaning, Outcome, ProviderError, Recognize, Transcribe, Usage,
};
use operetta_stage::{Clock, Desk, FeedError, Kind, Lease, Metered, Playbill, Policy, Supervisor, Told};
use operetta_workers::{ClipEars, DuplexWorker, HttpTimes, HttpWorker, Net, NetConfig, SocketTimes};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// A lane as the engine has them: its way out, its clock, its book of figures.
#[derive(Clone)]
pub(super) struct Lane {
    net: Net,
    pub(super) bill: Playbill,
    pub(super) clock: Clock,
}

/// A worker behind its desk.
pub(super) struct Hired<J: Job> {
    pub(super) desk: Desk<J>,
    pub(super) capabilities: Capabilities,
    /// What jobs cost, as the worker told.
    pub(super) usage: Rc<RefCell<Vec<Usage>>>,
}

impl Lane {
    pub(super) fn new() -> Self {
        let net = Net::new(&NetConfig::default()).expect("no extra roots");
        Self { net, bill: Playbill::new("conformance"), clock: Clock::system() }
    }

    /// A worker that asks over HTTP.
    pub(super) fn http<V>(&self, vendor: V) -> Hired<V::Job>
    where
        V: HttpVendor + Clone,
        V::Job: Outcome,
    {
        let (capabilities, usage) = (vendor.capabilities(), Rc::default());
        let (net, hook) = (self.net.clone(), hook(&usage));
        let worker =
            move || HttpWorker::new(vendor.clone(), net.clone(), HttpTimes::default()).on_usage(Rc::clone(&hook));
        Hired { desk: Supervisor::start(Policy::default(), &self.bill, worker), capabilities, usage }
    }

    /// A worker that talks over sockets, with so many seats.
    pub(super) fn sockets<V>(&self, vendor: V, seats: usize) -> Hired<V::Job>
    where
        V: DuplexVendor + Clone,
        V::Job: Outcome + Clone,
        <V::Job as Job>::Feed: Clone,
    {
        let (capabilities, usage) = (vendor.capabilities(), Rc::default());
        let (net, hook) = (self.net.clone(), hook(&usage));
        let worker =
            move || DuplexWorker::new(vendor.clone(), net.clone(), SocketTimes::default()).on_usage(Rc::clone(&hook));
        let policy = Policy { seats, ..Policy::default() };
        Hired { desk: Supervisor::start(policy, &self.bill, worker), capabilities, usage }
    }

    /// A worker that listens over HTTP.
    pub(super) fn clips<V>(&self, vendor: V) -> Hired<Transcribe>
    where
        V: HttpVendor<Job = Recognize> + Clone,
    {
        let (capabilities, usage) = (vendor.capabilities(), Rc::default());
        let (net, hook) = (self.net.clone(), hook(&usage));
        let worker =
            move || ClipEars::new(vendor.clone(), net.clone(), HttpTimes::default()).on_usage(Rc::clone(&hook));
        Hired { desk: Supervisor::start(Policy::default(), &self.bill, worker), capabilities, usage }
    }
}

fn hook(usage: &Rc<RefCell<Vec<Usage>>>) -> Rc<dyn Fn(Usage)> {
    let usage = Rc::clone(usage);
    Rc::new(move |spent| usage.borrow_mut().push(spent))
}

/// How many jobs a desk of the suite takes at once.
pub(super) const SEATS: usize = 8;

/// How long nothing may come of a job that should go on. Longer than any worker's own timer, so that what a worker says of it is
/// seen.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// A job on its way. Dropping it cancels the job.
pub(super) struct Course<J: Job> {
    lease: Lease<J>,
    told: UnboundedReceiver<(Duration, J::Event)>,
    _listener: Addr<Listener<J>>,
    clock: Clock,
    pub(super) begun_at: Duration,
}

impl<J: Job> Course<J> {
    /// Asks.
    pub(super) fn begin(lane: &Lane, hired: &Hired<J>, job: J) -> Result<Self, String> {
        let (tell, told) = unbounded_channel();
        let clock = lane.clock.clone();
        let (listener, _) = Metered::run(Listener { tell, clock: clock.clone() }, 16, &lane.bill);
        let begun_at = clock.now();
        let lease = hired.desk.ask(JobId(1), job, listener.downgrade().recipient());
        let lease = lease.map_err(|error| format!("the desk refuses: {}", error.code()))?;
        Ok(Self { lease, told, _listener: listener, clock, begun_at })
    }

    /// Feeds a piece, if anybody takes it.
    pub(super) fn offer(&self, piece: J::Feed) {
        // A job that has ended has told why.
        let _ = self.lease.feed(piece);
    }

    /// Feeds a piece. When nobody takes it, the reason is why the job has failed.
    pub(super) async fn feed(&mut self, piece: J::Feed) -> Result<(), String>
    where
        J: Outcome,
    {
        match self.lease.feed(piece) {
            Ok(()) => Ok(()),
            Err(FeedError::Full) => Err("nobody takes what is fed".to_owned()),
            Err(FeedError::Closed) => loop {
                // The reason is on its way.
                let (_, event) = self.next().await.map_err(|why| format!("nobody takes what is fed, {why}"))?;
                if let Meaning::Failed(error) = J::meaning(&event) {
                    return Err(told(error));
                }
            },
        }
    }

    /// The next event, and how long after the beginning it was told.
    pub(super) async fn next(&mut self) -> Result<(Duration, J::Event), String> {
        match timeout(PATIENCE, self.told.recv()).await {
            Ok(Some((at, event))) => Ok((at.saturating_sub(self.begun_at), event)),
            Ok(None) => Err("whoever listens has died".to_owned()),
            Err(_) => Err(format!("nothing came for {} s", PATIENCE.as_secs())),
        }
    }

    /// What has been told and not been looked at.
    pub(super) fn so_far(&mut self) -> Vec<J::Event> {
        std::iter::from_fn(|| self.told.try_recv().ok()).map(|(_, event)| event).collect()
    }

    /// How long it has been under way.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_sub(self.begun_at)
    }
}

/// Passes on what it is told.
struct Listener<J: Job> {
    tell: UnboundedSender<(Duration, J::Event)>,
    clock: Clock,
}

impl<J: Job> Kind for Listener<J> {
    const KIND: &'static str = "listener";
}

impl<J: Job> Actor for Listener<J> {
    type Context = Metered<Self>;
}

impl<J: Job> Handler<Told<J>> for Listener<J> {
    type Result = ();

    fn handle(&mut self, told: Told<J>, _: &mut Metered<Self>) {
        // Nobody reads any more when the job was cancelled.
        let _ = self.tell.send((self.clock.now(), told.event));
    }
}

/// An error as a table shows it.
pub(super) fn told(error: &ProviderError) -> String {
    format!("{}: {}", error.code(), error.detail)
}
