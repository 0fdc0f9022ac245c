//! Conversations: a caller is heard and answered, and what they cut short the model forgets.

use std::time::Duration;

use operetta_audio::Format;
use operetta_contract::{Converse, ErrorClass, Exchange, Turnout};
use operetta_sim::theatre::{CHARACTER_MS, Reply, Theatre};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Hall, Report,
    cast::Terms,
    lane::{Course, Hired, told},
    sound,
    voice::{MISSING, is_class},
};

pub(super) async fn examine(hall: &Hall, hire: fn(&Terms) -> Hired<Converse>, report: &mut Report) {
    if let Some(theatre) = &hall.theatre {
        for line in [LINE, "Stop please", LINE] {
            theatre.hear(line);
        }
        for text in [SHORT, &LONG.repeat(4), SHORT] {
            theatre.say(Reply::text(text));
        }
    }
    converse(hall, &hire(&hall.terms), report).await;
    if let Some(theatre) = &hall.theatre {
        socket(hall, theatre, report).await;
    }
    let refused = failure(hall, &hire(&hall.with_wrong_key())).await;
    report.check("a wrong key is a matter of the key", is_class(refused, ErrorClass::Auth));
    let refused = failure(hall, &hire(&hall.with_missing_model())).await;
    hall.behave();
    report.check(MISSING, hall.is_missing(refused));
}

/// A turn; a second one whose answer is cut short by a third.
async fn converse(hall: &Hall, hired: &Hired<Converse>, report: &mut Report) {
    let mut course = match Course::begin(&hall.terms.lane, hired, job()) {
        Ok(course) => course,
        Err(why) => return report.check("a whole turn is heard, answered and ended", Err(why)),
    };
    let first = turn(hall, &mut course).await;
    if let Ok((_, first)) = &first {
        report.figure("from the last sample to the first audio, ms", first.as_millis().to_string());
    }
    let is_tone = hall.theatre.is_some();
    report.check("a whole turn is heard, answered and ended", first.and_then(|(reply, _)| reply.is_whole(is_tone)));
    report.check(
        "a reply that is cut short says nothing more, and the next turn is answered",
        cut(hall, &mut course).await,
    );
}

/// A reply as it came.
#[derive(Default)]
struct Spoken {
    audio: Vec<u8>,
    text: String,
    caller: String,
}

impl Spoken {
    fn is_whole(&self, is_tone: bool) -> Result<(), String> {
        if !is_tone {
            return sound::same_words(&self.caller, LINE, false);
        }
        let (ms, wanted) = (FORMAT.ms_of_bytes(self.audio.len()), SHORT.len() as u32 * CHARACTER_MS);
        if ms.abs_diff(wanted) > wanted / 20 || self.text.trim() != SHORT || self.caller != LINE {
            return Err(format!("{ms} of {wanted} ms, {:?} after {:?}", self.text, self.caller));
        }
        sound::is_the_tone(FORMAT, &self.audio)
    }
}

/// The caller says something and listens to the answer: it, and how long after the last sample its first audio came.
async fn turn(hall: &Hall, course: &mut Course<Converse>) -> Result<(Spoken, Duration), String> {
    let paused_at = speak(hall, course).await?;
    let mut spoken = Spoken::default();
    let mut first = None;
    loop {
        match course.next().await? {
            (at, Exchange::Audio { audio, .. }) => {
                first.get_or_insert(at.saturating_sub(paused_at));
                spoken.audio.extend_from_slice(&audio);
            }
            (_, Exchange::Said { text, .. }) => spoken.text.push_str(&text),
            (_, Exchange::CallerSaid(text)) => spoken.caller.push_str(&text),
            (_, Exchange::ReplyDone(_)) if !spoken.audio.is_empty() => return Ok((spoken, first.unwrap_or_default())),
            (_, Exchange::Failed(error)) => return Err(told(&error)),
            (_, Exchange::Lost) => return Err("the worker died".to_owned()),
            _ => {}
        }
    }
}

/// Feeds what the caller says, as fast as they say it: when the last sample was fed.
async fn speak(hall: &Hall, course: &mut Course<Converse>) -> Result<Duration, String> {
    let mut due = Instant::now();
    for piece in sound::caller(LINE, hall.theatre.is_some()) {
        due += Duration::from_millis(40);
        sleep_until(due).await;
        course.feed(Turnout::Samples(piece)).await?;
    }
    Ok(course.elapsed())
}

/// The second answer is spoken into: it is cut where the caller has heard it to.
async fn cut(hall: &Hall, course: &mut Course<Converse>) -> Result<(), String> {
    speak(hall, course).await?;
    let (mut bytes, mut cut) = (0, None);
    while cut.is_none() {
        match course.next().await?.1 {
            Exchange::Audio { reply, audio } => {
                bytes += audio.len();
                if FORMAT.ms_of_bytes(bytes) > CUT_MS * 2 {
                    cut = Some(reply);
                }
            }
            Exchange::Failed(error) => return Err(told(&error)),
            Exchange::ReplyDone(_) => return Err("the reply was over before it could be cut".to_owned()),
            _ => {}
        }
    }
    let cut = cut.unwrap_or_default();
    // The first sounds of the caller are what interrupts.
    let speech = sound::caller(LINE, hall.theatre.is_some());
    let mut due = Instant::now();
    let mut has_cut = false;
    let mut late = 0;
    for piece in speech {
        due += Duration::from_millis(40);
        sleep_until(due).await;
        course.feed(Turnout::Samples(piece)).await?;
        for event in course.so_far() {
            match event {
                Exchange::CallerSpoke if !has_cut => {
                    course.feed(Turnout::Cut { reply: cut, heard_ms: CUT_MS }).await?;
                    has_cut = true;
                }
                Exchange::Audio { reply, .. } if has_cut && reply == cut => late += 1,
                Exchange::Failed(error) => return Err(told(&error)),
                _ => {}
            }
        }
    }
    if !has_cut {
        return Err("nobody noticed that the caller spoke".to_owned());
    }
    let (mut text, mut audio) = (String::new(), Vec::new());
    loop {
        match course.next().await?.1 {
            Exchange::Audio { reply, .. } if reply == cut => late += 1,
            Exchange::Audio { audio: piece, .. } => audio.extend_from_slice(&piece),
            Exchange::Said { reply, text: piece } if reply != cut => text.push_str(&piece),
            Exchange::ReplyDone(reply) if reply != cut => break,
            Exchange::Failed(error) => return Err(told(&error)),
            Exchange::Lost => return Err("the worker died".to_owned()),
            _ => {}
        }
    }
    // One piece may be on its way to the asker when the order is given.
    if late > 1 {
        return Err(format!("{late} pieces of the reply came after it was cut"));
    }
    if hall.theatre.is_some() && text.trim() != SHORT {
        return Err(format!("expected {SHORT:?} next, got {text:?}"));
    }
    if audio.is_empty() { Err("the next answer has no audio".to_owned()) } else { Ok(()) }
}

/// What the fake saw of its client.
async fn socket(hall: &Hall, theatre: &Theatre, report: &mut Report) {
    let Some(socket) = theatre.ledger().requests_to(hall.api).into_iter().find_map(|note| note.socket) else {
        return report.check("a socket is opened", Err("none was".to_owned()));
    };
    let ended = timeout(Duration::from_secs(5), socket.until(|facts| facts.end.is_some())).await;
    let facts = socket.facts();
    let rules: Vec<&str> = facts.faults.iter().map(|fault| fault.rule).collect();
    report.check("the client keeps the vendor's rules", rules.is_empty().then_some(()).ok_or(format!("{rules:?}")));
    let is_cut = facts.truncated_ms == [u64::from(CUT_MS)];
    let where_else = format!("expected a truncation at {CUT_MS} ms, got {:?}", facts.truncated_ms);
    report.check("the vendor is told what the caller heard of it", is_cut.then_some(()).ok_or(where_else));
    let closed = ended.is_ok() && facts.end.as_ref().is_some_and(|end| end.code == Some(1000));
    let how = format!("{:?}", facts.end);
    report.check("a call that ends closes its socket properly", closed.then_some(()).ok_or(how));
    report.figure("pieces of audio that came after the cut", facts.audio_after_cancel.to_string());
    report.figure("audio sent to the vendor, ms", facts.audio.ms.to_string());
}

/// How a job ends that should fail.
async fn failure(hall: &Hall, hired: &Hired<Converse>) -> Result<ErrorClass, String> {
    let mut course = Course::begin(&hall.terms.lane, hired, job())?;
    loop {
        match course.next().await?.1 {
            Exchange::Failed(error) => return Ok(error.class),
            Exchange::ReplyDone(_) | Exchange::Lost => return Err("it did not fail".to_owned()),
            _ => {}
        }
    }
}

fn job() -> Converse {
    Converse {
        prompt: "You answer the telephone of a clinic. Always answer in English.".into(),
        language: "en-US".into(),
        voice: "default".into(),
        format: FORMAT,
        tools: [].into(),
        dialogue: Vec::new(),
    }
}

/// What telephones have.
const FORMAT: Format = Format::MULAW_8K;

/// How much of the second answer the caller has heard.
const CUT_MS: u32 = 400;

const LINE: &str = "Please tell me a long story about your doctors";

const SHORT: &str = "Of course, when would suit you?";

const LONG: &str = "Our doctors came from far away, and each of them has a story that takes a while. ";
