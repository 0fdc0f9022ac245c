use std::{collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use actix::{fut::wrap_future, prelude::*};
use operetta_audio::{Cut, g711};
use operetta_call::{
    At, Call, Chunk, CloseReason, Digit, Effect, Input, JobId, MarkId, Next, PhaseName, Refusal, Retry, Speaker,
    Speech, Start, Stop, StreamSid, Timing,
};
use operetta_contract::{
    self as contract, Complete, Completion, Detect, Job, ProviderError, Synthesize, Transcribe, Transcript, Voice,
};
use operetta_stage::{Desk, Kind, Lease, Metered, Told};
use operetta_wire::{Dialect, Heard, Line, PhoneNumber, StopReason};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{Span, field};

use crate::{
    Admit, Agent, FromLeg, Lane, Leg, Proof, ToLeg, TokenDigest,
    admission::{Admitted, CallPermit},
    alarm::{Alarm, Alarmed, Hand},
    clips::recording,
    ears::Ears,
    mouth::{Mouth, Spoken},
    tally::Tally,
    tape::Recording,
};

/// How a leg came to be, as far as its call has to know.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The carrier's route.
    pub line: Line,
    /// What was proven at the upgrade.
    pub proof: Proof,
    /// How far ahead of the caller's ear audio may be sent, in ms.
    pub lead_ms: u32,
    /// The stream token, where it came with the address of the socket.
    pub token: Option<TokenDigest>,
}

/// One phone call. It feeds facts to the call machine and does what the machine orders; it decides nothing.
pub struct CallActor {
    lane: Lane,
    call: Call,
    opened: Duration,
    arrival: Arrival,
    dialect: Dialect,
    ears: Ears,
    mouth: Mouth,
    recording: Option<Recording>,
    agent: Option<Arc<Agent>>,
    permit: Option<CallPermit>,
    /// Jobs that are neither ears: they live here and are cancelled by being dropped.
    speaking: Vec<(Lease<Synthesize>, Option<Keeping>, Drip)>,
    thinking: Option<Lease<Complete>>,
    /// Facts that the machine has still to be told, with the audio that goes with them.
    inbox: VecDeque<(Input, Option<Arc<[u8]>>)>,
    feeding: bool,
    hand: Option<Arc<[u8]>>,
    heard_bytes: Vec<u8>,
    heard: Vec<i16>,
    moments: Moments,
    phase: PhaseName,
    closing: Option<Duration>,
    alarm: Rc<Hand>,
    kill: Option<crate::KillSwitch>,
    say: tokio::sync::mpsc::Sender<ToLeg>,
    span: Span,
}

/// A phrase that is being rendered for the first time and will be said again.
struct Keeping {
    phrase: Synthesize,
    audio: Vec<u8>,
}

/// Audio that is too short to be sent by itself.
#[derive(Default)]
struct Drip(Vec<u8>);

/// When what happened: for latencies.
#[derive(Default)]
struct Moments {
    started: Option<Duration>,
    first_audio: Option<Duration>,
    paused: Option<Duration>,
    awaiting_answer: bool,
    turns: u32,
}

impl CallActor {
    /// Messages that may wait for a call. Media does not come this way.
    const MAILBOX: usize = 64;
    /// How long the admission may take.
    const ADMISSION: Duration = Duration::from_secs(2);
    /// How long the carrier may take to answer our close before the socket is shut down.
    const FAREWELL: Duration = Duration::from_secs(1);
    /// Shorter pieces of audio wait for more.
    const SHORTEST_PIECE_MS: u32 = 20;

    /// Takes a leg that has just been opened, on its own lane.
    pub fn open(leg: Leg, arrival: Arrival, lane: &Lane) -> Addr<Self> {
        let lane = lane.clone();
        let (address, _detached) =
            Metered::run_with(Self::MAILBOX, &lane.parts().bill.clone(), |ctx| Self::new(leg, arrival, lane, ctx));
        address
    }

    fn new(leg: Leg, arrival: Arrival, lane: Lane, ctx: &mut Metered<Self>) -> Self {
        let parts = lane.parts();
        let (clock, mut draining) = (parts.clock.clone(), parts.draining.clone());
        ctx.add_stream(ReceiverStream::new(leg.heard));
        let hand = Rc::new(Hand::default());
        ctx.spawn(Alarm::new(clock.clone(), Rc::clone(&hand)));
        let drained = async move { draining.wait_for(|draining| *draining).await.is_ok() };
        ctx.spawn(wrap_future::<_, Self>(drained).map(|_, call: &mut Self, ctx| call.feed(Input::Draining, ctx)));

        let dialect = Dialect::new(arrival.line);
        let carrier = arrival.line.carrier;
        parts.tally.started[carrier as usize].add();
        parts.tally.active[carrier as usize].add(1);
        parts.tally.phase(None, PhaseName::Connected);
        let span = tracing::info_span!("call", carrier = carrier.as_str(), sid = field::Empty, stream = field::Empty);
        span.in_scope(|| tracing::info!(phase = "connected", "leg opened"));
        Self {
            call: Call::new(parts.limits),
            opened: clock.now(),
            ears: Ears::new(dialect.format().rate_hz),
            mouth: Mouth::new(dialect.format(), dialect.cut(), leg.say.clone(), false),
            recording: None,
            agent: None,
            permit: None,
            speaking: Vec::new(),
            thinking: None,
            inbox: VecDeque::new(),
            feeding: false,
            hand: None,
            heard_bytes: Vec::new(),
            heard: Vec::new(),
            moments: Moments::default(),
            phase: PhaseName::Connected,
            closing: None,
            alarm: hand,
            kill: Some(leg.kill),
            say: leg.say,
            span,
            dialect,
            arrival,
            lane,
        }
    }

    fn now(&self) -> Duration {
        self.lane.parts().clock.now().saturating_sub(self.opened)
    }

    fn tally(&self) -> &Tally {
        &self.lane.parts().tally
    }

    // ---- facts in ----

    fn feed(&mut self, input: Input, ctx: &mut Metered<Self>) {
        self.feed_with(input, None, ctx);
    }

    /// Tells the machine a fact and does what it orders. Facts that arise meanwhile wait for their turn.
    fn feed_with(&mut self, input: Input, audio: Option<Arc<[u8]>>, ctx: &mut Metered<Self>) {
        self.inbox.push_back((input, audio));
        if self.feeding {
            return;
        }
        self.feeding = true;
        while let Some((input, audio)) = self.inbox.pop_front() {
            self.hand = audio;
            let at = At::from_ms(self.now().as_millis() as u32);
            for effect in self.call.step(at, input) {
                self.perform(effect, ctx);
            }
        }
        self.feeding = false;
        self.alarm.set(self.due());
    }

    fn hear(&mut self, text: &str, ctx: &mut Metered<Self>) {
        let mut bytes = std::mem::take(&mut self.heard_bytes);
        match self.dialect.decode(text, &mut bytes) {
            Ok(Heard::Media) => self.media(&bytes, ctx),
            Ok(Heard::Started(start)) => {
                let implicit = start.implicit;
                self.admit(*start, ctx);
                if implicit {
                    self.media(&bytes, ctx);
                }
            }
            Ok(heard) => self.control(heard, ctx),
            Err(error) => {
                self.tally().unreadable(error);
                if let Some(code) = error.close_code() {
                    self.span.in_scope(|| tracing::warn!(code = error.code(), "the carrier broke the protocol"));
                    let _ = self.say.try_send(ToLeg::Close { code });
                    self.feed(Input::LegLost, ctx);
                }
            }
        }
        self.heard_bytes = bytes;
    }

    fn media(&mut self, bytes: &[u8], ctx: &mut Metered<Self>) {
        let (carrier, encoding) = (self.arrival.line.carrier, self.dialect.format().encoding);
        self.tally().frames[carrier as usize][0].add();
        self.heard.clear();
        g711::decode_into(encoding, bytes, &mut self.heard);
        self.ears.hear(&self.heard, &self.lane.parts().tally);
        if let Some(recording) = &mut self.recording {
            recording.hear(&self.heard);
        }
        self.feed(Input::CallerAudio, ctx);
    }

    fn control(&mut self, heard: Heard, ctx: &mut Metered<Self>) {
        match heard {
            Heard::Connected => self.feed(Input::Connected, ctx),
            Heard::Amended(start) => self.identify(&start.stream_sid, start.call_sid.as_deref()),
            Heard::Dtmf(digit) => {
                if let Some(digit) = Digit::new(digit.as_char()) {
                    self.feed(Input::Dtmf(digit), ctx);
                }
            }
            Heard::Mark(name) => match MarkId::from_name(&name) {
                Some(mark) => self.feed(Input::MarkPlayed(mark), ctx),
                None => self.tally().unexpected.add(),
            },
            Heard::Stopped(stop) => {
                let stop = match stop.reason {
                    Some(StopReason::Stopped) => Stop::Flow,
                    Some(StopReason::CallEnded | StopReason::Other) | None => Stop::HungUp,
                };
                self.feed(Input::Stopped(stop), ctx);
            }
            Heard::Ignored(why) => self.tally().ignored(why),
            // Both are taken where they come from.
            Heard::Started(_) | Heard::Media => {}
        }
    }

    // ---- the start ----

    fn admit(&mut self, start: operetta_wire::Start, ctx: &mut Metered<Self>) {
        self.moments.started = Some(self.now());
        self.identify(&start.stream_sid, start.call_sid.as_deref());
        let token = start.parameter("session_token").or_else(|| start.parameter("session")).map(TokenDigest::of);
        let admit = Admit {
            key: start.call_sid.as_deref().unwrap_or(&start.stream_sid).into(),
            call_sid: start.call_sid.clone(),
            proof: self.arrival.proof,
            token: token.or(self.arrival.token),
        };
        let answer = tokio::time::timeout(Self::ADMISSION, self.lane.parts().admission.send(admit));
        ctx.spawn(wrap_future::<_, Self>(answer).map(move |answer, call, ctx| {
            match answer {
                Ok(Ok(Ok(admitted))) => call.admitted(&start, admitted, ctx),
                Ok(Ok(Err(refusal))) => call.feed(Input::Refused(refusal), ctx),
                Ok(Err(_)) | Err(_) => call.feed(Input::Refused(Refusal::Unavailable), ctx),
            }
        }));
    }

    fn admitted(&mut self, start: &operetta_wire::Start, admitted: Admitted, ctx: &mut Metered<Self>) {
        if self.call.phase() != PhaseName::Connected {
            // The caller hung up while the door was being opened; the permit goes back by being dropped.
            return;
        }
        let grant = admitted.grant.unwrap_or_default();
        let called: Option<&PhoneNumber> = start.to.as_ref().or(grant.to.as_ref());
        let agent = self.lane.parts().agents.select(grant.agent.as_deref(), start, called);
        let from = start.from.as_ref().or(grant.from.as_ref());
        self.span.in_scope(|| {
            tracing::info!(
                agent = &*agent.name,
                from = from.map(field::display),
                to = called.map(field::display),
                format = %start.format,
                "call admitted"
            );
        });
        self.permit = Some(admitted.permit);
        // The carrier may have promised another format at the upgrade than it starts with.
        let (format, now) = (self.dialect.format(), self.now());
        let cut = Cut { lead_ms: self.arrival.lead_ms, ..self.dialect.cut() };
        self.mouth = Mouth::new(format, cut, self.say.clone(), self.lane.parts().recorder.is_some());
        self.ears = Ears::new(format.rate_hz);
        self.recording = self
            .lane
            .parts()
            .recorder
            .as_ref()
            .map(|recorder| Recording::begin(recorder.open(&random_name(), format.rate_hz), format, now));
        let started = Input::Started(Start {
            stream: StreamSid::new(&*start.stream_sid),
            duplex: self.arrival.line.duplex,
            settings: Arc::clone(&agent.settings),
        });
        self.agent = Some(agent);
        self.feed(started, ctx);
    }

    fn identify(&mut self, stream: &str, sid: Option<&str>) {
        self.span.record("stream", stream);
        if let Some(sid) = sid {
            self.span.record("sid", sid);
        }
    }

    // ---- orders out: one line per effect ----

    fn perform(&mut self, effect: Effect, ctx: &mut Metered<Self>) {
        match effect {
            Effect::Enter(phase) => self.enter(phase),
            Effect::Detect(job) => self.open_detector(job, ctx),
            Effect::Listen(job) => self.open_listener(job, ctx),
            Effect::Flush { flush, .. } => self.ears.flush(flush, &self.lane.parts().tally),
            Effect::Think(job) => self.think(job, ctx),
            Effect::Speak { job, speech } => self.speak(job, speech, ctx),
            Effect::Play(_) => self.play(),
            Effect::Comfort(ms) => self.mouth.comfort(ms, self.now()),
            Effect::SendMark(mark) => self.mouth.mark(mark, self.now()),
            Effect::Clear => self.clear(ctx),
            Effect::Cancel(job) => self.cancel(job),
            Effect::Note(note) => self.note(note),
            Effect::Close(reason) => self.close(reason, ctx),
        }
    }

    fn enter(&mut self, phase: PhaseName) {
        self.tally().phase(Some(self.phase), phase);
        self.phase = phase;
        self.moments.awaiting_answer |= phase == PhaseName::Thinking;
        self.span.in_scope(|| tracing::info!(phase = phase.as_str(), at_ms = self.now().as_millis() as u64, "phase"));
    }

    fn open_detector(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let timing = self.call.settings().map_or_else(Timing::default, |settings| settings.timing);
        let detect = Detect {
            rate_hz: self.mouth.format().rate_hz,
            threshold_percent: 50,
            min_speech_ms: timing.speech_ms,
            min_silence_ms: timing.pause_ms,
        };
        if let Some(lease) = self.ask(|lane| &lane.parts().desks.vad, job, detect, ctx) {
            self.ears.detect(lease);
        }
    }

    fn open_listener(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let Some(agent) = &self.agent else { return };
        let transcribe = Transcribe { language: Arc::clone(&agent.language), rate_hz: self.mouth.format().rate_hz };
        if let Some(lease) = self.ask(|lane| &lane.parts().desks.stt, job, transcribe, ctx) {
            self.ears.listen(lease);
        }
    }

    fn think(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let (Some(agent), Some(dialogue)) = (&self.agent, self.call.dialogue()) else { return };
        let words = dialogue.words().iter().map(|words| contract::Words {
            speaker: match words.speaker {
                Speaker::Caller => contract::Speaker::Caller,
                Speaker::Agent => contract::Speaker::Agent,
            },
            text: Arc::clone(&words.text),
            cut: words.cut,
        });
        let complete = Complete {
            prompt: Arc::clone(&agent.prompt),
            language: Arc::clone(&agent.language),
            dialogue: words.collect(),
        };
        self.thinking = self.ask(|lane| &lane.parts().desks.llm, job, complete, ctx);
    }

    fn speak(&mut self, job: JobId, speech: Speech, ctx: &mut Metered<Self>) {
        let format = self.mouth.format();
        let (text, fixed) = match speech {
            Speech::Clip(clip) => {
                let audio = recording(clip, format);
                return self.speak_at_once(job, audio, ctx);
            }
            Speech::Greeting(text) | Speech::Line(text) => (text, true),
            Speech::Reply(text) => (text, false),
        };
        let Some(agent) = &self.agent else { return };
        let phrase =
            Synthesize { text, voice: Arc::clone(&agent.voice), language: Arc::clone(&agent.language), format };
        let ready = if fixed { self.lane.phrases().borrow().find(&phrase) } else { None };
        if let Some(audio) = ready {
            return self.speak_at_once(job, audio, ctx);
        }
        let keeping = fixed.then(|| Keeping { phrase: phrase.clone(), audio: Vec::new() });
        if let Some(lease) = self.ask(|lane| &lane.parts().desks.tts, job, phrase, ctx) {
            self.speaking.push((lease, keeping, Drip::default()));
        }
    }

    fn speak_at_once(&mut self, job: JobId, audio: Arc<[u8]>, ctx: &mut Metered<Self>) {
        let chunk = Chunk { ms: self.mouth.format().ms_of_bytes(audio.len()) };
        self.feed_with(Input::AudioCame { job, chunk }, Some(audio), ctx);
        self.feed(Input::SpeechDone(job), ctx);
    }

    fn play(&mut self) {
        if let Some(audio) = self.hand.take() {
            self.mouth.play(audio, self.now());
        }
    }

    fn clear(&mut self, ctx: &mut Metered<Self>) {
        let spoken = self.mouth.clear(self.now(), &mut self.dialect);
        self.after_speaking(spoken, ctx);
    }

    fn cancel(&mut self, job: JobId) {
        let id = contract::JobId(job.0);
        self.ears.end(id);
        self.thinking.take_if(|lease| lease.id() == id);
        self.speaking.retain(|(lease, ..)| lease.id() != id);
    }

    fn note(&mut self, note: operetta_call::Note) {
        use operetta_call::Note;

        self.tally().note(note);
        match note {
            Note::TurnEnded => self.moments.turns += 1,
            Note::Stale(_) | Note::Unexpected(_) | Note::UnknownMark | Note::EmptyTurn | Note::Greeted => {}
            Note::BargeIn => self.span.in_scope(|| tracing::info!("the caller interrupts")),
            Note::TimedOut(wait) => self.span.in_scope(|| tracing::warn!(?wait, "waited in vain")),
            Note::SpeechFailed => self.span.in_scope(|| tracing::warn!("speech failed")),
            Note::MindFailed => self.span.in_scope(|| tracing::warn!("the mind failed")),
            Note::EarsFailed => self.span.in_scope(|| tracing::warn!("the ears failed")),
        }
    }

    fn close(&mut self, reason: CloseReason, ctx: &mut Metered<Self>) {
        let now = self.now();
        self.ears.close();
        self.speaking.clear();
        self.thinking = None;
        self.write_recording(now);
        let recording = self.recording.take().map(|recording| recording.path().display().to_string());
        self.permit = None;
        let (tally, carrier) = (&self.lane.parts().tally, self.arrival.line.carrier);
        tally.ended(carrier, reason);
        tally.call_seconds.observe(&Tally::CALL_BOUNDS, now);
        self.span.in_scope(|| {
            tracing::info!(
                reason = reason.as_str(),
                seconds = now.as_secs_f32(),
                turns = self.moments.turns,
                first_audio_ms = self.moments.first_audio.map(|first| first.as_millis() as u64),
                recording,
                "call ended"
            );
        });
        let told = self.say.try_send(ToLeg::Close { code: reason.close_code() }).is_ok();
        let gone = matches!(reason, CloseReason::LegLost | CloseReason::LegStalled);
        if gone || !told {
            ctx.stop();
        } else {
            self.closing = Some(now + Self::FAREWELL);
        }
    }

    /// Asks a desk. A desk that refuses is a job that failed.
    fn ask<J: Job>(
        &mut self,
        desk: impl FnOnce(&Lane) -> &Desk<J>,
        job: JobId,
        order: J,
        ctx: &mut Metered<Self>,
    ) -> Option<Lease<J>>
    where
        Self: Handler<Told<J>>,
    {
        let answers = ctx.address().downgrade().recipient();
        match desk(&self.lane).ask(contract::JobId(job.0), order, answers) {
            Ok(lease) => Some(lease),
            Err(error) => {
                self.span.in_scope(|| tracing::warn!(role = J::ROLE.as_str(), code = error.code(), "no provider"));
                self.feed(Input::JobFailed { job, retry: Retry::Later }, ctx);
                None
            }
        }
    }

    // ---- the voice ----

    fn after_speaking(&mut self, spoken: Spoken, ctx: &mut Metered<Self>) {
        if spoken.frames > 0 {
            self.frames_went_out(spoken.frames);
        }
        let stall = Duration::from_millis(u64::from(self.lane.parts().leg_stall_ms));
        if spoken.lost {
            self.feed(Input::LegLost, ctx);
        } else if spoken.stalled_for >= stall {
            self.tally().stalled_legs.add();
            self.feed(Input::LegStalled, ctx);
        }
    }

    fn frames_went_out(&mut self, frames: usize) {
        let (now, carrier) = (self.now(), self.arrival.line.carrier);
        for _ in 0..frames {
            self.tally().frames[carrier as usize][1].add();
        }
        if self.moments.first_audio.is_none()
            && let Some(started) = self.moments.started
        {
            let latency = now.saturating_sub(started);
            self.moments.first_audio = Some(latency);
            self.tally().first_audio.observe(&Tally::SETUP_BOUNDS, latency);
        }
        if self.moments.awaiting_answer && self.phase == PhaseName::Speaking {
            self.moments.awaiting_answer = false;
            if let Some(paused) = self.moments.paused.take() {
                let latency = now.saturating_sub(paused);
                self.tally().turn_latency.observe(&Tally::TURN_BOUNDS, latency);
                self.span.in_scope(|| tracing::info!(latency_ms = latency.as_millis() as u64, "answering"));
            }
        }
    }

    fn write_recording(&mut self, now: Duration) {
        if let Some(recording) = &mut self.recording {
            recording.write(now, self.mouth.playout());
        }
    }

    fn audio_came(&mut self, id: contract::JobId, piece: Arc<[u8]>, ctx: &mut Metered<Self>) {
        let format = self.mouth.format();
        let Some((_, keeping, drip)) = self.speaking.iter_mut().find(|(lease, ..)| lease.id() == id) else { return };
        if let Some(keeping) = keeping {
            keeping.audio.extend_from_slice(&piece);
        }
        let shortest = format.bytes_of_ms(Self::SHORTEST_PIECE_MS);
        if let Some(audio) = drip.collect(piece, shortest) {
            self.speak_piece(id, audio, ctx);
        }
    }

    fn speech_done(&mut self, id: contract::JobId, ctx: &mut Metered<Self>) {
        let Some(place) = self.speaking.iter().position(|(lease, ..)| lease.id() == id) else { return };
        let (_, keeping, drip) = self.speaking.swap_remove(place);
        if let Some(Keeping { phrase, audio }) = keeping
            && !audio.is_empty()
        {
            self.lane.phrases().borrow_mut().keep(phrase, &audio);
        }
        if !drip.0.is_empty() {
            self.speak_piece(id, drip.0.into(), ctx);
        }
        self.feed(Input::SpeechDone(JobId(id.0)), ctx);
    }

    fn speak_piece(&mut self, id: contract::JobId, audio: Arc<[u8]>, ctx: &mut Metered<Self>) {
        let chunk = Chunk { ms: self.mouth.format().ms_of_bytes(audio.len()) };
        self.feed_with(Input::AudioCame { job: JobId(id.0), chunk }, Some(audio), ctx);
    }

    fn job_failed(&mut self, id: contract::JobId, error: Option<&ProviderError>, ctx: &mut Metered<Self>) {
        let retry = error.map_or(Retry::Now, |error| match error.retry() {
            contract::Retry::Never => Retry::Never,
            contract::Retry::Later => Retry::Later,
            contract::Retry::Now => Retry::Now,
        });
        let code = error.map_or("lost", ProviderError::code);
        self.span.in_scope(|| tracing::warn!(job = id.0, code, "a job failed"));
        self.cancel(JobId(id.0));
        self.feed(Input::JobFailed { job: JobId(id.0), retry }, ctx);
    }
}

impl Drip {
    /// Takes a piece and gives back what is long enough to be sent.
    fn collect(&mut self, piece: Arc<[u8]>, shortest: usize) -> Option<Arc<[u8]>> {
        if self.0.is_empty() && piece.len() >= shortest {
            return Some(piece);
        }
        self.0.extend_from_slice(&piece);
        (self.0.len() >= shortest).then(|| std::mem::take(&mut self.0).into())
    }
}

impl Drop for CallActor {
    fn drop(&mut self) {
        let (tally, carrier) = (self.lane.parts().tally.clone(), self.arrival.line.carrier);
        if self.call.closed().is_none() || self.phase != PhaseName::Closed {
            // Only a panic ends a call this way.
            tally.ended(carrier, CloseReason::Bug);
            tally.phase(Some(self.phase), PhaseName::Closed);
        }
        tally.in_phase[PhaseName::Closed as usize].add(-1);
        tally.active[carrier as usize].add(-1);
    }
}

impl Kind for CallActor {
    const KIND: &'static str = "call";
}

impl Actor for CallActor {
    type Context = Metered<Self>;
}

impl Alarmed for CallActor {
    fn due(&self) -> Option<Duration> {
        let deadline = self.call.deadline().map(|at| Duration::from_millis(u64::from(at.ms())));
        let recording = self.recording.as_ref().map(Recording::due);
        let due = [deadline, self.mouth.due(), recording, self.closing].into_iter().flatten().min()?;
        Some(self.opened + due)
    }

    fn rang(&mut self, ctx: &mut Metered<Self>) {
        let now = self.now();
        if self.closing.is_some_and(|by| now >= by) {
            // The carrier did not answer our close: the switch does.
            self.kill = None;
            ctx.stop();
            return;
        }
        if self.call.closed().is_none() && self.mouth.due().is_some_and(|due| now >= due) {
            let spoken = self.mouth.speak(now, &mut self.dialect, &self.lane.parts().tally);
            self.after_speaking(spoken, ctx);
        }
        if self.recording.as_ref().is_some_and(|recording| now >= recording.due()) {
            self.write_recording(now);
        }
        let late = |at: At| now.as_millis() as u64 >= u64::from(at.ms());
        if self.call.deadline().is_some_and(late) {
            self.feed(Input::TimePassed, ctx);
        }
    }
}

impl StreamHandler<FromLeg> for CallActor {
    fn handle(&mut self, from: FromLeg, ctx: &mut Metered<Self>) {
        match from {
            FromLeg::Text(text) => self.hear(&text, ctx),
            FromLeg::Binary => self.tally().binary.add(),
            FromLeg::Closed { code } => {
                self.span.in_scope(|| tracing::debug!(code, "leg closed"));
                self.leg_ended(ctx);
            }
        }
    }

    fn finished(&mut self, ctx: &mut Metered<Self>) {
        self.leg_ended(ctx);
    }
}

impl CallActor {
    fn leg_ended(&mut self, ctx: &mut Metered<Self>) {
        self.feed(Input::LegLost, ctx);
        ctx.stop();
    }
}

impl Handler<Told<Detect>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Detect>, ctx: &mut Metered<Self>) {
        let job = JobId(told.id.0);
        match told.event {
            Voice::Began => self.feed(Input::CallerSpoke(job), ctx),
            Voice::Ended => {
                let pause = self.call.settings().map_or(0, |settings| settings.timing.pause_ms);
                self.moments.paused = Some(self.now().saturating_sub(Duration::from_millis(u64::from(pause))));
                self.feed(Input::CallerPaused(job), ctx);
            }
            Voice::Failed(error) => self.job_failed(told.id, Some(&error), ctx),
            Voice::Lost => self.job_failed(told.id, None, ctx),
        }
    }
}

impl Handler<Told<Transcribe>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Transcribe>, ctx: &mut Metered<Self>) {
        let job = JobId(told.id.0);
        match told.event {
            Transcript::Partial(_) => self.feed(Input::Partial(job), ctx),
            Transcript::Final { text, flush } => self.feed(Input::Final { job, text, flush }, ctx),
            Transcript::Failed(error) => self.job_failed(told.id, Some(&error), ctx),
            Transcript::Lost => self.job_failed(told.id, None, ctx),
        }
    }
}

impl Handler<Told<Complete>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Complete>, ctx: &mut Metered<Self>) {
        let job = JobId(told.id.0);
        match told.event {
            Completion::Text(text) => self.feed(Input::Reply { job, text }, ctx),
            Completion::Done(next) => {
                self.thinking.take_if(|lease| lease.id() == told.id);
                let next = match next {
                    contract::Next::Listen => Next::Listen,
                    contract::Next::HangUp => Next::HangUp,
                    contract::Next::Transfer => Next::Transfer,
                };
                self.feed(Input::ReplyDone { job, next }, ctx);
            }
            Completion::Failed(error) => self.job_failed(told.id, Some(&error), ctx),
            Completion::Lost => self.job_failed(told.id, None, ctx),
        }
    }
}

impl Handler<Told<Synthesize>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Synthesize>, ctx: &mut Metered<Self>) {
        match told.event {
            contract::Speech::Audio(piece) => self.audio_came(told.id, piece, ctx),
            contract::Speech::Done => self.speech_done(told.id, ctx),
            contract::Speech::Failed(error) => self.job_failed(told.id, Some(&error), ctx),
            contract::Speech::Lost => self.job_failed(told.id, None, ctx),
        }
    }
}

/// A file name that tells nothing and that nobody can guess.
fn random_name() -> String {
    let mut bytes = [0; 16];
    // The system's source of randomness does not fail after boot.
    let _ = getrandom::fill(&mut bytes);
    format!("{:032x}", u128::from_ne_bytes(bytes))
}
