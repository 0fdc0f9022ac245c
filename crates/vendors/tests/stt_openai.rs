//! OpenAI-shaped transcription: the form that goes up, and the replies of the servers that take it.

use std::f32::consts::TAU;

use operetta_contract::{
    ApiKey, ErrorClass, Flow, Head, HttpReader as _, HttpVendor, Method, Output, ProviderError, Recognition, Recognize,
};
use operetta_vendors::stt::openai::{Config, OpenAiTranscription};
use proptest::prelude::*;

fn config() -> Config {
    Config::new(ApiKey::new("secret-key"), "gpt-transcribe")
}

/// A tone of `level` for `ms`.
fn job(level: f32, ms: usize) -> Recognize {
    let samples = (0..ms * 8).map(|at| (level * (TAU * 440.0 * at as f32 / 8000.0).sin()) as i16).collect();
    Recognize { language: "en-IN".into(), samples, rate_hz: 8000 }
}

/// Loud as speech.
const SPEECH: f32 = 8000.0;
/// Hardly there.
const FAINT: f32 = 150.0;
/// Line noise.
const QUIET: f32 = 20.0;

#[expect(clippy::unwrap_used, reason = "the job can be asked")]
/// What comes of a reply that is cut into pieces of `piece` bytes: its text, or the class of its error.
fn reply(level: f32, content_type: &str, body: &str, piece: usize) -> (Result<String, ErrorClass>, Output<Recognize>) {
    let (_, mut reader) = OpenAiTranscription::new(config()).open(&job(level, 100)).unwrap();
    let mut out = Output::default();
    let headers =
        vec![("content-type".to_owned(), content_type.to_owned()), ("x-request-id".to_owned(), "req_1".to_owned())];
    let run = || -> Result<Recognition, ProviderError> {
        reader.head(&Head { status: 200, headers }, &mut out)?;
        for bytes in body.as_bytes().chunks(piece) {
            if let Flow::Done(event) = reader.read(bytes, &mut out)? {
                return Ok(event);
            }
        }
        reader.end(&mut out)
    };
    let result = run();
    let text = out.events.iter().map(|event| match event {
        Recognition::Text(text) => &**text,
        other => panic!("{other:?}"),
    });
    let text = text.collect::<String>();
    (result.map(|done| assert_eq!(done, Recognition::Done)).map(|()| text).map_err(|error| error.class), out)
}

/// Every way of cutting gives the same.
fn check(content_type: &str, body: &str, expected: Result<&str, ErrorClass>) {
    for piece in [1, 2, 7, usize::MAX] {
        let (text, _) = reply(SPEECH, content_type, body, piece);
        assert_eq!(text.as_deref().map_err(|class| *class), expected, "{content_type} {body:?} by {piece}");
    }
}

const EVENTS: &str = "text/event-stream; charset=utf-8";

#[test]
fn the_form_holds_a_wav_file_of_16_khz() {
    let vendor = OpenAiTranscription::new(Config { stream: true, prompt: "A clinic.".to_owned(), ..config() });
    let (request, _) = vendor.open(&job(SPEECH, 1000)).unwrap();
    assert_eq!(
        (request.method, request.url.as_str()),
        (Method::Post, "https://api.openai.com/v1/audio/transcriptions")
    );
    let header = |name| request.headers.iter().find(|(other, _)| *other == name).unwrap().1.clone();
    assert_eq!(header("authorization").expose(), "Bearer secret-key");
    assert!(header("authorization").is_secret() && !format!("{vendor:?}").contains("secret-key"));
    let content_type = header("content-type").expose().to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();

    let at = request.body.windows(4).position(|window| window == b"RIFF").unwrap();
    let head = std::str::from_utf8(&request.body[..at]).unwrap();
    let field = |name: &str, value: &str| {
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let expected = field("model", "gpt-transcribe")
        + &field("response_format", "json")
        + &field("language", "en")
        + &field("prompt", "A clinic.")
        + &field("stream", "true")
        + &format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             content-type: audio/wav\r\n\r\n"
        );
    assert_eq!(head, expected);
    let end = format!("\r\n--{boundary}--\r\n");
    let wav = request.body[at..].strip_suffix(end.as_bytes()).unwrap();
    assert_eq!(wav.len(), 44 + 16_000 * 2);
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
    assert_eq!((number(4), number(24), number(28), number(40)), (36 + 32_000, 16_000, 32_000, 32_000));
    assert_eq!(&wav[8..24], b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    // The tone is still there: 440 periods of it, as loud as it was.
    let samples: Vec<i16> = wav[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let rising = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    assert!((438..=441).contains(&rising), "{rising}");
    assert!((7800..8300).contains(&samples.iter().copied().max().unwrap()));
}

#[test]
fn local_servers_need_no_key_and_may_be_anywhere() {
    let config = Config {
        key: ApiKey::new(""),
        base_url: "http://127.0.0.1:8080".to_owned(),
        path: "/inference".to_owned(),
        ..config()
    };
    let vendor = OpenAiTranscription::new(config);
    let (request, _) = vendor.open(&job(SPEECH, 20)).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:8080/inference");
    assert!(request.headers.iter().all(|(name, _)| *name != "authorization"));
    assert!(vendor.warm_up().is_none());
    let warm = OpenAiTranscription::new(self::config()).warm_up().unwrap();
    assert_eq!((warm.method, warm.url.as_str()), (Method::Get, "https://api.openai.com/v1/models"));
}

#[test]
fn jobs_that_cannot_be_asked_are_not() {
    let vendor = OpenAiTranscription::new(config());
    let error = |job: &Recognize| vendor.open(job).err().unwrap().class;
    assert_eq!(error(&Recognize { rate_hz: 0, ..job(SPEECH, 10) }), ErrorClass::BadRequest);
    assert_eq!(error(&job(SPEECH, 800_000)), ErrorClass::TooLong);
}

#[test]
fn replies_in_one_piece() {
    check("application/json", r#"{"text":"I would like to cancel."}"#, Ok("I would like to cancel."));
    check("application/json; charset=utf-8", r#"{"text":" नमस्ते\n"}"#, Ok("नमस्ते\n"));
    check("application/json", r#"{"text":""}"#, Ok(""));
    check("text/plain", "just words", Ok("just words"));
    check("application/json", r#"{"error":{"message":"m","code":"model_not_found"}}"#, Err(ErrorClass::Missing));
    check("application/json", r#"{"error":"no memory"}"#, Err(ErrorClass::Unavailable));
    check("application/json", r#"{"text":"#, Err(ErrorClass::Protocol));
    check("application/json", r#"{"words":[]}"#, Err(ErrorClass::Protocol));
    check("application/json", "", Err(ErrorClass::Protocol));
    check("text/html", "<html>sign in</html>", Err(ErrorClass::Protocol));
    check("", r#"{"text":"x"}"#, Err(ErrorClass::Protocol));
}

#[test]
fn events_of_openai() {
    let deltas = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"I would like\"}\n\n\
                  data: {\"type\":\"transcript.text.delta\",\"delta\":\" to cancel.\"}\n\n";
    let done = "data: {\"type\":\"transcript.text.done\",\"text\":\"I would like to cancel.\",\"usage\":\
                {\"type\":\"tokens\",\"input_tokens\":31,\"output_tokens\":7,\"total_tokens\":38}}\n\n";
    check(EVENTS, &format!("{deltas}{done}"), Ok("I would like to cancel."));
    check(EVENTS, &format!("{deltas}{done}").replace('\n', "\r\n"), Ok("I would like to cancel."));
    check(EVENTS, done, Ok("I would like to cancel."));
    check(EVENTS, &format!("data: {{\"type\":\"new\"}}\n\n: hm\n\n{deltas}{done}"), Ok("I would like to cancel."));
    check(EVENTS, deltas, Err(ErrorClass::Protocol));
    check(EVENTS, &format!("{deltas}data: {{\"type\":\"transcript.text"), Err(ErrorClass::Protocol));
    check(EVENTS, &format!("{deltas}data: {{\"type\":\n\n"), Err(ErrorClass::Protocol));
    check(EVENTS, "", Err(ErrorClass::Protocol));
    let error = "data: {\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\"}}\n\n";
    check(EVENTS, &format!("{deltas}{error}"), Err(ErrorClass::Quota));

    let (_, out) = reply(SPEECH, EVENTS, &format!("{deltas}{done}"), 64);
    assert_eq!((out.usage.tokens_in, out.usage.tokens_out, out.usage.estimated), (31, 7, false));
    assert_eq!(out.usage.request_id.as_deref(), Some("req_1"));
}

#[test]
fn events_of_local_servers() {
    // vLLM
    let chunk = |text: &str, end: &str| {
        format!(
            "data: {{\"object\":\"transcription.chunk\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{end}}}]}}\n\n"
        )
    };
    let (begin, end) = (chunk(" I would", "null"), chunk(" like", "\"stop\""));
    let usage = "data: {\"object\":\"transcription.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n";
    check(EVENTS, &format!("{begin}{end}{usage}data: [DONE]\n\n"), Ok("I would like"));
    check(EVENTS, &format!("{begin}{end}{usage}"), Ok("I would like"));
    check(EVENTS, &begin, Err(ErrorClass::Protocol));
    let (_, out) = reply(SPEECH, EVENTS, &format!("{begin}{end}{usage}"), 99);
    assert_eq!((out.usage.tokens_in, out.usage.tokens_out), (9, 4));
    // speaches: a segment an event, in JSON or bare, and no end of its own
    check(EVENTS, "data: {\"text\":\" I would\"}\n\ndata: {\"text\":\" like.\"}\n\n", Ok("I would like."));
    check(EVENTS, "data:  I would\n\ndata:  like 7.\n\n", Ok("I would like 7."));
    check(EVENTS, "data: 42\n\n", Ok("42"));
    check(EVENTS, "data: {\"text\":\"one\"}\n\ndata: {\"detail\":\"new\"}\n\n", Ok("one"));
}

#[test]
fn a_length_that_the_server_counted_is_no_estimate() {
    let (_, out) = reply(SPEECH, "application/json", r#"{"text":"x","usage":{"type":"duration","seconds":3}}"#, 9);
    assert_eq!((out.usage.audio_in_ms, out.usage.estimated), (3000, false));
    let (_, out) = reply(SPEECH, "application/json", r#"{"text":"x"}"#, 9);
    assert_eq!((out.usage.audio_in_ms, out.usage.estimated), (100, true));
}

#[test]
fn what_nobody_said_is_dropped() {
    let said = |level, text: &str| {
        let events = format!("data: {{\"text\":\"{text}\"}}\n\n");
        let whole = reply(level, "application/json", &format!("{{\"text\":\"{text}\"}}"), 99).0.unwrap();
        assert_eq!(reply(level, EVENTS, &events, 99).0.unwrap(), whole);
        whole
    };
    for phrase in ["Thank you.", "Thanks for watching!", " you", "...", "Subtitles by the Amara.org community"] {
        assert_eq!(said(SPEECH, phrase), phrase.trim_start(), "who speaks up may say so");
        assert_eq!(said(FAINT, phrase), "");
        assert_eq!(said(QUIET, phrase), "");
    }
    assert_eq!(said(FAINT, "Can you hear me?"), "Can you hear me?");
    assert_eq!(said(QUIET, "Can you hear me?"), "");
}

#[test]
fn refusals_are_openais() {
    let vendor = OpenAiTranscription::new(config());
    let refused = |status, body: &str| vendor.refusal(&Head { status, headers: Vec::new() }, body.as_bytes()).class;
    assert_eq!(refused(429, r#"{"error":{"type":"insufficient_quota","code":null}}"#), ErrorClass::Quota);
    assert_eq!(refused(401, r#"{"error":{"code":"invalid_api_key"}}"#), ErrorClass::Auth);
    assert_eq!(refused(404, r#"{"detail":"Model is not installed"}"#), ErrorClass::Missing);
    assert_eq!(
        refused(400, r#"{"error":{"message":"m","type":"BadRequestError","code":400}}"#),
        ErrorClass::BadRequest
    );
    assert_eq!(refused(500, r#"{"error":"failed to read WAV file"}"#), ErrorClass::Unavailable);
    assert_eq!(refused(502, "<html>"), ErrorClass::Unavailable);
}

#[test]
fn a_reply_without_end_is_cut_off() {
    let huge = "x".repeat((1 << 20) + 1);
    check("text/plain", &huge, Err(ErrorClass::Protocol));
}

proptest! {
    #[test]
    fn any_reply_is_survived(
        content_type in "application/json|text/plain|text/event-stream|.{0,9}",
        body in proptest::collection::vec(prop_oneof![
            ".{0,30}",
            "data: .{0,20}\n\n",
            "data: \\{\"(type|object|text|error)\":\"?[a-z.]{0,9}\"?\\}\n\n",
        ], 0..8),
        piece in 1usize..40,
    ) {
        let _ = reply(FAINT, &content_type, &body.concat(), piece);
    }
}
