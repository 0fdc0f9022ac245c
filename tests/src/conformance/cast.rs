use operetta_contract::{ApiKey, Complete, Converse, Synthesize, Transcribe};
use operetta_sim::theatre::Api;
use operetta_vendors::{llm, realtime, stt, tts};

use super::lane::{Hired, Lane, SEATS};

/// One API and who plays it.
pub(super) struct Entry {
    pub(super) api: Api,
    pub(super) part: Part,
}

/// The role, and how somebody is hired for it.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Voice(fn(&Terms) -> Hired<Synthesize>),
    Ears(fn(&Terms) -> Hired<Transcribe>),
    Mind(fn(&Terms) -> Hired<Complete>),
    Talk(fn(&Terms) -> Hired<Converse>),
}

/// How somebody is hired.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) lane: Lane,
    pub(super) key: ApiKey,
    /// `None` for the vendor's own.
    pub(super) base_url: Option<String>,
    pub(super) choice: Choice,
}

/// What an account has in place of the usual models and voices, and where.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `http(s)://host[:port]` of a region, a gateway or a server that speaks like the vendor; empty for the vendor's own.
    pub base_url: String,
    /// The model; empty for the usual one.
    pub model: String,
    /// The voice; empty for the usual one.
    pub voice: String,
}

impl Terms {
    pub(super) fn new(lane: Lane, key: ApiKey) -> Self {
        Self { lane, key, base_url: None, choice: Choice::default() }
    }

    fn model<'a>(&'a self, usual: &'a str) -> &'a str {
        if self.choice.model.is_empty() { usual } else { &self.choice.model }
    }

    fn voice(&self, usual: &str) -> String {
        if self.choice.voice.is_empty() { usual.to_owned() } else { self.choice.voice.clone() }
    }
}

/// The configuration of a codec on these terms.
macro_rules! on {
    ($terms:expr, $module:path, $model:expr) => {{
        use $module as vendor;
        let mut config = vendor::Config::new($terms.key.clone(), $terms.model($model));
        if let Some(base_url) = &$terms.base_url {
            config.base_url.clone_from(base_url);
        }
        config
    }};
}

/// Every codec of the house. The models are those of November 2026.
pub(super) const CAST: [Entry; 14] = [
    Entry { api: Api::OpenAiSpeech, part: Part::Voice(openai_speech) },
    Entry { api: Api::ElevenLabsStream, part: Part::Voice(elevenlabs_stream) },
    Entry { api: Api::ElevenLabsSocket, part: Part::Voice(elevenlabs_socket) },
    Entry { api: Api::GoogleSynthesize, part: Part::Voice(google_synthesize) },
    Entry { api: Api::DeepgramSpeak, part: Part::Voice(deepgram_speak) },
    Entry { api: Api::DeepgramSpeakSocket, part: Part::Voice(deepgram_speak_socket) },
    Entry { api: Api::DeepgramListen, part: Part::Ears(deepgram_listen) },
    Entry { api: Api::DeepgramFlux, part: Part::Ears(deepgram_flux) },
    Entry { api: Api::AssemblyAi, part: Part::Ears(assemblyai) },
    Entry { api: Api::OpenAiTranscription, part: Part::Ears(openai_transcription) },
    Entry { api: Api::Anthropic, part: Part::Mind(anthropic) },
    Entry { api: Api::OpenAiChat, part: Part::Mind(openai_chat) },
    Entry { api: Api::Gemini, part: Part::Mind(gemini) },
    Entry { api: Api::OpenAiRealtime, part: Part::Talk(openai_realtime) },
];

fn openai_speech(terms: &Terms) -> Hired<Synthesize> {
    let mut config = on!(terms, tts::openai, "gpt-4o-mini-tts");
    config.voice = terms.voice("alloy");
    terms.lane.http(tts::openai::OpenAiSpeech::new(config))
}

fn elevenlabs_stream(terms: &Terms) -> Hired<Synthesize> {
    let mut config = on!(terms, tts::elevenlabs, "eleven_flash_v2_5");
    config.voice = terms.voice(ELEVENLABS_VOICE);
    terms.lane.http(tts::elevenlabs::ElevenLabsSpeech::new(config))
}

fn elevenlabs_socket(terms: &Terms) -> Hired<Synthesize> {
    let mut config = on!(terms, tts::elevenlabs_socket, "eleven_flash_v2_5");
    config.voice = terms.voice(ELEVENLABS_VOICE);
    terms.lane.sockets(tts::elevenlabs_socket::ElevenLabsSocket::new(config), SEATS)
}

fn google_synthesize(terms: &Terms) -> Hired<Synthesize> {
    let mut config = on!(terms, tts::google, "");
    // Chirp voices have no model beside them.
    config.model.clear();
    config.voice = terms.voice("en-US-Chirp3-HD-Kore");
    terms.lane.http(tts::google::GoogleSpeech::new(config))
}

fn deepgram_speak(terms: &Terms) -> Hired<Synthesize> {
    terms.lane.http(tts::deepgram::DeepgramSpeech::new(on!(terms, tts::deepgram, "aura-2-thalia-en")))
}

fn deepgram_speak_socket(terms: &Terms) -> Hired<Synthesize> {
    let config = on!(terms, tts::deepgram_socket, "aura-2-thalia-en");
    terms.lane.sockets(tts::deepgram_socket::DeepgramSpeechSocket::new(config), SEATS)
}

fn deepgram_listen(terms: &Terms) -> Hired<Transcribe> {
    terms.lane.sockets(stt::deepgram::DeepgramListen::new(on!(terms, stt::deepgram, "nova-3")), SEATS)
}

fn deepgram_flux(terms: &Terms) -> Hired<Transcribe> {
    let config = on!(terms, stt::deepgram_flux, "flux-general-en");
    terms.lane.sockets(stt::deepgram_flux::DeepgramFlux::new(config), SEATS)
}

fn assemblyai(terms: &Terms) -> Hired<Transcribe> {
    let config = on!(terms, stt::assemblyai, "universal-streaming-english");
    terms.lane.sockets(stt::assemblyai::AssemblyAi::new(config), SEATS)
}

fn openai_transcription(terms: &Terms) -> Hired<Transcribe> {
    terms.lane.clips(stt::openai::OpenAiTranscription::new(on!(terms, stt::openai, "gpt-transcribe")))
}

fn anthropic(terms: &Terms) -> Hired<Complete> {
    terms.lane.http(llm::anthropic::Anthropic::new(on!(terms, llm::anthropic, "claude-haiku-5-5")))
}

fn openai_chat(terms: &Terms) -> Hired<Complete> {
    terms.lane.http(llm::openai::OpenAiChat::new(on!(terms, llm::openai, "gpt-5.6-luna")))
}

fn gemini(terms: &Terms) -> Hired<Complete> {
    terms.lane.http(llm::gemini::Gemini::new(on!(terms, llm::gemini, "gemini-3.5-flash")))
}

fn openai_realtime(terms: &Terms) -> Hired<Converse> {
    let mut config = on!(terms, realtime, "gpt-realtime-2.1");
    config.transcription_model = "gpt-live-transcribe".into();
    terms.lane.sockets(realtime::OpenAiRealtime::new(config), SEATS)
}

/// A voice that every account has.
const ELEVENLABS_VOICE: &str = "21m00Tcm4TlvDq8ikWAM";
