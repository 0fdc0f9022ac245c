//! Tells in plain words which promise a provider's codec breaks.
//!
//! [`http`] and [`duplex`] play a case — a job, and what the server says to it — in every way in which a network and a server
//! can say it, and hold the codec to what this crate promises about it. Nothing is opened and no clock is read.
//!
//! ```text
//! let case = HttpCase::new(job, "audio/pcm", recorded).key(KEY).refused(401, WRONG_KEY, ErrorClass::Auth);
//! suite::http("acme", &Acme::new(config()), &case).assert();
//! ```
//!
//! The dice are our own and always fall the same way, so a report can be had again.

mod dice;
mod duplex;
mod examined;
mod http;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;

pub use duplex::{DuplexCase, Step, duplex};
pub use examined::{Examined, Seen};
pub use http::{HttpCase, http};

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// However the reply is cut into pieces.
    SameHoweverCut,
    /// Exactly once, and with `Done`.
    EndsOnce,
    /// Not an event more.
    NothingAfterTheEnd,
    /// At least one piece.
    UsefulBeforeDone,
    /// Half a reply is no reply.
    TruncatedIsAnError,
    /// Another content type, an error with status 200, an empty body.
    OnlyRepliesAreUsed,
    /// Whole samples of the format asked for, at most 1 s in each event, as long as expected.
    AudioFits,
    /// And never asked again with the same key.
    WrongKeyIsAuth,
    /// With the pause that was asked for.
    RateLimitsKeepTheirPause,
    /// Neither by class nor after a pause.
    QuotaIsNeverRetried,
    /// As the case says.
    RefusalsAreUnderstood,
    /// Neither in the URL nor in what is printed.
    SecretsAreKept,
    /// Whatever comes.
    NeverPanics,
    /// Texts within the limit that is declared are taken, and every word of them is sent.
    WithinTheTextLimit,
    /// Comments and messages of unknown kinds.
    UnknownChangesNothing,
    /// Or costs it, as declared.
    CancelTreatsTheSocketAsDeclared,
    /// What comes late is no event.
    SilentAfterCancel,
    /// With its own number.
    EveryFlushIsAnsweredOnce,
    /// A codec that wants to be woken in the past keeps its lane busy for ever.
    WakesAhead,
    /// Some servers take an empty message for the end.
    NothingEmptyIsSent,
    /// As declared.
    ServesAgain,
}

impl Promise {
    /// The promise in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SameHoweverCut => "the same events come however the reply is cut into pieces",
            Self::EndsOnce => "a job ends exactly once, and a good one with Done",
            Self::NothingAfterTheEnd => "nothing comes after the end",
            Self::UsefulBeforeDone => "something useful comes before Done",
            Self::TruncatedIsAnError => "a reply that was cut short is an error",
            Self::OnlyRepliesAreUsed => "what is no reply is an error and never used",
            Self::AudioFits => "audio comes in whole samples of the format asked for, at most 1 s in an event",
            Self::WrongKeyIsAuth => "a wrong key is Auth and never tried again",
            Self::RateLimitsKeepTheirPause => "a rate limit keeps the pause that it asks for",
            Self::QuotaIsNeverRetried => "a spent quota is never tried again",
            Self::RefusalsAreUnderstood => "refusals are understood as the case says",
            Self::SecretsAreKept => "a key stands in secret headers and nowhere else",
            Self::NeverPanics => "nothing that a server sends makes it panic",
            Self::WithinTheTextLimit => "every text within the declared limit is taken, and every word of it is sent",
            Self::UnknownChangesNothing => "comments and messages of unknown kinds change nothing",
            Self::CancelTreatsTheSocketAsDeclared => "a cancelled job leaves the socket as declared",
            Self::SilentAfterCancel => "what comes after a cancel is no event",
            Self::EveryFlushIsAnsweredOnce => "every flush is answered exactly once, with its number",
            Self::WakesAhead => "the next time to be woken lies ahead",
            Self::NothingEmptyIsSent => "no empty message is sent",
            Self::ServesAgain => "a socket that can serve another job does",
        }
    }
}

/// How one promise fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept in everything that was tried.
    Kept,
    /// Broken: one sentence with what was expected and what came.
    Broken(String),
    /// Not tried, because of this.
    Untried(&'static str),
}

/// What the suite has found.
#[derive(Clone, Debug)]
pub struct Report {
    subject: String,
    findings: Vec<(Promise, Verdict)>,
}

impl Report {
    /// Every promise that was looked at, and how it fared.
    pub fn findings(&self) -> &[(Promise, Verdict)] {
        &self.findings
    }

    /// The promises that are broken, each with its sentence.
    pub fn broken(&self) -> impl Iterator<Item = (Promise, &str)> {
        self.findings.iter().filter_map(|(promise, verdict)| match verdict {
            Verdict::Broken(sentence) => Some((*promise, sentence.as_str())),
            Verdict::Kept | Verdict::Untried(_) => None,
        })
    }

    /// For tests: nothing, when every promise is kept.
    ///
    /// # Panics
    /// A promise is broken: with the whole report.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.broken().next().is_none(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (broken, all) = (self.broken().count(), self.findings.len());
        writeln!(f, "{} breaks {broken} of {all} promises", self.subject)?;
        for (promise, verdict) in &self.findings {
            match verdict {
                Verdict::Kept => writeln!(f, "  kept    {}", promise.words())?,
                Verdict::Untried(why) => writeln!(f, "  untried {}: {why}", promise.words())?,
                Verdict::Broken(sentence) => writeln!(f, "  BROKEN  {}: {sentence}", promise.words())?,
            }
        }
        Ok(())
    }
}

/// Collects findings. The first breach of a promise is the one that is told: the others follow from it as a rule.
struct Findings(Vec<(Promise, Verdict)>);

impl Findings {
    /// These promises are tried.
    fn of(promises: &[Promise]) -> Self {
        Self(promises.iter().map(|promise| (*promise, Verdict::Kept)).collect())
    }

    fn untried(&mut self, promise: Promise, why: &'static str) {
        self.settle(promise, Verdict::Untried(why));
    }

    fn broken(&mut self, promise: Promise, sentence: impl Into<String>) {
        self.settle(promise, Verdict::Broken(sentence.into()));
    }

    fn settle(&mut self, promise: Promise, verdict: Verdict) {
        match self.0.iter_mut().find(|(other, _)| *other == promise) {
            Some((_, Verdict::Broken(_))) => {}
            Some((_, settled)) => *settled = verdict,
            None => self.0.push((promise, verdict)),
        }
    }

    fn report(self, subject: &str) -> Report {
        Report { subject: subject.to_owned(), findings: self.0 }
    }
}

/// Runs what may panic; the message of the panic, if it did.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    // What the codec was in the middle of is thrown away with it.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|payload| {
        let message = payload.downcast_ref::<String>().map(String::as_str);
        message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
    })
}
