use operetta_contract::Next;

use super::{
    Reply,
    facts::Facts,
    heard::{Assent, Choice, Heard, Wish},
    when::{Day, Minute, Part},
};

/// A conversation, played from its beginning: one [`hear`](Self::hear) for each turn of the caller.
pub(super) struct Talk<'a> {
    pub(super) facts: &'a Facts,
    pub(super) task: Option<Task>,
    /// The appointment that is to be moved or cancelled.
    pub(super) old: Old,
    pub(super) day: Option<Day>,
    pub(super) time: Option<Minute>,
    pub(super) part: Option<Part>,
    pub(super) offered: Vec<Minute>,
    /// What was booked or moved to earlier in this call.
    pub(super) booked: Option<(Day, Minute)>,
    pub(super) asked: Asked,
    /// Turns in a row that were not understood.
    pub(super) failures: u8,
    pub(super) last: Reply,
    /// What is said again when the caller asks for it: the last reply that was more than "take your time".
    pub(super) again: String,
}

/// What the caller is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Book,
    Move,
    Cancel,
}

/// What is known about an appointment from before this call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Old {
    pub(super) day: Option<Day>,
    pub(super) time: Option<Minute>,
}

/// What we asked last: how a short answer is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// How we can help.
    Wish,
    OldDay,
    Day,
    Time,
    /// Shall we do it?
    Confirm,
    /// Anything else?
    More,
    /// Shall we put you through?
    PutThrough,
}

/// After this many turns in a row that were not understood a person takes over.
const PATIENCE: u8 = 4;
const PUTTING_THROUGH: &str = "Of course. I'm putting you through to a colleague. One moment, please.";
const TAKE_YOUR_TIME: &str = "Of course, take your time.";
/// How replies begin that say an old question again.
const APOLOGIES: [&str; 3] = ["Sure. ", "Sorry, I didn't get that. ", "I'm sorry, I still didn't understand. "];

impl<'a> Talk<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            task: None,
            old: Old::default(),
            day: None,
            time: None,
            part: None,
            offered: Vec::new(),
            booked: None,
            asked: Asked::Wish,
            failures: 0,
            last: Reply { text: String::new(), next: Next::Listen },
            again: String::new(),
        }
    }

    /// What to say when the caller has not said anything yet.
    pub(super) fn open(&mut self) -> Reply {
        listen(format!("Hello, this is {}. How can I help you?", self.facts.name))
    }

    /// The caller's next turn. `unheard` is how many characters of our last reply were not heard.
    pub(super) fn hear(&mut self, said: &str, unheard: usize) -> Reply {
        let time_expected =
            matches!(self.asked, Asked::Time) || self.asked == Asked::Confirm && self.task != Some(Task::Cancel);
        let mut heard = Heard::read(said, time_expected, self.facts.open);
        if self.asked == Asked::Confirm && heard.pressed && matches!(heard.key, Some(1 | 2)) {
            // One for yes, two for no: not a time.
            heard.time = None;
        }
        let reply = self.answer(&heard, unheard);
        if reply.text != TAKE_YOUR_TIME {
            without_apology(&reply.text).clone_into(&mut self.again);
        }
        self.last = reply.clone();
        reply
    }

    fn answer(&mut self, heard: &Heard, unheard: usize) -> Reply {
        if heard.is_empty() {
            return self.not_understood();
        }
        if let Some(reply) = self.aside(heard) {
            return reply;
        }
        self.failures = 0;
        match self.asked {
            // A yes to a question that was not heard to its end is not a yes to it.
            Asked::Confirm
                if unheard * 2 > self.last.text.chars().count()
                    && heard.time.is_none()
                    && heard.day.is_none()
                    && heard.wish.is_none() =>
            {
                let question = self.confirmation();
                return listen(question);
            }
            Asked::Confirm => {
                if let Some(reply) = self.decided(heard) {
                    return reply;
                }
            }
            Asked::More => {
                if let Some(reply) = self.more(heard) {
                    return reply;
                }
            }
            Asked::PutThrough => match (heard.assent, heard.key) {
                (Some(Assent::Yes), _) | (None, Some(1)) => return end(PUTTING_THROUGH, Next::Transfer),
                (Some(Assent::No), _) | (None, Some(2)) if heard.wish.is_none() || heard.wish == Some(Wish::Thanks) => {
                    return self.anything_else("All right.");
                }
                _ => self.asked = Asked::More,
            },
            Asked::Time if heard.is_plain(Assent::No) => {
                return listen("All right. Which day and time would suit you better?");
            }
            Asked::Wish | Asked::OldDay | Asked::Day | Asked::Time => {}
        }
        if heard.wish == Some(Wish::Cancel) && self.task == Some(Task::Book) {
            // Nothing was booked yet, so there is nothing to cancel: dropping it is what was meant.
            self.clear();
            return self.anything_else("All right, I won't book anything.");
        }
        self.begin_task(heard);
        if self.task.is_none() {
            return match heard.wish {
                Some(Wish::Thanks) => self.anything_else("You're welcome."),
                Some(Wish::Hello) => listen("Hello! How can I help you?"),
                // A day or a time without a wish is a wish for an appointment.
                _ if heard.day.is_some() || heard.time.is_some() => {
                    self.task = Some(Task::Book);
                    self.fill(heard);
                    self.proceed(heard)
                }
                _ if heard.assent == Some(Assent::No) => self.goodbye("All right."),
                _ if heard.assent == Some(Assent::Yes) => listen("Of course. What can I do for you?"),
                _ => self.not_understood(),
            };
        }
        self.fill(heard);
        self.proceed(heard)
    }

    /// Wishes that do not belong to a task: they are met at once, and the talk goes on where it was.
    fn aside(&mut self, heard: &Heard) -> Option<Reply> {
        let has_slot = heard.day.is_some() || heard.time.is_some();
        let menu = matches!(self.asked, Asked::Wish | Asked::More) && self.task.is_none();
        let wish = match heard.wish {
            None if menu => match heard.key? {
                4 => Wish::Hours,
                0 | 9 => Wish::Human,
                _ => return None,
            },
            None => return None,
            Some(wish) => wish,
        };
        let reply = match wish {
            Wish::Emergency => end(
                "If this is an emergency, please hang up and call the emergency number now. Otherwise stay on the line, I'm putting you through to a colleague.",
                Next::Transfer,
            ),
            Wish::Human => end(PUTTING_THROUGH, Next::Transfer),
            Wish::Beyond if has_slot => return None,
            Wish::Beyond if self.task.is_some() => {
                self.and_back("A colleague can help you with that, just say: a person.")
            }
            Wish::Beyond => {
                self.asked = Asked::PutThrough;
                listen("A colleague can help you with that. Shall I put you through?")
            }
            Wish::Repeat if !has_slot => {
                let again = if self.again.is_empty() { self.open().text } else { format!("Sure. {}", self.again) };
                listen(again)
            }
            Wish::Hours if !(has_slot && self.task.is_some()) => {
                let hours = format!("We are open {}.", self.facts.hours);
                self.and_back(&hours)
            }
            Wish::Address => match &self.facts.address {
                Some(address) => {
                    let address = format!("You find us at {address}.");
                    self.and_back(&address)
                }
                None => self.and_back("A colleague can tell you the way, just say: a person."),
            },
            Wish::WhoAreYou => {
                let name = format!(
                    "I'm the automatic assistant of {}. If you would rather talk to a person, just say so.",
                    self.facts.name
                );
                self.and_back(&name)
            }
            Wish::Wait if !has_slot => listen(TAKE_YOUR_TIME),
            Wish::Help => {
                let help = self.help();
                listen(help)
            }
            Wish::Goodbye if self.asked != Asked::Confirm || heard.assent.is_none() => match self.task {
                Some(_) => self.goodbye("All right, then I leave everything as it is."),
                None => self.goodbye("You're welcome."),
            },
            Wish::Hello if self.task.is_some() && !has_slot && heard.assent.is_none() => {
                self.and_back("Yes, I'm here.")
            }
            _ => return None,
        };
        self.failures = 0;
        Some(reply)
    }

    /// The answer to "shall I": `None` when it holds something new instead.
    fn decided(&mut self, heard: &Heard) -> Option<Reply> {
        let new_time = heard.time.is_some_and(|time| self.time != Some(time));
        let new_day = heard.day.is_some_and(|day| self.day != Some(day));
        let cancelling = self.task == Some(Task::Cancel);
        if !cancelling && (new_time || new_day) {
            return None;
        }
        if cancelling
            && (heard.day.is_some_and(|day| self.old.day != Some(day))
                || heard.time.is_some_and(|time| self.old.time != Some(time)))
        {
            self.old = Old { day: heard.day.or(self.old.day), time: heard.time };
            let question = self.confirmation();
            return Some(listen(question));
        }
        match (heard.assent, heard.wish, heard.key) {
            (None | Some(Assent::Yes), Some(Wish::Cancel), _) if cancelling => Some(self.done()),
            (_, Some(Wish::Cancel), _) => {
                let nothing = if self.task == Some(Task::Move) {
                    "All right, I leave it where it is."
                } else {
                    "All right, I won't book anything."
                };
                self.clear();
                Some(self.anything_else(nothing))
            }
            (Some(Assent::Yes), ..) | (None, Some(Wish::Thanks), _) | (None, _, Some(1)) => Some(self.done()),
            (Some(Assent::No), ..) | (None, _, Some(2)) => Some(self.refused()),
            (None, Some(Wish::Book), _) if self.task == Some(Task::Book) => Some(self.done()),
            (None, Some(Wish::Move), _) if !cancelling => {
                self.time = None;
                Some(self.proceed(heard))
            }
            (None, None, _) if heard.part.is_none() && heard.choice.is_none() => {
                let question = self.confirmation();
                Some(listen(question))
            }
            _ => None,
        }
    }

    /// A plain "no" to "shall I": what was wrong about it?
    fn refused(&mut self) -> Reply {
        if self.task == Some(Task::Cancel) {
            self.clear();
            return self.anything_else("All right, your appointment stays as it is.");
        }
        self.time = None;
        self.asked = Asked::Time;
        self.offered.clear();
        listen("All right. What day and time would be better?")
    }

    /// The answer to "anything else": `None` when there is something.
    fn more(&mut self, heard: &Heard) -> Option<Reply> {
        if heard.day.is_some() || heard.time.is_some() {
            return None;
        }
        match (heard.wish, heard.assent) {
            (None | Some(Wish::Thanks), Some(Assent::No)) | (Some(Wish::Thanks), None) => {
                Some(self.goodbye("You're welcome."))
            }
            (None, Some(Assent::Yes)) => {
                self.asked = Asked::Wish;
                Some(listen("What else can I do for you?"))
            }
            _ => None,
        }
    }

    /// Starts or changes the task, if the caller wishes one.
    fn begin_task(&mut self, heard: &Heard) {
        let menu = self.task.is_none() && matches!(self.asked, Asked::Wish | Asked::More);
        let wish = match (heard.wish, heard.key) {
            (None, Some(1)) if menu => Some(Wish::Book),
            (None, Some(2)) if menu => Some(Wish::Move),
            (None, Some(3)) if menu => Some(Wish::Cancel),
            (wish, _) => wish,
        };
        let task = match wish {
            Some(Wish::Cancel) => Task::Cancel,
            // "Can I move it" in the middle of a booking changes the booking.
            Some(Wish::Move) if self.task == Some(Task::Book) => return,
            Some(Wish::Move) => Task::Move,
            // "My appointment" while one is being moved or cancelled is that appointment.
            Some(Wish::Book) if self.task.is_some() => return,
            Some(Wish::Book) => Task::Book,
            _ => return,
        };
        if self.task == Some(task) {
            return;
        }
        self.clear();
        self.task = Some(task);
        if let (Task::Move | Task::Cancel, Some((day, time))) = (task, self.booked) {
            self.old = Old { day: Some(day), time: Some(time) };
        }
    }

    /// Takes over what the caller said about day and time.
    fn fill(&mut self, heard: &Heard) {
        let about_old = match self.task {
            Some(Task::Cancel) => true,
            Some(Task::Move) => self.old.day.is_none() && !moves_to(&heard.words),
            _ => false,
        };
        if about_old {
            self.old.day = heard.day.or(self.old.day);
            self.old.time = heard.time.or(self.old.time);
            return;
        }
        if let Some(day) = heard.day {
            if self.day != Some(day) {
                self.offered.clear();
            }
            self.day = Some(day);
        }
        self.part = heard.part.or(self.part);
        self.time = heard.time.or_else(|| self.chosen(heard)).or(self.time);
        // An appointment keeps its day when only the time is new.
        if self.task == Some(Task::Move) && self.time.is_some() && self.day.is_none() {
            self.day = self.old.day;
        }
    }

    /// One of the times that were offered, if the caller points at one.
    fn chosen(&self, heard: &Heard) -> Option<Minute> {
        let accepted = heard.assent == Some(Assent::Yes) && self.offered.len() == 1 && self.asked == Asked::Time;
        match heard.choice {
            Some(Choice::First | Choice::Any) => self.offered.first().copied(),
            Some(Choice::Second) => self.offered.get(1).copied(),
            Some(Choice::Last) => self.offered.last().copied(),
            _ if accepted => self.offered.first().copied(),
            _ => None,
        }
    }

    pub(super) fn not_understood(&mut self) -> Reply {
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            1 => {
                let question = self.question();
                listen(format!("Sorry, I didn't get that. {question}"))
            }
            2..PATIENCE => {
                let help = self.help();
                listen(format!("I'm sorry, I still didn't understand. {help}"))
            }
            _ => end(
                "I'm sorry, I have trouble understanding you. I'm putting you through to a colleague.",
                Next::Transfer,
            ),
        }
    }

    /// Says something and comes back to the open question.
    fn and_back(&mut self, said: &str) -> Reply {
        if self.task.is_none() {
            return self.anything_else(said);
        }
        let question = self.question();
        listen(format!("{said} {question}"))
    }

    pub(super) fn anything_else(&mut self, said: &str) -> Reply {
        self.task = None;
        self.asked = Asked::More;
        listen(format!("{said} Is there anything else I can do for you?"))
    }

    fn goodbye(&mut self, said: &str) -> Reply {
        end(&format!("{said} Thank you for calling {}. Goodbye!", self.facts.name), Next::HangUp)
    }

    /// Forgets the task and what belongs to it, but not what was booked.
    pub(super) fn clear(&mut self) {
        (self.task, self.old) = (None, Old::default());
        (self.day, self.time, self.part) = (None, None, None);
        self.offered.clear();
    }
}

/// Whether a day or time is the new one: "to three thirty", "instead".
fn moves_to(words: &[String]) -> bool {
    words.iter().any(|word| word == "to" || word == "instead" || word == "until")
        && !words.windows(3).any(|three| matches!(three, [a, b, c] if a == "to" && matches!(b.as_str(), "move" | "change" | "reschedule" | "shift" | "postpone") && matches!(c.as_str(), "my" | "an" | "the")))
}

pub(super) fn listen(text: impl Into<String>) -> Reply {
    Reply { text: text.into(), next: Next::Listen }
}

fn end(text: &str, next: Next) -> Reply {
    Reply { text: text.to_owned(), next }
}

fn without_apology(text: &str) -> &str {
    APOLOGIES.iter().fold(text, |text, start| text.strip_prefix(start).unwrap_or(text))
}
