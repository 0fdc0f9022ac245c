use operetta_sim::theatre::Api;
use serde_json::json;

use crate::{
    client::{Client, Got, facts, play},
    hasty, loud, quiet, theatre,
};

const KEY: &str = "authorization: Token mock";

const PATH: &str = "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000";

/// Opens, sends this audio in pieces of 80 ms, closes, and lists events other than `Update` with their words.
async fn events(client: &mut Client, audio: &[u8]) -> Vec<(String, String)> {
    assert_eq!(client.json().await["type"], "Connected");
    for piece in audio.chunks(640) {
        client.audio(piece).await;
    }
    client.say(json!({ "type": "CloseStream" })).await;
    let all = client.rest().await;
    assert_eq!(all.last(), Some(&Got::Close(Some(1000), String::new())));
    let told = all.iter().filter_map(|got| match got {
        Got::Json(message) if message["type"] == "TurnInfo" && message["event"] != "Update" => {
            let event = message["event"].as_str()?;
            let trigger = message["trigger"].as_str().unwrap_or_default();
            Some((format!("{event}{trigger}"), message["transcript"].as_str()?.to_owned()))
        }
        _ => None,
    });
    told.collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(event, text)| ((*event).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn a_turn_starts_with_a_word_and_ends_on_quiet() {
    let theatre = theatre();
    theatre.hear("Can you move it to Friday?");
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let audio = [quiet(500), loud(1_000), quiet(400)].concat();
    assert_eq!(
        events(&mut client, &audio).await,
        pairs(&[("StartOfTurn", "Can"), ("EndOfTurnmodel", "Can you move it to Friday?")])
    );
    let facts = facts(&theatre, Api::DeepgramFlux);
    assert!(facts.faults.is_empty() && facts.audio.ms == 1_900);
}

#[tokio::test]
async fn updates_come_four_times_a_second_and_sequences_count() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.audio(&[loud(2_000), quiet(20)].concat()).await;
    let (mut updates, mut last) = (0, 0);
    while let Got::Json(message) = client.next_within(std::time::Duration::from_millis(200)).await {
        assert_eq!(message["sequence_id"].as_u64().unwrap(), last + 1);
        last += 1;
        updates += usize::from(message["event"] == "Update");
    }
    assert!((6..=9).contains(&updates), "{updates}");
}

#[tokio::test]
async fn an_eager_end_is_taken_back_or_kept() {
    let eager = format!("{PATH}&eager_eot_threshold=0.5");
    let theatre = theatre();
    let mut client = Client::open(&theatre, &eager, KEY).await.unwrap();
    let audio = [loud(600), quiet(160), loud(500), quiet(400)].concat();
    assert_eq!(
        events(&mut client, &audio).await,
        pairs(&[
            ("StartOfTurn", "one"),
            ("EagerEndOfTurn", "one two three"),
            ("TurnResumed", "one two"),
            ("EagerEndOfTurn", "one two three four five"),
            ("EndOfTurnmodel", "one two three four five"),
        ])
    );
    theatre.next(Api::DeepgramFlux, 1, play("W23"));
    let mut client = Client::open(&theatre, &eager, KEY).await.unwrap();
    let audio = [loud(600), quiet(1_000)].concat();
    assert_eq!(
        events(&mut client, &audio).await,
        pairs(&[
            ("StartOfTurn", "one"),
            ("EagerEndOfTurn", "one two three"),
            ("TurnResumed", "one two three"),
            ("EndOfTurnmodel", "one two three"),
        ])
    );
}

#[tokio::test]
async fn without_audio_or_on_purpose_a_turn_never_ends() {
    let theatre = hasty();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.audio(&[loud(500), quiet(100)].concat()).await;
    loop {
        match client.next_within(std::time::Duration::from_millis(300)).await {
            Got::Json(message) => assert_ne!(message["event"], "EndOfTurn"),
            Got::Nothing => break,
            other => panic!("{other:?}"),
        }
    }
    client.audio(&quiet(300)).await;
    while client.json().await["event"] != "EndOfTurn" {}
    assert!(facts(&theatre, Api::DeepgramFlux).has_fault("audio_gap_in_turn"));
    theatre.next(Api::DeepgramFlux, 1, play("W24"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let told = events(&mut client, &[loud(500), quiet(8_000)].concat()).await;
    // The only end is that of the stream.
    assert_eq!(told, pairs(&[("StartOfTurn", "one"), ("EndOfTurnmanual", "one two")]));
}

#[tokio::test]
async fn a_turn_can_be_ended_by_hand() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.audio(&loud(500)).await;
    client.say(json!({ "type": "ForceEndTurn" })).await;
    loop {
        let message = client.json().await;
        if message["event"] == "EndOfTurn" {
            assert_eq!((&message["trigger"], &message["turn_index"]), (&json!("manual"), &json!(0)));
            break;
        }
    }
}

#[tokio::test]
async fn there_is_no_keep_alive() {
    let theatre = theatre();
    for kind in ["KeepAlive", "Finalize"] {
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        client.say(json!({ "type": kind })).await;
        assert_eq!(client.json().await["type"], "Error");
        assert!(matches!(client.next().await, Got::Close(Some(1008), _)));
    }
}

#[tokio::test]
async fn ends_come_twice_or_empty() {
    for (failure, expected) in [("W21", vec!["one two", "one two"]), ("W22:empty", vec![""])] {
        let theatre = theatre();
        theatre.next(Api::DeepgramFlux, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        let told = events(&mut client, &[loud(500), quiet(400)].concat()).await;
        let ends: Vec<_> = told.iter().filter(|(event, _)| event == "EndOfTurnmodel").map(|(_, text)| text).collect();
        assert_eq!(ends, expected, "{failure}");
    }
}

#[tokio::test]
async fn thresholds_have_ranges() {
    let theatre = theatre();
    for query in [
        "eot_threshold=0.4",
        "eager_eot_threshold=0.95",
        "eot_timeout_ms=100",
        "interim_results=true",
        "eot_threshold=x",
    ] {
        let refused = Client::open(&theatre, &format!("{PATH}&{query}"), KEY).await.err().map(|refused| refused.status);
        assert_eq!(refused, Some(400), "{query}");
    }
}
