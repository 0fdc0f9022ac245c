use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::collections::{BTreeMap, BTreeSet};

/// What Twilio puts into `X-Twilio-Signature`: base64 of HMAC-SHA1 over `url` and, for a form, every name with each of its
/// distinct values, names and values sorted by bytes and joined without separators.
///
/// `url` is the URL as Twilio was told it. Pass no fields for a GET and for the WebSocket upgrade, which is signed under its
/// `wss://` URL. Source: Twilio, "Webhooks security", and the public request validators, read 2026-11-20.
///
/// This is written apart from the engine's verification on purpose: two readings of the page check each other.
pub fn twilio_signature(auth_token: &str, url: &str, fields: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in fields {
        sorted.entry(name).or_default().insert(value);
    }
    // HMAC takes a key of any length, so the error arm has no input that reaches it.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, values) in sorted {
        for value in values {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::twilio_signature;

    const TOKEN: &str = "example-auth-token-not-real";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_in_arrival_order_signs_as_twilio_signs_it() {
        let form = fields(&[
            ("CallSid", "CA000000000000000000000000000000b1"),
            ("AccountSid", "AC000000000000000000000000000000a1"),
            ("From", "+12025550123"),
            ("To", "+12025550199"),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("ApiVersion", "2010-04-01"),
            ("CallerName", "Zoë & Co"),
        ]);
        let url = "https://voice.example.com/twilio/voice?tenant=acme";
        assert_eq!(twilio_signature(TOKEN, url, &form), "J0hSnf5M7x3myaFom+HbAR7Fq7Q=");
    }

    #[test]
    fn an_upgrade_signs_its_url_alone() {
        assert_eq!(
            twilio_signature(TOKEN, "wss://voice.example.com/twilio/media", &[]),
            "f2vFCC1uAz605wfeSvq9iS/VWdk="
        );
        assert_eq!(
            twilio_signature(TOKEN, "wss://voice.example.com/twilio/media/", &[]),
            "qf6A0E8BnHjl6bOpMSIAXVaiD0Y="
        );
    }
}
