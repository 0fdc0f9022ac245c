//! What a caller heard, from the recording of a call: how long nothing, while words were owed.

use std::{fs, ops::Range};

use operetta_audio::{Encoding, g711};
use operetta_caller::{CallReport, What};

use crate::program;

/// One call as its caller heard it. Times are ms since `start`.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// The agent's side as it was played.
    pub agent: Vec<i16>,
    /// Samples a second.
    pub rate_hz: u32,
    /// When the caller began to speak, and ended, line by line.
    pub lines: Vec<(u32, u32)>,
    /// When the audio before a mark had been played.
    pub marks: Vec<u32>,
    /// When the call was over.
    pub end: u32,
}

impl Tape {
    /// The tape of a call that was placed with recording and timeline; `None` if the call never started.
    pub fn of(report: &CallReport) -> Option<Self> {
        let started = report.started_at_ms?;
        let recording = report.recording.as_ref()?;
        let since = |at_ms: f64| (at_ms - started).max(0.0) as u32;
        let mut tape = Self { agent: recording.agent.clone(), rate_hz: recording.rate_hz, ..Self::default() };
        let mut began = None;
        for event in &report.events {
            match event.what {
                What::CallerBegan { .. } => began = Some(since(event.at_ms)),
                What::CallerEnded { .. } => {
                    tape.lines.extend(began.take().map(|began| (began, since(event.at_ms))));
                }
                What::MarkPlayed { .. } => tape.marks.push(since(event.at_ms)),
                _ => {}
            }
        }
        tape.end = since(report.duration_ms).min(tape.ms());
        Some(tape)
    }

    fn ms(&self) -> u32 {
        (self.agent.len() as u64 * 1000 / u64::from(self.rate_hz.max(1))) as u32
    }

    fn samples(&self, ms: &Range<u32>) -> &[i16] {
        let at = |ms: u32| (u64::from(ms) * u64::from(self.rate_hz) / 1000) as usize;
        let end = at(ms.end).min(self.agent.len());
        &self.agent[at(ms.start).min(end)..end]
    }

    /// What was heard in place of a greeting, and after each line.
    ///
    /// Words are **owed** from `start`, and from the caller's last voiced frame of each line on. They are owed until the last
    /// mark that is played before the caller's next deed, if the agent is not heard again after it; otherwise, and when no
    /// mark comes at all, until that deed. Recordings that fill a silence carry no mark, so they end nothing; the apology is
    /// an utterance with a mark and does.
    ///
    /// The **silence** of an answer is the longest time within what was owed in which nothing could be heard: slots of 20 ms
    /// with a level below -50 dB of full scale, comfort silence among them. Recordings count as sound.
    pub fn hear(&self, clips: &Clips, expected: Expected) -> Heard {
        let mut answers = Vec::new();
        for after in 0..=self.lines.len() {
            let from = after.checked_sub(1).map_or(0, |line| self.lines[line].1);
            let next = self.lines.get(after).map_or(self.end, |line| line.0);
            let utterances = if after == 0 { 1 } else { expected.utterances };
            answers.push(self.answer(from..next.max(from), utterances, clips, expected));
        }
        let greeting = answers.remove(0);
        Heard { greeting, answers }
    }

    fn answer(&self, span: Range<u32>, utterances: u32, clips: &Clips, expected: Expected) -> Answer {
        // The mark comes back with the slot that plays its audio to the end: one slot more is not a word more.
        let marks: Vec<_> = self.marks.iter().copied().filter(|at| span.contains(at)).collect();
        let is_heard_after = |at: u32| audible(self.samples(&(at + SLOT_MS..span.end)), self.rate_hz).any(|it| it);
        let over = marks.last().copied().filter(|last| !is_heard_after(*last)).unwrap_or(span.end);
        let owed = span.start..over;
        let samples = self.samples(&owed);
        let (silence_ms, silent_from_ms) = longest_silence(samples, self.rate_hz);
        let sound_ms = audible(samples, self.rate_hz).filter(|it| *it).count() as u32 * SLOT_MS;
        let moments = clips.one_moment.count(samples);
        let apologies = clips.apology.count(samples);
        // A recording before it may have been cut.
        let most = |ms: u32| ms + 4 * SLOT_MS + moments * MOMENT_MS;
        let is_line = |ms: u32| marks.len() == 1 && (ms.saturating_sub(2 * SLOT_MS)..=most(ms)).contains(&sound_ms);
        let kind = if apologies > 0 {
            Kind::Apology
        } else if marks.len() >= utterances as usize {
            Kind::Whole
        } else if expected.lines_ms.into_iter().any(is_line) {
            Kind::Line
        } else if marks.is_empty() {
            Kind::Nothing
        } else {
            Kind::Short
        };
        Answer { kind, silence_ms, silent_at_ms: owed.start + silent_from_ms, moments, utterances: marks.len() as u32 }
    }
}

/// What an answer should be like.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its utterances, each with a mark.
    pub utterances: u32,
    /// How long the agent's own lines are, which may come in place of it, in ms.
    pub lines_ms: [u32; 2],
}

/// What was heard in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// From `start` on.
    pub greeting: Answer,
    /// After each of the caller's lines.
    pub answers: Vec<Answer>,
}

impl Heard {
    /// The longest silence in which words were owed, in ms.
    pub fn silence_ms(&self) -> u32 {
        self.answers.iter().chain([&self.greeting]).map(|answer| answer.silence_ms).max().unwrap_or(0)
    }
}

/// What was heard while words were owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it was.
    pub kind: Kind,
    /// The longest time without any sound, in ms.
    pub silence_ms: u32,
    /// When that began, in ms since `start`.
    pub silent_at_ms: u32,
    /// How often "one moment" was heard.
    pub moments: u32,
    /// Utterances that were heard to their mark.
    pub utterances: u32,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All of its utterances.
    Whole,
    /// One of the agent's own lines: it had not understood.
    Line,
    /// The recorded apology, whatever else was heard.
    Apology,
    /// Fewer utterances than there should be.
    Short,
    /// No utterance.
    Nothing,
}

/// The engine's own recordings, as they are found in what callers hear.
#[derive(Clone, Debug)]
pub struct Clips {
    /// "One moment".
    pub one_moment: Print,
    /// The apology.
    pub apology: Print,
}

impl Clips {
    /// Those that the engine has.
    pub fn read() -> Self {
        Self { one_moment: Print::read("one_moment.ulaw"), apology: Print::read("apology.ulaw") }
    }
}

/// By what a recording is recognised: its first loud samples, at 8 kHz.
#[derive(Clone, Debug)]
pub struct Print(Vec<i16>);

impl Print {
    /// 80 ms.
    const SAMPLES: usize = 640;
    /// What another encoding may change, of full scale.
    const SLACK: u16 = 400;

    fn read(file: &str) -> Self {
        let path = program::workspace().join("crates/session/assets").join(file);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut samples = Vec::new();
        g711::decode_into(Encoding::Mulaw, &bytes, &mut samples);
        Self::of(&samples)
    }

    /// The print of these samples.
    ///
    /// # Panics
    /// There is nothing loud in them.
    pub fn of(samples: &[i16]) -> Self {
        let loud = samples.iter().position(|sample| sample.unsigned_abs() > 4000).expect("a recording can be heard");
        Self(samples[loud..(loud + Self::SAMPLES).min(samples.len())].to_vec())
    }

    /// How often it is in `heard`.
    pub fn count(&self, heard: &[i16]) -> u32 {
        let is_same = |window: &[i16]| window.iter().zip(&self.0).all(|(a, b)| a.abs_diff(*b) <= Self::SLACK);
        let (mut at, mut found) = (0, 0);
        while at + self.0.len() <= heard.len() {
            if is_same(&heard[at..at + self.0.len()]) {
                found += 1;
                at += self.0.len();
            } else {
                at += 1;
            }
        }
        found
    }
}

/// Whether each slot of 20 ms can be heard: a level above -50 dB of full scale.
fn audible(samples: &[i16], rate_hz: u32) -> impl Iterator<Item = bool> {
    samples.chunks((rate_hz / 50).max(1) as usize).map(|slot| {
        let energy: f64 = slot.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (energy / slot.len() as f64).sqrt() > 100.0
    })
}

/// The longest run of slots that cannot be heard, and where it begins, in ms.
fn longest_silence(samples: &[i16], rate_hz: u32) -> (u32, u32) {
    let (mut longest, mut run) = ((0, 0), 0);
    for (slot, is_audible) in (1..).zip(audible(samples, rate_hz)) {
        run = if is_audible { 0 } else { run + 1 };
        if run > longest.0 {
            longest = (run, slot - run);
        }
    }
    (longest.0 * SLOT_MS, longest.1 * SLOT_MS)
}

const SLOT_MS: u32 = 20;
/// How long "one moment" is.
const MOMENT_MS: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected { utterances: 2, lines_ms: [600, 900] };

    /// Noise that no tone contains.
    fn noise(seed: u32, ms: u32) -> Vec<i16> {
        let mut state = seed;
        let mut sample = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        (0..ms * 8).map(|_| sample()).collect()
    }

    fn clips() -> Clips {
        Clips { one_moment: Print::of(&noise(1, 300)), apology: Print::of(&noise(2, 300)) }
    }

    /// A tape of `(what, ms)`: `.` silence, `,` comfort silence, `s` speech, `m` "one moment", `a` the apology, `|` a mark, `<` the caller speaks.
    fn tape(script: &[(char, u32)]) -> Tape {
        let mut tape = Tape { rate_hz: 8000, ..Tape::default() };
        for &(what, ms) in script {
            let now = tape.ms();
            match what {
                '.' => tape.agent.resize(tape.agent.len() + ms as usize * 8, 0),
                ',' => tape.agent.resize(tape.agent.len() + ms as usize * 8, 8),
                's' => tape.agent.resize(tape.agent.len() + ms as usize * 8, 3000),
                'm' => tape.agent.extend(noise(1, ms)),
                'a' => tape.agent.extend(noise(2, ms)),
                '|' => tape.marks.push(now.saturating_sub(1)),
                _ => {
                    tape.lines.push((now, now + ms));
                    tape.agent.resize(tape.agent.len() + ms as usize * 8, 0);
                }
            }
        }
        tape.end = tape.ms();
        tape
    }

    fn check(script: &[(char, u32)], greeting: (Kind, u32), answers: &[(Kind, u32, u32)]) {
        let heard = tape(script).hear(&clips(), EXPECTED);
        assert_eq!((heard.greeting.kind, heard.greeting.silence_ms), greeting, "{script:?}");
        let got: Vec<_> = heard.answers.iter().map(|it| (it.kind, it.silence_ms, it.moments)).collect();
        assert_eq!(got, answers, "{script:?}");
    }

    const HELLO: [(char, u32); 4] = [('.', 100), ('s', 400), ('|', 0), ('.', 600)];

    fn after_hello(rest: &[(char, u32)]) -> Vec<(char, u32)> {
        [&HELLO, rest].concat()
    }

    #[test]
    fn what_is_quiet_after_the_last_mark_is_not_owed() {
        check(&HELLO, (Kind::Whole, 100), &[]);
        let script = after_hello(&[('<', 1000), ('.', 800), ('s', 500), ('|', 0), ('.', 200), ('s', 500), ('|', 0)]);
        check(&[&script[..], &[('.', 9000)]].concat(), (Kind::Whole, 100), &[(Kind::Whole, 800, 0)]);
    }

    #[test]
    fn one_moment_is_sound_and_ends_nothing() {
        let rest =
            [('<', 1000), ('.', 2500), ('m', 300), (',', 2600), ('s', 500), ('|', 0), ('s', 500), ('|', 0), ('.', 100)];
        check(&after_hello(&rest), (Kind::Whole, 100), &[(Kind::Whole, 2600, 1)]);
        let rest = [('<', 1000), ('.', 2500), ('m', 300), ('.', 5000), ('<', 100), ('.', 40)];
        check(&after_hello(&rest), (Kind::Whole, 100), &[(Kind::Nothing, 5000, 1), (Kind::Nothing, 40, 0)]);
    }

    #[test]
    fn who_is_heard_after_the_last_mark_owed_more() {
        let rest = [('<', 100), ('s', 200), ('|', 0), ('.', 2500), ('m', 300), ('.', 4000)];
        check(&after_hello(&rest), (Kind::Whole, 100), &[(Kind::Short, 4000, 1)]);
    }

    #[test]
    fn apologies_and_lines_are_answers_too() {
        let rest =
            [('<', 100), ('.', 700), ('a', 300), ('|', 0), ('.', 5000), ('<', 100), ('.', 900), ('s', 600), ('|', 0)];
        check(
            &[&after_hello(&rest)[..], &[('.', 4000)]].concat(),
            (Kind::Whole, 100),
            &[(Kind::Apology, 700, 0), (Kind::Line, 900, 0)],
        );
    }

    #[test]
    fn nobody_greets() {
        check(&[('.', 12_000), ('<', 100), ('.', 20)], (Kind::Nothing, 12_000), &[(Kind::Nothing, 20, 0)]);
    }

    #[test]
    fn the_engines_recordings_are_told_apart() {
        let clips = Clips::read();
        assert_eq!((clips.one_moment.count(&clips.one_moment.0), clips.one_moment.count(&clips.apology.0)), (1, 0));
    }
}
