use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What Exotel may prove itself with. It cannot sign requests: Basic authentication, configured as
/// `https://user:password@host/…` in the flow, and a secret in the query are all there is (support.exotel.com
/// article 3000108630, read 2026-11-20). Either one is enough.
#[derive(Debug, Default)]
pub struct ExotelKeys {
    basic: Option<(String, SecretString)>,
    secret: Option<SecretString>,
}

/// What a request had to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// One of the keys.
    Key,
    /// Something that is none of the keys.
    Wrong,
    /// Nothing.
    Nothing,
}

impl ExotelKeys {
    /// Query parameters in which the secret is looked for.
    pub const SECRET_NAMES: [&'static str; 2] = ["secret", "token"];

    /// Keys as configured; without any, [`Self::is_empty`] is true and the caller of this type decides what that means.
    pub const fn new(basic: Option<(String, SecretString)>, secret: Option<SecretString>) -> Self {
        Self { basic, secret }
    }

    /// Nothing is configured.
    pub const fn is_empty(&self) -> bool {
        self.basic.is_none() && self.secret.is_none()
    }

    /// Compares what a request shows, in a time that does not tell how much of it was right.
    pub fn check(&self, authorization: Option<&[u8]>, secret: Option<&str>) -> Shown {
        let basic_is_right = match (&self.basic, authorization.and_then(basic_credentials)) {
            (Some((user, password)), Some(shown)) => {
                let key = [user.as_bytes(), b":", password.expose_secret().as_bytes()].concat();
                same(&key, &shown)
            }
            _ => false,
        };
        let secret_is_right = match (&self.secret, secret) {
            (Some(key), Some(shown)) => same(key.expose_secret().as_bytes(), shown.as_bytes()),
            _ => false,
        };
        if basic_is_right | secret_is_right {
            Shown::Key
        } else if authorization.is_some() || secret.is_some() {
            Shown::Wrong
        } else {
            Shown::Nothing
        }
    }
}

/// `user:password`, decoded (RFC 7617).
fn basic_credentials(authorization: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    BASE64_STANDARD.decode(rest.trim_ascii()).ok()
}

/// Digests are compared, so that not even the length shows.
fn same(key: &[u8], shown: &[u8]) -> bool {
    Sha256::digest(key).as_slice().ct_eq(Sha256::digest(shown).as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(basic: bool, secret: bool) -> ExotelKeys {
        ExotelKeys::new(
            basic.then(|| ("key".to_owned(), SecretString::from("pass:word"))),
            secret.then(|| SecretString::from("example-secret")),
        )
    }

    #[test]
    fn either_key_is_enough() {
        let right = format!("Basic {}", BASE64_STANDARD.encode("key:pass:word"));
        let lower = right.replace("Basic", "basic");
        let wrong = format!("Basic {}", BASE64_STANDARD.encode("key:password"));
        let rows = [
            (true, true, None, None, Shown::Nothing),
            (true, true, Some(&*right), None, Shown::Key),
            (true, true, Some(&*lower), None, Shown::Key),
            (true, true, None, Some("example-secret"), Shown::Key),
            (true, true, Some(&*wrong), Some("example-secret"), Shown::Key),
            (true, true, Some(&*wrong), None, Shown::Wrong),
            (true, true, Some("Bearer x"), None, Shown::Wrong),
            (true, true, Some("Basic ???"), None, Shown::Wrong),
            (true, true, Some("Basic"), None, Shown::Wrong),
            (true, true, None, Some("example-secre"), Shown::Wrong),
            (true, true, None, Some(""), Shown::Wrong),
            (false, true, Some(&*right), None, Shown::Wrong),
            (true, false, None, Some("example-secret"), Shown::Wrong),
            (false, false, Some(&*right), Some("example-secret"), Shown::Wrong),
            (false, false, None, None, Shown::Nothing),
        ];
        for (basic, secret, authorization, shown, expected) in rows {
            let seen = keys(basic, secret).check(authorization.map(str::as_bytes), shown);
            assert_eq!(seen, expected, "{basic} {secret} {authorization:?} {shown:?}");
        }
    }

    #[test]
    fn keys_are_never_printed() {
        let printed = format!("{:?}", keys(true, true));
        assert!(!printed.contains("pass:word") && !printed.contains("example-secret"), "{printed}");
    }
}
