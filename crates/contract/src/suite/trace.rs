//! What came of a job, in a form that does not depend on where its pieces were cut.

use operetta_audio::Format;

use super::{Examined, Promise, Seen};
use crate::{Job, ProviderError};

/// What came of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trace {
    pub(super) audio: Vec<u8>,
    pub(super) text: String,
    /// Everything else, as it is printed.
    pub(super) others: Vec<String>,
    /// Flushes that were answered, in order.
    pub(super) flushes: Vec<u32>,
    useful: bool,
}

impl Trace {
    /// Takes an event; what is wrong with it, if anything is.
    pub(super) fn take<J: Examined>(
        &mut self,
        event: &J::Event,
        format: Option<Format>,
    ) -> Result<(), (Promise, String)> {
        match J::see(event) {
            Seen::Audio(audio) => {
                self.useful |= !audio.is_empty();
                self.audio.extend_from_slice(audio);
                return format.map_or(Ok(()), |format| fits(audio, format));
            }
            Seen::Text(text) => {
                self.useful |= !text.trim().is_empty();
                self.text.push_str(text);
            }
            Seen::Flushed(number) => {
                self.useful = true;
                self.flushes.push(number);
                self.others.push(format!("{event:?}"));
            }
            Seen::Useful => {
                self.useful = true;
                self.others.push(format!("{event:?}"));
            }
            Seen::Sign => self.others.push(format!("{event:?}")),
            Seen::Done | Seen::Failed => {
                let sentence =
                    format!("{event:?} came as one of the events, and the end is told by the codec's result only");
                return Err((Promise::EndsOnce, sentence));
            }
        }
        Ok(())
    }

    /// Whether something came that the asker can use.
    pub(super) const fn is_useful(&self) -> bool {
        self.useful
    }

    /// Whether nothing came at all that a caller could hear or read.
    pub(super) const fn is_silent(&self) -> bool {
        self.audio.is_empty() && self.text.is_empty() && !self.useful
    }

    /// In what `other` differs, in words; `None` when it does not.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        if self.audio != other.audio {
            let same = self.audio.iter().zip(&other.audio).take_while(|(one, other)| one == other).count();
            let (expected, came) = (self.audio.len(), other.audio.len());
            return Some(format!(
                "{expected} bytes of audio were expected, {came} came, and from byte {same} on they differ"
            ));
        }
        if self.text != other.text {
            return Some(format!("the text {:?} was expected, {:?} came", self.text, other.text));
        }
        let differs = |(one, other): &(&String, &String)| one != other;
        if let Some((expected, came)) = self.others.iter().zip(&other.others).find(differs) {
            return Some(format!("{expected} was expected, {came} came"));
        }
        let (expected, came) = (self.others.len(), other.others.len());
        (expected != came).then(|| format!("{expected} other events were expected, {came} came"))
    }
}

fn fits(audio: &[u8], format: Format) -> Result<(), (Promise, String)> {
    let (bytes, sample, second) = (audio.len(), format.sample_bytes(), format.bytes_per_second());
    if bytes % sample != 0 {
        let sentence = format!("whole samples of {sample} bytes were expected in an event, {bytes} bytes came");
        return Err((Promise::AudioFits, sentence));
    }
    if bytes > second {
        let sentence = format!("at most 1 s ({second} bytes) was expected in an event, {bytes} bytes came");
        return Err((Promise::AudioFits, sentence));
    }
    Ok(())
}

/// How a job ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// With its `Done`, as it is printed.
    Done(String),
    /// With this event, which is no `Done`.
    Odd(String),
    Failed(ProviderError),
}

impl End {
    pub(super) fn of<J: Examined>(event: &<J as Job>::Event) -> Self {
        match J::see(event) {
            Seen::Done => Self::Done(format!("{event:?}")),
            _ => Self::Odd(format!("{event:?}")),
        }
    }

    /// The end in words. Errors are the same when their classes are.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Done(event) | Self::Odd(event) => event.clone(),
            Self::Failed(error) => format!("the error {}", error.code()),
        }
    }
}
