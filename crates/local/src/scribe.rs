use std::sync::Arc;

use rten::ThreadPool;
use tokio::sync::oneshot;

use crate::{
    LocalError,
    moonshine::{self, Moonshine},
    pieces::{float, resample},
    silero::Silero,
    workshop::{Craft, Ticket},
};

/// A stretch of speech to be written down.
pub(crate) struct Page {
    pub(crate) samples: Vec<i16>,
    pub(crate) rate_hz: u32,
    /// Closed when the asker is gone. Dropped without an answer when the thread loses the page.
    pub(crate) reply: oneshot::Sender<Result<String, LocalError>>,
}

/// Writes down what was said.
pub(crate) struct Scribe {
    moonshine: Arc<Moonshine>,
    silero: Silero,
    pool: Arc<ThreadPool>,
}

/// Windows of 32 ms that must be speech before words that the model did not offer by itself are believed.
const VOICED_WINDOWS: usize = 4;

impl Scribe {
    pub(crate) fn new(moonshine: Arc<Moonshine>, silero: Silero, pool: Arc<ThreadPool>) -> Self {
        Self { moonshine, silero, pool }
    }

    /// The model sometimes hears nothing in a short answer, and it hears "You" or notes of music in every noise once it may
    /// not say "nothing". So its second thought counts only where the voice detector heard speech too.
    fn write(&self, samples: Vec<i16>, rate_hz: u32) -> Result<String, LocalError> {
        let audio: Vec<f32> = resample(samples, rate_hz, moonshine::RATE_HZ)?.into_iter().map(float).collect();
        let understood = self.moonshine.transcribe(&audio, &self.pool)?;
        if understood.forced
            && (moonshine::is_invented(&understood.text) || self.silero.voiced_windows(&audio)? < VOICED_WINDOWS)
        {
            return Ok(String::new());
        }
        Ok(understood.text)
    }
}

impl Craft<Page> for Scribe {
    fn take(&mut self, page: Page, _: Ticket) {
        if page.reply.is_closed() {
            return;
        }
        let Page { samples, rate_hz, reply } = page;
        let text = self.write(samples, rate_hz);
        let _asker_gone = reply.send(text);
    }
}
