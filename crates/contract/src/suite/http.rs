//! The suite for providers that answer in one reply over HTTP.

mod refusals;
mod run;

use std::time::Duration;

use self::run::{Run, difference, read, told};
use super::{Examined, Findings, Promise, Report, dice::Dice, guarded, trace::End};
use crate::{ErrorClass, Head, HttpRequest, HttpVendor, Retry, TextLimit};

/// A job, and a good reply to it.
#[derive(Clone, Debug)]
pub struct HttpCase<J> {
    job: J,
    head: Head,
    body: Vec<u8>,
    key: Option<String>,
    lasting_ms: Option<u32>,
    ends_with_body: bool,
    refusals: Vec<Refusal>,
}

#[derive(Clone, Debug)]
struct Refusal {
    head: Head,
    body: Vec<u8>,
    class: ErrorClass,
    after: Option<Duration>,
}

impl<J: Examined> HttpCase<J> {
    /// `job`, and the whole body of a reply with status 200 and this content type. More than 1 s of audio in it shows whether
    /// long pieces are cut.
    pub fn new(job: J, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            job,
            head: head_of(200, content_type),
            body: body.into(),
            key: None,
            lasting_ms: None,
            ends_with_body: content_type.starts_with("audio/") || content_type.contains("octet-stream"),
            refusals: Vec::new(),
        }
    }

    /// The key that the vendor was made with. It has to stand in a secret header.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// How long the audio of the reply lasts, in ms, give or take 5 % and 50 ms: a wrong rate or encoding shows.
    #[must_use]
    pub const fn lasting(mut self, ms: u32) -> Self {
        self.lasting_ms = Some(ms);
        self
    }

    /// Another header of the good reply; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Nothing in the reply says where it ends: only the transport knows whether it was cut short. Bodies of audio are like
    /// that without being told.
    #[must_use]
    pub const fn ends_with_body(mut self) -> Self {
        self.ends_with_body = true;
        self
    }

    /// What the vendor says with `status` and `body`, and what class that is.
    #[must_use]
    pub fn refused(self, status: u16, body: &str, class: ErrorClass) -> Self {
        self.refused_with(status, &[], body, class, None)
    }

    /// The same with headers, and the pause that has to come of them or of the body.
    #[must_use]
    pub fn refused_with(
        mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
        class: ErrorClass,
        after: Option<Duration>,
    ) -> Self {
        let mut head = head_of(status, "application/json");
        head.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.refusals.push(Refusal { head, body: body.into(), class, after });
        self
    }
}

fn head_of(status: u16, content_type: &str) -> Head {
    Head { status, headers: vec![("content-type".to_owned(), content_type.to_owned())] }
}

/// Holds an HTTP codec to its promises. `subject` is what the report calls it.
pub fn http<V>(subject: &str, vendor: &V, case: &HttpCase<V::Job>) -> Report
where
    V: HttpVendor<Job: Examined>,
{
    let mut bench = Bench { vendor, case, findings: Findings::of(&PROMISES) };
    bench.examine();
    bench.findings.report(subject)
}

const PROMISES: [Promise; 14] = [
    Promise::SameHoweverCut,
    Promise::EndsOnce,
    Promise::NothingAfterTheEnd,
    Promise::UsefulBeforeDone,
    Promise::TruncatedIsAnError,
    Promise::OnlyRepliesAreUsed,
    Promise::AudioFits,
    Promise::WrongKeyIsAuth,
    Promise::RateLimitsKeepTheirPause,
    Promise::QuotaIsNeverRetried,
    Promise::SecretsAreKept,
    Promise::NeverPanics,
    Promise::WithinTheTextLimit,
    Promise::UnknownChangesNothing,
];

/// How often the dice are thrown.
const THROWS: usize = 300;
/// How many bytes are read over all cuts of one case, roughly: what keeps long bodies from taking minutes.
const WORK: usize = 4_000_000;

struct Bench<'a, V: HttpVendor> {
    vendor: &'a V,
    case: &'a HttpCase<V::Job>,
    findings: Findings,
}

impl<V: HttpVendor<Job: Examined>> Bench<'_, V> {
    fn examine(&mut self) {
        self.request();
        if let Some(whole) = self.whole() {
            self.cuts(&whole);
            self.truncated(&whole);
            self.after_the_end(&whole);
            self.unknown(&whole);
        }
        self.no_replies();
        self.dice();
        self.refusals();
        self.text_limit();
    }

    /// Reads a reply in these pieces. `None` when it panics, which is noted.
    fn run(&mut self, head: &Head, pieces: &[&[u8]], how: &str) -> Option<Run> {
        let (vendor, job) = (self.vendor, &self.case.job);
        match guarded(|| read(vendor, job, head, pieces)) {
            Ok(Some(run)) => {
                if let Some((promise, sentence)) = &run.breach {
                    self.findings.broken(*promise, format!("{how}: {sentence}"));
                }
                Some(run)
            }
            Ok(None) => None,
            Err(message) => {
                self.findings.broken(Promise::NeverPanics, format!("{how} makes it panic: {message}"));
                None
            }
        }
    }

    fn request(&mut self) {
        let (vendor, job) = (self.vendor, &self.case.job);
        match guarded(|| vendor.open(job).map(|(request, _)| request)) {
            Err(message) => {
                self.findings.broken(Promise::NeverPanics, format!("opening the job makes it panic: {message}"));
            }
            Ok(Err(error)) => self.findings.broken(Promise::EndsOnce, format!("the job cannot be opened: {error}")),
            Ok(Ok(request)) => {
                self.secrets(&request, "the request");
                self.all_words(&request, job);
            }
        }
        match guarded(|| vendor.warm_up()) {
            Err(message) => self.findings.broken(Promise::NeverPanics, format!("warming up makes it panic: {message}")),
            Ok(request) => request.iter().for_each(|request| self.secrets(request, "the request that warms up")),
        }
    }

    fn secrets(&mut self, request: &HttpRequest, what: &str) {
        let Some(key) = &self.case.key else {
            return self.findings.untried(Promise::SecretsAreKept, "the case has no key");
        };
        let carried = request.headers.iter().any(|(_, value)| value.is_secret() && value.expose().contains(key));
        let sentence = match () {
            () if request.url.contains(key) => format!("the URL of {what} holds the key: URLs reach logs"),
            () if format!("{request:?}").contains(key) => {
                format!("{what} shows the key when it is printed: a header with a key has to be HeaderValue::Secret")
            }
            () if !carried => format!("a secret header with the key was expected in {what}, none came"),
            () => return,
        };
        self.findings.broken(Promise::SecretsAreKept, sentence);
    }

    fn all_words(&mut self, request: &HttpRequest, job: &V::Job) {
        if let Some(text) = job.words()
            && let Some(word) = missing_word(text, &String::from_utf8_lossy(&request.body))
        {
            let sentence = format!("every word was expected in the body of the request, {word:?} is missing");
            self.findings.broken(Promise::WithinTheTextLimit, sentence);
        }
    }

    /// The reply in one piece: what everything else is measured by.
    fn whole(&mut self) -> Option<Run> {
        let case = self.case;
        let whole = self.run(&case.head, &[&case.body], "the whole reply")?;
        match &whole.end {
            End::Done(_) if case.job.needs_output() && !whole.trace.is_useful() => {
                let sentence =
                    "Done came after a good reply of which nothing else had come: the error Empty was expected";
                self.findings.broken(Promise::UsefulBeforeDone, sentence);
            }
            End::Done(_) => {}
            other => {
                let sentence = format!("the whole reply was expected to end with Done, {} came", told(other));
                self.findings.broken(Promise::EndsOnce, sentence);
                return None;
            }
        }
        if let (Some(ms), Some(format)) = (case.lasting_ms, case.job.format()) {
            let came = format.ms_of_bytes(whole.trace.audio.len());
            if came.abs_diff(ms) > ms / 20 + 50 {
                let sentence = format!("{ms} ms of audio were expected at {} Hz, {came} ms came", format.rate_hz);
                self.findings.broken(Promise::AudioFits, sentence);
            }
        }
        Some(whole)
    }

    /// As many places as the work allows, evenly spread; every place of a short body.
    fn places(&self) -> impl Iterator<Item = usize> + use<V> {
        let length = self.case.body.len();
        let step = (length * length / WORK).max(1);
        // An even step would keep to whole samples.
        (0..length).step_by(step | 1)
    }

    fn cuts(&mut self, whole: &Run) {
        let case = self.case;
        for at in self.places() {
            let (before, after) = case.body.split_at(at);
            self.same(whole, &[before, after], &format!("the reply cut at byte {at}"));
        }
        for length in [1, 3, 7, 959] {
            let pieces: Vec<&[u8]> = case.body.chunks(length).collect();
            self.same(whole, &pieces, &format!("the reply in pieces of {length} bytes"));
        }
        let with_nothing = [&case.body[..], &[]];
        self.same(whole, &with_nothing, "an empty piece");
    }

    fn same(&mut self, whole: &Run, pieces: &[&[u8]], how: &str) {
        let Some(run) = self.run(&self.case.head.clone(), pieces, how) else { return };
        if let Some(difference) = difference(whole, &run) {
            let sentence = format!("{how} gives another result than the whole: {difference}");
            self.findings.broken(Promise::SameHoweverCut, sentence);
        }
    }

    /// A beginning of the reply that passes for good has to be worth as much as the whole.
    fn truncated(&mut self, whole: &Run) {
        if self.case.ends_with_body && !whole.by_itself {
            let why = "nothing in this reply says where it ends: only the transport knows";
            return self.findings.untried(Promise::TruncatedIsAnError, why);
        }
        let case = self.case;
        // A body without a byte is tried where it belongs.
        for at in self.places().skip(1) {
            let how = format!("the reply that ends after {at} of {} bytes", case.body.len());
            let Some(run) = self.run(&case.head, &[&case.body[..at]], &how) else { continue };
            if let (End::Done(_), Some(difference)) = (&run.end, whole.trace.difference(&run.trace)) {
                let sentence = format!("{how} was expected to be an error, Done came: {difference}");
                self.findings.broken(Promise::TruncatedIsAnError, sentence);
            }
            if let End::Failed(error) = &run.end
                && error.retry() == Retry::Never
            {
                let sentence = format!("{how} can be asked for again, but {} is never tried again", error.code());
                self.findings.broken(Promise::TruncatedIsAnError, sentence);
            }
        }
    }

    fn after_the_end(&mut self, whole: &Run) {
        if !whole.by_itself {
            let why = "the end of the body is the end of this reply";
            return self.findings.untried(Promise::NothingAfterTheEnd, why);
        }
        let how = "the reply sent twice in one piece";
        let twice = [&self.case.body[..], &self.case.body[..]].concat();
        let Some(run) = self.run(&self.case.head.clone(), &[&twice], how) else { return };
        if let Some(difference) = difference(whole, &run) {
            let sentence = format!("{how} was expected to be read up to its first end: {difference}");
            self.findings.broken(Promise::NothingAfterTheEnd, sentence);
        }
    }

    /// What gateways do to event streams: comments, unknown events, other line ends.
    fn unknown(&mut self, whole: &Run) {
        let case = self.case;
        if case.head.content_type() != "text/event-stream" {
            return self.findings.untried(Promise::UnknownChangesNothing, "the reply is no event stream");
        }
        let Ok(body) = std::str::from_utf8(&case.body) else { return };
        let lines = body.replace("\r\n", "\n");
        let variants = [
            ("a comment before every event", lines.replace("\n\n", "\n\n: keep-alive\n\n")),
            ("a comment in every event", lines.replace("\n\n", "\n: keep-alive\n\n")),
            ("lines that end in CRLF", lines.replace('\n', "\r\n")),
            ("an event of an unknown kind", format!("data: {{\"type\":\"operetta.unknown\",\"x\":[1]}}\n\n{lines}")),
            ("data: without a space behind it", lines.replace("data: ", "data:")),
        ];
        for (how, body) in variants {
            let Some(run) = self.run(&case.head, &[body.as_bytes()], how) else { continue };
            if let Some(difference) = difference(whole, &run) {
                let sentence = format!("{how} was expected to change nothing: {difference}");
                self.findings.broken(Promise::UnknownChangesNothing, sentence);
            }
        }
    }

    fn no_replies(&mut self) {
        let html = b"<!doctype html><html><body>Please sign in</body></html>";
        let error = br#"{"error":{"code":500,"message":"why","status":"INTERNAL","type":"server_error"}}"#;
        let mut tries = vec![
            ("a page of HTML with status 200", head_of(200, "text/html; charset=utf-8"), &html[..]),
            ("an error in JSON with status 200", head_of(200, "application/json"), &error[..]),
        ];
        if self.case.job.needs_output() {
            tries.push(("an empty body with status 200", self.case.head.clone(), &[]));
        }
        for (what, head, body) in tries {
            let Some(run) = self.run(&head, &[body], what) else { continue };
            if !run.trace.is_silent() {
                let sentence =
                    format!("an error and nothing else was expected of {what}, something came that is played or read");
                self.findings.broken(Promise::OnlyRepliesAreUsed, sentence);
            } else if !matches!(run.end, End::Failed(_)) {
                let empty = body.is_empty();
                let promise = if empty { Promise::UsefulBeforeDone } else { Promise::OnlyRepliesAreUsed };
                self.findings.broken(promise, format!("an error was expected of {what}, {} came", told(&run.end)));
            }
        }
    }

    fn dice(&mut self) {
        let mut dice = Dice::new(7);
        for throw in 0..THROWS {
            let body = if throw % 4 == 0 { dice.bytes(200) } else { dice.spoilt(&self.case.body) };
            let mut pieces = Vec::new();
            let mut from = 0;
            for to in dice.cuts(body.len()) {
                pieces.push(&body[from..to]);
                from = to;
            }
            pieces.push(&body[from..]);
            let how = format!("made-up reply {throw}");
            self.run(&self.case.head.clone(), &pieces, &how);
            let (vendor, status) = (self.vendor, 300 + dice.below(300) as u16);
            let head = head_of(status, "application/json");
            if let Err(message) = guarded(|| vendor.refusal(&head, &body)) {
                let sentence = format!("made-up refusal {throw} with status {status} makes it panic: {message}");
                self.findings.broken(Promise::NeverPanics, sentence);
            }
        }
    }

    fn text_limit(&mut self) {
        let vendor = self.vendor;
        let Ok(capabilities) = guarded(|| vendor.capabilities()) else { return };
        let Some(limit) = capabilities.max_text else {
            return self.findings.untried(Promise::WithinTheTextLimit, "no limit of texts is declared");
        };
        for text in long_texts(limit) {
            for part in self.case.job.with_words(&text, limit) {
                let length = part.words().map_or(0, str::len);
                match guarded(|| vendor.open(&part).map(|(request, _)| request)) {
                    Ok(Ok(request)) => self.all_words(&request, &part),
                    Ok(Err(error)) => {
                        let sentence = format!("a text of {length} bytes is within {limit:?} and was refused: {error}");
                        self.findings.broken(Promise::WithinTheTextLimit, sentence);
                    }
                    Err(message) => {
                        let sentence = format!("a text of {length} bytes makes it panic: {message}");
                        self.findings.broken(Promise::NeverPanics, sentence);
                    }
                }
            }
        }
    }
}

/// The first word of `text` that does not stand in `sent`, behind those before. Only words of ASCII letters and digits count:
/// nothing that writes them down changes them.
pub(super) fn missing_word<'a>(text: &'a str, sent: &str) -> Option<&'a str> {
    let mut rest = sent;
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).find(|word| {
        match rest.find(word) {
            Some(at) => {
                rest = &rest[at + word.len()..];
                false
            }
            None => true,
        }
    })
}

/// Texts around a limit: exactly as long, and three times as long; of one byte and of three bytes for each character.
pub(super) fn long_texts(limit: TextLimit) -> Vec<String> {
    let (TextLimit::Chars(most) | TextLimit::Bytes(most)) = limit;
    let words = |length: usize| {
        let numbered = (0..length).map(|n| format!("word{n:04}. "));
        numbered.collect::<String>().chars().take(length).collect::<String>()
    };
    vec![words(most), words(3 * most), "नमस्ते आप कैसे हैं। ".repeat(most / 10 + 1)]
}
