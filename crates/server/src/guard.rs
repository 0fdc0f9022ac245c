use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

use crate::leg::{Fault, Gate, Mode};

/// A stream adapter between a socket and its WebSocket codec: it lets one frame through at a time, and only after
/// it has judged the frame by its header.
///
/// The codec of actix-http 3.20 checks a frame's size when the whole frame is in memory, so fourteen bytes that claim
/// a tebibyte make it keep everything that follows. Here the claim is refused before a byte of the payload is kept.
///
/// What waits is bounded by construction: one frame in the codec, one chunk (32 KiB) here. The next frame
/// is released when the actor has handled the last one and, for audio, when the call has room for it;
/// until then the socket is not read and TCP slows the peer down. Nothing is dropped.
pub(crate) struct FrameGuard<S> {
    inner: S,
    gate: Rc<Gate>,
    judge: Judge,
    /// Bytes from the socket that have not been released.
    chunk: Bytes,
    /// A frame that was judged and waits for room.
    judged: Option<Span>,
    /// Bytes of the current frame still to be released.
    left: usize,
    /// Bytes thrown away since the leg began to close.
    sunk: usize,
}

impl<S> FrameGuard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    pub(crate) fn new(inner: S, gate: Rc<Gate>, limits: Limits) -> Self {
        Self { inner, gate, judge: Judge::new(limits), chunk: Bytes::new(), judged: None, left: 0, sunk: 0 }
    }

    /// Finds the next frame in `chunk`. `Ready(Ok(false))` asks for more bytes.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        let span = match self.judged {
            Some(span) => span,
            None => match self.judge.judge(&self.chunk) {
                Ok(Some(span)) => span,
                Ok(None) => return Poll::Ready(Ok(false)),
                Err(fault) => return Poll::Ready(Err(fault)),
            },
        };
        self.judged = Some(span);
        if span.data {
            ready!(self.gate.poll_room(span.message, cx));
        }
        self.judged = None;
        self.left = span.header + span.payload;
        Poll::Ready(Ok(true))
    }

    fn release(&mut self) -> Bytes {
        let now = self.left.min(self.chunk.len());
        self.left -= now;
        if self.left == 0 {
            self.gate.frame_released();
        }
        self.chunk.split_to(now)
    }

    /// After a violation there are no frames any more, only bytes. They are read and thrown away, so that the close
    /// frame is not lost to a reset; but not for ever.
    fn poll_sink(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.chunk.clear();
        while self.sunk <= SINK_BYTES {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(bytes)) => self.sunk += bytes.len(),
                Some(Err(_)) | None => break,
            }
        }
        Poll::Ready(None)
    }
}

impl<S> Stream for FrameGuard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.gate.mode() == Mode::Sink {
                return this.poll_sink(cx);
            }
            if this.left > 0 && !this.chunk.is_empty() {
                return Poll::Ready(Some(Ok(this.release())));
            }
            if this.left == 0 {
                if this.gate.is_frame_in_hand() {
                    // No waker is needed: the actor's stream polls again as soon as it has handled the frame.
                    return Poll::Pending;
                }
                match ready!(this.poll_frame(cx)) {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(fault) => {
                        this.gate.refuse(fault);
                        return Poll::Ready(Some(Err(PayloadError::Overflow)));
                    }
                }
            }
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(more)) => {
                    this.gate.touch();
                    this.chunk = join(&this.chunk, more);
                }
                // actix reports a peer that went away without a close frame as an incomplete payload: to us it is
                // the end, whatever the spelling.
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
    }
}

/// Only a header that was cut by the end of a chunk is copied: at most 13 bytes are left here.
fn join(rest: &Bytes, more: Bytes) -> Bytes {
    if rest.is_empty() {
        return more;
    }
    let mut both = BytesMut::with_capacity(rest.len() + more.len());
    both.extend_from_slice(rest);
    both.extend_from_slice(&more);
    both.freeze()
}

/// What one peer may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of one message, over all its fragments.
    pub(crate) message_bytes: usize,
    /// Fragments of one message, empty ones included.
    pub(crate) fragments: usize,
}

/// Reads frame headers as RFC 6455 section 5.2 lays them out, and knows whether a fragmented message is open.
#[derive(Debug)]
struct Judge {
    limits: Limits,
    open: Option<Open>,
}

/// A fragmented message that has begun.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    bytes: usize,
    fragments: usize,
}

/// A frame whose header is complete and lawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Bytes of the header.
    header: usize,
    /// Bytes of the payload.
    payload: usize,
    /// Bytes of the message so far, this frame included.
    message: usize,
    /// Text, binary or continuation; otherwise a control frame.
    data: bool,
}

impl Judge {
    const fn new(limits: Limits) -> Self {
        Self { limits, open: None }
    }

    /// Judges the frame at the start of `bytes`. `None` asks for more of its header; faults that the first two bytes
    /// show are found there.
    fn judge(&mut self, bytes: &[u8]) -> Result<Option<Span>, Fault> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Fault::ReservedBits);
        }
        if second & MASKED == 0 {
            return Err(Fault::Unmasked);
        }
        let last = first & LAST != 0;
        let opcode = first & OPCODE;
        let short = second & SHORT_LENGTH;
        let data = match opcode {
            CONTINUATION | TEXT | BINARY => true,
            CLOSE | PING | PONG => false,
            _ => return Err(Fault::Opcode),
        };
        if !data && (!last || short > CONTROL_BYTES) {
            return Err(Fault::Control);
        }
        let (payload, length_bytes) = match short {
            LENGTH_16 => match rest.first_chunk() {
                Some(&length) => (u64::from(u16::from_be_bytes(length)), 2),
                None => return Ok(None),
            },
            LENGTH_64 => match rest.first_chunk() {
                Some(&length) => (u64::from_be_bytes(length), 8),
                None => return Ok(None),
            },
            _ => (u64::from(short), 0),
        };
        // Before the mask is there: a claim over the limit is refused by its length alone.
        let payload = usize::try_from(payload).map_err(|_| Fault::TooLarge)?;
        let opened = self.follow(data, opcode, payload)?;
        let header = 2 + length_bytes + MASK_BYTES;
        if bytes.len() < header {
            return Ok(None);
        }
        let message = opened.map_or(payload, |open| open.bytes);
        if data {
            self.open = if last { None } else { opened };
        }
        Ok(Some(Span { header, payload, message, data }))
    }

    /// The message after this frame, if the frame is lawful here.
    fn follow(&self, data: bool, opcode: u8, payload: usize) -> Result<Option<Open>, Fault> {
        if !data {
            return Ok(None);
        }
        let begun = match (self.open, opcode) {
            (Some(open), CONTINUATION) => open,
            (None, TEXT | BINARY) => Open::default(),
            _ => return Err(Fault::Fragment),
        };
        let bytes = begun.bytes.saturating_add(payload);
        let fragments = begun.fragments + 1;
        if bytes > self.limits.message_bytes || fragments > self.limits.fragments {
            return Err(Fault::TooLarge);
        }
        Ok(Some(Open { bytes, fragments }))
    }
}

/// How much is read after a violation while the close frame travels.
const SINK_BYTES: usize = 1024 * 1024;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const SHORT_LENGTH: u8 = 0x7f;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
const MASK_BYTES: usize = 4;
/// RFC 6455 section 5.5.
const CONTROL_BYTES: u8 = 125;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { message_bytes: 1000, fragments: 4 };

    fn judge_all(frames: &[(u8, u64)]) -> Result<(), Fault> {
        let mut judge = Judge::new(LIMITS);
        for &(first, length) in frames {
            judge.judge(&header(first, length))?.expect("the header is whole");
        }
        Ok(())
    }

    fn header(first: u8, length: u64) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(0x80 | length as u8),
            126..=0xffff => {
                bytes.push(0xfe);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0xff);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[1, 2, 3, 4]);
        bytes
    }

    #[test]
    fn headers_are_judged() {
        type Row = (&'static str, &'static [(u8, u64)], Result<(), Fault>);
        let rows: &[Row] = &[
            ("text", &[(0x81, 1000)], Ok(())),
            ("text, one byte too long", &[(0x81, 1001)], Err(Fault::TooLarge)),
            ("a tebibyte", &[(0x81, 1 << 40)], Err(Fault::TooLarge)),
            ("a length with the top bit", &[(0x82, u64::MAX)], Err(Fault::TooLarge)),
            ("fragments within the limit", &[(0x01, 400), (0x00, 400), (0x80, 200)], Ok(())),
            ("a ping between fragments", &[(0x01, 1), (0x89, 5), (0x80, 1)], Ok(())),
            ("fragments over the limit", &[(0x01, 400), (0x00, 400), (0x80, 201)], Err(Fault::TooLarge)),
            ("five empty fragments", &[(0x01, 0), (0x00, 0), (0x00, 0), (0x00, 0), (0x00, 0)], Err(Fault::TooLarge)),
            ("the count begins anew", &[(0x01, 0), (0x00, 0), (0x80, 0), (0x01, 0), (0x00, 0), (0x80, 0)], Ok(())),
            ("continuation of nothing", &[(0x80, 1)], Err(Fault::Fragment)),
            ("text inside a message", &[(0x01, 1), (0x81, 1)], Err(Fault::Fragment)),
            ("a fragmented ping", &[(0x09, 1)], Err(Fault::Control)),
            ("a long ping", &[(0x89, 126)], Err(Fault::Control)),
            ("opcode 3", &[(0x83, 1)], Err(Fault::Opcode)),
            ("opcode 15", &[(0x8f, 1)], Err(Fault::Opcode)),
            ("a reserved bit", &[(0xc1, 1)], Err(Fault::ReservedBits)),
        ];
        for (name, frames, expected) in rows {
            assert_eq!(judge_all(frames), *expected, "{name}");
        }
    }

    #[test]
    fn two_bytes_are_enough_to_see_a_missing_mask() {
        assert_eq!(Judge::new(LIMITS).judge(&[0x81, 0x05]), Err(Fault::Unmasked));
    }

    #[test]
    fn a_claim_is_refused_before_the_mask_is_there() {
        let claim = header(0x82, 1 << 40);
        assert_eq!(Judge::new(LIMITS).judge(&claim[..10]), Err(Fault::TooLarge));
    }

    proptest! {
        /// A header judged byte by byte gives what it gives in one piece, and no earlier byte changes the state.
        #[test]
        fn a_cut_header_changes_nothing(first: u8, second: u8, rest in proptest::collection::vec(any::<u8>(), 12)) {
            let mut bytes = vec![first, second];
            bytes.extend(rest);
            let whole = Judge::new(LIMITS).judge(&bytes);
            let mut cut = Judge::new(LIMITS);
            let found = (0..=bytes.len()).map(|n| cut.judge(&bytes[..n])).find(|judged| *judged != Ok(None));
            prop_assert_eq!(found.unwrap_or(Ok(None)), whole);
        }
    }
}
