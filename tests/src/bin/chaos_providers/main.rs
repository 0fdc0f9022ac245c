//! `make chaos-providers`: calls through providers that fail in every way there is.
//!
//! The real engine has its providers in two theatres of fakes. The first one plays every failure in turn, each striking every
//! request that it can, with the breakers held closed so that no call is spared; then all of them by dice, with the breakers
//! free. The second theatre is well. Then both are dead, by refusing and by never answering; then both are well again. Each
//! line of the table is one round of calls; columns:
//!
//! - `ended`: calls that did not end by their caller; of providers, none may.
//! - `lines`, and what followed them: `whole` answers, the agent's `own` lines ("pardon me?"), apologies (`sorry`), answers
//!   that stopped `short`, and `none`. `moment`: how often "one moment" was heard.
//! - `p50`, `p99`, `max`: of the longest silence of each call while words were owed, in ms. The bar is 3000.
//! - `stt`, `llm`, `tts`: jobs that the second theatre took over. `errors`: failed requests. `opens`: breakers that opened.
//! - `late`: the 99th percentile of how late callers' own clocks were, in ms. `quiet`: ms until nothing was left of the calls.

mod panics;

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use operetta_caller::Ending;
use operetta_sim::theatre::Route;
use operetta_stage::Clock;
use operetta_tests::chaos::{
    cast::{AGENTS, Agent, ENDING, LED},
    plays::Bill,
    round::{BAR_MS, Row, Size, place},
    shaky,
    stage::{Breakers, Death, Stage},
};

/// Calls through providers that fail in every way there is
#[derive(Clone, Debug, Parser)]
struct Cli {
    /// Calls of each round, all at a time
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// How many calls begin in a second
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Lines of each caller
    #[arg(long, default_value_t = 2)]
    turns: usize,
    /// Only these failures, as H01,W06
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these agents, as a,e
    #[arg(long, value_delimiter = ',')]
    agents: Vec<String>,
    /// Percents of requests that fail in the mixed rounds
    #[arg(long, value_delimiter = ',', default_value = "10,30")]
    mixed: Vec<u32>,
    /// Which parts: well, each, mixed, dead, heal
    #[arg(long, value_delimiter = ',', default_value = "well,each,mixed,dead,heal")]
    parts: Vec<String>,
    /// Instead of all that: calls until so many panics and hangs have struck the workers of their providers
    #[arg(long)]
    panics: Option<usize>,
    /// Leave the breakers free when failures are played in turn
    #[arg(long)]
    free: bool,
    /// What the engine logs, as `info`; goes beside the figures when all is over
    #[arg(long, default_value = "error")]
    log: String,
    /// Where the figures go
    #[arg(long, default_value = "target/chaos-providers.json")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    if let [_, part, log] = &args[..]
        && part == SHAKY
    {
        return match shaky::serve(log.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("error: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let cli = Cli::parse();
    if let Some(wanted) = cli.panics {
        let size = Size { calls: cli.calls, per_second: cli.rate, turns: cli.turns };
        return match panics::run(size, wanted) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                say(&format!("error: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let mut chaos = Chaos {
        stage: Stage::open(cli.calls, &cli.log),
        rows: Vec::new(),
        bad: Vec::new(),
        clock: Clock::system(),
        cli,
    };
    chaos.run();
    if let Err(error) = chaos.write() {
        chaos.bad.push(format!("{}: {error}", chaos.cli.out.display()));
    }
    if chaos.bad.is_empty() {
        say("every bar was kept");
        ExitCode::SUCCESS
    } else {
        say(&format!("{} bars were missed:", chaos.bad.len()));
        chaos.bad.iter().for_each(|bad| say(bad));
        ExitCode::FAILURE
    }
}

struct Chaos {
    cli: Cli,
    stage: Stage,
    rows: Vec<Row>,
    /// What was not as it must be.
    bad: Vec<String>,
    clock: Clock,
}

impl Chaos {
    fn run(&mut self) {
        say(&Row::head());
        if self.has("well") {
            self.round(&Bill::well(), Breakers::Free);
        }
        if self.has("each") {
            let breakers = if self.cli.free { Breakers::Free } else { Breakers::Held };
            let only = self.cli.only.clone();
            for bill in Bill::each().into_iter().filter(|bill| only.is_empty() || only.contains(&bill.name)) {
                self.round(&bill, breakers);
            }
        }
        if self.has("mixed") {
            for percent in self.cli.mixed.clone() {
                self.round(&Bill::mixed(percent), Breakers::Free);
            }
        }
        if self.has("dead") {
            self.dead();
        }
        if self.has("heal") {
            self.heal();
        }
    }

    fn has(&self, part: &str) -> bool {
        self.cli.parts.iter().any(|it| it == part)
    }

    /// The agents whose calls a bill can strike.
    fn agents(&self, bill: &Bill) -> Vec<Agent> {
        let wanted = |agent: &&Agent| {
            (self.cli.agents.is_empty() || self.cli.agents.iter().any(|name| name == agent.name))
                && bill.strikes(agent.doors())
        };
        AGENTS.iter().chain([&LED]).filter(wanted).copied().collect()
    }

    const fn size(&self) -> Size {
        Size { calls: self.cli.calls, per_second: self.cli.rate, turns: self.cli.turns }
    }

    /// A round in which somebody is well: every line is answered, and nobody waits too long.
    fn round(&mut self, bill: &Bill, breakers: Breakers) {
        let agents = self.agents(bill);
        if agents.is_empty() {
            return;
        }
        self.stage.play(&bill.rules, breakers, self.cli.calls * self.cli.turns);
        let row = self.calls(&bill.name, &agents, Ending::HangUp);
        let meant = |how: &str| bill.calls_tools() && how.starts_with("agent hung up (close 1000)");
        let ended: usize = row.ended.iter().filter(|(how, _)| !meant(how)).map(|it| it.1).sum();
        self.check(&row, "calls were ended", ended);
        self.check(&row, "greetings were not heard", row.greetings_missing);
        if !bill.calls_tools() {
            self.check(&row, "lines were not said", row.unsaid);
            self.check(&row, "lines were not answered", row.unanswered);
        }
        // Who loses the one provider that led them in the middle of an answer hears an apology; then others take over.
        let led: usize = row.not_whole.iter().filter(|(what, _)| what.starts_with("e Apology")).map(|it| it.1).sum();
        self.check(&row, "apologies although somebody was well", row.apologies - led);
        self.rows.push(row);
    }

    /// Nobody is well. Callers hear the apology, and then what the agent is to do without providers.
    fn dead(&mut self) {
        for (name, how) in [("refused", Death::Refuses), ("mute", Death::Mute), ("speechless", Death::Speechless)] {
            self.stage.die(how);
            let row = self.calls(&format!("dead: {name}"), &AGENTS, Ending::HangUp);
            let ended: usize = row.ended.values().sum();
            self.check(&row, "calls were ended", ended);
            self.check(&row, "lines were not said", row.unsaid);
            self.check(&row, "lines without an apology", row.lines.saturating_sub(row.apologies + row.own_lines));
            if how == Death::Speechless {
                self.check(&row, "lines without the recorded apology", row.lines.saturating_sub(row.apologies));
            }
            self.rows.push(row);
            let row = self.calls(&format!("{name}: end"), &ENDING, Ending::AwaitEngine(Duration::from_secs(20)));
            let closed: usize =
                row.ended.iter().filter(|(how, _)| how.starts_with("agent hung up")).map(|it| it.1).sum();
            self.check(&row, "calls did not end as on_failure says", row.calls - closed);
            self.rows.push(row);
            self.stage.revive();
        }
    }

    /// Everybody is well again: breakers close by themselves, while they are asked.
    fn heal(&mut self) {
        self.stage.play(&[], Breakers::Free, self.cli.calls * self.cli.turns * 4);
        // Held breakers were let go with their memory of ills. These have to open by themselves first.
        self.stage.first.play(Bill::mute(&[Route::Any]));
        let _ill = self.calls("ill", &AGENTS, Ending::HangUp);
        self.stage.first.play(Vec::new());
        let since = self.clock.now();
        let small = Size { calls: 20, per_second: 20.0, turns: 1 };
        while !self.stage.closed_breakers() {
            if self.clock.now().saturating_sub(since) > Duration::from_secs(90) {
                self.bad.push("heal: breakers did not close within 90 s".to_owned());
                break;
            }
            place(&self.stage, &AGENTS, small, Ending::HangUp);
        }
        say(&format!(
            "breakers were closed {} s after the first theatre was well",
            self.clock.now().saturating_sub(since).as_secs()
        ));
        self.round(&Bill::well(), Breakers::Free);
        if let Some(row) = self.rows.last()
            && row.switches > 0
        {
            self.bad.push(format!("heal: {} jobs still left the first theatre", row.switches));
        }
        let metrics = self.stage.engine.metrics();
        for gauge in ["operetta_provider_queue_depth", "operetta_provider_seats_in_use", "operetta_jobs_open"] {
            if metrics.sum(gauge, &[]) != 0.0 {
                self.bad.push(format!("heal: {gauge} is {}", metrics.sum(gauge, &[])));
            }
        }
    }

    fn calls(&mut self, name: &str, agents: &[Agent], ending: Ending) -> Row {
        let before = self.stage.engine.metrics();
        let done = place(&self.stage, agents, self.size(), ending);
        let quiet_after = self.stage.engine.until_quiet(Duration::from_secs(30));
        let after = self.stage.engine.metrics();
        let mut row = Row::of(name, &done, &before, &after);
        row.quiet_after_ms = quiet_after.as_millis() as u64;
        say(&row.to_string());
        self.check(&row, "ms of silence", if row.silence.max > BAR_MS { row.silence.max as usize } else { 0 });
        self.check(&row, "panics", row.panics as usize);
        row
    }

    fn check(&mut self, row: &Row, what: &str, count: usize) {
        if count > 0 {
            self.bad.push(format!("{}: {count} {what}", row.bill));
        }
    }

    fn write(&self) -> io::Result<()> {
        fs::write(self.cli.out.with_extension("log"), self.stage.engine.log())?;
        fs::write(&self.cli.out, serde_json::to_string_pretty(&self.rows)?)
    }
}

/// What this program is called as when it is to be the engine with shaky workers.
const SHAKY: &str = "serve-shaky";

/// A line for whoever waits for it.
fn say(line: &str) {
    let mut out = io::stdout();
    // Nobody is left to tell if this cannot be written.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
