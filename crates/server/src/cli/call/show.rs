use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write},
    path::PathBuf,
};

use operetta_caller::{CallPlan, CallReport, End, Event, Observer, Underruns, What};
use owo_colors::{OwoColorize as _, Style};

/// Prints a call as it goes on, a line for each thing that a listener would notice.
pub(super) struct Show<W> {
    out: W,
    paint: Paint,
    /// The reader has gone; the call goes on.
    closed: bool,
    quiet: bool,
    /// Somebody makes out words, so a turn is printed when they come.
    words: bool,
    carrier: String,
    webhook: String,
    /// What is to be said beside the agent's next turn: how fast it came.
    note: String,
    /// Turns that wait for their words: when they began, how long they were, their note.
    turns: BTreeMap<usize, Turn>,
    /// Turns of the agent whose line cannot be printed yet: their words or their length are to come.
    awaited: usize,
    /// Lines that wait for those turns, so that the call reads in its order.
    held: Vec<(f64, String)>,
}

#[derive(Default)]
struct Turn {
    at_ms: f64,
    ms: f64,
    interrupted: bool,
    note: String,
    said: bool,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colours for a terminal, unless the reader does not want any (`NO_COLOR` with a value, see no-color.org).
    pub(super) fn for_terminal(no_color: Option<&str>) -> Self {
        Self(no_color.is_none_or(str::is_empty) && std::io::stdout().is_terminal())
    }

    /// `text` in `style`.
    pub(super) fn with(self, style: Style, text: &str) -> String {
        if self.0 { text.style(style).to_string() } else { text.to_owned() }
    }
}

impl<W: Write> Show<W> {
    pub(super) fn new(out: W, plan: &CallPlan, paint: Paint, words: bool, quiet: bool) -> Self {
        Self {
            out,
            paint,
            closed: false,
            quiet,
            words,
            carrier: plan.carrier.to_string(),
            webhook: String::new(),
            note: String::new(),
            turns: BTreeMap::new(),
            awaited: 0,
            held: Vec::new(),
        }
    }

    /// The figures of the call, and what was wrong with it.
    pub(super) fn outcome(&mut self, report: &CallReport) {
        let failures = report.failures();
        if report.started_at_ms.is_some() {
            let answers: Vec<String> =
                report.lines.iter().filter_map(|it| it.answer_ms).map(|ms| format!("{ms:.0}")).collect();
            let greeting = report.greeting.and(report.first_sound_ms);
            let greeting = greeting.map_or("no greeting".to_owned(), |ms| format!("greeting in {ms:.0} ms"));
            let clears: Vec<String> =
                report.lines.iter().filter_map(|it| it.barge_in?.clear_ms).map(|ms| format!("{ms:.0}")).collect();
            let mut figures = vec![greeting];
            if !answers.is_empty() {
                figures.push(format!("answers {} ms", answers.join(", ")));
            }
            if !clears.is_empty() {
                figures.push(format!("barge-in stopped in {} ms", clears.join(", ")));
            }
            figures.push(match report.underruns {
                Underruns { count: 0, .. } => "0 underruns".to_owned(),
                Underruns { count, total_ms, .. } => format!("{count} underruns of {total_ms} ms"),
            });
            figures.push(format!("{} of {} marks played", report.marks.played, report.marks.received));
            self.aside("figures", &figures.join(" · "));
        }
        for violation in &report.violations {
            let text = format!("{} ({} x) {}", violation.fault, violation.count, violation.detail);
            self.aside("violation", &self.paint.with(Style::new().red(), &text));
        }
        for failure in failures {
            self.aside("failed", &self.paint.with(Style::new().red().bold(), &failure.to_string()));
        }
    }

    /// Where the call was saved.
    pub(super) fn saved(&mut self, paths: &[PathBuf]) {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        self.aside("saved", &paths.join(" · "));
    }

    fn line(&mut self, at_ms: f64, state: &str, style: Style, text: &str) {
        if self.quiet {
            return;
        }
        let state = self.paint.with(style, &format!("{state:<13}"));
        let line = format!("  {:05.2}  {state} {text}", at_ms / 1000.0);
        if self.awaited > 0 {
            self.held.push((at_ms, line));
        } else {
            self.write(&line);
        }
    }

    /// Prints what was held, by its time.
    fn release(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        for (_, line) in held {
            self.write(&line);
        }
    }

    /// A line without a time.
    fn aside(&mut self, state: &str, text: &str) {
        let state = self.paint.with(Style::new().dimmed(), &format!("{state:<13}"));
        self.write(&format!("         {state} {text}"));
    }

    fn write(&mut self, line: &str) {
        // A closed pipe ends the printing, not the call; so does any other trouble, for there is nowhere to report it.
        self.closed = self.closed || writeln!(self.out, "{line}").and_then(|()| self.out.flush()).is_err();
    }

    fn say_turn(&mut self, number: usize, words: Option<&str>) {
        let Some(turn) = self.turns.get_mut(&number).filter(|turn| !turn.said) else { return };
        turn.said = true;
        let mut text = match words {
            None | Some("") => format!("({:.1} s of speech)", turn.ms / 1000.0),
            Some(words) => format!("{words:?}"),
        };
        if turn.interrupted {
            text += " …";
        }
        let (at_ms, note) = (turn.at_ms, self.paint.with(Style::new().dimmed(), &turn.note));
        self.line(at_ms, "agent", Style::new().cyan(), format!("{text:<60} {note}").trim_end());
        self.awaited = self.awaited.saturating_sub(1);
        if self.awaited == 0 {
            self.release();
        }
    }

    fn end(&mut self, at_ms: f64, end: &End) {
        // Words that never came.
        let silent: Vec<usize> = self.turns.iter().filter(|(_, turn)| !turn.said).map(|(number, _)| *number).collect();
        for number in silent {
            self.say_turn(number, None);
        }
        let style = match end {
            End::HungUp { close_code: Some(_) } | End::EngineClosed { close_code: 1000 | 1005 } | End::Cut => {
                Style::new().green()
            }
            _ => Style::new().red(),
        };
        self.line(at_ms, "ended", style, &end.to_string());
    }
}

impl<W: Write> Observer for Show<W> {
    fn saw(&mut self, _call: usize, Event { at_ms, what }: &Event) {
        let (at, plain) = (*at_ms, Style::new());
        match what {
            What::WebhookAnswered { ms, .. } => self.webhook = format!("webhook {ms:.0} ms"),
            What::Connected { url } => {
                let text = format!("{} → {url}", self.carrier);
                let webhook = self.paint.with(plain.dimmed(), &self.webhook);
                self.line(at, "connected", plain, format!("{text:<60} {webhook}").trim_end());
            }
            What::FirstAudio { ms } => self.note = format!("first audio {ms:.0} ms after start"),
            What::Answered { ms, .. } if *ms >= 0.0 => self.note = format!("answered in {ms:.0} ms"),
            What::Answered { ms, .. } => self.note = format!("{:.0} ms before the caller had finished", -ms),
            What::AgentBegan { turn } => {
                self.awaited += 1;
                let note = std::mem::take(&mut self.note);
                self.turns.insert(*turn, Turn { at_ms: at, note, ..Turn::default() });
            }
            What::AgentEnded { turn, ms, interrupted } => {
                if let Some(turn) = self.turns.get_mut(turn) {
                    (turn.ms, turn.interrupted) = (*ms, *interrupted);
                }
                if !self.words {
                    self.say_turn(*turn, None);
                }
            }
            What::AgentWords { turn, text } => self.say_turn(*turn, Some(text)),
            What::CallerBegan { label, barge_in, .. } => {
                let text = format!("{label:?}{}", if *barge_in { "   (into the agent's speech)" } else { "" });
                self.line(at, "caller", plain.yellow(), &text);
            }
            What::Pressed { key } => self.line(at, "caller", plain.yellow(), &format!("key {key}")),
            What::Cleared { dropped_ms, .. } => {
                self.line(at, "interrupted", plain, &format!("agent cut off, {dropped_ms} ms unplayed"));
            }
            What::Underrun { ms } => {
                self.line(at, "underrun", plain.magenta(), &format!("{ms} ms of silence inside the agent's speech"));
            }
            What::Violated { fault, detail } => self.line(at, "violation", plain.red(), &format!("{fault}: {detail}")),
            What::Ended { end } => self.end(at, end),
            What::Started | What::CallerEnded { .. } | What::MarkReceived { .. } | What::MarkPlayed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Paint, Show};
    use operetta_caller::{CallPlan, Carrier, End, Event, Observer, Script, What};
    use std::io;

    fn plan() -> CallPlan {
        CallPlan::new(Carrier::Exotel, "http://127.0.0.1:8080/exotel/voicebot".parse().unwrap(), Script::new())
    }

    fn shown(words: bool, events: Vec<(f64, What)>) -> String {
        let mut out = Vec::new();
        let mut show = Show::new(&mut out, &plan(), Paint(false), words, false);
        for (at_ms, what) in events {
            show.saw(0, &Event { at_ms, what });
        }
        String::from_utf8(out).unwrap()
    }

    fn call() -> Vec<(f64, What)> {
        vec![
            (3.0, What::WebhookAnswered { status: 200, ms: 3.0 }),
            (4.0, What::Connected { url: "ws://127.0.0.1:8080/exotel/media".to_owned() }),
            (5.0, What::Started),
            (26.0, What::FirstAudio { ms: 21.0 }),
            (40.0, What::AgentBegan { turn: 0 }),
            (2040.0, What::AgentEnded { turn: 0, ms: 2000.0, interrupted: false }),
            (2700.0, What::CallerBegan { line: 0, label: "Hello?".to_owned(), barge_in: false }),
            (2800.0, What::AgentWords { turn: 0, text: "Asha Clinic.".to_owned() }),
            (4100.0, What::Answered { line: 0, ms: 640.0 }),
            (4110.0, What::AgentBegan { turn: 1 }),
            (5000.0, What::AgentEnded { turn: 1, ms: 890.0, interrupted: false }),
            (6000.0, What::Ended { end: End::HungUp { close_code: Some(1000) } }),
        ]
    }

    #[test]
    fn a_call_reads_like_a_conversation() {
        let lines = shown(true, call());
        let squeezed: Vec<String> =
            lines.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "00.00 connected exotel → ws://127.0.0.1:8080/exotel/media webhook 3 ms",
            "00.04 agent \"Asha Clinic.\" first audio 21 ms after start",
            "02.70 caller \"Hello?\"",
            "04.11 agent (0.9 s of speech) answered in 640 ms",
            "06.00 ended caller hung up",
        ];
        assert_eq!(squeezed, expected);
    }

    #[test]
    fn without_ears_a_turn_is_told_by_its_length() {
        assert!(shown(false, call()).contains("(2.0 s of speech)"));
    }

    #[test]
    fn a_reader_who_leaves_does_not_end_the_call() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut show = Show::new(Gone, &plan(), Paint(false), false, false);
        for (at_ms, what) in call() {
            show.saw(0, &Event { at_ms, what });
        }
        assert!(show.closed);
    }
}
