//! `operetta check-config`.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use super::is_printed;
use crate::config::{self, Effective, Inspection};

/// The exit code of a configuration with problems.
const UNUSABLE: u8 = 2;

/// Check the configuration: print the effective values with their origin, and all problems.
///
/// Ends with 0 if a server would start with this configuration, with 2 if not.
#[derive(Clone, Debug, Args)]
pub struct CheckConfig {
    /// The configuration file; without it, defaults and environment only
    #[arg(value_name = "FILE", env = "OPERETTA_CONFIG")]
    config: Option<PathBuf>,
    /// Print the JSON Schema of a configuration file instead
    #[arg(long)]
    schema: bool,
    /// Print the tables of docs/CONFIG.md instead
    #[arg(long, conflicts_with = "schema", hide = true)]
    markdown: bool,
}

impl CheckConfig {
    /// Checks and prints; the values go to standard output, the problems to standard error.
    pub fn run(self) -> ExitCode {
        let (out, err) = (io::stdout().lock(), io::stderr().lock());
        let (printed, code) = if self.schema {
            (print_schema(out), ExitCode::SUCCESS)
        } else if self.markdown {
            (print_tables(out), ExitCode::SUCCESS)
        } else {
            let found = config::inspect(self.config.as_deref(), config::environment());
            let code = if found.verdict().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(UNUSABLE) };
            (print_findings(&found, out, err), code)
        };
        if is_printed(&printed) { code } else { ExitCode::FAILURE }
    }
}

fn print_schema(mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{:#}", config::json_schema())
}

fn print_tables(mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{}\n{}\n{}", config::settings_table(), config::apis_table(), config::aliases_table())
}

/// Problems first: whoever cuts the values off must still learn of them.
fn print_findings(found: &Inspection, mut out: impl Write, mut err: impl Write) -> io::Result<()> {
    if let Err(problems) = found.verdict() {
        writeln!(err, "error: {problems}")?;
    }
    let width = |text: fn(&Effective) -> &str, most: usize| {
        found.effective.iter().map(|setting| text(setting).chars().count().min(most)).max().unwrap_or_default()
    };
    let (keys, values) = (width(|setting| &setting.key, 48), width(|setting| &setting.value, 40));
    for setting in &found.effective {
        writeln!(out, "{:keys$} = {:values$}  # {}", setting.key, setting.value, setting.origin)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, Write};

    use super::{super::is_printed, print_findings, print_schema, print_tables};
    use crate::config::{self, Inspection};

    /// A pipe whose reader has gone.
    struct Closed(ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn inspect(env: &[(&str, &str)]) -> Inspection {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        config::inspect(None, env.into_iter())
    }

    #[test]
    fn values_come_with_their_origin_and_problems_apart() {
        let found = inspect(&[("EXOTEL_WS_TOKEN", "hunter22"), ("OPERETTA__HTTP__WOKERS", "2")]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        print_findings(&found, &mut out, &mut err).unwrap();
        let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
        let line = |key: &str| {
            let line = out.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("no {key} in {out}"));
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("exotel.secret"), "exotel.secret = \"********\" # env:EXOTEL_WS_TOKEN");
        assert_eq!(line("http.max_calls"), "http.max_calls = 400 # default");
        assert_eq!(
            err,
            "error: the configuration is not usable\n  \
             OPERETTA__HTTP__WOKERS: unknown variable: no setting has this name\n    \
             did you mean `OPERETTA__HTTP__WORKERS`?\n  \
             list of all keys: operetta check-config --schema\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = || Closed(ErrorKind::BrokenPipe);
        let found = inspect(&[("OPERETTA__HTTP__WOKERS", "2")]);
        for printed in [
            print_schema(closed()),
            print_tables(closed()),
            print_findings(&found, closed(), Vec::new()),
            print_findings(&found, Vec::new(), closed()),
        ] {
            assert!(printed.is_err());
            assert!(is_printed(&printed));
        }
        assert!(!is_printed(&print_schema(Closed(ErrorKind::StorageFull))));
    }
}
