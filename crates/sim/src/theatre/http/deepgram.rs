//! Deepgram `POST /v1/speak`: its API reference and Python SDK 7.16.0, November 2026.

use operetta_audio::{Encoding, Format};

use super::{
    super::{backstage::Backstage, play::WavHeader},
    Request,
    answer::Answer,
    checks::{invalid, only_fields, text},
    refusal::Fault,
    speech,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&[
        "model",
        "encoding",
        "sample_rate",
        "container",
        "bit_rate",
        "speed",
        "callback",
        "callback_method",
        "tag",
        "mip_opt_out",
    ])?;
    let parameter = |name| request.head.parameter(name);
    let model = parameter("model").unwrap_or("aura-asteria-en");
    if !model.starts_with("aura-") {
        return Err(Fault::NoModel);
    }
    let encoding = match parameter("encoding") {
        Some("linear16") => Encoding::Pcm16,
        Some("mulaw") => Encoding::Mulaw,
        Some("alaw") => Encoding::Alaw,
        // A theatre has no encoders; and without a word it would be MP3.
        _ => return Err(invalid("encoding", "linear16, mulaw or alaw: this fake has no encoder")),
    };
    let rates: &[u32] = match encoding {
        Encoding::Pcm16 => &[8000, 16_000, 24_000, 32_000, 48_000],
        Encoding::Mulaw | Encoding::Alaw => &[8000, 16_000],
    };
    let default = if encoding == Encoding::Pcm16 { "24000" } else { "8000" };
    let rate_hz = parameter("sample_rate").unwrap_or(default).parse().ok().filter(|rate| rates.contains(rate));
    let rate_hz = rate_hz.ok_or_else(|| invalid("sample_rate", "a rate of this encoding"))?;
    let format = Format { encoding, rate_hz };
    let wav = match parameter("container") {
        None | Some("wav") => Some(WavHeader::Plain),
        Some("none") => None,
        Some(_) => return Err(invalid("container", "wav or none with this encoding")),
    };
    if parameter("speed").is_some_and(|speed| !speed.parse().is_ok_and(|speed| (0.7..=1.5).contains(&speed))) {
        return Err(invalid("speed", "0.7 to 1.5"));
    }
    let characters = words(request)?.chars().count();
    match characters {
        0 => return Err(invalid("body", "a text that is not empty")),
        count if count > LONGEST => return Err(Fault::TooLong(LONGEST)),
        _ => {}
    }
    let content_type = match (wav, encoding, rate_hz) {
        (Some(_), _, _) => "audio/wav",
        (None, Encoding::Mulaw, 8000) => "audio/mulaw;rate=8000",
        (None, Encoding::Mulaw, _) => "audio/mulaw;rate=16000",
        (None, Encoding::Alaw, 8000) => "audio/alaw;rate=8000",
        (None, Encoding::Alaw, _) => "audio/alaw;rate=16000",
        (None, Encoding::Pcm16, 8000) => "audio/l16;rate=8000",
        (None, Encoding::Pcm16, 16_000) => "audio/l16;rate=16000",
        (None, Encoding::Pcm16, 24_000) => "audio/l16;rate=24000",
        (None, Encoding::Pcm16, 32_000) => "audio/l16;rate=32000",
        (None, Encoding::Pcm16, _) => "audio/l16;rate=48000",
    };
    Ok(speech::raw(stage, format, characters, content_type, wav)
        .header("dg-request-id", stage.id("00000000-0000-4000-8000-000000"))
        .header("dg-model-name", model)
        .header("dg-char-count", characters.to_string()))
}

fn words(request: &Request) -> Result<String, Fault> {
    match request.head.content_type().as_str() {
        "text/plain" => String::from_utf8(request.body.clone()).map_err(|_| invalid("body", "UTF-8")),
        "application/json" => {
            let body = request.object()?;
            only_fields(&body, &["text"]).map_err(|_| invalid("body", "text and nothing else"))?;
            text(&body, "text").map(str::to_owned).map_err(|_| invalid("body", "a text that is not empty"))
        }
        _ => Err(Fault::ContentType),
    }
}

/// Characters of one request.
const LONGEST: usize = 2000;
