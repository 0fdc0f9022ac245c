use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Instant, SystemTime},
};

use operetta_sim::histories::{Outcome, Plant, Run};

/// Arguments of `histories`.
#[derive(Debug, clap::Args)]
pub(crate) struct Histories {
    /// How many histories.
    #[arg(long, short, default_value_t = 1_000_000)]
    n: u64,
    /// The seed; by default another one every time. It is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// On how many threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<usize>,
    /// Play this one history of the seed and print every step.
    #[arg(long, requires = "seed")]
    only: Option<u64>,
    /// Put a mistake behind the machine, to see it found: greeting, cancel, stale, close or hangup.
    #[arg(long)]
    plant: Option<Plant>,
    /// How many of its last steps are printed of a history that breaks a promise.
    #[arg(long, default_value_t = 12)]
    tail: usize,
}

impl Histories {
    pub(crate) fn run(&self, out: &mut impl Write) -> io::Result<ExitCode> {
        let threads = self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let run = Run { seed: self.seed.unwrap_or_else(any_seed), histories: self.n, threads, plant: self.plant };
        match self.only {
            Some(index) => Self::replay(run, index, out),
            None => self.play(run, out),
        }
    }

    fn replay(run: Run, index: u64, out: &mut impl Write) -> io::Result<ExitCode> {
        let (lines, ending) = run.replay(index, None);
        for line in lines {
            writeln!(out, "{line}")?;
        }
        match ending.broken {
            Some(broken) => {
                writeln!(out, "BROKEN {broken}")?;
                Ok(ExitCode::FAILURE)
            }
            None => Ok(ExitCode::SUCCESS),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "measures the run itself; nothing inside it knows the time")]
    fn play(&self, run: Run, out: &mut impl Write) -> io::Result<ExitCode> {
        writeln!(out, "seed {} | {} histories | {} threads", run.seed, run.histories, run.threads)?;
        let started = Instant::now();
        let outcome = run.play();
        let seconds = started.elapsed().as_secs_f64();
        let Outcome { histories, steps, coverage, broken } = outcome;
        writeln!(
            out,
            "{histories} histories, {steps} steps in {seconds:.1} s: {:.0} histories/s, {:.0} steps/s",
            histories as f64 / seconds,
            steps as f64 / seconds
        )?;
        let arrows: Vec<_> = coverage.arrows().map(|(from, to, times)| format!("{from}->{to} {times}")).collect();
        let closes: Vec<_> = coverage.closes().map(|(reason, times)| format!("{} {times}", reason.as_str())).collect();
        writeln!(out, "arrows: {}\ncloses: {}", arrows.join(", "), closes.join(", "))?;
        let Some((index, broken)) = broken else {
            writeln!(out, "0 violations")?;
            return Ok(ExitCode::SUCCESS);
        };
        writeln!(out, "VIOLATION in history {index}: {broken}")?;
        for line in run.replay(index, Some(self.tail)).0 {
            writeln!(out, "{line}")?;
        }
        let plant = self.plant.map(|plant| format!(" --plant {plant}")).unwrap_or_default();
        writeln!(out, "replay: operetta-sim histories --seed {} --only {index}{plant}", run.seed)?;
        Ok(ExitCode::FAILURE)
    }
}

fn any_seed() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos().into())
}
