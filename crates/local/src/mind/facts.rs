use super::{
    heard::words,
    hour::time_in,
    when::{Minute, Weekday},
};

/// What the receptionist knows about its house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) name: String,
    /// First and last minute of a working day.
    pub(super) open: (Minute, Minute),
    pub(super) closed: Vec<Weekday>,
    /// As the operator wrote them, to be read out.
    pub(super) hours: String,
    pub(super) address: Option<String>,
    pub(super) today: Option<Weekday>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            name: "the clinic".to_owned(),
            open: (Minute(9 * 60), Minute(18 * 60)),
            closed: vec![Weekday::Sunday],
            hours: "Monday to Saturday, from nine to six".to_owned(),
            address: None,
            today: None,
        }
    }
}

/// A fact longer than this is not one to be read out on the telephone.
const MOST_CHARS: usize = 160;

impl Facts {
    /// The facts among the lines of a prompt; what is not there or not understood keeps its default.
    pub(super) fn read(prompt: &str) -> Self {
        let mut facts = Self::default();
        for line in prompt.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if value.is_empty() || value.chars().count() > MOST_CHARS {
                continue;
            }
            match key.trim_start_matches(['-', '*', ' ', '\t']).trim().to_lowercase().as_str() {
                "name" | "clinic" | "business" => value.clone_into(&mut facts.name),
                "hours" | "opening hours" => facts.read_hours(value),
                "address" => facts.address = Some(value.trim_end_matches('.').to_owned()),
                "today" => facts.today = words(value).iter().find_map(|word| Weekday::named(word)),
                _ => {}
            }
        }
        facts
    }

    fn read_hours(&mut self, text: &str) {
        value_without_stop(text).clone_into(&mut self.hours);
        let words: Vec<String> = words(&text.replace(['-', '–'], " to "));
        let all_day = (Minute(0), Minute(24 * 60 - 1));
        let times: Vec<Minute> = split_at_words(&words, &["to", "until", "till", "and"])
            .filter_map(|part| time_in(part, true, all_day))
            .collect();
        if let [from, .., to] = times[..] {
            // "9 to 6" means the evening.
            let to = if to <= from && to.0 < 12 * 60 { Minute(to.0 + 12 * 60) } else { to };
            if from < to {
                self.open = (from, to);
            }
        }
        let days: Vec<Weekday> = words.iter().filter_map(|word| Weekday::named(word)).collect();
        let open: Vec<Weekday> = match days[..] {
            [from, to] if words.iter().any(|word| word == "to") => {
                (0..7).map(|n| from.plus(n)).take_while(|day| *day != to).chain([to]).collect()
            }
            _ if words.iter().any(|word| word == "daily" || word == "every") => Weekday::ALL.to_vec(),
            [] => return,
            _ => days,
        };
        self.closed = Weekday::ALL.into_iter().filter(|day| !open.contains(day)).collect();
    }
}

fn value_without_stop(text: &str) -> &str {
    text.trim_end_matches(['.', ' '])
}

fn split_at_words<'a>(words: &'a [String], marks: &'a [&str]) -> impl Iterator<Item = &'a [String]> {
    words.split(|word| marks.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_among_other_instructions() {
        let facts = Facts::read(
            "You are a kind receptionist.\nname: Asha Clinic\nhours: Monday to Friday, 8:30 am to 5 pm.\n- today: Friday\nAddress: 12 Park Road\n",
        );
        assert_eq!(facts.name, "Asha Clinic");
        assert_eq!(facts.open, (Minute(510), Minute(1020)));
        assert_eq!(facts.closed, [Weekday::Saturday, Weekday::Sunday]);
        assert_eq!(facts.hours, "Monday to Friday, 8:30 am to 5 pm");
        assert_eq!(facts.today, Some(Weekday::Friday));
        assert_eq!(facts.address.as_deref(), Some("12 Park Road"));
    }

    #[test]
    fn hours_in_other_words() {
        for (text, open) in [
            ("hours: 09:00-18:00", (540, 1080)),
            ("hours: 9 to 6", (540, 1080)),
            ("hours: daily, ten to eight", (600, 1200)),
            ("hours: by appointment", (540, 1080)),
            ("", (540, 1080)),
        ] {
            let facts = Facts::read(text);
            assert_eq!(facts.open, (Minute(open.0), Minute(open.1)), "{text}");
        }
    }
}
