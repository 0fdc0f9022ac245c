//! What may go wrong.

use super::*;

#[test]
fn responses_that_fail_are_asked_for_once_more() {
    let failed = |response: &str, code: &str| {
        json!({"type": "response.done", "response": {"id": response, "status": "failed", "output": [],
               "status_details": {"type": "failed", "error": {"type": "server_error", "code": code}}}})
    };
    for (code, class) in [
        ("inference_rate_limit_exceeded", ErrorClass::RateLimited),
        ("rate_limit_exceeded", ErrorClass::RateLimited),
        ("server_error", ErrorClass::Unavailable),
    ] {
        play(&format!(
            "1 < {}\n2 < {}\n-> {CREATE}\n3 < {}\n4 < {}\n=> error {}",
            created("r1"),
            failed("r1", code),
            created("r2"),
            failed("r2", code),
            class.code(),
        ));
    }
    play(&format!("1 < {}\n2 < {}\n=> error quota", created("r1"), failed("r1", "insufficient_quota")));
    for status in ["incomplete", "cancelled"] {
        play(&format!(
            "1 < {}\n2 < {}\n=> 1 audio 40 ms\n3 < {}\n=> 1 done",
            created("r"),
            delta("r", "a", 40),
            done("r", status)
        ));
    }
}

#[test]
fn errors_of_the_session_end_it() {
    for (code, kind, class) in [
        ("session_expired", "invalid_request_error", ErrorClass::SessionExpired),
        ("insufficient_quota", "insufficient_quota", ErrorClass::Quota),
        ("invalid_api_key", "invalid_request_error", ErrorClass::Auth),
        ("model_not_found", "invalid_request_error", ErrorClass::Missing),
        ("rate_limit_exceeded", "rate_limit_error", ErrorClass::RateLimited),
        ("", "server_error", ErrorClass::Unavailable),
    ] {
        let message = json!({"type": "error", "error": {"type": kind, "code": code, "message": "why"}});
        play(&format!("1 < {message}\n=> error {}", class.code()));
    }
    play(&format!("1 < {}\n=> error bad_request", error("invalid_value", "x", "create")));
    play("1 < {\"type\":\"error\"}\n=> error unavailable");
    Session::new(job(Format::MULAW_8K))
        .play(&format!("0 open\n1 < {}\n=> error bad_request", error("invalid_value", "no such voice", "")));
}

/// Whoever hears the caller begin has to hear them stop: the call waits for nothing else, and the caller hears nothing.
#[test]
fn a_caller_who_is_never_heard_to_stop_ends_the_session() {
    for (turns, at) in [
        (TurnDetection::Silence { threshold: 0.5, prefix_padding_ms: 300, silence_ms: 700 }, 3_200),
        (TurnDetection::Meaning { eagerness: "high".to_owned() }, 4_500),
        (TurnDetection::Meaning { eagerness: "auto".to_owned() }, 6_500),
        (TurnDetection::Meaning { eagerness: "low".to_owned() }, 10_500),
    ] {
        let vendor = OpenAiRealtime::new(Config { turns, ..config() });
        let mut codec = vendor.open(&job(Format::MULAW_8K)).unwrap().1;
        let mut wire = Wire::default();
        let ms = Duration::from_millis;
        codec.opened(ms(0), &mut wire);
        for message in [r#"{"type":"session.created"}"#, r#"{"type":"session.updated"}"#] {
            codec.hear(ms(0), Message::Text(message), &mut wire).unwrap();
        }
        codec.begin(ms(0), &job(Format::MULAW_8K), &mut wire);
        codec.feed(ms(500), Turnout::Samples(vec![4000; 1600]), &mut wire);
        codec.hear(ms(600), Message::Text(r#"{"type":"input_audio_buffer.speech_started"}"#), &mut wire).unwrap();
        codec.feed(ms(1_000), Turnout::Samples(vec![4000; 1600]), &mut wire);
        let mut failed = None;
        while failed.is_none()
            && let Some(next) = codec.wake_at()
        {
            assert!(next < ms(60_000));
            failed = codec.tick(next, &mut wire).err().map(|error| (error.class, next));
        }
        assert_eq!(failed, Some((ErrorClass::Timeout, ms(at))));
    }
}

#[test]
fn closes_and_refusals_mean_what_the_table_says() {
    let (_, codec) = vendor().open(&job(Format::MULAW_8K)).unwrap();
    for (code, reason, class) in [
        (Some(1000), "", ErrorClass::SessionExpired),
        (Some(1001), "session_expired", ErrorClass::SessionExpired),
        (Some(3000), "invalid_request_error.invalid_api_key", ErrorClass::Auth),
        (Some(3000), "invalid_request_error.insufficient_quota", ErrorClass::Quota),
        (Some(3000), "invalid_request_error.model_not_found", ErrorClass::Missing),
        (Some(3000), "invalid_request_error.x", ErrorClass::BadRequest),
        (Some(1011), "", ErrorClass::Unavailable),
        (Some(1009), "", ErrorClass::TooLong),
        (None, "", ErrorClass::Unavailable),
    ] {
        assert_eq!(codec.closed(code, reason).class, class, "{code:?} {reason}");
    }
    for (status, class) in [(401, ErrorClass::Auth), (403, ErrorClass::Auth), (429, ErrorClass::RateLimited)] {
        assert_eq!(vendor().refusal(status).class, class);
    }
}

#[test]
fn names_of_the_beta_api_mean_the_same() {
    play(&format!(
        r#"1 < {{"type":"response.created","response":{{"id":"r"}}}}
           2 < {}
           => 1 audio 40 ms
           3 < {{"type":"response.audio_transcript.delta","response_id":"r","item_id":"a","delta":"Yes"}}
           => 1 said Yes
           4 < {{"type":"response.audio.done","response_id":"r","item_id":"a"}}
           5 < {{"type":"response.audio_transcript.done","response_id":"r","item_id":"a","transcript":"Yes"}}
           6 < {{"type":"conversation.item.created","item":{{}}}}
           7 < {{"type":"response.text.delta","response_id":"r","item_id":"b","delta":"No"}}
           => 1 said No
           8 < {{"type":"response.text.done","response_id":"r","item_id":"c","text":"All at once"}}
           => 1 said All at once"#,
        delta("r", "a", 40).replace("output_audio", "audio"),
    ));
}

#[test]
fn what_is_not_known_is_counted_and_what_is_broken_ends_the_session() {
    play(
        r#"1 < {"type":"something.new"}
           => unknown
           2 < []
           => unknown
           3 bytes
           => unknown
           4 < {"type":"input_audio_buffer.timeout_triggered"}
           5 < {"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":""}
           6 < {"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"§"}
           => error protocol"#,
    );
    play("1 < {\n=> error protocol");
}

#[test]
fn usage_is_the_sum_of_all_responses() {
    let mut session = Session::ready(job(Format::MULAW_8K));
    let mut wire = Wire::default();
    session.codec.feed(Duration::from_millis(40), Turnout::Samples(vec![0; 320]), &mut wire);
    for response in ["r1", "r2"] {
        for message in [delta(response, "a", 500), done(response, "completed")] {
            session.codec.hear(Duration::from_millis(50), Message::Text(&message), &mut wire).unwrap();
        }
    }
    let usage = &wire.output.usage;
    assert_eq!((usage.tokens_in, usage.tokens_out, usage.tokens_cached), (500, 120, 256));
    assert_eq!((usage.audio_in_ms, usage.audio_out_ms, usage.estimated), (40, 1000, false));
}

#[test]
fn a_cancelled_conversation_hears_nothing_more() {
    play(&format!(
        "1 speak 40\n-> audio 320 bytes\n2 cancel\n3 < {}\n4 < {}\n9000 wait",
        created("r"),
        delta("r", "a", 40)
    ));
}

proptest! {
    #[test]
    fn any_message_is_survived(messages in proptest::collection::vec(prop_oneof![
        ".{0,60}",
        Just(created("r")),
        Just(created("s")),
        ("[rs]?", "[ab]?", 0usize..3000).prop_map(|(response, item, ms)| delta(&response, &item, ms)),
        ("[rs]?", "completed|cancelled|failed|incomplete").prop_map(|(response, status)| done(&response, &status)),
        ("[a-z_]{0,9}", ".{0,30}", "(truncate|corrected):[ab]").prop_map(|(code, message, ours)| error(&code, &message, &ours)),
        "(response|conversation|input_audio_buffer)\\.[a-z_.]{0,30}".prop_map(|kind| json!({"type": kind}).to_string()),
    ], 0..30)) {
        let mut session = Session::ready(job(Format { encoding: Encoding::Pcm16, rate_hz: 16_000 }));
        let mut wire = Wire::default();
        for (at, message) in messages.iter().enumerate() {
            let now = Duration::from_millis(at as u64 * 130);
            let _ = session.codec.hear(now, Message::Text(message), &mut wire);
            session.codec.feed(now, Turnout::Cut { reply: at as u32 / 3, heard_ms: at as u32 * 37 }, &mut wire);
            session.codec.feed(now, Turnout::Samples(vec![1; at * 7]), &mut wire);
            let _ = session.codec.tick(now, &mut wire);
        }
        let empty = wire.output.events.iter().filter(|event| matches!(event, Exchange::Audio { audio, .. } if audio.is_empty()));
        prop_assert_eq!(empty.count(), 0);
    }
}
