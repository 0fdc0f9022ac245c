//! Speaking without a call: phrases are rendered by whoever speaks for an agent, and kept where calls find them.

use std::time::Duration;

use actix::{Actor, Handler};
use operetta_audio::Format;
use operetta_contract::{JobId, ProviderError, Speech, Synthesize};
use operetta_stage::{Clock, Desk, Kind, Metered, Playbill, Policy, Told};
use tokio::sync::mpsc;

use super::{Configured, troupe::Troupe};

/// Something to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Who says it: the name of an agent, which the configuration has.
    pub(crate) agent: String,
    /// The words.
    pub(crate) text: String,
    /// What it is to come as.
    pub(crate) format: Format,
}

/// A line that was said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// All of its audio.
    pub(crate) audio: Vec<u8>,
    /// Where it came from.
    pub(crate) from: Source,
    /// Time to its first audio.
    pub(crate) first: Duration,
}

/// Where audio came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It had been kept.
    Kept,
    /// This provider said it just now.
    Provider(String),
}

/// A lane that only speaks. Lives on the thread it was built on, which has to be that of an actix system.
pub(crate) struct Rehearsal {
    cast: Configured,
    troupe: Troupe,
    bill: Playbill,
    clock: Clock,
    jobs: u32,
}

/// How long a line may take in all: whoever speaks is bounded by deadlines of its own, this one by nobody's patience.
const LONGEST: Duration = Duration::from_mins(2);

impl Rehearsal {
    /// Starts the providers of `cast`.
    pub(crate) fn start(cast: Configured) -> Self {
        let bill = Playbill::new("w0");
        let troupe = Troupe::gather(cast.cast(), Policy::default(), &bill);
        Self { cast, troupe, bill, clock: Clock::system(), jobs: 0 }
    }

    /// Has a line said.
    ///
    /// # Errors
    /// Nobody could say it.
    pub(crate) async fn say(&mut self, line: &Line) -> Result<Said, ProviderError> {
        let agents = &self.cast.cast().settings.agents;
        let language = agents.get(&line.agent).map_or("en-IN", |agent| agent.language.as_str());
        let job = Synthesize {
            text: line.text.as_str().into(),
            voice: self.cast.cast().voice_of(&line.agent).into(),
            language: language.into(),
            format: line.format,
            fixed: true,
        };
        let hits = self.hits();
        let first_of_list = agents.get(&line.agent).and_then(|agent| agent.tts.first().cloned()).unwrap_or_default();
        let desk = self.troupe.desks(&line.agent).tts;
        self.jobs += 1;
        let took = self.hear(&desk, job).await?;
        let speaker = took.speaker.unwrap_or(first_of_list);
        let from = if self.hits() > hits { Source::Kept } else { Source::Provider(speaker) };
        Ok(Said { audio: took.audio, from, first: took.first })
    }

    async fn hear(&self, desk: &Desk<Synthesize>, job: Synthesize) -> Result<Heard, ProviderError> {
        let failed = |what: &str| ProviderError::new(operetta_contract::ErrorClass::Unavailable, what);
        let (told, mut events) = mpsc::unbounded_channel();
        let (ear, _running) = Metered::run(Ear(told), 16, &self.bill);
        let began = self.clock.now();
        let lease = desk.ask(JobId(self.jobs), job, ear.downgrade().recipient());
        let _lease = lease.map_err(|error| failed(error.code()))?;
        let mut heard = Heard { audio: Vec::new(), speaker: None, first: Duration::ZERO };
        let listening = async {
            while let Some(event) = events.recv().await {
                match event {
                    Speech::Audio(piece) => {
                        if heard.audio.is_empty() {
                            heard.first = self.clock.now().saturating_sub(began);
                        }
                        heard.audio.extend_from_slice(&piece);
                    }
                    Speech::Words(_) => {}
                    Speech::Switched(switch) => heard.speaker = Some(switch.to.to_string()),
                    Speech::Done => return Ok(()),
                    Speech::Failed(error) => return Err(error),
                    Speech::Lost => break,
                }
            }
            Err(failed("the worker died"))
        };
        tokio::time::timeout(LONGEST, listening).await.unwrap_or_else(|_| Err(failed("nothing came for too long")))?;
        Ok(heard)
    }

    /// How many lines were found that had been kept.
    fn hits(&self) -> u64 {
        self.cast.cast().phrases.as_ref().map_or(0, |phrases| {
            let counts = phrases.counts();
            counts.hits_memory + counts.hits_disk
        })
    }
}

struct Heard {
    audio: Vec<u8>,
    /// Who took over, if somebody did.
    speaker: Option<String>,
    first: Duration,
}

/// Hands on what it is told.
struct Ear(mpsc::UnboundedSender<Speech>);

impl Kind for Ear {
    const KIND: &'static str = "rehearsal";
}

impl Actor for Ear {
    type Context = Metered<Self>;
}

impl Handler<Told<Synthesize>> for Ear {
    type Result = ();

    fn handle(&mut self, told: Told<Synthesize>, _: &mut Metered<Self>) {
        // Who has stopped listening has the lease no more.
        let _ = self.0.send(told.event);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::providers::{Providers, troupe::tests};

    #[actix_web::test]
    async fn what_was_said_once_is_kept_and_not_paid_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let (server, asked) = tests::speech_server(200);
        let env = [
            ("OPERETTA__PROVIDERS__MINE__API", "openai_speech"),
            ("OPERETTA__PROVIDERS__MINE__BASE_URL", &server),
            ("OPERETTA__PROVIDERS__MINE__MODEL", "m"),
            ("OPERETTA__PROVIDERS__MINE__VOICE", "v"),
            ("OPERETTA__PHRASES__DIR", dir.path().to_str().unwrap()),
            ("TTS_PROVIDER", "mine,embedded"),
        ];
        let line = Line { agent: "asha".into(), text: "One moment, please.".into(), format: Format::PCM16_8K };
        let cast = tests::configured(&env);
        assert!(cast.keeps_for("asha"));
        let mut rehearsal = Rehearsal::start(cast.clone());
        let first = rehearsal.say(&line).await.unwrap();
        assert_eq!(first.from, Source::Provider("mine".into()));
        let again = rehearsal.say(&line).await.unwrap();
        assert_eq!((again.from, &again.audio), (Source::Kept, &first.audio));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        cast.finish(Duration::from_secs(5));
        drop((rehearsal, cast));

        // The next process finds it on the disk.
        let mut later = Rehearsal::start(tests::configured(&env));
        let kept = later.say(&line).await.unwrap();
        assert_eq!((kept.from, kept.audio), (Source::Kept, first.audio));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // Another voice is another phrase.
        let other = [&env[..], &[("OPERETTA__AGENTS__ASHA__VOICES__MINE", "w")]].concat();
        let mut other = Rehearsal::start(tests::configured(&other));
        assert_eq!(other.say(&line).await.unwrap().from, Source::Provider("mine".into()));
    }

    #[actix_web::test]
    async fn what_is_inside_the_program_speaks_and_is_not_kept() {
        let cast = tests::configured(&[]);
        assert!(!cast.keeps_for("asha") && cast.phrases().is_none());
        let line = Line { agent: "asha".into(), text: "Hello.".into(), format: Format::MULAW_8K };
        let said = Rehearsal::start(cast).say(&line).await.unwrap();
        assert_eq!(said.from, Source::Provider("embedded".into()));
        assert!(said.audio.len() > 1600, "{} bytes", said.audio.len());
    }
}
