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
    pub const ALL: [Self; 45] = [
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
