use std::{collections::VecDeque, sync::Arc, time::Duration};

use operetta_contract::{ErrorClass, ProviderError, Transcript};

/// What one connection has heard and not yet reported as final, and which flushes it has not yet answered.
///
/// A server reports the same stretch of audio many times: as words that may change, then as words that will not, sometimes
/// twice, sometimes after we had to answer a flush without it. The ledger knows a stretch by its [`Span`] and gives every word
/// out once.
#[derive(Debug)]
pub(super) struct Ledger {
    parts: Vec<Part>,
    /// What was given out last, so that it is known when it comes again.
    given: VecDeque<Part>,
    flushes: VecDeque<Owed>,
    /// The last partial, so that it is not repeated.
    partial: String,
    /// A request was answered here before the server acknowledged it.
    unacknowledged: u32,
    /// The end of the audio when the server last said anything at all, in ms.
    stirred_ms: u64,
}

/// Which stretch of the connection's audio a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// From and to, in ms of the connection's audio. Never reported twice once it is final, save by mistake.
    Window {
        /// First ms.
        start: u64,
        /// The ms after the last.
        end: u64,
    },
    /// A turn of the server's counting.
    Turn(u64),
    /// The server does not say.
    Unknown,
}

#[derive(Clone, Debug)]
struct Part {
    span: Span,
    text: String,
    /// The words will not change.
    settled: bool,
}

/// A flush that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    flush: u32,
    /// When it is answered with what is there.
    due: Duration,
    /// The end of the caller's voice when it was asked, in ms of the connection's audio.
    voiced_ms: u64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            parts: Vec::new(),
            given: VecDeque::new(),
            flushes: VecDeque::new(),
            partial: String::new(),
            unacknowledged: 0,
            stirred_ms: 0,
        }
    }

    /// What was heard in `span`; `settled` when it will not change.
    pub(super) fn hear(&mut self, span: Span, text: &str, settled: bool) {
        let Some(text) = self.unsaid(span, text.trim(), settled) else { return };
        if span != Span::Unknown
            && let Some(known) = self.parts.iter_mut().find(|part| part.span.begins_with(span))
        {
            if settled || !known.settled {
                *known = Part { span, text, settled };
            }
            return;
        }
        self.parts.retain(|part| part.settled || !part.span.is_replaced_by(span));
        // Finals may come out of order. What has no place goes behind what came before.
        let place = self.parts.iter().position(|part| span.is_before(part.span)).unwrap_or(self.parts.len());
        self.parts.insert(place, Part { span, text, settled });
        if self.parts.len() > MOST_PARTS {
            self.merge_oldest();
        }
    }

    /// The whole text since the last final; `None` when it has not changed or is empty.
    pub(super) fn partial(&mut self) -> Option<Transcript> {
        let text = self.text();
        if text.is_empty() || text == self.partial {
            return None;
        }
        self.partial.clone_from(&text);
        Some(Transcript::Partial(text.into()))
    }

    /// Whether words wait that will still change: the server is in the middle of something.
    pub(super) fn is_open(&self) -> bool {
        self.parts.iter().any(|part| !part.settled && !part.text.is_empty())
    }

    /// Gives everything out as a final that the server has decided on; `None` when there are no words.
    pub(super) fn close_turn(&mut self) -> Option<Transcript> {
        let text = self.take();
        (!text.is_empty()).then_some(Transcript::Final { text, flush: None })
    }

    /// A flush was asked, to be answered by `due`; the caller's voice ended at `voiced_ms`.
    pub(super) fn owe(&mut self, flush: u32, due: Duration, voiced_ms: u64) {
        self.flushes.push_back(Owed { flush, due, voiced_ms });
    }

    /// Whether a flush waits.
    pub(super) fn owes(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// When the next flush has to be answered.
    pub(super) fn due(&self) -> Option<Duration> {
        self.flushes.front().map(|owed| owed.due)
    }

    /// The server has acknowledged a request, having heard the audio until `heard_ms`; answers the flush that it belongs to.
    pub(super) fn acknowledged(&mut self, heard_ms: Option<u64>) -> Option<Transcript> {
        // It may be the late answer to a request whose flush could not wait.
        let late = |owed: &Owed| heard_ms.is_some_and(|heard| heard.saturating_add(SLACK_MS) < owed.voiced_ms);
        if self.unacknowledged > 0 && self.flushes.front().is_none_or(late) {
            self.unacknowledged -= 1;
            return None;
        }
        self.answer()
    }

    /// The server has made final everything until `heard_ms`: answers the flushes that asked for no more.
    pub(super) fn settled_until(&mut self, heard_ms: u64, out: &mut Vec<Transcript>) {
        while self.flushes.front().is_some_and(|owed| owed.voiced_ms <= heard_ms) {
            self.unacknowledged += 1;
            out.extend(self.answer());
        }
    }

    /// The server has said something, whatever it was, when so much audio had been sent.
    pub(super) const fn stirred(&mut self, length_ms: u64) {
        self.stirred_ms = length_ms;
    }

    /// Answers the flushes that cannot wait any longer.
    ///
    /// # Errors
    ///
    /// `timeout` when the server has not said a thing since long before the flush: it takes everything and hears nothing, and an
    /// empty answer in its name would keep the next listener from the call.
    pub(super) fn answer_due(&mut self, now: Duration, out: &mut Vec<Transcript>) -> Result<(), ProviderError> {
        while let Some(owed) = self.flushes.front().filter(|owed| now >= owed.due) {
            let unheard_ms = owed.voiced_ms.saturating_sub(self.stirred_ms);
            if unheard_ms >= DEAF_MS {
                let detail = format!("not a message since {unheard_ms} ms of the caller's voice, nor to a flush");
                return Err(ProviderError::new(ErrorClass::Timeout, detail));
            }
            self.unacknowledged += 1;
            out.extend(self.answer());
        }
        Ok(())
    }

    /// Answers a flush that needs no request.
    pub(super) fn answer_at_once(&mut self, flush: u32) -> Transcript {
        Transcript::Final { text: self.take(), flush: Some(flush) }
    }

    /// Nothing is wanted any more.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    fn answer(&mut self) -> Option<Transcript> {
        let owed = self.flushes.pop_front()?;
        Some(self.answer_at_once(owed.flush))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for part in self.parts.iter().filter(|part| !part.text.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&part.text);
        }
        text
    }

    fn take(&mut self) -> Arc<str> {
        let text = self.text();
        self.partial.clear();
        for part in std::mem::take(&mut self.parts) {
            if part.span == Span::Unknown {
                continue;
            }
            if let Some(known) = self.given.iter_mut().find(|given| given.span.begins_with(part.span)) {
                known.text = [known.text.as_str(), &part.text].join(" ");
                known.settled = part.settled;
            } else {
                self.given.push_back(part);
            }
        }
        while self.given.len() > MOST_GIVEN {
            self.given.pop_front();
        }
        text.into()
    }

    /// What of `text` has not been given out; `None` when the report is a repetition.
    fn unsaid(&mut self, span: Span, text: &str, settled: bool) -> Option<String> {
        let Some(given) = self.given.iter().find(|given| given.span.begins_with(span)) else {
            return Some(text.to_owned());
        };
        if given.settled {
            // Turns are counted once. Windows can only be told by what was said in them.
            let repeated = matches!(span, Span::Turn(_)) || letters(&given.text).eq(letters(text));
            return (!repeated).then(|| text.to_owned());
        }
        let rest = behind(&given.text, text);
        if rest.is_empty() && settled {
            // The whole stretch has been given out. It is known to the end now.
            let span = given.span;
            self.given.iter_mut().filter(|given| given.span == span).for_each(|given| given.settled = true);
            self.parts.retain(|part| part.settled || !part.span.begins_with(span));
            return None;
        }
        Some(rest.to_owned())
    }

    /// Keeps the number of parts bounded when a server never ends a turn.
    fn merge_oldest(&mut self) {
        if self.parts.len() >= 2 {
            let oldest = self.parts.remove(0);
            if let Some(next) = self.parts.first_mut() {
                let both = [oldest.text, std::mem::take(&mut next.text)].join(" ");
                both.trim().clone_into(&mut next.text);
                next.settled = true;
            }
        }
    }
}

impl Span {
    /// Whether both are about the same stretch: servers know it by its beginning.
    const fn begins_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Window { start: one, .. }, Self::Window { start: other, .. }) => one.abs_diff(other) <= SAME_MS,
            (Self::Turn(one), Self::Turn(other)) => one == other,
            _ => false,
        }
    }

    /// Whether words of this stretch that may change are among those of `newer`.
    const fn is_replaced_by(self, newer: Self) -> bool {
        match (self, newer) {
            (Self::Window { start, .. }, Self::Window { start: newer, end }) => start < end || start <= newer,
            (Self::Turn(one), Self::Turn(newer)) => one == newer,
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            _ => false,
        }
    }

    const fn is_before(self, other: Self) -> bool {
        match (self, other) {
            (Self::Window { start: one, .. }, Self::Window { start: other, .. })
            | (Self::Turn(one), Self::Turn(other)) => one < other,
            _ => false,
        }
    }
}

/// What `text` says behind what was `given` of it before: the same words, perhaps written otherwise or corrected.
fn behind<'a>(given: &str, text: &'a str) -> &'a str {
    let mut expected = letters(given).peekable();
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if expected.peek().is_none() {
            break;
        }
        if c.is_alphanumeric() {
            let same = c.to_lowercase().all(|c| expected.next() == Some(c));
            if !same {
                // The words were corrected: as many words as were given stand for them.
                return skip_words(text, given.split_whitespace().count());
            }
        }
        end = at + c.len_utf8();
    }
    if expected.peek().is_some() {
        return "";
    }
    let rest = &text[end..];
    // In the middle of a word that has grown: it was given out as it was.
    let rest = if end > 0 && rest.starts_with(char::is_alphanumeric) { skip_words(rest, 1) } else { rest };
    rest.trim_start_matches(|c: char| !c.is_alphanumeric()).trim_end()
}

fn skip_words(text: &str, count: usize) -> &str {
    let mut rest = text.trim_start();
    for _ in 0..count {
        rest = rest.find(char::is_whitespace).map_or("", |end| rest[end..].trim_start());
    }
    rest
}

/// What is heard of a text: no case, no punctuation.
fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// A turn of more parts than this is a server that never ends one.
const MOST_PARTS: usize = 256;
/// How many stretches are remembered after they were given out.
const MOST_GIVEN: usize = 16;
/// Beginnings of one window differ by rounding only, in ms.
const SAME_MS: u64 = 20;
/// How far a server's count of the audio may be off, in ms.
const SLACK_MS: u64 = 500;
/// So much of a caller's voice without a message is no hesitation, in ms: servers that tell what may still change do so at least
/// every second (Deepgram, "Using Interim Results", November 2026).
const DEAF_MS: u64 = 1500;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: u64, end: u64) -> Span {
        Span::Window { start, end }
    }

    fn text(transcript: Option<Transcript>) -> String {
        match transcript {
            Some(Transcript::Partial(text) | Transcript::Final { text, .. }) => text.to_string(),
            Some(other) => panic!("{other:?}"),
            None => "-".to_owned(),
        }
    }

    #[test]
    fn words_are_given_out_once() {
        let mut ledger = Ledger::new();
        ledger.hear(window(0, 500), "i need", false);
        assert_eq!(text(ledger.partial()), "i need");
        assert_eq!(text(ledger.partial()), "-");
        ledger.hear(window(0, 1000), "I need to", true);
        ledger.hear(window(1000, 1500), "cancel", false);
        assert_eq!(text(ledger.partial()), "I need to cancel");
        assert!(ledger.is_open());
        ledger.hear(window(1000, 1800), "cancel.", true);
        assert_eq!(text(ledger.close_turn()), "I need to cancel.");
        ledger.hear(window(1000, 1800), "Cancel", true);
        assert_eq!(text(ledger.close_turn()), "-", "the same final again");
        ledger.hear(window(1000, 1800), "another clock that begins anew", true);
        assert_eq!(text(ledger.close_turn()), "another clock that begins anew");
    }

    #[test]
    fn finals_out_of_order_are_put_in_order() {
        let mut ledger = Ledger::new();
        ledger.hear(window(2000, 3000), "on Friday", true);
        ledger.hear(window(0, 2000), "See you", true);
        ledger.hear(Span::Unknown, "then", true);
        assert_eq!(text(ledger.close_turn()), "See you on Friday then");
    }

    #[test]
    fn a_window_that_moved_replaces_what_it_covers() {
        let mut ledger = Ledger::new();
        ledger.hear(window(3240, 4000), "to mor", false);
        ledger.hear(window(3180, 4200), "tomorrow", true);
        assert_eq!(text(ledger.close_turn()), "tomorrow");
    }

    #[test]
    fn a_flush_that_could_not_wait_does_not_repeat_words() {
        let mut ledger = Ledger::new();
        ledger.hear(Span::Turn(3), "can you move", false);
        ledger.stirred(1500);
        ledger.owe(7, Duration::from_millis(400), 2000);
        assert!(ledger.owes());
        let mut out = Vec::new();
        ledger.answer_due(Duration::from_millis(399), &mut out).unwrap();
        assert!(out.is_empty());
        ledger.answer_due(Duration::from_millis(400), &mut out).unwrap();
        assert_eq!(out, [Transcript::Final { text: "can you move".into(), flush: Some(7) }]);
        ledger.hear(Span::Turn(3), "Can you move it", false);
        assert_eq!(text(ledger.partial()), "it");
        ledger.hear(Span::Turn(3), "Can you move it to Friday?", true);
        assert_eq!(text(ledger.close_turn()), "it to Friday?");
        ledger.hear(Span::Turn(3), "Can you move it to Friday?", true);
        assert_eq!(text(ledger.close_turn()), "-");
    }

    #[test]
    fn what_stands_behind() {
        for (given, text, rest) in [
            ("can you", "Can you move?", "move?"),
            ("can you", "Can you?", ""),
            ("can you", "can", ""),
            ("i knead", "I need to go", "to go"),
            ("can", "cannot go", "go"),
            ("", "hello", "hello"),
            ("你好", "你好。再见", "再见"),
            ("नमस्ते", "नमस्ते। ठीक", "ठीक"),
        ] {
            assert_eq!(behind(given, text), rest, "{given:?} {text:?}");
        }
    }

    #[test]
    fn a_late_acknowledgement_is_not_the_next_one() {
        let mut ledger = Ledger::new();
        let mut out = Vec::new();
        ledger.owe(1, Duration::from_millis(400), 1000);
        ledger.answer_due(Duration::from_millis(400), &mut out).unwrap();
        ledger.owe(2, Duration::from_millis(900), 4000);
        ledger.hear(window(0, 1000), "late", true);
        assert_eq!(ledger.acknowledged(Some(1000)), None);
        assert_eq!(ledger.acknowledged(Some(4000)), Some(Transcript::Final { text: "late".into(), flush: Some(2) }));
        assert_eq!(ledger.acknowledged(Some(4000)), None, "nothing is owed");
    }

    #[test]
    fn a_server_that_takes_everything_and_says_nothing_is_deaf() {
        let mut ledger = Ledger::new();
        let mut out = Vec::new();
        let (due, later) = (Duration::from_millis(400), Duration::from_millis(900));
        ledger.stirred(1000);
        ledger.owe(1, due, 1000 + DEAF_MS - 1);
        ledger.answer_due(due, &mut out).unwrap();
        assert_eq!(out, [Transcript::Final { text: "".into(), flush: Some(1) }], "too little to tell");
        ledger.owe(2, later, 1000 + DEAF_MS);
        assert_eq!(ledger.answer_due(later, &mut out).unwrap_err().class, ErrorClass::Timeout);
        assert_eq!(out.len(), 1, "another listener answers it");
        ledger.stirred(1001);
        ledger.answer_due(later, &mut out).unwrap();
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn parts_are_bounded() {
        let mut ledger = Ledger::new();
        for at in 0..10_000 {
            ledger.hear(window(at * 100, at * 100 + 100), "la", true);
        }
        assert_eq!(ledger.parts.len(), MOST_PARTS);
        assert_eq!(text(ledger.close_turn()).split(' ').count(), 10_000);
        assert!(ledger.given.len() <= MOST_GIVEN);
    }
}
