//! Every way in which a listener fails: which words are heard in the end, and that each pause is answered once.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::time::Duration;

use operetta_contract::{ErrorClass, Hearing, Transcribe};
use operetta_stage::Policy;
use operetta_workers::{account::Steer, relay::RelayConfig};
use relay_theatre::{Asked, House, Part, Play, SPRY, ms, on_a_lane, story::Story};

const GOOD: &[Part] = &[Part::Good];

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
fn a_listener_that_cannot_be_asked_is_passed_at_once() {
    on_a_lane(async {
        let shut = House::<Transcribe>::new(&[GOOD, GOOD], RelayConfig::default());
        shut.providers[0].account.steer(Steer::Open);
        let full = House::<Transcribe>::with_first(Policy { seats: 0, ..SPRY }, &[GOOD, GOOD]);
        for (house, code) in [(shut, "breaker_open"), (full, "busy")] {
            let mut asked = house.ask(Transcribe::example());
            two_turns(&asked, ms(200)).await;
            tokio::time::sleep(ms(200)).await;
            assert_eq!(asked.notes.story(), format!("a-{code}->b #1[1 2] #2[3]"));
            drop(asked.lease.take());
            house.assert_at_rest().await;
        }
    });
}

#[test]
fn a_listener_that_takes_its_time_misses_nothing() {
    on_a_lane(async {
        let house = House::<Transcribe>::new(&[&[Part::Deaf(7_000)]], RelayConfig::default());
        let mut asked = house.ask(Transcribe::example());
        // 7 s of words are more than its feed holds.
        let words: Vec<i16> = (0..350).collect();
        speak(&asked, &words).await;
        asked.feed(Hearing::Flush(1));
        tokio::time::sleep(ms(500)).await;
        let all: Vec<_> = words.iter().map(i16::to_string).collect();
        assert_eq!(asked.notes.story(), format!("#1[{}]", all.join(" ")));
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
