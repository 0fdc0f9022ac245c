use std::{rc::Rc, time::Duration};

use operetta_contract::{ErrorClass, ProviderError};
use operetta_stage::{Answer, FeedError, Gone};

use super::{
    course::Course,
    leg::{Awaited, Leg, Limit, Sense, sense},
    resume::{Debt, Memory, Resume, Word},
    search::{Found, Manner, Plan},
    switchboard::Delivery,
};

/// How a provider's service ended.
pub(super) enum Served<J: Resume> {
    Done(J::Event),
    /// Another provider, asked besides, had it on the shelf.
    Kept(Vec<J::Event>),
    Fell(Fall),
}

/// A provider has failed.
pub(super) struct Fall {
    pub(super) rung: usize,
    pub(super) error: ProviderError,
    /// It had done something useful, or had held out for long: the search for the next one is a new one.
    pub(super) proved: bool,
}

/// What happens next.
enum Turn<J: Resume> {
    Told(Side, Delivery<J>),
    Fed(Option<J::Feed>),
    Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Main,
    Hedge,
}

/// Who is at work.
struct Pair<J: Resume> {
    main: Leg<J>,
    /// Asked besides, while the main one is late with its first output.
    hedge: Option<Leg<J>>,
    /// When to ask besides.
    hedge_at: Option<Duration>,
}

/// A provider that held out so long has not failed to begin.
const LONG: Duration = Duration::from_secs(30);
/// How soon a feed that was full is tried again.
const FEED_AGAIN: Duration = Duration::from_millis(20);

impl<J: Resume> Course<J> {
    /// Serves the asker what a provider says, until that one is done or falls.
    pub(super) async fn serve(&mut self, main: Leg<J>, plan: &mut Plan, answer: &Answer<J>) -> Result<Served<J>, Gone> {
        let hedge_at = self.hedge_at(&main, plan);
        let mut pair = Pair { main, hedge: None, hedge_at };
        loop {
            let is_full = self.feed_through(&pair.main);
            if let Some(fall) = self.judge_silence(&mut pair, answer).await? {
                return Ok(Served::Fell(fall));
            }
            if let Some(events) = self.hedge_if_late(&mut pair, plan, answer).await? {
                return Ok(Served::Kept(events));
            }
            match self.wait(&mut pair, is_full).await {
                Turn::Told(side, delivery) => {
                    if let Some(served) = self.heard(&mut pair, side, delivery, answer).await? {
                        return Ok(served);
                    }
                }
                Turn::Fed(piece) => self.fed(piece),
                Turn::Time => {}
            }
        }
    }

    /// Waits until something happens, or is due.
    async fn wait(&mut self, pair: &mut Pair<J>, is_full: bool) -> Turn<J> {
        let now = self.now();
        let wake = [self.limit(&pair.main), pair.hedge.as_ref().and_then(|leg| self.limit(leg))]
            .into_iter()
            .filter_map(|limit| limit.map(|limit| limit.at))
            .chain(pair.hedge_at)
            .chain(is_full.then(|| now + FEED_AGAIN))
            .min();
        tokio::select! {
            biased;
            delivery = pair.main.line.next() => Turn::Told(Side::Main, delivery),
            delivery = next_of(pair.hedge.as_mut()) => Turn::Told(Side::Hedge, delivery),
            piece = self.feed.recv(), if self.feeding => Turn::Fed(piece),
            () = sleep_until(wake, now) => Turn::Time,
        }
    }

    /// A provider has said something.
    async fn heard(
        &mut self,
        pair: &mut Pair<J>,
        side: Side,
        delivery: Delivery<J>,
        answer: &Answer<J>,
    ) -> Result<Option<Served<J>>, Gone> {
        // The provider may go on when `_handled` falls out of scope: when the asker has handled the event.
        let Delivery { event, handled: _handled } = delivery;
        let at = match (side, &pair.hedge) {
            (Side::Hedge, Some(hedge)) => hedge.rung,
            _ => pair.main.rung,
        };
        let mut meant = sense(&event, &self.house.rungs[at]);
        if matches!(meant, Sense::Done) && !self.memory.suffices(&event) {
            meant = Sense::Failed(self.empty(at));
        }
        if matches!(meant, Sense::Output) && !self.memory.is_useful(&event) {
            meant = Sense::Sign;
        }
        match meant {
            Sense::Sign => self.sign(pair, side, event, answer).await?,
            Sense::Output => {
                self.decide(pair, side, answer).await?;
                let main = &mut pair.main;
                if main.outputs == 0 && self.memory.debt() == Debt::Output {
                    main.pass.first_output(self.now().saturating_sub(main.asked));
                }
                main.outputs += 1;
                let came = self.now();
                for held in main.take_held() {
                    self.relay(main, held, answer).await?;
                }
                self.relay(main, event, answer).await?;
                main.last = self.now();
                // A slow asker is not the provider's fault.
                main.began = if main.outputs == 1 { main.last } else { main.began + main.last.saturating_sub(came) };
            }
            Sense::Done => {
                self.decide(pair, side, answer).await?;
                pair.main.pass.good();
                if let Some(keep) = pair.main.keep.take() {
                    keep.done();
                }
                return Ok(Some(Served::Done(event)));
            }
            Sense::Failed(error) => {
                return Ok(self.fell(pair, side, error, true, answer).await?.map(Served::Fell));
            }
        }
        Ok(None)
    }

    /// A sign of life: told, unless nothing useful has come yet.
    async fn sign(&mut self, pair: &mut Pair<J>, side: Side, event: J::Event, answer: &Answer<J>) -> Result<(), Gone> {
        let leg = match (side, &mut pair.hedge) {
            (Side::Hedge, Some(hedge)) => hedge,
            _ => &mut pair.main,
        };
        if leg.outputs == 0 && self.memory.debt() == Debt::Output {
            leg.hold(event);
            return Ok(());
        }
        self.relay(leg, event, answer).await
    }

    /// One of two providers has said something useful: the other one is cancelled before anything is told. That counts as
    /// neither good nor bad.
    async fn decide(&mut self, pair: &mut Pair<J>, first: Side, answer: &Answer<J>) -> Result<(), Gone> {
        pair.hedge_at = None;
        let Some(hedge) = pair.hedge.take() else { return Ok(()) };
        if first == Side::Main {
            return Ok(());
        }
        let late = std::mem::replace(&mut pair.main, hedge);
        self.leave_late(&late);
        drop(late);
        self.house.rungs[pair.main.rung].account.hedge_won();
        self.announce(pair.main.rung, answer).await
    }

    /// A provider has failed. If the other one of two is left, it goes on alone.
    async fn fell(
        &mut self,
        pair: &mut Pair<J>,
        side: Side,
        error: ProviderError,
        is_its_fault: bool,
        answer: &Answer<J>,
    ) -> Result<Option<Fall>, Gone> {
        let report = |leg: &mut Leg<J>| {
            if is_its_fault {
                leg.pass.bad(&error);
            }
        };
        match pair.hedge.take() {
            None => {
                report(&mut pair.main);
                Ok(Some(self.fall(&pair.main, error)))
            }
            Some(mut hedge) if side == Side::Hedge => {
                report(&mut hedge);
                self.note(hedge.rung, error);
                Ok(None)
            }
            Some(hedge) => {
                report(&mut pair.main);
                self.note(pair.main.rung, error);
                pair.main = hedge;
                self.announce(pair.main.rung, answer).await?;
                Ok(None)
            }
        }
    }

    /// Whether a provider has failed by its silence.
    async fn judge_silence(&mut self, pair: &mut Pair<J>, answer: &Answer<J>) -> Result<Option<Fall>, Gone> {
        let now = self.now();
        let expired = |leg: &Leg<J>| self.limit(leg).filter(|limit| limit.at <= now);
        let (side, limit) = match (pair.hedge.as_ref().and_then(expired), expired(&pair.main)) {
            (Some(limit), _) => (Side::Hedge, limit),
            (None, Some(limit)) => (Side::Main, limit),
            (None, None) => return Ok(None),
        };
        let rung = if side == Side::Hedge { pair.hedge.as_ref().map_or(0, |leg| leg.rung) } else { pair.main.rung };
        let error = limit.error(&self.house.rungs[rung]);
        self.fell(pair, side, error, !limit.is_excused, answer).await
    }

    /// Tells the asker an event that is not the last.
    async fn relay(&mut self, leg: &mut Leg<J>, mut event: J::Event, answer: &Answer<J>) -> Result<(), Gone> {
        match self.memory.told(&mut event) {
            Word::Tell => {}
            Word::Drop => return Ok(()),
            Word::Answer { since } => {
                leg.pass.good();
                leg.pass.first_output(self.now().saturating_sub(since.max(leg.asked)));
                self.tries.fill(0);
            }
        }
        if let Some(keep) = &mut leg.keep {
            keep.heard(&event);
        }
        answer.tell(event).await
    }

    /// Gives the provider what it has not got. Says whether its feed is full.
    fn feed_through(&mut self, leg: &Leg<J>) -> bool {
        while let Some(piece) = self.memory.next_piece() {
            match leg.lease.feed(piece.clone()) {
                Ok(()) => self.memory.took_piece(),
                Err(FeedError::Full) => return true,
                // It is about to end, or never reads: its deadline decides.
                Err(FeedError::Closed) => return false,
            }
        }
        false
    }

    fn limit(&self, leg: &Leg<J>) -> Option<Limit> {
        let times = self.house.rungs[leg.rung].times;
        let (from, own, total, what) = match self.memory.debt() {
            Debt::Nothing => return None,
            Debt::Output if leg.outputs == 0 => (leg.asked, times.first, Some(self.until), Awaited::First),
            Debt::Output => {
                let plays_until = self.memory.lasts().map(|lasts| leg.began + lasts);
                match plays_until.filter(|until| *until < leg.last) {
                    Some(until) => (until, times.gap, None, Awaited::Faster),
                    None => (leg.last, times.gap, None, Awaited::More),
                }
            }
            Debt::Final { since } => (since.max(leg.asked), times.flush, Some(self.budget()), Awaited::Final),
        };
        let total = total.filter(|total| *total < from + own);
        let at = total.unwrap_or(from + own);
        let had = at.saturating_sub(from);
        // Who came late into the job is excused. Who had most of the time is not, however long it would be waited for otherwise.
        let is_excused = total.is_some() && had < self.house.config.total / 2;
        Some(Limit { at, is_excused, what, had })
    }

    fn hedge_at(&self, leg: &Leg<J>, plan: &Plan) -> Option<Duration> {
        let after = self.house.config.hedge_after?;
        let may = plan.is_first && J::FEED_BOUND == 0 && leg.rung == 0 && self.house.rungs.len() > 1;
        may.then(|| leg.asked + after)
    }

    /// Asks besides when it is time to. Gives back the whole answer if that was on the shelf.
    async fn hedge_if_late(
        &mut self,
        pair: &mut Pair<J>,
        plan: &mut Plan,
        answer: &Answer<J>,
    ) -> Result<Option<Vec<J::Event>>, Gone> {
        if pair.hedge_at.is_none_or(|at| at > self.now()) {
            return Ok(None);
        }
        pair.hedge_at = None;
        match self.start_hedge(&pair.main, plan).await {
            None => Ok(None),
            Some((_, Found::Leg(leg))) => {
                pair.hedge = Some(leg);
                Ok(None)
            }
            Some((rung, Found::Kept(events))) => {
                self.leave_late(&pair.main);
                self.announce(rung, answer).await?;
                Ok(Some(events))
            }
        }
    }

    /// Asks the next rung besides the one that is late, if that one's account can afford it.
    async fn start_hedge(&mut self, late: &Leg<J>, plan: &mut Plan) -> Option<(usize, Found<J>)> {
        let house = Rc::clone(&self.house);
        if late.outputs > 0 || !house.rungs[late.rung].account.has_extra() {
            return None;
        }
        let next = plan.next_of_round(house.rungs.len())?;
        match self.knock(next, Manner::Beside).await {
            Ok(found) => {
                // Spent only now: a rung that refuses costs nothing.
                let _spent = house.rungs[late.rung].account.afford_extra();
                Some((next, found))
            }
            Err(error) => {
                self.note(next, error);
                None
            }
        }
    }

    /// Notes that a provider was late, when a faster one takes its place.
    fn leave_late(&mut self, leg: &Leg<J>) {
        let rung = &self.house.rungs[leg.rung];
        let had = self.now().saturating_sub(leg.asked);
        let limit = Limit { at: leg.asked, is_excused: false, what: Awaited::First, had };
        self.notes[leg.rung] = Some(limit.error(rung));
    }

    fn fall(&mut self, leg: &Leg<J>, error: ProviderError) -> Fall {
        let held_out = self.now().saturating_sub(leg.asked) >= LONG;
        if held_out {
            self.tries.fill(0);
        }
        Fall { rung: leg.rung, error, proved: leg.outputs > 0 || held_out }
    }

    fn empty(&self, rung: usize) -> ProviderError {
        let provider = &self.house.rungs[rung].provider;
        ProviderError::new(ErrorClass::Empty, format!("{provider} reports success and has sent no {}", J::OUTPUT))
    }
}

async fn next_of<J: Resume>(leg: Option<&mut Leg<J>>) -> Delivery<J> {
    match leg {
        Some(leg) => leg.line.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<Duration>, now: Duration) {
    match wake {
        Some(wake) => tokio::time::sleep(wake.saturating_sub(now)).await,
        None => std::future::pending().await,
    }
}
