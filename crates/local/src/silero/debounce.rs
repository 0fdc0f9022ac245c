use super::WINDOW_MS;

/// Makes stretches of speech out of the probabilities of single windows.
///
/// Speech begins after `min_speech_ms` of voiced windows without an unvoiced one between, and ends after `min_silence_ms` of
/// unvoiced windows, silent gaps included. Once speech has begun a window counts as voiced a little below the threshold, so
/// that a soft ending does not flutter.
#[derive(Clone, Debug)]
pub struct Debounce {
    threshold: f32,
    min_speech_ms: u32,
    min_silence_ms: u32,
    speaking: bool,
    /// Time that speaks against the present state: voiced while silent, unvoiced while speaking.
    against_ms: u32,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Speech has begun.
    Began,
    /// Speech has ended.
    Ended,
}

/// How far below the threshold a window may fall without counting as silent while somebody speaks: Silero's own advice.
const SLACK: f32 = 0.15;

impl Debounce {
    /// `threshold` from 0 to 1, the rest in ms.
    pub fn new(threshold: f32, min_speech_ms: u32, min_silence_ms: u32) -> Self {
        Self { threshold, min_speech_ms, min_silence_ms, speaking: false, against_ms: 0 }
    }

    /// Whether speech has begun and not ended.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// The next window was speech with this probability.
    pub fn window(&mut self, probability: f32) -> Option<Edge> {
        if self.speaking {
            if probability >= (self.threshold - SLACK).max(0.01) {
                self.against_ms = 0;
                return None;
            }
            self.silence(WINDOW_MS)
        } else {
            if probability < self.threshold {
                self.against_ms = 0;
                return None;
            }
            self.against_ms += WINDOW_MS;
            self.turn_if(self.min_speech_ms)
        }
    }

    /// The line was silent for `ms`, without windows.
    pub fn silence(&mut self, ms: u32) -> Option<Edge> {
        if !self.speaking {
            self.against_ms = 0;
            return None;
        }
        self.against_ms = self.against_ms.saturating_add(ms);
        self.turn_if(self.min_silence_ms)
    }

    /// While speaking: how much more silence ends it, in ms.
    pub fn silence_left_ms(&self) -> Option<u32> {
        self.speaking.then(|| self.min_silence_ms.saturating_sub(self.against_ms))
    }

    fn turn_if(&mut self, enough_ms: u32) -> Option<Edge> {
        if self.against_ms < enough_ms {
            return None;
        }
        self.speaking = !self.speaking;
        self.against_ms = 0;
        Some(if self.speaking { Edge::Began } else { Edge::Ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(probabilities: &[f32], edges: &[(usize, Edge)]) {
        let mut debounce = Debounce::new(0.5, 64, 96);
        let seen: Vec<_> = probabilities
            .iter()
            .enumerate()
            .filter_map(|(n, &probability)| Some((n, debounce.window(probability)?)))
            .collect();
        assert_eq!(seen, edges, "{probabilities:?}");
    }

    #[test]
    fn edges() {
        check(&[0.9, 0.1, 0.9, 0.1], &[]);
        check(&[0.9, 0.9, 0.9], &[(1, Edge::Began)]);
        check(&[0.9, 0.9, 0.1, 0.1, 0.1, 0.1], &[(1, Edge::Began), (4, Edge::Ended)]);
        // A soft stretch above threshold - 0.15 keeps the speech alive; a voiced window restarts the count.
        check(&[0.9, 0.9, 0.4, 0.4, 0.4, 0.4], &[(1, Edge::Began)]);
        check(&[0.9, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1], &[(1, Edge::Began), (7, Edge::Ended)]);
    }

    #[test]
    fn a_gap_counts_as_silence() {
        let mut debounce = Debounce::new(0.5, 32, 300);
        assert_eq!(debounce.silence(1000), None);
        assert_eq!(debounce.silence_left_ms(), None);
        assert_eq!(debounce.window(0.9), Some(Edge::Began));
        assert_eq!(debounce.window(0.0), None);
        assert_eq!(debounce.silence_left_ms(), Some(268));
        assert_eq!(debounce.silence(267), None);
        assert_eq!(debounce.silence(1), Some(Edge::Ended));
    }
}
