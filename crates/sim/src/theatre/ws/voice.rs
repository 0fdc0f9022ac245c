use std::{collections::VecDeque, time::Duration};

use operetta_audio::Format;

use crate::theatre::Tone;

/// Speech on its way out: text becomes 65 ms of tone a character, in pieces, paced. Marks keep their place between texts.
#[derive(Debug)]
pub(super) struct Voice<M> {
    tone: Tone,
    /// How much of the tone has been heard, in ms: it goes on where it stopped.
    tone_ms: u64,
    pacing: Pacing,
    queue: VecDeque<Item<M>>,
    /// When the next piece or mark is due; `None` while the queue is empty.
    next_at: Option<Duration>,
}

/// How fast speech is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    /// From the first text after a pause to its first piece.
    pub(super) first: Duration,
    /// How many times faster than it is spoken.
    pub(super) speed: f64,
    /// How long a piece is, in ms.
    pub(super) piece_ms: u64,
}

#[derive(Debug)]
enum Item<M> {
    Speech { text: Vec<char>, sent_ms: u64 },
    Mark(M),
}

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece<M> {
    Audio {
        bytes: Vec<u8>,
        ms: u64,
        /// The characters that begin in this piece, and when, in ms from its start.
        characters: Vec<(char, u64)>,
    },
    Mark(M),
}

impl<M> Voice<M> {
    pub(super) fn new(format: Format, pacing: Pacing) -> Self {
        Self { tone: Tone::new(format), tone_ms: 0, pacing, queue: VecDeque::new(), next_at: None }
    }

    /// Speaks `text` after everything before it. Returns how long it takes, in ms.
    pub(super) fn speak(&mut self, now: Duration, text: &str) -> u64 {
        let text: Vec<char> = text.chars().collect();
        let ms = text.len() as u64 * CHARACTER_MS;
        if ms > 0 {
            self.next_at.get_or_insert(now + self.pacing.first);
            self.queue.push_back(Item::Speech { text, sent_ms: 0 });
        }
        ms
    }

    /// Puts a mark behind everything spoken so far.
    pub(super) fn mark(&mut self, now: Duration, mark: M) {
        self.next_at.get_or_insert(now);
        self.queue.push_back(Item::Mark(mark));
    }

    /// Puts a mark before the last `pieces` of what is spoken so far: an acknowledgement that comes too early.
    pub(super) fn mark_early(&mut self, now: Duration, mark: M, pieces: u64) {
        match self.queue.back_mut() {
            Some(Item::Speech { text, sent_ms }) if text.len() as u64 * CHARACTER_MS > *sent_ms => {
                // Characters cannot be cut within one: the tail is at least `pieces` long.
                let tail = (pieces * self.pacing.piece_ms).div_ceil(CHARACTER_MS) as usize;
                let spoken = (*sent_ms).div_ceil(CHARACTER_MS) as usize;
                let tail = text.split_off(text.len().saturating_sub(tail).max(spoken));
                self.queue.push_back(Item::Mark(mark));
                self.queue.push_back(Item::Speech { text: tail, sent_ms: 0 });
            }
            _ => self.mark(now, mark),
        }
    }

    /// Forgets everything that has not gone out, but for the next `late` pieces.
    pub(super) fn cancel(&mut self, late: u64) {
        let mut left_ms = late * self.pacing.piece_ms;
        self.queue.retain_mut(|item| match item {
            Item::Speech { text, sent_ms } if left_ms > 0 => {
                let characters = (*sent_ms + left_ms).div_ceil(CHARACTER_MS) as usize;
                text.truncate(characters);
                left_ms = left_ms.saturating_sub(text.len() as u64 * CHARACTER_MS - *sent_ms);
                true
            }
            Item::Speech { .. } | Item::Mark(_) => false,
        });
        if self.queue.is_empty() {
            self.next_at = None;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) const fn wake_at(&self) -> Option<Duration> {
        self.next_at
    }

    /// What is due by `now`, one at a time.
    pub(super) fn next(&mut self, now: Duration) -> Option<Piece<M>> {
        let due = self.next_at.filter(|at| *at <= now)?;
        let piece = loop {
            match self.queue.pop_front() {
                None => {
                    self.next_at = None;
                    return None;
                }
                Some(Item::Mark(mark)) => break Piece::Mark(mark),
                Some(Item::Speech { text, sent_ms }) => {
                    let whole_ms = text.len() as u64 * CHARACTER_MS;
                    let end_ms = (sent_ms + self.pacing.piece_ms).min(whole_ms);
                    if end_ms == sent_ms {
                        continue;
                    }
                    let piece = self.piece(&text, sent_ms, end_ms);
                    self.next_at = Some(due + Duration::from_millis(end_ms - sent_ms).div_f64(self.pacing.speed));
                    if end_ms < whole_ms {
                        self.queue.push_front(Item::Speech { text, sent_ms: end_ms });
                    }
                    break piece;
                }
            }
        };
        if self.queue.is_empty() {
            self.next_at = None;
        }
        Some(piece)
    }

    fn piece(&mut self, text: &[char], from_ms: u64, to_ms: u64) -> Piece<M> {
        let ms = to_ms - from_ms;
        // A minute is a whole number of waves at every rate.
        let bytes = self.tone.piece((self.tone_ms % 60_000) as u32, ms as u32);
        self.tone_ms += ms;
        let first = from_ms.div_ceil(CHARACTER_MS);
        let end = to_ms.div_ceil(CHARACTER_MS);
        let begun = text.iter().zip(0..end).skip(first as usize);
        let characters = begun.map(|(character, index)| (*character, index * CHARACTER_MS - from_ms)).collect();
        Piece::Audio { bytes, ms, characters }
    }
}

/// How long a character takes, in ms.
const CHARACTER_MS: u64 = crate::theatre::CHARACTER_MS as u64;

#[cfg(test)]
mod tests {
    use super::*;

    const PACING: Pacing = Pacing { first: Duration::from_millis(100), speed: 5.0, piece_ms: 20 };

    fn drained(voice: &mut Voice<u8>) -> (Vec<Piece<u8>>, Duration) {
        let (mut pieces, mut now) = (Vec::new(), Duration::ZERO);
        while let Some(at) = voice.wake_at() {
            now = at;
            pieces.extend(voice.next(now));
        }
        (pieces, now)
    }

    fn ms(pieces: &[Piece<u8>]) -> u64 {
        pieces.iter().map(|piece| if let Piece::Audio { ms, .. } = piece { *ms } else { 0 }).sum()
    }

    #[test]
    fn a_character_is_65_ms_and_times_follow() {
        let mut voice = Voice::new(Format::MULAW_8K, PACING);
        assert_eq!(voice.speak(Duration::ZERO, "Hello"), 325);
        voice.mark(Duration::ZERO, 7);
        let (pieces, end) = drained(&mut voice);
        assert_eq!(ms(&pieces), 325);
        assert_eq!(pieces.last(), Some(&Piece::Mark(7)));
        // 325 ms at five times real time, after the first 100.
        assert_eq!(end, Duration::from_millis(165));
        let mut offset = 0;
        let mut starts = Vec::new();
        let mut bytes = 0;
        for piece in &pieces {
            if let Piece::Audio { bytes: audio, ms, characters } = piece {
                starts.extend(characters.iter().map(|(character, at)| (*character, offset + at)));
                offset += ms;
                bytes += audio.len();
            }
        }
        assert_eq!(starts, [('H', 0), ('e', 65), ('l', 130), ('l', 195), ('o', 260)]);
        assert_eq!(bytes, 325 * 8);
        assert!(voice.is_idle());
    }

    #[test]
    fn what_is_cancelled_is_silent_but_for_what_is_late() {
        let mut voice = Voice::new(Format::MULAW_8K, PACING);
        voice.speak(Duration::ZERO, "A whole sentence.");
        voice.mark(Duration::ZERO, 1);
        voice.cancel(0);
        assert_eq!(drained(&mut voice).0, []);
        voice.speak(Duration::ZERO, "A whole sentence.");
        voice.mark(Duration::ZERO, 1);
        assert!(voice.next(Duration::from_secs(1)).is_some());
        voice.cancel(5);
        let (late, _) = drained(&mut voice);
        assert!((100..=165).contains(&ms(&late)), "{}", ms(&late));
    }

    #[test]
    fn an_early_mark_precedes_the_last_pieces() {
        let mut voice = Voice::new(Format::MULAW_8K, PACING);
        voice.speak(Duration::ZERO, "Hello there");
        voice.mark_early(Duration::ZERO, 1, 2);
        let (pieces, _) = drained(&mut voice);
        let mark = pieces.iter().position(|piece| *piece == Piece::Mark(1)).unwrap();
        assert!(ms(&pieces[mark..]) >= 40);
        assert_eq!(ms(&pieces), 11 * 65);
    }
}
