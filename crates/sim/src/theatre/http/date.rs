use std::time::{SystemTime, UNIX_EPOCH};

/// A moment of real time, in UTC: what headers tell, whatever the clock of a test says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    /// Seconds since 1970.
    since: u64,
}

impl Date {
    pub(super) fn now() -> Self {
        Self { since: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) }
    }

    pub(super) const fn later(self, seconds: u64) -> Self {
        Self { since: self.since + seconds }
    }

    /// As headers have it (RFC 9110, 5.6.7).
    pub(super) fn http(self) -> String {
        let (year, month, day) = self.day();
        let (hour, minute, second) = self.time();
        let weekday = WEEKDAYS[(self.since / DAY % 7) as usize];
        let name = MONTHS[month as usize - 1];
        format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// As RFC 3339 has it.
    pub(super) fn rfc3339(self) -> String {
        let (year, month, day) = self.day();
        let (hour, minute, second) = self.time();
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    const fn time(self) -> (u64, u64, u64) {
        let second = self.since % DAY;
        (second / 3600, second / 60 % 60, second % 60)
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2021: years begin in March, eras are 400 years.
    const fn day(self) -> (u64, u64, u64) {
        let days = self.since / DAY + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march = (5 * day + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        (year + era * 400 + (month <= 2) as u64, month, day - (153 * march + 2) / 5 + 1)
    }
}

const DAY: u64 = 86_400;

/// From the first day of 1970 on.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (since, http, rfc3339) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00Z"),
            (1_795_165_200, "Fri, 20 Nov 2026 09:00:00 GMT", "2026-11-20T09:00:00Z"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT", "2100-02-28T23:59:59Z"),
        ] {
            let date = Date { since };
            assert_eq!((date.http().as_str(), date.rfc3339().as_str()), (http, rfc3339));
        }
    }
}
