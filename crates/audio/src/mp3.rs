use std::fmt;

use nanomp3::{DecodeError, Decoder, MAX_SAMPLES_PER_FRAME, VbrTag};

/// Decodes a stream of MP3 (MPEG 1, 2 and 2.5 Layer III) to mono samples, bytes cut anywhere.
///
/// For voices that give nothing else. A frame, 24 to 72 ms, can be had when it and the head of the next have come; nothing
/// else is held back. Both channels of stereo are mixed. Tags are passed over, and with them the silence that an encoder
/// states to have put before the sound.
pub struct Mp3 {
    decoder: Box<Decoder>,
    /// What has come and is not decoded yet.
    held: Vec<u8>,
    /// The head of the last frame: the next has to be of the same kind.
    last: Option<Header>,
    /// Bytes of a tag that are still to be passed over.
    tag: usize,
    /// Bytes that were no frame since the last one.
    junk: usize,
    begun: bool,
    /// Samples at the beginning that the encoder has added.
    skip: usize,
    rate_hz: Option<u32>,
    pcm: Box<[i16; MAX_SAMPLES_PER_FRAME]>,
}

impl Mp3 {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            decoder: Box::new(Decoder::new()),
            held: Vec::new(),
            last: None,
            tag: 0,
            junk: 0,
            begun: false,
            skip: 0,
            rate_hz: None,
            pcm: Box::new([0; MAX_SAMPLES_PER_FRAME]),
        }
    }

    /// The rate of the samples, in Hz: 8000 to 48000. Known before the first of them is given out, and the same to the end.
    pub const fn rate_hz(&self) -> Option<u32> {
        self.rate_hz
    }

    /// Appends to `samples` what `bytes` make available.
    ///
    /// # Errors
    /// The stream is no MP3, or changes its rate.
    pub fn push(&mut self, bytes: &[u8], samples: &mut Vec<i16>) -> Result<(), Mp3Error> {
        self.held.extend_from_slice(bytes);
        self.run(false, samples)
    }

    /// The stream has ended: appends the last frame.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn flush(&mut self, samples: &mut Vec<i16>) -> Result<(), Mp3Error> {
        self.run(true, samples)?;
        self.held.clear();
        Ok(())
    }

    fn run(&mut self, ended: bool, samples: &mut Vec<i16>) -> Result<(), Mp3Error> {
        let held = std::mem::take(&mut self.held);
        let mut at = 0;
        while let Some(step) = self.step(&held[at..], ended, samples)? {
            at += step;
        }
        self.held = held;
        self.held.drain(..at);
        Ok(())
    }

    /// Reads one thing from the front of `bytes` and tells how long it was; `None` when more has to come.
    fn step(&mut self, bytes: &[u8], ended: bool, samples: &mut Vec<i16>) -> Result<Option<usize>, Mp3Error> {
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.tag > 0 {
            let step = self.tag.min(bytes.len());
            self.tag -= step;
            return Ok(Some(step));
        }
        if bytes.len() < TAG_HEAD_BYTES && !ended {
            return Ok(None);
        }
        self.tag = nanomp3::id3v2_len(bytes);
        if self.tag > 0 {
            return Ok(Some(0));
        }
        let Some(header) = Header::read(bytes).filter(|header| self.last.is_none_or(|last| last.is_like(*header)))
        else {
            return self.pass_over();
        };
        let Some(frame) = bytes.get(..header.frame_bytes()) else {
            return if ended { self.pass_over() } else { Ok(None) };
        };
        let next = &bytes[frame.len()..];
        if next.len() < HEADER_BYTES && !ended {
            return Ok(None);
        }
        // Two bytes may look like a frame by chance: the first counts when another of its kind stands behind it.
        let followed = Header::read(next).is_some_and(|next| next.is_like(header));
        if self.last.is_none() && !followed && !(ended && next.is_empty()) {
            return self.pass_over();
        }
        self.last = Some(header);
        self.junk = 0;
        self.decode(frame, samples)?;
        Ok(Some(frame.len()))
    }

    fn pass_over(&mut self) -> Result<Option<usize>, Mp3Error> {
        self.junk += 1;
        if self.junk > MOST_JUNK_BYTES {
            return Err(Mp3Error::NoFrames);
        }
        // Whatever stands behind a gap may begin anew, but not as something else.
        Ok(Some(1))
    }

    fn decode(&mut self, frame: &[u8], samples: &mut Vec<i16>) -> Result<(), Mp3Error> {
        let first = !std::mem::replace(&mut self.begun, true);
        if let Some(tag) = VbrTag::parse(frame).filter(|_| first) {
            // The frame itself is silence. A decoder adds 529 samples to what the encoder has added (LAME tag, revision 1).
            self.skip = tag.encoder_delay_padding.map_or(0, |(delay, _)| usize::from(delay) + 529);
            return Ok(());
        }
        let (_, decoded) = self.decoder.decode(frame, &mut self.pcm[..]);
        let info = match decoded {
            Ok(info) => info,
            // The first frames of a stream that was cut out of another one, and frames that were damaged on the way.
            Err(DecodeError::ReservoirUnavailable(_) | DecodeError::Corrupt(_)) => return Ok(()),
            Err(_) => return Err(Mp3Error::NoFrames),
        };
        let rate_hz = *self.rate_hz.get_or_insert(info.sample_rate);
        if rate_hz != info.sample_rate {
            return Err(Mp3Error::RateChanged { from_hz: rate_hz, to_hz: info.sample_rate });
        }
        let channels = usize::from(info.channels.num());
        let decoded = &self.pcm[..info.samples_produced * channels];
        let skipped = self.skip.min(info.samples_produced);
        self.skip -= skipped;
        let mix =
            |frame: &[i16]| (frame.iter().map(|&sample| i32::from(sample)).sum::<i32>() / frame.len() as i32) as i16;
        samples.extend(decoded.chunks_exact(channels).skip(skipped).map(mix));
        Ok(())
    }
}

impl Default for Mp3 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Mp3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mp3({:?} Hz, {} bytes held)", self.rate_hz, self.held.len())
    }
}

/// Why a stream cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mp3Error {
    /// More bytes than any tag between frames has are no frame of Layer III.
    #[error("frames of MP3 expected, 64 KiB of something else came")]
    NoFrames,
    /// The rate changes in mid-stream.
    #[error("a stream of one rate expected, {from_hz} Hz became {to_hz} Hz")]
    RateChanged {
        /// Of the frames before.
        from_hz: u32,
        /// Of this frame.
        to_hz: u32,
    },
}

/// The four bytes that a frame begins with (ISO/IEC 11172-3, section 2.4.2.3, and 13818-3).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Header([u8; HEADER_BYTES]);

impl Header {
    /// The head of a frame of Layer III whose length is stated.
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = Self(*bytes.first_chunk()?);
        let [sync, kind, rates, _] = header.0;
        let is_frame = sync == 0xFF
            && kind & 0xE0 == 0xE0
            && kind & 0x18 != 0x08
            && kind & 0x06 == 0x02
            && !matches!(rates >> 4, 0 | 15)
            && rates & 0x0C != 0x0C;
        is_frame.then_some(header)
    }

    /// Whether both belong to one stream: the same version, layer, protection and rate.
    const fn is_like(self, other: Self) -> bool {
        (self.0[1] ^ other.0[1]) & 0xFE == 0 && (self.0[2] ^ other.0[2]) & 0x0C == 0
    }

    fn frame_bytes(self) -> usize {
        let [_, kind, rates, _] = self.0;
        let is_mpeg1 = kind & 0x08 != 0;
        let rate_hz = [44_100, 48_000, 32_000][usize::from(rates >> 2 & 3)];
        let kbps = &KBPS[usize::from(!is_mpeg1)];
        let (slots, divisor) = match kind & 0x18 {
            0x18 => (144, 1),
            0x10 => (72, 2),
            _ => (72, 4),
        };
        slots * 1000 * kbps[usize::from(rates >> 4) - 1] / (rate_hz / divisor) + usize::from(rates >> 1 & 1)
    }
}

const HEADER_BYTES: usize = 4;
/// What has to be seen of a tag.
const TAG_HEAD_BYTES: usize = 10;
const MOST_JUNK_BYTES: usize = 64 * 1024;
/// Bit rates of Layer III by their index, less one: MPEG 1, then MPEG 2 and 2.5.
const KBPS: [[usize; 14]; 2] = [
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 440 Hz for 300 ms, by LAME 3.100: mono at 24 kHz with 48 kbit/s; stereo at 44.1 kHz, variable bit rate.
    const MONO: &[u8] = include_bytes!("../tests/fixtures/tone_24k_mono.mp3");
    const STEREO: &[u8] = include_bytes!("../tests/fixtures/tone_44k_stereo.mp3");

    fn decoded(bytes: &[u8], piece: usize) -> Result<(Vec<i16>, Option<u32>), Mp3Error> {
        let (mut mp3, mut samples) = (Mp3::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            mp3.push(piece, &mut samples)?;
            assert!(samples.is_empty() || mp3.rate_hz().is_some());
        }
        mp3.flush(&mut samples)?;
        Ok((samples, mp3.rate_hz()))
    }

    /// How often a tone passes through zero upwards in the middle of `samples`, in Hz.
    fn pitch_hz(samples: &[i16], rate_hz: u32) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let ups = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        ups as f64 * f64::from(rate_hz) / middle.len() as f64
    }

    #[test]
    fn a_tone_comes_out_as_a_tone_however_it_is_cut() {
        for (bytes, expected_hz) in [(MONO, 24_000), (STEREO, 44_100)] {
            let (samples, rate_hz) = decoded(bytes, bytes.len()).unwrap();
            assert_eq!(rate_hz, Some(expected_hz));
            let ms = samples.len() as u32 * 1000 / expected_hz;
            assert!((290..=420).contains(&ms), "{ms}");
            let pitch = pitch_hz(&samples, expected_hz);
            assert!((430.0..450.0).contains(&pitch), "{pitch}");
            let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((14_000..18_500).contains(&peak), "{peak}");
            for piece in [1, 7, 100, 1000] {
                assert_eq!(decoded(bytes, piece).unwrap().0, samples, "{piece}");
            }
        }
    }

    #[test]
    fn a_frame_is_given_out_as_soon_as_the_next_begins() {
        let (mut mp3, mut samples) = (Mp3::new(), Vec::new());
        let frame = Header::read(MONO).unwrap().frame_bytes();
        mp3.push(&MONO[..2 * frame + HEADER_BYTES + TAG_HEAD_BYTES], &mut samples).unwrap();
        assert!(!samples.is_empty());
    }

    #[test]
    fn tags_and_noise_around_the_frames_are_passed_over() {
        let (plain, _) = decoded(MONO, 1000).unwrap();
        // A tag that holds something like a frame.
        let mut tag = b"ID3\x04\0\0\0\0\0\x20".to_vec();
        tag.extend(&MONO[..32]);
        let ends = [b"TAG".to_vec(), vec![0; 125]].concat();
        for bytes in [[&tag, MONO].concat(), [MONO, &ends].concat(), [b"\xFF\xFB\x90junk".as_slice(), MONO].concat()] {
            for piece in [1, 5, 10_000] {
                assert_eq!(decoded(&bytes, piece).unwrap().0, plain, "{piece}");
            }
        }
    }

    #[test]
    fn what_is_no_mp3_is_refused_and_what_is_nothing_is_nothing() {
        assert_eq!(decoded(&vec![0; 70_000], 4096), Err(Mp3Error::NoFrames));
        assert_eq!(decoded(&[], 1), Ok((Vec::new(), None)));
        assert_eq!(decoded(b"<html>", 1), Ok((Vec::new(), None)));
        let cut = &MONO[..MONO.len() - 20];
        assert!(decoded(cut, 100).unwrap().0.len() >= 24 * 250);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_however_they_are_cut(
            mut bytes in proptest::sample::select(&[MONO, STEREO, &[]][..]).prop_map(<[u8]>::to_vec),
            noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..20),
            tail in proptest::collection::vec(any::<u8>(), 0..300),
            piece in 1_usize..600,
        ) {
            bytes.extend(tail);
            for (at, byte) in noise {
                if !bytes.is_empty() {
                    *at.get_mut(&mut bytes) = byte;
                }
            }
            prop_assert_eq!(decoded(&bytes, piece), decoded(&bytes, 100_000));
        }
    }
}
