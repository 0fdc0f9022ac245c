use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use operetta_session::TokenDigest;

/// A stream token: 128 random bits that one webhook gives to one call. The carrier brings it back with the stream, where
/// it is spent by the first accepted `start`. The engine itself keeps only its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamToken(String);

impl StreamToken {
    /// A new token from the operating system's randomness, which fails on broken systems only.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bits)))
    }

    /// 22 characters that need no escape in a URL, in XML or in JSON. For the carrier's eyes only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the engine remembers of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }
}

impl fmt::Debug for StreamToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_plain_text_and_differ() {
        let tokens: std::collections::HashSet<String> =
            (0..1000).map(|_| StreamToken::random().unwrap().as_str().to_owned()).collect();
        assert_eq!(tokens.len(), 1000);
        for token in tokens {
            assert_eq!(token.len(), 22);
            assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{token}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = StreamToken::random().unwrap();
        assert!(!format!("{token:?}{:?}", token.digest()).contains(token.as_str()));
    }
}
