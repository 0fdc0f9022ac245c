//! Whole calls over real sockets against an engine played by hand.
#![expect(clippy::unwrap_used, reason = "the hand-played engine is a test too: its panic fails the call")]

mod engine;

use engine::{Leg, serve, speech};
use futures_util::future::LocalBoxFuture;
use operetta_caller::{
    AgentSpeech, Audience, CallPlan, CallReport, Caller, Carrier, Counters, Cue, Death, End, Ending, Event, Failure,
    Fault, Line, Load, Manner, Observer, Script, Transcriber, Unwatched, Url, What,
};
use std::time::Duration;

async fn place(plan: &CallPlan) -> CallReport {
    Caller::new().place(plan, 0, Audience { observer: &mut Unwatched, transcriber: None }).await
}

fn socket(origin: &Url) -> Url {
    let mut url = origin.join("/media").unwrap();
    url.set_scheme("ws").unwrap();
    url
}

fn faults(report: &CallReport) -> Vec<Fault> {
    report.violations.iter().map(|it| it.fault).collect()
}

/// Greets, answers each line or key, and leaves the hanging up to the caller.
fn receptionist(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        leg.start().await;
        leg.ping();
        leg.until("pong").await;
        leg.tone(400);
        leg.mark("greeting");
        assert_eq!(leg.until("mark").await["mark"]["name"], "greeting");
        leg.until_voice().await;
        leg.until_silence().await;
        leg.tone(300);
        leg.mark("answer");
        leg.until("mark").await;
        assert_eq!(leg.until("dtmf").await["dtmf"]["digit"], "4");
        assert_eq!(leg.until("dtmf").await["dtmf"]["digit"], "2");
        leg.tone(200);
        leg.until("stop").await;
    })
}

#[actix_rt::test]
async fn an_exotel_call_is_greeted_answered_and_hung_up() {
    let origin = serve(receptionist);
    let script = Script::new().line(Line::speak("hello", speech(500))).line(Line::press("42"));
    let mut plan = CallPlan::new(Carrier::Exotel, origin.join("/exotel/voicebot").unwrap(), script);
    plan.agent = Some("asha".to_owned());
    let report = place(&plan).await;

    assert_eq!(report.failures(), []);
    assert_eq!(report.end, End::HungUp { close_code: Some(1000) });
    assert_eq!(report.format, "pcm16/8000");
    assert!(report.webhook_ms.is_some() && report.connect_ms.is_some());
    assert!(report.first_audio_ms.unwrap() < 1000.0, "{:?}", report.first_audio_ms);
    let greeting = report.greeting.unwrap();
    assert!((380.0..=420.0).contains(&greeting.ms), "{greeting:?}");
    assert_eq!((report.marks.received, report.marks.played, report.marks.flushed), (2, 2, 0));
    // The engine waits for 100 ms of silence before it answers.
    let answer = report.lines[0].answer_ms.unwrap();
    assert!((80.0..1000.0).contains(&answer), "{answer}");
    assert!(report.lines[1].answer_ms.unwrap() < 1000.0);
    assert_eq!(report.underruns.count, 0);
    assert_eq!(report.traffic.bytes_heard, 900 * 16);
    let recording = report.recording.as_ref().unwrap();
    assert_eq!(recording.agent.len(), recording.caller.len());
    // The tone is at zero in 2 of its 20 samples a period.
    let audible = |side: &[i16]| side.iter().filter(|sample| sample.unsigned_abs() > 32).count() / 8;
    assert!((800..=810).contains(&audible(&recording.agent)), "{}", audible(&recording.agent));
    assert!((440..=450).contains(&audible(&recording.caller)), "{}", audible(&recording.caller));
    let told: Vec<_> =
        report.events.iter().map(|event| serde_json::to_value(&event.what).unwrap()["event"].clone()).collect();
    let order = [
        "webhook_answered",
        "connected",
        "started",
        "first_audio",
        "agent_began",
        "mark_played",
        "caller_began",
        "answered",
        "ended",
    ];
    let mut rest = told.iter();
    for event in order {
        assert!(rest.any(|it| it == event), "{event} is missing or out of order in {told:?}");
    }
}

/// Checks the token, greets at length, and stops when the caller speaks.
fn interruptible(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        let start = leg.start().await;
        if start.get("streamSid").is_some() {
            assert_eq!(start["start"]["customParameters"]["session_token"], "t&1");
        }
        leg.tone(1200);
        leg.mark("one");
        leg.mark("two");
        leg.until_voice().await;
        leg.clear();
        if start.get("streamSid").is_some() {
            // Twilio returns what was pending.
            assert_eq!(leg.until("mark").await["mark"]["name"], "one");
            assert_eq!(leg.until("mark").await["mark"]["name"], "two");
        }
        leg.until_silence().await;
        leg.tone(100);
        leg.mark("three");
        assert_eq!(leg.until("mark").await["mark"]["name"], "three");
        leg.until("stop").await;
    })
}

fn barging_in() -> Script {
    Script::new().line(Line::speak("wait", speech(300)).at(Cue::AgentSpeaking(Duration::from_millis(300))))
}

fn check_barge_in(report: &CallReport) {
    assert_eq!(report.failures(), []);
    let barge_in = report.lines[0].barge_in.unwrap();
    assert!(barge_in.clear_ms.unwrap() < 600.0, "{barge_in:?}");
    assert!(barge_in.silent_ms.unwrap() < 650.0, "{barge_in:?}");
    let greeting = report.greeting.unwrap();
    assert!(greeting.interrupted && greeting.ms < 1000.0, "{greeting:?}");
    assert!(report.lines[0].answer_ms.unwrap() > 0.0);
    assert_eq!((report.marks.received, report.marks.played, report.marks.flushed), (3, 1, 2));
    let dropped = report.events.iter().find_map(|event| match event.what {
        What::Cleared { dropped_ms, .. } => Some(dropped_ms),
        _ => None,
    });
    assert!(dropped.unwrap() > 100, "{dropped:?}");
}

#[actix_rt::test]
async fn a_twilio_call_is_signed_and_its_pending_marks_return_on_clear() {
    let origin = serve(interruptible);
    let mut plan = CallPlan::new(
        Carrier::Twilio,
        format!("https://{}/twilio/voice", engine::PUBLIC).parse().unwrap(),
        barging_in(),
    );
    plan.via = Some(origin);
    plan.agent = Some("asha".to_owned());
    plan.auth_token = Some(engine::TOKEN.to_owned());
    let report = place(&plan).await;
    assert_eq!(report.format, "mulaw/8000");
    check_barge_in(&report);

    plan.auth_token = Some("another".to_owned());
    let refused = place(&plan).await;
    assert!(matches!(refused.end, End::WebhookFailed { status: Some(403), .. }), "{:?}", refused.end);
}

#[actix_rt::test]
async fn an_exotel_barge_in_drops_audio_and_its_marks_stay_away() {
    let report = place(&CallPlan::new(Carrier::Exotel, socket(&serve(interruptible)), barging_in())).await;
    check_barge_in(&report);
}

/// Talks on whatever the caller says.
fn deaf(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        leg.start().await;
        for _ in 0..9 {
            leg.tone(400);
            for _ in 0..20 {
                leg.until("media").await;
            }
        }
        leg.until("stop").await;
    })
}

#[actix_rt::test]
async fn an_agent_that_talks_on_is_told_of() {
    let mut plan = CallPlan::new(Carrier::Exotel, socket(&serve(deaf)), barging_in());
    plan.script.answer_within = Duration::from_millis(500);
    let report = place(&plan).await;
    assert!(report.failures().contains(&Failure::BargeInIgnored { line: 0 }), "{:?}", report.failures());
    assert_eq!(report.clears, 0);
}

/// Breaks one rule after another.
fn clumsy(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        leg.start().await;
        leg.media(&[0; 330]);
        leg.binary();
        leg.send("hello");
        leg.send(r#"{"event":"media","stream_sid":"other","media":{"payload":"AAAA"}}"#);
        leg.send(r#"{"event":"media","streamSid":"other","media":{"payload":"AAAA"}}"#);
        leg.order("hangup", "", serde_json::Value::Null);
        leg.order("mark", "mark", serde_json::json!({}));
        leg.order("media", "media", serde_json::json!({"payload": "?"}));
        leg.tone(3000);
        for _ in 0..10 {
            leg.until("media").await;
        }
        leg.close();
    })
}

#[actix_rt::test]
async fn broken_rules_are_found_and_counted() {
    let report = place(&CallPlan::new(Carrier::Exotel, socket(&serve(clumsy)), Script::new())).await;
    let expected = [
        (Fault::NotMultipleOf320, 1),
        (Fault::BinaryMessage, 1),
        (Fault::NotJson, 1),
        (Fault::WrongStreamId, 2),
        (Fault::UnknownEvent, 1),
        (Fault::UnnamedMark, 1),
        (Fault::BadBase64, 1),
        (Fault::TooFarAhead, 1),
        (Fault::ClosedOverUnplayedAudio, 1),
    ];
    let found: Vec<_> = report.violations.iter().map(|it| (it.fault, it.count)).collect();
    assert_eq!(found, expected);
    assert_eq!(report.end, End::EngineClosed { close_code: 1000 });
}

/// Speaks to Twilio as one speaks to Exotel.
fn exotelish(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        leg.start().await;
        let id = leg.stream.clone();
        leg.send(format!(r#"{{"event":"media","stream_sid":"{id}","media":{{"payload":"////"}}}}"#));
        leg.send(format!(r#"{{"event":"media","streamSid":"{id}","media":{{"payload":"////","chunk":"1"}}}}"#));
        leg.close();
    })
}

#[actix_rt::test]
async fn twilio_plays_nothing_that_it_does_not_understand() {
    let report = place(&CallPlan::new(Carrier::Twilio, socket(&serve(exotelish)), Script::new())).await;
    assert_eq!(faults(&report), [Fault::UnexpectedShape]);
    assert_eq!((report.violations[0].count, report.traffic.frames_heard), (2, 0));
    assert!(report.failures().contains(&Failure::NoGreeting));
}

/// Lets audio run dry in the middle of an utterance.
fn stuttering(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        let start = leg.start().await;
        assert_eq!(start["sequence_number"], 1);
        leg.tone(200);
        for _ in 0..20 {
            leg.until("media").await;
        }
        leg.tone(200);
        leg.mark("end");
        leg.until("stop").await;
    })
}

#[actix_rt::test]
async fn a_gap_in_an_utterance_is_an_underrun_and_echoes_may_stay_away() {
    let mut plan = CallPlan::new(Carrier::Exotel, socket(&serve(stuttering)), Script::new());
    plan.manner = Manner { counters: Counters::Number, echoes_marks: false, ..Manner::default() };
    let report = place(&plan).await;
    assert_eq!(report.failures(), []);
    assert_eq!(report.underruns.count, 1);
    assert!((60..1000).contains(&report.underruns.longest_ms), "{:?}", report.underruns);
    assert_eq!(report.marks.played, 1);
}

fn silent(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        leg.start().await;
        leg.until("stop").await;
    })
}

#[actix_rt::test]
async fn a_silent_agent_fails_the_call_after_the_callers_patience() {
    let mut script = Script::new().line(Line::speak("hello", speech(100)));
    script.greeting_within = Duration::from_millis(200);
    script.answer_within = Duration::from_millis(300);
    let report = place(&CallPlan::new(Carrier::Exotel, socket(&serve(silent)), script)).await;
    assert_eq!(report.failures(), [Failure::NoGreeting, Failure::NoAnswer { line: 0 }]);
    assert_eq!(report.first_audio_ms, None);
}

#[actix_rt::test]
async fn doors_that_stay_shut_are_told_apart() {
    let origin = serve(silent);
    let mut script = Script::new().ending(Ending::HangUpAt(Duration::from_millis(60)));
    script.expects_greeting = false;
    let plan = |path: &str| {
        let mut url = origin.join(path).unwrap();
        if path == "/guarded" {
            url.set_scheme("ws").unwrap();
        }
        CallPlan::new(Carrier::Exotel, url, script.clone())
    };
    let mut guarded = plan("/guarded");
    assert_eq!(place(&guarded).await.end, End::Refused { status: 401 });
    guarded.basic = Some(("key".to_owned(), "secret".to_owned()));
    assert_eq!(place(&guarded).await.failures(), []);
    guarded.basic = None;
    guarded.to.set_username("key").unwrap();
    guarded.to.set_password(Some("secret")).unwrap();
    assert_eq!(place(&guarded).await.failures(), []);
    assert!(matches!(place(&plan("/broken")).await.end, End::WebhookFailed { status: Some(500), .. }));
    let nobody = CallPlan::new(Carrier::Exotel, Url::parse("ws://127.0.0.1:1/media").unwrap(), Script::new());
    assert!(matches!(place(&nobody).await.end, End::Unreached { .. }));
}

#[actix_rt::test]
async fn a_cut_line_ends_the_call_where_the_script_says() {
    let script = Script::new().ending(Ending::Die(Duration::from_millis(100), Death::Cut));
    let report = place(&CallPlan::new(Carrier::Exotel, socket(&serve(receptionist)), script)).await;
    assert_eq!(report.end, End::Cut);
    assert!((100.0..1500.0).contains(&report.duration_ms), "{}", report.duration_ms);
}

/// Greets briefly; whatever the caller does, leaves with them.
fn brief(mut leg: Leg) -> LocalBoxFuture<'static, ()> {
    Box::pin(async move {
        // A mute caller has no start.
        while let Some(message) = leg.next().await {
            if message["event"] == "start" {
                message["stream_sid"].as_str().unwrap().clone_into(&mut leg.stream);
                leg.media(&[0x42; 320]);
            }
        }
    })
}

#[actix_rt::test]
async fn a_load_is_bounded_and_summed_up() {
    let mut script = Script::new().ending(Ending::HangUpAt(Duration::from_millis(300)));
    script.lines.push(Line::speak("hello", speech(100)).at(Cue::At(Duration::from_millis(50))).unanswered());
    let plan = CallPlan::new(Carrier::Exotel, serve(brief).join("/exotel/voicebot").unwrap(), script);
    let load = Load { calls: 40, parallel: 15, per_second: Some(400.0), deaths_within: None };
    let mut seen = Vec::new();
    let report = Caller::new().load(&plan, &load, |now| seen.push(now)).await;
    assert_eq!((report.calls, report.good), (40, 40), "{:?}", report.failures);
    assert_eq!(report.peak, 15);
    assert_eq!((report.first_audio.count(), report.webhook.count()), (40, 40));
    assert_eq!(report.ends["hung_up"], 40);
    assert_eq!(seen.last().map(|now| (now.begun, now.over, now.failed)), Some((40, 40, 0)));
    // 300 ms are 15 slots; the 16th hangs up.
    assert_eq!(report.traffic.frames_sent, 40 * 15);
}

#[actix_rt::test]
async fn callers_may_die_of_anything() {
    let mut script = Script::new();
    script.expects_greeting = false;
    let mut plan = CallPlan::new(Carrier::Exotel, serve(brief).join("/exotel/voicebot").unwrap(), script);
    plan.seed = 3;
    let load = Load { calls: 120, parallel: 60, per_second: None, deaths_within: Some(Duration::from_millis(400)) };
    let report = Caller::new().load(&plan, &load, |_| ()).await;
    assert_eq!((report.calls, report.good), (120, 120), "{:?}", report.failures);
    assert_eq!(report.deaths.len(), 10);
    assert_eq!(report.deaths.values().sum::<u64>(), 120);
}

/// Understands nothing but lengths.
struct Lengths;

impl Transcriber for Lengths {
    fn transcribe(&self, speech: AgentSpeech) -> LocalBoxFuture<'static, Option<String>> {
        Box::pin(async move {
            (speech.turn < 2).then(|| format!("{} ms", speech.samples.len() * 1000 / speech.rate_hz as usize))
        })
    }
}

struct Seen(Vec<Event>);

impl Observer for Seen {
    fn saw(&mut self, call: usize, event: &Event) {
        assert_eq!(call, 7);
        self.0.push(event.clone());
    }
}

#[actix_rt::test]
async fn the_agents_turns_are_transcribed_as_they_were_heard() {
    let script = Script::new().line(Line::speak("hello", speech(300))).line(Line::press("42"));
    let plan = CallPlan::new(Carrier::Exotel, socket(&serve(receptionist)), script);
    let mut seen = Seen(Vec::new());
    let report = Caller::new().place(&plan, 7, Audience { observer: &mut seen, transcriber: Some(&Lengths) }).await;
    assert_eq!(report.failures(), []);
    assert_eq!(seen.0, report.events);
    let mut words: Vec<_> = report
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::AgentWords { turn, text } => Some((*turn, text.clone())),
            _ => None,
        })
        .collect();
    words.sort();
    let lengths: Vec<usize> =
        words.iter().take(2).map(|(_, text)| text.trim_end_matches(" ms").parse().unwrap()).collect();
    // The tone and the quiet after it by which its end was known.
    assert!((950..1150).contains(&lengths[0]) && (850..1050).contains(&lengths[1]), "{words:?}");
    assert_eq!(words[2], (2, String::new()));
}
