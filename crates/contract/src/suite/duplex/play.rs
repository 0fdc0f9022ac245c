//! One socket being played on.

use std::time::Duration;

use super::{DuplexCase, STEP, Step};
use crate::{
    DuplexCodec, DuplexVendor, Flow, Job, Message, Outgoing, ProviderError, Rest, Wire,
    suite::{
        Examined, Promise,
        trace::{End, Trace},
    },
};

/// One socket being played on, as a worker would.
pub(super) struct Play<'a, V: DuplexVendor<Job: Examined>> {
    vendor: &'a V,
    job: &'a V::Job,
    pub(super) codec: V::Codec,
    now: Duration,
    sent: Vec<Outgoing>,
    waiting: Vec<<V::Job as Job>::Feed>,
    pub(super) begun: bool,
    pub(super) cancelled: bool,
    pub(super) end: Option<End>,
    pub(super) trace: Trace,
    pub(super) breaches: Vec<(Promise, String)>,
}

impl<'a, V: DuplexVendor<Job: Examined>> Play<'a, V> {
    pub(super) fn open(vendor: &'a V, case: &'a DuplexCase<V::Job>) -> Option<Self> {
        // A job that cannot be opened was noted once.
        let (_, codec) = vendor.open(&case.job).ok()?;
        let mut play = Self {
            vendor,
            job: &case.job,
            codec,
            now: Duration::ZERO,
            sent: Vec::new(),
            waiting: Vec::new(),
            begun: false,
            cancelled: false,
            end: None,
            trace: Trace::default(),
            breaches: Vec::new(),
        };
        play.codec_says(V::Codec::opened);
        play.begin();
        Some(play)
    }

    pub(super) fn running(&self) -> bool {
        self.begun && !self.cancelled && self.end.is_none()
    }

    pub(super) fn rest(&self) -> Rest {
        self.codec.rest()
    }

    pub(super) fn fits(&self) -> bool {
        self.vendor.fits(&self.codec, self.job)
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome { trace: self.trace.clone(), end: self.end.clone() }
    }

    pub(super) fn sent_text(&self) -> String {
        let text = |sent: &Outgoing| match sent {
            Outgoing::Text(text) => text.clone(),
            Outgoing::Binary(_) => String::new(),
        };
        self.sent.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn perform(&mut self, steps: &[Step<V::Job>]) {
        for step in steps {
            self.now += STEP;
            match step {
                Step::Says(message) => self.hear(message),
                Step::Answers(answer) => self.hear(&answer(&self.sent)),
                Step::Feed(feed) => {
                    if self.running() {
                        let feed = feed.clone();
                        self.codec_says(|codec, now, wire| codec.feed(now, feed, wire));
                    } else if !self.begun {
                        self.waiting.push(feed.clone());
                    }
                }
                Step::Wait(time) => self.wait(*time),
            }
        }
    }

    /// Only what the server says: nobody feeds a job that has ended.
    pub(super) fn late(&mut self, steps: &[Step<V::Job>]) {
        for step in steps {
            self.now += STEP;
            match step {
                Step::Says(message) => self.hear(message),
                Step::Answers(answer) => self.hear(&answer(&self.sent)),
                Step::Wait(time) => self.wait(*time),
                Step::Feed(_) => {}
            }
        }
    }

    fn begin(&mut self) {
        if !self.begun && self.end.is_none() && self.codec.is_ready() {
            self.begun = true;
            let job = self.job;
            self.codec_says(|codec, now, wire| codec.begin(now, job, wire));
            for feed in std::mem::take(&mut self.waiting) {
                self.codec_says(|codec, now, wire| codec.feed(now, feed, wire));
            }
        }
    }

    pub(super) fn start_again(&mut self) {
        self.begun = false;
        self.end = None;
        self.trace = Trace::default();
        self.begin();
    }

    pub(super) fn cancel(&mut self) {
        self.codec_says(V::Codec::cancel);
        self.cancelled = true;
    }

    pub(super) fn hear(&mut self, message: &Outgoing) {
        // An error has ended the socket; a job that has ended well has not.
        if matches!(self.end, Some(End::Failed(_))) {
            return;
        }
        let mut wire = Wire::default();
        let message = match message {
            Outgoing::Text(text) => Message::Text(text),
            Outgoing::Binary(bytes) => Message::Binary(bytes),
        };
        let flow = self.codec.hear(self.now, message, &mut wire);
        self.absorb(wire);
        self.flow(flow);
        self.begin();
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.codec.wake_at().filter(|at| *at <= until) {
            if matches!(self.end, Some(End::Failed(_))) {
                break;
            }
            self.now = self.now.max(at);
            let mut wire = Wire::default();
            let flow = self.codec.tick(self.now, &mut wire);
            self.absorb(wire);
            self.flow(flow);
            // Who is woken in vain once is woken for ever.
            if let Some(next) = self.codec.wake_at().filter(|next| *next <= self.now) {
                let now = self.now;
                let sentence =
                    format!("a time after {now:?} was expected of wake_at once it was woken then, {next:?} came");
                self.breaches.push((Promise::WakesAhead, sentence));
                break;
            }
        }
        self.now = until;
    }

    fn flow(&mut self, flow: Result<Flow<V::Job>, ProviderError>) {
        let end = match flow {
            Ok(Flow::More) => return,
            Ok(Flow::Done(event)) => End::of::<V::Job>(&event),
            Err(error) => End::Failed(error),
        };
        match (&end, self.running()) {
            (End::Odd(event), _) => {
                let sentence = format!("Done was expected at the end, {event} came: failures are results");
                self.breaches.push((Promise::EndsOnce, sentence));
            }
            (End::Done(event), false) => self.unwanted(&event.clone()),
            (End::Done(_) | End::Failed(_), _) => {}
        }
        // A good end stands; only the death of the socket can follow it.
        if self.running() || matches!(end, End::Failed(_)) && !matches!(self.end, Some(End::Done(_))) {
            self.end = Some(end);
        }
    }

    fn codec_says(&mut self, say: impl FnOnce(&mut V::Codec, Duration, &mut Wire<V::Job>)) {
        let mut wire = Wire::default();
        say(&mut self.codec, self.now, &mut wire);
        self.absorb(wire);
    }

    fn absorb(&mut self, wire: Wire<V::Job>) {
        if wire.send.iter().any(|sent| matches!(sent, Outgoing::Binary(bytes) if bytes.is_empty())) {
            let sentence = "an empty binary message was sent".to_owned();
            self.breaches.push((Promise::NothingEmptyIsSent, sentence));
        }
        self.sent.extend(wire.send);
        for event in wire.output.events {
            if !self.running() {
                self.unwanted(&format!("{event:?}"));
            } else if let Err(breach) = self.trace.take::<V::Job>(&event, self.job.format()) {
                self.breaches.push(breach);
            }
        }
    }

    /// An event came while no job runs.
    fn unwanted(&mut self, event: &str) {
        // Audio is long.
        let event: String = event.chars().take(120).collect();
        let (promise, when) = match (self.cancelled, self.begun) {
            (true, _) => (Promise::SilentAfterCancel, "after the cancel"),
            (false, true) => (Promise::NothingAfterTheEnd, "after the end"),
            (false, false) => (Promise::EndsOnce, "before the job had begun"),
        };
        self.breaches.push((promise, format!("no event was expected {when}, {event} came")));
    }
}

/// What came of a conversation.
pub(super) struct Outcome {
    pub(super) trace: Trace,
    pub(super) end: Option<End>,
}

impl Outcome {
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        self.trace.difference(&other.trace).or_else(|| {
            let words = |end: &Option<End>| end.as_ref().map_or_else(|| "no end".to_owned(), End::words);
            let (expected, came) = (words(&self.end), words(&other.end));
            (expected != came).then(|| format!("{expected} was expected at the end, {came} came"))
        })
    }
}

/// An end in words.
pub(super) fn told(end: &End) -> String {
    match end {
        End::Failed(error) => format!("{:?} ({})", error.class, error.detail),
        End::Done(_) | End::Odd(_) => end.words(),
    }
}
