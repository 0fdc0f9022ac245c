use std::path::PathBuf;

use operetta_contract::Role;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::server_url::ServerUrl;

/// One provider: an API, where it is served, with which key, model and patience.
///
/// The defaults have an entry for each API; an entry of another name makes a second account, region or server of the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Which API is spoken there.
    #[schemars(with = "Api")]
    pub api: Option<Api>,
    /// Scheme, host and port, without a path; plain `http` only for loopback unless `insecure`.
    #[schemars(with = "Option<String>", length(min = 8, max = 500), extend("format" = "server-url"))]
    pub base_url: Option<ServerUrl>,
    /// The key. Without it the API's own variable counts, at the API's own hosts; a server of yours may need none.
    #[schemars(with = "Option<String>", length(min = 1, max = 1024), extend("writeOnly" = true))]
    pub key: Option<SecretString>,
    /// The model, by the provider's name for it.
    #[schemars(length(min = 1, max = 200))]
    pub model: Option<String>,
    /// The model that writes down what callers say; of `openai_realtime`, which works without.
    #[schemars(length(min = 1, max = 200))]
    pub transcription_model: Option<String>,
    /// The voice of agents that name none in `voices`, by the provider's name or id for it.
    #[schemars(length(min = 1, max = 200))]
    pub voice: Option<String>,
    /// The longest reply, in tokens; of models. 400 is a minute and a half of speech.
    #[schemars(range(min = 16, max = 32_768))]
    pub max_tokens: Option<u32>,
    /// How much a model thinks before it speaks, in the API's words (`none`, `minimal`, `low`); of `openai_chat` and `gemini`.
    #[schemars(length(min = 1, max = 32))]
    pub reasoning_effort: Option<String>,
    /// Names and words that are expected from callers; of streaming recognisers.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(min = 1, max = 100)))]
    pub keyterms: Vec<String>,
    /// What the audio comes as; of `openai_speech`, for servers that do not make the API's own 24 kHz samples. Without it, `pcm`.
    #[schemars(with = "Audio")]
    pub audio: Option<Audio>,
    /// Where the API is below `base_url`; of `openai_transcriptions`: whisper.cpp has it at `/inference`.
    #[schemars(length(min = 2, max = 200), extend("format" = "url-path"))]
    pub path: Option<String>,
    /// Keep audio and text out of the maker's training and history, which may cost more; of Deepgram and ElevenLabs.
    #[serde(default)]
    pub opt_out: bool,
    /// A file of root certificates (PEM) to be trusted besides the public ones: for servers with a certificate of your own.
    #[schemars(with = "Option<String>", length(min = 1, max = 4096))]
    pub ca_file: Option<PathBuf>,
    /// Time to the first output that is of use: audio, words of a reply. Then the next provider of the list is asked.
    #[schemars(range(min = 100, max = 30_000))]
    pub first_ms: Option<u32>,
    /// Longest gap between two outputs.
    #[schemars(range(min = 100, max = 30_000))]
    pub gap_ms: Option<u32>,
    /// Time from the end of the caller's words to their final transcript.
    #[schemars(range(min = 100, max = 30_000))]
    pub flush_ms: Option<u32>,
    /// Time for the connection: name, TCP, TLS.
    #[serde(default = "Provider::connect_ms")]
    #[schemars(range(min = 100, max = 30_000))]
    pub connect_ms: u32,
    /// Jobs at once, over all lanes; more wait here. Without it, what the API is known to allow.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_at_once: Option<u32>,
    /// How long the circuit breaker keeps requests away when it opens for the first time.
    #[serde(default = "Provider::breaker_secs")]
    #[schemars(range(min = 1, max = 3600))]
    pub breaker_pause_secs: u32,
    /// Up to this the pause doubles each time that the provider is found to be ill still.
    #[serde(default = "Provider::breaker_secs")]
    #[schemars(range(min = 1, max = 3600))]
    pub breaker_longest_secs: u32,
    /// Plain `http` to another machine is meant: keys and words can be read on the way.
    #[serde(default)]
    pub insecure: bool,
}

impl Provider {
    const fn connect_ms() -> u32 {
        1500
    }

    const fn breaker_secs() -> u32 {
        60
    }

    /// Whether it is served by the API's own makers: their hosts get the key of their variable, and need one.
    pub fn is_at_home(&self) -> bool {
        let Some(api) = self.api.filter(|api| !api.is_brought()) else { return false };
        self.base_url.as_ref().is_none_or(|url| url.is_within(api.domain()))
    }

    /// Whether no request can succeed, because there is no key where one is needed.
    pub fn lacks_key(&self) -> bool {
        self.is_at_home() && self.key.is_none()
    }

    /// Where it is served.
    pub fn address(&self) -> &str {
        let own = self.api.map_or("", Api::base_url);
        self.base_url.as_ref().map_or(own, ServerUrl::as_str)
    }
}

/// What audio comes as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audio {
    /// Samples of 16 bits at 24 kHz without a header.
    Pcm,
    /// Samples behind a header that says what they are.
    Wav,
    /// MPEG layer 3.
    Mp3,
}

/// The APIs that the engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Anthropic Messages.
    Anthropic,
    /// AssemblyAI streaming v3.
    Assemblyai,
    /// AssemblyAI text to speech, a request for each utterance.
    AssemblyaiSpeech,
    /// Deepgram Flux v2, which hears the ends of turns itself.
    DeepgramFlux,
    /// Deepgram live v1.
    DeepgramListen,
    /// Deepgram Aura, a request for each utterance.
    DeepgramSpeak,
    /// Deepgram Aura, over a socket.
    DeepgramSpeakSocket,
    /// ElevenLabs, a request for each utterance.
    Elevenlabs,
    /// ElevenLabs, many utterances over one socket.
    ElevenlabsSocket,
    /// Gemini.
    Gemini,
    /// Google Cloud Text-to-Speech.
    GoogleSpeech,
    /// OpenAI chat completions, and the many servers that speak the same.
    OpenaiChat,
    /// OpenAI Realtime: listens, thinks and speaks at once.
    OpenaiRealtime,
    /// OpenAI speech, and local servers of the same shape.
    OpenaiSpeech,
    /// OpenAI transcriptions of whole clips, and local servers of the same shape.
    OpenaiTranscriptions,
    /// A mind that the program around the engine brings, under the name of the entry.
    OwnLlm,
    /// An ear that the program brings.
    OwnStt,
    /// A voice that the program brings.
    OwnTts,
}

/// What is known of an API.
struct Row {
    word: &'static str,
    role: Role,
    is_socket: bool,
    base_url: &'static str,
    domain: &'static str,
    key_variable: &'static str,
    has_model: bool,
    patience: Patience,
}

/// How long a provider is waited for, in ms, before the next one is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To the first useful output.
    pub first_ms: u32,
    /// Between two outputs.
    pub gap_ms: u32,
    /// From a flush to its final transcript; of listeners only.
    pub flush_ms: u32,
}

impl Patience {
    const SPEAK: Self = Self { first_ms: 1500, gap_ms: 1500, flush_ms: 0 };
    const SPEAK_SOCKET: Self = Self { first_ms: 1000, gap_ms: 1500, flush_ms: 0 };
    const THINK: Self = Self { first_ms: 2000, gap_ms: 2500, flush_ms: 0 };
    const LISTEN: Self = Self { first_ms: 3000, gap_ms: 3000, flush_ms: 1000 };
    /// A clip is sent when the caller has finished, and understood as a whole.
    const LISTEN_TO_CLIPS: Self = Self { first_ms: 2000, gap_ms: 1500, flush_ms: 2000 };

    const CONVERSE: Self = Self { first_ms: 2000, gap_ms: 1500, flush_ms: 0 };

    /// That of a provider: its own settings, else its API's.
    pub fn of(provider: &Provider) -> Self {
        let usual = provider.api.map_or(Self::THINK, Api::patience);
        Self {
            first_ms: provider.first_ms.unwrap_or(usual.first_ms),
            gap_ms: provider.gap_ms.unwrap_or(usual.gap_ms),
            flush_ms: provider.flush_ms.unwrap_or(usual.flush_ms),
        }
    }
}

impl Api {
    /// Every API that the engine knows by itself, in the order of their words.
    pub const ALL: [Self; 15] = [
        Self::Anthropic,
        Self::Assemblyai,
        Self::AssemblyaiSpeech,
        Self::DeepgramFlux,
        Self::DeepgramListen,
        Self::DeepgramSpeak,
        Self::DeepgramSpeakSocket,
        Self::Elevenlabs,
        Self::ElevenlabsSocket,
        Self::Gemini,
        Self::GoogleSpeech,
        Self::OpenaiChat,
        Self::OpenaiRealtime,
        Self::OpenaiSpeech,
        Self::OpenaiTranscriptions,
    ];

    /// What vendors speak that the program brings: see [`Guests`](crate::providers::Guests).
    pub const BROUGHT: [Self; 3] = [Self::OwnLlm, Self::OwnStt, Self::OwnTts];

    /// Whether the program brings who speaks it. Nothing is known of it but its role.
    pub const fn is_brought(self) -> bool {
        matches!(self, Self::OwnLlm | Self::OwnStt | Self::OwnTts)
    }

    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        self.row().word
    }

    /// What it is for.
    pub const fn role(self) -> Role {
        self.row().role
    }

    /// Whether it is spoken over a WebSocket.
    pub const fn is_socket(self) -> bool {
        self.row().is_socket
    }

    /// Where its makers serve it.
    pub const fn base_url(self) -> &'static str {
        self.row().base_url
    }

    /// The domain of its makers' hosts, regional ones included.
    pub const fn domain(self) -> &'static str {
        self.row().domain
    }

    /// The variable in which its makers' own tools look for the key.
    pub const fn key_variable(self) -> &'static str {
        self.row().key_variable
    }

    /// Whether a model must be named. Where the voice is the model, it is not.
    pub const fn has_model(self) -> bool {
        self.row().has_model
    }

    /// Whether a model may be named, although the API does without.
    pub const fn may_have_model(self) -> bool {
        matches!(self, Self::AssemblyaiSpeech | Self::GoogleSpeech) || self.is_brought()
    }

    /// Whether a voice must be named.
    pub const fn has_voice(self) -> bool {
        matches!(self.role(), Role::Tts | Role::Realtime)
    }

    /// Whether its makers offer to keep nothing of what they get.
    pub const fn can_opt_out(self) -> bool {
        match self {
            Self::DeepgramFlux
            | Self::DeepgramListen
            | Self::DeepgramSpeak
            | Self::DeepgramSpeakSocket
            | Self::Elevenlabs
            | Self::ElevenlabsSocket => true,
            Self::Anthropic
            | Self::Assemblyai
            | Self::AssemblyaiSpeech
            | Self::Gemini
            | Self::GoogleSpeech
            | Self::OpenaiChat
            | Self::OpenaiRealtime
            | Self::OpenaiSpeech
            | Self::OpenaiTranscriptions
            | Self::OwnLlm
            | Self::OwnStt
            | Self::OwnTts => false,
        }
    }

    /// How long it is waited for unless its entry says otherwise.
    pub const fn patience(self) -> Patience {
        self.row().patience
    }

    const fn row(self) -> Row {
        use Role::{Llm, Realtime, Stt, Tts};
        const DEEPGRAM: (&str, &str, &str) = ("https://api.deepgram.com", "deepgram.com", "DEEPGRAM_API_KEY");
        const ELEVENLABS: (&str, &str, &str) = ("https://api.elevenlabs.io", "elevenlabs.io", "ELEVENLABS_API_KEY");
        const OPENAI: (&str, &str, &str) = ("https://api.openai.com", "openai.com", "OPENAI_API_KEY");
        const NOWHERE: (&str, &str, &str) = ("", "", "");
        let (word, role, is_socket, (base_url, domain, key_variable), has_model, patience) = match self {
            Self::Anthropic => {
                let home = ("https://api.anthropic.com", "anthropic.com", "ANTHROPIC_API_KEY");
                ("anthropic", Llm, false, home, true, Patience::THINK)
            }
            Self::Assemblyai => {
                let home = ("https://streaming.assemblyai.com", "assemblyai.com", "ASSEMBLYAI_API_KEY");
                ("assemblyai", Stt, true, home, true, Patience::LISTEN)
            }
            Self::AssemblyaiSpeech => {
                let home = ("https://tts.us.assemblyai.com", "assemblyai.com", "ASSEMBLYAI_API_KEY");
                ("assemblyai_speech", Tts, false, home, false, Patience::SPEAK)
            }
            Self::DeepgramFlux => ("deepgram_flux", Stt, true, DEEPGRAM, true, Patience::LISTEN),
            Self::DeepgramListen => ("deepgram_listen", Stt, true, DEEPGRAM, true, Patience::LISTEN),
            Self::DeepgramSpeak => ("deepgram_speak", Tts, false, DEEPGRAM, false, Patience::SPEAK),
            Self::DeepgramSpeakSocket => ("deepgram_speak_socket", Tts, true, DEEPGRAM, false, Patience::SPEAK_SOCKET),
            Self::Elevenlabs => ("elevenlabs", Tts, false, ELEVENLABS, true, Patience::SPEAK),
            Self::ElevenlabsSocket => ("elevenlabs_socket", Tts, true, ELEVENLABS, true, Patience::SPEAK_SOCKET),
            Self::Gemini => {
                let home = ("https://generativelanguage.googleapis.com", "googleapis.com", "GOOGLE_API_KEY");
                ("gemini", Llm, false, home, true, Patience::THINK)
            }
            Self::GoogleSpeech => {
                let home = ("https://texttospeech.googleapis.com", "googleapis.com", "GOOGLE_API_KEY");
                ("google_speech", Tts, false, home, false, Patience::SPEAK)
            }
            Self::OpenaiChat => ("openai_chat", Llm, false, OPENAI, true, Patience::THINK),
            Self::OpenaiRealtime => ("openai_realtime", Realtime, true, OPENAI, true, Patience::CONVERSE),
            Self::OpenaiSpeech => ("openai_speech", Tts, false, OPENAI, true, Patience::SPEAK),
            Self::OpenaiTranscriptions => {
                ("openai_transcriptions", Stt, false, OPENAI, true, Patience::LISTEN_TO_CLIPS)
            }
            Self::OwnLlm => ("own_llm", Llm, false, NOWHERE, false, Patience::THINK),
            Self::OwnStt => ("own_stt", Stt, false, NOWHERE, false, Patience::LISTEN_TO_CLIPS),
            Self::OwnTts => ("own_tts", Tts, false, NOWHERE, false, Patience::SPEAK),
        };
        Row { word, role, is_socket, base_url, domain, key_variable, has_model, patience }
    }
}

/// Who plays the roles, for agents that do not say so themselves: names of providers, the first choice first. When one fails,
/// the next takes over, in the middle of an utterance if need be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Who listens. `embedded` needs its model files.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub stt: Vec<String>,
    /// Who decides what to say. `embedded` is a receptionist of fixed rules.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub llm: Vec<String>,
    /// Who speaks. `embedded` is what `speech.tts` says; `hibari` and `flite` insist on one of its voices.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub tts: Vec<String>,
    /// Who listens, thinks and speaks at once, in place of the three lists, which take over when it fails; empty for nobody.
    #[schemars(length(max = 1), inner(length(min = 1, max = 64)))]
    pub realtime: Vec<String>,
    /// Start the next model too when the first has said nothing for this long, and take whoever is first; 0 never does. Costs
    /// requests.
    #[schemars(range(min = 0, max = 10_000))]
    pub llm_hedge_ms: u32,
    /// The same of voices.
    #[schemars(range(min = 0, max = 10_000))]
    pub tts_hedge_ms: u32,
}

/// Names of providers that need no entry: they are inside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedded {
    /// The embedded engine of a role, in the voice that the agent and `speech.tts` choose.
    Any,
    /// The neural voice.
    Hibari,
    /// The plain voice.
    Flite,
}

impl Embedded {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Any, Self::Hibari, Self::Flite];

    /// The name in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "embedded",
            Self::Hibari => "hibari",
            Self::Flite => "flite",
        }
    }

    /// The embedded provider of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|embedded| embedded.as_str() == name)
    }

    /// Whether it plays this role.
    pub const fn plays(self, role: Role) -> bool {
        matches!((self, role), (Self::Any, Role::Vad | Role::Stt | Role::Llm) | (_, Role::Tts))
    }
}

/// What follows the apology when every provider of a role has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Listen again, and ask the providers again when the caller has spoken.
    #[default]
    Retry,
    /// Leave the stream, so that the carrier's flow connects the caller to a person.
    Transfer,
    /// Say goodbye and hang up.
    Goodbye,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_apis_are_those_that_a_file_says() {
        for api in Api::ALL {
            let read: Api = serde_json::from_value(api.as_str().into()).unwrap();
            assert_eq!(read, api);
            let home = ServerUrl::parse(api.base_url()).unwrap();
            assert!(home.is_within(api.domain()), "{home}");
        }
        assert!(Api::ALL.is_sorted_by_key(|api| api.as_str()));
        for api in Api::BROUGHT {
            let read: Api = serde_json::from_value(api.as_str().into()).unwrap();
            assert!(read == api && api.is_brought() && !Api::ALL.contains(&api));
        }
    }
}
