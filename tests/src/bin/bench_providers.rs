//! `make bench-providers`: what the engine adds to its providers' own time, how often it has a greeting rendered that a
//! thousand callers want at once, and what providers still send when a caller has cut in.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use operetta_tests::chaos::{
    figures::{cold_cache, cut_in, delay},
    round::Quantiles,
};
use serde_json::json;

/// What the engine adds to its providers' own time
#[derive(Clone, Debug, Parser)]
struct Cli {
    /// Calls whose delay is measured
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Calls at once on a cold cache
    #[arg(long, default_value_t = 1000)]
    at_once: usize,
    /// Calls whose callers cut in
    #[arg(long, default_value_t = 50)]
    cut_in: usize,
    /// Where the figures go
    #[arg(long, default_value = "target/bench-providers.json")]
    out: PathBuf,
}

fn main() -> io::Result<ExitCode> {
    let cli = Cli::parse();
    let mut out = io::stdout();
    let delay = delay(cli.calls);
    writeln!(out, "from the end of the caller's words to the first sound, {} turns, in ms", delay.turns)?;
    writeln!(out, "{:<44} {:>8} {:>8} {:>8}", "", "p50", "p99", "max")?;
    for (what, Quantiles { p50, p99, max }) in [
        ("all of it", delay.whole_us),
        ("without the fakes and the wait for the end", delay.added_us),
        ("  of that: the end is found, the model asked", delay.detect_us),
        ("  everything else that the engine added", delay.passed_us),
        ("  the model has spoken, the voice is asked", delay.voice_us),
        ("  the voice sounds, the carrier has it", delay.carry_us),
    ] {
        let ms = |us: u32| f64::from(us) / 1000.0;
        writeln!(out, "{what:<44} {:>8.1} {:>8.1} {:>8.1}", ms(p50), ms(p99), ms(max))?;
    }
    let cache = cold_cache(cli.at_once);
    writeln!(
        out,
        "\ncold cache: {} calls at once, {} greeted, {} requests for the greeting in two formats",
        cache.calls, cache.greeted, cache.requests
    )?;
    let vain = cut_in(cli.cut_in);
    writeln!(out, "\nafter the caller has cut in ({} calls)", cli.cut_in)?;
    writeln!(
        out,
        "{:<24} {:>8} {:>8} {:>10} {:>12} {:>12} {:>8}",
        "", "requests", "reused", "cancelled", "bytes", "characters", "tokens"
    )?;
    for (api, it) in &vain {
        writeln!(
            out,
            "{api:<24} {:>8} {:>8} {:>10} {:>12} {:>12} {:>8}",
            it.requests, it.reused, it.cancelled, it.bytes_after, it.characters_after, it.tokens_after
        )?;
    }
    let figures = json!({ "delay": delay, "cache": cache, "cut_in": vain });
    fs::write(&cli.out, serde_json::to_string_pretty(&figures)?)?;
    let kept = cache.requests == 2 && cache.greeted == cache.calls;
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
