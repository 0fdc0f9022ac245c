//! Fake vendors that are asked by HTTP, when all is well, and what they refuse.
#![cfg(feature = "theatre")]

mod raw;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Encoding, g711};
use operetta_sim::theatre::{Api, Auth, Billed, Pace, Reply as Said, Script, Theatre};
use raw::{Ended, Raw, ask, by_http, right, rises, samples, theatre, theatre_at, transcription};
use serde_json::{Value, json};

/// Twelve characters: 780 ms.
const MS: usize = 780;

#[tokio::test(start_paused = true)]
async fn every_voice_is_a_tone_of_the_right_length_and_pitch() {
    let theatre = theatre("");
    let tone = |samples: &[i16], rate: usize, whose: &str| {
        assert_eq!(samples.len(), rate * MS / 1000, "{whose}");
        assert!((342..=344).contains(&rises(samples)), "{whose}: {}", rises(samples));
    };
    let openai = ask(&theatre, &right(Api::OpenAiSpeech)).await;
    assert_eq!(openai.header("content-type"), Some("audio/pcm"));
    tone(&samples(&openai.body), 24_000, "openai");

    let elevenlabs = ask(&theatre, &right(Api::ElevenLabsStream)).await;
    let mut heard = Vec::new();
    g711::decode_into(Encoding::Mulaw, &elevenlabs.body, &mut heard);
    assert_eq!(elevenlabs.header("character-cost"), Some("12"));
    tone(&heard, 8000, "elevenlabs");

    let google = ask(&theatre, &right(Api::GoogleSynthesize)).await.json();
    tone(&samples(&STANDARD.decode(google["audioContent"].as_str().unwrap()).unwrap()), 8000, "google");

    let deepgram = ask(&theatre, &right(Api::DeepgramSpeak)).await;
    assert_eq!(deepgram.header("content-type"), Some("audio/l16;rate=8000"));
    assert_eq!(deepgram.header("dg-char-count"), Some("12"));
    tone(&samples(&deepgram.body), 8000, "deepgram");

    let sse = right(Api::OpenAiSpeech).with(|body| body["stream_format"] = json!("sse"));
    let events = ask(&theatre, &sse).await.data();
    let (done, deltas) = events.split_last().unwrap();
    let audio: Vec<u8> =
        deltas.iter().flat_map(|event| STANDARD.decode(event["audio"].as_str().unwrap()).unwrap()).collect();
    tone(&samples(&audio), 24_000, "openai by events");
    assert_eq!(done["type"], "speech.audio.done");
    assert!(done["usage"]["total_tokens"].as_u64() > Some(0));

    let billed = theatre.ledger().billed();
    assert_eq!((billed.characters, billed.audio_out_ms), (5 * 12, 5 * MS as u64));
}

#[tokio::test(start_paused = true)]
async fn wav_comes_where_it_is_asked_for() {
    let theatre = theatre("");
    let deepgram = right(Api::DeepgramSpeak).at("POST /v1/speak?encoding=mulaw");
    let openai = right(Api::OpenAiSpeech).with(|body| body["response_format"] = json!("wav"));
    for wav in [deepgram, openai] {
        let reply = ask(&theatre, &wav).await;
        assert_eq!((&reply.body[..4], &reply.body[36..40]), (b"RIFF".as_slice(), b"data".as_slice()));
    }
    let google = right(Api::GoogleSynthesize).with(|body| body["audioConfig"]["audioEncoding"] = json!("MULAW"));
    let google = ask(&theatre, &google).await.json();
    let audio = STANDARD.decode(google["audioContent"].as_str().unwrap()).unwrap();
    assert_eq!((&audio[..4], audio.len()), (b"RIFF".as_slice(), 44 + MS * 8));
}

#[tokio::test(start_paused = true)]
async fn every_mind_says_the_same_in_its_own_way() {
    let theatre = theatre("");
    let text = Said::counted(1).text;
    for _ in 0..3 {
        theatre.say(Said::text(&text));
    }
    let chat = ask(&theatre, &right(Api::OpenAiChat)).await;
    assert_eq!(chat.events().last().unwrap().1, "[DONE]");
    let chunks = chat.data();
    let said = |chunk: &Value| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    assert_eq!(chunks.iter().filter_map(said).collect::<String>(), text);
    let [.., finish, usage] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!((&finish["choices"][0]["finish_reason"], &usage["choices"]), (&json!("stop"), &json!([])));
    let tokens = text.split(' ').count() as u64;
    assert_eq!(usage["usage"]["completion_tokens"], tokens);

    let anthropic = ask(&theatre, &right(Api::Anthropic)).await;
    let events = anthropic.events();
    let names: Vec<_> =
        events.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "content_block_delta").collect();
    assert_eq!(
        names,
        ["message_start", "content_block_start", "ping", "content_block_stop", "message_delta", "message_stop"]
    );
    let events = anthropic.data();
    let said = |event: &Value| event["delta"]["text"].as_str().map(str::to_owned);
    assert_eq!(events.iter().filter_map(said).collect::<String>(), text);
    let end = &events[events.len() - 2];
    assert_eq!((&end["delta"]["stop_reason"], &end["usage"]["output_tokens"]), (&json!("end_turn"), &json!(tokens)));

    let gemini = ask(&theatre, &right(Api::Gemini)).await.data();
    let said = |chunk: &Value| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str().map(str::to_owned);
    assert_eq!(gemini.iter().filter_map(said).collect::<String>(), text);
    assert_eq!(gemini.last().unwrap()["candidates"][0]["finishReason"], "STOP");

    assert_eq!(theatre.ledger().billed().tokens_out, 3 * tokens);
}

#[tokio::test(start_paused = true)]
async fn minds_call_tools() {
    let theatre = theatre("");
    for _ in 0..3 {
        theatre
            .say(Said { text: "Let me see.".into(), ..Said::call("book", json!({"day": "Tuesday", "at": [9, 30]})) });
    }
    let chunks = ask(&theatre, &right(Api::OpenAiChat)).await.data();
    let calls: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
    let first = calls.iter().find(|call| call["id"].is_string()).unwrap();
    assert_eq!((&first["index"], &first["function"]["name"]), (&json!(0), &json!("book")));
    let arguments: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), json!({"day": "Tuesday", "at": [9, 30]}));
    assert!(chunks.iter().any(|chunk| chunk["choices"][0]["finish_reason"] == "tool_calls"));

    let events = ask(&theatre, &right(Api::Anthropic)).await.data();
    let block = events.iter().find(|event| event["content_block"]["type"] == "tool_use").unwrap();
    assert_eq!((&block["index"], &block["content_block"]["input"]), (&json!(1), &json!({})));
    let arguments: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), json!({"day": "Tuesday", "at": [9, 30]}));
    assert!(events.iter().any(|event| event["delta"]["stop_reason"] == "tool_use"));

    let chunks = ask(&theatre, &right(Api::Gemini)).await.data();
    let call = chunks.iter().find_map(|chunk| chunk["candidates"][0]["content"]["parts"][0].get("functionCall"));
    assert_eq!(call.unwrap()["args"], json!({"day": "Tuesday", "at": [9, 30]}));
}

#[tokio::test(start_paused = true)]
async fn what_need_not_be_streamed_comes_whole() {
    let theatre = theatre("");
    let whole = |api| right(api).with(|body| drop(body.as_object_mut().unwrap().remove("stream")));
    let chat = ask(
        &theatre,
        &whole(Api::OpenAiChat).with(|body| drop(body.as_object_mut().unwrap().remove("stream_options"))),
    )
    .await;
    assert_eq!(chat.json()["choices"][0]["message"]["content"], Said::counted(1).text);
    let anthropic = ask(&theatre, &whole(Api::Anthropic)).await;
    assert_eq!(anthropic.json()["content"][0]["text"], Said::counted(2).text);
    let gemini = right(Api::Gemini).at("POST /v1beta/models/gemini-3.5-flash:streamGenerateContent");
    let gemini = ask(&theatre, &gemini).await.json();
    assert_eq!(gemini.as_array().unwrap().last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_writes_no_token_and_takes_no_reply() {
    let theatre = theatre("");
    let warm_up = right(Api::Anthropic).with(|body| body["max_tokens"] = json!(0));
    let events = ask(&theatre, &warm_up).await.data();
    assert!(events.iter().any(|event| event["delta"]["stop_reason"] == "max_tokens"));
    assert_eq!(theatre.ledger().billed().tokens_out, 0);
    assert!(ask(&theatre, &right(Api::Anthropic)).await.text().contains("\" 1"), "the first reply is still to be said");
}

#[tokio::test(start_paused = true)]
async fn ears_hear_what_the_script_says_or_how_long_it_was() {
    let theatre = theatre("");
    theatre.hear("I would like to cancel.");
    let json = ask(&theatre, &transcription("gpt-transcribe", &[])).await.json();
    assert_eq!(json["text"], "I would like to cancel.");
    let text = ask(&theatre, &transcription("whisper-1", &[("response_format", "text"), ("stream", "true")])).await;
    assert_eq!(text.text(), "1 words in 500 milliseconds.\n");
    let verbose = ask(&theatre, &transcription("whisper-1", &[("response_format", "verbose_json")])).await.json();
    assert_eq!(verbose["duration"], 0.5);
    let events = ask(&theatre, &transcription("gpt-transcribe", &[("stream", "true")])).await.data();
    let (done, deltas) = events.split_last().unwrap();
    let said: String = deltas.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(done["text"], said);
    assert_eq!(theatre.ledger().billed().audio_in_ms, 4 * 500);
}

#[tokio::test(start_paused = true)]
async fn what_costs_nothing_shows_whether_the_key_is_right() {
    let theatre = theatre("");
    for (target, header, word) in [
        ("/v1/models", "authorization: Bearer k", "gpt-5.6-luna"),
        ("/v1/models", "x-api-key: k\r\nanthropic-version: 2023-06-01", "claude"),
        ("/v1/models", "xi-api-key: k", "eleven_flash"),
        ("/v1/user", "xi-api-key: k", "subscription"),
        ("/v1/projects", "authorization: Token k", "projects"),
        ("/v1beta/models", "x-goog-api-key: k", "gemini"),
        ("/v1/voices", "x-goog-api-key: k", "Chirp3"),
    ] {
        let get = right(Api::Status).at(&format!("GET {target}")).headed(header);
        let reply = ask(&theatre, &get).await;
        assert_eq!(reply.status, 200, "{target}");
        assert!(reply.text().contains(word), "{target}: {}", reply.text());
        let reply = ask(&theatre, &get.headed("x-nothing: k")).await;
        assert!([400, 401].contains(&reply.status), "{target}: {}", reply.status);
    }
    assert_eq!(theatre.ledger().billed(), Billed::default());
}

#[tokio::test(start_paused = true)]
async fn answers_keep_their_pace_and_the_ledger_knows_it() {
    let ms = Duration::from_millis;
    let pace = Pace { head: ms(40), first: ms(120), speed: 5.0, token: ms(10) };
    let theatre = theatre_at(pace, "");
    // The runtime's timers count in ms and never ring too early.
    let about = |at: Duration, wanted: Duration| assert!(at >= wanted && at <= wanted + ms(2), "{at:?} for {wanted:?}");
    let speech = ask(&theatre, &right(Api::DeepgramSpeak)).await;
    about(speech.head_at, ms(40));
    about(speech.first_at.unwrap(), ms(120));
    // The last of 39 pieces of 20 ms.
    about(speech.last_at, ms(120 + 38 * 4));
    assert_eq!(speech.chunks.len(), 39);
    let thought = ask(&theatre, &right(Api::Gemini)).await;
    about(thought.head_at, ms(40));
    about(thought.last_at, ms(120 + 10 * Said::counted(1).tokens().count() as u64));
    let google = ask(&theatre, &right(Api::GoogleSynthesize)).await;
    about(google.head_at, ms(120 + MS as u64 / 5));
    for note in theatre.ledger().requests() {
        let own = if note.api == Some(Api::GoogleSynthesize) { ms(120 + MS as u64 / 5) } else { ms(120) };
        about(note.own_delay().unwrap(), own);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_kept_and_the_ledger_counts_them() {
    let theatre = theatre("");
    let mut raw = Raw::connect(theatre.address()).await;
    for api in by_http() {
        let reply = raw.ask(&right(api)).await;
        assert_eq!((reply.status, reply.ended), (200, Ended::Properly), "{api}");
    }
    let last = raw.ask(&right(Api::Status).headed("authorization: Bearer k\r\nconnection: close")).await;
    assert_eq!(last.header("connection"), Some("close"));
    assert_eq!(raw.read().await.ended, Ended::Closed);
    theatre.ledger().until(|book| book.connections().all(|note| note.closed_at.is_some())).await;
    let notes = theatre.ledger().requests();
    assert_eq!(theatre.ledger().connections()[0].requests as usize, notes.len());
    assert_eq!(notes.iter().map(|note| note.reused).collect::<Vec<_>>()[..2], [false, true]);
    assert!(notes.iter().all(|note| note.auth == Auth::WellFormed && note.error.is_none()));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_is_seen_to_be_gone_and_nothing_more_is_billed() {
    let theatre = theatre_at(Pace::default(), "");
    let long = right(Api::OpenAiSpeech).with(|body| body["input"] = json!("a".repeat(4000)));
    let mut raw = Raw::connect(theatre.address()).await;
    raw.send(&long).await;
    raw.hang_up_at_first_byte().await;
    theatre.ledger().until(|book| book.requests().any(|note| note.cancelled_at.is_some())).await;
    let note = theatre.ledger().requests().remove(0);
    assert_eq!(note.billed.characters, 4000);
    assert!(note.billed.audio_out_ms < 1000, "{:?}", note.billed);
    assert_eq!(note.bytes_after_cancel, 0);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_are_refused_in_the_vendors_own_words() {
    let theatre = theatre("");
    for api in by_http() {
        let bare = right(api);
        let headers = bare.headers.lines().filter(|line| !["auth", "xi-a", "x-go", "x-ap"].contains(&&line[..4]));
        let bare = bare.clone().headed(&headers.collect::<Vec<_>>().join("\r\n"));
        let reply = ask(&theatre, &bare).await;
        let (status, word) = match api {
            Api::GoogleSynthesize | Api::Gemini => (400, "API_KEY_INVALID"),
            Api::DeepgramSpeak => (401, "INVALID_AUTH"),
            Api::Anthropic => (401, "authentication_error"),
            _ => (401, "invalid_api_key"),
        };
        assert_eq!(reply.status, status, "{api}");
        assert!(reply.text().contains(word), "{api}: {}", reply.text());
    }
    assert!(theatre.ledger().requests().iter().all(|note| note.auth == Auth::Missing && note.error.is_some()));
    assert_eq!(theatre.ledger().count_error("API_KEY_INVALID"), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_are_checked_as_strictly_as_the_vendor_would() {
    let theatre = theatre("");
    let set = |api, path: &'static [&'static str], value: Value| {
        right(api).with(move |body| {
            let (last, rest) = path.split_last().unwrap();
            rest.iter().fold(body, |body, name| &mut body[*name])[*last] = value;
        })
    };
    let at = |api, target| right(api).at(target);
    for (request, status, word) in [
        (set(Api::OpenAiSpeech, &["tone"], json!(1)), 400, "unknown_parameter"),
        (set(Api::OpenAiSpeech, &["voice"], json!("bob")), 400, "invalid_value"),
        (set(Api::OpenAiSpeech, &["speed"], json!(5)), 400, "invalid_value"),
        (set(Api::OpenAiSpeech, &["input"], json!("a".repeat(4097))), 400, "string_above_max_length"),
        (set(Api::OpenAiSpeech, &["response_format"], json!("mp3")), 400, "encoder"),
        (at(Api::OpenAiSpeech, "GET /v1/audio/speech"), 405, "method"),
        (at(Api::OpenAiSpeech, "POST /v1/audio/speeches"), 404, "unknown_url"),
        (at(Api::ElevenLabsStream, "POST /v1/text-to-speech/v/stream?output=x"), 422, "extra_forbidden"),
        (at(Api::ElevenLabsStream, "POST /v1/text-to-speech/v/stream"), 422, "output_format"),
        (set(Api::ElevenLabsStream, &["model_id"], json!("gpt")), 404, "model_not_found"),
        (set(Api::ElevenLabsStream, &["voice_settings"], json!({"speed": 2})), 422, "0.7"),
        (set(Api::ElevenLabsStream, &["text"], json!("a".repeat(40_001))), 400, "max_character_limit_exceeded"),
        (set(Api::GoogleSynthesize, &["input", "ssml"], json!("a")), 400, "exactly one"),
        (set(Api::GoogleSynthesize, &["input", "text"], json!("é".repeat(2501))), 400, "5000"),
        (set(Api::GoogleSynthesize, &["voice", "lang"], json!("en")), 400, "Unknown name"),
        (at(Api::DeepgramSpeak, "POST /v1/speak?encoding=mulaw&colour=red"), 400, "INVALID_QUERY_PARAMETER"),
        (at(Api::DeepgramSpeak, "POST /v1/speak?encoding=mulaw&sample_rate=24000"), 400, "sample_rate"),
        (at(Api::DeepgramSpeak, "POST /v1/speak?encoding=mulaw&model=nova-3"), 404, "MODEL_NOT_FOUND"),
        (set(Api::DeepgramSpeak, &["text"], json!("a".repeat(2001))), 413, "PAYLOAD_TOO_LARGE"),
        (set(Api::DeepgramSpeak, &["text"], json!("")), 400, "INVALID_JSON"),
        (right(Api::DeepgramSpeak).headed("authorization: Token k\r\ncontent-type: audio/wav"), 415, "UNSUPPORTED"),
        (set(Api::OpenAiChat, &["max_tokens"], json!(9)), 400, "max_completion_tokens"),
        (set(Api::OpenAiChat, &["temperature"], json!(0.5)), 400, "temperature"),
        (
            set(Api::OpenAiChat, &["messages"], json!([{"role": "tool", "tool_call_id": "1", "content": ""}])),
            400,
            "tool",
        ),
        (set(Api::Anthropic, &["max_tokens"], json!("many")), 400, "max_tokens"),
        (set(Api::Anthropic, &["stop"], json!([])), 400, "Extra inputs"),
        (set(Api::Anthropic, &["messages"], json!([{"role": "system", "content": "x"}])), 400, "user or assistant"),
        (
            set(
                Api::Anthropic,
                &["messages"],
                json!([
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}]},
                    {"role": "user", "content": [{"type": "text", "text": "first"},
                                                 {"type": "tool_result", "tool_use_id": "t", "content": "ok"}]},
                ]),
            ),
            400,
            "tool_result",
        ),
        (set(Api::Gemini, &["contents"], json!([{"role": "assistant", "parts": [{"text": "x"}]}])), 400, "role"),
        (set(Api::Gemini, &["generationConfig"], json!({"maxTokens": 7})), 400, "Unknown name"),
        (transcription("gpt-transcribe", &[("colour", "red")]), 400, "unknown_parameter"),
        (transcription("gpt-4o-transcribe", &[("response_format", "verbose_json")]), 400, "response_format"),
        (transcription("", &[]), 400, "model"),
        (
            right(Api::OpenAiTranscription).headed("authorization: Bearer k\r\ncontent-type: application/json"),
            400,
            "content_type",
        ),
    ] {
        let reply = ask(&theatre, &request).await;
        assert_eq!(reply.status, status, "{}: {}", request.target, reply.text());
        assert!(reply.text().contains(word), "{} {word}: {}", request.target, reply.text());
    }
    let new =
        right(Api::Anthropic).headed("x-api-key: k\r\nanthropic-version: 2026-10-21\r\ncontent-type: application/json");
    assert_eq!(ask(&theatre, &new).await.status, 200);
    assert_eq!(ask(&theatre, &new.with(|body| body["temperature"] = json!(1.0))).await.status, 400);
    assert_eq!(theatre.ledger().billed().characters, 0);
}

#[tokio::test(start_paused = true)]
async fn hundreds_are_answered_at_once() {
    let theatre = theatre_at(Pace::default(), "");
    let all = (0..400).map(|_| async { ask(&theatre, &right(Api::DeepgramSpeak)).await.body.len() });
    let lengths = futures_util::future::join_all(all).await;
    assert_eq!(lengths, [MS * 16; 400]);
    let notes = theatre.ledger().requests();
    // All of them were under way before the first was over.
    let (last_head, first_end) =
        (notes.iter().map(|note| note.head_at).max(), notes.iter().filter_map(|note| note.ended_at).min());
    assert!(last_head < first_end, "{last_head:?} {first_end:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_told_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let theatre = theatre("");
    let mut socket = tokio::net::TcpStream::connect(theatre.address()).await.unwrap();
    socket.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
}

#[test]
fn it_runs_on_a_thread_of_its_own() {
    use std::io::{Read as _, Write as _};
    let theatre = Theatre::on_a_thread(Script::default().with_pace(Pace::AT_ONCE)).unwrap();
    let mut socket = std::net::TcpStream::connect(theatre.address()).unwrap();
    socket.write_all(b"GET /v1/models HTTP/1.0\r\nauthorization: Bearer k\r\n\r\n").unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    // Lanes on many threads share one theatre.
    let shared = std::sync::Arc::new(theatre);
    let other = std::sync::Arc::clone(&shared);
    assert_eq!(std::thread::spawn(move || other.ledger().count(Api::Status)).join().unwrap(), 1);
    let address = shared.address();
    drop(shared);
    // Its thread has ended with it, and its port is free again.
    std::net::TcpListener::bind(address).unwrap();
}
