use std::{fmt, str::FromStr};

use crate::theatre::Api;

/// A failure that a fake vendor plays over a socket: one row of the table of failures, `W01` to `W37`.
///
/// Written `W06`, `W06:rst` (one of its [forms](WsFailure::forms)), `W06#40` (after 40 messages of content) or `W06:rst#40`.
/// Without a form, plays of the same failure take turns through all of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stunt {
    failure: WsFailure,
    form: Option<&'static str>,
    after: u32,
}

impl Stunt {
    /// The failure, in all its forms by turns, after one message of content.
    pub const fn new(failure: WsFailure) -> Self {
        Self { failure, form: None, after: 1 }
    }

    /// Which failure.
    pub const fn failure(self) -> WsFailure {
        self.failure
    }

    /// How many messages of content (audio, transcripts, words) go out before a failure that strikes in the middle.
    pub const fn after(self) -> u32 {
        self.after
    }

    /// The same, striking after `messages` of content.
    #[must_use]
    pub const fn striking_after(self, messages: u32) -> Self {
        Self { after: messages, ..self }
    }

    /// The form of the `take`th time that it is played, counted from 0; empty when it has only one.
    pub fn form(self, take: usize) -> &'static str {
        let forms = self.failure.forms();
        match self.form {
            Some(form) => form,
            None if forms.is_empty() => "",
            None => forms[take % forms.len()],
        }
    }
}

impl From<WsFailure> for Stunt {
    fn from(failure: WsFailure) -> Self {
        Self::new(failure)
    }
}

impl FromStr for Stunt {
    type Err = NoStunt;

    fn from_str(text: &str) -> Result<Self, NoStunt> {
        let (text, after) = match text.split_once('#') {
            Some((text, after)) => (text, after.parse().map_err(|_| NoStunt)?),
            None => (text, 1),
        };
        let (id, form) = match text.split_once(':') {
            Some((id, form)) => (id, Some(form)),
            None => (text, None),
        };
        let failure = WsFailure::ALL.into_iter().find(|failure| failure.id() == id).ok_or(NoStunt)?;
        let form = match form {
            None => None,
            Some(form) => Some(*failure.forms().iter().find(|known| **known == form).ok_or(NoStunt)?),
        };
        Ok(Self { failure, form, after })
    }
}

impl fmt::Display for Stunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.failure.id())?;
        if let Some(form) = self.form {
            write!(f, ":{form}")?;
        }
        if self.after != 1 {
            write!(f, "#{}", self.after)?;
        }
        Ok(())
    }
}

/// Words that name no failure, or no form of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStunt;

impl fmt::Display for NoStunt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected W01 to W37, with :form where it has forms and #messages")
    }
}

impl std::error::Error for NoStunt {}

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident = $id:literal [$($form:literal),*];)*) => {
        /// What goes wrong over a socket. Rules that vendors always enforce (`W05`, `W19`, `W20`, `W26`, `W31` to `W33`, `W36`) are
        /// enforced whether they are played or not; played, they strike a client that kept to them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WsFailure {
            $($(#[$doc])* $name,)*
        }

        impl WsFailure {
            /// All of them, in the order of their ids.
            pub const ALL: [Self; 37] = [$(Self::$name),*];

            /// `W01` to `W37`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// The forms it comes in, by name; empty when there is only one.
            pub const fn forms(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($form),*],)*
                }
            }
        }
    };
}

failures! {
    /// The upgrade is refused, with the vendor's headers and body.
    RefusedUpgrade = "W01" ["400", "401", "402", "403", "404", "429", "503"];
    /// The connection is accepted and the upgrade never answered.
    SilentUpgrade = "W02" [];
    /// The upgrade is accepted; then comes an error message, then a close.
    ErrorAfterUpgrade = "W03" ["auth", "quota", "missing"];
    /// The session is never confirmed, and nothing else comes either.
    NoConfirmation = "W04" [];
    /// Close 1011 for want of audio: the reason names the code, or only links to it.
    NoInput = "W05" ["code", "link"];
    /// The connection ends in the middle: internal error, restart, try later, reset, or the end of the stream without a close.
    Dropped = "W06" ["1011", "1012", "1013", "rst", "fin"];
    /// A close that blames what the client sent.
    ClosedForData = "W07" ["DATA-0000", "DATA-0001", "1003", "1007", "1009"];
    /// A close with an empty reason, with neither code nor reason, with the longest reason (123 bytes), or with a code of the
    /// vendor's own.
    OddClose = "W08" ["empty", "bare", "long", "4031", "4001", "3005", "3006", "3007", "3008", "3009"];
    /// An error message, and then neither content nor a close.
    ErrorThenSilence = "W09" [];
    /// The socket takes everything and gives nothing; pings are answered, or not.
    DeadButOpen = "W10" ["pongs", "mute"];
    /// Pings every second; the second that is not answered closes.
    PingsCounted = "W11" [];
    /// Every message comes in three frames, with a ping between them.
    Fragments = "W12" [];
    /// Messages of 64 KiB and a byte, 1 MiB, 15 MiB.
    LargeMessages = "W13" ["64k", "1m", "15m"];
    /// JSON in binary frames, audio as text.
    WrongKind = "W14" [];
    /// A message nobody can read comes before the real one.
    Malformed = "W15" ["cut", "array", "utf8", "base64", "rsv"];
    /// Twelve messages of audio after it was cancelled.
    LateAudio = "W16" [];
    /// Clear, close, flush and finalize are obeyed and never acknowledged.
    NoAcknowledgement = "W17" [];
    /// The acknowledgement overtakes the last audio.
    EarlyAcknowledgement = "W18" [];
    /// The vendor's idle time is a tenth of what it promises.
    IdleTimeout = "W19" [];
    /// No context may be opened: others on the account hold them all.
    ContextCap = "W20" [];
    /// Finals come twice.
    DuplicateFinals = "W21" [];
    /// Finals out of order, without their mark of an end, empty, or without words.
    OddFinals = "W22" ["order", "unmarked", "empty", "wordless"];
    /// A turn ends early, goes on, and ends.
    EagerTurnResumed = "W23" [];
    /// A turn never ends.
    EndlessTurn = "W24" [];
    /// Audio at ten times real time, or at 0.8.
    OddPace = "W25" ["10", "0.8"];
    /// Truncating and cancelling are answered with errors.
    TruncateErrors = "W26" ["shorter", "type", "inactive"];
    /// A response fails, or stops short.
    ResponseFails = "W27" ["rate", "tokens", "filter"];
    /// The session ends for its age, unannounced.
    SessionExpires = "W28" [];
    /// The first message is answered with close 1007. No vendor here resumes sessions: it is what a refused handle looks like.
    ResumeRefused = "W29" [];
    /// 20 warnings and 1,000 events of unknown kinds.
    WarningFlood = "W30" [];
    /// The audio is said to come too fast.
    TooFast = "W31" ["4029", "3007"];
    /// What is committed is said to be too short.
    TooLittleAudio = "W32" [];
    /// An empty binary message ends the stream. A rule: played, it changes nothing.
    EmptyBinary = "W33" [];
    /// A response is taken back while its tool runs.
    ToolCancelled = "W34" [];
    /// A close while the client sends; or the server's half of the connection ends.
    ClosedDuringSend = "W35" ["close", "half"];
    /// Settings of a voice are refused as if they had come too late.
    ContextRules = "W36" [];
    /// An error that names no context, then a close.
    NamelessError = "W37" [];
}

impl WsFailure {
    /// Whether it can happen at this API. Where it cannot, playing it changes nothing.
    pub const fn suits(self, api: Api) -> bool {
        use Api::{AssemblyAi, DeepgramFlux, DeepgramListen, DeepgramSpeakSocket, ElevenLabsSocket, OpenAiRealtime};
        let hears = matches!(api, DeepgramListen | DeepgramFlux | AssemblyAi);
        let speaks = matches!(api, DeepgramSpeakSocket | ElevenLabsSocket | OpenAiRealtime);
        match self {
            Self::NoConfirmation => !matches!(api, DeepgramListen | ElevenLabsSocket),
            Self::NoInput => matches!(api, DeepgramListen),
            Self::LateAudio | Self::EarlyAcknowledgement | Self::OddPace => speaks,
            Self::IdleTimeout => matches!(api, ElevenLabsSocket | AssemblyAi),
            Self::ContextCap | Self::ContextRules | Self::NamelessError => matches!(api, ElevenLabsSocket),
            Self::DuplicateFinals | Self::OddFinals => hears || matches!(api, OpenAiRealtime),
            Self::EagerTurnResumed => matches!(api, DeepgramFlux),
            Self::EndlessTurn => matches!(api, DeepgramFlux | AssemblyAi),
            Self::TruncateErrors | Self::ResponseFails | Self::TooLittleAudio | Self::ToolCancelled => {
                matches!(api, OpenAiRealtime)
            }
            Self::TooFast => matches!(api, AssemblyAi),
            Self::EmptyBinary => hears,
            _ => api.is_socket(),
        }
    }
}

/// A play as one connection sees it: in one form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Staged {
    pub(super) failure: WsFailure,
    pub(super) form: &'static str,
    pub(super) after: u32,
}

impl Staged {
    pub(super) fn new(play: Stunt, take: usize) -> Self {
        Self { failure: play.failure, form: play.form(take), after: play.after }
    }
}

/// Whether this failure is on.
pub(super) fn plays(staged: Option<Staged>, failure: WsFailure) -> bool {
    staged.is_some_and(|staged| staged.failure == failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_1_to_37() {
        for (index, failure) in WsFailure::ALL.into_iter().enumerate() {
            assert_eq!(failure.id(), format!("W{:02}", index + 1));
        }
    }

    #[test]
    fn a_play_is_written_as_it_is_read() {
        for text in ["W01", "W05:link", "W06:rst#40", "W10#3", "W37"] {
            assert_eq!(text.parse::<Stunt>().unwrap().to_string(), text);
        }
        for failure in WsFailure::ALL {
            for form in failure.forms() {
                let play: Stunt = format!("{}:{form}", failure.id()).parse().unwrap();
                assert_eq!((play.failure(), play.form(7)), (failure, *form));
            }
        }
        for text in ["", "W", "W00", "W38", "W1", "w01", "W02:x", "W06:", "W06#", "W06#-1", "H01"] {
            assert_eq!(text.parse::<Stunt>(), Err(NoStunt), "{text}");
        }
    }

    #[test]
    fn forms_take_turns() {
        let play = Stunt::new(WsFailure::NoInput);
        assert_eq!([play.form(0), play.form(1), play.form(2)], ["code", "link", "code"]);
        assert_eq!(Stunt::new(WsFailure::SilentUpgrade).form(3), "");
    }
}
