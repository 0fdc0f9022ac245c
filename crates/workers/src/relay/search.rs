use std::{pin::pin, rc::Rc, time::Duration};

use operetta_contract::{ErrorClass, Meaning, ProviderError, Retry, Switch};
use operetta_stage::{Answer, AskError, Gone};

use super::{
    course::Course,
    leg::Leg,
    resume::{Memory, Resume},
    shelf::Fetched,
};
use crate::account::Attempt;

/// Whom to ask next: every rung once, in some order, and, after a pause, every rung once more.
#[derive(Debug)]
pub(super) struct Plan {
    order: Vec<usize>,
    steps: usize,
    /// The first search of the job: only that one is hedged.
    pub(super) is_first: bool,
}

impl Plan {
    /// The first search of a job: `rungs` from the top, but those last of which `comes_last` says so.
    pub(super) fn first(rungs: usize, comes_last: impl Fn(usize) -> bool) -> Self {
        let (last, mut order): (Vec<_>, Vec<_>) = (0..rungs).partition(|rung| comes_last(*rung));
        order.extend(last);
        Self { order, steps: 0, is_first: true }
    }

    /// Of `rungs`, from one of them on, and from the top when there are no more.
    pub(super) fn from(rung: usize, rungs: usize) -> Self {
        Self { order: (rung..rungs).chain(0..rung).collect(), steps: 0, is_first: false }
    }

    /// The next rung of `rungs`, if there is another one.
    pub(super) fn next(&mut self, rungs: usize) -> Option<usize> {
        if self.steps >= ROUNDS * rungs {
            return None;
        }
        let rung = self.order.get(self.steps % rungs).copied()?;
        self.steps += 1;
        Some(rung)
    }

    /// The next rung of this round.
    pub(super) fn next_of_round(&mut self, rungs: usize) -> Option<usize> {
        if self.is_between_rounds(rungs) { None } else { self.next(rungs) }
    }

    fn is_between_rounds(&self, rungs: usize) -> bool {
        self.steps == rungs
    }

    fn is_repeating(&self, rungs: usize) -> bool {
        self.steps > rungs
    }
}

/// How often the whole list is asked.
const ROUNDS: usize = 2;
/// How often a rung is asked in one job, unless it has proved its worth meanwhile.
const MOST_TRIES: u8 = 3;
/// Before the second round, so that a worker that fell may be there again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// How long a hedge looks at the shelf: long enough for another thread to answer, and nothing that a caller hears.
const GLANCE: Duration = Duration::from_millis(5);

/// What a search finds.
pub(super) enum Found<J: Resume> {
    /// A provider is at work.
    Leg(Leg<J>),
    /// The whole answer was on the shelf.
    Kept(Vec<J::Event>),
}

/// How a rung is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As the one provider: the job waits for it.
    Alone,
    /// Besides one that is late: nothing waits.
    Beside,
}

impl<J: Resume> Course<J> {
    /// Finds somebody who does the job; nobody when every rung has refused or failed, or the time is over.
    pub(super) async fn search(&mut self, plan: &mut Plan, answer: &Answer<J>) -> Result<Option<Found<J>>, Gone> {
        let rungs = self.house.rungs.len();
        loop {
            if plan.is_between_rounds(rungs) {
                let Some(pause) = self.pause_between_rounds() else { return Ok(None) };
                self.meanwhile(tokio::time::sleep(pause)).await;
            }
            let Some(rung) = plan.next(rungs) else { return Ok(None) };
            if self.now() >= self.budget() {
                return Ok(None);
            }
            if plan.is_repeating(rungs) && !self.may_try_again(rung) {
                continue;
            }
            match self.knock(rung, Manner::Alone).await {
                Ok(found) => {
                    self.announce(rung, answer).await?;
                    return Ok(Some(found));
                }
                Err(error) => self.note(rung, error),
            }
        }
    }

    /// Asks one rung.
    pub(super) async fn knock(&mut self, at: usize, manner: Manner) -> Result<Found<J>, ProviderError> {
        let house = Rc::clone(&self.house);
        let rung = &house.rungs[at];
        if self.tries[at] >= MOST_TRIES {
            return Err(ProviderError::new(
                ErrorClass::Unavailable,
                format!("{} was tried often enough", rung.provider),
            ));
        }
        let job = self.memory.resumed(&self.job).cast(rung.voice.as_deref());
        let keep = match self.fetch(at, &job, manner).await? {
            Fetched::Nothing => None,
            Fetched::Found(events) => return Ok(Found::Kept(events)),
            Fetched::Render(keep) => Some(keep),
        };
        let patience = match manner {
            Manner::Alone => self.budget().saturating_sub(self.now()),
            Manner::Beside => Duration::ZERO,
        };
        let mut pass = self.meanwhile(rung.account.admit(patience)).await?;
        let attempt = match (manner, self.tries[at]) {
            (Manner::Beside, _) => Attempt::Hedge,
            (Manner::Alone, 0) => Attempt::First,
            (Manner::Alone, _) if rung.account.afford_extra() => Attempt::Again,
            (Manner::Alone, _) => {
                return Err(ProviderError::new(
                    ErrorClass::Unavailable,
                    format!("no extra request is left for {}", rung.provider),
                ));
            }
        };
        let line = house.switchboard.line();
        let lease = rung.desk.ask(line.id(), job, self.me.clone()).map_err(|refusal| {
            rung.account.desk_refused();
            let class = match refusal {
                AskError::Busy => ErrorClass::Busy,
                AskError::Unavailable => ErrorClass::Unavailable,
            };
            ProviderError::new(class, format!("the worker of {}: {refusal}", rung.provider))
        })?;
        pass.asked(attempt);
        self.tries[at] += 1;
        let mut leg = Leg::new(at, lease, line, pass, self.now());
        leg.keep = keep;
        Ok(Found::Leg(leg))
    }

    /// Looks on the shelf. Somebody else's rendering is waited for, as long as the next provider has time left.
    async fn fetch(&mut self, at: usize, job: &J, manner: Manner) -> Result<Fetched<J>, ProviderError> {
        let house = Rc::clone(&self.house);
        let Some(shelf) = &house.shelf else { return Ok(Fetched::Nothing) };
        let rung = &house.rungs[at];
        let patience = match manner {
            // Longer than the provider itself, which would be asked by everybody otherwise; but the next one must have its time.
            Manner::Alone => {
                let left = self.budget().saturating_sub(self.now());
                (rung.times.first * 2).min(left.saturating_sub(rung.times.first)).max(rung.times.first.min(left))
            }
            Manner::Beside => GLANCE,
        };
        match self.meanwhile(tokio::time::timeout(patience, shelf.fetch(&rung.identity, job))).await {
            Ok(Fetched::Found(events)) if !is_whole::<J>(&events) => Ok(Fetched::Nothing),
            Ok(fetched) => Ok(fetched),
            // Whoever renders it is waited for by others: a hedge asks for itself.
            Err(_) if manner == Manner::Beside => Ok(Fetched::Nothing),
            Err(_) => {
                let (what, provider, ms) = (J::OUTPUT, &rung.provider, patience.as_millis());
                let detail = format!("no {what} within {ms} ms from whoever asked {provider} for the same");
                Err(ProviderError::new(ErrorClass::Timeout, detail))
            }
        }
    }

    /// Tells the asker that another provider goes on, if it is another.
    pub(super) async fn announce(&mut self, to: usize, answer: &Answer<J>) -> Result<(), Gone> {
        let from = std::mem::replace(&mut self.on, to);
        if from == to {
            return Ok(());
        }
        let (left, next) = (&self.house.rungs[from], &self.house.rungs[to]);
        left.account.switched_away();
        next.account.switched_to();
        let error = self.notes[from].clone();
        // Nobody leaves a rung without a reason; a job that broke this rule would still be told the truth about who speaks.
        let error = error.unwrap_or_else(|| ProviderError::new(ErrorClass::Internal, "left without a reason"));
        tracing::warn!(
            from = &*left.provider,
            to = &*next.provider,
            code = error.code(),
            "another provider takes over"
        );
        let switch = Switch { from: left.provider.clone(), error, to: next.provider.clone(), rung: to as u8 };
        answer.tell(J::switched(switch)).await
    }

    /// Waits for something, and does not miss what the asker feeds meanwhile.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                piece = self.feed.recv(), if self.feeding => self.fed(piece),
            }
        }
    }

    /// How long to wait before the second round, or `None` if it would be in vain.
    fn pause_between_rounds(&mut self) -> Option<Duration> {
        let house = Rc::clone(&self.house);
        let soonest = house
            .rungs
            .iter()
            .enumerate()
            .filter(|(at, rung)| self.may_try_again(*at) && (self.tries[*at] == 0 || rung.account.has_extra()))
            .filter_map(|(_, rung)| rung.account.wait())
            .min()?;
        // Full jitter: calls that failed together do not come back together.
        let pause = SHORTEST_PAUSE + self.dice.below(house.config.pause);
        let pause = pause.max(soonest);
        (self.now() + pause < self.budget()).then_some(pause)
    }

    fn may_try_again(&self, rung: usize) -> bool {
        let in_vain = self.notes[rung].as_ref().is_some_and(|error| error.retry() == Retry::Never);
        !in_vain && self.tries[rung] < MOST_TRIES
    }
}

/// Whether an answer from the shelf is one: it ends well, and only once.
fn is_whole<J: Resume>(events: &[J::Event]) -> bool {
    let Some((last, others)) = events.split_last() else { return false };
    let goes_on = |event: &J::Event| matches!(J::meaning(event), Meaning::Output | Meaning::Sign);
    J::meaning(last) == Meaning::Done && others.iter().all(goes_on)
}

/// Seeded dice (`SplitMix64`), for pauses. Source of the constants: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one job.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.roll())
    }

    fn below(&mut self, bound: Duration) -> Duration {
        bound.mul_f64((self.roll() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
