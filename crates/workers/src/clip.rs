//! Listening by providers that take whole recordings and no streams.

use std::{collections::VecDeque, fmt, rc::Rc, sync::Arc};

use actix::{Actor, AsyncContext as _, Handler, WrapFuture as _};
use operetta_contract::{
    Hearing, HttpVendor, Job, Outcome as _, Recognition, Recognize, Transcribe, Transcript, Usage,
};
use operetta_stage::{Answer, Ask, FeedEnd, Gone, Kind, Metered};
use tracing::Instrument as _;

use crate::{
    bill,
    http::{Bench, Broken, Exchange, HttpTimes},
    net::Net,
};

/// Listens by asking a provider over HTTP for one recording at a time: what was fed since the last flush, once a flush comes.
///
/// So it hears nothing until the caller has paused, and then as fast as one request is. While the request is on its way it goes
/// on taking what is fed; flushes are answered in their order. A clip too short to hold a word is answered without a request.
/// Where the provider streams its transcript, the pieces are told as partials.
///
/// When a request fails, the job fails: what was fed since the last final is kept by the relay, which asks somebody else.
pub struct ClipEars<V: HttpVendor> {
    bench: Rc<Bench<V>>,
}

/// How much is kept between two flushes, in seconds; of longer speech the end counts.
const LONGEST_SECS: usize = 60;

/// What is shorter holds no word, in ms. `OpenAI` refuses less than 100 ms.
const SHORTEST_MS: usize = 100;

/// How many clips may wait for the one that is on its way; of more, the oldest are told to hold nothing.
const WAITING: usize = 16;

impl<V: HttpVendor<Job = Recognize>> ClipEars<V> {
    /// A worker that asks `vendor` over the connections of `net`, its lane's.
    pub fn new(vendor: V, net: Net, times: HttpTimes) -> Self {
        Self { bench: Rc::new(Bench::new(Rc::new(vendor), net, times, bill::nobody())) }
    }

    /// Tells `hook` what every request cost, once it has ended in whatever way, if anything is known.
    #[must_use]
    pub fn on_usage(self, hook: Rc<dyn Fn(Usage)>) -> Self {
        Self { bench: Rc::new(self.bench.telling(hook)) }
    }
}

impl<V: HttpVendor<Job = Recognize>> Kind for ClipEars<V> {
    const KIND: &'static str = Transcribe::ROLE.as_str();
}

impl<V: HttpVendor<Job = Recognize>> Actor for ClipEars<V> {
    type Context = Metered<Self>;

    fn started(&mut self, ctx: &mut Metered<Self>) {
        ctx.spawn(Rc::clone(&self.bench).keep_warm().into_actor(self));
    }
}

impl<V: HttpVendor<Job = Recognize>> Handler<Ask<Transcribe>> for ClipEars<V> {
    type Result = ();

    fn handle(&mut self, ask: Ask<Transcribe>, ctx: &mut Metered<Self>) {
        let bench = Rc::clone(&self.bench);
        let span = ask.answer.span().clone();
        ctx.spawn(listen(bench, ask).instrument(span).into_actor(self));
    }
}

async fn listen<V: HttpVendor<Job = Recognize>>(bench: Rc<Bench<V>>, ask: Ask<Transcribe>) {
    let Ask { job, answer, feed } = ask;
    let mut clips = Clips::new(&job, feed);
    let mut exchange = Exchange::new();
    let ended = tokio::select! {
        biased;
        () = answer.cancelled() => Err(Broken::Gone),
        ended = understand(&bench, &job, &mut clips, &mut exchange, &answer) => ended,
    };
    settle(&bench, &mut exchange, true);
    match ended {
        Err(Broken::Failed(error)) => {
            tracing::debug!(code = error.code(), detail = error.detail, "the provider failed");
            answer.fail(Transcribe::failed(error));
        }
        // A call that is over wants to hear nothing more, and an asker that is gone is not told.
        Ok(()) | Err(Broken::Gone) => drop(answer),
    }
    exchange.wind_up(false).await;
}

/// Answers flush after flush, until nothing is fed any more.
async fn understand<V: HttpVendor<Job = Recognize>>(
    bench: &Bench<V>,
    job: &Transcribe,
    clips: &mut Clips,
    exchange: &mut Exchange,
    answer: &Answer<Transcribe>,
) -> Result<(), Broken> {
    while let Some(Clip { flush, samples }) = clips.next().await {
        let mut text = String::new();
        if samples.len() * 1000 >= SHORTEST_MS * job.rate_hz as usize {
            bench.was_used();
            let recognize =
                Recognize { language: Arc::clone(&job.language), samples: samples.into(), rate_hz: job.rate_hz };
            let tell = async |event| -> Result<(), Gone> {
                if let Recognition::Text(piece) = event {
                    text.push_str(&piece);
                    answer.tell(Transcript::Partial(text.trim_start().into())).await?;
                }
                Ok(())
            };
            let last = {
                let asking = exchange.run(&*bench.vendor, &bench.net, &bench.times, &recognize, tell);
                // What is fed meanwhile must not fill the feed.
                clips.filling(asking).await?
            };
            settle(bench, exchange, false);
            exchange.wind_up(true).await;
            bench.was_used();
            if let Recognition::Failed(error) = last {
                return Err(Broken::Failed(error));
            }
        }
        answer.tell(Transcript::Final { text: text.trim().into(), flush: Some(flush) }).await?;
    }
    Ok(())
}

fn settle<V: HttpVendor>(bench: &Bench<V>, exchange: &mut Exchange, is_early: bool) {
    let mut usage = Usage::default();
    bill::add(&mut usage, std::mem::take(&mut exchange.usage), is_early);
    bill::settle(Transcribe::ROLE, usage, std::mem::take(&mut exchange.unknown), &bench.on_usage);
}

/// Cuts what is fed into clips.
struct Clips {
    feed: FeedEnd<Transcribe>,
    longest: usize,
    /// Fed since the last flush.
    samples: Vec<i16>,
    waiting: VecDeque<Clip>,
    is_over: bool,
}

/// What was fed up to a flush.
#[derive(Debug, PartialEq, Eq)]
struct Clip {
    flush: u32,
    samples: Vec<i16>,
}

impl Clips {
    fn new(job: &Transcribe, feed: FeedEnd<Transcribe>) -> Self {
        let longest = LONGEST_SECS * job.rate_hz as usize;
        Self { feed, longest, samples: Vec::new(), waiting: VecDeque::new(), is_over: false }
    }

    /// The next clip; `None` when there will be none. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<Clip> {
        while self.waiting.is_empty() && !self.is_over {
            self.fill().await;
        }
        self.waiting.pop_front()
    }

    /// Does `work` and takes what is fed meanwhile.
    async fn filling<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.fill(), if !self.is_over => {}
            }
        }
    }

    /// Takes the next piece.
    async fn fill(&mut self) {
        match self.feed.recv().await {
            Some(Hearing::Samples(piece)) => {
                self.samples.extend_from_slice(&piece);
                let surplus = self.samples.len().saturating_sub(self.longest);
                self.samples.drain(..surplus);
            }
            Some(Hearing::Flush(flush)) => {
                let samples = std::mem::take(&mut self.samples);
                self.waiting.push_back(Clip { flush, samples });
                if let Some(late) = self.waiting.len().checked_sub(WAITING + 1).and_then(|at| self.waiting.get_mut(at))
                {
                    late.samples = Vec::new();
                }
            }
            None => self.is_over = true,
        }
    }
}

impl<V: HttpVendor> fmt::Debug for ClipEars<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClipEars").field("times", &self.bench.times).finish()
    }
}
