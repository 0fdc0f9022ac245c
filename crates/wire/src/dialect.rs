use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use operetta_audio::{Cut, Encoding, Format};

use crate::{
    Carrier, Digit, Heard, Ignored, Line, MAX_BAD_MESSAGES, MAX_MARK_BYTES, MAX_NAME_BYTES, PhoneNumber, Say, Start,
    Stop, StopReason, WireError,
    envelope::{Envelope, Fields},
    exotel::{self, Counters},
    json::Text,
    say::{self, Spelling},
    twilio,
};

/// Reads and writes the messages of one leg.
///
/// It remembers what the messages depend on: the stream id, how the carrier spelled it, the format, and the counters
/// of our side. Ids are fixed by the first accepted `start`; nothing later overrides them.
#[derive(Debug)]
pub struct Dialect {
    line: Line,
    phase: Phase,
    connected: bool,
    stream_sid: Box<str>,
    /// The stream id as a JSON string, ready to be written.
    sid_json: String,
    spelling: Spelling,
    format: Format,
    counters: Counters,
    bad: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No stream yet.
    Waiting,
    /// Began by media; `start` may still come.
    Implicit,
    /// Began by `start`.
    Started,
    /// The carrier has said its last word.
    Stopped,
}

impl Dialect {
    /// A dialect for a leg that has said nothing yet.
    pub fn new(line: Line) -> Self {
        let (spelling, format) = match line.carrier {
            Carrier::Exotel => (Spelling::Snake, exotel::route_format(&line)),
            Carrier::Twilio => (Spelling::Camel, Format::MULAW_8K),
        };
        Self {
            line,
            phase: Phase::Waiting,
            connected: false,
            stream_sid: Box::default(),
            sid_json: String::new(),
            spelling,
            format,
            counters: Counters::default(),
            bad: 0,
        }
    }

    /// The line that this dialect serves.
    pub const fn line(&self) -> &Line {
        &self.line
    }

    /// The audio of the stream; before [`Heard::Started`], what the route promises.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How agent audio must be cut for this line and format.
    pub fn cut(&self) -> Cut {
        match self.line.carrier {
            Carrier::Exotel => exotel::cut(&self.line, self.format),
            Carrier::Twilio => twilio::cut(&self.line),
        }
    }

    /// Understands one message of the carrier.
    ///
    /// `audio` is cleared, then filled with the payload of [`Heard::Media`] and of the media that began a session
    /// ([`Start::implicit`]); an odd last byte of PCM16 is cut off. It is empty after everything else.
    ///
    /// # Errors
    /// Messages that cannot be read, and a `start` that cannot be accepted. [`WireError::close_code`] says which of
    /// them end the session; the others cost one message.
    pub fn decode(&mut self, text: &str, audio: &mut Vec<u8>) -> Result<Heard, WireError> {
        audio.clear();
        let heard = self.hear(text, audio);
        let bad = match &heard {
            Ok(Heard::Ignored(why)) => *why == Ignored::BadBase64,
            Ok(_) => false,
            Err(_) => true,
        };
        self.bad = self.bad.saturating_add(u32::from(bad));
        if self.bad > MAX_BAD_MESSAGES { Err(WireError::TooManyBad) } else { heard }
    }

    /// Writes one message to the carrier into `out`, which is cleared first.
    ///
    /// # Errors
    /// [`WireError::ListenOnly`], [`WireError::NotStarted`] and [`WireError::Stopped`] when nothing may be said;
    /// [`WireError::FrameSize`] and [`WireError::MarkName`] for what the carrier would not take.
    pub fn encode(&mut self, say: Say<'_>, out: &mut String) -> Result<(), WireError> {
        out.clear();
        if !self.line.duplex {
            return Err(WireError::ListenOnly);
        }
        match self.phase {
            Phase::Waiting => return Err(WireError::NotStarted),
            Phase::Stopped => return Err(WireError::Stopped),
            Phase::Implicit | Phase::Started => {}
        }
        match say {
            Say::Media(audio) => self.write_media(audio, out),
            Say::Mark(name) => self.write_mark(name, out),
            Say::Clear => {
                say::head(out, "clear", self.spelling, &self.sid_json);
                out.push('}');
                Ok(())
            }
        }
    }

    fn hear(&mut self, text: &str, audio: &mut Vec<u8>) -> Result<Heard, WireError> {
        let exotel = self.line.carrier == Carrier::Exotel;
        let mut message = Envelope::read(text, exotel)?;
        if self.phase == Phase::Stopped {
            return Ok(Heard::Ignored(Ignored::AfterStop));
        }
        let event = message.event.take().unwrap_or_default();
        if &*event == "start" {
            return self.hear_start(&mut message);
        }
        if self.is_other_stream(&message) {
            return Ok(Heard::Ignored(Ignored::OtherStream));
        }
        Ok(match &*event {
            "media" => self.hear_media(&mut message, audio),
            "connected" => self.hear_connected(),
            "dtmf" => self.hear_dtmf(&mut message),
            "mark" => self.hear_mark(&mut message),
            "stop" => self.hear_stop(&mut message),
            // One of Exotel's published helpers ends on this name as well.
            "closed" if exotel => self.hear_stop(&mut message),
            "clear" => Heard::Ignored(Ignored::InboundClear),
            _ => Heard::Ignored(Ignored::UnknownEvent),
        })
    }

    fn hear_connected(&mut self) -> Heard {
        if self.connected || self.has_stream() {
            return Heard::Ignored(Ignored::RepeatedConnected);
        }
        self.connected = true;
        Heard::Connected
    }

    fn hear_start(&mut self, message: &mut Envelope<'_>) -> Result<Heard, WireError> {
        if self.has_stream() && self.is_other_stream(message) {
            return Err(WireError::SecondStream);
        }
        if self.phase == Phase::Started {
            return Ok(Heard::Ignored(Ignored::RepeatedStart));
        }
        let spelling = message.top.spelling.or(message.body.spelling);
        let told = message.body.media_format.take().or_else(|| message.top.media_format.take()).unwrap_or_default();
        let format = match self.line.carrier {
            Carrier::Exotel => exotel::format(&self.line, &told),
            Carrier::Twilio => twilio::format(&told)?,
        };
        let sid = message.field(|fields| &mut fields.stream_sid).filter(|sid| sid.len() <= MAX_NAME_BYTES);
        match sid {
            Some(sid) if !self.has_stream() => self.fix_stream(&sid),
            Some(_) => {}
            None if self.has_stream() => {}
            None => return Err(WireError::StartWithoutStream),
        }
        self.spelling = spelling.unwrap_or(self.spelling);
        self.format = format;
        let amends = self.phase == Phase::Implicit;
        self.phase = Phase::Started;
        let start = Box::new(self.start(message, false));
        Ok(if amends { Heard::Amended(start) } else { Heard::Started(start) })
    }

    fn hear_media(&mut self, message: &mut Envelope<'_>, audio: &mut Vec<u8>) -> Heard {
        let begins = self.phase == Phase::Waiting;
        if begins && !self.line.implicit_start {
            return Heard::Ignored(Ignored::BeforeStart);
        }
        if is_other_track(message) {
            return Heard::Ignored(Ignored::OtherTrack);
        }
        let Some(payload) = message.field(|fields| &mut fields.payload) else {
            return Heard::Ignored(Ignored::EmptyPayload);
        };
        if BASE64.decode_vec(payload.as_bytes(), audio).is_err() {
            audio.clear();
            return Heard::Ignored(Ignored::BadBase64);
        }
        if self.format.encoding == Encoding::Pcm16 {
            audio.truncate(audio.len() & !1);
        }
        if audio.is_empty() {
            return Heard::Ignored(Ignored::EmptyPayload);
        }
        if !begins {
            return Heard::Media;
        }
        let spelling = message.top.spelling.or(message.body.spelling);
        let sid = message.field(|fields| &mut fields.stream_sid).filter(|sid| sid.len() <= MAX_NAME_BYTES);
        let Some(sid) = sid else {
            audio.clear();
            return Heard::Ignored(Ignored::NoStreamSid);
        };
        self.fix_stream(&sid);
        self.spelling = spelling.unwrap_or(self.spelling);
        self.phase = Phase::Implicit;
        Heard::Started(Box::new(self.start(message, true)))
    }

    fn hear_dtmf(&mut self, message: &mut Envelope<'_>) -> Heard {
        if !self.has_stream() {
            return Heard::Ignored(Ignored::BeforeStart);
        }
        if is_other_track(message) {
            return Heard::Ignored(Ignored::OtherTrack);
        }
        let digit = message.field(|fields| &mut fields.digit).and_then(|digit| Digit::read(&digit));
        digit.map_or(Heard::Ignored(Ignored::BadDigit), Heard::Dtmf)
    }

    fn hear_mark(&mut self, message: &mut Envelope<'_>) -> Heard {
        if !self.has_stream() {
            return Heard::Ignored(Ignored::BeforeStart);
        }
        match message.field(|fields| &mut fields.name) {
            Some(name) if name.len() <= MAX_MARK_BYTES => Heard::Mark(name.into()),
            _ => Heard::Ignored(Ignored::BadMark),
        }
    }

    fn hear_stop(&mut self, message: &mut Envelope<'_>) -> Heard {
        self.phase = Phase::Stopped;
        let reason = message.field(|fields| &mut fields.reason).map(|word| StopReason::read(&word));
        Heard::Stopped(Stop {
            reason,
            call_sid: id(message.field(|fields| &mut fields.call_sid)),
            account_sid: id(message.field(|fields| &mut fields.account_sid)),
        })
    }

    fn start(&self, message: &mut Envelope<'_>, implicit: bool) -> Start {
        let nested = message.body.parameters.take();
        let parameters = nested.or_else(|| message.top.parameters.take()).unwrap_or_default();
        Start {
            stream_sid: self.stream_sid.clone(),
            call_sid: id(message.field(|fields| &mut fields.call_sid)),
            account_sid: id(message.field(|fields| &mut fields.account_sid)),
            from: message.field(|fields| &mut fields.from).and_then(|from| PhoneNumber::read(&from)),
            to: message.field(|fields| &mut fields.to).and_then(|to| PhoneNumber::read(&to)),
            parameters: parameters.kept,
            parameters_dropped: parameters.dropped,
            format: self.format,
            implicit,
        }
    }

    fn has_stream(&self) -> bool {
        matches!(self.phase, Phase::Implicit | Phase::Started)
    }

    /// Whether the message names a stream, at the top or nested, that is not the one of this leg.
    fn is_other_stream(&self, message: &Envelope<'_>) -> bool {
        let differs = |fields: &Fields<'_>| fields.stream_sid.as_deref().is_some_and(|sid| sid != &*self.stream_sid);
        self.has_stream() && (differs(&message.top) || differs(&message.body))
    }

    fn fix_stream(&mut self, sid: &str) {
        self.stream_sid = sid.into();
        self.sid_json.clear();
        say::quoted(&mut self.sid_json, sid);
    }

    fn write_media(&mut self, audio: &[u8], out: &mut String) -> Result<(), WireError> {
        let max = match self.line.carrier {
            Carrier::Exotel => exotel::MAX_FRAME_BYTES,
            Carrier::Twilio => twilio::MAX_FRAME_BYTES,
        };
        if audio.is_empty() || audio.len() > max {
            return Err(WireError::FrameSize { bytes: audio.len(), max });
        }
        let counted = self.line.extras && self.line.carrier == Carrier::Exotel;
        say::head(out, "media", self.spelling, &self.sid_json);
        out.push(',');
        if counted {
            self.counters.write_top(out, self.spelling);
        }
        out.push_str(r#""media":{"#);
        if counted {
            self.counters.write_media(out, self.spelling, self.format);
        }
        say::payload(out, audio);
        out.push_str("}}");
        self.counters.count(audio.len());
        Ok(())
    }

    fn write_mark(&self, name: &str, out: &mut String) -> Result<(), WireError> {
        if name.is_empty() || name.len() > MAX_MARK_BYTES {
            return Err(WireError::MarkName { bytes: name.len() });
        }
        say::head(out, "mark", self.spelling, &self.sid_json);
        out.push_str(r#","mark":{"name":"#);
        say::quoted(out, name);
        out.push_str("}}");
        Ok(())
    }
}

/// Only `inbound`, called `inbound_track` in keys and on the Exotel extension page, is the caller. No track: the
/// carrier has only one.
fn is_other_track(message: &mut Envelope<'_>) -> bool {
    let track = message.field(|fields| &mut fields.track);
    track.is_some_and(|track| !matches!(&*track, "inbound" | "inbound_track"))
}

/// An opaque id, unless it is too long to keep.
fn id(text: Text<'_>) -> Option<Box<str>> {
    text.filter(|id| id.len() <= MAX_NAME_BYTES).map(Into::into)
}

/// The standard alphabet; padding may be missing, since nothing depends on it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
