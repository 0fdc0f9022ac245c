use std::time::Duration;

use serde_json::{Value, json};

use super::{
    WsFailure,
    deepgram::{REQUEST, bad_parameter, check, complaint},
    ears::{Ears, Utterance, Window, Word, text_of},
    session::{Admission, Cause, Complaint, Floor, Manner, Session, format_of, number, seconds, type_of},
};
use crate::theatre::RequestHead;

/// Deepgram Flux, `/v2/listen`: turns, told by a model. Its only clock is the audio: a turn never ends for a client that stops
/// sending, and there is no keep-alive.
///
/// A turn ends 260 ms after the last loud window at the usual threshold of 0.7, later at higher ones; the eager end comes
/// sooner; `eot_timeout_ms` of quiet ends it in any case.
pub(super) struct Flux {
    manner: Manner,
    ears: Ears,
    end_ms: u64,
    eager_ms: Option<u64>,
    timeout_ms: u64,
    turn: Option<Turn>,
    turns: u64,
    sequence: u64,
    updated_ms: u64,
    last_audio: Option<Duration>,
    is_over: bool,
}

struct Turn {
    utterance: Utterance,
    is_started: bool,
    is_eager: bool,
    /// Quiet that has to pass once more, in ms: a turn that was taken up again without speech (`W23`).
    more_ms: u64,
    was_resumed: bool,
}

impl Flux {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        check(head, &KNOWN)?;
        if !head.parameter("model").is_some_and(|model| model.starts_with("flux-general-")) {
            return Err(bad_parameter("model"));
        }
        let rate_hz =
            number(head, "sample_rate").map_err(bad_parameter)?.ok_or_else(|| bad_parameter("sample_rate"))?;
        let format = head.parameter("encoding").and_then(|encoding| format_of(encoding, rate_hz));
        let format = format.filter(|format| (8_000..=48_000).contains(&format.rate_hz));
        let threshold: f64 = number(head, "eot_threshold").map_err(bad_parameter)?.unwrap_or(0.7);
        let eager: Option<f64> = number(head, "eager_eot_threshold").map_err(bad_parameter)?;
        let timeout_ms = number(head, "eot_timeout_ms").map_err(bad_parameter)?.unwrap_or(5_000);
        for (name, is_right) in [
            ("eot_threshold", (0.5..=1.0).contains(&threshold)),
            ("eager_eot_threshold", eager.is_none_or(|eager| (0.3..=0.9).contains(&eager) && eager <= threshold)),
            ("eot_timeout_ms", (500..=60_000).contains(&timeout_ms)),
        ] {
            if !is_right {
                return Err(bad_parameter(name));
            }
        }
        let quiet_ms = |threshold: f64| (260.0 + 1000.0 * (threshold - 0.7)).max(80.0) as u64;
        Ok(Box::new(Self {
            manner,
            ears: Ears::new(format.ok_or_else(|| bad_parameter("encoding"))?),
            end_ms: quiet_ms(threshold),
            eager_ms: eager.map(|eager| quiet_ms(eager).min(quiet_ms(threshold).saturating_sub(40))),
            timeout_ms,
            turn: None,
            turns: 0,
            sequence: 0,
            updated_ms: 0,
            last_audio: None,
            is_over: false,
        }))
    }

    fn window(&mut self, window: Window, floor: &mut Floor<'_>) {
        let Some(turn) = &mut self.turn else {
            if window.is_loud {
                let utterance = Utterance::begin(window, (floor.lines)());
                self.turn =
                    Some(Turn { utterance, is_started: false, is_eager: false, more_ms: 0, was_resumed: false });
            } else {
                self.update(window, floor);
            }
            return;
        };
        turn.utterance.hear(window);
        let quiet_ms = turn.utterance.quiet_ms(window);
        if !turn.is_started {
            // It starts with its first word, or with the end of speech too short for one.
            if turn.utterance.so_far().is_empty() && quiet_ms == 0 {
                return;
            }
            turn.is_started = true;
            let words = first(turn.utterance.so_far(), &turn.utterance);
            return self.info("StartOfTurn", &words, window.end_ms, 0.04, floor);
        }
        if turn.is_eager && window.is_loud {
            turn.is_eager = false;
            let words = turn.utterance.so_far();
            return self.info("TurnResumed", &words, window.end_ms, 0.1, floor);
        }
        self.quiet(window, quiet_ms, floor);
    }

    fn quiet(&mut self, window: Window, quiet_ms: u64, floor: &mut Floor<'_>) {
        let Some(turn) = &mut self.turn else { return };
        let needed_ms = self.end_ms + turn.more_ms;
        if quiet_ms >= needed_ms.min(self.timeout_ms) {
            if self.manner.plays(WsFailure::EndlessTurn) {
                return self.update(window, floor);
            }
            if self.manner.plays(WsFailure::EagerTurnResumed) && turn.is_eager && !turn.was_resumed {
                turn.was_resumed = true;
                turn.is_eager = false;
                turn.more_ms = 400;
                let words = turn.utterance.whole();
                return self.info("TurnResumed", &words, window.end_ms, 0.2, floor);
            }
            let trigger = if quiet_ms >= needed_ms { "model" } else { "timeout" };
            return self.end_turn(window.end_ms, trigger, floor);
        }
        if self.eager_ms.is_some_and(|eager_ms| quiet_ms >= eager_ms) && !turn.is_eager && !turn.was_resumed {
            turn.is_eager = true;
            let words = turn.utterance.whole();
            return self.info("EagerEndOfTurn", &words, window.end_ms, 0.55, floor);
        }
        self.update(window, floor);
    }

    fn update(&mut self, window: Window, floor: &mut Floor<'_>) {
        if window.end_ms >= self.updated_ms + UPDATE_MS {
            let words = match &self.turn {
                Some(turn) => turn.utterance.so_far(),
                None => Vec::new(),
            };
            self.info("Update", &words, window.end_ms, 0.02, floor);
        }
    }

    fn end_turn(&mut self, end_ms: u64, trigger: &str, floor: &mut Floor<'_>) {
        let Some(turn) = self.turn.take() else { return };
        floor.turn_ended();
        let words = turn.utterance.whole();
        let words =
            if self.manner.plays(WsFailure::OddFinals) && self.manner.form() == "empty" { &[] } else { &words[..] };
        let times = if self.manner.plays(WsFailure::DuplicateFinals) { 2 } else { 1 };
        let start_ms = turn.utterance.start_ms;
        for _ in 0..times {
            let mut info = self.told("EndOfTurn", words, start_ms, end_ms, 0.86);
            info["trigger"] = json!(trigger);
            floor.say(info);
        }
        self.updated_ms = end_ms;
        self.turns += 1;
    }

    fn info(&mut self, event: &str, words: &[Word], end_ms: u64, confidence: f64, floor: &mut Floor<'_>) {
        let start_ms = self.turn.as_ref().map_or(self.updated_ms, |turn| turn.utterance.start_ms);
        let info = self.told(event, words, start_ms, end_ms, confidence);
        self.updated_ms = end_ms;
        floor.say(info);
    }

    fn told(&mut self, event: &str, words: &[Word], start_ms: u64, end_ms: u64, confidence: f64) -> Value {
        self.sequence += 1;
        let wordless = self.manner.plays(WsFailure::OddFinals) && self.manner.form() == "wordless";
        let listed: Vec<Value> = if wordless { Vec::new() } else { words.iter().map(word).collect() };
        json!({
            "type": "TurnInfo",
            "request_id": REQUEST,
            "sequence_id": self.sequence,
            "event": event,
            "turn_index": self.turns,
            "audio_window_start": seconds(start_ms),
            "audio_window_end": seconds(end_ms),
            "transcript": text_of(words),
            "words": listed,
            "end_of_turn_confidence": confidence,
        })
    }

    fn control(&mut self, text: &str, floor: &mut Floor<'_>) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = type_of(&message);
        floor.heard(if kind.is_empty() { "unreadable" } else { kind }, text.len());
        match kind {
            "CloseStream" => {
                self.is_over = true;
                let end_ms = self.ears.clock_ms();
                self.end_turn(end_ms, "manual", floor);
                floor.close(1000, "");
            }
            "ForceEndTurn" => {
                if !self.manner.plays(WsFailure::NoAcknowledgement) {
                    let end_ms = self.ears.clock_ms();
                    self.end_turn(end_ms, "manual", floor);
                }
            }
            "Configure" => floor.note(json!({ "type": "ConfigureSuccess", "request_id": REQUEST })),
            _ => {
                // There is no KeepAlive and no Finalize here.
                floor.fault("unknown_message");
                self.is_over = true;
                floor.note(self.error("UNPARSABLE_CLIENT_MESSAGE", "Unknown message (mock)."));
                floor.close(1008, "DATA-0000");
            }
        }
    }

    fn error(&self, code: &str, description: &str) -> Value {
        json!({ "type": "Error", "sequence_id": self.sequence + 1, "code": code, "description": description })
    }
}

impl Session for Flux {
    fn opened(&mut self, floor: &mut Floor<'_>) {
        floor.confirm(json!({ "type": "Connected", "request_id": REQUEST, "sequence_id": 0 }));
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
        if bytes.is_empty() {
            floor.facts.empty_binaries += 1;
            return floor.fault("empty_binary");
        }
        if self.is_over {
            return floor.fault("audio_after_close");
        }
        let gap = self.last_audio.replace(floor.now).map_or(Duration::ZERO, |last| floor.now.saturating_sub(last));
        if self.turn.is_some() && gap >= self.manner.limit(Duration::from_secs(1)) {
            // Nothing happens to such a client; nothing happens to its turn either.
            floor.fault("audio_gap_in_turn");
        }
        let ms = u64::from(self.ears.format().ms_of_bytes(bytes.len()));
        floor.facts.audio.heard(floor.now, bytes.len(), ms);
        floor.facts.billed.audio_in_ms += ms;
        for window in self.ears.hear(bytes) {
            self.window(window, floor);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        None
    }

    fn tick(&mut self, _: &mut Floor<'_>) {}

    fn lag(&self) -> Duration {
        self.manner.pacing.first
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        let close = complaint(cause);
        let code = match cause {
            Cause::Auth => "INVALID_AUTH",
            Cause::Quota => "ASR_PAYMENT_REQUIRED",
            Cause::Missing => "NOT_FOUND",
            Cause::Internal | Cause::Expired => "INTERNAL_SERVER_ERROR",
        };
        Complaint { message: Some(self.error(code, &close.reason)), ..close }
    }
}

/// A turn never starts empty.
fn first(words: Vec<Word>, utterance: &Utterance) -> Vec<Word> {
    if words.is_empty() { utterance.whole().into_iter().take(1).collect() } else { words }
}

fn word(word: &Word) -> Value {
    json!({ "word": word.text, "confidence": 0.97 })
}

/// Audio between two updates, in ms.
const UPDATE_MS: u64 = 240;

/// Parameters of the address; others are refused.
#[rustfmt::skip]
const KNOWN: [&str; 12] = [
    "model", "encoding", "sample_rate", "eot_threshold", "eager_eot_threshold", "eot_timeout_ms", "keyterm",
    "language_hint", "numerals", "redact", "tag", "mip_opt_out",
];
