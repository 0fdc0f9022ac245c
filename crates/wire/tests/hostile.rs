//! Whatever comes, nothing panics, and what was promised about every answer holds.

use std::{fs, path::PathBuf, sync::LazyLock};

use operetta_audio::Encoding;
use operetta_wire::{Carrier, Dialect, Heard, Line, MAX_PARAMETERS, Say, WireError, webhook::Ring};
use proptest::prelude::*;
use serde_json::Value;

/// Every distinct message of the recorded sessions, long runs of media left out.
static MESSAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut messages = Vec::new();
    for entry in fs::read_dir(fixtures).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let (mut media, mut rest): (Vec<_>, Vec<_>) =
                text.lines().map(str::to_owned).partition(|line| line.contains(r#""event":"media""#));
            media.truncate(2);
            rest.append(&mut media);
            messages.append(&mut rest);
        }
    }
    assert!(messages.len() > 30, "no recorded sessions found");
    messages
});

fn lines() -> impl Strategy<Value = Line> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<Option<u32>>(), any::<Option<usize>>()).prop_map(
        |(exotel, duplex, implicit_start, extras, rate_hint_hz, chunk_bytes)| Line {
            carrier: if exotel { Carrier::Exotel } else { Carrier::Twilio },
            duplex,
            rate_hint_hz,
            implicit_start,
            extras,
            chunk_bytes,
        },
    )
}

/// A recorded message, with its bytes or its values changed.
fn bent() -> impl Strategy<Value = String> {
    let message = (0..MESSAGES.len()).prop_map(|index| MESSAGES.get(index).cloned().unwrap_or_default());
    let cut = (message.clone(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,3}").prop_map(
        |(text, from, to, middle)| {
            let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let bytes = text.as_bytes();
            let head = String::from_utf8_lossy(bytes.get(..from).unwrap_or_default());
            let tail = String::from_utf8_lossy(bytes.get(to..).unwrap_or_default());
            format!("{head}{middle}{tail}")
        },
    );
    let swapped = (message.clone(), any::<prop::sample::Index>(), values()).prop_map(|(text, index, value)| {
        let mut json: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut left = index.index(24);
        replace(&mut json, &mut left, &value);
        json.to_string()
    });
    let doubled = (message.clone(), message.clone())
        .prop_map(|(one, two)| format!("{},{}", one.trim_end_matches('}'), two.trim_start_matches('{')));
    prop_oneof![4 => message, 3 => cut, 6 => swapped, 1 => doubled, 1 => values().prop_map(|value| value.to_string()), 1 => any::<String>()]
}

/// Puts `value` in the place of the value that is `left` steps away.
fn replace(json: &mut Value, left: &mut usize, value: &Value) {
    if *left == 0 {
        *json = value.clone();
    }
    *left = left.wrapping_sub(1);
    match json {
        Value::Object(entries) => entries.iter_mut().for_each(|(_, entry)| replace(entry, left, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, left, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(vec![
            "start", "media", "stop", "mark", "dtmf", "clear", "inbound", "8000", "AAAA", "#", ""
        ])
        .prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            prop::sample::select(vec![
                "event",
                "start",
                "media",
                "stream_sid",
                "streamSid",
                "payload",
                "media_format",
                "digit"
            ])
            .prop_map(str::to_owned),
            ".{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn any_session_keeps_the_promises(line in lines(), messages in prop::collection::vec(bent(), 1..24), frame in prop::collection::vec(any::<u8>(), 0..700)) {
        let mut dialect = Dialect::new(line);
        let (mut audio, mut out) = (Vec::new(), String::new());
        let mut stream: Option<Box<str>> = None;
        let mut stopped = false;
        for message in &messages {
            let heard = dialect.decode(message, &mut audio);
            let carries = match &heard {
                Ok(Heard::Started(start)) => {
                    prop_assert!(stream.is_none(), "started twice");
                    prop_assert!(!start.implicit || line.implicit_start);
                    stream = Some(start.stream_sid.clone());
                    start.implicit
                }
                Ok(Heard::Amended(start)) => {
                    prop_assert_eq!(stream.as_deref(), Some(&*start.stream_sid));
                    false
                }
                Ok(Heard::Media) => true,
                Ok(Heard::Stopped(_)) => {
                    prop_assert!(!stopped, "stopped twice");
                    stopped = true;
                    false
                }
                Ok(Heard::Dtmf(_) | Heard::Mark(_) | Heard::Connected | Heard::Ignored(_)) | Err(_) => false,
            };
            if matches!(heard, Ok(Heard::Media | Heard::Dtmf(_) | Heard::Mark(_))) {
                prop_assert!(stream.is_some() && !stopped, "heard outside a session");
            }
            if let Ok(Heard::Started(start) | Heard::Amended(start)) = &heard {
                prop_assert!(start.parameters.len() <= MAX_PARAMETERS);
                prop_assert_eq!(start.format, dialect.format());
                prop_assert!([8000, 16_000, 24_000].contains(&start.format.rate_hz));
            }
            prop_assert_eq!(!audio.is_empty(), carries);
            let pcm = dialect.format().encoding == Encoding::Pcm16;
            prop_assert!(!pcm || audio.len() % 2 == 0);
            prop_assert_eq!(dialect.cut(), dialect.cut().sound(dialect.format()));

            for say in [Say::Media(&frame), Say::Mark("utt-1"), Say::Clear] {
                match dialect.encode(say, &mut out) {
                    Ok(()) => {
                        prop_assert!(line.duplex && stream.is_some() && !stopped);
                        let said: Value = serde_json::from_str(&out).unwrap();
                        let sid = said.get("stream_sid").or_else(|| said.get("streamSid")).and_then(Value::as_str);
                        prop_assert_eq!(sid, stream.as_deref());
                    }
                    Err(WireError::FrameSize { bytes, .. }) => prop_assert_eq!(bytes, 0),
                    Err(_) => prop_assert!(!line.duplex || stream.is_none() || stopped),
                }
            }
        }
    }

    #[test]
    fn any_lookup_is_read(fields in prop::collection::vec((".{0,12}|CallSid|From|To|Direction", ".{0,40}"), 0..20)) {
        let exotel = Ring::read(Carrier::Exotel, fields.iter().map(|(name, value)| (name, value)));
        prop_assert!(exotel.is_ok());
        let twilio = Ring::read(Carrier::Twilio, fields);
        prop_assert!(twilio.is_err() || twilio.is_ok_and(|ring| ring.call_sid.is_some()));
    }
}
