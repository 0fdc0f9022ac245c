use operetta_sim::theatre::{Api, ws::Ender};
use serde_json::{Value, json};

use crate::{
    client::{Client, Got, count, ended, facts, play},
    hasty, loud, quiet, theatre,
};

const KEY: &str = "authorization: Token mock";

const PATH: &str = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true&endpointing=300\
&utterance_end_ms=1000&vad_events=true";

fn finals(all: &[Got]) -> Vec<(String, Value)> {
    all.iter()
        .filter_map(|got| match got {
            Got::Json(message) if message["type"] == "Results" && message["is_final"] == true => {
                let text = message["channel"]["alternatives"][0]["transcript"].as_str()?.to_owned();
                Some((text, message["speech_final"].clone()))
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_turn_is_heard_word_by_word_and_ends_on_quiet() {
    let theatre = theatre();
    theatre.hear("I would like to cancel.");
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    for piece in [loud(1_000), quiet(1_500), loud(500)].concat().chunks(160) {
        client.audio(piece).await;
    }
    client.say(json!({ "type": "CloseStream" })).await;
    let all = client.rest().await;
    assert_eq!(
        finals(&all),
        [("I would like to cancel.".into(), json!(true)), ("one two".into(), json!(false))],
        "{all:#?}"
    );
    assert_eq!((count(&all, "SpeechStarted"), count(&all, "UtteranceEnd"), count(&all, "Metadata")), (2, 1, 1));
    assert_eq!(all.last(), Some(&Got::Close(Some(1000), String::new())));
    let interims: Vec<&str> = all
        .iter()
        .filter_map(|got| match got {
            Got::Json(message) if message["is_final"] == false => {
                message["channel"]["alternatives"][0]["transcript"].as_str()
            }
            _ => None,
        })
        .collect();
    assert_eq!(interims, ["I", "I would", "I would like", "I would like to", "one", "one two"]);
    let facts = ended(&theatre, Api::DeepgramListen).await;
    assert_eq!((facts.audio.messages, facts.audio.ms, facts.billed.audio_in_ms), (150, 3_000, 3_000));
    let end = facts.end.unwrap();
    assert_eq!((end.by, end.code), (Ender::Vendor, Some(1000)));
    assert!(facts.faults.is_empty());
}

#[tokio::test]
async fn finalize_is_answered_only_if_there_was_audio() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.say(json!({ "type": "Finalize" })).await;
    client.audio(&loud(600)).await;
    client.say(json!({ "type": "Finalize" })).await;
    client.audio(&quiet(200)).await;
    client.say(json!({ "type": "Finalize" })).await;
    client.say(json!({ "type": "CloseStream" })).await;
    let all = client.rest().await;
    let finalized: Vec<_> = all
        .iter()
        .filter_map(|got| match got {
            Got::Json(message) if message["from_finalize"] == true => {
                message["channel"]["alternatives"][0]["transcript"].as_str()
            }
            _ => None,
        })
        .collect();
    assert_eq!(finalized, ["one two three", ""]);
}

#[tokio::test]
async fn without_endpointing_no_final_is_marked() {
    let theatre = theatre();
    let path = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&endpointing=false";
    let mut client = Client::open(&theatre, path, KEY).await.unwrap();
    client.audio(&[loud(500), quiet(2_000)].concat()).await;
    let message = client.json_of("Results").await;
    assert_eq!(message["channel"]["alternatives"][0]["transcript"], "one two");
    assert!(message.get("speech_final").is_none());
}

#[tokio::test]
async fn ten_seconds_without_a_word_end_it() {
    // 10 s are half a second here.
    let theatre = hasty();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.audio(&quiet(20)).await;
    for _ in 0..3 {
        assert_eq!(client.next_within(std::time::Duration::from_millis(300)).await, Got::Nothing);
        client.say(json!({ "type": "KeepAlive" })).await;
    }
    let Got::Close(Some(1011), reason) = client.next().await else { panic!("no close") };
    assert!(reason.contains("NET-0001") && reason.contains("dpgr.am/net0001"), "{reason}");
    let facts = ended(&theatre, Api::DeepgramListen).await;
    assert_eq!(facts.keep_alives.len(), 3);
    assert!(facts.has_fault("no_input"));
    let end = facts.end.unwrap();
    let waited = end.at.checked_sub(facts.keep_alives[2]).unwrap();
    assert!((490..800).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test]
async fn keep_alives_hold_nothing_before_the_first_audio() {
    let theatre = hasty();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.say(json!({ "type": "KeepAlive" })).await;
    let Got::Close(Some(1011), reason) = client.next().await else { panic!("no close") };
    assert!(reason.contains("NET-0000"), "{reason}");
}

#[tokio::test]
async fn an_empty_message_ends_the_stream() {
    let theatre = theatre();
    theatre.next(Api::DeepgramListen, 1, play("W33"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.audio(&[]).await;
    assert_eq!(client.next().await, Got::Close(Some(1000), String::new()));
    assert_eq!(facts(&theatre, Api::DeepgramListen).empty_binaries, 1);
}

#[tokio::test]
async fn a_control_message_in_a_binary_frame_is_bad_audio() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.audio(b"{\"type\":\"KeepAlive\"}").await;
    assert_eq!(client.json().await["type"], "Error");
    assert_eq!(client.next().await, Got::Close(Some(1008), "DATA-0000".into()));
}

#[tokio::test]
async fn parameters_that_do_not_go_together_are_refused() {
    let theatre = theatre();
    let base = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000";
    for (path, key, status) in [
        (base.to_owned(), "x: y", 401),
        (base.to_owned(), "authorization: mock", 401),
        (format!("{base}&colour=red"), KEY, 400),
        (format!("{base}&utterance_end_ms=1000"), KEY, 400),
        (format!("{base}&keywords=a:1"), KEY, 400),
        (format!("{base}&detect_language=true"), KEY, 400),
        ("/v1/listen?model=nova-2&encoding=mulaw&sample_rate=8000&keyterm=a".to_owned(), KEY, 400),
        ("/v1/listen?model=nova-3&encoding=mulaw".to_owned(), KEY, 400),
        (format!("{base}&keyterm=a&keyterm=b"), KEY, 101),
    ] {
        let (seen, head) = match Client::open(&theatre, &path, key).await {
            Ok(_) => (101, String::new()),
            Err(refused) => (refused.status, refused.head),
        };
        assert_eq!(seen, status, "{path} {key}");
        assert!(seen == 101 || (head.contains("dg-error: ") && head.contains("dg-request-id: ")), "{head}");
    }
}

#[tokio::test]
async fn finals_come_in_odd_ways() {
    for (failure, expected) in [
        ("W21", vec![("one two three four".to_owned(), json!(true)); 2]),
        ("W22:order", vec![("three four".into(), json!(true)), ("one two".into(), json!(false))]),
        ("W22:unmarked", vec![("one two three four".into(), json!(false))]),
        ("W22:empty", vec![("one two three four".into(), json!(false)), (String::new(), json!(true))]),
        ("W22:wordless", vec![("one two three four".into(), json!(true))]),
    ] {
        let theatre = theatre();
        theatre.next(Api::DeepgramListen, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.audio(&[loud(1_000), quiet(400)].concat()).await;
        client.say(json!({ "type": "CloseStream" })).await;
        let all = client.rest().await;
        assert_eq!(finals(&all), expected, "{failure}");
        assert_eq!(count(&all, "UtteranceEnd"), usize::from(failure == "W21"), "{failure}");
        let has_words = all.iter().any(
            |got| matches!(got, Got::Json(message) if message["channel"]["alternatives"][0].get("words").is_some()),
        );
        assert_eq!(has_words, failure != "W22:wordless");
    }
}

#[tokio::test]
async fn finalize_may_not_be_answered() {
    let theatre = theatre();
    theatre.next(Api::DeepgramListen, 1, play("W17"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.audio(&quiet(500)).await;
    client.say(json!({ "type": "Finalize" })).await;
    client.say(json!({ "type": "CloseStream" })).await;
    let all = client.rest().await;
    assert_eq!(finals(&all), []);
}
