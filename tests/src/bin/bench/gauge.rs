//! What the kernel knows of a process. Linux only, like the measurement.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// The state of a process at one moment.
#[derive(Debug)]
pub(crate) struct Reading {
    at: Instant,
    /// Processor time by name of thread, in nanoseconds.
    threads: BTreeMap<String, u64>,
    pub(crate) rss_bytes: u64,
    /// Time that each core was busy, in clock ticks of 10 ms.
    cores: Vec<u64>,
}

/// What happened between two readings.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// Processor time by name of thread.
    pub(crate) threads: BTreeMap<String, Duration>,
    /// Share of the server's core that somebody used, 0 to 1.
    pub(crate) core_busy: f64,
}

impl Reading {
    #[expect(clippy::disallowed_methods, reason = "measures another process")]
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            // A thread may end while we look at it.
            let (Ok(name), Ok(times)) =
                (fs::read_to_string(task.join("comm")), fs::read_to_string(task.join("schedstat")))
            else {
                continue;
            };
            let ran: u64 = times.split(' ').next().and_then(|ran| ran.parse().ok()).context("expected a time")?;
            *threads.entry(name.trim_end().to_owned()).or_default() += ran;
        }
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("expected a size")?;
        let rss_kb: u64 = rss.trim().trim_end_matches(" kB").parse()?;
        Ok(Self { at: Instant::now(), threads, rss_bytes: rss_kb * 1024, cores: cores()? })
    }

    pub(crate) fn since(&self, earlier: &Self, core: usize) -> Usage {
        let wall = self.at - earlier.at;
        let spent = |(name, ran): (&String, &u64)| {
            let before = earlier.threads.get(name).copied().unwrap_or_default();
            (name.clone(), Duration::from_nanos(ran.saturating_sub(before)))
        };
        let busy = |reading: &Self| reading.cores.get(core).copied().unwrap_or_default();
        Usage {
            wall,
            threads: self.threads.iter().map(spent).collect(),
            core_busy: (busy(self) - busy(earlier)) as f64 * TICK_S / wall.as_secs_f64(),
        }
    }
}

impl Usage {
    /// Processor time of the process, in ms.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.threads.values().sum::<Duration>().as_secs_f64() * 1000.0
    }

    /// Share of one core that the process used.
    pub(crate) fn share(&self) -> f64 {
        self.cpu_ms() / 1000.0 / self.wall.as_secs_f64()
    }
}

fn cores() -> anyhow::Result<Vec<u64>> {
    let stat = fs::read_to_string("/proc/stat")?;
    let cores = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "));
    let busy = |line: &str| {
        let times: Vec<u64> = line.split_whitespace().skip(1).filter_map(|time| time.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal
        times.iter().enumerate().filter(|(kind, _)| !matches!(kind, 3 | 4 | 8..)).map(|(_, time)| time).sum()
    };
    Ok(cores.map(busy).collect())
}

/// Keeps this process, and all threads it will start, on one core, and lets it open as many sockets as it may.
pub(crate) fn pin(core: Option<usize>) -> anyhow::Result<()> {
    use rustix::{
        process::{Resource, getrlimit, setrlimit},
        thread::{CpuSet, sched_setaffinity},
    };
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    if let Some(core) = core {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(None, &cores).with_context(|| format!("core {core} cannot be had"))?;
    }
    Ok(())
}

const TICK_S: f64 = 0.01;
