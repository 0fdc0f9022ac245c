use std::net::SocketAddr;

use super::{
    problem::{Origin, Problem, ProblemKind, Problems},
    settings::Settings,
};

impl Settings {
    /// Closed by default: a listener that strangers can reach needs a way to tell them from carriers.
    ///
    /// On loopback everything goes. Elsewhere each enabled carrier must be able to prove itself (Twilio by signature, Exotel
    /// by Basic authentication or a secret) and the public URL must be known, unless `http.insecure` says that this is meant.
    /// The admin listener has no login, so it leaves loopback only with `admin.insecure`.
    ///
    /// Call it after the command line has had its say, and before a port is bound.
    ///
    /// # Errors
    /// One problem for everything that is open, each with the key and the variable that close it.
    pub fn check_exposure(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut open = |key: &str, what: String, help: &str| {
            let (origin, help) = (Origin::Default, Some(help.to_owned()));
            problems.add(Problem { origin, key: key.to_owned(), kind: ProblemKind::Exposed, what, help });
        };
        if !self.http.bind.ip().is_loopback() && !self.http.insecure {
            let bind = self.http.bind;
            if self.twilio.enabled && self.twilio.auth_tokens.is_empty() {
                open("twilio.auth_tokens", unproven("Twilio", bind), TWILIO_HELP);
            }
            let basic = self.exotel.username.is_some() && self.exotel.password.is_some();
            if self.exotel.enabled && !basic && self.exotel.secret.is_none() {
                open("exotel.secret", unproven("Exotel", bind), EXOTEL_HELP);
            }
            if (self.twilio.enabled || self.exotel.enabled) && self.http.public_url.is_none() {
                let what = format!("is missing: http.bind is {bind}, and carriers must be told how to reach it");
                open("http.public_url", what, PUBLIC_URL_HELP);
            }
        }
        if !self.admin.bind.ip().is_loopback() && !self.admin.insecure {
            let what = format!("{} is open to the network, and the admin listener has no login", self.admin.bind);
            open("admin.bind", what, ADMIN_HELP);
        }
        problems.or(())
    }
}

fn unproven(carrier: &str, bind: SocketAddr) -> String {
    format!("is missing: http.bind is {bind}, open to the network, and anybody could pass for {carrier}")
}

const TWILIO_HELP: &str = "set twilio.auth_tokens (OPERETTA__TWILIO__AUTH_TOKENS or TWILIO_AUTH_TOKEN), or twilio.enabled = false \
    (OPERETTA__TWILIO__ENABLED=false), or http.bind to loopback; to serve strangers on purpose: --insecure";

const EXOTEL_HELP: &str = "set exotel.secret (OPERETTA__EXOTEL__SECRET or EXOTEL_WS_TOKEN), or exotel.username and exotel.password \
    (OPERETTA__EXOTEL__USERNAME, OPERETTA__EXOTEL__PASSWORD), or exotel.enabled = false (OPERETTA__EXOTEL__ENABLED=false), \
    or http.bind to loopback; to serve strangers on purpose: --insecure";

const PUBLIC_URL_HELP: &str =
    "set http.public_url (OPERETTA__HTTP__PUBLIC_URL or WEBHOOK_BASE_URL) to https://your-host";

const ADMIN_HELP: &str = "set admin.bind (OPERETTA__ADMIN__BIND) to loopback such as 127.0.0.1:9090; if a firewall or a network \
    policy keeps strangers out: admin.insecure = true (OPERETTA__ADMIN__INSECURE=true)";
