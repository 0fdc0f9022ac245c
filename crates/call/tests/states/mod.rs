//! Every phase against every kind of input: what the machine really does, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use operetta_call::{At, Effect, InputKind, Note, PhaseName};

use crate::script::Script;

/// What an input can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The call is in this phase now.
    Moves(PhaseName),
    /// The input was of use, or may be ignored without a word; the phase stays.
    Stays,
    /// The input is of no use in this phase, and noted.
    Unexpected,
    /// It belongs to a job that has ended, or to a mark that is not pending, and is noted.
    Stale,
}

/// What was seen of every pair of phase and input kind.
#[derive(Debug, Default)]
pub(crate) struct States {
    pub(crate) pairs: BTreeMap<(PhaseName, InputKind), BTreeSet<Outcome>>,
    arrows: BTreeMap<(PhaseName, PhaseName), BTreeSet<InputKind>>,
}

/// Options of the start, phase, and what happens from there on: different moments of the same phase.
const MOMENTS: &[(&str, PhaseName, &str)] = &[
    ("", PhaseName::Connected, ""),
    ("bare", PhaseName::Started, ""),
    ("listen_only", PhaseName::Started, ""),
    ("", PhaseName::Greeting, ""),
    ("no_barge_in", PhaseName::Greeting, "+50 audio #3 1000 => play 1000"),
    ("", PhaseName::Greeting, "+50 audio #3 1000 => play 1000\n +50 done #3 => mark 1"),
    ("beep", PhaseName::Greeting, ""),
    ("call_ms=500", PhaseName::Greeting, ""),
    ("", PhaseName::Listening, ""),
    ("", PhaseName::Listening, "+2000 spoke #1\n +2300 paused #1 => flush #2 1"),
    ("", PhaseName::Listening, "+2000 spoke #1\n +2300 paused #1 => flush #2 1\n +2700 time"),
    ("", PhaseName::Listening, "+2000 key 4"),
    ("", PhaseName::Listening, "+2000 final #2 - hello"),
    ("idle_prompts=0", PhaseName::Listening, ""),
    (
        "beep",
        PhaseName::Greeting,
        "+50 audio #1 500 => play 500\n +50 done #1 => mark 1\n +600 mark 1 => note greeted, enter listening",
    ),
    ("call_ms=5000", PhaseName::Listening, ""),
    ("", PhaseName::Thinking, ""),
    ("no_barge_in", PhaseName::Thinking, ""),
    ("call_ms=5000", PhaseName::Thinking, ""),
    ("", PhaseName::Thinking, "+3600 reply #4 Goodbye"),
    ("", PhaseName::Speaking, ""),
    ("no_barge_in", PhaseName::Speaking, ""),
    ("", PhaseName::Speaking, "+3800 done #5 => mark 2"),
    ("", PhaseName::Speaking, "+3800 draining => cancel #5, clear, speak #6 goodbye, enter speaking"),
    (
        "",
        PhaseName::Speaking,
        "+3800 draining => cancel #5, clear, speak #6 goodbye, enter speaking
         +3900 audio #6 500 => play 500
         +3900 done #6 => mark 2",
    ),
    (
        "",
        PhaseName::Speaking,
        "+3800 draining => cancel #5, clear, speak #6 goodbye, enter speaking\n +3900 failed #6 never => note speech_failed, speak #7 (apology)",
    ),
    (
        "",
        PhaseName::Speaking,
        "+3800 done #5 => mark 2\n +5700 mark 2 => enter listening\n +6000 final #2 - no\n +6700 time => note turn_ended, think #6, enter thinking\n +6800 reply #6 Well. And => speak #7 'Well.', enter speaking\n +6900 audio #7 500 => play 500\n +6900 done #7 => mark 3\n +7400 mark 3",
    ),
    ("call_ms=4000", PhaseName::Speaking, ""),
    ("whole", PhaseName::Greeting, ""),
    ("whole", PhaseName::Listening, ""),
    ("whole", PhaseName::Listening, "+2000 spoke #1"),
    ("whole", PhaseName::Thinking, ""),
    ("whole", PhaseName::Speaking, ""),
    ("whole no_barge_in", PhaseName::Speaking, "+3700 uttered #1 1 transfer => mark 2"),
    ("", PhaseName::Closed, ""),
];

impl States {
    /// Plays every input of every kind in every moment of every phase.
    pub(crate) fn observe() -> Self {
        let mut states = Self::default();
        for (given, phase, story) in MOMENTS {
            for kind in InputKind::ALL {
                for input in samples(kind) {
                    let mut script = Script::new(given, *phase);
                    assert_eq!(script.differences(story), Vec::<String>::new(), "the moment is not what it says");
                    states.observe_one(&mut script, kind, &input);
                }
            }
        }
        states
    }

    fn observe_one(&mut self, script: &mut Script, kind: InputKind, input: &str) {
        let phase = script.call.phase();
        let (now, due) = (script.now.ms(), script.call.deadline().map_or(0, At::ms));
        let at = match input {
            "time is up" => due.max(now),
            "time is long up" => due.max(now) + 40_000,
            _ => now,
        };
        let input = if input.starts_with("time") { "time" } else { input };
        let effects = script.feed(&format!("+{at} {input}"));
        let mut from = phase;
        for effect in &effects {
            if let Effect::Enter(to) = effect {
                self.arrows.entry((from, *to)).or_default().insert(kind);
                from = *to;
            }
        }
        assert_eq!(from, script.call.phase(), "{phase}: {input}");
        let outcome = if effects.iter().any(|effect| matches!(effect, Effect::Enter(_))) {
            Outcome::Moves(script.call.phase())
        } else if effects.iter().any(|effect| matches!(effect, Effect::Note(Note::Unexpected(_)))) {
            Outcome::Unexpected
        } else if effects.iter().any(|effect| matches!(effect, Effect::Note(Note::Stale(_) | Note::UnknownMark))) {
            Outcome::Stale
        } else {
            Outcome::Stays
        };
        self.pairs.entry((phase, kind)).or_default().insert(outcome);
    }

    /// The page of the documentation.
    pub(crate) fn page(&self) -> String {
        let arrows = self.arrows.iter().map(|((from, to), kinds)| {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            format!("    {from} --> {to}: {}", kinds.join(", "))
        });
        let rows = InputKind::ALL.into_iter().map(|kind| {
            let cells = PhaseName::ALL.map(|phase| self.cell(phase, kind));
            format!("| `{}` | {} |", kind.as_str(), cells.join(" | "))
        });
        let (seen, all) = (self.pairs.len(), PhaseName::ALL.len() * InputKind::ALL.len());
        let lines = INTRODUCTION.lines().map(str::to_owned);
        let lines = lines.chain(arrows).chain(LEGEND.lines().map(str::to_owned)).chain([
            format!("{seen} of {all} pairs are defined."),
            String::new(),
            format!("| input | {} |", PhaseName::ALL.map(PhaseName::as_str).join(" | ")),
            format!("|{}", "---|".repeat(PhaseName::ALL.len() + 1)),
        ]);
        lines.chain(rows).map(|line| line + "\n").collect()
    }

    fn cell(&self, phase: PhaseName, kind: InputKind) -> String {
        let outcomes = self.pairs.get(&(phase, kind)).into_iter().flatten();
        let words = outcomes.map(|outcome| match outcome {
            Outcome::Moves(to) => format!("→ {to}"),
            Outcome::Stays => "·".to_owned(),
            Outcome::Unexpected => "unexpected".to_owned(),
            Outcome::Stale => "stale".to_owned(),
        });
        words.collect::<Vec<_>>().join("<br>")
    }
}

/// Inputs of a kind: for jobs and marks that are open in some moment, and for others.
fn samples(kind: InputKind) -> Vec<String> {
    let jobs = |what: &str| (1..9).map(|job| what.replace("JOB", &format!("#{job}"))).collect::<Vec<_>>();
    let all = |these: &[&str]| these.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    match kind {
        InputKind::Connected => all(&["connected"]),
        InputKind::Started => all(&["start", "start bare", "start beep", "start listen_only"]),
        InputKind::Refused => all(&["refused auth", "refused duplicate"]),
        InputKind::CallerAudio => all(&["caller_audio"]),
        InputKind::CallerSpoke => jobs("spoke JOB"),
        InputKind::CallerPaused => jobs("paused JOB"),
        InputKind::Partial => jobs("partial JOB"),
        InputKind::Final => [jobs("final JOB - hello"), jobs("final JOB 1 hello"), jobs("final JOB 1")].concat(),
        InputKind::Dtmf => all(&["key 5", "key #"]),
        InputKind::Reply => [jobs("reply JOB One. Two"), jobs("reply JOB One")].concat(),
        InputKind::ReplyDone => {
            [jobs("reply_done JOB listen"), jobs("reply_done JOB hang_up"), jobs("reply_done JOB transfer")].concat()
        }
        InputKind::AudioCame => jobs("audio JOB 500"),
        InputKind::SpeechDone => jobs("done JOB"),
        InputKind::Voiced => [jobs("voiced JOB 1 500"), jobs("voiced JOB 2 500")].concat(),
        InputKind::Worded => [jobs("worded JOB 1 Well"), jobs("worded JOB 2 Well")].concat(),
        InputKind::Uttered => {
            [jobs("uttered JOB 1 listen"), jobs("uttered JOB 2 hang_up"), jobs("uttered JOB 1 transfer")].concat()
        }
        InputKind::JobFailed => [jobs("failed JOB now"), jobs("failed JOB later"), jobs("failed JOB never")].concat(),
        InputKind::MarkPlayed => all(&["mark 0", "mark 1", "mark 2", "mark 3"]),
        InputKind::Stopped => all(&["stop", "flow"]),
        InputKind::LegLost => all(&["lost"]),
        InputKind::LegStalled => all(&["stalled"]),
        InputKind::Draining => all(&["draining"]),
        InputKind::TimePassed => all(&["time", "time is up", "time is long up"]),
    }
}

const INTRODUCTION: &str = "\
# The states of a call

This page is generated from the machine: every input of every kind is played in several moments of every phase, and what
happens is written down. `cargo run -q -p operetta-call --example states > docs/STATES.md` makes it again; a test fails
where it is not what the machine does.

## Arrows

```mermaid
stateDiagram-v2
    [*] --> connected
";

const LEGEND: &str = "    closed --> [*]
```

No arrow leads back to `connected`, `started` or `greeting`, and none leads away from `closed`. An input that comes after
a deadline has passed may move the call as `time_passed` would have done.

## Every pair

- `→ phase`: the call can be in that phase after the input, depending on the moment.
- `·`: it can stay where it is; the input was of use, or may be ignored.
- `stale`: it can belong to a job that has ended or a mark that is not pending; counted and dropped.
- `unexpected`: it is of no use in this phase; counted and dropped.

";
