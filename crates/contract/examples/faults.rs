//! Prints `docs/ERRORS.md`: what every error code means, what the engine does and what an operator should do.

#[path = "../tests/errors/mod.rs"]
mod errors;

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn main() {
    print!("{}", errors::page());
}
