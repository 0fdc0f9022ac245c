//! Whole calls through the real actor, with fake providers, in virtual time.

mod theatre;

use operetta_call::{CloseReason, Mode, Refusal, Settings, Timing};
use operetta_contract::{Next, Turnout};
use operetta_wire::Carrier;
use serde_json::json;

use theatre::{
    Theatre,
    carrier::{FakeCarrier, Said},
    cast::{Script, VoiceAct},
    perform,
};

fn media(said: &Said) -> bool {
    matches!(said, Said::Media(_))
}

#[test]
fn a_first_turn_on_exotel() {
    perform(async {
        let script = Script {
            understood: ["tomorrow at ten"].into(),
            replies: [("Ten is free. Goodbye!", Next::HangUp)].into(),
            ..Script::default()
        };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Exotel);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        carrier.speech(1000).await;
        carrier.silence(6000).await;
        insta::assert_snapshot!("exotel_first_turn", carrier.transcript());
        assert_eq!(theatre.script.borrow().asked, ["tomorrow at ten"]);
        assert_eq!((theatre.live_calls(), theatre.open_jobs()), (0, 0));
    });
}

#[test]
fn a_first_turn_on_twilio() {
    perform(async {
        let script = Script {
            understood: ["tomorrow at ten"].into(),
            replies: [("Ten is free.", Next::Listen)].into(),
            ..Script::default()
        };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        carrier.speech(1000).await;
        carrier.silence(4000).await;
        carrier.stop().await;
        carrier.wait(1500).await;
        insta::assert_snapshot!("twilio_first_turn", carrier.transcript());
        assert_eq!((theatre.live_calls(), theatre.open_jobs()), (0, 0));
    });
}

/// Whatever the voice does, the caller hears something within a second and the call lives.
#[test]
fn a_voice_that_fails_never_ends_the_call() {
    let acts = [VoiceAct::Refuses, VoiceAct::Hangs, VoiceAct::Drips, VoiceAct::Empty, VoiceAct::Crashes];
    for act in acts {
        perform(async move {
            // More of the same than the warmer and the call will ask for.
            let theatre = Theatre::new(Settings::default(), Script { voice: [act; 64].into(), ..Script::default() });
            let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
            carrier.start("call-1").await;
            carrier.silence(18_000).await;
            let first = carrier.first(media).expect("audio");
            assert!(first <= 1000, "{act:?}: first audio after {first} ms");
            assert!(carrier.count(|said| matches!(said, Said::Mark(_))) >= 1, "{act:?}: the recording has its mark");
            assert_eq!(carrier.closed, None, "{act:?}");
            assert_eq!(theatre.live_calls(), 1, "{act:?}");
        });
    }
}

/// What the warmer asks for: a greeting and four lines, in the formats of two carriers.
const WARMED: usize = 10;
const SPEAKS: VoiceAct = VoiceAct::Speaks { after_ms: 100, ms: 1000 };

#[test]
fn an_empty_success_is_not_kept_as_a_greeting() {
    perform(async {
        let theatre =
            Theatre::new(Settings::default(), Script { voice: [VoiceAct::Empty; 2].into(), ..Script::default() });
        let mut nobody = FakeCarrier::connect(&theatre, Carrier::Twilio);
        nobody.wait(30_000).await;
        assert_eq!(theatre.tally.phrases.read() as usize, WARMED, "all are rendered in the end");
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1500).await;
        assert_eq!(carrier.agent_audio.len(), 8000, "the whole greeting");
    });
}

#[test]
fn a_worker_that_falls_once_says_it_in_its_next_life() {
    perform(async {
        let script = Script {
            voice: [SPEAKS; WARMED].into_iter().chain([VoiceAct::Crashes]).collect(),
            understood: ["tomorrow"].into(),
            replies: [("Ten is free.", Next::Listen)].into(),
            ..Script::default()
        };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.wait(5000).await;
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        carrier.speech(400).await;
        carrier.silence(3500).await;
        let asked = theatre.script.borrow().spoken.iter().filter(|text| *text == "Ten is free.").count();
        assert_eq!(asked, 2, "{}", carrier.transcript());
        // Greeting and reply, a second each: no apology.
        assert_eq!(carrier.agent_audio.len(), 2 * 8000, "{}", carrier.transcript());
    });
}

#[test]
fn a_carrier_that_breaks_its_protocol_is_told_so() {
    perform(async {
        let theatre = Theatre::new(Settings::default(), Script::default());
        let mut unusable = FakeCarrier::connect(&theatre, Carrier::Twilio);
        unusable.send(json!({"event": "start", "start": {"callSid": "call-1"}})).await;
        unusable.wait(40).await;
        assert_eq!(unusable.closed, Some(1008), "a start that names no stream");
        let reason = CloseReason::Refused(Refusal::BadRequest);
        let place = CloseReason::ALL.iter().position(|other| *other == reason).unwrap();
        assert_eq!(theatre.tally.ended[Carrier::Twilio as usize][place].read(), 1);

        let mut second = FakeCarrier::connect(&theatre, Carrier::Twilio);
        second.start("call-2").await;
        second.silence(1000).await;
        let before = theatre.live_calls();
        second.send(json!({"event": "start", "streamSid": "MZ2", "start": {"streamSid": "MZ2"}})).await;
        second.wait(40).await;
        assert_eq!(second.closed, Some(1008), "a start for another stream");
        assert_eq!(theatre.live_calls(), before, "the close frame has time to leave before the kill switch acts");
        second.wait(1500).await;
        assert_eq!((theatre.live_calls(), theatre.open_jobs()), (0, 0));
    });
}

#[test]
fn what_the_caller_says_before_there_is_a_voice_is_heard() {
    perform(async {
        let script =
            Script { voice: [VoiceAct::Hangs; 8].into(), understood: ["is anybody there"].into(), ..Script::default() };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Exotel);
        carrier.start("call-1").await;
        carrier.speech(600).await;
        carrier.silence(3000).await;
        assert_eq!(theatre.script.borrow().asked, ["is anybody there"]);
    });
}

#[test]
fn a_barge_in_stops_the_agent_at_once_and_for_good() {
    perform(async {
        let script = Script {
            voice: [VoiceAct::Speaks { after_ms: 100, ms: 8000 }; 16].into(),
            understood: ["stop"].into(),
            ..Script::default()
        };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(2000).await;
        let before = carrier.log.len();
        carrier.speech(400).await;
        let cleared = carrier.first(|said| *said == Said::Clear).expect("a clear");
        // The fake ear needs one piece of 40 ms to know.
        assert!((2000..2100).contains(&cleared), "{cleared}");
        let after: Vec<_> = carrier.log[before..].iter().filter(|(at, said)| *at > cleared && media(said)).collect();
        assert!(after.is_empty(), "stale audio: {after:?}");
        assert_eq!(theatre.tally.barge_ins.read(), 1);
    });
}

#[test]
fn the_agent_hangs_up_after_its_last_mark_and_not_before() {
    perform(async {
        let script =
            Script { understood: ["bye"].into(), replies: [("Goodbye.", Next::HangUp)].into(), ..Script::default() };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        carrier.return_marks = false;
        carrier.speech(400).await;
        carrier.silence(2000).await;
        let mark = carrier.log.iter().rev().find(|(_, said)| matches!(said, Said::Mark(_))).expect("a mark").0;
        assert_eq!(carrier.closed, None, "the mark of {mark} is not back yet");
        carrier.silence(4000).await;
        let closed = carrier.first(|said| *said == Said::Close(1000)).expect("the mark's own deadline");
        assert!((2400..=4100).contains(&(closed - mark)), "{mark} {closed}");
    });
}

#[test]
fn a_provider_that_leads_the_conversation_is_told_what_was_heard() {
    perform(async {
        let replies = [("Of course, is ten all right?", Next::Listen), ("Goodbye.", Next::HangUp)].into();
        let settings = Settings { whole: true, ..Settings::default() };
        let theatre = Theatre::new(settings, Script { replies, ..Script::default() });
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        assert!(theatre.script.borrow().known[0].contains("how can I help you"), "it knows the greeting");
        carrier.speech(400).await;
        carrier.silence(1500).await;
        carrier.speech(400).await;
        let cleared = carrier.first(|said| *said == Said::Clear).expect("a clear");
        let begun = carrier.log.iter().find(|(at, said)| *at > 2000 && media(said)).expect("a reply").0;
        let told = theatre.script.borrow().told.clone();
        let [Turnout::Cut { reply: 1, heard_ms }] = told[..] else { panic!("{told:?}") };
        assert!(u64::from(heard_ms).abs_diff(cleared - begun) <= 60, "{heard_ms} ms of {begun} to {cleared}");
        carrier.silence(6000).await;
        assert_eq!(carrier.closed, Some(1000), "it hung up when its goodbye had been heard");
        assert_eq!(theatre.script.borrow().listened, 0, "nobody else listened");
    });
}

#[test]
fn where_no_provider_leads_the_conversation_the_parts_do() {
    perform(async {
        let script = Script { understood: ["hello"].into(), ..Script::default() };
        let theatre = Theatre::without_partner(Settings { whole: true, ..Settings::default() }, script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        carrier.speech(400).await;
        carrier.silence(1500).await;
        assert_eq!(theatre.script.borrow().asked, ["hello"]);
    });
}

#[test]
fn a_second_leg_of_the_same_call_is_turned_away_and_the_first_goes_on() {
    perform(async {
        let theatre = Theatre::new(Settings::default(), Script::default());
        let mut first = FakeCarrier::connect(&theatre, Carrier::Exotel);
        first.start("call-1").await;
        first.silence(100).await;
        let mut second = FakeCarrier::connect(&theatre, Carrier::Exotel);
        second.start("call-1").await;
        second.wait(1500).await;
        assert_eq!(second.closed, Some(1008));
        first.silence(1000).await;
        assert_eq!((first.closed, theatre.live_calls()), (None, 1));
    });
}

#[test]
fn media_without_a_start_starts_an_exotel_call() {
    perform(async {
        let script = Script { understood: ["hello"].into(), ..Script::default() };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Exotel);
        carrier.silence(1600).await;
        assert!(carrier.first(media).expect("a greeting") <= 1000);
        carrier.speech(400).await;
        carrier.silence(1500).await;
        assert_eq!(theatre.script.borrow().asked, ["hello"]);
    });
}

#[test]
fn a_late_start_with_another_rate_is_followed() {
    perform(async {
        let script = Script { understood: ["hello"].into(), ..Script::default() };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Exotel);
        carrier.silence(40).await;
        carrier.start_at("call-1", 16_000).await;
        carrier.silence(2000).await;
        // The greeting is said again, whole, at the new rate: 1 s is 32 000 bytes.
        assert!(carrier.agent_audio.len() >= 32_000, "{}", carrier.agent_audio.len());
        assert_eq!((carrier.closed, theatre.live_calls()), (None, 1));
    });
}

#[test]
fn a_call_that_ends_in_the_middle_of_a_word_is_quiet_at_once() {
    perform(async {
        let script = Script { voice: [VoiceAct::Speaks { after_ms: 0, ms: 8000 }; 16].into(), ..Script::default() };
        let theatre = Theatre::new(Settings::default(), script);
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1000).await;
        carrier.stop().await;
        carrier.wait(20).await;
        let said = carrier.count(media);
        carrier.wait(900).await;
        assert_eq!(carrier.count(media), said, "nothing is said after the end");
        assert_eq!((carrier.closed, theatre.open_jobs()), (Some(1000), 0));
        carrier.wait(200).await;
        assert_eq!(theatre.live_calls(), 0);
    });
}

#[test]
fn a_leg_that_never_starts_is_closed_after_ten_seconds() {
    perform(async {
        let theatre = Theatre::new(Settings::default(), Script::default());
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.wait(9900).await;
        assert_eq!(carrier.closed, None);
        carrier.wait(300).await;
        assert_eq!(carrier.closed, Some(1008));
        carrier.wait(1500).await;
        assert_eq!(theatre.live_calls(), 0, "a carrier that does not answer the close is cut off");
    });
}

#[test]
fn bare_calls_say_nothing_and_beeps_beep() {
    for (mode, expected) in [(Mode::Bare, 0), (Mode::Beep, 500)] {
        perform(async move {
            let theatre = Theatre::new(Settings { mode, ..Settings::default() }, Script::default());
            let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
            carrier.start("call-1").await;
            carrier.silence(3000).await;
            assert_eq!(carrier.agent_audio.len(), expected * 8, "{mode:?}");
            assert_eq!(carrier.count(|said| matches!(said, Said::Mark(_))), expected / 500, "{mode:?}");
            assert!(theatre.script.borrow().spoken.is_empty(), "{mode:?}");
            assert_eq!(carrier.closed, None, "{mode:?}");
        });
    }
}

#[test]
fn digits_are_words_too() {
    perform(async {
        let theatre = Theatre::new(Settings::default(), Script::default());
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(1600).await;
        for digit in ['4', '2', '#'] {
            carrier.press(digit).await;
            carrier.silence(200).await;
        }
        assert_eq!(theatre.script.borrow().asked, ["42"]);
    });
}

#[test]
fn a_silent_caller_is_asked_twice_and_then_wished_a_good_day() {
    perform(async {
        let timing = Timing { idle_ms: 3000, ..Timing::default() };
        let theatre = Theatre::new(Settings { timing, ..Settings::default() }, Script::default());
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        carrier.start("call-1").await;
        carrier.silence(16_000).await;
        assert_eq!(carrier.closed, Some(1000));
        assert_eq!(carrier.count(|said| matches!(said, Said::Mark(_))), 4, "{}", carrier.transcript());
    });
}

#[test]
fn a_drained_lane_says_goodbye() {
    perform(async {
        let theatre = Theatre::new(Settings::default(), Script::default());
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Exotel);
        carrier.start("call-1").await;
        carrier.silence(2000).await;
        theatre.draining.send(true).expect("the call listens");
        carrier.silence(4000).await;
        assert_eq!(carrier.closed, Some(1001));
    });
}

#[test]
fn a_recording_has_both_sides_as_they_were_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    perform(async move {
        let script = Script {
            voice: [VoiceAct::Speaks { after_ms: 0, ms: 4000 }; 16].into(),
            understood: ["stop"].into(),
            replies: [("Yes.", Next::Listen)].into(),
            ..Script::default()
        };
        let theatre = Theatre::with_recordings(Settings::default(), script, Some(&path));
        let mut carrier = FakeCarrier::connect(&theatre, Carrier::Twilio);
        // The recording begins with the stream, not with the leg.
        carrier.wait(2000).await;
        carrier.start("call-1").await;
        carrier.silence(1000).await;
        carrier.speech(300).await;
        carrier.silence(300).await;
        carrier.stop().await;
        carrier.wait(200).await;
    });
    // The writer is a thread: it makes the file when it comes to it, and closes it when the call has let go of it.
    let deadline = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    let samples = loop {
        let file = std::fs::read_dir(folder.path()).unwrap().next().map(|file| file.unwrap().path());
        let wav = file.and_then(|file| hound::WavReader::open(file).ok());
        let samples: Vec<i16> = wav.map_or_else(Vec::new, |wav| {
            assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8000));
            wav.into_samples().map(Result::unwrap).collect()
        });
        if samples.len() >= 2 * 8 * 1550 {
            break samples;
        }
        assert!(std::time::SystemTime::now() < deadline, "only {} samples", samples.len());
        std::thread::yield_now();
    };
    let loud = |side: usize, from_ms: usize, to_ms: usize| {
        let side = samples.iter().skip(side).step_by(2).skip(from_ms * 8).take((to_ms - from_ms) * 8);
        side.filter(|sample| sample.unsigned_abs() > 2000).count() * 100 / ((to_ms - from_ms) * 8)
    };
    let (caller, agent) = (0, 1);
    assert!(loud(agent, 100, 1000) > 50, "the greeting plays");
    assert_eq!(loud(caller, 100, 950), 0);
    assert!(loud(caller, 1060, 1280) > 50, "the caller interrupts");
    assert_eq!(loud(agent, 1120, 1500), 0, "what was cleared was never heard");
}
