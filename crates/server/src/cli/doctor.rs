//! `operetta doctor`.

mod examination;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use super::{is_printed, providers::table};
use crate::{config, providers::Guests};
use examination::{Finding, Severity};

/// Find out whether the engine would work: the configuration, and every provider that some agent uses
///
/// Asks each provider what costs nothing, step by step: its name, a connection, TLS, the key, and how fast it answers.
/// Ends with 0 if all is well, with 1 if something is doubtful, with 2 if something will not work, with 78 if the configuration
/// cannot be used.
#[derive(Clone, Debug, Args)]
pub(super) struct Doctor {
    /// The configuration file; without it, defaults and environment only
    #[arg(short, long, value_name = "FILE", env = "OPERETTA_CONFIG")]
    config: Option<PathBuf>,
    /// The providers only: what is inside the program is not looked at
    #[arg(long)]
    providers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The exit code of a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const UNUSABLE: u8 = 78;

impl Doctor {
    /// Examines and prints.
    pub(super) fn run(self, guests: &Guests) -> ExitCode {
        let found = config::inspect(self.config.as_deref(), config::environment());
        let unusable = found.verdict().err();
        let mut findings = Vec::new();
        if !self.providers {
            findings.extend(examination::of_engines(&found.settings));
        }
        findings.extend(examination::of_providers(&found.settings, guests));
        let printed = if self.json { print_json(&findings, io::stdout().lock()) } else { print_table(&findings) };
        let told = unusable.as_ref().map_or(Ok(()), |problems| writeln!(io::stderr().lock(), "error: {problems}"));
        if !is_printed(&printed.and(told)) {
            return ExitCode::FAILURE;
        }
        match (unusable, findings.iter().map(|finding| finding.severity).max()) {
            (Some(_), _) => ExitCode::from(UNUSABLE),
            (None, Some(Severity::Bad)) => ExitCode::from(2),
            (None, Some(Severity::Doubtful)) => ExitCode::from(1),
            (None, Some(Severity::Good) | None) => ExitCode::SUCCESS,
        }
    }
}

fn print_table(findings: &[Finding]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let head = ["", "PROVIDER", "STEP", "MS", "FOUND"].map(str::to_owned);
    let rows = findings.iter().map(|finding| {
        let ms = finding.took.map_or_else(String::new, |took| took.as_millis().to_string());
        let subject = finding.subject.clone();
        [finding.severity.word().to_owned(), subject, finding.step.to_owned(), ms, finding.what.clone()]
    });
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>(), &mut out)?;
    if findings.is_empty() {
        writeln!(out, "no agent uses a provider that has to be reached: everything is inside the program")?;
    }
    out.flush()
}

fn print_json(findings: &[Finding], mut out: impl Write) -> io::Result<()> {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.word(), "subject": finding.subject, "step": finding.step,
                "ms": finding.took.map(|took| took.as_secs_f64() * 1000.0), "found": finding.what,
                "fault": finding.fault.map(operetta_contract::FaultCode::code),
            })
        })
        .collect();
    writeln!(out, "{:#}", json!(findings))?;
    out.flush()
}
