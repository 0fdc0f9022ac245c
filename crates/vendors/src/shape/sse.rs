//! Server-sent events, fed with bytes that are cut anywhere.

use operetta_contract::{Head, ProviderError};

use super::{json::protocol, quote::quote};

/// Reads server-sent events (WHATWG HTML, section 9.2.6, read 2026-11) as providers really send them.
///
/// Lines end in LF, CRLF or CR, in any mix; `data:` stands with or without one space; several `data:` lines are one event;
/// comments and unknown fields are passed over; `event:` may be absent. An event whose blank line has not come is kept back.
///
/// ```
/// use operetta_vendors::shape::sse::Sse;
///
/// let mut sse = Sse::default();
/// sse.feed(b"event: ping\r\nda");
/// assert_eq!(sse.next_event()?, None);
/// sse.feed(b"ta: {}\r\n\r\n");
/// let event = sse.next_event()?.expect("the blank line has come");
/// assert_eq!((event.name.as_str(), event.data.as_str()), ("ping", "{}"));
/// # Ok::<(), operetta_contract::ProviderError>(())
/// ```
#[derive(Debug, Default)]
pub struct Sse {
    /// What was fed. What has been read of it is dropped with the next feed.
    pending: Vec<u8>,
    /// How many bytes of `pending` have been read.
    read: usize,
    /// Up to where no end of line is.
    scanned: usize,
    /// The last line ended in CR: a LF right behind it belongs to that end.
    after_cr: bool,
    begun: bool,
    name: String,
    data: Option<String>,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What stood behind `event:`; empty when there was none.
    pub name: String,
    /// What stood behind `data:`, several lines joined by LF.
    pub data: String,
}

impl Event {
    /// Whether this is the `[DONE]` that some APIs end their streams with; it is no JSON.
    pub fn is_done(&self) -> bool {
        self.data.trim() == "[DONE]"
    }
}

/// The longest line and the longest event, in bytes. No provider sends longer ones: 30 s of 24 kHz audio in base64 are 1.9 MB,
/// and every API cuts its audio far finer than that.
const LONGEST: usize = 1 << 20;

impl Sse {
    /// Takes the next bytes. What they hold is read by [`next_event`](Self::next_event), which has to be called until it gives
    /// `None` before more is fed: what waits here is bounded by that.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.read);
        self.scanned -= self.read;
        self.read = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole event; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Protocol`](operetta_contract::ErrorClass::Protocol): a line or an event is longer than 1 MiB, or a line is not UTF-8. Events before it
    /// were given out; the stream cannot be read further.
    pub fn next_event(&mut self) -> Result<Option<Event>, ProviderError> {
        while let Some(line) = self.next_line()? {
            if line.is_empty() {
                if let Some(event) = self.take_event() {
                    return Ok(Some(event));
                }
            } else {
                self.read_line(&line)?;
            }
        }
        Ok(None)
    }

    /// The event that has begun and whose blank line never came, when the body has ended. A line that was cut off is not part
    /// of it: its sender was cut off too.
    pub fn end(&mut self) -> Option<Event> {
        self.pending.clear();
        (self.read, self.scanned) = (0, 0);
        self.take_event()
    }

    fn take_event(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        self.data.take().map(|data| Event { name, data })
    }

    fn next_line(&mut self) -> Result<Option<String>, ProviderError> {
        if self.after_cr && self.read < self.pending.len() {
            self.after_cr = false;
            self.read += usize::from(self.pending[self.read] == b'\n');
            self.scanned = self.read;
        }
        let found = self.pending[self.scanned..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = found.map_or(self.pending.len(), |at| self.scanned + at);
        if end - self.read > LONGEST {
            return Err(protocol(format!("a line of the event stream is longer than {LONGEST} bytes")));
        }
        self.scanned = end;
        if found.is_none() {
            return Ok(None);
        }
        let line = std::str::from_utf8(&self.pending[self.read..end]);
        let line = line.map_err(|_| protocol("a line of the event stream is not UTF-8"))?;
        // A byte order mark may stand before everything else.
        let first = !std::mem::replace(&mut self.begun, true);
        let line = line.strip_prefix('\u{feff}').filter(|_| first).unwrap_or(line).to_owned();
        self.after_cr = self.pending[end] == b'\r';
        self.read = end + 1;
        self.scanned = self.read;
        Ok(Some(line))
    }

    fn read_line(&mut self, line: &str) -> Result<(), ProviderError> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) if data.len() + value.len() < LONGEST => {
                    data.push('\n');
                    data.push_str(value);
                }
                Some(_) => return Err(protocol(format!("an event of the stream is longer than {LONGEST} bytes"))),
            },
            // Comments have an empty name; `id` and `retry` are for browsers that connect again by themselves.
            _ => {}
        }
        Ok(())
    }
}

/// Whether a reply is an event stream, by its content type.
///
/// # Errors
/// [`Protocol`](operetta_contract::ErrorClass::Protocol): it is anything else, which must never be read as one.
pub fn expected(head: &Head) -> Result<(), ProviderError> {
    match head.content_type().as_str() {
        "text/event-stream" => Ok(()),
        other => Err(protocol(format!("an event stream was expected, the content type is {:?}", quote(other)))),
    }
}

#[cfg(test)]
mod tests {
    use operetta_contract::ErrorClass;

    use super::*;

    /// What comes out when `body` is fed in the pieces that `cuts` make of it.
    fn events(body: &[u8], cuts: &[usize]) -> (Vec<(String, String)>, Option<ErrorClass>) {
        let mut sse = Sse::default();
        let mut read = Vec::new();
        let mut from = 0;
        for &to in cuts.iter().chain([&body.len()]) {
            sse.feed(&body[from..to]);
            from = to;
            loop {
                match sse.next_event() {
                    Ok(Some(event)) => read.push((event.name, event.data)),
                    Ok(None) => break,
                    Err(error) => return (read, Some(error.class)),
                }
            }
        }
        read.extend(sse.end().map(|event| (event.name, event.data)));
        (read, None)
    }

    fn check(body: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
        let bytes = body.as_bytes();
        assert_eq!(events(bytes, &[]), (expected.clone(), None), "{body:?} in one piece");
        for at in 0..=bytes.len() {
            assert_eq!(events(bytes, &[at]), (expected.clone(), None), "{body:?} cut at {at}");
        }
        let all: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(events(bytes, &all), (expected, None), "{body:?} byte by byte");
    }

    #[test]
    fn events_are_read_as_they_are_really_sent() {
        check("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]);
        check("data:a\r\n\r\ndata:  b\r\n\r\n", &[("", "a"), ("", " b")]);
        check("data: a\r\n\ndata: b\n\r\n", &[("", "a"), ("", "b")]);
        check("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
        check("event: delta\ndata: {\ndata:  1}\n\n", &[("delta", "{\n 1}")]);
        check(": keep-alive\n\n: OPENROUTER PROCESSING\n\ndata: a\n\n", &[("", "a")]);
        check("event: ping\n\ndata: a\n\n", &[("", "a")]);
        check("id: 7\nretry: 10\nunknown\ndata\n\n", &[("", "")]);
        check("\u{feff}data: नमस्ते 🙏\n\n", &[("", "नमस्ते 🙏")]);
        check("data: a\n\n\u{feff}data: b\n\n", &[("", "a")]);
        check("data: [DONE]\n\n", &[("", "[DONE]")]);
        check("\n\n\n", &[]);
    }

    #[test]
    fn an_event_without_its_blank_line_is_given_out_at_the_end_unless_it_was_cut_off() {
        check("data: a\n\ndata: [DONE]\n", &[("", "a"), ("", "[DONE]")]);
        check("data: a\n\ndata: [DON", &[("", "a")]);
        check("data: a\ndata: b", &[("", "a")]);
        let done = Event { name: String::new(), data: " [DONE] ".to_owned() };
        assert!(done.is_done() && !Event::default().is_done());
    }

    #[test]
    fn a_line_has_a_longest_length_with_and_without_its_end() {
        let longest = format!("data: {}\n\n", "x".repeat(LONGEST - 6));
        assert_eq!(events(longest.as_bytes(), &[]).0.len(), 1);
        for end in ["\n\n", ""] {
            let body = format!("data: a\n\ndata: {}{end}", "x".repeat(LONGEST - 5));
            for cuts in [&[][..], &[9], &[1000, 70_000]] {
                let (read, error) = events(body.as_bytes(), cuts);
                assert_eq!((read.len(), error), (1, Some(ErrorClass::Protocol)), "{cuts:?}");
            }
        }
        let many = format!("data: {}\ndata: {}\n\n", "x".repeat(LONGEST / 2), "x".repeat(LONGEST / 2));
        assert_eq!(events(many.as_bytes(), &[]), (Vec::new(), Some(ErrorClass::Protocol)));
    }

    #[test]
    fn what_is_not_text_is_an_error_and_the_events_before_it_stand() {
        let (read, error) = events(b"data: a\n\ndata: \xff\n\ndata: b\n\n", &[]);
        assert_eq!((read, error), (vec![(String::new(), "a".to_owned())], Some(ErrorClass::Protocol)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_read_the_same_however_they_are_cut(
            body in proptest::collection::vec(proptest::sample::select(b"data: \r\n\n[x]\xc3\xa9\x00evnt".to_vec()), 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..20),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(body.len())).collect();
            cuts.sort_unstable();
            proptest::prop_assert_eq!(events(&body, &cuts), events(&body, &[]));
        }
    }
}
