use std::{
    io::{self, BufRead as _, Write as _},
    time::Duration,
};

use actix_web::{App, HttpServer};
use anyhow::Context as _;
use clap::Args;
use operetta_caller::{CallPlan, Caller, Carrier, Clip, Cue, Dice, Ending, Line, Load as Calls, Script};
use operetta_local::flite::{Flite, FliteVoice};
use operetta_sim::{vendors, yardsticks};
use url::Url;

use crate::{gauge::pin, phase::Tally};

/// The callers, and everything that they and the server talk to.
#[derive(Debug, Args)]
pub(crate) struct Load {
    #[arg(long)]
    core: Option<usize>,
    #[arg(long)]
    calls: usize,
    /// Over which the calls begin, in ms.
    #[arg(long)]
    ramp_ms: u32,
    /// How long each call lasts, in ms.
    #[arg(long)]
    call_ms: u32,
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        pin(self.core)?;
        let server = HttpServer::new(|| {
            App::new().configure(vendors::configure(vendors::Manner::default())).configure(yardsticks::echo)
        })
        .workers(1)
        .tcp_nodelay(true)
        .bind(("127.0.0.1", 0))?;
        for address in server.addrs() {
            writeln!(io::stdout(), "vendors {address}")?;
        }
        actix_web::rt::System::new().block_on(async move {
            tokio::select! {
                ended = server.run() => ended.context("the vendors' server"),
                done = self.obey() => done,
            }
        })
    }

    /// Follows the orders on standard input until there are no more.
    async fn obey(&self) -> anyhow::Result<()> {
        let caller = Caller::new();
        let clip = speech()?;
        loop {
            let order = tokio::task::spawn_blocking(|| io::stdin().lock().lines().next()).await?;
            let Some(order) = order.transpose()? else { return Ok(()) };
            match *order.split(' ').collect::<Vec<_>>() {
                ["warm", ms, url] => {
                    let plan = plan(url, &clip, ms.parse()?)?;
                    let few = Calls { calls: 8, parallel: 8, per_second: None, deaths_within: None };
                    caller.load(&plan, &few, |_| {}).await;
                    writeln!(io::stdout(), "warm")?;
                }
                ["run", url] => {
                    let plan = plan(url, &clip, self.call_ms)?;
                    let per_second = Some(self.calls as f64 * 1000.0 / f64::from(self.ramp_ms));
                    let calls = Calls { calls: self.calls, parallel: self.calls, per_second, deaths_within: None };
                    writeln!(io::stdout(), "go")?;
                    let report = caller.load(&plan, &calls, |_| {}).await;
                    let tally = Tally {
                        calls: report.calls,
                        whole: report.ends.get("hung_up").copied().unwrap_or_default(),
                        frames_sent: report.traffic.frames_sent,
                        // An echo's messages are no carrier's: they were counted as broken rules.
                        frames_heard: report.traffic.frames_heard
                            + report.violations.get("unexpected_shape").copied().unwrap_or_default(),
                        late_p99_ms: report.late.at(0.99),
                        underruns: report.underruns.count,
                    };
                    writeln!(io::stdout(), "report {}", serde_json::to_string(&tally)?)?;
                }
                _ => anyhow::bail!("expected warm or run"),
            }
        }
    }
}

/// A call of `ms` in which the caller speaks in every period.
fn plan(url: &str, clip: &Clip, ms: u32) -> anyhow::Result<CallPlan> {
    let mut script = Script { expects_greeting: false, ..Script::new() };
    for begins_ms in (SPEECH_AT_MS..ms.saturating_sub(clip.ms())).step_by(PERIOD_MS as usize) {
        let at = Cue::At(Duration::from_millis(u64::from(begins_ms)));
        script = script.line(Line::speak("speech", clip.clone()).at(at).unanswered());
    }
    let script = script.ending(Ending::HangUpAt(Duration::from_millis(u64::from(ms))));
    let mut plan = CallPlan::new(Carrier::Twilio, Url::parse(url)?, script);
    plan.seed = Dice::seed();
    Ok(plan)
}

/// Four seconds of a voice.
fn speech() -> anyhow::Result<Clip> {
    let mut samples = Flite::new().speak(
        "hello there I would like to come and see the doctor about my knee and my shoulder if there is any time",
        FliteVoice::Kal16,
        RATE_HZ,
    )?;
    samples.truncate((SPEECH_MS * RATE_HZ / 1000) as usize);
    Ok(Clip::new(samples, RATE_HZ))
}

const RATE_HZ: u32 = 8000;
/// The caller speaks for so long in every period.
const SPEECH_MS: u32 = 4000;
const PERIOD_MS: u32 = 10_000;
const SPEECH_AT_MS: u32 = 600;
