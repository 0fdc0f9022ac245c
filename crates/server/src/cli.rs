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

use crate::providers::Guests;

/// What `main` of a program does that is Operetta with vendors of its own: reads the command line and does what it says.
pub fn run_with(guests: Guests) -> ExitCode {
    Cli::parse().run_with(guests)
}

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
        self.run_with(Guests::default())
    }

    /// The same in a program that brings vendors of its own.
    pub fn run_with(self, guests: Guests) -> ExitCode {
        match self.command {
            Command::Serve(serve) => serve.run(guests),
            Command::Call(call) => call.run(),
            Command::CheckConfig(check) => check.run(),
            Command::Providers(providers) => providers.run(),
            Command::Doctor(doctor) => doctor.run(&guests),
            Command::Speak(speak) => speak.run(guests),
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
