//! Turns the configuration's agents into those of the session.

use std::sync::Arc;

use operetta_call as call;
use operetta_session::{Agent, Agents};
use operetta_wire::PhoneNumber;

use crate::{
    config::{self, Settings},
    providers::embedded_voice,
};

/// All agents of the configuration, which has checked that the default one is among them.
pub(crate) fn agents(settings: &Settings, voice: &str) -> Option<Agents> {
    let (default, others): (Vec<_>, Vec<_>) =
        settings.agents.iter().partition(|(name, _)| **name == settings.default_agent);
    let (name, default) = default.first()?;
    let agent = |name: &str, wanted: &config::Agent| agent(name, wanted, settings, voice);
    Some(Agents::new(agent(name, default), others.iter().map(|(name, other)| agent(name, other))))
}

fn agent(name: &str, agent: &config::Agent, settings: &Settings, default_voice: &str) -> Agent {
    // Who leads a whole conversation is asked in the agent's voice. Voices of lists have their place there, where each is another
    // one; embedded ones that are alone have this.
    let leader = agent.realtime.first();
    let voice = leader.map_or_else(
        || embedded_voice(agent, agent.speaker(), default_voice).to_owned(),
        |leader| settings.voice_at(agent, leader).unwrap_or_else(|| "default".to_owned()),
    );
    Agent {
        name: name.into(),
        voice: voice.into(),
        language: agent.language.as_str().into(),
        prompt: agent.prompt.as_str().into(),
        numbers: agent.numbers.iter().filter_map(|number| PhoneNumber::read(number)).collect(),
        settings: Arc::new(call::Settings {
            mode: match agent.mode {
                config::Mode::Bare => call::Mode::Bare,
                config::Mode::Beep => call::Mode::Beep,
                config::Mode::Full => call::Mode::Full,
            },
            barge_in: agent.barge_in,
            whole: leader.is_some(),
            on_failure: match agent.on_failure {
                config::OnFailure::Retry => call::OnFailure::Retry,
                config::OnFailure::Transfer => call::OnFailure::Transfer,
                config::OnFailure::Goodbye => call::OnFailure::Goodbye,
            },
            lines: call::Lines {
                greeting: agent.greeting.as_str().into(),
                still_there: agent.lines.still_there.as_str().into(),
                not_understood: agent.lines.not_understood.as_str().into(),
                use_keys: agent.lines.use_keys.as_str().into(),
                goodbye: agent.lines.goodbye.as_str().into(),
            },
            timing: timing(&agent.timing),
        }),
    }
}

fn timing(timing: &config::Timing) -> call::Timing {
    call::Timing {
        comfort_after_ms: timing.comfort_after_ms,
        fallback_after_ms: timing.fallback_after_ms,
        first_audio_ms: timing.tts_total_ms,
        audio_gap_ms: timing.audio_gap_ms,
        mind_ms: timing.mind_ms,
        speech_ms: timing.barge_in_min_speech_ms,
        endpoint_ms: timing.endpoint_ms,
        final_ms: timing.final_ms,
        digits_ms: timing.digits_ms,
        idle_ms: timing.idle_ms,
        idle_prompts: timing.idle_prompts,
        call_ms: timing.max_call_secs.saturating_mul(1000),
        ..call::Timing::default()
    }
}
