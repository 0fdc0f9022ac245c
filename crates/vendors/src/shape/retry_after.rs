//! How long a provider asks to be left alone: every form it is said in.

use std::time::Duration;

use operetta_contract::Head;

/// The pause of a rate limit that names none.
pub const DEFAULT: Duration = Duration::from_secs(1);

/// The longest pause that is believed; longer ones become this one. The breaker takes care of providers that are gone for
/// longer.
pub const LONGEST: Duration = Duration::from_mins(2);

/// The longest pause that the headers of a reply ask for; `None` when they ask for none that can be understood.
///
/// `retry-after` holds seconds or an HTTP date, which is measured against the `date` of the same reply, so that no clock is
/// read and a wrong one does no harm; `retry-after-ms` holds milliseconds. Only without either of them count the limits that
/// are exhausted: `x-ratelimit-reset-requests: 6m0s` beside `x-ratelimit-remaining-requests: 0`, and
/// `anthropic-ratelimit-tokens-reset` in the form of RFC 3339.
pub fn asked(head: &Head) -> Option<Duration> {
    let seconds = head.header("retry-after").and_then(|value| number(value, 1.0).or_else(|| until(value, head)));
    let millis = head.header("retry-after-ms").and_then(|value| number(value, 0.001));
    seconds.max(millis).or_else(|| exhausted(head))
}

/// A pause in a form of its own: `6m0s`, `1.5s`, `20ms`, `1h2m3.5s`, as Go and protobuf write durations, or seconds.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Some(seconds) = number(rest, 1.0) {
        return Some(seconds);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (value, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let factor = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += value.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    believable(total)
}

/// A pause of that many seconds, as JSON numbers give them.
pub fn believable(seconds: f64) -> Option<Duration> {
    // Nought and less ask for no pause, and what is not a number asks for nothing.
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

/// A plain decimal number, times `unit` seconds.
fn number(text: &str, unit: f64) -> Option<Duration> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { believable(text.parse::<f64>().ok()? * unit) } else { None }
}

/// The time from the reply's own date until `value`, an HTTP date or one of RFC 3339.
fn until(value: &str, head: &Head) -> Option<Duration> {
    let then = http_date(value).or_else(|| rfc3339(value))?;
    let now = http_date(head.header("date")?)?;
    believable((then - now) as f64)
}

/// The longest reset among the limits of which nothing remains.
fn exhausted(head: &Head) -> Option<Duration> {
    let resets = head.headers.iter().filter(|(name, _)| name.contains("ratelimit") && name.contains("reset"));
    let spent = resets.filter(|(name, _)| {
        let remaining = head.header(&name.replace("reset", "remaining"));
        remaining.is_some_and(|count| count.trim().parse() == Ok(0))
    });
    spent.filter_map(|(_, value)| duration(value).or_else(|| until(value, head))).max()
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7). Its two obsolete forms are not sent by
/// any provider.
fn http_date(text: &str) -> Option<i64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))? as i64 + 1;
    let year = parts.next()?.parse().ok()?;
    let time = time_of_day(parts.next()?)?;
    (parts.next()? == "GMT").then_some(())?;
    Some(days(year, month, day)? * 86_400 + time)
}

/// Seconds since 1970 of `2026-11-20T10:00:06Z` or with an offset (RFC 3339, section 5.6); fractions are dropped.
fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let days = days(parts.next()??, parts.next()??, parts.next()??)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone);
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        ("+", zone) => time_of_day(&format!("{zone}:00"))?,
        ("-", zone) => -time_of_day(&format!("{zone}:00"))?,
        _ => return None,
    };
    let time = time.split('.').next()?;
    Some(days * 86_400 + time_of_day(time)? - offset)
}

/// Seconds since midnight of `08:49:37`.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is second 60.
    let valid = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    (valid && parts.next().is_none()).then_some(hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a date of the Gregorian calendar: years are counted from March, so that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970)
}

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: i64 = 719_468;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Head { status: 429, headers }
    }

    fn check(headers: &[(&str, &str)], expected_ms: Option<u64>) {
        assert_eq!(asked(&head(headers)), expected_ms.map(Duration::from_millis), "{headers:?}");
    }

    const NOW: (&str, &str) = ("date", "Fri, 20 Nov 2026 10:00:00 GMT");

    #[test]
    fn seconds_milliseconds_and_dates_are_understood() {
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", " 0.25 ")], Some(250));
        check(&[("retry-after-ms", "1500")], Some(1500));
        check(&[("retry-after", "1"), ("retry-after-ms", "1500")], Some(1500));
        check(&[("retry-after", "3"), ("retry-after-ms", "1500")], Some(3000));
        check(&[("retry-after", "Fri, 20 Nov 2026 10:00:07 GMT"), NOW], Some(7000));
        check(
            &[("retry-after", "Thu, 31 Dec 2026 23:59:58 GMT"), ("date", "Thu, 31 Dec 2026 23:59:50 GMT")],
            Some(8000),
        );
        check(
            &[("retry-after", "Wed, 01 Mar 2028 00:00:01 GMT"), ("date", "Tue, 29 Feb 2028 23:59:59 GMT")],
            Some(2000),
        );
        check(&[("retry-after", "2026-11-20T15:30:05.25+05:30"), NOW], Some(5000));
    }

    #[test]
    fn garbage_is_ignored_and_the_absurd_is_capped() {
        for garbage in
            ["", "soon", "-5", "0", "NaN", "inf", "1e9999", "1.2.3", "Fri, 20 Nov 2026", "٣", "2026-13-40T00:00:00Z"]
        {
            check(&[("retry-after", garbage), NOW], None);
        }
        // A date without the reply's own, and one that has passed.
        check(&[("retry-after", "Fri, 20 Nov 2026 10:00:07 GMT")], None);
        check(&[("retry-after", "Fri, 20 Nov 2026 09:00:07 GMT"), NOW], None);
        check(&[("retry-after", "86400")], Some(120_000));
        check(&[("retry-after", "999999999999999999999999")], Some(120_000));
        check(&[("retry-after", "Fri, 20 Nov 2099 10:00:07 GMT"), NOW], Some(120_000));
    }

    #[test]
    fn exhausted_limits_count_when_nothing_else_does() {
        let requests = ("x-ratelimit-reset-requests", "1m5.5s");
        check(&[requests, ("x-ratelimit-remaining-requests", "0")], Some(65_500));
        check(&[requests, ("x-ratelimit-remaining-requests", "3")], None);
        check(&[requests], None);
        check(&[requests, ("x-ratelimit-remaining-requests", "0"), ("retry-after", "1")], Some(1000));
        let tokens = ("anthropic-ratelimit-tokens-reset", "2026-11-20T10:00:06Z");
        check(&[tokens, ("anthropic-ratelimit-tokens-remaining", "0"), NOW], Some(6000));
    }

    #[test]
    fn durations_have_units() {
        let check = |text: &str, expected_ms: Option<u64>| {
            assert_eq!(duration(text), expected_ms.map(Duration::from_millis), "{text}");
        };
        check("12s", Some(12_000));
        check("1.2s", Some(1200));
        check("20ms", Some(20));
        check("1m0s", Some(60_000));
        check("6m0s", Some(120_000));
        check("1h2m3s", Some(120_000));
        check("7", Some(7000));
        check("7x", None);
        check("s", None);
        check("", None);
        check("1.1.1s", None);
        check("-3s", None);
    }

    #[test]
    fn the_calendar_is_right() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(rfc3339("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(rfc3339("2026-11-20T10:14:31Z"), Some(1_795_169_671));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,40}", date in "[A-Za-z0-9 :,TZ+.-]{0,40}") {
            for value in [&text, &date] {
                let pause = asked(&head(&[("retry-after", value), ("retry-after-ms", value), NOW]));
                proptest::prop_assert!(pause.is_none_or(|pause| pause <= LONGEST));
                let _ = duration(value);
            }
        }
    }
}
