use operetta_audio::{Gate, GateState};
use operetta_contract::{Detect, Hearing, Transcribe};
use operetta_stage::Lease;

use crate::tally::Tally;

/// The way of the caller's audio: past a cheap gate, and only while that is open to the detector and the listener.
///
/// Silence costs nothing behind the gate. A little of what came before it opened goes along, so no first syllable is lost.
pub(crate) struct Ears {
    gate: Gate,
    open: bool,
    detector: Option<Lease<Detect>>,
    listener: Option<Lease<Transcribe>>,
    /// Samples that wait to be sent: the run-up while the gate is closed, a piece while it is open.
    waiting: Vec<i16>,
    piece: usize,
    run_up: usize,
}

impl Ears {
    /// Pieces of this length go to the ears: half as many wake-ups as frames.
    const PIECE_MS: u32 = 40;
    /// How much of what came before the gate opened goes along.
    const RUN_UP_MS: u32 = 240;

    pub(crate) fn new(rate_hz: u32) -> Self {
        let samples = |ms: u32| (rate_hz * ms / 1000) as usize;
        Self {
            gate: Gate::new(rate_hz),
            open: false,
            detector: None,
            listener: None,
            waiting: Vec::with_capacity(samples(Self::RUN_UP_MS)),
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

    /// Lets go of whichever ear has this job.
    pub(crate) fn end(&mut self, job: operetta_contract::JobId) {
        self.detector.take_if(|lease| lease.id() == job);
        self.listener.take_if(|lease| lease.id() == job);
    }

    /// The jobs of both ears.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = operetta_contract::JobId> {
        let detector = self.detector.as_ref().map(Lease::id);
        detector.into_iter().chain(self.listener.as_ref().map(Lease::id))
    }

    pub(crate) fn close(&mut self) {
        self.detector = None;
        self.listener = None;
    }

    /// The next samples of the caller, in order.
    pub(crate) fn hear(&mut self, samples: &[i16], tally: &Tally) {
        let open = self.gate.push(samples) == GateState::Open;
        self.waiting.extend_from_slice(samples);
        if open {
            self.open = true;
            if self.waiting.len() >= self.piece {
                self.send(tally);
            }
        } else if self.open {
            self.open = false;
            self.send(tally);
            // An empty piece says that the gate has closed.
            if let Some(detector) = &self.detector
                && detector.feed(Vec::new()).is_err()
            {
                tally.audio_dropped.add();
            }
        } else if self.waiting.len() > self.run_up {
            let surplus = self.waiting.len() - self.run_up;
            self.waiting.drain(..surplus);
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
            && detector.feed(self.waiting.clone()).is_err()
        {
            tally.audio_dropped.add();
        }
        if let Some(listener) = &self.listener
            && listener.feed(Hearing::Samples(self.waiting.clone())).is_err()
        {
            tally.audio_dropped.add();
        }
        self.waiting.clear();
    }
}
