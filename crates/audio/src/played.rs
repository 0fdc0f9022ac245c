use std::collections::VecDeque;

use crate::Format;

/// What the ear on the other side has heard: sent audio at the time at which it plays, silence where nothing plays.
/// Positions are samples since the leg opened.
#[derive(Debug)]
pub(crate) struct Played {
    /// Where the record that has not been taken begins.
    begins: u64,
    /// Samples at its beginning that were dropped because nobody came for them; told as silence.
    lost: u64,
    audio: VecDeque<u8>,
    sample_bytes: usize,
    silence: u8,
    most_bytes: usize,
}

impl Played {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            begins: 0,
            lost: 0,
            audio: VecDeque::new(),
            sample_bytes: format.sample_bytes(),
            silence: format.silence_byte(),
            most_bytes: format.bytes_of_ms(MOST_MS),
        }
    }

    /// `frame` will play from position `from` on, which is not before the end of what was placed earlier.
    pub(crate) fn place(&mut self, from: u64, frame: &[u8]) {
        let end = self.begins + self.lost + (self.audio.len() / self.sample_bytes) as u64;
        let gap = from.saturating_sub(end);
        let gap_bytes = gap.saturating_mul(self.sample_bytes as u64);
        if self.audio.len() as u64 + gap_bytes + frame.len() as u64 > self.most_bytes as u64 {
            // The recorder has stopped coming. Places stay right, the sound before this frame is given up.
            self.lost += (self.audio.len() / self.sample_bytes) as u64 + gap;
            self.audio.clear();
        } else {
            self.audio.resize(self.audio.len() + gap_bytes as usize, self.silence);
        }
        self.audio.extend(frame);
    }

    /// Nothing of what was to play after position `at` will play.
    pub(crate) fn cut(&mut self, at: u64) {
        let keep = at.saturating_sub(self.begins + self.lost).saturating_mul(self.sample_bytes as u64);
        self.audio.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }

    /// Appends what has played from where the last take ended up to position `at`.
    pub(crate) fn take(&mut self, at: u64, out: &mut Vec<u8>) {
        let due = at.saturating_sub(self.begins);
        let lost = self.lost.min(due);
        let bytes = ((due - lost) as usize).saturating_mul(self.sample_bytes);
        let end = out.len() + lost as usize * self.sample_bytes + bytes;
        out.resize(out.len() + lost as usize * self.sample_bytes, self.silence);
        out.extend(self.audio.drain(..bytes.min(self.audio.len())));
        out.resize(end, self.silence);
        self.lost -= lost;
        self.begins += due;
    }
}

/// How long a recorder may stay away before sound is given up for silence.
const MOST_MS: u32 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(played: &mut Played, at: u64) -> Vec<u8> {
        let mut out = Vec::new();
        played.take(at, &mut out);
        out
    }

    #[test]
    fn silence_stands_where_nothing_plays() {
        let mut played = Played::new(Format::MULAW_8K);
        played.place(2, &[1, 2, 3]);
        played.place(6, &[4]);
        assert_eq!(taken(&mut played, 3), [0xFF, 0xFF, 1]);
        assert_eq!(taken(&mut played, 3), []);
        assert_eq!(taken(&mut played, 9), [2, 3, 0xFF, 4, 0xFF, 0xFF]);
    }

    #[test]
    fn what_is_cleared_before_it_plays_is_not_heard() {
        let mut played = Played::new(Format::PCM16_8K);
        played.place(0, &[1, 1, 2, 2, 3, 3]);
        played.cut(1);
        played.place(2, &[9, 9]);
        assert_eq!(taken(&mut played, 4), [1, 1, 0, 0, 9, 9, 0, 0]);
        // Clearing what has been taken already changes nothing.
        played.cut(0);
        assert_eq!(taken(&mut played, 5), [0, 0]);
    }

    #[test]
    fn a_recorder_that_stays_away_costs_sound_but_not_place_or_memory() {
        let mut played = Played::new(Format::MULAW_8K);
        for second in 0..100 {
            played.place(second * 8000, &[7; 8000]);
            assert!(played.audio.len() <= 30 * 8000);
        }
        played.place(3600 * 8000, &[1, 2]);
        assert!(played.audio.capacity() <= 64 * 8000, "{}", played.audio.capacity());
        let all = taken(&mut played, 3600 * 8000 + 3);
        assert_eq!(all.len(), 3600 * 8000 + 3);
        assert_eq!(all[3600 * 8000..], [1, 2, 0xFF]);
    }
}
