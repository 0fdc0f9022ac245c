//! What a provider says about a failure, fit for a log.

/// The provider's own words in one line of at most 200 characters, without what looks like a key, a number of a person, an
/// address of one, or something that somebody said: providers repeat parts of requests in their messages. What stands in
/// quotes and is more than one word is taken for such a part.
pub fn quote(message: &str) -> String {
    let said = without_quotations(message);
    let words: Vec<_> =
        said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let mut line = String::new();
    let mut rest = &words[..];
    while let [word, others @ ..] = rest
        && line.chars().count() <= LONGEST
    {
        if !line.is_empty() {
            line.push(' ');
        }
        // A telephone number is often told in groups.
        let groups = rest.iter().take_while(|word| is_number(word)).count();
        if rest[..groups].iter().map(|word| digits(word)).sum::<usize>() >= LONG_NUMBER {
            line.push_str(LEFT_OUT);
            rest = &rest[groups..];
        } else {
            line.push_str(if is_private(word) { LEFT_OUT } else { word });
            rest = others;
        }
    }
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

const LONGEST: usize = 200;
const LEFT_OUT: &str = "[…]";
/// A number with so many digits may be somebody's.
const LONG_NUMBER: usize = 7;

/// The message without what it quotes, as far as that is more than a word. A quotation that is not closed was cut off.
fn without_quotations(message: &str) -> String {
    let mut told = String::new();
    let mut rest = message;
    while let Some((at, close)) = opening(rest) {
        let (before, from) = rest.split_at(at);
        told.push_str(before);
        let mark = from.chars().next().map_or(0, char::len_utf8);
        let end = closing(&from[mark..], close).map(|end| mark + end);
        // A lone apostrophe is none: nothing in front of it tells whether it quotes.
        if end.is_none() && close == '\'' {
            told.push_str(&from[..mark]);
            rest = &from[mark..];
            continue;
        }
        let quoted = &from[mark..end.unwrap_or(from.len())];
        let behind = end.map_or(from.len(), |end| end + close.len_utf8());
        told.push_str(if quoted.contains(char::is_whitespace) { LEFT_OUT } else { &from[..behind] });
        rest = &from[behind..];
    }
    told + rest
}

/// Where a quotation begins, and the mark that ends it.
fn opening(text: &str) -> Option<(usize, char)> {
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        let close = match c {
            '"' | '\'' | '`' => Some(c),
            '“' | '„' => Some('”'),
            '‘' => Some('’'),
            '«' => Some('»'),
            _ => None,
        };
        if let Some(close) = close.filter(|_| !last.is_alphanumeric()) {
            return Some((at, close));
        }
        last = c;
    }
    None
}

/// Where `mark` ends a quotation: not within a word, as an apostrophe does, and not behind a backslash.
fn closing(text: &str, mark: char) -> Option<usize> {
    let ends = |at: &usize| {
        let (before, behind) = (&text[..*at], &text[at + mark.len_utf8()..]);
        !before.ends_with('\\') && !behind.starts_with(char::is_alphanumeric)
    };
    text.match_indices(mark).map(|(at, _)| at).find(ends)
}

/// Whether a word may be a key (the usual prefixes; or long, with digits, and no word of a sentence) or an e-mail address.
fn is_private(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
    let key = ["sk-", "sk_", "xai-", "AIza", "Bearer"].iter().any(|prefix| bare.starts_with(prefix));
    let token = bare.len() >= 24 && bare.chars().filter(char::is_ascii_digit).count() >= 4 && !bare.contains('/');
    let address = bare.contains('@') && bare.contains('.');
    key || token || address
}

/// Whether a word is a number or a group of one, in whatever script.
fn is_number(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    !bare.is_empty() && bare.chars().all(|c| c.is_numeric() || "+-.()".contains(c))
}

fn digits(word: &str) -> usize {
    word.chars().filter(|c| c.is_numeric()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_left_out() {
        let check = |message: &str, expected: &str| assert_eq!(quote(message), expected);
        check("Rate limit reached for gpt-5.6-luna in org", "Rate limit reached for gpt-5.6-luna in org");
        check("Incorrect API key provided: sk-mock***.", "Incorrect API key provided: […]");
        check("no such call: \"+91-98450-12345\"", "no such call: […]");
        check("key 0123456789abcdef0123456789abcdef is unknown", "key […] is unknown");
        check("mail asha.rao@example.com\n\tnow\0!", "mail […] now !");
        check("see https://example.com/docs/error-codes/12345", "see https://example.com/docs/error-codes/12345");
    }

    #[test]
    fn a_number_that_is_told_in_groups_is_one() {
        let check = |message: &str, expected: &str| assert_eq!(quote(message), expected);
        check("no such call: 98450 12345, try again", "no such call: […] try again");
        check("call +91 (98450) 12-345.", "call […]");
        check("९८४५० १२३४५ was said", "[…] was said");
        check("expected 8000 or 16000 Hz, got 44100", "expected 8000 or 16000 Hz, got 44100");
        check("limit 60 per 1 min", "limit 60 per 1 min");
    }

    #[test]
    fn what_is_quoted_and_longer_than_a_name_may_be_what_a_caller_said() {
        let check = |message: &str, expected: &str| assert_eq!(quote(message), expected);
        check(r#"cannot read: "my name is Asha", sorry"#, "cannot read: […], sorry");
        check("invalid input 'I have a rash' at messages[3]", "invalid input […] at messages[3]");
        check("unknown: “मेरा नाम आशा है”", "unknown: […]");
        check("bad text `two words`", "bad text […]");
        check(r#"cut off: "my name is Ash"#, "cut off: […]");
        check(r#"{"input": "I have a rash"}"#, r#"{"input": […]}"#);
        check("the model `gpt-9` does not exist", "the model `gpt-9` does not exist");
        check("supported values are: 'mp3', 'wav', and \"pcm\".", "supported values are: 'mp3', 'wav', and \"pcm\".");
        check("you didn't say it's the user's", "you didn't say it's the user's");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let quoted = quote(&"é ".repeat(5000));
        assert_eq!(quoted.chars().count(), 201);
        assert!(quoted.ends_with('…'));
        assert_eq!(quote(&"x".repeat(1000)).chars().count(), 201);
    }
}
