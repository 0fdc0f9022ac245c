//! Who plays which role: lists of providers that exist, fit their role and can be asked.

use std::collections::BTreeMap;

use operetta_contract::Role;
use secrecy::ExposeSecret;

use super::{
    hint,
    providers::{Api, Embedded, Provider},
    rules::Rules,
    settings::{Agent, Settings},
};

/// The roles that a configuration casts.
pub(super) const CAST: [Role; 4] = [Role::Stt, Role::Llm, Role::Tts, Role::Realtime];

impl Settings {
    /// The voice that an agent has at a provider: its own one, or the provider's.
    pub fn voice_at(&self, agent: &Agent, provider: &str) -> Option<String> {
        let usual = || self.providers.get(provider)?.voice.clone();
        agent.voices.get(provider).cloned().or_else(usual)
    }

    /// The providers that some agent uses, embedded ones apart, each with the names of those agents.
    pub fn active_providers(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut active: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (agent, of) in &self.agents {
            for (role, provider) in CAST.iter().flat_map(|role| of.list(*role).iter().map(move |name| (*role, name))) {
                let entry = self.providers.get_key_value(provider).filter(|(name, _)| Embedded::named(name).is_none());
                if let Some((provider, _)) = entry.filter(|(_, entry)| entry.api.is_some_and(|api| api.role() == role))
                {
                    active.entry(provider).or_default().push(agent);
                }
            }
        }
        active
    }
}

impl Rules<'_> {
    pub(super) fn casting(&mut self) {
        let settings = self.settings;
        for (name, provider) in &settings.providers {
            self.provider(name, provider);
        }
        let common = &settings.roles;
        for (role, list) in CAST.into_iter().zip([&common.stt, &common.llm, &common.tts, &common.realtime]) {
            self.list(&format!("roles.{}", role.as_str()), role, list);
        }
        for (name, agent) in &settings.agents {
            self.agent(name, agent);
        }
        for (name, agents) in settings.active_providers() {
            if let Some(provider) = settings.providers.get(name) {
                self.use_of(name, provider, &agents);
            }
        }
    }

    fn agent(&mut self, name: &str, agent: &Agent) {
        for role in CAST {
            let key = format!("agents.{name}.{}", role.as_str());
            // A list that is inherited was judged where it stands.
            if self.is_set(&key) {
                self.list(&key, role, agent.list(role));
            }
        }
        for provider in agent.voices.keys() {
            let key = format!("agents.{name}.voices.{provider}");
            if !self.settings.providers.contains_key(provider) {
                let what = format!("there is no provider {provider:?}");
                let help = self.closest_provider(provider, Role::Tts);
                self.add(&key, what, help);
            }
        }
    }

    fn list(&mut self, key: &str, role: Role, list: &[String]) {
        for (place, name) in list.iter().enumerate() {
            if list.iter().take(place).any(|earlier| earlier == name) {
                self.add(key, format!("{name:?} is listed twice: a provider that failed is not asked again"), None);
            } else if let Some(embedded) = Embedded::named(name) {
                if !embedded.plays(role) {
                    self.add(key, format!("{name:?} is nobody that {}", does(role)), Some(self.who_else(role)));
                }
            } else if let Some(provider) = self.settings.providers.get(name) {
                let Some(api) = provider.api else { continue };
                if api.role() != role {
                    let what = format!("{name:?} {}, not {}", does(api.role()), does(role));
                    self.add(key, what, Some(self.who_else(role)));
                }
            } else {
                let help = self.closest_provider(name, role).unwrap_or_else(|| self.who_else(role));
                self.add(key, format!("there is no provider {name:?}"), Some(help));
            }
        }
    }

    /// What is wrong with an entry by itself, used or not.
    fn provider(&mut self, name: &str, provider: &Provider) {
        let key = format!("providers.{name}");
        let usable = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if name.is_empty() || name.len() > 64 || name.contains("__") || !name.bytes().all(usable) {
            let what = "expected a provider's name of a to z, digits, - and single _, at most 64 characters";
            self.add(&key, what.to_owned(), None);
        }
        if Embedded::named(name).is_some() {
            self.add(&key, "the name is that of an engine inside the program".to_owned(), None);
        }
        if provider.api.is_none() {
            let help = format!("set {key}.api ({})", hint::variable_of(&format!("{key}.api")));
            self.add(&format!("{key}.api"), "is missing: an entry says which API is spoken".to_owned(), Some(help));
        }
        if let Some(secret) = &provider.key
            && !secret.expose_secret().trim().bytes().all(|b| b.is_ascii_graphic())
        {
            self.add(&format!("{key}.key"), "expected a key of visible ASCII characters".to_owned(), None);
        }
        if provider.base_url.as_ref().is_some_and(super::ServerUrl::is_open_to_listeners) && !provider.insecure {
            let help = format!("use https, or set {key}.insecure = true if the network between is yours alone");
            let what = "plain http to another machine: keys and callers' words could be read on the way";
            self.add(&format!("{key}.base_url"), what.to_owned(), Some(help));
        }
        self.options(name, provider);
        if provider.breaker_longest_secs < provider.breaker_pause_secs {
            let what = format!("expected at least breaker_pause_secs, which is {}", provider.breaker_pause_secs);
            self.add(&format!("{key}.breaker_longest_secs"), what, None);
        }
    }

    /// An option that an API does not have would be ignored without a word.
    fn options(&mut self, name: &str, provider: &Provider) {
        let Some(api) = provider.api else { return };
        let (role, streams) = (api.role(), matches!(api.role(), Role::Stt) && api.is_socket());
        let options = [
            ("model", provider.model.is_some(), api.has_model() || api.may_have_model()),
            ("voice", provider.voice.is_some(), api.has_voice()),
            ("max_tokens", provider.max_tokens.is_some(), role == Role::Llm),
            ("reasoning_effort", provider.reasoning_effort.is_some(), matches!(api, Api::OpenaiChat | Api::Gemini)),
            ("keyterms", !provider.keyterms.is_empty(), streams),
            ("audio", provider.audio.is_some(), api == Api::OpenaiSpeech),
            ("transcription_model", provider.transcription_model.is_some(), api == Api::OpenaiRealtime),
            ("path", provider.path.is_some(), api == Api::OpenaiTranscriptions),
            ("opt_out", provider.opt_out, api.can_opt_out()),
            ("first_ms", provider.first_ms.is_some(), role != Role::Stt),
            ("gap_ms", provider.gap_ms.is_some(), role != Role::Stt),
            ("flush_ms", provider.flush_ms.is_some(), role == Role::Stt),
        ];
        for (option, given, known) in options {
            if given && !known {
                let key = format!("providers.{name}.{option}");
                self.add(&key, format!("{} has no such option", api.as_str()), None);
            }
        }
    }

    /// What an entry lacks that agents want to use.
    fn use_of(&mut self, name: &str, provider: &Provider, agents: &[&str]) {
        let Some(api) = provider.api else { return };
        let users = users(agents);
        if provider.lacks_key() {
            let (key, variable) = (format!("providers.{name}.key"), api.key_variable());
            let help = format!("set {variable} or {}, or take {name:?} out of the list", hint::variable_of(&key));
            self.add(&key, format!("is missing: {users} {name:?}"), Some(help));
        }
        for (option, is_missing) in [
            ("model", api.has_model() && provider.model.is_none()),
            // Whoever brings a vendor says where it is.
            ("base_url", api.is_brought() && provider.base_url.is_none()),
        ] {
            if is_missing {
                let key = format!("providers.{name}.{option}");
                let help = format!("set {key} ({})", hint::variable_of(&key));
                self.add(&key, format!("is missing: {users} {name:?}"), Some(help));
            }
        }
        self.voices(name, provider);
    }

    /// Every agent that speaks through a provider has a voice there: its own, or the provider's.
    fn voices(&mut self, name: &str, provider: &Provider) {
        if provider.voice.is_some() || !provider.api.is_some_and(Api::has_voice) {
            return;
        }
        let settings = self.settings;
        let uses = |agent: &Agent| CAST.iter().any(|role| agent.list(*role).iter().any(|used| used == name));
        let speaks = |agent: &Agent| uses(agent) && !agent.voices.contains_key(name);
        let silent: Vec<&str> =
            settings.agents.iter().filter(|(_, agent)| speaks(agent)).map(|(agent, _)| agent.as_str()).collect();
        if !silent.is_empty() {
            let key = format!("providers.{name}.voice");
            let help = format!("set {key} ({}), or agents.<name>.voices.{name}", hint::variable_of(&key));
            self.add(&key, format!("is missing: {} {name:?}", users(&silent)), Some(help));
        }
    }

    fn closest_provider(&self, name: &str, role: Role) -> Option<String> {
        let names: Vec<String> = self.able(role);
        hint::closest_word(name, &names).map(|meant| format!("did you mean `{meant}`?"))
    }

    fn who_else(&self, role: Role) -> String {
        format!("who {}: {}", does(role), self.able(role).join(", "))
    }

    /// Who could play a role.
    fn able(&self, role: Role) -> Vec<String> {
        let entries = self.settings.providers.iter();
        let entries = entries.filter(|(_, provider)| provider.api.is_some_and(|api| api.role() == role));
        let embedded = Embedded::ALL.into_iter().filter(|embedded| embedded.plays(role));
        embedded.map(|embedded| embedded.as_str().to_owned()).chain(entries.map(|(name, _)| name.clone())).collect()
    }
}

/// `agents.a, agents.b use`.
fn users(agents: &[&str]) -> String {
    let named: Vec<_> = agents.iter().take(3).map(|agent| format!("agents.{agent}")).collect();
    let more = if agents.len() > named.len() { " and others" } else { "" };
    format!("{}{more} {}", named.join(", "), if agents.len() == 1 { "uses" } else { "use" })
}

const fn does(role: Role) -> &'static str {
    match role {
        Role::Vad => "detects speech",
        Role::Stt => "listens",
        Role::Llm => "thinks",
        Role::Tts => "speaks",
        Role::Realtime => "converses",
    }
}
