//! OpenAI `POST /v1/audio/transcriptions`: its API reference and Python SDK 3.51.0, November 2026.

use serde_json::json;

use super::{
    super::{backstage::Backstage, ledger::Billed, script::Reply},
    Request,
    answer::{Answer, Beat, Part, Shape},
    checks::invalid,
    refusal::Fault,
    thought::a_token,
    wav,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&[])?;
    if request.head.content_type() != "multipart/form-data" {
        return Err(Fault::ContentType);
    }
    let parts = parts(request).ok_or_else(|| invalid("body", "multipart/form-data"))?;
    if let Some(part) = parts.iter().find(|part| !PARTS.contains(&part.name.as_str())) {
        return Err(Fault::Unknown(part.name.clone()));
    }
    let word = |name: &str| {
        let part = parts.iter().find(|part| part.name == name)?;
        std::str::from_utf8(part.content).ok().map(str::trim)
    };
    let model = word("model").filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| invalid("model", "the name of a model"))?;
    let file = parts.iter().find(|part| part.name == "file").ok_or_else(|| invalid("file", "a file"))?;
    if file.content.len() > LARGEST {
        return Err(Fault::TooLong(LARGEST));
    }
    let ending = file.file_name.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    let is_known = ending.is_some_and(|ending| ENDINGS.contains(&ending));
    let ms = match ending {
        Some("wav") => wav::length_ms(file.content),
        // Other files are not read: their length is guessed, at 32 kbit/s.
        _ if is_known => Some((file.content.len() / 4) as u32),
        _ => None,
    };
    let ms =
        ms.filter(|ms| *ms >= SHORTEST_MS).ok_or_else(|| invalid("file", "a file of a known format, not too short"))?;
    let format = word("response_format").unwrap_or("json");
    if !["json", "text", "verbose_json"].contains(&format) {
        return Err(invalid("response_format", "json, text or verbose_json"));
    }
    if model.starts_with("gpt-4o") && format == "verbose_json" {
        return Err(invalid("response_format", "json or text with this model"));
    }
    if word("temperature").is_some_and(|number| !number.parse().is_ok_and(|number| (0.0..=1.0).contains(&number))) {
        return Err(invalid("temperature", "0 to 1"));
    }
    let text = stage.transcript(ms);
    let billed = Billed { audio_in_ms: ms.into(), tokens_in: u64::from(ms) / 100, ..Billed::default() };
    // The oldest model takes no notice of it.
    let streams = word("stream") == Some("true") && model != "whisper-1";
    let answer = match (streams, format) {
        (true, _) => stream(stage, &text, ms),
        (false, "text") => Answer::document("text/plain; charset=utf-8", stage.pace().first, format!("{text}\n")),
        (false, "verbose_json") => {
            let seconds = f64::from(ms) / 1000.0;
            let document = json!({
                "task": "transcribe", "language": "english", "duration": seconds, "text": text,
                "segments": [{"id": 0, "start": 0.0, "end": seconds, "text": text, "avg_logprob": -0.2}],
                "usage": {"type": "duration", "seconds": seconds.ceil()},
            });
            Answer::document("application/json", stage.pace().first, document.to_string())
        }
        (false, _) => {
            let document = json!({"text": text, "usage": usage(ms, &text)});
            Answer::document("application/json", stage.pace().first, document.to_string())
        }
    };
    Ok(answer.billed(billed).header("x-request-id", stage.id("req_fake_")))
}

fn stream(stage: &Backstage, text: &str, ms: u32) -> Answer {
    let pace = stage.pace();
    let mut at = pace.first;
    let mut beats = Vec::new();
    for token in Reply::text(text).tokens() {
        let data = json!({"type": "transcript.text.delta", "delta": token});
        beats.push(Beat::event(at, Part::Output, None, &data).billed(a_token()));
        at += pace.token;
    }
    let done = json!({"type": "transcript.text.done", "text": text, "usage": usage(ms, text)});
    beats.push(Beat::event(at, Part::End, None, &done));
    Answer::new(Shape::Events, "text/event-stream; charset=utf-8", pace.head, Box::new(beats.into_iter()))
}

fn usage(ms: u32, text: &str) -> serde_json::Value {
    let (heard, written) = (ms / 100, Reply::text(text).tokens().count() as u32);
    json!({
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": heard + written,
    })
}

/// A part of a form.
struct FormPart<'a> {
    name: String,
    file_name: Option<String>,
    content: &'a [u8],
}

/// The parts of a form (RFC 7578); `None` where it is none.
fn parts(request: &Request) -> Option<Vec<FormPart<'_>>> {
    let content_type = request.head.header("content-type")?;
    let boundary = content_type.split(';').find_map(|word| word.trim().strip_prefix("boundary="))?.trim_matches('"');
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = request.body.strip_prefix(delimiter.as_slice())?;
    let inner = [b"\r\n".as_slice(), &delimiter].concat();
    let mut parts = Vec::new();
    loop {
        rest = match rest.strip_prefix(b"\r\n") {
            Some(rest) => rest,
            None => return rest.starts_with(b"--").then_some(parts),
        };
        let end = find(rest, &inner)?;
        let (part, after) = rest.split_at(end);
        rest = &after[inner.len()..];
        let head = find(part, b"\r\n\r\n")?;
        let lines = std::str::from_utf8(&part[..head]).ok()?;
        let disposition = lines
            .split("\r\n")
            .find(|line| line.get(..20).is_some_and(|name| name.eq_ignore_ascii_case("content-disposition:")))?;
        parts.push(FormPart {
            name: quoted(disposition, " name=\"")?,
            file_name: quoted(disposition, " filename=\""),
            content: &part[head + 4..],
        });
    }
}

fn quoted(line: &str, before: &str) -> Option<String> {
    let (_, rest) = line.split_once(before)?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

const PARTS: [&str; 13] = [
    "file",
    "model",
    "language",
    "languages[]",
    "keywords[]",
    "prompt",
    "response_format",
    "timestamp_granularities[]",
    "temperature",
    "include[]",
    "chunking_strategy",
    "stream",
    "user",
];

const ENDINGS: [&str; 9] = ["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"];

/// Bytes of one file.
const LARGEST: usize = 25 << 20;

/// Audio that is shorter is refused.
const SHORTEST_MS: u32 = 100;
