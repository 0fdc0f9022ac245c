use std::time::Duration;

use operetta_contract::ApiKey;

/// How to use it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key.
    pub key: ApiKey,
    /// Where it is; `https://api.openai.com`.
    pub base_url: String,
    /// Which model, for example `gpt-realtime-2.1`.
    pub model: String,
    /// The voice where the job says `default` or nothing. `marin`.
    pub voice: String,
    /// How fast it speaks, 0.25 to 1.5. 1.
    pub speed: f32,
    /// Which model writes down what the caller says, for example `gpt-live-transcribe`; empty for none: the conversation works
    /// without, and nobody learns the caller's words. Empty.
    pub transcription_model: String,
    /// How the server finds the end of what the caller says. By silence: 0.5, 300 ms, 500 ms.
    pub turns: TurnDetection,
    /// `near_field` for a receiver at the ear, `far_field` for a hands-free set, empty for none. `near_field`.
    pub noise_reduction: String,
    /// The longest reply, in tokens, 1 to 4096. 1024.
    pub max_output_tokens: u32,
}

/// How the server finds the end of what the caller says.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnDetection {
    /// By silence.
    Silence {
        /// How loud speech is at least, 0 to 1.
        threshold: f32,
        /// How much of what came before speech belongs to it, in ms.
        prefix_padding_ms: u32,
        /// How much silence ends it, in ms.
        silence_ms: u32,
    },
    /// By meaning.
    Meaning {
        /// `low`, `medium`, `high` or `auto`: it waits for 8, 4 or 2 s at most.
        eagerness: String,
    },
}

impl TurnDetection {
    /// How long the server waits in silence for the caller to go on, at most.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Silence { silence_ms, .. } => Duration::from_millis((*silence_ms).into()),
            Self::Meaning { eagerness } => match eagerness.as_str() {
                "high" => Duration::from_secs(2),
                "medium" | "auto" => Duration::from_secs(4),
                _ => Duration::from_secs(8),
            },
        }
    }
}

impl Config {
    /// The defaults, with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://api.openai.com".to_owned(),
            model: model.into(),
            voice: "marin".to_owned(),
            speed: 1.0,
            transcription_model: String::new(),
            turns: TurnDetection::Silence { threshold: 0.5, prefix_padding_ms: 300, silence_ms: 500 },
            noise_reduction: "near_field".to_owned(),
            max_output_tokens: 1024,
        }
    }
}
