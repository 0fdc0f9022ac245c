//! Cutting text where a reader would pause.

use crate::TextLimit;

/// Cuts `text` into pieces within `limit`, in order, none of them blank: at the end of a sentence where there is one, else
/// behind a clause, else between words, else between characters. White space at the seams is dropped.
///
/// Sentences end at `.`, `!`, `?` and `…` before white space, at the full stops of Devanagari and the scripts around it (`।`,
/// `॥`), Urdu (`۔`), Arabic (`؟`), Ethiopic (`።`), Burmese (`။`), Khmer (`។`) and of Chinese and Japanese (`。`, `！`, `？`, `｡`),
/// which need no space behind them, and at line ends.
pub fn split(text: &str, limit: TextLimit) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let most = reach(rest, limit);
        let end = if most == rest.len() { most } else { seam(rest, most) };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece.trim_end());
        rest = after.trim_start();
    }
    pieces
}

/// How many bytes of `text` are within the limit; at least one character.
fn reach(text: &str, limit: TextLimit) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    match limit {
        TextLimit::Chars(most) => text.char_indices().nth(most.max(1)).map_or(text.len(), |(at, _)| at),
        TextLimit::Bytes(most) => text.floor_char_boundary(most.min(text.len())).max(first),
    }
}

/// Where to cut within the first `most` bytes, which are not all of `text`.
fn seam(text: &str, most: usize) -> usize {
    let window = &text[..most];
    let behind = |is_seam: fn(char, Option<char>) -> bool| {
        window.char_indices().rev().find_map(|(at, c)| {
            let end = at + c.len_utf8();
            is_seam(c, text[end..].chars().next()).then_some(end)
        })
    };
    behind(ends_sentence)
        .or_else(|| behind(ends_clause))
        .or_else(|| behind(|c, next| c.is_whitespace() || next.is_some_and(char::is_whitespace)))
        // White space in front was trimmed, so a seam is never at the very beginning.
        .unwrap_or(most)
}

fn ends_sentence(c: char, next: Option<char>) -> bool {
    match c {
        '.' | '!' | '?' | '…' => next.is_none_or(char::is_whitespace),
        '।' | '॥' | '۔' | '؟' | '።' | '။' | '។' | '。' | '！' | '？' | '｡' | '\n' => true,
        _ => false,
    }
}

fn ends_clause(c: char, next: Option<char>) -> bool {
    match c {
        ',' | ';' | ':' => next.is_none_or(char::is_whitespace),
        '、' | '，' | '；' | '：' | '،' | '؛' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str, most: usize) -> Vec<&str> {
        split(text, TextLimit::Chars(most))
    }

    #[test]
    fn text_is_cut_where_a_reader_would_pause() {
        assert_eq!(chars("One. Two! Three?", 100), ["One. Two! Three?"]);
        assert_eq!(chars("One. Two! Three?", 10), ["One. Two!", "Three?"]);
        assert_eq!(chars("It costs 3.50, or so", 14), ["It costs 3.50,", "or so"]);
        assert_eq!(chars("first second third", 13), ["first second", "third"]);
        assert_eq!(chars("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(chars("नमस्ते। आप कैसे हैं? ठीक।", 10), ["नमस्ते।", "आप कैसे", "हैं? ठीक।"]);
        assert_eq!(chars("你好。请问您需要什么？再见。", 8), ["你好。", "请问您需要什么？", "再见。"]);
        assert_eq!(split("नमस्ते। ठीक।", TextLimit::Bytes(21)), ["नमस्ते।", "ठीक।"]);
        assert_eq!(split("é", TextLimit::Bytes(1)), ["é"]);
        assert!(chars(" \n ", 3).is_empty());
    }

    #[test]
    fn nothing_is_lost_and_no_piece_is_too_long() {
        let text = "Dr. Rao sees patients at 9:30, 10:15 and 11. अगला मंगलवार ठीक है? はい、大丈夫です。ok…\nbye";
        for most in 1..80 {
            for limit in [TextLimit::Chars(most), TextLimit::Bytes(most.max(4))] {
                let pieces = split(text, limit);
                let whole: String = pieces.concat().split_whitespace().collect();
                assert_eq!(whole, text.split_whitespace().collect::<String>(), "{limit:?}");
                for piece in pieces {
                    let fits = match limit {
                        TextLimit::Chars(most) => piece.chars().count() <= most,
                        TextLimit::Bytes(most) => piece.len() <= most,
                    };
                    assert!(fits && !piece.trim().is_empty(), "{piece:?} {limit:?}");
                }
            }
        }
    }
}
