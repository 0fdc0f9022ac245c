use crate::carrier::{Double, Fault, Order};
use crate::clip::{self, Frames};
use crate::conductor::{Conductor, Floor, Turn};
use crate::listen::AgentSpeech;
use crate::plan::CallPlan;
use crate::playout::{Cleared, OPEN_UTTERANCE_MS, Playout, Slot};
use crate::report::{BargeIn, CallReport, Event, Greeting, LineReport, Recording, What};
use crate::script::{Act, Cue, Death};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The carrier's side of one open stream: caller and playout in one, driven by slots of 20 ms and by the engine's messages.
///
/// Pure but for memory: it is handed times and texts and fills an outbox. The socket around it is `wire.rs`.
pub(crate) struct Side {
    double: Double,
    playout: Playout,
    conductor: Conductor,
    report: CallReport,
    /// Base64 of a silent frame.
    silence: String,
    frame_samples: usize,
    quiet_ms: u64,
    timeline: bool,
    /// When `start` was sent, from placing.
    started_at: f64,
    slot: u64,
    /// The slot in which the agent was last heard.
    heard_slot: Option<u64>,
    turn: Option<AgentTurn>,
    turns: usize,
    line: Option<LiveLine>,
    /// Whether the agent has been heard since the caller last finished.
    answered: bool,
    /// Turns for a transcriber; `None` if nobody listens.
    speeches: Option<Vec<AgentSpeech>>,
    bytes: Vec<u8>,
    samples: Vec<i16>,
    lead_told: bool,
}

/// What the caller's side does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Stay,
    HangUp,
    Die(Death),
}

/// The agent's turn that is being heard.
struct AgentTurn {
    began_at: f64,
    began_slot: u64,
    /// End of the last audible slot.
    ended_slot: u64,
    samples: Vec<i16>,
}

/// The line that the caller speaks or waits to have answered.
struct LiveLine {
    line: usize,
    /// When the first word was sent.
    voice_at: Option<f64>,
    /// When the last word was sent.
    done_at: Option<f64>,
    /// When the answer came, if it may count as one.
    answer_at: Option<f64>,
    /// Agent audio belongs to the answer: nothing old is left of it.
    fresh: bool,
    barge_in: bool,
}

impl Side {
    pub(crate) fn new(plan: &CallPlan, double: Double, report: CallReport, listens: bool) -> Self {
        let format = double.format();
        let mut report = report;
        report.format = format.to_string();
        report.recording = plan.record.then(|| Recording { rate_hz: format.rate_hz, ..Recording::default() });
        Self {
            playout: Playout::new(format.rate_hz),
            conductor: Conductor::new(plan.script.clone(), format),
            report,
            silence: clip::silence(format),
            frame_samples: clip::frame_samples(format),
            quiet_ms: plan.script.quiet.as_millis() as u64,
            timeline: plan.timeline,
            started_at: 0.0,
            slot: 0,
            heard_slot: None,
            turn: None,
            turns: 0,
            line: None,
            answered: false,
            speeches: listens.then(Vec::new),
            bytes: Vec::new(),
            samples: Vec::new(),
            lead_told: false,
            double,
        }
    }

    /// Begins the stream: `connected`, `start`.
    pub(crate) fn start(&mut self, at: f64, out: &mut Vec<String>) {
        out.push(self.double.connected());
        out.push(self.double.start());
        self.started_at = at;
        self.report.started_at_ms = Some(at);
        self.tell(at, What::Started);
    }

    /// One slot of 20 ms: plays agent audio, returns marks, and lets the caller speak.
    pub(crate) fn pass_slot(&mut self, at: f64, out: &mut Vec<String>) -> Move {
        let played = self.playout.play(self.frame_samples, self.report.recording.as_mut().map(|it| &mut it.agent));
        self.follow_agent(played, at);
        self.return_marks(at, out);
        let at_ms = self.slot * SLOT_MS;
        let turn = self.conductor.turn(at_ms, self.floor());
        let next = self.speak(turn, at, at_ms, out);
        self.slot += 1;
        next
    }

    /// A text message of the engine.
    pub(crate) fn hear(&mut self, message: &str, at: f64, out: &mut Vec<String>) {
        match self.double.read(message) {
            Ok(Order::Media(payload)) => self.hear_media(&payload, at),
            Ok(Order::Mark(name)) => {
                self.report.marks.received += 1;
                self.tell(at, What::MarkReceived { name: short(&name) });
                self.playout.mark(name.into_owned());
                self.lead_told = false;
                // A mark on an empty buffer comes back at once.
                self.return_marks(at, out);
            }
            Ok(Order::Clear) => self.hear_clear(at, out),
            Err(fault) => self.violate(fault, at, format!("message of {} bytes", message.len())),
        }
    }

    /// Notes a broken rule.
    pub(crate) fn violate(&mut self, fault: Fault, at: f64, detail: String) {
        if self.report.violate(fault, at, detail.clone()) {
            self.tell(at, What::Violated { fault, detail });
        }
    }

    /// The engine closes the stream: did it let its audio be heard?
    pub(crate) fn judge_close(&mut self, at: f64) {
        let unplayed = self.playout.unplayed_ms();
        if self.playout.unplayed_sound() && unplayed > CLOSE_GRACE_MS {
            self.violate(Fault::ClosedOverUnplayedAudio, at, format!("{unplayed} ms unplayed"));
        }
    }

    /// The `stop` message.
    pub(crate) fn stop(&mut self) -> String {
        self.double.stop()
    }

    /// How late the 20 ms clock was.
    pub(crate) const fn note_lateness(&mut self, late_ms: f64) {
        self.report.late_ms_max = self.report.late_ms_max.max(late_ms);
    }

    /// Speech that can be transcribed: the agent's turns that ended since the last question.
    pub(crate) fn take_speeches(&mut self) -> Vec<AgentSpeech> {
        self.speeches.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Adds an event that came from outside, such as words.
    pub(crate) fn note(&mut self, event: Event) {
        self.tell(event.at_ms, event.what);
    }

    /// The timeline so far.
    pub(crate) fn events(&self) -> &[Event] {
        &self.report.events
    }

    /// Ends the bookkeeping.
    pub(crate) fn finish(mut self, at: f64) -> (CallReport, Vec<AgentSpeech>) {
        self.end_turn(false);
        if let Some(line) = self.line.take() {
            self.settle(&line);
        }
        self.report.lines_unspoken = self.conductor.unbegun();
        self.report.duration_ms = at;
        if let Some(recording) = &mut self.report.recording {
            let length = recording.caller.len().max(recording.agent.len());
            recording.caller.resize(length, 0);
            recording.agent.resize(length, 0);
        }
        (self.report, self.speeches.unwrap_or_default())
    }

    fn hear_media(&mut self, payload: &str, at: f64) {
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
        crate::sound::decode(&self.bytes, self.double.format().encoding, &mut self.samples);
        let audible = self.samples.iter().any(|sample| sample.unsigned_abs() >= crate::playout::AUDIBLE);
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
        let since_start = at - self.started_at;
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
                self.tell(at, What::Answered { line, ms: at - done_at });
            }
        }
    }

    fn hear_clear(&mut self, at: f64, out: &mut Vec<String>) {
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
                report.clear_ms = voice_at.map(|voice_at| at - voice_at);
            }
        }
    }

    fn return_marks(&mut self, at: f64, out: &mut Vec<String>) {
        while let Some(name) = self.playout.next_played_mark() {
            self.report.marks.played += 1;
            if self.double.echoes_marks() {
                out.push(self.double.mark(&name));
            }
            self.tell(at, What::MarkPlayed { name: short(&name) });
        }
    }

    /// Follows the agent's turns as they are played.
    fn follow_agent(&mut self, played: Slot, at: f64) {
        if played.audible {
            self.heard_slot = Some(self.slot);
            if self.turn.is_none() {
                self.tell(at, What::AgentBegan { turn: self.turns });
                self.turn =
                    Some(AgentTurn { began_at: at, began_slot: self.slot, ended_slot: self.slot, samples: Vec::new() });
                if self.turns == 0 && self.report.lines.is_empty() {
                    self.report.greeting =
                        Some(Greeting { began_ms: at - self.started_at, ms: 0.0, interrupted: false });
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
                report.silent_ms = line.voice_at.map(|voice_at| at - voice_at);
            }
        }
        let floor = self.floor();
        let quiet = if floor.utterance_open { u64::from(OPEN_UTTERANCE_MS) } else { self.quiet_ms };
        if self.turn.is_some() && !floor.unplayed && floor.quiet_ms >= quiet {
            self.end_turn(false);
        }
    }

    fn end_turn(&mut self, interrupted: bool) {
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

    fn floor(&self) -> Floor {
        let since = self.heard_slot.map_or(self.slot + FOREVER_SLOTS, |heard| self.slot - heard);
        Floor {
            answered: self.answered,
            speaking_ms: self.turn.as_ref().map(|turn| (self.slot - turn.began_slot) * SLOT_MS),
            quiet_ms: since * SLOT_MS,
            unplayed: self.playout.unplayed_sound() || self.playout.awaits_mark(),
            utterance_open: self.playout.utterance_open() && self.heard_slot.is_some(),
        }
    }

    fn speak(&mut self, turn: Turn, at: f64, at_ms: u64, out: &mut Vec<String>) -> Move {
        match turn {
            Turn::HangUp => return Move::HangUp,
            Turn::Die(how) => return Move::Die(how),
            Turn::Silent => self.send_silence(at_ms, out),
            Turn::Frame { line, frame, frames } => {
                self.follow_line(line, frame, &frames, at);
                self.report.traffic.frames_sent += 1;
                self.report.traffic.bytes_sent += self.double.format().bytes_of_ms(20) as u64;
                if let Some(recording) = &mut self.report.recording {
                    recording.caller.extend_from_slice(frames.samples_of(frame));
                }
                out.push(self.double.media(&frames.payloads[frame], at_ms));
            }
            Turn::Press { line, key, last } => {
                if self.line.as_ref().is_none_or(|it| it.line != line) {
                    self.begin_line(line, at);
                    self.begin_voice(at);
                }
                self.tell(at, What::Pressed { key });
                out.push(self.double.dtmf(key));
                if last {
                    self.end_line(at);
                }
                self.send_silence(at_ms, out);
            }
        }
        Move::Stay
    }

    fn send_silence(&mut self, at_ms: u64, out: &mut Vec<String>) {
        self.report.traffic.frames_sent += 1;
        self.report.traffic.bytes_sent += self.double.format().bytes_of_ms(20) as u64;
        if let Some(recording) = &mut self.report.recording {
            recording.caller.resize(recording.caller.len() + self.frame_samples, 0);
        }
        out.push(self.double.media(&self.silence, at_ms));
    }

    fn follow_line(&mut self, line: usize, frame: usize, frames: &Frames, at: f64) {
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

    fn begin_line(&mut self, line: usize, at: f64) {
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
        self.line = Some(LiveLine { line, voice_at: None, done_at: None, answer_at: None, fresh: !over, barge_in });
        self.tell(at, What::CallerBegan { line, label, barge_in });
    }

    fn begin_voice(&mut self, at: f64) {
        if let Some(line) = &mut self.line {
            line.voice_at = Some(at);
        }
    }

    fn end_line(&mut self, at: f64) {
        let Some(line) = &mut self.line else { return };
        line.done_at = Some(at);
        let (number, answer_at) = (line.line, line.answer_at);
        if let Some(report) = self.report.lines.get_mut(number) {
            report.ended_at_ms = Some(at);
        }
        self.tell(at, What::CallerEnded { line: number });
        if let Some(answer_at) = answer_at {
            self.tell(at, What::Answered { line: number, ms: answer_at - at });
        }
    }

    /// Writes what became of a line into the report.
    fn settle(&mut self, line: &LiveLine) {
        if let Some(report) = self.report.lines.get_mut(line.line) {
            report.answer_ms = line.answer_at.zip(line.done_at).map(|(answer, done)| answer - done);
        }
    }

    fn tell(&mut self, at_ms: f64, what: What) {
        if self.timeline && self.report.events.len() < MOST_EVENTS {
            self.report.events.push(Event { at_ms: (at_ms * 10.0).round() / 10.0, what });
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A slot of playing and speaking, ms: the carriers' frame.
pub(crate) const SLOT_MS: u64 = 20;
/// "Never heard" as a number of slots: longer than any patience.
const FOREVER_SLOTS: u64 = 1 << 20;
/// Unplayed audio that may be lost at a close without anybody noticing.
const CLOSE_GRACE_MS: u32 = 100;
/// Speech of one turn that is kept for a transcriber.
const LONGEST_SPEECH_S: usize = 60;
/// The longest timeline.
const MOST_EVENTS: usize = 20_000;
