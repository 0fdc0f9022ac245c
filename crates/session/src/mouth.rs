use std::{sync::Arc, time::Duration};

use bytestring::ByteString;
use operetta_audio::{Cut, Format, Next, Playout};
use operetta_call::MarkId;
use operetta_wire::{Dialect, Say};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::{ToLeg, tally::Tally};

/// The way of the agent's audio: a queue, a pace, the carrier's dialect, the leg.
pub(crate) struct Mouth {
    playout: Playout,
    format: Format,
    say: Sender<ToLeg>,
    frame: Vec<u8>,
    /// How long the last message was: the next will be about as long.
    text_len: usize,
    /// A message the leg had no room for, and since when.
    held: Option<(ToLeg, Duration)>,
    due: Option<Duration>,
    /// How long a frame that is due waits for the next ones, so that they leave together.
    gather: Duration,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// How many frames went out.
    pub(crate) frames: usize,
    /// For how long the leg has taken nothing.
    pub(crate) stalled_for: Duration,
    /// The leg is gone.
    pub(crate) lost: bool,
}

impl Mouth {
    /// How soon a full leg is tried again.
    const RETRY: Duration = Duration::from_millis(20);

    /// What part of the lead may be used up by frames that wait for each other.
    const GATHERED: u32 = 10;

    pub(crate) fn new(format: Format, cut: Cut, say: Sender<ToLeg>, recorded: bool) -> Self {
        // A frame that leaves alone costs a wake-up of the call, one of the leg, and a write. The carrier has nine tenths of
        // the lead to play meanwhile, so nobody hears whether frames of 20 ms come one by one or five at a time.
        let frame_ms = format.ms_of_bytes(cut.chunk_bytes).max(1);
        let others = (cut.lead_ms / Self::GATHERED / frame_ms).saturating_sub(1);
        let gather = Duration::from_millis(u64::from(others * frame_ms));
        let playout = Playout::new(format, cut);
        let playout = if recorded { playout.recorded() } else { playout };
        Self { playout, format, say, frame: Vec::new(), text_len: 0, held: None, due: None, gather }
    }

    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    pub(crate) const fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(crate) const fn playout(&mut self) -> &mut Playout {
        &mut self.playout
    }

    /// Queues audio. What finds no room in two minutes of queue is dropped: the agent talks too much.
    pub(crate) fn play(&mut self, audio: Arc<[u8]>, now: Duration) {
        if self.playout.push_audio(audio).is_err() {
            tracing::warn!("two minutes of speech are queued: more is dropped");
        }
        self.due = Some(now);
    }

    pub(crate) fn comfort(&mut self, ms: u32, now: Duration) {
        let silence = vec![self.format.silence_byte(); self.format.bytes_of_ms(ms)];
        self.play(silence.into(), now);
    }

    pub(crate) fn mark(&mut self, mark: MarkId, now: Duration) {
        self.playout.push_mark(mark.to_string().into());
        self.due = Some(now);
    }

    /// Drops everything unplayed, here first and then at the carrier.
    pub(crate) fn clear(&mut self, now: Duration, dialect: &mut Dialect) -> Spoken {
        self.playout.clear(now);
        let mut spoken = Spoken::default();
        // It takes the place of a message that waits for room, and its age too: a leg that takes nothing is no fresher for it.
        let since = self.held.take().map_or(now, |(_, since)| since);
        self.say(dialect, Say::Clear, since, now, &mut spoken);
        self.due = self.held.is_some().then_some(now + Self::RETRY);
        spoken
    }

    /// Nothing more is said.
    pub(crate) fn close(&mut self, now: Duration) {
        self.playout.clear(now);
        self.held = None;
        self.due = None;
    }

    /// Writes whatever is due.
    pub(crate) fn speak(&mut self, now: Duration, dialect: &mut Dialect, tally: &Tally) -> Spoken {
        let mut spoken = Spoken::default();
        if let Some((message, since)) = self.held.take() {
            self.send(message, since, now, &mut spoken);
        }
        let mut was_due = self.due.take();
        while self.held.is_none() && !spoken.lost {
            match self.playout.poll(now, &mut self.frame) {
                Next::Frame => {
                    let frame = std::mem::take(&mut self.frame);
                    self.say(dialect, Say::Media(&frame), now, now, &mut spoken);
                    self.frame = frame;
                    spoken.frames += 1;
                    if let Some(due) = was_due.take() {
                        tally.pacer_lateness.observe(&Tally::PACE_BOUNDS, now.saturating_sub(due));
                    }
                }
                Next::Mark { name, .. } => self.say(dialect, Say::Mark(&name), now, now, &mut spoken),
                Next::Wait(due) => {
                    // The end of an utterance, and the mark behind it, wait for nobody.
                    let goes_on = u128::from(self.playout.queued_ms()) > 2 * self.gather.as_millis();
                    self.due = Some(if goes_on { due + self.gather } else { due });
                    return spoken;
                }
                Next::Idle => return spoken,
            }
        }
        self.due = Some(now + Self::RETRY);
        spoken
    }

    fn say(&mut self, dialect: &mut Dialect, say: Say<'_>, since: Duration, now: Duration, spoken: &mut Spoken) {
        let mut text = String::with_capacity(self.text_len);
        match dialect.encode(say, &mut text) {
            Ok(()) => {
                self.text_len = self.text_len.max(text.len());
                self.send(ToLeg::Text(ByteString::from(text)), since, now, spoken);
            }
            Err(error) => tracing::error!(code = error.code(), "a message to the carrier cannot be written"),
        }
    }

    fn send(&mut self, message: ToLeg, since: Duration, now: Duration, spoken: &mut Spoken) {
        match self.say.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => {
                // Control that finds no room takes the place of media: it is what the caller's turn depends on.
                spoken.stalled_for = now.saturating_sub(since);
                self.held = Some((message, since));
            }
            Err(TrySendError::Closed(_)) => spoken.lost = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operetta_wire::Line;
    use tokio::sync::mpsc;

    #[test]
    fn a_clear_that_finds_the_leg_full_is_tried_again() {
        let mut dialect = Dialect::new(Line::twilio());
        let start = r#"{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1"}}"#;
        dialect.decode(start, &mut Vec::new()).expect("a start");
        let (say, mut leg) = mpsc::channel(1);
        let (tally, ms) = (Tally::default(), Duration::from_millis);
        let mut mouth = Mouth::new(Format::MULAW_8K, dialect.cut(), say, false);
        mouth.play(vec![0xFF; 8000].into(), ms(0));
        mouth.speak(ms(0), &mut dialect, &tally);
        let cleared = mouth.clear(ms(500), &mut dialect);
        assert_eq!(cleared.stalled_for, ms(500), "the leg has taken nothing since the frame that waited");
        assert_eq!(mouth.due(), Some(ms(520)));
        leg.try_recv().expect("the frame that was there before");
        mouth.speak(ms(520), &mut dialect, &tally);
        assert!(matches!(leg.try_recv(), Ok(ToLeg::Text(text)) if text.contains(r#""clear""#)));
        assert_eq!(mouth.due(), None, "nothing more is said");
    }

    /// An open mouth and its leg, a second ahead of the ear, with six seconds and a mark to say.
    fn talking(frame_bytes: usize) -> (Mouth, Dialect, mpsc::Receiver<ToLeg>) {
        let mut dialect = Dialect::new(Line { chunk_bytes: Some(frame_bytes), ..Line::twilio() });
        let start = r#"{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1"}}"#;
        dialect.decode(start, &mut Vec::new()).expect("a start");
        let (say, leg) = mpsc::channel(1000);
        let mut mouth = Mouth::new(Format::MULAW_8K, Cut { lead_ms: 1000, ..dialect.cut() }, say, false);
        mouth.play(vec![0xFF; 48_000].into(), Duration::ZERO);
        mouth.mark(MarkId::from_name("utt-1").expect("a mark"), Duration::ZERO);
        (mouth, dialect, leg)
    }

    /// When something went out, in ms, and how many frames.
    fn departures(mouth: &mut Mouth, dialect: &mut Dialect) -> Vec<(u128, usize)> {
        let mut departures = Vec::new();
        while let Some(due) = mouth.due() {
            let spoken = mouth.speak(due, dialect, &Tally::default());
            departures.push((due.as_millis(), spoken.frames));
            assert!((900..=1000).contains(&mouth.playout().unplayed_ms(due)), "{departures:?}");
        }
        departures
    }

    #[test]
    fn short_frames_leave_together_and_the_end_of_an_utterance_in_time() {
        let (mut mouth, mut dialect, mut leg) = talking(160);
        let departures = departures(&mut mouth, &mut dialect);
        assert_eq!(departures[..3], [(0, 50), (100, 5), (200, 5)]);
        assert_eq!(departures.last(), Some(&(5000, 1)), "as if they had left one by one");
        assert_eq!(departures.iter().map(|(_, frames)| frames).sum::<usize>(), 300);
        let mut last = None;
        while let Ok(ToLeg::Text(text)) = leg.try_recv() {
            last = Some(text);
        }
        assert!(last.is_some_and(|text| text.contains(r#""mark""#)));
    }

    #[test]
    fn frames_that_are_long_already_leave_one_by_one() {
        let (mut mouth, mut dialect, _leg) = talking(800);
        let departures = departures(&mut mouth, &mut dialect);
        assert_eq!(departures[..3], [(0, 10), (100, 1), (200, 1)]);
    }
}
