//! What a dialect writes: one form for each carrier and spelling, and nothing where nothing may be said.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Cut, Format, Next, Playout};
use operetta_wire::{Dialect, Line, Say, WireError};

/// A dialect that has heard these messages.
fn after(line: Line, messages: &[&str]) -> Dialect {
    let mut dialect = Dialect::new(line);
    for message in messages {
        let heard = dialect.decode(message, &mut Vec::new());
        assert!(heard.is_ok(), "{heard:?}");
    }
    dialect
}

fn said(dialect: &mut Dialect, say: Say<'_>) -> Result<String, WireError> {
    let mut out = "left over".to_owned();
    dialect.encode(say, &mut out).map(|()| out)
}

const SNAKE: &str = r#"{"event":"start","stream_sid":"c01","start":{"call_sid":"b01"}}"#;
const CAMEL: &str = r#"{"event":"start","streamSid":"c01","start":{"callSid":"b01"}}"#;

#[test]
fn exotel_is_answered_in_its_own_spelling() {
    let mut snake = after(Line::exotel(), &[SNAKE]);
    for expected in [
        r#"{"event":"media","stream_sid":"c01","sequence_number":"1","media":{"chunk":"1","timestamp":"0","payload":"AAAAAA=="}}"#,
        r#"{"event":"media","stream_sid":"c01","sequence_number":"2","media":{"chunk":"2","timestamp":"0","payload":"AAAAAA=="}}"#,
    ] {
        assert_eq!(said(&mut snake, Say::Media(&[0; 4])).as_deref(), Ok(expected));
    }
    assert_eq!(
        said(&mut snake, Say::Mark("utt-7")).as_deref(),
        Ok(r#"{"event":"mark","stream_sid":"c01","mark":{"name":"utt-7"}}"#)
    );
    assert_eq!(said(&mut snake, Say::Clear).as_deref(), Ok(r#"{"event":"clear","stream_sid":"c01"}"#));

    let mut camel = after(Line::exotel(), &[CAMEL]);
    assert_eq!(
        said(&mut camel, Say::Media(&[0; 4])).as_deref(),
        Ok(
            r#"{"event":"media","streamSid":"c01","media":{"chunk":"1","timestamp":"0","sequenceNumber":"1","payload":"AAAAAA=="}}"#
        )
    );
    assert_eq!(
        said(&mut camel, Say::Mark("utt-7")).as_deref(),
        Ok(r#"{"event":"mark","streamSid":"c01","mark":{"name":"utt-7"}}"#)
    );
    assert_eq!(said(&mut camel, Say::Clear).as_deref(), Ok(r#"{"event":"clear","streamSid":"c01"}"#));
}

#[test]
fn the_spelling_is_that_of_whoever_gave_the_id() {
    let media = r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"}}"#;
    let camel_media = r#"{"event":"media","streamSid":"c01","media":{"payload":"AAAA"}}"#;
    let nested = r#"{"event":"start","start":{"streamSid":"c01"}}"#;
    let null = r#"{"event":"start","stream_sid":null,"streamSid":"c01"}"#;
    let bare = r#"{"event":"start","start":{"call_sid":"b01"}}"#;
    for (messages, expected) in [
        (&[media][..], "stream_sid"),
        (&[camel_media], "streamSid"),
        (&[media, CAMEL], "streamSid"),
        (&[media, bare], "stream_sid"),
        (&[nested], "streamSid"),
        (&[null], "streamSid"),
        (&[SNAKE, camel_media], "stream_sid"),
    ] {
        let clear = said(&mut after(Line::exotel(), messages), Say::Clear);
        assert_eq!(clear, Ok(format!(r#"{{"event":"clear","{expected}":"c01"}}"#)), "{messages:?}");
    }
}

#[test]
fn counters_count_our_side_and_can_be_left_out() {
    let mut dialect = after(Line::exotel(), &[SNAKE]);
    for number in 0..3_u64 {
        let frame = said(&mut dialect, Say::Media(&[1; 3200])).unwrap();
        said(&mut dialect, Say::Mark("m")).unwrap();
        let expected = format!(
            r#""sequence_number":"{n}","media":{{"chunk":"{n}","timestamp":"{}","#,
            number * 200,
            n = number + 1
        );
        assert!(frame.contains(&expected), "{expected} in {frame:.120}");
    }
    let mut plain = after(Line { extras: false, ..Line::exotel() }, &[SNAKE]);
    assert_eq!(
        said(&mut plain, Say::Media(&[0; 4])).as_deref(),
        Ok(r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAA=="}}"#)
    );
}

#[test]
fn twilio_gets_exactly_its_keys() {
    // Even if a route asks for counters: Twilio warns about keys that it does not know.
    let line = Line { extras: true, ..Line::twilio() };
    let mut dialect = after(line, &[r#"{"event":"start","streamSid":"MZ1","start":{}}"#]);
    assert_eq!(
        said(&mut dialect, Say::Media(&[0xFF; 3])).as_deref(),
        Ok(r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////"}}"#)
    );
    assert_eq!(
        said(&mut dialect, Say::Mark("utt-7")).as_deref(),
        Ok(r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"utt-7"}}"#)
    );
    assert_eq!(said(&mut dialect, Say::Clear).as_deref(), Ok(r#"{"event":"clear","streamSid":"MZ1"}"#));
}

#[test]
fn ids_and_names_are_escaped() {
    let mut dialect = after(Line::exotel(), &[r#"{"event":"start","stream_sid":"c\"0\\1\n"}"#]);
    let mark = said(&mut dialect, Say::Mark("a\"}\u{1}é")).unwrap();
    let read: serde_json::Value = serde_json::from_str(&mark).unwrap();
    assert_eq!((read["stream_sid"].as_str(), read["mark"]["name"].as_str()), (Some("c\"0\\1\n"), Some("a\"}\u{1}é")));
}

#[test]
fn nothing_is_said_where_nothing_may_be() {
    let stop = r#"{"event":"stop","stream_sid":"c01"}"#;
    for (line, messages, expected) in [
        (Line::exotel(), &[][..], WireError::NotStarted),
        (Line::exotel(), &[r#"{"event":"connected"}"#], WireError::NotStarted),
        (Line::exotel(), &[SNAKE, stop], WireError::Stopped),
        (Line::exotel().listen_only(), &[SNAKE], WireError::ListenOnly),
        (Line::twilio().listen_only(), &[r#"{"event":"start","streamSid":"MZ1"}"#], WireError::ListenOnly),
    ] {
        let mut dialect = after(line, messages);
        for say in [Say::Media(&[0; 320]), Say::Mark("m"), Say::Clear] {
            let mut out = "left over".to_owned();
            assert_eq!(dialect.encode(say, &mut out), Err(expected), "{say:?}");
            assert_eq!(out, "");
        }
    }
}

#[test]
fn sizes_are_checked() {
    let mut dialect = after(Line::exotel(), &[SNAKE]);
    assert_eq!(said(&mut dialect, Say::Media(&[])), Err(WireError::FrameSize { bytes: 0, max: 74_880 }));
    assert_eq!(
        said(&mut dialect, Say::Media(&vec![0; 74_881])),
        Err(WireError::FrameSize { bytes: 74_881, max: 74_880 })
    );
    assert!(said(&mut dialect, Say::Media(&vec![0; 74_880])).is_ok());
    assert_eq!(said(&mut dialect, Say::Mark("")), Err(WireError::MarkName { bytes: 0 }));
    assert_eq!(said(&mut dialect, Say::Mark(&"m".repeat(129))), Err(WireError::MarkName { bytes: 129 }));
}

#[test]
fn exotel_is_cut_by_its_rule() {
    let start =
        |rate: u32| format!(r#"{{"event":"start","stream_sid":"c01","media_format":{{"sample_rate":{rate}}}}}"#);
    for (rate, chunk_bytes, chunk, first) in [
        (8000, None, 3200, 1600),
        (16_000, None, 3200, 3200),
        (24_000, None, 3840, 3840),
        (8000, Some(320), 320, 320),
        (8000, Some(0), 320, 320),
        (8000, Some(1000), 960, 960),
        (8000, Some(1_000_000), 74_880, 1600),
    ] {
        let dialect = after(Line { chunk_bytes, ..Line::exotel() }, &[&start(rate)]);
        let cut = dialect.cut();
        assert_eq!(
            (cut.align_bytes, cut.chunk_bytes, cut.first_chunk_bytes),
            (320, chunk, first),
            "{rate} {chunk_bytes:?}"
        );
        assert!(cut.lead_ms <= 1000 && cut == cut.sound(dialect.format()));
    }
}

#[test]
fn g711_at_exotel_is_cut_by_time() {
    let start =
        r#"{"event":"start","stream_sid":"c01","media_format":{"encoding":"audio/x-mulaw","sample_rate":8000}}"#;
    let cut = after(Line::exotel(), &[start]).cut();
    assert_eq!((cut.align_bytes, cut.chunk_bytes, cut.first_chunk_bytes), (320, 1600, 640));
}

#[test]
fn twilio_is_cut_in_twenty_milliseconds() {
    let cut = Dialect::new(Line::twilio()).cut();
    assert_eq!(cut, Cut { align_bytes: 1, chunk_bytes: 160, first_chunk_bytes: 160, head_ms: 1000, lead_ms: 1000 });
    let cut = Dialect::new(Line { chunk_bytes: Some(800), ..Line::twilio() }).cut();
    assert_eq!((cut.chunk_bytes, cut.first_chunk_bytes), (800, 800));
}

/// From a greeting to the messages on the wire: every payload is a multiple of 320 bytes, and together they are the
/// greeting and its padding.
#[test]
fn a_greeting_on_the_exotel_wire() {
    let mut dialect = after(Line::exotel(), &[SNAKE]);
    let mut playout = Playout::new(Format::PCM16_8K, dialect.cut());
    let greeting: Vec<u8> = (0..20_001_u32).map(|index| (index % 250) as u8 + 1).collect();
    playout.push_audio(greeting.clone().into()).unwrap();
    playout.push_mark("greeting".into());
    let (mut at, mut frame, mut out, mut sent) = (std::time::Duration::ZERO, Vec::new(), String::new(), Vec::new());
    loop {
        match playout.poll(at, &mut frame) {
            Next::Frame => {
                dialect.encode(Say::Media(&frame), &mut out).unwrap();
                let message: serde_json::Value = serde_json::from_str(&out).unwrap();
                let payload = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                assert_eq!(payload.len() % 320, 0);
                sent.extend(payload);
            }
            Next::Wait(due) => at = due,
            Next::Mark { name, .. } => {
                dialect.encode(Say::Mark(&name), &mut out).unwrap();
                break;
            }
            Next::Idle => unreachable!("the mark has not been sent"),
        }
    }
    assert_eq!(out, r#"{"event":"mark","stream_sid":"c01","mark":{"name":"greeting"}}"#);
    assert_eq!((&sent[..20_000], &sent[20_000..]), (&greeting[..20_000], &[0; 160][..]));
}
