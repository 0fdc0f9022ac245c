use std::sync::Arc;

/// Cuts a reply that comes in pieces into sentences, so that the first can be spoken while the rest is being thought of.
///
/// A sentence ends with `.`, `!`, `?` or `…` and white space behind it, with a line break, or with a full stop of a script
/// that puts no space behind it (`।`, `。`, `！`, `？`). So `3.30` and `example.com` are not cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sentences(String);

impl Sentences {
    /// A text without any end is cut here, in bytes: a reply must not be able to grow without bound before it is heard.
    const LONGEST: usize = 600;

    /// Adds a piece; `each` is called with every sentence that is complete now.
    pub(crate) fn push(&mut self, piece: &str, mut each: impl FnMut(Arc<str>)) {
        self.0.push_str(piece);
        while let Some(end) = sentence_end(&self.0) {
            let rest = self.0.split_off(end);
            emit(&std::mem::replace(&mut self.0, rest), &mut each);
        }
    }

    /// The reply is complete: what is left is the last sentence.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(Arc<str>)) {
        emit(&std::mem::take(&mut self.0), &mut each);
    }
}

fn emit(sentence: &str, each: &mut impl FnMut(Arc<str>)) {
    let sentence = sentence.trim();
    if sentence.chars().any(char::is_alphanumeric) {
        each(sentence.into());
    }
}

fn sentence_end(text: &str) -> Option<usize> {
    let mut after_stop = false;
    let mut last_space = None;
    for (index, c) in text.char_indices() {
        let next = index + c.len_utf8();
        if c == '\n' || matches!(c, '।' | '。' | '！' | '？') || (after_stop && c.is_whitespace()) {
            return Some(next);
        }
        // A closing quote or bracket belongs to the sentence it closes.
        after_stop = matches!(c, '.' | '!' | '?' | '…') || (after_stop && matches!(c, '"' | '\'' | ')' | '”' | '’'));
        if c.is_whitespace() {
            last_space = Some(next);
        }
        if next >= Sentences::LONGEST {
            return Some(last_space.unwrap_or(next));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        let mut sentences = Sentences::default();
        for piece in pieces {
            sentences.push(piece, |sentence| all.push(sentence.to_string()));
        }
        sentences.finish(|sentence| all.push(sentence.to_string()));
        all
    }

    #[test]
    fn sentences_end_where_a_speaker_would_stop() {
        let rows: &[(&[&str], &[&str])] = &[
            (&[], &[]),
            (&["Hello."], &["Hello."]),
            (&["Hel", "lo. How", " are you? ", "Fine"], &["Hello.", "How are you?", "Fine"]),
            (&["We open at 9.30. Come by!"], &["We open at 9.30.", "Come by!"]),
            (&["See example.com for more"], &["See example.com for more"]),
            (&["She said \"yes.\" Then left."], &["She said \"yes.\"", "Then left."]),
            (&["नमस्ते। कैसे हैं?"], &["नमस्ते।", "कैसे हैं?"]),
            (&["今日は。元気？"], &["今日は。", "元気？"]),
            (&["one\ntwo"], &["one", "two"]),
            (&["... ! ?"], &[]),
        ];
        for (pieces, expected) in rows {
            assert_eq!(cut(pieces), *expected, "{pieces:?}");
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = "Tomorrow at ten is free. Shall I book it? It costs 3.50 today… Yes";
        let whole = cut(&[text]);
        for split in 1..text.len() {
            if text.is_char_boundary(split) {
                assert_eq!(cut(&[&text[..split], &text[split..]]), whole, "split at {split}");
            }
        }
    }

    #[test]
    fn a_reply_without_an_end_is_cut_all_the_same() {
        let endless = "word ".repeat(1000);
        let sentences = cut(&[&endless]);
        assert!(sentences.len() > 5);
        assert!(sentences.iter().all(|sentence| sentence.len() <= Sentences::LONGEST));
    }
}
