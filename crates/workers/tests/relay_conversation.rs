//! A provider that leads conversations, behind a relay: its account knows how it does.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use operetta_audio::Format;
use operetta_contract::{Converse, ErrorClass, Exchange, JobId, ProviderError, Turnout};
use operetta_stage::{Ask, Clock, Desk, Kind, Lease, Metered, Playbill, Policy, Supervisor, Told};
use operetta_workers::{
    account::{Account, AccountConfig, BreakerState},
    relay::{Relay, RelayConfig, Rung, Times},
};
use tokio::sync::mpsc;

/// Answers what it is fed, or refuses.
#[derive(Clone, Default)]
struct Partner(Rc<RefCell<Seen>>);

#[derive(Default)]
struct Seen {
    refuses: bool,
    jobs: usize,
    fed: Vec<Turnout>,
}

impl Kind for Partner {
    const KIND: &'static str = "realtime";
}

impl Actor for Partner {
    type Context = Metered<Self>;
}

impl Handler<Ask<Converse>> for Partner {
    type Result = ();

    fn handle(&mut self, mut ask: Ask<Converse>, ctx: &mut Metered<Self>) {
        let seen = Rc::clone(&self.0);
        seen.borrow_mut().jobs += 1;
        let lead = async move {
            if seen.borrow().refuses {
                return ask.answer.fail(Exchange::Failed(ProviderError::new(ErrorClass::Unavailable, "refuses")));
            }
            while let Some(fed) = ask.feed.recv().await {
                let answers = matches!(fed, Turnout::Samples(_));
                seen.borrow_mut().fed.push(fed);
                let audio = Exchange::Audio { reply: 1, audio: [0; 160].into() };
                for event in [Exchange::CallerSpoke, Exchange::CallerPaused, audio] {
                    if answers && ask.answer.tell(event).await.is_err() {
                        return;
                    }
                }
            }
        };
        ctx.spawn(lead.into_actor(self));
    }
}

struct Asker(mpsc::UnboundedSender<Exchange>);

impl Kind for Asker {
    const KIND: &'static str = "asker";
}

impl Actor for Asker {
    type Context = Metered<Self>;
}

impl Handler<Told<Converse>> for Asker {
    type Result = ();

    fn handle(&mut self, told: Told<Converse>, _: &mut Metered<Self>) {
        self.0.send(told.event).unwrap();
    }
}

struct Stage {
    partner: Partner,
    account: Account,
    desk: Desk<Converse>,
    asker: Addr<Asker>,
    heard: mpsc::UnboundedReceiver<Exchange>,
}

impl Stage {
    fn set() -> Self {
        let bill = Playbill::new("test");
        let partner = Partner::default();
        let account = Account::new("partner", AccountConfig::default(), Clock::system());
        let worker = partner.clone();
        let rung = Rung {
            provider: "partner".into(),
            identity: "partner".into(),
            voice: None,
            desk: Supervisor::start(Policy::default(), &bill, move || worker.clone()),
            account: account.clone(),
            times: Times::socket(operetta_contract::Role::Realtime),
        };
        let desk = Supervisor::start(Policy::default(), &bill, move || {
            Relay::new(vec![rung.clone()], RelayConfig { total: Duration::from_secs(3), ..RelayConfig::default() })
        });
        let (tell, heard) = mpsc::unbounded_channel();
        let (asker, _detached) = Metered::run(Asker(tell), 16, &bill);
        Self { partner, account, desk, asker, heard }
    }

    fn converse(&self, id: u32) -> Lease<Converse> {
        let job = Converse {
            prompt: "Be kind.".into(),
            language: "en".into(),
            voice: "default".into(),
            format: Format::MULAW_8K,
            tools: Arc::from([]),
            dialogue: Vec::new(),
        };
        self.desk.ask(JobId(id), job, self.asker.downgrade().recipient()).unwrap()
    }
}

#[actix::test]
async fn every_answer_counts_and_everything_fed_arrives() {
    let mut stage = Stage::set();
    let lease = stage.converse(1);
    lease.feed(Turnout::Samples(vec![9; 320])).unwrap();
    for expected in [Exchange::CallerSpoke, Exchange::CallerPaused] {
        assert_eq!(stage.heard.recv().await.unwrap(), expected);
    }
    assert!(matches!(stage.heard.recv().await.unwrap(), Exchange::Audio { reply: 1, .. }));
    let cut = Turnout::Cut { reply: 1, heard_ms: 20 };
    lease.feed(cut.clone()).unwrap();
    while stage.partner.0.borrow().fed.last() != Some(&cut) {
        tokio::task::yield_now().await;
    }
    let books = stage.account.snapshot();
    assert_eq!((books.requests, books.ok), (1, 1));
}

#[actix::test]
async fn who_refuses_again_and_again_is_left_alone_by_the_next_calls() {
    let mut stage = Stage::set();
    stage.partner.0.borrow_mut().refuses = true;
    let mut id = 0;
    while stage.account.snapshot().breaker != BreakerState::Open {
        id += 1;
        assert!(id < 20, "the breaker never opens");
        let _lease = stage.converse(id);
        assert!(matches!(stage.heard.recv().await.unwrap(), Exchange::Failed(_)));
    }
    let asked = stage.partner.0.borrow().jobs;
    let _lease = stage.converse(99);
    let Exchange::Failed(error) = stage.heard.recv().await.unwrap() else { panic!("nobody is there") };
    assert!(error.detail.contains("breaker_open"), "{error}");
    assert_eq!(stage.partner.0.borrow().jobs, asked, "it was not asked again");
}
