use std::time::Duration;

use actix_http::ws::OpCode;
use operetta_sim::theatre::{
    Api, Theatre,
    ws::{Ender, SocketFacts, WsFailure},
};
use serde_json::json;

use crate::{
    client::{Client, Got, PATIENCE, binary, conversation, count, ended, facts, play},
    hasty, loud, paced, quiet, theatre,
};

/// Every socket: how it is opened, and by which key.
pub(crate) const ALL: [(Api, &str, &str); 6] = [
    (
        Api::DeepgramListen,
        "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true&endpointing=300",
        "authorization: Token mock",
    ),
    (
        Api::DeepgramFlux,
        "/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000",
        "authorization: Token mock",
    ),
    (Api::AssemblyAi, "/v3/ws?sample_rate=8000&encoding=pcm_mulaw", "authorization: mock"),
    (
        Api::DeepgramSpeakSocket,
        "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000",
        "authorization: Token mock",
    ),
    (
        Api::ElevenLabsSocket,
        "/v1/text-to-speech/v1/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000",
        "xi-api-key: mock",
    ),
    (Api::OpenAiRealtime, "/v1/realtime?model=gpt-realtime-2.1", "authorization: Bearer mock"),
];

async fn open(theatre: &Theatre, api: Api) -> Client {
    let (_, path, key) = ALL.into_iter().find(|(one, _, _)| *one == api).unwrap();
    Client::open(theatre, path, key).await.unwrap()
}

/// Opens a socket on which this is played.
async fn played(theatre: &Theatre, api: Api, failure: &str) -> Client {
    theatre.next(api, 1, play(failure));
    open(theatre, api).await
}

/// Asks for content in the vendor's own way. A socket that has been closed already takes it or not.
async fn ask(client: &mut Client, api: Api) {
    let text = "Here is a sentence that takes a while to be said. ";
    let messages = match api {
        Api::DeepgramListen | Api::DeepgramFlux | Api::AssemblyAi => {
            for piece in [loud(1_000), quiet(600)].concat().chunks(640) {
                let _ = client.send(OpCode::Binary, piece).await;
            }
            vec![]
        }
        Api::DeepgramSpeakSocket => vec![json!({ "type": "Speak", "text": text }), json!({ "type": "Flush" })],
        Api::ElevenLabsSocket => {
            vec![
                json!({ "text": text, "context_id": "a", "flush": true }),
                json!({ "context_id": "a", "close_context": true }),
            ]
        }
        _ => vec![json!({ "type": "response.create" })],
    };
    for message in messages {
        let _ = client.send(OpCode::Text, message.to_string().as_bytes()).await;
    }
}

/// Whether this is the last that an answer consists of.
pub(crate) fn is_last(api: Api, got: &Got) -> bool {
    let Got::Json(message) = got else { return false };
    match api {
        Api::DeepgramListen => message["speech_final"] == true,
        Api::DeepgramFlux => message["event"] == "EndOfTurn",
        Api::AssemblyAi => message["end_of_turn"] == true,
        Api::DeepgramSpeakSocket => message["type"] == "Flushed",
        Api::ElevenLabsSocket => message["isFinal"] == true,
        _ => message["type"] == "response.done",
    }
}

/// Asks, and takes everything until the answer is complete, or the socket ends, or nothing has come for a while.
pub(crate) async fn answer_to(client: &mut Client, api: Api) -> Vec<Got> {
    ask(client, api).await;
    let mut all = Vec::new();
    loop {
        match client.next_within(Duration::from_millis(400)).await {
            Got::Nothing => return all,
            got => {
                let is_end = matches!(got, Got::Close(..) | Got::Broken | Got::End | Got::Reset);
                let is_last = is_last(api, &got);
                all.push(got);
                if is_end || is_last {
                    return all;
                }
            }
        }
    }
}

#[tokio::test]
async fn upgrades_are_refused_with_what_vendors_say() {
    for (api, path, key) in ALL {
        for status in [400, 401, 402, 403, 404, 429, 503] {
            let theatre = theatre();
            theatre.next(api, 1, play(&format!("W01:{status}")));
            let refused = Client::open(&theatre, path, key).await.err().unwrap();
            assert_eq!(refused.status, status, "{api}");
            assert!(refused.body.is_object(), "{api}");
            assert_eq!(refused.head.contains("retry-after: 2"), status == 429, "{}", refused.head);
            let note = theatre.ledger().requests_to(api).remove(0);
            assert_eq!((note.status, note.error), (Some(status), Some(status.to_string())));
        }
    }
}

#[tokio::test]
async fn an_upgrade_is_never_answered() {
    let theatre = theatre();
    theatre.next(Api::DeepgramListen, 1, play("W02"));
    let (_, path, key) = ALL[0];
    let open = tokio::time::timeout(Duration::from_millis(300), Client::open(&theatre, path, key)).await;
    assert!(open.is_err());
    let gone = theatre.ledger().until(|book| book.requests().all(|note| note.cancelled_at.is_some()));
    tokio::time::timeout(PATIENCE, gone).await.expect("the theatre sees that the client has gone");
}

#[tokio::test]
async fn an_error_comes_in_place_of_a_session() {
    for (api, ..) in ALL {
        for form in ["auth", "quota", "missing"] {
            let theatre = theatre();
            let mut client = played(&theatre, api, &format!("W03:{form}")).await;
            let all = client.rest().await;
            assert!(matches!(all.last(), Some(Got::Close(Some(code), _)) if *code != 1000), "{api} {all:?}");
            // Deepgram's voice says nothing but its close.
            assert_eq!(all.len(), if api == Api::DeepgramSpeakSocket { 1 } else { 2 }, "{api} {all:?}");
        }
    }
}

#[tokio::test]
async fn a_session_is_never_confirmed() {
    for (api, ..) in ALL.into_iter().filter(|(api, ..)| WsFailure::NoConfirmation.suits(*api)) {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W04").await;
        assert_eq!(answer_to(&mut client, api).await, [], "{api}");
        client.close(1000).await;
        assert_eq!(ended(&theatre, api).await.end.unwrap().by, Ender::Client);
    }
}

#[tokio::test]
async fn want_of_audio_is_told_in_two_ways() {
    let theatre = theatre();
    let mut reasons = Vec::new();
    for _ in 0..2 {
        let mut client = played(&theatre, Api::DeepgramListen, "W05").await;
        let Some(Got::Close(Some(1011), reason)) = answer_to(&mut client, Api::DeepgramListen).await.pop() else {
            panic!()
        };
        reasons.push(reason);
    }
    assert_eq!(reasons[0], "NET-0001");
    assert!(reasons[1].ends_with("https://dpgr.am/net0001") && !reasons[1].contains("NET-0001"));
}

#[tokio::test]
async fn closes_come_with_every_code_that_vendors_use() {
    for (failure, code, reason) in [
        ("W06:1011", Some(1011), "NET-0000"),
        ("W06:1012", Some(1012), ""),
        ("W06:1013", Some(1013), ""),
        ("W07:DATA-0000", Some(1008), "DATA-0000"),
        ("W07:DATA-0001", Some(1008), "DATA-0001"),
        ("W07:1003", Some(1003), "MESSAGE-0000"),
        ("W07:1007", Some(1007), ""),
        ("W07:1009", Some(1009), "BIG-0000"),
        ("W08:empty", Some(1011), ""),
        ("W08:bare", None, ""),
        ("W08:4031", Some(4031), "closed by the vendor (mock)"),
        ("W08:4001", Some(4001), "closed by the vendor (mock)"),
        ("W08:3005", Some(3005), "closed by the vendor (mock)"),
        ("W08:3009", Some(3009), "closed by the vendor (mock)"),
    ] {
        for (api, ..) in ALL {
            let theatre = theatre();
            let mut client = played(&theatre, api, failure).await;
            let all = answer_to(&mut client, api).await;
            assert_eq!(all.last(), Some(&Got::Close(code, reason.to_owned())), "{api} {failure}");
            let facts = ended(&theatre, api).await;
            assert_eq!(facts.content_sent, 1, "{api} {failure}");
        }
    }
    let theatre = theatre();
    let mut client = played(&theatre, Api::DeepgramSpeakSocket, "W08:long").await;
    let Some(Got::Close(Some(1011), reason)) = answer_to(&mut client, Api::DeepgramSpeakSocket).await.pop() else {
        panic!()
    };
    assert_eq!(reason.len(), 123);
}

#[tokio::test]
async fn connections_end_without_a_close() {
    for (failure, end) in [("W06:rst#20", Got::Reset), ("W06:fin#20", Got::End)] {
        let theatre = theatre();
        let mut client = played(&theatre, Api::DeepgramSpeakSocket, failure).await;
        let all = answer_to(&mut client, Api::DeepgramSpeakSocket).await;
        assert_eq!(all.last(), Some(&end));
        // A reset may overtake what was sent before it; an end does not.
        let pieces = all.iter().filter(|got| matches!(got, Got::Binary(_))).count();
        assert!(if end == Got::End { pieces == 20 } else { pieces <= 20 }, "{failure} {pieces}");
        let end = ended(&theatre, Api::DeepgramSpeakSocket).await.end.unwrap();
        assert_eq!((end.by, end.code), (Ender::VendorDropped, None));
    }
}

#[tokio::test]
async fn an_error_is_followed_by_nothing() {
    for (api, ..) in ALL.into_iter().filter(|(api, ..)| *api != Api::DeepgramSpeakSocket) {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W09").await;
        let all = answer_to(&mut client, api).await;
        assert!(matches!(all.last(), Some(Got::Json(message)) if is_error(message)), "{api} {:?}", all.last());
        assert!(facts(&theatre, api).end.is_none());
    }
}

fn is_error(message: &serde_json::Value) -> bool {
    matches!(message["type"].as_str(), Some("Error" | "error")) || message["error"].is_string()
}

#[tokio::test]
async fn a_dead_socket_answers_pings_or_does_not() {
    for (failure, pong) in [("W10:pongs", Got::Pong), ("W10:mute", Got::Nothing)] {
        for (api, ..) in ALL {
            let theatre = theatre();
            let mut client = played(&theatre, api, failure).await;
            let content = answer_to(&mut client, api).await.len();
            assert!(content >= 1, "{api}");
            ask(&mut client, api).await;
            client.send(OpCode::Ping, b"alive?").await.unwrap();
            assert_eq!(client.next_within(Duration::from_millis(150)).await, pong, "{api} {failure}");
            let facts = facts(&theatre, api);
            assert_eq!((facts.content_sent, facts.pings, facts.end), (1, 1, None));
        }
    }
}

#[tokio::test]
async fn pings_that_are_not_answered_are_counted() {
    // A ping every 50 ms.
    let theatre = hasty();
    let mut client = played(&theatre, Api::OpenAiRealtime, "W11").await;
    client.json().await;
    client.answers_pings = false;
    assert_eq!(client.next().await, Got::Close(Some(1011), "keepalive ping timeout".into()));
    assert_eq!(client.pings, 2);
    let mut client = played(&theatre, Api::OpenAiRealtime, "W11").await;
    client.json().await;
    assert_eq!(client.next_within(Duration::from_millis(500)).await, Got::Nothing);
    assert!(client.pings > 5);
    let facts = facts(&theatre, Api::OpenAiRealtime);
    assert!(facts.pongs > 5 && facts.pongs <= facts.pings_sent);
}

#[tokio::test]
async fn messages_come_in_pieces_with_pings_between() {
    for (api, ..) in ALL {
        let theatre = theatre();
        let mut whole = open(&theatre, api).await;
        let expected = answer_to(&mut whole, api).await;
        let mut client = played(&theatre, api, "W12").await;
        let all = answer_to(&mut client, api).await;
        assert_eq!(all.len(), expected.len(), "{api}");
        assert_eq!(binary(&all), binary(&expected));
        assert_eq!(client.joins as usize, 2 * all.len());
        assert_eq!(client.pings as usize, all.len());
    }
}

#[tokio::test]
async fn messages_come_large() {
    for (failure, length) in [("W13:64k", 65_537), ("W13:1m", 1 << 20), ("W13:15m", 15 << 20)] {
        for api in [Api::OpenAiRealtime, Api::DeepgramListen] {
            let theatre = theatre();
            let mut client = played(&theatre, api, failure).await;
            answer_to(&mut client, api).await;
            assert_eq!(client.longest, length, "{api}");
        }
    }
}

#[tokio::test]
async fn messages_come_as_the_wrong_kind() {
    let theatre = theatre();
    let mut client = played(&theatre, Api::DeepgramSpeakSocket, "W14").await;
    let all = answer_to(&mut client, Api::DeepgramSpeakSocket).await;
    assert!(matches!(&all[0], Got::Binary(bytes) if bytes.starts_with(b"{")));
    assert!(matches!(&all[1], Got::BadText(_)));
    let mut client = played(&theatre, Api::OpenAiRealtime, "W14").await;
    assert!(matches!(client.next().await, Got::Binary(bytes) if bytes.starts_with(b"{")));
}

#[tokio::test]
async fn messages_come_unreadable() {
    for (api, ..) in ALL {
        for form in ["cut", "array", "utf8", "base64", "rsv"] {
            let theatre = theatre();
            let mut client = played(&theatre, api, &format!("W15:{form}")).await;
            let all = answer_to(&mut client, api).await;
            let first = &all[usize::from(matches!(all[0], Got::Binary(_)))..];
            let odd = first.iter().find(|got| !matches!(got, Got::Binary(_))).unwrap();
            let is_odd = match (form, odd) {
                ("rsv", Got::Broken) => true,
                ("base64", Got::Json(message)) => message["audio"] == "@@not base64@@",
                ("utf8", Got::BadText(bytes)) => std::str::from_utf8(bytes).is_err(),
                ("array", Got::BadText(bytes)) => bytes.starts_with(b"["),
                ("cut", Got::BadText(bytes)) => bytes.starts_with(b"{"),
                _ => false,
            };
            assert!(is_odd, "{api} {form} {odd:?}");
            // The session goes on behind it, unless the frame itself was broken.
            assert!(form == "rsv" || all.len() > 2, "{api} {form}");
        }
    }
}

#[tokio::test]
async fn audio_comes_too_fast_or_too_slow() {
    let text = "Twenty characters ok";
    for (failure, speed) in [("W25:10", 10.0), ("W25:0.8", 0.8)] {
        let theatre = paced(5.0);
        let mut client = played(&theatre, Api::DeepgramSpeakSocket, failure).await;
        client.json().await;
        client.say(json!({ "type": "Speak", "text": text })).await;
        client.say(json!({ "type": "Flush" })).await;
        client.json_of_audio("Flushed").await;
        let utterance = facts(&theatre, Api::DeepgramSpeakSocket).contexts.remove(0);
        let took = utterance.ended.unwrap().checked_sub(utterance.opened).unwrap().as_secs_f64();
        let ideal = text.len() as f64 * 0.065 / speed;
        assert!((ideal..ideal + 0.25).contains(&took), "{failure}: {took} s, not {ideal}");
    }
}

#[tokio::test]
async fn sessions_end_of_age() {
    for (api, code) in [
        (Api::OpenAiRealtime, 1001),
        (Api::AssemblyAi, 3008),
        (Api::DeepgramSpeakSocket, 1011),
        (Api::ElevenLabsSocket, 1008),
    ] {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W28").await;
        let all = answer_to(&mut client, api).await;
        assert!(matches!(all.last(), Some(Got::Close(Some(seen), _)) if *seen == code), "{api} {all:?}");
    }
}

#[tokio::test]
async fn the_first_message_is_refused() {
    for (api, ..) in ALL {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W29").await;
        let all = answer_to(&mut client, api).await;
        assert!(matches!(all.last(), Some(Got::Close(Some(1007), _))), "{api} {all:?}");
    }
}

#[tokio::test]
async fn warnings_come_in_floods() {
    for (api, ..) in ALL {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W30").await;
        let all = answer_to(&mut client, api).await;
        assert_eq!(count(&all, "Warning"), 20, "{api}");
        let unknown = all.iter().filter(|got| matches!(got, Got::Json(message) if message["number"].is_number()));
        assert_eq!(unknown.count(), 1_000);
        // And the content goes on.
        assert!(facts(&theatre, api).content_sent > 1, "{api}");
    }
}

#[tokio::test]
async fn a_close_meets_a_client_that_sends() {
    for (api, ..) in ALL {
        let theatre = theatre();
        let mut client = played(&theatre, api, "W35:close").await;
        let all = answer_to(&mut client, api).await;
        assert!(matches!(all.last(), Some(Got::Close(Some(1011), _))), "{api} {all:?}");
        let mut client = played(&theatre, api, "W35:half").await;
        let all = answer_to(&mut client, api).await;
        assert_eq!(all.last(), Some(&Got::End), "{api}");
        // The other half is still open.
        client.close(1000).await;
    }
}

#[tokio::test]
async fn who_goes_is_written_down() {
    for (is_close, by, code) in [(true, Ender::Client, Some(1001)), (false, Ender::ClientDropped, None)] {
        let theatre = theatre();
        let mut client = open(&theatre, Api::DeepgramListen).await;
        client.send(OpCode::Ping, b"here").await.unwrap();
        assert_eq!(client.next().await, Got::Pong);
        if is_close {
            client.close(1001).await;
            assert_eq!(client.next().await, Got::Close(Some(1001), String::new()));
        }
        drop(client);
        let SocketFacts { end, pings, .. } = ended(&theatre, Api::DeepgramListen).await;
        let end = end.unwrap();
        assert_eq!((end.by, end.code, pings), (by, code, 1));
        let note = theatre.ledger().requests_to(Api::DeepgramListen).remove(0);
        let close = note.close.unwrap();
        assert_eq!((close.by_client, close.code), (true, code));
    }
}

#[tokio::test]
async fn broken_frames_and_texts_of_a_client_close() {
    let theatre = theatre();
    let mut client = open(&theatre, Api::DeepgramListen).await;
    client.send(OpCode::Text, b"\xC3\x28").await.unwrap();
    assert_eq!(client.next().await, Got::Close(Some(1007), String::new()));
    let mut client = open(&theatre, Api::DeepgramListen).await;
    client.send(OpCode::Continue, b"of what?").await.unwrap();
    assert_eq!(client.next().await, Got::Close(Some(1002), String::new()));
    assert!(facts(&theatre, Api::DeepgramListen).has_fault("broken_frames"));
}

#[tokio::test]
async fn a_theatre_that_closes_ends_its_sockets() {
    let theatre = theatre();
    let mut client = open(&theatre, Api::OpenAiRealtime).await;
    client.json().await;
    let conversation = conversation(&theatre, Api::OpenAiRealtime);
    drop(theatre);
    assert!(matches!(client.next().await, Got::End | Got::Reset));
    assert_eq!(conversation.facts().end.unwrap().by, Ender::Theatre);
}
