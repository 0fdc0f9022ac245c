//! Waves of calls that end in every way there is, against the real binary; a line for each wave, and by how much memory
//! grows with each call: `cargo run --release -p operetta-tests --bin soak -- --calls 10000 --parallel 200`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use operetta_tests::{
    engine::Setup,
    soak::{Waves, slope_bytes, soak},
};

/// Waves of calls that end in every way there is
#[derive(Clone, Copy, Debug, Parser)]
struct Cli {
    /// Calls in all
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// Calls in each wave
    #[arg(long, default_value_t = 1000)]
    wave: usize,
    /// At most so many at a time
    #[arg(long, default_value_t = 200)]
    parallel: usize,
    /// At most so many begin in a second
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Calls die within so many seconds
    #[arg(long, default_value_t = 5.0)]
    deaths: f64,
    /// With fake providers, which cost nothing: what remains is the engine itself
    #[arg(long)]
    fakes: bool,
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let setup = if cli.fakes { Setup::fakes("speaks") } else { Setup::new() };
    let engine = setup.var("OPERETTA__LOG__LEVEL", "error").start();
    engine.until_warm();
    let before = engine.metrics();
    println!("before     fds {:>3}  rss {:>7} KiB", before.fds(), before.rss_kib());
    let waves = Waves {
        waves: cli.calls.div_ceil(cli.wave),
        calls: cli.wave,
        parallel: cli.parallel,
        per_second: cli.rate,
        deaths_within: Duration::from_secs_f64(cli.deaths),
        patience: Duration::from_secs(30),
    };
    let table = soak(&engine, &waves, |wave| println!("{wave}"));
    let total: u64 = table.iter().map(|wave| wave.report.calls).sum();
    let bad: u64 = table.iter().map(|wave| wave.report.calls - wave.report.good).sum();
    let slowest = table.iter().map(|wave| wave.quiet_after).max().unwrap_or_default();
    println!("{total} calls, {bad} with a failure, all gone at most {} ms after the last", slowest.as_millis());
    for wave in table.iter().filter(|wave| !wave.report.failures.is_empty()) {
        println!("wave {}: {:?}", wave.number, wave.report.failures);
    }
    if let Some(slope) = slope_bytes(&table) {
        println!("memory grows by {slope:.0} bytes a call over the later half");
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
