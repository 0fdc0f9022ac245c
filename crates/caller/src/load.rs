use crate::caller::{Audience, Caller};
use crate::carrier::Fault;
use crate::dice::Dice;
use crate::listen::Unwatched;
use crate::plan::CallPlan;
use crate::report::{CallReport, End, Failure, Traffic, Underruns, tenths};
use crate::script::{Death, Ending};
use crate::stillborn::Stillborn;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Many calls of one plan.
#[derive(Clone, Debug)]
pub struct Load {
    /// How many in all.
    pub calls: usize,
    /// How many at most at a time.
    pub parallel: usize,
    /// How many may begin in a second; `None` for no limit. Spreads the calls' 20 ms clocks as well.
    pub per_second: Option<f64>,
    /// Throw dice for each call's end instead of following the script's: cut, closed without `stop`, silent, frozen, half a
    /// handshake and so on, within the given time after `start`. For leak tests.
    pub deaths_within: Option<Duration>,
}

/// What a load showed. Times in ms.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Calls placed.
    pub calls: u64,
    /// Calls without any failure. Calls that were to die count as good if nothing else was wrong.
    pub good: u64,
    /// The most calls at a time.
    pub peak: usize,
    /// Failures by name.
    pub failures: BTreeMap<String, u64>,
    /// Ends by code.
    pub ends: BTreeMap<&'static str, u64>,
    /// Deaths by name, when dice were thrown.
    pub deaths: BTreeMap<&'static str, u64>,
    /// Broken rules, with how often.
    pub violations: BTreeMap<&'static str, u64>,
    /// From the webhook request to its answer.
    pub webhook: Spread,
    /// From dialling to the upgrade.
    pub connect: Spread,
    /// From `start` to the first agent audio.
    pub first_audio: Spread,
    /// From `start` to the first agent audio that can be heard.
    pub first_sound: Spread,
    /// From the caller's last word to the answer's first audible audio; answers that came before the end count as 0.
    pub answer: Spread,
    /// From the caller's first word to `clear`.
    pub barge_in: Spread,
    /// The worst lateness of each call's own clock: how far the load generator can be trusted.
    pub late: Spread,
    /// Gaps in agent audio, all calls together.
    pub underruns: Underruns,
    /// Audio on the wire, all calls together.
    pub traffic: Traffic,
    /// From the first call's beginning to the last one's end.
    pub wall_ms: f64,
}

/// A distribution. Resolution: three significant digits.
#[derive(Clone, Debug)]
pub struct Spread(Histogram<u64>);

impl Spread {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at quantile `q` (0 to 1), ms; 0 when there is none.
    pub fn at(&self, q: f64) -> f64 {
        self.0.value_at_quantile(q) as f64 / 1000.0
    }

    /// The largest value, ms.
    pub fn max(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    fn add(&mut self, ms: f64) {
        // Microseconds; `saturating` keeps an absurd value at the top instead of losing it.
        self.0.saturating_record((ms.max(0.0) * 1000.0) as u64);
    }
}

impl Default for Spread {
    fn default() -> Self {
        let hour_us = 3_600_000_000;
        let Ok(histogram) = Histogram::new_with_bounds(1, hour_us, 3) else {
            unreachable!("the bounds are constants that the histogram allows")
        };
        Self(histogram)
    }
}

impl Serialize for Spread {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut spread = to.serialize_struct("Spread", 5)?;
        spread.serialize_field("count", &self.count())?;
        spread.serialize_field("p50", &self.at(0.5))?;
        spread.serialize_field("p90", &self.at(0.9))?;
        spread.serialize_field("p99", &self.at(0.99))?;
        spread.serialize_field("max", &self.max())?;
        spread.end()
    }
}

/// How a load stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Calls begun.
    pub begun: usize,
    /// Calls over.
    pub over: usize,
    /// Calls with a failure.
    pub failed: usize,
}

impl Caller {
    /// Places `load.calls` calls of `plan`, all on this thread, and sums them up. `progress` is told after each call that ends.
    ///
    /// Timeline and recording are off whatever the plan says: 800 calls would hold gigabytes of them.
    pub async fn load(&self, plan: &CallPlan, load: &Load, mut progress: impl FnMut(Progress)) -> LoadReport {
        let plan = Rc::new(CallPlan { record: false, timeline: false, ..plan.clone() });
        let mut report = LoadReport::default();
        let mut calls: JoinSet<(Option<&'static str>, CallReport)> = JoinSet::new();
        let began = Instant::now();
        let mut now = Progress { begun: 0, over: 0, failed: 0 };
        loop {
            let due =
                began + load.per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(now.begun as f64 / rate));
            let may_begin = now.begun < load.calls && calls.len() < load.parallel.max(1);
            tokio::select! {
                biased;
                () = sleep_until(due), if may_begin => {
                    let (caller, plan, within) = (self.clone(), Rc::clone(&plan), load.deaths_within);
                    let number = now.begun;
                    calls.spawn_local(async move { caller.place_one(&plan, number, within).await });
                    now.begun += 1;
                    report.peak = report.peak.max(calls.len());
                }
                Some(call) = calls.join_next() => {
                    let good = match call {
                        Ok((death, call)) => report.add(&call, death),
                        // The double itself failed: never silently.
                        Err(error) => report.fail(format!("double: {error}")),
                    };
                    now.over += 1;
                    now.failed += usize::from(!good);
                    progress(now);
                }
                else => break,
            }
        }
        report.wall_ms = tenths(began.elapsed());
        report
    }

    async fn place_one(
        &self,
        plan: &CallPlan,
        number: usize,
        deaths: Option<Duration>,
    ) -> (Option<&'static str>, CallReport) {
        let nobody = Audience { observer: &mut Unwatched, transcriber: None };
        let Some(within) = deaths else { return (None, self.place(plan, number, nobody).await) };
        let (name, fate) = fate(&mut Dice::of_call(plan.seed ^ DEATH_SALT, number), within);
        let report = match fate {
            Fate::Ends(ending) => {
                let mut plan = plan.clone();
                plan.script.ending = ending;
                self.place(&plan, number, nobody).await
            }
            Fate::Never(how, hold) => self.place_stillborn(plan, number, how, hold).await,
        };
        (Some(name), report)
    }
}

impl LoadReport {
    /// Takes in one call; whether it was good.
    fn add(&mut self, call: &CallReport, death: Option<&'static str>) -> bool {
        *self.ends.entry(call.end.code()).or_default() += 1;
        let pairs = [
            (&mut self.webhook, call.webhook_ms),
            (&mut self.connect, call.connect_ms),
            (&mut self.first_audio, call.first_audio_ms),
            (&mut self.first_sound, call.first_sound_ms),
            (&mut self.late, call.started_at_ms.map(|_| call.late_ms_max)),
        ];
        for (spread, ms) in pairs {
            if let Some(ms) = ms {
                spread.add(ms);
            }
        }
        for line in &call.lines {
            if let Some(ms) = line.answer_ms {
                self.answer.add(ms);
            }
            if let Some(ms) = line.barge_in.and_then(|it| it.clear_ms) {
                self.barge_in.add(ms);
            }
        }
        self.underruns.count += call.underruns.count;
        self.underruns.total_ms += call.underruns.total_ms;
        self.underruns.longest_ms = self.underruns.longest_ms.max(call.underruns.longest_ms);
        self.traffic.frames_sent += call.traffic.frames_sent;
        self.traffic.bytes_sent += call.traffic.bytes_sent;
        self.traffic.frames_heard += call.traffic.frames_heard;
        self.traffic.bytes_heard += call.traffic.bytes_heard;
        for violation in &call.violations {
            *self.violations.entry(violation.fault.code()).or_default() += violation.count;
        }
        let mut failures = call.failures();
        if let Some(death) = death {
            *self.deaths.entry(death).or_default() += 1;
            failures.retain(|failure| counts_for_the_dying(failure, &call.end));
        }
        failures.sort();
        failures.dedup();
        self.calls += 1;
        self.good += u64::from(failures.is_empty());
        for failure in &failures {
            *self.failures.entry(failure.to_string()).or_default() += 1;
        }
        failures.is_empty()
    }

    fn fail(&mut self, why: String) -> bool {
        self.calls += 1;
        *self.failures.entry(why).or_default() += 1;
        false
    }
}

/// A call that goes away early proves nothing by an answer that did not come; it does by a door that was shut, or by a broken rule.
fn counts_for_the_dying(failure: &Failure, end: &End) -> bool {
    match failure {
        Failure::Ended(_) => matches!(end, End::Refused { .. } | End::Unreached { .. } | End::WebhookFailed { .. }),
        Failure::Violation(fault) => *fault != Fault::ClosedOverUnplayedAudio,
        Failure::NoGreeting | Failure::NoAnswer { .. } | Failure::Unspoken { .. } | Failure::BargeInIgnored { .. } => {
            false
        }
    }
}

enum Fate {
    Ends(Ending),
    Never(Stillborn, Duration),
}

/// Throws a death: its name, and what it does.
fn fate(dice: &mut Dice, within: Duration) -> (&'static str, Fate) {
    let mut moment = |most: Duration| Duration::from_millis(dice.below(most.as_millis() as u64 + 1));
    let (after, hold) = (moment(within), moment(within.min(LONGEST_HOLD)));
    let die = |how| Fate::Ends(Ending::Die(after, how));
    match dice.below(10) {
        0 => ("cut", die(Death::Cut)),
        1 => ("close_only", die(Death::CloseOnly)),
        2 => ("stop_only", die(Death::StopOnly(hold))),
        3 => ("half_message", die(Death::HalfMessage(hold))),
        4 => ("silence", die(Death::Silence(hold))),
        5 => ("frozen", die(Death::Frozen(hold))),
        6 => ("half_handshake", Fate::Never(Stillborn::HalfHandshake, hold)),
        7 => ("mute", Fate::Never(Stillborn::Mute, hold)),
        8 => ("only_connected", Fate::Never(Stillborn::OnlyConnected, hold)),
        _ => ("hang_up", Fate::Ends(Ending::HangUpAt(after))),
    }
}

/// The longest that a dead connection is held.
const LONGEST_HOLD: Duration = Duration::from_secs(3);
/// Deaths and ids of one seed are different throws.
const DEATH_SALT: u64 = 0xDEAD;

#[cfg(test)]
mod tests {
    use super::{Dice, Spread, fate};
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn every_death_comes_up_and_the_same_seed_brings_the_same() {
        let throw = |number| fate(&mut Dice::of_call(9, number), Duration::from_secs(1)).0;
        let names: BTreeSet<_> = (0..200).map(throw).collect();
        assert_eq!(names.len(), 10);
        assert_eq!(throw(17), throw(17));
    }

    #[test]
    fn a_spread_tells_its_quantiles_in_ms() {
        let mut spread = Spread::default();
        (1..=100).for_each(|ms| spread.add(f64::from(ms)));
        spread.add(-5.0);
        assert_eq!(spread.count(), 101);
        assert!((spread.at(0.5) - 50.0).abs() < 0.1, "{}", spread.at(0.5));
        assert!((spread.max() - 100.0).abs() < 0.1, "{}", spread.max());
    }
}
