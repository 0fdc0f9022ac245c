//! The account of a provider: its breaker, its seats, its pause, its books, as the lanes see them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{sync::Arc, time::Duration};

use operetta_contract::{ErrorClass, ProviderError};
use operetta_stage::{Clock, Hand};
use operetta_workers::account::{Account, AccountConfig, Attempt, BreakerState, Pass, Refusal, Steer};

const NO_WAIT: Duration = Duration::ZERO;

fn by_hand(config: AccountConfig) -> (Account, Hand) {
    let (clock, hand) = Clock::by_hand();
    (Account::new("deepgram", config, clock), hand)
}

async fn ask(account: &Account) -> Result<Pass, Refusal> {
    let mut pass = account.admit(NO_WAIT).await?;
    pass.asked(Attempt::First);
    Ok(pass)
}

async fn fail(account: &Account, class: ErrorClass) {
    ask(account).await.unwrap().bad(&ProviderError::new(class, "on command"));
}

async fn succeed(account: &Account) {
    ask(account).await.unwrap().good();
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn five_illnesses_in_a_row_open_it_and_three_good_probes_close_it() {
    let (account, hand) = by_hand(AccountConfig::default());
    for _ in 0..4 {
        fail(&account, ErrorClass::Timeout).await;
    }
    succeed(&account).await;
    for _ in 0..5 {
        assert_eq!(account.breaker(), BreakerState::Closed);
        fail(&account, ErrorClass::Unavailable).await;
    }
    assert_eq!(account.breaker(), BreakerState::Open);
    assert_eq!(ask(&account).await.unwrap_err(), Refusal::BreakerOpen { after: seconds(60) });
    hand.advance(seconds(59));
    assert_eq!(account.wait(), Some(seconds(1)));
    assert_eq!(ask(&account).await.unwrap_err().class(), ErrorClass::BreakerOpen);
    hand.advance(seconds(1));
    for _ in 0..3 {
        let mut probe = ask(&account).await.unwrap();
        assert_eq!(account.breaker(), BreakerState::HalfOpen);
        assert!(ask(&account).await.is_err(), "one probe at a time");
        probe.good();
    }
    assert_eq!(account.breaker(), BreakerState::Closed);
    let seen = account.snapshot();
    assert_eq!((seen.opened, seen.refused_breaker, seen.requests, seen.ok, seen.failed()), (1, 5, 13, 4, 9));
    assert_eq!((seen.errors_of(ErrorClass::Timeout), seen.errors_of(ErrorClass::Unavailable)), (4, 5));
}

#[tokio::test]
async fn half_of_the_last_twenty_opens_it_however_they_are_mixed() {
    let (account, _hand) = by_hand(AccountConfig::default());
    for round in 0..10 {
        assert_eq!(account.breaker(), BreakerState::Closed, "round {round}");
        succeed(&account).await;
        fail(&account, ErrorClass::Protocol).await;
    }
    assert_eq!(account.breaker(), BreakerState::Open);
}

#[tokio::test]
async fn what_only_a_person_can_mend_opens_it_at_once_and_what_is_no_illness_never() {
    for class in ErrorClass::ALL {
        let (account, _hand) = by_hand(AccountConfig { longest_hold: NO_WAIT, ..AccountConfig::default() });
        fail(&account, class).await;
        assert_eq!(account.breaker() == BreakerState::Open, class.needs_operator(), "{class:?}");
        if !class.needs_operator() {
            for _ in 0..30 {
                if account.breaker() == BreakerState::Closed {
                    fail(&account, class).await;
                }
            }
            assert_eq!(account.breaker() == BreakerState::Open, class.is_illness(), "{class:?}");
        }
    }
}

#[tokio::test]
async fn pauses_double_up_to_the_longest_and_a_recovery_forgets_them() {
    let config = AccountConfig { first_pause: seconds(5), ..AccountConfig::default() };
    let (account, hand) = by_hand(config);
    fail(&account, ErrorClass::Auth).await;
    for pause in [5, 10, 20, 40, 60, 60] {
        hand.advance(Duration::from_millis(pause * 1_000 - 100));
        assert!(ask(&account).await.is_err(), "open for {pause} s");
        hand.advance(Duration::from_millis(100));
        fail(&account, ErrorClass::Timeout).await;
    }
    hand.advance(seconds(60));
    for _ in 0..3 {
        succeed(&account).await;
    }
    fail(&account, ErrorClass::Auth).await;
    assert_eq!(account.wait(), Some(seconds(5)));
}

#[tokio::test]
async fn a_probe_that_we_give_up_counts_for_nothing_and_one_that_hangs_is_replaced() {
    let (account, hand) = by_hand(AccountConfig::default());
    fail(&account, ErrorClass::Quota).await;
    hand.advance(seconds(60));
    drop(ask(&account).await.unwrap());
    assert_eq!(account.breaker(), BreakerState::HalfOpen);
    let mut hanging = ask(&account).await.unwrap();
    assert!(ask(&account).await.is_err());
    hand.advance(seconds(60));
    let mut next = ask(&account).await.unwrap();
    hanging.bad(&ProviderError::new(ErrorClass::Timeout, "much too late"));
    assert_eq!(account.breaker(), BreakerState::HalfOpen, "it no longer speaks for the provider");
    next.good();
    assert_eq!(account.snapshot().cancelled, 1);
}

#[tokio::test]
async fn a_person_steers_it() {
    let (account, _hand) = by_hand(AccountConfig::default());
    account.steer(Steer::Open);
    assert_eq!((account.breaker(), account.wait()), (BreakerState::Open, None));
    assert!(ask(&account).await.is_err());
    account.steer(Steer::Close);
    for _ in 0..50 {
        fail(&account, ErrorClass::Auth).await;
    }
    assert_eq!((account.breaker(), account.snapshot().steer), (BreakerState::Closed, Steer::Close));
    account.steer(Steer::Auto);
    assert_eq!(account.breaker(), BreakerState::Closed, "what it saw while it was steered is forgotten");
    fail(&account, ErrorClass::Auth).await;
    assert_eq!(account.breaker(), BreakerState::Open);
}

#[tokio::test]
async fn a_provider_that_asks_for_a_pause_gets_it_within_reason() {
    let (account, hand) = by_hand(AccountConfig::default());
    let limited =
        |after: Option<Duration>| ProviderError { class: ErrorClass::RateLimited, detail: "on command".into(), after };
    ask(&account).await.unwrap().bad(&limited(Some(seconds(2))));
    assert_eq!(ask(&account).await.unwrap_err(), Refusal::Paused { after: seconds(2) });
    assert_eq!(account.wait(), Some(seconds(2)));
    hand.advance(seconds(2));
    ask(&account).await.unwrap().bad(&limited(None));
    assert_eq!(account.snapshot().paused_for, seconds(1), "nothing said is a second");
    hand.advance(seconds(1));
    ask(&account).await.unwrap().bad(&limited(Some(seconds(86_400))));
    assert_eq!(account.wait(), Some(seconds(60)), "nobody waits for a day");
    assert_eq!(account.breaker(), BreakerState::Closed, "too many requests are no illness");
}

#[tokio::test(start_paused = true)]
async fn seats_are_bounded_and_so_is_the_queue_for_them_and_the_wait_in_it() {
    let config = AccountConfig { seats: Some(2), queue: 1, patience: Duration::from_millis(300), ..Default::default() };
    let account = Account::new("openai", config, Clock::system());
    let (first, _second) = (ask(&account).await.unwrap(), ask(&account).await.unwrap());
    let long = seconds(10);
    let (waiting, refused) = tokio::join!(account.admit(long), account.admit(long));
    assert_eq!(refused.unwrap_err(), Refusal::QueueFull);
    assert_eq!(waiting.unwrap_err(), Refusal::QueueLate { waited: Duration::from_millis(300) });
    let (waiting, ()) = tokio::join!(account.admit(long), async {
        tokio::task::yield_now().await;
        assert_eq!((account.snapshot().in_use, account.snapshot().queued), (2, 1));
        drop(first);
    });
    let third = waiting.unwrap();
    assert_eq!((account.snapshot().in_use, account.snapshot().queued, account.snapshot().refused_queue), (2, 0, 2));
    drop(third);
    assert_eq!(account.snapshot().in_use, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_seat_leaves_the_way_to_the_next_one() {
    let config = AccountConfig { seats: Some(1), ..AccountConfig::default() };
    let account = Account::new("openai", config, Clock::system());
    let mut seated = ask(&account).await.unwrap();
    seated.bad(&ProviderError::new(ErrorClass::Auth, "on command"));
    tokio::time::advance(seconds(60)).await;
    assert_eq!(ask(&account).await.unwrap_err(), Refusal::QueueLate { waited: NO_WAIT }, "let through, and no seat");
    drop(seated);
    let mut probe = ask(&account).await.unwrap();
    probe.good();
    assert_eq!(account.breaker(), BreakerState::HalfOpen);
}

#[test]
fn an_open_breaker_refuses_every_lane_at_once() {
    let account = Account::new("elevenlabs", AccountConfig::default(), Clock::system());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime().block_on(fail(&account, ErrorClass::Auth));
    let clock = Arc::new(Clock::system());
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let (account, clock) = (account.clone(), Arc::clone(&clock));
            std::thread::spawn(move || {
                runtime().block_on(async {
                    let mut took: Vec<_> = Vec::with_capacity(20_000);
                    for _ in 0..20_000 {
                        let before = clock.now();
                        assert!(ask(&account).await.is_err());
                        took.push(clock.now().saturating_sub(before));
                    }
                    took.sort_unstable();
                    // The very longest shows how long the machine kept the thread waiting, not what refusing costs.
                    (took[took.len() / 2], took[took.len() * 999 / 1_000])
                })
            })
        })
        .collect();
    for lane in lanes {
        let (median, p999) = lane.join().unwrap();
        println!("an open breaker refuses in {median:?}, 99.9 % in {p999:?}");
        assert!(p999 <= Duration::from_millis(1), "median {median:?}, 99.9 % {p999:?}");
    }
    assert_eq!(account.snapshot().refused_breaker, 80_000);
    assert_eq!(account.snapshot().requests, 1);
}

#[test]
fn lanes_that_fail_together_open_it_once_and_lose_no_count() {
    let account = Account::new("google", AccountConfig::default(), Clock::system());
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let account = account.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..5_000 {
                        if let Ok(mut pass) = ask(&account).await {
                            pass.bad(&ProviderError::new(ErrorClass::Timeout, "on command"));
                        }
                    }
                });
            })
        })
        .collect();
    for lane in lanes {
        lane.join().unwrap();
    }
    let seen = account.snapshot();
    assert_eq!((seen.breaker, seen.opened), (BreakerState::Open, 1));
    assert_eq!(seen.requests + seen.refused_breaker, 20_000);
    assert!((5..=8).contains(&seen.requests), "at most one more from each other lane: {}", seen.requests);
    assert_eq!(seen.failed(), seen.requests);
}
