use std::collections::VecDeque;

/// The carrier's playout buffer: agent audio waits here and is played at real time, 20 ms a slot.
///
/// Positions are counted in samples since the stream began, so a mark is a position and "played up to here" is a comparison.
/// Nothing here knows a clock: the caller of [`Playout::play`] is the clock.
#[derive(Debug)]
pub(crate) struct Playout {
    rate_hz: u32,
    queue: VecDeque<i16>,
    /// Samples ever taken from the queue, by playing or by `clear`.
    taken: u64,
    /// Position after the last audible sample that was queued.
    sound_until: u64,
    marks: VecDeque<(u64, String)>,
    /// Audio has come since the last mark or clear: the engine is in the middle of an utterance.
    open: bool,
    /// Samples of silence that were played in the middle of the open utterance because nothing was there.
    dry: u64,
}

/// The longest the agent may fall silent inside an utterance before the double takes the utterance as ended without a mark.
/// The same allowance that servers give an echo that does not come (estimated playout + 2.5 s).
pub(crate) const OPEN_UTTERANCE_MS: u32 = 2_500;
/// The most agent audio the double holds. A real buffer is of unknown size; this one is bounded so a runaway engine cannot fill the
/// machine that tests it.
const CAPACITY_MS: u32 = 120_000;
/// A sample at or above this counts as audible. Digital silence and µ-law's smallest steps (8, 24) lie below.
pub(crate) const AUDIBLE: u16 = 32;
/// Marks that may wait. An engine marks each utterance once; thousands waiting is an engine fault.
const MARKS: usize = 4_096;

/// What one slot of playing brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Samples that came from the agent; the rest of the slot was silence.
    pub(crate) played: usize,
    /// Whether any of them could be heard.
    pub(crate) audible: bool,
}

/// What `clear` threw away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub(crate) dropped_ms: u32,
    pub(crate) marks: Vec<String>,
}

/// The buffer is full and the audio was dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Playout {
    pub(crate) fn new(rate_hz: u32) -> Self {
        Self { rate_hz, queue: VecDeque::new(), taken: 0, sound_until: 0, marks: VecDeque::new(), open: false, dry: 0 }
    }

    /// Queues agent audio. Returns the gap in ms if the audio ends a silence inside an utterance: an underrun.
    pub(crate) fn queue(&mut self, samples: &[i16]) -> Result<Option<u32>, Overflow> {
        if samples.is_empty() {
            return Ok(None);
        }
        if self.unplayed_ms() > CAPACITY_MS {
            return Err(Overflow);
        }
        let gap = (self.open && self.dry > 0).then(|| self.ms(self.dry));
        if let Some(last) = samples.iter().rposition(|sample| sample.unsigned_abs() >= AUDIBLE) {
            self.sound_until = self.end() + last as u64 + 1;
        }
        self.queue.extend(samples);
        self.open = true;
        self.dry = 0;
        Ok(gap)
    }

    /// Queues a mark behind the audio that is there. An overflowing mark is dropped, as if its echo got lost.
    pub(crate) fn mark(&mut self, name: String) {
        self.open = false;
        self.dry = 0;
        if self.marks.len() < MARKS {
            self.marks.push_back((self.end(), name));
        }
    }

    /// Throws away all that has not been played, with the marks that waited for it.
    pub(crate) fn clear(&mut self) -> Cleared {
        let dropped = self.queue.len() as u64;
        self.taken += dropped;
        self.queue.clear();
        self.sound_until = self.sound_until.min(self.taken);
        self.open = false;
        self.dry = 0;
        Cleared { dropped_ms: self.ms(dropped), marks: self.marks.drain(..).map(|(_, name)| name).collect() }
    }

    /// Plays one slot of `samples` samples. What is played is appended to `heard` if given, silence included, so a recording
    /// stays aligned with the clock.
    pub(crate) fn play(&mut self, samples: usize, heard: Option<&mut Vec<i16>>) -> Slot {
        let played = samples.min(self.queue.len());
        let mut peak = 0;
        if let Some(heard) = heard {
            heard.extend(self.queue.drain(..played).inspect(|sample| peak = peak.max(sample.unsigned_abs())));
            heard.resize(heard.len() + samples - played, 0);
        } else {
            peak = self.queue.drain(..played).map(i16::unsigned_abs).max().unwrap_or(0);
        }
        self.taken += played as u64;
        if self.open && played < samples {
            self.dry += (samples - played) as u64;
            if self.ms(self.dry) >= OPEN_UTTERANCE_MS {
                self.open = false;
                self.dry = 0;
            }
        }
        Slot { played, audible: peak >= AUDIBLE }
    }

    /// The next mark whose audio has been played.
    pub(crate) fn next_played_mark(&mut self) -> Option<String> {
        let (position, _) = self.marks.front()?;
        (*position <= self.taken).then(|| self.marks.pop_front().map(|(_, name)| name)).flatten()
    }

    /// Whether a mark still waits for its audio.
    pub(crate) fn awaits_mark(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether something audible has not been played yet.
    pub(crate) const fn unplayed_sound(&self) -> bool {
        self.sound_until > self.taken
    }

    /// Audio that has not been played yet, ms.
    pub(crate) fn unplayed_ms(&self) -> u32 {
        self.ms(self.queue.len() as u64)
    }

    /// Whether the engine is in the middle of an utterance: audio since its last mark or clear.
    pub(crate) const fn utterance_open(&self) -> bool {
        self.open
    }

    /// Position after the last queued sample.
    fn end(&self) -> u64 {
        self.taken + self.queue.len() as u64
    }

    fn ms(&self, samples: u64) -> u32 {
        (samples * 1000 / u64::from(self.rate_hz)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::{Playout, Slot};

    const SLOT: usize = 160;

    fn playout() -> Playout {
        Playout::new(8000)
    }

    #[test]
    fn a_mark_waits_for_the_audio_before_it_and_no_longer() {
        let mut playout = playout();
        playout.queue(&[1000; 320]).unwrap();
        playout.mark("first".into());
        playout.queue(&[1000; 160]).unwrap();
        playout.mark("second".into());
        assert_eq!(playout.next_played_mark(), None);
        playout.play(SLOT, None);
        assert_eq!(playout.next_played_mark(), None);
        playout.play(SLOT, None);
        assert_eq!(playout.next_played_mark().as_deref(), Some("first"));
        assert_eq!(playout.next_played_mark(), None);
        playout.play(SLOT, None);
        assert_eq!(playout.next_played_mark().as_deref(), Some("second"));
        assert!(!playout.awaits_mark());
    }

    #[test]
    fn a_mark_on_an_empty_buffer_is_played_at_once() {
        let mut playout = playout();
        playout.mark("now".into());
        assert_eq!(playout.next_played_mark().as_deref(), Some("now"));
    }

    #[test]
    fn clear_drops_audio_and_names_the_marks_that_waited() {
        let mut playout = playout();
        playout.queue(&[1000; 1600]).unwrap();
        playout.mark("a".into());
        playout.mark("b".into());
        playout.play(SLOT, None);
        let cleared = playout.clear();
        assert_eq!((cleared.dropped_ms, cleared.marks), (180, vec!["a".to_owned(), "b".to_owned()]));
        assert!(!playout.unplayed_sound());
        assert_eq!(playout.play(SLOT, None), Slot { played: 0, audible: false });
    }

    #[test]
    fn a_gap_inside_an_utterance_is_an_underrun_and_one_after_a_mark_is_not() {
        let mut playout = playout();
        assert_eq!(playout.queue(&[1000; 160]), Ok(None));
        playout.play(SLOT, None);
        playout.play(SLOT, None);
        playout.play(SLOT, None);
        assert_eq!(playout.queue(&[1000; 160]), Ok(Some(40)));
        playout.play(SLOT, None);
        playout.mark("end".into());
        playout.play(SLOT, None);
        assert_eq!(playout.queue(&[1000; 160]), Ok(None));
    }

    #[test]
    fn a_silence_of_seconds_ends_an_utterance_that_was_never_marked() {
        let mut playout = playout();
        playout.queue(&[1000; 160]).unwrap();
        for _ in 0..200 {
            playout.play(SLOT, None);
        }
        assert!(!playout.utterance_open());
        assert_eq!(playout.queue(&[1000; 160]), Ok(None));
    }

    #[test]
    fn silence_is_queued_but_is_no_sound() {
        let mut playout = playout();
        playout.queue(&[8; 160]).unwrap();
        assert!(!playout.unplayed_sound());
        assert_eq!(playout.play(SLOT, None), Slot { played: 160, audible: false });
    }

    #[test]
    fn what_was_heard_keeps_step_with_the_clock() {
        let mut playout = playout();
        let mut heard = Vec::new();
        playout.queue(&[5; 200]).unwrap();
        playout.play(SLOT, Some(&mut heard));
        playout.play(SLOT, Some(&mut heard));
        assert_eq!(heard.len(), 320);
        assert_eq!(&heard[198..202], &[5, 5, 0, 0]);
    }

    #[test]
    fn a_runaway_engine_meets_an_end() {
        let mut playout = playout();
        let minute = vec![1; 8000 * 60];
        assert!((0..4).any(|_| playout.queue(&minute).is_err()));
    }
}
