use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
};

use operetta_contract::Role;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    providers::{Embedded, OnFailure, Provider, Roles},
    public_url::PublicUrl,
};

/// Every setting of the engine, checked: what [`Settings::load`](super) lets through needs no second look.
///
/// Plain data without interior state; lanes share one copy that nobody can change. `Debug` hides secrets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of the agent that answers when neither the called number nor a custom parameter names another.
    #[schemars(length(min = 1, max = 64))]
    pub default_agent: String,
    /// The listener that carriers reach.
    pub http: Http,
    /// The listener for health, readiness and metrics.
    pub admin: Admin,
    /// The carrier Exotel.
    pub exotel: Exotel,
    /// The carrier Twilio.
    pub twilio: Twilio,
    /// Embedded speech: models, threads, and its voice.
    pub speech: Speech,
    /// Who plays which role, for agents that do not say so themselves.
    pub roles: Roles,
    /// The providers by name: `a` to `z`, digits, `-` and `_`, at most 64 characters. Those that no list names are not used.
    pub providers: BTreeMap<String, Provider>,
    /// What is said in many calls, rendered once.
    pub phrases: Phrases,
    /// Waits and limits of a call, for agents that do not set their own.
    pub timing: Timing,
    /// Fixed lines of a call, for agents that do not set their own.
    pub lines: Lines,
    /// Stereo recordings of calls.
    pub recording: Recording,
    /// What is logged and how.
    pub log: Log,
    /// Shutting down.
    pub drain: Drain,
    /// The agents by name: `a` to `z`, digits, `-` and `_`, at most 64 characters.
    pub agents: BTreeMap<String, Agent>,
}

/// The listener that carriers reach.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port. Off loopback, every enabled carrier must have a way to prove itself.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub bind: SocketAddr,
    /// Lanes: one thread each, with its calls. Without it, one per core.
    #[schemars(range(min = 1, max = 256))]
    pub workers: Option<usize>,
    /// How carriers reach us: `https` without a path; plain `http` only for loopback. Needed off loopback.
    #[schemars(with = "Option<String>", extend("format" = "public-url"))]
    pub public_url: Option<PublicUrl>,
    /// Path of the Exotel media socket.
    #[schemars(length(min = 2, max = 200), extend("format" = "url-path"))]
    pub ws_path: String,
    /// Open sockets on all lanes, media and webhooks together.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub max_connections: usize,
    /// Live calls on all lanes; the next one is told that we are busy.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_calls: usize,
    /// Serve carriers that prove nothing, on any address; `--insecure` sets it.
    pub insecure: bool,
    /// Limits of one media WebSocket.
    pub leg: LegLimits,
}

/// Limits of one media WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegLimits {
    /// Longest message, counted over its fragments. Exotel's longest chunk is 137 KB in base64.
    #[schemars(range(min = 16_384, max = 1_048_576))]
    pub message_bytes: usize,
    /// Time between our pings.
    #[schemars(range(min = 1, max = 300))]
    pub ping_secs: u64,
    /// Silence, pongs included, after which the peer counts as gone.
    #[schemars(range(min = 2, max = 600))]
    pub dead_secs: u64,
    /// How long a peer may refuse to read before its call ends.
    #[schemars(range(min = 100, max = 30_000))]
    pub stall_ms: u64,
    /// How long we wait for `start` or media.
    #[schemars(range(min = 1, max = 60))]
    pub start_secs: u64,
}

/// The listener for health, readiness and metrics.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port. It has no login, so it stays on loopback.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub bind: SocketAddr,
    /// May listen off loopback, because something else keeps strangers out.
    pub insecure: bool,
}

/// The carrier Exotel.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exotel {
    /// Answer Exotel's webhook and media socket.
    pub enabled: bool,
    /// User name of Basic authentication; goes with `password`.
    #[schemars(length(min = 1, max = 128))]
    pub username: Option<String>,
    /// Password of Basic authentication; goes with `username`.
    #[schemars(with = "Option<String>", length(min = 8, max = 256), extend("writeOnly" = true))]
    pub password: Option<SecretString>,
    /// Shared secret, instead of or besides Basic authentication.
    #[schemars(with = "Option<String>", length(min = 8, max = 256), extend("writeOnly" = true))]
    pub secret: Option<SecretString>,
    /// Audio of one media message. Without it, Exotel's advice: 3200 for PCM16 (200 ms at 8 kHz), 3840 at 24 kHz.
    #[schemars(range(min = 320, max = 74_880), extend("multipleOf" = 320))]
    pub chunk_bytes: Option<usize>,
    /// How far ahead of the caller's ear we send.
    #[schemars(range(min = 40, max = 5000))]
    pub lead_ms: u32,
    /// Send chunk, timestamp and sequence number with media: without them some Connect streams ended early.
    pub extras: bool,
}

/// The carrier Twilio.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    /// Answer Twilio's webhook and media socket.
    pub enabled: bool,
    /// Auth tokens that verify signatures; two while one is being rotated.
    #[schemars(with = "Vec<String>", length(max = 8), inner(length(min = 1, max = 256)), extend("writeOnly" = true))]
    pub auth_tokens: Vec<SecretString>,
    /// Audio of one media message: a multiple of 20.
    #[schemars(range(min = 20, max = 100), extend("multipleOf" = 20))]
    pub frame_ms: u32,
    /// How far ahead of the caller's ear we send.
    #[schemars(range(min = 40, max = 5000))]
    pub lead_ms: u32,
    /// Also accept an upgrade that is signed for the URL with a slash added.
    pub slash_form: bool,
}

/// Embedded speech.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Speech {
    /// In which voice `embedded` speaks.
    pub tts: TtsProvider,
    /// Directory of the model files, filled by `make models`.
    #[schemars(with = "String", length(min = 1, max = 4096))]
    pub models_dir: PathBuf,
    /// Threads that transcribe.
    #[schemars(range(min = 1, max = 64))]
    pub stt_threads: usize,
    /// Threads that speak.
    #[schemars(range(min = 1, max = 64))]
    pub tts_threads: usize,
    /// Threads that tell speech from noise.
    #[schemars(range(min = 1, max = 64))]
    pub vad_threads: usize,
}

/// In which voice `embedded` speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TtsProvider {
    /// The neural voice where its model file is there, else flite.
    Embedded,
    /// The neural voice hibari; needs its model file.
    Hibari,
    /// flite, inside the program: plain, but always there.
    Flite,
}

/// One agent: who answers, with what words and voice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The first thing callers hear. Every agent has one.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1000))]
    pub greeting: String,
    /// BCP 47 tag of the language spoken.
    #[serde(default = "english")]
    #[schemars(length(min = 2, max = 35), extend("format" = "language-tag"))]
    pub language: String,
    /// The embedded voice: `default` (whatever `speech.tts` offers), `hibari`, `kal` or `kal16`.
    #[serde(default = "default_voice")]
    #[schemars(length(min = 1, max = 64), extend("format" = "voice"))]
    pub voice: String,
    /// Instructions for a language model; the embedded dialogue does not read them.
    #[serde(default)]
    #[schemars(length(max = 100_000))]
    pub prompt: String,
    /// How much of the agent is switched on while a carrier account is brought up.
    #[serde(default)]
    #[schemars(extend("default" = "full"))]
    pub mode: Mode,
    /// Whether callers may interrupt the agent.
    #[serde(default = "yes")]
    pub barge_in: bool,
    /// Called numbers that reach this agent, in any usual spelling.
    #[serde(default)]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 128)))]
    pub numbers: Vec<String>,
    /// Who listens, instead of `roles.stt`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub stt: Vec<String>,
    /// Who decides what to say, instead of `roles.llm`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub llm: Vec<String>,
    /// Who speaks, instead of `roles.tts`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 64)))]
    pub tts: Vec<String>,
    /// Who does all three at once, instead of `roles.realtime`.
    #[schemars(length(max = 1), inner(length(min = 1, max = 64)))]
    pub realtime: Vec<String>,
    /// When to start the next model too, instead of `roles.llm_hedge_ms`.
    #[schemars(range(min = 0, max = 10_000))]
    pub llm_hedge_ms: u32,
    /// When to start the next voice too, instead of `roles.tts_hedge_ms`.
    #[schemars(range(min = 0, max = 10_000))]
    pub tts_hedge_ms: u32,
    /// Its voice at each provider, by the provider's name in the configuration.
    #[serde(default)]
    #[schemars(extend("additionalProperties" = {
        "type": "string", "minLength": 1, "maxLength": 200, "description": "Its voice at this provider, instead of the provider's own."
    }))]
    pub voices: BTreeMap<String, String>,
    /// What follows the apology when every provider of a role has failed.
    #[serde(default)]
    #[schemars(extend("default" = "retry"))]
    pub on_failure: OnFailure,
    /// Overrides of `[timing]`, key by key.
    pub timing: Timing,
    /// Overrides of `[lines]`, key by key.
    pub lines: Lines,
}

impl Agent {
    /// The names of the providers that play a role for this agent, the first choice first. Detecting speech is no choice.
    pub fn list(&self, role: Role) -> &[String] {
        match role {
            Role::Vad => &[],
            Role::Stt => &self.stt,
            Role::Llm => &self.llm,
            Role::Tts => &self.tts,
            Role::Realtime => &self.realtime,
        }
    }

    /// The engine inside the program that speaks for this agent, if one does.
    pub fn speaker(&self) -> Embedded {
        self.tts.iter().find_map(|name| Embedded::named(name)).unwrap_or(Embedded::Any)
    }
}

/// How much of an agent is switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The whole agent.
    #[default]
    Full,
    /// Half a second of 440 Hz, then a mark: audio works, speech is not asked.
    Beep,
    /// The socket only, no audio.
    Bare,
}

/// Waits and limits of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Silence after which the caller has finished.
    #[schemars(range(min = 100, max = 5000))]
    pub endpoint_ms: u32,
    /// Time without speech after which comfort silence is sent.
    #[schemars(range(min = 100, max = 10_000))]
    pub comfort_after_ms: u32,
    /// Time without speech after which the recorded "one moment" is played.
    #[schemars(range(min = 200, max = 30_000))]
    pub fallback_after_ms: u32,
    /// Time in which the first speech of an utterance must have come.
    #[schemars(range(min = 1000, max = 60_000))]
    pub tts_total_ms: u32,
    /// Longest gap within the speech of one utterance.
    #[schemars(range(min = 200, max = 30_000))]
    pub audio_gap_ms: u32,
    /// Time for the mind's first sentence, and from one sentence to the next.
    #[schemars(range(min = 500, max = 60_000))]
    pub mind_ms: u32,
    /// Time for the last words of a caller who has finished.
    #[schemars(range(min = 100, max = 30_000))]
    pub final_ms: u32,
    /// Pause between two keys of the telephone that ends a number.
    #[schemars(range(min = 500, max = 20_000))]
    pub digits_ms: u32,
    /// Time in which nobody speaks, after which we ask whether the caller is still there.
    #[schemars(range(min = 1000, max = 600_000))]
    pub idle_ms: u32,
    /// How often we ask before we hang up.
    #[schemars(range(min = 0, max = 20))]
    pub idle_prompts: u32,
    /// Longest call. Exotel ends a stream after 60 minutes.
    #[schemars(range(min = 5, max = 14_400))]
    pub max_call_secs: u32,
    /// Caller speech that interrupts the agent.
    #[schemars(range(min = 0, max = 5000))]
    pub barge_in_min_speech_ms: u32,
}

/// Fixed lines of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Said when nobody has spoken for `idle_ms`.
    #[schemars(length(min = 1, max = 500))]
    pub still_there: String,
    /// Said before we hang up.
    #[schemars(length(min = 1, max = 500))]
    pub goodbye: String,
    /// Said when the caller's words made no sense.
    #[schemars(length(min = 1, max = 500))]
    pub not_understood: String,
    /// Said when the caller spoke and speech recognition is not there: keys still work.
    #[schemars(length(min = 1, max = 500))]
    pub use_keys: String,
}

/// What is said in many calls, rendered once by providers over the network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    /// Folder in which phrases outlive the process; made if it is missing.
    #[schemars(with = "String", length(min = 1, max = 4096))]
    pub dir: PathBuf,
    /// How much the folder may hold; 0 for nothing.
    #[schemars(range(min = 0, max = 1_099_511_627_776_u64))]
    pub disk_bytes: u64,
    /// How much is kept in memory.
    #[schemars(range(min = 0, max = 68_719_476_736_u64))]
    pub memory_bytes: u64,
}

/// Stereo recordings of calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Record calls.
    pub enabled: bool,
    /// Directory of the recordings; made if it is missing.
    #[schemars(with = "String", length(min = 1, max = 4096))]
    pub dir: PathBuf,
}

/// What is logged and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Shape of a log line.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as `info,operetta_session=debug`.
    #[schemars(length(min = 1, max = 1000), extend("format" = "log-filter"))]
    pub level: String,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Human on a terminal, otherwise JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For eyes.
    Human,
}

/// Shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// How long live calls may go on after SIGTERM, before they hear a goodbye.
    #[schemars(range(min = 0, max = 3600))]
    pub drain_secs: u64,
}

impl Settings {
    /// How many lanes to start: `http.workers`, else one per core that this process may use.
    pub fn lanes(&self) -> usize {
        self.http.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// The address that carriers use: `http.public_url`, else this machine's own, which only callers on it can reach.
    pub fn base_url(&self) -> PublicUrl {
        self.http.public_url.clone().unwrap_or_else(|| {
            let mut address = self.http.bind;
            if address.ip().is_unspecified() {
                address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
            }
            PublicUrl::of_address(address)
        })
    }
}

fn english() -> String {
    "en-IN".to_owned()
}

const fn yes() -> bool {
    true
}

fn default_voice() -> String {
    "default".to_owned()
}
