//! Google `POST /v1/text:synthesize`: the REST reference of Cloud Text-to-Speech v1, November 2026.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Encoding, Format};
use serde_json::{Value, json};

use super::{
    super::{
        backstage::Backstage,
        play::{Play, WavHeader},
        tone::Tone,
    },
    Request,
    answer::Answer,
    checks::{Object, invalid, number_in, only_fields, text},
    refusal::Fault,
    speech, wav,
};

pub(super) fn answer(request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    request.only_parameters(&["key", "alt", "$alt", "prettyPrint"])?;
    let body = request.object()?;
    only_fields(&body, &["input", "voice", "audioConfig", "advancedVoiceOptions"])?;
    let words = input(object(&body, "input")?)?;
    let voice = object(&body, "voice")?;
    only_fields(voice, &["languageCode", "name", "ssmlGender", "customVoice", "voiceClone", "modelName"])?;
    text(voice, "languageCode").map_err(|_| invalid("voice.languageCode", "a language"))?;
    let config = object(&body, "audioConfig")?;
    only_fields(
        config,
        &["audioEncoding", "sampleRateHertz", "speakingRate", "pitch", "volumeGainDb", "effectsProfileId"],
    )?;
    number_in(config, "speakingRate", 0.25, 2.0)?;
    number_in(config, "pitch", -20.0, 20.0)?;
    let rate_hz = match config.get("sampleRateHertz") {
        None => NATIVE_HZ,
        Some(rate) => rate
            .as_u64()
            .and_then(|rate| u32::try_from(rate).ok())
            .filter(|rate| (8000..=48_000).contains(rate) && rate % 50 == 0)
            .ok_or_else(|| invalid("audioConfig.sampleRateHertz", "a rate"))?,
    };
    let (encoding, has_header) = match text(config, "audioEncoding").unwrap_or_default() {
        "PCM" => (Encoding::Pcm16, false),
        "LINEAR16" => (Encoding::Pcm16, true),
        "MULAW" => (Encoding::Mulaw, true),
        "ALAW" => (Encoding::Alaw, true),
        // A theatre has no encoders.
        _ => {
            return Err(invalid("audioConfig.audioEncoding", "PCM, LINEAR16, MULAW or ALAW: this fake has no encoder"));
        }
    };
    let format = Format { encoding, rate_hz };
    let (pace, characters) = (stage.pace(), words.chars().count());
    let ms = Tone::ms_of(characters);
    let kind = match stage.play() {
        Some(Play::WavHeader(kind)) => Some(*kind),
        _ => has_header.then_some(WavHeader::Plain),
    };
    let mut audio = kind.map(|kind| wav::header(format, format.bytes_of_ms(ms), kind)).unwrap_or_default();
    audio.extend(Tone::new(speech::sounding(stage, format)).piece(0, ms));
    let document = json!({"audioContent": STANDARD.encode(audio)}).to_string();
    // The whole of it is made before any of it goes out.
    let at = pace.first + pace.of_audio(ms);
    let mut billed = speech::of(characters);
    billed.audio_out_ms = ms.into();
    Ok(Answer::document("application/json; charset=UTF-8", at, document).billed(billed))
}

fn object<'a>(body: &'a Object, name: &str) -> Result<&'a Object, Fault> {
    body.get(name).and_then(Value::as_object).ok_or_else(|| invalid(name, "an object"))
}

fn input(input: &Object) -> Result<&str, Fault> {
    only_fields(input, &["text", "ssml", "markup", "multiSpeakerMarkup", "prompt"])?;
    let given: Vec<_> = ["text", "ssml", "markup"].into_iter().filter_map(|name| input.get(name)).collect();
    let [Value::String(words)] = given[..] else {
        return Err(invalid("input", "exactly one of text, ssml and markup"));
    };
    match words.len() {
        0 => Err(invalid("input", "a text that is not empty")),
        length if length > LONGEST => Err(Fault::TooLong(LONGEST)),
        _ => Ok(words),
    }
}

/// Bytes of one input.
const LONGEST: usize = 5000;

/// The rate of a voice that is not told otherwise.
const NATIVE_HZ: u32 = 24_000;
