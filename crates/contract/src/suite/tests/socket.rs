use std::time::Duration;

use operetta_audio::Format;

use super::{KEY, audio, check, job};
use crate::{
    Cancel, Capabilities, DuplexCodec, DuplexVendor, ErrorClass, Flow, Message, Outgoing, ProviderError, Rest, Role,
    SocketRequest, Speech, Synthesize, TextLimit, Wire, closed_by_server, refused_upgrade,
    secret::ApiKey,
    suite::{self, DuplexCase, Promise, Report, Step, Verdict},
};

/// A vendor that speaks over a socket with jobs that have numbers, and what is wrong with it.
///
/// It says `say <n> <text>`, `stop <n>` and `ping`, and hears `ready`, `audio <n> <bytes>`, `end <n>` and `stopped <n>`.
struct Toy(Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    DoneAmongTheEvents,
    FailsByEvent,
    SpeaksBeforeItBegins,
    SpeaksAfterTheEnd,
    EndsTwice,
    Deaf,
    NeverReady,
    ClosedIsHopeless,
    CutsSamples,
    BadKeyIsUnavailable,
    QuotaIsALimit,
    FaultsAreOurs,
    KeyInTheUrl,
    KeyIsPlain,
    PanicsOnGarbage,
    PanicsOnClose,
    CutsTheText,
    FailsOnTheUnknown,
    SpentByCancel,
    NeverRested,
    ReadyThoughDeclaredSpent,
    SpeaksAfterCancel,
    WakesInThePast,
    SendsNothing,
    FitsNothing,
    ServesOnce,
}

impl DuplexVendor for Toy {
    type Job = Synthesize;
    type Codec = Codec;

    fn capabilities(&self) -> Capabilities {
        let cancel = if self.0 == Fault::ReadyThoughDeclaredSpent { Cancel::Connection } else { Cancel::Message };
        Capabilities { cancel, max_text: Some(TextLimit::Chars(100)), ..Capabilities::of(Role::Tts) }
    }

    fn open(&self, job: &Synthesize) -> Result<(SocketRequest, Codec), ProviderError> {
        let url = format!("wss://toy.example/speak{}", if self.0 == Fault::KeyInTheUrl { KEY } else { "" });
        let key = if self.0 == Fault::KeyIsPlain { KEY.into() } else { ApiKey::new(KEY).header("") };
        let codec = Codec {
            fault: self.0,
            format: job.format,
            ready: false,
            number: 0,
            running: false,
            stopping: false,
            last_ping: Duration::ZERO,
        };
        Ok((SocketRequest { url, headers: vec![("x-key", key)] }, codec))
    }

    fn fits(&self, codec: &Codec, job: &Synthesize) -> bool {
        codec.format == job.format && self.0 != Fault::FitsNothing
    }

    fn refusal(&self, status: u16) -> ProviderError {
        let class = match (status, self.0) {
            (401, Fault::BadKeyIsUnavailable) => ErrorClass::Unavailable,
            (402, Fault::QuotaIsALimit) => ErrorClass::RateLimited,
            (500.., Fault::FaultsAreOurs) => ErrorClass::BadRequest,
            _ => return refused_upgrade(status),
        };
        ProviderError::new(class, "the toy says no")
    }
}

struct Codec {
    fault: Fault,
    format: Format,
    ready: bool,
    number: u32,
    running: bool,
    stopping: bool,
    last_ping: Duration,
}

const PING: Duration = Duration::from_secs(1);

impl DuplexCodec for Codec {
    type Job = Synthesize;

    fn opened(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        match self.fault {
            Fault::SendsNothing => wire.send.push(Outgoing::Binary(Vec::new())),
            Fault::SpeaksBeforeItBegins => wire.output.events.push(Speech::Audio([0, 0].into())),
            _ => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.ready && self.fault != Fault::NeverReady
    }

    fn begin(&mut self, _: Duration, job: &Synthesize, wire: &mut Wire<Synthesize>) {
        self.number += 1;
        self.running = true;
        let text =
            if self.fault == Fault::CutsTheText { &job.text[..job.text.floor_char_boundary(20)] } else { &job.text };
        wire.send.push(Outgoing::Text(format!("say {} {text}", self.number)));
    }

    fn feed(&mut self, _: Duration, piece: crate::Nothing, _: &mut Wire<Synthesize>) {
        match piece {}
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Synthesize>,
    ) -> Result<Flow<Synthesize>, ProviderError> {
        let Message::Text(text) = message else { return Ok(Flow::More) };
        let mut parts = text.split(' ');
        let (verb, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mine = number == self.number.to_string();
        let alive = match self.fault {
            Fault::SpeaksAfterTheEnd => self.running || !self.stopping && self.number > 0,
            Fault::SpeaksAfterCancel => self.running || self.stopping,
            _ => self.running,
        };
        match verb {
            "ready" => self.ready = true,
            "audio" if alive && mine => {
                let audio = match (audio(parts.next().unwrap_or_default(), self.format), self.fault) {
                    (Some(audio), _) => audio,
                    (None, Fault::PanicsOnGarbage) => panic!("no number of bytes"),
                    (None, _) => return Err(ProviderError::new(ErrorClass::Protocol, "no number of bytes")),
                };
                let most = if self.fault == Fault::CutsSamples { 3 } else { self.format.bytes_per_second() };
                if self.fault != Fault::Deaf {
                    wire.output.events.extend(audio.chunks(most).map(|piece| Speech::Audio(piece.into())));
                }
            }
            "end" if mine && (self.running || self.fault == Fault::EndsTwice && !self.stopping) => {
                self.running = false;
                match self.fault {
                    Fault::DoneAmongTheEvents => wire.output.events.push(Speech::Done),
                    Fault::FailsByEvent => return Ok(Flow::Done(Speech::Lost)),
                    Fault::ServesOnce => self.ready = false,
                    _ => {}
                }
                return Ok(Flow::Done(Speech::Done));
            }
            "stopped" if mine => self.stopping = false,
            "audio" | "end" | "stopped" => {}
            _ if self.fault == Fault::FailsOnTheUnknown => {
                return Err(ProviderError::new(ErrorClass::Protocol, "what?"));
            }
            _ => wire.output.unknown += 1,
        }
        Ok(Flow::More)
    }

    fn wake_at(&self) -> Option<Duration> {
        Some(self.last_ping + PING)
    }

    fn tick(&mut self, now: Duration, wire: &mut Wire<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        if self.fault != Fault::WakesInThePast {
            self.last_ping = now;
        }
        wire.send.push(Outgoing::Text("ping".to_owned()));
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, wire: &mut Wire<Synthesize>) {
        self.running = false;
        self.stopping = true;
        wire.send.push(Outgoing::Text(format!("stop {}", self.number)));
    }

    fn rest(&self) -> Rest {
        match (self.stopping, self.fault) {
            (true, Fault::SpentByCancel) => Rest::Spent,
            (true, Fault::ReadyThoughDeclaredSpent) => Rest::Ready,
            (true, _) | (false, Fault::NeverRested) => Rest::Draining,
            (false, _) => Rest::Ready,
        }
    }

    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        match self.fault {
            Fault::ClosedIsHopeless => ProviderError::new(ErrorClass::BadRequest, "closed"),
            Fault::PanicsOnClose => {
                assert!(code != Some(1011), "a toy that breaks");
                closed_by_server(code, reason)
            }
            _ => closed_by_server(code, reason),
        }
    }
}

fn script(number: u32) -> Vec<Step<Synthesize>> {
    let audio = |ms: usize| Step::says(&format!("audio {number} {}", 16 * ms));
    let end = Step::says(&format!("end {number}"));
    vec![Step::says("ready"), audio(40), Step::Wait(Duration::from_millis(2500)), audio(60), end]
}

fn case() -> DuplexCase<Synthesize> {
    DuplexCase::new(job(Format::PCM16_8K), script(1))
        .again(script(2)[1..].to_vec())
        .after_cancel(vec![Step::Answers(|sent| {
            let stopped = sent.iter().rev().find_map(|sent| match sent {
                Outgoing::Text(text) => text.strip_prefix("stop "),
                Outgoing::Binary(_) => None,
            });
            Outgoing::Text(format!("stopped {}", stopped.unwrap_or_default()))
        })])
        .key(KEY)
        .lasting(100)
}

fn report(fault: Fault) -> Report {
    // The twin that declares a cancel to cost the connection stays ready without being told that it has stopped.
    let case = if fault == Fault::ReadyThoughDeclaredSpent { case().after_cancel(Vec::new()) } else { case() };
    suite::duplex("the toy", &Toy(fault), &case)
}

#[test]
fn a_good_codec_keeps_every_promise() {
    let report = report(Fault::None);
    report.assert();
    let untried: Vec<_> = report.findings().iter().filter(|(_, verdict)| *verdict != Verdict::Kept).collect();
    let flush = Verdict::Untried("the case has no flush");
    assert_eq!(untried, [&(Promise::EveryFlushIsAnsweredOnce, flush)], "{report}");
}

#[test]
fn every_bad_twin_is_told_by_what_it_breaks() {
    for (fault, promise) in [
        (Fault::DoneAmongTheEvents, Promise::EndsOnce),
        (Fault::FailsByEvent, Promise::EndsOnce),
        (Fault::SpeaksBeforeItBegins, Promise::EndsOnce),
        (Fault::NeverReady, Promise::EndsOnce),
        (Fault::SpeaksAfterTheEnd, Promise::NothingAfterTheEnd),
        (Fault::EndsTwice, Promise::NothingAfterTheEnd),
        (Fault::ClosedIsHopeless, Promise::TruncatedIsAnError),
        (Fault::CutsSamples, Promise::AudioFits),
        (Fault::BadKeyIsUnavailable, Promise::WrongKeyIsAuth),
        (Fault::QuotaIsALimit, Promise::QuotaIsNeverRetried),
        (Fault::FaultsAreOurs, Promise::RefusalsAreUnderstood),
        (Fault::KeyInTheUrl, Promise::SecretsAreKept),
        (Fault::KeyIsPlain, Promise::SecretsAreKept),
        (Fault::PanicsOnGarbage, Promise::NeverPanics),
        (Fault::PanicsOnClose, Promise::NeverPanics),
        (Fault::CutsTheText, Promise::WithinTheTextLimit),
        (Fault::FailsOnTheUnknown, Promise::UnknownChangesNothing),
        (Fault::SpentByCancel, Promise::CancelTreatsTheSocketAsDeclared),
        (Fault::ReadyThoughDeclaredSpent, Promise::CancelTreatsTheSocketAsDeclared),
        (Fault::SpeaksAfterCancel, Promise::SilentAfterCancel),
        (Fault::WakesInThePast, Promise::WakesAhead),
        (Fault::SendsNothing, Promise::NothingEmptyIsSent),
        (Fault::FitsNothing, Promise::ServesAgain),
        (Fault::ServesOnce, Promise::ServesAgain),
    ] {
        check(&report(fault), promise, &format!("{fault:?}"));
    }
}

#[test]
fn twins_that_break_two_promises_are_told_by_both() {
    let broken = |fault| report(fault).broken().map(|(promise, _)| promise).collect::<Vec<_>>();
    // Whoever never rests serves nobody again either; whoever hears nothing gives nothing useful, and too little of it.
    assert_eq!(broken(Fault::NeverRested), [Promise::CancelTreatsTheSocketAsDeclared, Promise::ServesAgain]);
    assert_eq!(broken(Fault::Deaf), [Promise::UsefulBeforeDone, Promise::AudioFits, Promise::ServesAgain]);
}
