//! The command line, one file per subcommand.

pub mod call;
pub mod check_config;
mod demo;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Answers phone calls for voice agents
#[derive(Clone, Debug, Parser)]
#[command(name = "operetta", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Call(Box<call::Call>),
    CheckConfig(check_config::CheckConfig),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Call(call) => call.run(),
            Command::CheckConfig(check) => check.run(),
        }
    }
}
