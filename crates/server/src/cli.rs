//! The command line, one file per subcommand.

pub mod call;
pub mod check_config;
mod demo;
mod doctor;
mod providers;
pub mod serve;
mod speak;

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

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
    Providers(providers::Providers),
    Doctor(doctor::Doctor),
    Speak(speak::Speak),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Call(call) => call.run(),
            Command::CheckConfig(check) => check.run(),
            Command::Providers(providers) => providers.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::Speak(speak) => speak.run(),
        }
    }
}

/// A reader that has seen enough (`| head`) closes the pipe: that is no failure of ours.
fn is_printed(printed: &io::Result<()>) -> bool {
    match printed {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::BrokenPipe,
    }
}
