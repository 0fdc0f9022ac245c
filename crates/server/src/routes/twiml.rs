//! TwiML, by an XML writer: text that came from outside is never pasted together with markup (threat T6).

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

/// Connects the call to a stream, both ways. What follows the stream is nothing, so the call ends with it.
pub(super) fn connect(url: &str, parameters: &[(&str, &str)]) -> String {
    document(|response| {
        response.create_element("Connect").write_inner_content(|connect| {
            connect.create_element("Stream").with_attribute(("url", &*clean(url))).write_inner_content(|stream| {
                for (name, value) in parameters {
                    stream
                        .create_element("Parameter")
                        .with_attribute(("name", &*clean(name)))
                        .with_attribute(("value", &*clean(value)))
                        .write_empty()?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    })
}

/// Refuses the call with a busy tone, which costs nobody anything.
pub(super) fn busy() -> String {
    document(|response| {
        response.create_element("Reject").with_attribute(("reason", "busy")).write_empty()?;
        Ok(())
    })
}

type Xml = Writer<Vec<u8>>;

fn document(content: impl FnOnce(&mut Xml) -> io::Result<()>) -> String {
    let mut xml = Writer::new(Vec::with_capacity(512));
    let written = xml
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| xml.create_element("Response").write_inner_content(content).map(|_| ()));
    match written.map(|()| String::from_utf8(xml.into_inner())) {
        Ok(Ok(document)) => document,
        // A vector takes everything, and the writer was given text only.
        Ok(Err(_)) | Err(_) => unreachable!("TwiML could not be written to memory"),
    }
}

/// Without what XML 1.0 forbids and what a parser would change (line ends in attributes), and within Twilio's bound.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).take(VALUE_CHARS).collect()
}

/// Twilio wants names and values under 500 characters.
const VALUE_CHARS: usize = 499;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::{Reader, XmlVersion};

    use super::*;

    #[test]
    fn connects() {
        let document =
            connect("wss://voice.example.com/twilio/media", &[("session_token", "t1"), ("agent", "a\"<&'>")]);
        assert_eq!(
            document,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
             <Stream url=\"wss://voice.example.com/twilio/media\"><Parameter name=\"session_token\" value=\"t1\"/>\
             <Parameter name=\"agent\" value=\"a&quot;&lt;&amp;&apos;&gt;\"/></Stream></Connect></Response>"
        );
        assert!(busy().ends_with("<Response><Reject reason=\"busy\"/></Response>"));
    }

    #[test]
    fn values_stay_under_twilios_bound() {
        let document = connect("wss://a", &[("n", &"é".repeat(600))]);
        assert_eq!(document.matches('é').count(), 499);
    }

    /// Every element with its attributes, as a parser sees them, and every piece of text.
    fn tree(document: &str) -> Vec<String> {
        let mut reader = Reader::from_str(document);
        reader.config_mut().check_end_names = true;
        let mut seen = Vec::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Eof => return seen,
                Event::Decl(_) => {}
                Event::Start(element) | Event::Empty(element) => {
                    let attributes = element.attributes().map(|attribute| {
                        let attribute = attribute.expect("a lawful attribute");
                        let value = attribute.normalized_value(XmlVersion::Explicit1_0).expect("a lawful value");
                        format!("{}={value}", String::from_utf8_lossy(attribute.key.as_ref()))
                    });
                    let name = element.name();
                    let name = String::from_utf8_lossy(name.as_ref()).into_owned();
                    seen.push(std::iter::once(name).chain(attributes).collect::<Vec<_>>().join("|"));
                }
                Event::End(element) => seen.push(format!("/{}", String::from_utf8_lossy(element.name().as_ref()))),
                other => seen.push(format!("{other:?}")),
            }
        }
    }

    /// Markup, entities, quotes, control characters and anything else.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("\"/><Dial>+1900</Dial><x y=\"".to_owned()),
            Just("]]></Stream></Connect><Redirect>http://evil</Redirect>".to_owned()),
            Just("&quot;&#34;&#x0;&amp;".to_owned()),
            Just("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;".to_owned()),
            Just("\r\n\t\u{0}\u{b}\u{fffe}\u{ffff}\u{85}".to_owned()),
            any::<String>(),
        ];
        proptest::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Whatever the values, the document is the template's tree, and the values are in it, cleaned.
        #[test]
        fn hostile_values_stay_values(token in hostile(), agent in hostile()) {
            let url = "wss://voice.example.com/twilio/media";
            let document = connect(url, &[("session_token", &token), ("agent", &agent)]);
            let expected = [
                "Response".to_owned(),
                "Connect".to_owned(),
                format!("Stream|url={url}"),
                format!("Parameter|name=session_token|value={}", clean(&token)),
                format!("Parameter|name=agent|value={}", clean(&agent)),
                "/Stream".to_owned(),
                "/Connect".to_owned(),
                "/Response".to_owned(),
            ];
            prop_assert_eq!(tree(&document), expected);
        }
    }
}
