//! The short form of `make sim`: enough histories for every commit, and the proof that the watch is awake.

use operetta_call::{CloseReason, Refusal};
use operetta_sim::histories::{Plant, Rule, Run};

const RUN: Run = Run { seed: 7, histories: 20_000, threads: 2, plant: None };

#[test]
fn twenty_thousand_histories_break_no_promise() {
    let outcome = RUN.play();
    assert_eq!(outcome.broken, None, "seed {}", RUN.seed);
    assert_eq!(outcome.histories, RUN.histories);
    assert!(outcome.steps > 24 * RUN.histories, "{} steps", outcome.steps);
}

#[test]
fn the_histories_come_by_every_place() {
    let coverage = RUN.play().coverage;
    let arrows: Vec<_> = coverage.arrows().map(|(from, to, _)| format!("{from}->{to}")).collect();
    assert_eq!(
        arrows,
        [
            "connected->started",
            "connected->closed",
            "started->greeting",
            "started->closed",
            "greeting->listening",
            "greeting->speaking",
            "greeting->closed",
            "listening->thinking",
            "listening->speaking",
            "listening->closed",
            "thinking->listening",
            "thinking->speaking",
            "thinking->closed",
            "speaking->listening",
            "speaking->speaking",
            "speaking->closed",
        ]
    );
    // The world refuses for two of the six reasons: the machine does not look at which.
    let refusals = |reason| matches!(reason, CloseReason::Refused(Refusal::Auth | Refusal::Duplicate));
    let expected: Vec<_> = CloseReason::ALL
        .into_iter()
        .filter(|reason| refusals(*reason) || !matches!(reason, CloseReason::Refused(_) | CloseReason::Bug))
        .collect();
    let closes: Vec<_> = coverage.closes().map(|(reason, _)| reason).collect();
    assert_eq!(closes, expected);
}

#[test]
fn every_planted_mistake_is_found() {
    let found = Plant::ALL.map(|plant| {
        let outcome = Run { histories: 10_000, plant: Some(plant), ..RUN }.play();
        let (index, broken) = outcome.broken.unwrap_or_else(|| panic!("{plant} was not found"));
        let (lines, ending) = Run { plant: Some(plant), ..RUN }.replay(index, None);
        assert_eq!(ending.broken, Some(broken.clone()), "history {index} of {plant} does not play again as it was");
        assert_eq!(lines.len() as u64, ending.steps);
        (plant, broken.rule)
    });
    assert_eq!(
        found,
        [
            (Plant::Greeting, Rule::OneGreeting),
            (Plant::Cancel, Rule::JobsEnd),
            (Plant::Stale, Rule::AudioIsWanted),
            (Plant::Close, Rule::OneClose),
            (Plant::Hangup, Rule::HeardBeforeHangUp),
        ]
    );
}

#[test]
fn threads_do_not_change_what_is_played() {
    let few = Run { histories: 3000, ..RUN };
    assert_eq!(Run { threads: 1, ..few }.play(), Run { threads: 4, ..few }.play());
}
