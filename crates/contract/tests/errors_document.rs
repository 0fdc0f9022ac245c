//! `docs/ERRORS.md` is what the code says.

mod errors;

#[test]
fn the_page_is_that_of_the_code() {
    let committed = include_str!("../../../docs/ERRORS.md");
    assert!(
        committed == errors::page(),
        "docs/ERRORS.md is old: cargo run -q -p operetta-contract --example faults > docs/ERRORS.md"
    );
}
