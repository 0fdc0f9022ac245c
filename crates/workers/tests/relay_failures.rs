//! Every way in which a provider fails, for each kind of job: what the asker hears, and when.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::{rc::Rc, time::Duration};

use operetta_contract::{
    Complete, Completion, ErrorClass, Hearing, Next, Speech, Switch, Synthesize, Transcribe, Transcript,
};
use operetta_workers::{
    account::{AccountConfig, BreakerState, Steer},
    relay::RelayConfig,
};
use relay_theatre::{Asked, House, Notes, Part, Play, idle, ms, on_a_lane};

/// What an asker heard, on a line: outputs by who spoke, switches, the end, and the time of each turn.
trait Story {
    fn story(&self) -> String;
}

fn switch(switch: &Switch) -> String {
    format!("{}-{}->{}", switch.from, switch.error.code(), switch.to)
}

impl Story for Notes<Synthesize> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Speech::Audio(audio) if audio[1] == 0 => format!("{}@{}", audio[0] as char, at.as_millis()),
                Speech::Audio(audio) => (audio[0] as char).to_string(),
                Speech::Words(_) => return None,
                Speech::Switched(it) => switch(it),
                Speech::Done => "done".into(),
                Speech::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Speech::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}

impl Story for Notes<Complete> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Completion::Text(text) if text.trim().is_empty() => return None,
                Completion::Text(text) => text.trim().to_owned(),
                Completion::Call(_) => "call".into(),
                Completion::Switched(it) => switch(it),
                Completion::Done(_) => format!("done@{}", at.as_millis()),
                Completion::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Completion::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}

impl Story for Notes<Transcribe> {
    fn story(&self) -> String {
        let heard = self.heard.borrow();
        let line = heard.iter().filter_map(|(at, event)| {
            Some(match event {
                Transcript::Partial(_) => return None,
                Transcript::Final { text, flush } => format!("#{}[{}]", flush.map_or(-1, i64::from), text.trim()),
                Transcript::Switched(it) => switch(it),
                Transcript::Failed(error) => format!("{}@{}: {}", error.code(), at.as_millis(), error.detail),
                Transcript::Lost => "lost".into(),
            })
        });
        line.collect::<Vec<_>>().join(" ")
    }
}

/// One job over these providers, and what was heard of it.
fn check<J: Play>(scripts: &[&[Part]], story: &str)
where
    Notes<J>: Story,
{
    on_a_lane(async {
        let house = House::<J>::new(scripts, RelayConfig::default());
        let notes = house.hear().await;
        assert_eq!(notes.story(), story, "{scripts:?}");
        house.assert_at_rest().await;
        assert_eq!(notes.story(), story, "nothing comes after the end");
    });
}

const GOOD: &[Part] = &[Part::Good];

#[test]
fn an_utterance_that_has_not_begun_is_spoken_by_the_next_voice() {
    use ErrorClass::{BadRequest, Busy, Protocol, Unavailable};
    for (part, code, at) in [
        (Part::Fail(0, Unavailable), "unavailable", 50),
        (Part::Fail(0, Busy), "busy", 50),
        (Part::Fail(0, Protocol), "protocol", 50),
        (Part::Fail(0, BadRequest), "bad_request", 50),
        (Part::Empty, "empty", 50),
        (Part::Panic(0), "closed", 50),
        (Part::Drop(0), "closed", 50),
        (Part::Stall(0), "timeout", 1_050),
        (Part::Signs, "timeout", 1_050),
        (Part::Late(1_200), "timeout", 1_050),
    ] {
        check::<Synthesize>(&[&[part], GOOD], &format!("a-{code}->b b@{at} b b b done"));
    }
    check::<Synthesize>(&[GOOD, GOOD], "a@50 a a a done");
}

#[test]
fn an_utterance_that_has_begun_ends_where_its_voice_fell() {
    for (part, end) in [
        (Part::Fail(2, ErrorClass::Unavailable), "unavailable@100: on command"),
        (Part::Stall(2), "timeout@800: no more audio for 700 ms from a"),
        (Part::Panic(2), "closed@100: the worker of a died with the job"),
        (Part::Drop(2), "closed@100: the worker of a died with the job"),
    ] {
        check::<Synthesize>(&[&[part], GOOD], &format!("a@50 a {end}"));
    }
}

#[test]
fn what_one_provider_refuses_to_say_is_not_offered_to_the_next() {
    check::<Synthesize>(&[&[Part::Fail(0, ErrorClass::Refused)], GOOD], "refused@0: on command");
    check::<Complete>(&[&[Part::Fail(0, ErrorClass::Refused)], GOOD], "refused@0: on command");
}

#[test]
fn a_reply_is_continued_by_the_next_model() {
    use ErrorClass::Unavailable;
    for (part, story) in [
        (Part::Fail(0, Unavailable), "a-unavailable->b 0 1 2 3 done@200"),
        (Part::Empty, "a-empty->b 0 1 2 3 done@200"),
        (Part::Stall(0), "a-timeout->b 0 1 2 3 done@1200"),
        (Part::Signs, "a-timeout->b 0 1 2 3 done@1200"),
        (Part::Panic(0), "a-closed->b 0 1 2 3 done@200"),
        (Part::Fail(2, Unavailable), "0 1 a-unavailable->b 2 3 done@200"),
        (Part::Stall(3), "0 1 2 a-timeout->b 3 done@900"),
        (Part::Panic(1), "0 a-closed->b 1 2 3 done@200"),
        (Part::Drop(1), "0 a-closed->b 1 2 3 done@200"),
    ] {
        check::<Complete>(&[&[part], GOOD], story);
    }
    on_a_lane(async {
        let house = House::<Complete>::new(&[&[Part::Fail(2, Unavailable)], GOOD], RelayConfig::default());
        house.hear().await;
        assert_eq!(&*house.providers[1].asked.borrow()[0].said, " 0 1 ", "the next one knows what was said");
    });
}

#[test]
fn a_model_falls_and_so_does_the_next_and_the_first_takes_it_up_again() {
    let a = &[Part::Fail(1, ErrorClass::Unavailable), Part::Good];
    let b = &[Part::Fail(2, ErrorClass::Protocol)];
    check::<Complete>(&[a, b], "0 a-unavailable->b 1 2 b-protocol->a 3 done@200");
}

#[test]
fn to_hang_up_without_a_word_is_no_empty_success() {
    use operetta_workers::relay::{Memory, Resume};
    let memory = relay_theatre::complete().memory();
    assert!(memory.suffices(&Completion::Done(Next::HangUp)));
}

/// A caller who says 1, 2, pauses, says 3, pauses.
async fn two_turns(asked: &Asked<Transcribe>, between: Duration) {
    speak(asked, &[1, 2]).await;
    asked.feed(Hearing::Flush(1));
    tokio::time::sleep(between).await;
    speak(asked, &[3]).await;
    asked.feed(Hearing::Flush(2));
}

async fn speak(asked: &Asked<Transcribe>, words: &[i16]) {
    for word in words {
        asked.feed(Hearing::Samples(vec![*word; 160]));
        tokio::time::sleep(ms(20)).await;
    }
}

fn check_listening(scripts: &[&[Part]], between: Duration, story: &str) {
    on_a_lane(async {
        let house = House::<Transcribe>::new(scripts, RelayConfig::default());
        let mut asked = house.ask(Transcribe::example());
        two_turns(&asked, between).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(asked.notes.story(), story, "{scripts:?}");
        drop(asked.lease.take());
        house.assert_at_rest().await;
    });
}

#[test]
fn a_listener_that_falls_is_replaced_by_one_that_hears_what_was_not_settled() {
    use ErrorClass::Unavailable;
    check_listening(&[GOOD, GOOD], ms(200), "#1[1 2] #2[3]");
    for (part, story) in [
        (Part::Fail(0, Unavailable), "a-unavailable->b #1[1 2] #2[3]"),
        (Part::Panic(0), "a-closed->b #1[1 2] #2[3]"),
        (Part::Drop(0), "a-closed->b #1[1 2] #2[3]"),
        (Part::Stall(0), "a-timeout->b #1[1 2] #2[3]"),
        (Part::Signs, "a-timeout->b #1[1 2] #2[3]"),
        (Part::Late(900), "a-timeout->b #1[1 2] #2[3]"),
        (Part::Fail(1, Unavailable), "#1[1 2] a-unavailable->b #2[3]"),
        (Part::Panic(1), "#1[1 2] a-closed->b #2[3]"),
        (Part::Drop(1), "#1[1 2] a-closed->b #2[3]"),
        (Part::Stall(1), "#1[1 2] a-timeout->b #2[3]"),
        (Part::Twice, "#1[1 2] #2[3]"),
        (Part::Empty, "#1[] #2[]"),
    ] {
        check_listening(&[&[part], GOOD], ms(200), story);
    }
}

#[test]
fn both_flushes_of_a_caller_who_goes_on_are_answered_by_the_next_listener() {
    check_listening(&[&[Part::Stall(0)], GOOD], ms(20), "a-timeout->b #1[1 2] #2[3]");
}

#[test]
fn a_listener_is_not_hurried_while_nobody_has_paused() {
    on_a_lane(async {
        let house = House::<Transcribe>::new(&[GOOD, GOOD], RelayConfig::default());
        let mut asked = house.ask(Transcribe::example());
        tokio::time::sleep(Duration::from_mins(10)).await;
        speak(&asked, &[1]).await;
        tokio::time::sleep(Duration::from_mins(10)).await;
        asked.feed(Hearing::Flush(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(asked.notes.story(), "#1[1]");
        drop(asked.lease.take());
        house.assert_at_rest().await;
    });
}

#[test]
fn a_session_that_ends_by_itself_is_opened_again_where_it_was() {
    let expiring = &[Part::Fail(1, ErrorClass::SessionExpired), Part::Good];
    check_listening(&[expiring, GOOD], ms(200), "#1[1 2] #2[3]");
}

#[test]
fn when_all_fail_the_asker_learns_who_and_why_in_time() {
    let dead = Part::Fail(0, ErrorClass::Unavailable);
    let every = [dead; 3];
    for (scripts, detail) in [
        ([&every[..], &[Part::Stall(0); 3]], "every provider failed: a unavailable, b timeout"),
        ([&[Part::Stall(0); 3], &[Part::Stall(0); 3]], "every provider failed: a timeout, b timeout"),
        ([&[Part::Fail(0, ErrorClass::Auth); 3], &every[..]], "every provider failed: a auth, b unavailable"),
    ] {
        failing::<Synthesize>(&scripts, detail);
        failing::<Complete>(&scripts, detail);
    }
}

fn failing<J: Play>(scripts: &[&[Part]], detail: &str)
where
    Notes<J>: Story,
{
    on_a_lane(async {
        let house = House::<J>::new(scripts, RelayConfig::default());
        let story = house.hear().await;
        let ended = story.heard.borrow().last().unwrap().0;
        assert!(ended <= ms(2_520), "{ended:?} {scripts:?}");
        assert!(story.story().contains(detail), "{}", story.story());
        assert!(story.story().contains("unavailable@"), "{}", story.story());
        for provider in &house.providers {
            assert!(provider.asked.borrow().len() <= 2, "one more round at most");
        }
        house.assert_at_rest().await;
    });
}

#[test]
fn all_listeners_dead_is_a_failure_within_the_time_of_a_flush() {
    on_a_lane(async {
        let silent = [Part::Stall(0); 9];
        let house = House::<Transcribe>::new(&[&silent, &silent], RelayConfig::default());
        let asked = house.ask(Transcribe::example());
        tokio::time::sleep(Duration::from_secs(100)).await;
        speak(&asked, &[1]).await;
        asked.feed(Hearing::Flush(1));
        asked.end().await;
        let story = asked.notes.story();
        assert!(story.starts_with("a-timeout->b b-timeout->a "), "{story}");
        assert!(story.ends_with("unavailable@102520: every provider failed: a timeout, b timeout"), "{story}");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_second_round_finds_a_provider_that_was_only_down_for_a_moment() {
    let once = &[Part::Fail(0, ErrorClass::Unavailable), Part::Good];
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[once, once], RelayConfig::default());
        let story = house.hear().await.story();
        assert!(story.starts_with("a-unavailable->b b-unavailable->a a@") && story.ends_with("a a a done"), "{story}");
        assert_eq!(house.providers[0].books().retries, 1);
        house.assert_at_rest().await;
    });
    // A single provider whose worker has just fallen.
    on_a_lane(async {
        let house = House::<Complete>::new(&[&[Part::Panic(0), Part::Good]], RelayConfig::default());
        let story = house.hear().await.story();
        assert!(story.starts_with("0 1 2 3 done@"), "{story}");
    });
}

#[test]
fn a_rung_that_is_not_let_through_is_passed_at_once() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[GOOD, GOOD], RelayConfig::default());
        house.providers[0].account.steer(Steer::Open);
        assert_eq!(house.hear().await.story(), "a-breaker_open->b b@50 b b b done");
        assert!(house.providers[0].asked.borrow().is_empty());
        house.providers[1].account.steer(Steer::Open);
        let failed = house.hear().await.story();
        assert_eq!(failed, "unavailable@0: every provider failed: a breaker_open, b breaker_open");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_provider_that_wants_a_pause_gets_it_and_is_asked_again_afterwards() {
    on_a_lane(async {
        let limited = &[Part::Fail(0, ErrorClass::RateLimited)];
        let house = House::<Synthesize>::new(&[limited, GOOD], RelayConfig::default());
        assert_eq!(house.hear().await.story(), "a-rate_limited->b b@50 b b b done");
        assert_eq!(house.hear().await.story(), "a-rate_limited->b b@50 b b b done");
        assert_eq!(house.providers[0].asked.borrow().len(), 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(house.hear().await.story(), "a@50 a a a done");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_breaker_opens_and_the_next_jobs_do_not_wait_for_the_sick_one() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Stall(0); 5], GOOD], RelayConfig::default());
        for _ in 0..5 {
            assert_eq!(house.hear().await.story(), "a-timeout->b b@1050 b b b done");
        }
        assert_eq!(house.providers[0].account.breaker(), BreakerState::Open);
        assert_eq!(house.hear().await.story(), "a-breaker_open->b b@50 b b b done");
        tokio::time::sleep(Duration::from_mins(1)).await;
        for _ in 0..3 {
            assert_eq!(house.hear().await.story(), "a@50 a a a done");
        }
        assert_eq!(house.providers[0].account.breaker(), BreakerState::Closed);
        let (a, b) = (house.providers[0].books(), house.providers[1].books());
        assert_eq!((a.requests, a.ok, a.errors_of(ErrorClass::Timeout), a.switches_away), (8, 3, 5, 6));
        assert_eq!((b.requests, b.ok, b.failed(), b.switches_to), (6, 6, 0, 6));
        assert_eq!((a.first_output.count(), b.first_output.count()), (3, 6));
        house.assert_at_rest().await;
    });
}

#[test]
fn a_desk_without_a_seat_or_without_a_worker_is_passed() {
    on_a_lane(async {
        use operetta_stage::{Playbill, Policy, Supervisor};
        use operetta_workers::relay::Relay;
        use relay_theatre::{Provider, SPRY, TIMES};
        let bill = Playbill::new("main");
        let providers = ['a', 'b'].map(|name| Provider::<Synthesize>::new(name, &[], AccountConfig::default()));
        for (policy, code) in [(Policy { seats: 0, ..SPRY }, "busy"), (Policy { restarts: 0, ..SPRY }, "unavailable")] {
            let desk = providers[0].desk(policy, &bill);
            if code == "unavailable" {
                providers[0].script.borrow_mut().push_back(Part::Panic(0));
                let lone = providers[0].rung(desk.clone(), TIMES);
                let fell =
                    Supervisor::start(SPRY, &bill, move || Relay::new(vec![lone.clone()], RelayConfig::default()));
                let house =
                    House { bill: bill.clone(), clock: operetta_stage::Clock::system(), providers: vec![], desk: fell };
                assert!(house.hear().await.story().contains("unavailable@"));
                assert!(!desk.is_open());
            }
            let rungs = vec![providers[0].rung(desk, TIMES), providers[1].rung(providers[1].desk(SPRY, &bill), TIMES)];
            let relay = Supervisor::start(SPRY, &bill, move || Relay::new(rungs.clone(), RelayConfig::default()));
            let house = House {
                bill: bill.clone(),
                clock: operetta_stage::Clock::system(),
                providers: providers.to_vec(),
                desk: relay,
            };
            assert_eq!(house.hear().await.story(), format!("a-{code}->b b@50 b b b done"));
            house.assert_at_rest().await;
        }
        assert!(providers[0].books().refused_desk >= 2);
    });
}

#[test]
fn a_voice_is_cast_for_each_provider() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Empty], GOOD], RelayConfig::default());
        house.hear().await;
        for provider in &house.providers {
            assert_eq!(&*provider.asked.borrow()[0].voice, format!("voice of {}", provider.name));
        }
    });
}

#[test]
fn cancelling_releases_every_provider_at_once() {
    on_a_lane(async {
        let config = RelayConfig { hedge_after: Some(ms(100)), ..RelayConfig::default() };
        let house = House::<Synthesize>::new(&[&[Part::Stall(0)], &[Part::Stall(0)]], config);
        let mut asked = house.ask(Synthesize::example());
        tokio::time::sleep(ms(200)).await;
        assert_eq!(house.providers.iter().map(|provider| provider.open.get()).collect::<Vec<_>>(), [1, 1]);
        drop(asked.lease.take());
        idle().await;
        house.assert_at_rest().await;
        assert_eq!(house.providers.iter().map(|provider| provider.books().cancelled).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(house.providers[0].books().failed(), 0, "our own cancel is nobody's failure");
    });
}

#[test]
fn a_late_provider_is_hedged_and_the_faster_one_is_heard_alone() {
    let config = RelayConfig { hedge_after: Some(ms(300)), ..RelayConfig::default() };
    for (a, b, story) in [
        (Part::Good, Part::Good, "a@50 a a a done"),
        (Part::Late(800), Part::Good, "a-timeout->b b@350 b b b done"),
        (Part::Late(400), Part::Late(500), "a@450 a a a done"),
        (Part::Late(400), Part::Fail(0, ErrorClass::Busy), "a@450 a a a done"),
        (Part::Stall(0), Part::Late(200), "a-timeout->b b@550 b b b done"),
        (Part::Stall(0), Part::Late(900), "a-timeout->b b@1250 b b b done"),
    ] {
        on_a_lane(async {
            let house = House::<Synthesize>::new(&[&[a], &[b]], config);
            assert_eq!(house.hear().await.story(), story, "{a:?} {b:?}");
            house.assert_at_rest().await;
            let hedged = a != Part::Good;
            assert_eq!(house.providers[1].books().hedges_started, u64::from(hedged));
            let won = story.contains("b@350") || story.contains("b@550");
            assert_eq!(house.providers[1].books().hedges_won, u64::from(won), "{a:?} {b:?}");
        });
    }
    // The budget of the late one's account runs out.
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Late(400); 100], GOOD], config);
        for _ in 0..100 {
            house.hear().await;
        }
        let hedges = house.providers[1].books().hedges_started;
        assert!((10..=13).contains(&hedges), "{hedges} of 100");
    });
}

#[test]
fn a_slow_asker_slows_the_provider_down_and_is_not_taken_for_a_slow_provider() {
    use actix::{Actor, Handler, ResponseFuture};
    use operetta_contract::JobId;
    use operetta_stage::{Kind, Metered, Told};

    struct Slow(Rc<std::cell::RefCell<Vec<Speech>>>, Rc<tokio::sync::Notify>);
    impl Kind for Slow {
        const KIND: &'static str = "slow";
    }
    impl Actor for Slow {
        type Context = Metered<Self>;
    }
    impl Handler<Told<Synthesize>> for Slow {
        type Result = ResponseFuture<()>;
        fn handle(&mut self, told: Told<Synthesize>, _: &mut Metered<Self>) -> ResponseFuture<()> {
            if told.event == Speech::Done {
                self.1.notify_one();
            }
            self.0.borrow_mut().push(told.event);
            Box::pin(tokio::time::sleep(Duration::from_secs(5)))
        }
    }

    on_a_lane(async {
        let house = House::<Synthesize>::new(&[GOOD], RelayConfig::default());
        let (heard, done) = (Rc::default(), Rc::new(tokio::sync::Notify::new()));
        let (slow, _task) = Metered::run(Slow(Rc::clone(&heard), Rc::clone(&done)), 16, &house.bill);
        let began = house.clock.now();
        let _lease = house.desk.ask(JobId(1), Synthesize::example(), slow.downgrade().recipient()).unwrap();
        done.notified().await;
        let took = house.clock.now().saturating_sub(began);
        // Four pieces of audio and the sign before them, each handled in 5 s.
        assert!(took >= Duration::from_secs(25), "{took:?}");
        assert_eq!(heard.borrow().len(), 6);
        house.assert_at_rest().await;
    });
}
