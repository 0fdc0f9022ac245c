use prometheus_client::metrics::MetricType;

/// Every metric of the engine, besides those of HTTP requests and of the process. Each is a row of docs/METRICS.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the text of each is in `help`, where the person who scrapes can read it too")]
pub enum Metric {
    BuildInfo,
    CallsStarted,
    CallsEnded,
    CallsActive,
    CallsInState,
    CallsCapacity,
    CallDuration,
    GreetingFirstAudio,
    GreetingCache,
    TurnLatency,
    Turns,
    BargeIns,
    EmptyTurns,
    AudioFrames,
    AudioDropped,
    PacerLateness,
    MessagesIgnored,
    MessagesUnreadable,
    MessagesBinary,
    StateUnexpected,
    StateTimeouts,
    StaleEvents,
    StalledKills,
    LegsOpen,
    LegsEnded,
    Jobs,
    JobsOpen,
    ProviderRequests,
    ProviderRejections,
    ProviderErrors,
    ProviderFirstOutput,
    ProviderRetries,
    ProviderFallbacks,
    ProviderTakeovers,
    ProviderHedges,
    ProviderHedgesWon,
    ProviderQueue,
    ProviderInUse,
    ProviderPaused,
    BreakerState,
    BreakerOpened,
    BreakerSteered,
    ProviderAudio,
    ProviderCharacters,
    ProviderTokens,
    PhraseLookups,
    PhraseEntries,
    PhraseBytes,
    PhraseFailures,
    Faults,
    ActorInstances,
    ActorDepth,
    ActorDepthMax,
    ActorWait,
    ActorHandle,
    ActorMessages,
    ActorRestarts,
    ActorPanics,
    ArbiterLag,
    ArbiterBusy,
    Recordings,
    RecordingBlocksDropped,
    Draining,
    ProcessCpu,
    ProcessMemory,
    ProcessFds,
    ProcessMaxFds,
    ProcessThreads,
}

impl Metric {
    /// Every metric, in the order in which they are exported.
    pub const ALL: [Self; 68] = [
        Self::BuildInfo,
        Self::CallsStarted,
        Self::CallsEnded,
        Self::CallsActive,
        Self::CallsInState,
        Self::CallsCapacity,
        Self::CallDuration,
        Self::GreetingFirstAudio,
        Self::GreetingCache,
        Self::TurnLatency,
        Self::Turns,
        Self::BargeIns,
        Self::EmptyTurns,
        Self::AudioFrames,
        Self::AudioDropped,
        Self::PacerLateness,
        Self::MessagesIgnored,
        Self::MessagesUnreadable,
        Self::MessagesBinary,
        Self::StateUnexpected,
        Self::StateTimeouts,
        Self::StaleEvents,
        Self::StalledKills,
        Self::LegsOpen,
        Self::LegsEnded,
        Self::Jobs,
        Self::JobsOpen,
        Self::ProviderRequests,
        Self::ProviderRejections,
        Self::ProviderErrors,
        Self::ProviderFirstOutput,
        Self::ProviderRetries,
        Self::ProviderFallbacks,
        Self::ProviderTakeovers,
        Self::ProviderHedges,
        Self::ProviderHedgesWon,
        Self::ProviderQueue,
        Self::ProviderInUse,
        Self::ProviderPaused,
        Self::BreakerState,
        Self::BreakerOpened,
        Self::BreakerSteered,
        Self::ProviderAudio,
        Self::ProviderCharacters,
        Self::ProviderTokens,
        Self::PhraseLookups,
        Self::PhraseEntries,
        Self::PhraseBytes,
        Self::PhraseFailures,
        Self::Faults,
        Self::ActorInstances,
        Self::ActorDepth,
        Self::ActorDepthMax,
        Self::ActorWait,
        Self::ActorHandle,
        Self::ActorMessages,
        Self::ActorRestarts,
        Self::ActorPanics,
        Self::ArbiterLag,
        Self::ArbiterBusy,
        Self::Recordings,
        Self::RecordingBlocksDropped,
        Self::Draining,
        Self::ProcessCpu,
        Self::ProcessMemory,
        Self::ProcessFds,
        Self::ProcessMaxFds,
        Self::ProcessThreads,
    ];

    /// The name as it is exported, without the `_total` that the exposition adds to counters.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The name as it is scraped.
    pub fn scraped_name(self) -> String {
        match self.kind() {
            MetricType::Counter => format!("{}_total", self.name()),
            MetricType::Info => format!("{}_info", self.name()),
            _ => self.name().into(),
        }
    }

    /// What kind of metric it is.
    pub const fn kind(self) -> MetricType {
        self.row().1
    }

    /// What it measures.
    pub const fn help(self) -> &'static str {
        self.row().2
    }

    #[expect(clippy::too_many_lines, reason = "it is a table")]
    const fn row(self) -> (&'static str, MetricType, &'static str) {
        use MetricType::{Counter, Gauge, Histogram, Info};
        match self {
            Self::BuildInfo => ("operetta_build", Info, "Build facts as labels"),
            Self::CallsStarted => ("operetta_calls_started", Counter, "Legs accepted by this node"),
            Self::CallsEnded => ("operetta_calls_ended", Counter, "Calls ended, by how they ended"),
            Self::CallsActive => ("operetta_calls_active", Gauge, "Calls in progress"),
            Self::CallsInState => ("operetta_calls_in_state", Gauge, "Calls currently in each state"),
            Self::CallsCapacity => ("operetta_calls_capacity", Gauge, "Admission limit of this node"),
            Self::CallDuration => ("operetta_call_duration_seconds", Histogram, "Length of ended calls"),
            Self::GreetingFirstAudio => {
                ("operetta_greeting_first_audio_seconds", Histogram, "Start event received to first frame written")
            }
            Self::GreetingCache => ("operetta_greeting_cache_entries", Gauge, "Phrases held ready, over all lanes"),
            Self::TurnLatency => {
                ("operetta_turn_latency_seconds", Histogram, "Last voiced sample to first answer frame written")
            }
            Self::Turns => ("operetta_turns", Counter, "Turns of callers that were answered"),
            Self::BargeIns => ("operetta_barge_ins", Counter, "Caller speech that stopped the agent"),
            Self::EmptyTurns => ("operetta_turns_empty", Counter, "Detected speech in which no words were found"),
            Self::AudioFrames => ("operetta_audio_frames", Counter, "Media messages in and out"),
            Self::AudioDropped => ("operetta_audio_dropped", Counter, "Pieces of caller audio that nobody listened to"),
            Self::PacerLateness => {
                ("operetta_pacer_lateness_seconds", Histogram, "How late a frame is written against its schedule")
            }
            Self::MessagesIgnored => {
                ("operetta_ws_messages_ignored", Counter, "Messages understood and not acted on, by cause")
            }
            Self::MessagesUnreadable => ("operetta_ws_messages_unreadable", Counter, "Messages not understood"),
            Self::MessagesBinary => ("operetta_ws_messages_binary", Counter, "Binary messages where text is spoken"),
            Self::StateUnexpected => {
                ("operetta_state_unexpected_events", Counter, "Events that the current state does not accept")
            }
            Self::StateTimeouts => ("operetta_state_timeouts", Counter, "State deadlines that fired"),
            Self::StaleEvents => ("operetta_state_stale_events", Counter, "Events of jobs that nobody wanted any more"),
            Self::StalledKills => {
                ("operetta_ws_stalled_kills", Counter, "Sockets shut down because the peer stopped reading")
            }
            Self::LegsOpen => ("operetta_ws_connections", Gauge, "Open carrier sockets"),
            Self::LegsEnded => ("operetta_ws_closes", Counter, "Carrier sockets closed, by cause"),
            Self::Jobs => ("operetta_jobs", Counter, "Provider jobs, by what became of them"),
            Self::JobsOpen => ("operetta_jobs_open", Gauge, "Provider jobs that have not ended"),
            Self::ProviderRequests => {
                ("operetta_provider_requests", Counter, "Requests to providers that ended, by how")
            }
            Self::ProviderRejections => {
                ("operetta_provider_rejections", Counter, "Requests that were kept from a provider, by cause")
            }
            Self::ProviderErrors => ("operetta_provider_errors", Counter, "Failed requests to providers, by class"),
            Self::ProviderFirstOutput => (
                "operetta_provider_ttfb_seconds",
                Histogram,
                "Request to first useful output; of listeners, flush to final",
            ),
            Self::ProviderRetries => {
                ("operetta_provider_retries", Counter, "Requests asked again of the same provider")
            }
            Self::ProviderFallbacks => {
                ("operetta_provider_fallbacks", Counter, "Jobs that left a provider for another")
            }
            Self::ProviderTakeovers => {
                ("operetta_provider_takeovers", Counter, "Jobs that came to a provider from another")
            }
            Self::ProviderHedges => {
                ("operetta_provider_hedges", Counter, "Jobs asked of a provider while the one before it was late")
            }
            Self::ProviderHedgesWon => ("operetta_provider_hedges_won", Counter, "Hedges that were faster"),
            Self::ProviderQueue => ("operetta_provider_queue_depth", Gauge, "Jobs that wait for a seat at a provider"),
            Self::ProviderInUse => {
                ("operetta_provider_seats_in_use", Gauge, "Seats that are taken, at providers with a limit")
            }
            Self::ProviderPaused => {
                ("operetta_provider_paused_seconds", Gauge, "How much longer a provider wants to be left alone")
            }
            Self::BreakerState => {
                ("operetta_provider_breaker_state", Gauge, "1 for the current state of the breaker, 0 for the others")
            }
            Self::BreakerOpened => ("operetta_provider_breaker_opened", Counter, "How often the breaker opened"),
            Self::BreakerSteered => {
                ("operetta_provider_breaker_steered", Gauge, "1 while a person holds the breaker open or closed")
            }
            Self::ProviderAudio => {
                ("operetta_provider_audio_seconds", Counter, "Audio sent to and received from providers")
            }
            Self::ProviderCharacters => ("operetta_provider_characters", Counter, "Characters sent to be spoken"),
            Self::ProviderTokens => ("operetta_provider_tokens", Counter, "Tokens of language models, by type"),
            Self::PhraseLookups => {
                ("operetta_phrase_lookups", Counter, "Fixed phrases asked for, by where they were found")
            }
            Self::PhraseEntries => ("operetta_phrase_entries", Gauge, "Phrases kept, by place"),
            Self::PhraseBytes => ("operetta_phrase_bytes", Gauge, "What the phrases take, by place"),
            Self::PhraseFailures => {
                ("operetta_phrase_failures", Counter, "Phrases that were lost to the disk, by cause")
            }
            Self::Faults => ("operetta_faults", Counter, "Faults by their code"),
            Self::ActorInstances => ("operetta_actor_instances", Gauge, "Running actors of a type"),
            Self::ActorDepth => ("operetta_actor_mailbox_depth", Gauge, "Messages sent and not yet handled"),
            Self::ActorDepthMax => {
                ("operetta_actor_mailbox_depth_max", Gauge, "Deepest single mailbox since the last scrape")
            }
            Self::ActorWait => ("operetta_actor_mailbox_wait_seconds", Histogram, "Message sent to handler entered"),
            Self::ActorHandle => {
                ("operetta_actor_handle_seconds", Histogram, "Time inside the synchronous part of a handler")
            }
            Self::ActorMessages => ("operetta_actor_messages", Counter, "Messages by fate"),
            Self::ActorRestarts => ("operetta_actor_restarts", Counter, "Actors started again by their supervisor"),
            Self::ActorPanics => ("operetta_actor_panics", Counter, "Panics caught in an actor task"),
            Self::ArbiterLag => {
                ("operetta_arbiter_lag_seconds", Histogram, "How late a 100 ms timer fires on each event loop")
            }
            Self::ArbiterBusy => ("operetta_arbiter_busy_seconds", Counter, "Time the event loop spent polling tasks"),
            Self::Recordings => ("operetta_recordings", Counter, "Recordings finished"),
            Self::RecordingBlocksDropped => {
                ("operetta_recording_blocks_dropped", Counter, "Half seconds of recording lost to a slow disk")
            }
            Self::Draining => ("operetta_node_draining", Gauge, "1 while the node waits for its calls to end"),
            Self::ProcessCpu => ("process_cpu_seconds", Counter, "User and system time"),
            Self::ProcessMemory => ("process_resident_memory_bytes", Gauge, "Resident memory"),
            Self::ProcessFds => ("process_open_fds", Gauge, "Open file descriptors"),
            Self::ProcessMaxFds => ("process_max_fds", Gauge, "Limit of file descriptors"),
            Self::ProcessThreads => ("process_threads", Gauge, "Threads"),
        }
    }
}
