//! The carrier doubles: what Exotel and Twilio send, message by message, and how they read what the engine sends.
//!
//! A double holds one call's ids and counters. It writes each message once, in the shape of the carrier's own pages, and it reads
//! strictly: a message that the carrier would not understand is a [`Fault`], because the engine has only one spelling to get right.

mod exotel;
mod orders;
mod twilio;

use operetta_audio::Format;
use std::fmt;
use std::str::FromStr;

pub use exotel::ExotelDouble;
pub use orders::{Fault, Order};
pub use twilio::TwilioDouble;

/// A telephony platform that the double can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Exotel's Voicebot applet.
    Exotel,
    /// Twilio's `<Connect><Stream>`.
    Twilio,
}

impl Carrier {
    /// `exotel` or `twilio`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exotel => "exotel",
            Self::Twilio => "twilio",
        }
    }

    /// The first message of a stream, which carries nothing of the call.
    pub(crate) fn connected(self) -> String {
        let message = match self {
            Self::Exotel => ExotelDouble::CONNECTED,
            Self::Twilio => TwilioDouble::CONNECTED,
        };
        message.to_owned()
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "exotel" => Ok(Self::Exotel),
            "twilio" => Ok(Self::Twilio),
            other => Err(format!("expected exotel or twilio, got {other}")),
        }
    }
}

/// How Exotel writes counters; its pages show both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counters {
    /// `"sequence_number":"7"` (websocket-protocol page and developer guide).
    #[default]
    Text,
    /// `"sequence_number":7` (stream-voicebot-applet page).
    Number,
}

/// How Exotel spells keys: the portal's way, or the way of its Connect helpers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `stream_sid`.
    #[default]
    Snake,
    /// `streamSid`.
    Camel,
}

/// What the pages leave open or contradict, as choices of the double.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Exotel only: counters as text or numbers.
    pub counters: Counters,
    /// Exotel only: the spelling of keys.
    pub spelling: Spelling,
    /// Exotel only: whether marks that waited come back on `clear`. Not documented; Twilio always returns them.
    pub returns_marks_on_clear: bool,
    /// Whether marks are echoed at all. Users report calls in which Exotel's never came.
    pub echoes_marks: bool,
    /// Exotel only: agent audio further ahead of playing than this is a violation, ms. 1 s is what a server should keep, and a
    /// half more is allowed for one chunk (200 ms at 8 kHz) and for a busy machine.
    pub max_lead_ms: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            counters: Counters::Text,
            spelling: Spelling::Snake,
            returns_marks_on_clear: false,
            echoes_marks: true,
            max_lead_ms: 1_500,
        }
    }
}

/// The ids and numbers of one call, as the carrier gave them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The call.
    pub call_sid: String,
    /// The media stream.
    pub stream_sid: String,
    /// The account.
    pub account_sid: String,
    /// The calling number, in the carrier's own shape.
    pub from: String,
    /// The called number.
    pub to: String,
}

/// One carrier, playing one call.
#[derive(Clone, Debug)]
pub enum Double {
    /// Exotel.
    Exotel(ExotelDouble),
    /// Twilio.
    Twilio(TwilioDouble),
}

macro_rules! either {
    ($self:expr, $double:ident => $what:expr) => {
        match $self {
            Self::Exotel($double) => $what,
            Self::Twilio($double) => $what,
        }
    };
}

impl Double {
    /// The audio format both ways.
    pub const fn format(&self) -> Format {
        either!(self, it => it.format())
    }

    /// `connected`: the first message.
    pub fn connected(&self) -> String {
        match self {
            Self::Exotel(_) => Carrier::Exotel.connected(),
            Self::Twilio(_) => Carrier::Twilio.connected(),
        }
    }

    /// `start`: ids, format, parameters.
    pub fn start(&mut self) -> String {
        either!(self, it => it.start())
    }

    /// One frame of caller audio: `payload` is its base64, `at_ms` its time since the stream began.
    pub fn media(&mut self, payload: &str, at_ms: u64) -> String {
        either!(self, it => it.media(payload, at_ms))
    }

    /// A key the caller pressed: `0`-`9`, `*`, `#` or `A`-`D`.
    pub fn dtmf(&mut self, digit: char) -> String {
        either!(self, it => it.dtmf(digit))
    }

    /// A mark coming back.
    pub fn mark(&mut self, name: &str) -> String {
        either!(self, it => it.mark(name))
    }

    /// `stop`: the caller hung up.
    pub fn stop(&mut self) -> String {
        either!(self, it => it.stop())
    }

    /// Reads one text message of the engine.
    pub fn read<'a>(&mut self, message: &'a str) -> Result<Order<'a>, Fault> {
        either!(self, it => it.read(message))
    }

    /// Judges the size of one decoded payload.
    pub const fn judge_payload(&self, bytes: usize) -> Result<(), Fault> {
        match self {
            Self::Exotel(_) => ExotelDouble::judge_payload(bytes),
            Self::Twilio(_) => Ok(()),
        }
    }

    /// Whether `clear` returns the marks that waited.
    pub const fn returns_marks_on_clear(&self) -> bool {
        match self {
            Self::Exotel(it) => it.manner().returns_marks_on_clear,
            Self::Twilio(_) => true,
        }
    }

    /// Whether marks come back at all.
    pub const fn echoes_marks(&self) -> bool {
        match self {
            Self::Exotel(it) => it.manner().echoes_marks,
            Self::Twilio(it) => it.echoes_marks(),
        }
    }

    /// The lead over playing beyond which agent audio is a violation, ms; `None` where the carrier asks for no pacing.
    pub const fn max_lead_ms(&self) -> Option<u32> {
        match self {
            Self::Exotel(it) => Some(it.manner().max_lead_ms),
            Self::Twilio(_) => None,
        }
    }
}

/// Appends a number without going through `fmt`: a load of 800 calls writes 120,000 of them a second.
fn push_number(out: &mut String, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(digits[first..].iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::push_number;

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            let mut out = String::from("x");
            push_number(&mut out, number);
            assert_eq!(out, format!("x{number}"));
        }
    }
}
