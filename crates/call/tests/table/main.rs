//! What a call does, row by row. Each row starts where a call usually is in that phase (`script::way_to`) and tells what
//! happens then; together they are the machine's decisions.

#[path = "../script/mod.rs"]
mod script;

mod ending;
mod greeting;
mod listening;
mod speaking;
mod start;
mod thinking;
mod whole;

use operetta_call::PhaseName;
use script::Script;

/// Name, options of the start, phase to begin in, story.
type Row = (&'static str, &'static str, PhaseName, &'static str);

fn check(rows: &[Row]) {
    let mut report = Vec::new();
    for (name, given, phase, story) in rows {
        let differences = Script::new(given, *phase).differences(story);
        report.extend(differences.into_iter().map(|difference| format!("{name}\n   {difference}")));
    }
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

#[test]
fn the_start() {
    check(start::ROWS);
}

#[test]
fn the_greeting() {
    check(greeting::ROWS);
}

#[test]
fn the_turn_of_the_caller() {
    check(listening::ROWS);
}

#[test]
fn the_thinking() {
    check(thinking::ROWS);
}

#[test]
fn the_turn_of_the_agent() {
    check(speaking::ROWS);
}

#[test]
fn a_conversation_that_one_provider_leads() {
    check(whole::ROWS);
}

#[test]
fn the_ending() {
    check(ending::ROWS);
}
