use super::{
    hour::time_in,
    phrases::{assent_in, choice_in, wish_in},
    when::{Day, Minute, Part, day_in, number, part_in},
};

/// What a caller said, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Lower case, without marks and fillers.
    pub(super) words: Vec<String>,
    pub(super) wish: Option<Wish>,
    pub(super) assent: Option<Assent>,
    pub(super) day: Option<Day>,
    pub(super) time: Option<Minute>,
    pub(super) part: Option<Part>,
    pub(super) choice: Option<Choice>,
    /// A single key or spoken digit and nothing else.
    pub(super) key: Option<u32>,
    /// The key was written as a figure, as pressed keys are.
    pub(super) pressed: bool,
}

/// What the caller wants, apart from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Emergency,
    Human,
    Cancel,
    Move,
    Book,
    Hours,
    Address,
    Repeat,
    Wait,
    Help,
    WhoAreYou,
    /// Something for which a person is needed: money, results, medicines.
    Beyond,
    Goodbye,
    Thanks,
    Hello,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assent {
    Yes,
    No,
}

/// Picking one of several times that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    First,
    Second,
    Last,
    Any,
    Later,
    Earlier,
}

impl Heard {
    /// Reads `text`. `time_expected` says that a time was asked for, so a bare number is one.
    pub(super) fn read(text: &str, time_expected: bool, open: (Minute, Minute)) -> Self {
        let words = words(text);
        let said = format!(" {} ", words.join(" "));
        Self {
            wish: wish_in(&said),
            assent: assent_in(&said),
            day: day_in(&words),
            time: time_in(&words, time_expected, open),
            part: part_in(&words),
            choice: choice_in(&said),
            key: match words.as_slice() {
                [only] => number(only).filter(|key| *key <= 9),
                _ => None,
            },
            pressed: words.len() == 1 && words[0].chars().all(|c| c.is_ascii_digit()),
            words,
        }
    }

    /// A yes or no and nothing else of use.
    pub(super) fn is_plain(&self, assent: Assent) -> bool {
        let Self { wish, day, time, part, choice, key, .. } = self;
        let more = wish.is_some_and(|wish| wish != Wish::Thanks) || day.is_some() || time.is_some() || part.is_some();
        self.assent == Some(assent) && !more && choice.is_none() && key.is_none()
    }

    /// Nothing of use was heard.
    pub(super) fn is_empty(&self) -> bool {
        self.wish.is_none()
            && self.assent.is_none()
            && self.day.is_none()
            && self.time.is_none()
            && self.part.is_none()
            && self.choice.is_none()
            && self.key.is_none()
    }
}

/// Sounds of thinking.
const FILLERS: [&str; 8] = ["uh", "um", "er", "erm", "hmm", "uhm", "mm", "ah"];

/// The words of a text: lower case, without punctuation and fillers; `3:30` stays one word, `10am` becomes two.
pub(super) fn words(text: &str) -> Vec<String> {
    let text =
        text.to_lowercase().replace('’', "'").replace("a.m", "am").replace("p.m", "pm").replace("o'clock", "oclock");
    let chars: Vec<char> = text.chars().collect();
    let figure = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let mut spaced = String::new();
    for (n, &c) in chars.iter().enumerate() {
        let between_figures = figure(n.checked_sub(1)) && figure(Some(n + 1));
        match c {
            ':' | '.' if between_figures && figure(Some(n + 2)) && !figure(Some(n + 3)) => spaced.push(':'),
            // Groups of one long number, as recognisers write telephone numbers.
            '-' | ',' if between_figures && c == '-' => {}
            c if c.is_alphanumeric() || c == '\'' => {
                let unit = c.is_ascii_alphabetic()
                    && figure(n.checked_sub(1))
                    && (text_at(&chars, n, "am") || text_at(&chars, n, "pm"));
                if unit {
                    spaced.push(' ');
                }
                spaced.push(c);
            }
            _ => spaced.push(' '),
        }
    }
    spaced
        .split_whitespace()
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .map(str::to_owned)
        .collect()
}

fn text_at(chars: &[char], at: usize, text: &str) -> bool {
    text.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain() {
        for (text, expected) in [
            ("I'd like to book, uh, tomorrow at 10am.", "i'd like to book tomorrow at 10 am"),
            ("At 3:30 p.m.!", "at 3:30 pm"),
            ("At 3.30", "at 3:30"),
            ("5550-142789", "5550142789"),
            ("It’s ten o’clock", "it's ten oclock"),
            ("♪ ... ♪", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn wishes_and_assent() {
        let read = |text: &str| {
            let heard = Heard::read(text, false, (Minute(540), Minute(1080)));
            (heard.wish, heard.assent)
        };
        for (text, wish, assent) in [
            ("I'd like to book an appointment tomorrow at ten.", Some(Wish::Book), None),
            ("I want to move my appointment", Some(Wish::Move), None),
            ("Please cancel my appointment.", Some(Wish::Cancel), Some(Assent::Yes)),
            ("Can I talk to someone?", Some(Wish::Human), None),
            ("When are you open?", Some(Wish::Hours), None),
            ("Sorry, what was that?", Some(Wish::Repeat), None),
            ("Sorry?", Some(Wish::Repeat), None),
            ("No, thank you.", Some(Wish::Thanks), Some(Assent::No)),
            ("Yes please.", None, Some(Assent::Yes)),
            ("No problem.", None, Some(Assent::Yes)),
            ("That's not right.", None, Some(Assent::No)),
            ("Am I speaking to a human?", Some(Wish::WhoAreYou), None),
            ("Bye.", Some(Wish::Goodbye), None),
            ("banana", None, None),
        ] {
            assert_eq!(read(text), (wish, assent), "{text}");
        }
    }
}
