use std::{fmt, str::FromStr};

/// The doors of the theatre: one for each API that a fake vendor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// OpenAI `POST /v1/audio/speech`.
    OpenAiSpeech,
    /// ElevenLabs `POST /v1/text-to-speech/{voice}/stream`.
    ElevenLabsStream,
    /// ElevenLabs `GET /v1/text-to-speech/{voice}/multi-stream-input` and `…/stream-input`, as sockets.
    ElevenLabsSocket,
    /// Google `POST /v1/text:synthesize`.
    GoogleSynthesize,
    /// Deepgram `POST /v1/speak`.
    DeepgramSpeak,
    /// Deepgram `GET /v1/speak`, as a socket.
    DeepgramSpeakSocket,
    /// Deepgram `GET /v1/listen`, as a socket.
    DeepgramListen,
    /// Deepgram `GET /v2/listen`, as a socket.
    DeepgramFlux,
    /// AssemblyAI `GET /v3/ws`, as a socket.
    AssemblyAi,
    /// OpenAI `POST /v1/audio/transcriptions`.
    OpenAiTranscription,
    /// Anthropic `POST /v1/messages`.
    Anthropic,
    /// OpenAI `POST /v1/chat/completions`.
    OpenAiChat,
    /// Gemini `POST /v1beta/models/{model}:streamGenerateContent`.
    Gemini,
    /// OpenAI `GET /v1/realtime`, as a socket.
    OpenAiRealtime,
    /// What costs nothing and shows whether a key is right: lists of models, voices, projects.
    Status,
}

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vendor {
    /// OpenAI, and whoever speaks like it.
    OpenAi,
    /// ElevenLabs.
    ElevenLabs,
    /// Google: Cloud Text-to-Speech and Gemini.
    Google,
    /// Deepgram.
    Deepgram,
    /// AssemblyAI.
    AssemblyAi,
    /// Anthropic.
    Anthropic,
}

/// What an API is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Text to speech.
    Tts,
    /// Speech to text.
    Stt,
    /// Language models.
    Llm,
    /// Speech to speech.
    Realtime,
    /// Neither: costs nothing.
    Status,
}

impl Api {
    /// Every door.
    pub const ALL: [Self; 15] = [
        Self::OpenAiSpeech,
        Self::ElevenLabsStream,
        Self::ElevenLabsSocket,
        Self::GoogleSynthesize,
        Self::DeepgramSpeak,
        Self::DeepgramSpeakSocket,
        Self::DeepgramListen,
        Self::DeepgramFlux,
        Self::AssemblyAi,
        Self::OpenAiTranscription,
        Self::Anthropic,
        Self::OpenAiChat,
        Self::Gemini,
        Self::OpenAiRealtime,
        Self::Status,
    ];

    /// Its name in scripts and ledgers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAiSpeech => "openai_speech",
            Self::ElevenLabsStream => "elevenlabs_stream",
            Self::ElevenLabsSocket => "elevenlabs_socket",
            Self::GoogleSynthesize => "google_synthesize",
            Self::DeepgramSpeak => "deepgram_speak",
            Self::DeepgramSpeakSocket => "deepgram_speak_socket",
            Self::DeepgramListen => "deepgram_listen",
            Self::DeepgramFlux => "deepgram_flux",
            Self::AssemblyAi => "assemblyai_listen",
            Self::OpenAiTranscription => "openai_transcription",
            Self::Anthropic => "anthropic_messages",
            Self::OpenAiChat => "openai_chat",
            Self::Gemini => "gemini",
            Self::OpenAiRealtime => "openai_realtime",
            Self::Status => "status",
        }
    }

    /// Whose it is. A status page shows itself in the manner of OpenAI; [`Api::Status`] has no better answer without a head.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::OpenAiSpeech | Self::OpenAiTranscription | Self::OpenAiChat | Self::OpenAiRealtime | Self::Status => {
                Vendor::OpenAi
            }
            Self::ElevenLabsStream | Self::ElevenLabsSocket => Vendor::ElevenLabs,
            Self::GoogleSynthesize | Self::Gemini => Vendor::Google,
            Self::DeepgramSpeak | Self::DeepgramSpeakSocket | Self::DeepgramListen | Self::DeepgramFlux => {
                Vendor::Deepgram
            }
            Self::AssemblyAi => Vendor::AssemblyAi,
            Self::Anthropic => Vendor::Anthropic,
        }
    }

    /// What it is for.
    pub const fn kind(self) -> Kind {
        match self {
            Self::OpenAiSpeech
            | Self::ElevenLabsStream
            | Self::ElevenLabsSocket
            | Self::GoogleSynthesize
            | Self::DeepgramSpeak
            | Self::DeepgramSpeakSocket => Kind::Tts,
            Self::DeepgramListen | Self::DeepgramFlux | Self::AssemblyAi | Self::OpenAiTranscription => Kind::Stt,
            Self::Anthropic | Self::OpenAiChat | Self::Gemini => Kind::Llm,
            Self::OpenAiRealtime => Kind::Realtime,
            Self::Status => Kind::Status,
        }
    }

    /// Whether it is a socket.
    pub const fn is_socket(self) -> bool {
        matches!(
            self,
            Self::ElevenLabsSocket
                | Self::DeepgramSpeakSocket
                | Self::DeepgramListen
                | Self::DeepgramFlux
                | Self::AssemblyAi
                | Self::OpenAiRealtime
        )
    }

    /// The method of its requests.
    pub const fn method(self) -> &'static str {
        if self.is_socket() || matches!(self, Self::Status) { "GET" } else { "POST" }
    }

    /// The door that a path leads to.
    pub fn at(path: &str, wants_socket: bool) -> Option<Self> {
        let (voice, model) = (path.strip_prefix("/v1/text-to-speech/"), path.strip_prefix("/v1beta/models/"));
        Some(match (path, wants_socket) {
            ("/v1/audio/speech", false) => Self::OpenAiSpeech,
            ("/v1/audio/transcriptions", false) => Self::OpenAiTranscription,
            ("/v1/chat/completions", false) => Self::OpenAiChat,
            ("/v1/messages", false) => Self::Anthropic,
            ("/v1/text:synthesize", false) => Self::GoogleSynthesize,
            ("/v1/speak", false) => Self::DeepgramSpeak,
            ("/v1/speak", true) => Self::DeepgramSpeakSocket,
            ("/v1/listen", true) => Self::DeepgramListen,
            ("/v2/listen", true) => Self::DeepgramFlux,
            ("/v3/ws", true) => Self::AssemblyAi,
            ("/v1/realtime", true) => Self::OpenAiRealtime,
            (path, false) if STATUS.contains(&path) => Self::Status,
            (path, false) if path.strip_prefix("/v1/models/").is_some_and(|rest| is_one_step(rest, "")) => Self::Status,
            (_, false) if voice.is_some_and(|rest| is_one_step(rest, "/stream")) => Self::ElevenLabsStream,
            (_, true)
                if voice.is_some_and(|rest| {
                    is_one_step(rest, "/multi-stream-input") || is_one_step(rest, "/stream-input")
                }) =>
            {
                Self::ElevenLabsSocket
            }
            (_, false) if model.is_some_and(|rest| is_one_step(rest, ":streamGenerateContent")) => Self::Gemini,
            (_, false) if model.is_some_and(|rest| is_one_step(rest, "") && !rest.contains(':')) => Self::Status,
            _ => return None,
        })
    }
}

/// One name, then `end`.
fn is_one_step(rest: &str, end: &str) -> bool {
    rest.strip_suffix(end).is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// Paths of requests that cost nothing: OpenAI's and Anthropic's models, ElevenLabs' models, user and voices, Google's voices
/// and models, Deepgram's projects and its word on a token. One model of a list has a page of its own.
const STATUS: [&str; 7] =
    ["/v1/models", "/v1/user", "/v1/voices", "/v2/voices", "/v1beta/models", "/v1/projects", "/v1/auth/token"];

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which requests a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// All but those that cost nothing: those come when connections are kept warm, and would use up what is meant for jobs.
    Any,
    /// All that are for one purpose: `tts`, `stt`, `llm`, `realtime`.
    Kind(Kind),
    /// All of one vendor that cost something: `openai`, `elevenlabs`, `google`, `deepgram`, `assemblyai`, `anthropic`.
    Vendor(Vendor),
    /// Those of one API, by its [name](Api::name); `status` for those that cost nothing.
    Api(Api),
}

impl Route {
    /// Whether it is about requests to `api`.
    pub fn covers(self, api: Api) -> bool {
        match self {
            Self::Any => api != Api::Status,
            Self::Kind(kind) => kind == api.kind(),
            Self::Vendor(vendor) => vendor == api.vendor() && api != Api::Status,
            Self::Api(other) => other == api,
        }
    }
}

impl From<Api> for Route {
    fn from(api: Api) -> Self {
        Self::Api(api)
    }
}

impl From<Kind> for Route {
    fn from(kind: Kind) -> Self {
        Self::Kind(kind)
    }
}

impl From<Vendor> for Route {
    fn from(vendor: Vendor) -> Self {
        Self::Vendor(vendor)
    }
}

impl FromStr for Route {
    type Err = NoRoute;

    fn from_str(text: &str) -> Result<Self, NoRoute> {
        Ok(match text {
            "any" | "*" => Self::Any,
            "tts" => Self::Kind(Kind::Tts),
            "stt" => Self::Kind(Kind::Stt),
            "llm" => Self::Kind(Kind::Llm),
            "realtime" => Self::Kind(Kind::Realtime),
            "openai" => Self::Vendor(Vendor::OpenAi),
            "elevenlabs" => Self::Vendor(Vendor::ElevenLabs),
            "google" => Self::Vendor(Vendor::Google),
            "deepgram" => Self::Vendor(Vendor::Deepgram),
            "assemblyai" => Self::Vendor(Vendor::AssemblyAi),
            "anthropic" => Self::Vendor(Vendor::Anthropic),
            name => Self::Api(Api::ALL.into_iter().find(|api| api.name() == name).ok_or(NoRoute)?),
        })
    }
}

/// A word that names no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoute;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_its_door() {
        for (path, wants_socket, api) in [
            ("/v1/audio/speech", false, Some(Api::OpenAiSpeech)),
            ("/v1/text-to-speech/v1/stream", false, Some(Api::ElevenLabsStream)),
            ("/v1/text-to-speech/v1/multi-stream-input", true, Some(Api::ElevenLabsSocket)),
            ("/v1/text-to-speech/v1/stream", true, None),
            ("/v1/text-to-speech//stream", false, None),
            ("/v1/text-to-speech/a/b/stream", false, None),
            ("/v1/text:synthesize", false, Some(Api::GoogleSynthesize)),
            ("/v1beta/models/gemini-3.5-flash:streamGenerateContent", false, Some(Api::Gemini)),
            ("/v1/speak", false, Some(Api::DeepgramSpeak)),
            ("/v1/speak", true, Some(Api::DeepgramSpeakSocket)),
            ("/v1/models", false, Some(Api::Status)),
            ("/v1/models/gpt-5.6-luna", false, Some(Api::Status)),
            ("/v1beta/models/gemini-3.5-flash", false, Some(Api::Status)),
            ("/v1beta/models/gemini-3.5-flash:countTokens", false, None),
            ("/", false, None),
        ] {
            assert_eq!(Api::at(path, wants_socket), api, "{path}");
        }
    }

    #[test]
    fn every_api_is_a_route() {
        for api in Api::ALL {
            assert_eq!(api.name().parse(), Ok(Route::Api(api)));
            assert!(Route::Api(api).covers(api) && Route::from(api.kind()).covers(api));
            assert_eq!(Route::Any.covers(api), api != Api::Status);
        }
        assert_eq!("tts".parse::<Route>().map(|route| route.covers(Api::OpenAiChat)), Ok(false));
        assert_eq!("cobol".parse::<Route>(), Err(NoRoute));
    }
}
