use super::orders::{Text, fault_of};
use super::{Fault, Ids, Manner, Order, push_number};
use operetta_audio::Format;
use serde::Deserialize;
use serde_json::json;

/// Twilio's `<Connect><Stream>`, playing one call.
///
/// Source: Twilio, "Media Streams: WebSocket messages", read 2026-11-20. All counters are strings, the format's numbers are
/// numbers, and what comes from the engine must have exactly the documented keys: anything else is warning 31951 and is not
/// played.
#[derive(Clone, Debug)]
pub struct TwilioDouble {
    ids: Ids,
    parameters: Vec<(String, String)>,
    echoes_marks: bool,
    sequence: u64,
    chunk: u64,
}

impl TwilioDouble {
    /// A double for one stream with the `<Parameter>`s of its TwiML. Of `manner` only the echo of marks is a choice here.
    pub const fn new(ids: Ids, manner: &Manner, parameters: Vec<(String, String)>) -> Self {
        Self { ids, parameters, echoes_marks: manner.echoes_marks, sequence: 0, chunk: 0 }
    }

    pub(super) const fn echoes_marks(&self) -> bool {
        self.echoes_marks
    }

    /// µ-law at 8 kHz, always.
    pub const fn format(&self) -> Format {
        Format::MULAW_8K
    }

    pub(super) const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

    pub(super) fn start(&mut self) -> String {
        self.sequence += 1;
        let Ids { call_sid, stream_sid, account_sid, .. } = &self.ids;
        let parameters: serde_json::Map<_, _> =
            self.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({"event": "start", "sequenceNumber": self.sequence.to_string(), "streamSid": stream_sid, "start": {
            "accountSid": account_sid, "streamSid": stream_sid, "callSid": call_sid, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters}})
        .to_string()
    }

    pub(super) fn media(&mut self, payload: &str, at_ms: u64) -> String {
        self.sequence += 1;
        self.chunk += 1;
        let mut out = String::with_capacity(payload.len() + self.ids.stream_sid.len() + 160);
        out.push_str(r#"{"event":"media","sequenceNumber":""#);
        push_number(&mut out, self.sequence);
        out.push_str(r#"","streamSid":""#);
        out.push_str(&self.ids.stream_sid);
        out.push_str(r#"","media":{"track":"inbound","chunk":""#);
        push_number(&mut out, self.chunk);
        out.push_str(r#"","timestamp":""#);
        push_number(&mut out, at_ms);
        out.push_str(r#"","payload":""#);
        out.push_str(payload);
        out.push_str("\"}}");
        out
    }

    pub(super) fn dtmf(&mut self, digit: char) -> String {
        self.message("dtmf", &json!({"track": "inbound_track", "digit": digit.to_string()}))
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        self.message("mark", &json!({ "name": name }))
    }

    pub(super) fn stop(&mut self) -> String {
        let stop = json!({"accountSid": self.ids.account_sid, "callSid": self.ids.call_sid});
        self.message("stop", &stop)
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "the doubles are called alike, and Exotel's follows counters")]
    pub(super) fn read<'a>(&mut self, message: &'a str) -> Result<Order<'a>, Fault> {
        let heard: Heard<'a> = serde_json::from_str(message).map_err(|error| fault_of(&error))?;
        if !matches!(heard.event.0.as_ref(), "media" | "mark" | "clear") {
            return Err(Fault::UnknownEvent);
        }
        if heard.stream_sid.is_none_or(|id| id.0 != self.ids.stream_sid) {
            return Err(Fault::WrongStreamId);
        }
        match (heard.event.0.as_ref(), heard.media, heard.mark) {
            ("media", Some(media), None) => Ok(Order::Media(media.payload.0)),
            ("mark", None, Some(mark)) if mark.name.0.is_empty() => Err(Fault::UnnamedMark),
            ("mark", None, Some(mark)) => Ok(Order::Mark(mark.name.0)),
            ("clear", None, None) => Ok(Order::Clear),
            _ => Err(Fault::UnexpectedShape),
        }
    }

    fn message(&mut self, event: &str, body: &serde_json::Value) -> String {
        self.sequence += 1;
        json!({"event": event, "sequenceNumber": self.sequence.to_string(), "streamSid": self.ids.stream_sid, event: body}).to_string()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, default, rename = "streamSid")]
    stream_sid: Option<Text<'a>>,
    #[serde(borrow, default)]
    media: Option<HeardMedia<'a>>,
    #[serde(borrow, default)]
    mark: Option<HeardMark<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeardMedia<'a> {
    #[serde(borrow)]
    payload: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeardMark<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Ids, Manner, Order};
    use super::TwilioDouble;

    fn double() -> TwilioDouble {
        let ids = Ids {
            call_sid: "CA1".into(),
            stream_sid: "MZ1".into(),
            account_sid: "AC1".into(),
            from: "+12025550123".into(),
            to: "+12025550199".into(),
        };
        TwilioDouble::new(ids, &Manner::default(), vec![("session_token".into(), "t".into())])
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn messages_have_the_documented_shape() {
        let mut it = double();
        assert_eq!(json(TwilioDouble::CONNECTED), json(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#));
        let start = serde_json::json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
            "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"session_token": "t"}}});
        assert_eq!(json(&it.start()), start);
        let media = r#"{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"////"}}"#;
        assert_eq!(it.media("////", 0), media);
        assert_eq!(
            json(&it.dtmf('1')),
            json(
                r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"3","dtmf":{"track":"inbound_track","digit":"1"}}"#
            )
        );
        assert_eq!(
            json(&it.mark("u")),
            json(r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"u"}}"#)
        );
        assert_eq!(
            json(&it.stop()),
            json(
                r#"{"event":"stop","sequenceNumber":"5","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}"#
            )
        );
    }

    #[test]
    fn only_the_documented_keys_are_understood() {
        let rows: [(&str, Result<Order<'_>, Fault>); 9] = [
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////"}}"#, Ok(Order::Media("////".into()))),
            (r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"u"}}"#, Ok(Order::Mark("u".into()))),
            (r#"{"event":"clear","streamSid":"MZ1"}"#, Ok(Order::Clear)),
            (r#"{"event":"media","stream_sid":"MZ1","media":{"payload":"////"}}"#, Err(Fault::UnexpectedShape)),
            (
                r#"{"event":"media","streamSid":"MZ1","sequenceNumber":"1","media":{"payload":"////"}}"#,
                Err(Fault::UnexpectedShape),
            ),
            (
                r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////","chunk":"1"}}"#,
                Err(Fault::UnexpectedShape),
            ),
            (r#"{"event":"clear","streamSid":"MZ2"}"#, Err(Fault::WrongStreamId)),
            (r#"{"event":"clear"}"#, Err(Fault::WrongStreamId)),
            (r#"{"event":"stop","streamSid":"MZ1"}"#, Err(Fault::UnknownEvent)),
        ];
        for (message, expected) in rows {
            assert_eq!(double().read(message), expected, "{message}");
        }
    }
}
