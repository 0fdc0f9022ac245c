//! The engine's codecs and the fakes must mean the same by the same protocol: each was written from the vendors' documents, and
//! neither from the other.
#![cfg(feature = "theatre")]

mod raw;

use std::{fmt::Debug, sync::Arc};

use operetta_audio::Format;
use operetta_contract::{
    ApiKey, Complete, Completion, Entry, ErrorClass, Head, HttpReader, HttpRequest, HttpVendor, Job, Meaning, Method,
    Next, Outcome, Output, ProviderError, Recognition, Recognize, Speaker, Speech, Synthesize, Tool, Usage, Words,
};
use operetta_sim::theatre::{Auth, Reply as Said, Theatre};
use operetta_vendors::{llm, stt, tts};
use raw::{Ask, Ended, ask, rises, samples, theatre};
use serde_json::json;

/// What came of a job.
#[derive(Debug)]
struct Heard<E> {
    events: Vec<E>,
    outcome: Result<E, ProviderError>,
    usage: Usage,
}

impl<E> Heard<E> {
    fn class(&self) -> Option<ErrorClass> {
        self.outcome.as_ref().err().map(|error| error.class)
    }
}

/// Does a job as a worker would, over a connection of its own.
async fn done<V: HttpVendor>(theatre: &Theatre, vendor: &V, job: &V::Job) -> Heard<<V::Job as Job>::Event> {
    let (request, mut reader) = vendor.open(job).map_err(|error| error.to_string()).unwrap_or_else(|e| panic!("{e}"));
    let reply = ask(theatre, &written(theatre, &request)).await;
    let mut out = Output::default();
    let outcome = read(&reply, vendor, &mut reader, &mut out);
    Heard { events: out.events, outcome, usage: out.usage }
}

fn read<V: HttpVendor>(
    reply: &raw::Reply,
    vendor: &V,
    reader: &mut V::Reader,
    out: &mut Output<V::Job>,
) -> Result<<V::Job as Job>::Event, ProviderError> {
    let head = Head { status: reply.status, headers: reply.headers.clone() };
    if !(200..300).contains(&reply.status) {
        return Err(vendor.refusal(&head, &reply.body));
    }
    reader.head(&head, out)?;
    let whole = std::slice::from_ref(&reply.body);
    for chunk in if reply.chunks.is_empty() { whole } else { &reply.chunks } {
        if let operetta_contract::Flow::Done(event) = reader.read(chunk, out)? {
            return Ok(event);
        }
    }
    match reply.ended {
        Ended::Properly => reader.end(out),
        ended => Err(ProviderError::new(ErrorClass::Closed, format!("{ended:?}"))),
    }
}

fn written(theatre: &Theatre, request: &HttpRequest) -> Ask {
    let path = request.url.strip_prefix(&theatre.base_url()).unwrap_or(&request.url);
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let headers = request.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
    Ask {
        target: format!("{method} {path}"),
        headers: headers.collect::<Vec<_>>().join("\r\n"),
        body: request.body.clone(),
    }
}

fn key() -> ApiKey {
    ApiKey::new("k")
}

macro_rules! at {
    ($theatre:expr, $config:expr) => {{
        let mut config = $config;
        config.base_url = $theatre.base_url();
        config
    }};
}

fn openai_speech(theatre: &Theatre, events: bool) -> tts::openai::OpenAiSpeech {
    let mut config = at!(theatre, tts::openai::Config::new(key(), "gpt-4o-mini-tts"));
    config.events = events;
    tts::openai::OpenAiSpeech::new(config)
}

fn elevenlabs(theatre: &Theatre) -> tts::elevenlabs::ElevenLabsSpeech {
    let mut config = at!(theatre, tts::elevenlabs::Config::new(key(), "eleven_flash_v2_5"));
    config.voice = "voice1".into();
    tts::elevenlabs::ElevenLabsSpeech::new(config)
}

fn google(theatre: &Theatre) -> tts::google::GoogleSpeech {
    tts::google::GoogleSpeech::new(at!(theatre, tts::google::Config::new(key(), "en-US-Chirp3-HD-Kore")))
}

fn deepgram(theatre: &Theatre) -> tts::deepgram::DeepgramSpeech {
    tts::deepgram::DeepgramSpeech::new(at!(theatre, tts::deepgram::Config::new(key(), "aura-2-thalia-en")))
}

fn anthropic(theatre: &Theatre) -> llm::anthropic::Anthropic {
    llm::anthropic::Anthropic::new(at!(theatre, llm::anthropic::Config::new(key(), "claude-haiku-5-5")))
}

fn chat(theatre: &Theatre) -> llm::openai::OpenAiChat {
    llm::openai::OpenAiChat::new(at!(theatre, llm::openai::Config::new(key(), "gpt-5.6-luna")))
}

fn gemini(theatre: &Theatre) -> llm::gemini::Gemini {
    llm::gemini::Gemini::new(at!(theatre, llm::gemini::Config::new(key(), "gemini-3.5-flash")))
}

fn transcription(theatre: &Theatre) -> stt::openai::OpenAiTranscription {
    stt::openai::OpenAiTranscription::new(at!(theatre, stt::openai::Config::new(key(), "gpt-transcribe")))
}

fn say(format: Format) -> Synthesize {
    Synthesize {
        text: "Your appointment is on Tuesday.".into(),
        voice: "default".into(),
        language: "en-US".into(),
        format,
        fixed: false,
    }
}

fn think() -> Complete {
    let words = Words { speaker: Speaker::Caller, text: "Can I come on Tuesday?".into(), cut: false };
    let tool = Tool {
        name: "find_slot".into(),
        description: "Finds a time.".into(),
        parameters: r#"{"type":"object","properties":{"day":{"type":"string"}},"required":["day"]}"#.into(),
    };
    Complete {
        prompt: "You answer the phone of a clinic.".into(),
        language: "en-US".into(),
        tools: [tool].into(),
        dialogue: vec![Entry::Said(words)],
        said: Arc::from(""),
    }
}

fn listen() -> Recognize {
    // Words that are heard in silence are none.
    let samples = operetta_audio::tone::sine(300.0, 1000, 16_000, -12.0);
    Recognize { language: "en-US".into(), samples: samples.into(), rate_hz: 16_000 }
}

fn audio(heard: &Heard<Speech>) -> Vec<u8> {
    let audio = heard.events.iter().filter_map(|event| match event {
        Speech::Audio(audio) => Some(audio.to_vec()),
        _ => None,
    });
    audio.flatten().collect()
}

fn text(heard: &Heard<Completion>) -> String {
    let text = heard.events.iter().filter_map(|event| match event {
        Completion::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    text.collect()
}

/// A voice in all formats: the tone is whole, as long as it should be, and no noise.
async fn speaks<V: HttpVendor<Job = Synthesize>>(name: &str, theatre: &Theatre, vendor: V) {
    for format in [Format::PCM16_8K, Format::MULAW_8K] {
        let job = say(format);
        let heard = done(theatre, &vendor, &job).await;
        assert_eq!(heard.outcome.clone(), Ok(Speech::Done), "{name} {format:?}");
        let bytes = audio(&heard);
        let ms = job.text.chars().count() * 65;
        // What is resampled may be a few ms shorter or longer.
        let wanted = format.bytes_of_ms(ms as u32);
        assert!(bytes.len().abs_diff(wanted) <= format.bytes_of_ms(10), "{name}: {} for {wanted}", bytes.len());
        let heard = if format == Format::PCM16_8K {
            samples(&bytes)
        } else {
            let mut heard = Vec::new();
            operetta_audio::g711::decode_into(format.encoding, &bytes, &mut heard);
            heard
        };
        let waves = ms * 440 / 1000;
        assert!(rises(&heard).abs_diff(waves) <= 4, "{name} {format:?}: {} waves for {waves}", rises(&heard));
    }
}

#[tokio::test(start_paused = true)]
async fn every_voice_is_understood() {
    let theatre = theatre("");
    speaks("openai", &theatre, openai_speech(&theatre, false)).await;
    speaks("openai by events", &theatre, openai_speech(&theatre, true)).await;
    speaks("elevenlabs", &theatre, elevenlabs(&theatre)).await;
    speaks("google", &theatre, google(&theatre)).await;
    speaks("deepgram", &theatre, deepgram(&theatre)).await;
    assert!(theatre.ledger().requests().iter().all(|note| note.auth == Auth::WellFormed && note.status == Some(200)));
}

async fn thinks<V: HttpVendor<Job = Complete>>(name: &str, theatre: &Theatre, vendor: V) {
    theatre.say(Said::text("On Tuesday at ten. Shall I book it?"));
    let heard = done(theatre, &vendor, &think()).await;
    assert_eq!(heard.outcome.clone(), Ok(Completion::Done(Next::Listen)), "{name}");
    assert_eq!(text(&heard), "On Tuesday at ten. Shall I book it?", "{name}");
    assert!(
        heard.usage.tokens_in > 0 && heard.usage.tokens_out > 0 && !heard.usage.estimated,
        "{name}: {:?}",
        heard.usage
    );
    theatre.say(Said::call("find_slot", json!({"day": "Tuesday"})));
    let heard = done(theatre, &vendor, &think()).await;
    let Some(Completion::Call(call)) = heard.events.first() else { panic!("{name}: {heard:?}") };
    assert_eq!((call.name.as_ref(), call.arguments.as_ref()), ("find_slot", r#"{"day":"Tuesday"}"#), "{name}");
    // The same conversation goes on, with the answer of the tool.
    let mut job = think();
    let result = operetta_contract::ToolResult {
        id: Arc::clone(&call.id),
        name: "find_slot".into(),
        content: "ten o'clock".into(),
        failed: false,
    };
    job.dialogue.extend([Entry::Called(call.clone()), Entry::Returned(result)]);
    let heard = done(theatre, &vendor, &job).await;
    assert_eq!(heard.class(), None, "{name}: {:?}", heard.outcome);
    // And a reply that another model began.
    let job = Complete { said: "On Tuesday at ten.".into(), ..think() };
    assert_eq!(done(theatre, &vendor, &job).await.class(), None, "{name}");
}

#[tokio::test(start_paused = true)]
async fn every_mind_is_understood() {
    let theatre = theatre("");
    thinks("anthropic", &theatre, anthropic(&theatre)).await;
    thinks("chat", &theatre, chat(&theatre)).await;
    thinks("gemini", &theatre, gemini(&theatre)).await;
}

#[tokio::test(start_paused = true)]
async fn the_ears_are_understood() {
    let theatre = theatre("");
    theatre.hear("I would like to cancel.");
    let heard = done(&theatre, &transcription(&theatre), &listen()).await;
    let said: String = heard
        .events
        .iter()
        .chain(&heard.outcome)
        .filter_map(|event| match event {
            Recognition::Text(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    assert_eq!(said.trim(), "I would like to cancel.", "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn every_warm_up_shows_whether_the_key_is_right() {
    let theatre = theatre("");
    let all = [
        openai_speech(&theatre, false).warm_up(),
        elevenlabs(&theatre).warm_up(),
        google(&theatre).warm_up(),
        deepgram(&theatre).warm_up(),
        anthropic(&theatre).warm_up(),
        chat(&theatre).warm_up(),
        gemini(&theatre).warm_up(),
        transcription(&theatre).warm_up(),
    ];
    for request in all.into_iter().flatten() {
        let mut right = written(&theatre, &request);
        assert_eq!(ask(&theatre, &right).await.status, 200, "{}", right.target);
        right.headers.clear();
        assert!(ask(&theatre, &right).await.status >= 400, "{}", right.target);
    }
}

/// What a codec makes of each failure.
async fn classes<V: HttpVendor>(vendor: impl Fn(&Theatre) -> V, job: &V::Job, rows: &[(&str, Option<ErrorClass>)])
where
    V::Job: Outcome,
    <V::Job as Job>::Event: Debug,
{
    for (rule, class) in rows {
        let theatre = theatre(rule);
        let vendor = vendor(&theatre);
        let heard = done(&theatre, &vendor, job).await;
        let failed = heard.outcome.as_ref().ok().and_then(|event| match V::Job::meaning(event) {
            Meaning::Failed(error) => Some(error.class),
            _ => None,
        });
        let note = theatre.ledger().requests().remove(0);
        assert_eq!(heard.class().or(failed), *class, "{} {rule}: {:?}", note.path, heard.outcome);
        assert_eq!(note.play.map(|play| play.code()).as_deref(), Some(&rule[..3]));
    }
}

#[tokio::test(start_paused = true)]
async fn voices_fail_as_they_should() {
    use ErrorClass::{Auth, Busy, Closed, Missing, Protocol, Quota, RateLimited, TooLong, Unavailable};
    let job = say(Format::PCM16_8K);
    let common = [
        ("H05", None),
        ("H06", None),
        ("H09", Some(Closed)),
        ("H10", Some(Closed)),
        ("H11", Some(Auth)),
        ("H17:502", Some(Unavailable)),
        ("H17:503", Some(Unavailable)),
        ("H22", None),
        ("H24", Some(Protocol)),
        ("H30", Some(Missing)),
        ("H34", Some(Missing)),
    ];
    let quick =
        [("H12:5", Some(RateLimited)), ("H13", Some(Quota)), ("H27", Some(TooLong)), ("H18:true", Some(Unavailable))];
    classes(|theatre| openai_speech(theatre, false), &job, &common).await;
    classes(|theatre| openai_speech(theatre, false), &job, &quick).await;
    classes(
        |theatre| openai_speech(theatre, false),
        &job,
        &[("H25", None), ("H13:type", Some(Quota)), ("H24:json", Some(Protocol))],
    )
    .await;
    classes(
        |theatre| openai_speech(theatre, true),
        &job,
        &[
            ("H19", Some(Unavailable)),
            ("H20", Some(Protocol)),
            ("H32", None),
            ("H23", None),
            ("H21:event", Some(Protocol)),
        ],
    )
    .await;
    classes(elevenlabs, &job, &common).await;
    classes(
        elevenlabs,
        &job,
        &[("H14", Some(Quota)), ("H27", Some(TooLong)), ("H12", Some(Unavailable)), ("H12:concurrent", Some(Busy))],
    )
    .await;
    classes(google, &job, &common).await;
    classes(
        google,
        &job,
        &[
            ("H16", Some(Auth)),
            ("H12", Some(RateLimited)),
            ("H13", Some(Quota)),
            ("H25:extra", None),
            ("H20", Some(Protocol)),
        ],
    )
    .await;
    classes(deepgram, &job, &common).await;
    classes(deepgram, &job, &[("H15", Some(Quota)), ("H27", Some(TooLong)), ("H25", None)]).await;
}

#[tokio::test(start_paused = true)]
async fn minds_fail_as_they_should() {
    use ErrorClass::{Auth, Closed, Missing, Protocol, Quota, RateLimited, Unavailable};
    let job = think();
    let common = [
        ("H05", None),
        ("H06", None),
        ("H09:100", Some(Closed)),
        ("H10:100", Some(Closed)),
        ("H11", Some(Auth)),
        ("H12:5", Some(RateLimited)),
        ("H13", Some(Quota)),
        ("H17:502", Some(Unavailable)),
        ("H19:before", Some(Unavailable)),
        ("H19:after", Some(Unavailable)),
        ("H20:cut", Some(Protocol)),
        ("H20:nul", Some(Protocol)),
        ("H21:line", Some(Protocol)),
        ("H21:event", Some(Protocol)),
        ("H22", None),
        ("H23", None),
        ("H24", Some(Protocol)),
        ("H28", Some(Protocol)),
        ("H30", Some(Missing)),
        ("H32", None),
        ("H34", Some(Missing)),
    ];
    classes(anthropic, &job, &common).await;
    classes(chat, &job, &common).await;
    classes(gemini, &job, &common).await;
    classes(chat, &job, &[("H21:done", None), ("H33", Some(Unavailable)), ("H13:type", Some(Quota))]).await;
    classes(anthropic, &job, &[("H15", Some(Quota)), ("H17:529", Some(Unavailable))]).await;
    classes(gemini, &job, &[("H16", Some(Auth)), ("H12:info", Some(RateLimited))]).await;
}

#[tokio::test(start_paused = true)]
async fn how_long_to_wait_is_understood_in_every_form() {
    let after = async |rule: &str, llm: &str| {
        let theatre = theatre(rule);
        let heard = match llm {
            "anthropic" => done(&theatre, &anthropic(&theatre), &think()).await,
            "gemini" => done(&theatre, &gemini(&theatre), &think()).await,
            _ => done(&theatre, &chat(&theatre), &think()).await,
        };
        heard.outcome.unwrap_err().after.map(|after| after.as_secs())
    };
    assert_eq!(after("H12:5", "chat").await, Some(5));
    assert_eq!(after("H12:ms", "chat").await, Some(2));
    assert_eq!(after("H12:body", "chat").await, Some(2));
    assert_eq!(after("H12:reset", "chat").await, Some(2));
    assert_eq!(after("H12:reset", "anthropic").await, Some(2));
    assert_eq!(after("H12:info", "gemini").await, Some(12));
    assert_eq!(after("H12:garbage", "anthropic").await, after("H12:concurrent", "anthropic").await);
    assert!(after("H12:absurd", "chat").await <= Some(86_400));
    // The second may change between the two dates.
    assert!([Some(1), Some(2), Some(3)].contains(&after("H12:date", "chat").await));
}

#[tokio::test(start_paused = true)]
async fn odd_calls_of_tools_never_become_calls_that_nobody_made() {
    for rule in ["whole", "empty", "cut", "interleaved", "anonymous", "invalid"] {
        let theatre = theatre(&format!("H35:{rule}"));
        for heard in [
            done(&theatre, &anthropic(&theatre), &think()).await,
            done(&theatre, &chat(&theatre), &think()).await,
            done(&theatre, &gemini(&theatre), &think()).await,
        ] {
            for event in &heard.events {
                let Completion::Call(call) = event else { continue };
                assert_eq!(call.name.as_ref(), "find_slot");
                let is_object =
                    serde_json::from_str::<serde_json::Value>(&call.arguments).is_ok_and(|it| it.is_object());
                let days = ["Tuesday", "Friday"].iter().any(|day| call.arguments.contains(day));
                assert!(
                    is_object && (days || call.arguments.as_ref() == "{}") || ["cut", "invalid"].contains(&rule),
                    "{rule}: {call:?}"
                );
            }
        }
    }
}
