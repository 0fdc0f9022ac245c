use super::orders::{Counter, Text, fault_of};
use super::{Counters, Fault, Ids, Manner, Order, Spelling, push_number};
use operetta_audio::Format;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Exotel's Voicebot applet, playing one call.
///
/// Sources: Exotel, "Stream & Voicebot applet" and "WebSocket protocol" of the developer portal, and the Agent-Stream samples,
/// read 2026-11-20.
#[derive(Clone, Debug)]
pub struct ExotelDouble {
    ids: Ids,
    manner: Manner,
    format: Format,
    parameters: Vec<(String, String)>,
    keys: &'static Keys,
    sequence: u64,
    chunk: u64,
    /// The last counters that the engine sent: sequence number, chunk.
    engine: (u64, u64),
}

impl ExotelDouble {
    /// A double for one stream. `rate_hz` comes from the stream URL (8000, 16000 or 24000; anything else means 8000), and so do
    /// the `parameters`.
    pub fn new(ids: Ids, manner: Manner, rate_hz: u32, parameters: Vec<(String, String)>) -> Self {
        let rate_hz = if matches!(rate_hz, 16_000 | 24_000) { rate_hz } else { 8_000 };
        let keys = match manner.spelling {
            Spelling::Snake => &SNAKE,
            Spelling::Camel => &CAMEL,
        };
        let format = Format { rate_hz, ..Format::PCM16_8K };
        Self { ids, manner, format, parameters, keys, sequence: 0, chunk: 0, engine: (0, 0) }
    }

    /// PCM16 at the stream's rate.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The choices it was built with.
    pub const fn manner(&self) -> &Manner {
        &self.manner
    }

    pub(super) const CONNECTED: &str = r#"{"event":"connected"}"#;

    pub(super) fn start(&mut self) -> String {
        let Keys { stream, call, account, parameters, format, rate, bits, .. } = self.keys;
        let (custom, ids) =
            (object(self.parameters.iter().map(|(name, value)| (name.as_str(), json!(value)))), &self.ids);
        let kbps = self.format.rate_hz * 16 / 1000;
        let start = object([
            (*stream, json!(ids.stream_sid)),
            (call, json!(ids.call_sid)),
            (account, json!(ids.account_sid)),
            ("from", json!(ids.from)),
            ("to", json!(ids.to)),
            (parameters, custom),
            (
                format,
                object([
                    ("encoding", json!("raw/slin")),
                    (rate, json!(self.format.rate_hz.to_string())),
                    (bits, json!(format!("{kbps}kbps"))),
                ]),
            ),
        ]);
        self.message("start", Some(&start))
    }

    pub(super) fn media(&mut self, payload: &str, at_ms: u64) -> String {
        self.chunk += 1;
        let mut out = String::with_capacity(payload.len() + self.ids.stream_sid.len() + 160);
        self.open("media", &mut out);
        out.push_str(r#","media":{"chunk":"#);
        self.count(self.chunk, &mut out);
        out.push_str(r#","timestamp":"#);
        self.count(at_ms, &mut out);
        out.push_str(r#","payload":""#);
        out.push_str(payload);
        out.push_str("\"}}");
        out
    }

    pub(super) fn dtmf(&mut self, digit: char) -> String {
        self.message("dtmf", Some(&json!({"duration": "100", "digit": digit.to_string()})))
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        self.message("mark", Some(&json!({ "name": name })))
    }

    pub(super) fn stop(&mut self) -> String {
        let Keys { call, account, .. } = self.keys;
        let stop = object([
            (*call, json!(self.ids.call_sid)),
            (account, json!(self.ids.account_sid)),
            ("reason", json!("callended")),
        ]);
        self.message("stop", Some(&stop))
    }

    pub(super) fn read<'a>(&mut self, message: &'a str) -> Result<Order<'a>, Fault> {
        let heard: Heard<'a> = serde_json::from_str(message).map_err(|error| fault_of(&error))?;
        // The engine must spell the id as `start` spelt it.
        let id = match self.manner.spelling {
            Spelling::Snake => heard.stream_sid,
            Spelling::Camel => heard.stream_sid_camel,
        };
        let known = matches!(heard.event.0.as_ref(), "media" | "mark" | "clear");
        if !known {
            return Err(Fault::UnknownEvent);
        }
        if id.is_none_or(|id| id.0 != self.ids.stream_sid) {
            return Err(Fault::WrongStreamId);
        }
        match (heard.event.0.as_ref(), heard.media, heard.mark) {
            ("media", Some(media), _) => {
                let sequence = heard.sequence_number.or(media.sequence_number);
                self.follow(sequence, media.chunk)?;
                Ok(Order::Media(media.payload.0))
            }
            ("mark", _, Some(mark)) => match mark.name {
                Some(name) if !name.0.is_empty() => Ok(Order::Mark(name.0)),
                _ => Err(Fault::UnnamedMark),
            },
            ("clear", _, _) => Ok(Order::Clear),
            _ => Err(Fault::UnexpectedShape),
        }
    }

    /// Exotel's rule of chunks: multiples of 320 bytes, at most 100 kB.
    pub(super) const fn judge_payload(bytes: usize) -> Result<(), Fault> {
        if bytes > MOST_BYTES {
            Err(Fault::ChunkTooLarge)
        } else if bytes == 0 || !bytes.is_multiple_of(320) {
            Err(Fault::NotMultipleOf320)
        } else {
            Ok(())
        }
    }

    /// The engine may leave its counters out; if it counts, it counts upwards.
    const fn follow(&mut self, sequence: Option<Counter>, chunk: Option<Counter>) -> Result<(), Fault> {
        let (last_sequence, last_chunk) = self.engine;
        let mut backwards = false;
        if let Some(Counter(sequence)) = sequence {
            backwards |= sequence < last_sequence;
            self.engine.0 = sequence;
        }
        if let Some(Counter(chunk)) = chunk {
            backwards |= chunk <= last_chunk && last_chunk > 0;
            self.engine.1 = chunk;
        }
        if backwards { Err(Fault::CounterBackwards) } else { Ok(()) }
    }

    fn message(&mut self, event: &str, body: Option<&Value>) -> String {
        let mut out = String::with_capacity(256);
        self.open(event, &mut out);
        if let Some(body) = body {
            out.push_str(",\"");
            out.push_str(event);
            out.push_str("\":");
            out.push_str(&body.to_string());
        }
        out.push('}');
        out
    }

    /// Writes what every message after `connected` begins with, and counts it.
    fn open(&mut self, event: &str, out: &mut String) {
        self.sequence += 1;
        out.push_str("{\"event\":\"");
        out.push_str(event);
        out.push_str(self.keys.sequence);
        self.count(self.sequence, out);
        out.push_str(",\"");
        out.push_str(self.keys.stream);
        out.push_str("\":\"");
        out.push_str(&self.ids.stream_sid);
        out.push('"');
    }

    fn count(&self, number: u64, out: &mut String) {
        match self.manner.counters {
            Counters::Number => push_number(out, number),
            Counters::Text => {
                out.push('"');
                push_number(out, number);
                out.push('"');
            }
        }
    }
}

fn object<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

#[derive(Debug)]
struct Keys {
    /// With the quotes around it: it follows the event's name.
    sequence: &'static str,
    stream: &'static str,
    call: &'static str,
    account: &'static str,
    parameters: &'static str,
    format: &'static str,
    rate: &'static str,
    bits: &'static str,
}

static SNAKE: Keys = Keys {
    sequence: "\",\"sequence_number\":",
    stream: "stream_sid",
    call: "call_sid",
    account: "account_sid",
    parameters: "custom_parameters",
    format: "media_format",
    rate: "sample_rate",
    bits: "bit_rate",
};

static CAMEL: Keys = Keys {
    sequence: "\",\"sequenceNumber\":",
    stream: "streamSid",
    call: "callSid",
    account: "accountSid",
    parameters: "customParameters",
    format: "mediaFormat",
    rate: "sampleRate",
    bits: "bitRate",
};

/// "At most 100k": read here as 100,000 bytes of audio.
const MOST_BYTES: usize = 100_000;

/// Unknown keys are allowed: no page says that Exotel refuses them.
#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, default)]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid_camel: Option<Text<'a>>,
    #[serde(default, alias = "sequenceNumber")]
    sequence_number: Option<Counter>,
    #[serde(borrow, default)]
    media: Option<HeardMedia<'a>>,
    #[serde(borrow, default)]
    mark: Option<HeardMark<'a>>,
}

#[derive(Deserialize)]
struct HeardMedia<'a> {
    #[serde(borrow)]
    payload: Text<'a>,
    #[serde(default)]
    chunk: Option<Counter>,
    #[serde(default, rename = "sequenceNumber", alias = "sequence_number")]
    sequence_number: Option<Counter>,
}

#[derive(Deserialize)]
struct HeardMark<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::super::{Counters, Fault, Ids, Manner, Order, Spelling};
    use super::ExotelDouble;

    fn double(manner: Manner) -> ExotelDouble {
        let ids = Ids {
            call_sid: "b01".into(),
            stream_sid: "c01".into(),
            account_sid: "example1m".into(),
            from: "01000000001".into(),
            to: "01000000002".into(),
        };
        ExotelDouble::new(ids, manner, 16_000, vec![("tenant".into(), "acme".into())])
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn messages_have_the_shape_of_the_portal() {
        let mut it = double(Manner::default());
        assert_eq!(ExotelDouble::CONNECTED, r#"{"event":"connected"}"#);
        let start = serde_json::json!({"event": "start", "sequence_number": "1", "stream_sid": "c01", "start": {
            "stream_sid": "c01", "call_sid": "b01", "account_sid": "example1m", "from": "01000000001", "to": "01000000002",
            "custom_parameters": {"tenant": "acme"},
            "media_format": {"encoding": "raw/slin", "sample_rate": "16000", "bit_rate": "256kbps"}}});
        assert_eq!(json(&it.start()), start);
        let media = r#"{"event":"media","sequence_number":"2","stream_sid":"c01","media":{"chunk":"1","timestamp":"20","payload":"AAAA"}}"#;
        assert_eq!(it.media("AAAA", 20), media);
        assert_eq!(
            json(&it.dtmf('#')),
            json(
                r##"{"event":"dtmf","sequence_number":"3","stream_sid":"c01","dtmf":{"duration":"100","digit":"#"}}"##
            )
        );
        assert_eq!(
            it.mark("utt-7"),
            r#"{"event":"mark","sequence_number":"4","stream_sid":"c01","mark":{"name":"utt-7"}}"#
        );
        let stop = r#"{"event":"stop","sequence_number":"5","stream_sid":"c01","stop":{"call_sid":"b01","account_sid":"example1m","reason":"callended"}}"#;
        assert_eq!(json(&it.stop()), json(stop));
    }

    #[test]
    fn the_other_spelling_and_numbers_are_a_manner() {
        let mut it = double(Manner { counters: Counters::Number, spelling: Spelling::Camel, ..Manner::default() });
        let media = r#"{"event":"media","sequenceNumber":1,"streamSid":"c01","media":{"chunk":1,"timestamp":0,"payload":"AAAA"}}"#;
        assert_eq!(it.media("AAAA", 0), media);
        assert_eq!(it.read(r#"{"event":"clear","streamSid":"c01"}"#), Ok(Order::Clear));
        assert_eq!(it.read(r#"{"event":"clear","stream_sid":"c01"}"#), Err(Fault::WrongStreamId));
    }

    #[test]
    fn orders_are_read_strictly() {
        let rows: [(&str, Result<Order<'_>, Fault>); 10] = [
            (r#"{"event":"media","stream_sid":"c01","media":{"payload":"AA\/A"}}"#, Ok(Order::Media("AA/A".into()))),
            (
                r#"{"event":"media","stream_sid":"c01","sequence_number":"1","media":{"payload":"","chunk":"1","timestamp":"0"}}"#,
                Ok(Order::Media("".into())),
            ),
            (r#"{"event":"mark","stream_sid":"c01","mark":{"name":"m"}}"#, Ok(Order::Mark("m".into()))),
            (r#"{"event":"mark","stream_sid":"c01","mark":{}}"#, Err(Fault::UnnamedMark)),
            (r#"{"event":"clear","stream_sid":"c01"}"#, Ok(Order::Clear)),
            (r#"{"event":"clear","stream_sid":"other"}"#, Err(Fault::WrongStreamId)),
            (r#"{"event":"clear","streamSid":"c01"}"#, Err(Fault::WrongStreamId)),
            (r#"{"event":"hangup","stream_sid":"c01"}"#, Err(Fault::UnknownEvent)),
            (r#"{"event":"media","stream_sid":"c01","media":{}}"#, Err(Fault::UnexpectedShape)),
            ("beep", Err(Fault::NotJson)),
        ];
        for (message, expected) in rows {
            assert_eq!(double(Manner::default()).read(message), expected, "{message}");
        }
    }

    #[test]
    fn counters_that_go_backwards_are_a_fault() {
        let mut it = double(Manner::default());
        let media = |chunk: u32| {
            format!(r#"{{"event":"media","stream_sid":"c01","media":{{"payload":"AAAA","chunk":"{chunk}"}}}}"#)
        };
        assert!(it.read(&media(1)).is_ok());
        assert!(it.read(&media(2)).is_ok());
        assert_eq!(it.read(&media(2)), Err(Fault::CounterBackwards));
    }

    #[test]
    fn chunks_are_multiples_of_320_up_to_100_kb() {
        let rows = [
            (320, None),
            (3200, None),
            (99_840, None),
            (0, Some(Fault::NotMultipleOf320)),
            (321, Some(Fault::NotMultipleOf320)),
            (160, Some(Fault::NotMultipleOf320)),
            (102_400, Some(Fault::ChunkTooLarge)),
        ];
        for (bytes, fault) in rows {
            assert_eq!(ExotelDouble::judge_payload(bytes).err(), fault, "{bytes}");
        }
    }
}
