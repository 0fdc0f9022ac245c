use std::time::Duration;

use operetta_audio::{Format, g711};
use operetta_contract::{Complete, Completion, Job, Next, Nothing, Outcome, Speech, Synthesize};

/// A job that another provider can take over.
pub trait Resume: Outcome<Feed: Clone> + Clone {
    /// What has to be remembered for that while the job runs.
    type Memory: Memory<Self>;
    /// What its output is called in messages for a person: `audio`, `words`.
    const OUTPUT: &'static str;

    /// The job as it is asked of a provider that is to use a voice of its own. Jobs without a voice stay as they are.
    #[must_use]
    fn cast(self, voice: Option<&str>) -> Self {
        let _ = voice;
        self
    }

    /// What is remembered at the beginning.
    fn memory(&self) -> Self::Memory;
}

/// What a relay remembers of a job, so that another provider can go on where one fell.
pub trait Memory<J: Job>: 'static {
    /// The asker has fed a piece.
    fn fed(&mut self, piece: J::Feed, now: Duration);

    /// The next piece that the provider which works now has not got.
    fn next_piece(&self) -> Option<&J::Feed>;

    /// The provider has got that piece.
    fn took_piece(&mut self);

    /// An event is about to be told to the asker. What must not reach it as it is may be changed.
    fn told(&mut self, event: &mut J::Event) -> Word;

    /// Whether an output that comes now is of any use. What is not is held back until something useful comes, and is no answer
    /// to who waits for the first.
    fn is_useful(&self, event: &J::Event) -> bool {
        let _ = event;
        true
    }

    /// Whether the job may end well with `event`, after what was told until now. If not, it was an empty success.
    fn suffices(&self, event: &J::Event) -> bool;

    /// Whether another provider can take over now.
    fn may_resume(&self) -> bool;

    /// The job as it is asked of the next provider, which gets every piece that [`next_piece`](Self::next_piece) yields from
    /// now on.
    fn resumed(&mut self, job: &J) -> J;

    /// What the asker waits for.
    fn debt(&self) -> Debt;

    /// How long what the present provider has said lasts when it is heard; `None` for what nobody hears. Who falls behind that by
    /// more than a gap may be has as good as stopped.
    fn lasts(&self) -> Option<Duration> {
        None
    }
}

/// What the memory makes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is to be told.
    Tell,
    /// It is to be told, and answers what the asker has been waiting for since that reading of the clock.
    Answer {
        /// When the asker began to wait.
        since: Duration,
    },
    /// It was told before, or nobody asked: it is dropped.
    Drop,
}

/// What an asker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Debt {
    /// Nothing: silence is right.
    Nothing,
    /// The next output.
    Output,
    /// The final that answers a flush.
    Final {
        /// When the oldest unanswered flush came.
        since: Duration,
    },
}

impl Resume for Synthesize {
    type Memory = Spoken;
    const OUTPUT: &'static str = "audio";

    fn cast(self, voice: Option<&str>) -> Self {
        match voice {
            Some(voice) => Self { voice: voice.into(), ..self },
            None => self,
        }
    }

    fn memory(&self) -> Spoken {
        Spoken { format: self.format, told: 0, silent: 0 }
    }
}

/// Of an utterance: how much of it was spoken. Two voices in one sentence are worse than a sentence said again, and only the
/// call knows what the caller has heard of it.
#[derive(Debug)]
pub struct Spoken {
    format: Format,
    /// How many bytes of audio the present voice has said.
    told: usize,
    /// How many bytes of them, at the end, are silence.
    silent: usize,
}

impl Spoken {
    /// Less than this is no sound that anybody hears: another voice can say it all.
    const AUDIBLE_MS: u32 = 20;
    /// The longest silence within an utterance, in ms. A voice that sends more of it says nothing any more.
    const LONGEST_PAUSE_MS: u32 = 2_000;

    /// Whether this piece is silence on top of enough silence.
    fn is_too_silent(&self, audio: &[u8]) -> bool {
        let most = self.format.bytes_of_ms(Self::LONGEST_PAUSE_MS);
        self.silent + audio.len() > most && !can_be_heard(audio, self.format)
    }
}

impl Memory<Synthesize> for Spoken {
    fn fed(&mut self, piece: Nothing, _: Duration) {
        match piece {}
    }

    fn next_piece(&self) -> Option<&Nothing> {
        None
    }

    fn took_piece(&mut self) {}

    fn told(&mut self, event: &mut Speech) -> Word {
        let Speech::Audio(audio) = event else { return Word::Tell };
        if self.is_too_silent(audio) {
            return Word::Drop;
        }
        self.silent = if can_be_heard(audio, self.format) { 0 } else { self.silent + audio.len() };
        self.told += audio.len();
        Word::Tell
    }

    /// An utterance begins with its first sound, and ends with its last: a voice that sends minutes of silence has not begun, or
    /// is over.
    fn is_useful(&self, event: &Speech) -> bool {
        match event {
            Speech::Audio(audio) if self.told == 0 => can_be_heard(audio, self.format),
            Speech::Audio(audio) => !self.is_too_silent(audio),
            _ => true,
        }
    }

    fn suffices(&self, _: &Speech) -> bool {
        self.told > 0
    }

    fn may_resume(&self) -> bool {
        self.told < self.format.bytes_of_ms(Self::AUDIBLE_MS)
    }

    fn resumed(&mut self, job: &Synthesize) -> Synthesize {
        (self.told, self.silent) = (0, 0);
        job.clone()
    }

    fn debt(&self) -> Debt {
        Debt::Output
    }

    fn lasts(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.format.ms_of_bytes(self.told).into()))
    }
}

/// Whether there is any sound in it, be it faint: digital silence and the smallest steps of µ-law are none.
fn can_be_heard(audio: &[u8], format: Format) -> bool {
    let mut samples = Vec::with_capacity(audio.len());
    g711::decode_into(format.encoding, audio, &mut samples);
    samples.iter().any(|sample| sample.unsigned_abs() > FAINTEST)
}

/// What lies at or below this is silence. µ-law's smallest steps are 8 and 24.
const FAINTEST: u16 = 24;

impl Resume for Complete {
    type Memory = Replied;
    const OUTPUT: &'static str = "words";

    fn memory(&self) -> Replied {
        Replied { said: self.said.to_string(), letters: 0, called: false }
    }
}

/// Of a reply: what was said of it, which the next model continues. A reply that has called a tool is not continued: the next
/// model would know nothing of the call, and might make it again.
#[derive(Debug)]
pub struct Replied {
    said: String,
    /// How many letters of it the present model has said; white space is none.
    letters: u32,
    called: bool,
}

impl Replied {
    /// How long a letter keeps a voice busy at most, in ms. Fifteen a second is how people speak; a model that comes with fewer
    /// than five leaves the caller waiting.
    const LETTER_MS: u32 = 200;
}

impl Memory<Complete> for Replied {
    fn fed(&mut self, piece: Nothing, _: Duration) {
        match piece {}
    }

    fn next_piece(&self) -> Option<&Nothing> {
        None
    }

    fn took_piece(&mut self) {}

    fn told(&mut self, event: &mut Completion) -> Word {
        match event {
            Completion::Text(text) => {
                self.said.push_str(text);
                let letters = text.chars().filter(|c| !c.is_whitespace()).count();
                self.letters = self.letters.saturating_add(letters as u32);
            }
            Completion::Call(_) => self.called = true,
            Completion::Switched(_) | Completion::Done(_) | Completion::Failed(_) | Completion::Lost => {}
        }
        Word::Tell
    }

    fn suffices(&self, event: &Completion) -> bool {
        // To hang up or to transfer without another word is an answer; to say nothing and listen is none.
        self.called || !self.said.trim().is_empty() || !matches!(event, Completion::Done(Next::Listen))
    }

    fn may_resume(&self) -> bool {
        !self.called
    }

    fn resumed(&mut self, job: &Complete) -> Complete {
        self.letters = 0;
        Complete { said: self.said.as_str().into(), ..job.clone() }
    }

    fn debt(&self) -> Debt {
        Debt::Output
    }

    fn lasts(&self) -> Option<Duration> {
        Some(Duration::from_millis(u64::from(self.letters) * u64::from(Self::LETTER_MS)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use operetta_contract::ToolCall;

    use super::*;

    fn complete(said: &str) -> Complete {
        Complete {
            prompt: "Be kind.".into(),
            language: "en-IN".into(),
            tools: Arc::from([]),
            dialogue: Vec::new(),
            said: said.into(),
        }
    }

    #[test]
    fn the_next_model_goes_on_behind_what_was_said() {
        let job = complete("Well, ");
        let mut memory = job.memory();
        memory.told(&mut Completion::Text("we open".into()));
        memory.told(&mut Completion::Text(" at nine".into()));
        assert!(memory.may_resume());
        assert_eq!(memory.resumed(&job), complete("Well, we open at nine"));
    }

    #[test]
    fn a_tool_is_not_called_twice() {
        let job = complete("");
        let mut memory = job.memory();
        let call = ToolCall { id: "1".into(), name: "book".into(), arguments: "{}".into(), seal: None };
        memory.told(&mut Completion::Call(call));
        assert!(!memory.may_resume());
        assert!(memory.suffices(&Completion::Done(Next::Listen)));
    }

    #[test]
    fn silence_is_an_answer_only_where_the_call_goes_on_without_a_word() {
        let memory = complete("").memory();
        assert!(!memory.suffices(&Completion::Done(Next::Listen)));
        assert!(memory.suffices(&Completion::Done(Next::HangUp)));
        assert!(memory.suffices(&Completion::Done(Next::Transfer)));
        let continued = complete("We open at nine.").memory();
        assert!(continued.suffices(&Completion::Done(Next::Listen)), "there may be nothing to add");
    }
}
