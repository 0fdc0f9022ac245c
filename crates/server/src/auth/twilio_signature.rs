use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use url::form_urlencoded;

/// Verifies `X-Twilio-Signature`: HMAC-SHA1, by the account's auth token, over the URL as Twilio was told it and what
/// [`Signed`] adds to that. Source: twilio.com/docs/usage/webhooks/webhooks-security, read 2026-11-20.
///
/// A signature says "from Twilio, for this URL". It does not say which call, nor when: that is the stream token's part.
#[derive(Debug, Default)]
pub struct TwilioKeys {
    auth_tokens: Vec<SecretString>,
    slash_form: bool,
}

/// What is signed besides the URL.
#[derive(Clone, Copy, Debug)]
pub enum Signed<'a> {
    /// Nothing: a GET, whose fields are in the URL.
    Url,
    /// Nothing: a WebSocket upgrade.
    Upgrade,
    /// The decoded fields of a form, in any order.
    Form(&'a [(String, String)]),
    /// The bytes of any other body, whose SHA-256 the URL must name as `bodySHA256`.
    Body(&'a [u8]),
}

impl TwilioKeys {
    /// `auth_tokens` are tried all, so that they can be rotated. With `slash_form`, an upgrade may also be signed for the
    /// URL with a slash added, as some set-ups are reported to do.
    pub const fn new(auth_tokens: Vec<SecretString>, slash_form: bool) -> Self {
        Self { auth_tokens, slash_form }
    }

    /// Nothing is configured.
    pub const fn is_empty(&self) -> bool {
        self.auth_tokens.is_empty()
    }

    /// Whether `signature`, the header as it came, is one of ours for `url`. The URL is the configured public one with
    /// the request's own target, never built from `Host` or forwarded headers. Takes the same time for any signature.
    pub fn verify(&self, url: &str, signed: Signed<'_>, signature: &[u8]) -> bool {
        let fields = match signed {
            Signed::Url | Signed::Upgrade => Vec::new(),
            Signed::Form(fields) => sorted(fields),
            Signed::Body(body) if names_digest(url, body) => Vec::new(),
            Signed::Body(_) => return false,
        };
        let mut forms = vec![url.to_owned()];
        forms.extend(other_port_form(url));
        if self.slash_form && matches!(signed, Signed::Upgrade) && !url.contains('?') {
            forms.extend(forms.clone().iter().map(|form| format!("{form}/")));
        }
        let mut matches = Choice::from(0);
        for token in &self.auth_tokens {
            for form in &forms {
                matches |= sign(token, form, &fields).as_bytes().ct_eq(signature);
            }
        }
        matches.into()
    }
}

/// Names sorted by their bytes, and for each name its distinct values sorted: which is to sort the pairs.
fn sorted(fields: &[(String, String)]) -> Vec<&(String, String)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn sign(token: &SecretString, url: &str, fields: &[&(String, String)]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(token.expose_secret().as_bytes()).expect("any length is fine");
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Twilio's back end signs with the default port present or absent, not consistently.
fn other_port_form(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "https" | "wss") {
        return None;
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match authority.strip_suffix(":443") {
        Some(host) => Some(format!("{scheme}://{host}{target}")),
        // A colon inside brackets belongs to an IPv6 address.
        None if authority.ends_with(']') || !authority.contains(':') => {
            Some(format!("{scheme}://{authority}:443{target}"))
        }
        None => None,
    }
}

/// Whether the URL names the SHA-256 of `body`, once.
fn names_digest(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "bodySHA256");
    match (named.next(), named.next()) {
        (Some((_, digest)), None) => {
            let found = hex::encode(Sha256::digest(body));
            found.as_bytes().ct_eq(digest.to_ascii_lowercase().as_bytes()).into()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_comes_and_goes() {
        let rows = [
            ("https://a.example/x?y", Some("https://a.example:443/x?y")),
            ("https://a.example:443/x?y", Some("https://a.example/x?y")),
            ("wss://a.example/x", Some("wss://a.example:443/x")),
            ("wss://a.example?y=1", Some("wss://a.example:443?y=1")),
            ("https://a.example:8443/x", None),
            ("http://127.0.0.1/x", None),
            ("https://[::1]/x", Some("https://[::1]:443/x")),
            ("https://[::1]:8443/x", None),
            ("nonsense", None),
        ];
        for (url, expected) in rows {
            assert_eq!(other_port_form(url).as_deref(), expected, "{url}");
        }
    }
}
