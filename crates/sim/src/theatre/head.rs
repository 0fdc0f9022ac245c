use std::fmt;

/// The head of a request as it came over the wire.
#[derive(Clone)]
pub struct RequestHead {
    /// The method, in capitals.
    pub method: String,
    /// The path, decoded: no query.
    pub path: String,
    /// The parameters of the query, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The headers: names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// Whether it was HTTP/1.0, which closes after each reply and knows no chunks.
    pub is_old: bool,
}

/// Why bytes are no head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoHead;

impl RequestHead {
    /// Reads a head from the front of `bytes`: it and its length, or `None` while it is not complete.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, NoHead> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() > LONGEST => return Err(NoHead),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NoHead),
        };
        let (Some(method), Some(target)) = (request.method, request.path) else { return Err(NoHead) };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = request
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned()));
        let head = Self {
            method: method.to_ascii_uppercase(),
            path: decode(path, false),
            query: pairs(query),
            headers: headers.collect(),
            is_old: request.version == Some(0),
        };
        Ok(Some((head, length)))
    }

    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The first parameter of the query of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The content type without its parameters, in lower case; empty when there is none.
    pub fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether it asks for a WebSocket.
    pub fn wants_socket(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// Whether the client will send another request over this connection.
    pub(super) fn keeps_alive(&self) -> bool {
        let said = self.header("connection").unwrap_or_default();
        !self.is_old && !said.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"))
    }
}

/// Neither the values of headers nor those of parameters: keys come in both.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &names(&self.query))
            .field("headers", &names(&self.headers))
            .finish_non_exhaustive()
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name, true), decode(value, true)))
        .collect()
}

/// Undoes percent-encoding. What is not encoded properly stays as it is.
fn decode(text: &str, plus_is_space: bool) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                    bytes.push((high * 16 + low) as u8);
                    rest = after;
                } else {
                    bytes.push(b'%');
                }
            }
            (b'+', _) if plus_is_space => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Headers of one request.
const HEADERS: usize = 64;

/// Bytes of one head.
const LONGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let text = b"POST /v1/speak?model=aura-2&tag=a%20b+c&flag HTTP/1.1\r\nHost: x\r\nContent-Type: Application/JSON; charset=utf-8\r\n\r\nbody";
        for end in 0..text.len() - 4 {
            assert!(RequestHead::read(&text[..end]).unwrap().is_none(), "{end}");
        }
        let (head, length) = RequestHead::read(text).unwrap().unwrap();
        assert_eq!(&text[length..], b"body");
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/v1/speak"));
        assert_eq!(head.parameter("tag"), Some("a b c"));
        assert_eq!(head.parameter("flag"), Some(""));
        assert_eq!(head.content_type(), "application/json");
        assert!(head.keeps_alive() && !head.wants_socket());
    }

    #[test]
    fn what_is_no_head_is_refused() {
        assert_eq!(RequestHead::read(b"\x16\x03\x01\x02\x00").err(), Some(NoHead));
        let endless = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; LONGEST]].concat();
        assert_eq!(RequestHead::read(&endless).err(), Some(NoHead));
    }

    #[test]
    fn half_an_escape_stays_as_it_is() {
        assert_eq!(decode("100%&%4", false), "100%&%4");
        assert_eq!(decode("%zz%41", false), "%zzA");
    }

    #[test]
    fn keys_are_not_printed() {
        let text = b"GET /v1/voices?key=secret-in-query HTTP/1.1\r\nAuthorization: Bearer secret-in-header\r\n\r\n";
        let (head, _) = RequestHead::read(text).unwrap().unwrap();
        assert!(!format!("{head:?}").contains("secret"));
    }
}
