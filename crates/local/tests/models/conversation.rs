//! A whole call in sound: the caller is Flite on a telephone line, the clinic hears, thinks and speaks.

use std::{sync::Arc, time::Duration};

use operetta_contract::{Hearing, Next, Speaker, Transcribe, Transcript, Words};
use operetta_local::{flite::FliteVoice, mind::reply};
use operetta_stage::{Playbill, Policy, Supervisor};
use tokio::time::timeout;

use crate::common::{ask, caller_says, engines};

const PROMPT: &str = "name: Asha Clinic\nhours: Monday to Saturday, nine to six\ntoday: Friday";

/// Plays `lines`; each must lead to a reply with these words in it.
async fn call(voice: FliteVoice, lines: &[(&str, &str)]) -> Next {
    let (engines, bill) = (engines(), Playbill::new("test"));
    let desk = Supervisor::start::<Transcribe, _>(Policy::default(), &bill, move || engines.listener());
    let mut ears = ask(&desk, Transcribe { language: "en-IN".into(), rate_hz: 8_000 }, &bill);
    let mut dialogue = Vec::new();
    let mut next = Next::Listen;
    for (line, expected) in lines {
        for piece in caller_says(line, voice).chunks(800) {
            ears.lease.feed(Hearing::Samples(piece.to_vec())).unwrap();
        }
        ears.lease.feed(Hearing::Flush(0)).unwrap();
        let heard = timeout(Duration::from_mins(1), ears.events.recv()).await.unwrap();
        let Some(Transcript::Final { text, .. }) = heard else { panic!("{heard:?}") };
        dialogue.push(Words { speaker: Speaker::Caller, text, cut: false });
        let answer = reply(PROMPT, &dialogue);
        assert!(answer.text.contains(expected), "{line}: expected {expected} in {answer:?}, heard {dialogue:?}");
        dialogue.push(Words { speaker: Speaker::Agent, text: Arc::from(answer.text), cut: false });
        next = answer.next;
    }
    next
}

#[actix_rt::test]
async fn an_appointment_is_booked_moved_and_confirmed() {
    for voice in [FliteVoice::Kal, FliteVoice::Kal16] {
        let next = call(
            voice,
            &[
                ("Hello, I would like to book an appointment for tomorrow at ten.", "tomorrow at ten"),
                ("Can I move it to three thirty, please?", "tomorrow at three thirty"),
                ("Yes, please.", "booked"),
                ("No, thank you. Goodbye.", "Goodbye"),
            ],
        )
        .await;
        assert_eq!(next, Next::HangUp);
    }
}

#[actix_rt::test]
async fn hours_and_a_person() {
    let lines = [
        ("What are your opening hours?", "Monday to Saturday"),
        ("Can I talk to a person, please?", "putting you through"),
    ];
    assert_eq!(call(FliteVoice::Kal, &lines).await, Next::Transfer);
}
