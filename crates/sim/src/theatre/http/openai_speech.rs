//! OpenAI `POST /v1/audio/speech`: its API reference and Python SDK 3.51.0, November 2026.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    super::{backstage::Backstage, ledger::Billed, play::WavHeader, tone::Tone},
    Request,
    answer::{Answer, Beat, Part, Shape},
    checks::{invalid, number_in, only_fields, text, word_of},
    refusal::Fault,
    speech,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&[])?;
    let body = request.object()?;
    only_fields(&body, &["model", "input", "voice", "instructions", "response_format", "speed", "stream_format"])?;
    let model = text(&body, "model")?;
    let input = text(&body, "input")?;
    let characters = input.chars().count();
    if characters > LONGEST {
        return Err(Fault::TooLong(LONGEST));
    }
    match body.get("voice") {
        Some(Value::String(voice)) if VOICES.contains(&voice.as_str()) => {}
        Some(Value::Object(voice)) if voice.get("id").is_some_and(Value::is_string) => {}
        _ => return Err(invalid("voice", "a voice of the list, or an object with an id")),
    }
    number_in(&body, "speed", 0.25, 4.0)?;
    let is_old = model.starts_with("tts-1");
    if is_old && body.contains_key("instructions") {
        return Err(invalid("instructions", "none with this model"));
    }
    let format = word_of(&body, "response_format", &["mp3", "opus", "aac", "flac", "wav", "pcm"])?.unwrap_or("mp3");
    let wav = match format {
        "pcm" => None,
        "wav" => Some(WavHeader::Endless),
        // A theatre has no encoders.
        _ => return Err(invalid("response_format", "pcm or wav: this fake has no encoder")),
    };
    let request_id = stage.id("req_fake_");
    let answer = if word_of(&body, "stream_format", &["audio", "sse"])? == Some("sse") {
        if is_old || wav.is_some() {
            return Err(invalid("stream_format", "audio with this model and format"));
        }
        events(stage, characters)
    } else {
        let content_type = if wav.is_some() { "audio/wav" } else { "audio/pcm" };
        speech::raw(stage, speech::pcm(RATE_HZ), characters, content_type, wav)
    };
    let ms = stage.pace().head.as_millis().to_string();
    Ok(answer.header("x-request-id", request_id).header("openai-processing-ms", ms))
}

fn events(stage: &Backstage, characters: usize) -> Answer {
    let (pace, ms) = (stage.pace(), Tone::ms_of(characters));
    let pieces = Tone::new(speech::sounding(stage, speech::pcm(RATE_HZ))).pieces(ms);
    let deltas = pieces.map(move |(from, length, bytes)| {
        let data = json!({"type": "speech.audio.delta", "audio": STANDARD.encode(bytes)});
        let billed = Billed { audio_out_ms: length.into(), ..Billed::default() };
        Beat::event(pace.first + pace.of_audio(from), Part::Output, None, &data).billed(billed)
    });
    let (read, written) = (characters as u64 / 4, u64::from(ms) / 50);
    let done = json!({
        "type": "speech.audio.done",
        "usage": {"input_tokens": read, "output_tokens": written, "total_tokens": read + written},
    });
    let done = Beat::event(pace.first + pace.of_audio(ms), Part::End, None, &done);
    let billed = Billed { tokens_in: read, ..speech::of(characters) };
    Answer::new(Shape::Events, "text/event-stream", pace.head, Box::new(deltas.chain([done]))).billed(billed)
}

/// Characters of one input.
const LONGEST: usize = 4096;

/// All there is: no other rate, no mu-law.
const RATE_HZ: u32 = 24_000;

const VOICES: [&str; 13] =
    ["alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar"];
