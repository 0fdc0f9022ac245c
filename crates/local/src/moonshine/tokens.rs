use std::path::Path;

use serde_json::Value;

use crate::LocalError;

/// The pieces that the decoder's numbers stand for. Only `model.vocab` of the tokenizer file is needed to read text.
pub(super) struct Tokens {
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    /// A raw byte of UTF-8, written `<0xNN>` in the file.
    Byte(u8),
    /// Control tokens: never part of the text.
    Control,
}

impl Tokens {
    pub(super) fn load(path: &Path) -> Result<Self, LocalError> {
        let text = std::fs::read_to_string(path).map_err(|error| LocalError::model(path, error))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| LocalError::model(path, error))?;
        let vocab = json
            .pointer("/model/vocab")
            .and_then(Value::as_object)
            .ok_or_else(|| LocalError::model(path, "no model.vocab"))?;
        let mut pieces = Vec::new();
        pieces.resize_with(vocab.len(), || Piece::Control);
        for (piece, id) in vocab {
            let slot = id.as_u64().and_then(|id| pieces.get_mut(id as usize));
            *slot.ok_or_else(|| LocalError::model(path, "a token id outside the vocabulary"))? = Piece::read(piece);
        }
        Ok(Self { pieces })
    }

    /// The text of a row of tokens. Numbers outside the vocabulary and broken UTF-8 cannot come from a sane model and
    /// are left out.
    pub(super) fn text(&self, ids: &[usize]) -> String {
        let mut bytes = Vec::new();
        for piece in ids.iter().filter_map(|&id| self.pieces.get(id)) {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Byte(byte) => bytes.push(*byte),
                Piece::Control => {}
            }
        }
        String::from_utf8_lossy(&bytes).replace('\u{FFFD}', "").trim().to_owned()
    }
}

impl Piece {
    fn read(piece: &str) -> Self {
        if let Some(byte) = piece.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>')) {
            return u8::from_str_radix(byte, 16).map_or(Self::Control, Self::Byte);
        }
        if piece.starts_with('<') && piece.ends_with('>') && piece.len() > 2 {
            return Self::Control;
        }
        Self::Text(piece.replace('▁', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pieces() {
        let tokens =
            Tokens { pieces: ["<s>", "▁I", "'d", "▁like", "<0xC3>", "<0xA9>", "<<ST_1>>"].map(Piece::read).into() };
        assert_eq!(tokens.text(&[0, 1, 2, 3, 4, 5, 6, 99]), "I'd likeé");
        assert_eq!(tokens.text(&[4]), "");
    }
}
