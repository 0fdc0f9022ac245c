use std::{
    fs, io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use operetta_contract::{ErrorClass, FaultCode, ProviderError, Role};
use operetta_stage::Clock;
use operetta_workers::{
    Net, NetConfig,
    net::{Knocked, tls_of},
};
use rustls::pki_types::ServerName;
use url::Url;

use crate::{
    config::{Embedded, Patience, Provider, Settings},
    providers::{self, Guests, vendors::Question},
};

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) severity: Severity,
    /// The provider, by its name in the configuration.
    pub(super) subject: String,
    /// What was tried.
    pub(super) step: &'static str,
    /// How long it took.
    pub(super) took: Option<Duration>,
    /// What came of it, for a person.
    pub(super) what: String,
    /// The code under which the engine would report it.
    pub(super) fault: Option<FaultCode>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// As it should be.
    Good,
    /// It may work, or not always.
    Doubtful,
    /// It will not work.
    Bad,
}

impl Severity {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "error",
        }
    }
}

/// The engines inside the program, as far as agents use them.
pub(super) fn of_engines(settings: &Settings) -> Vec<Finding> {
    let uses = |role: Role| {
        let named = |name: &String| Embedded::named(name).is_some();
        settings.agents.values().any(|agent| agent.list(role).iter().any(named))
    };
    let finding = |severity, what: String, fault| {
        let (subject, step) = ("embedded".to_owned(), "models");
        vec![Finding { severity, subject, step, took: None, what, fault }]
    };
    if !uses(Role::Stt) && !uses(Role::Tts) {
        return Vec::new();
    }
    match providers::embedded(settings) {
        Err(error) => finding(Severity::Bad, error.to_string(), Some(FaultCode::CannotStart)),
        Ok(engines) if uses(Role::Stt) && !engines.can_transcribe() => {
            let what = "callers are not understood: the model files are missing (run `make models`)";
            finding(Severity::Doubtful, what.to_owned(), Some(FaultCode::ProviderLacks))
        }
        Ok(engines) => finding(Severity::Good, engines.describe().join("; "), None),
    }
}

/// Every provider that some agent uses, one after the other.
pub(super) fn of_providers(settings: &Settings, guests: &Guests) -> Vec<Finding> {
    let active = settings.active_providers();
    let entries = active.keys().filter_map(|name| Some((*name, settings.providers.get(*name)?)));
    entries.flat_map(|(name, entry)| Patient::new(name, entry, guests).examine()).collect()
}

/// A provider that is looked at, and what was found.
struct Patient<'a> {
    name: &'a str,
    entry: &'a Provider,
    guests: &'a Guests,
    role: Role,
    clock: Clock,
    findings: Vec<Finding>,
}

/// Why the examination of a provider ends early; the finding says it all.
struct Stop;

impl<'a> Patient<'a> {
    fn new(name: &'a str, entry: &'a Provider, guests: &'a Guests) -> Self {
        let role = entry.api.map_or(Role::Llm, crate::config::Api::role);
        Self { name, entry, guests, role, clock: Clock::system(), findings: Vec::new() }
    }

    fn examine(mut self) -> Vec<Finding> {
        // The first step that fails says why; those behind it could only repeat it.
        let _stopped = self.steps();
        self.findings
    }

    fn steps(&mut self) -> Result<(), Stop> {
        if self.entry.lacks_key() {
            let variable = self.entry.api.map_or("", crate::config::Api::key_variable);
            return self.bad("key", format!("is missing: set {variable}"), Some(FaultCode::KeyRejected));
        }
        let connect = Duration::from_millis(self.entry.connect_ms.into());
        let config = self.config(connect)?;
        let (host, port, is_secure) = self.server()?;
        let addresses = self.dns(&host, port)?;
        let stream = self.tcp(&addresses, connect)?;
        if is_secure {
            self.tls(stream, &host, &config, connect)?;
        }
        self.key(&config)
    }

    fn config(&mut self, connect: Duration) -> Result<NetConfig, Stop> {
        let config = NetConfig { connect, handshake: connect, ..NetConfig::default() };
        let Some(file) = &self.entry.ca_file else { return Ok(config) };
        let (place, fault) = (file.display().to_string(), Some(FaultCode::CannotStart));
        match fs::read(file) {
            Ok(bytes) => Ok(NetConfig { extra_roots: vec![bytes], ..config }),
            Err(error) => self.bad("ca_file", format!("{place}: {error}"), fault),
        }
    }

    fn server(&mut self) -> Result<(String, u16, bool), Stop> {
        let url = Url::parse(self.entry.address()).ok();
        let parts = url
            .as_ref()
            .and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?, url.scheme() == "https")));
        match parts {
            Some((host, port, is_secure)) => Ok((host.trim_matches(['[', ']']).to_owned(), port, is_secure)),
            None => self.bad("base_url", "expected scheme and host".to_owned(), Some(FaultCode::ConfigUnusable)),
        }
    }

    fn dns(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Stop> {
        let began = self.clock.now();
        let found = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                let some: Vec<_> = addresses.iter().take(3).map(|address| address.ip().to_string()).collect();
                self.good("dns", began, format!("{host} is {}", some.join(", ")));
                Ok(addresses)
            }
            Ok(_) => self.bad("dns", format!("{host} has no address"), Some(self.failure())),
            Err(error) => self.bad("dns", format!("{host}: {error}"), Some(self.failure())),
        }
    }

    fn tcp(&mut self, addresses: &[SocketAddr], within: Duration) -> Result<TcpStream, Stop> {
        let began = self.clock.now();
        let mut last = io::Error::other("no address");
        for address in addresses {
            match TcpStream::connect_timeout(address, within) {
                Ok(stream) => {
                    self.good("tcp", began, format!("connected to {address}"));
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        let what = format!("no connection within {} ms: {last}", within.as_millis());
        self.bad("tcp", what, Some(self.failure()))
    }

    fn tls(&mut self, mut stream: TcpStream, host: &str, config: &NetConfig, within: Duration) -> Result<(), Stop> {
        let tls = match tls_of(config) {
            Ok(tls) => tls,
            Err(error) => return self.bad("ca_file", error.to_string(), Some(FaultCode::CannotStart)),
        };
        let began = self.clock.now();
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return self.bad("tls", format!("{host} cannot have a certificate"), Some(self.failure()));
        };
        let shaken =
            rustls::ClientConnection::new(Arc::new(tls), name).map_err(io::Error::other).and_then(|mut session| {
                stream.set_read_timeout(Some(within))?;
                stream.set_write_timeout(Some(within))?;
                while session.is_handshaking() {
                    session.complete_io(&mut stream)?;
                }
                Ok(session.protocol_version())
            });
        match shaken {
            Ok(version) => {
                let version = version.and_then(|version| version.as_str()).unwrap_or("TLS");
                self.good("tls", began, version.to_owned());
                Ok(())
            }
            Err(error) => self.bad("tls", error.to_string(), Some(self.failure())),
        }
    }

    /// The key and the speed of an answer, by what costs nothing.
    fn key(&mut self, config: &NetConfig) -> Result<(), Stop> {
        let Some(question) = self.guests.question(self.name, self.entry) else {
            let what = "this program does not bring the vendor of this entry".to_owned();
            return self.bad("program", what, Some(FaultCode::CannotStart));
        };
        let patience = Duration::from_millis(Patience::of(self.entry).first_ms.into());
        let within = (patience * 2).max(Duration::from_secs(5));
        let answered = actix_web::rt::System::new().block_on(ask(&question, config, within, &self.clock));
        match (answered, question) {
            (Answer::None, _) => {
                let what = "the API has no question that costs nothing: the key was not tried".to_owned();
                self.found(Severity::Doubtful, "key", None, what, None);
                Ok(())
            }
            (Answer::Good { took }, _) if took > patience => {
                let what = format!("accepted, but calls wait no longer than {} ms for anything", patience.as_millis());
                self.found(Severity::Doubtful, "key", Some(took), what, Some(self.failure()));
                Ok(())
            }
            (Answer::Good { took }, question) => {
                let key = if self.entry.key.is_some() { "accepted" } else { "none needed" };
                let to =
                    if matches!(question, Question::Socket(..)) { "to an open socket" } else { "to the first byte" };
                self.found(Severity::Good, "key", Some(took), format!("{key}; {} ms {to}", took.as_millis()), None);
                Ok(())
            }
            // Servers of one's own need not know what the makers' do.
            (Answer::Bad(error), Question::Request(..))
                if error.class == ErrorClass::Missing && !self.entry.is_at_home() =>
            {
                let what = format!(
                    "does not answer the question that costs nothing ({}): the key was not tried",
                    error.detail
                );
                self.found(Severity::Doubtful, "key", None, what, None);
                Ok(())
            }
            (Answer::Bad(error), _) => {
                let severity = if error.class == ErrorClass::RateLimited { Severity::Doubtful } else { Severity::Bad };
                let what = format!("{}: {}", error.code(), error.detail);
                self.found(severity, "key", None, what, Some(FaultCode::of(self.role, &error)));
                Err(Stop)
            }
        }
    }

    /// The code of a failure of this provider for which there is no better one.
    const fn failure(&self) -> FaultCode {
        FaultCode::of_class(self.role, ErrorClass::Unavailable)
    }

    fn good(&mut self, step: &'static str, began: Duration, what: String) {
        let took = self.clock.now().saturating_sub(began);
        self.found(Severity::Good, step, Some(took), what, None);
    }

    fn bad<T>(&mut self, step: &'static str, what: String, fault: Option<FaultCode>) -> Result<T, Stop> {
        self.found(Severity::Bad, step, None, what, fault);
        Err(Stop)
    }

    fn found(
        &mut self,
        severity: Severity,
        step: &'static str,
        took: Option<Duration>,
        what: String,
        fault: Option<FaultCode>,
    ) {
        self.findings.push(Finding { severity, subject: self.name.to_owned(), step, took, what, fault });
    }
}

/// What a provider said.
enum Answer {
    /// What it should; `took` to the head of the reply.
    Good { took: Duration },
    /// Something else, or nothing.
    Bad(ProviderError),
    /// It was not asked.
    None,
}

async fn ask(question: &Question, config: &NetConfig, within: Duration, clock: &Clock) -> Answer {
    let net = match Net::new(config) {
        Ok(net) => net,
        Err(error) => return Answer::Bad(ProviderError::new(ErrorClass::Missing, error.to_string())),
    };
    match question {
        Question::Nothing => Answer::None,
        Question::Unfit(error) => Answer::Bad(error.clone()),
        Question::Request(request, refusal) => {
            // The first one opens the connection that the second one is measured on.
            let first = net.look(request, within).await;
            if let Err(error) = first {
                return Answer::Bad(error);
            }
            match net.look(request, within).await {
                Ok(looked) if (200..300).contains(&looked.head.status) => Answer::Good { took: looked.head_after },
                Ok(looked) => Answer::Bad(refusal(&looked.head, &looked.body)),
                Err(error) => Answer::Bad(error),
            }
        }
        Question::Socket(request, refusal) => {
            let began = clock.now();
            match net.knock(request, within).await {
                Ok(()) => Answer::Good { took: clock.now().saturating_sub(began) },
                Err(Knocked::Refused(status)) => Answer::Bad(refusal(status)),
                Err(Knocked::Failed(error)) => Answer::Bad(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::*;
    use crate::config;

    /// A server that answers every request with this status, until the test ends.
    fn server(status: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).is_ok_and(|bytes| bytes > 0) {
                        let code = if status.starts_with("401") { "invalid_api_key" } else { "x" };
                        let body = format!("{{\"error\":{{\"message\":\"no\",\"code\":\"{code}\"}}}}");
                        let head = format!(
                            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                            body.len()
                        );
                        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn examined(base_url: &str, more: &[(&str, &str)]) -> Vec<(Severity, &'static str, Option<&'static str>)> {
        let mut env = vec![
            ("OPERETTA__PROVIDERS__MINE__API", "openai_chat"),
            ("OPERETTA__PROVIDERS__MINE__BASE_URL", base_url),
            ("OPERETTA__PROVIDERS__MINE__MODEL", "m"),
            ("LLM_PROVIDER", "mine"),
        ];
        env.extend(more);
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = config::inspect(None, env).settings;
        of_providers(&settings, &Guests::default())
            .into_iter()
            .map(|finding| (finding.severity, finding.step, finding.fault.map(FaultCode::code)))
            .collect()
    }

    #[test]
    fn a_provider_that_works_passes_every_step() {
        let found = examined(&server("200 OK"), &[]);
        assert_eq!(
            found,
            [(Severity::Good, "dns", None), (Severity::Good, "tcp", None), (Severity::Good, "key", None)]
        );
    }

    #[test]
    fn the_first_step_that_fails_is_told_with_its_code() {
        use Severity::{Bad, Doubtful, Good};
        let reached = [(Good, "dns", None), (Good, "tcp", None)];
        let rows = [
            ("401 Unauthorized", (Bad, "key", Some("E103"))),
            ("503 Service Unavailable", (Bad, "key", Some("E003"))),
            // A server of one's own need not have a list of models.
            ("404 Not Found", (Doubtful, "key", None)),
        ];
        for (status, last) in rows {
            let found = examined(&server(status), &[("OPERETTA__PROVIDERS__MINE__KEY", "sk-1")]);
            assert_eq!(found[..2], reached, "{status}");
            assert_eq!(found[2..], [last], "{status}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(examined(&format!("http://{closed}"), &[]), [(Good, "dns", None), (Bad, "tcp", Some("E003"))]);
        // It speaks HTTP and no TLS.
        let plain = server("200 OK").replace("http:", "https:");
        assert_eq!(examined(&plain, &[])[2..], [(Bad, "tls", Some("E003"))]);
        let nowhere = examined("https://nowhere.invalid", &[]);
        assert_eq!(nowhere, [(Bad, "dns", Some("E003"))]);
    }

    #[test]
    fn a_missing_key_is_named_without_asking() {
        let env = [("LLM_PROVIDER".to_owned(), "anthropic".to_owned())];
        let settings = config::inspect(None, env.into_iter()).settings;
        let found = of_providers(&settings, &Guests::default());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].step, found[0].fault), ("key", Some(FaultCode::KeyRejected)));
        assert!(found[0].what.contains("ANTHROPIC_API_KEY"), "{found:?}");
    }
}
