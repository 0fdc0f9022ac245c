use crate::sound;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use operetta_audio::{Encoding, Format};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Something the caller says: mono samples, encoded once per carrier format and shared by all calls that say it.
///
/// Cloning is cheap. 800 calls with one script hold its audio once.
#[derive(Clone)]
pub struct Clip(Arc<Shared>);

struct Shared {
    samples: Vec<i16>,
    rate_hz: u32,
    /// One place for each format of [`slot_of`].
    frames: [OnceLock<Arc<Frames>>; 4],
}

/// Why a WAV file cannot be spoken.
#[derive(Debug, Error)]
pub enum ClipError {
    /// The file cannot be opened or is no WAV.
    #[error("not a readable WAV file: {0}")]
    Unreadable(String),
    /// The file has more than two channels, another width than 16 bits, or an odd rate.
    #[error(
        "expected 16-bit PCM, one or two channels, 8 to 48 kHz; got {bits} bits, {channels} channels, {rate_hz} Hz"
    )]
    Unsuited {
        /// Bits a sample.
        bits: u16,
        /// Channels.
        channels: u16,
        /// Samples a second.
        rate_hz: u32,
    },
    /// Longer than the double is willing to hold.
    #[error("longer than {LONGEST_S} s")]
    TooLong,
}

impl Clip {
    /// A clip of mono samples at `rate_hz`, 4 to 96 kHz; another rate is taken for 8 kHz.
    pub fn new(samples: Vec<i16>, rate_hz: u32) -> Self {
        let rate_hz = if (4_000..=96_000).contains(&rate_hz) { rate_hz } else { 8_000 };
        Self(Arc::new(Shared { samples, rate_hz, frames: Default::default() }))
    }

    /// Reads a WAV file: 16-bit PCM, 8 to 48 kHz, at most ten minutes; of two channels the left one is spoken.
    pub fn read_wav(path: impl AsRef<Path>) -> Result<Self, ClipError> {
        let mut wav = hound::WavReader::open(path).map_err(|error| ClipError::Unreadable(reason(&error)))?;
        let hound::WavSpec { channels, sample_rate: rate_hz, bits_per_sample: bits, sample_format } = wav.spec();
        let suited = sample_format == hound::SampleFormat::Int && bits == 16 && (1..=2).contains(&channels);
        if !suited || !(8_000..=48_000).contains(&rate_hz) {
            return Err(ClipError::Unsuited { bits, channels, rate_hz });
        }
        if wav.duration() / rate_hz > LONGEST_S {
            return Err(ClipError::TooLong);
        }
        let samples: Result<Vec<i16>, _> = wav.samples::<i16>().step_by(channels as usize).collect();
        samples.map(|samples| Self::new(samples, rate_hz)).map_err(|error| ClipError::Unreadable(reason(&error)))
    }

    /// Its length in ms.
    pub fn ms(&self) -> u32 {
        (self.0.samples.len() as u64 * 1000 / u64::from(self.0.rate_hz)) as u32
    }

    /// Its samples, as given.
    pub fn samples(&self) -> (&[i16], u32) {
        (&self.0.samples, self.0.rate_hz)
    }

    /// The clip in `format`, encoded on the first use.
    pub(crate) fn frames(&self, format: Format) -> Arc<Frames> {
        let make = || Arc::new(Frames::encode(&self.0.samples, self.0.rate_hz, format));
        match slot_of(format) {
            Some(slot) => Arc::clone(self.0.frames[slot].get_or_init(make)),
            None => make(),
        }
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} ms at {} Hz)", self.ms(), self.0.rate_hz)
    }
}

/// A clip in a carrier's format, cut into frames of 20 ms.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Base64 of each frame; the last one is filled with silence.
    pub(crate) payloads: Vec<String>,
    /// The same as samples, for the recording: `payloads.len()` times a frame.
    pub(crate) samples: Vec<i16>,
    /// The frames in which speech begins and ends: silence around the words is no speech. Empty for a silent clip.
    pub(crate) voice: Range<usize>,
    /// Samples of one frame.
    pub(crate) frame_samples: usize,
}

impl Frames {
    fn encode(samples: &[i16], rate_hz: u32, format: Format) -> Self {
        let mut samples = sound::resample(samples, rate_hz, format.rate_hz);
        let frame_samples = frame_samples(format);
        samples.resize(samples.len().next_multiple_of(frame_samples), 0);
        let payloads =
            samples.chunks(frame_samples).map(|frame| STANDARD.encode(sound::encode(frame, format.encoding))).collect();
        let voiced = |frame: &[i16]| frame.iter().any(|sample| sample.unsigned_abs() >= VOICED);
        let mut frames = samples.chunks(frame_samples);
        let first = frames.position(voiced);
        let last = samples.chunks(frame_samples).rposition(voiced);
        let voice = first.zip(last).map_or(0..0, |(first, last)| first..last + 1);
        Self { payloads, samples, voice, frame_samples }
    }

    /// The samples of frame `index`.
    pub(crate) fn samples_of(&self, index: usize) -> &[i16] {
        let from = index * self.frame_samples;
        self.samples.get(from..from + self.frame_samples).unwrap_or_default()
    }
}

/// Samples of 20 ms.
pub(crate) const fn frame_samples(format: Format) -> usize {
    format.rate_hz as usize / 50
}

/// Base64 of 20 ms of silence.
pub(crate) fn silence(format: Format) -> String {
    STANDARD.encode(vec![format.silence_byte(); format.bytes_of_ms(20)])
}

fn slot_of(format: Format) -> Option<usize> {
    match (format.encoding, format.rate_hz) {
        (Encoding::Mulaw, 8_000) => Some(0),
        (Encoding::Pcm16, 8_000) => Some(1),
        (Encoding::Pcm16, 16_000) => Some(2),
        (Encoding::Pcm16, 24_000) => Some(3),
        _ => None,
    }
}

fn reason(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(io) if io.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
        other => other.to_string(),
    }
}

/// A frame with a sample at or above this (-36 dBFS) is speech. Synthetic and recorded voices pause far below it.
const VOICED: u16 = 500;
/// The longest clip, seconds.
const LONGEST_S: u32 = 600;

#[cfg(test)]
mod tests {
    use super::{Clip, ClipError};
    use operetta_audio::Format;
    use std::sync::Arc;

    #[test]
    fn frames_are_20_ms_and_know_where_the_words_are() {
        let mut samples = vec![0; 800];
        samples.extend([4000, -4000].repeat(400));
        samples.extend([0; 500]);
        let clip = Clip::new(samples, 8000);
        let frames = clip.frames(Format::MULAW_8K);
        assert_eq!(frames.payloads.len(), 14);
        assert!(frames.payloads.iter().all(|payload| payload.len() == 216));
        assert_eq!(frames.voice, 5..10);
        assert_eq!(frames.samples.len(), 14 * 160);
        assert_eq!(frames.samples_of(6).len(), 160);
        assert!(frames.samples_of(14).is_empty());
    }

    #[test]
    fn the_encoding_is_done_once_and_shared() {
        let clip = Clip::new(vec![1000; 1600], 16_000);
        let again = clip.clone();
        assert!(Arc::ptr_eq(&clip.frames(Format::PCM16_8K), &again.frames(Format::PCM16_8K)));
        assert_eq!(clip.frames(Format::PCM16_8K).payloads.len(), 5);
        assert_eq!(clip.ms(), 100);
    }

    #[test]
    fn a_wav_comes_back_as_written_and_an_unsuited_one_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        let write = |channels, bits| {
            let spec = hound::WavSpec {
                channels,
                sample_rate: 8000,
                bits_per_sample: bits,
                sample_format: hound::SampleFormat::Int,
            };
            let mut wav = hound::WavWriter::create(&path, spec).unwrap();
            for sample in [1_i16, 2, 3, 4] {
                wav.write_sample(sample).unwrap();
            }
            wav.finalize().unwrap();
        };
        write(2, 16);
        assert_eq!(Clip::read_wav(&path).unwrap().samples(), (&[1, 3][..], 8000));
        write(1, 24);
        assert!(matches!(Clip::read_wav(&path), Err(ClipError::Unsuited { bits: 24, .. })));
        let missing = Clip::read_wav(dir.path().join("none.wav")).unwrap_err();
        assert_eq!(missing.to_string(), "not a readable WAV file: no such file");
    }
}
