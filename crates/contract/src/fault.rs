use std::fmt;

use crate::{Blame, ErrorClass, ProviderError, Role};

/// A stable code for something that went wrong: the same in the log (`fault`), in metrics (`operetta_faults_total`), in the
/// record of a call and in docs/ERRORS.md, which is made from this file.
///
/// A code is never given to another meaning, and never used again when its meaning is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "what each means is in its row, where docs/ERRORS.md takes it from")]
pub enum FaultCode {
    Database,
    Llm,
    Stt,
    Tts,
    ObjectStore,
    RateLimit,
    BreakerOpen,
    Signature,
    ConversationNotFound,
    Vad,
    Realtime,
    KeyRejected,
    QuotaExhausted,
    ProviderLacks,
    ProvidersFailed,
    NoStart,
    LegLost,
    LegStalled,
    MediaStopped,
    CarrierProtocol,
    StreamToken,
    NodeFull,
    NobodyToAsk,
    Bug,
    WorkerFell,
    WorkerPaused,
    RecordingFailed,
    RecordingPartial,
    PhraseNotReady,
    ConfigUnusable,
    CannotStart,
}

impl FaultCode {
    /// Every code, in order.
    pub const ALL: [Self; 31] = [
        Self::Database,
        Self::Llm,
        Self::Stt,
        Self::Tts,
        Self::ObjectStore,
        Self::RateLimit,
        Self::BreakerOpen,
        Self::Signature,
        Self::ConversationNotFound,
        Self::Vad,
        Self::Realtime,
        Self::KeyRejected,
        Self::QuotaExhausted,
        Self::ProviderLacks,
        Self::ProvidersFailed,
        Self::NoStart,
        Self::LegLost,
        Self::LegStalled,
        Self::MediaStopped,
        Self::CarrierProtocol,
        Self::StreamToken,
        Self::NodeFull,
        Self::NobodyToAsk,
        Self::Bug,
        Self::WorkerFell,
        Self::WorkerPaused,
        Self::RecordingFailed,
        Self::RecordingPartial,
        Self::PhraseNotReady,
        Self::ConfigUnusable,
        Self::CannotStart,
    ];

    /// The code of a provider's failure in a role. What only a person can mend, and what says more than that the role failed,
    /// has a code of its own.
    pub const fn of(role: Role, error: &ProviderError) -> Self {
        Self::of_class(role, error.class)
    }

    /// The code of a class of failures in a role: see [`of`](Self::of).
    pub const fn of_class(role: Role, class: ErrorClass) -> Self {
        match class {
            ErrorClass::Busy | ErrorClass::RateLimited => Self::RateLimit,
            ErrorClass::BreakerOpen => Self::BreakerOpen,
            ErrorClass::Auth => Self::KeyRejected,
            ErrorClass::Quota => Self::QuotaExhausted,
            ErrorClass::Missing => Self::ProviderLacks,
            ErrorClass::Timeout
            | ErrorClass::Closed
            | ErrorClass::Unavailable
            | ErrorClass::Protocol
            | ErrorClass::Empty
            | ErrorClass::BadRequest
            | ErrorClass::TooLong
            | ErrorClass::Refused
            | ErrorClass::SessionExpired
            | ErrorClass::Internal => match role {
                Role::Vad => Self::Vad,
                Role::Stt => Self::Stt,
                Role::Llm => Self::Llm,
                Role::Tts => Self::Tts,
                Role::Realtime => Self::Realtime,
            },
        }
    }

    /// The code: `E` and three digits.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// What went wrong, in a few words.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What it means.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// What the engine does by itself.
    pub const fn engine(self) -> &'static str {
        self.row().engine
    }

    /// What an operator should do.
    pub const fn operator(self) -> &'static str {
        self.row().operator
    }

    /// Who has to act if it does not pass by itself.
    pub const fn blame(self) -> Blame {
        self.row().blame
    }

    /// The part of the engine that is yet to come and brings this code; `None` for codes that can occur.
    pub const fn reserved_for(self) -> Option<&'static str> {
        match self {
            Self::Database | Self::ConversationNotFound => Some("records of calls"),
            Self::ObjectStore => Some("recordings in an object store"),
            _ => None,
        }
    }

    #[expect(clippy::too_many_lines, reason = "it is a table")]
    const fn row(self) -> Row {
        use Blame::{Carrier, Operator, Provider, Us};
        match self {
            Self::Database => Row {
                code: "E001",
                title: "the database does not answer",
                meaning: "A record could not be read or written.",
                engine: "Calls go on; records wait on disk and are written later.",
                operator: "Look at the database, its disk and its connections.",
                blame: Operator,
            },
            Self::Llm => Row {
                code: "E003",
                title: "a language model failed",
                meaning: "A model gave no reply, a broken one or an empty one, or was too slow, and the failure has no code of its own. \
                          `operetta_provider_errors_total` has provider and class.",
                engine: "Asks the next model of the list with the same conversation, from the words on that the caller has not heard. \
                         When none is left, the caller hears the recorded apology, and then what `on_failure` says happens.",
                operator: "If it goes on: `operetta doctor --providers`, the provider's status page; put another model into \
                           `roles.llm`.",
                blame: Provider,
            },
            Self::Stt => Row {
                code: "E004",
                title: "speech recognition failed",
                meaning: "A recogniser died, was too slow with the last words of a caller, or sent nonsense.",
                engine: "Goes on with the next recogniser of the list and feeds it the audio since the last final words. When none is \
                         left, the caller is told to use the keys of the telephone.",
                operator: "If it goes on: `operetta doctor --providers`; put another recogniser into `roles.stt`.",
                blame: Provider,
            },
            Self::Tts => Row {
                code: "E005",
                title: "speech synthesis failed",
                meaning: "A voice sent no audio, or stopped in the middle of a sentence, or was too slow.",
                engine: "Goes on with the next voice of the list, from the first sentence that the caller has not heard. When none is \
                         left, the caller hears the recorded apology.",
                operator: "If it goes on: `operetta doctor --providers`; put another voice into `roles.tts`. `embedded` needs no network.",
                blame: Provider,
            },
            Self::ObjectStore => Row {
                code: "E010",
                title: "the object store does not answer",
                meaning: "A recording could not be uploaded.",
                engine: "Keeps the file and tries again.",
                operator: "Look at the store's credentials, bucket and quota.",
                blame: Operator,
            },
            Self::RateLimit => Row {
                code: "E011",
                title: "a provider has no room",
                meaning: "A provider refused a request because there were too many of them, at once or in a short time.",
                engine: "Honours `Retry-After`, lets a few requests wait for a bounded time, and asks the next provider of the list.",
                operator: "Set `max_at_once` of the provider to what your plan allows, or get a larger plan.",
                blame: Operator,
            },
            Self::BreakerOpen => Row {
                code: "E012",
                title: "a circuit breaker opened",
                meaning: "A provider failed 5 times in a row, or in half of 20 requests, or said that its key or its account is no good.",
                engine: "Does not ask it for `breaker_pause_secs`, so that callers do not wait for it; then tries one request at a \
                         time, and closes the breaker after 3 good ones.",
                operator: "Nothing, if another provider is in the list. `POST /providers/NAME/breaker` on the admin listener opens or \
                           closes it by hand; `operetta doctor --providers` says what is wrong.",
                blame: Provider,
            },
            Self::Signature => Row {
                code: "E013",
                title: "a carrier's request proves nothing",
                meaning: "A webhook or a media socket came with a wrong or missing signature, password or secret.",
                engine: "Refuses it with 401 or 403 before reading its body.",
                operator: "While an account is being set up: compare `http.public_url` and the tokens with the carrier's console. \
                           Later: somebody is knocking.",
                blame: Operator,
            },
            Self::ConversationNotFound => Row {
                code: "E014",
                title: "no such conversation",
                meaning: "An operator or a program asked for a call that is not on record.",
                engine: "Answers 404.",
                operator: "Compare the id with the list of calls.",
                blame: Operator,
            },
            Self::Vad => Row {
                code: "E101",
                title: "voice detection failed",
                meaning: "The detector of speech died or could not keep up.",
                engine: "Starts another one; until then loudness alone decides who speaks.",
                operator: "If it goes on: give it threads (`speech.vad_threads`), or the node fewer calls.",
                blame: Us,
            },
            Self::Realtime => Row {
                code: "E102",
                title: "speech to speech failed",
                meaning: "A model that listens and speaks at once was cut off, was too slow or sent nonsense.",
                engine: "Opens another session with the conversation so far. When nothing came of the one that failed, or the \
                         second one fails before it has answered, the call goes on with `stt`, `llm` and `tts` to its end.",
                operator: "If it goes on: `operetta doctor --providers`.",
                blame: Provider,
            },
            Self::KeyRejected => Row {
                code: "E103",
                title: "a provider rejects its key",
                meaning: "The key is wrong, was revoked, or may not do this.",
                engine: "Opens the breaker at once and goes on with the next provider of the list: the same request cannot succeed.",
                operator: "Set a valid key and start the engine again.",
                blame: Operator,
            },
            Self::QuotaExhausted => Row {
                code: "E104",
                title: "a provider's account is used up",
                meaning: "The account is out of money or over its limit.",
                engine: "Opens the breaker at once and goes on with the next provider of the list.",
                operator: "Top the account up; the breaker finds out by itself.",
                blame: Operator,
            },
            Self::ProviderLacks => Row {
                code: "E105",
                title: "a provider lacks what it is asked for",
                meaning: "The model, the voice or the plan does not exist there (makers shut models down), or a model file is not on disk.",
                engine: "Opens the breaker at once and goes on with the next provider of the list.",
                operator: "Correct `model` or `voice` of the provider; for `embedded`, run `make models`.",
                blame: Operator,
            },
            Self::ProvidersFailed => Row {
                code: "E106",
                title: "a call ended because all providers failed",
                meaning: "Every provider of a role failed, and the agent's `on_failure` is `goodbye`.",
                engine: "Plays the recorded apology, says goodbye as far as it can, and hangs up.",
                operator: "See the codes of the providers just before; put `embedded` at the end of each list.",
                blame: Provider,
            },
            Self::NoStart => Row {
                code: "E110",
                title: "a stream never started",
                meaning: "A socket was opened and no `start` came within `http.leg.start_secs`.",
                engine: "Closes the socket.",
                operator: "Look at the carrier's flow: is it a stream that is connected there?",
                blame: Carrier,
            },
            Self::LegLost => Row {
                code: "E111",
                title: "a leg was lost",
                meaning: "The carrier's socket went away without a word, or was silent, pongs included, for `http.leg.dead_secs`.",
                engine: "Ends the call and keeps its recording.",
                operator: "If it happens often: look at the network and at proxies between the carrier and here, and their timeouts.",
                blame: Carrier,
            },
            Self::LegStalled => Row {
                code: "E112",
                title: "a leg was not read",
                meaning: "The carrier refused to read for `http.leg.stall_ms`.",
                engine: "Shuts the socket down and ends the call.",
                operator: "If it happens often: look at the network towards the carrier.",
                blame: Carrier,
            },
            Self::MediaStopped => Row {
                code: "E113",
                title: "media stopped",
                meaning: "The socket was open and nothing came over it any more.",
                engine: "Ends the call.",
                operator: "If it happens often: report the call ids to the carrier.",
                blame: Carrier,
            },
            Self::CarrierProtocol => Row {
                code: "E114",
                title: "a carrier broke the protocol",
                meaning: "The `start` of a stream could not be used, or the socket broke RFC 6455 or our limits: a bad frame, text that is \
                          not UTF-8, a message that is too large.",
                engine: "Closes the socket with the code that says why (1002, 1007, 1008, 1009).",
                operator: "`operetta_ws_closes_total` has the cause. Report it to the carrier, or find out who connects here.",
                blame: Carrier,
            },
            Self::StreamToken => Row {
                code: "E115",
                title: "a stream came without a valid token",
                meaning: "The token that the webhook gave out is missing, wrong, spent, too old or another call's.",
                engine: "Closes the socket before anybody is asked for anything.",
                operator: "While an account is being set up: the flow must pass the parameter on. Later: somebody is knocking.",
                blame: Operator,
            },
            Self::NodeFull => Row {
                code: "E116",
                title: "the node is full",
                meaning: "A call came and `http.max_calls` calls were live.",
                engine: "Tells the carrier at the webhook, or closes the socket with 1013, so that its flow can go elsewhere.",
                operator: "Add nodes, or raise the limit if `operetta_arbiter_lag_seconds` allows it.",
                blame: Operator,
            },
            Self::NobodyToAsk => Row {
                code: "E117",
                title: "admission did not answer",
                meaning: "A call came and the part of the engine that lets calls in did not answer in time.",
                engine: "Closes the socket with 1013.",
                operator: "The machine is overloaded: look at `operetta_arbiter_lag_seconds`.",
                blame: Us,
            },
            Self::Bug => Row {
                code: "E120",
                title: "the call machine failed",
                meaning: "A fault of the engine ended a call.",
                engine: "Closes that call with 1011; all others go on.",
                operator: "Please report the log lines of the call.",
                blame: Us,
            },
            Self::WorkerFell => Row {
                code: "E121",
                title: "a worker was started again",
                meaning: "A worker panicked or stopped. `operetta_actor_restarts_total` says which.",
                engine: "Starts a fresh one at once. Its jobs are done by the next provider of the list, or once more.",
                operator: "Nothing for one; please report the panic in the log.",
                blame: Us,
            },
            Self::WorkerPaused => Row {
                code: "E122",
                title: "a worker falls again and again",
                meaning: "A worker fell more than 5 times in 10 s.",
                engine: "Starts it again after pauses of 1 s to 60 s; jobs go to the next provider of the list meanwhile.",
                operator: "Please report the panic in the log; take the provider out of the list if it is one.",
                blame: Us,
            },
            Self::RecordingFailed => Row {
                code: "E130",
                title: "a recording was not kept",
                meaning: "The file could not be opened, written or closed.",
                engine: "The call goes on.",
                operator: "Look at `recording.dir`: free space, permissions.",
                blame: Operator,
            },
            Self::RecordingPartial => Row {
                code: "E131",
                title: "a recording has gaps",
                meaning: "The disk was too slow, and half seconds were dropped.",
                engine: "The recording has silence there.",
                operator: "Use a faster disk for `recording.dir`.",
                blame: Operator,
            },
            Self::PhraseNotReady => Row {
                code: "E140",
                title: "a greeting or line is not ready",
                meaning: "What every call says could not be rendered ahead of time.",
                engine: "Tries again with growing pauses. Meanwhile the first words of a call are rendered while the caller waits.",
                operator: "See the codes of the voices just before; `operetta speak --warm` fills the cache before calls come.",
                blame: Operator,
            },
            Self::ConfigUnusable => Row {
                code: "E150",
                title: "the configuration is not usable",
                meaning: "Settings are wrong, do not fit each other, name a provider that lacks its key, or would open the engine to \
                          strangers.",
                engine: "Ends with code 78 before a port is bound, and tells all problems with their remedies.",
                operator: "`operetta check-config FILE`.",
                blame: Operator,
            },
            Self::CannotStart => Row {
                code: "E151",
                title: "the engine cannot start",
                meaning: "An address is taken, a folder cannot be made, a model file or a certificate cannot be read.",
                engine: "Ends with code 1 and tells which, and what to set.",
                operator: "Do what the message says.",
                blame: Operator,
            },
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

struct Row {
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    engine: &'static str,
    operator: &'static str,
    blame: Blame,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(FaultCode::ALL.is_sorted_by(|one, next| one < next && one.code() < next.code()));
        for fault in FaultCode::ALL {
            let digits = fault.code().strip_prefix('E').unwrap_or_default();
            assert!(digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()), "{fault}");
        }
    }

    #[test]
    fn a_failure_has_the_code_of_its_role_unless_it_says_more() {
        let code = |role, class| FaultCode::of(role, &ProviderError::new(class, "why")).code();
        for (class, stt, llm, tts) in [
            (ErrorClass::Timeout, "E004", "E003", "E005"),
            (ErrorClass::Empty, "E004", "E003", "E005"),
            (ErrorClass::RateLimited, "E011", "E011", "E011"),
            (ErrorClass::Busy, "E011", "E011", "E011"),
            (ErrorClass::BreakerOpen, "E012", "E012", "E012"),
            (ErrorClass::Auth, "E103", "E103", "E103"),
            (ErrorClass::Quota, "E104", "E104", "E104"),
            (ErrorClass::Missing, "E105", "E105", "E105"),
        ] {
            assert_eq!([code(Role::Stt, class), code(Role::Llm, class), code(Role::Tts, class)], [stt, llm, tts]);
        }
        assert_eq!(code(Role::Vad, ErrorClass::Closed), "E101");
        assert_eq!(code(Role::Realtime, ErrorClass::Closed), "E102");
    }
}
