//! `make bench`: what a call costs.
//!
//! Three servers take the same load, each alone on one processor core, the load on another:
//!
//! - **echo**: the same socket layer as the engine's leg (actix-web-actors); each media message goes back as it came.
//! - **bridge**: a socket in, a socket out to an echo in the load's process, messages passed on and nothing else.
//! - **engine**: the real server, `operetta_server::serve::serve`, with workers that reach fake vendors over sockets
//!   (`operetta_sim::vendors`) to listen, think and speak; with the voice gate alone, with gate and Silero, and with gate and
//!   recordings.
//!
//! The load is `operetta_caller` over the Twilio wire: 50 frames a second from every caller, who speaks 4 s of every 10 s (a
//! synthetic voice, so that a real detector finds speech). Calls begin evenly over one such period, so at any time four in ten
//! callers speak. The engine's agent is set not to be interrupted and answers with 8 s of speech, three sentences, so a
//! whole turn happens every 10 s and the agent speaks four fifths of the time; the frames that it sent are counted, and costs
//! are compared a second time with the costs of as many frames on the bridge. Processor time is
//! that of the whole server process, kernel included, while all calls are up.

mod engine;
mod gauge;
mod load;
mod phase;
mod table;
mod yardstick;

use std::{
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    thread,
};

use clap::{Args, Parser, Subcommand};

use phase::{Kind, Phase, Shape};

/// Density: this engine, a plain bridge and an echo server under the same load.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
struct Bench {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    whole: Whole,
}

/// The measurement.
#[derive(Clone, Debug, Args)]
struct Whole {
    /// How many calls at a time, one round for each.
    #[arg(long, value_delimiter = ',', default_value = "100,400,800")]
    calls: Vec<usize>,
    /// Measured time of a round, in seconds; whole periods of 10 s compare best.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Which servers.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    only: Vec<Kind>,
    /// A small round of each, to see that everything runs: nothing is pinned and the figures mean nothing.
    #[arg(long)]
    short: bool,
    /// Show what server and callers log.
    #[arg(long)]
    verbose: bool,
}

/// The processes that the measurement starts: itself, in another part.
#[derive(Debug, Subcommand)]
enum Part {
    /// Be the server that is measured.
    #[command(hide = true)]
    Serve(phase::Serve),
    /// Be the callers, the vendors and the bridge's other side.
    #[command(hide = true)]
    Load(load::Load),
}

fn main() -> ExitCode {
    let bench = Bench::parse();
    let done = match bench.part {
        Some(Part::Serve(serve)) => end_with_parent().and_then(|()| serve.run()),
        Some(Part::Load(load)) => load.run(),
        None => bench.whole.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Whole {
    fn run(self) -> anyhow::Result<()> {
        let (shape, calls) = if self.short {
            (Shape::SHORT, vec![10])
        } else {
            (Shape { measure_ms: self.seconds * 1000, ..Shape::FULL }, self.calls)
        };
        let mut out = io::stdout();
        table::head(&mut out, &shape)?;
        for calls in calls {
            let mut rows = Vec::new();
            for &kind in &self.only {
                let row = Phase { kind, calls, shape, verbose: self.verbose }.run()?;
                let bridge = rows.iter().find(|row: &&phase::Row| row.kind == Kind::Bridge);
                let echo = rows.iter().find(|row| row.kind == Kind::Echo);
                table::row(&mut out, &row, bridge, echo)?;
                rows.push(row);
            }
        }
        table::foot(&mut out)?;
        Ok(())
    }
}

/// A server lives as long as the measurement that started it, and knows of its end by its standard input.
fn end_with_parent() -> anyhow::Result<()> {
    thread::Builder::new().name("parent".into()).spawn(|| {
        for _ in io::stdin().lock().lines() {}
        std::process::exit(0);
    })?;
    Ok(())
}
