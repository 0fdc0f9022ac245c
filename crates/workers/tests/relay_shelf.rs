//! The shelf behind a relay: what was paid for once is not asked for again, and nobody waits for long because of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
    time::Duration,
};

use operetta_contract::{ErrorClass, Speech, Synthesize};
use operetta_workers::{
    account::{AccountConfig, Steer},
    relay::{Fetched, Keep, LocalBoxFuture, Shelf},
};
use relay_theatre::{House, Part, Play, ms, on_a_lane, synthesize};
use tokio::sync::Notify;

/// A shelf that keeps fixed phrases by identity and voice, and lets one asker render for all.
#[derive(Clone, Default)]
struct Phrases(Rc<Inside>);

#[derive(Default)]
struct Inside {
    kept: RefCell<HashMap<String, Vec<Speech>>>,
    rendering: RefCell<HashSet<String>>,
    changed: Notify,
}

impl Shelf<Synthesize> for Phrases {
    fn fetch<'a>(&'a self, identity: &'a str, job: &'a Synthesize) -> LocalBoxFuture<'a, Fetched<Synthesize>> {
        Box::pin(async move {
            if !job.fixed {
                return Fetched::Nothing;
            }
            let key = format!("{identity}, {}", job.voice);
            loop {
                let changed = self.0.changed.notified();
                if let Some(events) = self.0.kept.borrow().get(&key) {
                    return Fetched::Found(events.clone());
                }
                if self.0.rendering.borrow_mut().insert(key.clone()) {
                    return Fetched::Render(Box::new(Pen { shelf: self.clone(), key, heard: Vec::new() }));
                }
                changed.await;
            }
        })
    }
}

struct Pen {
    shelf: Phrases,
    key: String,
    heard: Vec<Speech>,
}

impl Keep<Synthesize> for Pen {
    fn heard(&mut self, event: &Speech) {
        self.heard.push(event.clone());
    }

    fn done(mut self: Box<Self>) {
        let mut events = std::mem::take(&mut self.heard);
        events.push(Speech::Done);
        self.shelf.0.kept.borrow_mut().insert(self.key.clone(), events);
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.shelf.0.rendering.borrow_mut().remove(&self.key);
        self.shelf.0.changed.notify_waiters();
    }
}

fn fixed() -> Synthesize {
    Synthesize { fixed: true, ..synthesize() }
}

/// Who was heard, and how it ended.
fn story(heard: &[(Duration, Speech)]) -> String {
    let line = heard.iter().filter_map(|(_, event)| match event {
        Speech::Audio(audio) => Some((audio[0] as char).to_string()),
        Speech::Switched(switch) => Some(format!("-{}->{}:", switch.error.code(), switch.to)),
        Speech::Done => Some(".".into()),
        Speech::Failed(error) => Some(error.code().to_owned()),
        Speech::Words(_) | Speech::Lost => None,
    });
    line.collect()
}

async fn say(house: &House<Synthesize>) -> String {
    let asked = house.ask(fixed());
    asked.end().await;
    let heard = asked.notes.heard.borrow();
    story(&heard)
}

#[test]
fn a_phrase_is_rendered_once_and_then_read_out() {
    on_a_lane(async {
        let shelf = Phrases::default();
        let house = House::with_shelf(&[&[]], Rc::new(shelf.clone()));
        assert_eq!((say(&house).await, say(&house).await), ("aaaa.".into(), "aaaa.".into()));
        let books = house.providers[0].books();
        assert_eq!((books.requests, books.ok, books.first_output.count()), (1, 1, 1), "the shelf is nobody's request");
        // Word times were kept as well, and nothing that was held back.
        assert_eq!(shelf.0.kept.borrow().values().next().unwrap().len(), 6);
        house.hear().await;
        assert_eq!(house.providers[0].books().requests, 2, "what is said once only is not looked for");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_thousand_calls_at_once_on_a_cold_shelf_are_one_request() {
    on_a_lane(async {
        let house = House::with_shelf(&[&[]], Rc::new(Phrases::default()));
        let asked: Vec<_> = (0..1_000).map(|_| house.ask(fixed())).collect();
        for job in &asked {
            job.end().await;
            assert_eq!(story(&job.notes.heard.borrow()), "aaaa.");
        }
        assert_eq!(house.providers[0].books().requests, 1);
        house.assert_at_rest().await;
    });
}

#[test]
fn a_rendering_that_fails_is_not_kept_and_the_next_one_who_waits_renders() {
    on_a_lane(async {
        let scripts: [&[Part]; 1] = [&[Part::Fail(2, ErrorClass::Closed)]];
        let house = House::with_shelf(&scripts, Rc::new(Phrases::default()));
        let (first, second) = tokio::join!(say(&house), say(&house));
        assert_eq!((first.as_str(), second.as_str()), ("aaclosed", "aaaa."));
        assert_eq!(say(&house).await, "aaaa.");
        assert_eq!(house.providers[0].books().requests, 2);
        house.assert_at_rest().await;
    });
}

#[test]
fn a_rendering_that_is_cancelled_is_taken_up_by_who_waits() {
    on_a_lane(async {
        let house = House::with_shelf(&[&[Part::Stall(1), Part::Good]], Rc::new(Phrases::default()));
        let mut leaving = house.ask(fixed());
        tokio::time::sleep(ms(100)).await;
        let staying = house.ask(fixed());
        tokio::time::sleep(ms(100)).await;
        leaving.lease = None;
        staying.end().await;
        assert_eq!(story(&staying.notes.heard.borrow()), "aaaa.");
        house.assert_at_rest().await;
    });
}

#[test]
fn what_a_stand_in_says_is_kept_as_its_own() {
    on_a_lane(async {
        let shelf = Phrases::default();
        let house = House::with_shelf(&[&[Part::Empty, Part::Empty], &[]], Rc::new(shelf.clone()));
        assert_eq!(say(&house).await, "-empty->b:bbbb.");
        assert_eq!(say(&house).await, "-empty->b:bbbb.", "the first one is asked again, the second is on the shelf");
        assert_eq!(house.providers[1].books().requests, 1);
        assert_eq!(say(&house).await, "aaaa.");
        assert_eq!(shelf.0.kept.borrow().len(), 2);
        house.assert_at_rest().await;
    });
}

#[test]
fn what_is_on_the_shelf_needs_no_provider() {
    on_a_lane(async {
        let house = House::with_shelf(&[&[]], Rc::new(Phrases::default()));
        say(&house).await;
        house.providers[0].account.steer(Steer::Open);
        assert_eq!(say(&house).await, "aaaa.");
    });
}

#[test]
fn a_rendering_that_never_ends_leaves_the_next_provider_its_time() {
    on_a_lane(async {
        // The rendering goes on for ever, a piece every now and then would keep it alive: it is stalled from outside.
        let shelf = Phrases::default();
        shelf.0.rendering.borrow_mut().insert("a model, voice of a".into());
        let house = House::with_shelf(&[&[], &[]], Rc::new(shelf));
        let asked = house.ask(fixed());
        asked.end().await;
        let heard = asked.notes.heard.borrow();
        assert_eq!(story(&heard), "-timeout->b:bbbb.");
        assert!(heard[0].0 <= relay_theatre::TIMES.first * 2, "{:?}", heard[0].0);
        assert_eq!(house.providers[0].books().failed(), 0, "the provider was not asked");
    });
}

#[test]
fn half_an_answer_on_the_shelf_is_none() {
    on_a_lane(async {
        for half in [vec![], vec![Speech::Audio([b'x', 0].into())], vec![Speech::Done, Speech::Done]] {
            let shelf = Phrases::default();
            shelf.0.kept.borrow_mut().insert("a model, voice of a".into(), half);
            let house = House::with_shelf(&[&[]], Rc::new(shelf));
            assert_eq!(say(&house).await, "aaaa.");
        }
    });
}

#[test]
fn a_late_provider_is_overtaken_by_what_the_next_one_has_on_the_shelf() {
    use operetta_stage::{Clock, Playbill, Supervisor};
    use operetta_workers::relay::{Relay, RelayConfig};
    use relay_theatre::{Provider, SPRY, TIMES};
    on_a_lane(async {
        let shelf = Phrases::default();
        let kept = vec![Speech::Audio([b'b', 0].into()), Speech::Done];
        shelf.0.kept.borrow_mut().insert("b model, voice of b".into(), kept);
        let bill = Playbill::new("main");
        let providers = [('a', Part::Late(900)), ('b', Part::Good)]
            .map(|(name, part)| Provider::<Synthesize>::new(name, &[part], AccountConfig::default()));
        let rungs: Vec<_> = providers.iter().map(|it| it.rung(it.desk(SPRY, &bill), TIMES)).collect();
        let config = RelayConfig { hedge_after: Some(ms(300)), ..RelayConfig::default() };
        let desk = Supervisor::start(SPRY, &bill, move || {
            Relay::new(rungs.clone(), config).with_shelf(Rc::new(shelf.clone()))
        });
        let house = House { bill, clock: Clock::system(), providers: providers.to_vec(), desk };
        let asked = house.ask(Synthesize { fixed: true, ..Synthesize::example() });
        asked.end().await;
        assert_eq!(story(&asked.notes.heard.borrow()), "-timeout->b:b.");
        assert_eq!(asked.notes.heard.borrow()[1].0, ms(300));
        house.assert_at_rest().await;
        assert_eq!(house.providers[0].books().cancelled, 1);
    });
}
