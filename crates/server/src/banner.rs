//! What the engine says of itself when it starts: what is active, what is off and why, which addresses to give away.

use crate::{config::Settings, serve::Addresses};

/// The lines, without colours.
pub(crate) fn lines(settings: &Settings, providers: &[String], addresses: &Addresses) -> Vec<String> {
    let base = settings.base_url();
    let mut lines = vec![format!("operetta {}", env!("CARGO_PKG_VERSION"))];
    lines.extend_from_slice(providers);
    let recordings = settings.recording.enabled.then(|| settings.recording.dir.display().to_string());
    lines.push(format!("recordings: {}", recordings.as_deref().unwrap_or("off")));
    let agents: Vec<_> = settings.agents.keys().map(String::as_str).collect();
    lines.push(format!("agents: {} (default {})", agents.join(", "), settings.default_agent));
    if settings.exotel.enabled {
        lines.push(format!("Exotel: give the Voicebot applet {}", base.http("/exotel/voicebot")));
    }
    if settings.twilio.enabled {
        lines.push(format!("Twilio: give the number's voice webhook {}", base.http("/twilio/voice")));
    }
    if settings.http.public_url.is_none() {
        lines.push("carriers cannot reach this machine yet: set OPERETTA__HTTP__PUBLIC_URL=https://your-host".into());
    }
    lines.push(format!(
        "health, readiness, metrics: http://{0}/health http://{0}/ready http://{0}/metrics",
        addresses.admin
    ));
    lines
}
