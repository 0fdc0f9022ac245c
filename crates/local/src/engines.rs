use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use operetta_contract::Detect;
use tokio::sync::mpsc;

use crate::{
    LocalError,
    detector::Detector,
    flite::{Flite, FliteVoice},
    hibari::Hibari,
    listener::Listener,
    mind::Receptionist,
    moonshine::Moonshine,
    mouth::{Mouth, Utter, Voice, Voices},
    scribe::{Page, Scribe},
    silero::{Ears, Sensed, Silero, Sound},
    speaker::Speaker,
    workshop::Workshop,
};

/// How the embedded engines are set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Directory with the model files that `scripts/models.sh` fetches. `None`, or a directory without them, means the
    /// built-in voice and no speech recognition.
    pub models: Option<PathBuf>,
    /// Threads that recognise speech; one keeps up with about 25 utterances a second.
    pub stt_threads: usize,
    /// Threads that speak.
    pub tts_threads: usize,
    /// Threads that tell speech from noise; one keeps up with about 500 callers who speak at the same time, without model
    /// files with 100.
    pub vad_threads: usize,
    /// Jobs that may wait for each thread of recognition and of speech; more are refused as busy.
    pub queue: usize,
}

impl Default for Config {
    /// The files in `models`; one thread of each kind, two where there are more than four processors; 64 jobs for each.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.div_ceil(4).clamp(1, 8);
        Self {
            models: Some(PathBuf::from("models")),
            stt_threads: threads,
            tts_threads: threads,
            vad_threads: threads,
            queue: 64,
        }
    }
}

/// The threads and models of the embedded providers: one for the process, shared by all lanes.
///
/// Cloning is cheap. The threads end when the last clone, and the last worker made from one, is dropped.
#[derive(Clone)]
pub struct Engines(Arc<House>);

struct House {
    mouths: Workshop<Utter>,
    /// `None` without the model files.
    scribes: Option<Workshop<Page>>,
    /// One workshop of one thread each: a call stays with its thread.
    ears: Vec<Workshop<Sound>>,
    calls: AtomicU64,
    voice: Voice,
    lines: Vec<String>,
}

/// Sounds that may wait for a detecting thread: 256 ms of 400 calls.
const SOUNDS: usize = 5_120;
/// Changes that may wait for the lane of one call; it takes them at once.
const SENSED: usize = 64;

impl Engines {
    /// Loads what is there and starts the threads. Takes about a second with models, a few milliseconds without.
    ///
    /// Model files that are missing are not an error: the engines then do without, and [`describe`](Self::describe) says so.
    ///
    /// # Errors
    /// When a model file is there and cannot be used, or when there are no threads to be had.
    pub fn start(config: &Config) -> Result<Self, LocalError> {
        let dir = config.models.as_deref();
        let (speech, text, silero) = thread::scope(|scope| {
            // Three loads at once: each is mostly unpacking of weights.
            let hibari = scope.spawn(|| found(dir, "hibari", "hibari.onnx").map(|dir| Hibari::load(&dir)).transpose());
            let moonshine = scope.spawn(|| {
                found(dir, "moonshine-tiny", "encoder_model.onnx").map(|dir| Moonshine::load(&dir)).transpose()
            });
            let silero = found(dir, "silero", "silero_vad.onnx").map(|dir| Silero::load(&dir)).transpose();
            (joined(hibari), joined(moonshine), silero)
        });
        let (hibari, moonshine, silero) = (speech?, text?, silero?);
        let lines = describe(dir, hibari.is_some(), moonshine.is_some(), silero.is_some());
        let voice = if hibari.is_some() { Voice::Hibari } else { Voice::Flite(FliteVoice::Kal) };

        let voices = Arc::new(Voices { flite: Flite::new(), hibari });
        let mouths = Workshop::start("operetta-tts", config.tts_threads, config.queue, move |pool| {
            Mouth::new(Arc::clone(&voices), pool)
        })?;
        let silero = silero.unwrap_or_else(Silero::bundled);
        let scribes = moonshine
            .map(|moonshine| {
                let (moonshine, silero) = (Arc::new(moonshine), silero.clone());
                Workshop::start("operetta-stt", config.stt_threads, config.queue, move |pool| {
                    Scribe::new(Arc::clone(&moonshine), silero.clone(), pool)
                })
            })
            .transpose()?;
        let ears = (0..config.vad_threads.max(1))
            .map(|_| {
                let silero = silero.clone();
                Workshop::start("operetta-vad", 1, SOUNDS, move |_| Ears::new(silero.clone()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(House { mouths, scribes, ears, calls: AtomicU64::new(0), voice, lines })))
    }

    /// What is active and why, for the start-up banner: one line each for speech, recognition and voice detection.
    pub fn describe(&self) -> &[String] {
        &self.0.lines
    }

    /// Whether there is speech recognition. Without it a [`Transcribe`](operetta_contract::Transcribe) fails as missing.
    pub fn can_transcribe(&self) -> bool {
        self.0.scribes.is_some()
    }

    /// The best voice that is there, by its name: what an agent speaks with unless it names another.
    pub fn default_voice(&self) -> &'static str {
        match self.0.voice {
            Voice::Hibari => "hibari",
            Voice::Flite(FliteVoice::Kal) => "kal",
            Voice::Flite(FliteVoice::Kal16) => "kal16",
        }
    }

    /// A worker that speaks: handles `Ask<Synthesize>`.
    pub fn speaker(&self) -> Speaker {
        Speaker::new(self.clone())
    }

    /// A worker that listens: handles `Ask<Transcribe>`.
    pub fn listener(&self) -> Listener {
        Listener::new(self.clone())
    }

    /// A worker that tells speech from other sound: handles `Ask<Detect>`.
    pub fn detector(&self) -> Detector {
        Detector::new(self.clone())
    }

    /// A worker that thinks: handles `Ask<Complete>`. It needs no thread and no model.
    pub fn receptionist(&self) -> Receptionist {
        Receptionist::new()
    }

    /// Engines whose voices are done by `mouths`.
    #[cfg(test)]
    pub(crate) fn with_mouths(mouths: Workshop<Utter>) -> Self {
        let voice = Voice::Flite(FliteVoice::Kal);
        Self(Arc::new(House {
            mouths,
            scribes: None,
            ears: Vec::new(),
            calls: AtomicU64::new(0),
            voice,
            lines: Vec::new(),
        }))
    }

    pub(crate) fn utter(&self, utter: Utter) -> Result<(), Utter> {
        self.0.mouths.place(utter)
    }

    pub(crate) fn scribes(&self) -> Option<&Workshop<Page>> {
        self.0.scribes.as_ref()
    }

    /// A call's line to the thread that will listen for it.
    pub(crate) async fn listen(&self, detect: Detect) -> (Line, mpsc::Receiver<Sensed>) {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let ears = self.0.ears[call as usize % self.0.ears.len()].clone();
        let (tell, sensed) = mpsc::channel(SENSED);
        ears.place_waiting(Sound::Open { call, detect, tell }).await;
        (Line { call, ears }, sensed)
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").field("describe", &self.0.lines).finish_non_exhaustive()
    }
}

/// One call's place on a detecting thread. The thread forgets the call when this is dropped.
pub(crate) struct Line {
    call: u64,
    ears: Workshop<Sound>,
}

impl Line {
    pub(crate) async fn piece(&self, samples: Vec<i16>, gap_ms: u32) {
        self.ears.place_waiting(Sound::Piece { call: self.call, samples, gap_ms }).await;
    }

    pub(crate) async fn gate_closed(&self) {
        self.ears.place_waiting(Sound::GateClosed { call: self.call }).await;
    }

    pub(crate) async fn settled(&self) {
        self.ears.place_waiting(Sound::Settled { call: self.call }).await;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // When the queue is full the thread finds out by the closed channel, at the next sweep.
        let _swept_later = self.ears.place(Sound::Close { call: self.call });
    }
}

/// The directory of one engine, if its main file is there.
fn found(models: Option<&Path>, engine: &str, file: &str) -> Option<PathBuf> {
    models.map(|models| models.join(engine)).filter(|dir| dir.join(file).is_file())
}

fn joined<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn describe(models: Option<&Path>, hibari: bool, moonshine: bool, silero: bool) -> Vec<String> {
    let why = models.map_or_else(
        || "no model directory is configured".to_owned(),
        |dir| format!("there are no model files in {} (run `make models`)", dir.display()),
    );
    vec![
        if hibari {
            "speech: hibari, a natural voice from model files; kal and kal16 are there too".to_owned()
        } else {
            format!("speech: kal, the robotic built-in voice, because {why}")
        },
        if moonshine {
            "recognition: Moonshine tiny, English".to_owned()
        } else {
            format!("recognition: none, callers can only press keys, because {why}")
        },
        if silero {
            "voice detection: Silero v6 from its model file".to_owned()
        } else {
            format!("voice detection: Silero v6 from the binary, because {why}")
        },
    ]
}
