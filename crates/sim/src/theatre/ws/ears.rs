use operetta_audio::{Format, g711};

/// How a fake "understands": it tells loud from quiet in windows of 20 ms, and takes 250 ms of loud audio for a word. Which
/// words is a matter of the script, and of counting where the script has ended.
#[derive(Debug)]
pub(super) struct Ears {
    format: Format,
    odd: Vec<u8>,
    samples: Vec<i16>,
    /// Audio heard in full windows, in ms.
    clock_ms: u64,
}

/// One window of 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// When it ends, in ms of audio.
    pub(super) end_ms: u64,
    pub(super) is_loud: bool,
}

impl Ears {
    pub(super) const fn new(format: Format) -> Self {
        Self { format, odd: Vec::new(), samples: Vec::new(), clock_ms: 0 }
    }

    pub(super) const fn clock_ms(&self) -> u64 {
        self.clock_ms
    }

    pub(super) const fn format(&self) -> Format {
        self.format
    }

    /// The windows that `bytes` complete. Messages may split samples.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Window> {
        self.odd.extend_from_slice(bytes);
        let whole = self.odd.len() / self.format.sample_bytes() * self.format.sample_bytes();
        g711::decode_into(self.format.encoding, &self.odd[..whole], &mut self.samples);
        self.odd.drain(..whole);
        let window = self.format.rate_hz as usize * WINDOW_MS as usize / 1000;
        let windows = self.samples.chunks_exact(window).map(|window| {
            self.clock_ms += WINDOW_MS;
            let energy: f64 = window.iter().map(|sample| f64::from(*sample).powi(2)).sum();
            Window { end_ms: self.clock_ms, is_loud: (energy / window.len() as f64).sqrt() >= LOUD }
        });
        let windows: Vec<Window> = windows.collect();
        let done = self.samples.len() / window * window;
        self.samples.drain(..done);
        windows
    }
}

/// One stretch of the caller's speech, and what is understood of it.
#[derive(Debug)]
pub(super) struct Utterance {
    /// When it began, in ms of audio.
    pub(super) start_ms: u64,
    /// When its last loud window ended.
    pub(super) last_loud_ms: u64,
    loud_ms: u64,
    line: Option<Vec<String>>,
    /// Words that were told as final before the end.
    told: usize,
}

/// A word and when it was said, in ms of audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

impl Utterance {
    /// Begins with a loud window. `line` is what it will turn out to be; words are counted without one.
    pub(super) fn begin(window: Window, line: Option<String>) -> Self {
        let line = line.map(|line| line.split_whitespace().map(str::to_owned).collect());
        let start_ms = window.end_ms - WINDOW_MS;
        Self { start_ms, last_loud_ms: window.end_ms, loud_ms: WINDOW_MS, line, told: 0 }
    }

    /// Goes on, loud or quiet. Returns whether there is a word more.
    pub(super) fn hear(&mut self, window: Window) -> bool {
        let before = self.so_far().len();
        if window.is_loud {
            self.loud_ms += WINDOW_MS;
            self.last_loud_ms = window.end_ms;
        }
        self.so_far().len() > before
    }

    /// How long it has been quiet at the end of `window`, in ms.
    pub(super) const fn quiet_ms(&self, window: Window) -> u64 {
        window.end_ms - self.last_loud_ms
    }

    /// The words that have not been told as final, as far as they are understood.
    pub(super) fn so_far(&self) -> Vec<Word> {
        self.words((self.loud_ms / WORD_MS) as usize)
    }

    /// All words that have not been told as final: the whole line, or at least one counted word.
    pub(super) fn whole(&self) -> Vec<Word> {
        self.words(usize::MAX)
    }

    /// Tells the words so far as final: they do not come again.
    pub(super) fn tell(&mut self) -> Vec<Word> {
        let words = self.so_far();
        self.told += words.len();
        words
    }

    fn words(&self, count: usize) -> Vec<Word> {
        let understood = self.loud_ms.div_ceil(WORD_MS) as usize;
        let count = count.min(self.line.as_ref().map_or(understood, Vec::len));
        (self.told..count)
            .map(|index| {
                let text = match &self.line {
                    Some(line) => line[index].clone(),
                    None => COUNTED[index % COUNTED.len()].to_owned(),
                };
                let start_ms = (self.start_ms + index as u64 * WORD_MS).min(self.last_loud_ms);
                Word { text, start_ms, end_ms: (start_ms + WORD_MS).min(self.last_loud_ms) }
            })
            .collect()
    }
}

/// Words as a text.
pub(super) fn text_of(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Root mean square of a window that counts as speech: -46 dB of full scale.
const LOUD: f64 = 164.0;

const WINDOW_MS: u64 = 20;

/// Loud audio that makes a word, in ms.
pub(super) const WORD_MS: u64 = 250;

const COUNTED: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

#[cfg(test)]
mod tests {
    use operetta_audio::Encoding;

    use super::*;
    use crate::theatre::Tone;

    #[test]
    fn windows_are_the_same_however_audio_is_cut() {
        for encoding in [Encoding::Mulaw, Encoding::Pcm16] {
            let format = Format { encoding, rate_hz: 8_000 };
            let mut audio = Tone::new(format).piece(0, 300);
            audio.extend(vec![format.silence_byte(); 1_600 * format.sample_bytes()]);
            let whole = Ears::new(format).hear(&audio);
            assert_eq!(whole.iter().filter(|window| window.is_loud).count(), 15);
            assert_eq!(whole.len(), 25);
            let mut ears = Ears::new(format);
            let pieces: Vec<Window> = audio.chunks(7).flat_map(|piece| ears.hear(piece)).collect();
            assert_eq!(whole, pieces);
        }
    }

    #[test]
    fn a_script_is_revealed_and_numbers_follow_it() {
        let window = |end_ms| Window { end_ms, is_loud: true };
        let mut scripted = Utterance::begin(window(20), Some("I would like to cancel.".to_owned()));
        let mut counted = Utterance::begin(window(20), None);
        for end_ms in (40..=600).step_by(20) {
            scripted.hear(window(end_ms));
            counted.hear(window(end_ms));
        }
        assert_eq!(text_of(&scripted.so_far()), "I would");
        assert_eq!(text_of(&scripted.whole()), "I would like to cancel.");
        assert_eq!((text_of(&counted.so_far()), text_of(&counted.whole())), ("one two".into(), "one two three".into()));
        assert_eq!(text_of(&counted.tell()), "one two");
        assert_eq!(text_of(&counted.whole()), "three");
        let words = scripted.whole();
        assert!(words.iter().all(|word| word.end_ms <= 600 && word.start_ms <= word.end_ms));
    }
}
