//! Every vendor's codec, driven by its real worker over real sockets, and held to what its role promises: against the fake vendors
//! of the theatre, and with the same checks against the vendors themselves. A fake that drifts from its vendor is found by
//! running both.
//!
//! Each check is one plain sentence of a [`Report`]. What only the fakes can tell, what they saw of their client, is skipped
//! against real vendors.

mod cast;
mod ears;
mod lane;
mod limits;
mod mind;
mod report;
mod sound;
mod talk;
mod voice;

use std::time::Duration;

use futures_util::future::join_all;
use operetta_contract::{ApiKey, ErrorClass};
use operetta_sim::theatre::{Api, Pace, Rule, Script, Theatre, Vendor};

pub use self::{
    cast::Choice,
    report::{Figure, Finding, Report, Verdict},
};
use self::{
    cast::{CAST, Entry, Part, Terms},
    lane::Lane,
};

/// What is examined, and how long that may take.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Only APIs with this in their name, such as `deepgram` or `deepgram_listen`; empty for all.
    pub only: String,
    /// Waits as long as vendors really do, 12 s without a word among others: half a minute in all.
    pub patient: bool,
}

/// Runs every check against the fakes, on this runtime: a local one.
///
/// # Panics
/// The loopback has no free port.
pub async fn rehearse(plan: &Plan) -> Report {
    let lane = Lane::new();
    let entries = CAST.iter().filter(|entry| entry.api.name().contains(&plan.only));
    let examined = entries.map(|entry| {
        // Ears have little time to think: what is flushed is given up after 400 ms, and the machine may be busy.
        let first = Duration::from_millis(if matches!(entry.part, Part::Ears(_)) { 30 } else { 100 });
        let pace = Pace { head: first / 2, first, ..Pace::default() };
        let theatre = Theatre::on_a_thread(Script::default().with_pace(pace)).expect("a free port");
        let terms = Terms { base_url: Some(theatre.base_url()), ..Terms::new(lane.clone(), ApiKey::new("right")) };
        examine(entry, Hall { api: entry.api, theatre: Some(theatre), terms, patient: plan.patient })
    });
    let mut reports = join_all(examined).await;
    if plan.only.is_empty() {
        reports.push(limits::examine(&lane, plan.patient).await);
    }
    Report::of(reports)
}

/// Runs the checks against a vendor itself, one API after the other, on this runtime: a local one. This costs money: about a
/// minute of speech and a few hundred tokens for each API.
pub async fn visit(vendor: Vendor, key: &ApiKey, choice: &Choice, plan: &Plan) -> Report {
    let lane = Lane::new();
    let mut reports = Vec::new();
    for entry in CAST.iter().filter(|entry| entry.api.vendor() == vendor && entry.api.name().contains(&plan.only)) {
        let base_url = Some(choice.base_url.clone()).filter(|url| !url.is_empty());
        let terms = Terms { base_url, choice: choice.clone(), ..Terms::new(lane.clone(), key.clone()) };
        reports.push(examine(entry, Hall { api: entry.api, theatre: None, terms, patient: plan.patient }).await);
    }
    Report::of(reports)
}

async fn examine(entry: &Entry, hall: Hall) -> Report {
    let mut report = Report::new(entry.api.name());
    match entry.part {
        Part::Voice(hire) => voice::examine(&hall, hire, &mut report).await,
        Part::Ears(hire) => ears::examine(&hall, hire, &mut report).await,
        Part::Mind(hire) => mind::examine(&hall, hire, &mut report).await,
        Part::Talk(hire) => talk::examine(&hall, hire, &mut report).await,
    }
    report
}

/// Where one API is examined.
struct Hall {
    api: Api,
    /// The fake; `None` for the vendor itself.
    theatre: Option<Theatre>,
    terms: Terms,
    patient: bool,
}

impl Hall {
    /// The same with a key that no vendor gave to anybody. It has blanks, so that even a fake sees that it is none.
    fn with_wrong_key(&self) -> Terms {
        Terms { key: ApiKey::new("no key at all"), ..self.terms.clone() }
    }

    /// The same with a model that does not exist. Fakes take any name for a model, so they are told.
    fn with_missing_model(&self) -> Terms {
        if let Some(theatre) = &self.theatre {
            let play = match self.api {
                // Refused at the door, with 404.
                Api::DeepgramListen | Api::DeepgramFlux | Api::DeepgramSpeakSocket => "W01:404",
                _ if self.api.is_socket() => "W03:missing",
                _ => "H34",
            };
            theatre.play(Rule::list(&format!("{}:{play}", self.api.name())).expect("such a play"));
            return self.terms.clone();
        }
        let mut terms = self.terms.clone();
        terms.choice.model = "no-such-model".into();
        terms.choice.voice = "no-such-voice".into();
        terms
    }

    /// Whether a job failed as it should with a model that does not exist. Some vendors call that a bad request.
    fn is_missing(&self, failed: Result<ErrorClass, String>) -> Result<(), String> {
        let may_be_bad = self.theatre.is_none() || self.api == Api::AssemblyAi;
        match failed? {
            ErrorClass::Missing => Ok(()),
            ErrorClass::BadRequest if may_be_bad => Ok(()),
            class => Err(format!("expected {}, got {}", ErrorClass::Missing.code(), class.code())),
        }
    }

    /// From now on fakes do as they should.
    fn behave(&self) {
        if let Some(theatre) = &self.theatre {
            theatre.play(Vec::new());
        }
    }
}
