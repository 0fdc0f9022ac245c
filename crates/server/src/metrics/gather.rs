use operetta_call::{CloseReason, PhaseName};
use operetta_session::{Histogram, Tally};
use operetta_stage::{Distribution, FAST_BOUNDS_SECONDS, LaneSnapshot, Playbill};
use operetta_wire::{Carrier, Ignored};
use operetta_workers::PhraseCounts;

use super::{Metric, Sources, process};
use crate::{leg::LegEnding, routes::health::Readiness};

/// One series: a metric, its labels, its value.
pub(super) struct Series {
    pub(super) metric: Metric,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// What a series says.
pub(super) enum Value {
    Count(u64),
    Seconds(f64),
    Level(i64),
    Info,
    /// Upper bounds with their counts, not cumulative, the last bound infinite; and the sum.
    Histogram {
        buckets: Vec<(f64, u64)>,
        sum: f64,
    },
}

/// Reads everything there is to export.
pub(super) fn gather(sources: &Sources) -> Vec<Series> {
    let mut all = Rows(Vec::with_capacity(512));
    all.push(Metric::BuildInfo, [("version", env!("CARGO_PKG_VERSION").to_owned())], Value::Info);
    all.push(Metric::CallsCapacity, [], Value::Level(sources.capacity as i64));
    let draining = *sources.readiness.borrow() == Readiness::Draining;
    all.push(Metric::Draining, [], Value::Level(i64::from(draining)));
    all.calls(&sources.tallies);
    all.push(Metric::LegsOpen, [], Value::Level(sources.legs.live() as i64));
    for ending in LegEnding::ALL {
        let count = Value::Count(sources.legs.ended(ending));
        all.push(Metric::LegsEnded, [("cause", ending.code().to_owned())], count);
    }
    // Once: a snapshot begins the deepest mailbox anew.
    let lanes: Vec<_> = sources.bills.iter().map(Playbill::snapshot).collect();
    for lane in &lanes {
        all.lane(lane);
    }
    if let Some(recorder) = &sources.recorder {
        let counts = recorder.counts();
        for (outcome, count) in [("stored", counts.stored), ("partial", counts.partial), ("failed", counts.failed)] {
            all.push(Metric::Recordings, [("outcome", outcome.to_owned())], Value::Count(count));
        }
        all.push(Metric::RecordingBlocksDropped, [], Value::Count(counts.dropped_blocks));
    }
    for provider in &sources.providers {
        super::providers::read(provider, &mut |metric, labels, value| all.0.push(Series { metric, labels, value }));
    }
    if let Some(phrases) = &sources.phrases {
        all.phrases(&phrases.counts());
    }
    for (fault, count) in sources.faults(&lanes) {
        all.push(Metric::Faults, [("code", fault.code().to_owned())], Value::Count(count));
    }
    process::read(&mut |metric, value| all.push(metric, [], value));
    all.0
}

type Read = fn(&Tally) -> u64;

struct Rows(Vec<Series>);

impl Rows {
    fn push<const N: usize>(&mut self, metric: Metric, labels: [(&'static str, String); N], value: Value) {
        self.0.push(Series { metric, labels: labels.into(), value });
    }

    fn calls(&mut self, tallies: &[std::sync::Arc<Tally>]) {
        let sum = |read: &dyn Fn(&Tally) -> u64| tallies.iter().map(|tally| read(tally)).sum::<u64>();
        let level = |read: &dyn Fn(&Tally) -> i64| tallies.iter().map(|tally| read(tally)).sum::<i64>();
        for (place, carrier) in Carrier::ALL.iter().enumerate() {
            let label = || ("carrier", carrier.as_str().to_owned());
            self.push(Metric::CallsStarted, [label()], Value::Count(sum(&|tally| tally.started[place].read())));
            self.push(Metric::CallsActive, [label()], Value::Level(level(&|tally| tally.active[place].read())));
            for (reason, name) in CloseReason::ALL.iter().enumerate() {
                let count = sum(&|tally| tally.ended[place][reason].read());
                self.push(Metric::CallsEnded, [label(), ("reason", name.as_str().to_owned())], Value::Count(count));
            }
            for (way, direction) in ["in", "out"].into_iter().enumerate() {
                let count = sum(&|tally| tally.frames[place][way].read());
                self.push(Metric::AudioFrames, [label(), ("direction", direction.to_owned())], Value::Count(count));
            }
        }
        self.push(Metric::GreetingCache, [], Value::Level(level(&|tally| tally.phrases.read())));
        for (place, phase) in PhaseName::ALL.iter().enumerate() {
            let count = level(&|tally| tally.in_phase[place].read());
            self.push(Metric::CallsInState, [("state", phase.as_str().to_owned())], Value::Level(count));
        }
        for (place, why) in Ignored::ALL.iter().enumerate() {
            let count = sum(&|tally| tally.ignored[place].read());
            self.push(Metric::MessagesIgnored, [("cause", why.code().to_owned())], Value::Count(count));
        }
        let counters: [(Metric, Read); 10] = [
            (Metric::MessagesUnreadable, |tally| tally.unreadable.read()),
            (Metric::MessagesBinary, |tally| tally.binary.read()),
            (Metric::StateUnexpected, |tally| tally.unexpected.read()),
            (Metric::StateTimeouts, |tally| tally.timeouts.read()),
            (Metric::StaleEvents, |tally| tally.stale.read()),
            (Metric::BargeIns, |tally| tally.barge_ins.read()),
            (Metric::Turns, |tally| tally.turns.read()),
            (Metric::EmptyTurns, |tally| tally.empty_turns.read()),
            (Metric::AudioDropped, |tally| tally.audio_dropped.read()),
            (Metric::StalledKills, |tally| tally.stalled_legs.read()),
        ];
        for (metric, read) in counters {
            self.push(metric, [], Value::Count(sum(&read)));
        }
        let tally = |read: fn(&Tally) -> (Vec<u64>, f64)| tallies.iter().map(|tally| read(tally)).collect::<Vec<_>>();
        self.merged(Metric::CallDuration, &Tally::CALL_BOUNDS, &tally(|tally| read(&tally.call_seconds)));
        self.merged(Metric::GreetingFirstAudio, &Tally::SETUP_BOUNDS, &tally(|tally| read(&tally.first_audio)));
        self.merged(Metric::TurnLatency, &Tally::TURN_BOUNDS, &tally(|tally| read(&tally.turn_latency)));
        self.merged(Metric::PacerLateness, &Tally::PACE_BOUNDS, &tally(|tally| read(&tally.pacer_lateness)));
    }

    fn phrases(&mut self, counts: &PhraseCounts) {
        for (outcome, count) in [
            ("memory", counts.hits_memory),
            ("disk", counts.hits_disk),
            ("shared", counts.hits_shared),
            ("miss", counts.misses),
        ] {
            self.push(Metric::PhraseLookups, [("outcome", outcome.to_owned())], Value::Count(count));
        }
        for (place, entries, bytes) in
            [("memory", counts.entries_memory, counts.bytes_memory), ("disk", counts.entries_disk, counts.bytes_disk)]
        {
            self.push(Metric::PhraseEntries, [("place", place.to_owned())], Value::Level(entries as i64));
            self.push(Metric::PhraseBytes, [("place", place.to_owned())], Value::Level(bytes as i64));
        }
        for (cause, count) in [("damaged", counts.damaged), ("unwritten", counts.unwritten)] {
            self.push(Metric::PhraseFailures, [("cause", cause.to_owned())], Value::Count(count));
        }
    }

    /// One histogram out of those of all lanes.
    fn merged(&mut self, metric: Metric, bounds: &[f64], lanes: &[(Vec<u64>, f64)]) {
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        let count = |class: usize| lanes.iter().map(|(counts, _)| counts[class]).sum();
        let buckets = bounds.enumerate().map(|(class, bound)| (bound, count(class))).collect();
        let sum = lanes.iter().map(|(_, sum)| sum).sum();
        self.push(metric, [], Value::Histogram { buckets, sum });
    }

    fn lane(&mut self, lane: &LaneSnapshot) {
        let arbiter = || ("arbiter", lane.lane.clone());
        self.push(Metric::ArbiterLag, [arbiter()], distribution(&lane.lag));
        self.push(Metric::ArbiterBusy, [arbiter()], Value::Seconds(lane.busy.as_secs_f64()));
        for jobs in &lane.jobs {
            let kind = || ("kind", jobs.role.as_str().to_owned());
            let fates = [
                ("done", jobs.done),
                ("failed", jobs.failed),
                ("cancelled", jobs.cancelled),
                ("lost", jobs.lost),
                ("refused_busy", jobs.refused_busy),
                ("refused_unavailable", jobs.refused_unavailable),
            ];
            for (outcome, count) in fates {
                let labels = [arbiter(), kind(), ("outcome", outcome.to_owned())];
                self.push(Metric::Jobs, labels, Value::Count(count));
            }
            self.push(Metric::JobsOpen, [arbiter(), kind()], Value::Level(jobs.open as i64));
        }
        for actor in &lane.actors {
            let kind = || ("actor", actor.kind.to_owned());
            self.push(Metric::ActorInstances, [arbiter(), kind()], Value::Level(actor.instances as i64));
            self.push(Metric::ActorDepth, [arbiter(), kind()], Value::Level(actor.depth as i64));
            self.push(Metric::ActorDepthMax, [arbiter(), kind()], Value::Level(actor.deepest as i64));
            self.push(Metric::ActorWait, [arbiter(), kind()], distribution(&actor.wait));
            self.push(Metric::ActorPanics, [arbiter(), kind()], Value::Count(actor.panics));
            for message in &actor.messages {
                let labels = [arbiter(), kind(), ("message", message.message.clone())];
                self.push(Metric::ActorHandle, labels, distribution(&message.handle));
            }
            let fates = [
                ("handled", actor.handled),
                ("refused_full", actor.refused_full),
                ("refused_closed", actor.refused_closed),
                ("dropped", actor.dropped),
            ];
            for (outcome, count) in fates {
                let labels = [arbiter(), kind(), ("outcome", outcome.to_owned())];
                self.push(Metric::ActorMessages, labels, Value::Count(count));
            }
            for (cause, count) in actor.restarts {
                let labels = [arbiter(), kind(), ("cause", cause.as_str().to_owned())];
                self.push(Metric::ActorRestarts, labels, Value::Count(count));
            }
        }
    }
}

fn read<const N: usize>(histogram: &Histogram<N>) -> (Vec<u64>, f64) {
    (histogram.counts(), histogram.sum_seconds())
}

fn distribution(of: &Distribution) -> Value {
    let bounds = FAST_BOUNDS_SECONDS.iter().copied().chain([f64::INFINITY]);
    Value::Histogram { buckets: bounds.zip(of.counts).collect(), sum: of.sum.as_secs_f64() }
}
