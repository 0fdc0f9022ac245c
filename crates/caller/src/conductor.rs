use crate::clip::Frames;
use crate::playout::OPEN_UTTERANCE_MS;
use crate::script::{Act, Cue, Death, Ending, Script};
use operetta_audio::Format;
use std::sync::Arc;

/// Leads the caller through the script: asked once each 20 ms, it says what the caller does in that slot.
///
/// Pure: time comes in as milliseconds since `start`, the agent's side as a [`Floor`].
#[derive(Debug)]
pub(crate) struct Conductor {
    script: Script,
    format: Format,
    phase: Phase,
}

/// What the agent does, as the caller hears it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floor {
    /// The agent has been heard since the caller last finished (or since the beginning).
    pub(crate) answered: bool,
    /// How long the agent has been speaking in its present turn, ms; `None` while it is quiet.
    pub(crate) speaking_ms: Option<u64>,
    /// How long nothing could be heard of the agent, ms.
    pub(crate) quiet_ms: u64,
    /// Audio or marks wait to be played.
    pub(crate) unplayed: bool,
    /// The agent is in the middle of an utterance, as far as its marks tell.
    pub(crate) utterance_open: bool,
    /// Utterances that were heard to their mark since the caller last finished (or since the beginning).
    pub(crate) utterances: u32,
}

/// What the caller does in a slot.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nothing: the line carries silence.
    Silent,
    /// Frame `frame` of line `line`.
    Frame { line: usize, frame: usize, frames: Arc<Frames> },
    /// Presses a key; `last` is the line's last.
    Press { line: usize, key: char, last: bool },
    /// Hangs up.
    HangUp,
    /// Goes without manners.
    Die(Death),
}

#[derive(Debug)]
enum Phase {
    /// Waiting for the cue of line `line` (or for the end, past the last line).
    Waiting {
        line: usize,
        since_ms: u64,
    },
    Speaking {
        line: usize,
        frame: usize,
        frames: Arc<Frames>,
    },
    Pressing {
        line: usize,
        key: usize,
        due_ms: u64,
    },
    Over,
}

impl Conductor {
    pub(crate) const fn new(script: Script, format: Format) -> Self {
        Self { script, format, phase: Phase::Waiting { line: 0, since_ms: 0 } }
    }

    /// What it leads through.
    pub(crate) const fn script(&self) -> &Script {
        &self.script
    }

    /// Lines that have not begun.
    pub(crate) const fn unbegun(&self) -> usize {
        match self.phase {
            Phase::Waiting { line, .. } => self.script.lines.len().saturating_sub(line),
            Phase::Speaking { line, .. } | Phase::Pressing { line, .. } => {
                self.script.lines.len().saturating_sub(line + 1)
            }
            Phase::Over => 0,
        }
    }

    /// The caller's deed in the slot that begins `at_ms` after `start`.
    pub(crate) fn turn(&mut self, at_ms: u64, floor: Floor) -> Turn {
        if matches!(self.phase, Phase::Over) {
            return Turn::Silent;
        }
        if let Ending::Die(after, how) = self.script.ending
            && at_ms >= ms(after)
        {
            self.phase = Phase::Over;
            return Turn::Die(how);
        }
        let at_end = matches!(self.script.ending, Ending::HangUpAt(after) if at_ms >= ms(after));
        if at_end || at_ms >= ms(self.script.limit) {
            self.phase = Phase::Over;
            return Turn::HangUp;
        }
        if let Phase::Waiting { line, since_ms } = self.phase {
            self.wait(line, since_ms, at_ms, floor)
        } else {
            self.act(at_ms)
        }
    }

    fn wait(&mut self, line: usize, since_ms: u64, at_ms: u64, floor: Floor) -> Turn {
        if !self.cued(line, since_ms, at_ms, floor) {
            return Turn::Silent;
        }
        let Some(next) = self.script.lines.get(line) else { return self.end(since_ms, at_ms) };
        self.phase = match &next.act {
            Act::Speak(clip) => Phase::Speaking { line, frame: 0, frames: clip.frames(self.format) },
            Act::Press(_) => Phase::Pressing { line, key: 0, due_ms: at_ms },
        };
        self.act(at_ms)
    }

    fn cued(&self, line: usize, since_ms: u64, at_ms: u64, floor: Floor) -> bool {
        match self.script.lines.get(line).map(|next| next.cue) {
            Some(Cue::At(after)) => at_ms >= ms(after),
            Some(Cue::AgentSpeaking(after)) => {
                floor.speaking_ms.is_some_and(|spoken| spoken >= ms(after))
                    || self.agent_done(line, since_ms, at_ms, floor)
            }
            Some(Cue::AgentDone) | None => self.agent_done(line, since_ms, at_ms, floor),
        }
    }

    /// Whether the agent has finished what was due before line `line`, or the caller's patience has.
    fn agent_done(&self, line: usize, since_ms: u64, at_ms: u64, floor: Floor) -> bool {
        let (expected, within) = match line.checked_sub(1).and_then(|previous| self.script.lines.get(previous)) {
            None => (self.script.expects_greeting, self.script.greeting_within),
            Some(previous) => (previous.expects_answer, self.script.answer_within),
        };
        let waited_ms = at_ms.saturating_sub(since_ms);
        let counts = self.script.utterances > 0;
        let answered = floor.answered && (!counts || floor.utterances > 0);
        if !answered && expected && waited_ms < ms(within) {
            return false;
        }
        let whole = if line == 0 { self.script.utterances.min(1) } else { self.script.utterances };
        let quiet = if floor.utterances < whole {
            ms(self.script.doubt)
        } else if floor.utterance_open {
            u64::from(OPEN_UTTERANCE_MS)
        } else {
            ms(self.script.quiet)
        };
        !floor.unplayed && floor.quiet_ms >= quiet
    }

    fn act(&mut self, at_ms: u64) -> Turn {
        match &mut self.phase {
            Phase::Speaking { line, frame, frames } => {
                let line = *line;
                if *frame >= frames.payloads.len() {
                    self.phase = Phase::Waiting { line: line + 1, since_ms: at_ms };
                    return Turn::Silent;
                }
                let turn = Turn::Frame { line, frame: *frame, frames: Arc::clone(frames) };
                *frame += 1;
                turn
            }
            Phase::Pressing { line, key, due_ms } => {
                if at_ms < *due_ms {
                    return Turn::Silent;
                }
                let (line, index) = (*line, *key);
                *key += 1;
                *due_ms = at_ms + KEY_MS;
                let Some(Act::Press(keys)) = self.script.lines.get(line).map(|it| &it.act) else { return Turn::Silent };
                let last = index + 1 >= keys.len();
                let pressed = keys.get(index).copied();
                if last {
                    self.phase = Phase::Waiting { line: line + 1, since_ms: at_ms };
                }
                pressed.map_or(Turn::Silent, |key| Turn::Press { line, key, last })
            }
            Phase::Waiting { .. } | Phase::Over => Turn::Silent,
        }
    }

    fn end(&mut self, since_ms: u64, at_ms: u64) -> Turn {
        match self.script.ending {
            Ending::HangUp => {
                self.phase = Phase::Over;
                Turn::HangUp
            }
            Ending::AwaitEngine(within) if at_ms.saturating_sub(since_ms) >= ms(within) => {
                self.phase = Phase::Over;
                Turn::HangUp
            }
            Ending::AwaitEngine(_) | Ending::HangUpAt(_) | Ending::Die(..) => Turn::Silent,
        }
    }
}

const fn ms(duration: std::time::Duration) -> u64 {
    duration.as_millis() as u64
}

/// From one key to the next: 100 ms of tone and a hand's pause.
const KEY_MS: u64 = 250;

#[cfg(test)]
mod tests {
    use super::{Conductor, Floor, Turn};
    use crate::{Clip, Cue, Death, Ending, Line, Script};
    use operetta_audio::Format;
    use std::time::Duration;

    const SPEAKING: Floor = Floor {
        answered: true,
        speaking_ms: Some(500),
        quiet_ms: 0,
        unplayed: true,
        utterance_open: true,
        utterances: 0,
    };
    const DONE: Floor = Floor {
        answered: true,
        speaking_ms: None,
        quiet_ms: 600,
        unplayed: false,
        utterance_open: false,
        utterances: 0,
    };
    const NOTHING: Floor = Floor {
        answered: false,
        speaking_ms: None,
        quiet_ms: 60_000,
        unplayed: false,
        utterance_open: false,
        utterances: 0,
    };

    fn clip(frames: usize) -> Clip {
        Clip::new(vec![1000; 160 * frames], 8000)
    }

    fn conductor(script: Script) -> Conductor {
        Conductor::new(script, Format::PCM16_8K)
    }

    /// One word per slot of 20 ms.
    fn words(conductor: &mut Conductor, from_ms: u64, slots: u64, floor: Floor) -> Vec<String> {
        (0..slots)
            .map(|slot| match conductor.turn(from_ms + slot * 20, floor) {
                Turn::Silent => "-".to_owned(),
                Turn::Frame { line, frame, .. } => format!("{line}.{frame}"),
                Turn::Press { key, .. } => key.to_string(),
                Turn::HangUp => "hang up".to_owned(),
                Turn::Die(_) => "die".to_owned(),
            })
            .collect()
    }

    #[test]
    fn lines_wait_for_the_agent_and_the_call_ends_after_the_last_answer() {
        let mut it = conductor(Script::new().line(Line::speak("a", clip(2))).line(Line::speak("b", clip(1))));
        assert_eq!(words(&mut it, 0, 2, NOTHING), ["-", "-"]);
        assert_eq!(words(&mut it, 40, 2, SPEAKING), ["-", "-"]);
        assert_eq!(words(&mut it, 80, 2, DONE), ["0.0", "0.1"]);
        assert_eq!(words(&mut it, 120, 2, NOTHING), ["-", "-"]);
        assert_eq!(words(&mut it, 160, 1, DONE), ["1.0"]);
        assert_eq!(words(&mut it, 180, 1, NOTHING), ["-"]);
        assert_eq!(words(&mut it, 200, 2, DONE), ["hang up", "-"]);
    }

    #[test]
    fn patience_ends() {
        let mut it = conductor(Script::new().line(Line::speak("a", clip(1))));
        assert_eq!(words(&mut it, 11_980, 2, NOTHING), ["-", "0.0"]);
        assert_eq!(words(&mut it, 12_020, 1, NOTHING), ["-"]);
        assert_eq!(words(&mut it, 27_000, 2, NOTHING), ["-", "hang up"]);
    }

    #[test]
    fn an_open_utterance_is_given_longer() {
        let mut it = conductor(Script::new().line(Line::speak("a", clip(1))));
        assert_eq!(words(&mut it, 0, 1, Floor { utterance_open: true, ..DONE }), ["-"]);
        assert_eq!(words(&mut it, 20, 1, Floor { utterance_open: true, quiet_ms: 2500, ..DONE }), ["0.0"]);
    }

    #[test]
    fn who_counts_utterances_does_not_take_a_recording_for_the_answer() {
        let script = Script { utterances: 2, ..Script::new() };
        let mut it = conductor(script.line(Line::speak("a", clip(1))).line(Line::speak("b", clip(1))));
        let heard = |utterances, quiet_ms| Floor { quiet_ms, utterances, ..DONE };
        assert_eq!(words(&mut it, 0, 1, heard(0, 10_000)), ["-"]);
        assert_eq!(words(&mut it, 20, 2, heard(1, 600)), ["0.0", "-"], "a greeting is one");
        assert_eq!(words(&mut it, 60, 1, heard(0, 10_000)), ["-"]);
        assert_eq!(words(&mut it, 80, 1, heard(1, 3980)), ["-"]);
        assert_eq!(words(&mut it, 100, 2, heard(2, 600)), ["1.0", "-"]);
        assert_eq!(words(&mut it, 140, 1, heard(1, 4000)), ["hang up"], "nobody waits for ever");
    }

    #[test]
    fn a_barge_in_comes_at_its_time() {
        let line = Line::speak("a", clip(1)).at(Cue::AgentSpeaking(Duration::from_millis(520)));
        let mut it = conductor(Script::new().line(line));
        assert_eq!(words(&mut it, 0, 1, SPEAKING), ["-"]);
        assert_eq!(words(&mut it, 20, 1, Floor { speaking_ms: Some(520), ..SPEAKING }), ["0.0"]);
    }

    #[test]
    fn keys_come_one_by_one() {
        let mut it = conductor(Script::new().line(Line::press("1x#")));
        let pressed = words(&mut it, 0, 30, DONE);
        assert_eq!((pressed[0].as_str(), pressed[1].as_str(), pressed[13].as_str()), ("1", "-", "#"));
        assert_eq!(pressed[14], "hang up");
    }

    #[test]
    fn fixed_ends_come_whatever_the_script_says() {
        let at = Duration::from_millis(40);
        let mut cut = conductor(Script::new().line(Line::speak("a", clip(100))).ending(Ending::Die(at, Death::Cut)));
        assert_eq!(words(&mut cut, 0, 4, DONE), ["0.0", "0.1", "die", "-"]);
        let mut hang_up = conductor(Script::new().ending(Ending::HangUpAt(at)));
        assert_eq!(words(&mut hang_up, 0, 4, DONE), ["-", "-", "hang up", "-"]);
    }
}
