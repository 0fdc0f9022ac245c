use std::fmt;

use crate::say::{cardinal, clock, ordinal};

/// A day, as far as a mind without a calendar knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Today,
    Tomorrow,
    InTwoDays,
    Weekday(Weekday),
    /// The so-manieth of the month.
    Date(u32),
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A time of day in minutes since midnight, always below 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Minute(pub(super) u32);

/// A half of the day that somebody prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Afternoon,
}

impl Weekday {
    pub(super) const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }

    /// The day of that name, in full or by its first three letters, also as a plural or with a possessive.
    pub(super) fn named(word: &str) -> Option<Self> {
        let word = word.trim_end_matches("'s");
        Self::ALL.into_iter().find(|day| {
            let name = day.name().to_lowercase();
            word == name
                || word.strip_suffix('s') == Some(&name)
                || word.len() >= 3 && word.len() <= 5 && name.starts_with(word)
        })
    }

    pub(super) fn plus(self, days: usize) -> Self {
        Self::ALL[(self as usize + days) % 7]
    }
}

impl Day {
    /// Which day of the week it is, if that can be known.
    pub(super) fn weekday(self, today: Option<Weekday>) -> Option<Weekday> {
        match self {
            Self::Today => today,
            Self::Tomorrow => today.map(|day| day.plus(1)),
            Self::InTwoDays => today.map(|day| day.plus(2)),
            Self::Weekday(day) => Some(day),
            Self::Date(_) => None,
        }
    }
}

/// As it is said in a sentence: `tomorrow`, `on Monday`, `on the twenty first`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Today => f.write_str("today"),
            Self::Tomorrow => f.write_str("tomorrow"),
            Self::InTwoDays => f.write_str("the day after tomorrow"),
            Self::Weekday(day) => write!(f, "on {}", day.name()),
            Self::Date(date) => write!(f, "on the {}", ordinal(u64::from(*date))),
        }
    }
}

/// As it is said in a sentence: `ten`, `three thirty`, `noon`.
impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = (self.0 / 60, self.0 % 60);
        match (hour, minute) {
            (12, 0) => f.write_str("noon"),
            (_, 0) => f.write_str(&cardinal(u64::from((hour + 11) % 12 + 1))),
            _ => f.write_str(&clock(hour, minute)),
        }
    }
}

/// The day that is spoken of in `words`; of several, the last: people correct themselves.
pub(super) fn day_in(words: &[String]) -> Option<Day> {
    let mut found = None;
    for (n, word) in words.iter().enumerate() {
        let before = |back: usize| n.checked_sub(back).and_then(|at| words.get(at)).map(String::as_str);
        let day = match word.as_str() {
            "today" | "tonight" => Some(Day::Today),
            "tomorrow" | "tomorrow's" if before(1) == Some("after") => Some(Day::InTwoDays),
            // "To Marlowe": what recognisers make of it on a bad line.
            "tomorrow" | "tomorrow's" | "marlowe" | "tomorow" | "tommorow" => Some(Day::Tomorrow),
            "morrow" if before(1) == Some("to") => Some(Day::Tomorrow),
            // "sun" and "sat" are words of their own.
            "sun" | "sat" | "mon" | "wed" | "fri" if !matches!(before(1), Some("on" | "this" | "next")) => None,
            other => Weekday::named(other).map(Day::Weekday).or_else(|| date(other).map(Day::Date)),
        };
        found = day.or(found);
    }
    found
}

/// `21st` and the like, from 1 to 31.
fn date(word: &str) -> Option<u32> {
    let figures = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end))?;
    figures.parse().ok().filter(|date| (1..=31).contains(date))
}

/// The half of the day that is spoken of.
pub(super) fn part_in(words: &[String]) -> Option<Part> {
    words.iter().find_map(|word| match word.as_str() {
        "morning" => Some(Part::Morning),
        "afternoon" | "evening" | "tonight" => Some(Part::Afternoon),
        _ => None,
    })
}

/// A number written as figures or as one word, up to 9999.
pub(super) fn number(word: &str) -> Option<u32> {
    if word.len() <= 4 && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) {
        return word.parse().ok();
    }
    (0..=20).chain([30, 40, 50]).find(|&number| cardinal(u64::from(number)) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::heard::words;

    #[test]
    fn days() {
        for (text, day) in [
            ("tomorrow at ten", Some(Day::Tomorrow)),
            ("the day after tomorrow", Some(Day::InTwoDays)),
            ("Next Monday", Some(Day::Weekday(Weekday::Monday))),
            ("on Thursdays", Some(Day::Weekday(Weekday::Thursday))),
            ("Monday, no, Tuesday", Some(Day::Weekday(Weekday::Tuesday))),
            ("on the 21st", Some(Day::Date(21))),
            ("on Sat", Some(Day::Weekday(Weekday::Saturday))),
            ("I sat there", None),
            ("40th", None),
        ] {
            assert_eq!(day_in(&words(text)), day, "{text}");
        }
    }
}
