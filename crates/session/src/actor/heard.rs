use std::time::Duration;

use operetta_audio::g711;
use operetta_call::{Digit, Input, MarkId, PhaseName, Refusal, Stop};
use operetta_stage::Metered;
use operetta_wire::{Heard, StopReason};

use super::CallActor;

/// What the carrier says, as facts.
impl CallActor {
    pub(super) fn hear(&mut self, text: &str, ctx: &mut Metered<Self>) {
        if self.closing.is_some() {
            // The call is over, and only the leg's end is waited for.
            return;
        }
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
                    self.broken = Some(code);
                    let unusable = self.call.phase() == PhaseName::Connected;
                    let fact = if unusable { Input::Refused(Refusal::BadRequest) } else { Input::LegLost };
                    self.feed(fact, ctx);
                }
            }
        }
        self.heard_bytes = bytes;
    }

    pub(super) fn media(&mut self, bytes: &[u8], ctx: &mut Metered<Self>) {
        let (carrier, format) = (self.arrival.line.carrier, self.dialect.format());
        self.tally().frames[carrier as usize][0].add();
        let samples = (bytes.len() / format.sample_bytes()) as u64;
        let length = Duration::from_micros(samples * 1_000_000 / u64::from(format.rate_hz));
        if !self.allowance.take(length, self.now()) {
            self.tally().audio_dropped.add();
            self.feed(Input::CallerAudio, ctx);
            return;
        }
        self.heard.clear();
        g711::decode_into(format.encoding, bytes, &mut self.heard);
        self.ears.hear(&self.heard, &self.lane.parts().tally);
        if let Some(recording) = &mut self.recording {
            recording.hear(&self.heard);
        }
        self.feed(Input::CallerAudio, ctx);
    }

    pub(super) fn control(&mut self, heard: Heard, ctx: &mut Metered<Self>) {
        match heard {
            Heard::Connected => self.feed(Input::Connected, ctx),
            Heard::Amended(start) => {
                self.identify(&start.stream_sid, start.call_sid.as_deref());
                self.follow_format(ctx);
            }
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
}
