const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A number as words: `one thousand two hundred and fifty`.
pub fn cardinal(number: u64) -> String {
    for (size, name) in [(1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand")] {
        if number >= size {
            let (head, rest) = (cardinal(number / size), number % size);
            let link = if rest > 0 && rest < 100 { " and" } else { "" };
            return if rest == 0 {
                format!("{head} {name}")
            } else {
                format!("{head} {name}{link} {}", cardinal(rest))
            };
        }
    }
    let number = number as usize;
    match number {
        0..20 => ONES[number].to_owned(),
        20..100 if number.is_multiple_of(10) => TENS[number / 10].to_owned(),
        20..100 => format!("{} {}", TENS[number / 10], ONES[number % 10]),
        _ if number.is_multiple_of(100) => format!("{} hundred", ONES[number / 100]),
        _ => format!("{} hundred and {}", ONES[number / 100], cardinal(number as u64 % 100)),
    }
}

/// A place in a row as words: `twenty first`.
pub fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(head, last)| (head, last));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        word => word.strip_suffix('y').map_or_else(|| format!("{word}th"), |stem| format!("{stem}ieth")),
    };
    if head.is_empty() { last } else { format!("{head} {last}") }
}

/// Figures one by one, as a telephone number is read: `nine, eight, oh`. What is not a figure is left out.
pub fn digits(figures: &str) -> String {
    let words: Vec<&str> = figures
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| if digit == 0 { "oh" } else { ONES[digit as usize] })
        .collect();
    words.join(", ")
}

/// A time of day as words: `three thirty`, `nine oh five`, `ten o'clock`. Hours from 0 to 24, minutes from 0 to 59; hours
/// after noon are said as on a clock face.
pub fn clock(hour: u32, minute: u32) -> String {
    let face = match hour % 12 {
        0 => 12,
        face => face,
    };
    let hour = cardinal(u64::from(face));
    match minute {
        0 => format!("{hour} o'clock"),
        1..10 => format!("{hour} oh {}", cardinal(u64::from(minute))),
        _ => format!("{hour} {}", cardinal(u64::from(minute))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_words() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(100), "one hundred");
        assert_eq!(cardinal(2_005), "two thousand and five");
        assert_eq!(
            cardinal(1_234_567),
            "one million two hundred and thirty four thousand five hundred and sixty seven"
        );
        assert_eq!(ordinal(20), "twentieth");
        assert_eq!(ordinal(3), "third");
        assert_eq!(ordinal(112), "one hundred and twelfth");
        assert_eq!(clock(0, 5), "twelve oh five");
        assert_eq!(clock(15, 30), "three thirty");
        assert_eq!(clock(18, 0), "six o'clock");
    }
}
