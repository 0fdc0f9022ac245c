//! What pacing promises, first by example, then for any order of calls.

use std::{sync::Arc, time::Duration};

use operetta_audio::{Cleared, Cut, Encoding, Format, MAX_QUEUED_MS, Next, Playout, PlayoutFull};
use proptest::prelude::*;

const EXOTEL: Cut = Cut { align_bytes: 320, chunk_bytes: 3200, first_chunk_bytes: 1600, head_ms: 100, lead_ms: 800 };
const TWILIO: Cut = Cut { align_bytes: 1, chunk_bytes: 160, first_chunk_bytes: 160, head_ms: 200, lead_ms: 200 };

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn audio(bytes: usize, value: u8) -> Arc<[u8]> {
    vec![value; bytes].into()
}

/// Everything that is sent at `at`: lengths of frames, and what polling ended with.
fn round(playout: &mut Playout, at: Duration) -> (Vec<usize>, Next) {
    let (mut frames, mut frame) = (Vec::new(), Vec::new());
    loop {
        match playout.poll(at, &mut frame) {
            Next::Frame => frames.push(frame.len()),
            other => return (frames, other),
        }
    }
}

#[test]
fn exotel_gets_a_small_first_chunk_and_then_one_each_nine_tenths() {
    let mut playout = Playout::new(Format::PCM16_8K, EXOTEL);
    playout.push_audio(audio(16_000 * 3, 1)).unwrap();
    // 100 ms and, since the head allows it, the next 200 ms; then each chunk at 0.9 of what went before it.
    assert_eq!(round(&mut playout, ms(0)), (vec![1600, 3200], Next::Wait(ms(180))));
    assert_eq!(round(&mut playout, ms(179)), (vec![], Next::Wait(ms(180))));
    assert_eq!(round(&mut playout, ms(180)), (vec![3200], Next::Wait(ms(360))));
    assert_eq!(round(&mut playout, ms(360)), (vec![3200], Next::Wait(ms(540))));
    let mut at = ms(540);
    for _ in 0..11 {
        let (frames, next) = round(&mut playout, at);
        assert_eq!(frames.len(), 1);
        assert!(playout.unplayed_ms(at) <= 800);
        let Next::Wait(due) = next else { break };
        at = due;
    }
    assert_eq!(playout.queued_ms(), 100, "the last half chunk waits for the end of the utterance");
    playout.pad_end();
    assert_eq!(round(&mut playout, ms(3000)), (vec![1600], Next::Idle));
}

#[test]
fn the_last_chunk_is_padded_and_half_a_sample_is_dropped() {
    let mut playout = Playout::new(Format::PCM16_8K, EXOTEL);
    playout.push_audio(audio(321, 9)).unwrap();
    let mut frame = Vec::new();
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Idle);
    playout.pad_end();
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Frame);
    assert_eq!(frame, [9; 320]);
    playout.push_audio(audio(323, 9)).unwrap();
    playout.push_mark("a".into());
    playout.push_audio(audio(1, 9)).unwrap();
    playout.pad_end();
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Frame);
    assert_eq!(frame[..322], [9; 322]);
    assert_eq!(frame[322..], [0; 318]);
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Mark { name: "a".into(), plays_at: ms(60) });
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Idle);
    assert_eq!((playout.queued_ms(), frame.len()), (0, 0));
}

#[test]
fn g711_is_padded_with_its_own_silence() {
    let mut playout = Playout::new(Format::MULAW_8K, Cut { align_bytes: 160, ..TWILIO });
    playout.push_audio(audio(159, 7)).unwrap();
    playout.pad_end();
    let mut frame = Vec::new();
    assert_eq!(playout.poll(ms(0), &mut frame), Next::Frame);
    assert_eq!((frame[158], frame[159]), (7, 0xFF));
}

#[test]
fn a_mark_says_when_the_audio_before_it_has_played() {
    let mut playout = Playout::new(Format::MULAW_8K, TWILIO);
    playout.push_mark("empty".into());
    assert_eq!(round(&mut playout, ms(70)).1, Next::Mark { name: "empty".into(), plays_at: ms(70) });
    playout.push_audio(audio(800, 1)).unwrap();
    playout.push_mark("utt-1".into());
    assert_eq!(round(&mut playout, ms(80)).1, Next::Mark { name: "utt-1".into(), plays_at: ms(180) });
}

#[test]
fn a_tick_late_by_less_than_the_lead_catches_up_and_nobody_hears_it() {
    let mut playout = Playout::new(Format::MULAW_8K, TWILIO);
    playout.push_audio(audio(8000, 1)).unwrap();
    assert_eq!(round(&mut playout, ms(0)).0.len(), 10);
    assert_eq!(round(&mut playout, ms(150)).0.len(), 7);
    assert_eq!(playout.unplayed_ms(ms(150)), 190);
    assert_eq!(playout.plays_until_at(), ms(340), "still the first run");
}

#[test]
fn a_tick_late_by_more_than_the_lead_starts_again_without_a_burst() {
    let mut playout = Playout::new(Format::MULAW_8K, TWILIO).recorded();
    playout.push_audio(audio(8000, 1)).unwrap();
    assert_eq!(round(&mut playout, ms(0)).0.len(), 10);
    // 700 ms late: 500 ms were silent and stay so.
    assert_eq!(round(&mut playout, ms(700)).0.len(), 10);
    assert_eq!(playout.plays_until_at(), ms(900));
    let mut record = Vec::new();
    playout.take_played(ms(800), &mut record);
    assert_eq!(record.len(), 6400);
    assert_eq!(
        (&record[..1600], &record[1600..5600], &record[5600..]),
        (&[1; 1600][..], &[0xFF; 4000][..], &[1; 800][..])
    );
}

#[test]
fn a_frame_longer_than_the_lead_waits_until_nothing_plays() {
    let cut = Cut { align_bytes: 320, chunk_bytes: 74_880, first_chunk_bytes: 1600, head_ms: 100, lead_ms: 800 };
    let mut playout = Playout::new(Format::PCM16_8K, cut);
    playout.push_audio(audio(74_880 * 2 + 1600, 1)).unwrap();
    assert_eq!(round(&mut playout, ms(0)), (vec![1600], Next::Wait(ms(100))));
    assert_eq!(round(&mut playout, ms(100)), (vec![74_880], Next::Wait(ms(100 + 4680))));
}

#[test]
fn clear_throws_away_what_nobody_has_heard() {
    let mut playout = Playout::new(Format::MULAW_8K, TWILIO).recorded();
    playout.push_audio(audio(4000, 1)).unwrap();
    playout.push_mark("utt-1".into());
    round(&mut playout, ms(100));
    let cleared = playout.clear(ms(250));
    assert_eq!(cleared, Cleared { unsent_bytes: 2400, unsent_ms: 300, unplayed_ms: 50, marks: 1 });
    assert_eq!((playout.sent_ms(), playout.played_ms(ms(250)), playout.queued_ms()), (150, 150, 0));
    assert_eq!(round(&mut playout, ms(260)), (vec![], Next::Idle));
    // What is said next plays at once: the clock does not believe that the old audio is still in the way.
    playout.push_audio(audio(160, 2)).unwrap();
    assert_eq!(round(&mut playout, ms(300)).0, [160]);
    assert_eq!(playout.plays_until_at(), ms(320));
    let mut record = Vec::new();
    playout.take_played(ms(330), &mut record);
    let expected = [vec![0xFF; 800], vec![1; 1200], vec![0xFF; 400], vec![2; 160], vec![0xFF; 80]].concat();
    assert_eq!(record, expected);
    assert_eq!(playout.clear(ms(400)), Cleared::default());
}

#[test]
fn the_queue_is_bounded() {
    let mut playout = Playout::new(Format::MULAW_8K, TWILIO);
    let minute = audio(8000 * 60, 1);
    for _ in 0..MAX_QUEUED_MS / 60_000 {
        playout.push_audio(Arc::clone(&minute)).unwrap();
    }
    assert_eq!(playout.push_audio(audio(1, 1)), Err(PlayoutFull));
    playout.clear(ms(0));
    playout.push_audio(minute).unwrap();
}

#[test]
fn an_hour_adds_up_to_the_sample() {
    let format = Format { encoding: Encoding::Pcm16, rate_hz: 24_000 };
    let cut = Cut { align_bytes: 320, chunk_bytes: 3840, first_chunk_bytes: 3840, head_ms: 100, lead_ms: 800 };
    let mut playout = Playout::new(format, cut);
    let piece = audio(48_000, 1);
    let (mut at, mut frame, mut bytes) = (ms(0), Vec::new(), 0_usize);
    while at < Duration::from_hours(1) {
        match playout.poll(at, &mut frame) {
            Next::Frame => bytes += frame.len(),
            // Each timer fires a little late, by a varying amount; none of it adds up.
            Next::Wait(due) => at = due + Duration::from_micros((bytes as u64 * 7919) % 3000),
            Next::Idle => playout.push_audio(Arc::clone(&piece)).unwrap(),
            Next::Mark { .. } => unreachable!("none was pushed"),
        }
    }
    let ahead = playout.unplayed_ms(Duration::from_hours(1));
    let played = bytes as u64 / 48 - u64::from(ahead);
    assert!(played.abs_diff(3_600_000) <= 1, "{played}");
    assert!((700..=800).contains(&ahead), "{ahead}");
}

/// What may be done to a playout.
#[derive(Clone, Debug)]
enum Act {
    Push(usize),
    Mark,
    End,
    /// Let this many microseconds pass, then send what is due.
    Poll(u64),
    /// Sleep exactly as long as it said.
    PollWhenDue,
    Clear,
    Take,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (1_usize..6000).prop_map(Act::Push),
        1 => Just(Act::Mark),
        1 => Just(Act::End),
        4 => (0_u64..60_000).prop_map(Act::Poll),
        1 => (60_000_u64..3_000_000).prop_map(Act::Poll),
        6 => Just(Act::PollWhenDue),
        1 => Just(Act::Clear),
        2 => Just(Act::Take),
    ];
    proptest::collection::vec(act, 1..120)
}

fn lines() -> impl Strategy<Value = (Format, Cut)> {
    let format = prop_oneof![
        Just(Format::MULAW_8K),
        Just(Format::PCM16_8K),
        Just(Format { encoding: Encoding::Pcm16, rate_hz: 16_000 }),
        Just(Format { encoding: Encoding::Pcm16, rate_hz: 24_000 }),
    ];
    let cut = (prop_oneof![Just(1_usize), Just(160), Just(320)], 1_usize..8000, 1_usize..4000, 0_u32..500, 0_u32..1000);
    (format, cut).prop_map(|(format, (align_bytes, chunk_bytes, first_chunk_bytes, head_ms, lead_ms))| {
        (format, Cut { align_bytes, chunk_bytes, first_chunk_bytes, head_ms, lead_ms }.sound(format))
    })
}

/// A playout, and an independent account of what it must have done.
struct Check {
    playout: Playout,
    format: Format,
    cut: Cut,
    at: Duration,
    due: Option<Duration>,
    /// Every byte carries its number, so order and age can be read off; 0 is kept for padding.
    number: u64,
    pushed: u64,
    sent: u64,
    padded: u64,
    cleared: u64,
    dropped: u64,
    /// Bytes numbered lower than this were pushed before the last clear.
    oldest: u64,
    next_number: u64,
    record: Vec<u8>,
    /// The play timeline, reckoned anew: each frame begins where the one before it ended, or now.
    timeline: Vec<u8>,
}

impl Check {
    fn new(format: Format, cut: Cut) -> Self {
        Self {
            playout: Playout::new(format, cut).recorded(),
            format,
            cut,
            at: ms(0),
            due: None,
            number: 0,
            pushed: 0,
            sent: 0,
            padded: 0,
            cleared: 0,
            dropped: 0,
            oldest: 0,
            next_number: 0,
            record: Vec::new(),
            timeline: Vec::new(),
        }
    }

    fn byte(number: u64) -> u8 {
        (number % 251) as u8 + 1
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Push(bytes) => {
                let piece: Vec<u8> = (0..*bytes as u64).map(|offset| Self::byte(self.number + offset)).collect();
                if self.playout.push_audio(piece.into()).is_ok() {
                    self.number += *bytes as u64;
                    self.pushed += *bytes as u64;
                }
            }
            Act::Mark => self.playout.push_mark("m".into()),
            Act::End => self.playout.pad_end(),
            Act::Poll(micros) => {
                self.at += Duration::from_micros(*micros);
                self.poll();
            }
            Act::PollWhenDue => {
                self.at = self.due.take().unwrap_or(self.at).max(self.at);
                self.poll();
            }
            Act::Clear => {
                let cleared = self.playout.clear(self.at);
                self.cleared += cleared.unsent_bytes as u64;
                self.oldest = self.number;
                self.next_number = self.number;
                assert_eq!(self.playout.unplayed_ms(self.at), 0);
                self.timeline.truncate(self.bytes_now());
                self.due = None;
            }
            Act::Take => self.take(),
        }
    }

    fn bytes_now(&self) -> usize {
        let samples = self.at.as_nanos() * u128::from(self.format.rate_hz) / 1_000_000_000;
        samples as usize * self.format.sample_bytes()
    }

    fn take(&mut self) {
        self.playout.take_played(self.at, &mut self.record);
        let mut expected = self.timeline.clone();
        expected.resize(self.bytes_now(), self.format.silence_byte());
        assert_eq!(self.record.len(), expected.len());
        assert!(self.record == expected, "the record is not what was played");
    }

    /// One round of polling: everything that is sent at this moment.
    fn poll(&mut self) {
        // A recorder that stays away for half a minute loses sound; this one does not.
        self.take();
        let mut frame = Vec::new();
        let mut in_round = 0;
        let mut largest = 0;
        loop {
            match self.playout.poll(self.at, &mut frame) {
                Next::Frame => {
                    let plays_at = self.timeline.len().max(self.bytes_now());
                    self.timeline.resize(plays_at, self.format.silence_byte());
                    self.timeline.extend_from_slice(&frame);
                    self.frame(&frame);
                    in_round += frame.len();
                    largest = largest.max(frame.len());
                    let lead = self.format.bytes_of_ms(self.cut.lead_ms).max(largest);
                    let unplayed = self.format.bytes_of_ms(self.playout.unplayed_ms(self.at));
                    assert!(unplayed <= lead, "{unplayed} B ahead, {lead} B allowed");
                }
                Next::Mark { plays_at, .. } => assert!(plays_at + ms(1) >= self.at),
                Next::Wait(due) => {
                    assert!(due > self.at, "waits for the past");
                    self.due = Some(due);
                    break;
                }
                Next::Idle => {
                    self.due = None;
                    break;
                }
            }
        }
        let bound = self.format.bytes_of_ms(self.cut.lead_ms).max(largest);
        assert!(in_round <= bound, "{in_round} B at once, {bound} B allowed");
    }

    fn frame(&mut self, frame: &[u8]) {
        assert_eq!(frame.len() % self.cut.align_bytes, 0, "not aligned");
        assert!(frame.len() <= self.cut.chunk_bytes);
        assert!(!frame.is_empty());
        // What was pushed before is sent before; a dropped half sample is the only thing that may be missing.
        let silence = self.format.silence_byte();
        let mut content = frame.len();
        for (index, &byte) in frame.iter().enumerate() {
            if byte != Self::byte(self.next_number) {
                let skipped = Self::byte(self.next_number + 1);
                // Half a sample that ended the utterance before this one.
                let half = index == 0 && self.format.sample_bytes() == 2 && byte == skipped;
                if half {
                    self.next_number += 1;
                    self.dropped += 1;
                } else {
                    assert!(frame[index..].iter().all(|&rest| rest == silence), "out of order");
                    content = index;
                    break;
                }
            }
            self.next_number += 1;
        }
        assert_eq!(content % self.format.sample_bytes(), 0, "half a sample was sent");
        assert!(self.next_number >= self.oldest);
        self.sent += content as u64;
        self.padded += (frame.len() - content) as u64;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_order_of_calls_keeps_the_promises((format, cut) in lines(), acts in acts()) {
        let mut check = Check::new(format, cut);
        for act in &acts {
            check.act(act);
        }
        // Nothing is lost or made up: whatever went in was sent, was cleared, or is still there.
        let rest = check.playout.clear(check.at).unsent_bytes as u64;
        let accounted = check.sent + check.cleared + check.dropped + rest;
        // Half samples that were dropped last of all have left no trace yet; there is at most one for each end.
        let ends = acts.iter().filter(|act| matches!(act, Act::Mark | Act::End)).count() as u64;
        prop_assert!(accounted <= check.pushed && check.pushed - accounted <= ends, "{accounted} of {}", check.pushed);
    }
}
