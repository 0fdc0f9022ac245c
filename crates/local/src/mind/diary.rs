use super::{
    facts::Facts,
    when::{Day, Minute, Part},
};

/// Length of an appointment in minutes.
const SLOT: u32 = 30;

/// The starts of half hours that are taken already, by day of the week from Monday; a day whose name is not known uses the
/// first row. A fixed timetable: the receptionist has no calendar to look into, and a test must find the same day twice.
const TAKEN: [&[u32]; 7] = [
    &[9 * 60, 11 * 60, 14 * 60 + 30],
    &[9 * 60 + 30, 12 * 60, 16 * 60],
    &[11 * 60 + 30, 13 * 60, 17 * 60],
    &[9 * 60, 12 * 60 + 30, 14 * 60],
    &[10 * 60 + 30, 13 * 60 + 30, 16 * 60 + 30],
    &[9 * 60 + 30, 11 * 60, 15 * 60],
    &[],
];

/// Why a time cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    DayClosed,
    OutsideHours,
    Taken,
}

/// Whether an appointment may start there.
pub(super) fn check(facts: &Facts, day: Day, time: Minute) -> Result<(), Refusal> {
    if is_closed(facts, day) {
        Err(Refusal::DayClosed)
    } else if time < facts.open.0 || time.0 + SLOT > facts.open.1.0 {
        Err(Refusal::OutsideHours)
    } else if is_free(facts, day, time) {
        Ok(())
    } else {
        Err(Refusal::Taken)
    }
}

pub(super) fn is_closed(facts: &Facts, day: Day) -> bool {
    day.weekday(facts.today).is_some_and(|weekday| facts.closed.contains(&weekday))
}

/// Up to three free times of a day, early, middle and late.
pub(super) fn offers(facts: &Facts, day: Day, part: Option<Part>) -> Vec<Minute> {
    let free: Vec<Minute> = free(facts, day)
        .filter(|time| match part {
            None => true,
            Some(Part::Morning) => time.0 < 12 * 60,
            Some(Part::Afternoon) => time.0 >= 12 * 60,
        })
        .collect();
    spread(&free)
}

/// Up to two free times next to a wish that cannot be met, the nearest first.
pub(super) fn nearest(facts: &Facts, day: Day, wish: Minute) -> Vec<Minute> {
    let mut free: Vec<Minute> = free(facts, day).collect();
    free.sort_by_key(|time| time.0.abs_diff(wish.0));
    free.truncate(2);
    free.sort();
    free
}

/// Up to three free times before or after the ones that were offered.
pub(super) fn beyond(facts: &Facts, day: Day, offered: &[Minute], later: bool) -> Vec<Minute> {
    let (Some(first), Some(last)) = (offered.iter().min(), offered.iter().max()) else {
        return offers(facts, day, later.then_some(Part::Afternoon));
    };
    let free: Vec<Minute> = free(facts, day).filter(|time| if later { time > last } else { time < first }).collect();
    spread(&free)
}

fn free(facts: &Facts, day: Day) -> impl Iterator<Item = Minute> {
    let (from, to) = facts.open;
    let open = if is_closed(facts, day) { 0..0 } else { from.0..to.0.saturating_sub(SLOT - 1) };
    open.step_by(SLOT as usize).map(Minute).filter(move |&time| is_free(facts, day, time))
}

fn is_free(facts: &Facts, day: Day, time: Minute) -> bool {
    let row = day.weekday(facts.today).map_or(0, |weekday| weekday as usize);
    (time.0 - facts.open.0.0.min(time.0)).is_multiple_of(SLOT) && !TAKEN[row].contains(&time.0)
}

fn spread(free: &[Minute]) -> Vec<Minute> {
    match free {
        [first, .., last] if free.len() > 3 => vec![*first, free[free.len() / 2], *last],
        _ => free.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::when::Weekday, *};

    #[test]
    fn offers_are_free_and_within_hours() {
        let facts = Facts::default();
        for day in Weekday::ALL {
            let day = Day::Weekday(day);
            for part in [None, Some(Part::Morning), Some(Part::Afternoon)] {
                for time in offers(&facts, day, part) {
                    assert_eq!(check(&facts, day, time), Ok(()), "{day:?} {time:?}");
                }
            }
        }
        assert!(offers(&facts, Day::Weekday(Weekday::Sunday), None).is_empty());
        assert_eq!(offers(&facts, Day::Tomorrow, None).len(), 3);
    }

    #[test]
    fn refusals() {
        let facts = Facts { today: Some(Weekday::Saturday), ..Facts::default() };
        assert_eq!(check(&facts, Day::Tomorrow, Minute(600)), Err(Refusal::DayClosed));
        assert_eq!(check(&facts, Day::Today, Minute(20 * 60)), Err(Refusal::OutsideHours));
        assert_eq!(check(&facts, Day::Today, Minute(17 * 60 + 45)), Err(Refusal::OutsideHours));
        assert_eq!(check(&facts, Day::Today, Minute(11 * 60)), Err(Refusal::Taken));
        assert_eq!(check(&facts, Day::Today, Minute(10 * 60 + 15)), Err(Refusal::Taken));
        assert_eq!(nearest(&facts, Day::Today, Minute(11 * 60)), [Minute(630), Minute(690)]);
    }
}
