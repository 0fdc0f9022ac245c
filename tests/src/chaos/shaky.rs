//! Workers that panic and hang at random moments, behind the relay and supervision of the real engine.
//!
//! A panic inside a vendor's worker cannot be had from outside, so here the workers themselves are ours. Each role has two: the
//! first one is ill, the second one is well.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, Write as _},
    path::Path,
    rc::Rc,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use actix::prelude::*;
use operetta_audio::{g711, tone};
use operetta_caller::Dice;
use operetta_contract::{
    Complete, Completion, Detect, Hearing, Next, Outcome, Role, Speech, Synthesize, Transcribe, Transcript,
};
use operetta_local::{Config, Engines};
use operetta_server::{
    config::{Settings, environment},
    providers::Providers,
    serve,
};
use operetta_session::{Casting, Desks};
use operetta_stage::{Answer, Ask, Clock, Desk, Kind, Metered, Playbill, Policy, Supervisor};
use operetta_workers::{
    account::{Account, AccountConfig, Steer},
    relay::{Relay, RelayConfig, Resume, Rung, Times},
};
use tokio::time::sleep;

use super::cast::REPLY;

/// Of a hundred jobs (of listeners: flushes) so many fall to an ill worker's fate.
const ILL_PERCENT: u64 = 40;

/// Serves calls with such workers until it is ended. `log` gets a line for each thing that was done to one: `hang`, or `back`
/// with the µs from a panic until the next life of the worker.
///
/// # Errors
/// The log cannot be made, or the engine cannot start.
pub fn serve(log: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::load(None, environment())?.settings;
    let mut file = File::create(log)?;
    let (tell, told) = mpsc::channel::<String>();
    thread::Builder::new()
        .name("log".into())
        .spawn(move || -> io::Result<()> { told.into_iter().try_for_each(|line| file.write_all(line.as_bytes())) })?;
    let vad_only = Config { models: None, vad_threads: 1, ..Config::default() };
    let shaky = Shaky { engines: Engines::start(&vad_only)?, accounts: Accounts::new(), tell };
    serve::serve(settings, shaky, |addresses| {
        // Whoever started us gives up without this line.
        let _ = writeln!(io::stdout(), "ready http://{} admin http://{}", addresses.carriers, addresses.admin);
    })?;
    Ok(())
}

#[derive(Clone)]
struct Shaky {
    engines: Engines,
    accounts: Accounts,
    tell: mpsc::Sender<String>,
}

/// What all lanes know of the six providers.
#[derive(Clone)]
struct Accounts(Arc<Vec<(Role, [Account; 2])>>);

impl Accounts {
    fn new() -> Self {
        let clock = Clock::system();
        let account = |name: &str, role: Role| {
            let account = Account::new(format!("{name}_{}", role.as_str()), AccountConfig::default(), clock.clone());
            // No call is to be spared, however often its provider has fallen.
            account.steer(Steer::Close);
            account
        };
        let both = |role| (role, [account("one", role), account("two", role)]);
        Self(Arc::new([Role::Stt, Role::Llm, Role::Tts].map(both).to_vec()))
    }

    fn of(&self, role: Role) -> [Account; 2] {
        let found = self.0.iter().find(|(known, _)| *known == role);
        found.map_or_else(|| unreachable!("every role that is relayed is there"), |(_, accounts)| accounts.clone())
    }
}

impl Providers for Shaky {
    fn casting(&self, policy: Policy, bill: &Playbill) -> Casting {
        let vad = self.engines.clone();
        Desks {
            vad: Supervisor::start::<Detect, _>(policy, bill, move || vad.detector()),
            stt: self.relayed::<Transcribe>(policy, bill, Duration::from_secs(3)),
            llm: self.relayed::<Complete>(policy, bill, Duration::from_secs(5)),
            tts: self.relayed::<Synthesize>(policy, bill, Duration::from_secs(4)),
            realtime: None,
        }
        .into()
    }

    fn default_voice(&self, _: &Settings) -> String {
        "fake".into()
    }

    fn describe(&self) -> Vec<String> {
        vec!["workers that panic and hang".to_owned()]
    }
}

impl Shaky {
    fn relayed<J: Work>(&self, policy: Policy, bill: &Playbill, total: Duration) -> Desk<J> {
        let [one, two] = self.accounts.of(J::ROLE);
        // A worker that falls ten times a second is let live again all the same: else it would soon not be asked any more.
        let patient = Policy { restarts: usize::MAX, ..policy };
        let rung = |account: Account, ill: bool| Rung {
            provider: Arc::clone(account.name()),
            identity: Arc::clone(account.name()),
            voice: None,
            desk: self.worker::<J>(patient, bill, ill),
            account,
            times: Times::socket(J::ROLE),
        };
        let rungs = vec![rung(one, true), rung(two, false)];
        let config = RelayConfig { total, ..RelayConfig::default() };
        Supervisor::start::<J, _>(policy, bill, move || Relay::new(rungs.clone(), config))
    }

    fn worker<J: Work>(&self, policy: Policy, bill: &Playbill, ill: bool) -> Desk<J> {
        let doom = Rc::new(Doom {
            ill,
            dice: RefCell::new(Dice::new(Dice::seed())),
            clock: Clock::system(),
            fell_at: Cell::new(None),
            tell: self.tell.clone(),
        });
        Supervisor::start::<J, _>(policy, bill, move || {
            doom.is_back();
            Worker { doom: Rc::clone(&doom) }
        })
    }
}

/// What happens to one worker in all its lives.
struct Doom {
    ill: bool,
    dice: RefCell<Dice>,
    clock: Clock,
    fell_at: Cell<Option<Duration>>,
    tell: mpsc::Sender<String>,
}

/// What is to happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Well,
    /// Panic after so many outputs.
    Panic(u64),
    /// Nothing more comes after so many outputs.
    Hang(u64),
}

impl Doom {
    fn fate(&self) -> Fate {
        let mut dice = self.dice.borrow_mut();
        if !self.ill || dice.below(100) >= ILL_PERCENT {
            return Fate::Well;
        }
        let after = dice.below(4);
        if dice.below(2) == 0 { Fate::Panic(after) } else { Fate::Hang(after) }
    }

    fn panics(&self) -> ! {
        self.fell_at.set(Some(self.clock.now()));
        panic!("the worker panics, as it was told");
    }

    fn hangs(&self) {
        // The reader ends with the process.
        let _ = self.tell.send("hang\n".to_owned());
    }

    fn is_back(&self) {
        if let Some(fell_at) = self.fell_at.take() {
            let _ = self.tell.send(format!("back {}\n", self.clock.now().saturating_sub(fell_at).as_micros()));
        }
    }
}

struct Worker {
    doom: Rc<Doom>,
}

impl Kind for Worker {
    const KIND: &'static str = "shaky";
}

impl Actor for Worker {
    type Context = Metered<Self>;
}

/// A job that such a worker does.
trait Work: Resume {
    /// Does it, or what `doom` wants.
    fn work(ask: Ask<Self>, doom: Rc<Doom>) -> impl Future<Output = ()> + 'static;
}

impl<J: Work> Handler<Ask<J>> for Worker {
    type Result = ();

    fn handle(&mut self, ask: Ask<J>, ctx: &mut Metered<Self>) {
        ctx.spawn(J::work(ask, Rc::clone(&self.doom)).into_actor(self));
    }
}

/// Tells what there is, one after the other, or as far as fate lets it.
async fn recite<J: Outcome>(
    answer: Answer<J>,
    doom: &Doom,
    pause: Duration,
    outputs: impl IntoIterator<Item = J::Event>,
    done: J::Event,
) {
    let fate = doom.fate();
    for (told, output) in (0..).zip(outputs) {
        match fate {
            Fate::Panic(after) if after == told => doom.panics(),
            Fate::Hang(after) if after == told => {
                doom.hangs();
                return answer.cancelled().await;
            }
            Fate::Well | Fate::Panic(_) | Fate::Hang(_) => {}
        }
        sleep(pause).await;
        if answer.tell(output).await.is_err() {
            return;
        }
    }
    answer.finish(done);
}

impl Work for Synthesize {
    async fn work(ask: Ask<Self>, doom: Rc<Doom>) {
        let format = ask.job.format;
        let ms = 65 * ask.job.text.chars().count() as u32;
        let mut bytes = Vec::new();
        g711::encode_into(format.encoding, &tone::sine(440.0, ms / 4, format.rate_hz, -12.0), &mut bytes);
        let quarter: Arc<[u8]> = bytes.into();
        let outputs = (0..4).map(move |_| Speech::Audio(Arc::clone(&quarter)));
        recite(ask.answer, &doom, Duration::from_millis(40), outputs, Speech::Done).await;
    }
}

impl Work for Complete {
    async fn work(ask: Ask<Self>, doom: Rc<Doom>) {
        // What another has said already is not said again.
        let rest = REPLY.strip_prefix(&*ask.job.said).unwrap_or(REPLY);
        let words: Vec<_> = rest.split_inclusive(' ').map(|word| Completion::Text(word.into())).collect();
        recite(ask.answer, &doom, Duration::from_millis(15), words, Completion::Done(Next::Listen)).await;
    }
}

impl Work for Transcribe {
    async fn work(mut ask: Ask<Self>, doom: Rc<Doom>) {
        while let Some(hearing) = ask.feed.recv().await {
            let Hearing::Flush(flush) = hearing else { continue };
            match doom.fate() {
                Fate::Well => {}
                Fate::Panic(_) => doom.panics(),
                Fate::Hang(_) => {
                    doom.hangs();
                    return ask.answer.cancelled().await;
                }
            }
            sleep(Duration::from_millis(60)).await;
            let heard = Transcript::Final { text: "something".into(), flush: Some(flush) };
            if ask.answer.tell(heard).await.is_err() {
                return;
            }
        }
    }
}
