//! `operetta-sim`: plays the engine's parts against dice.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

/// The test theatre: the engine's parts against seeded dice.
#[derive(Debug, clap::Parser)]
#[command(name = "operetta-sim", version, max_term_width = 100)]
enum Command {
    /// Play random histories of calls and check every promise of the machine after every step.
    Histories(cli::Histories),
    /// Play every vendor on one port of the loopback, with failures where they are asked for.
    #[cfg(feature = "theatre")]
    Vendors(cli::Vendors),
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let played = match Command::parse() {
        Command::Histories(command) => command.run(&mut out),
        #[cfg(feature = "theatre")]
        Command::Vendors(command) => command.run(&mut out),
    };
    // Whoever closed the pipe has seen enough.
    played.unwrap_or(ExitCode::FAILURE)
}
