use operetta_contract::SpokenWord;
use serde_json::Value;

/// Puts words together from the times of their characters.
///
/// Words end at white space; a Chinese or Japanese character is a word of its own, because nothing stands between those.
#[derive(Debug, Default)]
pub(crate) struct Spelling {
    text: String,
    start_ms: u32,
    end_ms: u32,
}

impl Spelling {
    /// Reads an alignment, `{"chars": […], "charStartTimesMs": […], "charDurationsMs": […]}`, whose times begin `offset_ms` after
    /// the first sample of the utterance, and appends the words that are complete. What has no times has no words.
    pub(crate) fn read(&mut self, alignment: &Value, offset_ms: u32, words: &mut Vec<SpokenWord>) {
        let list = |name: &str| alignment.get(name).and_then(Value::as_array).map(Vec::as_slice);
        let (Some(chars), Some(starts)) = (list("chars"), list("charStartTimesMs")) else { return };
        // An older description of the API spells it otherwise.
        let durations = list("charDurationsMs").or_else(|| list("charsDurationsMs")).unwrap_or_default();
        for (at, (char, start)) in chars.iter().zip(starts).enumerate() {
            let start_ms = offset_ms.saturating_add(millis(start));
            let end_ms = start_ms.saturating_add(durations.get(at).map_or(0, millis));
            self.spell(char.as_str().unwrap_or_default(), start_ms, end_ms, words);
        }
    }

    /// No more will come: appends the last word.
    pub(crate) fn finish(&mut self, words: &mut Vec<SpokenWord>) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text).into();
            words.push(SpokenWord { text, start_ms: self.start_ms, end_ms: self.end_ms });
        }
    }

    fn spell(&mut self, text: &str, start_ms: u32, end_ms: u32, words: &mut Vec<SpokenWord>) {
        let is_whole = text.chars().any(is_word_of_its_own);
        if text.trim().is_empty() || is_whole {
            self.finish(words);
        }
        if text.trim().is_empty() {
            return;
        }
        if self.text.is_empty() {
            // Never before what was told already: words come in their order.
            self.start_ms = start_ms.max(self.start_ms);
        }
        self.text.push_str(text);
        self.end_ms = end_ms.max(self.start_ms);
        if is_whole {
            self.finish(words);
        }
    }
}

/// Han, Hiragana, Katakana.
const fn is_word_of_its_own(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

fn millis(value: &Value) -> u32 {
    // `as` saturates, and makes nought of what is no number.
    value.as_f64().unwrap_or_default().round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(words: &[SpokenWord]) -> Vec<(&str, u32, u32)> {
        words.iter().map(|word| (&*word.text, word.start_ms, word.end_ms)).collect()
    }

    fn alignment(text: &str, begin: u32) -> Value {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let starts: Vec<usize> = (0..chars.len()).map(|at| begin as usize + at * 10).collect();
        json!({ "chars": chars, "charStartTimesMs": starts, "charDurationsMs": vec![10; chars.len()] })
    }

    #[test]
    fn words_end_at_white_space_and_at_the_end() {
        let (mut spelling, mut words) = (Spelling::default(), Vec::new());
        spelling.read(&alignment("Let me ch", 0), 0, &mut words);
        assert_eq!(told(&words), [("Let", 0, 30), ("me", 40, 60)]);
        spelling.read(&alignment("eck. ", 0), 90, &mut words);
        spelling.read(&alignment("Ok", 0), 140, &mut words);
        spelling.finish(&mut words);
        assert_eq!(told(&words)[2..], [("check.", 70, 130), ("Ok", 140, 160)]);
    }

    #[test]
    fn scripts_without_spaces_have_a_word_for_each_character() {
        let (mut spelling, mut words) = (Spelling::default(), Vec::new());
        spelling.read(&alignment("ok 你好 です", 0), 0, &mut words);
        spelling.finish(&mut words);
        let texts: Vec<&str> = words.iter().map(|word| &*word.text).collect();
        assert_eq!(texts, ["ok", "你", "好", "で", "す"]);
    }

    #[test]
    fn odd_alignments_give_what_they_can() {
        let (mut spelling, mut words) = (Spelling::default(), Vec::new());
        for odd in
            [json!(null), json!({}), json!({ "chars": "a" }), json!({ "chars": [1, null], "charStartTimesMs": [] })]
        {
            spelling.read(&odd, 0, &mut words);
        }
        assert!(words.is_empty());
        let shorter = json!({ "chars": ["a", " ", "b", " ", "c", " "], "charStartTimesMs": [5e300, "x", -3.0, 4, 9.6],
            "charsDurationsMs": [1, 1, 2] });
        spelling.read(&shorter, 7, &mut words);
        spelling.finish(&mut words);
        assert_eq!(words[0].start_ms, u32::MAX);
        assert!(
            words.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms && pair[1].start_ms <= pair[1].end_ms)
        );
    }
}
