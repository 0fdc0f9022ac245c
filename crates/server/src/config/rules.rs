//! What one value cannot show: settings that need each other, or that do not fit each other.

use operetta_wire::PhoneNumber;

use super::{
    audit::Effective,
    hint,
    problem::{Origin, Problem, ProblemKind, Problems},
    providers::Embedded,
    settings::{Agent, Settings, Timing, TtsProvider},
    shape::VOICES,
};

/// Bytes of PCM16 in one ms at 8 kHz, the slowest rate.
const PCM16_BYTES_PER_MS: usize = 16;

/// Exotel's chunk at 8 kHz when the settings leave it to the dialect.
const DEFAULT_CHUNK_BYTES: usize = 3200;

/// Routes that a media path of the same name would shadow.
const RESERVED_PATHS: [&str; 3] = ["/twilio", "/exotel/voicebot", "/exotel/listen"];

/// All problems between settings that are each right by themselves.
pub(super) fn check(settings: &Settings, effective: &[Effective], problems: &mut Problems) {
    let mut rules = Rules { settings, effective, problems };
    rules.agents();
    rules.casting();
    rules.numbers();
    rules.timings();
    rules.leg();
    rules.listeners();
    rules.carriers();
}

pub(super) struct Rules<'a> {
    pub(super) settings: &'a Settings,
    effective: &'a [Effective],
    problems: &'a mut Problems,
}

impl Rules<'_> {
    fn agents(&mut self) {
        let settings = self.settings;
        for (name, agent) in &settings.agents {
            let key = format!("agents.{name}");
            let usable = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
            if name.is_empty() || name.len() > 64 || name.contains("__") || !name.bytes().all(usable) {
                let what = "expected an agent's name of a to z, digits, - and single _, at most 64 characters";
                self.add(&key, what.to_owned(), None);
            }
            if agent.greeting.is_empty() {
                self.add(&format!("{key}.greeting"), "is missing: every agent greets its callers".to_owned(), None);
            }
            self.voice(&key, agent);
            for number in agent.numbers.iter().filter(|number| PhoneNumber::read(number).is_none()) {
                let what = format!("expected a number of 2 to 20 digits, found {number:?}");
                self.add(&format!("{key}.numbers"), what, None);
            }
        }
        if !settings.agents.contains_key(&settings.default_agent) {
            let names: Vec<String> = settings.agents.keys().cloned().collect();
            let help = match hint::closest_word(&settings.default_agent, &names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("set default_agent (OPERETTA__DEFAULT_AGENT) to one of: {}", names.join(", ")),
            };
            self.add("default_agent", format!("there is no agent {:?}", settings.default_agent), Some(help));
        }
    }

    fn voice(&mut self, key: &str, agent: &Agent) {
        let Some((voice, neural)) = VOICES.iter().find(|(voice, _)| *voice == agent.voice) else { return };
        let engine = agent.speaker();
        let fits = match (engine, self.settings.speech.tts) {
            (Embedded::Any, TtsProvider::Embedded) => true,
            (Embedded::Hibari, _) | (Embedded::Any, TtsProvider::Hibari) => *neural,
            (Embedded::Flite, _) | (Embedded::Any, TtsProvider::Flite) => !neural,
        };
        if fits {
            return;
        }
        let (who, help) = match engine {
            Embedded::Any => ("speech.tts", "use `default`, or set speech.tts = \"embedded\"".to_owned()),
            Embedded::Hibari | Embedded::Flite => {
                (engine.as_str(), format!("use `default`, or \"embedded\" in the place of {:?}", engine.as_str()))
            }
        };
        let what = format!("voice {voice:?} is not one of those that {who} speaks with");
        self.add(&format!("{key}.voice"), what, Some(help));
    }

    /// A called number leads to one agent, or nobody could say to which.
    fn numbers(&mut self) {
        let agents = &self.settings.agents;
        let all: Vec<(&str, &str, PhoneNumber)> = agents
            .iter()
            .flat_map(|(name, agent)| agent.numbers.iter().map(move |number| (name.as_str(), number.as_str())))
            .filter_map(|(name, spelled)| Some((name, spelled, PhoneNumber::read(spelled)?)))
            .collect();
        for (i, (name, spelled, number)) in all.iter().enumerate() {
            if let Some((other, earlier, _)) = all.iter().take(i).find(|(.., earlier)| earlier.same_line(number)) {
                let what = format!("{spelled:?} is listed twice: agents.{other}.numbers has {earlier:?}");
                self.add(&format!("agents.{name}.numbers"), what, None);
            }
        }
    }

    fn timings(&mut self) {
        let settings = self.settings;
        self.timing("timing", &settings.timing);
        for (name, agent) in &settings.agents {
            // An agent that overrides nothing would only repeat what was said about the common ones.
            if agent.timing != settings.timing {
                self.timing(&format!("agents.{name}.timing"), &agent.timing);
            }
        }
    }

    fn timing(&mut self, key: &str, timing: &Timing) {
        let rows = [
            ("fallback_after_ms", timing.fallback_after_ms, "comfort_after_ms", timing.comfort_after_ms),
            ("tts_total_ms", timing.tts_total_ms, "fallback_after_ms", timing.fallback_after_ms),
            ("idle_ms", timing.idle_ms, "endpoint_ms", timing.endpoint_ms),
            ("max_call_secs", timing.max_call_secs * 1000, "idle_ms", timing.idle_ms),
        ];
        for (longer, a, shorter, b) in rows {
            self.longer(key, (longer, a.into()), (shorter, b.into()));
        }
    }

    fn leg(&mut self) {
        let leg = &self.settings.http.leg;
        self.longer("http.leg", ("dead_secs", leg.dead_secs), ("ping_secs", leg.ping_secs));
    }

    fn listeners(&mut self) {
        let (http, admin) = (&self.settings.http, &self.settings.admin);
        let overlap =
            http.bind.ip() == admin.bind.ip() || http.bind.ip().is_unspecified() || admin.bind.ip().is_unspecified();
        if overlap && http.bind.port() == admin.bind.port() && http.bind.port() != 0 {
            self.add(
                "admin.bind",
                format!("port {} is that of http.bind: two listeners need two", http.bind.port()),
                None,
            );
        }
        if http.max_connections <= http.max_calls {
            let what = format!("{} leaves no room for webhooks besides {} calls", http.max_connections, http.max_calls);
            self.add("http.max_connections", what, Some("expected more than http.max_calls".to_owned()));
        }
        if RESERVED_PATHS.iter().any(|own| http.ws_path == *own || http.ws_path.starts_with(&format!("{own}/"))) {
            self.add("http.ws_path", format!("{:?} is a path of another route", http.ws_path), None);
        }
    }

    fn carriers(&mut self) {
        let (exotel, twilio) = (&self.settings.exotel, &self.settings.twilio);
        let half = match (&exotel.username, &exotel.password) {
            (Some(_), None) => Some(("exotel.password", "exotel.username")),
            (None, Some(_)) => Some(("exotel.username", "exotel.password")),
            _ => None,
        };
        if let Some((missing, given)) = half {
            let help = format!("set {missing} ({}) too", hint::variable_of(missing));
            self.add(missing, format!("is missing: {given} is no use without it"), Some(help));
        }
        let chunk_ms = exotel.chunk_bytes.unwrap_or(DEFAULT_CHUNK_BYTES) / PCM16_BYTES_PER_MS;
        if (exotel.lead_ms as usize) < chunk_ms {
            let what =
                format!("{} is less than one chunk: exotel.chunk_bytes are {chunk_ms} ms at 8 kHz", exotel.lead_ms);
            self.add("exotel.lead_ms", what, None);
        }
        if twilio.lead_ms < twilio.frame_ms {
            self.add(
                "twilio.lead_ms",
                format!("{} is less than one frame of {} ms", twilio.lead_ms, twilio.frame_ms),
                None,
            );
        }
    }

    /// `longer` must be more than `shorter`; both are keys below `table`, in the same unit.
    fn longer(&mut self, table: &str, longer: (&str, u64), shorter: (&str, u64)) {
        if longer.1 <= shorter.1 {
            let what = format!("expected more than {}, which is {}", shorter.0, shorter.1);
            self.add(&format!("{table}.{}", longer.0), what, None);
        }
    }

    /// Whether some layer sets this very key.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.effective.iter().any(|setting| setting.key == key)
    }

    pub(super) fn add(&mut self, key: &str, what: String, help: Option<String>) {
        let origin = origin_of(key, self.effective);
        self.problems.add(Problem { origin, key: key.to_owned(), kind: ProblemKind::Conflict, what, help });
    }
}

/// Where the value of a key comes from; of a table, where something in it comes from.
fn origin_of(key: &str, effective: &[Effective]) -> Origin {
    let below = format!("{key}.");
    let exact = effective.iter().find(|setting| setting.key == key);
    let found = exact.or_else(|| effective.iter().find(|setting| setting.key.starts_with(&below)));
    found.map_or(Origin::Default, |setting| setting.origin.clone())
}
