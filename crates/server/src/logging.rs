//! Logs: lines for people on a terminal, JSON for machines elsewhere. What must not be logged never reaches this point:
//! numbers mask themselves, and nobody hands words, digits or tokens to `tracing`.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Starts logging for the process, to standard error: standard output belongs to what a command prints.
///
/// # Errors
/// The level is no filter that `tracing` knows, or logging was started before.
pub fn start(settings: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.level)?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if json {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        log.with_target(false).with_ansi(io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging: {error}"))
}
