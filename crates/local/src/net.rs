use std::{collections::HashMap, path::Path, sync::Arc};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView};

use crate::LocalError;

/// One ONNX network, loaded once and shared by every thread that runs it.
pub(crate) struct Net {
    name: &'static str,
    model: Model,
    inputs: HashMap<String, NodeId>,
    outputs: Vec<(String, NodeId)>,
}

/// Whether weights are laid out for the processor when they are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Quicker, for twice the memory.
    Packed,
    /// As they are in the file.
    AsStored,
}

impl Net {
    /// Loads the network at `path`; `name` is what errors call it. Packing its weights for the processor takes their size in
    /// memory once more: it made the voice 12 to 40 % quicker and recognition not at all (measured 2026-11-20).
    pub(crate) fn load(name: &'static str, path: &Path, packing: Packing) -> Result<Self, LocalError> {
        if !path.is_file() {
            return Err(LocalError::model(path, "no file"));
        }
        let model = ModelOptions::with_all_ops()
            .prepack_weights(packing == Packing::Packed)
            .load_file(path)
            .map_err(|error| LocalError::model(path, error))?;
        let named = |ids: &[NodeId]| -> Vec<(String, NodeId)> {
            ids.iter().filter_map(|&id| Some((model.node_info(id)?.name()?.to_owned(), id))).collect()
        };
        let inputs = named(model.input_ids()).into_iter().collect();
        let outputs = named(model.output_ids());
        Ok(Self { name, model, inputs, outputs })
    }

    /// The node of an input, or a load error that names it.
    pub(crate) fn input(&self, name: &str) -> Result<NodeId, LocalError> {
        self.inputs
            .get(name)
            .copied()
            .ok_or_else(|| LocalError::inference(self.name, "an input of the pinned model", name))
    }

    /// The node of an output, or a load error that names it.
    pub(crate) fn output(&self, name: &str) -> Result<NodeId, LocalError> {
        self.outputs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, id)| *id)
            .ok_or_else(|| LocalError::inference(self.name, "an output of the pinned model", name))
    }

    /// Names of the outputs, in the model's order.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&str, NodeId)> {
        self.outputs.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// Runs the network on `pool` and returns the wanted outputs in their order.
    pub(crate) fn run(
        &self,
        inputs: Vec<(NodeId, ValueOrView<'_>)>,
        outputs: &[NodeId],
        pool: &Arc<ThreadPool>,
    ) -> Result<Vec<Value>, LocalError> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        self.model
            .run(inputs, outputs, Some(options))
            .map_err(|error| LocalError::inference(self.name, "a run to the end", error))
    }

    /// The error for an output that is not of the expected type or shape.
    pub(crate) fn odd_output(&self, expected: &'static str) -> LocalError {
        LocalError::inference(self.name, expected, "another type or shape")
    }
}
