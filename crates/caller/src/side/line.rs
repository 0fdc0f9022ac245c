use super::Side;
use crate::clip::Frames;
use crate::report::{BargeIn, LineReport, rounded};
use crate::script::{Act, Cue};
use crate::timeline::What;

/// The line that the caller speaks or waits to have answered.
pub(super) struct LiveLine {
    pub(super) line: usize,
    /// When the first word was sent.
    pub(super) voice_at: Option<f64>,
    /// When the last word was sent.
    pub(super) done_at: Option<f64>,
    /// When the answer came, if it may count as one.
    pub(super) answer_at: Option<f64>,
    /// Agent audio belongs to the answer: nothing old is left of it.
    pub(super) fresh: bool,
    pub(super) barge_in: bool,
}

impl Side {
    pub(super) fn follow_line(&mut self, line: usize, frame: usize, frames: &Frames, at: f64) {
        if frame == 0 {
            self.begin_line(line, at);
        }
        // A clip without a voice begins and ends with its first and last frame.
        let voice = if frames.voice.is_empty() { 0..frames.payloads.len() } else { frames.voice.clone() };
        if frame == voice.start {
            self.begin_voice(at);
        }
        if frame + 1 == voice.end {
            self.end_line(at);
        }
    }

    pub(super) fn begin_line(&mut self, line: usize, at: f64) {
        if let Some(previous) = self.line.take() {
            self.settle(&previous);
        }
        let script = self.conductor.script();
        let (label, expects_answer) =
            script.lines.get(line).map_or((String::new(), false), |it| (it.label.clone(), it.expects_answer));
        // Whether agent audio was still to be heard decides when its audio may count as the answer; a line that was meant to
        // interrupt but came too late interrupts nothing.
        let over = self.turn.is_some() && (self.playout.unplayed_sound() || self.heard_slot == Some(self.slot));
        let fixed =
            script.lines.get(line).is_some_and(|it| matches!((it.cue, &it.act), (Cue::At(_), _) | (_, Act::Press(_))));
        let barge_in = over && !fixed;
        self.report.lines.push(LineReport {
            label: label.clone(),
            began_at_ms: at,
            ended_at_ms: None,
            expects_answer,
            answer_ms: None,
            barge_in: barge_in.then(BargeIn::default),
        });
        self.answered = false;
        self.utterances = 0;
        self.line = Some(LiveLine { line, voice_at: None, done_at: None, answer_at: None, fresh: !over, barge_in });
        self.tell(at, What::CallerBegan { line, label, barge_in });
    }

    pub(super) fn begin_voice(&mut self, at: f64) {
        if let Some(line) = &mut self.line {
            line.voice_at = Some(at);
        }
    }

    pub(super) fn end_line(&mut self, at: f64) {
        let Some(line) = &mut self.line else { return };
        line.done_at = Some(at);
        self.utterances = 0;
        let (number, answer_at) = (line.line, line.answer_at);
        if let Some(report) = self.report.lines.get_mut(number) {
            report.ended_at_ms = Some(at);
        }
        self.tell(at, What::CallerEnded { line: number });
        if let Some(answer_at) = answer_at {
            self.tell(at, What::Answered { line: number, ms: rounded(answer_at - at) });
        }
    }

    /// Writes what became of a line into the report.
    pub(super) fn settle(&mut self, line: &LiveLine) {
        if let Some(report) = self.report.lines.get_mut(line.line) {
            report.answer_ms = line.answer_at.zip(line.done_at).map(|(answer, done)| rounded(answer - done));
        }
    }
}
