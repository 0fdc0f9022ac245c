//! Text made ready for a voice: cut into sentences, figures written out as words, marks of writing left out. Both voices
//! use it, so that "3:30" sounds the same whoever speaks.

mod numbers;

pub use numbers::{cardinal, clock, digits, ordinal};

/// Longer sentences are cut at a pause or a space, so that the first audio never waits for a whole paragraph.
const MAX_SENTENCE_CHARS: usize = 220;
/// Marks that are heard as a pause or a tone.
const MARKS: &str = ",.;:!?)";
/// Words that end with a full stop and do not end a sentence.
const TITLES: [&str; 8] = ["dr", "mr", "mrs", "ms", "prof", "st", "no", "vs"];

/// The sentences of `text`, each with its final mark, none empty.
pub fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut sentence = String::new();
    for word in text.split_whitespace() {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let long = sentence.chars().count();
        let pause = word.ends_with([',', ';', ':', '—']) && long > MAX_SENTENCE_CHARS / 2;
        if ends_sentence(word) || pause || long > MAX_SENTENCE_CHARS {
            found.push(std::mem::take(&mut sentence));
        }
    }
    found.push(sentence);
    found.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    found
}

fn ends_sentence(word: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', ']', '”', '’']);
    if bare.ends_with(['!', '?', '…', '।']) {
        return true;
    }
    let Some(stem) = bare.strip_suffix('.') else { return false };
    let stem = stem.trim_start_matches(['"', '\'', '(', '[', '“', '‘']).to_lowercase();
    // An initial ("J.") or an abbreviation with full stops inside ("a.m.") goes on; "at 10 a.m." at the very end of a text
    // is caught because the text ends there.
    !(TITLES.contains(&stem.as_str())
        || stem.chars().count() == 1 && stem.chars().all(char::is_alphabetic)
        || stem.contains('.') && stem.chars().all(|c| c == '.' || c.is_alphabetic()))
}

/// A sentence as it is spoken: figures, times, amounts and abbreviations as words.
pub fn spoken(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut n = 0;
    while n < words.len() {
        let (head, body, tail) = trimmed(words[n]);
        let half = words.get(n + 1).and_then(|next| half_of_day(next));
        let (said, used) = say_word(body, half);
        if said.is_empty() {
            // Only marks: a pause, if it is one that is heard, belongs to the word before.
            if let (Some(last), Some(mark)) = (out.last_mut(), tail.chars().find(|c| ",.;:!?".contains(*c)))
                && !last.ends_with([',', '.', ';', ':', '!', '?'])
            {
                last.push(mark);
            }
        } else {
            let tail = if used == 2 {
                trimmed(words[n + 1]).2.trim_start_matches('.').to_owned()
            } else {
                tail.chars().filter(|c| MARKS.contains(*c)).collect()
            };
            // The end of "10 a.m." is also the end of its sentence.
            let last = n + used == words.len();
            let tail =
                if used == 2 && last && tail.is_empty() && words[n + 1].ends_with('.') { ".".to_owned() } else { tail };
            let title = TITLES.contains(&body.to_lowercase().as_str());
            let tail = if title { tail.trim_start_matches('.').to_owned() } else { tail };
            let opening = if head.contains('(') { "(" } else { "" };
            out.push(format!("{opening}{said}{tail}"));
        }
        n += used;
    }
    out.join(" ")
}

/// A word without the marks around it that are not spoken: (before, word, after).
fn trimmed(word: &str) -> (&str, &str, &str) {
    let inner = |c: char| c.is_alphanumeric() || "₹$£€%&@+#'’".contains(c);
    let Some(start) = word.find(inner) else { return ("", "", word) };
    let end = word.rfind(inner).map_or(word.len(), |at| at + word[at..].chars().next().map_or(0, char::len_utf8));
    (&word[..start], &word[start..end], &word[end..])
}

/// "am", "p.m." and the like, as letters.
fn half_of_day(word: &str) -> Option<&'static str> {
    match word.trim_end_matches(['.', ',', '!', '?', ';']).to_lowercase().as_str() {
        "am" | "a.m" => Some("AM"),
        "pm" | "p.m" => Some("PM"),
        _ => None,
    }
}

/// One word as it is spoken, and how many words of the text it stands for.
fn say_word(word: &str, half: Option<&'static str>) -> (String, usize) {
    let lower = word.to_lowercase();
    if word.chars().next().is_some_and(|c| c.is_ascii_digit()) {
        let glued =
            ["am", "pm", "a.m", "p.m"].iter().find_map(|end| Some((lower.strip_suffix(end)?, half_of_day(end)?)));
        if let Some((figures, half)) = glued
            && let Some(said) = time(figures, Some(half))
        {
            return (said, 1);
        }
        if let Some(said) = half.and_then(|half| time(word, Some(half))) {
            return (said, 2);
        }
        if word.contains(':')
            && let Some(said) = time(word, None)
        {
            return (said, 1);
        }
    }
    let said = match lower.as_str() {
        "&" => "and".to_owned(),
        "@" => "at".to_owned(),
        "%" => "percent".to_owned(),
        "+" => "plus".to_owned(),
        "dr" => "Doctor".to_owned(),
        "mr" => "Mister".to_owned(),
        "mrs" => "Missus".to_owned(),
        "ms" => "Miz".to_owned(),
        "am" | "a.m" if word.contains('.') || word == "AM" => "AM".to_owned(),
        "pm" | "p.m" => "PM".to_owned(),
        _ => figures(word).unwrap_or_else(|| plain(word)),
    };
    (said, 1)
}

/// A time such as `3:30`, or a bare hour when `half` says that it is one.
fn time(figures: &str, half: Option<&'static str>) -> Option<String> {
    let (hour, minute) = match figures.split_once([':', '.']) {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute.parse().ok()?),
        Some(_) => return None,
        None => (figures, 0),
    };
    let hour: u32 = hour.parse().ok()?;
    if hour > 24 || minute > 59 || hour > 12 && half.is_some() {
        return None;
    }
    Some(match half {
        Some(half) if minute == 0 => format!("{} {half}", cardinal(u64::from(hour))),
        Some(half) => format!("{} {half}", clock(hour, minute)),
        None => clock(hour, minute),
    })
}

/// A word with figures in it: amounts, ordinals, decimals, telephone numbers, plain numbers. `None` if there are none.
fn figures(word: &str) -> Option<String> {
    if !word.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    for (sign, one, many) in
        [("₹", "rupee", "rupees"), ("$", "dollar", "dollars"), ("£", "pound", "pounds"), ("€", "euro", "euros")]
    {
        if let Some(amount) = word.strip_prefix(sign) {
            let unit = if amount == "1" { one } else { many };
            return Some(format!("{} {unit}", figures(amount)?));
        }
    }
    if let Some(share) = word.strip_suffix('%') {
        return Some(format!("{} percent", figures(share)?));
    }
    let lower = word.to_lowercase();
    for end in ["st", "nd", "rd", "th"] {
        if let Some(number) = lower.strip_suffix(end).and_then(|figures| figures.parse().ok()) {
            return Some(ordinal(number));
        }
    }
    let bare: String = word.chars().filter(|c| *c != ',').collect();
    if bare.chars().all(|c| c.is_ascii_digit()) {
        let grouped = word.contains(',');
        // A number that somebody reads out: long, or with a nought in front.
        if !grouped && (bare.len() > 4 || bare.len() > 1 && bare.starts_with('0')) {
            return Some(digits(&bare));
        }
        return Some(bare.parse().map_or_else(|_| digits(&bare), cardinal));
    }
    if let Some((whole, part)) = bare.split_once('.')
        && let (Ok(whole), true) = (whole.parse(), !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    {
        return Some(format!("{} point {}", cardinal(whole), digits(part).replace(',', "")));
    }
    if bare.chars().all(|c| c.is_ascii_digit() || "-+/ ".contains(c)) {
        let groups: Vec<String> = bare.split(['-', '+', '/']).filter(|group| !group.is_empty()).map(digits).collect();
        return Some(groups.join(", "));
    }
    // Letters and figures mixed, as in "B12": each run by itself.
    let mut runs: Vec<String> = Vec::new();
    for c in word.chars() {
        match runs.last_mut() {
            Some(run) if run.ends_with(|last: char| last.is_ascii_digit() == c.is_ascii_digit()) => run.push(c),
            _ => runs.push(c.to_string()),
        }
    }
    let said: Vec<String> = runs.iter().map(|run| figures_or_plain(run)).collect();
    Some(said.join(" "))
}

fn figures_or_plain(run: &str) -> String {
    run.parse()
        .ok()
        .filter(|_| run.len() < 5)
        .map_or_else(|| if run.chars().all(|c| c.is_ascii_digit()) { digits(run) } else { plain(run) }, cardinal)
}

/// A word without figures: signs that a voice would stumble over become words or spaces.
fn plain(word: &str) -> String {
    let mut said = String::new();
    for c in word.chars() {
        match c {
            '&' => said.push_str(" and "),
            '@' => said.push_str(" at "),
            '%' => said.push_str(" percent "),
            '+' => said.push_str(" plus "),
            '₹' => said.push_str(" rupees "),
            '$' => said.push_str(" dollars "),
            '£' => said.push_str(" pounds "),
            '€' => said.push_str(" euros "),
            '’' => said.push('\''),
            '/' | '_' | '*' | '#' | '|' | '~' | '^' | '<' | '>' | '=' | '\\' | '`' => said.push(' '),
            c if c.is_alphanumeric() || "'-.,;:!?".contains(c) => said.push(c),
            // Emoji and other signs have no sound.
            _ => {}
        }
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_a_reader_would_pause() {
        for (text, expected) in [
            ("Hello. How are you?", vec!["Hello.", "How are you?"]),
            ("Dr. Rao is in. Ask J. K. Iyer!", vec!["Dr. Rao is in.", "Ask J. K. Iyer!"]),
            ("We open at 9 a.m. and close at 6.", vec!["We open at 9 a.m. and close at 6."]),
            ("It costs 3.50 today", vec!["It costs 3.50 today"]),
            ("  ", vec![]),
            ("... !", vec![]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
        let long = "word ".repeat(200);
        assert!(sentences(&long).iter().all(|sentence| sentence.len() < MAX_SENTENCE_CHARS + 20));
    }

    #[test]
    fn figures_become_words() {
        for (written, said) in [
            ("Tomorrow at 3:30 pm, then.", "Tomorrow at three thirty PM, then."),
            ("At 10:00.", "At ten o'clock."),
            ("At 9:05", "At nine oh five"),
            ("We open at 9 a.m. and close at 6pm.", "We open at nine AM and close at six PM."),
            ("Come at 10 a.m.", "Come at ten AM."),
            ("Dr. Rao, 2nd floor, room 12", "Doctor Rao, second floor, room twelve"),
            ("It is ₹1,250 or $1.", "It is one thousand two hundred and fifty rupees or one dollar."),
            ("Call 98765-43210.", "Call nine, eight, seven, six, five, four, three, two, one, oh."),
            ("Your code is 7391.", "Your code is seven thousand three hundred and ninety one."),
            ("Code 07391", "Code oh, seven, three, nine, one"),
            ("The 21st at 12:15", "The twenty first at twelve fifteen"),
            ("3.5% & more", "three point five percent and more"),
            ("*Hello* 😀 _there_", "Hello there"),
            ("I am here", "I am here"),
            ("B12 — yes", "B twelve yes"),
            ("wait ... what?", "wait. what?"),
        ] {
            assert_eq!(spoken(written), said, "{written}");
        }
    }
}
