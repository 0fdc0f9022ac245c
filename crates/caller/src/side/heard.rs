use super::Side;
use crate::carrier::Fault;
use crate::playout::{AUDIBLE, Cleared};
use crate::report::rounded;
use crate::sound;
use crate::timeline::What;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the engine's audio and `clear` do to the call.
impl Side {
    pub(super) fn hear_media(&mut self, payload: &str, at: f64) {
        self.bytes.clear();
        if STANDARD.decode_vec(payload, &mut self.bytes).is_err() {
            return self.violate(Fault::BadBase64, at, format!("payload of {} characters", payload.len()));
        }
        let size = self.bytes.len();
        self.report.traffic.frames_heard += 1;
        self.report.traffic.bytes_heard += size as u64;
        if let Err(fault) = self.double.judge_payload(size) {
            self.violate(fault, at, format!("payload of {size} bytes"));
        }
        sound::decode(&self.bytes, self.double.format().encoding, &mut self.samples);
        let audible = self.samples.iter().any(|sample| sample.unsigned_abs() >= AUDIBLE);
        self.time_audio(audible, at);
        match self.playout.queue(&self.samples) {
            Err(_) => self.violate(Fault::BufferOverflow, at, format!("{} ms unplayed", self.playout.unplayed_ms())),
            Ok(Some(gap_ms)) => {
                let underruns = &mut self.report.underruns;
                underruns.count += 1;
                underruns.total_ms += u64::from(gap_ms);
                underruns.longest_ms = underruns.longest_ms.max(gap_ms);
                self.tell(at, What::Underrun { ms: gap_ms });
            }
            Ok(None) => {}
        }
        let lead = self.playout.unplayed_ms();
        if let Some(most) = self.double.max_lead_ms()
            && lead > most
            && !self.lead_told
        {
            // Once an utterance: each frame of it would say the same.
            self.lead_told = true;
            self.violate(Fault::TooFarAhead, at, format!("{lead} ms ahead of playing, at most {most}"));
        }
    }

    /// Times the first audio of the call and of an answer.
    fn time_audio(&mut self, audible: bool, at: f64) {
        let since_start = rounded(at - self.started_at);
        if self.report.first_audio_ms.is_none() {
            self.report.first_audio_ms = Some(since_start);
            self.tell(at, What::FirstAudio { ms: since_start });
        }
        if !audible {
            return;
        }
        if self.report.first_sound_ms.is_none() {
            self.report.first_sound_ms = Some(since_start);
        }
        let Some(line) = &mut self.line else {
            self.answered = true;
            return;
        };
        if line.fresh && line.answer_at.is_none() {
            line.answer_at = Some(at);
            self.answered = true;
            let (line, done_at) = (line.line, line.done_at);
            if let Some(done_at) = done_at {
                self.tell(at, What::Answered { line, ms: rounded(at - done_at) });
            }
        }
    }

    pub(super) fn hear_clear(&mut self, at: f64, out: &mut Vec<String>) {
        self.report.clears += 1;
        let Cleared { dropped_ms, marks } = self.playout.clear();
        self.lead_told = false;
        self.report.marks.flushed += marks.len() as u64;
        self.tell(at, What::Cleared { dropped_ms, marks: marks.len() });
        if self.double.returns_marks_on_clear() {
            out.extend(marks.iter().map(|name| self.double.mark(name)));
        }
        self.end_turn(true);
        if let Some(line) = &mut self.line {
            line.fresh = true;
            if line.done_at.is_none() {
                // What was heard so far was spoken into the caller's words; the answer is still to come.
                line.answer_at = None;
                self.answered = false;
            }
            let (line, voice_at, barge_in) = (line.line, line.voice_at, line.barge_in);
            if barge_in
                && let Some(report) = self.report.lines.get_mut(line).and_then(|it| it.barge_in.as_mut())
                && report.clear_ms.is_none()
            {
                report.clear_ms = voice_at.map(|voice_at| rounded(at - voice_at));
            }
        }
    }
}
