use operetta_sim::theatre::{Api, ws::Ender};
use serde_json::{Value, json};

use crate::{
    client::{Client, Got, conversation, decode, ended, facts, play},
    hasty, paced, rises, theatre,
};

const KEY: &str = "xi-api-key: mock";

const PATH: &str = "/v1/text-to-speech/v1/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000";

async fn speak(client: &mut Client, id: &str, text: &str) {
    client.say(json!({ "text": " ", "context_id": id, "voice_settings": { "stability": 0.5 } })).await;
    client.say(json!({ "text": text, "context_id": id })).await;
    client.say(json!({ "context_id": id, "flush": true })).await;
    client.say(json!({ "context_id": id, "close_context": true })).await;
}

/// Messages until the final of a context.
async fn until_final(client: &mut Client, id: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let message = client.json().await;
        let is_final = message["isFinal"] == true && message["contextId"] == id;
        all.push(message);
        if is_final {
            return all;
        }
    }
}

#[tokio::test]
async fn an_utterance_is_spoken_aligned_and_final_once() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let text = "Let me check that for you. ";
    speak(&mut client, "u7", text).await;
    let all = until_final(&mut client, "u7").await;
    assert_eq!(all.iter().filter(|message| message["isFinal"] == true).count(), 1);
    let (mut audio, mut heard) = (Vec::new(), Vec::new());
    for message in all.iter().filter(|message| !message["audio"].is_null()) {
        assert_eq!(message["contextId"], "u7");
        let offset_ms = audio.len() as u64 / 8;
        audio.extend(decode(&message["audio"]));
        if let Some(characters) = message["alignment"]["chars"].as_array() {
            for (index, character) in characters.iter().enumerate() {
                let start_ms = message["alignment"]["charStartTimesMs"][index].as_u64().unwrap();
                assert_eq!(message["alignment"]["charDurationsMs"][index], 65);
                heard.push((character.as_str().unwrap().to_owned(), offset_ms + start_ms));
            }
        }
    }
    let expected: Vec<_> = text.chars().enumerate().map(|(at, one)| (one.to_string(), at as u64 * 65)).collect();
    assert_eq!(heard, expected);
    let ms = text.len() * 65;
    assert_eq!(audio.len(), ms * 8);
    let pitch = rises(&audio) * 1000 / ms;
    assert!((438..=441).contains(&pitch), "{pitch}");
    client.say(json!({ "close_socket": true })).await;
    assert_eq!(client.next().await, Got::Close(Some(1000), String::new()));
    let facts = ended(&theatre, Api::ElevenLabsSocket).await;
    // What was flushed and closed has ended and was not cancelled.
    assert_eq!((facts.cancels.len(), facts.audio_after_cancel), (0, 0));
    assert_eq!(facts.billed.characters, text.len() as u64);
    assert_eq!(facts.billed.audio_out_ms, ms as u64);
    assert_eq!((facts.contexts.len(), facts.contexts[0].audio_ms), (1, ms as u64));
    assert!(facts.contexts[0].ended.is_some() && facts.faults.is_empty());
    let note = theatre.ledger().requests_to(Api::ElevenLabsSocket).remove(0);
    let kinds: Vec<&str> = note.messages.iter().map(|message| message.kind.as_str()).take(5).collect();
    assert_eq!(kinds, ["begin", "text", "flush", "close_context", "close_socket"]);
    assert_eq!((note.contexts_opened, note.contexts_closed, note.status), (1, 1, Some(101)));
}

#[tokio::test]
async fn a_flush_alone_is_never_final_and_a_schedule_waits() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.say(json!({ "text": "Not enough. ", "context_id": "a" })).await;
    assert_eq!(client.next_within(std::time::Duration::from_millis(50)).await, Got::Nothing);
    client.say(json!({ "context_id": "a", "flush": true })).await;
    let mut bytes = 0;
    while bytes < 12 * 65 * 8 {
        let message = client.json().await;
        assert_ne!(message["isFinal"], true);
        bytes += decode(&message["audio"]).len();
    }
    client.say(json!({ "close_socket": true })).await;
    assert_eq!(client.next_within(std::time::Duration::from_millis(50)).await, Got::Nothing);
    assert!(facts(&theatre, Api::ElevenLabsSocket).has_fault("close_socket_with_open_contexts"));
}

#[tokio::test]
async fn contexts_are_spoken_side_by_side() {
    let theatre = paced(5.0);
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    speak(&mut client, "a", "One and two and three. ").await;
    speak(&mut client, "b", "Four and five and six. ").await;
    let mut all = until_final(&mut client, "a").await;
    if !all.iter().any(|message| message["isFinal"] == true && message["contextId"] == "b") {
        all.extend(until_final(&mut client, "b").await);
    }
    let ids: Vec<&str> = all.iter().filter_map(|message| message["contextId"].as_str()).collect();
    let switches = ids.windows(2).filter(|two| two[0] != two[1]).count();
    assert!(switches > 10, "{switches}");
}

#[tokio::test]
async fn audio_comes_at_its_pace_and_goes_on_after_an_interrupt() {
    let theatre = paced(5.0);
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    let text = "Twenty characters ok ".repeat(2);
    client.say(json!({ "text": text, "context_id": "a", "flush": true })).await;
    assert!(!client.json().await["audio"].is_null());
    client.say(json!({ "text": "What will never be heard", "context_id": "a" })).await;
    client.say(json!({ "context_id": "a", "close_context": true })).await;
    let all = until_final(&mut client, "a").await;
    assert!(all.len() > 5);
    let facts = facts(&theatre, Api::ElevenLabsSocket);
    assert!(facts.audio_after_cancel > 5 && facts.cancels.len() == 1);
    let own = facts.contexts[0].first_audio.unwrap().checked_sub(facts.contexts[0].spoken.unwrap()).unwrap();
    assert!((20..60).contains(&own.as_millis()), "{own:?}");
    let took = facts.contexts[0].ended.unwrap().checked_sub(facts.contexts[0].opened).unwrap();
    let paced_ms = text.len() as u128 * 65 / 5;
    assert!((paced_ms..paced_ms + 300).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_sixth_context_ends_the_socket() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    for id in ["a", "b", "c", "d", "e", "f"] {
        client.say(json!({ "text": " ", "context_id": id })).await;
    }
    let error = client.json().await;
    assert_eq!((&error["error"], &error["code"]), (&json!("max_active_conversations"), &json!(1008)));
    assert!(error.get("contextId").is_none());
    assert_eq!(client.next().await, Got::Close(Some(1008), "max_active_conversations".into()));
}

#[tokio::test]
async fn a_flush_of_nobody_opens_a_context() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.say(json!({ "context_id": "ghost", "flush": true })).await;
    client.say(json!({ "context_id": "unknown", "close_context": true })).await;
    let conversation = conversation(&theatre, Api::ElevenLabsSocket);
    conversation.until(|facts| facts.faults.len() == 2).await;
    let facts = conversation.facts();
    assert!(facts.contexts.len() == 1 && facts.contexts[0].is_leak);
    assert!(facts.has_fault("context_opened_by_accident") && facts.has_fault("close_of_unknown_context"));
}

#[tokio::test]
async fn a_keep_alive_that_opens_a_context_spoils_its_settings() {
    let theatre = theatre();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    // Without a context it is legal, and opens nothing.
    client.say(json!({ "text": "" })).await;
    client.say(json!({ "text": "", "context_id": "a" })).await;
    client.say(json!({ "text": " ", "context_id": "a", "voice_settings": {} })).await;
    assert_eq!(client.json().await["error"], "invalid_request");
    assert!(matches!(client.next().await, Got::Close(Some(1008), _)));
    let facts = ended(&theatre, Api::ElevenLabsSocket).await;
    assert_eq!((facts.contexts.len(), facts.keep_alives.len()), (1, 2));
    assert!(facts.has_fault("late_voice_settings"));
}

#[tokio::test]
async fn silence_for_20_s_ends_it_unless_kept_alive() {
    // 20 s are a second here.
    let theatre = hasty();
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    client.say(json!({ "text": " ", "context_id": "a" })).await;
    assert_eq!(client.next_within(std::time::Duration::from_millis(600)).await, Got::Nothing);
    client.say(json!({ "text": "", "context_id": "a" })).await;
    assert_eq!(client.next_within(std::time::Duration::from_millis(600)).await, Got::Nothing);
    assert_eq!(client.json().await["error"], "input_timeout_exceeded");
    assert!(matches!(client.next().await, Got::Close(Some(1008), _)));
    let end = ended(&theatre, Api::ElevenLabsSocket).await.end.unwrap();
    assert_eq!(end.by, Ender::Vendor);
}

#[tokio::test]
async fn its_own_failures_are_played() {
    for (failure, error, code) in [
        ("W20", "max_active_conversations", 1008),
        ("W36", "invalid_request", 1008),
        ("W37", "internal_server_error", 1011),
    ] {
        let theatre = theatre();
        theatre.next(Api::ElevenLabsSocket, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        speak(&mut client, "a", "Hello there. ").await;
        let all = client.rest().await;
        let told = all.iter().any(
            |got| matches!(got, Got::Json(message) if message["error"] == error && message.get("contextId").is_none()),
        );
        assert!(told, "{failure}: {all:?}");
        assert!(matches!(all.last(), Some(Got::Close(Some(seen), _)) if *seen == code), "{failure}");
    }
}

#[tokio::test]
async fn ends_are_missing_early_or_followed_by_audio() {
    for failure in ["W16", "W17", "W18"] {
        let theatre = paced(20.0);
        theatre.next(Api::ElevenLabsSocket, 1, play(failure));
        let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
        let text = "Hello there, you. ";
        if failure == "W16" {
            client.say(json!({ "text": " ", "context_id": "a" })).await;
            client.say(json!({ "context_id": "a", "close_context": true })).await;
        } else {
            speak(&mut client, "a", text).await;
        }
        let (mut before, mut after, mut is_final) = (0, 0, false);
        loop {
            match client.next_within(std::time::Duration::from_millis(400)).await {
                Got::Json(message) if message["isFinal"] == true => is_final = true,
                Got::Json(_) if is_final => after += 1,
                Got::Json(_) => before += 1,
                _ => break,
            }
        }
        match failure {
            "W16" => assert!(is_final && before == 13, "{before}"),
            "W17" => assert!(!is_final && before > 20),
            _ => assert!(is_final && after >= 3, "{after}"),
        }
    }
}

#[tokio::test]
async fn idle_time_can_be_a_tenth() {
    let theatre = hasty();
    theatre.next(Api::ElevenLabsSocket, 1, play("W19"));
    let mut client = Client::open(&theatre, PATH, KEY).await.unwrap();
    assert_eq!(client.json().await["error"], "input_timeout_exceeded");
    assert!(ended(&theatre, Api::ElevenLabsSocket).await.end.unwrap().at.as_millis() < 400);
}

#[tokio::test]
async fn upgrades_are_checked() {
    let theatre = theatre();
    let base = "/v1/text-to-speech/v1/multi-stream-input?model_id=eleven_flash_v2_5";
    for (path, key, status) in [
        (PATH.to_owned(), "x: y", 401),
        (format!("{base}&output_format=mp3_44100_128"), KEY, 403),
        (format!("{PATH}&inactivity_timeout=181"), KEY, 400),
        (format!("{PATH}&colour=red"), KEY, 400),
        (format!("{base}&output_format=pcm_24000&auto_mode=true"), KEY, 101),
    ] {
        let seen = Client::open(&theatre, &path, key).await.map_or_else(|refused| refused.status, |_| 101);
        assert_eq!(seen, status, "{path}");
    }
    let path = PATH.replace("eleven_flash_v2_5", "eleven_v3");
    let mut client = Client::open(&theatre, &path, KEY).await.unwrap();
    assert_eq!(client.json().await["error"], "unsupported_model");
}
