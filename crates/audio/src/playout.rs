use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{Cut, Format, played::Played};

/// The sums of outbound pacing: which bytes to send when, and what has been played.
///
/// Pure: every method that needs the time is given it, as the time since the leg opened. Time that runs backwards is
/// taken to stand still.
///
/// # The clock
/// Audio that is sent begins to play when everything sent before it has been played, or at once if nothing is
/// playing. An unbroken stretch of playing is a *run*; its positions are counted in samples from its beginning, so
/// every due time is an absolute sum and no error adds up.
///
/// A frame of duration `d`, after `s` of audio sent in this run, is due when all of these hold:
/// - **lead**: once sent, no more than `lead_ms` is unplayed; or, for a frame longer than the lead, nothing is;
/// - **pace**: `0.9 · (s - head_ms)` has passed since the run began;
/// - or nothing is playing: then it is due now and begins a new run.
///
/// # Lateness
/// A tick that is late by less than what is unplayed sends what has become due meanwhile, which is at most the lead
/// (or one frame, if that is longer): the listener notices nothing. A tick that is later than that finds nothing
/// playing, so the run is over: the gap was heard and is not made up for, the next frame begins a new run, and what
/// may be sent at once is again the head and never more than the lead. Whoever polls, and however late, one round of
/// polling sends at most `max(lead, one frame)`.
///
/// # Utterances
/// An utterance ends where [`Playout::pad_end`] or [`Playout::push_mark`] says so. Within it only whole frames are
/// cut; its last frame is padded with silence to the alignment, and an odd last byte of PCM16 is dropped. Its first
/// frame may be smaller.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// use operetta_audio::{Cut, Format, Next, Playout};
///
/// let cut = Cut { align_bytes: 1, chunk_bytes: 160, first_chunk_bytes: 160, head_ms: 40, lead_ms: 40 };
/// let mut playout = Playout::new(Format::MULAW_8K, cut);
/// playout.push_audio(Arc::from([7; 400])).unwrap();
/// playout.push_mark("utt-1".into());
///
/// let mut frame = Vec::new();
/// let at = Duration::from_millis(100);
/// assert_eq!(playout.poll(at, &mut frame), Next::Frame);
/// assert_eq!(playout.poll(at, &mut frame), Next::Frame);
/// assert_eq!(playout.poll(at, &mut frame), Next::Wait(at + Duration::from_millis(10)));
/// ```
#[derive(Debug)]
pub struct Playout {
    format: Format,
    cut: Cut,
    queue: VecDeque<Item>,
    queued_bytes: usize,
    marks: usize,
    /// The next frame is the first of an utterance.
    fresh: bool,
    /// The latest time that was given, in samples since the leg opened.
    now: u64,
    /// Where the current run began, and what has been sent in it, in samples.
    run_begins: u64,
    run_sent: u64,
    /// Samples sent since the leg opened that have been or will be played.
    sent: u64,
    played: Option<Played>,
}

#[derive(Debug)]
enum Item {
    /// Audio from byte `from` on.
    Audio {
        audio: Arc<[u8]>,
        from: usize,
    },
    /// The utterance before it is complete.
    End,
    Mark(Arc<str>),
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the frame in the buffer, then poll again.
    Frame,
    /// Send this mark, then poll again.
    Mark {
        /// The name that was pushed.
        name: Arc<str>,
        /// When everything sent before it will have been played; now or later.
        plays_at: Duration,
    },
    /// Nothing is due before this time: poll again then. Pushing does not bring it forward.
    Wait(Duration),
    /// Nothing can be sent before something is pushed: poll again after that.
    Idle,
}

/// What a barge-in threw away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Bytes that were queued and had not been sent.
    pub unsent_bytes: usize,
    /// The same in milliseconds.
    pub unsent_ms: u32,
    /// Milliseconds that had been sent and, by the clock, not been played: the carrier's to drop.
    pub unplayed_ms: u32,
    /// Marks that were queued and had not been sent.
    pub marks: usize,
}

/// More than [`MAX_QUEUED_MS`] of audio would be waiting. Nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_QUEUED_MS} ms of unsent audio expected, more was pushed")]
pub struct PlayoutFull;

/// The most audio that may wait to be sent, in milliseconds: two of the longest utterances.
pub const MAX_QUEUED_MS: u32 = 120_000;

impl Playout {
    /// An empty playout for `format`, obeying `cut` ([`Cut::sound`] is applied).
    pub fn new(format: Format, cut: Cut) -> Self {
        Self {
            format,
            cut: cut.sound(format),
            queue: VecDeque::new(),
            queued_bytes: 0,
            marks: 0,
            fresh: true,
            now: 0,
            run_begins: 0,
            run_sent: 0,
            sent: 0,
            played: None,
        }
    }

    /// The same playout, keeping what is played for [`Playout::take_played`]. Without it nothing is kept.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.played = Some(Played::new(self.format));
        self
    }

    /// The format of everything that goes in and comes out.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Queues a piece of an utterance, of any size; it need not end on a sample.
    ///
    /// # Errors
    /// [`PlayoutFull`] when it would be too much; the piece is then not queued.
    pub fn push_audio(&mut self, audio: Arc<[u8]>) -> Result<(), PlayoutFull> {
        if self.queued_bytes.saturating_add(audio.len()) > self.format.bytes_of_ms(MAX_QUEUED_MS) {
            return Err(PlayoutFull);
        }
        if !audio.is_empty() {
            self.queued_bytes += audio.len();
            self.queue.push_back(Item::Audio { audio, from: 0 });
        }
        Ok(())
    }

    /// Queues a mark. It ends the utterance before it.
    pub fn push_mark(&mut self, name: Arc<str>) {
        self.marks += 1;
        self.queue.push_back(Item::Mark(name));
    }

    /// The utterance is complete: what is left of it need not fill a frame.
    pub fn pad_end(&mut self) {
        match self.queue.back() {
            Some(Item::Audio { .. }) => self.queue.push_back(Item::End),
            Some(Item::End | Item::Mark(_)) => {}
            None => self.fresh = true,
        }
    }

    /// What to do at `at`. Poll until it says [`Next::Wait`] or [`Next::Idle`].
    ///
    /// `frame` is cleared, and filled when the answer is [`Next::Frame`].
    pub fn poll(&mut self, at: Duration, frame: &mut Vec<u8>) -> Next {
        frame.clear();
        self.advance(at);
        loop {
            match self.queue.front() {
                None => return Next::Idle,
                Some(Item::End) => {
                    self.queue.pop_front();
                    self.fresh = true;
                }
                Some(Item::Mark(_)) => {
                    let Some(Item::Mark(name)) = self.queue.pop_front() else { continue };
                    self.marks -= 1;
                    self.fresh = true;
                    return Next::Mark { name, plays_at: self.time_of(self.plays_until()) };
                }
                Some(Item::Audio { .. }) => {
                    let Some((take, frame_bytes)) = self.next_frame() else { return Next::Idle };
                    if frame_bytes == 0 {
                        // Half a sample is all that is left of the utterance.
                        self.draw(take, frame);
                        frame.clear();
                        continue;
                    }
                    let due = self.due(frame_bytes);
                    if due > self.now {
                        return Next::Wait(self.time_of(due));
                    }
                    self.draw(take, frame);
                    frame.truncate(take - take % self.format.sample_bytes());
                    frame.resize(frame_bytes, self.format.silence_byte());
                    self.account(frame);
                    return Next::Frame;
                }
            }
        }
    }

    /// Barge-in: drops everything unsent and takes what has been sent and not been played for dropped by the carrier,
    /// which must be told so. Nothing plays from now on.
    pub fn clear(&mut self, at: Duration) -> Cleared {
        self.advance(at);
        let unplayed = self.plays_until() - self.now;
        let cleared = Cleared {
            unsent_bytes: self.queued_bytes,
            unsent_ms: self.queued_ms(),
            unplayed_ms: self.ms(unplayed) as u32,
            marks: self.marks,
        };
        self.queue.clear();
        (self.queued_bytes, self.marks, self.fresh) = (0, 0, true);
        self.sent -= unplayed;
        (self.run_begins, self.run_sent) = (self.now, 0);
        if let Some(played) = &mut self.played {
            played.cut(self.now);
        }
        cleared
    }

    /// Appends to `out` what has been played between the last call and `at`, with silence where nothing was: as many
    /// bytes as that time lasts. Nothing if this playout is not [`Playout::recorded`].
    pub fn take_played(&mut self, at: Duration, out: &mut Vec<u8>) {
        self.advance(at);
        if let Some(played) = &mut self.played {
            played.take(self.now, out);
        }
    }

    /// Milliseconds that wait to be sent.
    pub fn queued_ms(&self) -> u32 {
        self.format.ms_of_bytes(self.queued_bytes)
    }

    /// Milliseconds that have been sent and, by the clock, not been played yet.
    pub fn unplayed_ms(&self, at: Duration) -> u32 {
        let now = self.samples_at(at).max(self.now);
        self.ms((self.run_begins + self.run_sent).saturating_sub(now)) as u32
    }

    /// When everything that has been sent will have been played; the past if it has been.
    pub fn plays_until_at(&self) -> Duration {
        self.time_of(self.run_begins + self.run_sent)
    }

    /// Milliseconds of audio, padding included and gaps not, that have been sent since the leg opened, less what was
    /// cleared unplayed. The difference between two moments is what an utterance took.
    pub fn sent_ms(&self) -> u64 {
        self.ms(self.sent)
    }

    /// Milliseconds of audio that have been played since the leg opened, counted like [`Playout::sent_ms`]. After a
    /// clear, the difference to where an utterance began is how much of it was heard.
    pub fn played_ms(&self, at: Duration) -> u64 {
        let now = self.samples_at(at).max(self.now);
        self.ms(self.sent - (self.run_begins + self.run_sent).saturating_sub(now))
    }

    fn advance(&mut self, at: Duration) {
        self.now = self.samples_at(at).max(self.now);
    }

    /// Where the playing of what has been sent ends; now, if it has ended.
    fn plays_until(&self) -> u64 {
        (self.run_begins + self.run_sent).max(self.now)
    }

    /// How many bytes to draw for the next frame and how long it will be; none if the utterance has to go on first.
    fn next_frame(&self) -> Option<(usize, usize)> {
        let want = if self.fresh { self.cut.first_chunk_bytes } else { self.cut.chunk_bytes };
        let mut there = 0;
        let mut ended = false;
        for item in &self.queue {
            match item {
                Item::Audio { audio, from } => there += audio.len() - from,
                Item::End | Item::Mark(_) => ended = true,
            }
            if ended || there >= want {
                break;
            }
        }
        if there >= want {
            Some((want, want))
        } else if ended {
            let whole = there - there % self.format.sample_bytes();
            Some((there, whole.next_multiple_of(self.cut.align_bytes)))
        } else {
            None
        }
    }

    /// The position at which a frame may be sent, by the rules in the type's documentation.
    fn due(&self, frame_bytes: usize) -> u64 {
        let plays_until = self.run_begins + self.run_sent;
        if plays_until <= self.now {
            return self.now;
        }
        let frame = self.samples(frame_bytes);
        let by_lead = (plays_until + frame).saturating_sub(self.samples_of_ms(self.cut.lead_ms)).min(plays_until);
        let head = self.samples_of_ms(self.cut.head_ms);
        // A head that fills the lead leaves nothing for a pace to do.
        let by_pace = if self.cut.head_ms >= self.cut.lead_ms {
            0
        } else {
            self.run_begins + self.run_sent.saturating_sub(head) * PACE_PERCENT / 100
        };
        by_lead.max(by_pace)
    }

    /// Moves `bytes` of audio from the queue to `frame`.
    fn draw(&mut self, bytes: usize, frame: &mut Vec<u8>) {
        self.queued_bytes -= bytes;
        let mut left = bytes;
        while let Some(Item::Audio { audio, from }) = self.queue.front_mut()
            && left > 0
        {
            let piece = &audio[*from..audio.len().min(*from + left)];
            frame.extend_from_slice(piece);
            left -= piece.len();
            *from += piece.len();
            if *from == audio.len() {
                self.queue.pop_front();
            }
        }
    }

    /// A frame goes out now.
    fn account(&mut self, frame: &[u8]) {
        if self.run_begins + self.run_sent <= self.now {
            (self.run_begins, self.run_sent) = (self.now, 0);
        }
        if let Some(played) = &mut self.played {
            played.place(self.run_begins + self.run_sent, frame);
        }
        let samples = self.samples(frame.len());
        self.run_sent += samples;
        self.sent += samples;
        self.fresh = false;
    }

    fn samples(&self, bytes: usize) -> u64 {
        (bytes / self.format.sample_bytes()) as u64
    }

    fn samples_of_ms(&self, ms: u32) -> u64 {
        u64::from(ms) * u64::from(self.format.rate_hz) / 1000
    }

    fn ms(&self, samples: u64) -> u64 {
        samples * 1000 / u64::from(self.format.rate_hz)
    }

    /// The last sample that has begun at `at`.
    fn samples_at(&self, at: Duration) -> u64 {
        (at.as_nanos() * u128::from(self.format.rate_hz) / NANOS) as u64
    }

    /// The first moment at which `samples_at` says `samples`.
    fn time_of(&self, samples: u64) -> Duration {
        let nanos = (u128::from(samples) * NANOS).div_ceil(u128::from(self.format.rate_hz));
        Duration::from_nanos(nanos as u64)
    }
}

const NANOS: u128 = 1_000_000_000;
/// Exotel's own samples send each chunk after 0.9 of the duration of the one before.
const PACE_PERCENT: u64 = 90;
