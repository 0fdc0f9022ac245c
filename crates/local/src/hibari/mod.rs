//! Text to speech: the hibari voice "heart" (American English, female), 24 kHz neural synthesis in pure Rust.
//!
//! Weights: Python package `hibari-tts` 0.2.1 (Apache-2.0), network interface as its metadata describes under "ONNX interface".
//! Phonemes: crate `misaki-rs` without espeak; words that it does not know go through the voice's own spelling network.

mod spectrum;
mod unknown;

use std::{collections::HashMap, path::Path, sync::Arc};

use misaki_rs::{G2P, Language};
use rten::{NodeId, ThreadPool, Value};
use rten_tensor::{Tensor, prelude::*};

use self::{spectrum::Synthesis, unknown::Speller};
use crate::{
    LocalError,
    net::{Net, Packing},
};

/// The voice. One for the whole process: speaking takes `&self`.
pub struct Hibari {
    net: Net,
    ids: NodeId,
    speed: NodeId,
    outputs: [NodeId; 6],
    vocabulary: HashMap<char, i32>,
    g2p: G2P,
    synthesis: Synthesis,
}

/// The network has seen sentences up to this many phonemes; longer ones are cut at a pause or a space.
const MAX_PHONEMES: usize = 400;
/// Brings the voice from -25 to -21 dB of full scale while somebody speaks, the level of a good telephone line; measured
/// peaks are then at 0.6.
const GAIN: f32 = 1.5;
/// What `misaki` writes for a word it cannot pronounce.
const UNKNOWN: char = '❓';

impl Hibari {
    /// Loads the files of `dir` (`hibari.onnx`, `vocab.json`, `oov.onnx`, `oov.json`). Takes about 0.5 s.
    pub fn load(dir: &Path) -> Result<Self, LocalError> {
        let net = Net::load("hibari", &dir.join("hibari.onnx"), Packing::Packed)?;
        let outputs = [
            net.output("lh")?,
            net.output("theta")?,
            net.output("ln")?,
            net.output("lr")?,
            net.output("phi")?,
            net.output("f0")?,
        ];
        let path = dir.join("vocab.json");
        let text = std::fs::read_to_string(&path).map_err(|error| LocalError::model(&path, error))?;
        let json: HashMap<String, i32> =
            serde_json::from_str(&text).map_err(|error| LocalError::model(&path, error))?;
        let vocabulary = json.into_iter().filter_map(|(name, id)| Some((name.chars().next()?, id))).collect();
        let g2p = G2P::with_fallback(Language::EnglishUS, Some(Box::new(Speller::load(dir)?)));
        Ok(Self {
            ids: net.input("ids")?,
            speed: net.input("speed")?,
            net,
            outputs,
            vocabulary,
            g2p,
            synthesis: Synthesis::new(),
        })
    }

    /// Speaks one sentence at `rate_hz` (8000, 16000 or 24000), samples between -1 and 1. The words must already be
    /// spelled out as `say::spoken` does; `seed` picks the noise of breath and hiss.
    ///
    /// Blocks for about 8 ms a second of speech.
    ///
    /// # Errors
    /// [`LocalError::Unspeakable`] when nothing of the text has a sound, [`LocalError::Inference`] when the runtime fails.
    pub fn speak(
        &self,
        sentence: &str,
        rate_hz: u32,
        seed: u64,
        pool: &Arc<ThreadPool>,
    ) -> Result<Vec<f32>, LocalError> {
        let phonemes = self.phonemes(sentence);
        let mut speech = Vec::new();
        for part in parts(&phonemes) {
            if !part.chars().any(char::is_alphabetic) {
                continue;
            }
            let ids: Vec<i32> = part.chars().filter_map(|c| self.vocabulary.get(&c).copied()).collect();
            let ids: Vec<i32> = [0].into_iter().chain(ids).chain([0]).collect();
            self.render(ids, rate_hz, seed, pool, &mut speech)?;
        }
        if speech.is_empty() {
            return Err(LocalError::Unspeakable { chars: sentence.chars().count() });
        }
        for sample in &mut speech {
            *sample *= GAIN;
        }
        Ok(speech)
    }

    /// The sounds of a sentence in misaki's alphabet.
    pub(crate) fn phonemes(&self, sentence: &str) -> String {
        // Square brackets are misaki's way to give a pronunciation; in text from outside they are only brackets.
        let plain = sentence.replace(['[', ']'], " ");
        match self.g2p.g2p(&plain) {
            Ok((phonemes, _)) => phonemes.replace(UNKNOWN, ""),
            Err(_) => String::new(),
        }
    }

    fn render(
        &self,
        ids: Vec<i32>,
        rate_hz: u32,
        seed: u64,
        pool: &Arc<ThreadPool>,
        speech: &mut Vec<f32>,
    ) -> Result<(), LocalError> {
        let shape = [1, ids.len()];
        let ids: Value = Tensor::from_data(shape.as_slice(), ids).into();
        let speed: Value = Tensor::from_data([1].as_slice(), vec![1.0_f32]).into();
        let out = self.net.run(vec![(self.ids, ids.into()), (self.speed, speed.into())], &self.outputs, pool)?;
        let mut parts = Vec::with_capacity(out.len());
        for value in out {
            let tensor: Tensor<f32> = value.into_tensor().ok_or_else(|| self.net.odd_output("six tensors of f32"))?;
            parts.push(tensor.to_vec());
        }
        let parts: [Vec<f32>; 6] = parts.try_into().map_err(|_| self.net.odd_output("six tensors"))?;
        self.synthesis
            .render(&parts, rate_hz, seed, speech)
            .ok_or_else(|| self.net.odd_output("601 bins for each frame"))
    }
}

/// Cuts a row of phonemes that is too long for the network: behind a pause if there is one, else at a space.
fn parts(phonemes: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = phonemes.trim();
    while let Some((end, _)) = rest.char_indices().nth(MAX_PHONEMES) {
        let head = &rest[..end];
        let cut = head
            .rfind([',', ';', ':', '—', '.', '!', '?'])
            .and_then(|at| rest[at..].chars().next().map(|c| at + c.len_utf8()))
            .or_else(|| head.rfind(' '))
            .filter(|&at| at > 0)
            .unwrap_or(end);
        parts.push(rest[..cut].trim());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_rows_are_cut_at_pauses() {
        let clause = "a".repeat(150);
        let row = format!("{clause}, {clause}, {clause}");
        let parts = parts(&row);
        assert_eq!(parts.len(), 2);
        assert!(parts[0].ends_with(',') && parts[0].len() > 300, "{parts:?}");
        assert_eq!(super::parts(&"x".repeat(1000)).iter().map(|p| p.len()).sum::<usize>(), 1000);
        assert!(super::parts("  ").is_empty());
    }
}
