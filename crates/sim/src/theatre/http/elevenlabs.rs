//! ElevenLabs `POST /v1/text-to-speech/{voice}/stream`: its API reference and Python SDK 2.78.0, November 2026.

use operetta_audio::{Encoding, Format};
use serde_json::Value;

use super::{
    super::backstage::Backstage,
    Request,
    answer::Answer,
    checks::{Object, invalid, number_in, only_fields, text, word_of},
    refusal::Fault,
    speech,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&["output_format", "enable_logging", "optimize_streaming_latency"])?;
    let format = format(request.head.parameter("output_format").unwrap_or("mp3_44100_128"))?;
    let body = request.object()?;
    only_fields(&body, FIELDS)?;
    let words = text(&body, "text")?;
    let characters = words.chars().count();
    let model = body.get("model_id").and_then(Value::as_str).unwrap_or("eleven_multilingual_v2");
    if !model.starts_with("eleven_") {
        return Err(Fault::NoModel);
    }
    let longest = match model {
        "eleven_flash_v2_5" | "eleven_turbo_v2_5" => 40_000,
        "eleven_flash_v2" | "eleven_turbo_v2" => 30_000,
        _ => 10_000,
    };
    if characters > longest {
        return Err(Fault::TooLong(longest));
    }
    word_of(&body, "apply_text_normalization", &["auto", "on", "off"])?;
    match body.get("voice_settings") {
        None | Some(Value::Null) => {}
        Some(Value::Object(settings)) => check_settings(settings)?,
        Some(_) => return Err(invalid("voice_settings", "an object")),
    }
    let content_type = match format.encoding {
        Encoding::Pcm16 => "audio/pcm",
        Encoding::Mulaw | Encoding::Alaw => "audio/basic",
    };
    Ok(speech::raw(stage, format, characters, content_type, None)
        .header("request-id", stage.id("fake"))
        .header("character-cost", characters.to_string()))
}

fn check_settings(settings: &Object) -> Result<(), Fault> {
    only_fields(settings, &["stability", "similarity_boost", "style", "use_speaker_boost", "speed"])?;
    for name in ["stability", "similarity_boost", "style"] {
        number_in(settings, name, 0.0, 1.0)?;
    }
    number_in(settings, "speed", 0.7, 1.2)
}

fn format(name: &str) -> Result<Format, Fault> {
    let known = |encoding, rate_hz| Ok(Format { encoding, rate_hz });
    match name {
        "ulaw_8000" => known(Encoding::Mulaw, 8000),
        "alaw_8000" => known(Encoding::Alaw, 8000),
        "pcm_8000" => known(Encoding::Pcm16, 8000),
        "pcm_16000" => known(Encoding::Pcm16, 16_000),
        "pcm_22050" => known(Encoding::Pcm16, 22_050),
        "pcm_24000" => known(Encoding::Pcm16, 24_000),
        "pcm_44100" => known(Encoding::Pcm16, 44_100),
        "pcm_48000" => known(Encoding::Pcm16, 48_000),
        // A theatre has no encoders.
        _ => Err(invalid("output_format", "ulaw_8000, alaw_8000 or pcm_*: this fake has no encoder")),
    }
}

const FIELDS: &[&str] = &[
    "text",
    "model_id",
    "language_code",
    "voice_settings",
    "seed",
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "pronunciation_dictionary_locators",
    "apply_text_normalization",
    "apply_language_text_normalization",
];
