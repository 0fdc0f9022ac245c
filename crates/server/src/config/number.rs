/// Whether two spellings name the same called number.
///
/// Carriers write numbers as they like: Twilio `+912261234567`, Exotel `02261234567`. A number without its country is the end of
/// one with it, ten digits being enough to tell; numbers that both have their country (`+` or `00`) agree as a whole, or
/// `+1 202...` would be taken for `+91 202...`. `sip:` and `client:` addresses are compared whole.
pub(super) fn same(a: &str, b: &str) -> bool {
    if is_address(a) || is_address(b) {
        return a.trim().eq_ignore_ascii_case(b.trim());
    }
    let (a, b) = (Digits::of(a), Digits::of(b));
    let (short, long) = if a.digits.len() <= b.digits.len() { (&a, &b) } else { (&b, &a) };
    let is_end = !short.has_country && short.digits.len() >= 10 && long.digits.ends_with(&short.digits);
    !short.digits.is_empty() && (short.digits == long.digits || is_end)
}

/// Whether `text` can be a called number: 3 to 20 digits with the usual decoration, or an address.
pub(super) fn is_usable(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let decorated = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.'));
    is_address(text) || (decorated && (3..=20).contains(&digits))
}

fn is_address(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    text.starts_with("sip:") || text.starts_with("sips:") || text.starts_with("client:")
}

/// The digits of a number without the zeros that lead to a trunk or abroad.
struct Digits {
    digits: String,
    has_country: bool,
}

impl Digits {
    fn of(text: &str) -> Self {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let has_country = text.trim_start().starts_with('+') || digits.starts_with("00");
        Self { digits: digits.trim_start_matches('0').to_owned(), has_country }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_usable, same};

    #[test]
    fn spellings_of_one_number_are_the_same() {
        for (a, b, expected) in [
            ("+912261234567", "02261234567", true),
            ("+91 (22) 6123-4567", "912261234567", true),
            ("02261234567", "2261234567", true),
            ("+12025550199", "+12025550198", false),
            // Short codes agree only as a whole: their last digits are shared by thousands of numbers.
            ("100", "2261234100", false),
            ("100", "100", true),
            ("sip:desk@example.com", "SIP:desk@example.com", true),
            ("sip:100@example.com", "100", false),
            ("", "", false),
            ("+91 2025550199", "+1 2025550199", false),
            ("+91 2025550199", "0012025550199", false),
            ("+91 2025550199", "2025550199", true),
        ] {
            assert_eq!(same(a, b), expected, "{a} and {b}");
            assert_eq!(same(b, a), expected, "{b} and {a}");
        }
    }

    #[test]
    fn usable_numbers_have_digits() {
        for (text, expected) in [
            ("+912261234567", true),
            ("100", true),
            ("client:desk", true),
            ("12", false),
            ("reception", false),
            ("123456789012345678901", false),
        ] {
            assert_eq!(is_usable(text), expected, "{text}");
        }
    }
}
