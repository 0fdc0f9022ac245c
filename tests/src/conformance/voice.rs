//! Voices: what they say comes whole, in the format that was asked for, and stops when nobody wants it any more.

use std::time::Duration;

use operetta_audio::Format;
use operetta_contract::{ErrorClass, Speech, SpokenWord, Synthesize, Timing};
use operetta_sim::theatre::{Api, CHARACTER_MS, RequestNote, Theatre, ws::Context};
use tokio::time::timeout;

use super::{
    Hall, Report,
    cast::Terms,
    lane::{Course, Hired, told},
    sound,
};

pub(super) async fn examine(hall: &Hall, hire: fn(&Terms) -> Hired<Synthesize>, report: &mut Report) {
    let hired = hire(&hall.terms);
    let is_tone = hall.theatre.is_some();
    let mut timed = None;
    for (check, format) in FORMATS {
        let said = say(hall, &hired, SENTENCE, format).await;
        report.check(check, said.as_ref().map_err(Clone::clone).and_then(|said| said.is_whole(format, is_tone)));
        if let Ok(said) = said {
            report.check("its audio begins with sound", sound::begins_with_sound(format, &said.audio, is_tone));
            timed.get_or_insert((format, said));
        }
    }
    if let Some((format, said)) = &timed {
        report.figure("first audio after, ms", said.first.as_millis().to_string());
        let check = "words have their times, in order and within the audio";
        if hired.capabilities.timing == Timing::Words {
            report.check(check, said.words_are_in_order(*format));
        } else {
            report.skip(check, "the API has no times of words");
        }
    }
    let spent = hired.usage.borrow().last().map_or(0, |usage| usage.characters) as usize;
    let enough = spent >= SENTENCE.chars().count();
    report
        .check("the characters that were spoken are reported", enough.then_some(()).ok_or(format!("{spent} of them")));
    let left = cancel(hall, &hired, report).await;
    report.check("a job that is cancelled in the middle leaves the next one whole", left);
    let refused = failure(hall, &hire(&hall.with_wrong_key())).await;
    report.check("a wrong key is a matter of the key", is_class(refused, ErrorClass::Auth));
    let refused = failure(hall, &hire(&hall.with_missing_model())).await;
    hall.behave();
    report.check(MISSING, hall.is_missing(refused));
}

/// What was said.
struct Said {
    characters: usize,
    audio: Vec<u8>,
    words: Vec<SpokenWord>,
    /// When the first audio came.
    first: Duration,
    longest_piece_ms: u32,
    has_split_samples: bool,
}

async fn say(hall: &Hall, hired: &Hired<Synthesize>, text: &str, format: Format) -> Result<Said, String> {
    let mut course = Course::begin(&hall.terms.lane, hired, job(text, format))?;
    let mut said = Said {
        characters: text.chars().count(),
        audio: Vec::new(),
        words: Vec::new(),
        first: Duration::ZERO,
        longest_piece_ms: 0,
        has_split_samples: false,
    };
    loop {
        match course.next().await? {
            (at, Speech::Audio(audio)) => {
                if said.audio.is_empty() {
                    said.first = at;
                }
                said.longest_piece_ms = said.longest_piece_ms.max(format.ms_of_bytes(audio.len()));
                said.has_split_samples |= !audio.len().is_multiple_of(format.sample_bytes());
                said.audio.extend_from_slice(&audio);
            }
            (_, Speech::Words(words)) => said.words.extend(words.iter().cloned()),
            (_, Speech::Done) => return Ok(said),
            (_, Speech::Failed(error)) => return Err(told(&error)),
            (_, Speech::Lost) => return Err("the worker died".to_owned()),
            (_, Speech::Switched(_)) => {}
        }
    }
}

impl Said {
    fn is_whole(&self, format: Format, is_tone: bool) -> Result<(), String> {
        let ms = format.ms_of_bytes(self.audio.len()) as usize;
        let (least, most) = if is_tone {
            let exact = self.characters * CHARACTER_MS as usize;
            (exact * 95 / 100, exact * 105 / 100)
        } else {
            (self.characters * 30, self.characters * 150)
        };
        if !(least..=most).contains(&ms) {
            return Err(format!("{format}: expected {least} to {most} ms of audio, {ms} came"));
        }
        if self.has_split_samples || self.longest_piece_ms > 1_000 {
            return Err(format!(
                "{format}: pieces of whole samples and 1 s at most, one had {} ms",
                self.longest_piece_ms
            ));
        }
        if is_tone { sound::is_the_tone(format, &self.audio) } else { Ok(()) }
    }

    fn words_are_in_order(&self, format: Format) -> Result<(), String> {
        let wanted = SENTENCE.split(' ').count();
        if self.words.len() != wanted {
            return Err(format!("expected {wanted} words, {} came", self.words.len()));
        }
        let ends_ms = format.ms_of_bytes(self.audio.len()) + 100;
        let is_ordered = self.words.windows(2).all(|two| two[0].start_ms <= two[1].start_ms)
            && self.words.iter().all(|word| word.start_ms <= word.end_ms && word.end_ms <= ends_ms);
        if is_ordered { Ok(()) } else { Err(format!("not in order, or beyond {ends_ms} ms: {:?}", self.words)) }
    }
}

/// Begins a long text, leaves it in the middle, and has a sentence said at once: barge-in, and the next answer.
async fn cancel(hall: &Hall, hired: &Hired<Synthesize>, report: &mut Report) -> Result<(), String> {
    let format = Format::PCM16_8K;
    let text = [LONG; 8].join(" ");
    let before = hall.theatre.as_ref().map_or(0, |theatre| theatre.ledger().count(hall.api));
    let mut course = Course::begin(&hall.terms.lane, hired, job(&text, format))?;
    let mut bytes = 0;
    // An answer in one piece is over when its first audio has come: it can only be left before.
    if hall.api != Api::GoogleSynthesize {
        while format.ms_of_bytes(bytes) < 400 {
            match course.next().await?.1 {
                Speech::Audio(audio) => bytes += audio.len(),
                Speech::Failed(error) => return Err(told(&error)),
                Speech::Done | Speech::Lost => return Err("it ended before it could be left".to_owned()),
                Speech::Words(_) | Speech::Switched(_) => {}
            }
        }
    } else if let Some(theatre) = &hall.theatre {
        let came =
            theatre.ledger().until(|book| book.requests().filter(|note| note.api == Some(hall.api)).count() > before);
        timeout(SOON, came).await.map_err(|_| "the request did not come".to_owned())?;
    }
    drop(course);
    let said = say(hall, hired, SENTENCE, format).await?;
    report.figure("first audio of a job right after a cancelled one, ms", said.first.as_millis().to_string());
    said.is_whole(format, hall.theatre.is_some())?;
    if let Some(theatre) = &hall.theatre {
        let heard_ms = u64::from(format.ms_of_bytes(bytes));
        let left =
            left(theatre, hall.api, heard_ms, text.chars().count() as u64 * u64::from(CHARACTER_MS), report).await;
        let check = "a vendor is told when nobody wants the rest";
        match hall.api {
            Api::ElevenLabsSocket => {
                report.skip(check, "its contexts are closed when they begin, so nothing is left to say");
            }
            _ => report.check(check, left),
        }
        let before = theatre.ledger().count(hall.api);
        say(hall, hired, SENTENCE, format).await?;
        if hall.api.is_socket() {
            let is_kept = theatre.ledger().count(hall.api) == before;
            report.figure("the job after that has a kept socket", if is_kept { "yes" } else { "no" });
        }
    }
    Ok(())
}

/// What the fake saw of a job that was left when `heard_ms` of it had come. The job after it is done.
async fn left(theatre: &Theatre, api: Api, heard_ms: u64, whole_ms: u64, report: &mut Report) -> Result<(), String> {
    let what = "audio of the cancelled job that was made and not heard, ms";
    let notes = theatre.ledger().requests_to(api);
    for facts in notes.iter().filter_map(|note| Some(note.socket.as_ref()?.facts())) {
        let is_long = |one: &&Context| one.characters * u64::from(CHARACTER_MS) > whole_ms / 2;
        let Some(long) = facts.contexts.iter().find(is_long) else { continue };
        let (unheard, whole) = (long.audio_ms.saturating_sub(heard_ms), whole_ms - heard_ms);
        report.figure(what, format!("{unheard} of {whole}, until the next job was done"));
        if !facts.cancels.is_empty() {
            report.figure("pieces of 20 ms that came after the cancel", facts.audio_after_cancel.to_string());
        }
        let is_same = facts.contexts.iter().any(|one| one.opened > long.opened);
        report.figure("the next job has the same socket", if is_same { "yes" } else { "no" });
        return (!facts.cancels.is_empty()).then_some(()).ok_or_else(|| "no cancel came over its socket".to_owned());
    }
    let is_left = |note: &RequestNote| note.api == Some(api) && note.cancelled_at.is_some();
    let noticed = timeout(SOON, theatre.ledger().until(|book| book.requests().any(is_left))).await;
    let notes = theatre.ledger().requests_to(api);
    let (Some(left), Some(after), Ok(())) = (notes.iter().find(|note| is_left(note)), notes.last(), noticed) else {
        return Err("its connection went on".to_owned());
    };
    let made_ms = left.billed.audio_out_ms;
    report.figure(what, format!("{} of {}", made_ms.saturating_sub(heard_ms), whole_ms - heard_ms));
    report.figure("the next job has a kept connection", if after.reused { "yes" } else { "no" });
    Ok(())
}

/// How a job ends that should fail.
async fn failure(hall: &Hall, hired: &Hired<Synthesize>) -> Result<ErrorClass, String> {
    let mut course = Course::begin(&hall.terms.lane, hired, job(SENTENCE, Format::PCM16_8K))?;
    loop {
        match course.next().await?.1 {
            Speech::Failed(error) => return Ok(error.class),
            Speech::Done | Speech::Lost => return Err("it did not fail".to_owned()),
            Speech::Audio(_) | Speech::Words(_) | Speech::Switched(_) => {}
        }
    }
}

/// What has to become of a model that nobody has.
pub(super) const MISSING: &str = "a model that is not there is refused for good";

pub(super) fn is_class(failed: Result<ErrorClass, String>, wanted: ErrorClass) -> Result<(), String> {
    match failed? {
        class if class == wanted => Ok(()),
        class => Err(format!("expected {}, got {}", wanted.code(), class.code())),
    }
}

pub(super) fn job(text: &str, format: Format) -> Synthesize {
    Synthesize { text: text.into(), voice: "default".into(), language: "en-US".into(), format, fixed: false }
}

const FORMATS: [(&str, Format); 4] = [
    ("audio comes as mu-law at 8 kHz when it is asked for so", Format::MULAW_8K),
    ("audio comes as PCM at 8 kHz when it is asked for so", Format::PCM16_8K),
    ("audio comes as PCM at 16 kHz when it is asked for so", Format { rate_hz: 16_000, ..Format::PCM16_8K }),
    ("audio comes as PCM at 24 kHz when it is asked for so", Format { rate_hz: 24_000, ..Format::PCM16_8K }),
];

pub(super) const SENTENCE: &str = "Your appointment is on Tuesday at ten.";

/// Half a minute of it is more than anybody wants to hear.
const LONG: &str = "Please bring your papers, and be there a little early, for there may be a queue at the door.";

/// Longer than a fake on this machine needs to notice anything.
const SOON: Duration = Duration::from_secs(5);
