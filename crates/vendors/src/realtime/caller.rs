use std::{collections::VecDeque, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use operetta_audio::{Format, ResampleError, Resampler, g711};
use operetta_contract::{Exchange, Outgoing};
use serde_json::json;

/// The caller's audio on its way to the server, and the silence behind it.
#[derive(Debug)]
pub(super) struct Caller {
    rate_hz: u32,
    resampler: Resampler,
    wire: Format,
    /// The server hears the caller speak.
    speaking: bool,
    /// Audio stands for the time until now as far as this.
    covered: Duration,
    /// The caller was last heard then; `None` before their first word.
    heard_at: Option<Duration>,
    sent_bytes: u64,
}

impl Caller {
    pub(super) fn new(rate_hz: u32, wire: Format) -> Result<Self, ResampleError> {
        Ok(Self {
            rate_hz,
            resampler: Resampler::new(rate_hz, wire.rate_hz)?,
            wire,
            speaking: false,
            covered: Duration::ZERO,
            heard_at: None,
            sent_bytes: 0,
        })
    }

    pub(super) const fn begin(&mut self, now: Duration) {
        self.covered = now;
    }

    /// The next samples.
    pub(super) fn hear(&mut self, now: Duration, samples: &[i16]) -> Option<Outgoing> {
        let mut resampled = Vec::with_capacity(samples.len() * self.wire.rate_hz as usize / self.rate_hz as usize + 64);
        self.resampler.push(samples, &mut resampled);
        (self.covered, self.heard_at) = (self.covered.max(now), Some(now));
        self.append(&resampled)
    }

    /// What the server's detector says.
    pub(super) const fn speaks(&mut self, speaking: bool) {
        self.speaking = speaking;
    }

    /// When silence is due; `None` when the server needs none.
    pub(super) fn silence_at(&self) -> Option<Duration> {
        let heard_at = self.heard_at?;
        let end = heard_at + if self.speaking { LONGEST_SILENCE } else { SILENCE_BEHIND };
        (self.covered < end).then(|| self.covered + SILENCE)
    }

    /// Covers the time until `now` with silence if it is due.
    pub(super) fn be_silent(&mut self, now: Duration) -> Option<Outgoing> {
        if self.silence_at().is_none_or(|at| now < at) {
            return None;
        }
        let gap = now.saturating_sub(self.covered).min(LONGEST_FILL);
        self.covered = now;
        let mut samples = Vec::new();
        // The end of the last word, which the filter has held back.
        self.resampler.flush(&mut samples);
        samples.resize(samples.len() + (gap.as_millis() as usize * self.wire.rate_hz as usize / 1000), 0);
        self.append(&samples)
    }

    /// When the server must have heard the caller stop, if it heard them begin; it takes `patience` of silence for that.
    pub(super) fn must_stop_by(&self, patience: Duration) -> Option<Duration> {
        let heard_at = self.heard_at.filter(|_| self.speaking)?;
        Some(heard_at + patience + ROUND_TRIP)
    }

    /// How much audio was sent, in ms.
    pub(super) fn sent_ms(&self) -> u32 {
        u32::try_from(self.sent_bytes * 1000 / self.wire.bytes_per_second() as u64).unwrap_or(u32::MAX)
    }

    fn append(&mut self, samples: &[i16]) -> Option<Outgoing> {
        if samples.is_empty() {
            return None;
        }
        let mut bytes = Vec::with_capacity(samples.len() * self.wire.sample_bytes());
        g711::encode_into(self.wire.encoding, samples, &mut bytes);
        self.sent_bytes += bytes.len() as u64;
        let message = json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(&bytes)});
        Some(Outgoing::Text(message.to_string()))
    }
}

/// What the caller said, in the order in which they said it: transcripts come in any.
#[derive(Debug, Default)]
pub(super) struct Heard {
    items: VecDeque<(String, Option<String>)>,
}

impl Heard {
    /// Something was said that a transcript may come for.
    pub(super) fn expect(&mut self, item: &str, out: &mut Vec<Exchange>) {
        self.items.push_back((item.to_owned(), None));
        if self.items.len() > MOST_UNKNOWN {
            // This one is not coming any more, and those behind it wait.
            if let Some((_, Some(text))) = self.items.pop_front() {
                say(&text, out);
            }
            self.give(out);
        }
    }

    /// The transcript has come; empty when there is none.
    pub(super) fn know(&mut self, item: &str, text: &str, out: &mut Vec<Exchange>) {
        match self.items.iter_mut().find(|(other, _)| other == item) {
            Some((_, known)) => *known = Some(text.to_owned()),
            // Nobody said that it would come.
            None => say(text, out),
        }
        self.give(out);
    }

    fn give(&mut self, out: &mut Vec<Exchange>) {
        while let Some((_, Some(_))) = self.items.front() {
            if let Some((_, Some(text))) = self.items.pop_front() {
                say(&text, out);
            }
        }
    }
}

fn say(text: &str, out: &mut Vec<Exchange>) {
    let text = text.trim();
    if !text.is_empty() {
        out.push(Exchange::CallerSaid(text.into()));
    }
}

/// So much silence is sent at once.
const SILENCE: Duration = Duration::from_millis(100);
/// How long silence follows the caller's words when the server does not hear them speak: it may be about to.
const SILENCE_BEHIND: Duration = Duration::from_secs(2);
/// What the server may take to say that the caller has stopped, beyond the silence that it wants.
const ROUND_TRIP: Duration = Duration::from_millis(1500);
/// How long it follows them while the server does: detection by meaning waits for 8 s at most.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// A gap longer than this is not made up for.
const LONGEST_FILL: Duration = Duration::from_secs(1);
/// Transcripts that are waited for at once.
const MOST_UNKNOWN: usize = 3;
