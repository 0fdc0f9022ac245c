//! Logs: lines for people on a terminal, JSON for machines elsewhere. What must not be logged never reaches this point:
//! numbers mask themselves, and nobody of ours hands words, digits or tokens to `tracing`. Libraries know nothing of that
//! rule (one that turns words into sounds logs every word at level debug), so from them nothing below info is taken.

use std::{
    any::Any,
    io::{self, IsTerminal},
};

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

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
        let log = log.json().flatten_event(true).with_current_span(true).with_span_list(false);
        log.finish().with(filter_fn(may_be_told)).try_init()
    } else {
        let log = log.with_target(false).with_ansi(io::stderr().is_terminal());
        log.finish().with(filter_fn(may_be_told)).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, what = literal(panic.payload()), "panic");
    }));
    Ok(())
}

/// The message of a panic, if it stands in the code as it is. Messages that were put together may hold what the code
/// stumbled over, such as a caller's words; where it stumbled says enough.
fn literal(payload: &dyn Any) -> Option<&'static str> {
    payload.downcast_ref().copied()
}

fn may_be_told(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || of.target().starts_with("operetta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_nothing_that_does_not_stand_in_the_code() {
        let caught = |panics: fn()| std::panic::catch_unwind(panics).expect_err("it panics");
        assert_eq!(literal(&*caught(|| panic!("a broken promise"))), Some("a broken promise"));
        let words = "नमस्ते";
        assert!(!words.is_char_boundary(1));
        assert_eq!(literal(&*caught(|| drop("नमस्ते"[..1].to_owned()))), None, "its message quotes the words");
    }
}
