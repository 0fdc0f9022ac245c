use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A provider's key. It is never printed, and leaves this type as the value of a header only.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// A key. White space around it, as pasted keys have, is dropped.
    pub fn new(key: &str) -> Self {
        Self(SecretString::from(key.trim()))
    }

    /// The key behind `scheme` (`Bearer `, `Token `, or nothing), for a header.
    pub fn header(&self, scheme: &str) -> HeaderValue {
        HeaderValue::Secret(SecretString::from(format!("{scheme}{}", self.0.expose_secret())))
    }

    /// Whether there is one.
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([REDACTED])")
    }
}

/// The value of a header.
#[derive(Clone)]
pub enum HeaderValue {
    /// Anybody may see it.
    Plain(String),
    /// Nobody may.
    Secret(SecretString),
}

impl HeaderValue {
    /// What goes over the wire. The only use that is allowed is to write it there.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose_secret(),
        }
    }

    /// Whether it is a secret: a client marks it so that its own logs leave it out.
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

impl From<&str> for HeaderValue {
    fn from(value: &str) -> Self {
        Self::Plain(value.to_owned())
    }
}

impl From<String> for HeaderValue {
    fn from(value: String) -> Self {
        Self::Plain(value)
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => fmt::Debug::fmt(value, f),
            Self::Secret(_) => f.write_str("[REDACTED]"),
        }
    }
}
