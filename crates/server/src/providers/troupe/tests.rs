use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Actor, Handler};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::Method, web};
use operetta_audio::Format;
use operetta_contract::{ErrorClass, JobId, Speech};
use operetta_stage::{Kind, Lease, Metered, Told};
use operetta_vendors::tts::openai::{Config, OpenAiSpeech};
use operetta_workers::account::{BreakerState, Steer};
use tokio::sync::mpsc;

use super::*;
use crate::{
    config,
    providers::{Configured, Guests, Providers, StartError, Terms},
};

/// A server that answers every request with `status`, and 50 ms of samples if that is 200. With the number of requests for
/// speech: those that keep a connection warm do not count.
pub(crate) fn speech_server(status: u16) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = HttpServer::new(move || {
        let count = Arc::clone(&count);
        App::new().default_service(web::to(move |request: HttpRequest| {
            count.fetch_add(usize::from(request.method() == Method::POST), Ordering::Relaxed);
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            async move {
                match status.as_u16() {
                    200 => HttpResponse::Ok().content_type("audio/pcm").body(vec![7_u8; 2400]),
                    _ => HttpResponse::build(status).json(serde_json::json!({"error": {"message": "no", "type": "x"}})),
                }
            }
        }))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", server.addrs()[0]);
    #[expect(clippy::disallowed_methods, reason = "the server belongs to the test, which is no actor")]
    drop(actix_web::rt::spawn(server.run()));
    (address, asked)
}

pub(crate) fn configured(env: &[(&str, &str)]) -> Configured {
    started(env, Guests::default()).unwrap()
}

fn started(env: &[(&str, &str)], guests: Guests) -> Result<Configured, StartError> {
    let mut env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    env.push(("OPERETTA__SPEECH__MODELS_DIR".into(), "no/models".into()));
    env.push(("OPERETTA__HTTP__WORKERS".into(), "1".into()));
    if !env.iter().any(|(name, _)| name == "OPERETTA__PHRASES__DIR") {
        env.push(("OPERETTA__PHRASES__DISK_BYTES".into(), "0".into()));
    }
    let found = config::inspect(None, env.into_iter());
    found.verdict().unwrap();
    Configured::start_with(&found.settings, guests)
}

/// Writes down what it is told.
struct Asker(mpsc::UnboundedSender<Speech>);

impl Kind for Asker {
    const KIND: &'static str = "asker";
}

impl Actor for Asker {
    type Context = Metered<Self>;
}

impl Handler<Told<Synthesize>> for Asker {
    type Result = ();

    fn handle(&mut self, told: Told<Synthesize>, _: &mut Metered<Self>) {
        let _ = self.0.send(told.event);
    }
}

/// Says a word in the default agent's voice. What was heard, and who took over from whom.
async fn say(cast: &Configured, bill: &Playbill) -> (Vec<u8>, Vec<String>, Result<(), ErrorClass>) {
    say_word(cast, bill, false).await
}

async fn say_word(cast: &Configured, bill: &Playbill, fixed: bool) -> (Vec<u8>, Vec<String>, Result<(), ErrorClass>) {
    let troupe = Troupe::gather(cast.cast(), Policy::default(), bill);
    let (hear, mut heard) = mpsc::unbounded_channel();
    let (asker, _running) = Metered::run(Asker(hear), 16, bill);
    let job = Synthesize {
        text: "Hello.".into(),
        voice: "default".into(),
        language: "en-IN".into(),
        format: Format::PCM16_8K,
        fixed,
    };
    let desk = troupe.desks("asha").tts;
    let _lease: Lease<Synthesize> = desk.ask(JobId(1), job, asker.downgrade().recipient()).unwrap();
    let (mut audio, mut switches) = (Vec::new(), Vec::new());
    loop {
        match heard.recv().await.expect("the job ends") {
            Speech::Audio(piece) => audio.extend_from_slice(&piece),
            Speech::Words(_) => {}
            Speech::Switched(switch) => {
                switches.push(format!("{} > {}: {}", switch.from, switch.to, switch.error.code()));
            }
            Speech::Done => return (audio, switches, Ok(())),
            Speech::Failed(error) => return (audio, switches, Err(error.class)),
            Speech::Lost => return (audio, switches, Err(ErrorClass::Closed)),
        }
    }
}

#[actix_web::test]
async fn the_next_of_the_list_speaks_when_the_first_refuses_its_key() {
    let ((bad, bad_asked), (good, good_asked)) = (speech_server(401), speech_server(200));
    let cast = configured(&[
        ("OPERETTA__PROVIDERS__BAD__API", "openai_speech"),
        ("OPERETTA__PROVIDERS__BAD__BASE_URL", &bad),
        ("OPERETTA__PROVIDERS__BAD__MODEL", "m"),
        ("OPERETTA__PROVIDERS__BAD__VOICE", "v"),
        ("OPERETTA__PROVIDERS__GOOD__API", "openai_speech"),
        ("OPERETTA__PROVIDERS__GOOD__BASE_URL", &good),
        ("OPERETTA__PROVIDERS__GOOD__MODEL", "m"),
        ("OPERETTA__PROVIDERS__GOOD__VOICE", "v"),
        ("TTS_PROVIDER", "bad,good,embedded"),
    ]);
    let bill = Playbill::new("w0");
    let (audio, switches, end) = say(&cast, &bill).await;
    assert_eq!((switches, end), (vec!["bad > good: auth".to_owned()], Ok(())));
    assert!(!audio.is_empty());
    assert_eq!(good_asked.load(Ordering::Relaxed), 1);

    let listed = cast.listed();
    let account = |name: &str| listed.iter().find(|provider| &*provider.name == name).unwrap().account.snapshot();
    assert_eq!((account("bad").errors_of(ErrorClass::Auth), account("bad").breaker), (1, BreakerState::Open));
    assert_eq!((account("good").ok, account("good").switches_to), (1, 1));
    assert_eq!(account("embedded").requests, 0);
    let lane = bill.snapshot();
    let jobs = lane.role(Role::Tts).map(|jobs| jobs.done);
    assert_eq!(jobs, Some(1), "a job of the call counts once, whoever did it");

    // The breaker is shared: another lane does not ask who is known to refuse.
    let asked_before = bad_asked.load(Ordering::Relaxed);
    let (_, switches, end) = say(&cast, &bill).await;
    assert_eq!((switches, end), (vec!["bad > good: breaker_open".to_owned()], Ok(())));
    assert_eq!(bad_asked.load(Ordering::Relaxed), asked_before);
}

#[actix_web::test]
async fn engines_inside_the_program_need_nobody_between() {
    let cast = configured(&[("TTS_PROVIDER", "flite")]);
    assert!(cast.listed().is_empty() && cast.bills().is_empty());
    let bill = Playbill::new("w0");
    let troupe = Troupe::gather(cast.cast(), Policy::default(), &bill);
    drop(troupe);
    assert!(bill.snapshot().actor("tts_relay").is_none());
}

#[actix_web::test]
async fn the_last_of_the_list_may_be_inside_the_program() {
    let (ill, _) = speech_server(503);
    let cast = configured(&[
        ("OPERETTA__PROVIDERS__ILL__API", "openai_speech"),
        ("OPERETTA__PROVIDERS__ILL__BASE_URL", &ill),
        ("OPERETTA__PROVIDERS__ILL__MODEL", "m"),
        ("OPERETTA__PROVIDERS__ILL__VOICE", "v"),
        ("TTS_PROVIDER", "ill,flite"),
    ]);
    let (audio, switches, end) = say(&cast, &Playbill::new("w0")).await;
    assert_eq!((switches, end), (vec!["ill > flite: unavailable".to_owned()], Ok(())));
    assert!(audio.len() > 3200, "flite says a word: {} bytes", audio.len());
}

/// What a program brings: a vendor of its own; any will do.
fn brought(terms: Terms) -> OpenAiSpeech {
    let mut config = Config::new(terms.key, terms.model);
    config.base_url = terms.base_url;
    config.voice = terms.voice;
    OpenAiSpeech::new(config)
}

#[actix_web::test]
async fn who_is_brought_by_the_program_plays_like_any_other() {
    let ((ill, _), (good, asked)) = (speech_server(503), speech_server(200));
    let env = [
        ("OPERETTA__PROVIDERS__ILL__API", "own_tts"),
        ("OPERETTA__PROVIDERS__ILL__BASE_URL", &ill),
        ("OPERETTA__PROVIDERS__ILL__VOICE", "v"),
        ("OPERETTA__PROVIDERS__GOOD__API", "own_tts"),
        ("OPERETTA__PROVIDERS__GOOD__BASE_URL", &good),
        ("OPERETTA__PROVIDERS__GOOD__VOICE", "v"),
        ("OPERETTA__PROVIDERS__GOOD__MAX_AT_ONCE", "3"),
        ("TTS_PROVIDER", "ill,good"),
    ];
    let guests = Guests::default().speaks("ill", brought).speaks("good", brought);
    let cast = started(&env, guests).unwrap();
    let (audio, switches, end) = say(&cast, &Playbill::new("w0")).await;
    assert_eq!((switches, end), (vec!["ill > good: unavailable".to_owned()], Ok(())));
    assert_eq!((audio.is_empty(), asked.load(Ordering::Relaxed)), (false, 1));
    let listed = cast.listed();
    let good = listed.iter().find(|provider| &*provider.name == "good").unwrap();
    assert_eq!(
        (good.api, good.account.snapshot().ok, good.spent.characters.load(Ordering::Relaxed)),
        ("own_tts", 1, 6)
    );

    // Nobody of that name, and somebody of that name who plays another role.
    for guests in [Guests::default(), Guests::default().speaks("ill", brought).listens_to_clips("good", clips)] {
        let error = started(&env, guests).err().unwrap().to_string();
        assert!(error.starts_with("providers.good: expected a program that brings"), "{error}");
    }
}

/// The program knows where they are and what they are; their entries may say nothing that tells them apart.
#[actix_web::test]
async fn phrases_of_two_who_are_brought_are_not_mixed_up() {
    let ((first, _), (second, asked)) = (speech_server(200), speech_server(200));
    let at = |url: &str| {
        let url = url.to_owned();
        move |terms| brought(Terms { base_url: url.clone(), ..terms })
    };
    let guests = Guests::default().speaks("first", at(&first)).speaks("second", at(&second));
    let env = [
        ("OPERETTA__PROVIDERS__FIRST__API", "own_tts"),
        ("OPERETTA__PROVIDERS__FIRST__BASE_URL", "http://127.0.0.1:9"),
        ("OPERETTA__PROVIDERS__FIRST__VOICE", "v"),
        ("OPERETTA__PROVIDERS__SECOND__API", "own_tts"),
        ("OPERETTA__PROVIDERS__SECOND__VOICE", "v"),
        ("OPERETTA__PROVIDERS__SECOND__BASE_URL", "http://127.0.0.1:9"),
        ("TTS_PROVIDER", "second,first"),
    ];
    let cast = started(&env, guests).unwrap();
    let listed = cast.listed();
    let account = &listed.iter().find(|provider| &*provider.name == "second").unwrap().account;
    let bill = Playbill::new("w0");
    account.steer(Steer::Open);
    let (_, switches, end) = say_word(&cast, &bill, true).await;
    assert_eq!((switches, end), (vec!["second > first: breaker_open".to_owned()], Ok(())));
    account.steer(Steer::Auto);
    let (_, switches, end) = say_word(&cast, &bill, true).await;
    assert_eq!((switches, end, asked.load(Ordering::Relaxed)), (vec![], Ok(()), 1), "nobody else's phrase");
    say_word(&cast, &bill, true).await.2.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "its own is kept");
}

fn clips(terms: Terms) -> operetta_vendors::stt::openai::OpenAiTranscription {
    let config = operetta_vendors::stt::openai::Config::new(terms.key, terms.model);
    operetta_vendors::stt::openai::OpenAiTranscription::new(config)
}
