use std::collections::HashMap;

use operetta_contract::Detect;
use tokio::sync::mpsc;

use super::{Debounce, Edge, RATE_HZ, Silero, Stream, WINDOW};
use operetta_audio::Resampler;

use crate::{
    LocalError,
    pieces::float,
    workshop::{Craft, Ticket},
};

/// What a lane sends to the thread that listens for all calls.
pub(crate) enum Sound {
    /// A call wants to be listened to.
    Open { call: u64, detect: Detect, tell: mpsc::Sender<Sensed> },
    /// The next samples of a call, after `gap_ms` during which its gate was closed.
    Piece { call: u64, samples: Vec<i16>, gap_ms: u32 },
    /// The gate of a call has closed.
    GateClosed { call: u64 },
    /// The silence after a closed gate has lasted long enough: the lane has told the call so.
    Settled { call: u64 },
    /// The call is over.
    Close { call: u64 },
}

/// What the thread answers.
#[derive(Debug)]
pub(crate) enum Sensed {
    /// Speech began or ended.
    Edge(Edge),
    /// The gate is closed while somebody speaks: `Ended` is due in `left_ms` if nothing comes until then.
    Waiting { left_ms: u32 },
    /// The network failed; nothing more comes for this call.
    Failed(LocalError),
}

/// Listens to every call whose gate is open.
pub(crate) struct Ears {
    silero: Silero,
    calls: HashMap<u64, Call>,
    /// Streams that no call uses now: with bundled weights each is worth 1.3 MB and a millisecond.
    spare: Vec<Stream>,
    /// When there are this many calls, those that are gone are looked for.
    sweep_at: usize,
}

struct Call {
    tell: mpsc::Sender<Sensed>,
    rate_hz: u32,
    debounce: Debounce,
    /// Only while the gate is open: most calls are silent most of the time.
    open: Option<Open>,
}

/// What listening takes.
struct Open {
    stream: Stream,
    resampler: Resampler,
    /// Samples that do not fill a window yet.
    rest: Vec<i16>,
}

/// More idle streams than this are given back to the allocator.
const SPARE_STREAMS: usize = 32;
const SWEEP_AT_LEAST: usize = 64;

impl Ears {
    pub(crate) fn new(silero: Silero) -> Self {
        Self { silero, calls: HashMap::new(), spare: Vec::new(), sweep_at: SWEEP_AT_LEAST }
    }

    fn hear(&mut self, number: u64, samples: &[i16], gap_ms: u32) {
        // Taken out while it is worked on: a panic then costs this call only.
        let Some(mut call) = self.calls.remove(&number) else { return };
        if gap_ms > 0 {
            let edge = call.debounce.silence(gap_ms);
            call.report(edge);
        }
        match self.judge(&mut call, samples) {
            Ok(open) => {
                call.open = Some(open);
                self.calls.insert(number, call);
            }
            Err(error) => call.send(Sensed::Failed(error)),
        }
    }

    fn judge(&mut self, call: &mut Call, samples: &[i16]) -> Result<Open, LocalError> {
        let mut open = match call.open.take() {
            Some(open) => open,
            None => Open {
                stream: self.spare.pop().unwrap_or_else(|| self.silero.stream()),
                resampler: Resampler::new(call.rate_hz, RATE_HZ)
                    .map_err(|error| LocalError::inference("silero", "a rate that can be changed", error))?,
                rest: Vec::new(),
            },
        };
        open.resampler.push(samples, &mut open.rest);
        let (windows, rest) = open.rest.as_chunks::<WINDOW>();
        for window in windows {
            let probability = self.silero.judge(&mut open.stream, &window.map(float))?;
            let edge = call.debounce.window(probability);
            call.report(edge);
        }
        let judged = open.rest.len() - rest.len();
        open.rest.drain(..judged);
        Ok(open)
    }

    fn close_gate(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        if let Some(left_ms) = call.debounce.silence_left_ms() {
            call.send(Sensed::Waiting { left_ms });
        }
        if let Some(open) = call.open.take() {
            keep(&mut self.spare, open.stream);
        }
    }

    /// Forgets calls whose lane is gone; their last word may have found the queue full.
    fn sweep(&mut self) {
        if self.calls.len() >= self.sweep_at {
            self.calls.retain(|_, call| !call.tell.is_closed());
            self.sweep_at = 2 * self.calls.len() + SWEEP_AT_LEAST;
        }
    }
}

impl Craft<Sound> for Ears {
    fn take(&mut self, sound: Sound, _: Ticket) {
        match sound {
            Sound::Open { call, detect, tell } => {
                let threshold = f32::from(detect.threshold_percent) / 100.0;
                let debounce = Debounce::new(threshold, detect.min_speech_ms, detect.min_silence_ms);
                self.sweep();
                self.calls.insert(call, Call { tell, rate_hz: detect.rate_hz, debounce, open: None });
            }
            Sound::Piece { call, samples, gap_ms } => self.hear(call, &samples, gap_ms),
            Sound::GateClosed { call } => self.close_gate(call),
            Sound::Settled { call } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    // The lane has already told the asker.
                    let _told = call.debounce.silence(u32::MAX);
                }
            }
            Sound::Close { call } => {
                if let Some(open) = self.calls.remove(&call).and_then(|call| call.open) {
                    keep(&mut self.spare, open.stream);
                }
            }
        }
    }
}

impl Call {
    fn report(&self, edge: Option<Edge>) {
        if let Some(edge) = edge {
            self.send(Sensed::Edge(edge));
        }
    }

    /// Edges come a few times a second at most, so the channel is only full when the lane has stopped; the call then has
    /// worse troubles than a missing edge.
    fn send(&self, sensed: Sensed) {
        if self.tell.try_send(sensed).is_err() {
            tracing::debug!("an edge of speech found nobody listening");
        }
    }
}

fn keep(spare: &mut Vec<Stream>, mut stream: Stream) {
    if spare.len() < SPARE_STREAMS {
        Silero::forget(&mut stream);
        spare.push(stream);
    }
}
