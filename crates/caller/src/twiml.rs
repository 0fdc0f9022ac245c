use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;
use thiserror::Error;

/// What a TwiML answer orders the carrier to do, as far as a media stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOrder {
    /// The `url` attribute of `<Stream>`, unescaped.
    pub url: String,
    /// The `<Parameter>` children in document order; they come back as `start.customParameters`.
    pub parameters: Vec<(String, String)>,
    /// Whether the stream stands in `<Connect>`. `<Start>` streams are listen-only.
    pub bidirectional: bool,
}

/// Why a TwiML answer could not be followed. Texts name elements and attributes, never their values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TwimlError {
    /// Not well-formed XML.
    #[error("not well-formed XML at byte {0}")]
    Malformed(u64),
    /// The document's root is something else.
    #[error("expected <Response> as the root element")]
    NoResponse,
    /// No `<Stream>` in `<Connect>` or `<Start>`.
    #[error("expected <Connect><Stream url=…/></Connect>, found no stream")]
    NoStream,
    /// An attribute that Twilio requires is absent.
    #[error("<{element}> without {attribute}")]
    Missing {
        /// The element.
        element: &'static str,
        /// The attribute.
        attribute: &'static str,
    },
}

/// Reads a TwiML document as Twilio does: the first `<Stream>` inside `<Connect>` or `<Start>` counts, verbs around it are
/// skipped. Source: Twilio, "TwiML: Stream", read 2026-11-20.
pub fn read_twiml(document: &str) -> Result<StreamOrder, TwimlError> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut order: Option<StreamOrder> = None;
    loop {
        let event = reader.read_event().map_err(|_| TwimlError::Malformed(reader.error_position()))?;
        match event {
            Event::Start(element) => {
                enter(&open, &element, &mut order)?;
                open.push(element.name().as_ref().to_vec());
            }
            Event::Empty(element) => enter(&open, &element, &mut order)?,
            Event::End(_) => drop(open.pop()),
            Event::Eof if open.is_empty() => return order.ok_or(TwimlError::NoStream),
            Event::Eof => return Err(TwimlError::Malformed(reader.buffer_position())),
            _ => {}
        }
    }
}

/// Looks at an element that opens inside `path`.
fn enter(path: &[Vec<u8>], element: &BytesStart<'_>, order: &mut Option<StreamOrder>) -> Result<(), TwimlError> {
    let name = element.name();
    let path: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
    match (path.as_slice(), name.as_ref()) {
        ([], b"Response") => Ok(()),
        ([], _) => Err(TwimlError::NoResponse),
        ([b"Response", verb @ (b"Connect" | b"Start")], b"Stream") if order.is_none() => {
            let url = required(element, "Stream", "url")?;
            *order = Some(StreamOrder { url, parameters: Vec::new(), bidirectional: *verb == b"Connect" });
            Ok(())
        }
        ([b"Response", _, b"Stream"], b"Parameter") => {
            let parameter = (required(element, "Parameter", "name")?, required(element, "Parameter", "value")?);
            if let Some(order) = order {
                order.parameters.push(parameter);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn required(from: &BytesStart<'_>, element: &'static str, attribute: &'static str) -> Result<String, TwimlError> {
    let found = from.try_get_attribute(attribute).ok().flatten();
    let value = found.and_then(|it| it.normalized_value(XmlVersion::Explicit1_0).ok().map(Cow::into_owned));
    value.ok_or(TwimlError::Missing { element, attribute })
}

#[cfg(test)]
mod tests {
    use super::{StreamOrder, TwimlError, read_twiml};

    #[test]
    fn a_connect_stream_gives_url_and_parameters_unescaped() {
        let order = read_twiml(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Connect>
                <Stream url="wss://voice.example.com/a&amp;b" statusCallback="https://voice.example.com/s">
                  <Parameter name="session_token" value="t&quot;1"/>
                  <Parameter name="tenant" value="acme"></Parameter>
                </Stream>
              </Connect>
              <Redirect method="POST">https://voice.example.com/twilio/after-stream</Redirect>
            </Response>"#,
        );
        let parameters = vec![("session_token".into(), "t\"1".into()), ("tenant".into(), "acme".into())];
        assert_eq!(
            order,
            Ok(StreamOrder { url: "wss://voice.example.com/a&b".into(), parameters, bidirectional: true })
        );
    }

    #[test]
    fn what_is_not_an_order_says_what_was_expected() {
        let rows = [
            ("<Response><Say>hello</Say></Response>", TwimlError::NoStream),
            ("<Answer/>", TwimlError::NoResponse),
            ("{\"url\":\"wss://x\"}", TwimlError::NoStream),
            (
                "<Response><Connect><Stream/></Connect></Response>",
                TwimlError::Missing { element: "Stream", attribute: "url" },
            ),
            ("<Response><Connect>", TwimlError::Malformed(19)),
        ];
        for (document, expected) in rows {
            assert_eq!(read_twiml(document), Err(expected), "{document}");
        }
    }

    #[test]
    fn a_start_stream_is_listen_only() {
        let order = read_twiml(r#"<Response><Start><Stream url="wss://a/b"/></Start></Response>"#);
        assert_eq!(order.map(|it| it.bidirectional), Ok(false));
    }
}
