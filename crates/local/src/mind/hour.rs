use super::when::{Minute, Part, Weekday, number, part_in};

/// The time that is spoken of in `words`; of several, the last. With `expected` a bare number counts as one too, because a
/// time was asked for. Without "a.m." or "p.m." the hour is the one that lies within `open`.
pub(super) fn time_in(words: &[String], expected: bool, open: (Minute, Minute)) -> Option<Minute> {
    let part = part_in(words);
    let mut found = None;
    let mut n = 0;
    while n < words.len() {
        if let Some((clock, used)) = time_at(words, n, expected) {
            let half = words[n + used..].iter().take(2).find_map(|word| match word.as_str() {
                "am" => Some(Part::Morning),
                "pm" => Some(Part::Afternoon),
                _ => None,
            });
            found = Some(clock.within(half.or(part), open));
            n += used;
        } else {
            n += 1;
        }
    }
    found
}

/// What a clock face shows: an hour from 0 to 23 and a minute.
struct Face {
    hour: u32,
    minute: u32,
}

impl Face {
    fn within(&self, part: Option<Part>, open: (Minute, Minute)) -> Minute {
        let as_is = Minute((self.hour % 24) * 60 + self.minute);
        if self.hour == 0 || self.hour > 12 {
            return as_is;
        }
        let early = Minute((self.hour % 12) * 60 + self.minute);
        let late = Minute(early.0 + 720);
        let is_open = |time: Minute| (open.0..open.1).contains(&time);
        // Where neither is open: what people mean by it in daylight.
        let is_early = is_open(early) || !is_open(late) && early.0 >= 7 * 60;
        match part {
            Some(Part::Morning) => early,
            None if is_early => early,
            Some(Part::Afternoon) | None => late,
        }
    }
}

/// The time that starts at `words[n]`, and how many words it takes.
fn time_at(words: &[String], n: usize, expected: bool) -> Option<(Face, usize)> {
    let word = |at: usize| words.get(n + at).map(String::as_str);
    let before = n.checked_sub(1).and_then(|before| words.get(before)).map_or("", String::as_str);
    let first = word(0)?;
    if matches!(first, "noon" | "midday") {
        return Some((Face { hour: 12, minute: 0 }, 1));
    }
    if let Some(found) = fraction_at(words, n) {
        return Some(found);
    }
    if let Some((hour, minute)) = first.split_once(':') {
        return Some((face(hour.parse().ok()?, minute.parse().ok()?)?, 1));
    }
    if first == "half" || first == "one" && POINTING.contains(&before) {
        return None;
    }
    let after_day = matches!(before, "today" | "tomorrow") || Weekday::named(before).is_some();
    let asked = expected || after_day || BEFORE_TIME.contains(&before);
    let hour = number(first).or_else(|| misheard(words, n, expected))?;
    // "330", "1030": how recognisers write three thirty.
    if first.len() >= 3 && first.chars().all(|c| c.is_ascii_digit()) {
        let meant = first.len() <= 4 && (asked || matches!(word(1), Some("am" | "pm")));
        return if meant { Some((face(hour / 100, hour % 100)?, 1)) } else { None };
    }
    if !(1..=23).contains(&hour) {
        return None;
    }
    if let Some((minute, used)) = minutes_at(words, n + 1).filter(|_| hour <= 12) {
        return Some((face(hour, minute)?, 1 + used));
    }
    let said_so = match word(1) {
        Some("oclock" | "am" | "pm") => true,
        Some("in") => word(2) == Some("the") && matches!(word(3), Some("morning" | "afternoon" | "evening")),
        _ => false,
    };
    let counted = word(1).is_some_and(|next| COUNTED.contains(&next));
    if said_so || asked && !counted {
        return Some((face(hour, 0)?, if word(1) == Some("oclock") { 2 } else { 1 }));
    }
    None
}

/// After these a bare number is a time.
const BEFORE_TIME: [&str; 15] = [
    "at", "to", "for", "around", "about", "by", "until", "till", "from", "say", "make", "it", "before", "after", "past",
];
/// After these "one" is not a number.
const POINTING: [&str; 10] = ["first", "second", "third", "middle", "last", "that", "this", "other", "which", "any"];
/// Before these a number is not a time.
const COUNTED: [&str; 20] = [
    "people", "persons", "days", "day", "weeks", "week", "years", "months", "times", "of", "moment", "moments",
    "second", "seconds", "minute", "minutes", "more", "time", "thing", "other",
];

fn face(hour: u32, minute: u32) -> Option<Face> {
    (hour < 24 && minute < 60).then_some(Face { hour, minute })
}

/// "half past three", "quarter to four", "ten past nine", and "half three", which is half past three where English is
/// British or Indian.
fn fraction_at(words: &[String], n: usize) -> Option<(Face, usize)> {
    let word = |at: usize| words.get(n + at).map(String::as_str);
    let hour = |at: usize| word(at).and_then(number).filter(|hour| (1..=12).contains(hour));
    let first = word(0)?;
    let minutes = match first {
        "half" => 30,
        "quarter" => 15,
        _ => number(first).filter(|minutes| matches!(minutes, 5 | 10 | 20 | 25))?,
    };
    let link = if word(1) == Some("minutes") { 2 } else { 1 };
    match (word(link), hour(link + 1)) {
        (Some("past" | "after"), Some(hour)) => Some((face(hour, minutes)?, link + 2)),
        (Some("to" | "before"), Some(hour)) if first != "half" => {
            Some((face(if hour == 1 { 12 } else { hour - 1 }, 60 - minutes)?, link + 2))
        }
        _ if first == "half" => Some((face(hour(1)?, 30)?, 2)),
        _ => None,
    }
}

/// The minutes after an hour, as in "three thirty", "nine oh five", "3 30", "two forty five", and how many words they take.
fn minutes_at(words: &[String], n: usize) -> Option<(u32, usize)> {
    let ones = |at: usize| words.get(at).and_then(|word| number(word)).filter(|ones| (1..=9).contains(ones));
    let first = words.get(n)?;
    if matches!(first.as_str(), "oh" | "o" | "zero") {
        return Some((ones(n + 1)?, 2));
    }
    let tens = number(first).filter(|tens| (10..60).contains(tens))?;
    match ones(n + 1).filter(|_| tens >= 20 && tens % 10 == 0) {
        Some(ones) => Some((tens + ones, 2)),
        None => Some((tens, 1)),
    }
}

/// Words that telephone recognition puts where a number was said.
fn misheard(words: &[String], n: usize, expected: bool) -> Option<u32> {
    let before = n.checked_sub(1).and_then(|before| words.get(before)).map(String::as_str);
    match words[n].as_str() {
        // "at ten" comes back as "at then".
        "then" if before == Some("at") => Some(10),
        word if expected && words.len() == 1 => match word {
            "to" | "too" | "do" => Some(2),
            "for" => Some(4),
            "ate" => Some(8),
            "won" => Some(1),
            "then" => Some(10),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::heard::words;

    const OPEN: (Minute, Minute) = (Minute(9 * 60), Minute(18 * 60));

    fn check_time(text: &str, expected: bool, time: Option<(u32, u32)>) {
        let found = time_in(&words(text), expected, OPEN);
        assert_eq!(found, time.map(|(hour, minute)| Minute(hour * 60 + minute)), "{text:?} expected {expected}");
    }

    #[test]
    fn times_as_people_and_recognisers_put_them() {
        for (text, time) in [
            ("half past three", (15, 30)),
            ("At half three, please.", (15, 30)),
            ("quarter to four", (15, 45)),
            ("a quarter past ten", (10, 15)),
            ("ten past nine", (9, 10)),
            ("twenty minutes to five", (16, 40)),
            ("3:30", (15, 30)),
            ("at 3.30", (15, 30)),
            ("15:30", (15, 30)),
            ("tomorrow at ten", (10, 0)),
            ("Tomorrow at 10.", (10, 0)),
            ("ten thirty", (10, 30)),
            ("Can I move it to three, thirty?", (15, 30)),
            ("Can I move it to 330?", (15, 30)),
            ("at 1030", (10, 30)),
            ("nine oh five", (9, 5)),
            ("two forty five", (14, 45)),
            ("9 a.m.", (9, 0)),
            ("9am", (9, 0)),
            ("five pm", (17, 0)),
            ("seven p.m.", (19, 0)),
            ("ten o'clock", (10, 0)),
            ("three in the afternoon", (15, 0)),
            ("noon", (12, 0)),
            ("at twelve", (12, 0)),
            ("at ten, no, at eleven", (11, 0)),
            ("tomorrow at then", (10, 0)),
            ("let's say eight", (8, 0)),
            ("tomorrow ten", (10, 0)),
            ("Monday 4 please", (16, 0)),
        ] {
            check_time(text, false, Some(time));
        }
    }

    #[test]
    fn bare_numbers_are_times_only_when_asked() {
        for (text, time) in
            [("Two.", (14, 0)), ("10", (10, 0)), ("330", (15, 30)), ("Too", (14, 0)), ("eleven", (11, 0))]
        {
            check_time(text, true, Some(time));
            check_time(text, false, None);
        }
        for text in [
            "I have two children",
            "for two people",
            "7391",
            "25:99",
            "call 9876543210",
            "yes please",
            "in two weeks",
            "",
        ] {
            check_time(text, false, None);
        }
    }
}
