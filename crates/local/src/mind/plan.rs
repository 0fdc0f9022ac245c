use super::{
    Reply,
    diary::{self, Refusal},
    heard::{Choice, Heard},
    talk::{Asked, Talk, Task, listen},
    when::{Day, Minute},
};

/// What to say next about the caller's task: the next question, what is free, what is planned, what is done.
impl Talk<'_> {
    /// The next question of the task, or its confirmation.
    pub(super) fn proceed(&mut self, heard: &Heard) -> Reply {
        let Some(task) = self.task else { return self.anything_else("All right, I won't book anything.") };
        if matches!(task, Task::Move | Task::Cancel) && self.old.day.is_none() {
            let again = self.asked == Asked::OldDay;
            self.asked = Asked::OldDay;
            return listen(if again {
                "On which day is your appointment now? You can say, for example, tomorrow, or Friday."
            } else {
                "Certainly. On which day is your appointment now?"
            });
        }
        if task == Task::Cancel {
            let question = self.confirmation();
            return listen(question);
        }
        let Some(day) = self.day else {
            let again = self.asked == Asked::Day;
            self.asked = Asked::Day;
            return listen(match (again, task) {
                (true, _) => "Which day, please? You can say, for example, tomorrow, or Friday.",
                (false, Task::Move) => "And what day and time would you like instead?",
                (false, _) => "Certainly. What day would suit you?",
            });
        };
        if diary::is_closed(self.facts, day) {
            (self.day, self.asked) = (None, Asked::Day);
            let closed = format!(
                "I'm sorry, we are closed {}. We are open {}. Which other day would suit you?",
                spoken_day(day),
                self.facts.hours
            );
            return listen(closed);
        }
        let Some(time) = self.time else {
            return self.offer(day, heard);
        };
        match diary::check(self.facts, day, time) {
            Ok(()) => {
                let question = self.confirmation();
                listen(question)
            }
            Err(refusal) => self.turn_down(day, time, refusal),
        }
    }

    /// Names free times of a day.
    pub(super) fn offer(&mut self, day: Day, heard: &Heard) -> Reply {
        self.asked = Asked::Time;
        let offers = match heard.choice {
            Some(Choice::Later) => diary::beyond(self.facts, day, &self.offered, true),
            Some(Choice::Earlier) => diary::beyond(self.facts, day, &self.offered, false),
            _ => diary::offers(self.facts, day, self.part),
        };
        if offers.is_empty() {
            let none = match heard.choice {
                Some(Choice::Later) => "I have nothing later that day. ",
                Some(Choice::Earlier) => "I have nothing earlier that day. ",
                _ => "I have nothing free then. ",
            };
            let known =
                if self.offered.is_empty() { diary::offers(self.facts, day, None) } else { self.offered.clone() };
            let text = format!("{none}There is {}. Which would you like?", list(&known));
            self.offered = known;
            return listen(text);
        }
        let text = match heard.choice {
            Some(Choice::Later | Choice::Earlier) => format!("I could do {}. Which would you like?", list(&offers)),
            _ => format!("{} I have {} free. What time would you like?", capital(&spoken_day(day)), list(&offers)),
        };
        self.offered = offers;
        listen(text)
    }

    pub(super) fn turn_down(&mut self, day: Day, time: Minute, refusal: Refusal) -> Reply {
        let near = diary::nearest(self.facts, day, time);
        (self.time, self.asked) = (None, Asked::Time);
        let why = match refusal {
            Refusal::OutsideHours => format!("I'm sorry, at {time} we are closed. We are open {}.", self.facts.hours),
            Refusal::DayClosed | Refusal::Taken => format!("I'm sorry, {time} is not free {}.", spoken_day(day)),
        };
        let text = if near.is_empty() {
            format!("{why} Which other day would suit you?")
        } else {
            format!("{why} I could offer {}. Which would you like?", list(&near))
        };
        self.offered = near;
        listen(text)
    }

    /// Asks whether to do what is planned.
    pub(super) fn confirmation(&mut self) -> String {
        self.asked = Asked::Confirm;
        self.plan()
    }

    /// What is planned, as a question.
    pub(super) fn plan(&self) -> String {
        let when = |day: Option<Day>, time: Option<Minute>| {
            let day = day.map(|day| format!(" {}", spoken_day(day))).unwrap_or_default();
            let time = time.map(|time| format!(" at {time}")).unwrap_or_default();
            format!("{day}{time}")
        };
        match self.task {
            Some(Task::Cancel) => format!(
                "You would like to cancel your appointment{}. Is that right?",
                when(self.old.day, self.old.time)
            ),
            Some(Task::Move) => format!(
                "So I move your appointment to{}. Is that right?",
                when(self.day, self.time).replacen(" on ", " ", 1)
            ),
            _ => format!("That would be{}. Shall I book it?", when(self.day, self.time)),
        }
    }

    /// Does what was confirmed.
    pub(super) fn done(&mut self) -> Reply {
        let (task, day, time) = (self.task, self.day, self.time);
        self.clear();
        if task == Some(Task::Cancel) {
            self.booked = None;
            return self.anything_else("Your appointment is cancelled.");
        }
        let (Some(day), Some(time)) = (day, time) else { return self.not_understood() };
        self.booked = Some((day, time));
        let verb = if task == Some(Task::Move) { "moved" } else { "booked" };
        self.anything_else(&format!("Your appointment is {verb}. See you {} at {time}.", spoken_day(day)))
    }

    /// What the caller could say now.
    pub(super) fn help(&self) -> String {
        match (self.asked, self.task) {
            (Asked::Day | Asked::OldDay, _) => "You can say a day, for example: tomorrow, or Friday. Or say: a person.".to_owned(),
            (Asked::Time, _) => "You can say a time, for example: ten thirty, or half past three. Or say: a person.".to_owned(),
            (Asked::Confirm | Asked::PutThrough, _) => "Please say yes or no, or press one for yes and two for no.".to_owned(),
            (Asked::Wish | Asked::More, _) => {
                "You can say: book an appointment, move it, cancel it, or opening hours. Or press one to book, two to move, three to cancel, four for our hours, and zero for a person.".to_owned()
            }
        }
    }

    /// The question that is open, in short.
    pub(super) fn question(&self) -> String {
        match (self.asked, self.task) {
            (Asked::OldDay, _) => "On which day is your appointment now?".to_owned(),
            (Asked::Day, _) => "Which day would suit you?".to_owned(),
            (Asked::Time, _) if !self.offered.is_empty() => {
                format!("I have {}. Which would you like?", list(&self.offered))
            }
            (Asked::Time, _) => "What time would you like?".to_owned(),
            (Asked::Confirm, _) => self.plan(),
            (Asked::PutThrough, _) => "Shall I put you through to a colleague?".to_owned(),
            (Asked::More, _) => "Is there anything else I can do for you?".to_owned(),
            (Asked::Wish, _) => "How can I help you?".to_owned(),
        }
    }
}

fn spoken_day(day: Day) -> String {
    day.to_string()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `ten, half past one, and four`, as it is spoken.
fn list(times: &[Minute]) -> String {
    match times {
        [] => "nothing".to_owned(),
        [only] => only.to_string(),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(Minute::to_string).collect();
            format!("{} and {last}", head.join(", "))
        }
    }
}
