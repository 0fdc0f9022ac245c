use std::fmt;

/// A telephone number as a platform wrote it: an optional `+` and 2 to 20 digits. `Display` and `Debug` mask it.
///
/// Often not E.164: Exotel writes `0` and ten digits. SIP addresses, names and stand-ins for withheld numbers are no
/// numbers; the caller is then unknown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(Box<str>);

impl PhoneNumber {
    /// Reads a number; blanks, hyphens, dots and brackets are dropped. A leading blank stands for `+`, which is what
    /// becomes of an unescaped plus sign in a query.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let plus = text.starts_with(' ') || text.trim_start().starts_with('+');
        let rest = text.trim();
        let rest = rest.strip_prefix('+').unwrap_or(rest);
        let mut number = String::with_capacity(rest.len() + 1);
        if plus {
            number.push('+');
        }
        for symbol in rest.chars() {
            match symbol {
                '0'..='9' => number.push(symbol),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return None,
            }
        }
        let digits = number.len() - usize::from(plus);
        (MIN_DIGITS..=MAX_DIGITS).contains(&digits).then(|| Self(number.into()))
    }

    /// The whole number, for routing and for the operator's own records; never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same line: equal, or equal in their last digits once trunk and country prefixes are set
    /// aside. `+911000000002` and `01000000002` are the same line. Short numbers, and numbers that both have their
    /// country, must be equal: `+91 202…` is not `+1 202…`.
    pub fn same_line(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.significant(), other.significant());
        let (short, whole, long) = if mine.len() <= theirs.len() {
            (mine, self.has_country(), theirs)
        } else {
            (theirs, other.has_country(), mine)
        };
        short == long || (!whole && short.len() >= COMPARABLE_DIGITS && long.ends_with(short))
    }

    fn has_country(&self) -> bool {
        self.0.starts_with('+') || self.0.starts_with("00")
    }

    fn significant(&self) -> &str {
        self.0.trim_start_matches(['+', '0'])
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The last two digits tell two calls apart in a log and identify nobody.
        f.write_str("***")?;
        f.write_str(self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const MAX_TEXT: usize = 64;
const MIN_DIGITS: usize = 2;
const MAX_DIGITS: usize = 20;
/// National numbers have at least this many digits; fewer and two different lines could end alike.
const COMPARABLE_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_platforms_write() {
        let rows = [
            ("+12025550123", Some("+12025550123")),
            (" 12025550123", Some("+12025550123")),
            ("01000000001", Some("01000000001")),
            ("+91 (100) 000-00.02", Some("+911000000002")),
            ("anonymous", None),
            ("sip:asha@example.com", None),
            ("client:asha", None),
            ("", None),
            ("+", None),
            ("7", None),
            ("123456789012345678901", None),
            ("1<script>", None),
        ];
        for (text, expected) in rows {
            assert_eq!(PhoneNumber::read(text).as_ref().map(PhoneNumber::as_str), expected, "{text}");
        }
    }

    #[test]
    fn masks_itself() {
        let number = PhoneNumber::read("+12025550123").unwrap();
        assert_eq!(format!("{number} {number:?}"), "***23 ***23");
    }

    #[test]
    fn knows_a_line_by_its_last_digits() {
        let line = |text| PhoneNumber::read(text).unwrap();
        assert!(line("+911000000002").same_line(&line("01000000002")));
        assert!(!line("+911000000002").same_line(&line("01000000003")));
        assert!(!line("02").same_line(&line("+911000000002")));
        assert!(line("112").same_line(&line("112")));
        assert!(!line("+912025550199").same_line(&line("+12025550199")));
        assert!(!line("+912025550199").same_line(&line("0012025550199")));
    }
}
