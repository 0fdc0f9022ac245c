//! Calls a running engine, as a carrier and a caller would, and shows what happens on the line.
//!
//! ```sh
//! make run                                                       # in another terminal
//! cargo run -p operetta-examples --example place_a_call
//! cargo run -p operetta-examples --example place_a_call -- http://127.0.0.1:8080/exotel/voicebot "What are your hours?"
//! ```
//!
//! `operetta call` does the same with more options. This is how to do it from a program of your own: a test of your
//! agent, for example, that fails when the greeting is late or an answer is missing.

#![expect(clippy::print_stdout, reason = "a tour prints what it sees")]

use std::{error::Error, process::ExitCode};

use operetta_caller::{Audience, CallPlan, Caller, Carrier, Clip, Event, Line, Observer, Script, What};
use operetta_local::{
    flite::{Flite, FliteVoice},
    say,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let webhook = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8080/exotel/voicebot".into());
    let words = arguments.next().unwrap_or_else(|| "I would like to book an appointment.".into());

    // The caller's voice is another one than the agent's, so that the engine's ears have something to do.
    let speech = Flite::new().speak(&say::spoken(&words), FliteVoice::Kal16, 16_000)?;
    let script = Script::new().line(Line::speak(words, Clip::new(speech, 16_000)));
    let plan = CallPlan::new(Carrier::Exotel, webhook.parse()?, script);

    // A call is one future on the thread of an actix system; `Caller::load` places many of them.
    let report = actix::System::new().block_on(async {
        Caller::new().place(&plan, 0, Audience { observer: &mut Narrator, transcriber: None }).await
    });

    let ms = |it: Option<f64>| it.map_or("never".into(), |ms| format!("{ms:.0} ms"));
    println!("first audio after {}", ms(report.first_audio_ms));
    for line in &report.lines {
        println!("{:?} answered after {}", line.label, ms(line.answer_ms));
    }
    let failures = report.failures();
    for failure in &failures {
        println!("not as it should be: {failure:?}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the call as it goes on.
struct Narrator;

impl Observer for Narrator {
    fn saw(&mut self, _call: usize, event: &Event) {
        let seconds = event.at_ms / 1000.0;
        match &event.what {
            What::Connected { url } => println!("{seconds:6.2}  connected to {url}"),
            What::AgentBegan { .. } => println!("{seconds:6.2}  the agent speaks"),
            What::AgentEnded { interrupted, .. } => {
                println!("{seconds:6.2}  the agent {}", if *interrupted { "was interrupted" } else { "has finished" });
            }
            What::CallerBegan { label, .. } => println!("{seconds:6.2}  the caller says: {label}"),
            What::Violated { detail, .. } => println!("{seconds:6.2}  against the carrier's rules: {detail}"),
            What::Ended { end } => println!("{seconds:6.2}  over: {end:?}"),
            _ => {}
        }
    }
}
