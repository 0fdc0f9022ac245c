//! Whole conversations with the receptionist, as tables: what the caller says, what must be in the reply, what comes next.

use operetta_contract::{Next, Speaker, Words};
use operetta_local::mind::reply;

const PROMPT: &str = "name: Asha Clinic\nhours: Monday to Saturday, nine to six\ntoday: Friday";

/// Plays a conversation. Every reply goes into the dialogue as fully heard.
fn check(prompt: &str, turns: &[(&str, &[&str], Next)]) {
    let mut dialogue = vec![words(Speaker::Agent, "Hello, Asha Clinic. How can I help you?", false)];
    let mut story: Vec<String> = Vec::new();
    for (said, expected, next) in turns {
        dialogue.push(words(Speaker::Caller, said, false));
        let answer = reply(prompt, &dialogue);
        story.push(format!("caller: {said}\nagent:  {} {:?}", answer.text, answer.next));
        let story = story.join("\n");
        for part in *expected {
            assert!(
                answer.text.to_lowercase().contains(&part.to_lowercase()),
                "expected {part:?} in the last reply\n{story}"
            );
        }
        assert_eq!(answer.next, *next, "\n{story}");
        assert!(answer.text.chars().count() < 330, "too long to be pleasant\n{story}");
        assert!(!answer.text.chars().any(|c| c.is_ascii_digit()), "figures are for the eye\n{story}");
        dialogue.push(words(Speaker::Agent, &answer.text, false));
    }
}

fn words(speaker: Speaker, text: &str, cut: bool) -> Words {
    Words { speaker, text: text.into(), cut }
}

use Next::{HangUp, Listen, Transfer};

#[test]
fn books_in_one_breath() {
    check(
        PROMPT,
        &[
            ("I'd like to book an appointment tomorrow at ten.", &["tomorrow at ten", "book it?"], Listen),
            ("Uh, can I move it to three thirty", &["tomorrow at three thirty", "book it?"], Listen),
            ("Yes please.", &["booked", "tomorrow at three thirty", "anything else"], Listen),
            ("No, thank you.", &["Asha Clinic", "goodbye"], HangUp),
        ],
    );
}

#[test]
fn books_step_by_step() {
    check(
        PROMPT,
        &[
            ("Hi, good morning.", &["How can I help"], Listen),
            ("I need to see a doctor", &["What day"], Listen),
            ("Um, Monday.", &["On Monday", "free"], Listen),
            ("What was that?", &["On Monday", "free"], Listen),
            ("in the afternoon", &["On Monday", "what time"], Listen),
            ("Half past three.", &["on Monday at three thirty"], Listen),
            ("no, make it four", &["on Monday at four"], Listen),
            ("Okay.", &["booked", "on Monday at four"], Listen),
            ("That's all, thanks.", &["goodbye"], HangUp),
        ],
    );
}

#[test]
fn times_that_cannot_be_had() {
    check(
        PROMPT,
        &[
            ("Can I get a slot on Sunday?", &["closed on Sunday"], Listen),
            ("Then Monday at eleven.", &["eleven is not free", "could offer"], Listen),
            ("The first one.", &["on Monday at ten thirty"], Listen),
            ("Actually, at eight in the evening", &["closed", "could offer"], Listen),
            ("the last one", &["on Monday at five thirty"], Listen),
            ("yeah", &["booked"], Listen),
            ("Can you change it to ten thirty?", &["move", "Monday at ten thirty"], Listen),
            ("yes", &["moved", "on Monday at ten thirty"], Listen),
            ("Oh, please cancel it.", &["cancel", "on Monday at ten thirty", "right?"], Listen),
            ("Yes.", &["is cancelled"], Listen),
            ("bye", &["goodbye"], HangUp),
        ],
    );
}

#[test]
fn moves_and_cancels_what_was_booked_before() {
    check(
        PROMPT,
        &[
            ("I have to move my appointment.", &["On which day is your appointment now"], Listen),
            ("It's on Tuesday at two.", &["what day and time"], Listen),
            ("Wednesday at half past nine, please", &["Wednesday at nine thirty", "right?"], Listen),
            ("Yep.", &["moved", "on Wednesday at nine thirty"], Listen),
            ("no", &["goodbye"], HangUp),
        ],
    );
    check(
        PROMPT,
        &[
            ("Please cancel my appointment on Thursday.", &["cancel", "on Thursday"], Listen),
            ("No, wait, on Friday", &["cancel", "on Friday"], Listen),
            ("Yes, that's right", &["is cancelled"], Listen),
            ("thank you", &["goodbye"], HangUp),
        ],
    );
    check(
        PROMPT,
        &[
            ("Can I move my appointment from Tuesday?", &["what day and time"], Listen),
            ("To Thursday", &["On Thursday", "free"], Listen),
            ("later", &["nothing later"], Listen),
            ("three", &["Thursday at three"], Listen),
            ("no", &["better"], Listen),
            ("Thursday at four", &["Thursday at four"], Listen),
            ("yes", &["moved"], Listen),
        ],
    );
}

#[test]
fn tells_hours_and_goes_on() {
    check(
        PROMPT,
        &[
            ("When are you open?", &["Monday to Saturday, nine to six", "anything else"], Listen),
            ("Yes, I want an appointment tomorrow.", &["Tomorrow I have", "free"], Listen),
            ("until when are you open then?", &["Monday to Saturday"], Listen),
            ("At 2", &["tomorrow at two"], Listen),
            ("Go ahead", &["booked"], Listen),
        ],
    );
}

#[test]
fn people_and_emergencies() {
    check(PROMPT, &[("Can I speak to someone, please?", &["putting you through"], Transfer)]);
    check(PROMPT, &[("My father has chest pain", &["emergency"], Transfer)]);
    check(
        PROMPT,
        &[
            ("Are you a robot?", &["automatic assistant of Asha Clinic"], Listen),
            ("Then give me a real person.", &["putting you through"], Transfer),
        ],
    );
}

#[test]
fn keys_work_like_words() {
    check(
        PROMPT,
        &[
            ("4", &["we are open"], Listen),
            ("1", &["What day"], Listen),
            ("tomorrow", &["Tomorrow I have"], Listen),
            ("10", &["tomorrow at ten"], Listen),
            ("1", &["booked"], Listen),
            ("0", &["putting you through"], Transfer),
        ],
    );
    check(
        PROMPT,
        &[
            ("3", &["On which day"], Listen),
            ("tomorrow", &["cancel", "tomorrow"], Listen),
            ("2", &["stays as it is"], Listen),
            ("no", &["goodbye"], HangUp),
        ],
    );
    check(PROMPT, &[("1234", &["didn't get that"], Listen)]);
}

#[test]
fn what_is_not_understood() {
    check(
        PROMPT,
        &[
            ("banana", &["Sorry", "How can I help"], Listen),
            ("♪", &["You can say", "press one"], Listen),
            ("I'd like an appointment", &["What day"], Listen),
            ("banana", &["Sorry", "Which day"], Listen),
            ("banana", &["You can say a day"], Listen),
            ("banana", &["You can say a day"], Listen),
            ("banana", &["colleague"], Transfer),
        ],
    );
}

#[test]
fn sloppy_recognition() {
    check(
        PROMPT,
        &[
            ("I'd like to book an appointment to Marlowe at then.", &["tomorrow at ten"], Listen),
            ("Can I move it to 330?", &["tomorrow at three thirty"], Listen),
            ("Yes, please.", &["booked"], Listen),
        ],
    );
    check(
        PROMPT,
        &[
            ("tomorrow 10:30 a.m", &["tomorrow at ten thirty"], Listen),
            ("okay thank you", &["booked"], Listen),
            ("Thanks. Bye-bye.", &["goodbye"], HangUp),
        ],
    );
}

#[test]
fn second_thoughts() {
    check(
        PROMPT,
        &[
            ("book an appointment", &["What day"], Listen),
            ("never mind", &["won't book"], Listen),
            ("goodbye", &["goodbye"], HangUp),
        ],
    );
    check(
        PROMPT,
        &[
            ("appointment tomorrow at ten", &["book it"], Listen),
            ("cancel", &["won't book"], Listen),
            ("tomorrow at four", &["tomorrow at four"], Listen),
            ("one moment", &["take your time"], Listen),
            ("hello?", &["I'm here", "tomorrow at four"], Listen),
            ("yes", &["booked"], Listen),
        ],
    );
}

#[test]
fn what_only_a_person_knows() {
    check(
        PROMPT,
        &[
            ("I need an appointment", &["What day"], Listen),
            ("How much does a consultation cost?", &["just say: a person", "Which day"], Listen),
            ("never mind", &["won't book"], Listen),
            ("Are my test results there?", &["A colleague", "Shall I put you through"], Listen),
            ("banana", &["Sorry", "put you through"], Listen),
            ("yes", &["putting you through"], Transfer),
        ],
    );
    check(
        PROMPT,
        &[
            ("I have a question about my bill", &["Shall I put you through"], Listen),
            ("no thanks", &["anything else"], Listen),
            ("tomorrow ten", &["tomorrow at ten"], Listen),
            ("no", &["better"], Listen),
            ("Monday 2", &["Monday at two"], Listen),
            ("correct", &["booked"], Listen),
        ],
    );
    check(
        PROMPT,
        &[
            ("appointment on Monday", &["I have"], Listen),
            ("no", &["day and time would suit you better"], Listen),
            ("Tuesday at three", &["Tuesday at three"], Listen),
        ],
    );
}

#[test]
fn coming_is_not_going() {
    check(
        PROMPT,
        &[
            ("Can I come and see you tomorrow at ten?", &["tomorrow at ten", "book it"], Listen),
            ("Yes. Bye.", &["booked"], Listen),
        ],
    );
    check(
        PROMPT,
        &[
            ("book tomorrow at ten", &["book it"], Listen),
            ("ok", &["booked"], Listen),
            ("Thanks, see you then", &["goodbye"], HangUp),
        ],
    );
}

#[test]
fn without_facts_there_are_defaults() {
    check(
        "",
        &[
            ("what are your opening hours", &["Monday to Saturday, from nine to six"], Listen),
            ("no thanks", &["the clinic", "goodbye"], HangUp),
        ],
    );
    assert!(reply("", &[]).text.contains("How can I help"));
}

#[test]
fn a_question_that_was_not_heard_is_not_answered_by_a_yes() {
    let mut dialogue = vec![words(Speaker::Caller, "book tomorrow at ten", false)];
    let question = reply(PROMPT, &dialogue).text;
    dialogue.push(words(Speaker::Agent, &question[..8], true));
    dialogue.push(words(Speaker::Caller, "yes", false));
    let answer = reply(PROMPT, &dialogue);
    assert!(answer.text.contains("Shall I book it?"), "{}", answer.text);
    // Interrupted near the end it was heard well enough.
    let end = question.len() - 4;
    dialogue[1] = words(Speaker::Agent, &question[..end], true);
    let answer = reply(PROMPT, &dialogue);
    assert!(answer.text.contains("booked"), "{}", answer.text);
}

#[test]
fn words_without_a_reply_between_belong_together() {
    let dialogue = [
        words(Speaker::Caller, "I'd like to book an appointment", false),
        words(Speaker::Caller, "tomorrow at", false),
        words(Speaker::Caller, "ten", false),
    ];
    let answer = reply(PROMPT, &dialogue);
    assert!(answer.text.contains("tomorrow at ten"), "{}", answer.text);
}

#[test]
fn any_text_is_survived() {
    for said in [
        "",
        "::",
        "at 99:99",
        "::::1:",
        "’’’'",
        "1.2.3.4",
        "31st of",
        "half",
        "quarter",
        "half past",
        "\u{0}\u{1F600}",
        "to to to to",
        "at at at 3",
    ] {
        for prompt in ["", "hours:", "hours: - to", "name:\ntoday: x", "hours: 25:00-99:00"] {
            let answer = reply(prompt, &[words(Speaker::Caller, said, false)]);
            assert!(!answer.text.is_empty());
        }
    }
    let long: Vec<Words> =
        (0..2_000).map(|n| words(if n % 2 == 0 { Speaker::Caller } else { Speaker::Agent }, "hello", true)).collect();
    assert!(!reply("", &long).text.is_empty());
}
