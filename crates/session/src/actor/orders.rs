use std::sync::Arc;

use actix::prelude::*;
use operetta_call::{
    Chunk, CloseReason, Dialogue, Effect, Input, JobId, Note, PhaseName, Retry, Speaker, Speech, Timing,
};
use operetta_contract::{
    self as contract, Complete, Converse, Detect, ErrorClass, FaultCode, Job, Synthesize, Transcribe, Turnout,
};
use operetta_stage::{AskError, Desk, Lease, Metered, Told};

use super::{
    CallActor,
    answers::{Drip, Keeping, Utterance},
};
use crate::{Desks, ToLeg, tally::Tally, tools};

/// What the machine orders: one line per effect.
impl CallActor {
    pub(super) fn perform(&mut self, effect: Effect, ctx: &mut Metered<Self>) {
        match effect {
            Effect::Enter(phase) => self.enter(phase),
            Effect::Detect(job) => self.open_detector(job, ctx),
            Effect::Listen(job) => self.open_listener(job, ctx),
            Effect::Flush { flush, .. } => self.ears.flush(flush, &self.lane.parts().tally),
            Effect::Converse(job) => self.open_conversation(job, ctx),
            Effect::Cut { reply, heard_ms, .. } => self.ears.tell_partner(Turnout::Cut { reply, heard_ms }),
            Effect::Type { text, .. } => self.ears.tell_partner(Turnout::Typed(text)),
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

    pub(super) fn enter(&mut self, phase: PhaseName) {
        self.tally().phase(Some(self.phase), phase);
        self.phase = phase;
        self.moments.awaiting_answer |= phase == PhaseName::Thinking;
        self.span.in_scope(|| tracing::info!(phase = phase.as_str(), at_ms = self.now().as_millis() as u64, "phase"));
    }

    pub(super) fn open_detector(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let timing = self.call.settings().map_or_else(Timing::default, |settings| settings.timing);
        let detect = Detect {
            rate_hz: self.mouth.format().rate_hz,
            threshold_percent: 50,
            min_speech_ms: timing.speech_ms,
            min_silence_ms: timing.pause_ms,
        };
        if let Some(lease) = self.ask(|desks| Some(&desks.vad), job, detect, ctx) {
            self.ears.detect(lease);
        }
    }

    pub(super) fn open_listener(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let Some(agent) = &self.agent else { return };
        let transcribe = Transcribe { language: Arc::clone(&agent.language), rate_hz: self.mouth.format().rate_hz };
        if let Some(lease) = self.ask(|desks| Some(&desks.stt), job, transcribe, ctx) {
            self.ears.listen(lease);
        }
    }

    pub(super) fn think(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let Some(agent) = &self.agent else { return };
        let complete = Complete {
            prompt: Arc::clone(&agent.prompt),
            language: Arc::clone(&agent.language),
            tools: tools::built_in(),
            dialogue: self.dialogue(),
            said: "".into(),
        };
        self.farewell = None;
        self.thinking = self.ask(|desks| Some(&desks.llm), job, complete, ctx);
    }

    /// What was said so far, as providers read it.
    fn dialogue(&self) -> Vec<contract::Entry> {
        let words = self.call.dialogue().map(Dialogue::words).unwrap_or_default();
        let said = words.iter().map(|words| {
            contract::Entry::Said(contract::Words {
                speaker: match words.speaker {
                    Speaker::Caller => contract::Speaker::Caller,
                    Speaker::Agent => contract::Speaker::Agent,
                },
                text: Arc::clone(&words.text),
                cut: words.cut,
            })
        });
        said.collect()
    }

    pub(super) fn open_conversation(&mut self, job: JobId, ctx: &mut Metered<Self>) {
        let Some(agent) = &self.agent else { return };
        let mut dialogue = self.dialogue();
        if dialogue.is_empty() {
            // It is on its way to the caller, and nobody is to say it again.
            let greeting = Arc::clone(&agent.settings.lines.greeting);
            dialogue.push(contract::Entry::Said(contract::Words {
                speaker: contract::Speaker::Agent,
                text: greeting,
                cut: false,
            }));
        }
        let converse = Converse {
            prompt: Arc::clone(&agent.prompt),
            language: Arc::clone(&agent.language),
            voice: Arc::clone(&agent.voice),
            format: self.mouth.format(),
            tools: tools::built_in(),
            dialogue,
        };
        self.farewell = None;
        if self.desks.as_ref().is_none_or(|desks| desks.realtime.is_none()) {
            return self.feed(Input::JobFailed { job, retry: Retry::Never }, ctx);
        }
        if let Some(lease) = self.ask(|desks| desks.realtime.as_ref(), job, converse, ctx) {
            self.ears.converse(lease);
        }
    }

    pub(super) fn speak(&mut self, job: JobId, speech: Speech, ctx: &mut Metered<Self>) {
        let format = self.mouth.format();
        let (text, fixed) = match speech {
            Speech::Clip(clip) => {
                let audio = self.lane.clip(clip, format);
                return self.speak_at_once(job, audio, ctx);
            }
            Speech::Greeting(text) | Speech::Line(text) => (text, true),
            Speech::Reply(text) => (text, false),
        };
        let Some(agent) = &self.agent else { return };
        let phrase =
            Synthesize { text, voice: Arc::clone(&agent.voice), language: Arc::clone(&agent.language), format, fixed };
        let ready = if fixed { self.lane.phrase(agent, &phrase) } else { None };
        if let Some(audio) = ready {
            return self.speak_at_once(job, audio, ctx);
        }
        let keeping = fixed.then(|| Keeping { phrase: phrase.clone(), audio: Vec::new() });
        if let Some(lease) = self.ask(|desks| Some(&desks.tts), job, phrase, ctx) {
            self.speaking.push(Utterance { lease, keeping, drip: Drip::default() });
        }
    }

    pub(super) fn speak_at_once(&mut self, job: JobId, audio: Arc<[u8]>, ctx: &mut Metered<Self>) {
        let chunk = Chunk { ms: self.mouth.format().ms_of_bytes(audio.len()) };
        self.feed_with(Input::AudioCame { job, chunk }, Some(audio), ctx);
        self.feed(Input::SpeechDone(job), ctx);
    }

    pub(super) fn play(&mut self) {
        if let Some(audio) = self.hand.take() {
            self.mouth.play(audio, self.now());
        }
    }

    pub(super) fn clear(&mut self, ctx: &mut Metered<Self>) {
        let spoken = self.mouth.clear(self.now(), &mut self.dialect);
        self.after_speaking(spoken, ctx);
    }

    pub(super) fn cancel(&mut self, job: JobId) {
        let id = contract::JobId(job.0);
        self.ears.end(id);
        self.thinking.take_if(|lease| lease.id() == id);
        self.speaking.retain(|utterance| utterance.lease.id() != id);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.tally().note(note);
        match note {
            Note::TurnEnded => self.moments.turns += 1,
            Note::Stale(_) | Note::Unexpected(_) | Note::UnknownMark | Note::EmptyTurn | Note::Greeted => {}
            Note::BargeIn => self.span.in_scope(|| tracing::info!("the caller interrupts")),
            Note::TimedOut(wait) => {
                let fault = self.troubles.waited(wait);
                self.span.in_scope(|| tracing::warn!(?wait, fault, "waited in vain"));
            }
            Note::SpeechFailed => self.span.in_scope(|| tracing::warn!("speech failed")),
            Note::MindFailed => self.span.in_scope(|| tracing::warn!("the mind failed")),
            Note::EarsFailed => self.span.in_scope(|| tracing::warn!("the ears failed")),
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason, ctx: &mut Metered<Self>) {
        let now = self.now();
        self.ears.close();
        self.speaking.clear();
        self.thinking = None;
        self.write_recording(now);
        self.mouth.close(now);
        let recording = self.recording.take().map(|recording| recording.path().display().to_string());
        self.permit = None;
        self.troubles.ended(reason, self.broken.is_some());
        let (tally, carrier) = (&self.lane.parts().tally, self.arrival.line.carrier);
        tally.ended(carrier, reason);
        tally.call_seconds.observe(&Tally::CALL_BOUNDS, now);
        self.span.in_scope(|| {
            tracing::info!(
                reason = reason.as_str(),
                seconds = now.as_secs_f32(),
                turns = self.moments.turns,
                first_audio_ms = self.moments.first_audio.map(|first| first.as_millis() as u64),
                faults = %self.troubles,
                recording,
                leg_code = self.leg_code,
                "call ended"
            );
        });
        let code = self.broken.unwrap_or_else(|| reason.close_code());
        let told = self.say.try_send(ToLeg::Close { code }).is_ok();
        // Who broke the protocol is still there, and is told so: the kill switch would overtake our close frame.
        let gone = self.broken.is_none() && matches!(reason, CloseReason::LegLost | CloseReason::LegStalled);
        if gone || !told {
            ctx.stop();
        } else {
            self.closing = Some(now + Self::FAREWELL);
        }
    }

    /// Asks a desk. A desk that refuses is a job that failed.
    pub(super) fn ask<J: Job>(
        &mut self,
        desk: impl FnOnce(&Desks) -> Option<&Desk<J>>,
        job: JobId,
        order: J,
        ctx: &mut Metered<Self>,
    ) -> Option<Lease<J>>
    where
        Self: Handler<Told<J>>,
    {
        let answers = ctx.address().downgrade().recipient();
        // In the call's span, so that whatever providers log of the job says whose it is.
        let ask = |desk: &Desk<J>| self.span.in_scope(|| desk.ask(contract::JobId(job.0), order, answers));
        let asked = self.desks.as_ref().and_then(desk).map(ask);
        match asked.unwrap_or(Err(AskError::Unavailable)) {
            Ok(lease) => Some(lease),
            Err(error) => {
                let fault = self.troubles.note(FaultCode::of_class(J::ROLE, ErrorClass::Unavailable));
                let (role, code) = (J::ROLE.as_str(), error.code());
                self.span.in_scope(|| tracing::warn!(fault, role, code, "no provider"));
                self.feed(Input::JobFailed { job, retry: Retry::Later }, ctx);
                None
            }
        }
    }
}
