use crate::Format;

/// How agent audio is cut into frames and how far ahead of the ear it may run: a carrier's rule as data.
///
/// Sizes are bytes in the carrier's format. [`crate::Playout`] obeys it; the carrier's dialect states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Every frame is a multiple of this many bytes; the last of an utterance is padded with silence. At least 1.
    pub align_bytes: usize,
    /// Bytes of an ordinary frame, a multiple of `align_bytes`.
    pub chunk_bytes: usize,
    /// Bytes of the first frame of an utterance, a multiple of `align_bytes`, at most `chunk_bytes`.
    pub first_chunk_bytes: usize,
    /// What may be sent at once when nothing is playing; after that a frame is sent each 0.9 of its duration.
    /// A head as long as the lead means no such pacing: the lead alone decides.
    pub head_ms: u32,
    /// How far the audio that was sent may be ahead of the audio that has been played. A frame longer than the lead
    /// is sent when everything before it has been played.
    pub lead_ms: u32,
}

impl Cut {
    /// The same rule with sizes that keep its own promises for `format`: whole samples, at least one unit of
    /// alignment, no first frame larger than the others.
    #[must_use]
    pub fn sound(self, format: Format) -> Self {
        let sample = format.sample_bytes();
        let align = self.align_bytes.max(1).next_multiple_of(sample);
        let whole = |bytes: usize| (bytes / align).max(1) * align;
        let chunk_bytes = whole(self.chunk_bytes);
        Self {
            align_bytes: align,
            chunk_bytes,
            first_chunk_bytes: whole(self.first_chunk_bytes).min(chunk_bytes),
            ..self
        }
    }
}
