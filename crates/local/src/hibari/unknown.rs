use std::{collections::HashMap, path::Path, sync::Arc};

use misaki_rs::{Fallback, fallback::FallbackError};
use rten::{NodeId, ThreadPool, Value};
use rten_tensor::{Tensor, prelude::*};
use serde_json::Value as Json;

use crate::{
    LocalError,
    net::{Net, Packing},
};

/// Pronounces words that no dictionary has: a small network from letters to phonemes, one run a word. Letters it has
/// never seen are left out; a word that then has no sound at all is spelled letter by letter.
pub(super) struct Speller {
    net: Net,
    chars: NodeId,
    output: NodeId,
    letters: HashMap<char, i32>,
    phonemes: Vec<char>,
    max_len: usize,
    /// The dictionary asks from inside a run, without saying on which thread: the speller has a pool of its own.
    pool: Arc<ThreadPool>,
}

impl Speller {
    pub(super) fn load(dir: &Path) -> Result<Self, LocalError> {
        let net = Net::load("speller", &dir.join("oov.onnx"), Packing::AsStored)?;
        let path = dir.join("oov.json");
        let text = std::fs::read_to_string(&path).map_err(|error| LocalError::model(&path, error))?;
        let json: Json = serde_json::from_str(&text).map_err(|error| LocalError::model(&path, error))?;
        let list = |key: &str| -> Option<Vec<char>> {
            json.get(key)?.as_array()?.iter().map(|entry| entry.as_str()?.chars().next()).collect()
        };
        let (Some(letters), Some(phonemes), Some(max_len)) =
            (list("in"), list("out"), json.get("maxlen").and_then(Json::as_u64))
        else {
            return Err(LocalError::model(&path, "no `in`, `out` and `maxlen`"));
        };
        let output = net.outputs().next().map(|(_, id)| id).ok_or_else(|| net.odd_output("one output"))?;
        Ok(Self {
            chars: net.input("chars")?,
            output,
            net,
            letters: letters.into_iter().zip(1..).collect(),
            phonemes,
            max_len: max_len as usize,
            pool: Arc::new(crate::workshop::quiet_pool()),
        })
    }

    fn sound(&self, word: &str) -> Option<String> {
        let ids: Vec<i32> = word.chars().filter_map(|c| self.letters.get(&c).copied()).take(self.max_len).collect();
        if ids.is_empty() {
            return None;
        }
        let shape = [1, ids.len()];
        let chars: Value = Tensor::from_data(shape.as_slice(), ids).into();
        let out = self.net.run(vec![(self.chars, chars.into())], &[self.output], &self.pool).ok()?.pop()?;
        let steps: Tensor<i32> = out.into_tensor()?;
        // Connectionist decoding: 0 is blank, repeats are one sound.
        let mut sound = String::new();
        let mut before = 0;
        for step in steps.to_vec() {
            if step != before && step > 0 {
                sound.extend(self.phonemes.get(step as usize - 1));
            }
            before = step;
        }
        Some(sound).filter(|sound| !sound.is_empty())
    }
}

impl Fallback for Speller {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        self.sound(word).ok_or_else(|| FallbackError::NoPhonemes { word: word.to_owned() })
    }
}
