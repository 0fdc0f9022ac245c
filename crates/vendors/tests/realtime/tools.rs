//! Tools, replies that are asked for, and what was said before.

use super::*;

#[test]
fn tools_are_answered_when_the_response_is_done_and_all_have_returned() {
    let call = |id: &str, item: &str, arguments: &str| {
        json!({"type": "response.function_call_arguments.done", "response_id": "r", "item_id": item, "call_id": id,
               "name": "find_slot", "arguments": arguments})
    };
    let output = |id: &str, output: &str| json!({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": id, "output": output}});
    play(&format!(
        r#"1 < {}
           2 < {{"type":"response.output_item.added","response_id":"r","item":{{"id":"f1","type":"function_call","call_id":"c1","name":"find_slot"}}}}
           3 < {{"type":"response.function_call_arguments.delta","response_id":"r","item_id":"f1","delta":"{{"}}
           4 < {}
           => call c1 find_slot {{"day":"Friday"}}
           5 < {}
           => call c2 find_slot {{}}
           6 < {}
           7 returned c1 ten
           8 < {}
           -> {}
           -> {}
           => 1 done
           9 returned c2 eleven
           -> {}
           -> {CREATE}
           10 < {}
           11 < {}
           => 2 audio 40 ms"#,
        created("r"),
        call("c1", "f1", r#"{"day":"Friday"}"#),
        call("c2", "f2", ""),
        call("c3", "f3", r#"{"day":"#),
        done("r", "completed"),
        output("c3", r#"{"error":"the arguments of a tool call are no whole JSON object: fault at column 7"}"#),
        output("c1", "ten"),
        output("c2", "eleven"),
        created("r2"),
        delta("r2", "a", 40),
    ));
}

#[test]
fn a_response_is_asked_for_when_the_running_one_is_done() {
    play(&format!(
        r#"1 typed 4711#
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"4711#"}}]}}}}
           -> {CREATE}
           2 typed 5
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"5"}}]}}}}
           3 < {}
           4 < {}
           -> {CREATE}
           5 < {}
           6 < {}
           7 < {}
           -> {CREATE}"#,
        created("r1"),
        done("r1", "completed"),
        // The server was quicker.
        error("conversation_already_has_active_response", "x", "create"),
        created("r2"),
        done("r2", "completed"),
    ));
}

#[test]
fn a_call_that_never_returns_does_not_silence_the_others() {
    let call = |response: &str, id: &str| {
        json!({"type": "response.function_call_arguments.done", "response_id": response, "item_id": id, "call_id": id,
               "name": "find_slot", "arguments": "{}"})
    };
    play(&format!(
        r#"1 < {}
           2 < {}
           => call c1 find_slot {{}}
           3 < {}
           => 1 done
           4 < {}
           5 < {}
           => call c2 find_slot {{}}
           6 < {}
           => 2 done
           7 returned c2 ten
           -> {{"type":"conversation.item.create","item":{{"type":"function_call_output","call_id":"c2","output":"ten"}}}}
           -> {CREATE}"#,
        created("r1"),
        call("r1", "c1"),
        done("r1", "completed"),
        created("r2"),
        call("r2", "c2"),
        done("r2", "completed"),
    ));
}

#[test]
fn a_session_that_replaces_another_is_told_what_was_said() {
    let words = |speaker, text: &str, cut| Entry::Said(Words { speaker, text: text.into(), cut });
    let call = ToolCall { id: "c1".into(), name: "find_slot".into(), arguments: "{}".into(), seal: None };
    let result = ToolResult { id: "c1".into(), name: "find_slot".into(), content: "full".into(), failed: true };
    let dialogue = vec![
        words(Speaker::Agent, "Namaste, Asha Clinic", true),
        words(Speaker::Agent, " ", false),
        words(Speaker::Caller, "A time, please", false),
        Entry::Called(call),
        Entry::Returned(result),
    ];
    let mut session = Session::new(Converse { dialogue, ..job(Format::MULAW_8K) });
    session.perform("0 open");
    session.perform(r#"0 < {"type":"session.created"}"#);
    session.play(&format!(
        r#"1 < {{"type":"session.updated"}}
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"Namaste, Asha Clinic…"}}]}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"A time, please"}}]}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"function_call","call_id":"c1","name":"find_slot","arguments":"{{}}"}}}}
           -> {{"type":"conversation.item.create","item":{{"type":"function_call_output","call_id":"c1","output":"{{\"error\":\"full\"}}"}}}}
           -> {CREATE}"#
    ));
    assert_eq!(vendor().capabilities().session, Some(Duration::from_mins(50)));
}

#[test]
fn transcripts_of_the_caller_come_in_their_order() {
    let committed = |item: &str| json!({"type": "input_audio_buffer.committed", "item_id": item});
    let completed = |item: &str, text: &str| json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "transcript": text});
    play(&format!(
        r#"1 < {}
           2 < {}
           3 < {}
           4 < {}
           => caller said one
           => caller said two
           5 < {}
           6 < {{"type":"conversation.item.input_audio_transcription.failed","item_id":"c","error":{{"code":"audio_unintelligible"}}}}
           7 < {}
           => caller said nobody announced this
           8 < {}
           9 < {}
           9 < {}
           9 < {}
           10 < {}
           => caller said five
           11 < {}
           12 < {}
           => caller said six
           => caller said seven"#,
        committed("a"),
        committed("b"),
        completed("b", "two"),
        completed("a", " one "),
        committed("c"),
        completed("x", "nobody announced this"),
        // The transcript of d never comes.
        committed("d"),
        committed("e"),
        completed("e", "five"),
        committed("f"),
        committed("g"),
        completed("g", "seven"),
        completed("f", "six"),
    ));
}
