use super::{
    hour::time_in,
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

/// Phrases by wish, the most urgent first. A phrase is found where its words stand next to each other.
const WISHES: [(Wish, &[&str]); 14] = [
    (
        Wish::Emergency,
        &[
            "emergency",
            "ambulance",
            "chest pain",
            "can't breathe",
            "cannot breathe",
            "bleeding",
            "unconscious",
            "heart attack",
            "stroke",
        ],
    ),
    (
        Wish::Repeat,
        &[
            "repeat",
            "say that again",
            "say it again",
            "again please",
            "pardon",
            "what was that",
            "what did you say",
            "come again",
            "didn't catch",
            "did not catch",
            "didn't hear",
            "did not hear",
            "didn't get that",
            "can't hear you",
            "sorry what",
            "once more",
            "one more time",
        ],
    ),
    (
        Wish::WhoAreYou,
        &[
            "are you a robot",
            "are you a machine",
            "are you a computer",
            "are you human",
            "are you a human",
            "are you real",
            "are you a real",
            "are you a person",
            "who are you",
            "who is this",
            "am i talking to",
            "am i speaking to",
            "am i speaking with",
        ],
    ),
    (
        Wish::Human,
        &[
            "human",
            "a person",
            "real person",
            "to someone",
            "with someone",
            "to somebody",
            "with somebody",
            "someone there",
            "anyone real",
            "operator",
            "representative",
            "an agent",
            "receptionist",
            "talk to the doctor",
            "speak to the doctor",
            "speak with the doctor",
            "talk to a doctor",
            "speak to a doctor",
            "talk to a nurse",
            "speak to a nurse",
            "your staff",
            "the staff",
            "connect me",
            "put me through",
            "transfer me",
            "talk to people",
        ],
    ),
    (
        Wish::Cancel,
        &[
            "cancel",
            "cancelled",
            "canceled",
            "cancellation",
            "call off",
            "call it off",
            "delete",
            "forget it",
            "never mind",
            "nevermind",
        ],
    ),
    (
        Wish::Move,
        &[
            "move",
            "moved",
            "reschedule",
            "rescheduled",
            "shift",
            "postpone",
            "change my",
            "change the",
            "change it",
            "change to",
            "different time",
            "different day",
            "another time",
            "another day",
            "push it",
            "bring it forward",
        ],
    ),
    (
        Wish::Hours,
        &[
            "opening hours",
            "your hours",
            "the hours",
            "hours",
            "are you open",
            "you open",
            "you close",
            "you closed",
            "when do you open",
            "what time do you",
            "opening times",
            "opening time",
            "working hours",
            "timings",
            "your timing",
            "open on",
            "still open",
        ],
    ),
    (
        Wish::Address,
        &[
            "address",
            "where are you",
            "located",
            "location",
            "directions",
            "how do i get",
            "where is the clinic",
            "find you",
        ],
    ),
    (
        Wish::Book,
        &[
            "book",
            "booking",
            "booked",
            "appointment",
            "appointments",
            "acquaintment",
            "schedule",
            "slot",
            "see the doctor",
            "see a doctor",
            "see doctor",
            "see the dentist",
            "check up",
            "checkup",
            "consultation",
            "make an",
            "come in",
            "visit",
            "reserve",
            "reservation",
        ],
    ),
    (
        Wish::Goodbye,
        &[
            "bye",
            "goodbye",
            "good bye",
            "bye bye",
            "that's all",
            "that is all",
            "that's it",
            "that will be all",
            "that'll be all",
            "nothing else",
            "nothing more",
            "hang up",
            "see you",
            "good night",
            "i'm done",
            "all set",
        ],
    ),
    (
        Wish::Wait,
        &[
            "hold on",
            "one moment",
            "one second",
            "one minute",
            "just a moment",
            "just a second",
            "just a minute",
            "wait",
            "hang on",
            "let me think",
            "let me check",
            "give me a",
        ],
    ),
    (Wish::Help, &["help", "what can you do", "what are my options", "options", "menu", "what can i say"]),
    (Wish::Thanks, &["thank you", "thanks", "cheers", "thank you so much"]),
    (
        Wish::Hello,
        &[
            "hello",
            "hi",
            "hey",
            "good morning",
            "good afternoon",
            "good evening",
            "namaste",
            "anybody there",
            "anyone there",
            "are you there",
        ],
    ),
];

fn wish_in(said: &str) -> Option<Wish> {
    WISHES
        .into_iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| contains(said, phrase)))
        .map(|(wish, _)| wish)
        .or_else(|| {
            // A question by itself asks for the same again.
            matches!(said.trim(), "sorry" | "what" | "huh" | "excuse me" | "say again" | "sorry i" | "again")
                .then_some(Wish::Repeat)
        })
}

fn assent_in(said: &str) -> Option<Assent> {
    const POLITE_NO: [&str; 4] = ["no problem", "no worries", "no objection", "why not"];
    const NO: [&str; 15] = [
        "no",
        "nope",
        "nah",
        "not",
        "don't",
        "do not",
        "wrong",
        "incorrect",
        "never",
        "isn't",
        "doesn't",
        "won't",
        "can't",
        "rather not",
        "neither",
    ];
    const YES: [&str; 31] = [
        "yes",
        "yeah",
        "yep",
        "yup",
        "ya",
        "sure",
        "okay",
        "ok",
        "correct",
        "right",
        "fine",
        "perfect",
        "great",
        "good",
        "go ahead",
        "please do",
        "absolutely",
        "definitely",
        "of course",
        "works",
        "do it",
        "that one",
        "sounds good",
        "exactly",
        "certainly",
        "alright",
        "all right",
        "please",
        "confirm",
        "confirmed",
        "haan",
    ];
    if POLITE_NO.iter().any(|phrase| contains(said, phrase)) {
        return Some(Assent::Yes);
    }
    if NO.iter().any(|phrase| contains(said, phrase)) {
        return Some(Assent::No);
    }
    YES.iter().any(|phrase| contains(said, phrase)).then_some(Assent::Yes)
}

fn choice_in(said: &str) -> Option<Choice> {
    let choices: [(Choice, &[&str]); 6] = [
        (Choice::Later, &["later", "later than"]),
        (Choice::Earlier, &["earlier", "sooner"]),
        (
            Choice::First,
            &["first one", "the first", "earliest", "first available", "as soon as possible", "first slot", "soonest"],
        ),
        (Choice::Second, &["second one", "the second", "middle one"]),
        (Choice::Last, &["last one", "the last", "third one", "the third", "latest"]),
        (
            Choice::Any,
            &[
                "any time",
                "anytime",
                "any",
                "whenever",
                "whichever",
                "whatever",
                "doesn't matter",
                "don't mind",
                "you choose",
                "up to you",
                "either",
            ],
        ),
    ];
    choices
        .into_iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| contains(said, phrase)))
        .map(|(choice, _)| choice)
}

fn contains(said: &str, phrase: &str) -> bool {
    said.match_indices(phrase).any(|(at, _)| said[..at].ends_with(' ') && said[at + phrase.len()..].starts_with(' '))
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
