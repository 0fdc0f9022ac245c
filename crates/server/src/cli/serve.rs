//! `operetta serve`.

use std::{
    io::{self, ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use operetta_contract::FaultCode;

use super::demo;
use crate::{
    banner,
    config::{self, Problems, Settings},
    logging,
    providers::{Configured, Guests, Providers},
    serve::{Addresses, serve},
};

/// The exit code of a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const UNUSABLE: u8 = 78;

/// Answer calls
///
/// Ends after SIGTERM or SIGINT, when the calls in progress have ended; a second signal ends it at once.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// The configuration file; without it, defaults and environment only
    #[arg(short, long, value_name = "FILE", env = "OPERETTA_CONFIG")]
    config: Option<PathBuf>,
    /// Serve carriers that prove nothing, on any address
    #[arg(long)]
    insecure: bool,
    /// Place one call to itself, over the Exotel wire, and go on serving
    #[arg(long)]
    demo: bool,
}

impl Serve {
    /// Serves. Nothing is bound before the configuration is known to be whole.
    pub fn run(self, guests: Guests) -> ExitCode {
        let settings = match self.settings() {
            Ok(settings) => settings,
            Err(problems) => {
                complain(FaultCode::ConfigUnusable, &problems.to_string());
                return ExitCode::from(UNUSABLE);
            }
        };
        if let Err(error) = logging::start(&settings.log) {
            complain(FaultCode::ConfigUnusable, &format!("{error:#}"));
            return ExitCode::from(UNUSABLE);
        }
        // One careless feature compiles a second provider in, and then rustls refuses to guess.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let providers = match Configured::start_with(&settings, guests) {
            Ok(providers) => providers,
            Err(error) => {
                complain(FaultCode::CannotStart, &error.to_string());
                return ExitCode::FAILURE;
            }
        };
        let (demo, known, voices) = (self.demo, settings.clone(), Providers::describe(&providers));
        let served = serve(settings, providers, move |addresses| {
            announce(&banner::lines(&known, &voices, addresses), addresses);
            if demo {
                demo::start(*addresses, known.recording.dir.display().to_string());
            }
        });
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(FaultCode::CannotStart, &format!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    fn settings(&self) -> Result<Settings, Problems> {
        let mut settings = Settings::load(self.config.as_deref(), config::environment())?.settings;
        settings.http.insecure |= self.insecure;
        if self.demo && settings.log.level == "info" {
            // On a terminal the story of the demo call is told by its caller; trouble still shows.
            settings.log.level = "warn".into();
        }
        settings.check_exposure()?;
        Ok(settings)
    }
}

/// Tells whoever started the program what answers, which addresses to give away, and that calls can come. The last line
/// is for programs that wait for it.
fn announce(banner: &[String], addresses: &Addresses) {
    let ready = format!("ready http://{} admin http://{}", addresses.carriers, addresses.admin);
    let told = writeln!(io::stdout().lock(), "{}\n{ready}", banner.join("\n"));
    if told.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        tracing::warn!("standard output cannot be written to");
    }
}

fn complain(fault: FaultCode, what: &str) {
    // Where even this cannot be written nobody is left to tell.
    let _ = writeln!(io::stderr().lock(), "error: {what}\n  {fault}: docs/ERRORS.md");
}
