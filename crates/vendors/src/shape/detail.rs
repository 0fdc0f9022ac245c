/// What a refusal says, for a person: the status, the provider's own code and words, and the id its support asks for.
///
/// The words are a server's, so they are cut, and control characters are left out: they go to logs.
pub(crate) fn detail(status: u16, code: &str, words: &str, request: Option<&str>) -> String {
    let mut detail = format!("status {status}");
    if !code.is_empty() {
        detail.push(' ');
        detail.push_str(&printable(code, MOST_CODE_CHARS));
    }
    if !words.is_empty() {
        detail.push_str(": ");
        detail.push_str(&printable(words, MOST_WORD_CHARS));
    }
    if let Some(request) = request.filter(|id| !id.is_empty()) {
        detail.push_str(" (request ");
        detail.push_str(&printable(request, MOST_CODE_CHARS));
        detail.push(')');
    }
    detail
}

/// At most `most` characters of what a server wrote, none of them a control character.
pub(crate) fn printable(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

const MOST_CODE_CHARS: usize = 64;
const MOST_WORD_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_one_short_line() {
        assert_eq!(detail(503, "", "", None), "status 503");
        assert_eq!(
            detail(401, "INVALID_AUTH", "Invalid\r\n credentials.", Some("r1")),
            "status 401 INVALID_AUTH: Invalid credentials. (request r1)"
        );
        let long = "x".repeat(10_000);
        assert!(detail(500, &long, &long, Some(&long)).len() < 400);
    }
}
