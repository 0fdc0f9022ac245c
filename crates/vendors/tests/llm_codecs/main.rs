//! The codecs of language models: what they ask, and what they make of the answers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod anthropic;
mod gemini;
mod openai;

use operetta_contract::{
    Complete, Completion, Entry, Flow, Head, HttpReader, HttpVendor, Output, ProviderError, Speaker, Tool, ToolCall,
    ToolResult, Usage, Words,
};
use serde_json::Value;

const KEY: &str = "sk-test-0123456789";

fn said(speaker: Speaker, text: &str) -> Entry {
    Entry::Said(Words { speaker, text: text.into(), cut: false })
}

fn called(id: &str, name: &str, arguments: &str, seal: Option<&str>) -> Entry {
    let seal = seal.map(Into::into);
    Entry::Called(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), seal })
}

fn returned(id: &str, name: &str, content: &str, failed: bool) -> Entry {
    Entry::Returned(ToolResult { id: id.into(), name: name.into(), content: content.into(), failed })
}

/// The caller asks, and the model may call two tools.
fn job() -> Complete {
    let schema = r#"{"type":"object","properties":{"day":{"type":"string"}},"additionalProperties":false}"#;
    let tool = |name: &str, parameters: &str| Tool {
        name: name.into(),
        description: format!("The tool {name}.").into(),
        parameters: parameters.into(),
    };
    Complete {
        prompt: "You answer the telephone of the Asha Clinic.".into(),
        language: "en-IN".into(),
        tools: vec![tool("find_slot", schema), tool("hang_up", r#"{"type":"object","properties":{}}"#)].into(),
        dialogue: vec![said(Speaker::Caller, "Have you anything on Tuesday?")],
        said: "".into(),
    }
}

/// Everything that a dialogue can hold: the agent greeted first, was interrupted, called two tools of which one failed, and
/// the caller went on.
fn long_job() -> Complete {
    let dialogue = vec![
        said(Speaker::Agent, "Namaste, Asha Clinic."),
        said(Speaker::Caller, "Hello."),
        said(Speaker::Caller, "Anything on Tuesday?"),
        Entry::Said(Words { speaker: Speaker::Agent, text: "Let me look".into(), cut: true }),
        said(Speaker::Caller, "Quickly please."),
        called("toolu_1", "find_slot", r#"{"day":"Tuesday"}"#, Some("c2VhbA==")),
        called("functions.now:0", "now", "{}", None),
        returned("functions.now:0", "now", "no clock", true),
        returned("toolu_1", "find_slot", r#"{"slots":["9:30"]}"#, false),
        said(Speaker::Caller, "Well?"),
    ];
    Complete { dialogue, ..job() }
}

fn body_of<V: HttpVendor<Job = Complete>>(vendor: &V, job: &Complete) -> Value {
    serde_json::from_slice(&vendor.open(job).unwrap().0.body).unwrap()
}

fn event_stream() -> Head {
    Head { status: 200, headers: vec![("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())] }
}

/// What came of a reply.
struct Played {
    /// Events and the end, one in a line.
    told: Vec<String>,
    usage: Usage,
    unknown: u32,
}

fn play<V: HttpVendor<Job = Complete>>(vendor: &V, job: &Complete, body: &[u8]) -> Played {
    play_with(vendor, job, &event_stream(), body)
}

fn play_with<V: HttpVendor<Job = Complete>>(vendor: &V, job: &Complete, head: &Head, body: &[u8]) -> Played {
    let (_, mut reader) = vendor.open(job).unwrap();
    let mut out = Output::default();
    let end = read(&mut reader, head, body, &mut out);
    let mut told: Vec<String> = out.events.iter().map(tell).collect();
    told.push(match end {
        Ok(event) => tell(&event),
        Err(error) => format!("error {}", error.code()),
    });
    Played { told, usage: out.usage, unknown: out.unknown }
}

fn read<R>(reader: &mut R, head: &Head, body: &[u8], out: &mut Output<Complete>) -> Result<Completion, ProviderError>
where
    R: HttpReader<Job = Complete>,
{
    reader.head(head, out)?;
    match reader.read(body, out)? {
        Flow::Done(event) => Ok(event),
        Flow::More => reader.end(out),
    }
}

fn tell(event: &Completion) -> String {
    match event {
        Completion::Text(text) => format!("text {text}"),
        Completion::Call(call) => {
            let seal = call.seal.as_ref().map_or_else(String::new, |seal| format!(" sealed {seal}"));
            format!("call {} {} {}{seal}", call.id, call.name, call.arguments)
        }
        other => format!("{other:?}"),
    }
}

/// A reply of these `data:` lines is told so.
fn check<V: HttpVendor<Job = Complete>>(vendor: &V, lines: &[&str], expected: &[&str]) -> Played {
    check_job(vendor, &job(), lines, expected)
}

fn check_job<V>(vendor: &V, job: &Complete, lines: &[&str], expected: &[&str]) -> Played
where
    V: HttpVendor<Job = Complete>,
{
    let body: String = lines.iter().map(|line| ["data: ", line, "\n\n"].concat()).collect();
    let played = play(vendor, job, body.as_bytes());
    assert_eq!(played.told, expected, "{body}");
    played
}

const DONE: &str = "Done(Listen)";
