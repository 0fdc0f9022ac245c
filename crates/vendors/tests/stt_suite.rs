//! The contract's own suite over everything that listens, and over the one that converses.

use std::time::Duration;

use operetta_audio::Format;
use operetta_contract::{
    ApiKey, Converse, ErrorClass, Hearing, Outgoing, Recognize, Transcribe, Turnout,
    suite::{self, DuplexCase, HttpCase, Step},
};
use operetta_vendors::{
    realtime::{self, OpenAiRealtime},
    stt::{assemblyai, deepgram, deepgram_flux, openai},
};

const KEY: &str = "key-of-the-suite";

fn key() -> ApiKey {
    ApiKey::new(KEY)
}

fn job() -> Transcribe {
    Transcribe { language: "en-IN".into(), rate_hz: 8000 }
}

fn says(text: &str) -> Step<Transcribe> {
    Step::says(text)
}

fn speech() -> Step<Transcribe> {
    Step::Feed(Hearing::Samples(vec![5000; 1600]))
}

fn flush(number: u32) -> Step<Transcribe> {
    Step::Feed(Hearing::Flush(number))
}

/// Longer than any acknowledgement is waited for.
const PATIENCE: Step<Transcribe> = Step::Wait(Duration::from_secs(1));

#[test]
fn deepgram_live() {
    let script = vec![
        speech(),
        says(
            r#"{"type":"Results","start":0.0,"duration":0.2,"is_final":false,"channel":{"alternatives":[{"transcript":"book it"}]}}"#,
        ),
        says(r#"{"type":"SpeechStarted","channel":[0],"timestamp":0.1}"#),
        flush(1),
        says(
            r#"{"type":"Results","start":0.0,"duration":0.2,"is_final":true,"speech_final":true,"from_finalize":true,"channel":{"alternatives":[{"transcript":"Book it."}]},"metadata":{"request_id":"r"}}"#,
        ),
        speech(),
        flush(2),
        flush(3),
        PATIENCE,
        Step::Wait(Duration::from_secs(20)),
        flush(4),
        PATIENCE,
    ];
    let vendor = deepgram::DeepgramListen::new(deepgram::Config::new(key(), "nova-3"));
    suite::duplex("deepgram", &vendor, &DuplexCase::new(job(), script).key(KEY)).assert();
}

#[test]
fn deepgram_flux() {
    let script = vec![
        says(r#"{"type":"Connected","request_id":"r","sequence_id":0}"#),
        speech(),
        says(
            r#"{"type":"TurnInfo","event":"StartOfTurn","turn_index":0,"audio_window_end":0.2,"transcript":"can you"}"#,
        ),
        flush(1),
        says(
            r#"{"type":"TurnInfo","event":"EndOfTurn","turn_index":0,"audio_window_end":0.2,"transcript":"Can you?","trigger":"manual"}"#,
        ),
        speech(),
        flush(2),
        flush(3),
        PATIENCE,
        Step::Wait(Duration::from_secs(20)),
    ];
    let vendor = deepgram_flux::DeepgramFlux::new(deepgram_flux::Config::new(key(), "flux-general-en"));
    suite::duplex("deepgram_flux", &vendor, &DuplexCase::new(job(), script).key(KEY)).assert();
}

#[test]
fn assemblyai() {
    let script = vec![
        says(r#"{"type":"Begin","id":"a2","expires_at":1795000000}"#),
        speech(),
        says(r#"{"type":"Turn","turn_order":0,"end_of_turn":false,"transcript":"i would","words":[]}"#),
        flush(1),
        says(
            r#"{"type":"Turn","turn_order":0,"end_of_turn":true,"transcript":"i would","words":[{"text":"would","end":190}]}"#,
        ),
        says(
            r#"{"type":"Turn","turn_order":0,"turn_is_formatted":true,"end_of_turn":true,"transcript":"I would.","words":[]}"#,
        ),
        speech(),
        flush(2),
        flush(3),
        PATIENCE,
        Step::Wait(Duration::from_secs(40)),
    ];
    let vendor = assemblyai::AssemblyAi::new(assemblyai::Config::new(key(), "universal-streaming-english"));
    suite::duplex("assemblyai", &vendor, &DuplexCase::new(job(), script).key(KEY)).assert();
}

fn recognize() -> Recognize {
    let samples: Vec<i16> = (0..1600).map(|at| if at / 8 % 2 == 0 { 6000 } else { -6000 }).collect();
    Recognize { language: "en-IN".into(), samples: samples.into(), rate_hz: 8000 }
}

#[test]
fn openai_shaped_transcription() {
    let vendor = openai::OpenAiTranscription::new(openai::Config::new(key(), "gpt-transcribe"));
    let openai = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"I would like\"}\n\n\
                  data: {\"type\":\"transcript.text.delta\",\"delta\":\" to cancel.\"}\n\n\
                  data: {\"type\":\"transcript.text.done\",\"text\":\"I would like to cancel.\"}\n\n";
    let vllm = "data: {\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\" I would\"}}]}\n\n\
                data: {\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\" like\"},\"finish_reason\":\"stop\"}]}\n\n\
                data: [DONE]\n\n";
    let speaches = "data: {\"text\":\" I would\"}\n\ndata: {\"text\":\" like.\"}\n\n";
    let events = "text/event-stream";
    let cases = [
        ("json", HttpCase::new(recognize(), "application/json", r#"{"text":"I would like to cancel."}"#)),
        ("openai", HttpCase::new(recognize(), events, openai)),
        ("vllm", HttpCase::new(recognize(), events, vllm)),
        ("speaches", HttpCase::new(recognize(), events, speaches).ends_with_body()),
        ("text", HttpCase::new(recognize(), "text/plain", "just words").ends_with_body()),
    ];
    for (name, case) in cases {
        let wrong = r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#;
        let spent = r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let case = case.key(KEY).refused(401, wrong, ErrorClass::Auth).refused(429, spent, ErrorClass::Quota);
        suite::http(name, &vendor, &case).assert();
    }
}

#[test]
fn openai_realtime() {
    let says = Step::<Converse>::says;
    let job = Converse {
        prompt: "You are a clinic receptionist.".into(),
        language: "en-IN".into(),
        voice: "default".into(),
        format: Format::MULAW_8K,
        tools: [].into(),
        dialogue: Vec::new(),
    };
    // 500 ms of µ-law in base64: 4000 bytes of 0x80.
    let audio = format!("{}gA==", "gICA".repeat(1333));
    let delta = format!(
        r#"{{"type":"response.output_audio.delta","response_id":"r","item_id":"a","content_index":0,"delta":"{audio}"}}"#
    );
    let script = vec![
        says(r#"{"type":"session.created"}"#),
        says(r#"{"type":"session.updated"}"#),
        Step::Feed(Turnout::Samples(vec![5000; 1600])),
        says(r#"{"type":"input_audio_buffer.speech_started","item_id":"u"}"#),
        Step::Wait(Duration::from_secs(1)),
        says(r#"{"type":"input_audio_buffer.speech_stopped","item_id":"u"}"#),
        says(r#"{"type":"input_audio_buffer.committed","item_id":"u"}"#),
        says(r#"{"type":"response.created","response":{"id":"r"}}"#),
        says(
            r#"{"type":"response.output_audio_transcript.delta","response_id":"r","item_id":"a","delta":"Of course."}"#,
        ),
        Step::Says(Outgoing::Text(delta.clone())),
        Step::Says(Outgoing::Text(delta)),
        says(r#"{"type":"response.done","response":{"id":"r","status":"completed","output":[]}}"#),
        Step::Feed(Turnout::Cut { reply: 1, heard_ms: 400 }),
        Step::Wait(Duration::from_secs(20)),
    ];
    let vendor = OpenAiRealtime::new(realtime::Config::new(key(), "gpt-realtime-2.1"));
    suite::duplex("openai_realtime", &vendor, &DuplexCase::new(job, script).key(KEY).lasting(1000)).assert();
}
