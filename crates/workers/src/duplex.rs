//! One WebSocket for each job, or one for many jobs after each other.

mod feeder;
mod line;
mod pool;
mod socket;
mod talk;

use std::{cell::Cell, fmt, pin::pin, rc::Rc, time::Duration};

use actix::{Actor, ActorFutureExt as _, AsyncContext as _, Handler, WrapFuture as _};
use operetta_contract::{DuplexCodec, DuplexVendor, ErrorClass, Job, Meaning, Outcome, ProviderError, Rest, Usage};
use operetta_stage::{Answer, Ask, Clock, FeedEnd, Kind, Metered};
use tracing::Instrument as _;

use self::{
    feeder::{Feeder, Pace},
    line::Line,
    pool::Pool,
    talk::{Progress, Talk},
};
use crate::{
    bill::{self, OnUsage},
    http::Broken,
    net::Net,
};

/// Does jobs by talking to a provider over WebSockets.
///
/// It owns what the vendor's codec must not know: connecting, timers, pings, fragments, cancellation, cost, and the sockets that
/// wait for the next job. A socket is used again if the vendor says that it [fits](DuplexVendor::fits) and its codec that it is
/// at [rest](DuplexCodec::rest); it is replaced before the provider ends it for its age, and only between jobs. One is opened
/// ahead, if the vendor knows without a job which.
pub struct DuplexWorker<V: DuplexVendor> {
    bench: Rc<Bench<V>>,
}

/// How patient a [`DuplexWorker`] is, and how many sockets it keeps. The relay in front of it has tighter deadlines of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketTimes {
    /// From connecting to the end of the upgrade. 3 s.
    pub upgrade: Duration,
    /// Until the server says that a job may begin, where it says so. 3 s.
    pub ready: Duration,
    /// How long nothing may leave the socket of what was said. 2 s.
    pub stall: Duration,
    /// How often the server is pinged while a job runs; `None` for servers that do not answer. 5 s.
    pub ping_every: Option<Duration>,
    /// How long the server may say nothing at all after a ping. 5 s.
    pub pong: Duration,
    /// How long a socket waits for its next job; less if the provider says so. 60 s.
    pub idle: Duration,
    /// How long a cancelled job may go on being talked of. 2 s.
    pub drain: Duration,
    /// How many sockets wait for jobs. 8.
    pub pool: usize,
}

impl Default for SocketTimes {
    fn default() -> Self {
        Self {
            upgrade: Duration::from_secs(3),
            ready: Duration::from_secs(3),
            stall: Duration::from_secs(2),
            ping_every: Some(Duration::from_secs(5)),
            pong: Duration::from_secs(5),
            idle: Duration::from_mins(1),
            drain: Duration::from_secs(2),
            pool: 8,
        }
    }
}

/// What all jobs of a worker share.
struct Bench<V: DuplexVendor> {
    vendor: Rc<V>,
    net: Net,
    times: SocketTimes,
    on_usage: OnUsage,
    clock: Clock,
    pool: Pool<V::Codec>,
    /// A socket is being opened that no job has asked for yet.
    is_opening: Cell<bool>,
}

impl<V: DuplexVendor> DuplexWorker<V> {
    /// A worker that talks to `vendor` over the connections of `net`, its lane's.
    pub fn new(vendor: V, net: Net, times: SocketTimes) -> Self {
        Self::with(Rc::new(vendor), net, times, bill::nobody())
    }

    /// Tells `hook` what every job cost, once it has ended in whatever way, if anything is known.
    #[must_use]
    pub fn on_usage(self, hook: Rc<dyn Fn(Usage)>) -> Self {
        Self::with(Rc::clone(&self.bench.vendor), self.bench.net.clone(), self.bench.times, hook)
    }

    fn with(vendor: Rc<V>, net: Net, times: SocketTimes, on_usage: OnUsage) -> Self {
        let (pool, is_opening) = (Pool::default(), Cell::new(false));
        Self { bench: Rc::new(Bench { vendor, net, times, on_usage, clock: Clock::system(), pool, is_opening }) }
    }
}

impl<V: DuplexVendor> Kind for DuplexWorker<V> {
    const KIND: &'static str = <V::Job as Job>::ROLE.as_str();
}

impl<V: DuplexVendor> Actor for DuplexWorker<V> {
    type Context = Metered<Self>;

    fn started(&mut self, ctx: &mut Metered<Self>) {
        self.open_ahead(ctx);
    }
}

impl<V> Handler<Ask<V::Job>> for DuplexWorker<V>
where
    V: DuplexVendor,
    V::Job: Outcome + Clone,
    <V::Job as Job>::Feed: Clone,
{
    type Result = ();

    fn handle(&mut self, ask: Ask<V::Job>, ctx: &mut Metered<Self>) {
        let bench = Rc::clone(&self.bench);
        let kept = bench.pool.take(|codec| bench.vendor.fits(codec, &ask.job));
        let span = ask.answer.span().clone();
        let work = async move {
            let line = match kept {
                Some(kept) => kept.await.ok(),
                None => None,
            };
            bench.perform(ask.job, ask.answer, ask.feed, line).await
        };
        let parked = work.instrument(span).into_actor(self).map(|line, worker, ctx| {
            if let Some(line) = line {
                worker.park(line, ctx);
            }
            worker.open_ahead(ctx);
        });
        ctx.spawn(parked);
        self.open_ahead(ctx);
    }
}

impl<V: DuplexVendor> DuplexWorker<V> {
    /// Opens the socket that the next job will want, unless one waits already.
    fn open_ahead(&self, ctx: &mut Metered<Self>) {
        let bench = Rc::clone(&self.bench);
        let Some(job) = bench.vendor.warm_up() else { return };
        if bench.times.pool == 0 || bench.is_opening.get() || bench.pool.has(|codec| bench.vendor.fits(codec, &job)) {
            return;
        }
        bench.is_opening.set(true);
        let opening = async move {
            let opened = bench.connect(&job).await;
            bench.is_opening.set(false);
            let role = <V::Job as Job>::ROLE.as_str();
            match opened {
                Ok(line) => Some(line),
                Err(error) => {
                    // Nothing fails by it: the first job will find out.
                    tracing::warn!(role, code = error.code(), detail = error.detail, "no socket could be opened ahead");
                    None
                }
            }
        };
        ctx.spawn(opening.into_actor(self).map(|line, worker, ctx| {
            if let Some(line) = line {
                worker.park(line, ctx);
            }
        }));
    }

    /// Keeps a line for the next job.
    fn park(&self, line: Line<V::Codec>, ctx: &mut Metered<Self>) {
        let times = self.bench.times;
        let limits = self.bench.vendor.capabilities();
        // The provider's clocks began before ours, and both may be asked for something in the last moment.
        let idle = limits.idle.map_or(times.idle, |idle| times.idle.min(idle * 9 / 10));
        let age = limits.session.map(|session| session.saturating_sub((session / 10).min(Duration::from_mins(1))));
        let keeping = Rc::clone(&self.bench);
        let watch = self.bench.pool.park(line, times, idle, age);
        ctx.spawn(
            async move {
                watch.await;
                drop(keeping);
            }
            .into_actor(self),
        );
    }
}

impl<V: DuplexVendor> Bench<V> {
    async fn connect(&self, job: &V::Job) -> Result<Line<V::Codec>, ProviderError> {
        Line::open(&*self.vendor, &self.net, &self.times, &self.clock, job).await
    }
}

impl<V> Bench<V>
where
    V: DuplexVendor,
    V::Job: Outcome + Clone,
    <V::Job as Job>::Feed: Clone,
{
    /// Does a job to its end, and gives back the line if it may serve another.
    async fn perform(
        &self,
        job: V::Job,
        answer: Answer<V::Job>,
        feed: FeedEnd<V::Job>,
        line: Option<Line<V::Codec>>,
    ) -> Option<Line<V::Codec>> {
        let mut task = Task {
            line,
            feeder: Feeder::new(feed),
            progress: Progress::default(),
            usage: Usage::default(),
            unknown: 0,
        };
        let ended = tokio::select! {
            biased;
            () = answer.cancelled() => Err(Broken::Gone),
            ended = task.run(self, job, &answer) => ended,
        };
        task.settle(ended.is_err());
        let Task { line, progress, usage, unknown, .. } = task;
        let mut line = line;
        let (is_over, seat) = match ended {
            Ok(last) => {
                answer.finish(last);
                (false, None)
            }
            Err(Broken::Failed(error)) => {
                tracing::debug!(code = error.code(), detail = error.detail, "the provider failed");
                answer.fail(V::Job::failed(error));
                (true, None)
            }
            Err(Broken::Gone) => {
                if let Some(line) = &mut line
                    && progress.has_begun
                {
                    line.cancel();
                }
                // A socket on which nothing has begun yet is as good as new, if it is ready for anything.
                (false, Some(answer))
            }
        };
        bill::settle(<V::Job as Job>::ROLE, usage, unknown, &self.on_usage);
        let line = line?;
        if is_over {
            line.retire(false).await;
        } else if line.rest() == Rest::Spent {
            line.retire(true).await;
        } else {
            return Some(line);
        }
        drop(seat);
        None
    }
}

/// One job on its way.
struct Task<C: DuplexCodec> {
    /// What it talks over now.
    line: Option<Line<C>>,
    feeder: Feeder<C::Job>,
    progress: Progress,
    usage: Usage,
    unknown: u32,
}

impl<C: DuplexCodec> Task<C>
where
    C::Job: Outcome + Clone,
    <C::Job as Job>::Feed: Clone,
{
    /// Talks of piece after piece. The last event of the last one ends the job.
    async fn run<V>(
        &mut self,
        bench: &Bench<V>,
        job: C::Job,
        answer: &Answer<C::Job>,
    ) -> Result<<C::Job as Job>::Event, Broken>
    where
        V: DuplexVendor<Codec = C, Job = C::Job>,
    {
        let limits = bench.vendor.capabilities();
        let mut last = None;
        for part in job.parts(limits.max_text) {
            let event = match self.talk(bench, &part, answer, limits.pace_percent).await {
                Err(Broken::Failed(error)) if self.may_begin_again(&error) => {
                    tracing::debug!(code = error.code(), "the socket had ended: once more on a new one");
                    let old = self.line.take();
                    let again = self.talk(bench, &part, answer, limits.pace_percent);
                    beside(goodbye(old, false), again).await?
                }
                other => other?,
            };
            if let Meaning::Failed(error) = C::Job::meaning(&event) {
                return Err(Broken::Failed(error.clone()));
            }
            last = Some(event);
        }
        match last {
            Some(event) if self.progress.outputs > 0 => Ok(event),
            Some(_) => {
                Err(ProviderError::new(ErrorClass::Empty, "the provider reports success and sent nothing").into())
            }
            None => Err(ProviderError::new(ErrorClass::BadRequest, "there is nothing to ask for").into()),
        }
    }

    async fn talk<V>(
        &mut self,
        bench: &Bench<V>,
        part: &C::Job,
        answer: &Answer<C::Job>,
        pace_percent: Option<u32>,
    ) -> Result<<C::Job as Job>::Event, Broken>
    where
        V: DuplexVendor<Codec = C, Job = C::Job>,
    {
        self.settle(false);
        self.progress.has_begun = false;
        self.progress.was_stale = false;
        // A line from the piece before may need a rest that this one cannot wait for.
        let line = if let Some(line) = self.line.take_if(|line| line.rest() == Rest::Ready) {
            line
        } else {
            let old = self.line.take();
            beside(goodbye(old, true), bench.connect(part)).await?
        };
        let line = self.line.insert(line);
        let talk = Talk {
            line,
            job: part,
            feeder: &mut self.feeder,
            answer,
            times: &bench.times,
            progress: &mut self.progress,
            pace: Pace::new(pace_percent),
        };
        talk.run().await
    }

    /// Whether the socket, and not the job, was at its end, and everything that it was told can be said again.
    fn may_begin_again(&mut self, error: &ProviderError) -> bool {
        let was_used_before = self.line.as_ref().is_some_and(|line| line.was_parked || line.jobs > 1);
        let was_the_socket = error.class == ErrorClass::SessionExpired || (self.progress.was_stale && was_used_before);
        was_the_socket && self.progress.outputs == 0 && self.feeder.rewind()
    }

    /// Adds up what the line has cost this job so far.
    fn settle(&mut self, is_early: bool) {
        if let Some(line) = &mut self.line
            && self.progress.has_begun
        {
            let (usage, unknown) = line.settle();
            bill::add(&mut self.usage, usage, is_early);
            self.unknown += unknown;
        }
    }
}

/// Ends a line, if there is one.
async fn goodbye<C: DuplexCodec>(line: Option<Line<C>>, politely: bool) {
    if let Some(line) = line {
        line.retire(politely).await;
    }
}

/// Does `work`, which a caller waits for, and `goodbye` meanwhile. What of that is not done then is left: the other side sees the
/// connection end.
async fn beside<T>(goodbye: impl Future<Output = ()>, work: impl Future<Output = T>) -> T {
    let (mut goodbye, mut work) = (pin!(goodbye), pin!(work));
    tokio::select! {
        biased;
        () = &mut goodbye => {}
        done = &mut work => return done,
    }
    work.await
}

impl<V: DuplexVendor> fmt::Debug for DuplexWorker<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexWorker").field("role", &<V::Job as Job>::ROLE).field("times", &self.bench.times).finish()
    }
}
