//! From the class of a refusal to the error that is reported: what is the same for every API over HTTP.

use std::time::Duration;

use operetta_contract::{ErrorClass, Head, ProviderError, Retry};

use super::{quote::quote, retry_after};

/// The error for a reply with `head` that was found to be of `class`.
///
/// `word` is the provider's own name for the failure and `message` its explanation, either may be empty; `asked` is the pause
/// that the body asks for. The pause of the error is the larger one of that and of the headers, and 1 s for a rate limit that
/// names none. `x-should-retry` wins over the class, except that nothing makes an exhausted quota worth another try.
pub fn refused(head: &Head, class: ErrorClass, word: &str, message: &str, asked: Option<Duration>) -> ProviderError {
    let class = match head.header("x-should-retry").map(str::trim) {
        Some("true") => as_told(class, true),
        Some("false") => as_told(class, false),
        _ => class,
    };
    let error = ProviderError::new(class, detail(head.status, word, message));
    match (class, asked.max(retry_after::asked(head))) {
        (ErrorClass::RateLimited, pause) => error.after(pause.unwrap_or(retry_after::DEFAULT)),
        (ErrorClass::Busy | ErrorClass::Unavailable, Some(pause)) => error.after(pause),
        _ => error,
    }
}

/// What a failure is called in logs: the status, the provider's word, its explanation.
pub fn detail(status: u16, word: &str, message: &str) -> String {
    let mut detail = if status == 0 { "in the reply".to_owned() } else { format!("status {status}") };
    for (mark, part) in [(", ", quote(word)), (": ", quote(message))] {
        if !part.is_empty() {
            detail.push_str(mark);
            detail.push_str(&part);
        }
    }
    detail
}

/// The class of a failure of which the provider itself says whether asking again is worth it. Nothing makes an exhausted quota
/// worth another try.
pub fn as_told(class: ErrorClass, is_retryable: bool) -> ErrorClass {
    if is_retryable { should_retry(class) } else { should_not_retry(class) }
}

fn should_retry(class: ErrorClass) -> ErrorClass {
    match class.retry() {
        Retry::Never if class != ErrorClass::Quota => ErrorClass::Unavailable,
        _ => class,
    }
}

/// Of the classes that are never tried again, a rate limit that will not pass is nearest to a spent quota; of anything else
/// only this request is known to be hopeless.
fn should_not_retry(class: ErrorClass) -> ErrorClass {
    match (class, class.retry()) {
        (ErrorClass::RateLimited, _) => ErrorClass::Quota,
        (_, Retry::Never) => class,
        _ => ErrorClass::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(class: ErrorClass, headers: &[(&str, &str)], asked: Option<Duration>) -> ProviderError {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        refused(&Head { status: 500, headers }, class, "word", "why", asked)
    }

    #[test]
    fn the_header_says_whether_to_ask_again() {
        let check = |class, value, expected| {
            assert_eq!(error(class, &[("x-should-retry", value)], None).class, expected, "{class:?} {value}");
        };
        check(ErrorClass::Unavailable, "false", ErrorClass::BadRequest);
        check(ErrorClass::Unavailable, "true", ErrorClass::Unavailable);
        check(ErrorClass::Unavailable, "perhaps", ErrorClass::Unavailable);
        check(ErrorClass::BadRequest, "true", ErrorClass::Unavailable);
        check(ErrorClass::Auth, "false", ErrorClass::Auth);
        check(ErrorClass::RateLimited, "true", ErrorClass::RateLimited);
        check(ErrorClass::RateLimited, "false", ErrorClass::Quota);
        check(ErrorClass::Quota, "true", ErrorClass::Quota);
        check(ErrorClass::Quota, "false", ErrorClass::Quota);
    }

    #[test]
    fn the_longest_pause_counts_and_a_rate_limit_always_has_one() {
        let seconds = Duration::from_secs;
        let check = |class, headers: &[(&str, &str)], asked, expected| {
            assert_eq!(error(class, headers, asked).after, expected, "{class:?} {headers:?} {asked:?}");
        };
        check(ErrorClass::RateLimited, &[], None, Some(seconds(1)));
        check(ErrorClass::RateLimited, &[("retry-after", "3")], None, Some(seconds(3)));
        check(ErrorClass::RateLimited, &[("retry-after", "3")], Some(seconds(12)), Some(seconds(12)));
        check(ErrorClass::RateLimited, &[("retry-after", "3"), ("retry-after-ms", "4000")], None, Some(seconds(4)));
        check(ErrorClass::Unavailable, &[], None, None);
        check(ErrorClass::Unavailable, &[("retry-after", "2")], None, Some(seconds(2)));
        check(ErrorClass::Auth, &[("retry-after", "2")], None, None);
        check(ErrorClass::Quota, &[("retry-after", "2")], None, None);
    }

    #[test]
    fn the_detail_names_what_is_known() {
        assert_eq!(detail(429, "slow_down", "too fast"), "status 429, slow_down: too fast");
        assert_eq!(detail(502, "", ""), "status 502");
        assert_eq!(detail(0, "", "overloaded"), "in the reply: overloaded");
    }
}
