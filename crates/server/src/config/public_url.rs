use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};

/// Where the outside world reaches this server: scheme, host and port, nothing else.
///
/// Everything we hand out (stream URLs) and everything we verify (signatures) is built from this one value, never from the
/// `Host` header of a request: threat T2, a request captured on one site must not be valid on another.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// `https://voice.example.com`, without a slash at its end.
    origin: String,
}

impl PublicUrl {
    /// Reads `https://host[:port]`, a slash at the end forgiven; `http` is for loopback hosts only.
    ///
    /// # Errors
    /// What is wrong, in words for an operator. The text never repeats the input, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text.trim()).map_err(|_| "expected a URL such as https://voice.example.com")?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err("expected https: carriers refuse plain http, which is for loopback only"),
            _ => return Err("expected a URL that begins with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected no user name or password in the URL");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("expected scheme, host and port only: no path, query or fragment");
        }
        Ok(Self { origin: url.as_str().trim_end_matches('/').to_owned() })
    }

    /// The plain address of a listener.
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        Self { origin: format!("http://{address}") }
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The URL of `path`, which begins with a slash.
    pub fn http(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The WebSocket URL of `path`, which begins with a slash: `wss`, or `ws` where we are plain.
    pub fn ws(&self, path: &str) -> String {
        // Both schemes begin with "http", so what follows decides between `ws` and `wss`.
        let rest = self.origin.strip_prefix("http").unwrap_or(&self.origin);
        format!("ws{rest}{path}")
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.origin, f)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::PublicUrl;

    #[test]
    fn urls_of_ours_are_built_from_the_origin() {
        let url = PublicUrl::parse("https://voice.example.com/").unwrap();
        assert_eq!(url.http("/twilio/voice"), "https://voice.example.com/twilio/voice");
        assert_eq!(url.ws("/twilio/media"), "wss://voice.example.com/twilio/media");
        let plain = PublicUrl::parse("http://localhost:8080").unwrap();
        assert_eq!(plain.ws("/exotel/media"), "ws://localhost:8080/exotel/media");
        assert_eq!(PublicUrl::of_address(([127, 0, 0, 1], 8080).into()).ws("/x"), "ws://127.0.0.1:8080/x");
    }

    #[test]
    fn what_carriers_cannot_reach_is_refused() {
        for text in [
            "voice.example.com",
            "http://voice.example.com",
            "wss://voice.example.com",
            "https://user:hunter22@voice.example.com",
            "https://voice.example.com/base",
            "https://voice.example.com/?a=b",
            "https://",
            "http://127.0.0.1.example.com",
        ] {
            let why = PublicUrl::parse(text).unwrap_err();
            assert!(!why.contains("hunter22"), "{why}");
        }
        for text in ["https://voice.example.com:8443", "http://[::1]:8080", "http://127.0.0.1"] {
            assert!(PublicUrl::parse(text).is_ok(), "{text}");
        }
    }
}
