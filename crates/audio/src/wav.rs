use crate::{Encoding, Format};

/// Takes the WAV header off a stream of audio, if it has one, bytes cut anywhere.
///
/// A header that is played is a click. It is not always 44 bytes: chunks such as `LIST` or `fact` may stand before `data`,
/// and what stands behind `data` is no audio either. A stream that does not begin as RIFF (Microsoft and IBM, Multimedia
/// Programming Interface, 1991) is passed on as it is.
#[derive(Debug)]
pub struct Unwrap {
    state: State,
    /// What was read of the part that the state is about.
    held: Vec<u8>,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// May begin a header: at most [`RIFF_BYTES`] are held.
    Begins,
    /// No header.
    Raw,
    /// The head of a chunk: 8 bytes.
    ChunkHead,
    /// A `fmt ` chunk: so many bytes are held, so many follow that say nothing more.
    Fmt { hold: usize, skip: u64 },
    /// A chunk of no interest.
    Skip(u64),
    /// Audio, so many bytes of it; `None`: to the end.
    Data(Option<u64>),
}

impl Unwrap {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { state: State::Begins, held: Vec::new(), format: None }
    }

    /// The format that the header states. Known before the first byte behind it is given out.
    pub const fn format(&self) -> Option<Format> {
        self.format
    }

    /// Appends to `audio` what of `bytes` is audio.
    ///
    /// # Errors
    /// A header of a format that is not read here, or without one.
    pub fn push(&mut self, bytes: &[u8], audio: &mut Vec<u8>) -> Result<(), WavError> {
        let mut rest = bytes;
        // Every round but the last takes a byte at least or leaves a state that takes none.
        while !rest.is_empty() {
            match self.state {
                State::Raw | State::Data(None) => {
                    audio.extend_from_slice(rest);
                    rest = &[];
                }
                State::Begins => {
                    let Some(begin) = self.hold(RIFF_BYTES, &mut rest) else {
                        // Nothing is held back longer than it takes to see that it is no header.
                        if !b"RIFF".starts_with(&self.held[..self.held.len().min(4)]) {
                            self.state = State::Raw;
                            audio.append(&mut self.held);
                        }
                        continue;
                    };
                    if begin.starts_with(b"RIFF") && begin.ends_with(b"WAVE") {
                        self.state = State::ChunkHead;
                    } else {
                        self.state = State::Raw;
                        audio.extend_from_slice(&begin);
                    }
                }
                State::ChunkHead => {
                    let Some(head) = self.hold(8, &mut rest) else { continue };
                    self.state = self.chunk(&head)?;
                }
                State::Fmt { hold, skip } => {
                    let Some(body) = self.hold(hold, &mut rest) else { continue };
                    self.format = Some(format(&body)?);
                    self.state = State::Skip(skip);
                }
                State::Skip(0) => self.state = State::ChunkHead,
                State::Skip(left) => {
                    let taken = take(left, &mut rest);
                    self.state = State::Skip(left - taken.len() as u64);
                }
                State::Data(Some(0)) => self.state = State::Skip(u64::MAX),
                State::Data(Some(left)) => {
                    let taken = take(left, &mut rest);
                    audio.extend_from_slice(taken);
                    self.state = State::Data(Some(left - taken.len() as u64));
                }
            }
        }
        Ok(())
    }

    /// The stream has ended: appends what was held back for being perhaps a header.
    pub fn flush(&mut self, audio: &mut Vec<u8>) {
        if self.state == State::Begins {
            audio.append(&mut self.held);
        }
    }

    /// `most` bytes, when they are there; the rest waits for more.
    fn hold(&mut self, most: usize, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let missing = (most - self.held.len()) as u64;
        self.held.extend_from_slice(take(missing, rest));
        (self.held.len() == most).then(|| std::mem::take(&mut self.held))
    }

    fn chunk(&self, head: &[u8]) -> Result<State, WavError> {
        let size = u32_at(head, 4);
        // Chunks begin at even places.
        let padded = u64::from(size) + u64::from(size % 2);
        match &head[..4] {
            b"fmt " if size < FMT_BYTES as u32 => Err(WavError::NoFormat),
            b"fmt " => {
                let hold = (size as usize).min(EXTENSIBLE_BYTES);
                Ok(State::Fmt { hold, skip: padded - hold as u64 })
            }
            b"data" if self.format.is_none() => Err(WavError::NoFormat),
            // Who writes while it speaks does not know yet how much it will be.
            b"data" if size == 0 || size >= ENDLESS => Ok(State::Data(None)),
            b"data" => Ok(State::Data(Some(u64::from(size)))),
            _ => Ok(State::Skip(padded)),
        }
    }
}

impl Default for Unwrap {
    fn default() -> Self {
        Self::new()
    }
}

/// What a header says that cannot be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// The audio comes without saying what it is.
    #[error("a WAV header without a format came")]
    NoFormat,
    /// It is not what telephony needs.
    #[error(
        "mono PCM of 16 bits or G.711 expected, a WAV of format {code} with {channels} channels of {bits} bits came"
    )]
    Unsupported {
        /// The format's number in the registry of WAVE formats.
        code: u16,
        /// How many channels.
        channels: u16,
        /// Bits of a sample.
        bits: u16,
    },
}

fn format(fmt: &[u8]) -> Result<Format, WavError> {
    let (channels, rate_hz, bits) = (u16_at(fmt, 2), u32_at(fmt, 4), u16_at(fmt, 14));
    let code = match u16_at(fmt, 0) {
        // The sub-format's identifier begins with the number that would stand here otherwise.
        EXTENSIBLE if fmt.len() >= EXTENSIBLE_BYTES => u16_at(fmt, 24),
        code => code,
    };
    let encoding = match (code, channels, bits) {
        (1, 1, 16) => Encoding::Pcm16,
        (6, 1, 8) => Encoding::Alaw,
        (7, 1, 8) => Encoding::Mulaw,
        _ => return Err(WavError::Unsupported { code, channels, bits }),
    };
    Ok(Format { encoding, rate_hz })
}

/// At most `most` bytes from the front of `rest`.
fn take<'a>(most: u64, rest: &mut &'a [u8]) -> &'a [u8] {
    let count = usize::try_from(most).map_or(rest.len(), |most| most.min(rest.len()));
    let (taken, after) = rest.split_at(count);
    *rest = after;
    taken
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// `RIFF`, a length that nobody needs, `WAVE`.
const RIFF_BYTES: usize = 12;
/// The least that a `fmt ` chunk holds.
const FMT_BYTES: usize = 16;
/// What it holds when its code is [`EXTENSIBLE`].
const EXTENSIBLE_BYTES: usize = 40;
const EXTENSIBLE: u16 = 0xFFFE;
/// Lengths from here on mean that it was not known: seen are `0x7FFF_FFFF` less a header, `0xFFFF_FFFF` and some below.
const ENDLESS: u32 = 0x7FFF_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
        let mut chunk = name.to_vec();
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend(body);
        chunk.extend(std::iter::repeat_n(0, body.len() % 2));
        chunk
    }

    fn fmt(code: u16, channels: u16, rate_hz: u32, bits: u16) -> Vec<u8> {
        let mut fmt = [code.to_le_bytes(), channels.to_le_bytes()].concat();
        fmt.extend(rate_hz.to_le_bytes());
        fmt.extend((rate_hz * u32::from(bits / 8)).to_le_bytes());
        fmt.extend([(bits / 8).to_le_bytes(), bits.to_le_bytes()].concat());
        fmt
    }

    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\xFF\xFF\xFF\xFFWAVE".to_vec(), chunks.concat()].concat()
    }

    fn unwrapped(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Option<Format>), WavError> {
        let (mut unwrap, mut audio) = (Unwrap::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            unwrap.push(piece, &mut audio)?;
        }
        unwrap.flush(&mut audio);
        Ok((audio, unwrap.format()))
    }

    const BEGINNINGS: [&[u8]; 4] = [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x80\x3E\0\0\x02\0\x10\0",
    ];
    const AUDIO: [u8; 6] = [1, 2, 3, 4, 5, 6];

    #[test]
    fn headers_are_walked_whatever_stands_in_them() {
        let pcm = chunk(b"fmt ", &fmt(1, 1, 24_000, 16));
        let extended = [fmt(EXTENSIBLE, 1, 16_000, 16), vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0], vec![0; 14]].concat();
        let data = chunk(b"data", &AUDIO);
        let unknown = |length: u32| [b"data".to_vec(), length.to_le_bytes().to_vec(), AUDIO.to_vec()].concat();
        let formats = |encoding, rate_hz| Some(Format { encoding, rate_hz });
        for (bytes, format) in [
            (wav(&[pcm.clone(), data.clone()]), formats(Encoding::Pcm16, 24_000)),
            (
                wav(&[chunk(b"LIST", b"odd"), pcm.clone(), chunk(b"fact", &[0; 4]), data.clone()]),
                formats(Encoding::Pcm16, 24_000),
            ),
            (wav(&[pcm.clone(), data.clone(), chunk(b"LIST", &[9; 50])]), formats(Encoding::Pcm16, 24_000)),
            (wav(&[pcm.clone(), unknown(0)]), formats(Encoding::Pcm16, 24_000)),
            (wav(&[pcm.clone(), unknown(u32::MAX)]), formats(Encoding::Pcm16, 24_000)),
            (wav(&[pcm, unknown(0x7FFF_FFDB)]), formats(Encoding::Pcm16, 24_000)),
            (wav(&[chunk(b"fmt ", &extended), data.clone()]), formats(Encoding::Pcm16, 16_000)),
            (
                wav(&[chunk(b"fmt ", &[fmt(7, 1, 8000, 8), vec![0, 0]].concat()), data.clone()]),
                formats(Encoding::Mulaw, 8000),
            ),
            (wav(&[chunk(b"fmt ", &fmt(6, 1, 8000, 8)), data]), formats(Encoding::Alaw, 8000)),
            (AUDIO.to_vec(), None),
        ] {
            for piece in [1, 2, 3, 5, 13, 1000] {
                assert_eq!(unwrapped(&bytes, piece), Ok((AUDIO.to_vec(), format)), "{bytes:?} in {piece}");
            }
        }
    }

    #[test]
    fn what_only_begins_like_a_header_is_audio() {
        for bytes in [&b"RIF"[..], b"RIFF", b"RIFF\0\0\0\0WAV", b"RIFF\0\0\0\0AVI fmt ", b"R", b"", b"RIFX\0\0\0\0WAVE"]
        {
            for piece in [1, 100] {
                assert_eq!(unwrapped(bytes, piece), Ok((bytes.to_vec(), None)), "{bytes:?}");
            }
        }
    }

    #[test]
    fn other_formats_are_refused() {
        let unsupported = |code, channels, bits| Err(WavError::Unsupported { code, channels, bits });
        for (code, channels, bits) in [(1, 2, 16), (1, 1, 8), (3, 1, 32), (7, 2, 8), (0x55, 1, 0), (EXTENSIBLE, 1, 16)]
        {
            let bytes = wav(&[chunk(b"fmt ", &fmt(code, channels, 8000, bits)), chunk(b"data", &AUDIO)]);
            assert_eq!(unwrapped(&bytes, 7), unsupported(code, channels, bits));
        }
        assert_eq!(unwrapped(&wav(&[chunk(b"data", &AUDIO)]), 7), Err(WavError::NoFormat));
        assert_eq!(unwrapped(&wav(&[chunk(b"fmt ", &[1; 15])]), 7), Err(WavError::NoFormat));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_however_they_are_cut(
            begin in proptest::sample::select(&BEGINNINGS[..]),
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            piece in 1_usize..50,
        ) {
            let bytes = [begin, bytes.as_slice()].concat();
            prop_assert_eq!(unwrapped(&bytes, piece), unwrapped(&bytes, 10_000));
        }
    }
}
