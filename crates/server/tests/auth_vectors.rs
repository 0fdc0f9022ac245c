//! Twilio's signature against recorded vectors, and against requests that were tampered with.

use operetta_server::auth::{Signed, TwilioKeys};
use secrecy::SecretString;
use serde_json::Value;

/// Every vector, checked as its kind of request.
#[test]
fn all_vectors() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("fixtures/twilio_signature_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 8);
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().unwrap_or_default();
        let name = text("name");
        let fields = form(text("body"));
        let signed = match (text("method"), text("content_type")) {
            ("POST", "application/json") => Signed::Body(text("body").as_bytes()),
            ("POST", _) => Signed::Form(&fields),
            _ if name.starts_with("websocket") => Signed::Upgrade,
            _ => Signed::Url,
        };
        let keys = keys(&[text("auth_token")], false);
        let (url, signature) = (text("signed_url"), text("expected_signature").as_bytes());
        assert!(keys.verify(url, signed, signature), "{name}");
        assert!(!keys.verify(&url.replace("voice.", "evil."), signed, signature), "{name}: another host");
        assert!(!keys.verify(&format!("{url}x"), signed, signature), "{name}: another path");
        for at in 0..signature.len() {
            let mut bent = signature.to_vec();
            bent[at] ^= 1;
            assert!(!keys.verify(url, signed, &bent), "{name}: byte {at}");
        }
        for cut in [&signature[..27], b"", &[signature, b"="].concat()] {
            assert!(!keys.verify(url, signed, cut), "{name}: length {}", cut.len());
        }
    }
}

/// From the unit tests that Twilio publishes with its libraries.
#[test]
fn published_values() {
    let keys = keys(&["12345"], false);
    let fields =
        form("CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309");
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    assert!(keys.verify(url, Signed::Form(&fields), b"RSOYDt4T1cUTdK1PDd93/VVr8B8="));
}

#[test]
fn the_order_of_fields_does_not_matter_but_their_values_do() {
    let keys = keys(&[TOKEN], false);
    let url = "https://voice.example.com/twilio/gather";
    let signature = b"4XDTIHPQ2zNpM8lERNC13POg0g4=";
    for (body, genuine) in [
        ("Digits=42&CallSid=CA000000000000000000000000000000b1&Digits=17&Digits=42", true),
        ("CallSid=CA000000000000000000000000000000b1&Digits=17&Digits=42", true),
        ("CallSid=CA000000000000000000000000000000b1&Digits=17", false),
        ("CallSid=CA000000000000000000000000000000b1&Digits=17&Digits=42&Digits=43", false),
        ("CallSid=CA000000000000000000000000000000b2&Digits=17&Digits=42", false),
    ] {
        assert_eq!(keys.verify(url, Signed::Form(&form(body)), signature), genuine, "{body}");
    }
}

#[test]
fn the_default_port_may_be_there_or_not() {
    let keys = keys(&[TOKEN], false);
    let bare = b"f2vFCC1uAz605wfeSvq9iS/VWdk=";
    assert!(keys.verify("wss://voice.example.com/twilio/media", Signed::Upgrade, bare));
    assert!(keys.verify("wss://voice.example.com:443/twilio/media", Signed::Upgrade, bare));
    assert!(!keys.verify("wss://voice.example.com:8443/twilio/media", Signed::Upgrade, bare));
    assert!(!keys.verify("https://voice.example.com/twilio/media", Signed::Upgrade, bare));
}

#[test]
fn the_slash_form_is_for_upgrades_and_off_by_default() {
    let url = "wss://voice.example.com/twilio/media";
    let slash = b"qf6A0E8BnHjl6bOpMSIAXVaiD0Y=";
    assert!(!keys(&[TOKEN], false).verify(url, Signed::Upgrade, slash));
    assert!(keys(&[TOKEN], true).verify(url, Signed::Upgrade, slash));
    assert!(!keys(&[TOKEN], true).verify(url, Signed::Url, slash));
}

#[test]
fn any_of_several_tokens_will_do() {
    let url = "wss://voice.example.com/twilio/media";
    let signature = b"f2vFCC1uAz605wfeSvq9iS/VWdk=";
    assert!(keys(&["an-older-token", TOKEN], false).verify(url, Signed::Upgrade, signature));
    assert!(!keys(&["an-older-token"], false).verify(url, Signed::Upgrade, signature));
    assert!(!keys(&[], false).verify(url, Signed::Upgrade, signature));
}

#[test]
fn a_body_must_be_the_one_that_the_url_names() {
    let keys = keys(&[TOKEN], false);
    let body = br#"{"CallSid":"CA000000000000000000000000000000b1","event":"call-summary","n":1}"#;
    let digest = "66cf45524ea5f2ec12862fd7bab7a77c3e6250c41e2c35d3f11e20b8075ba6ec";
    let url = format!("https://voice.example.com/twilio/events?bodySHA256={digest}");
    let signature = b"173HJCK8wCRNBbZPt5NR/Zny79U=";
    assert!(keys.verify(&url, Signed::Body(body), signature));
    assert!(!keys.verify(&url, Signed::Body(&body[1..]), signature), "another body");
    assert!(!keys.verify("https://voice.example.com/twilio/events", Signed::Body(body), signature), "no digest");
    let twice = format!("{url}&bodySHA256={digest}");
    assert!(!keys.verify(&twice, Signed::Body(body), signature), "two digests");
}

const TOKEN: &str = "example-auth-token-not-real";

fn keys(tokens: &[&str], slash_form: bool) -> TwilioKeys {
    TwilioKeys::new(tokens.iter().map(|&token| SecretString::from(token)).collect(), slash_form)
}

fn form(body: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}
