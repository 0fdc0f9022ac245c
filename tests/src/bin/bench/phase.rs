use std::{
    fmt,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    str::FromStr,
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{self, Setup},
    gauge::{Reading, Usage, pin},
    yardstick,
};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A socket that sends back what it gets.
    Echo,
    /// A socket to a socket.
    Bridge,
    /// The engine, with the voice gate as its only detector.
    Gate,
    /// The engine, with gate and Silero.
    Silero,
    /// The engine, with the gate, writing recordings.
    Recorded,
}

impl Kind {
    /// All of them, yardsticks first.
    pub(crate) const ALL: [Self; 5] = [Self::Echo, Self::Bridge, Self::Gate, Self::Silero, Self::Recorded];

    const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Bridge => "bridge",
            Self::Gate => "gate",
            Self::Silero => "silero",
            Self::Recorded => "recorded",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("expected one of {}", names()))
    }
}

/// How long the parts of a round are, in ms, and whether its processes have cores of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// A few calls before anything is measured, so that what is there once is there.
    pub(crate) warm_ms: u32,
    /// Over which the calls begin.
    pub(crate) ramp_ms: u32,
    /// From the last call's beginning to the measurement.
    pub(crate) settle_ms: u32,
    /// The measurement.
    pub(crate) measure_ms: u32,
    pub(crate) pinned: bool,
}

impl Shape {
    pub(crate) const FULL: Self =
        Self { warm_ms: 3000, ramp_ms: 9700, settle_ms: 1500, measure_ms: 20_000, pinned: true };
    pub(crate) const SHORT: Self = Self { warm_ms: 300, ramp_ms: 300, settle_ms: 500, measure_ms: 3000, pinned: false };

    /// How long a call lasts.
    pub(crate) const fn call_ms(&self) -> u32 {
        self.ramp_ms + self.settle_ms + self.measure_ms + 1000
    }
}

/// One server under one load.
pub(crate) struct Phase {
    pub(crate) kind: Kind,
    pub(crate) calls: usize,
    pub(crate) shape: Shape,
    /// Shows what the processes log.
    pub(crate) verbose: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) calls: usize,
    pub(crate) usage: Usage,
    pub(crate) rss_per_call: f64,
    pub(crate) tally: Tally,
    /// Frames per second and call, from the callers and to them.
    pub(crate) heard: f64,
    pub(crate) said: f64,
}

/// What the load's process found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    /// Calls that lasted as long as they should.
    pub(crate) whole: u64,
    pub(crate) frames_sent: u64,
    /// Messages that came back: audio, and for an echo what is no carrier's audio but came in its stead.
    pub(crate) frames_heard: u64,
    /// How late the callers' own clocks were, ms: above a frame's length the load is not what it should be.
    pub(crate) late_p99_ms: f64,
    pub(crate) underruns: u64,
}

impl Phase {
    pub(crate) fn run(&self) -> anyhow::Result<Row> {
        let Shape { warm_ms, ramp_ms, settle_ms, measure_ms, pinned } = self.shape;
        let mut load = Part::start("load", pinned.then_some(LOAD_CORE), self.verbose, |command| {
            command.args(["--calls", &self.calls.to_string()]);
            command.args(["--ramp-ms", &ramp_ms.to_string(), "--call-ms", &self.shape.call_ms().to_string()]);
        })?;
        let vendors = load.expect("vendors")?;
        let mut server = Part::start("serve", pinned.then_some(SERVER_CORE), self.verbose, |command| {
            command.args(["--kind", self.kind.name(), "--vendors", &vendors]);
        })?;
        let socket = server.expect("ready")?;
        load.tell(&format!("warm {warm_ms} {socket}"))?;
        load.expect("warm")?;
        let before = Reading::of(server.child.id())?;
        load.tell(&format!("run {socket}"))?;
        load.expect("go")?;
        pause(ramp_ms + settle_ms);
        let first = Reading::of(server.child.id())?;
        pause(measure_ms);
        let last = Reading::of(server.child.id())?;
        let tally: Tally = serde_json::from_str(&load.expect("report")?)?;
        if tally.frames_sent == 0 || tally.frames_heard == 0 {
            bail!("{} at {} calls: no frames passed: {tally:?}", self.kind, self.calls);
        }
        let seconds = tally.whole.max(1) as f64 * f64::from(self.shape.call_ms()) / 1000.0;
        Ok(Row {
            kind: self.kind,
            calls: self.calls,
            usage: last.since(&first, SERVER_CORE),
            rss_per_call: last.rss_bytes.saturating_sub(before.rss_bytes) as f64 / self.calls as f64,
            heard: tally.frames_sent as f64 / seconds,
            said: tally.frames_heard as f64 / seconds,
            tally,
        })
    }
}

/// The measured process.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[arg(long)]
    core: Option<usize>,
    #[arg(long)]
    kind: Kind,
    /// Where vendors and the bridge's other side are.
    #[arg(long)]
    vendors: SocketAddr,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        pin(self.core)?;
        let recordings = std::env::temp_dir().join(format!("operetta-bench-{}", std::process::id()));
        match self.kind {
            Kind::Echo => yardstick::serve(None),
            Kind::Bridge => yardstick::serve(Some(self.vendors)),
            Kind::Gate => engine::serve(&Setup { vendors: self.vendors, silero: false, recordings: None }),
            Kind::Silero => engine::serve(&Setup { vendors: self.vendors, silero: true, recordings: None }),
            Kind::Recorded => {
                engine::serve(&Setup { vendors: self.vendors, silero: false, recordings: Some(recordings) })
            }
        }
    }
}

/// A process of this program. Ends with this value.
struct Part {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Part {
    fn start(
        name: &'static str,
        core: Option<usize>,
        verbose: bool,
        with: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        // This very program, even if its file has been replaced by a newer one meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg(name);
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        with(&mut command);
        // What they log costs as much as it would anywhere; nobody reads it here.
        command.stderr(if verbose { Stdio::inherit() } else { Stdio::null() });
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("a pipe was asked for")?;
        let lines = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
        Ok(Self { name, child, orders, lines })
    }

    fn tell(&mut self, order: &str) -> anyhow::Result<()> {
        writeln!(self.orders, "{order}").with_context(|| format!("{} is gone", self.name))
    }

    /// What follows `word` on the next line that begins with it.
    fn expect(&mut self, word: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line)? > 0 {
            if let Some(rest) = line.trim_end().strip_prefix(word) {
                return Ok(rest.trim_start().to_owned());
            }
            line.clear();
        }
        Err(anyhow!("{} ended before it said {word:?}", self.name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(std::env::temp_dir().join(format!("operetta-bench-{}", self.child.id())));
    }
}

fn pause(ms: u32) {
    thread::sleep(Duration::from_millis(u64::from(ms)));
}

const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
