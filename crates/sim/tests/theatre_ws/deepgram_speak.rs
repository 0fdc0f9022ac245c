use operetta_sim::theatre::{Api, ws::Ender};
use serde_json::json;

use crate::{
    client::{Client, Got, binary, count, ended, facts, play},
    paced, rises, theatre,
};

const KEY: &str = "authorization: Token mock";

const PATH: &str = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000";

async fn until_flushed(client: &mut Client) -> Vec<Got> {
    let mut all = Vec::new();
    loop {
        let got = client.next().await;
        all.push(got.clone());
        match got {
            Got::Json(message) if message["type"] == "Flushed" => return all,
            Got::Json(_) | Got::Binary(_) => {}
            other => panic!("expected Flushed, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_flushed_is_spoken_and_acknowledged_behind_its_audio() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    assert_eq!(client.json().await["type"], "Metadata");
    for (number, text) in ["Hello there.", "Your order has shipped"].into_iter().enumerate() {
        for word in text.split_inclusive(' ') {
            client.say(json!({ "type": "Speak", "text": word })).await;
        }
        client.say(json!({ "type": "Flush" })).await;
        let all = until_flushed(&mut client).await;
        let audio = binary(&all);
        let ms = text.len() * 65;
        assert_eq!(audio.len(), ms * 8, "{text}");
        let pitch = rises(&audio) * 1000 / ms;
        assert!((437..=442).contains(&pitch), "{pitch}");
        assert_eq!(all.last(), Some(&Got::Json(json!({ "type": "Flushed", "sequence_id": number }))));
    }
    client.say(json!({ "type": "Close" })).await;
    assert_eq!(client.next().await, Got::Close(Some(1000), String::new()));
    let facts = ended(&theatre, Api::DeepgramSpeakSocket).await;
    assert_eq!(facts.billed.characters, 34);
    assert_eq!(facts.contexts.iter().map(|one| one.audio_ms).collect::<Vec<_>>(), [12 * 65, 22 * 65]);
    assert!(facts.contexts.iter().all(|one| one.ended.is_some()) && facts.faults.is_empty());
}

#[tokio::test]
async fn a_complete_sentence_does_not_wait_for_its_flush() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.say(json!({ "type": "Speak", "text": "One. Two" })).await;
    let mut bytes = 0;
    while bytes < 5 * 65 * 8 {
        let Got::Binary(audio) = client.next().await else { panic!("no audio") };
        bytes += audio.len();
    }
    assert_eq!(client.next_within(std::time::Duration::from_millis(50)).await, Got::Nothing);
}

#[tokio::test]
async fn clear_is_obeyed_at_once_but_for_what_is_on_its_way() {
    // Two pieces are on their way, or twelve, and a character that was begun is finished.
    for (failure, late, is_told) in [(None, 2..=5, true), (Some("W16"), 12..=15, true), (Some("W17"), 2..=5, false)] {
        let theatre = paced(2.0);
        if let Some(failure) = failure {
            theatre.next(Api::DeepgramSpeakSocket, 1, play(failure));
        }
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        client
            .say(json!({ "type": "Speak", "text": "A sentence of a length that takes a second or more to say. " }))
            .await;
        assert!(matches!(client.next().await, Got::Binary(_)));
        client.say(json!({ "type": "Clear" })).await;
        let mut cleared = false;
        loop {
            match client.next_within(std::time::Duration::from_millis(300)).await {
                Got::Binary(_) => {}
                Got::Json(message) => cleared = message == json!({ "type": "Cleared", "sequence_id": 0 }),
                _ => break,
            }
        }
        assert_eq!(cleared, is_told, "{failure:?}");
        let facts = facts(&theatre, Api::DeepgramSpeakSocket);
        assert!(late.contains(&facts.audio_after_cancel), "{failure:?} {}", facts.audio_after_cancel);
        assert_eq!(facts.cancels.len(), 1);
        // What was cancelled is billed in full.
        assert_eq!(facts.billed.audio_out_ms, 59 * 65);
        assert!(facts.contexts[0].audio_ms < 1_500);
    }
}

#[tokio::test]
async fn an_acknowledgement_can_overtake_its_audio() {
    let theatre = theatre();
    theatre.next(Api::DeepgramSpeakSocket, 1, play("W18"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.json().await;
    client.say(json!({ "type": "Speak", "text": "Hello there" })).await;
    client.say(json!({ "type": "Flush" })).await;
    until_flushed(&mut client).await;
    assert!(matches!(client.next().await, Got::Binary(_)));
}

#[tokio::test]
async fn twenty_flushes_a_minute_are_enough() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    for _ in 0..22 {
        client.say(json!({ "type": "Flush" })).await;
    }
    client.say(json!({ "type": "Close" })).await;
    let all = client.rest().await;
    assert_eq!((count(&all, "Flushed"), count(&all, "Warning")), (20, 2));
    assert!(facts(&theatre, Api::DeepgramSpeakSocket).has_fault("too_many_flushes"));
}

#[tokio::test]
async fn what_is_not_understood_closes() {
    for (message, code) in [
        (None, 1003),
        (Some(json!({ "type": "Sing" })), 1008),
        (Some(json!({ "type": "Speak" })), 1008),
        (Some(json!({ "type": "Speak", "text": "x".repeat(2_001) })), 1009),
    ] {
        let theatre = theatre();
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        client.json().await;
        match message {
            None => client.audio(b"text").await,
            Some(message) => client.say(message).await,
        }
        let Got::Close(Some(seen), _) = client.next().await else { panic!("no close") };
        assert_eq!(seen, code);
        let end = ended(&theatre, Api::DeepgramSpeakSocket).await.end.unwrap();
        assert_eq!((end.by, end.code), (Ender::Vendor, Some(code)));
    }
}

#[tokio::test]
async fn containers_and_odd_rates_are_refused() {
    let theatre = theatre();
    for query in
        ["encoding=mp3", "encoding=mulaw&sample_rate=24000", "container=none", "encoding=linear16&sample_rate=1"]
    {
        let path = format!("/v1/speak?model=aura-2-thalia-en&{query}");
        let refused = Client::open(&theatre, &path, KEY).await.err().map(|refused| refused.status);
        assert_eq!(refused, Some(400), "{query}");
    }
}
