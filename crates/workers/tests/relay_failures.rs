//! Every way in which a provider fails that speaks or thinks: what the asker hears, and when.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::{rc::Rc, time::Duration};

use operetta_contract::{Complete, Completion, ErrorClass, Next, Speech, Synthesize};
use operetta_stage::Policy;
use operetta_workers::{
    account::{BreakerState, Steer},
    relay::RelayConfig,
};
use relay_theatre::{House, Notes, Part, Play, SPRY, idle, ms, on_a_lane, story::Story};

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

/// The call asks for the same sentence again: from the voice that broke off it would hear the same break.
#[test]
fn what_was_broken_off_is_said_by_the_next_voice() {
    on_a_lane(async {
        let script = &[Part::Fail(2, ErrorClass::Unavailable), Part::Good];
        let house = House::<Synthesize>::new(&[script, GOOD], RelayConfig::default());
        assert_eq!(house.hear().await.story(), "a@50 a unavailable@100: on command");
        assert_eq!(house.hear().await.story(), "a-unavailable->b b@50 b b b done");
        tokio::time::sleep(ms(3_000)).await;
        assert_eq!(house.hear().await.story(), "a@50 a a a done", "it is not held against it for long");
        house.assert_at_rest().await;
    });
}

/// The voice above it refuses, and would hand the sentence back to the one that broke off.
#[test]
fn what_was_broken_off_is_not_said_again_by_its_voice_because_another_one_refuses() {
    on_a_lane(async {
        let script = &[Part::Fail(2, ErrorClass::Unavailable), Part::Good];
        let house = House::<Synthesize>::new(&[GOOD, script, GOOD], RelayConfig::default());
        house.providers[0].account.steer(Steer::Open);
        assert_eq!(house.hear().await.story(), "a-breaker_open->b b@50 b unavailable@100: on command");
        assert_eq!(house.hear().await.story(), "a-breaker_open->c c@50 c c c done");
        house.assert_at_rest().await;
    });
}

/// What was heard of a job over a voice that plays `part` and a good one: whose audio how long, what else, and when it ended.
async fn audio_of(house: &House<Synthesize>) -> (Vec<(char, usize)>, String, u128) {
    let notes = house.hear().await;
    let (mut audio, mut rest) = (Vec::<(char, usize)>::new(), Vec::new());
    for (_, event) in notes.heard.borrow().iter() {
        match event {
            Speech::Audio(piece) => match audio.last_mut() {
                Some((_, bytes)) if piece[0] == 0xFF => *bytes += piece.len(),
                Some((name, bytes)) if *name == piece[0] as char => *bytes += piece.len(),
                _ => audio.push((piece[0] as char, piece.len())),
            },
            Speech::Switched(switch) => rest.push(format!("{}-{}->{}", switch.from, switch.error.code(), switch.to)),
            Speech::Failed(error) => rest.push(error.to_string()),
            Speech::Words(_) | Speech::Done | Speech::Lost => {}
        }
    }
    let ended = notes.heard.borrow().last().unwrap().0.as_millis();
    (audio, rest.join(" "), ended)
}

/// Each word is a sign that the model lives, and too little for a voice to go on with.
#[test]
fn a_model_that_is_slower_than_anybody_speaks_is_replaced() {
    check::<Complete>(&[&[Part::Slow], GOOD], "0 1 2 a-timeout->b 3 done@1850");
}

/// Each piece is a sign that the voice lives, and no caller hears anything of it.
#[test]
fn a_voice_that_drips_is_replaced() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Drips], GOOD], RelayConfig::default());
        let (audio, rest, ended) = audio_of(&house).await;
        assert_eq!(rest, "a-timeout->b");
        assert_eq!(audio[1], ('b', 1_600));
        assert!(audio[0].1 < 160 && ended < 1_100, "{audio:?} {ended}");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_voice_that_is_slower_than_it_plays_breaks_off() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Slow], GOOD], RelayConfig::default());
        let (_, rest, ended) = audio_of(&house).await;
        assert_eq!(rest, "Timeout: no more audio in time from a: 700 ms behind what the line needs");
        assert!(ended < 1_500, "{ended}");
        assert_eq!(house.hear().await.story(), "a-timeout->b b@50 b b b done");
        assert_eq!(house.providers[0].books().errors_of(ErrorClass::Timeout), 1);
        house.assert_at_rest().await;
    });
}

#[test]
fn a_voice_that_fades_into_silence_is_over() {
    on_a_lane(async {
        let house = House::<Synthesize>::new(&[&[Part::Fades], GOOD], RelayConfig::default());
        let (audio, rest, ended) = audio_of(&house).await;
        assert_eq!(rest, "Timeout: no more audio for 700 ms from a");
        assert_eq!(audio, [('a', 400 + 16_000)], "two seconds of silence, and no more");
        assert!(ended < 1_900, "{ended}");
        house.assert_at_rest().await;
    });
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

/// Who had as long as the asker waits, and hung, is ill, however patient the list is with it.
#[test]
fn a_provider_that_outlasts_every_asker_is_held_to_be_ill() {
    on_a_lane(async {
        let config = RelayConfig { total: ms(900), ..RelayConfig::default() };
        let house = House::<Synthesize>::new(&[&[Part::Stall(0); 5]], config);
        for _ in 0..5 {
            assert_eq!(house.hear().await.story(), "unavailable@900: every provider failed: a timeout");
        }
        let books = house.providers[0].books();
        assert_eq!((books.errors_of(ErrorClass::Timeout), books.breaker), (5, BreakerState::Open));
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

/// A provider that cannot even be asked, by its own breaker or by its worker.
fn check_unasked<J: Play>(story: impl Fn(&str) -> String)
where
    Notes<J>: Story,
{
    on_a_lane(async {
        let house = House::<J>::new(&[GOOD, GOOD], RelayConfig::default());
        house.providers[0].account.steer(Steer::Open);
        assert_eq!(house.hear().await.story(), story("breaker_open"));
        assert_eq!(house.providers[0].books().refused_breaker, 1);
        house.assert_at_rest().await;

        let house = House::<J>::with_first(Policy { seats: 0, ..SPRY }, &[GOOD, GOOD]);
        assert_eq!(house.hear().await.story(), story("busy"));
        house.assert_at_rest().await;

        // Its worker falls and is not raised again at once.
        let house = House::<J>::with_first(Policy { restarts: 0, ..SPRY }, &[&[Part::Panic(0)], GOOD]);
        assert_eq!(house.hear().await.story(), story("closed"));
        assert_eq!(house.hear().await.story(), story("unavailable"));
        assert_eq!(house.providers[0].books().refused_desk, 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!house.hear().await.story().contains("->"), "it is back");
        house.assert_at_rest().await;
    });
}

#[test]
fn a_provider_that_cannot_be_asked_is_passed_at_once() {
    check_unasked::<Synthesize>(|code| format!("a-{code}->b b@50 b b b done"));
    check_unasked::<Complete>(|code| format!("a-{code}->b 0 1 2 3 done@200"));
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
