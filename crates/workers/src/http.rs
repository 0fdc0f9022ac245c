//! One HTTP request for each job, or for each piece of one.

mod bench;
mod exchange;

use std::{fmt, rc::Rc, time::Duration};

use actix::{Actor, AsyncContext as _, Handler, WrapFuture as _};
use operetta_contract::{ErrorClass, HttpVendor, Job, Meaning, Outcome, ProviderError, Usage};
use operetta_stage::{Answer, Ask, Kind, Metered};
use tracing::Instrument as _;

pub(crate) use self::{
    bench::Bench,
    exchange::{Broken, Exchange},
};
use crate::{bill, net::Net};

/// Does jobs by asking a provider over HTTP, one request a job, or one for each piece of a text that is too long for it.
///
/// It owns what the vendor's codec must not know: the connection, the timers, the cancellation, the cost. A job that is
/// cancelled loses its connection at once, unless so little of the reply is left that reading it is cheaper than connecting anew.
/// A body that broke off is never taken for a whole one.
///
/// While it is used, it keeps a connection warm by [`HttpVendor::warm_up`].
pub struct HttpWorker<V: HttpVendor> {
    bench: Rc<Bench<V>>,
}

/// How patient an [`HttpWorker`] is. The relay in front of it has deadlines of its own, which are tighter: these see to it that
/// no request stays for ever, whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimes {
    /// From asking to the head of the reply, connecting included. 10 s.
    pub head: Duration,
    /// Between two pieces of the body. 5 s.
    pub gap: Duration,
    /// For the body of a refusal, which explains it. 1 s.
    pub refusal: Duration,
    /// How often a connection that nobody uses is used, so that it stays open; `None` leaves it alone after the start. 45 s.
    pub warm_every: Option<Duration>,
    /// For how long after the last job that goes on: an engine without calls leaves its providers alone. 10 min.
    pub warm_for: Duration,
    /// How many bytes a body may have. 32 MiB, which is 10 min of 24 kHz audio.
    pub most_bytes: u64,
}

impl Default for HttpTimes {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            gap: Duration::from_secs(5),
            refusal: Duration::from_secs(1),
            warm_every: Some(Duration::from_secs(45)),
            warm_for: Duration::from_mins(10),
            most_bytes: 32 * 1024 * 1024,
        }
    }
}

impl<V: HttpVendor> HttpWorker<V> {
    /// A worker that asks `vendor` over the connections of `net`, its lane's.
    pub fn new(vendor: V, net: Net, times: HttpTimes) -> Self {
        Self { bench: Rc::new(Bench::new(Rc::new(vendor), net, times, bill::nobody())) }
    }

    /// Tells `hook` what every job cost, once it has ended in whatever way, if anything is known.
    #[must_use]
    pub fn on_usage(self, hook: Rc<dyn Fn(Usage)>) -> Self {
        Self { bench: Rc::new(self.bench.telling(hook)) }
    }
}

impl<V: HttpVendor> Kind for HttpWorker<V> {
    const KIND: &'static str = <V::Job as Job>::ROLE.as_str();
}

impl<V: HttpVendor> Actor for HttpWorker<V> {
    type Context = Metered<Self>;

    fn started(&mut self, ctx: &mut Metered<Self>) {
        ctx.spawn(Rc::clone(&self.bench).keep_warm().into_actor(self));
    }
}

impl<V> Handler<Ask<V::Job>> for HttpWorker<V>
where
    V: HttpVendor,
    V::Job: Outcome,
{
    type Result = ();

    fn handle(&mut self, ask: Ask<V::Job>, ctx: &mut Metered<Self>) {
        let bench = Rc::clone(&self.bench);
        let span = ask.answer.span().clone();
        ctx.spawn(async move { bench.perform(ask.job, ask.answer).await }.instrument(span).into_actor(self));
    }
}

impl<V> Bench<V>
where
    V: HttpVendor,
    V::Job: Outcome,
{
    async fn perform(&self, job: V::Job, answer: Answer<V::Job>) {
        self.was_used();
        let mut task = Task { exchange: Exchange::new(), usage: Usage::default(), outputs: 0, unknown: 0 };
        let ended = tokio::select! {
            biased;
            () = answer.cancelled() => Err(Broken::Gone),
            ended = task.run(self, job, &answer) => ended,
        };
        let is_done = ended.is_ok();
        task.add_up(!is_done);
        let seat = match ended {
            Ok(last) => {
                answer.finish(last);
                None
            }
            Err(Broken::Failed(error)) => {
                tracing::debug!(code = error.code(), detail = error.detail, "the provider failed");
                answer.fail(V::Job::failed(error));
                None
            }
            // Nobody listens. The job keeps its seat until it has let go of its connection.
            Err(Broken::Gone) => Some(answer),
        };
        bill::settle(<V::Job as Job>::ROLE, task.usage, task.unknown, &self.on_usage);
        task.exchange.wind_up(is_done).await;
        drop(seat);
        self.was_used();
    }
}

/// One job on its way.
struct Task {
    exchange: Exchange,
    /// What the pieces before cost.
    usage: Usage,
    outputs: u32,
    unknown: u32,
}

impl Task {
    /// Asks for piece after piece. The last event of the last one ends the job.
    async fn run<V>(
        &mut self,
        bench: &Bench<V>,
        job: V::Job,
        answer: &Answer<V::Job>,
    ) -> Result<<V::Job as Job>::Event, Broken>
    where
        V: HttpVendor,
        V::Job: Outcome,
    {
        let mut last = None;
        for part in job.parts(bench.vendor.capabilities().max_text) {
            if last.is_some() {
                self.add_up(false);
                self.exchange.wind_up(true).await;
                self.exchange = Exchange::new();
            }
            let Self { exchange, outputs, .. } = self;
            let tell = async |event| {
                *outputs += u32::from(V::Job::meaning(&event) == Meaning::Output);
                answer.tell(event).await
            };
            let event = exchange.run(&*bench.vendor, &bench.net, &bench.times, &part, tell).await?;
            if let Meaning::Failed(error) = V::Job::meaning(&event) {
                return Err(Broken::Failed(error.clone()));
            }
            last = Some(event);
        }
        match last {
            Some(event) if self.outputs > 0 => Ok(event),
            Some(_) => {
                Err(ProviderError::new(ErrorClass::Empty, "the provider reports success and sent nothing").into())
            }
            None => Err(ProviderError::new(ErrorClass::BadRequest, "there is nothing to ask for").into()),
        }
    }

    /// Moves what the current exchange cost to the rest.
    fn add_up(&mut self, is_early: bool) {
        bill::add(&mut self.usage, std::mem::take(&mut self.exchange.usage), is_early);
        self.unknown += std::mem::take(&mut self.exchange.unknown);
    }
}

impl<V: HttpVendor> fmt::Debug for HttpWorker<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWorker").field("role", &<V::Job as Job>::ROLE).field("times", &self.bench.times).finish()
    }
}
