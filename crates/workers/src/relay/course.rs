use std::{rc::Rc, time::Duration};

use actix::WeakRecipient;
use operetta_contract::{ErrorClass, ProviderError};
use operetta_stage::{Answer, FeedEnd, Gone, Told};

use super::{
    House,
    resume::{Debt, Memory, Resume},
    search::{Dice, Found, Plan},
    service::{Fall, Served},
};

/// The course of one job: it looks for a provider, serves the asker what that one says, and looks for the next one when it
/// falls. Straight-line code; whatever it holds ends with it.
pub(super) struct Course<J: Resume> {
    pub(super) house: Rc<House<J>>,
    /// Where providers tell.
    pub(super) me: WeakRecipient<Told<J>>,
    pub(super) dice: Dice,
    /// As it was asked for.
    pub(super) job: J,
    pub(super) feed: FeedEnd<J>,
    /// More feed may come.
    pub(super) feeding: bool,
    pub(super) memory: J::Memory,
    /// The rung that the asker knows to be at work.
    pub(super) on: usize,
    /// How often each rung was asked.
    pub(super) tries: Vec<u8>,
    /// Why each rung did not do it, the last time.
    pub(super) notes: Vec<Option<ProviderError>>,
    /// When the asker has waited long enough for output.
    pub(super) until: Duration,
}

/// How long a rung that broke off is asked last: until what it broke off has been said again by another.
const WARY: Duration = Duration::from_secs(3);

/// How a job ended.
enum End<J: Resume> {
    Done(J::Event),
    Failed(ProviderError),
}

impl<J: Resume> Course<J> {
    pub(super) fn new(house: Rc<House<J>>, me: WeakRecipient<Told<J>>, dice: Dice, job: J, feed: FeedEnd<J>) -> Self {
        let rungs = house.rungs.len();
        Self {
            until: house.clock.now() + house.config.total,
            memory: job.memory(),
            feeding: J::FEED_BOUND > 0,
            on: 0,
            tries: vec![0; rungs],
            notes: vec![None; rungs],
            house,
            me,
            dice,
            job,
            feed,
        }
    }

    /// Does the job, and answers.
    pub(super) async fn run(mut self, answer: Answer<J>) {
        let end = tokio::select! {
            biased;
            () = answer.cancelled() => Err(Gone),
            end = self.play(&answer) => end,
        };
        match end {
            Ok(End::Done(event)) => answer.finish(event),
            Ok(End::Failed(error)) => answer.fail(J::failed(error)),
            Err(Gone) => {}
        }
    }

    async fn play(&mut self, answer: &Answer<J>) -> Result<End<J>, Gone> {
        let mut plan = self.first_plan();
        loop {
            let served = match self.search(&mut plan, answer).await? {
                Some(Found::Leg(leg)) => self.serve(leg, &mut plan, answer).await?,
                Some(Found::Kept(events)) => Served::Kept(events),
                None => return Ok(End::Failed(self.all_failed())),
            };
            let Fall { rung, error, proved } = match served {
                Served::Done(event) => return Ok(End::Done(event)),
                Served::Kept(events) => return Self::read_out(events, answer).await,
                Served::Fell(fall) => fall,
            };
            // What one provider will not say, the next one is not to be talked into.
            if error.class == ErrorClass::Refused {
                return Ok(End::Failed(error));
            }
            if !self.memory.may_resume() {
                let until = self.now() + WARY;
                self.house.broke_off.borrow_mut()[rung] = Some((until, error.clone()));
                return Ok(End::Failed(error));
            }
            let expired = error.class == ErrorClass::SessionExpired;
            self.note(rung, error);
            if proved {
                let rungs = self.house.rungs.len();
                plan = Plan::from(if expired { rung } else { (rung + 1) % rungs }, rungs);
            }
            if proved || self.memory.debt() == Debt::Nothing {
                self.until = self.now() + self.house.config.total;
            }
        }
    }

    /// Asks from the top, and those last that have just broken off: the asker would hear the same again.
    fn first_plan(&mut self) -> Plan {
        let now = self.now();
        let broke_off = self.house.broke_off.borrow();
        let is_wary = |entry: &&(Duration, ProviderError)| now < entry.0;
        for (note, entry) in self.notes.iter_mut().zip(broke_off.iter()) {
            *note = entry.as_ref().filter(is_wary).map(|(_, error)| error.clone());
        }
        Plan::first(broke_off.len(), |rung| self.notes[rung].is_some())
    }

    /// Tells the asker what was on the shelf.
    async fn read_out(mut events: Vec<J::Event>, answer: &Answer<J>) -> Result<End<J>, Gone> {
        let last = events.pop();
        for event in events {
            answer.tell(event).await?;
        }
        Ok(last
            .map_or_else(|| End::Failed(ProviderError::new(ErrorClass::Internal, "the shelf had nothing")), End::Done))
    }

    /// The asker has fed a piece; none when it will feed no more.
    pub(super) fn fed(&mut self, piece: Option<J::Feed>) {
        match piece {
            Some(piece) => self.memory.fed(piece, self.house.clock.now()),
            None => self.feeding = false,
        }
    }

    /// When the asker has waited long enough.
    pub(super) fn budget(&self) -> Duration {
        match self.memory.debt() {
            Debt::Nothing | Debt::Output => self.until,
            Debt::Final { since } => since + self.house.config.total,
        }
    }

    pub(super) fn note(&mut self, rung: usize, error: ProviderError) {
        let provider = &*self.house.rungs[rung].provider;
        tracing::info!(provider, code = error.code(), detail = error.detail, "a provider did not do it");
        self.notes[rung] = Some(error);
    }

    fn all_failed(&self) -> ProviderError {
        let codes = self.house.rungs.iter().zip(&self.notes);
        let codes: Vec<_> =
            codes.filter_map(|(rung, note)| Some(format!("{} {}", rung.provider, note.as_ref()?.code()))).collect();
        let detail = if codes.is_empty() {
            "no provider was there to be asked".to_owned()
        } else {
            format!("every provider failed: {}", codes.join(", "))
        };
        ProviderError::new(ErrorClass::Unavailable, detail)
    }

    pub(super) fn now(&self) -> Duration {
        self.house.clock.now()
    }
}
