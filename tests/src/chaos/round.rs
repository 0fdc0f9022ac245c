//! One round: many calls at a time under one bill, and what came of them.

use std::{collections::BTreeMap, fmt, rc::Rc, time::Duration};

use operetta_caller::{
    Audience, CallPlan, CallReport, Caller, Carrier, Clip, Dice, End, Ending, Line, Script, Unwatched,
};
use operetta_sim::theatre::Tone;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    cast::{Agent, NOT_UNDERSTOOD, USE_KEYS},
    hearing::{Clips, Expected, Heard, Kind, Tape},
    stage::Stage,
};
use crate::{metrics::Metrics, people};

/// How many calls a round has, and how they come.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Calls, all at a time.
    pub calls: usize,
    /// How many begin in a second.
    pub per_second: f64,
    /// Lines of each caller.
    pub turns: usize,
}

/// What a round showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// The bill.
    pub bill: String,
    /// Calls placed.
    pub calls: usize,
    /// Calls that did not end by their caller, by how they ended.
    pub ended: BTreeMap<String, usize>,
    /// Lines that callers said.
    pub lines: usize,
    /// Lines that were never said, because the call had ended or the limit was reached.
    pub unsaid: usize,
    /// What was heard in answer, by what it was; see [`Kind`].
    pub whole: usize,
    /// The agent's own lines.
    pub own_lines: usize,
    /// Apologies, in place of greetings too.
    pub apologies: usize,
    /// Answers that stopped short.
    pub short: usize,
    /// Lines that were not answered.
    pub unanswered: usize,
    /// How often "one moment" was heard.
    pub moments: usize,
    /// Answers that were not whole, by agent and what they were.
    pub not_whole: BTreeMap<String, usize>,
    /// Greetings that were not heard.
    pub greetings_missing: usize,
    /// The longest silence of each call while words were owed, ms.
    pub silence: Quantiles,
    /// The call with the longest silence, for whoever looks into it.
    pub worst: Option<Worst>,
    /// Jobs that a provider of the second theatre took over, by kind.
    pub taken_over: BTreeMap<&'static str, u64>,
    /// Answers to requests by the second theatre's models: turns that it answered.
    pub second_turns: u64,
    /// Jobs that left a provider for another.
    pub switches: u64,
    /// Requests to providers that failed.
    pub errors: u64,
    /// Breakers that opened.
    pub opened: u64,
    /// Panics of actors.
    pub panics: u64,
    /// The worst lateness of each caller's own clock, ms: figures cannot be trusted below this.
    pub late: Quantiles,
    /// From the end of the last call until nothing was left of any, ms.
    pub quiet_after_ms: u64,
}

/// A distribution of ms.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: u32,
    /// 99 of 100 are.
    pub p99: u32,
    /// All are.
    pub max: u32,
}

impl Quantiles {
    /// Of these values.
    pub fn of(mut values: Vec<u32>) -> Self {
        values.sort_unstable();
        let at = |share: f64| values.get(((values.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied();
        Self { p50: at(0.5).unwrap_or(0), p99: at(0.99).unwrap_or(0), max: values.last().copied().unwrap_or(0) }
    }
}

/// The call with the longest silence.
#[derive(Clone, Debug, Serialize)]
pub struct Worst {
    /// Its agent.
    pub agent: String,
    /// Its carrier.
    pub carrier: &'static str,
    /// Its id, as it is in the engine's log.
    pub call: String,
    /// Which answer: 0 is the greeting.
    pub answer: usize,
    /// When it began, ms since `start`.
    pub at_ms: u32,
    /// How long it was.
    pub ms: u32,
}

/// One call that is over.
#[derive(Clone, Debug)]
pub struct Done {
    /// Whom it was for.
    pub agent: Agent,
    /// What the double says, without events and recording.
    pub report: CallReport,
    /// What was heard; `None` if the call never started.
    pub heard: Option<Heard>,
    /// When it was placed, by the clock of the first theatre: what times of the report count from.
    pub placed_at: Duration,
}

/// Places the calls of a round to `agents` by turns, over both carriers, and waits for all of them.
pub fn place(stage: &Stage, agents: &[Agent], size: Size, ending: Ending) -> Vec<Done> {
    let script = (0..size.turns).fold(Script::new(), |script, _| script.line(Line::speak("asks", asks())));
    place_with(stage, agents, size, &script.ending(ending))
}

/// Places calls of callers who say these lines.
pub fn place_with(stage: &Stage, agents: &[Agent], size: Size, script: &Script) -> Vec<Done> {
    let clips = Rc::new(Clips::read());
    let plans: Vec<_> = (0..size.calls).map(|number| plan(stage, agents, number, script)).collect();
    let calls = async {
        let (caller, mut calls, mut done) = (Caller::new(), JoinSet::new(), Vec::new());
        let began = Instant::now();
        for (number, (agent, plan)) in plans.into_iter().enumerate() {
            sleep_until(began + Duration::from_secs_f64(number as f64 / size.per_second)).await;
            let (caller, clips) = (caller.clone(), Rc::clone(&clips));
            let placed_at = stage.first.now();
            calls.spawn_local(async move {
                let nobody = Audience { observer: &mut Unwatched, transcriber: None };
                let mut report = caller.place(&plan, number, nobody).await;
                let heard = Tape::of(&report).map(|tape| tape.hear(&clips, expected(&agent)));
                // A round of them would hold gigabytes.
                (report.recording, report.events) = (None, Vec::new());
                Done { agent, report, heard, placed_at }
            });
        }
        while let Some(call) = calls.join_next().await {
            done.push(call.expect("the double does not panic"));
        }
        done
    };
    actix_rt::System::new().block_on(calls)
}

fn plan(stage: &Stage, agents: &[Agent], number: usize, script: &Script) -> (Agent, CallPlan) {
    let carriers = [Carrier::Twilio, Carrier::Exotel];
    let agent = agents[number / carriers.len() % agents.len()];
    let script = Script {
        utterances: agent.utterances(),
        quiet: Duration::from_secs(1),
        answer_within: Duration::from_secs(20),
        limit: Duration::from_secs(90),
        ..script.clone()
    };
    let mut plan = people::plan(&stage.engine, carriers[number % carriers.len()], script);
    plan.agent = Some(agent.name.to_owned());
    plan.seed = Dice::seed();
    (agent, plan)
}

/// What every caller says: a second and a half of a synthetic voice.
pub fn asks() -> Clip {
    people::says("can you help me please")
}

/// What is to be heard of an agent.
pub fn expected(agent: &Agent) -> Expected {
    let ms = |text: &str| Tone::ms_of(text.chars().count());
    Expected { utterances: agent.utterances(), lines_ms: [ms(NOT_UNDERSTOOD), ms(USE_KEYS)] }
}

impl Row {
    /// Sums up a round; `before` and `after` are what the engine said of itself.
    pub fn of(bill: &str, done: &[Done], before: &Metrics, after: &Metrics) -> Self {
        let grown = |name: &str, labels: &[(&str, &str)]| after.count(name, labels) - before.count(name, labels);
        let second = |name: &str, kind: &str| {
            let at = |metrics: &Metrics| metrics.count_where(name, &[("kind", kind)], "provider", "two_");
            at(after) - at(before)
        };
        let mut row = Self {
            bill: bill.to_owned(),
            calls: done.len(),
            taken_over: ["stt", "llm", "tts"]
                .into_iter()
                .map(|kind| (kind, second("operetta_provider_takeovers_total", kind)))
                .collect(),
            second_turns: second("operetta_provider_takeovers_total", "llm"),
            switches: grown("operetta_provider_fallbacks_total", &[]),
            errors: grown("operetta_provider_errors_total", &[]),
            opened: grown("operetta_provider_breaker_opened_total", &[]),
            panics: grown("operetta_actor_panics_total", &[]),
            ..Self::default()
        };
        for call in done {
            row.add(call);
        }
        row.silence = Quantiles::of(done.iter().filter_map(|call| Some(call.heard.as_ref()?.silence_ms())).collect());
        row.late = Quantiles::of(done.iter().map(|call| call.report.late_ms_max as u32).collect());
        row
    }

    fn add(&mut self, call: &Done) {
        if !matches!(call.report.end, End::HungUp { close_code: Some(_) }) {
            *self.ended.entry(call.report.end.to_string()).or_default() += 1;
        }
        self.unsaid += call.report.lines_unspoken;
        let Some(heard) = &call.heard else { return };
        self.lines += heard.answers.len();
        match heard.greeting.kind {
            Kind::Whole => {}
            Kind::Apology => self.apologies += 1,
            Kind::Line | Kind::Short | Kind::Nothing => self.greetings_missing += 1,
        }
        for (place, answer) in [&heard.greeting].into_iter().chain(&heard.answers).enumerate() {
            self.moments += answer.moments as usize;
            if self.worst.as_ref().is_none_or(|worst| worst.ms < answer.silence_ms) {
                let (agent, carrier) = (call.agent.name.to_owned(), call.report.carrier);
                let (call, at_ms) = (call.report.call_sid.clone(), answer.silent_at_ms);
                self.worst = Some(Worst { agent, carrier, call, answer: place, at_ms, ms: answer.silence_ms });
            }
        }
        for answer in &heard.answers {
            if answer.kind != Kind::Whole {
                let what =
                    format!("{} {:?} {}/{}", call.agent.name, answer.kind, answer.utterances, call.agent.utterances());
                *self.not_whole.entry(what).or_default() += 1;
            }
            *match answer.kind {
                Kind::Whole => &mut self.whole,
                Kind::Line => &mut self.own_lines,
                Kind::Apology => &mut self.apologies,
                Kind::Short => &mut self.short,
                Kind::Nothing => &mut self.unanswered,
            } += 1;
        }
    }

    /// The heads of the columns.
    pub fn head() -> String {
        format!(
            "{:<11} {:>5} {:>5} | {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} | {:>6} | {:>6} {:>6} {:>6} | {:>6} {:>6} {:>6} {:>6} {:>5} | {:>5} {:>6}",
            "failure",
            "calls",
            "ended",
            "lines",
            "whole",
            "own",
            "sorry",
            "short",
            "none",
            "moment",
            "p50",
            "p99",
            "max",
            "stt",
            "llm",
            "tts",
            "errors",
            "opens",
            "late",
            "quiet"
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended: usize = self.ended.values().sum();
        let taken = |kind| self.taken_over.get(kind).copied().unwrap_or(0);
        write!(
            f,
            "{:<11} {:>5} {:>5} | {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} | {:>6} | {:>6} {:>6} {:>6} | {:>6} {:>6} {:>6} {:>6} {:>5} | {:>5} {:>6}",
            self.bill,
            self.calls,
            ended,
            self.lines,
            self.whole,
            self.own_lines,
            self.apologies,
            self.short,
            self.unanswered,
            self.moments,
            self.silence.p50,
            self.silence.p99,
            self.silence.max,
            taken("stt"),
            taken("llm"),
            taken("tts"),
            self.errors,
            self.opened,
            self.late.p99,
            self.quiet_after_ms,
        )?;
        if let Some(worst) = self.worst.as_ref().filter(|worst| worst.ms > BAR_MS) {
            let Worst { agent, carrier, call, answer, at_ms, ms } = worst;
            write!(f, "\n  longest: {ms} ms at {at_ms} ms, answer {answer}, agent {agent}, {carrier} {call}")?;
        }
        if !self.not_whole.is_empty() {
            write!(f, "\n  not whole: {:?}", self.not_whole)?;
        }
        for (how, count) in &self.ended {
            write!(f, "\n  {count} x {how}")?;
        }
        Ok(())
    }
}

/// The longest silence that a provider may cause, ms.
pub const BAR_MS: u32 = 3000;

#[cfg(test)]
mod tests {
    use super::Quantiles;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let all = Quantiles::of((1..=200).collect());
        assert_eq!((all.p50, all.p99, all.max), (100, 198, 200));
        let one = Quantiles::of(vec![7]);
        assert_eq!((one.p50, one.p99, one.max), (7, 7, 7));
        assert_eq!(Quantiles::of(Vec::new()).max, 0);
    }
}
