//! What a dialect makes of each message: one row for every tolerance and every bound.

use std::{collections::BTreeSet, fmt::Write as _};

use operetta_wire::{
    Blame, Dialect, Heard, Ignored, Line, MAX_BAD_MESSAGES, MAX_TEXT_BYTES, PhoneNumber, StopReason, WireError,
};

/// What was made of a message, in words.
fn told(heard: &Result<Heard, WireError>, audio: &[u8]) -> String {
    let mut words = match heard {
        Ok(Heard::Connected) => "connected".into(),
        Ok(Heard::Started(start) | Heard::Amended(start)) => {
            let verb = if matches!(heard, Ok(Heard::Started(_))) { "started" } else { "amended" };
            let mut words = format!("{verb} {} {}", start.stream_sid, start.format);
            for (name, value) in [
                ("call", start.call_sid.as_deref()),
                ("account", start.account_sid.as_deref()),
                ("from", start.from.as_ref().map(PhoneNumber::as_str)),
                ("to", start.to.as_ref().map(PhoneNumber::as_str)),
            ] {
                if let Some(value) = value {
                    let _ = write!(words, " {name}={value}");
                }
            }
            for (name, value) in &start.parameters {
                let _ = write!(words, " {name}:{value}");
            }
            if start.parameters_dropped > 0 {
                let _ = write!(words, " dropped {}", start.parameters_dropped);
            }
            if start.implicit { words + " implicit" } else { words }
        }
        Ok(Heard::Media) => "media".into(),
        Ok(Heard::Dtmf(digit)) => format!("dtmf {}", digit.as_char()),
        Ok(Heard::Mark(name)) => format!("mark {name}"),
        Ok(Heard::Stopped(stop)) => {
            let mut words = "stopped".to_owned();
            for part in [stop.reason.map(StopReason::as_str), stop.call_sid.as_deref()].into_iter().flatten() {
                let _ = write!(words, " {part}");
            }
            words
        }
        Ok(Heard::Ignored(why)) => format!("ignored {}", why.code()),
        Err(error) => {
            let close = error.close_code().map(|code| format!(" close {code}")).unwrap_or_default();
            format!("error {}{close}", error.code())
        }
    };
    if !audio.is_empty() {
        let _ = write!(words, " {} B", audio.len());
    }
    words
}

/// Sends each message in turn on one line and compares what is made of it.
#[track_caller]
fn check(line: Line, rows: &[(&str, &str)]) {
    let mut dialect = Dialect::new(line);
    // Filled with something, so that a buffer that is not cleared shows.
    let mut audio = vec![9; 5];
    for (number, (message, expected)) in rows.iter().enumerate() {
        let heard = dialect.decode(message, &mut audio);
        assert_eq!(told(&heard, &audio), *expected, "message {}: {message:.200}", number + 1);
    }
}

const EXOTEL_START: (&str, &str) =
    (r#"{"event":"start","stream_sid":"c01","start":{"call_sid":"b01"}}"#, "started c01 pcm16/8000 call=b01");
const TWILIO_START: (&str, &str) =
    (r#"{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}"#, "started MZ1 mulaw/8000 call=CA1");

#[test]
fn exotel_start_in_every_shape() {
    let whole = "started c01 pcm16/16000 call=b01 account=ex1m from=01000000001 to=01000000002 lang:hi-IN";
    for message in [
        // Documented.
        r#"{"event":"start","sequence_number":1,"stream_sid":"c01","start":{"stream_sid":"c01","call_sid":"b01",
            "account_sid":"ex1m","from":"01000000001","to":"01000000002","custom_parameters":{"lang":"hi-IN"},
            "media_format":{"encoding":"raw/slin","sample_rate":"16000","bit_rate":"256kbps"}}}"#,
        // The Connect helpers' camelCase, rate as a number.
        r#"{"event":"start","sequenceNumber":"1","streamSid":"c01","start":{"streamSid":"c01","callSid":"b01",
            "accountSid":"ex1m","from":"01000000001","to":"01000000002","customParameters":{"lang":"hi-IN"},
            "mediaFormat":{"encoding":"audio/x-raw","sampleRate":16000,"bitRate":256}}}"#,
        // Flat, either spelling.
        r#"{"event":"start","stream_sid":"c01","call_sid":"b01","account_sid":"ex1m","from":"01000000001",
            "to":"01000000002","custom_parameters":{"lang":"hi-IN"},"media_format":{"sample_rate":"16000"}}"#,
        r#"{"event":"start","streamSid":"c01","callSid":"b01","accountSid":"ex1m","from":"01000000001",
            "to":"01000000002","customParameters":{"lang":"hi-IN"},"mediaFormat":{"sampleRate":"16000"}}"#,
        // The id in one place only, and the rest scattered; what is nested comes first.
        r#"{"event":"start","from":"0999999999","start":{"stream_sid":"c01","from":"01000000001"},"call_sid":"b01",
            "accountSid":"ex1m","to":"01000000002","custom_parameters":{"lang":"hi-IN"},
            "media_format":{"encoding":"base64","sample_rate":"16 kHz"}}"#,
        // The event last, escapes, numbers for strings, keys nobody knows, keys twice.
        r#"{"start":{"stream_sid":"c\u00301","call_sid":"b01","account_sid":"ex1m","from":1000000001,"from":"01000000001",
            "to":"01000000002","custom_parameters":{"lang":"hi-IN"},"media_format":{"sample_rate":"16000Hz","x":[{}]},
            "new":{"deep":[1,2,{"a":null}]}},"event":"start"}"#,
    ] {
        let expected = if message.contains("\"from\":1000000001") {
            whole.replace("01000000001", "1000000001")
        } else {
            whole.to_owned()
        };
        check(Line::exotel(), &[(message, &expected)]);
    }
}

#[test]
fn exotel_formats() {
    for (format, expected) in [
        (r#"{"encoding":"raw/slin","sample_rate":"8000"}"#, "pcm16/8000"),
        (r#"{"encoding":"raw","sample_rate":24000}"#, "pcm16/24000"),
        (r#"{"encoding":"audio/x-raw","sample_rate":"24000.0"}"#, "pcm16/24000"),
        (r#"{"encoding":"base64","sample_rate":" 16000 "}"#, "pcm16/16000"),
        (r#"{"encoding":"audio/x-mulaw","sample_rate":"8000"}"#, "mulaw/8000"),
        (r#"{"encoding":"audio/x-mulaw;rate=8000","sample_rate":"8000"}"#, "mulaw/8000"),
        (r#"{"encoding":"PCMU","sample_rate":8000}"#, "mulaw/8000"),
        (r#"{"encoding":"audio/x-alaw","sample_rate":8000}"#, "alaw/8000"),
        // The URL's rate, where start gives none that can be used.
        (r#"{"encoding":"raw/slin"}"#, "pcm16/16000"),
        (r#"{"sample_rate":"44100"}"#, "pcm16/16000"),
        (r#"{"sample_rate":0}"#, "pcm16/16000"),
        (r#"{"sample_rate":-8000}"#, "pcm16/16000"),
        (r#"{"sample_rate":"99999999999999999999"}"#, "pcm16/16000"),
        (r#"{"sample_rate":{"hz":8000}}"#, "pcm16/16000"),
        (r#""raw/slin""#, "pcm16/16000"),
        ("null", "pcm16/16000"),
    ] {
        let line = Line { rate_hint_hz: Some(16_000), ..Line::exotel() };
        let message = format!(r#"{{"event":"start","stream_sid":"c01","start":{{"media_format":{format}}}}}"#);
        check(line, &[(&message, &format!("started c01 {expected}"))]);
    }
    let odd = Line { rate_hint_hz: Some(11_025), ..Line::exotel() };
    check(odd, &[(r#"{"event":"start","stream_sid":"c01"}"#, "started c01 pcm16/8000")]);
}

#[test]
fn custom_parameters_are_scalars_within_bounds() {
    let start = |parameters: &str| {
        format!(r#"{{"event":"start","stream_sid":"c01","start":{{"custom_parameters":{parameters}}}}}"#)
    };
    for (parameters, expected) in [
        ("{}", ""),
        ("null", ""),
        (r#""""#, ""),
        ("[]", ""),
        ("7", ""),
        (r#"{"a":"x","b":7,"c":true,"d":""}"#, " a:x b:7 c:true d:"),
        (r#"{"a":"x","a":"y"}"#, " a:x dropped 1"),
        (r#"{"a":{"b":1},"c":[1],"d":null,"e":"x"}"#, " e:x dropped 3"),
        (r#"{"stream_sid":"other","call_sid":"other"}"#, " stream_sid:other call_sid:other"),
    ] {
        check(Line::exotel(), &[(&start(parameters), &format!("started c01 pcm16/8000{expected}"))]);
    }
    let many: Vec<String> = (0..40).map(|number| format!(r#""p{number}":"v""#)).collect();
    let kept: String = (0..32).fold(String::new(), |kept, number| kept + &format!(" p{number}:v"));
    let message = start(&format!("{{{}}}", many.join(",")));
    check(Line::exotel(), &[(&message, &format!("started c01 pcm16/8000{kept} dropped 8"))]);
    let message = start(&format!(r#"{{"{}":"v","v":"{}","ok":"v"}}"#, "n".repeat(513), "v".repeat(2049)));
    check(Line::exotel(), &[(&message, "started c01 pcm16/8000 ok:v dropped 2")]);
}

#[test]
fn the_beginning() {
    check(
        Line::exotel(),
        &[
            (r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#, "connected"),
            (r#"{"event":"connected"}"#, "ignored repeated_connected"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"5"}}"#, "ignored before_start"),
            (r#"{"event":"mark","stream_sid":"c01","mark":{"name":"utt-1"}}"#, "ignored before_start"),
            EXOTEL_START,
            EXOTEL_START_AGAIN,
            (r#"{"event":"start"}"#, "ignored repeated_start"),
            (r#"{"event":"connected"}"#, "ignored repeated_connected"),
            (r#"{"event":"start","stream_sid":"c02"}"#, "error second_stream close 1008"),
            // The second stream is not mixed in, the first goes on.
            (r#"{"event":"media","stream_sid":"c02","media":{"payload":"AAAA"}}"#, "ignored other_stream"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"}}"#, "media 2 B"),
        ],
    );
    for message in
        [r#"{"event":"start"}"#, r#"{"event":"start","stream_sid":"","start":null}"#, r#"{"event":"start","start":""}"#]
    {
        check(Line::exotel(), &[(message, "error start_without_stream close 1008")]);
    }
    let long = format!(r#"{{"event":"start","stream_sid":"{}"}}"#, "x".repeat(513));
    check(Line::exotel(), &[(&long, "error start_without_stream close 1008")]);
}

const EXOTEL_START_AGAIN: (&str, &str) = (EXOTEL_START.0, "ignored repeated_start");

#[test]
fn media_may_begin_a_session_that_was_proven_at_the_upgrade() {
    check(
        Line::exotel(),
        &[
            (r#"{"event":"media","media":{"payload":"AAAA"}}"#, "ignored no_stream_sid"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"?"}}"#, "ignored bad_base64"),
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA","track":"outbound"}}"#,
                "ignored other_track",
            ),
            // Its audio is there already, beside the beginning.
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAAAA"}}"#,
                "started c01 pcm16/8000 implicit 6 B",
            ),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"}}"#, "media 2 B"),
            (r#"{"event":"start","stream_sid":"c02"}"#, "error second_stream close 1008"),
            (
                r#"{"event":"start","streamSid":"c01","start":{"callSid":"b01","mediaFormat":{"sampleRate":16000}}}"#,
                "amended c01 pcm16/16000 call=b01",
            ),
            (r#"{"event":"start","stream_sid":"c01"}"#, "ignored repeated_start"),
        ],
    );
    check(
        Line { rate_hint_hz: Some(24_000), ..Line::exotel() },
        &[
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"}}"#,
                "started c01 pcm16/24000 implicit 2 B",
            ),
            // A start that forgets the id can only mean this stream.
            (r#"{"event":"start","start":{"call_sid":"b01"}}"#, "amended c01 pcm16/24000 call=b01"),
        ],
    );
    // Where the proof is in `start`, nothing is heard before it.
    check(
        Line::twilio(),
        &[
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////"}}"#, "ignored before_start"),
            TWILIO_START,
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////"}}"#, "media 3 B"),
        ],
    );
}

#[test]
fn media_in_every_shape() {
    check(
        Line::exotel(),
        &[
            EXOTEL_START,
            (
                r#"{"event":"media","sequence_number":"7","stream_sid":"c01","media":{"chunk":"5","timestamp":"100","payload":"AAAAAA=="}}"#,
                "media 4 B",
            ),
            (
                r#"{"event":"media","sequence_number":7,"stream_sid":"c01","media":{"chunk":5,"timestamp":100,"payload":"AAAAAA=="}}"#,
                "media 4 B",
            ),
            // Counters that cannot be used count as missing.
            (
                r#"{"event":"media","sequence_number":{},"stream_sid":"c01","media":{"chunk":[1],"timestamp":1e999,"payload":"AAAAAA=="}}"#,
                "media 4 B",
            ),
            (r#"{"event":"media","streamSid":"c01","media":{"payload":"AAAAAA==","track":"inbound"}}"#, "media 4 B"),
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAA==","track":"inbound_track"}}"#,
                "media 4 B",
            ),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAA==","track":null}}"#, "media 4 B"),
            (r#"{"event":"media","media":{"payload":"AAAAAA=="}}"#, "media 4 B"),
            (r#"{"media":{"payload":"AAAAAA=="},"stream_sid":"c01","event":"media"}"#, "media 4 B"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA\u0041A=="}}"#, "media 4 B"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"\/\/\/\/"}}"#, "media 2 B"),
            // Padding is for show.
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAA"}}"#, "media 4 B"),
            // An odd byte is cut off, not carried over.
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAAAA="}}"#, "media 4 B"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AA=="}}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":""}}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":null}}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":["AAAA"]}}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01","media":"AAAA"}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01"}"#, "ignored empty_payload"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA!"}}"#, "ignored bad_base64"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAAA"}}"#, "ignored bad_base64"),
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"__--"}}"#, "ignored bad_base64"),
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA","track":"outbound"}}"#,
                "ignored other_track",
            ),
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"},"track":"both"}"#,
                "ignored other_track",
            ),
            (r#"{"event":"media","stream_sid":"c02","media":{"payload":"AAAA"}}"#, "ignored other_stream"),
            (
                r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA","stream_sid":"c02"}}"#,
                "ignored other_stream",
            ),
        ],
    );
}

#[test]
fn keys_marks_and_the_rest() {
    check(
        Line::exotel(),
        &[
            EXOTEL_START,
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"duration":"180","digit":"5"}}"#, "dtmf 5"),
            (r##"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"#"}}"##, "dtmf #"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":0}}"#, "dtmf 0"),
            (r#"{"event":"dtmf","stream_sid":"c01","digit":"*"}"#, "dtmf *"),
            (r#"{"event":"dtmf","stream_sid":"c01","digit":7,"duration":180}"#, "dtmf 7"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"d"}}"#, "dtmf D"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"12"}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":12}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":-1}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"E"}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{"digit":"५"}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c01","dtmf":{}}"#, "ignored bad_digit"),
            (r#"{"event":"dtmf","stream_sid":"c02","dtmf":{"digit":"5"}}"#, "ignored other_stream"),
            (r#"{"event":"dtmf","dtmf":{"digit":"5","track":"outbound_track"}}"#, "ignored other_track"),
            (r#"{"event":"mark","sequence_number":40,"stream_sid":"c01","mark":{"name":"utt-7"}}"#, "mark utt-7"),
            (r#"{"event":"mark","stream_sid":"c01","name":"utt-8"}"#, "mark utt-8"),
            (r#"{"event":"mark","stream_sid":"c01","mark":{}}"#, "ignored bad_mark"),
            (r#"{"event":"mark","stream_sid":"c02","mark":{"name":"utt-7"}}"#, "ignored other_stream"),
            (r#"{"event":"clear","stream_sid":"c01"}"#, "ignored inbound_clear"),
            (r#"{"event":"silence","stream_sid":"c01"}"#, "ignored unknown_event"),
            (r#"{"event":"transfer","to":"+19005550100"}"#, "ignored unknown_event"),
        ],
    );
    let long = format!(r#"{{"event":"mark","stream_sid":"c01","mark":{{"name":"{}"}}}}"#, "m".repeat(129));
    check(Line::exotel(), &[EXOTEL_START, (&long, "ignored bad_mark")]);
}

#[test]
fn the_end() {
    for (message, expected) in [
        (
            r#"{"event":"stop","stream_sid":"c01","stop":{"call_sid":"b01","reason":"callended"}}"#,
            "stopped callended b01",
        ),
        (r#"{"event":"stop","stream_sid":"c01","stop":{"reason":"stopped"}}"#, "stopped stopped"),
        (r#"{"event":"stop","stream_sid":"c01","stop":{"reason":"moonshine"}}"#, "stopped other"),
        (r#"{"event":"stop","stream_sid":"c01","reason":"callended"}"#, "stopped callended"),
        (r#"{"event":"stop","stream_sid":"c01","stop":null}"#, "stopped"),
        (r#"{"event":"stop"}"#, "stopped"),
        (r#"{"event":"closed","stop":{"reason":"callended"}}"#, "stopped callended"),
        (r#"{"event":"closed"}"#, "stopped"),
    ] {
        check(
            Line::exotel(),
            &[
                EXOTEL_START,
                (r#"{"event":"stop","stream_sid":"c02"}"#, "ignored other_stream"),
                (message, expected),
                // The first one decides; nothing follows it.
                (r#"{"event":"stop","stream_sid":"c01","stop":{"reason":"stopped"}}"#, "ignored after_stop"),
                (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AAAA"}}"#, "ignored after_stop"),
                (r#"{"event":"start","stream_sid":"c03"}"#, "ignored after_stop"),
                ("{", "error not_json"),
            ],
        );
    }
    check(Line::exotel(), &[(r#"{"event":"stop","stream_sid":"c01"}"#, "stopped")]);
    check(Line::twilio(), &[TWILIO_START, (r#"{"event":"closed"}"#, "ignored unknown_event")]);
}

#[test]
fn twilio_has_one_spelling_and_one_format() {
    check(
        Line::twilio(),
        &[
            (r#"{"event":"start","stream_sid":"MZ1"}"#, "error start_without_stream close 1008"),
            // The id nested or at the top.
            (
                r#"{"event":"start","start":{"streamSid":"MZ1","customParameters":{"t":"x"}}}"#,
                "started MZ1 mulaw/8000 t:x",
            ),
            (
                r#"{"event":"media","stream_sid":"MZ2","streamSid":"MZ1","media":{"track":"inbound","payload":"//8="}}"#,
                "media 2 B",
            ),
            (
                r#"{"event":"media","streamSid":"MZ1","media":{"track":"outbound","payload":"////"}}"#,
                "ignored other_track",
            ),
            (r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"1"}}"#, "dtmf 1"),
            (r#"{"event":"stop","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#, "stopped CA1"),
        ],
    );
    for format in [
        r#"{"encoding":"audio/x-l16","sampleRate":8000,"channels":1}"#,
        r#"{"encoding":"audio/x-mulaw","sampleRate":16000,"channels":1}"#,
        r#"{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":2}"#,
    ] {
        let message = format!(r#"{{"event":"start","streamSid":"MZ1","start":{{"mediaFormat":{format}}}}}"#);
        check(Line::twilio(), &[(&message, "error unsupported_format close 1008")]);
    }
    let message = r#"{"event":"start","streamSid":"MZ1","start":{"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":"8000","channels":"1"}}}"#;
    check(Line::twilio(), &[(message, "started MZ1 mulaw/8000")]);
}

#[test]
fn messages_that_cannot_be_read_cost_themselves_only() {
    let deep = |levels: usize| format!(r#"{{"event":"x","y":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let large = format!(r#"{{"event":"x","y":"{}"}}"#, "y".repeat(MAX_TEXT_BYTES));
    check(
        Line::exotel(),
        &[
            ("", "error not_json"),
            ("hello", "error not_json"),
            (r#"{"event":"media""#, "error not_json"),
            (r#"{"event":"connected"}{"event":"connected"}"#, "error not_json"),
            ("[]", "error not_object"),
            (r#""start""#, "error not_object"),
            ("7", "error not_object"),
            ("null", "error not_object"),
            ("{}", "error no_event"),
            (r#"{"event":null}"#, "error no_event"),
            (r#"{"event":{"start":1}}"#, "error no_event"),
            (r#"{"event":7}"#, "ignored unknown_event"),
            (&deep(15), "ignored unknown_event"),
            (&deep(16), "error too_deep"),
            (&deep(100_000), "error too_deep"),
            (&large, "error too_large close 1009"),
            // Brackets in strings are no depth.
            (r#"{"event":"x","y":"[[[[[[[[[[[[[[[[[[[[[[[\"[["}"#, "ignored unknown_event"),
            EXOTEL_START,
        ],
    );
}

#[test]
fn a_session_of_nothing_but_bad_messages_is_given_up() {
    let mut dialect = Dialect::new(Line::exotel());
    let mut audio = Vec::new();
    for number in 0..MAX_BAD_MESSAGES {
        assert_eq!(dialect.decode("[]", &mut audio), Err(WireError::NotObject), "{number}");
        // What is understood but not wanted does not count.
        assert_eq!(dialect.decode(r#"{"event":"x"}"#, &mut audio), Ok(Heard::Ignored(Ignored::UnknownEvent)));
    }
    assert_eq!(dialect.decode("[]", &mut audio), Err(WireError::TooManyBad));
    assert_eq!(WireError::TooManyBad.close_code(), Some(1008));
}

#[test]
fn codes_are_stable_words() {
    let errors = [
        WireError::TooLarge { bytes: 0 },
        WireError::TooDeep,
        WireError::NotJson { line: 1, column: 1 },
        WireError::NotObject,
        WireError::NoEvent,
        WireError::TooManyBad,
        WireError::StartWithoutStream,
        WireError::SecondStream,
        WireError::UnsupportedFormat,
        WireError::NotStarted,
        WireError::ListenOnly,
        WireError::Stopped,
        WireError::FrameSize { bytes: 0, max: 1 },
        WireError::MarkName { bytes: 0 },
    ];
    let codes: BTreeSet<&str> =
        errors.iter().map(WireError::code).chain(Ignored::ALL.iter().map(|why| why.code())).collect();
    assert_eq!(codes.len(), errors.len() + Ignored::ALL.len(), "each code once");
    assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || b"_46".contains(&byte))));
    // Our own faults never close a socket.
    assert!(errors.iter().all(|error| error.blame() == Blame::Carrier || error.close_code().is_none()));
}

#[test]
fn nothing_private_is_printed() {
    let mut dialect = Dialect::new(Line::exotel());
    let mut audio = Vec::new();
    let start = r#"{"event":"start","stream_sid":"c01","start":{"from":"01234567890","to":"09876543210","custom_parameters":{"token":"s3cret"}}}"#;
    let mut printed = format!("{:?}", dialect.decode(start, &mut audio));
    let _ = write!(printed, "{:?}", dialect.decode(r#"{"event":"dtmf","dtmf":{"digit":"4"}}"#, &mut audio));
    let _ = write!(printed, "{dialect:?}");
    for private in ["1234567", "9876543", "s3cret", "token", "'4'"] {
        assert!(!printed.contains(private), "{private} in {printed}");
    }
    assert!(printed.contains("Digit(_)") && printed.contains("***90"));
}
