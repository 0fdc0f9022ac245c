use std::sync::Arc;

use operetta_call::{Mode, Settings};
use operetta_wire::{PhoneNumber, Start};

use crate::lane::WARM_FORMATS;

/// Who answers: a voice, a language, instructions, and how to behave.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The agent's key in the configuration.
    pub name: Arc<str>,
    /// Which voice, by the speaking provider's name for it.
    pub voice: Arc<str>,
    /// BCP 47 tag, for example `en-IN`.
    pub language: Arc<str>,
    /// The instructions for the mind.
    pub prompt: Arc<str>,
    /// The called numbers that this agent answers.
    pub numbers: Vec<PhoneNumber>,
    /// How the agent behaves in a call.
    pub settings: Arc<Settings>,
}

/// All agents of this engine. Never empty: the first one answers whatever no other does.
#[derive(Clone, Debug)]
pub struct Agents {
    default: Arc<Agent>,
    others: Vec<Arc<Agent>>,
}

impl Agents {
    /// The custom parameters that name an agent, in the order in which they are tried.
    const PARAMETERS: [&'static str; 3] = ["agent", "businessId", "business_id"];

    /// `default` answers what none of `others` does.
    pub fn new(default: Agent, others: impl IntoIterator<Item = Agent>) -> Self {
        Self { default: Arc::new(default), others: others.into_iter().map(Arc::new).collect() }
    }

    /// Every agent, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// How many phrases a lane has rendered when it can greet whoever calls.
    pub fn greetings(&self) -> usize {
        self.talking().count() * WARM_FORMATS.len()
    }

    /// The agents that have something to say.
    pub(crate) fn talking(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.iter().filter(|agent| agent.settings.mode == Mode::Full)
    }

    /// Who answers this call: the agent that the webhook or a custom parameter names, else the one that has the called
    /// number, else the default.
    pub fn select(&self, granted: Option<&str>, start: &Start, called: Option<&PhoneNumber>) -> Arc<Agent> {
        let named = Self::PARAMETERS.iter().filter_map(|parameter| start.parameter(parameter));
        granted
            .into_iter()
            .chain(named)
            .find_map(|name| self.iter().find(|agent| agent.name.eq_ignore_ascii_case(name.trim())))
            .or_else(|| called.and_then(|called| self.of_number(called)))
            .unwrap_or(&self.default)
            .clone()
    }

    fn of_number(&self, called: &PhoneNumber) -> Option<&Arc<Agent>> {
        self.iter().find(|agent| agent.numbers.iter().any(|number| number.same_line(called)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, numbers: &[&str]) -> Agent {
        Agent {
            name: name.into(),
            voice: "kal".into(),
            language: "en-IN".into(),
            prompt: "".into(),
            numbers: numbers.iter().filter_map(|number| PhoneNumber::read(number)).collect(),
            settings: Arc::default(),
        }
    }

    #[test]
    fn a_call_is_answered_by_who_is_asked_for_then_by_who_has_the_number_then_by_the_default() {
        let agents = Agents::new(agent("acme", &["+91 22 5550 0100"]), [agent("zebra", &["+1 202 555 0100"])]);
        let rows = [
            (None, &[][..], None, "acme"),
            (Some("zebra"), &[], None, "zebra"),
            (None, &[("businessId", " Zebra ")], None, "zebra"),
            (Some("zebra"), &[("agent", "acme")], None, "zebra"),
            (None, &[("agent", "nobody"), ("businessId", "zebra")], None, "zebra"),
            (None, &[("agent", "nobody")], Some("+912255500100"), "acme"),
            (None, &[], Some("+12025550100"), "zebra"),
            (None, &[], Some("+442025550100"), "acme"),
        ];
        for (granted, parameters, called, expected) in rows {
            let start = Start {
                stream_sid: "MZ1".into(),
                call_sid: None,
                account_sid: None,
                from: None,
                to: None,
                parameters: parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
                parameters_dropped: 0,
                format: operetta_audio::Format::MULAW_8K,
                implicit: false,
            };
            let called = called.and_then(PhoneNumber::read);
            let chosen = agents.select(granted, &start, called.as_ref());
            assert_eq!(&*chosen.name, expected, "{granted:?} {parameters:?}");
        }
    }
}
