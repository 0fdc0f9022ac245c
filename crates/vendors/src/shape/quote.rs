//! What a provider says about a failure, fit for a log.

/// The provider's own words in one line of at most 200 characters, without what looks like a key, a number of a person or an
/// address of one: providers repeat parts of requests in their messages.
pub fn quote(message: &str) -> String {
    let mut line = String::new();
    for word in message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if line.chars().count() > LONGEST {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if is_private(word) { "[…]" } else { word });
    }
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

const LONGEST: usize = 200;

/// Whether a word may be a key (the usual prefixes; or long, with digits, and no word of a sentence), a telephone number or
/// an e-mail address.
fn is_private(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    let number = digits >= 7 && bare.chars().all(|c| c.is_ascii_digit() || "+-.()".contains(c));
    let key = ["sk-", "sk_", "xai-", "AIza", "Bearer"].iter().any(|prefix| bare.starts_with(prefix));
    let token = bare.len() >= 24 && digits >= 4 && !bare.contains('/');
    let address = bare.contains('@') && bare.contains('.');
    number || key || token || address
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
    fn a_long_message_is_cut_between_characters() {
        let quoted = quote(&"é ".repeat(5000));
        assert_eq!(quoted.chars().count(), 201);
        assert!(quoted.ends_with('…'));
        assert_eq!(quote(&"x".repeat(1000)).chars().count(), 201);
    }
}
