//! Minds: replies come word by word and end, tools are called properly, and nobody pays for what nobody wants to hear.

use std::{sync::Arc, time::Duration};

use operetta_contract::{Complete, Completion, Entry, ErrorClass, Speaker, Tool, ToolCall, ToolResult, Usage, Words};
use operetta_sim::theatre::{Reply, RequestNote};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Hall, Report,
    cast::Terms,
    lane::{Course, Hired, told},
    voice::{MISSING, is_class},
};

pub(super) async fn examine(hall: &Hall, hire: fn(&Terms) -> Hired<Complete>, report: &mut Report) {
    let hired = hire(&hall.terms);
    script(hall, Reply::text(REPLY));
    let thought = think(hall, &hired, job("Say in two short sentences what a clinic is.", false)).await;
    report.check(
        "a reply comes in pieces, in their order, and ends",
        thought.as_ref().map_err(Clone::clone).and_then(|thought| thought.is_streamed(hall.theatre.is_some())),
    );
    if let Ok(thought) = &thought {
        report.figure("first words after, ms", thought.first.as_millis().to_string());
    }
    let usage = hired.usage.borrow().last().cloned().unwrap_or_default();
    report.check("the tokens that were read and written are reported", is_reported(&usage));

    script(hall, Reply::call("find_slot", json!({ "day": "Tuesday" })));
    let asked = job("Use the tool: is there a time on Tuesday?", true);
    let called = think(hall, &hired, asked.clone()).await.and_then(Thought::call);
    report.check("a tool is called with whole arguments", called.as_ref().map(drop).map_err(Clone::clone));
    if let Ok(call) = called {
        script(hall, Reply::text(REPLY));
        let result = ToolResult {
            id: Arc::clone(&call.id),
            name: Arc::clone(&call.name),
            content: "10:00".into(),
            failed: false,
        };
        let mut asked = asked;
        asked.dialogue.extend([Entry::Called(call), Entry::Returned(result)]);
        let answered = think(hall, &hired, asked).await;
        report.check("a dialogue with what a tool returned is accepted", answered.map(drop));
    }
    script(hall, Reply::text(REPLY));
    let begun = Complete { said: "A clinic is".into(), ..job("Say in two short sentences what a clinic is.", false) };
    report.check("a reply that another model began is gone on with", think(hall, &hired, begun).await.map(drop));
    let left = cancel(hall, &hired, report).await;
    report.check("a reply that is cancelled stops, and the next one is whole", left);

    let refused = failure(hall, &hire(&hall.with_wrong_key())).await;
    report.check("a wrong key is a matter of the key", is_class(refused, ErrorClass::Auth));
    let refused = failure(hall, &hire(&hall.with_missing_model())).await;
    hall.behave();
    report.check(MISSING, hall.is_missing(refused));
}

/// What a model said.
#[derive(Default)]
struct Thought {
    pieces: Vec<Arc<str>>,
    calls: Vec<ToolCall>,
    /// When the first words came.
    first: Duration,
}

async fn think(hall: &Hall, hired: &Hired<Complete>, job: Complete) -> Result<Thought, String> {
    let mut course = Course::begin(&hall.terms.lane, hired, job)?;
    let mut thought = Thought::default();
    loop {
        match course.next().await? {
            (at, Completion::Text(text)) => {
                if thought.pieces.is_empty() {
                    thought.first = at;
                }
                thought.pieces.push(text);
            }
            (_, Completion::Call(call)) => thought.calls.push(call),
            (_, Completion::Done(_)) => return Ok(thought),
            (_, Completion::Failed(error)) => return Err(told(&error)),
            (_, Completion::Lost) => return Err("the worker died".to_owned()),
            (_, Completion::Switched(_)) => {}
        }
    }
}

impl Thought {
    fn is_streamed(&self, is_scripted: bool) -> Result<(), String> {
        let text = self.pieces.concat();
        if self.pieces.len() < 2 {
            return Err(format!("expected several pieces, got {}", self.pieces.len()));
        }
        if is_scripted && text != REPLY { Err(format!("expected {REPLY:?}, got {text:?}")) } else { Ok(()) }
    }

    fn call(mut self) -> Result<ToolCall, String> {
        if self.calls.len() != 1 {
            return Err(format!("expected one call, got {}", self.calls.len()));
        }
        let call = self.calls.remove(0);
        let arguments: Value = serde_json::from_str(&call.arguments).map_err(|error| format!("no JSON: {error}"))?;
        if &*call.name == "find_slot" && arguments.get("day").is_some_and(Value::is_string) && !call.id.is_empty() {
            Ok(call)
        } else {
            Err(format!("expected find_slot with a day, got {} with {arguments}", call.name))
        }
    }
}

fn is_reported(usage: &Usage) -> Result<(), String> {
    if usage.tokens_in > 0 && usage.tokens_out > 0 && !usage.estimated { Ok(()) } else { Err(format!("{usage:?}")) }
}

/// Leaves a long reply after its third piece.
async fn cancel(hall: &Hall, hired: &Hired<Complete>, report: &mut Report) -> Result<(), String> {
    let long = ["word"; 300].join(" ");
    script(hall, Reply::text(long));
    let mut course = Course::begin(&hall.terms.lane, hired, job("Count to three hundred in words.", false))?;
    let mut pieces = 0;
    while pieces < 3 {
        match course.next().await?.1 {
            Completion::Text(_) => pieces += 1,
            Completion::Failed(error) => return Err(told(&error)),
            other => return Err(format!("expected text, got {other:?}")),
        }
    }
    drop(course);
    script(hall, Reply::text(REPLY));
    let next = think(hall, hired, job("Say in two short sentences what a clinic is.", false)).await?;
    next.is_streamed(hall.theatre.is_some())?;
    report.figure("first words of a reply right after a cancelled one, ms", next.first.as_millis().to_string());
    let Some(theatre) = &hall.theatre else { return Ok(()) };
    let is_left = |note: &RequestNote| note.api == Some(hall.api) && note.cancelled_at.is_some();
    let noticed = timeout(Duration::from_secs(5), theatre.ledger().until(|book| book.requests().any(is_left))).await;
    noticed.map_err(|_| "the fake was not told of the cancel".to_owned())?;
    let notes = theatre.ledger().requests_to(hall.api);
    let (Some(left), Some(after)) = (notes.iter().find(|note| is_left(note)), notes.last()) else {
        return Err("no request was cancelled".to_owned());
    };
    let unread = left.billed.tokens_out.saturating_sub(pieces);
    report.figure(
        "tokens of the cancelled reply that were written and not read",
        format!("{unread} of {}", 300 - pieces),
    );
    report.figure("the next job has a kept connection", if after.reused { "yes" } else { "no" });
    if left.billed.tokens_out < 150 { Ok(()) } else { Err(format!("{} tokens were written", left.billed.tokens_out)) }
}

/// How a job ends that should fail.
async fn failure(hall: &Hall, hired: &Hired<Complete>) -> Result<ErrorClass, String> {
    let mut course = Course::begin(&hall.terms.lane, hired, job("Hello?", false))?;
    loop {
        match course.next().await?.1 {
            Completion::Failed(error) => return Ok(error.class),
            Completion::Done(_) | Completion::Lost => return Err("it did not fail".to_owned()),
            Completion::Text(_) | Completion::Call(_) | Completion::Switched(_) => {}
        }
    }
}

fn script(hall: &Hall, reply: Reply) {
    if let Some(theatre) = &hall.theatre {
        theatre.say(reply);
    }
}

fn job(question: &str, has_tool: bool) -> Complete {
    let tool = Tool {
        name: "find_slot".into(),
        description: "Finds a free time on a day of the week. Call it whenever somebody asks for a time.".into(),
        parameters: r#"{"type":"object","properties":{"day":{"type":"string"}},"required":["day"]}"#.into(),
    };
    Complete {
        prompt: "You answer the telephone of a clinic, in a few words.".into(),
        language: "en-US".into(),
        tools: if has_tool { [tool].into() } else { [].into() },
        dialogue: vec![Entry::Said(Words { speaker: Speaker::Caller, text: question.into(), cut: false })],
        said: "".into(),
    }
}

const REPLY: &str = "A clinic sees patients by the hour. Shall I book a time for you?";
