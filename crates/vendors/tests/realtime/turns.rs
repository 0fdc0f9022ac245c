//! Sessions and turns.

use super::*;

#[test]
fn the_session_is_set_up_before_anything_else() {
    let (request, codec) = vendor().open(&job(Format::MULAW_8K)).unwrap();
    assert_eq!(request.url, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1");
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose(), value.is_secret())).collect();
    assert_eq!(headers, [("authorization", "Bearer secret-key", true)], "no header of the beta API");
    assert!(!format!("{:?} {request:?} {codec:?}", vendor()).contains("secret-key"));
    Session::new(job(Format::MULAW_8K)).play(
        r#"0 open
           5 wait
           10 < {"type":"session.created","event_id":"ev_0","session":{"id":"s1"}}
           -> {"type":"session.update","session":{"type":"realtime","instructions":"You are a clinic receptionist.","output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"model":"gpt-live-transcribe","language":"en"},"noise_reduction":{"type":"near_field"},"turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,"create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcmu"},"voice":"marin","speed":1.0}},"tools":[{"type":"function","name":"find_slot","description":"Finds a free time.","parameters":{"type":"object","properties":{}}}],"tool_choice":"auto","max_output_tokens":1024,"truncation":"auto"}}
           20 < {"type":"session.updated","session":{}}
           60 speak 40
           -> audio 320 bytes"#,
    );
}

#[test]
fn other_formats_go_as_pcm_at_24_khz_and_come_back_as_they_were_asked_for() {
    let pcm = Format { encoding: Encoding::Pcm16, rate_hz: 16_000 };
    let quiet = Config {
        transcription_model: String::new(),
        noise_reduction: String::new(),
        turns: TurnDetection::Meaning { eagerness: "low".to_owned() },
        speed: 1.1,
        ..config()
    };
    let plain = Converse { tools: [].into(), voice: "cedar".into(), ..job(pcm) };
    let (_, mut codec) = OpenAiRealtime::new(quiet).open(&plain).unwrap();
    let mut wire = Wire::default();
    codec.hear(Duration::ZERO, Message::Text(r#"{"type":"session.created"}"#), &mut wire).unwrap();
    let Outgoing::Text(update) = &wire.send[0] else { panic!() };
    let session = &serde_json::from_str::<Value>(update).unwrap()["session"];
    assert_eq!(
        session["audio"],
        json!({
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": true, "interrupt_response": true},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar", "speed": 1.1},
        })
    );
    assert!(session.get("tools").is_none());

    let mut session = Session::ready(job(pcm));
    let heard: usize = (1..=10)
        .flat_map(|at| session.perform(&format!("{} speak 40", at * 40)))
        .map(|line| line.trim_start_matches("-> audio ").trim_end_matches(" bytes").parse::<usize>().unwrap())
        .sum();
    assert!((18_800..=19_200).contains(&heard), "{heard} bytes of 400 ms, but for what the filter holds");
    // One second of PCM at 24 kHz, cut at an odd byte, is one second at 16 kHz.
    let bytes = vec![0u8; 48_000];
    let mut ms = 0;
    for piece in [&bytes[..12_345], &bytes[12_345..]] {
        let piece = STANDARD.encode(piece);
        let message =
            json!({"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": piece});
        ms += audio_ms(&session.perform(&format!("900 < {message}")));
    }
    let mut rest = session.perform(r#"950 < {"type":"response.output_audio.done","response_id":"r","item_id":"i"}"#);
    ms += audio_ms(&rest);
    rest = session.perform(&format!("960 < {}", done("r", "completed")));
    assert_eq!(rest, ["=> 1 done"]);
    assert!((998..=1000).contains(&ms), "{ms}");
}

#[expect(clippy::unwrap_used, reason = "a line that is no audio fails its test")]
fn audio_ms(lines: &[String]) -> u32 {
    lines
        .iter()
        .map(|line| line.trim_start_matches("=> 1 audio ").trim_end_matches(" ms").parse::<u32>().unwrap())
        .sum()
}

#[test]
fn a_turn_from_the_callers_words_to_the_end_of_the_reply() {
    play(&format!(
        r#"100 speak 40
           -> audio 320 bytes
           200 < {{"type":"input_audio_buffer.speech_started","event_id":"ev_1","audio_start_ms":2140,"item_id":"item_u1"}}
           => spoke
           300 wait
           -> audio 800 bytes
           -> audio 800 bytes
           900 < {{"type":"input_audio_buffer.speech_stopped","event_id":"ev_2","audio_end_ms":3900,"item_id":"item_u1"}}
           => paused
           900 < {{"type":"input_audio_buffer.committed","event_id":"ev_3","item_id":"item_u1","previous_item_id":null}}
           900 < {{"type":"conversation.item.added","item":{{"id":"item_u1","type":"message","role":"user","content":[]}}}}
           950 < {}
           960 < {{"type":"response.output_item.added","response_id":"resp_1","output_index":0,"item":{{"id":"item_a1","type":"message"}}}}
           960 < {{"type":"response.content_part.added","response_id":"resp_1","item_id":"item_a1","part":{{"type":"audio"}}}}
           970 < {{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","delta":"Of course,"}}
           => 1 said Of course,
           980 < {}
           => 1 audio 1000 ms
           => 1 audio 500 ms
           990 < {{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_u1","content_index":0,"transcript":"Can I move my visit?"}}
           => caller said Can I move my visit?
           990 < {{"type":"response.output_audio_transcript.done","response_id":"resp_1","item_id":"item_a1","transcript":"Of course,"}}
           995 < {{"type":"response.output_audio.done","response_id":"resp_1","item_id":"item_a1"}}
           995 < {{"type":"response.output_item.done","response_id":"resp_1","item":{{}}}}
           995 < {{"type":"rate_limits.updated","rate_limits":[]}}
           999 < {}
           => 1 done
           999 < {}"#,
        created("resp_1"),
        delta("resp_1", "item_a1", 1500),
        done("resp_1", "completed"),
        done("resp_1", "completed"),
    ));
}

#[test]
fn silence_follows_the_callers_words_until_their_end_is_heard() {
    let mut session = Session::ready(job(Format::MULAW_8K));
    assert!(session.perform("5000 wait").is_empty(), "nobody has spoken");
    session.perform("6000 speak 40");
    assert_eq!(session.perform("60000 wait").len(), 20, "two seconds, should the server hear something in it");
    session.perform("70000 speak 40");
    session.perform(r#"70000 < {"type":"input_audio_buffer.speech_started"}"#);
    assert_eq!(session.perform("71900 wait").len(), 19, "as long as the server may take to hear their end");
    session.perform("100000 speak 40");
    session.perform("100500 wait");
    session.perform(r#"100500 < {"type":"input_audio_buffer.speech_stopped"}"#);
    assert_eq!(session.perform("120000 wait").len(), 15);
}

#[test]
fn an_interruption_says_what_was_heard_and_drops_the_rest() {
    play(&format!(
        r#"100 < {}
           110 < {}
           => 1 audio 900 ms
           200 < {{"type":"input_audio_buffer.speech_started"}}
           => spoke
           210 cut 1 640
           -> {{"type":"response.cancel","response_id":"resp_1"}}
           -> {{"type":"conversation.item.truncate","event_id":"truncate:item_a1","item_id":"item_a1","content_index":0,"audio_end_ms":640}}
           210 cut 1 700
           220 < {}
           220 < {{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","delta":"late"}}
           230 < {{"type":"conversation.item.truncated","item_id":"item_a1","audio_end_ms":640}}
           240 < {}
           250 < {}
           300 < {}
           310 < {}
           => 2 audio 100 ms"#,
        created("resp_1"),
        delta("resp_1", "item_a1", 900),
        delta("resp_1", "item_a1", 500),
        done("resp_1", "cancelled"),
        delta("resp_1", "item_a1", 500),
        created("resp_2"),
        delta("resp_2", "item_a2", 100),
    ));
}

#[test]
fn never_is_more_heard_than_came() {
    for (heard, orders) in [
        // Before the first sample: the whole item goes.
        (
            0,
            vec![
                r#"{"type":"conversation.item.delete","item_id":"a"}"#,
                r#"{"type":"conversation.item.delete","item_id":"b"}"#,
            ],
        ),
        // In the first item.
        (
            299,
            vec![
                r#"{"type":"conversation.item.truncate","event_id":"truncate:a","item_id":"a","content_index":0,"audio_end_ms":299}"#,
                r#"{"type":"conversation.item.delete","item_id":"b"}"#,
            ],
        ),
        // In the second.
        (
            350,
            vec![
                r#"{"type":"conversation.item.truncate","event_id":"truncate:b","item_id":"b","content_index":0,"audio_end_ms":50}"#,
            ],
        ),
        // All of it, by a clock that runs ahead.
        (585, vec![]),
    ] {
        let mut session = Session::ready(job(Format::MULAW_8K));
        session.perform(&format!("1 < {}", created("r")));
        session.perform(&format!("2 < {}", delta("r", "a", 300)));
        session.perform(&format!("3 < {}", delta("r", "b", 200)));
        session.perform(&format!("4 < {}", done("r", "completed")));
        let expected: Vec<String> =
            orders.iter().map(|order| format!("-> {}", serde_json::from_str::<Value>(order).unwrap())).collect();
        assert_eq!(session.perform(&format!("5 cut 1 {heard}")), expected, "{heard}");
    }
    // While more is on its way, even a clock that runs ahead must say where it was cut.
    play(&format!(
        r#"1 < {}
           2 < {}
           => 1 audio 300 ms
           3 cut 1 385
           -> {{"type":"response.cancel","response_id":"r"}}
           -> {{"type":"conversation.item.truncate","event_id":"truncate:a","item_id":"a","content_index":0,"audio_end_ms":300}}
           4 cut 7 100"#,
        created("r"),
        delta("r", "a", 300),
    ));
}

#[test]
fn what_begins_while_a_cancel_is_on_its_way_is_heard_by_nobody() {
    play(&format!(
        r#"1 < {}
           2 < {{"type":"response.output_text.delta","response_id":"r","item_id":"a","delta":"Well"}}
           => 1 said Well
           3 cut 1 0
           -> {{"type":"response.cancel","response_id":"r"}}
           -> {{"type":"conversation.item.delete","item_id":"a"}}
           4 < {}
           5 < {{"type":"response.done","response":{{"id":"r","status":"cancelled","output":[{{"id":"a","type":"message"}},{{"id":"b","type":"message"}},{{"id":"c","type":"message"}},{{"id":"f","type":"function_call"}}]}}}}
           -> {{"type":"conversation.item.delete","item_id":"b"}}
           -> {{"type":"conversation.item.delete","item_id":"c"}}"#,
        created("r"),
        delta("r", "b", 40),
    ));
}

#[test]
fn truncations_that_are_refused_are_mended() {
    play(&format!(
        r#"1 < {}
           -> {{"type":"conversation.item.truncate","event_id":"corrected:a","item_id":"a","content_index":0,"audio_end_ms":1850}}
           2 < {}
           3 < {}
           -> {{"type":"conversation.item.delete","item_id":"a"}}
           4 < {}
           5 < {}
           6 < {}
           7 < {}"#,
        error("invalid_value", "Audio content of 1850ms is already shorter than 1935ms", "truncate:a"),
        error("invalid_value", "Audio content of 1800ms is already shorter than 1850ms", "corrected:a"),
        error("unsupported_content_type", "only model output audio messages can be truncated", "truncate:a"),
        error("response_cancel_not_active", "x", "ev"),
        error("input_audio_buffer_commit_empty", "x", "ev"),
        error("item_create_duplicate_item_id", "x", "ev"),
        error("invalid_value", "something that the session survives", "ev"),
    ));
}
