//! Ears: every flush is answered exactly once, with what was said before it, however long nobody speaks.

use std::time::Duration;

use operetta_contract::{ErrorClass, Hearing, Transcribe, Transcript};
use operetta_sim::theatre::{Theatre, ws::Ender};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Hall, Report,
    cast::Terms,
    lane::{Course, Hired, told},
    sound,
    voice::{MISSING, is_class},
};

pub(super) async fn examine(hall: &Hall, hire: fn(&Terms) -> Hired<Transcribe>, report: &mut Report) {
    let hired = hire(&hall.terms);
    if let Some(theatre) = &hall.theatre {
        for line in LINES {
            theatre.hear(line);
        }
    }
    match listen(hall, &hired).await {
        Err(why) => report.check("a caller is understood for the length of a call", Err(why)),
        Ok(heard) => tell(hall, &heard, report),
    }
    if let Some(theatre) = &hall.theatre
        && hall.api.is_socket()
    {
        socket(hall, theatre, report).await;
    }
    let refused = failure(hall, &hire(&hall.with_wrong_key())).await;
    report.check("a wrong key is a matter of the key", is_class(refused, ErrorClass::Auth));
    let refused = failure(hall, &hire(&hall.with_missing_model())).await;
    hall.behave();
    report.check(MISSING, hall.is_missing(refused));
}

/// What came of a call.
#[derive(Default)]
struct Heard {
    events: Vec<Transcript>,
    /// How many of them had come when a flush was fed.
    before: Vec<usize>,
    /// How long after a flush its answer came.
    delays: Vec<Duration>,
}

/// Two turns and a flush without one: the first flush comes with the last sample, the second when the caller has been silent
/// for a while, as voice detection does it.
async fn listen(hall: &Hall, hired: &Hired<Transcribe>) -> Result<Heard, String> {
    let job = Transcribe { language: "en-US".into(), rate_hz: sound::RATE_HZ };
    let mut course = Course::begin(&hall.terms.lane, hired, job)?;
    let mut heard = Heard::default();
    let is_tone = hall.theatre.is_some();
    let silence = if hall.patient { Duration::from_secs(12) } else { Duration::from_millis(1_500) };
    turn(&mut course, &mut heard, sound::caller(LINES[0], is_tone), Duration::ZERO, 1).await?;
    // Nothing is fed while nobody speaks.
    sleep_until(Instant::now() + silence).await;
    turn(&mut course, &mut heard, sound::caller(LINES[1], is_tone), Duration::from_millis(700), 2).await?;
    turn(&mut course, &mut heard, Vec::new(), Duration::from_millis(300), 3).await?;
    heard.events.extend(course.so_far());
    Ok(heard)
}

async fn turn(
    course: &mut Course<Transcribe>,
    heard: &mut Heard,
    pieces: Vec<Vec<i16>>,
    pause: Duration,
    flush: u32,
) -> Result<(), String> {
    let mut due = Instant::now();
    for piece in pieces {
        due += Duration::from_millis(40);
        sleep_until(due).await;
        course.feed(Hearing::Samples(piece)).await?;
    }
    sleep_until(due + pause).await;
    heard.events.extend(course.so_far());
    heard.before.push(heard.events.len());
    let fed_at = course.elapsed();
    course.feed(Hearing::Flush(flush)).await?;
    loop {
        let (at, event) = course.next().await.map_err(|why| format!("flush {flush}: {why}"))?;
        if let Transcript::Failed(error) = &event {
            return Err(format!("turn {flush}: {}", told(error)));
        }
        let is_answer = matches!(&event, Transcript::Final { flush: Some(number), .. } if *number == flush);
        heard.events.push(event);
        if is_answer {
            heard.delays.push(at.saturating_sub(fed_at));
            return Ok(());
        }
    }
}

fn tell(hall: &Hall, heard: &Heard, report: &mut Report) {
    let answers = |number: u32| {
        let is_it =
            |event: &&Transcript| matches!(event, Transcript::Final { flush: Some(flush), .. } if *flush == number);
        heard.events.iter().filter(is_it).count()
    };
    let counts: Vec<usize> = [1, 2, 3].into_iter().map(answers).collect();
    let once = counts == [1, 1, 1];
    report.check("a flush is answered exactly once", once.then_some(()).ok_or(format!("{counts:?} times")));
    let texts = texts(&heard.events);
    let is_exact = hall.theatre.is_some();
    let text = |turn: usize| texts.get(turn).map_or("", String::as_str);
    report.check("what was said up to a flush is understood", sound::same_words(text(0), LINES[0], is_exact));
    let check = "12 s without a word do not end the session, and the next turn is understood";
    let short = "a short silence does not end the session, and the next turn is understood";
    let check = if hall.patient { check } else { short };
    report.check(check, sound::same_words(text(1), LINES[1], is_exact));
    let is_empty = text(2).trim().is_empty();
    let unasked = || format!("expected no words, got {:?}", text(2));
    report.check("a flush without speech is answered by nothing said", is_empty.then_some(()).ok_or_else(unasked));
    let first = heard.before.first().copied().unwrap_or(0);
    let is_early = |event: &Transcript| matches!(event, Transcript::Partial(text) if !text.trim().is_empty());
    let check = "words come while the caller still speaks";
    if hall.api.is_socket() {
        let early = heard.events.iter().take(first).any(is_early);
        report.check(check, early.then_some(()).ok_or(format!("{first} events, none with words")));
    } else {
        report.skip(check, "the API takes whole recordings");
    }
    let delays: Vec<String> = heard.delays.iter().map(|delay| delay.as_millis().to_string()).collect();
    report.figure("from the flush to its answer, ms: at once, after a pause, without speech", delays.join(", "));
}

/// What was understood up to each answer.
fn texts(events: &[Transcript]) -> Vec<String> {
    let mut texts = vec![String::new()];
    for event in events {
        let Transcript::Final { text, flush } = event else { continue };
        let last = texts.len() - 1;
        texts[last].extend([text, " "]);
        if flush.is_some() {
            texts.push(String::new());
        }
    }
    texts
}

/// What the fake saw of its client.
async fn socket(hall: &Hall, theatre: &Theatre, report: &mut Report) {
    let socket = theatre.ledger().requests_to(hall.api).into_iter().find_map(|note| Some((note.id, note.socket?)));
    let Some((id, socket)) = socket else {
        return report.check("a socket is opened", Err("none was".to_owned()));
    };
    let ended = timeout(Duration::from_secs(5), socket.until(|facts| facts.end.is_some())).await;
    let facts = socket.facts();
    let messages = theatre.ledger().requests().into_iter().find(|note| note.id == id).map(|note| note.messages);
    let rules: Vec<&str> = facts.faults.iter().map(|fault| fault.rule).collect();
    report.check("the client keeps the vendor's rules", rules.is_empty().then_some(()).ok_or(format!("{rules:?}")));
    let empties = facts.empty_binaries;
    report.check("no empty binary message is sent", (empties == 0).then_some(()).ok_or(format!("{empties} were")));
    let check = "a call that ends says goodbye, and its socket is closed properly";
    let goodbye = match &facts.end {
        Some(end) if end.code == Some(1000) && matches!(end.by, Ender::Client | Ender::Vendor) => Ok(()),
        end => Err(format!("within 5 s: {}, {end:?}", ended.is_ok())),
    };
    report.check(check, goodbye);
    // Pings keep a connection, and no vendor's session.
    let messages: Vec<_> = messages.unwrap_or_default().into_iter().filter(|one| one.kind != "ping").collect();
    let pauses = messages.windows(2).map(|two| two[1].at.saturating_sub(two[0].at));
    let longest = pauses.max().unwrap_or_default();
    let check = "keep-alives or silence are sent at least every 11 s";
    if hall.patient {
        let often = longest < Duration::from_secs(11);
        report.check(check, often.then_some(()).ok_or(format!("nothing was sent for {} ms", longest.as_millis())));
    } else {
        report.skip(check, "needs 12 s");
    }
    report.figure("keep-alives", facts.keep_alives.len().to_string());
    report.figure("audio sent for 2400 ms of speech, ms", facts.audio.ms.to_string());
    report.figure("longest time between two messages but pings, ms", longest.as_millis().to_string());
}

/// How a job ends that should fail.
async fn failure(hall: &Hall, hired: &Hired<Transcribe>) -> Result<ErrorClass, String> {
    let job = Transcribe { language: "en-US".into(), rate_hz: sound::RATE_HZ };
    let mut course = Course::begin(&hall.terms.lane, hired, job)?;
    // One that takes whole recordings is not asked before there is one.
    for piece in sound::caller(LINES[0], hall.theatre.is_some()) {
        course.offer(Hearing::Samples(piece));
    }
    course.offer(Hearing::Flush(1));
    loop {
        match course.next().await?.1 {
            Transcript::Failed(error) => return Ok(error.class),
            Transcript::Lost => return Err("the worker died".to_owned()),
            Transcript::Final { flush: Some(_), .. } => return Err("it did not fail".to_owned()),
            Transcript::Partial(_) | Transcript::Final { .. } | Transcript::Switched(_) => {}
        }
    }
}

const LINES: [&str; 2] = ["I would like to move my visit", "On Friday in the morning please"];
