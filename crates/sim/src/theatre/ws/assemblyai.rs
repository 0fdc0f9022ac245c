use std::time::Duration;

use serde_json::{Value, json};

use super::{
    WsFailure,
    ears::{Ears, Utterance, Window, Word, text_of},
    session::{Admission, Cause, Complaint, Floor, Manner, Refusal, Session, format_of, number, sooner, type_of},
};
use crate::theatre::RequestHead;

/// AssemblyAI's streaming, `/v3/ws`: messages of 50 to 1000 ms, no faster than 1.25 times real time after the first 5 s of
/// audio, turns that end on quiet, once plain and once formatted.
pub(super) struct Turns {
    manner: Manner,
    ears: Ears,
    is_formatted: bool,
    min_quiet_ms: u64,
    patience: Option<Duration>,
    utterance: Option<Utterance>,
    order: u64,
    last_input: Duration,
    dies_at: Duration,
    is_over: bool,
}

impl Turns {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        if let Some((name, _)) = head.query.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(bad(name));
        }
        let rate_hz = number(head, "sample_rate").map_err(bad)?.ok_or_else(|| bad("sample_rate"))?;
        let format = format_of(head.parameter("encoding").unwrap_or("pcm_s16le"), rate_hz)
            .filter(|format| (8_000..=48_000).contains(&format.rate_hz))
            .ok_or_else(|| bad("encoding"))?;
        let idle: Option<f64> = number(head, "inactivity_timeout").map_err(bad)?;
        if idle.is_some_and(|seconds| !(5.0..=3_600.0).contains(&seconds)) {
            return Err(bad("inactivity_timeout"));
        }
        let is_short = manner.plays(WsFailure::IdleTimeout);
        // Without the parameter there is no idle time; played, there is one of 3 s.
        let idle = if is_short { Some(idle.map_or(3.0, |seconds| seconds / 10.0)) } else { idle };
        Ok(Box::new(Self {
            patience: idle.map(|seconds| manner.limit(Duration::from_secs_f64(seconds))),
            ears: Ears::new(format),
            is_formatted: head.parameter("format_turns") == Some("true"),
            min_quiet_ms: number(head, "min_turn_silence").map_err(bad)?.unwrap_or(400),
            utterance: None,
            order: 0,
            last_input: Duration::ZERO,
            dies_at: manner.limit(LIFE),
            manner,
            is_over: false,
        }))
    }

    fn window(&mut self, window: Window, floor: &mut Floor<'_>) {
        match &mut self.utterance {
            None if window.is_loud => {
                self.utterance = Some(Utterance::begin(window, (floor.lines)()));
                floor.say(json!({ "type": "SpeechStarted", "timestamp": window.end_ms.saturating_sub(20) }));
            }
            None => {}
            Some(utterance) => {
                let has_more = utterance.hear(window);
                if utterance.quiet_ms(window) >= self.min_quiet_ms && !self.manner.plays(WsFailure::EndlessTurn) {
                    self.end_turn(floor);
                } else if has_more {
                    let words = utterance.so_far();
                    floor.say(self.turn(&words, false, false));
                }
            }
        }
    }

    fn end_turn(&mut self, floor: &mut Floor<'_>) {
        let Some(utterance) = self.utterance.take() else { return };
        floor.turn_ended();
        let words = utterance.whole();
        let is_double = self.is_formatted || self.manner.plays(WsFailure::DuplicateFinals);
        let mut finals = vec![self.turn(&words, true, false)];
        if is_double {
            finals.push(self.turn(&words, true, true));
        }
        if self.manner.plays(WsFailure::OddFinals) && self.manner.form() == "order" {
            finals.reverse();
        }
        for message in finals {
            floor.say(message);
        }
        self.order += 1;
    }

    fn turn(&self, words: &[Word], is_end: bool, is_formatted: bool) -> Value {
        let odd = if is_end && self.manner.plays(WsFailure::OddFinals) { self.manner.form() } else { "" };
        let text = if odd == "empty" { String::new() } else { text_of(words) };
        let mut turn = json!({
            "type": "Turn",
            "turn_order": self.order,
            "turn_is_formatted": is_formatted,
            "end_of_turn": is_end && odd != "unmarked",
            "transcript": if is_formatted { text } else { text.to_lowercase() },
            "end_of_turn_confidence": if is_end { 0.81 } else { 0.02 },
            "words": words.iter().map(word).collect::<Vec<_>>(),
        });
        if odd == "wordless"
            && let Some(turn) = turn.as_object_mut()
        {
            turn.remove("words");
        }
        turn
    }

    fn control(&mut self, text: &str, floor: &mut Floor<'_>) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            floor.heard("unreadable", text.len());
            floor.fault("unknown_message");
            return self.end(4100, "Message is no JSON (mock)", floor);
        };
        let kind = type_of(&message);
        floor.heard(if kind.is_empty() { "unreadable" } else { kind }, text.len());
        match kind {
            "KeepAlive" => {
                floor.kept_alive();
                self.last_input = floor.now;
            }
            "ForceEndpoint" => {
                if !self.manner.plays(WsFailure::NoAcknowledgement) {
                    self.end_turn(floor);
                }
            }
            "UpdateConfiguration" => {}
            "Terminate" => {
                self.is_over = true;
                self.end_turn(floor);
                floor.note(json!({
                    "type": "Termination",
                    "audio_duration_seconds": self.ears.clock_ms() / 1000,
                    "session_duration_seconds": floor.now.as_secs(),
                }));
                floor.close(1000, "");
            }
            _ => {
                floor.fault("unknown_message");
                self.end(4101, "Message of an unknown type (mock)", floor);
            }
        }
    }

    /// The message comes before its close.
    fn end(&mut self, code: u16, reason: &str, floor: &mut Floor<'_>) {
        self.is_over = true;
        floor.complain(told(code, reason));
    }
}

impl Session for Turns {
    fn opened(&mut self, floor: &mut Floor<'_>) {
        floor.confirm(json!({
            "type": "Begin",
            "id": "a2000000-0000-4000-8000-000000000001",
            "expires_at": 1_795_170_000,
            "configuration": { "model": "universal-mock", "mode": "balanced" },
        }));
    }

    fn text(&mut self, text: &str, floor: &mut Floor<'_>) {
        if self.is_over {
            floor.heard("after_close", text.len());
        } else {
            self.control(text, floor);
        }
    }

    fn binary(&mut self, bytes: &[u8], floor: &mut Floor<'_>) {
        floor.heard("audio", bytes.len());
        if self.is_over {
            return floor.fault("audio_after_close");
        }
        if bytes.is_empty() {
            floor.facts.empty_binaries += 1;
            floor.fault("empty_binary");
        }
        let ms = u64::from(self.ears.format().ms_of_bytes(bytes.len()));
        if !(50..=1000).contains(&ms) {
            floor.fault("audio_of_wrong_length");
            return self.end(3007, "Input duration violation (mock)", floor);
        }
        floor.facts.audio.heard(floor.now, bytes.len(), ms);
        floor.facts.billed.audio_in_ms += ms;
        self.last_input = floor.now;
        let began = floor.facts.audio.first.unwrap_or(floor.now);
        let passed_ms = floor.now.saturating_sub(began).as_secs_f64() * 1000.0 * self.manner.haste;
        if floor.facts.audio.ms as f64 > AHEAD_MS + 1.25 * passed_ms {
            floor.fault("audio_too_fast");
            return self.end(4029, "Audio comes faster than real time (mock)", floor);
        }
        for window in self.ears.hear(bytes) {
            self.window(window, floor);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.is_over {
            return None;
        }
        sooner(self.patience.map(|patience| self.last_input + patience), Some(self.dies_at))
    }

    fn tick(&mut self, floor: &mut Floor<'_>) {
        if self.is_over {
            return;
        }
        if self.patience.is_some_and(|patience| self.last_input + patience <= floor.now) {
            floor.fault("no_input");
            self.end(4031, "Session idle for too long (mock)", floor);
        } else if self.dies_at <= floor.now {
            self.end(3008, "Session expired (mock)", floor);
        }
    }

    fn lag(&self) -> Duration {
        self.manner.pacing.first
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        match cause {
            Cause::Auth => told(4001, "Not authorized (mock)"),
            Cause::Quota => told(4002, "Insufficient funds (mock)"),
            Cause::Missing => told(3006, "No such model (mock)"),
            Cause::Internal => told(3005, "Server error (mock)"),
            Cause::Expired => told(3008, "Session expired (mock)"),
        }
    }
}

fn told(code: u16, reason: &str) -> Complaint {
    Complaint::told(json!({ "type": "Error", "error_code": code, "error": reason }), code, reason)
}

/// A refused upgrade with this status.
pub(super) fn refusal(status: u16) -> Refusal {
    Refusal { status, headers: Vec::new(), body: json!({ "error": format!("Refused with {status} (mock).") }) }
}

fn bad(name: &str) -> Refusal {
    Refusal { status: 400, headers: Vec::new(), body: json!({ "error": format!("Invalid parameter (mock): {name}") }) }
}

fn word(word: &Word) -> Value {
    json!({
        "text": word.text,
        "start": word.start_ms,
        "end": word.end_ms,
        "confidence": 0.99,
        "word_is_final": true,
    })
}

/// Audio that may be ahead of its time, in ms: what a client has kept while it connected.
const AHEAD_MS: f64 = 5_000.0;

/// How long a session lives.
const LIFE: Duration = Duration::from_hours(3);

/// Parameters of the address; others are refused.
#[rustfmt::skip]
const KNOWN: [&str; 24] = [
    "sample_rate", "encoding", "speech_model", "mode", "format_turns", "end_of_turn_confidence_threshold",
    "min_turn_silence", "max_turn_silence", "vad_threshold", "keyterms_prompt", "language_codes",
    "inactivity_timeout", "speaker_labels", "session_heartbeat", "noise_suppression_model", "redact_pii",
    "redact_pii_policies", "redact_pii_sub", "token", "filter_profanity", "language_detection",
    "min_end_of_turn_silence_when_confident", "prompt", "max_speakers",
];
