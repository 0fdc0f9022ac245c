use std::time::Duration;

use super::{KEY, check};
use crate::{
    Capabilities, DuplexCodec, DuplexVendor, Flow, Hearing, Message, Outgoing, ProviderError, Role, SocketRequest,
    Transcribe, Transcript, Wire,
    secret::ApiKey,
    suite::{self, DuplexCase, Promise, Report, Step},
};

/// A vendor that listens: it hears `final <words>` for every flush it is sent, and what is wrong with it.
struct Toy(Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    AnswersTwice,
    AnswersAnother,
    AnswersNobody,
    EndsTheCall,
    Deaf,
}

impl DuplexVendor for Toy {
    type Job = Transcribe;
    type Codec = Codec;

    fn capabilities(&self) -> Capabilities {
        Capabilities::of(Role::Stt)
    }

    fn open(&self, _: &Transcribe) -> Result<(SocketRequest, Codec), ProviderError> {
        let headers = vec![("authorization", ApiKey::new(KEY).header("Token "))];
        let request = SocketRequest { url: "wss://toy.example/listen".to_owned(), headers };
        Ok((request, Codec { fault: self.0, running: false, flushes: Vec::new() }))
    }
}

struct Codec {
    fault: Fault,
    running: bool,
    flushes: Vec<u32>,
}

impl DuplexCodec for Codec {
    type Job = Transcribe;

    fn opened(&mut self, _: Duration, _: &mut Wire<Transcribe>) {}

    fn begin(&mut self, _: Duration, _: &Transcribe, _: &mut Wire<Transcribe>) {
        self.running = true;
    }

    fn feed(&mut self, _: Duration, piece: Hearing, wire: &mut Wire<Transcribe>) {
        match piece {
            Hearing::Samples(samples) => {
                wire.send.push(Outgoing::Binary(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()));
            }
            Hearing::Flush(number) => {
                self.flushes.push(number);
                wire.send.push(Outgoing::Text("flush".to_owned()));
            }
        }
    }

    fn hear(
        &mut self,
        _: Duration,
        message: Message<'_>,
        wire: &mut Wire<Transcribe>,
    ) -> Result<Flow<Transcribe>, ProviderError> {
        let Message::Text(text) = message else { return Ok(Flow::More) };
        let Some(words) = text.strip_prefix("final ").filter(|_| self.running) else { return Ok(Flow::More) };
        let number = (!self.flushes.is_empty()).then(|| self.flushes.remove(0));
        let answer = |flush| Transcript::Final { text: words.into(), flush };
        let events = &mut wire.output.events;
        match self.fault {
            Fault::None => events.push(answer(number)),
            Fault::AnswersTwice => events.extend([answer(number), answer(number)]),
            Fault::AnswersAnother => events.push(answer(number.map(|number| number + 1))),
            Fault::AnswersNobody => events.push(answer(None)),
            Fault::EndsTheCall => return Ok(Flow::Done(Transcript::Lost)),
            Fault::Deaf => {}
        }
        Ok(Flow::More)
    }

    fn cancel(&mut self, _: Duration, _: &mut Wire<Transcribe>) {
        self.running = false;
    }
}

fn report(fault: Fault) -> Report {
    let samples = || Step::Feed(Hearing::Samples(vec![100; 160]));
    let script = vec![
        samples(),
        Step::Feed(Hearing::Flush(4)),
        samples(),
        Step::says("final hello"),
        Step::Feed(Hearing::Flush(9)),
        Step::says("final "),
        Step::Wait(Duration::from_secs(1)),
    ];
    let case = DuplexCase::new(Transcribe { language: "en-IN".into(), rate_hz: 8000 }, script).key(KEY);
    suite::duplex("the toy", &Toy(fault), &case)
}

#[test]
fn every_flush_has_its_answer() {
    report(Fault::None).assert();
    check(&report(Fault::AnswersTwice), Promise::EveryFlushIsAnsweredOnce, "twice");
    check(&report(Fault::AnswersAnother), Promise::EveryFlushIsAnsweredOnce, "another");
    check(&report(Fault::AnswersNobody), Promise::EveryFlushIsAnsweredOnce, "nobody");
}

#[test]
fn a_job_that_lasts_as_long_as_the_call_does_not_end() {
    check(&report(Fault::EndsTheCall), Promise::EndsOnce, "ends");
}

#[test]
fn a_codec_that_hears_nothing_is_of_no_use() {
    let report = report(Fault::Deaf);
    let broken: Vec<Promise> = report.broken().map(|(promise, _)| promise).collect();
    assert_eq!(broken, [Promise::UsefulBeforeDone, Promise::EveryFlushIsAnsweredOnce], "{report}");
}
