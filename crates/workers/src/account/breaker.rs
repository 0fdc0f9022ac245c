//! The circuit breaker, pure: one word of state, one function that steps it.
//!
//! The state fits 64 bits, so it lives in one atomic that every lane steps by compare-and-swap. No lock, no task, no timer:
//! time comes in with each step, and an open breaker lets a probe through when somebody asks late enough.

use std::time::Duration;

/// How many illnesses in a row open the breaker.
const STREAK: u32 = 5;
/// How many of the last outcomes are kept.
const WINDOW: u32 = 20;
/// How many of a full window have to be ill to open it: half of them.
const ILL_OF_WINDOW: u32 = WINDOW / 2;
/// How many good probes close it.
const GOOD: u8 = 3;

/// When the breaker tries again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How long it stays open the first time.
    pub(super) first_pause: Duration,
    /// How many times longer each further time.
    pub(super) factor: u32,
    /// The longest it stays open.
    pub(super) longest_pause: Duration,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Closed,
    Open,
    HalfOpen,
}

/// The whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) mode: Mode,
    /// The last outcomes while closed, the latest in the lowest bit; 1 is ill.
    window: u32,
    /// How many outcomes the window holds, up to [`WINDOW`].
    filled: u8,
    /// Good probes so far while half open.
    good: u8,
    /// A probe is out.
    probing: bool,
    /// How many times it opened again without having closed.
    level: u8,
    /// When it opened, or when the probe that is out began.
    since: Ticks,
}

/// Time in tenths of a second, modulo 310 days: what fits the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks(u32);

/// A request that an open breaker let through to see whether the provider is well again. Named by when it began, so that one
/// which was given up does not speak for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe(Ticks);

/// What happens to a breaker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Somebody wants to ask the provider.
    Asked,
    /// The provider did well.
    Good(Option<Probe>),
    /// The provider is ill.
    Ill(Option<Probe>),
    /// The provider will not work before a person has acted.
    Barred,
    /// Nothing was learnt from the probe.
    Void(Probe),
}

/// What the breaker says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go ahead.
    Pass,
    /// Go ahead, and say what came of it.
    Probe(Probe),
    /// No, not for so long.
    Refuse(Duration),
    /// Noted, as long as it was news.
    Noted,
}

impl State {
    /// A breaker that has seen nothing: closed.
    pub(super) const NEW: Self =
        Self { mode: Mode::Closed, window: 0, filled: 0, good: 0, probing: false, level: 0, since: Ticks(0) };

    /// What becomes of the state, and what is said.
    pub(super) fn step(self, event: Event, now: Ticks, rules: &Rules) -> (Self, Verdict) {
        match event {
            Event::Asked => self.asked(now, rules),
            Event::Good(probe) => (self.good(probe, now), Verdict::Noted),
            Event::Ill(probe) => (self.ill(probe, now), Verdict::Noted),
            Event::Barred => (self.barred(now), Verdict::Noted),
            Event::Void(probe) if self.is_out(probe) => (Self { probing: false, ..self }, Verdict::Noted),
            Event::Void(_) => (self, Verdict::Noted),
        }
    }

    /// How long until somebody who asks would be let through, if nothing else happens.
    pub(super) fn pause_left(self, now: Ticks, rules: &Rules) -> Duration {
        let pause = match self.mode {
            Mode::Open => rules.pause(self.level),
            Mode::HalfOpen if self.probing => rules.pause(0),
            Mode::Closed | Mode::HalfOpen => return Duration::ZERO,
        };
        pause.saturating_sub(now.since(self.since))
    }

    fn asked(self, now: Ticks, rules: &Rules) -> (Self, Verdict) {
        if self.mode == Mode::Closed {
            return (self, Verdict::Pass);
        }
        let left = self.pause_left(now, rules);
        if !left.is_zero() {
            return (self, Verdict::Refuse(left));
        }
        let good = if self.mode == Mode::Open { 0 } else { self.good };
        (Self { mode: Mode::HalfOpen, good, probing: true, since: now, ..self }, Verdict::Probe(Probe(now)))
    }

    fn good(self, probe: Option<Probe>, now: Ticks) -> Self {
        match self.mode {
            Mode::Closed => self.push(false).judged(now),
            Mode::HalfOpen if probe.is_some_and(|probe| self.is_out(probe)) => {
                if self.good + 1 == GOOD {
                    Self::NEW
                } else {
                    Self { good: self.good + 1, probing: false, ..self }
                }
            }
            // Who was let through before it opened comes too late to matter.
            Mode::Open | Mode::HalfOpen => self,
        }
    }

    fn ill(self, probe: Option<Probe>, now: Ticks) -> Self {
        match self.mode {
            Mode::Closed => self.push(true).judged(now),
            Mode::HalfOpen if probe.is_some_and(|probe| self.is_out(probe)) => self.opened_again(now),
            Mode::Open | Mode::HalfOpen => self,
        }
    }

    fn barred(self, now: Ticks) -> Self {
        match self.mode {
            Mode::Closed => Self::opened(0, now),
            Mode::HalfOpen => self.opened_again(now),
            Mode::Open => self,
        }
    }

    fn opened(level: u8, now: Ticks) -> Self {
        Self { mode: Mode::Open, level, since: now, ..Self::NEW }
    }

    fn opened_again(self, now: Ticks) -> Self {
        Self::opened(self.level.saturating_add(1).min(MOST_LEVELS), now)
    }

    fn push(self, ill: bool) -> Self {
        let window = ((self.window << 1) | u32::from(ill)) & ((1 << WINDOW) - 1);
        Self { window, filled: (self.filled + 1).min(WINDOW as u8), ..self }
    }

    /// A closed breaker after one more outcome. Even a good one may be what fills the window.
    fn judged(self, now: Ticks) -> Self {
        let in_a_row = self.window.trailing_ones() >= STREAK;
        let half = u32::from(self.filled) == WINDOW && self.window.count_ones() >= ILL_OF_WINDOW;
        if in_a_row || half { Self::opened(0, now) } else { self }
    }

    fn is_out(self, probe: Probe) -> bool {
        self.mode == Mode::HalfOpen && self.probing && self.since == probe.0
    }

    /// As one word. From the lowest bit: window 20, filled 5, mode 2, good 2, probing 1, level 6, since 28.
    pub(super) fn pack(self) -> u64 {
        let mode = match self.mode {
            Mode::Closed => 0,
            Mode::Open => 1,
            Mode::HalfOpen => 2,
        };
        u64::from(self.window)
            | u64::from(self.filled) << 20
            | mode << 25
            | u64::from(self.good) << 27
            | u64::from(self.probing) << 29
            | u64::from(self.level) << 30
            | u64::from(self.since.0) << 36
    }

    /// From one word.
    pub(super) fn unpack(word: u64) -> Self {
        let field = |at: u32, bits: u32| (word >> at) & ((1 << bits) - 1);
        Self {
            mode: match field(25, 2) {
                0 => Mode::Closed,
                1 => Mode::Open,
                _ => Mode::HalfOpen,
            },
            window: field(0, 20) as u32,
            filled: field(20, 5) as u8,
            good: field(27, 2) as u8,
            probing: field(29, 1) == 1,
            level: field(30, 6) as u8,
            since: Ticks(field(36, 28) as u32),
        }
    }
}

/// The highest level that fits its bits; the longest pause is reached long before.
const MOST_LEVELS: u8 = 63;

impl Rules {
    /// How long a breaker stays open that has opened again `level` times.
    fn pause(&self, level: u8) -> Duration {
        let times = self.factor.saturating_pow(u32::from(level));
        self.first_pause.saturating_mul(times).min(self.longest_pause)
    }
}

impl Ticks {
    const MILLIS: u128 = 100;
    const MASK: u32 = (1 << 28) - 1;
    /// Lanes read the clock before they step the state, so one may come with a reading that is a little older than the state.
    const SKEW: u32 = 10;

    pub(super) fn of(time: Duration) -> Self {
        Self(((time.as_millis() / Self::MILLIS) & u128::from(Self::MASK)) as u32)
    }

    fn since(self, earlier: Self) -> Duration {
        let ticks = self.0.wrapping_sub(earlier.0) & Self::MASK;
        let ticks = if ticks > Self::MASK - Self::SKEW { 0 } else { ticks };
        Duration::from_millis(u64::from(ticks) * Self::MILLIS as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// The same breaker as one would write it down for a reader: lists and plain numbers, nothing packed.
    struct Model {
        rules: Rules,
        outcomes: VecDeque<bool>,
        phase: Phase,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Phase {
        Closed,
        Open { until: u64, times: i32 },
        Half { good: u32, times: i32, out: Option<(u64, u64)> },
    }

    impl Model {
        fn pause(&self, times: i32) -> u64 {
            let pause = self.rules.first_pause.as_secs_f64() * f64::from(self.rules.factor).powi(times);
            (pause.min(self.rules.longest_pause.as_secs_f64()) * 10.0).round() as u64
        }

        fn open(&mut self, now: u64, times: i32) {
            self.outcomes.clear();
            self.phase = Phase::Open { until: now + self.pause(times), times };
        }

        /// Whether the request may go, and which probe it is.
        fn ask(&mut self, now: u64, serial: u64) -> (bool, Option<u64>) {
            let (good, times) = match self.phase {
                Phase::Closed => return (true, None),
                Phase::Open { until, .. } if now < until => return (false, None),
                Phase::Open { times, .. } => (0, times),
                Phase::Half { out: Some((_, began)), .. } if now < began + self.pause(0) => return (false, None),
                Phase::Half { good, times, .. } => (good, times),
            };
            self.phase = Phase::Half { good, times, out: Some((serial, now)) };
            (true, Some(serial))
        }

        fn end(&mut self, now: u64, probe: Option<u64>, end: End) {
            match (self.phase, end) {
                (Phase::Closed, End::Good | End::Ill) => {
                    self.outcomes.push_back(matches!(end, End::Ill));
                    if self.outcomes.len() > 20 {
                        self.outcomes.pop_front();
                    }
                    let ill = self.outcomes.iter().filter(|ill| **ill).count();
                    let streak = self.outcomes.iter().rev().take_while(|ill| **ill).count();
                    if streak >= 5 || (self.outcomes.len() == 20 && ill * 2 >= 20) {
                        self.open(now, 0);
                    }
                }
                (Phase::Closed, End::Barred) => self.open(now, 0),
                (Phase::Half { times, .. }, End::Barred) => self.open(now, times + 1),
                (Phase::Half { good, times, out: Some((serial, _)) }, end) if probe == Some(serial) => match end {
                    End::Good if good == 2 => {
                        self.outcomes.clear();
                        self.phase = Phase::Closed;
                    }
                    End::Good => self.phase = Phase::Half { good: good + 1, times, out: None },
                    End::Ill => self.open(now, times + 1),
                    _ => self.phase = Phase::Half { good, times, out: None },
                },
                _ => {}
            }
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum End {
        Good,
        Ill,
        Barred,
        Void,
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Ask,
        /// One of the requests that are out ends.
        End(usize, End),
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        let end = prop_oneof![
            4 => Just(End::Good),
            6 => Just(End::Ill),
            1 => Just(End::Barred),
            1 => Just(End::Void),
        ];
        prop_oneof![
            5 => Just(Act::Ask),
            // Mostly the latest request, so that probes are answered.
            5 => (prop_oneof![4 => Just(0_usize), 1 => 0..6_usize], end).prop_map(|(which, end)| Act::End(which, end)),
            2 => prop_oneof![0..20_u64, 40..80_u64, 500..700_u64].prop_map(Act::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_word_behaves_as_the_plain_model(
            acts in proptest::collection::vec(act(), 1..200),
            first in 1..100_u64,
            factor in 1..4_u32,
            longest in 100..700_u64,
            // Near the point where the clock of the word wraps, and elsewhere.
            start in prop_oneof![0..1_000_u64, (1_u64 << 28) - 500..(1_u64 << 28)],
        ) {
            let tick = |ticks: u64| Duration::from_millis(ticks * 100);
            let rules = Rules { first_pause: tick(first), factor, longest_pause: tick(longest.max(first)) };
            let mut model = Model { rules, outcomes: VecDeque::new(), phase: Phase::Closed };
            let mut word = State::NEW.pack();
            let mut out: Vec<(Option<Probe>, Option<u64>)> = Vec::new();
            let mut now = start;
            for (serial, act) in acts.into_iter().enumerate() {
                let at = Ticks::of(tick(now));
                let step = |word: &mut u64, event| {
                    let (next, verdict) = State::unpack(*word).step(event, at, &rules);
                    *word = next.pack();
                    prop_assert_eq!(State::unpack(*word), next);
                    Ok(verdict)
                };
                match act {
                    Act::Ask => {
                        let (may, probe) = model.ask(now, serial as u64);
                        let verdict = step(&mut word, Event::Asked)?;
                        match verdict {
                            Verdict::Pass => prop_assert!(may && probe.is_none()),
                            Verdict::Probe(_) => prop_assert!(may && probe.is_some()),
                            Verdict::Refuse(after) => prop_assert!(!may && !after.is_zero()),
                            Verdict::Noted => prop_assert!(false, "no answer to a question"),
                        }
                        match verdict {
                            Verdict::Pass => out.push((None, None)),
                            Verdict::Probe(theirs) => out.push((Some(theirs), probe)),
                            _ => {}
                        }
                    }
                    Act::End(back, end) => {
                        if back < out.len() {
                            let (theirs, ours) = out.remove(out.len() - 1 - back);
                            model.end(now, ours, end);
                            match (end, theirs) {
                                (End::Good, probe) => { step(&mut word, Event::Good(probe))?; }
                                (End::Ill, probe) => { step(&mut word, Event::Ill(probe))?; }
                                (End::Barred, _) => { step(&mut word, Event::Barred)?; }
                                (End::Void, Some(probe)) => { step(&mut word, Event::Void(probe))?; }
                                (End::Void, None) => {}
                            }
                        }
                    }
                    Act::Wait(ticks) => now += ticks,
                }
                let mode = match model.phase {
                    Phase::Closed => Mode::Closed,
                    Phase::Open { .. } => Mode::Open,
                    Phase::Half { .. } => Mode::HalfOpen,
                };
                prop_assert_eq!(State::unpack(word).mode, mode);
            }
        }
    }

    #[test]
    fn a_reading_a_little_older_than_the_state_does_not_end_the_pause() {
        let rules = Rules { first_pause: Duration::from_mins(1), factor: 2, longest_pause: Duration::from_mins(1) };
        let open = State::opened(0, Ticks(11));
        let (_, verdict) = open.step(Event::Asked, Ticks(10), &rules);
        assert_eq!(verdict, Verdict::Refuse(Duration::from_mins(1)));
    }
}
