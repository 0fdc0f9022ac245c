use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use operetta_call::{Chunk, Input, JobId, Next, Retry};
use operetta_contract::{
    self as contract, Complete, Completion, Converse, Detect, ErrorClass, Exchange, FaultCode, ProviderError, Role,
    Synthesize, Transcribe, Transcript, Turnout, Voice,
};
use operetta_stage::{Lease, Metered, Told};

use super::CallActor;
use crate::tools;

/// An utterance whose audio is coming. Dropping it cancels the job.
pub(super) struct Utterance {
    pub(super) lease: Lease<Synthesize>,
    /// Set when the phrase will be said again.
    pub(super) keeping: Option<Keeping>,
    pub(super) drip: Drip,
}

/// A phrase that is being rendered for the first time and will be said again.
pub(super) struct Keeping {
    pub(super) phrase: Synthesize,
    pub(super) audio: Vec<u8>,
}

/// Audio that is too short to be sent by itself.
#[derive(Default)]
pub(super) struct Drip(Vec<u8>);

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
            Voice::Failed(error) => self.job_failed(told.id, Role::Vad, Some(&error), ctx),
            Voice::Lost => Self::job_lost(told.id, Role::Vad, ctx),
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
            Transcript::Switched(switch) => self.switched(told.id, Role::Stt, &switch),
            Transcript::Failed(error) => self.job_failed(told.id, Role::Stt, Some(&error), ctx),
            Transcript::Lost => Self::job_lost(told.id, Role::Stt, ctx),
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
                    contract::Next::Listen => self.farewell.take().unwrap_or(Next::Listen),
                    contract::Next::HangUp => Next::HangUp,
                    contract::Next::Transfer => Next::Transfer,
                };
                self.feed(Input::ReplyDone { job, next }, ctx);
            }
            Completion::Switched(switch) => self.switched(told.id, Role::Llm, &switch),
            Completion::Call(call) => self.called(&call),
            Completion::Failed(error) => self.job_failed(told.id, Role::Llm, Some(&error), ctx),
            Completion::Lost => Self::job_lost(told.id, Role::Llm, ctx),
        }
    }
}

impl Handler<Told<Synthesize>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Synthesize>, ctx: &mut Metered<Self>) {
        match told.event {
            contract::Speech::Audio(piece) => self.audio_came(told.id, piece, ctx),
            contract::Speech::Words(_) => {}
            contract::Speech::Switched(switch) => self.switched(told.id, Role::Tts, &switch),
            contract::Speech::Done => self.speech_done(told.id, ctx),
            contract::Speech::Failed(error) => self.job_failed(told.id, Role::Tts, Some(&error), ctx),
            contract::Speech::Lost => Self::job_lost(told.id, Role::Tts, ctx),
        }
    }
}

/// Of a provider that leads the conversation.
impl Handler<Told<Converse>> for CallActor {
    type Result = ();

    fn handle(&mut self, told: Told<Converse>, ctx: &mut Metered<Self>) {
        let job = JobId(told.id.0);
        match told.event {
            Exchange::CallerSpoke => self.feed(Input::CallerSpoke(job), ctx),
            Exchange::CallerPaused => {
                self.moments.paused = Some(self.now());
                self.feed(Input::CallerPaused(job), ctx);
            }
            Exchange::CallerSaid(text) => self.feed(Input::Final { job, text, flush: None }, ctx),
            Exchange::Audio { reply, audio } => {
                let chunk = Chunk { ms: self.mouth.format().ms_of_bytes(audio.len()) };
                self.feed_with(Input::Voiced { job, reply, chunk }, Some(audio), ctx);
            }
            Exchange::Said { reply, text } => self.feed(Input::Worded { job, reply, text }, ctx),
            Exchange::Call(call) => self.called_in_conversation(&call),
            Exchange::ReplyDone(reply) => {
                let next = self.farewell.take().unwrap_or(Next::Listen);
                self.feed(Input::Uttered { job, reply, next }, ctx);
            }
            Exchange::Switched(switch) => self.switched(told.id, Role::Realtime, &switch),
            Exchange::Failed(error) => self.job_failed(told.id, Role::Realtime, Some(&error), ctx),
            Exchange::Lost => Self::job_lost(told.id, Role::Realtime, ctx),
        }
    }
}

impl CallActor {
    /// Shorter pieces of audio wait for more.
    const SHORTEST_PIECE_MS: u32 = 20;
    /// How long a lost worker's successor is given to be there.
    const SUCCESSION: Duration = Duration::from_millis(20);

    fn audio_came(&mut self, id: contract::JobId, piece: Arc<[u8]>, ctx: &mut Metered<Self>) {
        let format = self.mouth.format();
        let Some(utterance) = self.speaking.iter_mut().find(|utterance| utterance.lease.id() == id) else { return };
        if let Some(keeping) = &mut utterance.keeping {
            keeping.audio.extend_from_slice(&piece);
        }
        let shortest = format.bytes_of_ms(Self::SHORTEST_PIECE_MS);
        if let Some(audio) = utterance.drip.collect(piece, shortest) {
            self.speak_piece(id, audio, ctx);
        }
    }

    fn speech_done(&mut self, id: contract::JobId, ctx: &mut Metered<Self>) {
        let Some(place) = self.speaking.iter().position(|utterance| utterance.lease.id() == id) else { return };
        let Utterance { keeping, drip, .. } = self.speaking.swap_remove(place);
        if let Some(Keeping { phrase, audio }) = keeping
            && !audio.is_empty()
            && let Some(agent) = &self.agent
        {
            self.lane.keep(agent, phrase, &audio);
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

    /// The model called a tool.
    fn called(&mut self, call: &contract::ToolCall) {
        match tools::next(&call.name) {
            Some(next) => self.farewell = Some(next),
            None => self.span.in_scope(|| tracing::warn!("the model called a tool that it was not given")),
        }
    }

    /// The model that leads the conversation called a tool. What ends the call needs no answer; the rest gets one, or the model
    /// would wait for it.
    fn called_in_conversation(&mut self, call: &contract::ToolCall) {
        self.called(call);
        if self.farewell.is_none() {
            self.ears.tell_partner(Turnout::Returned(contract::ToolResult {
                id: Arc::clone(&call.id),
                name: Arc::clone(&call.name),
                content: "There is no such tool.".into(),
                failed: true,
            }));
        }
    }

    /// Another provider goes on. What a stand-in says is not kept: the next call may have the right voice again.
    fn switched(&mut self, id: contract::JobId, role: Role, switch: &contract::Switch) {
        if let Some(utterance) = self.speaking.iter_mut().find(|utterance| utterance.lease.id() == id) {
            utterance.keeping = None;
        }
        let fault = self.troubles.note(FaultCode::of(role, &switch.error));
        let (from, to, code) = (&*switch.from, &*switch.to, switch.error.code());
        self.span.in_scope(|| tracing::warn!(job = id.0, fault, from, to, code, "another provider goes on"));
    }

    /// The worker is gone. Its supervisor builds another one on this very thread, as soon as this thread has time for it:
    /// who asks again at once asks nobody.
    fn job_lost(id: contract::JobId, role: Role, ctx: &mut Metered<Self>) {
        ctx.run_later(Self::SUCCESSION, move |call, ctx| call.job_failed(id, role, None, ctx));
    }

    fn job_failed(&mut self, id: contract::JobId, role: Role, error: Option<&ProviderError>, ctx: &mut Metered<Self>) {
        let fault = error.map_or(FaultCode::of_class(role, ErrorClass::Closed), |error| FaultCode::of(role, error));
        let fault = self.troubles.note(fault);
        let (code, detail) = error.map_or(("lost", ""), |error| (error.code(), error.detail.as_str()));
        self.span.in_scope(|| tracing::warn!(job = id.0, fault, code, detail, "a job failed"));
        self.give_up(id, error.map_or(contract::Retry::Now, ProviderError::retry), ctx);
    }

    /// Tells the machine that a job has ended without what it was asked for.
    pub(super) fn give_up(&mut self, id: contract::JobId, retry: contract::Retry, ctx: &mut Metered<Self>) {
        let retry = match retry {
            contract::Retry::Never => Retry::Never,
            contract::Retry::Later => Retry::Later,
            contract::Retry::Now => Retry::Now,
        };
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
