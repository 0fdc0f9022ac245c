use std::{path::Path, sync::Arc, sync::mpsc, thread};

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use operetta_audio::Resampler;
use operetta_caller::{AgentSpeech, Transcriber};
use operetta_local::moonshine::{MAX_SAMPLES, Moonshine, RATE_HZ, is_invented};
use rten::ThreadPool;
use tokio::sync::oneshot;

/// Makes out the agent's words with the embedded recogniser, on one thread of its own: the call's clock runs on ours.
pub(super) struct Words(mpsc::SyncSender<(AgentSpeech, oneshot::Sender<Option<String>>)>);

impl Words {
    /// Loads the model from `models` in the background; `None` if it is not there. What is said while it loads waits for it.
    pub(super) fn load(models: &Path) -> Option<Self> {
        let dir = models.join("moonshine-tiny");
        if !dir.join("encoder_model.onnx").is_file() {
            return None;
        }
        let (speeches, waiting) = mpsc::sync_channel(WAITING);
        let listen = move || {
            let Ok(moonshine) = Moonshine::load(&dir) else { return };
            let pool = Arc::new(ThreadPool::with_num_threads(1));
            for (speech, reply) in waiting {
                let _nobody_waits = oneshot::Sender::send(reply, transcribe(&moonshine, &pool, &speech));
            }
        };
        thread::Builder::new().name("operetta-words".to_owned()).spawn(listen).ok()?;
        Some(Self(speeches))
    }
}

impl Transcriber for Words {
    fn transcribe(&self, speech: AgentSpeech) -> LocalBoxFuture<'static, Option<String>> {
        let (reply, words) = oneshot::channel();
        if self.0.try_send((speech, reply)).is_err() {
            // Too much said at once, or no model: the call is shown without these words.
            return std::future::ready(None).boxed_local();
        }
        async move { words.await.ok().flatten() }.boxed_local()
    }
}

fn transcribe(moonshine: &Moonshine, pool: &Arc<ThreadPool>, speech: &AgentSpeech) -> Option<String> {
    let mut samples = Vec::new();
    let mut resampler = Resampler::new(speech.rate_hz, RATE_HZ).ok()?;
    resampler.push(&speech.samples, &mut samples);
    resampler.flush(&mut samples);
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut words = Vec::new();
    for part in samples.chunks(MAX_SAMPLES) {
        let understood = moonshine.transcribe(part, pool).ok()?;
        let invented = understood.forced && is_invented(&understood.text);
        if !invented && !understood.text.is_empty() {
            words.push(understood.text);
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// Turns that may wait for the thread.
const WAITING: usize = 64;
