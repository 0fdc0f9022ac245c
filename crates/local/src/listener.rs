use std::{collections::VecDeque, future::pending, time::Duration};

use actix::{Actor, AsyncContext, Handler, WrapFuture};
use operetta_contract::{ErrorClass, Hearing, ProviderError, Transcribe, Transcript};
use operetta_stage::{Answer, Ask, FeedEnd, Kind, Metered};
use tokio::{sync::oneshot, time::timeout};
use tracing::Instrument;

use crate::{LocalError, engines::Engines, scribe::Page};

/// The worker that listens. It keeps what the caller says until a pause and then has a thread of
/// [`Engines`](crate::Engines) write it down.
pub struct Listener {
    engines: Engines,
}

impl Listener {
    pub(crate) fn new(engines: Engines) -> Self {
        Self { engines }
    }
}

impl Kind for Listener {
    const KIND: &'static str = "stt";
}

impl Actor for Listener {
    type Context = Metered<Self>;
}

impl Handler<Ask<Transcribe>> for Listener {
    type Result = ();

    fn handle(&mut self, ask: Ask<Transcribe>, ctx: &mut Self::Context) {
        let Ask { job, answer, feed } = ask;
        let fail = |class, detail: String| Transcript::Failed(ProviderError::new(class, detail));
        if self.engines.scribes().is_none() {
            let detail = "expected the files of the speech model, found none: run `make models`".to_owned();
            return answer.fail(fail(ErrorClass::Missing, detail));
        }
        if !matches!(job.rate_hz, 8_000 | 16_000 | 24_000) {
            let detail = format!("expected 8000, 16000 or 24000 samples a second, came {}", job.rate_hz);
            return answer.fail(fail(ErrorClass::BadRequest, detail));
        }
        let span = answer.span().clone();
        let listening = listen(self.engines.clone(), job.rate_hz, feed, answer);
        ctx.spawn(listening.instrument(span).into_actor(self));
    }
}

/// Longest stretch between two flushes that is kept: the newest 20 s.
const KEPT_S: usize = 20;
/// While nothing but quiet has come, only this much is kept, in ms: the breath before the first word.
const QUIET_KEPT_MS: usize = 600;
/// Root mean square below which a piece counts as quiet: -62 dB of full scale, just under the voice gate's own floor.
const QUIET_RMS: u64 = 26;
/// Flushes that may wait behind one that is being written down.
const WAITING_FLUSHES: usize = 8;
/// How long a flush may wait for a free thread. An answer later than this would come into another turn.
const PLACE_PATIENCE: Duration = Duration::from_secs(2);

type Reply = oneshot::Receiver<Result<String, LocalError>>;

/// One call, from the first sample to the end of its lease.
async fn listen(engines: Engines, rate_hz: u32, mut feed: FeedEnd<Transcribe>, answer: Answer<Transcribe>) {
    let mut kept = Kept::new(rate_hz);
    let mut waiting: VecDeque<(u32, Vec<i16>)> = VecDeque::new();
    let mut writing: Option<(u32, Reply)> = None;
    loop {
        if writing.is_none()
            && let Some((flush, samples)) = waiting.pop_front()
        {
            match hand_over(&engines, samples, rate_hz).await {
                Ok(reply) => writing = Some((flush, reply)),
                Err(error) => return answer.fail(Transcript::Failed(error)),
            }
        }
        tokio::select! {
            biased;
            () = answer.cancelled() => return,
            written = written(&mut writing) => {
                let (flush, text) = written;
                let text = match text {
                    Some(Ok(text)) => text,
                    Some(Err(error)) => return answer.fail(Transcript::Failed(error.into())),
                    // The thread lost the page; dropping the answer says so.
                    None => return,
                };
                let heard = Transcript::Final { text: text.into(), flush: Some(flush) };
                if answer.tell(heard).await.is_err() {
                    return;
                }
            }
            heard = feed.recv() => match heard {
                Some(Hearing::Samples(samples)) => kept.add(&samples),
                Some(Hearing::Flush(flush)) if waiting.len() < WAITING_FLUSHES => waiting.push_back((flush, kept.take())),
                Some(Hearing::Flush(_)) => {
                    let detail = format!("expected at most {WAITING_FLUSHES} flushes at a time, came one more");
                    return answer.fail(Transcript::Failed(ProviderError::new(ErrorClass::Busy, detail)));
                }
                None => return,
            },
        }
    }
}

/// Waits for the page that is being written; for ever when there is none.
async fn written(writing: &mut Option<(u32, Reply)>) -> (u32, Option<Result<String, LocalError>>) {
    let Some((flush, reply)) = writing else { return pending().await };
    let (flush, text) = (*flush, reply.await.ok());
    *writing = None;
    (flush, text)
}

async fn hand_over(engines: &Engines, samples: Vec<i16>, rate_hz: u32) -> Result<Reply, ProviderError> {
    let busy =
        || ProviderError::new(ErrorClass::Busy, "expected a free place in the queue of recognition, all are taken");
    let scribes = engines.scribes().ok_or_else(busy)?;
    let (reply, text) = oneshot::channel();
    let mut page = Page { samples, rate_hz, reply };
    // A full queue empties within a fraction of a second; only a flood lasts.
    let placed = timeout(PLACE_PATIENCE, async {
        while let Err(back) = scribes.place(page) {
            page = back;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    placed.await.map_err(|_| busy())?;
    Ok(text)
}

/// What has been heard since the last flush.
struct Kept {
    samples: Vec<i16>,
    /// Something louder than quiet is among them.
    loud: bool,
    most: usize,
    quiet: usize,
}

impl Kept {
    fn new(rate_hz: u32) -> Self {
        let rate = rate_hz as usize;
        Self { samples: Vec::new(), loud: false, most: rate * KEPT_S, quiet: rate * QUIET_KEPT_MS / 1000 }
    }

    fn add(&mut self, piece: &[i16]) {
        self.samples.extend_from_slice(piece);
        self.loud = self.loud || !is_quiet(piece);
        // The stretch may overrun its bound by a quarter before it is cut, so that cutting is rare.
        let most = if self.loud { self.most } else { self.quiet };
        if self.samples.len() > most + most / 4 {
            let surplus = self.samples.len() - most;
            self.samples.drain(..surplus);
        }
    }

    /// Everything kept, or nothing when nobody can have spoken: the recogniser need not listen to silence.
    fn take(&mut self) -> Vec<i16> {
        let samples = std::mem::take(&mut self.samples);
        if std::mem::take(&mut self.loud) { samples } else { Vec::new() }
    }
}

fn is_quiet(piece: &[i16]) -> bool {
    let energy: u64 = piece.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    energy < QUIET_RMS * QUIET_RMS * piece.len().max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_forgotten_and_speech_is_kept() {
        let mut kept = Kept::new(8_000);
        for _ in 0..500 {
            kept.add(&[20; 160]);
        }
        assert!(kept.samples.len() <= 4_800 * 5 / 4, "{}", kept.samples.len());
        kept.add(&[2_000; 160]);
        for _ in 0..500 {
            kept.add(&[20; 160]);
        }
        assert_eq!(kept.samples.len() / 80_000, 1);
        for _ in 0..2_000 {
            kept.add(&[2_000; 160]);
        }
        assert!(kept.samples.len() <= 200_000, "{}", kept.samples.len());
        assert!(!kept.take().is_empty());
        assert!(kept.take().is_empty());
    }
}
