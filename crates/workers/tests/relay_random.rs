//! Thousands of plays with seeded dice: whatever providers do, whenever, the promises of a job hold.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod relay_theatre;

use std::time::Duration;

use operetta_contract::{
    Complete, Completion, ErrorClass, Hearing, Meaning, Speech, Synthesize, Transcribe, Transcript,
};
use operetta_workers::{
    account::{AccountConfig, Steer},
    relay::RelayConfig,
};
use relay_theatre::{Asked, House, Notes, OUTPUTS, Part, Play, idle, ms, on_a_lane, parts::CLASSES};

/// Timers count whole milliseconds, and every hop may wait for the next one.
const SLACK: Duration = Duration::from_millis(20);

/// Seeded dice (xorshift64*, Marsaglia 2003, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn part(&mut self) -> Part {
        let after = self.below(u64::from(OUTPUTS) + 1) as u32;
        match self.below(12) {
            0..3 => Part::Good,
            3 => Part::Late(self.below(1_500)),
            4..6 => Part::Fail(after, CLASSES[self.below(CLASSES.len() as u64) as usize]),
            6 => Part::Stall(after),
            7 => Part::Signs,
            8 => Part::Empty,
            9 => Part::Panic(after),
            10 => Part::Drop(after),
            _ => match self.below(12) {
                0 => Part::Fail(after, ErrorClass::Auth),
                1 => Part::Fail(after, ErrorClass::Quota),
                2 => Part::Fail(after, ErrorClass::Refused),
                _ => Part::Twice,
            },
        }
    }

    fn house<J: Play>(&mut self) -> House<J> {
        let rungs = 1 + self.below(3);
        let scripts: Vec<Vec<Part>> = (0..rungs).map(|_| (0..self.below(12)).map(|_| self.part()).collect()).collect();
        let scripts: Vec<&[Part]> = scripts.iter().map(Vec::as_slice).collect();
        let config =
            RelayConfig { hedge_after: self.one_in(3).then(|| ms(50 + self.below(800))), ..RelayConfig::default() };
        let account = AccountConfig {
            seats: self.one_in(3).then(|| 1 + self.below(3) as u32),
            queue: self.below(4) as u32,
            first_pause: ms(500 + self.below(5_000)),
            longest_hold: ms(self.below(3_000)),
            ..AccountConfig::default()
        };
        let house = House::with(&scripts, config, account, self.below(u64::MAX));
        for provider in &house.providers {
            if self.one_in(4) {
                provider.otherwise.set(self.part());
            }
        }
        house
    }
}

/// What is true of the outputs of one kind of job.
trait Honest: Play {
    fn check(heard: &[(Duration, Self::Event)]);
}

impl Honest for Synthesize {
    fn check(heard: &[(Duration, Speech)]) {
        let (mut at_work, mut pieces, mut signed) = ("a".to_owned(), Vec::new(), false);
        for (_, event) in heard {
            match event {
                Speech::Switched(switch) => {
                    assert_eq!(*switch.from, *at_work, "who left was at work");
                    assert!(pieces.is_empty(), "nobody takes over what was begun");
                    assert!(!signed, "of who fell before its first output, nothing was told");
                    at_work = switch.to.to_string();
                }
                Speech::Audio(audio) => {
                    assert_eq!((audio[0] as char).to_string(), at_work, "only who is at work is heard");
                    pieces.push(audio[1]);
                }
                Speech::Done => assert_eq!(pieces, [0, 1, 2, 3]),
                Speech::Words(_) => signed = true,
                Speech::Failed(_) => {}
                Speech::Lost => panic!("the relay lost a job"),
            }
        }
        assert!(pieces.iter().copied().eq(0..pieces.len() as u8));
    }
}

impl Honest for Complete {
    fn check(heard: &[(Duration, Completion)]) {
        let mut said = String::new();
        for (_, event) in heard {
            match event {
                Completion::Text(text) => said.push_str(text),
                Completion::Done(_) => assert_eq!(said.split_whitespace().collect::<String>(), "0123"),
                Completion::Lost => panic!("the relay lost a job"),
                Completion::Switched(_) => assert!(said.is_empty() || !said.trim().is_empty(), "a blank was told"),
                Completion::Call(_) | Completion::Failed(_) => {}
            }
        }
        assert!("0123".starts_with(&said.split_whitespace().collect::<String>()), "{said}");
    }
}

/// One end, nothing behind it, and the first output or the end in time.
fn check_course<J: Play>(notes: &Notes<J>, is_cancelled: bool) {
    let heard = notes.heard.borrow();
    let is_end = |event: &J::Event| !matches!(J::meaning(event), Meaning::Output | Meaning::Sign);
    let ends = heard.iter().filter(|(_, event)| is_end(event)).count();
    assert!(ends <= 1);
    if !is_cancelled {
        assert_eq!(ends, 1);
        assert!(is_end(&heard.last().unwrap().1), "something came after the end");
        let first = heard.iter().find(|(_, event)| J::meaning(event) != Meaning::Sign).unwrap().0;
        assert!(first <= RelayConfig::default().total + SLACK, "first output or end after {first:?}");
    }
}

fn play<J: Honest>(seed: u64) {
    on_a_lane(async {
        let mut dice = Dice::new(seed);
        let house = dice.house::<J>();
        let mut asked: Vec<(Asked<J>, bool)> = Vec::new();
        for _ in 0..=dice.below(10) {
            let is_cancelled = dice.one_in(5);
            asked.push((house.ask(J::example()), is_cancelled));
            let longest = if dice.one_in(2) { 100 } else { 3_000 };
            tokio::time::sleep(ms(dice.below(longest))).await;
            if dice.one_in(3)
                && let Some((job, _)) =
                    asked.iter_mut().find(|(job, is_cancelled)| *is_cancelled && job.lease.is_some())
            {
                job.lease = None;
            }
        }
        for (job, is_cancelled) in &mut asked {
            if *is_cancelled {
                job.lease = None;
            } else {
                job.end().await;
            }
        }
        house.assert_at_rest().await;
        for (job, is_cancelled) in &asked {
            check_course(&job.notes, *is_cancelled);
            J::check(&job.notes.heard.borrow());
        }
    });
}

fn plays(seeds: std::ops::Range<u64>, play: fn(u64)) {
    for seed in seeds {
        let played = std::panic::catch_unwind(|| play(seed));
        assert!(played.is_ok(), "seed {seed}");
    }
}

#[test]
fn utterances() {
    plays(0..3_000, play::<Synthesize>);
}

#[test]
fn replies() {
    plays(0..3_000, play::<Complete>);
}

#[test]
fn listening() {
    plays(0..2_000, listen);
}

/// One call that is listened to: words at a steady pace, pauses now and then.
fn listen(seed: u64) {
    on_a_lane(async {
        let mut dice = Dice::new(seed);
        let house = dice.house::<Transcribe>();
        let mut asked = house.ask(Transcribe::example());
        let (mut word, mut flushes) = (0, Vec::new());
        let began = house.clock.now();
        for _ in 0..=dice.below(8) {
            for _ in 0..dice.below(20) {
                word += 1;
                asked.feed(Hearing::Samples(vec![word; 160]));
                tokio::time::sleep(ms(20)).await;
            }
            flushes.push(house.clock.now().saturating_sub(began));
            asked.feed(Hearing::Flush(flushes.len() as u32 - 1));
            let longest = if dice.one_in(2) { 50 } else { 40_000 };
            tokio::time::sleep(ms(dice.below(longest))).await;
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        asked.lease = None;
        house.assert_at_rest().await;

        let heard = asked.notes.heard.borrow();
        let mut answers = vec![0; flushes.len()];
        let mut words = Vec::new();
        let mut failed = None;
        for (at, event) in &*heard {
            assert!(failed.is_none(), "something came after the end");
            match event {
                Transcript::Final { text, flush } => {
                    let flush = flush.unwrap() as usize;
                    answers[flush] += 1;
                    let took = at.saturating_sub(flushes[flush]);
                    assert!(took <= RelayConfig::default().total + SLACK, "flush {flush} took {took:?}");
                    words.push((flush, text.to_string()));
                }
                Transcript::Failed(_) => failed = Some(*at),
                Transcript::Partial(_) | Transcript::Switched(_) => {}
                Transcript::Lost => panic!("the relay lost a job"),
            }
        }
        for (flush, at) in flushes.iter().enumerate() {
            match failed {
                None => assert_eq!(answers[flush], 1, "flush {flush}"),
                Some(failed) => {
                    assert!(answers[flush] <= 1, "flush {flush}");
                    if answers[flush] == 0 && *at <= failed {
                        let waited = failed.saturating_sub(*at);
                        assert!(waited <= RelayConfig::default().total + SLACK, "flush {flush} waited {waited:?}");
                    }
                }
            }
        }
        // No word is heard twice. Where nobody swallowed any (an empty final is an answer), none is missing.
        let all: Vec<i16> =
            words.iter().flat_map(|(_, text)| text.split_whitespace().map(|it| it.parse().unwrap())).collect();
        assert!(all.is_sorted_by(|one, next| one < next), "{all:?}");
        if failed.is_none() && words.iter().all(|(_, text)| !text.is_empty()) {
            assert_eq!(all.len(), word as usize);
        }
    });
}

#[test]
fn ten_thousand_panics_and_hangs() {
    on_a_lane(async {
        let mut dice = Dice::new(7);
        let house = House::<Complete>::new(&[&[], &[], &[]], RelayConfig::default());
        for provider in &house.providers {
            // Kept in service, so that all the trouble arrives.
            provider.account.steer(Steer::Close);
        }
        let (mut injected, mut jobs, mut done) = (0, 0, 0);
        let bad = |part: &Part| usize::from(*part != Part::Good);
        while injected < 10_000 {
            for provider in &house.providers {
                let mut script = provider.script.borrow_mut();
                for _ in 0..20 {
                    let after = dice.below(5) as u32;
                    let part = match dice.below(4) {
                        0 => Part::Stall(after),
                        1 => Part::Panic(after),
                        _ => Part::Good,
                    };
                    injected += bad(&part);
                    script.push_back(part);
                }
            }
            let mut asked = Vec::new();
            for _ in 0..12 {
                asked.push(house.ask(Complete::example()));
                tokio::time::sleep(ms(dice.below(200))).await;
            }
            for job in &asked {
                job.end().await;
                jobs += 1;
                let heard = job.notes.heard.borrow();
                done += usize::from(matches!(heard.last(), Some((_, Completion::Done(_)))));
                Complete::check(&heard);
                check_course(&job.notes, false);
            }
            for provider in &house.providers {
                injected -= provider.script.borrow_mut().drain(..).map(|part| bad(&part)).sum::<usize>();
            }
        }
        house.assert_at_rest().await;
        let fell: u64 = house.bill.snapshot().actor("player").unwrap().panics;
        println!("{injected} panics and hangs over {jobs} replies: {done} whole, workers fell {fell} times");
        assert!(done > jobs / 2);
    });
}

#[test]
fn a_long_outage_is_not_made_worse() {
    for (class, breaker) in
        [(ErrorClass::Unavailable, true), (ErrorClass::Unavailable, false), (ErrorClass::Busy, true)]
    {
        on_a_lane(async {
            const JOBS: u64 = 3_600;
            let house = House::<Synthesize>::new(&[&[], &[]], RelayConfig::default());
            for provider in &house.providers {
                provider.otherwise.set(Part::Fail(0, class));
                if !breaker {
                    provider.account.steer(Steer::Close);
                }
            }
            for _ in 0..JOBS {
                let asked = house.ask(Synthesize::example());
                asked.end().await;
                check_course(&asked.notes, false);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            house.assert_at_rest().await;
            for provider in &house.providers {
                let requests = provider.asked.borrow().len() as u64;
                println!("an hour of {class:?}, breaker {breaker}: {requests} requests for {JOBS} jobs");
                assert!(requests <= JOBS * 11 / 10 + 3, "{requests}");
                assert!(requests >= if breaker && class.is_illness() { 60 } else { JOBS });
            }
        });
    }
}

#[test]
fn a_cancelled_job_leaves_nothing_at_any_moment() {
    // Each millisecond of a course with a fall, a stall and a hedge in it.
    for at in (0..1_500).step_by(7) {
        on_a_lane(async {
            let config = RelayConfig { hedge_after: Some(ms(300)), ..RelayConfig::default() };
            let scripts: [&[Part]; 3] = [&[Part::Stall(0)], &[Part::Late(200)], &[Part::Good]];
            let house = House::<Synthesize>::new(&scripts, config);
            let mut asked = house.ask(Synthesize::example());
            tokio::time::sleep(ms(at)).await;
            let heard = asked.notes.heard.borrow().len();
            asked.lease = None;
            idle().await;
            house.assert_at_rest().await;
            assert_eq!(asked.notes.heard.borrow().len(), heard);
        });
    }
}
