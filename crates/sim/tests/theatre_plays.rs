//! What the failures H01 to H35 look like on the wire.
#![cfg(feature = "theatre")]

mod raw;

use std::{io, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_sim::theatre::{Api, Pace, Play, Reply as Said, Theatre};
use raw::{Ended, Raw, Reply, ask, by_http, right, rises, samples, theatre, theatre_at};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

/// The reply to a right request while `rules` hold.
async fn played(rules: &str, api: Api) -> Reply {
    let theatre = theatre(rules);
    let reply = ask(&theatre, &right(api)).await;
    let code = &rules[..3];
    assert_eq!(theatre.ledger().requests()[0].play.as_ref().map(Play::code).as_deref(), Some(code));
    reply
}

/// The reply when all is well.
async fn well(api: Api) -> Reply {
    ask(&theatre(""), &right(api)).await
}

/// What a chat model said.
fn said(reply: &Reply) -> String {
    let text = |chunk: &Value| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    reply.data().iter().filter_map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn h01_the_head_is_late() {
    for api in by_http().filter(|api| *api != Api::Status) {
        let reply = played("H01:7", api).await;
        assert_eq!((reply.status, reply.head_at.as_secs()), (200, 7), "{api}");
        assert_eq!(reply.ended, Ended::Properly);
    }
}

#[tokio::test(start_paused = true)]
async fn h02_the_body_is_late() {
    let reply = played("H02:7", Api::DeepgramSpeak).await;
    assert!(reply.head_at < Duration::from_millis(10));
    assert_eq!((reply.first_at.unwrap().as_secs(), reply.ended), (7, Ended::Properly));
}

#[tokio::test(start_paused = true)]
async fn h03_it_stalls_and_stays_open_until_the_client_goes() {
    let theatre = theatre("H03:3");
    let reply = ask(&theatre, &right(Api::OpenAiSpeech)).await;
    assert_eq!((reply.chunks.len(), reply.ended), (3, Ended::Silent));
    theatre.ledger().until(|book| book.requests().any(|note| note.cancelled_at.is_some())).await;
    let document = ask(&theatre, &right(Api::GoogleSynthesize)).await;
    assert_eq!((document.body.len(), document.ended), (16, Ended::Silent));
}

#[tokio::test(start_paused = true)]
async fn h04_nothing_but_signs_of_life() {
    for (api, sign, least) in [
        (Api::Anthropic, "event: ping\ndata: {\"type\":\"ping\"}\n\n", 59),
        (Api::OpenAiChat, ": keep-alive\n\n", 59),
        (Api::GoogleSynthesize, "\n", 59),
        (Api::DeepgramSpeak, "-", 0),
    ] {
        let reply = played("H04", api).await;
        assert_eq!((reply.status, reply.ended), (200, Ended::Silent), "{api}");
        assert!(reply.chunks.len() >= least, "{api}: {}", reply.chunks.len());
        assert!(reply.chunks.iter().all(|chunk| chunk == sign.as_bytes()), "{api}");
    }
}

#[tokio::test(start_paused = true)]
async fn h05_every_byte_by_itself_and_the_same_in_all() {
    for api in [Api::OpenAiChat, Api::DeepgramSpeak, Api::GoogleSynthesize, Api::Anthropic] {
        let reply = played("H05", api).await;
        assert!(reply.chunks.iter().all(|chunk| chunk.len() == 1), "{api}");
        assert_eq!(reply.body, well(api).await.body, "{api}");
    }
}

#[tokio::test(start_paused = true)]
async fn h06_chunks_that_no_sample_fits_into() {
    let reply = played("H06", Api::OpenAiSpeech).await;
    assert_eq!(reply.chunks.iter().take(3).map(Vec::len).collect::<Vec<_>>(), [1, 3, 956]);
    assert_eq!(reply.body, well(Api::OpenAiSpeech).await.body);
}

#[tokio::test(start_paused = true)]
async fn h07_the_connection_is_refused_or_reset() {
    let theatre = theatre("H07");
    let refused = TcpStream::connect(theatre.base_url_refusing().trim_start_matches("http://")).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let reply = ask(&theatre, &right(Api::OpenAiChat)).await;
    assert_eq!((reply.status, reply.ended), (0, Ended::Reset));
}

#[tokio::test(start_paused = true)]
async fn h07_a_door_that_is_closed_refuses_and_opens_again() {
    let theatre = theatre("");
    let mut raw = Raw::connect(theatre.address()).await;
    assert_eq!(raw.ask(&right(Api::Status)).await.status, 200);
    theatre.close_door();
    assert_eq!(raw.read().await.ended, Ended::Closed);
    assert_eq!(TcpStream::connect(theatre.address()).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    theatre.open_door();
    let again = async {
        loop {
            if TcpStream::connect(theatre.address()).await.is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), again).await.unwrap();
    assert_eq!(ask(&theatre, &right(Api::Status)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn h08_nobody_answers() {
    let theatre = theatre("H08");
    let hole = theatre.base_url_black_hole();
    let connect = TcpStream::connect(hole.trim_start_matches("http://"));
    assert!(timeout(Duration::from_secs(2), connect).await.is_err());
    assert!(timeout(Duration::from_secs(2), TcpStream::connect(theatre.address())).await.is_ok());
    let reply = ask(&theatre, &right(Api::OpenAiChat)).await;
    assert_eq!((reply.status, reply.ended), (0, Ended::Silent));
}

#[tokio::test(start_paused = true)]
async fn h09_a_reset_in_mid_audio() {
    let reply = played("H09:1001", Api::ElevenLabsStream).await;
    assert_eq!((reply.status, reply.body.len(), reply.ended), (200, 1001, Ended::Reset));
    let reply = played("H09:100000", Api::OpenAiChat).await;
    assert_eq!((said(&reply), reply.ended), (Said::counted(1).text, Ended::Reset));
}

#[tokio::test(start_paused = true)]
async fn h10_an_end_that_is_none() {
    let reply = played("H10:1001", Api::DeepgramSpeak).await;
    assert_eq!((reply.status, reply.body.len(), reply.ended), (200, 1001, Ended::Closed));
    let reply = played("H10:100000", Api::Gemini).await;
    assert_eq!((reply.data().len(), reply.ended), (well(Api::Gemini).await.data().len(), Ended::Closed));
    let document = played("H10:10", Api::GoogleSynthesize).await;
    assert_eq!((document.body.len(), document.ended), (10, Ended::Closed));
}

#[tokio::test(start_paused = true)]
async fn h11_to_h18_and_h27_and_h34_are_told_in_the_vendors_own_words() {
    use Api::{
        Anthropic, DeepgramSpeak, ElevenLabsStream, Gemini, GoogleSynthesize, OpenAiChat, OpenAiSpeech,
        OpenAiTranscription,
    };
    for (rule, api, status, words) in [
        ("H11", OpenAiSpeech, 401, "\"code\":\"invalid_api_key\""),
        ("H11", ElevenLabsStream, 401, "\"status\":\"invalid_api_key\""),
        ("H11", GoogleSynthesize, 400, "\"reason\":\"API_KEY_INVALID\""),
        ("H11", DeepgramSpeak, 401, "\"err_code\":\"INVALID_AUTH\""),
        ("H11", Anthropic, 401, "\"type\":\"authentication_error\""),
        ("H12", OpenAiChat, 429, "\"code\":\"rate_limit_exceeded\""),
        ("H12", ElevenLabsStream, 429, "\"status\":\"system_busy\""),
        ("H12:concurrent", ElevenLabsStream, 429, "too_many_concurrent_requests"),
        ("H12", DeepgramSpeak, 429, "TOO_MANY_REQUESTS"),
        ("H12", Gemini, 429, "RESOURCE_EXHAUSTED"),
        ("H12", Anthropic, 429, "rate_limit_error"),
        ("H13", OpenAiChat, 429, "\"code\":\"insufficient_quota\""),
        ("H13:type", OpenAiChat, 429, "\"code\":null"),
        ("H13", Anthropic, 429, "enforced_spend_limit_reached"),
        ("H13", Gemini, 429, "PerDay"),
        ("H14", ElevenLabsStream, 401, "quota_exceeded"),
        ("H15", DeepgramSpeak, 402, "ASR_PAYMENT_REQUIRED"),
        ("H15", Anthropic, 402, "billing_error"),
        ("H16", GoogleSynthesize, 400, "API_KEY_INVALID"),
        ("H17", OpenAiChat, 500, "server_error"),
        ("H17:502", OpenAiTranscription, 502, "<html>"),
        ("H17:503", OpenAiChat, 503, "server_is_overloaded"),
        ("H17:503", Gemini, 503, "UNAVAILABLE"),
        ("H17:504", Anthropic, 504, "timeout_error"),
        ("H17:529", Anthropic, 529, "overloaded_error"),
        ("H18", OpenAiChat, 500, "server_error"),
        ("H18:true", OpenAiChat, 400, "invalid_request_error"),
        ("H27", OpenAiSpeech, 400, "string_above_max_length"),
        ("H27", ElevenLabsStream, 400, "max_character_limit_exceeded"),
        ("H27", DeepgramSpeak, 413, "PAYLOAD_TOO_LARGE"),
        ("H34", OpenAiChat, 404, "model_not_found"),
        ("H34", Anthropic, 404, "not_found_error"),
    ] {
        let reply = played(rule, api).await;
        assert_eq!((reply.status, reply.ended), (status, Ended::Properly), "{rule} {api}");
        assert!(reply.text().contains(words), "{rule} {api}: {}", reply.text());
        let html = rule == "H17:502";
        assert_eq!(reply.header("content-type"), Some(if html { "text/html" } else { "application/json" }));
    }
    let word = played("H13:type", OpenAiChat).await.json();
    assert_eq!(word["error"]["type"], "insufficient_quota");
    assert_eq!(played("H18", OpenAiChat).await.header("x-should-retry"), Some("false"));
    assert_eq!(played("H18:true", OpenAiChat).await.header("x-should-retry"), Some("true"));
}

#[tokio::test(start_paused = true)]
async fn h12_says_how_long_to_wait_in_many_ways() {
    for (rule, header, value) in [
        ("H12", "retry-after", "2"),
        ("H12:5", "retry-after", "5"),
        ("H12:ms", "retry-after-ms", "2000"),
        ("H12:absurd", "retry-after", "86400"),
        ("H12:garbage", "retry-after", "soon"),
    ] {
        assert_eq!(played(rule, Api::OpenAiChat).await.header(header), Some(value), "{rule}");
    }
    let date = played("H12:date", Api::Anthropic).await;
    let date = date.header("retry-after").unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT") && date.as_bytes()[3] == b',', "{date}");
    let body = played("H12:body", Api::DeepgramSpeak).await;
    assert_eq!((body.json()["retry_after_seconds"].clone(), body.header("retry-after")), (json!(2), None));
    let info = played("H12:info", Api::Gemini).await;
    assert_eq!(info.json()["error"]["details"][0]["retryDelay"], "12s");
}

#[tokio::test(start_paused = true)]
async fn h13_the_ledger_counts_what_was_asked_of_an_account_that_is_used_up() {
    let theatre = theatre("");
    theatre.next(Api::OpenAiChat, 2, "H13".parse().unwrap());
    for status in [429, 429, 200] {
        assert_eq!(ask(&theatre, &right(Api::OpenAiChat)).await.status, status);
    }
    assert_eq!(theatre.ledger().count_error("insufficient_quota"), 2);
    assert_eq!(theatre.ledger().count(Api::OpenAiChat), 3);
}

#[tokio::test(start_paused = true)]
async fn h19_an_error_after_200() {
    for (api, before, after) in [
        (Api::Anthropic, "overloaded_error", "overloaded_error"),
        (Api::OpenAiChat, "server_error", "[DONE]"),
        (Api::Gemini, "data: [{\"error\"", "data: {\"error\""),
    ] {
        let first = Said::counted(1).tokens().next().map(|token| format!("\"{token}\"")).unwrap();
        for (rule, word, has_output) in [("H19:before", before, false), ("H19:after", after, true)] {
            let reply = played(rule, api).await;
            assert_eq!((reply.status, reply.ended), (200, Ended::Properly));
            assert!(reply.text().contains(word), "{rule} {api}: {}", reply.text());
            assert_eq!(reply.text().contains(&first), has_output, "{rule} {api}");
            assert!(!reply.text().contains("STOP") && !reply.text().contains("message_stop"));
        }
    }
    let voice = played("H19", Api::ElevenLabsStream).await;
    assert_eq!((voice.body.len() % 2, voice.ended), (1, Ended::Closed));
    let document = played("H19", Api::GoogleSynthesize).await;
    assert_eq!((document.status, document.json()["error"]["code"].clone()), (200, json!(500)));
}

#[tokio::test(start_paused = true)]
async fn h20_one_message_cannot_be_read() {
    for api in [Api::Anthropic, Api::OpenAiChat, Api::Gemini] {
        for (rule, broken) in [("H20:cut", 1), ("H20:nul", 1), ("H20:type", 0)] {
            let reply = played(rule, api).await;
            let events = reply.events();
            assert_eq!(events.len(), well(api).await.events().len());
            let bad =
                events.iter().filter(|(_, data)| data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
            assert_eq!(bad.count(), broken, "{rule} {api}");
            assert_ne!(reply.body, well(api).await.body);
        }
    }
    let document = played("H20:nul", Api::GoogleSynthesize).await;
    assert!(document.body.contains(&0) && document.ended == Ended::Properly);
}

#[tokio::test(start_paused = true)]
async fn h21_streams_that_end_too_early() {
    for api in [Api::Anthropic, Api::OpenAiChat, Api::Gemini] {
        let line = played("H21:line", api).await;
        assert!(line.ended == Ended::Properly && !line.text().ends_with('\n'), "{api}: {}", line.text());
        let event = played("H21:event", api).await;
        assert!(event.text().ends_with("\n\n"));
        let end = ["message_stop", "finish_reason\":\"stop", "STOP"];
        assert!(end.iter().all(|end| !event.text().contains(end)), "{api}");
    }
    let done = played("H21:done", Api::OpenAiChat).await.text();
    assert!(done.contains("finish_reason\":\"stop") && !done.contains("[DONE]"));
}

#[tokio::test(start_paused = true)]
async fn h22_and_h23_change_nothing_that_matters() {
    let reply = played("H22", Api::OpenAiChat).await;
    assert_eq!(said(&reply), Said::counted(1).text);
    assert!(reply.text().contains("weather") && reply.text().contains("hologram"));
    let names: Vec<_> = played("H22", Api::Anthropic).await.events().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"weather".to_owned()));
    assert_eq!(played("H22", Api::GoogleSynthesize).await.json()["weather"]["sky"][0], "blue");

    for api in [Api::OpenAiChat, Api::Anthropic, Api::Gemini] {
        let reply = played("H23", api).await;
        assert_eq!(reply.data(), well(api).await.data(), "{api}");
        assert!(!reply.text().contains("event:") && !reply.text().contains("data: "));
        assert!(reply.text().contains("\r\n") && reply.text().contains("data:{\r\ndata:\""));
    }
}

#[tokio::test(start_paused = true)]
async fn h24_something_else_under_200() {
    for api in [Api::ElevenLabsStream, Api::OpenAiChat, Api::GoogleSynthesize] {
        let html = played("H24", api).await;
        assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(html.text().contains("Log in"));
        let error = played("H24:json", api).await;
        assert_eq!((error.status, error.header("content-type")), (200, Some("application/json")));
        assert!(error.json().is_object());
        let empty = played("H24:empty", api).await;
        assert_eq!((empty.status, empty.body.len(), empty.ended), (200, 0, Ended::Properly));
        assert_eq!(empty.header("content-type"), well(api).await.header("content-type"));
    }
}

#[tokio::test(start_paused = true)]
async fn h25_headers_where_none_belong_and_odd_ones_where_they_do() {
    let raw = well(Api::DeepgramSpeak).await.body;
    for (rule, length) in [("H25", 44), ("H25:endless", 44), ("H25:extra", 44 + 26 + 12)] {
        let reply = played(rule, Api::DeepgramSpeak).await;
        assert_eq!((&reply.body[..4], &reply.body[8..12]), (b"RIFF".as_slice(), b"WAVE".as_slice()));
        assert_eq!(reply.body[length..], raw, "{rule}");
        let google = played(rule, Api::GoogleSynthesize).await.json();
        let audio = STANDARD.decode(google["audioContent"].as_str().unwrap()).unwrap();
        assert_eq!(audio[length..], raw, "{rule}");
    }
    assert_eq!(played("H25:endless", Api::DeepgramSpeak).await.body[40..44], [0xFF; 4]);
}

#[tokio::test(start_paused = true)]
async fn h26_three_times_the_rate() {
    let reply = played("H26", Api::DeepgramSpeak).await;
    let heard = samples(&reply.body);
    assert_eq!(heard.len(), 3 * samples(&well(Api::DeepgramSpeak).await.body).len());
    assert!((342..=344).contains(&rises(&heard)));
    assert_eq!(reply.header("content-type"), Some("audio/l16;rate=8000"));
}

#[tokio::test(start_paused = true)]
async fn h28_more_than_anybody_should_hold() {
    for api in [Api::OpenAiChat, Api::DeepgramSpeak, Api::GoogleSynthesize] {
        let reply = played("H28:2", api).await;
        assert!(reply.body.len() > 2 << 20, "{api}");
        let longest = reply.text().lines().map(str::len).max();
        assert!(api != Api::OpenAiChat || longest > Some(2 << 20));
    }
}

#[tokio::test(start_paused = true)]
async fn h29_the_connection_dies_when_it_is_used_again() {
    let theatre = theatre("");
    theatre.next(Api::OpenAiChat, 1, Play::DiesOnReuse);
    let mut raw = Raw::connect(theatre.address()).await;
    let reply = raw.ask(&right(Api::OpenAiChat)).await;
    assert_eq!((reply.status, reply.ended, reply.header("connection")), (200, Ended::Properly, None));
    let again = raw.ask(&right(Api::OpenAiChat)).await;
    assert!(again.status == 0 && [Ended::Closed, Ended::Reset].contains(&again.ended), "{again:?}");
    assert_eq!(ask(&theatre, &right(Api::OpenAiChat)).await.status, 200);
    assert_eq!(theatre.ledger().count(Api::OpenAiChat), 2);
}

#[tokio::test(start_paused = true)]
async fn h30_go_elsewhere() {
    for (rule, status) in [("H30", 302), ("H30:307", 307)] {
        let reply = played(rule, Api::Anthropic).await;
        assert_eq!((reply.status, reply.header("location")), (status, Some("/v2/elsewhere")));
    }
}

#[tokio::test(start_paused = true)]
async fn h31_gzip_that_nobody_asked_for() {
    for api in [Api::OpenAiChat, Api::DeepgramSpeak, Api::GoogleSynthesize] {
        let reply = played("H31", api).await;
        assert_eq!(reply.header("content-encoding"), Some("gzip"));
        // Stored blocks: a byte, the length, its complement, the bytes.
        let (mut rest, mut plain) = (&reply.body[10..], Vec::<u8>::new());
        while rest[0] == 0 {
            let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
            plain.extend(&rest[5..5 + length]);
            rest = &rest[5 + length..];
        }
        assert_eq!(plain, well(api).await.body, "{api}");
        assert_eq!(rest[9..], (plain.len() as u32).to_le_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn h32_the_end_twice() {
    for (api, end) in [(Api::OpenAiChat, "[DONE]"), (Api::Anthropic, "\"message_stop\""), (Api::Gemini, "STOP")] {
        assert_eq!(played("H32", api).await.text().matches(end).count(), 2, "{api}");
    }
}

#[tokio::test(start_paused = true)]
async fn h33_a_model_is_loaded() {
    let theatre = theatre("H33:3");
    let first = ask(&theatre, &right(Api::OpenAiChat)).await;
    assert_eq!((first.status, first.json()["error"]["message"].clone()), (503, json!("Loading model")));
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(ask(&theatre, &right(Api::OpenAiChat)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn h35_tools_are_called_oddly() {
    let calls = |reply: &Reply| -> Vec<Value> {
        let calls = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0].clone();
        reply.data().iter().map(calls).filter(|call| !call.is_null()).collect()
    };
    let joined = |calls: &[Value], index: u64| -> String {
        let of = calls.iter().filter(|call| call["index"].as_u64().unwrap_or(0) == index);
        of.filter_map(|call| call["function"]["arguments"].as_str()).collect()
    };
    let chat = async |rule| calls(&played(rule, Api::OpenAiChat).await);
    let whole = chat("H35:whole").await;
    assert_eq!((whole.len(), joined(&whole, 0).as_str()), (1, r#"{"day":"Tuesday"}"#));
    assert_eq!(joined(&chat("H35:empty").await, 0), "");
    assert_eq!(joined(&chat("H35:cut").await, 0), r#"{"day":""#);
    assert!(serde_json::from_str::<Value>(&joined(&chat("H35:invalid").await, 0)).is_err());
    let nameless = chat("H35:anonymous").await;
    assert!(nameless.iter().all(|call| call.get("id").is_none() && call.get("index").is_none()));
    let woven = chat("H35:interleaved").await;
    assert_eq!(joined(&woven, 0), r#"{"day":"Tuesday"}"#);
    assert_eq!(joined(&woven, 1), r#"{"day":"Friday"}"#);
    let order: Vec<_> = woven.iter().skip(2).map(|call| call["index"].as_u64().unwrap()).take(4).collect();
    assert_eq!(order, [0, 1, 0, 1]);

    for (rule, word) in [
        ("H35:whole", r#""partial_json":"{\"day\":\"Tuesday\"}""#),
        ("H35:cut", r#""stop_reason":"max_tokens""#),
        ("H35:interleaved", r#""index":2"#),
        ("H35:invalid", r#""partial_json":"\": Tu""#),
        ("H35:empty", r#""partial_json":"""#),
        ("H35:anonymous", "tool_use"),
    ] {
        let text = played(rule, Api::Anthropic).await.text();
        assert!(text.contains(word), "{rule}: {text}");
    }
    for (rule, word) in [
        ("H35:empty", r#""functionCall":{"id""#),
        ("H35:invalid", r#""args":"{\"day\": Tuesday""#),
        ("H35:cut", "MAX_TOKENS"),
        ("H35:interleaved", "Friday"),
    ] {
        let text = played(rule, Api::Gemini).await.text();
        assert!(text.contains(word), "{rule}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_for_an_api_is_not_played() {
    let theatre = theatre("H20");
    assert_eq!(ask(&theatre, &right(Api::DeepgramSpeak)).await.body, well(Api::DeepgramSpeak).await.body);
    let wrong = right(Api::OpenAiChat).with(|body| body["model"] = json!(7));
    assert_eq!(ask(&theatre, &wrong).await.json()["error"]["param"], "model");
    assert!(theatre.ledger().requests().iter().all(|note| note.play.is_none()));
}

#[tokio::test(start_paused = true)]
async fn rules_change_while_it_plays() {
    let theatre: Theatre = theatre_at(Pace::AT_ONCE, "H17");
    let status = async || ask(&theatre, &right(Api::OpenAiChat)).await.status;
    assert_eq!(status().await, 500);
    theatre.next_well(Api::OpenAiChat, 1);
    assert_eq!(status().await, 200);
    theatre.play(Vec::new());
    assert_eq!(status().await, 200);
}
