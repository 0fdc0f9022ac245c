use std::{collections::VecDeque, time::Duration};

use operetta_audio::{Encoding, Format};
use serde_json::{Value, json};

use super::{
    WsFailure,
    deepgram::{REQUEST, bad_parameter, check, complaint},
    facts::Context,
    session::{Admission, Cause, Complaint, Floor, Manner, Session, format_of, number, sooner, type_of},
    voice::{Piece, Voice},
};
use crate::theatre::RequestHead;

/// Deepgram's Aura over a socket, `/v1/speak`: text in, binary audio out, `Flushed` behind it.
///
/// A sentence is spoken as soon as it is complete; the rest waits for `Flush`.
pub(super) struct Speak {
    manner: Manner,
    voice: Voice<Mark>,
    buffer: String,
    /// When the last flushes came, for the limit of 20 in a minute.
    flushes: VecDeque<Duration>,
    flushed: u64,
    cleared: u64,
    utterances: u64,
    is_cancelled: bool,
    is_over: bool,
    dies_at: Duration,
}

#[derive(Debug)]
enum Mark {
    Flushed(u64),
    Cleared(u64),
    Closed,
}

impl Speak {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        check(head, &["model", "encoding", "sample_rate", "speed", "mip_opt_out", "tag", "callback"])?;
        let encoding = head.parameter("encoding").unwrap_or("linear16");
        let rate_hz = number(head, "sample_rate").map_err(bad_parameter)?.unwrap_or(24_000);
        let format = format_of(encoding, rate_hz).ok_or_else(|| bad_parameter("encoding"))?;
        if !fits(format) {
            return Err(bad_parameter("sample_rate"));
        }
        Ok(Box::new(Self {
            manner,
            voice: Voice::new(format, manner.pacing),
            buffer: String::new(),
            flushes: VecDeque::new(),
            flushed: 0,
            cleared: 0,
            utterances: 0,
            is_cancelled: false,
            is_over: false,
            dies_at: manner.limit(LIFE),
        }))
    }

    fn speak(&mut self, text: &str, floor: &mut Floor<'_>) {
        if text.chars().count() > LONGEST {
            floor.fault("text_too_long");
            return self.end(1009, "BIG-0000", floor);
        }
        self.buffer.push_str(text);
        if let Some(end) = last_sentence_end(&self.buffer) {
            let rest = self.buffer.split_off(end);
            let sentence = std::mem::replace(&mut self.buffer, rest);
            self.generate(&sentence, floor);
        }
    }

    fn generate(&mut self, text: &str, floor: &mut Floor<'_>) {
        let characters = text.chars().count() as u64;
        if characters == 0 {
            return;
        }
        self.is_cancelled = false;
        floor.facts.billed.characters += characters;
        floor.facts.billed.audio_out_ms += self.voice.speak(floor.now, text);
        if floor.facts.contexts.last().is_none_or(|utterance| utterance.closed.is_some()) {
            floor.facts.opens(Context::new(&self.utterances.to_string(), floor.now));
            self.utterances += 1;
        }
        if let Some(utterance) = floor.facts.contexts.last_mut() {
            utterance.takes(floor.now, characters);
        }
    }

    fn flush(&mut self, floor: &mut Floor<'_>) {
        let minute = self.manner.limit(Duration::from_mins(1));
        self.flushes.retain(|at| *at + minute > floor.now);
        if self.flushes.len() >= FLUSHES {
            floor.fault("too_many_flushes");
            return floor.note(warning("EXCEEDED_FLUSH_LIMIT", "Flush was ignored (mock)."));
        }
        self.flushes.push_back(floor.now);
        let text = std::mem::take(&mut self.buffer);
        self.generate(&text, floor);
        if let Some(utterance) = floor.facts.contexts.last_mut() {
            utterance.closed.get_or_insert(floor.now);
        }
        let mark = Mark::Flushed(self.flushed);
        self.flushed += 1;
        if self.manner.plays(WsFailure::EarlyAcknowledgement) {
            self.voice.mark_early(floor.now, mark, 3);
        } else {
            self.voice.mark(floor.now, mark);
        }
    }

    fn clear(&mut self, floor: &mut Floor<'_>) {
        self.buffer.clear();
        let was_speaking = !self.voice.is_idle();
        // Two pieces are on their way when the order comes; twelve when they are late on purpose.
        let is_late = self.manner.plays(WsFailure::LateAudio);
        self.voice.cancel(if is_late { 12 } else { 2 });
        if is_late && !was_speaking {
            self.voice.speak(floor.now, "late");
        }
        self.is_cancelled = true;
        floor.cancelled();
        if let Some(utterance) = floor.facts.contexts.last_mut() {
            utterance.closed.get_or_insert(floor.now);
        }
        self.voice.mark(floor.now, Mark::Cleared(self.cleared));
        self.cleared += 1;
    }

    fn end(&mut self, code: u16, reason: &str, floor: &mut Floor<'_>) {
        self.is_over = true;
        floor.close(code, reason);
    }

    fn control(&mut self, text: &str, floor: &mut Floor<'_>) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = type_of(&message).to_owned();
        floor.heard(if kind.is_empty() { "unreadable" } else { &kind }, text.len());
        if self.is_over {
            return;
        }
        match (kind.as_str(), message.get("text").and_then(Value::as_str)) {
            ("Speak", Some(text)) => self.speak(text, floor),
            ("Flush", _) => self.flush(floor),
            ("Clear", _) => self.clear(floor),
            ("Close", _) => {
                let text = std::mem::take(&mut self.buffer);
                self.generate(&text, floor);
                self.voice.mark(floor.now, Mark::Closed);
            }
            _ => {
                floor.fault("unknown_message");
                self.end(1008, "DATA-0000", floor);
            }
        }
    }

    fn acknowledge(&mut self, mark: &Mark, floor: &mut Floor<'_>) {
        let is_silent = self.manner.plays(WsFailure::NoAcknowledgement);
        match mark {
            Mark::Closed => self.end(1000, "", floor),
            Mark::Flushed(number) => {
                let first = floor.facts.contexts.iter().find(|utterance| utterance.ended.is_none());
                if let Some(id) = first.map(|utterance| utterance.id.clone()) {
                    floor.facts.ends(floor.now, |utterance| utterance.id == id);
                }
                if !is_silent {
                    floor.note(json!({ "type": "Flushed", "sequence_id": number }));
                }
            }
            Mark::Cleared(number) => {
                floor.facts.ends(floor.now, |_| true);
                if !is_silent {
                    floor.note(json!({ "type": "Cleared", "sequence_id": number }));
                }
            }
        }
    }
}

impl Session for Speak {
    fn opened(&mut self, floor: &mut Floor<'_>) {
        floor.confirm(json!({
            "type": "Metadata",
            "request_id": REQUEST,
            "model_name": "aura-2-mock-en",
            "model_version": "2026-11-20.0",
            "model_uuid": "9a000000-0000-4000-8000-000000000001",
        }));
    }

    fn text(&mut self, text: &str, floor: &mut Floor<'_>) {
        self.control(text, floor);
    }

    fn binary(&mut self, bytes: &[u8], floor: &mut Floor<'_>) {
        floor.heard("binary", bytes.len());
        floor.fault("binary_message");
        self.end(1003, "MESSAGE-0000", floor);
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.is_over { None } else { sooner(self.voice.wake_at(), Some(self.dies_at)) }
    }

    fn tick(&mut self, floor: &mut Floor<'_>) {
        while !self.is_over
            && let Some(piece) = self.voice.next(floor.now)
        {
            match piece {
                Piece::Audio { bytes, ms, .. } => {
                    floor.facts.audio_after_cancel += u64::from(self.is_cancelled);
                    if let Some(utterance) = floor.facts.contexts.iter_mut().find(|one| one.ended.is_none()) {
                        utterance.sends(floor.now, ms);
                    }
                    floor.audio(bytes);
                }
                Piece::Mark(mark) => self.acknowledge(&mark, floor),
            }
        }
        if !self.is_over && self.dies_at <= floor.now {
            self.end(1011, "NET-0003", floor);
        }
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        complaint(cause)
    }
}

fn warning(code: &str, description: &str) -> Value {
    json!({ "type": "Warning", "code": code, "description": description })
}

fn fits(format: Format) -> bool {
    match format.encoding {
        Encoding::Pcm16 => [8_000, 16_000, 24_000, 32_000, 48_000].contains(&format.rate_hz),
        Encoding::Mulaw | Encoding::Alaw => [8_000, 16_000].contains(&format.rate_hz),
    }
}

/// Where the last sentence that is surely complete ends: a space has to follow its mark.
fn last_sentence_end(text: &str) -> Option<usize> {
    let mut ends = text.char_indices().zip(text.chars().skip(1));
    let mut last = None;
    for ((at, mark), next) in &mut ends {
        if matches!(mark, '.' | '?' | '!') && next == ' ' {
            last = Some(at + 2);
        }
    }
    last
}

/// Characters of one `Speak`.
const LONGEST: usize = 2_000;

/// Flushes in a minute.
const FLUSHES: usize = 20;

/// How long a session lives.
const LIFE: Duration = Duration::from_hours(1);
