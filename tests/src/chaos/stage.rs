//! The engine between its callers and two theatres.

use std::{thread, time::Duration};

use operetta_sim::theatre::{Api, Kind, Pace, Reply, Route, Rule, Script, Theatre};
use operetta_stage::Clock;

use super::{
    cast::{self, REPLY},
    plays::Bill,
};
use crate::{
    engine::{Engine, Setup},
    metrics::Metrics,
};

/// Two theatres and an engine that has its providers there.
#[derive(Debug)]
pub struct Stage {
    /// Who falls ill.
    pub first: Theatre,
    /// Who is well.
    pub second: Theatre,
    /// The engine.
    pub engine: Engine,
}

/// What a person tells the breakers of the first theatre's providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakers {
    /// Decide for yourselves, and forget what was.
    Free,
    /// Stay closed: every request meets the failure.
    Held,
}

/// How all providers are dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Nobody listens at their ports.
    Refuses,
    /// Connections are taken, and nothing is ever answered.
    Mute,
    /// Who listens is well; nobody thinks or speaks.
    Speechless,
}

impl Stage {
    /// How long a breaker stays open.
    pub const BREAKER_SECS: u32 = 2;

    /// Opens the theatres on threads of their own and starts the engine, which has room for `calls` and logs what
    /// `log` says.
    ///
    /// # Panics
    /// One of them cannot start.
    pub fn open(calls: usize, log: &str) -> Self {
        // A good day, on which audio comes so fast that nobody waits for phrases to be rendered ahead.
        let stage = Self::open_cold(calls, log, Pace { speed: 20.0, ..Pace::default() }, false);
        stage.engine.until_warm();
        stage
    }

    /// The same, of this pace and before anything was rendered; with doors that are `shut`, so that nothing can be.
    pub fn open_cold(calls: usize, log: &str, pace: Pace, shut: bool) -> Self {
        let script = |seed| Script { seed, pace, ..Script::default() };
        let theatre = |seed| Theatre::on_a_thread(script(seed)).expect("a port and a thread");
        let (first, second) = (theatre(7), theatre(8));
        if shut {
            first.close_door();
            second.close_door();
        }
        let config = cast::configuration(&first.base_url(), &second.base_url(), Self::BREAKER_SECS);
        let engine = Setup::new()
            .config(&config)
            .var("OPERETTA__LOG__LEVEL", log)
            .var("OPERETTA__HTTP__MAX_CALLS", &(calls + 50).to_string())
            .start();
        Self { first, second, engine }
    }

    /// An engine that needs no theatre.
    pub fn around(engine: Engine) -> Self {
        let theatre = || Theatre::on_a_thread(Script::default()).expect("a port and a thread");
        Self { first: theatre(), second: theatre(), engine }
    }

    /// Lets the first theatre play `rules`: connections that were made before are cut, and what both say next is what the
    /// agents are expected to say.
    pub fn play(&self, rules: &[Rule], breakers: Breakers, turns: usize) {
        self.first.play(rules.to_vec());
        self.cut();
        for theatre in [&self.first, &self.second] {
            for _ in 0..turns * 4 {
                theatre.say(Reply::text(REPLY));
            }
        }
        self.until_unpaused();
        self.steer(breakers);
    }

    /// From now on nobody is well, in neither theatre.
    pub fn die(&self, how: Death) {
        self.play(&[], Breakers::Free, 0);
        for theatre in [&self.first, &self.second] {
            match how {
                Death::Refuses => theatre.close_door(),
                Death::Mute => theatre.play(Bill::mute(&[Route::Any])),
                Death::Speechless => theatre.play(Bill::mute(&[Route::Kind(Kind::Llm), Route::Kind(Kind::Tts)])),
            }
        }
    }

    /// Both theatres are well again.
    pub fn revive(&self) {
        for theatre in [&self.first, &self.second] {
            theatre.play(Vec::new());
            theatre.open_door();
        }
    }

    /// Cuts every connection to the first theatre: sockets that are kept for later calls have drawn their fate already.
    fn cut(&self) {
        self.first.close_door();
        let ledger = self.first.ledger();
        patiently("connections to the first theatre are cut", || {
            ledger.connections().iter().all(|connection| connection.closed_at.is_some())
        });
        self.first.open_door();
    }

    /// Steers the breakers of the first theatre's providers.
    pub fn steer(&self, breakers: Breakers) {
        let order = match breakers {
            Breakers::Free => "auto",
            Breakers::Held => "close",
        };
        for provider in cast::providers(true) {
            let answer = self.engine.order(&format!("/providers/{provider}/breaker"), order);
            assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        }
    }

    /// Waits until no provider wants to be left alone any more.
    fn until_unpaused(&self) {
        let paused = |metrics: &Metrics| metrics.sum("operetta_provider_paused_seconds", &[]) == 0.0;
        self.engine.until("no provider is paused", Duration::from_secs(70), paused);
    }

    /// Whether every breaker is closed and nobody holds one. Breakers close while they are asked.
    pub fn closed_breakers(&self) -> bool {
        let metrics = self.engine.metrics();
        let state = |state| metrics.sum("operetta_provider_breaker_state", &[("state", state)]);
        state("open") + state("half_open") == 0.0 && metrics.sum("operetta_provider_breaker_steered", &[]) == 0.0
    }

    /// How many requests came to a door of either theatre.
    pub fn requests(&self, api: Api) -> usize {
        self.first.ledger().count(api) + self.second.ledger().count(api)
    }
}

/// Looks again and again.
///
/// # Panics
/// It does not come true within ten seconds.
pub fn patiently(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = Clock::system();
    let until = clock.now() + Duration::from_secs(10);
    while !is_so() {
        assert!(clock.now() < until, "{what}: not within ten seconds");
        thread::sleep(Duration::from_millis(5));
    }
}
