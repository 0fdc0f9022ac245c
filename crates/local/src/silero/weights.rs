use std::{collections::HashMap, path::Path};

use crate::LocalError;

/// The named numbers of the 16 kHz network in Silero's model file.
///
/// An ONNX file is a protocol-buffer message. The weights are constants inside a conditional, one branch for each rate, where
/// an inference runtime offers no way to them; so the few message fields that lead there are read here (field numbers from
/// onnx.proto3, ONNX 1.17). What is not understood is skipped; what is missing or of another size is an error.
pub(super) struct Weights<'a> {
    path: &'a Path,
    tensors: HashMap<String, Vec<f32>>,
}

/// The branch of the file that holds the 16 kHz network.
const BRANCH: &str = "then_branch";
/// Conditionals inside conditionals; deeper ones are not followed.
const DEEPEST: u8 = 4;

const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const TENSOR_FLOATS: u64 = 4;
const TENSOR_RAW: u64 = 9;

impl<'a> Weights<'a> {
    pub(super) fn load(path: &'a Path) -> Result<Self, LocalError> {
        let bytes = std::fs::read(path).map_err(|error| LocalError::model(path, error))?;
        let mut tensors = HashMap::new();
        for graph in messages(&bytes, MODEL_GRAPH) {
            collect(graph, DEEPEST, &mut tensors);
        }
        Ok(Self { path, tensors })
    }

    /// Takes the weights whose name ends with `name`, which must be `len` numbers.
    pub(super) fn take(&mut self, name: &str, len: usize) -> Result<Vec<f32>, LocalError> {
        let key = self.tensors.keys().find(|key| key.ends_with(name) && key.contains(BRANCH)).cloned();
        let Some(numbers) = key.and_then(|key| self.tensors.remove(&key)) else {
            return Err(LocalError::model(self.path, format!("no weights named {name}")));
        };
        if numbers.len() != len {
            let found = numbers.len();
            return Err(LocalError::model(self.path, format!("{found} instead of {len} weights named {name}")));
        }
        Ok(numbers)
    }
}

/// Notes the constants of a graph and of the graphs inside it by the name of their output.
fn collect(graph: &[u8], depth: u8, tensors: &mut HashMap<String, Vec<f32>>) {
    for node in messages(graph, GRAPH_NODE) {
        for attribute in messages(node, NODE_ATTRIBUTE) {
            if depth > 0 {
                messages(attribute, ATTRIBUTE_GRAPH).for_each(|inner| collect(inner, depth - 1, tensors));
            }
            for tensor in messages(attribute, ATTRIBUTE_TENSOR) {
                let numbers: Vec<f32> = messages(tensor, TENSOR_RAW)
                    .chain(messages(tensor, TENSOR_FLOATS))
                    .flat_map(|raw| raw.as_chunks::<4>().0)
                    .map(|bytes| f32::from_le_bytes(*bytes))
                    .collect();
                let name = messages(node, NODE_OUTPUT).next().unwrap_or_default();
                tensors.insert(String::from_utf8_lossy(name).into_owned(), numbers);
            }
        }
    }
}

/// The length-delimited fields with that number in a message. Ends at the first thing that makes no sense.
fn messages(mut message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut message)?;
            let (field, wire) = (tag >> 3, tag & 7);
            let len = match wire {
                0 => {
                    varint(&mut message)?;
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut message)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (body, rest) = message.split_at_checked(len)?;
            message = rest;
            if wire == 2 && field == wanted {
                return Some(body);
            }
        }
    })
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_nonsense_ends_the_search() {
        // Field 1 varint 300, field 7 "ab", field 7 "c", field 2 fixed32, field 7 with a length beyond the end.
        let message = [0x08, 0xAC, 0x02, 0x3A, 2, b'a', b'b', 0x3A, 1, b'c', 0x15, 0, 0, 0, 0, 0x3A, 9, b'x'];
        let found: Vec<&[u8]> = messages(&message, 7).collect();
        assert_eq!(found, [b"ab".as_slice(), b"c"]);
        assert_eq!(messages(&[0xFF; 20], 7).count(), 0);
        assert_eq!(messages(&[], 7).count(), 0);
    }
}
