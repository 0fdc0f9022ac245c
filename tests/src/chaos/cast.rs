//! Who plays for whom: the agents, and the configuration that names them.

use std::{collections::BTreeSet, fmt::Write as _};

use operetta_sim::theatre::Api;

/// An agent: for each role a provider of the first theatre and one of the second, by their APIs' words in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub name: &'static str,
    /// Who listens, thinks and speaks, before anybody fails.
    pub first: [&'static str; 3],
    /// Who does when they do.
    pub second: [&'static str; 3],
    /// Whether one provider of the first theatre does all three, as long as it can.
    pub leads: bool,
    /// What follows when all have failed.
    pub on_failure: &'static str,
}

impl Agent {
    /// The doors of the first theatre that calls of this agent come to.
    pub fn doors(&self) -> impl Iterator<Item = Api> {
        let leader = self.leads.then_some("openai_realtime");
        self.first.into_iter().chain(leader).filter_map(door)
    }

    /// How many utterances, each with a mark, an answer to the caller has: one for each sentence of [`REPLY`].
    pub const fn utterances(&self) -> u32 {
        if self.leads { 1 } else { 3 }
    }
}

/// The agents. Every API is the first of one of them.
pub const AGENTS: [Agent; 5] = [
    Agent {
        name: "a",
        first: ["deepgram_listen", "anthropic", "elevenlabs_socket"],
        second: ["openai_transcriptions", "openai_chat", "deepgram_speak"],
        leads: false,
        on_failure: "retry",
    },
    Agent {
        name: "b",
        first: ["deepgram_flux", "openai_chat", "deepgram_speak_socket"],
        second: ["assemblyai", "gemini", "openai_speech"],
        leads: false,
        on_failure: "retry",
    },
    Agent {
        name: "c",
        first: ["openai_transcriptions", "gemini", "google_speech"],
        second: ["deepgram_listen", "anthropic", "elevenlabs"],
        leads: false,
        on_failure: "retry",
    },
    Agent {
        name: "d",
        first: ["assemblyai", "anthropic", "openai_speech"],
        second: ["deepgram_flux", "openai_chat", "elevenlabs_socket"],
        leads: false,
        on_failure: "retry",
    },
    Agent {
        name: "f",
        first: ["openai_transcriptions", "openai_chat", "elevenlabs"],
        second: ["assemblyai", "gemini", "deepgram_speak_socket"],
        leads: false,
        on_failure: "retry",
    },
];

/// The agent whose conversations one provider leads; when that one fails, others take over.
pub const LED: Agent = Agent {
    name: "e",
    first: ["deepgram_listen", "anthropic", "deepgram_speak"],
    second: ["openai_transcriptions", "openai_chat", "openai_speech"],
    leads: true,
    on_failure: "retry",
};

/// Agents that are to end the call when nobody can play for them.
pub const ENDING: [Agent; 2] = [
    Agent { name: "goodbye", on_failure: "goodbye", ..AGENTS[0] },
    Agent { name: "transfer", on_failure: "transfer", ..AGENTS[1] },
];

/// What the fake models say: three sentences, each an utterance of its own.
pub const REPLY: &str = "Yes, that is fine. It is all done now. Anything else?";
/// What an agent says to callers it has not understood.
pub const NOT_UNDERSTOOD: &str = "Pardon me, once more?";
/// What an agent says to callers whom it cannot understand at all.
pub const USE_KEYS: &str = "I cannot hear you. Press a key.";
/// What every agent says first.
pub const GREETING: &str = "Hello there.";

/// The door of the theatre at which the API of this word is spoken.
pub fn door(word: &str) -> Option<Api> {
    Some(match word {
        "anthropic" => Api::Anthropic,
        "assemblyai" => Api::AssemblyAi,
        "deepgram_flux" => Api::DeepgramFlux,
        "deepgram_listen" => Api::DeepgramListen,
        "deepgram_speak" => Api::DeepgramSpeak,
        "deepgram_speak_socket" => Api::DeepgramSpeakSocket,
        "elevenlabs" => Api::ElevenLabsStream,
        "elevenlabs_socket" => Api::ElevenLabsSocket,
        "gemini" => Api::Gemini,
        "google_speech" => Api::GoogleSynthesize,
        "openai_chat" => Api::OpenAiChat,
        "openai_realtime" => Api::OpenAiRealtime,
        "openai_speech" => Api::OpenAiSpeech,
        "openai_transcriptions" => Api::OpenAiTranscription,
        _ => return None,
    })
}

/// The names of the providers of one theatre, of the `first` or the second.
pub fn providers(first: bool) -> BTreeSet<String> {
    let agents = || AGENTS.iter().chain([&LED]).chain(&ENDING);
    let (side, words): (_, BTreeSet<_>) = if first {
        ("one", agents().flat_map(|agent| agent.first).chain(["openai_realtime"]).collect())
    } else {
        ("two", agents().flat_map(|agent| agent.second).collect())
    };
    words.into_iter().map(|word| format!("{side}_{word}")).collect()
}

/// The configuration: every agent, and every provider at the theatre it belongs to. The voices and models are the defaults'
/// own; keys are not. Breakers stay open for `breaker_secs`.
pub fn configuration(first: &str, second: &str, breaker_secs: u32) -> String {
    let mut text = format!(
        "default_agent = \"a\"\n[lines]\nnot_understood = \"{NOT_UNDERSTOOD}\"\nuse_keys = \"{USE_KEYS}\"\n[recording]\nenabled = false\n"
    );
    for (is_first, base_url) in [(true, first), (false, second)] {
        for name in providers(is_first) {
            let api = &name[4..];
            // Infallible: it is memory.
            let _ = write!(
                text,
                "[providers.{name}]\napi = \"{api}\"\nbase_url = \"{base_url}\"\nkey = \"fake-key\"\nmax_at_once = 2000\nbreaker_pause_secs = {breaker_secs}\nbreaker_longest_secs = {breaker_secs}\n{}",
                particulars(api),
            );
        }
    }
    for agent in AGENTS.iter().chain([&LED]).chain(&ENDING) {
        let Agent { name, first, second, leads, on_failure } = agent;
        let _ = write!(text, "[agents.{name}]\ngreeting = \"{GREETING}\"\non_failure = \"{on_failure}\"\n");
        for (role, (first, second)) in ["stt", "llm", "tts"].into_iter().zip(first.iter().zip(second)) {
            let _ = writeln!(text, "{role} = [\"one_{first}\", \"two_{second}\"]");
        }
        if *leads {
            text.push_str("realtime = [\"one_openai_realtime\"]\n");
        }
    }
    text
}

/// Voice and model of an API, where it needs them: fakes know what is a model of theirs.
fn particulars(api: &str) -> &'static str {
    match api {
        "anthropic" => "model = \"claude-haiku-5-5\"\n",
        "assemblyai" => "model = \"universal-3-6\"\n",
        "deepgram_flux" => "model = \"flux-general-en\"\n",
        "deepgram_listen" => "model = \"nova-3\"\n",
        "gemini" => "model = \"gemini-3.5-flash\"\n",
        // Elsewhere than at OpenAI itself the engine speaks to it as to a local server.
        "openai_chat" => "model = \"llama-3.3-8b\"\n",
        "openai_transcriptions" => "model = \"gpt-transcribe\"\n",
        "deepgram_speak" | "deepgram_speak_socket" => "voice = \"aura-2-thalia-en\"\n",
        "elevenlabs" | "elevenlabs_socket" => "model = \"eleven_flash_v2_5\"\nvoice = \"JBFqnCBsd6RMkjVDRZzb\"\n",
        "google_speech" => "voice = \"en-IN-Chirp3-HD-Kore\"\n",
        "openai_realtime" => {
            "model = \"gpt-realtime-2.1-mini\"\nvoice = \"marin\"\ntranscription_model = \"gpt-live-transcribe\"\n"
        }
        "openai_speech" => "model = \"gpt-4o-mini-tts\"\nvoice = \"marin\"\n",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_is_somebodys_first() {
        let doors: BTreeSet<_> = AGENTS.iter().chain([&LED]).flat_map(Agent::doors).collect();
        for api in Api::ALL.into_iter().filter(|api| *api != Api::Status) {
            assert!(doors.contains(&api), "{api}");
        }
    }
}
