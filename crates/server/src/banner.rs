//! What the engine says of itself when it starts: what is active, what is off and why, which addresses to give away.

use crate::{config::Settings, serve::Addresses};

/// The lines, without colours.
pub(crate) fn lines(settings: &Settings, providers: &[String], addresses: &Addresses) -> Vec<String> {
    let base = settings.base_url();
    let mut lines = vec![format!("operetta {}", env!("CARGO_PKG_VERSION"))];
    let mut tell = |what: &str, how: String| lines.push(format!("  {what:<15} {how}"));
    for line in providers {
        let (what, how) = line.split_once(": ").unwrap_or(("provider", line));
        tell(what, how.into());
    }
    let recordings = settings.recording.enabled.then(|| settings.recording.dir.display().to_string());
    tell("recordings", recordings.unwrap_or_else(|| "off".into()));
    let agents: Vec<_> = settings.agents.keys().map(String::as_str).collect();
    tell("agents", format!("{} (default {})", agents.join(", "), settings.default_agent));
    if settings.exotel.enabled {
        tell("Exotel", format!("give the Voicebot applet {}", base.http("/exotel/voicebot")));
    }
    if settings.twilio.enabled {
        tell("Twilio", format!("give the number's voice webhook {}", base.http("/twilio/voice")));
    }
    if settings.http.public_url.is_none() {
        tell("not public", "carriers need OPERETTA__HTTP__PUBLIC_URL=https://your-host to reach this machine".into());
    }
    tell("operators", format!("http://{0}/health  http://{0}/ready  http://{0}/metrics", addresses.admin));
    lines
}
