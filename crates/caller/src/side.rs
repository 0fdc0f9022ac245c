mod agent;
mod heard;
mod line;

use crate::carrier::{Double, Fault, Order};
use crate::clip;
use crate::conductor::{Conductor, Turn};
use crate::listen::AgentSpeech;
use crate::plan::CallPlan;
use crate::playout::Playout;
use crate::report::{CallReport, Recording, rounded};
use crate::script::Death;
use crate::timeline::{Event, What};
use agent::AgentTurn;
use line::LiveLine;

/// The carrier's side of one open stream: caller and playout in one, driven by slots of 20 ms and by the engine's messages.
///
/// Pure but for memory: it is handed times and texts and fills an outbox. The socket around it is `socket.rs`.
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
    /// Marks that were played since the caller last finished.
    utterances: u32,
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
            utterances: 0,
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

    fn return_marks(&mut self, at: f64, out: &mut Vec<String>) {
        while let Some(name) = self.playout.next_played_mark() {
            self.report.marks.played += 1;
            self.utterances = self.utterances.saturating_add(1);
            if self.double.echoes_marks() {
                out.push(self.double.mark(&name));
            }
            self.tell(at, What::MarkPlayed { name: short(&name) });
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

    fn tell(&mut self, at_ms: f64, what: What) {
        if self.timeline && self.report.events.len() < MOST_EVENTS {
            self.report.events.push(Event { at_ms: rounded(at_ms), what });
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A slot of playing and speaking, ms: the carriers' frame.
pub(crate) const SLOT_MS: u64 = 20;
/// Unplayed audio that may be lost at a close without anybody noticing.
const CLOSE_GRACE_MS: u32 = 100;
/// The longest timeline.
const MOST_EVENTS: usize = 20_000;
