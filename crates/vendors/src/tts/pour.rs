use operetta_audio::{Convert, Format, Mp3, Unwrap};
use operetta_contract::{ErrorClass, Output, ProviderError, Speech, Synthesize, Usage};

use super::media::not_audio;

/// Turns what a provider sends into the audio events of one job: in its format, whole samples, 20 ms to 1 s each.
///
/// A WAV header is taken off wherever it comes, and believed. Nothing is told of a reply that turns out to be text.
pub(crate) struct Pour {
    to: Format,
    source: Source,
    /// The first byte of what may be text, until the second has come.
    doubt: Doubt,
    /// Converted and not told yet.
    ready: Vec<u8>,
    /// Bytes that were told.
    told: usize,
    /// The most that any reading of the text could need, in bytes.
    most: usize,
    usage: Usage,
}

enum Source {
    Raw { unwrap: Unwrap, convert: Convert, audio: Vec<u8>, received: usize },
    Mp3 { mp3: Mp3, convert: Option<Convert>, samples: Vec<i16> },
}

/// Whether the beginning is still to be judged.
#[derive(Clone, Copy)]
enum Doubt {
    None,
    Begins,
    One(u8),
}

impl Pour {
    /// For samples of the format `from`, unless a WAV header says otherwise.
    ///
    /// # Errors
    /// A rate that no telephone has.
    pub(crate) fn raw(from: Format, job: &Synthesize) -> Result<Self, ProviderError> {
        Ok(Self::of(raw(from, job.format)?, job.format, &job.text))
    }

    /// For MP3.
    pub(crate) fn mp3(job: &Synthesize) -> Self {
        let source = Source::Mp3 { mp3: Mp3::new(), convert: None, samples: Vec::new() };
        Self::of(source, job.format, &job.text)
    }

    fn of(source: Source, to: Format, text: &str) -> Self {
        let characters = text.chars().count();
        let most = to.bytes_per_second().saturating_mul(MOST_SECONDS + characters / 2);
        let usage =
            Usage { characters: u32::try_from(characters).unwrap_or(u32::MAX), estimated: true, ..Usage::default() };
        Self { to, source, doubt: Doubt::None, ready: Vec::new(), told: 0, most, usage }
    }

    /// Nobody has said that what comes is audio: it may be a page, or an error in JSON.
    pub(crate) const fn be_in_doubt(&mut self) {
        self.doubt = Doubt::Begins;
    }

    /// What is reported besides the audio: what the provider itself says goes before what was counted here.
    pub(crate) const fn usage(&mut self) -> &mut Usage {
        &mut self.usage
    }

    /// How much has come so far, in ms.
    pub(crate) fn received_ms(&self) -> u32 {
        match &self.source {
            Source::Raw { convert, received, .. } => convert.from().ms_of_bytes(*received),
            Source::Mp3 { .. } => self.to.ms_of_bytes(self.told + self.ready.len()),
        }
    }

    /// Takes the next bytes, cut anywhere.
    ///
    /// # Errors
    /// They are no audio, or more than the text can need.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        let mut bytes = bytes;
        while let (Doubt::Begins | Doubt::One(_), Some((&byte, rest))) = (self.doubt, bytes.split_first()) {
            self.doubt = match self.doubt {
                Doubt::One(first) => {
                    if is_text(first, byte) {
                        return Err(not_audio("text without a content type"));
                    }
                    self.convert(&[first, byte])?;
                    Doubt::None
                }
                Doubt::Begins | Doubt::None => Doubt::One(byte),
            };
            bytes = rest;
        }
        self.convert(bytes)?;
        self.tell(self.to.bytes_of_ms(LEAST_MS), out)
    }

    /// Everything has come: tells the rest, and the event that ends the job.
    ///
    /// # Errors
    /// Nothing has come, or what has cannot be the whole.
    pub(crate) fn finish(&mut self, out: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        if let Doubt::One(byte) = std::mem::replace(&mut self.doubt, Doubt::None) {
            self.convert(&[byte])?;
        }
        match &mut self.source {
            Source::Raw { unwrap, convert, audio, received } => {
                audio.clear();
                unwrap.flush(audio);
                *received += audio.len();
                convert.push(audio, &mut self.ready);
                convert.flush(&mut self.ready);
            }
            Source::Mp3 { mp3, convert, samples } => {
                samples.clear();
                mp3.flush(samples).map_err(|error| not_audio(&error.to_string()))?;
                if let Some(convert) = fitting(convert, mp3, self.to)? {
                    convert.push_samples(samples, &mut self.ready);
                    convert.flush(&mut self.ready);
                }
            }
        }
        self.tell(1, out)?;
        if self.told == 0 {
            return Err(ProviderError::new(ErrorClass::Empty, "audio expected, a success without any came"));
        }
        Ok(Speech::Done)
    }

    fn convert(&mut self, bytes: &[u8]) -> Result<(), ProviderError> {
        match &mut self.source {
            Source::Raw { unwrap, convert, audio, received } => {
                audio.clear();
                unwrap.push(bytes, audio).map_err(|error| not_audio(&error.to_string()))?;
                if let Some(format) = unwrap.format().filter(|format| *format != convert.from()) {
                    // The header comes before any audio, so nothing of the old format is lost.
                    *convert = converter(format, self.to)?;
                }
                *received += audio.len();
                convert.push(audio, &mut self.ready);
            }
            Source::Mp3 { mp3, convert, samples } => {
                samples.clear();
                mp3.push(bytes, samples).map_err(|error| not_audio(&error.to_string()))?;
                if let Some(convert) = fitting(convert, mp3, self.to)? {
                    convert.push_samples(samples, &mut self.ready);
                }
            }
        }
        Ok(())
    }

    /// Tells what is ready, if it is `least` bytes or more.
    fn tell(&mut self, least: usize, out: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        if self.told.saturating_add(self.ready.len()) > self.most {
            return Err(not_audio(&format!(
                "more than {} s of it for one text",
                self.most / self.to.bytes_per_second()
            )));
        }
        if self.ready.len() >= least.max(1) {
            out.events.extend(self.ready.chunks(self.to.bytes_per_second()).map(|piece| Speech::Audio(piece.into())));
            self.told += self.ready.len();
            self.ready.clear();
        }
        self.usage.audio_out_ms = self.to.ms_of_bytes(self.told);
        out.usage.clone_from(&self.usage);
        Ok(())
    }
}

fn raw(from: Format, to: Format) -> Result<Source, ProviderError> {
    let convert = converter(from, to)?;
    Ok(Source::Raw { unwrap: Unwrap::new(), convert, audio: Vec::new(), received: 0 })
}

fn converter(from: Format, to: Format) -> Result<Convert, ProviderError> {
    Convert::new(from, to).map_err(|error| ProviderError::new(ErrorClass::Protocol, error.to_string()))
}

/// The converter for what `mp3` decodes, once that is known.
fn fitting<'a>(
    convert: &'a mut Option<Convert>,
    mp3: &Mp3,
    to: Format,
) -> Result<Option<&'a mut Convert>, ProviderError> {
    if let (None, Some(rate_hz)) = (&convert, mp3.rate_hz()) {
        *convert = Some(converter(Format { encoding: operetta_audio::Encoding::Pcm16, rate_hz }, to)?);
    }
    Ok(convert.as_mut())
}

/// Whether JSON or a page begins so. As samples, these pairs would be a loud click at the very beginning.
fn is_text(first: u8, second: u8) -> bool {
    match first {
        b'{' => second == b'"' || second.is_ascii_whitespace(),
        b'<' => matches!(second, b'!' | b'?') || second.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Smaller pieces wait for more: nobody hears the difference, and every event costs its way through the engine.
const LEAST_MS: u32 = 20;
/// What is added to half a second for each character: nobody speaks slower than that.
const MOST_SECONDS: usize = 60;
