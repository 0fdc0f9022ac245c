//! The suite for providers that are talked to over a socket.

mod play;

use std::time::Duration;

use self::play::{Outcome, Play, told};
use super::{
    Examined, Findings, Promise, Report,
    dice::Dice,
    guarded,
    http::{long_texts, missing_word},
    trace::End,
};
use crate::{Cancel, DuplexCodec, DuplexVendor, ErrorClass, Outgoing, ProviderError, Rest, Retry, SocketRequest};

/// A job, and a good conversation with the server about it.
#[derive(Clone, Debug)]
pub struct DuplexCase<J: Examined> {
    job: J,
    script: Vec<Step<J>>,
    again: Vec<Step<J>>,
    after_cancel: Vec<Step<J>>,
    key: Option<String>,
    lasting_ms: Option<u32>,
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Step<J: Examined> {
    /// The server says this.
    Says(Outgoing),
    /// The server says what follows from everything that was sent on this socket: for ids that the codec chooses.
    Answers(fn(&[Outgoing]) -> Outgoing),
    /// The asker feeds this; it waits until the job has begun.
    Feed(J::Feed),
    /// Time passes, and the codec is woken when it asks to be.
    Wait(Duration),
}

impl<J: Examined> Step<J> {
    /// The server says this text.
    pub fn says(text: &str) -> Self {
        Self::Says(Outgoing::Text(text.to_owned()))
    }

    /// The server sends these bytes.
    pub fn sends(bytes: &[u8]) -> Self {
        Self::Says(Outgoing::Binary(bytes.to_vec()))
    }
}

impl<J: Examined> DuplexCase<J> {
    /// `job`, and what happens from the opening of the socket on. A job that ends by itself ends with the last step.
    pub fn new(job: J, script: Vec<Step<J>>) -> Self {
        Self { job, script, again: Vec::new(), after_cancel: Vec::new(), key: None, lasting_ms: None }
    }

    /// What happens when the same job is asked again on the same socket; nothing is tried without it.
    #[must_use]
    pub fn again(mut self, script: Vec<Step<J>>) -> Self {
        self.again = script;
        self
    }

    /// How the server acknowledges a cancel, wherever in the conversation it comes.
    #[must_use]
    pub fn after_cancel(mut self, script: Vec<Step<J>>) -> Self {
        self.after_cancel = script;
        self
    }

    /// The key that the vendor was made with. It has to stand in a secret header.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// How long the audio lasts, in ms, give or take 5 % and 50 ms.
    #[must_use]
    pub const fn lasting(mut self, ms: u32) -> Self {
        self.lasting_ms = Some(ms);
        self
    }
}

/// Holds a socket's codec to its promises. `subject` is what the report calls it.
pub fn duplex<V>(subject: &str, vendor: &V, case: &DuplexCase<V::Job>) -> Report
where
    V: DuplexVendor<Job: Examined>,
{
    let mut bench = Bench { vendor, case, findings: Findings::of(&PROMISES) };
    bench.examine();
    bench.findings.report(subject)
}

const PROMISES: [Promise; 16] = [
    Promise::EndsOnce,
    Promise::NothingAfterTheEnd,
    Promise::UsefulBeforeDone,
    Promise::TruncatedIsAnError,
    Promise::AudioFits,
    Promise::WrongKeyIsAuth,
    Promise::QuotaIsNeverRetried,
    Promise::SecretsAreKept,
    Promise::NeverPanics,
    Promise::WithinTheTextLimit,
    Promise::UnknownChangesNothing,
    Promise::CancelTreatsTheSocketAsDeclared,
    Promise::SilentAfterCancel,
    Promise::EveryFlushIsAnsweredOnce,
    Promise::WakesAhead,
    Promise::NothingEmptyIsSent,
];

/// How often the dice are thrown.
const THROWS: usize = 300;
/// How much time passes with every step.
const STEP: Duration = Duration::from_millis(5);
/// How long a codec may wait for an acknowledgement that does not come.
const PATIENCE: Duration = Duration::from_secs(3);

struct Bench<'a, V: DuplexVendor<Job: Examined>> {
    vendor: &'a V,
    case: &'a DuplexCase<V::Job>,
    findings: Findings,
}

impl<V: DuplexVendor<Job: Examined>> Bench<'_, V> {
    fn examine(&mut self) {
        self.request();
        self.refused_upgrades();
        if let Some(whole) = self.whole() {
            self.unknown(&whole);
            self.cancelled();
            self.closed();
            self.again();
        }
        self.dice();
        self.text_limit();
    }

    /// Plays on a socket of its own. `None` when the codec panics or does not open, which is noted.
    fn play(&mut self, how: &str, act: impl FnOnce(&mut Play<'_, V>)) -> Option<Play<'_, V>> {
        let (vendor, case) = (self.vendor, self.case);
        let played = guarded(|| {
            let mut play = Play::open(vendor, case)?;
            act(&mut play);
            Some(play)
        });
        match played {
            Ok(play) => {
                for (promise, sentence) in play.iter().flat_map(|play| &play.breaches) {
                    self.findings.broken(*promise, format!("{how}: {sentence}"));
                }
                play
            }
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
            Ok(Ok(request)) => self.secrets(&request),
        }
    }

    fn secrets(&mut self, request: &SocketRequest) {
        let Some(key) = &self.case.key else {
            return self.findings.untried(Promise::SecretsAreKept, "the case has no key");
        };
        let carried = request.headers.iter().any(|(_, value)| value.is_secret() && value.expose().contains(key));
        let sentence = match () {
            () if request.url.contains(key) => "the URL of the socket holds the key: URLs reach logs",
            () if format!("{request:?}").contains(key) => {
                "the request shows the key when it is printed: a header with a key has to be HeaderValue::Secret"
            }
            () if !carried => "a secret header with the key was expected in the request, none came",
            () => return,
        };
        self.findings.broken(Promise::SecretsAreKept, sentence);
    }

    fn refused_upgrades(&mut self) {
        let vendor = self.vendor;
        let mut check = |status: u16, promise, good: fn(&ProviderError) -> bool, expected: &str| match guarded(|| {
            vendor.refusal(status)
        }) {
            Ok(error) if good(&error) => {}
            Ok(error) => {
                let class = error.class;
                let sentence =
                    format!("an upgrade refused with {status} was expected to be {expected}, {class:?} came");
                self.findings.broken(promise, sentence);
            }
            Err(message) => {
                let sentence = format!("an upgrade refused with {status} makes it panic: {message}");
                self.findings.broken(Promise::NeverPanics, sentence);
            }
        };
        for status in [401, 403] {
            check(status, Promise::WrongKeyIsAuth, |error| error.class == ErrorClass::Auth, "Auth");
        }
        check(402, Promise::QuotaIsNeverRetried, |error| error.class == ErrorClass::Quota, "Quota");
        for status in [500, 502, 503] {
            let later = |error: &ProviderError| error.retry() != Retry::Never;
            check(status, Promise::RefusalsAreUnderstood, later, "a failure that may be tried again");
        }
    }

    /// The whole conversation: what everything else is measured by.
    fn whole(&mut self) -> Option<Outcome> {
        let case = self.case;
        let whole = self.play("the whole conversation", |play| play.perform(&case.script))?;
        let outcome = whole.outcome();
        let (begun, sent) = (whole.begun, whole.sent_text());
        let late = self.play("everything said again after the end", |play| {
            play.perform(&case.script);
            play.late(&case.script);
        });
        drop(late);
        if !begun {
            let sentence = "the job was expected to begin, but is_ready() stayed false to the end of the script";
            self.findings.broken(Promise::EndsOnce, sentence);
            return None;
        }
        match (&outcome.end, <V::Job as Examined>::ENDS) {
            (Some(End::Done(_)), true) | (None, false) => {}
            (end, ends) => {
                let expected = if ends { "Done" } else { "no end" };
                let came = end.as_ref().map_or_else(|| "no end".to_owned(), told);
                self.findings.broken(Promise::EndsOnce, format!("{expected} was expected of the script, {came} came"));
                return None;
            }
        }
        if !outcome.trace.is_useful() && (case.job.needs_output() || !<V::Job as Examined>::ENDS) {
            let sentence = "something useful was expected of a good conversation, nothing came";
            self.findings.broken(Promise::UsefulBeforeDone, sentence);
        }
        if let Some(word) = case.job.words().and_then(|text| missing_word(text, &sent)) {
            let sentence = format!("every word was expected in what is sent, {word:?} is missing");
            self.findings.broken(Promise::WithinTheTextLimit, sentence);
        }
        self.audio_lasts(&outcome);
        self.flushes(&outcome);
        Some(outcome)
    }

    fn audio_lasts(&mut self, outcome: &Outcome) {
        if let (Some(ms), Some(format)) = (self.case.lasting_ms, self.case.job.format()) {
            let came = format.ms_of_bytes(outcome.trace.audio.len());
            if came.abs_diff(ms) > ms / 20 + 50 {
                let sentence = format!("{ms} ms of audio were expected at {} Hz, {came} ms came", format.rate_hz);
                self.findings.broken(Promise::AudioFits, sentence);
            }
        }
    }

    fn flushes(&mut self, outcome: &Outcome) {
        let asked = |step: &Step<V::Job>| match step {
            Step::Feed(feed) => <V::Job as Examined>::flush(feed),
            _ => None,
        };
        let asked: Vec<u32> = self.case.script.iter().filter_map(asked).collect();
        if asked.is_empty() {
            return self.findings.untried(Promise::EveryFlushIsAnsweredOnce, "the case has no flush");
        }
        for number in outcome.trace.flushes.iter().chain(&asked) {
            let answers = outcome.trace.flushes.iter().filter(|other| *other == number).count();
            let times = asked.iter().filter(|other| *other == number).count();
            if answers != times {
                let sentence = format!("flush {number} was asked {times} times, {answers} finals answer it");
                self.findings.broken(Promise::EveryFlushIsAnsweredOnce, sentence);
            }
        }
    }

    fn unknown(&mut self, whole: &Outcome) {
        let case = self.case;
        for at in 0..=case.script.len() {
            let how = format!("a message of an unknown kind before step {at}");
            let play = self.play(&how, |play| {
                play.perform(&case.script[..at]);
                let text = r#"{"type":"operetta_unknown","event":"operetta_unknown","x":[1]}"#;
                play.hear(&Outgoing::Text(text.to_owned()));
                play.perform(&case.script[at..]);
            });
            if let Some(difference) = play.and_then(|play| whole.difference(&play.outcome())) {
                let sentence = format!("{how} was expected to change nothing: {difference}");
                self.findings.broken(Promise::UnknownChangesNothing, sentence);
            }
        }
    }

    fn cancelled(&mut self) {
        let (vendor, case) = (self.vendor, self.case);
        let Ok(capabilities) = guarded(|| vendor.capabilities()) else { return };
        for at in 0..case.script.len() {
            let how = format!("a cancel before step {at}");
            let mut at_once = Rest::Ready;
            let played = self.play(&how, |play| {
                play.perform(&case.script[..at]);
                if play.running() {
                    play.cancel();
                    at_once = play.rest();
                    play.late(&case.script[at..]);
                    play.late(&case.after_cancel);
                    if play.rest() == Rest::Draining {
                        play.wait(PATIENCE);
                    }
                }
            });
            let Some(play) = played.filter(|play| play.cancelled) else { continue };
            // A socket that is spent is closed, so what it would be later does not count.
            let rest = if at_once == Rest::Spent { Rest::Spent } else { play.rest() };
            let came = play.end.as_ref().map_or_else(|| format!("{rest:?}"), told);
            let (cost, expected) = match (capabilities.cancel, rest, &play.end) {
                (Cancel::Message, Rest::Ready, None) | (Cancel::Connection, Rest::Spent | Rest::Draining, _) => {
                    continue;
                }
                (Cancel::Message, ..) => ("a message", "Ready"),
                (Cancel::Connection, ..) => ("the connection", "Spent"),
            };
            let sentence =
                format!("{how} costs {cost} as declared, so the socket was expected to be {expected}, {came} came");
            self.findings.broken(Promise::CancelTreatsTheSocketAsDeclared, sentence);
        }
    }

    /// The server goes away in the middle.
    fn closed(&mut self) {
        let case = self.case;
        for at in 0..=case.script.len() {
            for (code, reason) in
                [(None, ""), (Some(1006), ""), (Some(1011), ""), (Some(1000), ""), (Some(4999), "é why")]
            {
                let how = format!("the server closing with {code:?} before step {at}");
                let mut error = None;
                self.play(&how, |play| {
                    play.perform(&case.script[..at]);
                    error = play.running().then(|| play.codec.closed(code, reason));
                });
                let lost = matches!(code, None | Some(1006));
                if let Some(error) = error.filter(|error| lost && error.retry() == Retry::Never) {
                    let sentence =
                        format!("{how} can be mended by another socket, but {:?} is never tried again", error.class);
                    self.findings.broken(Promise::TruncatedIsAnError, sentence);
                }
            }
        }
    }

    fn again(&mut self) {
        let case = self.case;
        if case.again.is_empty() {
            return self.findings.untried(Promise::ServesAgain, "the case asks for nothing on the same socket");
        }
        self.findings.settle(Promise::ServesAgain, super::Verdict::Kept);
        let how = "the same job again on the same socket";
        let (mut fits, mut ready) = (false, false);
        let played = self.play(how, |play| {
            play.perform(&case.script);
            if play.rest() == Rest::Draining {
                play.wait(PATIENCE);
            }
            (fits, ready) = (play.fits(), play.rest() == Rest::Ready);
            if fits && ready {
                play.start_again();
                play.perform(&case.again);
            }
        });
        let Some((rest, outcome)) = played.map(|play| (play.rest(), play.outcome())) else { return };
        let sentence = match &outcome.end {
            _ if !fits => format!("{how} was expected to fit, fits() says no"),
            _ if !ready => format!("the socket was expected to be Ready for {how}, {rest:?} came"),
            Some(End::Done(_)) if outcome.trace.is_useful() => return,
            Some(end) => format!("Done was expected of {how}, {} came with the socket {rest:?}", told(end)),
            None => format!("Done was expected of {how}, no end came with the socket {rest:?}"),
        };
        self.findings.broken(Promise::ServesAgain, sentence);
    }

    /// Spoilt and made-up messages anywhere in the conversation.
    fn dice(&mut self) {
        let case = self.case;
        let mut dice = Dice::new(11);
        for throw in 0..THROWS {
            let at = dice.below(case.script.len() + 1);
            let (kind, made_up) = (dice.below(4), dice.bytes(120));
            let spoilt = match case.script.get(at) {
                Some(Step::Says(Outgoing::Text(text))) => dice.spoilt(text.as_bytes()),
                Some(Step::Says(Outgoing::Binary(bytes))) => dice.spoilt(bytes),
                _ => dice.bytes(60),
            };
            let message = match kind {
                0 => Outgoing::Binary(made_up),
                1 => Outgoing::Text(String::from_utf8_lossy(&made_up).into_owned()),
                2 => Outgoing::Binary(spoilt),
                _ => Outgoing::Text(String::from_utf8_lossy(&spoilt).into_owned()),
            };
            let code = 1000 + dice.below(4000) as u16;
            self.play(&format!("made-up message {throw} before step {at}"), |play| {
                play.perform(&case.script[..at]);
                play.hear(&message);
                play.perform(&case.script[at..]);
                let _ = play.codec.closed(Some(code), &String::from_utf8_lossy(&[0xC3, code as u8]));
            });
        }
    }

    fn text_limit(&mut self) {
        let (vendor, case) = (self.vendor, self.case);
        let Ok(capabilities) = guarded(|| vendor.capabilities()) else { return };
        let Some(limit) = capabilities.max_text else {
            return self.findings.untried(Promise::WithinTheTextLimit, "no limit of texts is declared");
        };
        for part in long_texts(limit).iter().flat_map(|text| case.job.with_words(text, limit)) {
            let length = part.words().map_or(0, str::len);
            let case = DuplexCase { job: part.clone(), ..case.clone() };
            let played = guarded(|| {
                let mut play = Play::open(vendor, &case)?;
                play.perform(&case.script);
                Some(play.begun.then(|| play.sent_text()))
            });
            let sentence = match played {
                // A job that never begins was noted once.
                Ok(Some(None)) => continue,
                Ok(Some(Some(sent))) => match missing_word(part.words().unwrap_or_default(), &sent) {
                    Some(word) => {
                        format!("every word of {length} bytes was expected in what is sent, {word:?} is missing")
                    }
                    None => continue,
                },
                Ok(None) => format!("a text of {length} bytes is within {limit:?} and was refused"),
                Err(message) => format!("a text of {length} bytes makes it panic: {message}"),
            };
            self.findings.broken(Promise::WithinTheTextLimit, sentence);
        }
    }
}
