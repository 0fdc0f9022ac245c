//! Every (phase, input) pair is defined, and `docs/STATES.md` shows what the machine does.

mod script;
mod states;

use operetta_call::{InputKind, PhaseName};
use states::{Outcome, States};

#[test]
fn every_pair_is_defined() {
    let states = States::observe();
    for phase in PhaseName::ALL {
        for kind in InputKind::ALL {
            assert!(states.pairs.contains_key(&(phase, kind)), "{phase}, {}", kind.as_str());
        }
    }
    assert_eq!(states.pairs.len(), 161);
}

#[test]
fn no_input_leads_away_from_the_end_or_back_to_the_beginning() {
    for ((phase, kind), outcomes) in States::observe().pairs {
        for outcome in outcomes {
            let Outcome::Moves(to) = outcome else { continue };
            assert_ne!(phase, PhaseName::Closed, "{} leads to {to}", kind.as_str());
            let beginning = matches!(to, PhaseName::Connected | PhaseName::Started | PhaseName::Greeting);
            assert!(!beginning || phase == PhaseName::Connected, "{phase}, {} leads to {to}", kind.as_str());
        }
    }
}

#[test]
fn the_end_of_the_leg_ends_the_call_in_every_phase() {
    let states = States::observe();
    for phase in PhaseName::ALL.into_iter().filter(|phase| *phase != PhaseName::Closed) {
        for kind in [InputKind::Stopped, InputKind::LegLost, InputKind::LegStalled] {
            let outcomes: Vec<_> = states.pairs[&(phase, kind)].iter().copied().collect();
            assert_eq!(outcomes, [Outcome::Moves(PhaseName::Closed)], "{phase}, {}", kind.as_str());
        }
    }
}

#[test]
fn the_page_is_what_the_machine_does() {
    let committed = include_str!("../../../docs/STATES.md");
    let page = States::observe().page();
    assert!(
        page == committed,
        "docs/STATES.md is old: cargo run -q -p operetta-call --example states > docs/STATES.md"
    );
}
