use std::time::Duration;

use serde_json::{Value, json};

use super::{
    WsFailure,
    deepgram::{REQUEST, bad_parameter, check, complaint},
    ears::{Ears, Utterance, Window, Word, text_of},
    session::{Admission, Cause, Complaint, Floor, Manner, Refusal, Session, format_of, number, seconds, type_of},
};
use crate::theatre::RequestHead;

/// Deepgram live, `/v1/listen`: understands speech, and is strict about everything else.
///
/// Finals come on endpointing, on `Finalize` if there was audio since the last final, on `CloseStream`, and after every 5 s of
/// audio. The clock of its words is the audio; the clock of its limits is the wall.
pub(super) struct Listen {
    manner: Manner,
    ears: Ears,
    options: Options,
    utterance: Option<Utterance>,
    /// Where the audio begins that no final has covered, in ms.
    window_ms: u64,
    /// The end of the last word whose `UtteranceEnd` is owed.
    owed: Option<u64>,
    last_input: Duration,
    has_audio: bool,
    is_over: bool,
    /// A final that is held back to come after the next one (`W22:order`).
    held: Option<Value>,
}

struct Options {
    endpointing_ms: Option<u64>,
    utterance_end_ms: Option<u64>,
    has_interims: bool,
    has_vad_events: bool,
}

impl Listen {
    pub(super) fn admit(head: &RequestHead, manner: Manner) -> Admission {
        check(head, &KNOWN)?;
        let options = Options::read(head)?;
        let (encoding, rate_hz) = (head.parameter("encoding"), number(head, "sample_rate").map_err(bad_parameter)?);
        // A fake decodes no containers: raw audio alone.
        let (Some(encoding), Some(rate_hz)) = (encoding, rate_hz) else { return Err(bad_parameter("encoding")) };
        if !(8_000..=48_000).contains(&rate_hz) {
            return Err(bad_parameter("sample_rate"));
        }
        let format = format_of(encoding, rate_hz).ok_or_else(|| bad_parameter("encoding"))?;
        Ok(Box::new(Self {
            manner,
            ears: Ears::new(format),
            options,
            utterance: None,
            window_ms: 0,
            owed: None,
            last_input: Duration::ZERO,
            has_audio: false,
            is_over: false,
            held: None,
        }))
    }

    fn window(&mut self, window: Window, floor: &mut Floor<'_>) {
        match &mut self.utterance {
            None if window.is_loud => {
                self.utterance = Some(Utterance::begin(window, (floor.lines)()));
                self.owed = None;
                if self.options.has_vad_events {
                    let at = seconds(window.end_ms.saturating_sub(20));
                    floor.say(json!({ "type": "SpeechStarted", "channel": [0], "timestamp": at }));
                }
            }
            None => self.quiet(window, floor),
            Some(utterance) => {
                let has_more = utterance.hear(window);
                let quiet_ms = utterance.quiet_ms(window);
                // With endpointing off, a final still comes when a window of it is over.
                let patience_ms = self.options.endpointing_ms.unwrap_or(UNASKED_MS);
                if quiet_ms >= patience_ms.max(20) {
                    self.end_utterance(window.end_ms, self.options.endpointing_ms.is_some(), false, floor);
                } else if window.end_ms - self.window_ms >= LONGEST_MS {
                    let words = utterance.tell();
                    self.result(&words, Kind::FINAL, window.end_ms, floor);
                } else if has_more && self.options.has_interims {
                    let words = utterance.so_far();
                    self.result(&words, Kind::INTERIM, window.end_ms, floor);
                }
            }
        }
    }

    fn quiet(&mut self, window: Window, floor: &mut Floor<'_>) {
        if let (Some(last_ms), Some(patience_ms)) = (self.owed, self.options.utterance_end_ms)
            && window.end_ms - last_ms >= patience_ms
        {
            self.owed = None;
            Self::tell_end(last_ms, floor);
        }
        if window.end_ms - self.window_ms >= LONGEST_MS {
            // Silence is told as well: a final without words.
            self.result(&[], Kind::FINAL, window.end_ms, floor);
        }
    }

    fn end_utterance(&mut self, end_ms: u64, is_marked: bool, is_finalize: bool, floor: &mut Floor<'_>) {
        let Some(utterance) = self.utterance.take() else { return };
        floor.turn_ended();
        let mut words = utterance.whole();
        self.owed = Some(utterance.last_loud_ms);
        let odd = if self.manner.plays(WsFailure::OddFinals) { self.manner.form() } else { "" };
        let is_marked = is_marked && odd != "unmarked";
        if odd == "empty" {
            // What was said comes as a plain final; the end of it comes alone.
            self.result(&words, Kind::FINAL, end_ms, floor);
            words.clear();
        }
        if odd == "order" && words.len() > 1 {
            let tail = words.split_off(words.len() / 2);
            self.held = Some(self.results(&words, Kind::FINAL, end_ms));
            words = tail;
        }
        let kind = Kind { is_final: true, is_marked, is_finalize };
        self.result(&words, kind, end_ms, floor);
        if let Some(held) = self.held.take() {
            floor.say(held);
        }
        if self.manner.plays(WsFailure::DuplicateFinals) {
            let again = self.results(&words, kind, end_ms);
            floor.say(again);
            self.owed = None;
            Self::tell_end(utterance.last_loud_ms, floor);
        }
    }

    fn tell_end(last_ms: u64, floor: &mut Floor<'_>) {
        floor.say(json!({ "type": "UtteranceEnd", "channel": [0, 1], "last_word_end": seconds(last_ms) }));
    }

    fn result(&mut self, words: &[Word], kind: Kind, end_ms: u64, floor: &mut Floor<'_>) {
        let results = self.results(words, kind, end_ms);
        floor.say(results);
        if kind.is_final {
            self.window_ms = end_ms;
        }
    }

    fn results(&self, words: &[Word], kind: Kind, end_ms: u64) -> Value {
        let mut alternative = json!({
            "transcript": text_of(words),
            "confidence": if words.is_empty() { 0.0 } else { 0.98 },
            "words": words.iter().map(word).collect::<Vec<_>>(),
        });
        if self.manner.plays(WsFailure::OddFinals)
            && self.manner.form() == "wordless"
            && let Some(alternative) = alternative.as_object_mut()
        {
            alternative.remove("words");
        }
        let mut results = json!({
            "type": "Results",
            "channel_index": [0, 1],
            "duration": seconds(end_ms.saturating_sub(self.window_ms)),
            "start": seconds(self.window_ms),
            "is_final": kind.is_final,
            "channel": { "alternatives": [alternative] },
            "metadata": {
                "request_id": REQUEST,
                "model_info": { "name": "general-mock", "version": "2026-11-20.0", "arch": "mock" },
                "model_uuid": "c0d10000-0000-4000-8000-000000000001",
            },
            "from_finalize": kind.is_finalize,
        });
        // Without endpointing the field is absent, not false.
        if self.options.endpointing_ms.is_some() {
            results["speech_final"] = json!(kind.is_marked);
        }
        results
    }

    fn finalize(&mut self, floor: &mut Floor<'_>) {
        if self.manner.plays(WsFailure::NoAcknowledgement) {
            return;
        }
        let end_ms = self.ears.clock_ms();
        if self.utterance.is_some() {
            self.end_utterance(end_ms, false, true, floor);
        } else if end_ms > self.window_ms {
            self.result(&[], Kind { is_finalize: true, ..Kind::FINAL }, end_ms, floor);
        }
    }

    fn finish(&mut self, floor: &mut Floor<'_>) {
        self.is_over = true;
        let end_ms = self.ears.clock_ms();
        if self.utterance.is_some() {
            self.end_utterance(end_ms, false, true, floor);
        }
        floor.note(json!({
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": REQUEST,
            "sha256": "0".repeat(64),
            "created": "2026-11-20T09:00:00.000Z",
            "duration": seconds(end_ms),
            "channels": 1,
        }));
        floor.close(1000, "");
    }

    fn control(&mut self, text: &str, floor: &mut Floor<'_>) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = type_of(&message);
        floor.heard(if kind.is_empty() { "unreadable" } else { kind }, text.len());
        match kind {
            "KeepAlive" => {
                floor.kept_alive();
                // Before the first audio it holds nothing open (deepgram-dotnet-sdk#131).
                if self.has_audio {
                    self.last_input = floor.now;
                }
            }
            "Finalize" => self.finalize(floor),
            "CloseStream" => self.finish(floor),
            "Configure" => {
                let keyterms = message.get("keyterms").cloned().unwrap_or_else(|| json!([]));
                floor.note(json!({ "type": "ConfigureSuccess", "request_id": REQUEST, "keyterms": keyterms }));
            }
            _ => {
                floor.fault("unknown_message");
                floor.note(error("DATA-0000", "Message could not be read (mock)"));
                floor.close(1008, "DATA-0000");
                self.is_over = true;
            }
        }
    }
}

impl Session for Listen {
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
            floor.fault("empty_binary");
            self.is_over = true;
            return floor.close(1000, "");
        }
        if self.is_over {
            return floor.fault("audio_after_close");
        }
        if bytes.starts_with(b"RIFF") || bytes.starts_with(b"{") {
            // A container, or a control message in a binary frame: neither can be decoded as what was declared.
            floor.fault("not_raw_audio");
            self.is_over = true;
            floor.note(error("DATA-0000", "Could not decode the audio"));
            return floor.close(1008, "DATA-0000");
        }
        self.has_audio = true;
        self.last_input = floor.now;
        let ms = u64::from(self.ears.format().ms_of_bytes(bytes.len()));
        floor.facts.audio.heard(floor.now, bytes.len(), ms);
        floor.facts.billed.audio_in_ms += ms;
        for window in self.ears.hear(bytes) {
            self.window(window, floor);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        (!self.is_over).then(|| self.last_input + self.manner.limit(PATIENCE))
    }

    fn tick(&mut self, floor: &mut Floor<'_>) {
        if self.wake_at().is_some_and(|at| at <= floor.now) {
            self.is_over = true;
            floor.fault("no_input");
            // Keep-alives alone end as an internal error (deepgram-dotnet-sdk#133).
            let is_alive = !self.has_audio && !floor.facts.keep_alives.is_empty();
            let reason = if is_alive { "NET-0000: no audio came (mock)" } else { NO_INPUT };
            floor.close(1011, reason);
        }
    }

    fn lag(&self) -> Duration {
        self.manner.pacing.first
    }

    fn complaint(&self, cause: Cause) -> Complaint {
        let close = complaint(cause);
        let code = if close.code == 1011 { "NET-0000" } else { "DATA-0000" };
        Complaint { message: Some(error(code, &close.reason)), ..close }
    }
}

impl Options {
    fn read(head: &RequestHead) -> Result<Self, Refusal> {
        let is = |name: &str| head.parameter(name) == Some("true");
        let model = head.parameter("model").unwrap_or_default();
        let endpointing_ms = match head.parameter("endpointing") {
            None => Some(10),
            Some("false") => None,
            Some("true") => return Err(bad_parameter("endpointing")),
            Some(_) => number(head, "endpointing").map_err(bad_parameter)?,
        };
        let utterance_end_ms = number(head, "utterance_end_ms").map_err(bad_parameter)?;
        let has_interims = is("interim_results");
        if utterance_end_ms.is_some_and(|ms: u64| ms < 1000 || !has_interims) {
            return Err(bad_parameter("utterance_end_ms"));
        }
        let is_nova_3 = model.starts_with("nova-3");
        for (name, is_wrong) in
            [("keyterm", !is_nova_3), ("keywords", is_nova_3), ("detect_language", true), ("model", model.is_empty())]
        {
            let is_there = name == "model" || head.parameter(name).is_some_and(|value| value != "false");
            if is_wrong && is_there {
                return Err(bad_parameter(name));
            }
        }
        if head.parameter("channels").is_some_and(|channels| channels != "1") {
            return Err(bad_parameter("channels"));
        }
        Ok(Self { endpointing_ms, utterance_end_ms, has_interims, has_vad_events: is("vad_events") })
    }
}

#[derive(Clone, Copy)]
struct Kind {
    is_final: bool,
    is_marked: bool,
    is_finalize: bool,
}

impl Kind {
    const INTERIM: Self = Self { is_final: false, is_marked: false, is_finalize: false };
    const FINAL: Self = Self { is_final: true, ..Self::INTERIM };
}

fn word(word: &Word) -> Value {
    json!({
        "word": word.text.to_lowercase(),
        "start": seconds(word.start_ms),
        "end": seconds(word.end_ms),
        "confidence": 0.98,
        "punctuated_word": word.text,
    })
}

fn error(variant: &str, description: &str) -> Value {
    json!({ "type": "Error", "variant": variant, "description": description, "message": description, "code": null })
}

/// Without audio and without a keep-alive.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) const NO_INPUT: &str =
    "NET-0001: no audio and no message within the limit (mock). See https://dpgr.am/net0001";

/// The longest stretch of audio before a final, in ms.
const LONGEST_MS: u64 = 5_000;

/// Quiet after which a final comes although nobody asked for endpointing, in ms.
const UNASKED_MS: u64 = 1_500;

/// Parameters of the address; others are refused.
#[rustfmt::skip]
const KNOWN: [&str; 38] = [
    "model", "encoding", "sample_rate", "channels", "multichannel", "language", "language_hint", "detect_language",
    "interim_results", "endpointing", "utterance_end_ms", "vad_events", "smart_format", "punctuate", "numerals",
    "keyterm", "keywords", "diarize", "diarize_model", "redact", "replace", "search", "profanity_filter", "dictation",
    "detect_entities", "filler_words", "tag", "extra", "mip_opt_out", "version", "callback", "callback_method",
    "container", "no_delay", "multilingual", "paragraphs", "utterances", "measurements",
];
