//! What a vendor makes of replies whose status is not 2xx.

use std::time::Duration;

use super::{Bench, Refusal, run::failure};
use crate::{
    ErrorClass, Head, HttpVendor, ProviderError, Retry,
    suite::{Examined, Promise, guarded},
};

impl<V: HttpVendor<Job: Examined>> Bench<'_, V> {
    fn refused(&mut self, head: &Head, body: &[u8]) -> Option<ProviderError> {
        let vendor = self.vendor;
        match guarded(|| vendor.refusal(head, body)) {
            Ok(error) => Some(error),
            Err(message) => {
                let sentence = format!("a refusal with status {} makes it panic: {message}", head.status);
                self.findings.broken(Promise::NeverPanics, sentence);
                None
            }
        }
    }

    pub(super) fn refusals(&mut self) {
        // What holds for every API, with bodies that say nothing.
        for status in [401, 403] {
            self.refusal(status, &[], b"", Promise::WrongKeyIsAuth, |error| error.class == ErrorClass::Auth, "Auth");
        }
        self.refusal(402, &[], b"", Promise::QuotaIsNeverRetried, |error| error.class == ErrorClass::Quota, "Quota");
        let is_limit = |error: &ProviderError| matches!(error.class, ErrorClass::RateLimited | ErrorClass::Busy);
        let limit = Promise::RateLimitsKeepTheirPause;
        let seven = Some(Duration::from_secs(7));
        let kept = move |error: &ProviderError| is_limit(error) && error.after == seven;
        self.refusal(429, &[("retry-after", "7")], b"", limit, kept, "RateLimited or Busy with a pause of 7 s");
        let bounded = move |error: &ProviderError| error.after.is_none_or(|pause| pause <= Duration::from_mins(10));
        self.refusal(429, &[("retry-after", "864000")], b"", limit, bounded, "a pause of at most 10 minutes");
        let sane = move |error: &ProviderError| error.after.is_none_or(|pause| pause <= Duration::from_mins(1));
        self.refusal(429, &[("retry-after", "soon")], b"", limit, sane, "no long pause for what is none");
        let later = |error: &ProviderError| error.retry() != Retry::Never;
        for status in [500, 502, 503, 504, 529] {
            let html = b"<html><body>Bad Gateway</body></html>";
            self.refusal(status, &[], html, Promise::RefusalsAreUnderstood, later, "a failure that may be tried again");
        }
        for refusal in self.case.refusals.clone() {
            self.own_refusal(&refusal);
        }
    }

    fn refusal(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
        promise: Promise,
        good: impl Fn(&ProviderError) -> bool,
        expected: &str,
    ) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let head = Head { status, headers };
        let Some(error) = self.refused(&head, body) else { return };
        if !good(&error) {
            let sentence =
                format!("status {status} {:?} was expected to be {expected}, {} came", head.headers, failure(&error));
            self.findings.broken(promise, sentence);
        }
    }

    fn own_refusal(&mut self, refusal: &Refusal) {
        let Some(error) = self.refused(&refusal.head, &refusal.body) else { return };
        let promise = match refusal.class {
            ErrorClass::Auth => Promise::WrongKeyIsAuth,
            ErrorClass::Quota => Promise::QuotaIsNeverRetried,
            _ if refusal.after.is_some() => Promise::RateLimitsKeepTheirPause,
            _ => Promise::RefusalsAreUnderstood,
        };
        let pause_differs = refusal.after.is_some() && error.after != refusal.after;
        if error.class != refusal.class || pause_differs {
            let pause = refusal.after.map_or_else(String::new, |after| format!(" with a pause of {after:?}"));
            let (status, body) = (refusal.head.status, String::from_utf8_lossy(&refusal.body));
            let expected = refusal.class.code();
            let sentence =
                format!("status {status} {body} was expected to be {expected}{pause}, {} came", failure(&error));
            self.findings.broken(promise, sentence);
        }
    }
}
