use std::time::Duration;

use operetta_contract::{DuplexCodec, ErrorClass, Flow, Job, Meaning, Outcome, ProviderError};
use operetta_stage::Answer;

use super::{
    SocketTimes,
    feeder::{Feeder, Pace},
    line::{Heard, Line},
    socket::Woke,
};
use crate::http::Broken;

/// One job, or one piece of it, on one line.
pub(crate) struct Talk<'a, C: DuplexCodec>
where
    C::Job: Outcome,
{
    pub(crate) line: &'a mut Line<C>,
    pub(crate) job: &'a C::Job,
    pub(crate) feeder: &'a mut Feeder<C::Job>,
    pub(crate) answer: &'a Answer<C::Job>,
    pub(crate) times: &'a SocketTimes,
    pub(crate) progress: &'a mut Progress,
    pub(crate) pace: Pace,
}

/// How far a job has come: what is left for whoever ran it, however it ended.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many events of use were told.
    pub(crate) outputs: u32,
    /// The codec was told that the job begins, so it has to be told when the job is cancelled.
    pub(crate) has_begun: bool,
    /// The job failed because the other side closed before it had said anything to it.
    pub(crate) was_stale: bool,
}

type Event<C> = <<C as DuplexCodec>::Job as Job>::Event;

impl<C: DuplexCodec> Talk<'_, C>
where
    C::Job: Outcome,
    <C::Job as Job>::Feed: Clone,
{
    /// Talks until the job has ended. Cancelling is the caller's: it drops this future.
    pub(crate) async fn run(mut self) -> Result<Event<C>, Broken> {
        let ready_by = self.line.now() + self.times.ready;
        let mut begun_at = None;
        let mut pulse = Pulse::default();
        let mut ended = None;
        loop {
            for event in std::mem::take(&mut self.line.wire.output.events) {
                if C::Job::meaning(&event) == Meaning::Output {
                    self.progress.outputs += 1;
                    self.feeder.forget();
                }
                self.answer.tell(event).await?;
            }
            match ended {
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(Broken::Failed(error)),
                None => {}
            }
            if begun_at.is_none() && self.line.is_ready() {
                self.line.begin(self.job);
                self.progress.has_begun = true;
                begun_at = Some(self.line.now());
            }
            let woke = self
                .wait(begun_at.map_or(Some(ready_by), |at| pulse.wake_at(at, self.line.heard_at, self.times)))
                .await;
            let mut heard = match woke {
                Wake::Socket(woke) => {
                    let is_first = begun_at.is_none_or(|at| self.line.heard_at < at);
                    self.progress.was_stale = is_first && matches!(woke, Woke::Closed(..));
                    self.line.hear(&woke)
                }
                Wake::Feed(Some(piece)) => {
                    self.pace.sent(self.line.now(), self.job.audio_ms(&piece));
                    self.line.feed(piece);
                    Heard::Flow(Flow::More)
                }
                Wake::Feed(None) | Wake::Time => Heard::Flow(Flow::More),
            };
            if matches!(heard, Heard::Flow(Flow::More)) {
                heard = self.line.tick(self.times);
            }
            ended = match heard {
                Heard::Flow(Flow::Done(event)) => Some(Ok(event)),
                Heard::Over(error) => Some(Err(error)),
                Heard::Flow(Flow::More) => self.overdue(begun_at, ready_by, &mut pulse).map(Err),
            };
        }
    }

    async fn wait(&mut self, at: Option<Duration>) -> Wake<C::Job> {
        let Self { line, feeder, times, pace, progress, .. } = self;
        let now = line.now();
        let wants_feed = progress.has_begun && !feeder.is_over() && line.socket.has_room();
        let may_feed = wants_feed && pace.free_at() <= now;
        let pace_at = (wants_feed && !may_feed).then(|| pace.free_at());
        let wake_at = line.wake_at(times).into_iter().chain(at).chain(pace_at).min();
        let pause = async {
            match wake_at {
                Some(at) => tokio::time::sleep(at.saturating_sub(now)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            woke = line.socket.next() => Wake::Socket(woke),
            piece = feeder.next(), if may_feed => Wake::Feed(piece),
            () = pause => Wake::Time,
        }
    }

    /// What is too late by now.
    fn overdue(&mut self, begun_at: Option<Duration>, ready_by: Duration, pulse: &mut Pulse) -> Option<ProviderError> {
        let now = self.line.now();
        let Some(begun_at) = begun_at else {
            // A message may have made it ready in this very turn.
            return (now >= ready_by && !self.line.is_ready()).then(|| {
                let detail = format!("the server was not ready within {} ms", self.times.ready.as_millis());
                ProviderError::new(ErrorClass::Timeout, detail)
            });
        };
        match pulse.feel(now, begun_at, self.line.heard_at, self.times) {
            Felt::Fine => None,
            Felt::Ping => {
                self.line.socket.ping();
                self.line.hand_over();
                None
            }
            Felt::Dead => {
                let detail = format!("the socket is open and dead: no pong within {} ms", self.times.pong.as_millis());
                Some(ProviderError::new(ErrorClass::Timeout, detail))
            }
        }
    }
}

enum Wake<J: Job> {
    Socket(Woke),
    Feed(Option<J::Feed>),
    Time,
}

/// Finds out whether the other side lives. Pure.
#[derive(Debug, Default)]
struct Pulse {
    pinged_at: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
enum Felt {
    Fine,
    /// Send a ping.
    Ping,
    /// Nothing came after the last one.
    Dead,
}

impl Pulse {
    /// When to feel it next.
    fn wake_at(&self, begun_at: Duration, heard_at: Duration, times: &SocketTimes) -> Option<Duration> {
        let every = times.ping_every?;
        Some(match self.pinged_at {
            Some(at) if heard_at < at => at + times.pong,
            at => at.unwrap_or(begun_at) + every,
        })
    }

    fn feel(&mut self, now: Duration, begun_at: Duration, heard_at: Duration, times: &SocketTimes) -> Felt {
        let Some(every) = times.ping_every else { return Felt::Fine };
        if let Some(at) = self.pinged_at
            && heard_at < at
        {
            return if now >= at + times.pong { Felt::Dead } else { Felt::Fine };
        }
        if now < self.pinged_at.unwrap_or(begun_at) + every {
            return Felt::Fine;
        }
        self.pinged_at = Some(now);
        Felt::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_due_now_and_then_and_silence_after_it_is_death() {
        let second = Duration::from_secs;
        let times = SocketTimes { ping_every: Some(second(5)), pong: second(3), ..SocketTimes::default() };
        let mut pulse = Pulse::default();
        let rows = [
            // now, heard last, felt, wake up
            (10, 9, Felt::Fine, 15),
            (15, 14, Felt::Ping, 18),
            (17, 14, Felt::Fine, 18),
            (18, 16, Felt::Fine, 20),
            (20, 16, Felt::Ping, 23),
            (23, 19, Felt::Dead, 23),
        ];
        for (now, heard_at, felt, wake_at) in rows {
            assert_eq!(pulse.feel(second(now), second(10), second(heard_at), &times), felt, "at {now} s");
            assert_eq!(pulse.wake_at(second(10), second(heard_at), &times), Some(second(wake_at)), "at {now} s");
        }
        let off = SocketTimes { ping_every: None, ..times };
        assert_eq!(Pulse::default().feel(second(99), second(10), second(9), &off), Felt::Fine);
        assert_eq!(Pulse::default().wake_at(second(10), second(9), &off), None);
    }
}
