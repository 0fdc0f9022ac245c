//! Prints `docs/STATES.md`: what the machine does in every phase with every kind of input.

use std::io::{self, Write as _};

#[path = "../tests/script/mod.rs"]
mod script;
#[path = "../tests/states/mod.rs"]
mod states;

fn main() -> io::Result<()> {
    io::stdout().write_all(states::States::observe().page().as_bytes())
}
