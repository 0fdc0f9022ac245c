//! Somebody calls this program and is spoken to by Mynah: real sockets on both sides, nothing is pretended but the vendor.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail as the test does")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use operetta_caller::{Audience, CallPlan, CallReport, Caller, Carrier, Event, Line, Observer, Script};

/// A program that says `ready ..` when it is, and is ended with the test.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        // Reads on, so that the program never waits for a full pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let mut ready = String::new();
        while !ready.starts_with("ready ") {
            ready = told.recv_timeout(Duration::from_mins(1)).expect("it gets ready");
        }
        Self { child, ready }
    }

    /// The URLs that it is ready at.
    fn urls(&self) -> Vec<&str> {
        self.ready.split(' ').filter(|word| word.starts_with("http://")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Calls an engine whose voice is Mynah, then the engine inside the program. What the caller heard, and the metrics.
fn call(carrier: Carrier, key: &str) -> (CallReport, String) {
    let vendor = Running::start(Command::new(env!("CARGO_BIN_EXE_mynah-api")).arg("127.0.0.1:0"));
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_custom-provider"));
    serve.args(["serve", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/mynah.toml")]);
    serve.env_clear().current_dir(folder.path()).stderr(Stdio::null()).envs([
        ("OPERETTA__PROVIDERS__MYNAH__BASE_URL", vendor.urls()[0]),
        ("OPERETTA__PROVIDERS__MYNAH__KEY", key),
        ("OPERETTA__HTTP__BIND", "127.0.0.1:0"),
        ("OPERETTA__HTTP__WORKERS", "1"),
        ("OPERETTA__ADMIN__BIND", "127.0.0.1:0"),
        ("OPERETTA__SPEECH__TTS", "flite"),
    ]);
    let engine = Running::start(&mut serve);
    let [carriers, admin] = engine.urls()[..] else { panic!("two addresses expected: {}", engine.ready) };

    let path = if carrier == Carrier::Exotel { "exotel/voicebot" } else { "twilio/voice" };
    let script = Script::new().line(Line::press("1"));
    let plan = CallPlan::new(carrier, format!("{carriers}/{path}").parse().unwrap(), script);
    let report = actix::System::new().block_on(async {
        Caller::new().place(&plan, 0, Audience { observer: &mut Unwatched, transcriber: None }).await
    });
    assert_eq!(report.failures(), [], "{:?}", report.end);
    (report, get(admin.trim_start_matches("http://"), "/metrics"))
}

struct Unwatched;

impl Observer for Unwatched {
    fn saw(&mut self, _: usize, _: &Event) {}
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// Of the audible slots of 20 ms, how many percent are a tone of `hz`.
fn whistled_percent(report: &CallReport, hz: u32) -> usize {
    let heard = report.recording.as_ref().unwrap();
    let slots = heard.agent.chunks_exact(heard.rate_hz as usize / 50);
    let audible: Vec<_> = slots.filter(|slot| slot.iter().any(|sample| sample.unsigned_abs() > 300)).collect();
    assert!(audible.len() > 100, "more than 2 s of speech expected, {} slots came", audible.len());
    let periods = |slot: &&&[i16]| slot.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let whistled = audible.iter().filter(|slot| periods(slot).abs_diff(hz as usize / 50) <= 1).count();
    100 * whistled / audible.len()
}

fn value(metrics: &str, series: &str) -> u32 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(series)).unwrap_or("0");
    line.trim().parse().unwrap()
}

#[test]
fn the_caller_hears_the_new_voice() {
    for carrier in [Carrier::Exotel, Carrier::Twilio] {
        let (report, metrics) = call(carrier, "mynah-key");
        let percent = whistled_percent(&report, 620);
        assert!(percent > 95, "{carrier:?}: the voice whistles at 620 Hz, {percent} % of what was heard does");
        let ok = value(&metrics, r#"operetta_provider_requests_total{kind="tts",provider="mynah",outcome="ok"}"#);
        assert!(ok >= 2, "a greeting and an answer: {metrics}");
    }
}

/// The engine does for it what it does for all: a key that is refused opens the breaker, and the next of the list speaks.
#[test]
fn the_next_of_the_list_speaks_when_the_vendor_refuses() {
    let (report, metrics) = call(Carrier::Exotel, "another-key");
    assert!(whistled_percent(&report, 620) < 50, "flite does not whistle");
    let series = r#"operetta_provider_errors_total{kind="tts",provider="mynah",error_type="auth"}"#;
    assert!(value(&metrics, series) > 0, "{metrics}");
    let open = r#"operetta_provider_breaker_state{kind="tts",provider="mynah",state="open"}"#;
    assert_eq!(value(&metrics, open), 1, "{metrics}");
}
