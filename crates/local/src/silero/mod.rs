//! Voice activity: Silero v6 at 16 kHz. Telephone audio is upsampled, which measured clearly better in noise than the
//! network's 8 kHz branch (white noise at 5 dB: 7.1 % missed against 13.3 %, 2026-11-20).
//!
//! With the model file one network serves all calls and a call costs 1.3 KB. Without it the weights inside the crate
//! `rustvani-vad` do the same; there weights and state cannot be told apart, so whole instances (1.3 MB) are lent to calls
//! for as long as their gate is open.

mod debounce;
mod thread;

use std::{path::Path, sync::Arc};

use rten::{NodeId, ThreadPool, Value};
use rten_tensor::{Tensor, prelude::*};
use rustvani_vad::SileroVad;

pub use debounce::{Debounce, Edge};
pub(crate) use thread::{Ears, Sensed, Sound};

use crate::{LocalError, net::Net};

/// Samples of one window: 32 ms at 16 kHz.
pub const WINDOW: usize = 512;
/// Length of one window in ms.
pub const WINDOW_MS: u32 = 32;
/// Rate at which windows are judged, in Hz.
pub const RATE_HZ: u32 = 16_000;
/// Samples of the window before that the network wants to see again.
const CONTEXT: usize = 64;
/// Two layers of memory, 128 wide.
const MEMORY: usize = 2 * 128;

/// The network, shared by every call.
#[derive(Clone)]
pub struct Silero(Arc<Kind>);

enum Kind {
    Shared(Box<Shared>),
    Bundled,
}

/// The network of the model file and its ends.
struct Shared {
    net: Net,
    input: NodeId,
    state: NodeId,
    rate: NodeId,
    outputs: [NodeId; 2],
}

/// What the network remembers of one stream.
pub struct Stream(Memory);

enum Memory {
    Shared {
        state: Vec<f32>,
        input: Vec<f32>,
    },
    /// `None` until the stream is judged for the first time.
    Bundled(Option<SileroVad>),
}

impl Silero {
    /// The network of `dir` (`silero_vad.onnx`).
    pub fn load(dir: &Path) -> Result<Self, LocalError> {
        let net = Net::load("silero", &dir.join("silero_vad.onnx"))?;
        let shared = Shared {
            input: net.input("input")?,
            state: net.input("state")?,
            rate: net.input("sr")?,
            outputs: [net.output("output")?, net.output("stateN")?],
            net,
        };
        Ok(Self(Arc::new(Kind::Shared(Box::new(shared)))))
    }

    /// The network whose weights are in the binary.
    pub fn bundled() -> Self {
        Self(Arc::new(Kind::Bundled))
    }

    /// A new stream, with nothing remembered.
    pub fn stream(&self) -> Stream {
        Stream(match &*self.0 {
            Kind::Shared(_) => Memory::Shared { state: vec![0.0; MEMORY], input: vec![0.0; CONTEXT + WINDOW] },
            Kind::Bundled => Memory::Bundled(None),
        })
    }

    /// Probability that the next window of `stream` is speech, 0 to 1. `window` is mono at 16 kHz between -1 and 1.
    ///
    /// Blocks for about 0.2 ms.
    pub fn judge(
        &self,
        stream: &mut Stream,
        window: &[f32; WINDOW],
        pool: &Arc<ThreadPool>,
    ) -> Result<f32, LocalError> {
        match (&*self.0, &mut stream.0) {
            (Kind::Shared(shared), Memory::Shared { state, input }) => {
                input.copy_within(WINDOW.., 0);
                input[CONTEXT..].copy_from_slice(window);
                shared.judge(state, input, pool)
            }
            (Kind::Bundled, Memory::Bundled(instance)) => {
                let instance = match instance {
                    Some(instance) => instance,
                    None => instance.insert(SileroVad::new().map_err(bundled_fault)?),
                };
                let bytes: Vec<u8> =
                    window.iter().flat_map(|&sample| crate::pieces::short(sample).to_le_bytes()).collect();
                instance.infer(&bytes).map_err(bundled_fault)
            }
            _ => Err(LocalError::inference("silero", "a stream of the same network", "a stream of another")),
        }
    }

    /// Forgets what was heard, so that a stream can serve another stretch or another call.
    pub fn forget(stream: &mut Stream) {
        match &mut stream.0 {
            Memory::Shared { state, input } => {
                state.fill(0.0);
                input.fill(0.0);
            }
            Memory::Bundled(instance) => {
                if let Some(instance) = instance {
                    instance.reset_state();
                }
            }
        }
    }

    /// Whether the weights come from the model file.
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Kind::Shared(_))
    }

    /// How many windows of a recording (mono, 16 kHz) hold speech with a probability of at least one half.
    pub fn voiced_windows(&self, samples: &[f32], pool: &Arc<ThreadPool>) -> Result<usize, LocalError> {
        let mut stream = self.stream();
        let mut voiced = 0;
        for window in samples.as_chunks::<WINDOW>().0 {
            voiced += usize::from(self.judge(&mut stream, window, pool)? >= 0.5);
        }
        Ok(voiced)
    }
}

impl Shared {
    fn judge(&self, state: &mut Vec<f32>, input: &[f32], pool: &Arc<ThreadPool>) -> Result<f32, LocalError> {
        let input: Tensor<f32> = Tensor::from_data(&[1, input.len()], input.to_vec());
        let memory: Tensor<f32> = Tensor::from_data(&[2, 1, MEMORY / 2], state.clone());
        let rate_hz: Tensor<i32> = Tensor::from_data(&[], vec![RATE_HZ as i32]);
        let inputs = vec![
            (self.input, Value::from(input).into()),
            (self.state, Value::from(memory).into()),
            (self.rate, Value::from(rate_hz).into()),
        ];
        let mut out = self.net.run(inputs, &self.outputs, pool)?.into_iter();
        let probability: Option<Tensor<f32>> = out.next().and_then(Value::into_tensor);
        let memory: Option<Tensor<f32>> = out.next().and_then(Value::into_tensor);
        let (Some(probability), Some(memory)) = (probability, memory) else {
            return Err(self.net.odd_output("two tensors of f32"));
        };
        if memory.len() != MEMORY {
            return Err(self.net.odd_output("a memory of its own size"));
        }
        *state = memory.to_vec();
        probability.iter().next().copied().ok_or_else(|| self.net.odd_output("one probability"))
    }
}

fn bundled_fault(reason: String) -> LocalError {
    LocalError::inference("silero", "a window to be judged", reason)
}
