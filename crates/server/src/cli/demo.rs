//! `operetta serve --demo`: a second process calls this one, as any carrier would.

use std::{
    io::{self, Write},
    process::Command,
    thread,
};

use crate::serve::Addresses;

/// What the demo caller says, line by line.
const LINES: [&str; 4] =
    ["I would like to book an appointment.", "Tomorrow at ten thirty, please.", "Yes, that is right.", "Goodbye."];

/// Places the call, on a thread that waits for it. The server goes on whatever becomes of it; `recordings` is where it
/// leaves its own recording of the call.
pub(super) fn start(addresses: Addresses, recordings: String) {
    let started = thread::Builder::new().name("demo".into()).spawn(move || {
        if let Err(error) = call(addresses) {
            tracing::warn!(%error, "the demo call could not be placed");
        }
        let _ = writeln!(
            io::stdout().lock(),
            "\n  recorded         {recordings}\n  still serving    http://{0}   (Ctrl-C ends it)\n  call it again    operetta call --to http://{0}/exotel/voicebot --text \"What are your opening hours?\"",
            addresses.carriers
        );
    });
    if let Err(error) = started {
        tracing::warn!(%error, "the demo call could not be placed");
    }
}

fn call(addresses: Addresses) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["call", "--carrier", "exotel", "--to", &format!("http://{}/exotel/voicebot", addresses.carriers)]);
    for line in LINES {
        command.args(["--text", line]);
    }
    command.args(["--out", "data/demo-call.wav"]);
    command.status().map(drop)
}
