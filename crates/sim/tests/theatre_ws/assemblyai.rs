use operetta_sim::theatre::Api;
use serde_json::{Value, json};

use crate::{
    client::{Client, Got, ended, facts, play},
    hasty, loud, quiet, theatre,
};

const KEY: &str = "authorization: mock";

const PATH: &str = "/v3/ws?sample_rate=8000&encoding=pcm_mulaw&speech_model=universal-3-6&format_turns=true";

async fn send(client: &mut Client, audio: &[u8]) {
    for piece in audio.chunks(800) {
        client.audio(piece).await;
    }
}

fn ends(all: &[Got]) -> Vec<(u64, bool, String)> {
    let turn = |message: &Value| {
        let is_formatted = message["turn_is_formatted"].as_bool()?;
        Some((message["turn_order"].as_u64()?, is_formatted, message["transcript"].as_str()?.to_owned()))
    };
    let ends = all.iter().filter_map(|got| match got {
        Got::Json(message) if message["type"] == "Turn" && message["end_of_turn"] == true => turn(message),
        _ => None,
    });
    ends.collect()
}

#[tokio::test]
async fn turns_end_plain_and_then_formatted() {
    let theatre = theatre();
    theatre.hear("I would like to cancel.");
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let begin = client.json().await;
    assert!(begin["type"] == "Begin" && begin["expires_at"].is_number());
    send(&mut client, &[loud(1_000), quiet(500), loud(500), quiet(100)].concat()).await;
    client.say(json!({ "type": "KeepAlive" })).await;
    client.say(json!({ "type": "ForceEndpoint" })).await;
    client.say(json!({ "type": "Terminate" })).await;
    let all = client.rest().await;
    assert_eq!(
        ends(&all),
        [
            (0, false, "i would like to cancel.".into()),
            (0, true, "I would like to cancel.".into()),
            (1, false, "one two".into()),
            (1, true, "one two".into()),
        ]
    );
    let [.., Got::Json(last), Got::Close(Some(1000), _)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&last["type"], &last["audio_duration_seconds"]), (&json!("Termination"), &json!(2)));
    let facts = ended(&theatre, Api::AssemblyAi).await;
    assert_eq!((facts.audio.messages, facts.keep_alives.len(), facts.faults.len()), (21, 1, 0));
}

#[tokio::test]
async fn messages_have_a_length() {
    for ms in [20, 1_020] {
        let theatre = theatre();
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        client.audio(&quiet(ms)).await;
        assert_eq!(client.json().await["error_code"], 3007);
        assert!(matches!(client.next().await, Got::Close(Some(3007), _)));
        assert!(facts(&theatre, Api::AssemblyAi).has_fault("audio_of_wrong_length"));
    }
}

#[tokio::test]
async fn audio_must_not_come_faster_than_it_is_spoken() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    send(&mut client, &quiet(8_000)).await;
    assert_eq!(client.json().await["error_code"], 4029);
    let facts = ended(&theatre, Api::AssemblyAi).await;
    assert!(facts.has_fault("audio_too_fast") && facts.audio.pace() > 10.0);
}

#[tokio::test]
async fn idle_sessions_end_where_a_limit_was_set() {
    let theatre = hasty();
    let mut client = Client::open(&theatre, &format!("{PATH}&inactivity_timeout=10"), KEY).await.unwrap();
    client.json().await;
    assert_eq!(client.json().await["error_code"], 4031);
    assert!(matches!(client.next().await, Got::Close(Some(4031), _)));
    theatre.next(Api::AssemblyAi, 1, play("W19"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    assert_eq!(client.json().await["error_code"], 4031);
}

#[tokio::test]
async fn what_is_not_understood_closes() {
    for (text, code) in [("{", 4100), (r#"{"type":"Finalize"}"#, 4101)] {
        let theatre = theatre();
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        client.send(actix_http::ws::OpCode::Text, text.as_bytes()).await.unwrap();
        assert_eq!(client.json().await["error_code"], code);
    }
}

#[tokio::test]
async fn its_own_failures_are_played() {
    for (failure, expected) in
        [("W22:order", vec![true, false]), ("W22:unmarked", vec![]), ("W24", vec![]), ("W17", vec![])]
    {
        let theatre = theatre();
        theatre.next(Api::AssemblyAi, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        let wait = if failure == "W17" { 100 } else { 500 };
        send(&mut client, &[loud(500), quiet(wait)].concat()).await;
        client.say(json!({ "type": "ForceEndpoint" })).await;
        let mut all = Vec::new();
        while let Got::Json(message) = client.next_within(std::time::Duration::from_millis(200)).await {
            all.push(Got::Json(message));
        }
        let seen: Vec<bool> = ends(&all).into_iter().map(|(_, is_formatted, _)| is_formatted).collect();
        // An endless turn can still be ended by hand.
        let expected = if failure == "W24" { vec![false, true] } else { expected };
        assert_eq!(seen, expected, "{failure}");
    }
    for (failure, code) in [("W31:4029", 4029), ("W31:3007", 3007)] {
        let theatre = theatre();
        theatre.next(Api::AssemblyAi, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        send(&mut client, &loud(1_000)).await;
        let all = client.rest().await;
        assert!(matches!(all.last(), Some(Got::Close(Some(seen), _)) if *seen == code), "{all:?}");
    }
}
