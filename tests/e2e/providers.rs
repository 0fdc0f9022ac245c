//! The short form of `make chaos-providers`: some ways to fail, a few calls each, and nobody left at all.

use operetta_caller::Ending;
use operetta_tests::{
    chaos::{
        cast::AGENTS,
        plays::Bill,
        round::{BAR_MS, Row, Size, place},
        stage::{Breakers, Death, Stage},
    },
    turn,
};

const SIZE: Size = Size { calls: 10, per_second: 10.0, turns: 1 };

#[test]
fn callers_do_not_notice_which_provider_is_ill() {
    let _turn = turn::alone();
    let stage = Stage::open(SIZE.calls, "error");
    let each = Bill::each();
    let bill = |name: &str| each.iter().find(|bill| bill.name == name).unwrap();
    let both = |http: &str, socket: &str| [&bill(http).rules[..], &bill(socket).rules].concat();
    for (name, rules, breakers) in [
        ("H17 W02", both("H17", "W02"), Breakers::Held),
        ("H03 W06", both("H03", "W06"), Breakers::Held),
        ("mixed", Bill::mixed(30).rules, Breakers::Free),
    ] {
        stage.play(&rules, breakers, SIZE.calls * SIZE.turns);
        let row = round(&stage, name);
        assert!(row.errors > 0, "{name}: nobody failed");
        assert_eq!((row.whole, row.greetings_missing), (row.lines, 0), "{row}");
    }
    stage.die(Death::Refuses);
    let row = round(&stage, "dead");
    // Whoever is left says what it can: nobody has the answer, and `round` has seen that nobody heard nothing.
    assert_eq!(row.whole, 0, "{row}");
    assert!(row.apologies + row.own_lines > 0, "{row}");
    stage.revive();
}

/// Calls that live until their callers hang up, and are never silent for long.
fn round(stage: &Stage, name: &str) -> Row {
    let before = stage.engine.metrics();
    let done = place(stage, &AGENTS, SIZE, Ending::HangUp);
    stage.engine.until_quiet(std::time::Duration::from_secs(10));
    let row = Row::of(name, &done, &before, &stage.engine.metrics());
    println!("{row}");
    assert!(row.ended.is_empty(), "{row}");
    assert_eq!((row.lines, row.unsaid, row.unanswered, row.panics), (SIZE.calls, 0, 0, 0), "{row}");
    // On a machine that is busy the callers' own clocks are late.
    assert!(row.silence.max <= BAR_MS + row.late.max, "{row}");
    row
}
