use std::time::Duration;

use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{Detect, ErrorClass, ProviderError, Voice};
use operetta_stage::{Answer, Ask, Clock, FeedEnd, Kind, Metered};
use tracing::Instrument;

use crate::{
    engines::Engines,
    silero::{Edge, Sensed},
};

/// The worker that tells speech from other sound. A thread of [`Engines`](crate::Engines) judges; what is kept here is the
/// time that passes while a call's gate is closed, for which no samples come.
pub struct Detector {
    engines: Engines,
}

impl Detector {
    pub(crate) fn new(engines: Engines) -> Self {
        Self { engines }
    }
}

impl Kind for Detector {
    const KIND: &'static str = "vad";
}

impl Actor for Detector {
    type Context = Metered<Self>;
}

impl Handler<Ask<Detect>> for Detector {
    type Result = ();

    fn handle(&mut self, ask: Ask<Detect>, ctx: &mut Self::Context) {
        let Ask { job, answer, feed } = ask;
        if !matches!(job.rate_hz, 8_000 | 16_000 | 24_000) {
            let detail = format!("expected 8000, 16000 or 24000 samples a second, came {}", job.rate_hz);
            return answer.fail(Voice::Failed(ProviderError::new(ErrorClass::BadRequest, detail)));
        }
        let span = answer.span().clone();
        ctx.spawn(detect(self.engines.clone(), job, feed, answer).instrument(span).into_actor(self));
    }
}

/// A closed gate.
struct Closed {
    since: Duration,
    /// When `Ended` is due, if the caller was speaking.
    due: Option<tokio::time::Instant>,
}

/// One call, from its first sample to the end of its lease.
async fn detect(engines: Engines, job: Detect, mut feed: FeedEnd<Detect>, answer: Answer<Detect>) {
    let clock = Clock::system();
    let (line, mut sensed) = engines.listen(job).await;
    let mut closed: Option<Closed> = None;
    let mut speaking = false;
    loop {
        let due = closed.as_ref().and_then(|closed| closed.due);
        let edge = tokio::select! {
            biased;
            () = answer.cancelled() => return,
            sensed = sensed.recv() => match sensed {
                Some(Sensed::Edge(edge)) => Some(edge),
                Some(Sensed::Waiting { left_ms }) => {
                    if let Some(closed) = &mut closed {
                        let passed = clock.now().saturating_sub(closed.since);
                        let left = Duration::from_millis(u64::from(left_ms)).saturating_sub(passed);
                        closed.due = Some(tokio::time::Instant::now() + left);
                    }
                    None
                }
                Some(Sensed::Failed(error)) => return answer.fail(Voice::Failed(error.into())),
                // The thread lost the call; dropping the answer says so.
                None => return,
            },
            () = until(due) => {
                closed.as_mut().into_iter().for_each(|closed| closed.due = None);
                line.settled().await;
                Some(Edge::Ended)
            }
            piece = feed.recv() => {
                match piece {
                    Some(samples) if samples.is_empty() => {
                        if closed.is_none() {
                            closed = Some(Closed { since: clock.now(), due: None });
                            line.gate_closed().await;
                        }
                    }
                    Some(samples) => {
                        let gap = closed.take().map_or(Duration::ZERO, |closed| clock.now().saturating_sub(closed.since));
                        line.piece(samples, gap.as_millis().min(u128::from(u32::MAX)) as u32).await;
                    }
                    None => return,
                }
                None
            }
        };
        let voice = match edge {
            Some(Edge::Began) if !speaking => Voice::Began,
            Some(Edge::Ended) if speaking => Voice::Ended,
            // Both sides may see the same silence end; it is told once.
            _ => continue,
        };
        speaking = voice == Voice::Began;
        if answer.tell(voice).await.is_err() {
            return;
        }
    }
}

async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
