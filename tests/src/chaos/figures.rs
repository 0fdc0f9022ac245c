//! What the engine adds to its providers' own time, what it asks them for, and what it lets them send in vain.

use std::{collections::BTreeMap, time::Duration};

use operetta_caller::{Cue, Ending, Line, Script};
use operetta_sim::theatre::{Api, Billed, Pace, Reply, RequestNote};
use serde::Serialize;

use super::{
    cast::{AGENTS, Agent, GREETING},
    round::{Done, Quantiles, Size, asks, place, place_with},
    stage::{Breakers, Stage},
};

/// The agent all of whose providers are asked over HTTP: each of their requests has times of its own in the ledger.
const BY_REQUESTS: Agent = AGENTS[4];

/// From the end of a caller's words to the first sound of the answer, without what others take.
///
/// The whole is measured at the carrier: from the caller's last voiced frame to the first audible audio. Taken off are the
/// wait for the end of the turn, which is configured (`timing.endpoint_ms`; the recogniser answers within it), and each fake's
/// own time by its ledger, from the whole request to its first output. What is left is the engine, both sockets to the fakes,
/// and the carrier's double, in three parts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Delay {
    /// Turns measured.
    pub turns: usize,
    /// The whole, in µs.
    pub whole_us: Quantiles,
    /// All that the engine added, in µs.
    pub added_us: Quantiles,
    /// To the model's request, beyond the wait for the end of the turn. Nearly all of it is the detector's view of where speech
    /// ends: to the double it ends with the last frame above -36 dB, to the detector, which looks at pieces of 40 ms, when the
    /// sound of the last word has gone. In µs.
    pub detect_us: Quantiles,
    /// What the engine added besides finding the end: `voice_us` and `carry_us` together, in µs.
    pub passed_us: Quantiles,
    /// From the model's first words to the voice's request, in µs.
    pub voice_us: Quantiles,
    /// From the voice's first audio to the carrier, in µs.
    pub carry_us: Quantiles,
}

/// The wait for the end of a turn in the default configuration.
const ENDPOINT: Duration = Duration::from_millis(700);
/// By how much the engine may find the end of speech before the double does, and by how much turns are apart at least: calls
/// begin a third of a second after each other, and the detector takes the end of a word for speech for up to a fifth longer.
const SLACK: Duration = Duration::from_millis(60);

/// Measures `calls` calls, three beginning in a second, with fakes that take 100 ms each.
///
/// # Panics
/// A turn and its requests cannot be told from others.
pub fn delay(calls: usize) -> Delay {
    let pace = Pace { first: Duration::from_millis(100), ..Pace::AT_ONCE };
    let stage = Stage::open_cold(calls, "error", pace, false);
    stage.engine.until_warm();
    stage.play(&[], Breakers::Free, calls);
    let from = stage.first.now();
    let size = Size { calls, per_second: 3.0, turns: 1 };
    let done = place(&stage, &[BY_REQUESTS], size, Ending::HangUp);
    let requests = |api| -> Vec<RequestNote> {
        stage.first.ledger().requests_to(api).into_iter().filter(|note| note.head_at >= from).collect()
    };
    let (thoughts, voices) = (requests(Api::OpenAiChat), requests(Api::ElevenLabsStream));
    let mut parts: [Vec<u32>; 6] = Default::default();
    for (ended, answered) in turns(&done) {
        let thought = first_after(&thoughts, (ended + ENDPOINT).saturating_sub(SLACK));
        let (asked, said) = span(thought);
        let (voice_asked, sounded) = span(first_after(&voices, said));
        let whole = answered.saturating_sub(ended);
        let detect = asked.saturating_sub(ended + ENDPOINT);
        let (voice, carry) = (voice_asked.saturating_sub(said), answered.saturating_sub(sounded));
        let added = detect + voice + carry;
        for (values, value) in parts.iter_mut().zip([whole, added, detect, voice + carry, voice, carry]) {
            values.push(value.as_micros() as u32);
        }
    }
    let turns = parts[0].len();
    let [whole_us, added_us, detect_us, passed_us, voice_us, carry_us] = parts.map(Quantiles::of);
    Delay { turns, whole_us, added_us, detect_us, passed_us, voice_us, carry_us }
}

/// When each turn of a caller ended, and when its answer was first heard, by the theatre's clock.
fn turns(done: &[Done]) -> Vec<(Duration, Duration)> {
    let mut turns = Vec::new();
    for call in done {
        for line in &call.report.lines {
            let (Some(ended), Some(answer)) = (line.ended_at_ms, line.answer_ms) else { continue };
            let at = |ms: f64| call.placed_at + Duration::from_secs_f64(ms / 1000.0);
            turns.push((at(ended), at(ended + answer)));
        }
    }
    turns.sort();
    turns
}

/// The first request that came after `at`. Turns follow each other so closely as calls begin, and a turn takes no longer
/// than that to find its request.
fn first_after(notes: &[RequestNote], at: Duration) -> &RequestNote {
    let next = notes.iter().filter(|note| note.head_at >= at).min_by_key(|note| note.head_at);
    next.unwrap_or_else(|| panic!("no request after {at:?}"))
}

fn span(note: &RequestNote) -> (Duration, Duration) {
    note.received_at.zip(note.first_output_at).unwrap_or_else(|| panic!("a request without an answer: {note:?}"))
}

/// How often a greeting was rendered that many callers wanted at once, before anybody had it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rendered {
    /// Calls, half of them over each carrier.
    pub calls: usize,
    /// Those that heard it.
    pub greeted: usize,
    /// Requests for it: one for each carrier's format.
    pub requests: usize,
}

/// Lets `calls` calls of one agent begin at once on a cold cache: nobody could be asked when the engine started.
pub fn cold_cache(calls: usize) -> Rendered {
    let pace = Pace { first: Duration::from_millis(400), ..Pace::default() };
    let stage = Stage::open_cold(calls, "error", pace, true);
    let first = stage.first.ledger().requests_to(Api::ElevenLabsStream);
    assert!(first.is_empty(), "the doors were shut: {first:?}");
    stage.first.open_door();
    stage.second.open_door();
    stage.steer(Breakers::Free);
    let size = Size { calls, per_second: 500.0, turns: 0 };
    let done = place(&stage, &[BY_REQUESTS], size, Ending::HangUp);
    let notes = stage.first.ledger().requests_to(Api::ElevenLabsStream);
    // The ledger knows no texts; among what this agent says by itself the greeting has a length of its own.
    let characters = GREETING.chars().count() as u64;
    Rendered {
        calls,
        greeted: done.iter().filter(|call| call.report.greeting.is_some()).count(),
        requests: notes.iter().filter(|note| note.billed.characters == characters).count(),
    }
}

/// What one API was still doing for calls whose callers had cut in.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Vain {
    /// Requests, or sockets.
    pub requests: usize,
    /// Those over a connection that had been used before.
    pub reused: usize,
    /// Those that were cancelled before their end.
    pub cancelled: usize,
    /// Bytes that were sent after that.
    pub bytes_after: u64,
    /// Characters billed after that.
    pub characters_after: u64,
    /// Tokens written, and billed, after that.
    pub tokens_after: u64,
}

/// Places calls whose callers cut in while model and voice stream, and adds up what was sent and billed after that.
pub fn cut_in(calls: usize) -> BTreeMap<&'static str, Vain> {
    // Words come as they are spoken, and audio as it is heard, so both stream when the caller cuts in.
    let slow = Duration::from_millis(150);
    let pace = Pace { head: slow / 3, first: slow, speed: 1.2, token: slow };
    let stage = Stage::open_cold(calls, "error", pace, false);
    for _ in 0..calls * 4 {
        stage.first.say(Reply::text(LONG));
    }
    let from = stage.first.now();
    let cuts_in = Line::speak("cuts in", asks()).at(Cue::AgentSpeaking(Duration::from_millis(1500))).unanswered();
    let script = Script::new().line(Line::speak("asks", asks())).line(cuts_in);
    let script = script.ending(Ending::HangUpAt(Duration::from_secs(14)));
    place_with(&stage, &AGENTS, Size { calls, per_second: 10.0, turns: 2 }, &script);
    let mut vain: BTreeMap<&'static str, Vain> = BTreeMap::new();
    for note in stage.first.ledger().requests().iter().filter(|note| note.head_at >= from) {
        let Some(api) = note.api else { continue };
        let Billed { characters, tokens_out, .. } = note.billed_after_cancel;
        let sum = vain.entry(api.name()).or_default();
        sum.requests += 1;
        sum.reused += usize::from(note.reused);
        sum.cancelled += usize::from(note.cancelled_at.is_some());
        sum.bytes_after += note.bytes_after_cancel;
        sum.characters_after += characters;
        sum.tokens_after += tokens_out;
    }
    vain
}

const LONG: &str = "There is a lot to be said about this and I will say all of it now. First of all it takes a while. \
    Then there are the details, and they are many. After that comes the summary. And in the end we will see.";
