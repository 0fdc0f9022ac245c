use std::{collections::VecDeque, sync::Arc};

use operetta_audio::Format;
use operetta_contract::{ErrorClass, ProviderError};
use rten::ThreadPool;
use tokio::sync::mpsc;

use crate::{
    LocalError,
    flite::{Flite, FliteVoice},
    hibari::Hibari,
    pieces::{encode, short},
    say,
    workshop::{Craft, Ticket},
};

/// The voices that this process has.
pub(crate) struct Voices {
    pub(crate) flite: Flite,
    pub(crate) hibari: Option<Hibari>,
}

/// One of the embedded voices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Natural, female; needs the model files.
    Hibari,
    /// Robotic, male, always there.
    Flite(FliteVoice),
}

impl Voice {
    /// The names that a configuration may use.
    pub const NAMES: [&'static str; 3] = ["hibari", "kal", "kal16"];

    /// The voice of that name, ignoring case.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "hibari" => Some(Self::Hibari),
            "kal" => Some(Self::Flite(FliteVoice::Kal)),
            "kal16" => Some(Self::Flite(FliteVoice::Kal16)),
            _ => None,
        }
    }
}

/// An utterance to be spoken.
pub(crate) struct Utter {
    pub(crate) voice: Voice,
    pub(crate) sentences: VecDeque<String>,
    pub(crate) format: Format,
    pub(crate) tell: mpsc::Sender<Uttered>,
}

/// What comes back for it. A channel that closes without `Done` or `Failed` is a thread that lost the job.
#[derive(Debug)]
pub(crate) enum Uttered {
    Audio(Arc<[u8]>),
    Done,
    Failed(ProviderError),
}

/// Speaks utterances, a sentence of each in turn, so that a long one does not keep a short one waiting.
pub(crate) struct Mouth {
    voices: Arc<Voices>,
    pool: Arc<ThreadPool>,
    waiting: VecDeque<(Utter, Ticket)>,
    /// Changes from sentence to sentence: the same breath twice sounds like a machine.
    seed: u64,
}

/// Length of the pieces in which audio is sent, in ms.
pub(crate) const PIECE_MS: u32 = 200;
/// Pause between two sentences, in ms, on top of what is left of their ends.
const PAUSE_MS: u32 = 180;
/// What is kept before the first and after the last sound of a sentence, in ms: soft consonants begin and end there.
const LEAD_MS: u32 = 40;
const TAIL_MS: u32 = 80;
/// What counts as sound: -48 dB of full scale.
const SOUND: u16 = 130;

impl Mouth {
    pub(crate) fn new(voices: Arc<Voices>, pool: Arc<ThreadPool>) -> Self {
        Self { voices, pool, waiting: VecDeque::new(), seed: 1 }
    }

    fn speak(&mut self, sentence: &str, voice: Voice, rate_hz: u32) -> Result<Vec<i16>, LocalError> {
        let words = say::spoken(sentence);
        self.seed = self.seed.wrapping_add(1);
        match (voice, &self.voices.hibari) {
            (Voice::Hibari, Some(hibari)) => {
                let samples = hibari.speak(&words, rate_hz, self.seed, &self.pool)?;
                Ok(samples.into_iter().map(short).collect())
            }
            // Without the model files the nearest thing speaks; the start-up banner has said so.
            (Voice::Hibari, None) => self.voices.flite.speak(&words, FliteVoice::Kal, rate_hz),
            (Voice::Flite(voice), _) => self.voices.flite.speak(&words, voice, rate_hz),
        }
    }
}

impl Craft<Utter> for Mouth {
    fn take(&mut self, order: Utter, ticket: Ticket) {
        self.waiting.push_back((order, ticket));
    }

    fn work(&mut self) -> bool {
        // Taken out while it is worked on: a panic then costs this utterance only.
        let Some((mut utter, ticket)) = self.waiting.pop_front() else { return false };
        if utter.tell.is_closed() {
            return !self.waiting.is_empty();
        }
        let Some(sentence) = utter.sentences.pop_front() else {
            send(&utter.tell, Uttered::Done);
            return !self.waiting.is_empty();
        };
        match self.speak(&sentence, utter.voice, utter.format.rate_hz) {
            Ok(mut samples) => {
                trim(&mut samples, utter.format.rate_hz);
                if !utter.sentences.is_empty() {
                    samples.resize(samples.len() + (utter.format.rate_hz * PAUSE_MS / 1000) as usize, 0);
                }
                let piece = (utter.format.rate_hz * PIECE_MS / 1000) as usize;
                for samples in samples.chunks(piece) {
                    if !send(&utter.tell, Uttered::Audio(encode(samples, utter.format))) {
                        return !self.waiting.is_empty();
                    }
                }
            }
            // A sentence of nothing but strange signs is left out; the desk saw to it that there are words somewhere.
            Err(LocalError::Unspeakable { .. }) if !utter.sentences.is_empty() => {}
            Err(error) => {
                send(&utter.tell, Uttered::Failed(error.into()));
                return !self.waiting.is_empty();
            }
        }
        if utter.sentences.is_empty() {
            send(&utter.tell, Uttered::Done);
        } else {
            self.waiting.push_back((utter, ticket));
        }
        !self.waiting.is_empty()
    }
}

/// Cuts the silence around a sentence. Both voices begin with a quarter to a third of a second of it, and the caller would
/// wait for nothing. Silence from end to end is left as it is.
fn trim(samples: &mut Vec<i16>, rate_hz: u32) {
    let is_sound = |sample: &i16| sample.unsigned_abs() > SOUND;
    let (Some(first), Some(last)) = (samples.iter().position(is_sound), samples.iter().rposition(is_sound)) else {
        return;
    };
    let end = (last + (rate_hz * TAIL_MS / 1000) as usize).min(samples.len());
    let begin = first.saturating_sub((rate_hz * LEAD_MS / 1000) as usize);
    samples.truncate(end);
    samples.drain(..begin);
}

/// Whether the asker still takes audio. The channel holds more than the longest utterance, so it is only full when the
/// lane has stopped; the channel then closes without an end and the job counts as lost.
fn send(tell: &mpsc::Sender<Uttered>, uttered: Uttered) -> bool {
    tell.try_send(uttered).is_ok()
}

/// Whether the embedded voices can do a job at all.
pub(crate) fn acceptable(text: &str, voice: &str, format: Format) -> Result<(), ProviderError> {
    let chars = text.chars().count();
    let bad = |detail: String| Err(ProviderError::new(ErrorClass::BadRequest, detail));
    if !matches!(format.rate_hz, 8_000 | 16_000 | 24_000) {
        return bad(format!("expected 8000, 16000 or 24000 samples a second, came {}", format.rate_hz));
    }
    if chars > MAX_TEXT_CHARS {
        return bad(format!("expected at most {MAX_TEXT_CHARS} characters to speak, came {chars}"));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return bad(format!("expected text that can be spoken, came {chars} characters without a word"));
    }
    if Voice::named(voice).is_none() {
        let detail = format!("expected one of the voices {}, came another name", Voice::NAMES.join(", "));
        return Err(ProviderError::new(ErrorClass::Missing, detail));
    }
    Ok(())
}

/// Longest text of one job, in characters: about two minutes of speech.
const MAX_TEXT_CHARS: usize = 2_000;
/// Pieces that may wait for the lane: more than the longest text makes when every character is a figure.
pub(crate) const PIECES: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_a_sentence_is_cut() {
        let mut samples = [vec![3; 4_000], vec![900; 800], vec![-3; 4_000]].concat();
        trim(&mut samples, 8_000);
        assert_eq!(samples.len(), 320 + 800 + 640 - 1);
        assert_eq!(samples.iter().filter(|sample| **sample == 900).count(), 800);
        let mut short = vec![900; 10];
        trim(&mut short, 8_000);
        assert_eq!(short.len(), 10);
        let mut silent = vec![0; 100];
        trim(&mut silent, 8_000);
        assert_eq!(silent.len(), 100);
    }
}
