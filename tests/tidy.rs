//! The rules of the house that no compiler keeps: who may depend on whom, what may be linked, what may be written.
//!
//! A rule is a function from the [`House`] to complaints, and each rule is tested twice: the real house must not give it
//! a reason to complain, and a house with one planted fault must. The tables are data in the modules; to change what is
//! allowed, change a row and say why.

#[path = "tidy/edges.rs"]
mod edges;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/licences.rs"]
mod licences;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/rust.rs"]
mod rust;
#[path = "tidy/sources.rs"]
mod sources;

use house::House;

/// What is wrong, where, and what to do about it.
type Complaints = Vec<String>;

fn assert_tidy(rule: fn(&House) -> Complaints) {
    let complaints = rule(House::real());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Plants a fault in an otherwise empty house and expects exactly one complaint, which must name `culprit`.
fn assert_noticed(rule: fn(&House) -> Complaints, plant: impl FnOnce(&mut House), culprit: &str) {
    let mut house = House::default();
    plant(&mut house);
    let complaints = rule(&house);
    assert!(complaints.len() == 1 && complaints[0].contains(culprit), "expected one about {culprit}: {complaints:?}");
}

/// The same with a fault that is none.
fn assert_content(rule: fn(&House) -> Complaints, furnish: impl FnOnce(&mut House)) {
    let mut house = House::default();
    furnish(&mut house);
    assert_eq!(rule(&house), Complaints::new());
}
