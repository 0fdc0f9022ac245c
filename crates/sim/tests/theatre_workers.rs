//! The engine's own workers with the engine's own codecs against the fakes: the whole way of a job over a real socket.
#![cfg(feature = "theatre")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::time::{Duration, Instant};

use actix::{Actor, Addr, Handler};
use operetta_audio::Format;
use operetta_contract::{ApiKey, ErrorClass, JobId, Speech, Synthesize};
use operetta_sim::theatre::{Api, Kind as ApiKind, Pace, Play, Rule, Script, Theatre};
use operetta_stage::{Desk, Kind, Metered, Playbill, Policy, Supervisor, Told};
use operetta_vendors::tts::{deepgram, elevenlabs, google, openai};
use operetta_workers::{HttpTimes, HttpWorker, Net, NetConfig};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// Passes on what it is told.
struct Listener(UnboundedSender<(Instant, Speech)>);

impl Kind for Listener {
    const KIND: &'static str = "listener";
}

impl Actor for Listener {
    type Context = Metered<Self>;
}

impl Handler<Told<Synthesize>> for Listener {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "measures the engine, and so must not ask its clock")]
    fn handle(&mut self, told: Told<Synthesize>, _: &mut Metered<Self>) {
        let _ = self.0.send((Instant::now(), told.event));
    }
}

/// One lane: a desk for each voice, and somebody in front of them.
struct Lane {
    voices: Vec<(Api, Desk<Synthesize>)>,
    listener: Addr<Listener>,
    told: UnboundedReceiver<(Instant, Speech)>,
}

impl Lane {
    fn new(base_url: &str) -> Self {
        let bill = Playbill::new("test");
        let net = Net::new(&NetConfig::default()).unwrap();
        let short = Duration::from_millis(400);
        let times = HttpTimes { head: short, gap: short, refusal: short, warm_every: None, ..HttpTimes::default() };
        let key = || ApiKey::new("k");
        macro_rules! desk {
            ($vendor:expr, $config:expr) => {{
                let mut config = $config;
                config.base_url = base_url.to_owned();
                config.voice = config.voice.replace("default", "alloy");
                let (net, vendor) = (net.clone(), $vendor);
                Supervisor::start(Policy::default(), &bill, move || {
                    HttpWorker::new(vendor(config.clone()), net.clone(), times)
                })
            }};
        }
        let mut eleven = elevenlabs::Config::new(key(), "eleven_flash_v2_5");
        eleven.voice = "voice1".into();
        let voices = vec![
            (Api::OpenAiSpeech, desk!(openai::OpenAiSpeech::new, openai::Config::new(key(), "gpt-4o-mini-tts"))),
            (Api::ElevenLabsStream, desk!(elevenlabs::ElevenLabsSpeech::new, eleven)),
            (
                Api::GoogleSynthesize,
                desk!(google::GoogleSpeech::new, google::Config::new(key(), "en-US-Chirp3-HD-Kore")),
            ),
            (
                Api::DeepgramSpeak,
                desk!(deepgram::DeepgramSpeech::new, deepgram::Config::new(key(), "aura-2-thalia-en")),
            ),
        ];
        let (tell, told) = unbounded_channel();
        let (listener, _) = Metered::run(Listener(tell), 64, &bill);
        Self { voices, listener, told }
    }

    fn desk(&self, api: Api) -> Desk<Synthesize> {
        self.voices.iter().find(|(other, _)| *other == api).unwrap().1.clone()
    }

    /// Says a sentence: the bytes that came, when the first did, and how it ended.
    async fn say(&mut self, api: Api) -> (usize, Option<Instant>, Result<(), ErrorClass>) {
        let lease = self.desk(api).ask(JobId(1), job(), self.listener.downgrade().recipient()).unwrap();
        let (mut bytes, mut first) = (0, None);
        let end = loop {
            let (at, event) = timeout(Duration::from_secs(20), self.told.recv()).await.unwrap().unwrap();
            match event {
                Speech::Audio(audio) => {
                    first.get_or_insert(at);
                    bytes += audio.len();
                }
                Speech::Done => break Ok(()),
                Speech::Failed(error) => break Err(error.class),
                Speech::Lost => break Err(ErrorClass::Internal),
                Speech::Words(_) | Speech::Switched(_) => {}
            }
        };
        drop(lease);
        (bytes, first, end)
    }
}

/// 22 characters: 1430 ms.
fn job() -> Synthesize {
    Synthesize {
        text: "Good morning to all of".into(),
        voice: "default".into(),
        language: "en-US".into(),
        format: Format::PCM16_8K,
        fixed: false,
    }
}

fn theatre(pace: Pace, rules: &str) -> Theatre {
    Theatre::start(Script::default().with_pace(pace).with_rules(Rule::list(rules).unwrap())).unwrap()
}

#[actix_rt::test]
async fn every_voice_speaks_and_connections_are_used_again() {
    let theatre = theatre(Pace::AT_ONCE, "");
    let mut lane = Lane::new(&theatre.base_url());
    for _ in 0..3 {
        for api in [Api::OpenAiSpeech, Api::ElevenLabsStream, Api::GoogleSynthesize, Api::DeepgramSpeak] {
            let (bytes, _, end) = lane.say(api).await;
            assert_eq!(end, Ok(()), "{api}");
            assert!(bytes.abs_diff(1430 * 16) < 200, "{api}: {bytes}");
        }
    }
    let requests = theatre.ledger().requests();
    let spoken = requests.iter().filter(|note| note.api.is_some_and(|api| api.kind() == ApiKind::Tts));
    assert_eq!(spoken.count(), 12);
    // Each desk warms a connection up for itself when it opens, and all share them from then on.
    assert!(theatre.ledger().connections().len() <= 5, "{:?}", theatre.ledger().connections());
}

#[actix_rt::test]
async fn failures_are_named_for_what_they_are() {
    use ErrorClass::{Auth, Closed, Empty, Missing, Protocol, Quota, RateLimited, Timeout, Unavailable};
    let theatre = theatre(Pace::AT_ONCE, "");
    let mut lane = Lane::new(&theatre.base_url());
    for (play, api, end) in [
        ("H01:60", Api::DeepgramSpeak, Err(Timeout)),
        ("H02:60", Api::DeepgramSpeak, Err(Timeout)),
        ("H03:3", Api::OpenAiSpeech, Err(Timeout)),
        ("H05", Api::OpenAiSpeech, Ok(())),
        ("H06", Api::OpenAiSpeech, Ok(())),
        ("H08", Api::ElevenLabsStream, Err(Timeout)),
        ("H09:1000", Api::ElevenLabsStream, Err(Closed)),
        ("H10:1000", Api::DeepgramSpeak, Err(Closed)),
        ("H11", Api::DeepgramSpeak, Err(Auth)),
        ("H12", Api::OpenAiSpeech, Err(RateLimited)),
        ("H13:type", Api::OpenAiSpeech, Err(Quota)),
        ("H14", Api::ElevenLabsStream, Err(Quota)),
        ("H15", Api::DeepgramSpeak, Err(Quota)),
        ("H16", Api::GoogleSynthesize, Err(Auth)),
        ("H17:502", Api::ElevenLabsStream, Err(Unavailable)),
        ("H24", Api::OpenAiSpeech, Err(Protocol)),
        ("H24:empty", Api::ElevenLabsStream, Err(Empty)),
        ("H25", Api::DeepgramSpeak, Ok(())),
        ("H30", Api::GoogleSynthesize, Err(Missing)),
        ("H31", Api::DeepgramSpeak, Err(Protocol)),
        ("H34", Api::OpenAiSpeech, Err(Missing)),
    ] {
        theatre.next(api, 1, play.parse().unwrap());
        let (_, _, heard) = lane.say(api).await;
        assert_eq!(heard, end, "{play} {api}");
        // And the next one is as well as ever.
        assert_eq!(lane.say(api).await.2, Ok(()), "after {play} {api}");
    }
}

#[actix_rt::test]
async fn a_connection_that_dies_on_reuse_is_nobodys_trouble() {
    let theatre = theatre(Pace::AT_ONCE, "");
    let mut lane = Lane::new(&theatre.base_url());
    for _ in 0..5 {
        theatre.next(Api::DeepgramSpeak, 1, Play::DiesOnReuse);
        assert_eq!(lane.say(Api::DeepgramSpeak).await.2, Ok(()));
    }
    // What never began to be answered was asked once more, and so answered once.
    assert_eq!(theatre.ledger().count(Api::DeepgramSpeak), 5);
}

#[actix_rt::test]
async fn nobody_at_the_door() {
    let theatre = theatre(Pace::AT_ONCE, "");
    for (base_url, class) in
        [(theatre.base_url_refusing(), ErrorClass::Unavailable), (theatre.base_url_black_hole(), ErrorClass::Timeout)]
    {
        assert_eq!(Lane::new(&base_url).say(Api::DeepgramSpeak).await.2, Err(class), "{base_url}");
    }
}

#[actix_rt::test]
async fn what_is_cancelled_is_not_paid_for() {
    let slow = Pace { speed: 1.0, ..Pace::default() };
    let theatre = theatre(slow, "");
    let mut lane = Lane::new(&theatre.base_url());
    let job = Synthesize { text: "a".repeat(1500).as_str().into(), ..job() };
    let lease = lane.desk(Api::DeepgramSpeak).ask(JobId(1), job, lane.listener.downgrade().recipient()).unwrap();
    let (_, first) = timeout(Duration::from_secs(20), lane.told.recv()).await.unwrap().unwrap();
    assert!(matches!(first, Speech::Audio(_)), "{first:?}");
    drop(lease);
    let is_cancelled = |note: &operetta_sim::theatre::RequestNote| note.cancelled_at.is_some();
    timeout(Duration::from_secs(5), theatre.ledger().until(|book| book.requests().any(is_cancelled))).await.unwrap();
    let note = theatre.ledger().requests().into_iter().find(is_cancelled).unwrap();
    // Of 97 s.
    assert!(note.billed.audio_out_ms < 2000, "{:?}", note.billed);
    assert_eq!(note.bytes_after_cancel, 0);
}

/// The engine's own share of the time to the first audio: what the job took less what the fake took.
#[actix_rt::test]
#[expect(clippy::disallowed_methods, reason = "measures the engine, and so must not ask its clock")]
async fn the_engines_own_delay_can_be_told_from_the_fakes() {
    let pace =
        Pace { head: Duration::from_millis(10), first: Duration::from_millis(20), speed: 100.0, ..Pace::default() };
    let theatre = Theatre::on_a_thread(Script::default().with_pace(pace)).unwrap();
    let mut lane = Lane::new(&theatre.base_url());
    let mut delays = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let (_, first, end) = lane.say(Api::DeepgramSpeak).await;
        assert_eq!(end, Ok(()));
        let note = theatre.ledger().requests_to(Api::DeepgramSpeak).pop().unwrap();
        let own = note.own_delay().unwrap();
        assert!(own >= pace.first, "{own:?}");
        let whole = first.unwrap().duration_since(begun);
        assert!(whole >= own, "{whole:?} for {own:?}");
        delays.push(whole.saturating_sub(own));
    }
    delays.sort();
    println!("engine's own delay to first audio: p50 {:?}, max {:?}", delays[10], delays[19]);
    assert!(delays[10] < Duration::from_millis(50), "{delays:?}");
}
