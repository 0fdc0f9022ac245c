//! The `operetta` program.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    operetta_server::cli::Cli::parse().run()
}
