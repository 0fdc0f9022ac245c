use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use operetta_sim::theatre::{Api, Auth, KEPT, Pace, RequestNote, Rule, Script, Theatre};

/// Arguments of `vendors`.
#[derive(Debug, clap::Args)]
pub(crate) struct Vendors {
    /// The port on the loopback; 0 takes any that is free.
    #[arg(long, short, default_value_t = 9999)]
    port: u16,
    /// Failures, as in `H07@0.1,tts:H09:4000@0.5,openai_chat:H12`: `[route:]code[:parameter][@chance]`.
    ///
    /// A route is `any`, a role (`tts`, `stt`, `llm`, `realtime`), a vendor (`openai`) or one of its APIs, which are named at the
    /// start. Codes H01 to H35 happen to requests, W01 to W37 to sockets; where one does not fit, nothing happens. Some that
    /// are asked for often: H02 nothing behind the head (`H02:3`, `H02:1500ms`), H03 a stall, H09 a reset, H11 a wrong key,
    /// H12 too many requests, H13 the account is used up, H17 a fault (`H17:503`), H19 an error in the middle (`H19:after`),
    /// W01 a refused upgrade (`W01:401`), W02 no answer to the upgrade, W06 the connection drops (`W06:rst`), W10 the socket is
    /// open and dead. All of them: `Play` and `WsFailure` in `crates/sim/src/theatre`.
    #[arg(long, default_value = "", value_parser = Rules::read)]
    play: Rules,
    /// The seed of the dice.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// From a request to the head of its answer, in ms.
    #[arg(long, default_value_t = 50)]
    head_ms: u64,
    /// From a request to the first audio, token or text, in ms.
    #[arg(long, default_value_t = 100)]
    first_ms: u64,
    /// How many times faster than it is played audio comes; above 0.
    #[arg(long, default_value_t = 5.0, value_parser = above_zero)]
    speed: f32,
    /// Tokens a second; above 0.
    #[arg(long, default_value_t = 60.0, value_parser = above_zero)]
    tokens: f32,
    /// How many requests are answered; without it, it goes on until it is interrupted.
    #[arg(long)]
    requests: Option<usize>,
}

#[derive(Clone, Debug)]
struct Rules(Vec<Rule>);

impl Rules {
    fn read(text: &str) -> Result<Self, String> {
        Rule::list(text).map(Self).map_err(|error| error.to_string())
    }
}

impl Vendors {
    pub(crate) fn run(self, out: &mut impl Write) -> io::Result<ExitCode> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(self.play(out))
    }

    async fn play(self, out: &mut impl Write) -> io::Result<ExitCode> {
        let pace = Pace {
            head: Duration::from_millis(self.head_ms),
            first: Duration::from_millis(self.first_ms.max(self.head_ms)),
            speed: self.speed,
            token: Duration::from_secs_f32(self.tokens.recip()),
        };
        let script = Script { seed: self.seed, ..Script::default() }.with_pace(pace).with_rules(self.play.0);
        let theatre = Theatre::start_at(self.port, script)?;
        let apis: Vec<_> = Api::ALL.iter().map(|api| api.name()).collect();
        writeln!(out, "every vendor    {}\nrefuses         {}", theatre.base_url(), theatre.base_url_refusing())?;
        writeln!(out, "never connects  {}\nroutes          {}", theatre.base_url_black_hole(), apis.join(" "))?;
        out.flush()?;
        // The line of a request is written when it has ended, and in the order in which requests came to their end.
        let mut told = Told::default();
        while self.requests.is_none_or(|requests| told.count < requests) {
            let mut ended = Vec::new();
            theatre
                .ledger()
                .until(|book| {
                    let open = (told.before..book.total()).filter_map(|id| book.request(id));
                    ended = open.filter(|note| told.is_news(note)).cloned().collect();
                    !ended.is_empty()
                })
                .await;
            for note in &ended {
                writeln!(out, "{}", line(note))?;
                told.tell(note);
            }
            out.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Which requests have their line.
#[derive(Default)]
struct Told {
    count: usize,
    /// All before this one.
    before: usize,
    /// And these behind it.
    beyond: std::collections::BTreeSet<usize>,
}

impl Told {
    fn is_news(&self, note: &RequestNote) -> bool {
        let is_over = note.ended_at.is_some() || note.cancelled_at.is_some();
        is_over && note.id >= self.before && !self.beyond.contains(&note.id)
    }

    fn tell(&mut self, note: &RequestNote) {
        self.count += 1;
        self.beyond.insert(note.id);
        // What has left the ledger will have no line any more.
        while self.beyond.len() > KEPT {
            self.before = self.beyond.pop_first().unwrap_or(self.before);
        }
        while self.beyond.remove(&self.before) {
            self.before += 1;
        }
    }
}

/// One request: when, which, how it was answered, and what was played. No key, no text.
fn line(note: &RequestNote) -> String {
    let name = note.api.map_or("-", Api::name);
    let status = note.status.map_or("---".to_owned(), |status| status.to_string());
    let ms = |at: Option<Duration>| match (at, note.received_at.unwrap_or(note.head_at)) {
        (Some(at), from) => format!("{} ms", at.saturating_sub(from).as_millis()),
        (None, _) => "-".to_owned(),
    };
    let mut line = format!(
        "{:>9.3} #{} {name} {} {} -> {status} key {} first {} end {} {} B",
        note.head_at.as_secs_f64(),
        note.id,
        note.method,
        note.path,
        match note.auth {
            Auth::Missing => "missing",
            Auth::Malformed => "malformed",
            Auth::WellFormed => "well formed",
        },
        ms(note.first_output_at),
        ms(note.ended_at),
        note.bytes_out,
    );
    let extras = [
        note.reused.then(|| "reused".to_owned()),
        note.error.as_ref().map(|error| format!("error {error}")),
        note.play.as_ref().map(|play| format!("played {play}")),
        note.cancelled_at.map(|_| format!("gone after {}", ms(note.cancelled_at))),
    ];
    for extra in extras.into_iter().flatten() {
        line.push(' ');
        line.push_str(&extra);
    }
    line
}

fn above_zero(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().map_err(|error| error.to_string())?;
    if number > 0.0 && number.is_finite() { Ok(number) } else { Err("expected a number above 0".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        vendors: Vendors,
    }

    #[test]
    fn arguments_are_checked_before_a_port_is_taken() {
        let read = |words: &[&str]| Line::try_parse_from([&["x"], words].concat());
        assert_eq!(read(&["--play", "H07@0.1,tts:H09"]).unwrap().vendors.play.0.len(), 2);
        for wrong in [["--play", "H99"], ["--speed", "0"], ["--tokens", "inf"], ["--port", "70000"]] {
            assert!(read(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn every_request_has_a_line() {
        let vendors = Line::parse_from(["x", "--port", "0", "--play", "status:H34", "--requests", "2"]).vendors;
        let (reader, mut writer) = std::io::pipe().unwrap();
        let asked = std::thread::spawn(move || {
            use std::io::{BufRead as _, BufReader, Read as _};
            let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
            let first = lines.next().unwrap();
            let address = first.split("http://").nth(1).unwrap().to_owned();
            for path in ["/v1/models", "/nowhere"] {
                let mut socket = std::net::TcpStream::connect(&address).unwrap();
                write!(socket, "GET {path} HTTP/1.0\r\nauthorization: Bearer secret\r\n\r\n").unwrap();
                socket.read_to_end(&mut Vec::new()).unwrap();
            }
            lines.collect::<Vec<_>>()
        });
        vendors.play(&mut writer).await.unwrap();
        drop(writer);
        let out = asked.join().unwrap();
        let [.., models, nowhere] = &out[..] else { panic!("{out:?}") };
        assert!(models.contains("status GET /v1/models -> 404 key well formed"), "{models}");
        assert!(models.ends_with("error model_not_found played H34"), "{models}");
        assert!(nowhere.contains("- GET /nowhere -> 404"), "{nowhere}");
        assert!(!out.concat().contains("secret"));
    }
}
