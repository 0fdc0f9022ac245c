//! The engine as a child process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use operetta_stage::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    http::{self, Answer},
    metrics::Metrics,
    program,
};

/// How an engine is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    program: PathBuf,
    args: Vec<String>,
    vars: BTreeMap<String, String>,
    config: Option<String>,
}

impl Setup {
    /// The real binary with its embedded providers on free ports, open to anybody on loopback, two lanes. Nothing of this
    /// process's environment reaches it.
    pub fn new() -> Self {
        let models = program::workspace().join("models");
        let (program, args) = (program::operetta().into(), vec!["serve".into()]);
        Self { program, args, vars: BTreeMap::new(), config: None }
            .var("OPERETTA__HTTP__BIND", "127.0.0.1:0")
            .var("OPERETTA__HTTP__WORKERS", "2")
            .var("OPERETTA__ADMIN__BIND", "127.0.0.1:0")
            .var("OPERETTA__SPEECH__MODELS_DIR", &models.display().to_string())
    }

    /// The same engine with fake providers: a voice that does `voice`, an ear for whatever is loud, a mind of one sentence.
    pub fn fakes(voice: &str) -> Self {
        Self { program: program::fakes().into(), args: vec![voice.into()], ..Self::new() }
    }

    /// The same engine with providers of another program, which is told `args`.
    pub fn of(program: &Path, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { program: program.to_owned(), args, ..Self::new() }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// Gives it a configuration file.
    #[must_use]
    pub fn config(self, text: &str) -> Self {
        Self { config: Some(text.into()), ..self }
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> Engine {
        Engine::start(self)
    }

    /// Starts it and waits for it to end by itself; its exit code and what it wrote to standard error.
    pub fn run_to_end(&self, within: Duration) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().expect("a folder of its own");
        let (child, log) = self.spawn(folder.path());
        let mut child = Owned(child);
        let ended = child.wait(within).unwrap_or_else(|| panic!("still running after {within:?}"));
        (ended.code(), fs::read_to_string(log).expect("the log can be read"))
    }

    fn spawn(&self, folder: &Path) -> (Child, PathBuf) {
        let log = folder.join("stderr.log");
        let config = self.config.as_ref().map(|text| {
            let path = folder.join("operetta.toml");
            fs::write(&path, text).expect("the configuration can be written");
            ["--config".into(), path]
        });
        let child = Command::new(&self.program)
            .args(&self.args)
            .args(config.into_iter().flatten())
            .env_clear()
            .env("OPERETTA__RECORDING__DIR", folder.join("recordings"))
            .envs(&self.vars)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the log can be made"))
            .spawn();
        (child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.program.display())), log)
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A running engine in a folder of its own. Killed when dropped.
#[derive(Debug)]
pub struct Engine {
    child: Owned,
    carriers: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
    log: PathBuf,
}

impl Engine {
    /// Loading the models takes about a second on an idle machine; this is for one that builds something meanwhile.
    const READY: Duration = Duration::from_mins(1);

    fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own");
        let (mut child, log) = setup.spawn(folder.path());
        let output = ready(&mut child);
        let child = Owned(child);
        let not_ready = || panic!("not ready: {}", fs::read_to_string(&log).unwrap_or_default());
        let line = output.recv_timeout(Self::READY).unwrap_or_else(|_| not_ready());
        let words: Vec<_> = line.split_whitespace().collect();
        let ["ready", carriers, "admin", admin] = words[..] else { panic!("expected ready .. admin .., came: {line}") };
        let address = |url: &str| {
            url.strip_prefix("http://").and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no address: {url}"))
        };
        Self { child, carriers: address(carriers), admin: address(admin), folder, log }
    }

    /// The URL of `path` on the carriers' listener, with the given scheme.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.carriers)
    }

    /// The address that carriers reach.
    pub const fn carriers(&self) -> SocketAddr {
        self.carriers
    }

    /// Asks the operators' listener.
    pub fn admin(&self, path: &str) -> Answer {
        http::get(self.admin, path)
    }

    /// Posts `body` to the operators' listener.
    pub fn order(&self, path: &str, body: &str) -> Answer {
        http::ask(self.admin, &format!("POST {path} HTTP/1.1"), &[], body)
    }

    /// All metrics now.
    pub fn metrics(&self) -> Metrics {
        let answer = self.admin("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Metrics::read(&answer.body)
    }

    /// Asks for the metrics until they are as `wanted`; the time that took.
    ///
    /// # Panics
    /// They are not so `within`.
    pub fn until(&self, what: &str, within: Duration, wanted: impl Fn(&Metrics) -> bool) -> Duration {
        let clock = Clock::system();
        let began = clock.now();
        loop {
            let metrics = self.metrics();
            let waited = clock.now().saturating_sub(began);
            if wanted(&metrics) {
                return waited;
            }
            assert!(waited < within, "{what}: not within {within:?}; now:\n{}", metrics.live());
            thread::sleep(POLL);
        }
    }

    /// Waits until nothing is left of any call; the time that took.
    pub fn until_quiet(&self, within: Duration) -> Duration {
        self.until("nothing is left of any call", within, Metrics::is_quiet)
    }

    /// Waits until what every call says has been rendered.
    pub fn until_warm(&self) -> Duration {
        self.until("every phrase is rendered", Self::READY, |metrics| {
            metrics.count("operetta_actor_instances", &[("actor", "warmer")]) == 0
        })
    }

    /// Waits until the recordings of so many calls are whole: they are written behind the calls, by a thread of their own.
    pub fn until_recorded(&self, calls: usize) -> Duration {
        self.until("every recording is whole", Duration::from_secs(10), |metrics| {
            metrics.count("operetta_recordings_total", &[("outcome", "stored")]) == calls as u64
        })
    }

    /// Where it records.
    pub fn recordings(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    /// The recordings there are, oldest first.
    pub fn recorded(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.recordings()).expect("the folder of the recordings is there");
        let mut found: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        found.sort_by_key(|path| path.metadata().and_then(|it| it.created()).ok());
        found
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }

    /// Sends it SIGTERM.
    pub fn terminate(&self) {
        let id = i32::try_from(self.child.0.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(id, Signal::TERM).expect("our own child can be signalled");
    }

    /// Kills it, as `kill -9` does; what it left behind stays readable.
    pub fn kill(&mut self) {
        self.child.0.kill().expect("our own child can be killed");
        self.child.wait(Duration::from_secs(10)).expect("a killed process ends");
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        self.child.wait(within)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            #[expect(clippy::print_stderr, reason = "beside the failure of the test that started it")]
            {
                eprintln!("--- the engine's last lines\n{}\n---", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

/// A child that does not outlive its owner.
#[derive(Debug)]
struct Owned(Child);

impl Owned {
    fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let clock = Clock::system();
        let until = clock.now() + within;
        loop {
            if let Some(ended) = self.0.try_wait().expect("our own child can be waited for") {
                return Some(ended);
            }
            if clock.now() >= until {
                return None;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line of its standard output that says where it listens; what it tells people besides is left out. Read until the
/// output ends, so that it never waits for us.
fn ready(child: &mut Child) -> Receiver<String> {
    let output = child.stdout.take().expect("standard output is a pipe");
    let (send, receive) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        for line in lines.filter(|line| line.starts_with("ready ")) {
            // Only the first one has a reader.
            let _ = send.send(line);
        }
    });
    receive
}

/// How often is looked again at what can only be asked for.
const POLL: Duration = Duration::from_millis(10);
