use std::{sync::Arc, time::Duration};

use actix::{fut::wrap_future, prelude::*};
use operetta_audio::Cut;
use operetta_call::{Input, PhaseName, Refusal, Start, StreamSid};
use operetta_stage::Metered;
use operetta_wire::PhoneNumber;
use tracing::field;

use super::CallActor;
use crate::{Admit, TokenDigest, admission::Admitted, ears::Ears, mouth::Mouth, tape::Recording};

/// From the carrier's start to the machine's: the admission, the agent, the format.
impl CallActor {
    /// How long the admission may take.
    const ADMISSION: Duration = Duration::from_secs(2);

    pub(super) fn admit(&mut self, start: operetta_wire::Start, ctx: &mut Metered<Self>) {
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
        ctx.spawn(wrap_future::<_, Self>(answer).map(move |answer, call, ctx| match answer {
            Ok(Ok(Ok(admitted))) => call.admitted(&start, admitted, ctx),
            Ok(Ok(Err(refusal))) => call.feed(Input::Refused(refusal), ctx),
            Ok(Err(_)) | Err(_) => call.feed(Input::Refused(Refusal::Unavailable), ctx),
        }));
    }

    pub(super) fn admitted(&mut self, start: &operetta_wire::Start, admitted: Admitted, ctx: &mut Metered<Self>) {
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
        self.tune_in();
        let started = Input::Started(Start {
            stream: StreamSid::new(&*start.stream_sid),
            duplex: self.arrival.line.duplex,
            settings: Arc::clone(&agent.settings),
        });
        self.desks = Some(self.lane.desks(&agent));
        self.agent = Some(agent);
        self.feed(started, ctx);
    }

    /// Sets up both ways of the audio for what the carrier speaks now.
    fn tune_in(&mut self) {
        let (format, now) = (self.dialect.format(), self.now());
        let cut = Cut { lead_ms: self.arrival.lead_ms, ..self.dialect.cut() };
        let recorder = self.lane.parts().recorder.as_ref();
        self.mouth = Mouth::new(format, cut, self.say.clone(), recorder.is_some());
        // A recording begins now, on both sides, and not when the leg was opened.
        self.mouth.playout().take_played(now, &mut Vec::new());
        self.ears = Ears::new(format.rate_hz);
        self.recording =
            recorder.map(|recorder| Recording::begin(recorder.open(&random_name(), format.rate_hz), format, now));
    }

    /// A late start may name another format than the one the stream began with. Every job that works in the old one is
    /// told to the machine as lost, so that it is asked again in the new one.
    pub(super) fn follow_format(&mut self, ctx: &mut Metered<Self>) {
        if self.call.phase() == PhaseName::Connected || self.dialect.format() == self.mouth.format() {
            return;
        }
        tracing::warn!(parent: &self.span, format = %self.dialect.format(), "the carrier changes the format");
        let speaking = self.speaking.iter().map(|utterance| utterance.lease.id());
        let jobs: Vec<_> = self.ears.jobs().chain(speaking).collect();
        self.tune_in();
        for job in jobs {
            self.give_up(job, operetta_contract::Retry::Now, ctx);
        }
    }

    pub(super) fn identify(&mut self, stream: &str, sid: Option<&str>) {
        self.span.record("stream", stream);
        if let Some(sid) = sid {
            self.span.record("sid", sid);
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
