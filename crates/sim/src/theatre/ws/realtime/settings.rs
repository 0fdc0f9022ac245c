use operetta_audio::{Encoding, Format};
use serde_json::{Value, json};

/// What a client has asked of its session.
pub(super) struct Settings {
    pub(super) input: Format,
    pub(super) output: Format,
    pub(super) vad: Option<Vad>,
    /// Whether the caller's words are wanted as text.
    pub(super) is_transcribed: bool,
    /// Whether the model answers in text alone.
    pub(super) is_text: bool,
    told: Value,
}

/// Who decides that the caller has finished, when it is the server.
#[derive(Clone, Copy)]
pub(super) struct Vad {
    pub(super) quiet_ms: u64,
    pub(super) responds: bool,
    pub(super) interrupts: bool,
}

impl Settings {
    pub(super) fn new(model: &str) -> Self {
        Self {
            input: PCM,
            output: PCM,
            vad: Some(Vad { quiet_ms: 500, responds: true, interrupts: true }),
            is_transcribed: false,
            is_text: false,
            told: json!({ "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": model }),
        }
    }

    /// The session as the server tells it.
    pub(super) fn told(&self) -> Value {
        self.told.clone()
    }

    /// Takes what is new over, or nothing and names the field that is wrong.
    pub(super) fn update(&mut self, session: &Value) -> Result<(), String> {
        let fields = session.as_object().ok_or("session")?;
        if session.get("type").and_then(Value::as_str) != Some("realtime") {
            return Err("session.type".to_owned());
        }
        if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            return Err(format!("session.{field}"));
        }
        let at = |path: &str| session.pointer(path);
        let input = at("/audio/input/format").map_or(Ok(self.input), format_of)?;
        let output = at("/audio/output/format").map_or(Ok(self.output), format_of)?;
        let vad = at("/audio/input/turn_detection").map_or(Ok(self.vad), vad_of)?;
        if let Some(modalities) = at("/output_modalities") {
            self.is_text = match modalities.as_array().map(Vec::as_slice) {
                Some([one]) if one == "text" => true,
                Some([one]) if one == "audio" => false,
                // Both at once is an error since general availability.
                _ => return Err("session.output_modalities".to_owned()),
            };
        }
        (self.input, self.output, self.vad) = (input, output, vad);
        if let Some(transcription) = at("/audio/input/transcription") {
            self.is_transcribed = !transcription.is_null();
        }
        if let Some(told) = self.told.as_object_mut() {
            told.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok(())
    }
}

fn format_of(format: &Value) -> Result<Format, String> {
    let rate_hz = format.get("rate").and_then(Value::as_u64);
    match (format.get("type").and_then(Value::as_str), rate_hz) {
        (Some("audio/pcm"), Some(24_000) | None) => Ok(PCM),
        (Some("audio/pcmu"), _) => Ok(Format::MULAW_8K),
        (Some("audio/pcma"), _) => Ok(Format { encoding: Encoding::Alaw, rate_hz: 8_000 }),
        _ => Err("session.audio format".to_owned()),
    }
}

fn vad_of(detection: &Value) -> Result<Option<Vad>, String> {
    if detection.is_null() {
        return Ok(None);
    }
    let is = |name: &str| detection.get(name).and_then(Value::as_bool).unwrap_or(true);
    let quiet_ms = match detection.get("type").and_then(Value::as_str) {
        Some("server_vad") => detection.get("silence_duration_ms").and_then(Value::as_u64).unwrap_or(500),
        Some("semantic_vad") => 800,
        _ => return Err("session.audio.input.turn_detection".to_owned()),
    };
    Ok(Some(Vad { quiet_ms, responds: is("create_response"), interrupts: is("interrupt_response") }))
}

const PCM: Format = Format { encoding: Encoding::Pcm16, rate_hz: 24_000 };

/// Fields of a session. Those of the beta are not among them.
const FIELDS: [&str; 14] = [
    "type",
    "model",
    "instructions",
    "output_modalities",
    "audio",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "truncation",
    "parallel_tool_calls",
    "reasoning",
    "tracing",
    "include",
    "prompt",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_the_beta_are_refused() {
        for (session, field) in [
            (json!({ "modalities": ["audio"] }), "session.type"),
            (json!({ "type": "realtime", "modalities": ["audio", "text"] }), "session.modalities"),
            (json!({ "type": "realtime", "temperature": 0.8 }), "session.temperature"),
            (json!({ "type": "realtime", "output_modalities": ["audio", "text"] }), "session.output_modalities"),
            (json!({ "type": "realtime", "audio": { "input": { "format": "g711_ulaw" } } }), "session.audio format"),
        ] {
            assert_eq!(Settings::new("m").update(&session), Err(field.to_owned()), "{session}");
        }
    }

    #[test]
    fn what_is_not_mentioned_stays() {
        let mut settings = Settings::new("m");
        let audio = json!({ "input": { "format": { "type": "audio/pcmu" }, "turn_detection": null } });
        settings.update(&json!({ "type": "realtime", "audio": audio })).unwrap();
        settings.update(&json!({ "type": "realtime", "instructions": "Be kind." })).unwrap();
        assert_eq!((settings.input, settings.output), (Format::MULAW_8K, PCM));
        assert!(settings.vad.is_none());
        assert_eq!(settings.told()["instructions"], "Be kind.");
    }
}
