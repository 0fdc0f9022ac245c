//! Plays that change what is said, not how it travels.

use std::time::Duration;

use serde_json::json;

use super::{
    super::{
        api::{Api, Vendor},
        play::{Malformed, Play, Truncated, WrongType},
    },
    answer::{Answer, Beat, Part, Shape, What},
    refusal::{Fault, refuse},
};

/// Whether a play makes sense for such an answer. Where it does not, the answer is given well.
pub(super) const fn suits(play: &Play, api: Api, shape: Shape) -> bool {
    let (is_audio, is_events) = (matches!(shape, Shape::Audio), matches!(shape, Shape::Events));
    match play {
        Play::Malformed(_) | Play::Truncated(_) => !is_audio,
        Play::Spelling | Play::Twice => is_events,
        Play::WavHeader(_) | Play::WrongRate => matches!(api, Api::GoogleSynthesize) || is_audio,
        Play::OddTools(_) => matches!(api, Api::OpenAiChat | Api::Anthropic | Api::Gemini),
        _ => true,
    }
}

/// The answer as the play has it.
pub(super) fn disguise(mut answer: Answer, play: &Play, vendor: Vendor, api: Api) -> Answer {
    let first = answer.head_at;
    match play {
        Play::WrongType(kind) => return wrong_type(answer, *kind, vendor),
        Play::LateError { .. } if answer.shape == Shape::Document => {
            // The whole of it is an error, and the head has said that all is well.
            return wrong_type(answer, WrongType::Json, vendor);
        }
        Play::Unknown => answer = answer.header("x-weather", "fine"),
        Play::LateError { .. } => answer.error = Some("late_error".into()),
        _ => {}
    }
    match (answer.shape, play) {
        (Shape::Audio, _) => {}
        (Shape::Document, _) => {
            let play = play.clone();
            answer.beats = Box::new(answer.beats.map(move |beat| document(beat, &play)));
        }
        (Shape::Events, _) => {
            let beats: Vec<Beat> = answer.beats.collect();
            answer.beats = Box::new(events(beats, play, vendor, api, first).into_iter());
        }
    }
    answer
}

fn wrong_type(answer: Answer, kind: WrongType, vendor: Vendor) -> Answer {
    let at = answer.head_at;
    let beats = |body: Vec<u8>| Box::new(std::iter::once(Beat::bytes(at, body)));
    match kind {
        WrongType::Html => Answer {
            content_type: "text/html; charset=utf-8",
            shape: Shape::Document,
            beats: beats(LOGIN.as_bytes().to_vec()),
            ..answer
        },
        WrongType::Json => {
            let refusal = refuse(vendor, &Fault::Server(500));
            Answer { content_type: refusal.content_type, shape: Shape::Document, beats: refusal.beats, ..answer }
        }
        WrongType::Empty => Answer { shape: Shape::Document, beats: Box::new(std::iter::empty()), ..answer },
    }
}

fn document(beat: Beat, play: &Play) -> Beat {
    let What::Bytes(mut bytes) = beat.what else { return beat };
    match play {
        Play::Malformed(Malformed::Cut) | Play::Truncated(_) => bytes.truncate(bytes.len() / 2),
        Play::Malformed(Malformed::Type) => bytes = br#"{"audioContent":7,"text":{"not":"text"},"data":7}"#.to_vec(),
        Play::Malformed(Malformed::Nul) => bytes.insert(bytes.len() / 2, 0),
        // White space before a document is none of it.
        Play::Huge(mib) => bytes.splice(0..0, vec![b' '; mib << 20]).for_each(drop),
        Play::Unknown if bytes.first() == Some(&b'{') => {
            bytes.splice(1..1, br#""weather":{"sky":["blue"]},"#.iter().copied()).for_each(drop);
        }
        _ => {}
    }
    Beat { what: What::Bytes(bytes), ..beat }
}

fn events(mut beats: Vec<Beat>, play: &Play, vendor: Vendor, api: Api, head_at: Duration) -> Vec<Beat> {
    let first = beats.iter().position(|beat| beat.part == Part::Output).unwrap_or(beats.len());
    let at = beats.get(first).map_or(head_at, |beat| beat.at);
    match play {
        Play::LateError { after_output } => {
            beats.truncate(if *after_output { (first + 1).min(beats.len()) } else { first });
            let at = beats.last().filter(|_| *after_output).map_or(at, |beat| beat.at);
            beats.push(late_error(vendor, at, *after_output));
            if api == Api::OpenAiChat && *after_output {
                beats.push(Beat::event(at, Part::Done, None, "[DONE]"));
            }
        }
        Play::Malformed(kind) => {
            // The second, where there is one: some output has come by then.
            let second = (first + 1).min(beats.len().saturating_sub(1));
            if let Some(beat) = beats.get_mut(second) {
                malform(beat, *kind, api);
            }
        }
        Play::Truncated(Truncated::Line) => {
            beats.truncate(first + 2);
            if let Some(beat) = beats.last_mut() {
                let mut bytes = beat.what.clone().encode(false);
                bytes.truncate(bytes.len() * 2 / 3);
                beat.what = What::Bytes(bytes);
            }
        }
        Play::Truncated(Truncated::Done) if beats.iter().any(|beat| beat.part == Part::Done) => {
            beats.retain(|beat| beat.part != Part::Done);
        }
        Play::Truncated(Truncated::Event | Truncated::Done) => {
            beats.retain(|beat| !matches!(beat.part, Part::End | Part::Done));
        }
        Play::Unknown => {
            for (offset, (name, data)) in unknown(vendor).into_iter().enumerate() {
                let beat = Beat::event(at, Part::Prelude, name, &data);
                beats.insert((first + offset).min(beats.len()), beat);
            }
        }
        Play::Huge(mib) => {
            let data = json!({"type": "huge", "padding": "x".repeat(mib << 20)});
            beats.insert(first.min(beats.len()), Beat::event(at, Part::Prelude, None, &data));
        }
        Play::Twice => {
            beats = beats
                .into_iter()
                .flat_map(|beat| {
                    let again = matches!(beat.part, Part::End | Part::Done).then(|| beat.clone());
                    std::iter::once(beat).chain(again)
                })
                .collect();
        }
        _ => {}
    }
    beats
}

fn late_error(vendor: Vendor, at: Duration, after_output: bool) -> Beat {
    let openai =
        json!({"error": {"message": "The server had an error", "type": "server_error", "param": null, "code": null}});
    let google = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
    match vendor {
        Vendor::Anthropic => {
            let data = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
            Beat::event(at, Part::End, Some("error"), &data)
        }
        Vendor::Google if after_output => Beat::event(at, Part::End, None, &google),
        // An array around it has been seen on streams, too.
        Vendor::Google => Beat::event(at, Part::End, None, &json!([google])),
        _ => Beat::event(at, Part::End, None, &openai),
    }
}

fn malform(beat: &mut Beat, kind: Malformed, api: Api) {
    let What::Event { data, .. } = &mut beat.what else { return };
    match kind {
        Malformed::Cut => data.truncate(data.floor_char_boundary(data.len() / 2)),
        Malformed::Nul => data.insert(data.floor_char_boundary(data.len() / 2), '\0'),
        Malformed::Type => {
            let wrong = match api {
                Api::Anthropic => {
                    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}})
                }
                Api::OpenAiChat => json!({"object": "chat.completion.chunk", "choices": "none"}),
                Api::Gemini => json!({"candidates": {"content": 7}}),
                Api::OpenAiSpeech => json!({"type": "speech.audio.delta", "audio": 7}),
                _ => json!({"type": "transcript.text.delta", "delta": 7}),
            };
            *data = wrong.to_string();
        }
    }
}

fn unknown(vendor: Vendor) -> Vec<(Option<&'static str>, serde_json::Value)> {
    match vendor {
        Vendor::Anthropic => vec![
            (Some("weather"), json!({"type": "weather", "sky": "blue"})),
            (
                Some("content_block_start"),
                json!({"type": "content_block_start", "index": 9, "content_block": {"type": "hologram", "depth": 3}}),
            ),
            (
                Some("content_block_delta"),
                json!({"type": "content_block_delta", "index": 9, "delta": {"type": "hologram_delta", "photons": 1}}),
            ),
            (Some("content_block_stop"), json!({"type": "content_block_stop", "index": 9})),
        ],
        Vendor::Google => vec![
            (None, json!({"weather": {"sky": "blue"}})),
            (
                None,
                json!({"candidates": [{"content": {"parts": [{"hologram": {"depth": 3}}], "role": "model"}, "index": 0}]}),
            ),
        ],
        _ => vec![
            (None, json!({"type": "weather", "object": "weather", "sky": "blue", "choices": []})),
            (
                None,
                json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"hologram": 3}, "finish_reason": null}]}),
            ),
        ],
    }
}

const LOGIN: &str = "<!doctype html><html><head><title>Log in</title></head><body><form>Name</form></body></html>";
