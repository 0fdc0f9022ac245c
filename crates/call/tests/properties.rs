//! What holds for any inputs in any order with any ids and any gaps. The histories of `crates/sim` look for the same in
//! the places where calls go; here nothing is likely, and what fails shrinks to the shortest story.

use std::{collections::BTreeSet, sync::Arc};

use operetta_call::{
    At, Call, Chunk, CloseReason, Digit, Effect, Input, JobId, Limits, MarkId, Mode, Next, OnFailure, PhaseName,
    Refusal, Retry, Settings, Speech, Start, Stop, StreamSid,
};
use proptest::{collection::vec, option, prelude::*};

fn job() -> impl Strategy<Value = JobId> {
    prop_oneof![9 => 0_u32..12, 1 => any::<u32>()].prop_map(JobId)
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![Just(String::new()), "[a-z]{1,5}[.?]? ?", "\\PC{0,20}"].prop_map(Arc::from)
}

fn start() -> impl Strategy<Value = Start> {
    let mode = prop_oneof![8 => Just(Mode::Full), 1 => Just(Mode::Beep), 1 => Just(Mode::Bare)];
    let on_failure = prop_oneof![Just(OnFailure::Retry), Just(OnFailure::Transfer), Just(OnFailure::Goodbye)];
    let behaviour = (mode, any::<bool>(), prop::bool::weighted(0.3), on_failure);
    (prop::bool::weighted(0.9), behaviour).prop_map(|(duplex, (mode, barge_in, whole, on_failure))| Start {
        stream: StreamSid::new("MZ1"),
        duplex,
        settings: Arc::new(Settings { mode, barge_in, whole, on_failure, ..Settings::default() }),
    })
}

fn next_step() -> impl Strategy<Value = Next> {
    prop_oneof![Just(Next::Listen), Just(Next::HangUp), Just(Next::Transfer)]
}

fn input() -> impl Strategy<Value = Input> {
    let retry = prop_oneof![Just(Retry::Never), Just(Retry::Later), Just(Retry::Now)];
    let digit = prop::sample::select(vec!['0', '9', '*', '#', 'D']);
    let ending = prop_oneof![
        Just(Input::Stopped(Stop::HungUp)),
        Just(Input::Stopped(Stop::Flow)),
        Just(Input::LegLost),
        Just(Input::LegStalled),
        Just(Input::Refused(Refusal::Capacity)),
    ];
    prop_oneof![
        1 => Just(Input::Connected),
        2 => start().prop_map(Input::Started),
        2 => Just(Input::CallerAudio),
        3 => job().prop_map(Input::CallerSpoke),
        3 => job().prop_map(Input::CallerPaused),
        1 => job().prop_map(Input::Partial),
        4 => (job(), text(), option::of(0_u32..5)).prop_map(|(job, text, flush)| Input::Final { job, text, flush }),
        2 => digit.prop_map(|key| Digit::new(key).map_or(Input::CallerAudio, Input::Dtmf)),
        4 => (job(), text()).prop_map(|(job, text)| Input::Reply { job, text }),
        3 => (job(), next_step()).prop_map(|(job, next)| Input::ReplyDone { job, next }),
        5 => (job(), prop_oneof![9 => 0_u32..3000, 1 => any::<u32>()])
            .prop_map(|(job, ms)| Input::AudioCame { job, chunk: Chunk { ms } }),
        4 => job().prop_map(Input::SpeechDone),
        3 => (job(), 0_u32..5, 0_u32..3000)
            .prop_map(|(job, reply, ms)| Input::Voiced { job, reply, chunk: Chunk { ms } }),
        1 => (job(), 0_u32..5, text()).prop_map(|(job, reply, text)| Input::Worded { job, reply, text }),
        2 => (job(), 0_u32..5, next_step()).prop_map(|(job, reply, next)| Input::Uttered { job, reply, next }),
        2 => (job(), retry).prop_map(|(job, retry)| Input::JobFailed { job, retry }),
        3 => prop_oneof![9 => 0_u32..6, 1 => any::<u32>()].prop_map(MarkId).prop_map(Input::MarkPlayed),
        1 => ending,
        1 => Just(Input::Draining),
        6 => Just(Input::TimePassed),
    ]
}

/// Inputs, each with the time since the one before; the first is an accepted start in most stories.
fn story() -> impl Strategy<Value = Vec<(u32, Input)>> {
    let gap = prop_oneof![3 => Just(0_u32), 6 => 1_u32..1500, 2 => 1500_u32..12_000, 1 => any::<u32>()];
    (option::weighted(0.9, start()), vec((gap, input()), 0..60)).prop_map(|(start, mut story)| {
        if let Some(start) = start {
            story.insert(0, (5, Input::Started(start)));
        }
        story
    })
}

/// Plays a story and then waits until the call has closed. `see` is shown every step.
fn play(story: Vec<(u32, Input)>, mut see: impl FnMut(&Input, &[Effect], &Call)) -> Call {
    let mut call = Call::new(Limits::default());
    let mut now = At::ZERO;
    for (gap, input) in story {
        now = now + gap;
        let effects: Vec<_> = call.step(now, input.clone()).into_iter().collect();
        see(&input, &effects, &call);
    }
    for _ in 0..10_000 {
        let Some(due) = call.deadline() else { return call };
        now = now.max(due);
        let effects: Vec<_> = call.step(now, Input::TimePassed).into_iter().collect();
        see(&Input::TimePassed, &effects, &call);
    }
    panic!("still {} after 10 000 deadlines", call.phase());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_is_greeted_once_and_closed_once(story in story()) {
        let (mut greetings, mut greeted, mut closes, mut ends) = (0, 0, 0, 0);
        let mut reasons = Vec::new();
        let call = play(story, |input, effects, _| {
            let again = matches!(input, Input::JobFailed { retry: Retry::Now, .. });
            for effect in effects {
                match effect {
                    Effect::Speak { speech: Speech::Greeting(_), .. } => greetings += u32::from(!again),
                    Effect::Enter(PhaseName::Greeting) => greeted += 1,
                    Effect::Enter(PhaseName::Closed) => ends += 1,
                    Effect::Close(reason) => {
                        closes += 1;
                        reasons.push(*reason);
                    }
                    _ => {}
                }
            }
        });
        prop_assert!(greetings <= 1 && greeted <= 1, "{greetings} greetings in {greeted} phases");
        prop_assert_eq!((closes, ends), (1, 1));
        prop_assert_eq!(call.closed(), reasons.pop());
        prop_assert_ne!(call.closed(), Some(CloseReason::Bug));
    }

    #[test]
    fn every_job_ends_once_and_none_outlives_its_call(story in story()) {
        let mut open = BTreeSet::new();
        let mut known = BTreeSet::new();
        let mut wrong = Vec::new();
        play(story, |input, effects, call| {
            for effect in effects {
                match effect {
                    Effect::Detect(job)
                    | Effect::Listen(job)
                    | Effect::Converse(job)
                    | Effect::Think(job) | Effect::Speak { job, .. } => {
                        if !known.insert(*job) {
                            wrong.push(format!("{job} is asked for twice"));
                        }
                        open.insert(*job);
                    }
                    Effect::Cancel(job) if !open.remove(job) => wrong.push(format!("{job} is cancelled and not open")),
                    Effect::Close(_) if call.open_jobs() != 0 => wrong.push("jobs are open after the close".into()),
                    _ => {}
                }
            }
            // A job that ended by itself is the only one that leaves without an order.
            if let Input::SpeechDone(job) | Input::ReplyDone { job, .. } | Input::JobFailed { job, .. } = input
                && open.len() > call.open_jobs()
            {
                open.remove(job);
            }
            if open.len() != call.open_jobs() {
                wrong.push(format!("{} jobs are open by orders, {} by the machine", open.len(), call.open_jobs()));
            }
        });
        prop_assert!(wrong.is_empty(), "{}", wrong.join(", "));
        prop_assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn nothing_but_notes_follows_the_close(story in story(), late in vec(input(), 1..10)) {
        let mut call = play(story, |_, _, _| {});
        for input in late {
            let effects = call.step(At::from_ms(u32::MAX), input);
            prop_assert!(effects.iter().all(|effect| matches!(effect, Effect::Note(_))), "{effects:?}");
            prop_assert!(!effects.is_empty());
        }
        prop_assert_eq!(call.deadline(), None);
    }

    #[test]
    fn no_audio_before_the_start_and_only_audio_that_came(story in story()) {
        let mut wrong = Vec::new();
        let mut started = None;
        play(story, |input, effects, _| {
            if let (Input::Started(start), None) = (input, &started)
                && effects.contains(&Effect::Enter(PhaseName::Started))
            {
                started = Some(start.clone());
            }
            let speaks = started.as_ref().is_some_and(|start| start.duplex && start.settings.mode != Mode::Bare);
            for effect in effects {
                let audible = matches!(
                    effect,
                    Effect::Speak { .. } | Effect::Play(_) | Effect::Comfort(_) | Effect::SendMark(_) | Effect::Clear
                );
                if audible && !speaks {
                    wrong.push(format!("{effect:?}"));
                }
                if let Effect::Play(played) = effect
                    && !matches!(input, Input::AudioCame { chunk, .. } | Input::Voiced { chunk, .. } if chunk == played)
                {
                    wrong.push(format!("{effect:?} on {input:?}"));
                }
            }
        });
        prop_assert!(wrong.is_empty(), "{}", wrong.join(", "));
    }

    #[test]
    fn the_same_story_brings_the_same_orders(story in story()) {
        let mut first = Vec::new();
        play(story.clone(), |_, effects, _| first.push(effects.to_vec()));
        let mut second = Vec::new();
        play(story, |_, effects, _| second.push(effects.to_vec()));
        prop_assert_eq!(first, second);
    }
}
