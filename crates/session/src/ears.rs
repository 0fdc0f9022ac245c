use std::collections::VecDeque;

use operetta_audio::{Gate, GateState};
use operetta_contract::{Converse, Detect, Hearing, Transcribe, Turnout};
use operetta_stage::{FeedError, Lease};

use crate::tally::Tally;

/// The way of the caller's audio: past a cheap gate, and only while that is open to the detector and the listener.
///
/// Silence costs nothing behind the gate. A little of what came before it opened goes along, so no first syllable is lost.
pub(crate) struct Ears {
    gate: Gate,
    open: bool,
    /// The gate has closed, and the detector has had no room to be told.
    untold: bool,
    detector: Option<Lease<Detect>>,
    listener: Option<Lease<Transcribe>>,
    /// In the place of both, where one provider leads the conversation.
    partner: Option<Lease<Converse>>,
    /// Samples that wait to be sent: the run-up while the gate is closed, a piece while it is open.
    waiting: VecDeque<i16>,
    piece: usize,
    run_up: usize,
}

impl Ears {
    /// Pieces of this length go to the ears: half as many wake-ups as frames.
    const PIECE_MS: u32 = 40;
    /// How much of what came before the gate opened goes along.
    const RUN_UP_MS: u32 = 240;
    /// The usual frame, for which there is room beside the run-up.
    const FRAME_MS: u32 = 20;

    pub(crate) fn new(rate_hz: u32) -> Self {
        let samples = |ms: u32| (rate_hz * ms / 1000) as usize;
        Self {
            gate: Gate::new(rate_hz),
            open: false,
            untold: false,
            detector: None,
            listener: None,
            partner: None,
            waiting: VecDeque::with_capacity(samples(Self::RUN_UP_MS + Self::FRAME_MS)),
            piece: samples(Self::PIECE_MS),
            run_up: samples(Self::RUN_UP_MS),
        }
    }

    pub(crate) fn detect(&mut self, lease: Lease<Detect>) {
        self.detector = Some(lease);
    }

    pub(crate) fn listen(&mut self, lease: Lease<Transcribe>) {
        self.listener = Some(lease);
    }

    pub(crate) fn converse(&mut self, lease: Lease<Converse>) {
        self.partner = Some(lease);
    }

    /// Tells the provider that leads the conversation something besides what it hears.
    pub(crate) fn tell_partner(&self, turnout: Turnout) {
        if let Some(partner) = &self.partner
            && partner.feed(turnout).is_err()
        {
            tracing::warn!("the provider of the conversation has fallen behind and is not told everything");
        }
    }

    /// Lets go of whichever ear has this job.
    pub(crate) fn end(&mut self, job: operetta_contract::JobId) {
        self.partner.take_if(|lease| lease.id() == job);
        self.detector.take_if(|lease| lease.id() == job);
        self.listener.take_if(|lease| lease.id() == job);
    }

    /// The jobs of the ears.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = operetta_contract::JobId> {
        let detector = self.detector.as_ref().map(Lease::id);
        let others = self.listener.as_ref().map(Lease::id).into_iter().chain(self.partner.as_ref().map(Lease::id));
        detector.into_iter().chain(others)
    }

    pub(crate) fn close(&mut self) {
        self.detector = None;
        self.listener = None;
        self.partner = None;
    }

    /// The next samples of the caller, in order.
    pub(crate) fn hear(&mut self, samples: &[i16], tally: &Tally) {
        let open = self.gate.push(samples) == GateState::Open;
        self.waiting.extend(samples);
        if open {
            self.open = true;
            self.untold = false;
            if self.waiting.len() >= self.piece {
                self.send(tally);
            }
        } else if self.open {
            self.open = false;
            self.send(tally);
            self.untold = true;
            self.tell_of_the_end();
        } else {
            let surplus = self.waiting.len().saturating_sub(self.run_up);
            self.waiting.drain(..surplus);
            self.tell_of_the_end();
        }
    }

    /// An empty piece says that the gate has closed. It is what ends the caller's turn, so it is not dropped like audio: a
    /// detector that has fallen behind is told when it has room again.
    fn tell_of_the_end(&mut self) {
        if self.untold {
            let full = |detector: &Lease<Detect>| detector.feed(Vec::new()) == Err(FeedError::Full);
            self.untold = self.detector.as_ref().is_some_and(full);
        }
    }

    /// Asks the listener to make final what it has heard so far.
    pub(crate) fn flush(&mut self, flush: u32, tally: &Tally) {
        if self.open {
            self.send(tally);
        }
        if let Some(listener) = &self.listener
            && listener.feed(Hearing::Flush(flush)).is_err()
        {
            tally.audio_dropped.add();
        }
    }

    fn send(&mut self, tally: &Tally) {
        if let Some(detector) = &self.detector
            && detector.feed(self.piece_waiting()).is_err()
        {
            tally.audio_dropped.add();
        }
        if let Some(listener) = &self.listener
            && listener.feed(Hearing::Samples(self.piece_waiting())).is_err()
        {
            tally.audio_dropped.add();
        }
        if let Some(partner) = &self.partner
            && partner.feed(Turnout::Samples(self.piece_waiting())).is_err()
        {
            tally.audio_dropped.add();
        }
        self.waiting.clear();
    }

    fn piece_waiting(&self) -> Vec<i16> {
        let (older, newer) = self.waiting.as_slices();
        [older, newer].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::prelude::*;
    use operetta_audio::tone;
    use operetta_contract::{Job, JobId};
    use operetta_stage::{Ask, Desk, Kind, Metered, Playbill, Told};
    use std::{cell::RefCell, rc::Rc};

    /// A detector that takes a job and does not read what it is fed; it is its own asker.
    struct Behind(Rc<RefCell<Option<Ask<Detect>>>>);

    impl Kind for Behind {
        const KIND: &'static str = "behind";
    }

    impl Actor for Behind {
        type Context = Metered<Self>;
    }

    impl Handler<Ask<Detect>> for Behind {
        type Result = ();

        fn handle(&mut self, ask: Ask<Detect>, _: &mut Metered<Self>) {
            self.0.replace(Some(ask));
        }
    }

    impl Handler<Told<Detect>> for Behind {
        type Result = ();

        fn handle(&mut self, _: Told<Detect>, _: &mut Metered<Self>) {}
    }

    #[actix::test]
    async fn a_detector_that_is_behind_hears_of_the_end_all_the_same() {
        let (bill, tally, taken) = (Playbill::new("test"), Tally::default(), Rc::default());
        let (behind, _) = Metered::run(Behind(Rc::clone(&taken)), 16, &bill);
        let desk = Desk::unsupervised(behind.clone().recipient(), 4, &bill);
        let job = Detect { rate_hz: 8000, threshold_percent: 50, min_speech_ms: 200, min_silence_ms: 300 };
        let lease = desk.ask(JobId(1), job, behind.downgrade().recipient()).unwrap();
        let mut ears = Ears::new(8000);
        ears.detect(lease);
        while taken.borrow().is_none() {
            tokio::task::yield_now().await;
        }
        let speech = [-10.0, -14.0, -22.0, -12.0].map(|level| tone::sine(220.0, 20, 8000, level));
        for frame in speech.iter().cycle().take(Detect::FEED_BOUND * 2 + 100) {
            ears.hear(frame, &tally);
        }
        let silence = tone::silence(20, 8000);
        for _ in 0..100 {
            ears.hear(&silence, &tally);
        }
        assert!(!ears.open && tally.audio_dropped.read() > 0, "the gate has closed and the feed is full");
        let mut ask = taken.take().unwrap();
        for _ in 0..Detect::FEED_BOUND {
            assert!(!ask.feed.try_recv().unwrap().is_empty());
        }
        ears.hear(&silence, &tally);
        assert_eq!(ask.feed.try_recv(), Ok(Vec::new()));
        ears.hear(&silence, &tally);
        assert!(ask.feed.try_recv().is_err(), "it is told once");
    }
}
