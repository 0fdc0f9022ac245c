//! Speech, recognition and thought behind their desks.

use std::time::Duration;

use crate::common::{ask, bare_engines, caller_says, engines, over_the_line, word_errors};
use operetta_audio::{Encoding, Format, g711};
use operetta_contract::{
    Complete, Completion, Entry, ErrorClass, Hearing, Next, Speaker, Speech, Synthesize, Transcribe, Transcript, Words,
};
use operetta_local::{Engines, flite::FliteVoice};
use operetta_stage::{Desk, Playbill, Policy, Supervisor};
use tokio::time::timeout;

const SOON: Duration = Duration::from_mins(1);

fn voices(engines: &Engines, bill: &Playbill) -> Desk<Synthesize> {
    let engines = engines.clone();
    Supervisor::start(Policy::default(), bill, move || engines.speaker())
}

fn ears(engines: &Engines, bill: &Playbill) -> Desk<Transcribe> {
    let engines = engines.clone();
    Supervisor::start(Policy::default(), bill, move || engines.listener())
}

fn say(text: &str, voice: &str, format: Format) -> Synthesize {
    Synthesize { text: text.into(), voice: voice.into(), language: "en-IN".into(), format, fixed: false }
}

/// All audio of an utterance, and how it ended.
async fn spoken(desk: &Desk<Synthesize>, job: Synthesize, bill: &Playbill) -> (Vec<u8>, Speech) {
    let most = job.format.bytes_per_second();
    let mut asked = ask(desk, job, bill);
    let mut audio = Vec::new();
    loop {
        match timeout(SOON, asked.events.recv()).await.unwrap().unwrap() {
            Speech::Audio(piece) => {
                assert!(!piece.is_empty() && piece.len() <= most, "{} bytes", piece.len());
                audio.extend_from_slice(&piece);
            }
            end => return (audio, end),
        }
    }
}

#[actix_rt::test]
async fn every_voice_speaks_every_format() {
    let (engines, bill) = (engines(), Playbill::new("test"));
    let desk = voices(&engines, &bill);
    for voice in ["hibari", "kal", "kal16"] {
        for rate_hz in [8_000, 16_000, 24_000] {
            for encoding in [Encoding::Pcm16, Encoding::Mulaw, Encoding::Alaw] {
                let format = Format { encoding, rate_hz };
                let (audio, end) = spoken(&desk, say("Hello there. It is 3:30.", voice, format), &bill).await;
                assert_eq!(end, Speech::Done, "{voice} {format}");
                let ms = format.ms_of_bytes(audio.len());
                assert!((1_000..5_000).contains(&ms), "{voice} {format}: {ms} ms");
                let mut samples = Vec::new();
                g711::decode_into(encoding, &audio, &mut samples);
                assert!(samples.iter().any(|sample| sample.unsigned_abs() > 3_000), "{voice} {format} is silent");
            }
        }
    }
    assert_eq!(bill.snapshot().role(operetta_contract::Role::Tts).unwrap().done, 27);
}

#[actix_rt::test]
async fn the_first_sentence_does_not_wait_for_the_rest() {
    let (engines, bill) = (engines(), Playbill::new("test"));
    let desk = voices(&engines, &bill);
    let long = "Good morning. ".repeat(100);
    let mut first = ask(&desk, say(&long, "hibari", Format::MULAW_8K), &bill);
    let piece = timeout(SOON, first.events.recv()).await.unwrap();
    assert!(matches!(piece, Some(Speech::Audio(_))), "{piece:?}");
    // A short one that comes later is not kept waiting by the long one.
    let (_, end) = spoken(&desk, say("Yes.", "hibari", Format::MULAW_8K), &bill).await;
    assert_eq!(end, Speech::Done);
    let mut pieces = 0;
    while let Ok(event) = first.events.try_recv() {
        assert_ne!(event, Speech::Done, "the long one was finished first");
        pieces += 1;
    }
    assert!(pieces < 400, "{pieces}");
    drop(first.lease);
    // What is left of it is dropped: the voices are free again at once.
    let (_, end) = spoken(&desk, say("Yes.", "hibari", Format::MULAW_8K), &bill).await;
    assert_eq!(end, Speech::Done);
}

#[actix_rt::test]
async fn what_cannot_be_spoken_is_refused() {
    let (engines, bill) = (bare_engines(), Playbill::new("test"));
    let desk = voices(&engines, &bill);
    for (job, class) in [
        (say("", "kal", Format::MULAW_8K), ErrorClass::BadRequest),
        (say("... !", "kal", Format::MULAW_8K), ErrorClass::BadRequest),
        (say(&"long ".repeat(500), "kal", Format::MULAW_8K), ErrorClass::BadRequest),
        (say("Hello.", "kal", Format { encoding: Encoding::Pcm16, rate_hz: 44_100 }), ErrorClass::BadRequest),
        (say("Hello.", "caruso", Format::MULAW_8K), ErrorClass::Missing),
    ] {
        let (audio, end) = spoken(&desk, job, &bill).await;
        assert!(audio.is_empty());
        assert!(matches!(&end, Speech::Failed(error) if error.class == class), "{end:?}");
    }
}

#[actix_rt::test]
async fn without_models_the_built_in_voice_stands_in_and_says_so() {
    let (engines, bill) = (bare_engines(), Playbill::new("test"));
    assert!(!engines.can_transcribe());
    assert_eq!(engines.default_voice(), "kal");
    assert!(engines.describe().iter().any(|line| line.contains("press keys")), "{:?}", engines.describe());
    let (audio, end) = spoken(&voices(&engines, &bill), say("Hello.", "hibari", Format::MULAW_8K), &bill).await;
    assert_eq!(end, Speech::Done);
    assert!(audio.len() > 4_000);
    let mut asked = ask(&ears(&engines, &bill), Transcribe { language: "en-IN".into(), rate_hz: 8_000 }, &bill);
    let end = timeout(SOON, asked.events.recv()).await.unwrap().unwrap();
    assert!(matches!(&end, Transcript::Failed(error) if error.class == ErrorClass::Missing), "{end:?}");
}

#[actix_rt::test]
async fn a_call_is_written_down_flush_by_flush() {
    let (engines, bill) = (engines(), Playbill::new("test"));
    assert!(engines.can_transcribe());
    let desk = ears(&engines, &bill);
    let mut asked = ask(&desk, Transcribe { language: "en-IN".into(), rate_hz: 8_000 }, &bill);
    let sentences =
        ["Hello, can you help me?", "I would like to book an appointment for tomorrow morning.", "Yes, please."];
    for (n, sentence) in (1_u32..).zip(sentences) {
        for piece in caller_says(sentence, FliteVoice::Kal16).chunks(800) {
            asked.lease.feed(Hearing::Samples(piece.to_vec())).unwrap();
        }
        asked.lease.feed(Hearing::Flush(n)).unwrap();
        let Some(Transcript::Final { text, flush }) = timeout(SOON, asked.events.recv()).await.unwrap() else {
            panic!("no final for {sentence}");
        };
        println!("{sentence} -> {text}");
        assert_eq!(flush, Some(n));
        assert!(word_errors(sentence, &text) <= 1, "{sentence} -> {text}");
    }
    // Nothing was fed since: the flush is answered all the same, with nothing. So is one after mere noise.
    asked.lease.feed(Hearing::Flush(8)).unwrap();
    let noise: Vec<i16> = (0..16_000_u16).map(|n| ((f32::from(n) * 0.345).sin() * 8_000.0) as i16).collect();
    asked.lease.feed(Hearing::Samples(over_the_line(&noise))).unwrap();
    asked.lease.feed(Hearing::Flush(9)).unwrap();
    for flush in [8, 9] {
        let last = timeout(SOON, asked.events.recv()).await.unwrap();
        assert_eq!(last, Some(Transcript::Final { text: "".into(), flush: Some(flush) }));
    }
}

#[actix_rt::test]
async fn a_flood_is_refused_and_nothing_is_left_over() {
    let (engines, bill) = (engines(), Playbill::new("test"));
    let policy = Policy { seats: 1_000, ..Policy::default() };
    let speaker = engines.clone();
    let desk: Desk<Synthesize> = Supervisor::start(policy, &bill, move || speaker.speaker());
    let mut asked: Vec<_> =
        (0..200).map(|_| ask(&desk, say("One moment, please.", "hibari", Format::MULAW_8K), &bill)).collect();
    let (mut done, mut busy) = (0, 0);
    for asked in &mut asked {
        loop {
            match timeout(SOON, asked.events.recv()).await.unwrap().unwrap() {
                Speech::Audio(_) | Speech::Words(_) | Speech::Switched(_) => {}
                Speech::Done => break done += 1,
                Speech::Failed(error) => {
                    assert_eq!(error.class, ErrorClass::Busy);
                    break busy += 1;
                }
                Speech::Lost => panic!("a job was lost"),
            }
        }
    }
    assert!(busy > 0 && done >= 64, "{done} done, {busy} busy");
    let jobs = bill.snapshot();
    assert_eq!(jobs.role(operetta_contract::Role::Tts).unwrap().open, 0);
}

#[actix_rt::test]
async fn the_receptionist_answers_in_sentences() {
    let (engines, bill) = (bare_engines(), Playbill::new("test"));
    let desk: Desk<Complete> = Supervisor::start(Policy::default(), &bill, move || engines.receptionist());
    let words = Words { speaker: Speaker::Caller, text: "That's all, thank you, bye.".into(), cut: false };
    let job = Complete {
        prompt: "name: Asha Clinic".into(),
        language: "en-IN".into(),
        tools: [].into(),
        dialogue: vec![Entry::Said(words)],
        said: "".into(),
    };
    let mut asked = ask(&desk, job, &bill);
    let mut text = String::new();
    let next = loop {
        match timeout(SOON, asked.events.recv()).await.unwrap().unwrap() {
            Completion::Text(piece) => text.push_str(&piece),
            Completion::Done(next) => break next,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((text.as_str(), next), ("You're welcome. Thank you for calling Asha Clinic. Goodbye!", Next::HangUp));
}

#[actix_rt::test]
async fn recognition_does_not_hold_up_the_lane() {
    let (engines, bill) = (engines(), Playbill::new("test"));
    let desk = ears(&engines, &bill);
    let speech = caller_says("I would like to book an appointment for tomorrow morning.", FliteVoice::Kal);
    let mut callers: Vec<_> =
        (0..16).map(|_| ask(&desk, Transcribe { language: "en-IN".into(), rate_hz: 8_000 }, &bill)).collect();
    for caller in &callers {
        for flush in 0..3 {
            for piece in speech.chunks(1_600) {
                caller.lease.feed(Hearing::Samples(piece.to_vec())).unwrap();
            }
            caller.lease.feed(Hearing::Flush(flush)).unwrap();
        }
    }
    // 48 utterances of 80 ms each: the threads are busy for as long as this looks.
    let mut late = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..50 {
        late.push(ticks.tick().await.elapsed());
    }
    assert!(callers.iter_mut().any(|caller| caller.events.len() < 3), "recognition was over too soon to tell");
    late.sort();
    // The middle, because other programs share the processors of a test machine. On the lane itself it would be 80 ms.
    assert!(late[25] <= Duration::from_millis(5), "{late:?}");
}
