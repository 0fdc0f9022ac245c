use std::time::Duration;

use operetta_audio::{Encoding, Format, g711};
use operetta_contract::Outgoing;

/// The audio of one connection as its server gets it: the caller's, and silence of ours where there is none.
///
/// Positions are milliseconds from the first sample of the connection, which is how every server counts.
#[derive(Debug)]
pub(super) struct Line {
    format: Format,
    /// A message holds at least and at most so many bytes.
    least: usize,
    most: usize,
    /// What is not yet enough for a message.
    waiting: Vec<u8>,
    /// Samples so far, waiting ones included.
    length: u64,
    /// The end of the last piece that may have been speech, in samples.
    voiced: u64,
    /// Audio stands for the time until now as far as this, on the clock of the socket.
    covered: Duration,
    /// The caller was last heard then.
    heard_at: Duration,
    /// Something was last sent then, audio or not.
    sent_at: Duration,
}

impl Line {
    /// A line whose messages hold `least_ms` to `most_ms` of audio.
    pub(super) fn new(format: Format, least_ms: u32, most_ms: u32) -> Self {
        let sample = format.sample_bytes();
        Self {
            format,
            least: format.bytes_of_ms(least_ms).max(sample),
            most: format.bytes_of_ms(most_ms).max(sample),
            waiting: Vec::new(),
            length: 0,
            voiced: 0,
            covered: Duration::ZERO,
            heard_at: Duration::ZERO,
            sent_at: Duration::ZERO,
        }
    }

    /// Time begins to be covered.
    pub(super) fn begin(&mut self, now: Duration) {
        (self.covered, self.heard_at, self.sent_at) = (now, now, now);
    }

    /// The time until now stays without audio: nobody has spoken in it.
    pub(super) fn skip(&mut self, now: Duration) {
        self.covered = self.covered.max(now);
    }

    /// Takes the next samples of the caller.
    pub(super) fn hear(&mut self, now: Duration, samples: &[i16], send: &mut Vec<Outgoing>) {
        g711::encode_into(self.format.encoding, samples, &mut self.waiting);
        self.length += samples.len() as u64;
        if !is_quiet(samples) {
            self.voiced = self.length;
        }
        self.covered = self.covered.max(now);
        self.heard_at = now;
        self.send_whole(now, send);
    }

    /// Covers the time until `now` with silence.
    pub(super) fn fill(&mut self, now: Duration, send: &mut Vec<Outgoing>) {
        let gap = now.saturating_sub(self.covered).min(LONGEST_FILL);
        self.covered = self.covered.max(now);
        self.be_silent(now, gap.as_millis() as u32, send);
    }

    /// Sends `ms` of silence.
    pub(super) fn be_silent(&mut self, now: Duration, ms: u32, send: &mut Vec<Outgoing>) {
        let bytes = self.format.bytes_of_ms(ms);
        self.pad(bytes);
        self.send_whole(now, send);
    }

    /// Sends what waits, filled up with silence if it is too little for a message.
    pub(super) fn push_out(&mut self, now: Duration, send: &mut Vec<Outgoing>) {
        if !self.waiting.is_empty() {
            self.pad(self.least.saturating_sub(self.waiting.len()));
            self.sent_at = now;
            send.push(Outgoing::Binary(std::mem::take(&mut self.waiting)));
        }
    }

    /// Something else was sent.
    pub(super) const fn note_sent(&mut self, now: Duration) {
        self.sent_at = now;
    }

    /// When something was last sent.
    pub(super) const fn sent_at(&self) -> Duration {
        self.sent_at
    }

    /// When the caller was last heard.
    pub(super) const fn heard_at(&self) -> Duration {
        self.heard_at
    }

    /// How far time is covered.
    pub(super) const fn covered(&self) -> Duration {
        self.covered
    }

    /// The end of all audio so far, in ms.
    pub(super) const fn length_ms(&self) -> u64 {
        self.ms(self.length)
    }

    /// The end of what may have been speech, in ms; 0 when nothing was.
    pub(super) const fn voiced_ms(&self) -> u64 {
        self.ms(self.voiced)
    }

    const fn ms(&self, samples: u64) -> u64 {
        samples * 1000 / self.format.rate_hz as u64
    }

    fn pad(&mut self, bytes: usize) {
        let bytes = bytes - bytes % self.format.sample_bytes();
        self.waiting.resize(self.waiting.len() + bytes, self.format.silence_byte());
        self.length += (bytes / self.format.sample_bytes()) as u64;
    }

    fn send_whole(&mut self, now: Duration, send: &mut Vec<Outgoing>) {
        while self.waiting.len() >= self.least {
            let rest = self.waiting.split_off(self.waiting.len().min(self.most));
            send.push(Outgoing::Binary(std::mem::replace(&mut self.waiting, rest)));
            self.sent_at = now;
        }
    }
}

/// The name of an encoding in the APIs that say `linear16`, `mulaw` and `alaw`.
pub(super) const fn deepgram_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Pcm16 => "linear16",
        Encoding::Mulaw => "mulaw",
        Encoding::Alaw => "alaw",
    }
}

/// Whether nobody can have spoken in `samples`: below -56 dB of full scale, a little above where the voice gate begins to open.
pub(super) fn is_quiet(samples: &[i16]) -> bool {
    level(samples) < QUIET_RMS
}

/// The root mean square of `samples`.
pub(super) fn level(samples: &[i16]) -> u64 {
    let energy: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    (energy / samples.len().max(1) as u64).isqrt()
}

/// Root mean square below which a piece counts as quiet.
const QUIET_RMS: u64 = 52;
/// A gap longer than this is not made up for: nobody waited for what was said in it.
const LONGEST_FILL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(send: &[Outgoing]) -> Vec<usize> {
        send.iter()
            .map(|message| match message {
                Outgoing::Binary(bytes) => bytes.len(),
                Outgoing::Text(text) => panic!("expected audio, came {text}"),
            })
            .collect()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn frames_are_grouped_and_long_pieces_are_cut() {
        let mut line = Line::new(Format::PCM16_8K, 50, 1000);
        let mut send = Vec::new();
        for at in 1..=5 {
            line.hear(ms(at * 20), &[900; 160], &mut send);
        }
        assert_eq!(lengths(&send), [960], "three frames of 20 ms; two wait");
        line.push_out(ms(110), &mut send);
        assert_eq!(lengths(&send), [960, 800], "filled up to 50 ms");
        assert_eq!((line.length_ms(), line.voiced_ms()), (110, 100));
        send.clear();
        line.hear(ms(200), &vec![900; 20_000], &mut send);
        assert_eq!(lengths(&send), [16_000, 16_000, 8_000]);
        line.push_out(ms(200), &mut send);
        line.hear(ms(200), &[], &mut send);
        assert_eq!(send.len(), 3, "nothing waits, and nothing empty is sent");
    }

    #[test]
    fn time_is_covered_once() {
        let mut line = Line::new(Format::MULAW_8K, 20, 250);
        let mut send = Vec::new();
        line.begin(ms(1000));
        line.fill(ms(1100), &mut send);
        assert_eq!(send, [Outgoing::Binary(vec![0xFF; 800])]);
        line.hear(ms(1150), &[0; 320], &mut send);
        assert_eq!(line.covered(), ms(1150));
        send.clear();
        line.fill(ms(1150), &mut send);
        assert!(send.is_empty());
        line.fill(ms(60_000), &mut send);
        assert_eq!(lengths(&send), [2000; 4], "a second at most");
        assert_eq!((line.heard_at(), line.sent_at()), (ms(1150), ms(60_000)));
    }

    #[test]
    fn quiet_is_no_voice() {
        assert!(is_quiet(&[]) && is_quiet(&[40; 160]) && !is_quiet(&[60; 160]));
        let mut line = Line::new(Format::PCM16_8K, 20, 250);
        line.hear(ms(20), &[20; 160], &mut Vec::new());
        assert_eq!(line.voiced_ms(), 0);
    }
}
