use std::sync::Arc;

/// The bounds that hold before anything is known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the carrier may take to start the stream, in ms.
    pub start_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { start_ms: 10_000 }
    }
}

/// How one agent behaves in a call. Fixed when the call starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much of the engine the call uses.
    pub mode: Mode,
    /// Whether the caller may interrupt the agent.
    pub barge_in: bool,
    /// One provider hears, thinks and speaks for the agent. When it fails, the ones for each of these take over.
    pub whole: bool,
    /// What follows the recorded apology when every provider of a kind has failed.
    pub on_failure: OnFailure,
    /// What the agent says by itself.
    pub lines: Lines,
    /// How long the agent waits for what.
    pub timing: Timing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Full,
            barge_in: true,
            whole: false,
            on_failure: OnFailure::Retry,
            lines: Lines::default(),
            timing: Timing::default(),
        }
    }
}

/// What an agent does when its providers have failed and it has apologised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Listens: the next turn may succeed.
    Retry,
    /// Leaves the stream, so that the carrier's flow connects the caller to a person.
    Transfer,
    /// Says goodbye, as far as it can, and ends the call.
    Goodbye,
}

/// How much of the engine a call uses: the steps of bringing up a new carrier account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The socket only: no audio is sent.
    Bare,
    /// A short tone and a mark.
    Beep,
    /// The whole agent.
    Full,
}

/// What the agent says by itself, in its own language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The first words.
    pub greeting: Arc<str>,
    /// After a long silence of the caller.
    pub still_there: Arc<str>,
    /// When something was said and could not be understood.
    pub not_understood: Arc<str>,
    /// When something was said and there is nobody to understand it: keys still work.
    pub use_keys: Arc<str>,
    /// The last words.
    pub goodbye: Arc<str>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            greeting: "Hello, how can I help you?".into(),
            still_there: "Are you still there?".into(),
            not_understood: "Sorry, I did not get that. Could you say it again?".into(),
            use_keys: "Sorry, I cannot understand speech at the moment. Please use the keys of your telephone.".into(),
            goodbye: "Thank you for calling. Goodbye.".into(),
        }
    }
}

/// How long the agent waits for what. All in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Silence of the line, while speech is due, after which comfort silence is sent: carriers hang up on nothing.
    pub comfort_after_ms: u32,
    /// Silence of the line, while speech is due, after which the recorded prompt is played.
    pub fallback_after_ms: u32,
    /// The longest that an utterance may take to become audible.
    pub first_audio_ms: u32,
    /// The longest gap inside an utterance.
    pub audio_gap_ms: u32,
    /// The longest that the mind may take to its first sentence, and from one to the next.
    pub mind_ms: u32,
    /// Voiced time after which the detector reports speech: shorter noises do not interrupt.
    pub speech_ms: u32,
    /// Silence of the caller that ends a turn, from the last voiced sample.
    pub endpoint_ms: u32,
    /// Silence after which the detector reports a pause; the rest of `endpoint_ms` is waited for here.
    pub pause_ms: u32,
    /// The longest wait for the final transcript after a pause.
    pub final_ms: u32,
    /// The longest speech without a pause: what goes on longer is not speech.
    pub monologue_ms: u32,
    /// Pause between two digits that ends a number.
    pub digits_ms: u32,
    /// Silence of both sides after which the caller is asked whether they are there.
    pub idle_ms: u32,
    /// How often the caller is asked before the agent says goodbye. A count.
    pub idle_prompts: u32,
    /// How long a mark may be late against its estimate before it counts as played.
    pub mark_grace_ms: u32,
    /// The longest time without anything from the carrier.
    pub media_gap_ms: u32,
    /// The longest call.
    pub call_ms: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            comfort_after_ms: 900,
            fallback_after_ms: 2500,
            first_audio_ms: 10_000,
            audio_gap_ms: 3000,
            mind_ms: 8000,
            speech_ms: 200,
            endpoint_ms: 700,
            pause_ms: 300,
            final_ms: 4000,
            monologue_ms: 30_000,
            digits_ms: 2000,
            idle_ms: 10_000,
            idle_prompts: 2,
            mark_grace_ms: 2500,
            media_gap_ms: 30_000,
            call_ms: 3_600_000,
        }
    }
}
