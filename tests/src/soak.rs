//! Waves of calls with random deaths, and what is left of them.

use std::{fmt, time::Duration};

use operetta_caller::{Carrier, Cue, Ending, Line, Load, LoadReport, Script};

use crate::{engine::Engine, people};

/// How many calls, and how.
#[derive(Clone, Copy, Debug)]
pub struct Waves {
    /// How many waves.
    pub waves: usize,
    /// Calls in each.
    pub calls: usize,
    /// At most so many at a time.
    pub parallel: usize,
    /// At most so many begin in a second.
    pub per_second: f64,
    /// Calls die within this time after `start`.
    pub deaths_within: Duration,
    /// How long remains may last after the last call of a wave.
    pub patience: Duration,
}

/// The engine after a wave.
#[derive(Clone, Debug)]
pub struct Wave {
    /// Which, from 0; both carriers in turn.
    pub number: usize,
    /// What the callers saw.
    pub report: LoadReport,
    /// From the end of the last call until nothing was left of any.
    pub quiet_after: Duration,
    /// Open descriptors then.
    pub fds: u64,
    /// Resident memory then, in KiB.
    pub rss_kib: u64,
    /// Panics of actors so far.
    pub panics: u64,
}

impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, report, quiet_after, fds, rss_kib, panics } = self;
        write!(
            f,
            "wave {number:>3}  calls {:>5} good {:>5} peak {:>4}  quiet after {:>5} ms  fds {fds:>3}  rss {rss_kib:>7} KiB  panics {panics}  audio p50 {:.1} p99 {:.1} ms",
            report.calls,
            report.good,
            report.peak,
            quiet_after.as_millis(),
            report.first_audio.at(0.5),
            report.first_audio.at(0.99),
        )
    }
}

/// Sends the waves at `engine`, one after the other; `after` is told after each.
///
/// # Panics
/// Something is left of a call when patience is over.
pub fn soak(engine: &Engine, waves: &Waves, mut after: impl FnMut(&Wave)) -> Vec<Wave> {
    let script = chatter();
    let wave = |number: usize| {
        let carrier = [Carrier::Exotel, Carrier::Twilio][number % 2];
        let plan = people::plan(engine, carrier, script.clone());
        let load = Load {
            calls: waves.calls,
            parallel: waves.parallel,
            per_second: Some(waves.per_second),
            deaths_within: Some(waves.deaths_within),
        };
        let report = people::load(&plan, &load);
        let quiet_after = engine.until_quiet(waves.patience);
        let metrics = engine.metrics();
        let panics = metrics.count("operetta_actor_panics_total", &[]);
        Wave { number, report, quiet_after, fds: metrics.fds(), rss_kib: metrics.rss_kib(), panics }
    };
    let mut all = Vec::with_capacity(waves.waves);
    for number in 0..waves.waves {
        let wave = wave(number);
        after(&wave);
        all.push(wave);
    }
    all
}

/// By how much memory grows with each call, in bytes: the slope of the line of least squares through the later half of the
/// waves, when caches are full and arenas have their size. `None` for fewer than four waves.
pub fn slope_bytes(waves: &[Wave]) -> Option<f64> {
    let later = &waves[waves.len() / 2..];
    if waves.len() < 4 {
        return None;
    }
    let before: u64 = waves[..waves.len() - later.len()].iter().map(|wave| wave.report.calls).sum();
    let points: Vec<(f64, f64)> = later
        .iter()
        .scan(before, |calls, wave| {
            *calls += wave.report.calls;
            Some((*calls as f64, wave.rss_kib as f64 * 1024.0))
        })
        .collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x).powi(2))
    });
    Some(above / below)
}

/// A caller who talks at fixed times, over the agent if need be.
fn chatter() -> Script {
    let lines = [("hello", 700), ("what are your opening hours", 2500), ("thank you", 5500)];
    let script = Script { expects_greeting: false, limit: Duration::from_secs(30), ..Script::new() };
    let script = lines.into_iter().fold(script, |script, (words, at_ms)| {
        script.line(Line::speak(words, people::says(words)).at(Cue::At(Duration::from_millis(at_ms))).unanswered())
    });
    script.ending(Ending::HangUpAt(Duration::from_secs(8)))
}
