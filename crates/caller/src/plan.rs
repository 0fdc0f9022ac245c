use crate::carrier::{Carrier, Manner};
use crate::script::Script;
use url::Url;

/// A call to place: where, how, and what the caller does.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Which carrier to play.
    pub carrier: Carrier,
    /// Where the carrier was told to go: `http(s)` is a webhook that names the socket, `ws(s)` is the socket itself. Userinfo in it
    /// becomes Basic authentication, as it does with Exotel.
    pub to: Url,
    /// Dial this scheme, host and port instead of those in `to` and in the webhook's answer. Signatures and `Host` keep the public
    /// names: this is how a server behind a public address is called on its own machine.
    pub via: Option<Url>,
    /// The agent to ask for: added as `agent` to the query of `to`, or (Twilio, straight to a socket) to the custom parameters.
    pub agent: Option<String>,
    /// Basic authentication (user, password) for the webhook and the upgrade.
    pub basic: Option<(String, String)>,
    /// Twilio: signs webhook and upgrade with this.
    pub auth_token: Option<String>,
    /// The calling number.
    pub from: String,
    /// The called number.
    pub called: String,
    /// What the caller does.
    pub script: Script,
    /// The carrier's habits.
    pub manner: Manner,
    /// Keep both sides as samples (about 115 MB an hour at 8 kHz).
    pub record: bool,
    /// Keep the timeline.
    pub timeline: bool,
    /// Seeds ids and dice. [`crate::Dice::seed`] for a fresh one.
    pub seed: u64,
}

impl CallPlan {
    /// A call over `carrier` to `to` with the carrier's usual shape of numbers, a timeline and a recording.
    pub fn new(carrier: Carrier, to: Url, script: Script) -> Self {
        // Exotel hands on national numbers with a leading 0; Twilio E.164. These are from ranges kept for examples.
        let (from, called) = match carrier {
            Carrier::Exotel => ("01000000001", "01000000002"),
            Carrier::Twilio => ("+12025550123", "+12025550199"),
        };
        Self {
            carrier,
            to,
            via: None,
            agent: None,
            basic: None,
            auth_token: None,
            from: from.to_owned(),
            called: called.to_owned(),
            script,
            manner: Manner::default(),
            record: true,
            timeline: true,
            seed: 0,
        }
    }

    /// Whether the call begins with a webhook.
    pub fn asks_webhook(&self) -> bool {
        matches!(self.to.scheme(), "http" | "https")
    }
}
