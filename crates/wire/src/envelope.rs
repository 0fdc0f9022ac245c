//! The shape that all carrier messages share, read without copying what needs no copy.
//!
//! Written by hand rather than derived: both spellings may stand in one message, a repeated key must not cost the
//! message (the first usable value wins), and a field of an odd type counts as missing.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{
    MAX_NAME_BYTES, MAX_PARAMETERS, MAX_TEXT_BYTES, MAX_VALUE_BYTES, WireError,
    json::{Entries, Object, Scalar, Text, too_deep},
    say::Spelling,
};

/// One message.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    pub(crate) event: Text<'a>,
    /// Fields beside `event`.
    pub(crate) top: Fields<'a>,
    /// Fields of the object that is named like the event; empty if there is none.
    pub(crate) body: Fields<'a>,
    /// What that object is named.
    body_key: Option<Key>,
}

impl<'a> Envelope<'a> {
    /// Reads one message. `snake` says whether `snake_case` keys count.
    pub(crate) fn read(text: &'a str, snake: bool) -> Result<Self, WireError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(WireError::TooLarge { bytes: text.len() });
        }
        if too_deep(text) {
            return Err(WireError::TooDeep);
        }
        // Filled in place: it is large, and moving it about would cost as much as reading it.
        let mut envelope = Self::default();
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Object(Message { snake, into: &mut envelope }).deserialize(&mut json);
        let read = read.and_then(|read| json.end().map(|()| read));
        let read = read.map_err(|error| WireError::NotJson { line: error.line(), column: error.column() })?;
        read.ok_or(WireError::NotObject)?;
        let Some(event) = envelope.event.as_deref() else { return Err(WireError::NoEvent) };
        if envelope.body_key.is_some_and(|key| key != Key::of(event, snake)) {
            envelope.body = Fields::default();
        }
        Ok(envelope)
    }

    /// A field, from the nested object first, then from the top.
    pub(crate) fn field(&mut self, of: impl for<'f> Fn(&'f mut Fields<'a>) -> &'f mut Text<'a>) -> Text<'a> {
        of(&mut self.body).take().or_else(|| of(&mut self.top).take())
    }
}

/// Every field that some event has.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) stream_sid: Text<'a>,
    /// How the key of `stream_sid` was spelled.
    pub(crate) spelling: Option<Spelling>,
    pub(crate) payload: Text<'a>,
    pub(crate) track: Text<'a>,
    pub(crate) call_sid: Text<'a>,
    pub(crate) account_sid: Text<'a>,
    pub(crate) from: Text<'a>,
    pub(crate) to: Text<'a>,
    pub(crate) reason: Text<'a>,
    pub(crate) digit: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) parameters: Option<Parameters>,
    pub(crate) media_format: Option<MediaFormat<'a>>,
}

/// What `start` says about its audio.
#[derive(Debug, Default)]
pub(crate) struct MediaFormat<'a> {
    pub(crate) encoding: Text<'a>,
    pub(crate) sample_rate: Text<'a>,
    pub(crate) channels: Text<'a>,
}

/// Custom parameters within bounds.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) kept: Vec<(String, String)>,
    pub(crate) dropped: u32,
}

impl<'a> Fields<'a> {
    fn take<A: MapAccess<'a>>(&mut self, key: Key, snake: bool, map: &mut A) -> Result<(), A::Error> {
        let slot = match key {
            Key::StreamSid(spelling) => {
                fill(&mut self.stream_sid, map)?;
                if self.stream_sid.is_some() {
                    self.spelling.get_or_insert(spelling);
                }
                return Ok(());
            }
            Key::Payload => &mut self.payload,
            Key::Track => &mut self.track,
            Key::CallSid => &mut self.call_sid,
            Key::AccountSid => &mut self.account_sid,
            Key::From => &mut self.from,
            Key::To => &mut self.to,
            Key::Reason => &mut self.reason,
            Key::Digit => &mut self.digit,
            Key::Name => &mut self.name,
            Key::Parameters => {
                let told = map.next_value_seed(Object(ParameterList))?;
                self.parameters = self.parameters.take().or(told);
                return Ok(());
            }
            Key::MediaFormat => {
                let told = map.next_value_seed(Object(FormatFields { snake }))?;
                self.media_format = self.media_format.take().or(told);
                return Ok(());
            }
            Key::Event | Key::Nested(_) | Key::Encoding | Key::SampleRate | Key::Channels | Key::Other => {
                return map.next_value::<IgnoredAny>().map(drop);
            }
        };
        fill(slot, map)
    }
}

/// The first usable value wins; later ones are read over.
fn fill<'a, A: MapAccess<'a>>(slot: &mut Text<'a>, map: &mut A) -> Result<(), A::Error> {
    let value = map.next_value_seed(Scalar)?;
    if slot.is_none() {
        *slot = value.filter(|text| !text.is_empty());
    }
    Ok(())
}

/// A key that means something in one of the dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Event,
    Nested(Nested),
    StreamSid(Spelling),
    Payload,
    Track,
    CallSid,
    AccountSid,
    From,
    To,
    Reason,
    Digit,
    Name,
    Parameters,
    MediaFormat,
    Encoding,
    SampleRate,
    Channels,
    Other,
}

/// Events whose fields stand in an object of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nested {
    Start,
    Media,
    Dtmf,
    Mark,
    Stop,
}

impl Key {
    fn of(key: &str, snake: bool) -> Self {
        match key {
            "event" => Self::Event,
            "media" => Self::Nested(Nested::Media),
            "start" => Self::Nested(Nested::Start),
            "dtmf" => Self::Nested(Nested::Dtmf),
            "mark" => Self::Nested(Nested::Mark),
            "stop" | "closed" => Self::Nested(Nested::Stop),
            "payload" => Self::Payload,
            "track" => Self::Track,
            "from" => Self::From,
            "to" => Self::To,
            "reason" => Self::Reason,
            "digit" => Self::Digit,
            "name" => Self::Name,
            "encoding" => Self::Encoding,
            "channels" => Self::Channels,
            "streamSid" => Self::StreamSid(Spelling::Camel),
            "callSid" => Self::CallSid,
            "accountSid" => Self::AccountSid,
            "customParameters" => Self::Parameters,
            "mediaFormat" => Self::MediaFormat,
            "sampleRate" => Self::SampleRate,
            "stream_sid" if snake => Self::StreamSid(Spelling::Snake),
            "call_sid" if snake => Self::CallSid,
            "account_sid" if snake => Self::AccountSid,
            "custom_parameters" if snake => Self::Parameters,
            "media_format" if snake => Self::MediaFormat,
            "sample_rate" if snake => Self::SampleRate,
            _ => Self::Other,
        }
    }
}

struct KeyOf {
    snake: bool,
}

impl<'de> DeserializeSeed<'de> for KeyOf {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Key, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(Key::of(key, self.snake))
    }
}

struct Message<'m, 'a> {
    snake: bool,
    into: &'m mut Envelope<'a>,
}

impl<'a> Entries<'a> for Message<'_, 'a> {
    type Read = ();

    fn read<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { snake, into: envelope } = self;
        let mut event = None;
        while let Some(key) = map.next_key_seed(KeyOf { snake })? {
            match key {
                Key::Event => {
                    fill(&mut envelope.event, &mut map)?;
                    event = envelope.event.as_deref().map(|name| Key::of(name, snake));
                }
                // While the event is not known yet, any of these may turn out to be its body.
                Key::Nested(_) if event.is_none_or(|event| event == key) => {
                    if envelope.body_key.is_some_and(|other| other != key) {
                        envelope.body = Fields::default();
                    }
                    map.next_value_seed(Object(BodyFields { snake, into: &mut envelope.body }))?;
                    envelope.body_key = Some(key);
                }
                _ => envelope.top.take(key, snake, &mut map)?,
            }
        }
        Ok(())
    }
}

struct BodyFields<'m, 'a> {
    snake: bool,
    into: &'m mut Fields<'a>,
}

impl<'a> Entries<'a> for BodyFields<'_, 'a> {
    type Read = ();

    fn read<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeyOf { snake: self.snake })? {
            self.into.take(key, self.snake, &mut map)?;
        }
        Ok(())
    }
}

struct FormatFields {
    snake: bool,
}

impl<'de> Entries<'de> for FormatFields {
    type Read = MediaFormat<'de>;

    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<MediaFormat<'de>, A::Error> {
        let mut format = MediaFormat::default();
        while let Some(key) = map.next_key_seed(KeyOf { snake: self.snake })? {
            match key {
                Key::Encoding => fill(&mut format.encoding, &mut map)?,
                Key::SampleRate => fill(&mut format.sample_rate, &mut map)?,
                Key::Channels => fill(&mut format.channels, &mut map)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(format)
    }
}

struct ParameterList;

impl<'de> Entries<'de> for ParameterList {
    type Read = Parameters;

    fn read<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
        let mut parameters = Parameters::default();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Scalar)?.filter(|value| value.len() <= MAX_VALUE_BYTES);
            let fits = parameters.kept.len() < MAX_PARAMETERS && (1..=MAX_NAME_BYTES).contains(&name.len());
            match value {
                Some(value) if fits && !parameters.kept.iter().any(|(kept, _)| *kept == name) => {
                    parameters.kept.push((name, value.into_owned()));
                }
                _ => parameters.dropped = parameters.dropped.saturating_add(1),
            }
        }
        Ok(parameters)
    }
}
