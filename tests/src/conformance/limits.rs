//! Limits of the client library that would turn into outages: none of them may be left at its default.

use std::time::Duration;

use futures_util::future::try_join_all;
use operetta_audio::{Format, tone};
use operetta_contract::{ApiKey, Hearing, Speech, Synthesize, Transcribe, Transcript};
use operetta_sim::theatre::{Api, Rule, Script, Theatre};
use operetta_vendors::{stt, tts};

use super::{
    Report,
    lane::{Course, Hired, Lane, SEATS, told},
    sound, voice,
};

pub(super) async fn examine(lane: &Lane, patient: bool) -> Report {
    let mut report = Report::new("one lane");
    let crowd = crowd(lane).await;
    if let Ok((_, slowest)) = &crowd {
        report.figure("slowest of 130 callers from the flush to its answer, ms", slowest.as_millis().to_string());
    }
    let enough =
        crowd.and_then(|(open, _)| if open >= CALLERS { Ok(()) } else { Err(format!("{open} were open at once")) });
    report.check("130 sockets are open at once, and every caller is understood", enough);
    report.check("a message of 15 MiB is taken", large(lane).await);
    let check = "a head that comes after 6 s is waited for";
    if patient {
        report.check(check, slow(lane).await);
    } else {
        report.skip(check, "needs 6 s");
    }
    report
}

/// So many callers at once: how many sockets were open together, and the longest wait for an answer.
async fn crowd(lane: &Lane) -> Result<(usize, Duration), String> {
    let theatre = theatre("");
    let mut config = stt::deepgram::Config::new(ApiKey::new("right"), "nova-3");
    config.base_url = theatre.base_url();
    let hired = lane.sockets(stt::deepgram::DeepgramListen::new(config), CALLERS);
    let job = || Transcribe { language: "en-US".into(), rate_hz: sound::RATE_HZ };
    let mut courses = Vec::new();
    for _ in 0..CALLERS {
        let mut course = Course::begin(lane, &hired, job())?;
        for piece in tone::sine(300.0, 600, sound::RATE_HZ, -12.0).chunks(320) {
            course.feed(Hearing::Samples(piece.to_vec())).await?;
        }
        course.feed(Hearing::Flush(1)).await?;
        courses.push(course);
    }
    let answered = try_join_all(courses.iter_mut().map(answer)).await?;
    let is_open = |note: &operetta_sim::theatre::RequestNote| {
        note.socket.as_ref().is_some_and(|socket| socket.facts().end.is_none())
    };
    let open = theatre.ledger().requests_to(Api::DeepgramListen).iter().filter(|note| is_open(note)).count();
    Ok((open, answered.into_iter().max().unwrap_or_default()))
}

async fn answer(course: &mut Course<Transcribe>) -> Result<Duration, String> {
    loop {
        match course.next().await? {
            (at, Transcript::Final { flush: Some(1), .. }) => return Ok(at),
            (_, Transcript::Failed(error)) => return Err(told(&error)),
            (_, Transcript::Lost) => return Err("the worker died".to_owned()),
            _ => {}
        }
    }
}

async fn large(lane: &Lane) -> Result<(), String> {
    let theatre = theatre("deepgram_speak_socket:W13:15m");
    let mut config = tts::deepgram_socket::Config::new(ApiKey::new("right"), "aura-2-thalia-en");
    config.base_url = theatre.base_url();
    let hired = lane.sockets(tts::deepgram_socket::DeepgramSpeechSocket::new(config), SEATS);
    spoken(lane, &hired).await
}

async fn slow(lane: &Lane) -> Result<(), String> {
    let theatre = theatre("deepgram_speak:H01:6");
    let mut config = tts::deepgram::Config::new(ApiKey::new("right"), "aura-2-thalia-en");
    config.base_url = theatre.base_url();
    spoken(lane, &lane.http(tts::deepgram::DeepgramSpeech::new(config))).await
}

async fn spoken(lane: &Lane, hired: &Hired<Synthesize>) -> Result<(), String> {
    let mut course = Course::begin(lane, hired, voice::job(voice::SENTENCE, Format::MULAW_8K))?;
    loop {
        match course.next().await?.1 {
            Speech::Done => return Ok(()),
            Speech::Failed(error) => return Err(told(&error)),
            Speech::Lost => return Err("the worker died".to_owned()),
            Speech::Audio(_) | Speech::Words(_) | Speech::Switched(_) => {}
        }
    }
}

fn theatre(rules: &str) -> Theatre {
    let script = Script::default().with_rules(Rule::list(rules).expect("rules of this file"));
    Theatre::on_a_thread(script).expect("a free port")
}

/// More than the client library allows unless it is told otherwise, 100 to all hosts together.
const CALLERS: usize = 130;
