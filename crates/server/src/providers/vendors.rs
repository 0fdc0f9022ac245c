//! From an entry of the configuration to the vendor that speaks its API: the one place where vendors are named.

use std::sync::Arc;

use operetta_audio::Format;
use operetta_contract::{
    ApiKey, Capabilities, Complete, Converse, DuplexVendor, Entry, Head, HttpRequest, HttpVendor, ProviderError,
    Recognize, SocketRequest, Speaker, Synthesize, Transcribe, Words,
};
use operetta_stage::Desk;
use operetta_vendors::{llm, realtime, stt, tts};
use operetta_workers::relay::Resume;
use secrecy::ExposeSecret;

use crate::config::{Api, Audio, Provider};

/// A job that vendors do.
pub(crate) trait Asked: Resume {
    /// The desk of a vendor, with its job's type put aside.
    fn any(desk: Desk<Self>) -> AnyDesk;

    /// A job that could be asked: what a socket is opened for that nobody needs yet.
    fn sample() -> Self;
}

/// The desk of a vendor.
pub(crate) enum AnyDesk {
    /// Of one that listens.
    Stt(Desk<Transcribe>),
    /// Of one that thinks.
    Llm(Desk<Complete>),
    /// Of one that speaks.
    Tts(Desk<Synthesize>),
    /// Of one that does all of it.
    Realtime(Desk<Converse>),
}

impl Asked for Transcribe {
    fn any(desk: Desk<Self>) -> AnyDesk {
        AnyDesk::Stt(desk)
    }

    fn sample() -> Self {
        Self { language: "en-IN".into(), rate_hz: 8000 }
    }
}

impl Asked for Complete {
    fn any(desk: Desk<Self>) -> AnyDesk {
        AnyDesk::Llm(desk)
    }

    fn sample() -> Self {
        let said = Words { speaker: Speaker::Caller, text: "Hello.".into(), cut: false };
        Self {
            prompt: "Answer with one word.".into(),
            language: "en-IN".into(),
            tools: Arc::default(),
            dialogue: vec![Entry::Said(said)],
            said: "".into(),
        }
    }
}

impl Asked for Synthesize {
    fn any(desk: Desk<Self>) -> AnyDesk {
        AnyDesk::Tts(desk)
    }

    fn sample() -> Self {
        Self {
            text: "Hello.".into(),
            voice: "default".into(),
            language: "en-IN".into(),
            format: Format::MULAW_8K,
            fixed: false,
        }
    }
}

/// Does something with a vendor, whatever its type. Each method is given what makes one, as often as it is called.
pub(crate) trait Visit {
    /// What comes of it.
    type Out;

    /// A vendor that is asked by requests.
    fn request<V: HttpVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Self::Out;

    /// A vendor that is talked to over a socket.
    fn socket<V: DuplexVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Self::Out;

    /// A vendor that understands whole clips, and is to listen.
    fn clips<V: HttpVendor<Job = Recognize>>(self, vendor: impl Fn() -> V + 'static) -> Self::Out;

    /// A vendor that leads whole conversations.
    fn converse<V: DuplexVendor<Job = Converse>>(self, vendor: impl Fn() -> V + 'static) -> Self::Out;
}

/// The visitor meets the vendor of an entry. `None` for an entry without an API, which the configuration refuses, and for those
/// whose vendor the program brings.
#[expect(clippy::too_many_lines, reason = "it is a list of vendors")]
pub(crate) fn visit<W: Visit>(entry: &Provider, visitor: W) -> Option<W::Out> {
    let shared = Terms::of(entry);
    let is_at_home = entry.is_at_home();
    Some(match entry.api? {
        Api::Anthropic => {
            let mut config = llm::anthropic::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.max_tokens = entry.max_tokens.unwrap_or(config.max_tokens);
            visitor.request(move || llm::anthropic::Anthropic::new(config.clone()))
        }
        Api::Assemblyai => {
            let mut config = stt::assemblyai::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.keyterms.clone_from(&entry.keyterms);
            visitor.socket(move || stt::assemblyai::AssemblyAi::new(config.clone()))
        }
        Api::AssemblyaiSpeech => {
            let mut config = tts::assemblyai::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.concurrency = entry.max_at_once;
            visitor.request(move || tts::assemblyai::AssemblyAiSpeech::new(config.clone()))
        }
        Api::DeepgramFlux => {
            let mut config = stt::deepgram_flux::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.keyterms.clone_from(&entry.keyterms);
            config.mip_opt_out = entry.opt_out;
            visitor.socket(move || stt::deepgram_flux::DeepgramFlux::new(config.clone()))
        }
        Api::DeepgramListen => {
            let mut config = stt::deepgram::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.keyterms.clone_from(&entry.keyterms);
            config.mip_opt_out = entry.opt_out;
            visitor.socket(move || stt::deepgram::DeepgramListen::new(config.clone()))
        }
        Api::DeepgramSpeak => {
            let mut config = tts::deepgram::Config::new(shared.key, shared.voice);
            config.base_url = shared.base_url;
            config.opt_out = entry.opt_out;
            config.concurrency = entry.max_at_once;
            visitor.request(move || tts::deepgram::DeepgramSpeech::new(config.clone()))
        }
        Api::DeepgramSpeakSocket => {
            let mut config = tts::deepgram::Config::new(shared.key, shared.voice);
            config.base_url = shared.base_url;
            config.opt_out = entry.opt_out;
            config.concurrency = entry.max_at_once;
            visitor.socket(move || tts::deepgram_socket::DeepgramSpeechSocket::new(config.clone()))
        }
        Api::Elevenlabs => {
            let mut config = tts::elevenlabs::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.opt_out = entry.opt_out;
            config.concurrency = entry.max_at_once;
            visitor.request(move || tts::elevenlabs::ElevenLabsSpeech::new(config.clone()))
        }
        Api::ElevenlabsSocket => {
            let mut config = tts::elevenlabs::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.opt_out = entry.opt_out;
            config.concurrency = entry.max_at_once;
            visitor.socket(move || tts::elevenlabs_socket::ElevenLabsSocket::new(config.clone()))
        }
        Api::Gemini => {
            let mut config = llm::gemini::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.max_tokens = entry.max_tokens.unwrap_or(config.max_tokens);
            if let Some(effort) = &entry.reasoning_effort {
                config.thinking = match effort.as_str() {
                    "none" => llm::gemini::Thinking::Budget(0),
                    level => llm::gemini::Thinking::Level(level.to_owned()),
                };
            }
            visitor.request(move || llm::gemini::Gemini::new(config.clone()))
        }
        Api::GoogleSpeech => {
            let mut config = tts::google::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.concurrency = entry.max_at_once;
            visitor.request(move || tts::google::GoogleSpeech::new(config.clone()))
        }
        Api::OpenaiChat => {
            let mut config = llm::openai::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.max_tokens = entry.max_tokens.unwrap_or(config.max_tokens);
            config.reasoning_effort.clone_from(&entry.reasoning_effort);
            if !is_at_home {
                config.limit = llm::openai::LimitField::elsewhere(&config.model);
                config.without_padding = false;
            }
            visitor.request(move || llm::openai::OpenAiChat::new(config.clone()))
        }
        Api::OpenaiRealtime => {
            let mut config = realtime::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.transcription_model = entry.transcription_model.clone().unwrap_or_default();
            visitor.converse(move || realtime::OpenAiRealtime::new(config.clone()))
        }
        Api::OpenaiSpeech => {
            let mut config = tts::openai::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.voice = shared.voice;
            config.answer = match entry.audio {
                None | Some(Audio::Pcm) => config.answer,
                Some(Audio::Wav) => tts::openai::Answer::Wav,
                Some(Audio::Mp3) => tts::openai::Answer::Mp3,
            };
            config.concurrency = entry.max_at_once;
            visitor.request(move || tts::openai::OpenAiSpeech::new(config.clone()))
        }
        Api::OpenaiTranscriptions => {
            let mut config = stt::openai::Config::new(shared.key, shared.model);
            config.base_url = shared.base_url;
            config.path = entry.path.clone().unwrap_or(config.path);
            visitor.clips(move || stt::openai::OpenAiTranscription::new(config.clone()))
        }
        // Not ours: `Guests` know who that is.
        Api::OwnLlm | Api::OwnStt | Api::OwnTts => return None,
    })
}

/// Wants to know what a vendor can do.
pub(super) struct Ability;

impl Visit for Ability {
    type Out = Capabilities;

    fn request<V: HttpVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Capabilities {
        vendor().capabilities()
    }

    fn socket<V: DuplexVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Capabilities {
        vendor().capabilities()
    }

    fn clips<V: HttpVendor<Job = Recognize>>(self, vendor: impl Fn() -> V + 'static) -> Capabilities {
        vendor().capabilities()
    }

    fn converse<V: DuplexVendor<Job = Converse>>(self, vendor: impl Fn() -> V + 'static) -> Capabilities {
        vendor().capabilities()
    }
}

/// What is asked of a provider to see whether it would work, at no cost. Its reply is judged by the vendor.
pub(crate) enum Question {
    /// A request.
    Request(HttpRequest, RequestJudge),
    /// A socket to be opened.
    Socket(SocketRequest, Box<dyn Fn(u16) -> ProviderError>),
    /// The API has no such question.
    Nothing,
    /// The settings are such that nothing can be asked.
    Unfit(ProviderError),
}

/// What a reply means whose status is not 2xx.
pub(crate) type RequestJudge = Box<dyn Fn(&Head, &[u8]) -> ProviderError>;

/// Wants to know what to ask.
pub(super) struct Curious;

impl Curious {
    fn of_requests<V: HttpVendor>(vendor: V) -> Question {
        match vendor.warm_up() {
            Some(request) => Question::Request(request, Box::new(move |head, body| vendor.refusal(head, body))),
            None => Question::Nothing,
        }
    }

    fn of_socket<V: DuplexVendor>(vendor: V, sample: V::Job) -> Question {
        match vendor.open(&vendor.warm_up().unwrap_or(sample)) {
            Ok((request, _)) => Question::Socket(request, Box::new(move |status| vendor.refusal(status))),
            Err(error) => Question::Unfit(error),
        }
    }
}

impl Visit for Curious {
    type Out = Question;

    fn request<V: HttpVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Question {
        Self::of_requests(vendor())
    }

    fn socket<V: DuplexVendor<Job: Asked>>(self, vendor: impl Fn() -> V + 'static) -> Question {
        Self::of_socket(vendor(), V::Job::sample())
    }

    fn clips<V: HttpVendor<Job = Recognize>>(self, vendor: impl Fn() -> V + 'static) -> Question {
        Self::of_requests(vendor())
    }

    fn converse<V: DuplexVendor<Job = Converse>>(self, vendor: impl Fn() -> V + 'static) -> Question {
        let sample = Converse {
            prompt: "Answer with one word.".into(),
            language: "en-IN".into(),
            voice: "default".into(),
            format: Format::MULAW_8K,
            tools: Arc::default(),
            dialogue: Vec::new(),
        };
        Self::of_socket(vendor(), sample)
    }
}

/// What an entry of the configuration says to its vendor.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The key; empty when there is none.
    pub key: ApiKey,
    /// `http(s)://host[:port]`, without a path.
    pub base_url: String,
    /// The model; empty when none is named.
    pub model: String,
    /// The voice of agents that name none; empty when none is named.
    pub voice: String,
}

impl Terms {
    pub(super) fn of(entry: &Provider) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            key: ApiKey::new(entry.key.as_ref().map_or("", ExposeSecret::expose_secret)),
            base_url: entry.address().to_owned(),
            model: text(&entry.model),
            voice: text(&entry.voice),
        }
    }
}
