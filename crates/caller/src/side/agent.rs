use super::{SLOT_MS, Side};
use crate::conductor::Floor;
use crate::listen::AgentSpeech;
use crate::playout::{OPEN_UTTERANCE_MS, Slot};
use crate::report::{Greeting, rounded};
use crate::timeline::What;

/// The agent's turn that is being heard.
pub(super) struct AgentTurn {
    pub(super) began_at: f64,
    pub(super) began_slot: u64,
    /// End of the last audible slot.
    pub(super) ended_slot: u64,
    pub(super) samples: Vec<i16>,
}

impl Side {
    /// Follows the agent's turns as they are played.
    pub(super) fn follow_agent(&mut self, played: Slot, at: f64) {
        if played.audible {
            self.heard_slot = Some(self.slot);
            if self.turn.is_none() {
                self.tell(at, What::AgentBegan { turn: self.turns });
                self.turn =
                    Some(AgentTurn { began_at: at, began_slot: self.slot, ended_slot: self.slot, samples: Vec::new() });
                if self.turns == 0 && self.report.lines.is_empty() {
                    self.report.greeting =
                        Some(Greeting { began_ms: rounded(at - self.started_at), ms: 0.0, interrupted: false });
                }
            }
        }
        if let Some(turn) = &mut self.turn {
            if played.audible {
                turn.ended_slot = self.slot + 1;
            }
            if self.speeches.is_some()
                && turn.samples.len() < LONGEST_SPEECH_S * self.frame_samples * 50
                && let Some(recording) = &self.report.recording
            {
                let from = recording.agent.len().saturating_sub(self.frame_samples);
                turn.samples.extend_from_slice(recording.agent.get(from..).unwrap_or_default());
            }
        }
        let unplayed = self.playout.unplayed_sound();
        if let Some(line) = &mut self.line
            && !unplayed
            && !played.audible
        {
            line.fresh = true;
            if let Some(report) = self.report.lines.get_mut(line.line).and_then(|it| it.barge_in.as_mut())
                && report.silent_ms.is_none()
            {
                report.silent_ms = line.voice_at.map(|voice_at| rounded(at - voice_at));
            }
        }
        let floor = self.floor();
        let quiet = if floor.utterance_open { u64::from(OPEN_UTTERANCE_MS) } else { self.quiet_ms };
        if self.turn.is_some() && !floor.unplayed && floor.quiet_ms >= quiet {
            self.end_turn(false);
        }
    }

    pub(super) fn end_turn(&mut self, interrupted: bool) {
        let Some(turn) = self.turn.take() else { return };
        let ms = ((turn.ended_slot - turn.began_slot) * SLOT_MS) as f64;
        let number = self.turns;
        self.turns += 1;
        if let Some(greeting) = self.report.greeting.as_mut().filter(|_| number == 0) {
            greeting.ms = ms;
            greeting.interrupted = interrupted;
        }
        self.tell(turn.began_at + ms, What::AgentEnded { turn: number, ms, interrupted });
        let rate_hz = self.double.format().rate_hz;
        if let Some(speeches) = &mut self.speeches {
            speeches.push(AgentSpeech { turn: number, at_ms: turn.began_at, samples: turn.samples, rate_hz });
        }
    }

    pub(super) fn floor(&self) -> Floor {
        let since = self.heard_slot.map_or(self.slot + FOREVER_SLOTS, |heard| self.slot - heard);
        Floor {
            answered: self.answered,
            speaking_ms: self.turn.as_ref().map(|turn| (self.slot - turn.began_slot) * SLOT_MS),
            quiet_ms: since * SLOT_MS,
            unplayed: self.playout.unplayed_sound() || self.playout.awaits_mark(),
            utterance_open: self.playout.utterance_open() && self.heard_slot.is_some(),
            utterances: self.utterances,
        }
    }
}

/// "Never heard" as a number of slots: longer than any patience.
const FOREVER_SLOTS: u64 = 1 << 20;
/// Speech of one turn that is kept for a transcriber.
const LONGEST_SPEECH_S: usize = 60;
