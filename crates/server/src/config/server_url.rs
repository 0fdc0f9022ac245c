use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};

/// Where a provider's API is served: scheme, host and port. The path below it is the codec's.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// `https://api.example.com`, without a slash at its end.
    origin: String,
    host: Host<String>,
}

impl ServerUrl {
    /// Reads `http(s)://host[:port]`, a slash at the end forgiven.
    ///
    /// # Errors
    /// What is wrong, in words for an operator. The text never repeats the input, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text.trim()).map_err(|_| "expected a URL such as https://api.example.com")?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err("expected a URL that begins with https:// (sockets derive wss:// from it)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected no user name or password in the URL: the key belongs into `key`");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("expected scheme, host and port only: what follows (/v1 ...) is known");
        }
        let host = url.host().ok_or("expected a URL with a host")?.to_owned();
        Ok(Self { origin: url.as_str().trim_end_matches('/').to_owned(), host })
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether what is sent there can be read on the way: plain `http` to another machine.
    pub fn is_open_to_listeners(&self) -> bool {
        let is_loopback = match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        self.origin.starts_with("http:") && !is_loopback
    }

    /// Whether the host belongs to `domain`: is it, or is below it.
    pub fn is_within(&self, domain: &str) -> bool {
        let Host::Domain(name) = &self.host else { return false };
        name.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.origin, f)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl<'de> Deserialize<'de> for ServerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    fn url(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn only_an_origin_is_taken() {
        assert_eq!(url("https://api.example.com/").as_str(), "https://api.example.com");
        assert_eq!(url("http://[::1]:8000").as_str(), "http://[::1]:8000");
        for text in [
            "api.example.com",
            "wss://api.example.com",
            "https://u:hunter22@api.example.com",
            "https://api.example.com/v1",
            "https://api.example.com?key=hunter22",
        ] {
            let why = ServerUrl::parse(text).unwrap_err();
            assert!(!why.contains("hunter22"), "{why}");
        }
    }

    #[test]
    fn a_host_is_within_its_domain_only() {
        for (text, within) in [
            ("https://example.com", true),
            ("https://api.eu.example.com", true),
            ("https://notexample.com", false),
            ("https://example.com.evil.org", false),
            ("http://127.0.0.1:8000", false),
        ] {
            assert_eq!(url(text).is_within("example.com"), within, "{text}");
        }
    }

    #[test]
    fn plain_http_is_private_on_this_machine_only() {
        assert!(url("http://10.0.0.5:8000").is_open_to_listeners());
        assert!(url("http://llama.internal").is_open_to_listeners());
        assert!(!url("http://localhost:8000").is_open_to_listeners());
        assert!(!url("http://127.0.0.1:8000").is_open_to_listeners());
        assert!(!url("https://llama.internal").is_open_to_listeners());
    }
}
