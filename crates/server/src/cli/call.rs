//! `operetta call`.

mod lines;
mod show;
mod summary;
mod words;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{ArgAction, Args};
use operetta_caller::{
    Audience, CallPlan, CallReport, Caller, Carrier, Cue, Dice, End, Ending, Load, Progress, Script, Transcriber, Url,
};

use lines::Lines;
use show::{Paint, Show};
use words::Words;

/// The exit code of a command line that cannot be carried out: a missing file, a rate of nothing.
const UNUSABLE: u8 = 2;

/// Call a server as a carrier and a caller would, over the real protocol and in real time.
///
/// Lines (--wav, --text, --dtmf) are spoken in the order in which they are given, each after the agent has finished. Ends with 0
/// after a good call, with 1 if the greeting or an answer is missing or a rule of the carrier was broken, and with 2 if
/// there was nothing to call with.
#[derive(Clone, Debug, Args)]
pub struct Call {
    /// Carrier to play: exotel or twilio
    #[arg(long, default_value = "exotel")]
    carrier: Carrier,
    /// Webhook (http, https) or media socket (ws, wss); without it, the carrier's webhook on 127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// Dial this address instead, but keep the public names of --to for `Host` and signatures
    #[arg(long, value_name = "URL")]
    via: Option<Url>,
    #[command(flatten)]
    lines: Lines,
    /// Speak the first line when the agent has been speaking for so long, instead of after it
    #[arg(long, value_name = "MS")]
    barge_in_at: Option<u64>,
    /// After the last answer, stay so long for the agent to hang up
    #[arg(long, value_name = "MS")]
    stay: Option<u64>,
    /// The agent is not expected to speak first
    #[arg(long)]
    no_greeting: bool,
    /// Agent to ask for
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Calling number
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// Called number
    #[arg(long, value_name = "NUMBER")]
    called: Option<String>,
    /// User for Basic authentication
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password for Basic authentication
    #[arg(long, requires = "user", env = "OPERETTA_CALL_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Twilio's auth token: signs the webhook and the upgrade
    #[arg(long, value_name = "TOKEN", env = "TWILIO_AUTH_TOKEN", hide_env_values = true)]
    auth_token: Option<String>,
    /// Save the call as stereo WAV (left the caller, right the agent) with its timeline beside it as JSON; of a load, the figures
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Model files for understanding the agent's words
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// Do not make out the agent's words
    #[arg(long)]
    no_words: bool,
    /// Place so many calls and print percentiles
    #[arg(long, value_name = "N", default_value_t = 1)]
    calls: usize,
    /// Of --calls, so many at a time
    #[arg(long, value_name = "N")]
    parallel: Option<usize>,
    /// Of --calls, begin so many a second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100.0)]
    rate: f64,
    /// Let calls end in all ways there are, within so many seconds: cut, frozen, half a handshake …
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    random_deaths: Option<f64>,
    /// Seed of ids and deaths, to repeat a load
    #[arg(long)]
    seed: Option<u64>,
    /// No colours
    #[arg(long, env = "NO_COLOR", value_name = "ANY", num_args = 0..=1, default_missing_value = "1", hide_env_values = true)]
    no_color: Option<String>,
    /// Print the outcome only
    #[arg(long, short, action = ArgAction::SetTrue)]
    quiet: bool,
}

impl Call {
    /// Places the call or the load, prints it as it goes on, and says by its exit code how it went.
    pub fn run(self) -> ExitCode {
        let paint = Paint::for_terminal(self.no_color.as_deref());
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(problem) => return refuse(&problem),
        };
        let system = actix_rt::System::new();
        if self.calls == 1 && self.random_deaths.is_none() {
            system.block_on(self.one(&plan, paint))
        } else {
            system.block_on(self.many(&plan, paint))
        }
    }

    async fn one(&self, plan: &CallPlan, paint: Paint) -> ExitCode {
        let words = if self.no_words { None } else { Words::load(&self.models) };
        let mut show = Show::new(io::stdout(), plan, paint, words.is_some(), self.quiet);
        let transcriber = words.as_ref().map(|it| -> &dyn Transcriber { it });
        let report = Caller::new().place(plan, 0, Audience { observer: &mut show, transcriber }).await;
        show.outcome(&report);
        if let Some(out) = &self.out {
            match save_call(&report, out) {
                Ok(saved) => show.saved(&saved),
                Err(problem) => return refuse(&problem),
            }
        }
        if let Some(advice) = advice(&report.end, plan) {
            complain(&advice);
        }
        if report.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    async fn many(&self, plan: &CallPlan, paint: Paint) -> ExitCode {
        let load = Load {
            calls: self.calls,
            parallel: self.parallel.unwrap_or(self.calls),
            per_second: Some(self.rate),
            deaths_within: self.random_deaths.map(Duration::from_secs_f64),
        };
        let step = (self.calls / 10).max(1);
        let report = Caller::new()
            .load(plan, &load, |Progress { begun, over, failed }| {
                if over.is_multiple_of(step) && !self.quiet {
                    say(&format!("  {over:>6} over · {} going on · {failed} failed", begun - over));
                }
            })
            .await;
        say(summary::of_load(&report, paint).trim_end());
        if let Some(out) = &self.out {
            let path = out.with_extension("json");
            let figures = serde_json::to_string_pretty(&report).unwrap_or_default();
            match fs::write(&path, figures) {
                Ok(()) => say(&format!("  saved         {}", path.display())),
                Err(error) => return refuse(&format!("{} cannot be written: {error}", path.display())),
            }
        }
        if report.good == report.calls { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The call that the command line describes.
    fn plan(&self) -> Result<CallPlan, String> {
        let local = match self.carrier {
            Carrier::Exotel => "http://127.0.0.1:8080/exotel/voicebot",
            Carrier::Twilio => "http://127.0.0.1:8080/twilio/voice",
        };
        let to = self.to.clone().map_or_else(|| Url::parse(local).map_err(|error| error.to_string()), Ok)?;
        if !matches!(to.scheme(), "http" | "https" | "ws" | "wss") || to.host_str().is_none() {
            return Err("--to: expected an address such as http://127.0.0.1:8080/exotel/voicebot".to_owned());
        }
        if self.via.as_ref().is_some_and(|via| via.host_str().is_none()) {
            return Err("--via: expected an address such as http://127.0.0.1:8080".to_owned());
        }
        if self.calls == 0 || self.parallel == Some(0) {
            return Err("--calls and --parallel: expected at least 1".to_owned());
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err("--rate: expected calls a second, more than 0".to_owned());
        }
        if self.random_deaths.is_some_and(|within| !(0.0..=3600.0).contains(&within)) {
            return Err("--random-deaths: expected 0 to 3600 seconds".to_owned());
        }
        let mut script = Script::new();
        script.lines = self.lines.spoken()?;
        script.expects_greeting = !self.no_greeting;
        if let Some(ms) = self.barge_in_at {
            let first =
                script.lines.first_mut().ok_or("--barge-in-at: expected a line to speak: --wav, --text or --dtmf")?;
            first.cue = Cue::AgentSpeaking(Duration::from_millis(ms));
        }
        if let Some(ms) = self.stay {
            script.ending = Ending::AwaitEngine(Duration::from_millis(ms));
        }
        let mut plan = CallPlan::new(self.carrier, to, script);
        plan.via.clone_from(&self.via);
        plan.agent.clone_from(&self.agent);
        plan.basic = self.user.clone().zip(self.password.clone());
        plan.auth_token.clone_from(&self.auth_token);
        plan.seed = self.seed.unwrap_or_else(Dice::seed);
        if let Some(from) = &self.from {
            plan.from.clone_from(from);
        }
        if let Some(called) = &self.called {
            plan.called.clone_from(called);
        }
        Ok(plan)
    }
}

/// Writes recording and timeline; the paths written.
fn save_call(report: &CallReport, out: &Path) -> Result<Vec<PathBuf>, String> {
    let mut saved = Vec::new();
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    }
    if let Some(recording) = report.recording.as_ref().filter(|_| report.started_at_ms.is_some()) {
        recording.write_wav(out).map_err(|error| format!("{}: {error}", out.display()))?;
        saved.push(out.to_owned());
    }
    let timeline = out.with_extension("json");
    let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    fs::write(&timeline, text).map_err(|error| format!("{} cannot be written: {error}", timeline.display()))?;
    saved.push(timeline);
    Ok(saved)
}

/// What to do about a call that did not come to one: what, why, how to mend.
fn advice(end: &End, plan: &CallPlan) -> Option<String> {
    let at = plan.via.as_ref().unwrap_or(&plan.to);
    let at = format!("{}:{}", at.host_str().unwrap_or_default(), at.port_or_known_default().unwrap_or_default());
    match end {
        End::Unreached { why } | End::WebhookFailed { status: None, why } => {
            Some(format!("no connection to {at}\n  {why}\n  start a server with: operetta serve"))
        }
        End::WebhookFailed { status: Some(status @ (401 | 403)), .. }
        | End::Refused { status: status @ (401 | 403) } => {
            let mend = match plan.carrier {
                Carrier::Exotel => "give the server's credentials with --user and --password, or its secret in --to",
                Carrier::Twilio => {
                    "give the server's token with --auth-token, and its public address in --to with --via for the local one"
                }
            };
            Some(format!(
                "{at} refused the call with status {status}\n  it did not take us for {}\n  {mend}",
                plan.carrier
            ))
        }
        End::WebhookFailed { status: Some(status), why } => Some(format!(
            "the webhook at {at} gave no usable answer\n  status {status}: {why}\n  --carrier {} expects {}",
            plan.carrier,
            match plan.carrier {
                Carrier::Exotel => "JSON with a url, as /exotel/voicebot answers",
                Carrier::Twilio => "TwiML with a <Stream>, as /twilio/voice answers",
            }
        )),
        _ => None,
    }
}

fn refuse(problem: &str) -> ExitCode {
    complain(problem);
    ExitCode::from(UNUSABLE)
}

/// Prints to standard error; a closed one is nobody's loss.
fn complain(problem: &str) {
    let _closed = writeln!(io::stderr().lock(), "error: {problem}");
}

/// Prints to standard output; a reader that has seen enough (`| head`) is no failure.
fn say(line: &str) {
    let _closed = writeln!(io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::{Call, advice};
    use clap::Parser;
    use operetta_caller::{Act, Carrier, Cue, End, Ending};
    use std::time::Duration;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        call: Call,
    }

    fn parse(args: &[&str]) -> Call {
        Line::try_parse_from([&["call"], args].concat()).map(|line| line.call).unwrap()
    }

    #[test]
    fn lines_keep_the_order_of_the_command_line() {
        let call = parse(&["--text", "Good morning.", "--dtmf", "12", "--text", "Thank you.", "--barge-in-at", "300"]);
        let plan = call.plan().unwrap();
        let labels: Vec<_> = plan.script.lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["Good morning.", "12", "Thank you."]);
        assert!(matches!(&plan.script.lines[0].act, Act::Speak(clip) if clip.ms() > 400));
        assert_eq!(plan.script.lines[0].cue, Cue::AgentSpeaking(Duration::from_millis(300)));
        assert_eq!(plan.script.lines[1].cue, Cue::AgentDone);
    }

    #[test]
    fn without_an_address_the_local_webhook_is_called() {
        assert_eq!(parse(&[]).plan().unwrap().to.as_str(), "http://127.0.0.1:8080/exotel/voicebot");
        let plan = parse(&["--carrier", "twilio", "--stay", "900"]).plan().unwrap();
        assert_eq!(plan.to.as_str(), "http://127.0.0.1:8080/twilio/voice");
        assert_eq!(plan.script.ending, Ending::AwaitEngine(Duration::from_millis(900)));
    }

    #[test]
    fn what_cannot_be_carried_out_is_said_before_any_call() {
        let rows: [&[&str]; 6] = [
            &["--wav", "no-such-file.wav"],
            &["--barge-in-at", "300"],
            &["--to", "ftp://127.0.0.1/x"],
            &["--calls", "0"],
            &["--rate", "0"],
            &["--dtmf", "hello"],
        ];
        for row in rows {
            let problem = parse(row).plan().unwrap_err();
            assert!(problem.contains(row[0]), "{problem}");
        }
        assert!(Line::try_parse_from(["call", "--carrier", "pigeon"]).is_err());
        assert!(Line::try_parse_from(["call", "--user", "key"]).is_err());
    }

    #[test]
    fn a_door_that_stays_shut_comes_with_advice() {
        let plan = parse(&[]).plan().unwrap();
        let unreached = advice(&End::Unreached { why: "connection refused".to_owned() }, &plan).unwrap();
        assert!(unreached.contains("127.0.0.1:8080") && unreached.contains("operetta serve"), "{unreached}");
        assert!(advice(&End::Refused { status: 401 }, &plan).unwrap().contains("--user"));
        assert_eq!(plan.carrier, Carrier::Exotel);
        assert_eq!(advice(&End::HungUp { close_code: Some(1000) }, &plan), None);
    }
}
