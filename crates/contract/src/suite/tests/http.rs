use std::time::Duration;

use operetta_audio::Format;

use super::{KEY, audio, check, job};
use crate::{
    Capabilities, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method, Output, ProviderError, Role,
    Speech, Synthesize, TextLimit, class_of_status,
    secret::ApiKey,
    suite::{self, HttpCase, Promise, Report, Verdict},
};

/// A vendor whose replies are event streams of `audio <bytes>` with `end` at the end, and what is wrong with it.
struct Toy(Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    ForgetsHalfLines,
    DoneAmongTheEvents,
    FailsByEvent,
    ReadsOnBehindTheEnd,
    EmptyIsDone,
    HalfIsDone,
    HalfIsHopeless,
    PlaysAnything,
    CutsSamples,
    SendsSeconds,
    WrongRate,
    BadKeyIsUnavailable,
    BadKeyBodyIsMissed,
    ForgetsThePause,
    BelievesAnyPause,
    QuotaIsALimit,
    QuotaBodyIsMissed,
    FaultsAreOurs,
    KeyInTheUrl,
    KeyIsPlain,
    KeyIsMissing,
    KeyInWarmUp,
    PanicsOnGarbage,
    PanicsOnRefusal,
    CutsTheText,
    RefusesLongTexts,
    StumblesOverComments,
}

const LIMIT: usize = 200;

impl HttpVendor for Toy {
    type Job = Synthesize;
    type Reader = Reader;

    fn capabilities(&self) -> Capabilities {
        Capabilities { max_text: Some(TextLimit::Chars(LIMIT)), ..Capabilities::of(Role::Tts) }
    }

    fn open(&self, job: &Synthesize) -> Result<(HttpRequest, Reader), ProviderError> {
        if self.0 == Fault::RefusesLongTexts && job.text.chars().count() > LIMIT / 2 {
            return Err(ProviderError::new(ErrorClass::TooLong, "too long for a toy"));
        }
        let text = if self.0 == Fault::CutsTheText { &job.text[..job.text.floor_char_boundary(20)] } else { &job.text };
        let mut url = "https://toy.example/speak".to_owned();
        if self.0 == Fault::KeyInTheUrl {
            url = format!("{url}?key={KEY}");
        }
        let key = match self.0 {
            Fault::KeyIsPlain => format!("Bearer {KEY}").into(),
            Fault::KeyIsMissing => "none".into(),
            _ => ApiKey::new(KEY).header("Bearer "),
        };
        let headers = vec![("authorization", key)];
        let request = HttpRequest { method: Method::Post, url, headers, body: text.as_bytes().to_vec() };
        Ok((request, Reader { fault: self.0, format: job.format, pending: Vec::new(), heard: false, is_reply: true }))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        let url = format!("https://toy.example/warm{}", if self.0 == Fault::KeyInWarmUp { KEY } else { "" });
        let headers = vec![("authorization", ApiKey::new(KEY).header("Bearer "))];
        Some(HttpRequest { method: Method::Get, url, headers, body: Vec::new() })
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        assert!(self.0 != Fault::PanicsOnRefusal || !body.contains(&0xff), "a toy that breaks");
        let class = match (head.status, body) {
            (400, b"bad key") if self.0 != Fault::BadKeyBodyIsMissed => ErrorClass::Auth,
            (429, b"no money") if self.0 != Fault::QuotaBodyIsMissed => ErrorClass::Quota,
            (401, _) if self.0 == Fault::BadKeyIsUnavailable => ErrorClass::Unavailable,
            (402, _) if self.0 == Fault::QuotaIsALimit => ErrorClass::RateLimited,
            (500.., _) if self.0 == Fault::FaultsAreOurs => ErrorClass::BadRequest,
            (status, _) => class_of_status(status),
        };
        let error = ProviderError::new(class, "the toy says no");
        let pause = head.header("retry-after").and_then(|value| value.parse().ok());
        let most = if self.0 == Fault::BelievesAnyPause { u64::MAX } else { 120 };
        match (class, pause) {
            (_, _) if self.0 == Fault::ForgetsThePause => error,
            (ErrorClass::RateLimited, Some(pause)) => error.after(Duration::from_secs(most.min(pause))),
            _ => error,
        }
    }
}

struct Reader {
    fault: Fault,
    format: Format,
    pending: Vec<u8>,
    heard: bool,
    is_reply: bool,
}

impl Reader {
    fn line(&mut self, line: &str, out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        let protocol = |detail: &str| ProviderError::new(ErrorClass::Protocol, detail);
        if line.starts_with(':') && self.fault == Fault::StumblesOverComments {
            return Err(protocol("a comment"));
        }
        let Some(data) = line.strip_prefix("data:").map(str::trim_start) else { return Ok(Flow::More) };
        if data == "end" && self.heard {
            match self.fault {
                Fault::DoneAmongTheEvents => out.events.push(Speech::Done),
                Fault::FailsByEvent => return Ok(Flow::Done(Speech::Failed(protocol("failed")))),
                _ => {}
            }
            return Ok(Flow::Done(Speech::Done));
        }
        let Some(bytes) = data.strip_prefix("audio ") else { return Ok(Flow::More) };
        let audio = match (audio(bytes, self.format), self.fault) {
            (Some(audio), _) => audio,
            (None, Fault::PanicsOnGarbage) => panic!("no number of bytes"),
            (None, _) => return Err(protocol("no number of bytes")),
        };
        self.heard |= !audio.is_empty();
        let audio = if self.fault == Fault::WrongRate { audio.repeat(3) } else { audio };
        let most = match self.fault {
            Fault::CutsSamples => 3,
            Fault::SendsSeconds => usize::MAX,
            _ => self.format.bytes_per_second(),
        };
        out.events.extend(audio.chunks(most).map(|piece| Speech::Audio(piece.into())));
        Ok(Flow::More)
    }
}

impl HttpReader for Reader {
    type Job = Synthesize;

    fn head(&mut self, head: &Head, _: &mut Output<Synthesize>) -> Result<(), ProviderError> {
        self.is_reply = head.content_type() == "text/event-stream";
        if self.is_reply || self.fault == Fault::PlaysAnything {
            return Ok(());
        }
        Err(ProviderError::new(ErrorClass::Protocol, "no event stream"))
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Synthesize>) -> Result<Flow<Synthesize>, ProviderError> {
        if !self.is_reply {
            let whole = bytes.len() - bytes.len() % 2;
            out.events.push(Speech::Audio(bytes[..whole].into()));
            return Ok(Flow::Done(Speech::Done));
        }
        self.pending.extend_from_slice(bytes);
        let mut done = Flow::More;
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let flow = self.line(String::from_utf8_lossy(&line).trim_end(), out)?;
            match (flow, self.fault) {
                (Flow::More, _) => {}
                (flow, Fault::ReadsOnBehindTheEnd) => done = flow,
                (flow, _) => return Ok(flow),
            }
        }
        if self.fault == Fault::ForgetsHalfLines {
            self.pending.clear();
        }
        Ok(done)
    }

    fn end(&mut self, _: &mut Output<Synthesize>) -> Result<Speech, ProviderError> {
        match self.fault {
            Fault::EmptyIsDone if !self.heard && self.pending.is_empty() => Ok(Speech::Done),
            Fault::HalfIsDone if self.heard => Ok(Speech::Done),
            Fault::HalfIsHopeless => Err(ProviderError::new(ErrorClass::BadRequest, "half a reply")),
            _ => Err(ProviderError::new(ErrorClass::Protocol, "half a reply")),
        }
    }
}

/// 1.2 s of audio in three events, the middle one longer than 1 s.
fn case() -> HttpCase<Synthesize> {
    let body = "data: audio 640\n\ndata: audio 17600\n\ndata: audio 960\n\ndata: end\n\n";
    HttpCase::new(job(Format::PCM16_8K), "text/event-stream", body)
        .key(KEY)
        .lasting(1200)
        .header("x-request-id", "toy-1")
        .refused(400, "bad key", ErrorClass::Auth)
        .refused(429, "no money", ErrorClass::Quota)
        .refused(422, "what?", ErrorClass::BadRequest)
        .refused_with(429, &[("retry-after", "3")], "", ErrorClass::RateLimited, Some(Duration::from_secs(3)))
}

fn report(fault: Fault) -> Report {
    suite::http("the toy", &Toy(fault), &case())
}

#[test]
fn a_good_codec_keeps_every_promise() {
    let report = report(Fault::None);
    report.assert();
    assert!(report.findings().iter().all(|(_, verdict)| *verdict == Verdict::Kept), "{report}");
}

#[test]
fn a_report_can_be_had_again() {
    assert_eq!(report(Fault::PanicsOnGarbage).to_string(), report(Fault::PanicsOnGarbage).to_string());
}

#[test]
fn every_bad_twin_is_told_by_what_it_breaks() {
    for (fault, promise) in [
        (Fault::ForgetsHalfLines, Promise::SameHoweverCut),
        (Fault::DoneAmongTheEvents, Promise::EndsOnce),
        (Fault::FailsByEvent, Promise::EndsOnce),
        (Fault::ReadsOnBehindTheEnd, Promise::NothingAfterTheEnd),
        (Fault::EmptyIsDone, Promise::UsefulBeforeDone),
        (Fault::HalfIsDone, Promise::TruncatedIsAnError),
        (Fault::HalfIsHopeless, Promise::TruncatedIsAnError),
        (Fault::PlaysAnything, Promise::OnlyRepliesAreUsed),
        (Fault::CutsSamples, Promise::AudioFits),
        (Fault::SendsSeconds, Promise::AudioFits),
        (Fault::WrongRate, Promise::AudioFits),
        (Fault::BadKeyIsUnavailable, Promise::WrongKeyIsAuth),
        (Fault::BadKeyBodyIsMissed, Promise::WrongKeyIsAuth),
        (Fault::ForgetsThePause, Promise::RateLimitsKeepTheirPause),
        (Fault::BelievesAnyPause, Promise::RateLimitsKeepTheirPause),
        (Fault::QuotaIsALimit, Promise::QuotaIsNeverRetried),
        (Fault::QuotaBodyIsMissed, Promise::QuotaIsNeverRetried),
        (Fault::FaultsAreOurs, Promise::RefusalsAreUnderstood),
        (Fault::KeyInTheUrl, Promise::SecretsAreKept),
        (Fault::KeyIsPlain, Promise::SecretsAreKept),
        (Fault::KeyIsMissing, Promise::SecretsAreKept),
        (Fault::KeyInWarmUp, Promise::SecretsAreKept),
        (Fault::PanicsOnGarbage, Promise::NeverPanics),
        (Fault::PanicsOnRefusal, Promise::NeverPanics),
        (Fault::CutsTheText, Promise::WithinTheTextLimit),
        (Fault::RefusesLongTexts, Promise::WithinTheTextLimit),
        (Fault::StumblesOverComments, Promise::UnknownChangesNothing),
    ] {
        check(&report(fault), promise, &format!("{fault:?}"));
    }
}

#[test]
fn what_cannot_be_tried_is_named() {
    let case = HttpCase::new(job(Format::PCM16_8K), "text/event-stream", "data: audio 2\n\ndata: end\n\n");
    let report = suite::http("the toy", &Toy(Fault::None), &case);
    report.assert();
    assert!(report.to_string().contains("untried a key stands in secret headers"), "{report}");
}

#[test]
#[should_panic(expected = "BROKEN  a reply that was cut short is an error")]
fn a_test_fails_with_the_whole_report() {
    report(Fault::HalfIsDone).assert();
}
