use std::{path::Path, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex};

use super::{WINDOW, weights::Weights};
use crate::LocalError;

/// Silero's 16 kHz network, written out: spectrum, four convolutions, one recurrent cell, one number.
///
/// Our own because it is where a call's processor time goes: 31 windows for each second of speech. A general runtime takes
/// 235 µs a window and the crate that carries the weights 185 µs (both measured here, 2026-11-20). Here the spectrum is a
/// fast Fourier transform instead of a convolution, taps that only meet padding are left out, and so are the rows of inputs
/// that a rectifier has set to zero. The weights are shared by all calls.
pub(super) struct Network {
    fft: Arc<dyn RealToComplex<f32>>,
    /// The analysis window of the spectrum.
    taper: Vec<f32>,
    convolutions: [Convolution; 4],
    cell: Layer,
    output: Vec<f32>,
    output_bias: f32,
}

/// What the network remembers of one stream: 1.3 KB.
pub(super) struct Memory {
    hidden: [f32; WIDTH],
    cell: [f32; WIDTH],
    context: [f32; CONTEXT],
}

/// Weights by input: the row of input `i` holds its weight for every output. A row at a time is what processors multiply
/// fastest, and a row whose input is zero need not be read.
struct Layer {
    rows: Vec<f32>,
    bias: Vec<f32>,
}

/// A convolution of three taps with one frame of padding at both ends and a rectifier behind it.
struct Convolution {
    taps: [Layer; 3],
    inputs: usize,
    stride: usize,
}

/// Samples of the window before that are seen again.
const CONTEXT: usize = 64;
/// Length of the spectrum's frames and their distance.
const FRAME: usize = 256;
const HOP: usize = 128;
const BINS: usize = FRAME / 2 + 1;
/// Frames of the spectrum: the last is completed by mirrored samples.
const FRAMES: usize = 4;
const MIRRORED: usize = (FRAMES - 1) * HOP + FRAME - CONTEXT - WINDOW;
/// Width of the recurrent cell.
const WIDTH: usize = 128;
const GATES: usize = 4 * WIDTH;
/// Inputs, outputs and stride of the convolutions.
const SHAPES: [(usize, usize, usize); 4] = [(BINS, 128, 1), (128, 64, 2), (64, 64, 2), (64, WIDTH, 1)];

impl Memory {
    pub(super) const fn new() -> Self {
        Self { hidden: [0.0; WIDTH], cell: [0.0; WIDTH], context: [0.0; CONTEXT] }
    }
}

impl Network {
    pub(super) fn load(path: &Path) -> Result<Self, LocalError> {
        let mut weights = Weights::load(path)?;
        let mut convolutions = Vec::with_capacity(SHAPES.len());
        for (n, (inputs, outputs, stride)) in SHAPES.into_iter().enumerate() {
            let numbers = weights.take(&format!("encoder.{n}.reparam_conv.weight"), outputs * inputs * 3)?;
            let bias = weights.take(&format!("encoder.{n}.reparam_conv.bias"), outputs)?;
            let tap = |tap: usize, bias: Vec<f32>| {
                Layer::transposed(inputs, bias, |i, o| numbers[(o * inputs + i) * 3 + tap])
            };
            let taps = [tap(0, vec![0.0; outputs]), tap(1, bias), tap(2, vec![0.0; outputs])];
            convolutions.push(Convolution { taps, inputs, stride });
        }
        let Ok(convolutions) = convolutions.try_into() else { unreachable!("SHAPES has four entries") };
        let from_input = weights.take("decoder.rnn.weight_ih", GATES * WIDTH)?;
        let from_hidden = weights.take("decoder.rnn.weight_hh", GATES * WIDTH)?;
        let bias = weights.take("decoder.rnn.bias_ih", GATES)?;
        let more_bias = weights.take("decoder.rnn.bias_hh", GATES)?;
        let bias = bias.iter().zip(&more_bias).map(|(a, b)| a + b).collect();
        let cell = Layer::transposed(2 * WIDTH, bias, |i, o| match i.checked_sub(WIDTH) {
            None => from_input[o * WIDTH + i],
            Some(i) => from_hidden[o * WIDTH + i],
        });
        // The first row of the spectrum's weights is the one without oscillation: the window itself.
        let mut taper = weights.take("stft.forward_basis_buffer", 2 * BINS * FRAME)?;
        taper.truncate(FRAME);
        Ok(Self {
            fft: RealFftPlanner::new().plan_fft_forward(FRAME),
            taper,
            convolutions,
            cell,
            output: weights.take("decoder.decoder.2.weight", WIDTH)?,
            output_bias: weights.take("decoder.decoder.2.bias", 1)?[0],
        })
    }

    /// Probability that `window` is speech, 0 to 1.
    pub(super) fn judge(&self, memory: &mut Memory, window: &[f32; WINDOW]) -> f32 {
        let mut frames = self.spectrum(memory, window);
        for convolution in &self.convolutions {
            frames = convolution.run(&frames);
        }
        self.remember(memory, &frames);
        let voiced: f32 = memory.hidden.iter().zip(&self.output).map(|(hidden, weight)| hidden.max(0.0) * weight).sum();
        sigmoid(self.output_bias + voiced)
    }

    /// Magnitudes, frame after frame.
    fn spectrum(&self, memory: &mut Memory, window: &[f32; WINDOW]) -> Vec<f32> {
        let mut samples = [0.0; CONTEXT + WINDOW + MIRRORED];
        samples[..CONTEXT].copy_from_slice(&memory.context);
        samples[CONTEXT..CONTEXT + WINDOW].copy_from_slice(window);
        for n in 0..MIRRORED {
            samples[CONTEXT + WINDOW + n] = window[WINDOW - 2 - n];
        }
        memory.context.copy_from_slice(&window[WINDOW - CONTEXT..]);
        let (mut block, mut bins) = (self.fft.make_input_vec(), self.fft.make_output_vec());
        let mut magnitudes = Vec::with_capacity(FRAMES * BINS);
        for frame in samples.windows(FRAME).step_by(HOP) {
            for (slot, (sample, taper)) in block.iter_mut().zip(frame.iter().zip(&self.taper)) {
                *slot = sample * taper;
            }
            // The lengths are the transform's own, which is all it asks for.
            let transformed = self.fft.process(&mut block, &mut bins);
            debug_assert!(transformed.is_ok(), "{transformed:?}");
            magnitudes.extend(bins.iter().map(|bin| bin.re.mul_add(bin.re, bin.im * bin.im).sqrt()));
        }
        magnitudes
    }

    /// One step of the recurrent cell (Hochreiter and Schmidhuber 1997; gates in the order input, forget, new, output).
    fn remember(&self, memory: &mut Memory, input: &[f32]) {
        let mut gates = self.cell.bias.clone();
        let (from_input, from_hidden) = self.cell.rows.split_at(WIDTH * GATES);
        add_products(&mut gates, from_input, input);
        add_products(&mut gates, from_hidden, &memory.hidden);
        for n in 0..WIDTH {
            let [input, forget, new, output] = [0, 1, 2, 3].map(|gate| gates[gate * WIDTH + n]);
            memory.cell[n] = sigmoid(forget) * memory.cell[n] + sigmoid(input) * new.tanh();
            memory.hidden[n] = sigmoid(output) * memory.cell[n].tanh();
        }
    }
}

impl Layer {
    fn transposed(inputs: usize, bias: Vec<f32>, weight: impl Fn(usize, usize) -> f32) -> Self {
        let outputs = bias.len();
        let rows = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o))).map(|(i, o)| weight(i, o)).collect();
        Self { rows, bias }
    }
}

impl Convolution {
    /// `frames` hold `inputs` numbers each; so does the result with the outputs.
    fn run(&self, frames: &[f32]) -> Vec<f32> {
        let frames: Vec<&[f32]> = frames.chunks_exact(self.inputs).collect();
        let mut out = Vec::new();
        for middle in (0..frames.len()).step_by(self.stride) {
            let mut sums = self.taps[1].bias.clone();
            for (tap, layer) in self.taps.iter().enumerate() {
                // Outside there is only padding.
                if let Some(frame) = (middle + tap).checked_sub(1).and_then(|at| frames.get(at)) {
                    add_products(&mut sums, &layer.rows, frame);
                }
            }
            out.extend(sums.iter().map(|sum| sum.max(0.0)));
        }
        out
    }
}

/// Adds every input times its row to `sums`.
fn add_products(sums: &mut [f32], rows: &[f32], inputs: &[f32]) {
    let width = sums.len();
    let mut active = inputs.iter().zip(rows.chunks_exact(width)).filter(|(input, _)| **input != 0.0);
    // Four rows in one pass: the sums are then read and written a quarter as often.
    while let Some((a, row_a)) = active.next() {
        let (Some((b, row_b)), Some((c, row_c)), Some((d, row_d))) = (active.next(), active.next(), active.next())
        else {
            // The last one to three: the iterator is at its end and cannot give them back, so they are found again.
            return add_tail(sums, rows, inputs);
        };
        for ((((sum, a_weight), b_weight), c_weight), d_weight) in
            sums.iter_mut().zip(row_a).zip(row_b).zip(row_c).zip(row_d)
        {
            *sum += a * a_weight + b * b_weight + c * c_weight + d * d_weight;
        }
    }
}

/// The last `active % 4` rows.
fn add_tail(sums: &mut [f32], rows: &[f32], inputs: &[f32]) {
    let width = sums.len();
    let left = inputs.iter().filter(|input| **input != 0.0).count() % 4;
    let active = inputs.iter().zip(rows.chunks_exact(width)).rev().filter(|(input, _)| **input != 0.0);
    for (input, row) in active.take(left) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += input * weight;
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_added_whatever_is_zero() {
        for inputs in
            [vec![], vec![1.0], vec![0.0, 2.0, 0.0, 3.0, 1.0, 0.0, 4.0], vec![1.0; 8], vec![1.0; 11], vec![0.0; 5]]
        {
            let rows: Vec<f32> = (0..inputs.len() * 3).map(|n| n as f32).collect();
            let mut sums = vec![10.0, 20.0, 30.0];
            add_products(&mut sums, &rows, &inputs);
            for (n, sum) in sums.iter().enumerate() {
                let expected: f32 = inputs.iter().enumerate().map(|(i, input)| input * rows[i * 3 + n]).sum();
                assert!((sum - expected - (n as f32 + 1.0) * 10.0).abs() < 1e-3, "{inputs:?}");
            }
        }
    }
}
