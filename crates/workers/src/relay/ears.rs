use std::{collections::VecDeque, time::Duration};

use operetta_contract::{Hearing, Transcribe, Transcript};

use super::resume::{Debt, Memory, Resume, Word};

impl Resume for Transcribe {
    type Memory = Ears;
    const OUTPUT: &'static str = "transcript";

    fn memory(&self) -> Ears {
        Ears { rate_hz: self.rate_hz, kept: VecDeque::new(), taken: 0, samples: 0 }
    }
}

/// Of a caller: the samples since the last final, and every flush that nobody has answered, in the order in which they came.
/// The next listener hears them again.
#[derive(Debug)]
pub struct Ears {
    rate_hz: u32,
    kept: VecDeque<Kept>,
    /// How many of them, from the front, the present listener has got.
    taken: usize,
    /// How many samples are kept.
    samples: usize,
}

#[derive(Debug)]
struct Kept {
    piece: Hearing,
    /// When it came.
    at: Duration,
}

impl Ears {
    /// How much of the caller is kept: whoever speaks longer without a final has the beginning heard once.
    const MOST_SECONDS: usize = 30;
    /// The longest piece that a listener is fed, in ms.
    const LONGEST_PIECE_MS: usize = 200;

    /// Forgets every kept piece of which `is_wanted` says no, given its place.
    fn retain(&mut self, mut is_wanted: impl FnMut(usize, &Hearing) -> bool) {
        let (mut at, mut taken) = (0, self.taken);
        let samples = &mut self.samples;
        self.kept.retain(|kept| {
            let wanted = is_wanted(at, &kept.piece);
            if !wanted {
                *samples -= length(&kept.piece);
                taken -= usize::from(at < self.taken);
            }
            at += 1;
            wanted
        });
        self.taken = taken;
    }

    fn place_of(&self, flush: u32) -> Option<usize> {
        self.kept.iter().take(self.taken).position(|kept| kept.piece == Hearing::Flush(flush))
    }

    /// Words came that answer no flush: what was heard before them is settled.
    fn settle_words(&mut self) {
        let first_flush = self.kept.iter().position(|kept| matches!(kept.piece, Hearing::Flush(_)));
        let until = first_flush.unwrap_or(usize::MAX).min(self.taken);
        self.retain(|at, _| at >= until);
    }

    /// Joins short pieces, so that half a minute fits into the feed of a listener.
    fn join(&mut self) {
        let longest = self.rate_hz as usize * Self::LONGEST_PIECE_MS / 1_000;
        let mut joined: VecDeque<Kept> = VecDeque::new();
        for kept in self.kept.drain(..) {
            match (joined.back_mut().map(|last| &mut last.piece), kept.piece) {
                (Some(Hearing::Samples(last)), Hearing::Samples(more)) if last.len() + more.len() <= longest => {
                    last.extend_from_slice(&more);
                }
                (_, piece) => joined.push_back(Kept { piece, at: kept.at }),
            }
        }
        self.kept = joined;
    }
}

impl Memory<Transcribe> for Ears {
    fn fed(&mut self, piece: Hearing, now: Duration) {
        self.samples += length(&piece);
        self.kept.push_back(Kept { piece, at: now });
        let most = self.rate_hz as usize * Self::MOST_SECONDS;
        while self.samples > most {
            let oldest = self.kept.iter().position(|kept| matches!(kept.piece, Hearing::Samples(_)));
            let Some(kept) = oldest.and_then(|at| {
                self.taken -= usize::from(at < self.taken);
                self.kept.remove(at)
            }) else {
                break;
            };
            self.samples -= length(&kept.piece);
        }
    }

    fn next_piece(&self) -> Option<&Hearing> {
        self.kept.get(self.taken).map(|kept| &kept.piece)
    }

    fn took_piece(&mut self) {
        self.taken += 1;
    }

    fn told(&mut self, event: &mut Transcript) -> Word {
        let Transcript::Final { text, flush } = event else { return Word::Tell };
        let Some(number) = *flush else {
            self.settle_words();
            return Word::Tell;
        };
        let Some(place) = self.place_of(number) else {
            // Answered before, or never asked. Words are words; the number would count as a second answer.
            *flush = None;
            if text.trim().is_empty() {
                return Word::Drop;
            }
            self.settle_words();
            return Word::Tell;
        };
        let since = self.kept[place].at;
        // Flushes before this one are still owed, what was heard before them is not.
        self.retain(|at, piece| at > place || (at < place && matches!(piece, Hearing::Flush(_))));
        Word::Answer { since }
    }

    fn suffices(&self, _: &Transcript) -> bool {
        true
    }

    fn may_resume(&self) -> bool {
        true
    }

    fn resumed(&mut self, job: &Transcribe) -> Transcribe {
        self.taken = 0;
        self.join();
        job.clone()
    }

    fn debt(&self) -> Debt {
        let flush = self.kept.iter().find(|kept| matches!(kept.piece, Hearing::Flush(_)));
        flush.map_or(Debt::Nothing, |flush| Debt::Final { since: flush.at })
    }
}

fn length(piece: &Hearing) -> usize {
    match piece {
        Hearing::Samples(samples) => samples.len(),
        Hearing::Flush(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 8_000;

    fn ears() -> (Transcribe, Ears) {
        let job = Transcribe { language: "en-IN".into(), rate_hz: RATE_HZ };
        let ears = job.memory();
        (job, ears)
    }

    fn hear(ears: &mut Ears, pieces: &[Hearing]) {
        for piece in pieces {
            ears.fed(piece.clone(), Duration::ZERO);
        }
    }

    /// Gives the listener all there is.
    fn feed(ears: &mut Ears) -> Vec<Hearing> {
        let mut fed = Vec::new();
        while let Some(piece) = ears.next_piece().cloned() {
            ears.took_piece();
            fed.push(piece);
        }
        fed
    }

    fn samples(value: i16, length: usize) -> Hearing {
        Hearing::Samples(vec![value; length])
    }

    fn last(text: &str, flush: Option<u32>) -> Transcript {
        Transcript::Final { text: text.into(), flush }
    }

    #[test]
    fn the_next_listener_hears_what_no_final_has_settled() {
        let (job, mut ears) = ears();
        hear(&mut ears, &[samples(1, 160), samples(2, 160), Hearing::Flush(7), samples(3, 160)]);
        assert_eq!(feed(&mut ears).len(), 4);
        assert_eq!(ears.debt(), Debt::Final { since: Duration::ZERO });
        assert_eq!(ears.told(&mut last("hello", Some(7))), Word::Answer { since: Duration::ZERO });
        assert_eq!(ears.debt(), Debt::Nothing);
        hear(&mut ears, &[samples(4, 160)]);
        ears.resumed(&job);
        assert_eq!(feed(&mut ears), [Hearing::Samples([[3; 160], [4; 160]].concat())]);
    }

    #[test]
    fn words_without_a_flush_settle_what_was_heard_before_the_next_flush() {
        let (job, mut ears) = ears();
        hear(&mut ears, &[samples(1, 160), Hearing::Flush(1), samples(2, 160)]);
        feed(&mut ears);
        ears.told(&mut last("well", None));
        ears.resumed(&job);
        assert_eq!(feed(&mut ears), [Hearing::Flush(1), samples(2, 160)]);
    }

    #[test]
    fn what_the_listener_has_not_got_is_not_settled_by_what_it_says() {
        let (_, mut ears) = ears();
        hear(&mut ears, &[samples(1, 160)]);
        feed(&mut ears);
        hear(&mut ears, &[samples(2, 160)]);
        ears.told(&mut last("well", None));
        assert_eq!(feed(&mut ears), [samples(2, 160)]);
    }

    #[test]
    fn a_second_answer_is_no_answer() {
        let (_, mut ears) = ears();
        hear(&mut ears, &[Hearing::Flush(1), Hearing::Flush(2)]);
        feed(&mut ears);
        let mut twice = last("hello", Some(2));
        assert_eq!(ears.told(&mut twice), Word::Answer { since: Duration::ZERO });
        assert_eq!(ears.told(&mut twice), Word::Tell);
        assert_eq!(twice, last("hello", None));
        assert_eq!(ears.told(&mut last(" ", Some(2))), Word::Drop);
        assert_eq!(ears.debt(), Debt::Final { since: Duration::ZERO }, "the first is still owed");
    }

    #[test]
    fn half_a_minute_is_kept_in_pieces_that_a_feed_takes() {
        let (job, mut ears) = ears();
        hear(&mut ears, &[Hearing::Flush(1)]);
        feed(&mut ears);
        for at in 0..3_000_u32 {
            hear(&mut ears, &[samples((at / 50) as i16, 160)]);
            if at % 2 == 0 {
                feed(&mut ears);
            }
        }
        feed(&mut ears);
        assert_eq!(ears.next_piece(), None);
        ears.resumed(&job);
        let again = feed(&mut ears);
        assert_eq!(again[0], Hearing::Flush(1));
        assert!(again.len() <= 160 && again.len() < <Transcribe as operetta_contract::Job>::FEED_BOUND);
        let Hearing::Samples(oldest) = &again[1] else { unreachable!("samples follow") };
        assert_eq!(oldest[0], 30, "the first half of the minute is gone");
        assert_eq!(again.iter().map(length).sum::<usize>(), 30 * RATE_HZ as usize);
    }
}
