//! A steady load of webhooks of both carriers against the real binary:
//! `cargo run --release -p operetta-tests --bin webhooks -- --rate 200 --seconds 10`.

use std::process::ExitCode;

use clap::Parser;
use operetta_tests::{engine::Setup, webhooks::storm};

/// A steady load of webhooks of both carriers
#[derive(Clone, Copy, Debug, Parser)]
struct Cli {
    /// Requests a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// For so many seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let token = "an-auth-token-for-one-run";
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", token).start();
    engine.until_warm();
    let storm = actix_rt::System::new().block_on(storm(&engine.url("http", ""), token, cli.rate, cli.seconds));
    println!(
        "{} requests at {}/s: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms; not 200: {} ({:.3} %); without a stream: {}",
        storm.ms.len(),
        cli.rate,
        storm.at(0.5),
        storm.at(0.99),
        storm.at(1.0),
        storm.refused(),
        100.0 * storm.refused() as f64 / storm.ms.len().max(1) as f64,
        storm.useless,
    );
    if storm.refused() == 0 && storm.useless == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
