use super::heard::{Assent, Choice, Wish};

/// Phrases by wish, the most urgent first, separated by ` | `. A phrase is found where its words stand next to each other.
const WISHES: [(Wish, &str); 16] = [
    (
        Wish::Emergency,
        "emergency | ambulance | chest pain | can't breathe | cannot breathe | bleeding | unconscious | \
         heart attack | stroke",
    ),
    (
        Wish::Repeat,
        "repeat | say that again | say it again | again please | pardon | what was that | what did you say | \
         come again | didn't catch | did not catch | didn't hear | did not hear | didn't get that | can't hear you | \
         sorry what | once more | one more time",
    ),
    (
        Wish::WhoAreYou,
        "are you a robot | are you a machine | are you a computer | are you human | are you a human | are you real | \
         are you a real | are you a person | who are you | who is this | am i talking to | am i speaking to | \
         am i speaking with",
    ),
    (
        Wish::Human,
        "human | a person | real person | to someone | with someone | to somebody | with somebody | someone there | \
         anyone real | operator | representative | an agent | receptionist | talk to the doctor | \
         speak to the doctor | speak with the doctor | talk to a doctor | speak to a doctor | talk to a nurse | \
         speak to a nurse | your staff | the staff | connect me | put me through | transfer me | talk to people",
    ),
    (
        Wish::Cancel,
        "cancel | cancelled | canceled | cancellation | call off | call it off | delete | forget it | never mind | \
         nevermind",
    ),
    (
        Wish::Move,
        "move | moved | reschedule | rescheduled | shift | postpone | change my | change the | change it | \
         change to | different time | different day | another time | another day | push it | bring it forward",
    ),
    (
        Wish::Hours,
        "opening hours | your hours | the hours | hours | are you open | you open | you close | you closed | \
         when do you open | what time do you | opening times | opening time | working hours | timings | \
         your timing | open on | still open",
    ),
    (
        Wish::Address,
        "address | where are you | located | location | directions | how do i get | where is the clinic | find you",
    ),
    (Wish::Beyond, "how much | price | prices | cost | costs | fee | fees"),
    (
        Wish::Book,
        "book | booking | booked | appointment | appointments | acquaintment | schedule | slot | see the doctor | \
         see a doctor | see doctor | see the dentist | check up | checkup | consultation | make an | come in | \
         visit | reserve | reservation",
    ),
    (
        Wish::Beyond,
        "insurance | bill | payment | refund | report | reports | results | test result | prescription | medicine | \
         medicines | vaccination | complaint",
    ),
    (
        Wish::Goodbye,
        "bye | goodbye | good bye | bye bye | that's all | that is all | that's it | that will be all | \
         that'll be all | nothing else | nothing more | hang up | see you later | see you then | good night | i'm done | all set",
    ),
    (
        Wish::Wait,
        "hold on | one moment | one second | one minute | just a moment | just a second | just a minute | wait | \
         hang on | let me think | let me check | give me a",
    ),
    (Wish::Help, "help | what can you do | what are my options | options | menu | what can i say"),
    (Wish::Thanks, "thank you | thanks | cheers | thank you so much"),
    (
        Wish::Hello,
        "hello | hi | hey | good morning | good afternoon | good evening | namaste | anybody there | anyone there | \
         are you there",
    ),
];
/// A question by itself, and nothing else, asks for the same again.
const BARE_QUESTIONS: [&str; 7] = ["sorry", "what", "huh", "excuse me", "say again", "sorry i", "again"];

const POLITE_YES: &str = "no problem | no worries | no objection | why not";
const NO: &str = "no | nope | nah | not | don't | do not | wrong | incorrect | never | isn't | doesn't | won't | can't | \
    rather not | neither";
const YES: &str = "yes | yeah | yep | yup | ya | sure | okay | ok | correct | right | fine | perfect | great | good | go ahead | \
    please do | absolutely | definitely | of course | works | do it | that one | sounds good | exactly | certainly | \
    alright | all right | please | confirm | confirmed | haan";

const CHOICES: [(Choice, &str); 6] = [
    (Choice::Later, "later | later than"),
    (Choice::Earlier, "earlier | sooner"),
    (Choice::First, "first one | the first | earliest | first available | as soon as possible | first slot | soonest"),
    (Choice::Second, "second one | the second | middle one"),
    (Choice::Last, "last one | the last | third one | the third | latest"),
    (
        Choice::Any,
        "any time | anytime | any | whenever | whichever | whatever | doesn't matter | don't mind | you choose | \
         up to you | either",
    ),
];

/// What the caller wants. `said` are plain words with a space at both ends.
pub(super) fn wish_in(said: &str) -> Option<Wish> {
    let repeat = || BARE_QUESTIONS.contains(&said.trim()).then_some(Wish::Repeat);
    first_in(said, &WISHES).or_else(repeat)
}

/// Whether the caller agrees. A "no" counts before a "yes": "that's not right".
pub(super) fn assent_in(said: &str) -> Option<Assent> {
    if any_in(said, POLITE_YES) {
        Some(Assent::Yes)
    } else if any_in(said, NO) {
        Some(Assent::No)
    } else {
        any_in(said, YES).then_some(Assent::Yes)
    }
}

/// Which of several offers the caller points at.
pub(super) fn choice_in(said: &str) -> Option<Choice> {
    first_in(said, &CHOICES)
}

fn first_in<T: Copy>(said: &str, table: &[(T, &str)]) -> Option<T> {
    table.iter().find(|(_, phrases)| any_in(said, phrases)).map(|(meaning, _)| *meaning)
}

fn any_in(said: &str, phrases: &str) -> bool {
    phrases.split(" | ").any(|phrase| {
        let whole = |(at, _): (usize, &str)| said[..at].ends_with(' ') && said[at + phrase.len()..].starts_with(' ');
        said.match_indices(phrase).any(whole)
    })
}
