//! How each kind of provider plays its part.

use std::{pin::Pin, time::Duration};

use operetta_contract::{
    Complete, Completion, ErrorClass, Hearing, Next, Outcome, ProviderError, Speech, Synthesize, Transcribe, Transcript,
};
use operetta_stage::{Answer, Ask};

use super::{OUTPUTS, PACE, Part, Play, complete, synthesize, transcribe};

impl Play for Synthesize {
    fn example() -> Self {
        synthesize()
    }

    /// Audio is the speaker's name and the number of the piece.
    fn play(part: Part, name: char, ask: Ask<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        let format = ask.job.format;
        let piece = move |n: u32| {
            // As long as it takes.
            let ms = match part {
                Part::Slow => 100,
                Part::Drips => 0,
                _ => 50,
            };
            let mut audio = vec![format.silence_byte(); format.bytes_of_ms(2 * 50)];
            if part != Part::Fades || n == 0 {
                audio = vec![0x20; format.bytes_of_ms(ms).max(2)];
            }
            audio[..2].copy_from_slice(&[name as u8, n as u8]);
            if part == Part::Fades && n > 0 {
                audio[..2].copy_from_slice(&[format.silence_byte(); 2]);
            }
            Speech::Audio(audio.into())
        };
        let last = if matches!(part, Part::Slow | Part::Drips | Part::Fades) { 1_000 } else { OUTPUTS };
        // Minutes of silence are a sign of life at best.
        let sign = if part == Part::Signs {
            Speech::Audio([ask.job.format.silence_byte(); 320].into())
        } else {
            Speech::Words([].into())
        };
        Box::pin(recite(part, ask.answer, 0..last, piece, sign, Speech::Done))
    }
}

impl Play for Complete {
    fn example() -> Self {
        complete()
    }

    /// A reply is `0 1 2 3 `, continued behind what was said.
    fn play(part: Part, _: char, ask: Ask<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        // Nothing to add to what was said is no empty success, so nobody plays that here.
        let part = if part == Part::Empty && !ask.job.said.trim().is_empty() { Part::Good } else { part };
        let begin = ask.job.said.split_whitespace().count() as u32;
        let word = |n: u32| Completion::Text(format!("{n} ").into());
        let sign = Completion::Text(" ".into());
        Box::pin(recite(part, ask.answer, begin..OUTPUTS, word, sign, Completion::Done(Next::Listen)))
    }
}

async fn recite<J: Outcome>(
    part: Part,
    answer: Answer<J>,
    numbers: std::ops::Range<u32>,
    output: impl Fn(u32) -> J::Event,
    sign: J::Event,
    done: J::Event,
) where
    J::Event: Clone,
{
    if let Part::Late(late) = part
        && is_cancelled_within(&answer, Duration::from_millis(late)).await
    {
        return;
    }
    // A sign of life first, as providers send it: a timing, a space. Nobody may hear it from one that fails then.
    if answer.tell(sign.clone()).await.is_err() {
        return;
    }
    match part {
        Part::Empty => return answer.finish(done),
        Part::Signs => {
            while answer.tell(sign.clone()).await.is_ok() && !is_cancelled_within(&answer, PACE).await {}
            return;
        }
        _ => {}
    }
    for (told, number) in (0..).zip(numbers) {
        if ends_after(part) == Some(told) {
            return end(part, answer).await;
        }
        let pace = if part == Part::Slow { PACE * SLOWER } else { PACE };
        if is_cancelled_within(&answer, pace).await || answer.tell(output(number)).await.is_err() {
            return;
        }
    }
    match part {
        Part::Fail(..) | Part::Stall(_) | Part::Panic(_) | Part::Drop(_) => end(part, answer).await,
        _ => answer.finish(done),
    }
}

/// How much slower than others the slow ones are.
const SLOWER: u32 = 10;

async fn is_cancelled_within<J: Outcome>(answer: &Answer<J>, wait: Duration) -> bool {
    tokio::time::timeout(wait, answer.cancelled()).await.is_ok()
}

fn ends_after(part: Part) -> Option<u32> {
    match part {
        Part::Fail(after, _) | Part::Stall(after) | Part::Panic(after) | Part::Drop(after) => Some(after),
        _ => None,
    }
}

async fn end<J: Outcome>(part: Part, answer: Answer<J>) {
    match part {
        Part::Fail(_, class) => answer.fail(J::failed(ProviderError::new(class, "on command"))),
        // Without a sound: the hook would print ten thousand of them.
        Part::Panic(_) => std::panic::resume_unwind(Box::new("on command")),
        Part::Drop(_) => drop(answer),
        _ => answer.cancelled().await,
    }
}

impl Play for Transcribe {
    fn example() -> Self {
        transcribe()
    }

    /// Each fed piece is a number, over and over; a final names the numbers heard since the last one, in order.
    fn play(part: Part, _: char, ask: Ask<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(listen(part, ask))
    }
}

async fn listen(part: Part, ask: Ask<Transcribe>) {
    let Ask { answer, mut feed, .. } = ask;
    let mut heard: Vec<i16> = Vec::new();
    let mut answered = 0;
    if let Part::Fail(0, _) | Part::Panic(0) | Part::Drop(0) = part {
        return end(part, answer).await;
    }
    if let Part::Deaf(deaf) = part
        && is_cancelled_within(&answer, Duration::from_millis(deaf)).await
    {
        return;
    }
    while let Some(piece) = feed.recv().await {
        let number = match piece {
            Hearing::Samples(samples) => {
                for sample in samples {
                    if heard.last() != Some(&sample) {
                        heard.push(sample);
                    }
                }
                if answer.tell(Transcript::Partial(words(&heard).into())).await.is_err() {
                    return;
                }
                continue;
            }
            Hearing::Flush(number) => number,
        };
        match part {
            Part::Late(late) if is_cancelled_within(&answer, Duration::from_millis(late)).await => return,
            Part::Signs => {
                let sign = || Transcript::Partial("".into());
                while answer.tell(sign()).await.is_ok() && !is_cancelled_within(&answer, PACE).await {}
                return;
            }
            part if ends_after(part) == Some(answered) => return end(part, answer).await,
            _ if is_cancelled_within(&answer, PACE).await => return,
            _ => {}
        }
        let text = if part == Part::Empty { String::new() } else { words(&std::mem::take(&mut heard)) };
        let last = Transcript::Final { text: text.into(), flush: Some(number) };
        if answer.tell(last.clone()).await.is_err() {
            return;
        }
        let again = Transcript::Final { text: "".into(), flush: Some(number) };
        if part == Part::Twice && answer.tell(again).await.is_err() {
            return;
        }
        answered += 1;
    }
}

fn words(heard: &[i16]) -> String {
    heard.iter().flat_map(|number| [number.to_string(), " ".into()]).collect()
}

/// The classes that a provider may fail with and that another provider may do better with.
pub(crate) const CLASSES: [ErrorClass; 11] = [
    ErrorClass::Timeout,
    ErrorClass::Closed,
    ErrorClass::Unavailable,
    ErrorClass::Busy,
    ErrorClass::RateLimited,
    ErrorClass::Protocol,
    ErrorClass::Empty,
    ErrorClass::BadRequest,
    ErrorClass::TooLong,
    ErrorClass::SessionExpired,
    ErrorClass::Internal,
];
