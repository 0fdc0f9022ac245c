use crate::caller::Audience;
use crate::carrier::Fault;
use crate::listen::AgentSpeech;
use crate::plan::CallPlan;
use crate::report::{CallReport, End, tenths};
use crate::script::Death;
use crate::side::{Move, SLOT_MS, Side};
use crate::socket::{Framed, Socket, Woke};
use crate::timeline::{Event, What};
use actix_http::ws::{CloseCode, CloseReason, Item, Message};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What goes along with a call: its clock, who watches, and words that are still being made out.
pub(crate) struct Live<'a> {
    call: usize,
    audience: Audience<'a>,
    /// Events that the observer has seen.
    told: usize,
    began: Instant,
    words: FuturesUnordered<LocalBoxFuture<'static, (usize, f64, String)>>,
}

impl<'a> Live<'a> {
    /// The call begins now.
    pub(crate) fn begin(call: usize, audience: Audience<'a>) -> Self {
        Self { call, audience, told: 0, began: Instant::now(), words: FuturesUnordered::new() }
    }

    /// Whether somebody makes out the agent's words.
    pub(crate) fn listens(&self) -> bool {
        self.audience.transcriber.is_some()
    }

    /// Plays the stream out, slot by slot, until somebody ends it.
    pub(crate) async fn converse<F: Framed>(mut self, mut side: Side, mut socket: Socket<F>) -> CallReport {
        let mut out = Vec::new();
        let started = Instant::now();
        side.start(self.at(), &mut out);
        let mut slot = 0;
        let end = loop {
            if !post(&mut socket, &mut out) {
                break End::Stalled;
            }
            self.show(&mut side);
            let due = started + Duration::from_millis(slot * SLOT_MS);
            socket.wake_at(due);
            let woke = tokio::select! {
                biased;
                woke = socket.next() => woke,
                Some((turn, at_ms, text)) = self.words.next(), if !self.words.is_empty() => {
                    side.note(Event { at_ms, what: What::AgentWords { turn, text } });
                    continue;
                }
            };
            match woke {
                Woke::Tick => {
                    side.note_lateness(tenths(Instant::now().saturating_duration_since(due)));
                    slot += 1;
                    match side.pass_slot(self.at(), &mut out) {
                        Move::Stay => {}
                        Move::Die(how) => break self.die(how, &mut side, &mut socket).await,
                        Move::HangUp => {
                            out.push(side.stop());
                            post(&mut socket, &mut out);
                            break self.hang_up(&mut side, &mut socket).await;
                        }
                    }
                }
                other => {
                    if let Some(end) = self.heard(other, &mut side, &mut socket, &mut out).await {
                        break end;
                    }
                }
            }
        };
        drop(socket);
        self.conclude(side, end).await
    }

    /// Takes in what the engine sent; an end if it ended the stream.
    async fn heard<F: Framed>(
        &self,
        woke: Woke,
        side: &mut Side,
        socket: &mut Socket<F>,
        out: &mut Vec<String>,
    ) -> Option<End> {
        let at = self.at();
        match woke {
            Woke::Tick => None,
            Woke::Text(text) => {
                match std::str::from_utf8(&text) {
                    Ok(text) => side.hear(text, at, out),
                    Err(_) => side.violate(Fault::ProtocolError, at, "a text message that is not UTF-8".to_owned()),
                }
                None
            }
            Woke::Binary(size) => {
                side.violate(Fault::BinaryMessage, at, format!("{size} bytes"));
                None
            }
            Woke::Close(code) => {
                side.judge_close(at);
                // A polite peer returns the close before it drops the line.
                socket.send(Message::Close(code.map(|code| CloseReason::from(CloseCode::from(code)))));
                socket.flush(FLUSH_WITHIN).await;
                Some(End::EngineClosed { close_code: code.unwrap_or(NO_CODE) })
            }
            Woke::Gone(why) => Some(End::Lost { why }),
            Woke::Broken(why) => {
                side.violate(Fault::ProtocolError, at, why.clone());
                Some(End::Lost { why })
            }
        }
    }

    /// Goes without manners.
    async fn die<F: Framed>(&mut self, how: Death, side: &mut Side, socket: &mut Socket<F>) -> End {
        let hold = match how {
            Death::Cut => return End::Cut,
            Death::CloseOnly => {
                socket.send(Message::Close(Some(CloseCode::Normal.into())));
                socket.flush(FLUSH_WITHIN).await;
                return End::Cut;
            }
            Death::Frozen(hold) => {
                sleep(hold).await;
                return End::Cut;
            }
            Death::StopOnly(hold) => {
                socket.send(Message::Text(side.stop().into()));
                hold
            }
            Death::HalfMessage(hold) => {
                let half = Bytes::from_static(br#"{"event":"media","#);
                socket.send(Message::Continuation(Item::FirstText(half)));
                hold
            }
            Death::Silence(hold) => hold,
        };
        socket.wake_at(Instant::now() + hold);
        // Reads on, so that only its own silence is held against the engine; an engine that has enough of it may leave first.
        while !matches!(socket.next().await, Woke::Tick | Woke::Close(_) | Woke::Gone(_) | Woke::Broken(_)) {}
        End::Cut
    }

    /// `stop` is out: the close follows, and the engine has 5 s to return it.
    async fn hang_up<F: Framed>(&self, side: &mut Side, socket: &mut Socket<F>) -> End {
        let mut deadline = Instant::now() + CLOSE_AFTER_STOP;
        let mut closing = false;
        let mut out = Vec::new();
        loop {
            socket.wake_at(deadline);
            match socket.next().await {
                Woke::Tick | Woke::Gone(_) if closing => return End::HungUp { close_code: None },
                Woke::Tick => {
                    closing = true;
                    socket.send(Message::Close(Some(CloseCode::Normal.into())));
                    deadline = Instant::now() + CLOSE_WITHIN;
                }
                Woke::Close(code) => {
                    if !closing {
                        // The engine closed on `stop`, faster than the carrier's own close.
                        socket.send(Message::Close(Some(CloseCode::Normal.into())));
                        socket.flush(FLUSH_WITHIN).await;
                    }
                    return End::HungUp { close_code: Some(code.unwrap_or(NO_CODE)) };
                }
                Woke::Gone(why) | Woke::Broken(why) => return End::Lost { why },
                // Audio that was on its way; nobody is there to hear it, but its shape still counts.
                Woke::Text(text) => {
                    if let Ok(text) = std::str::from_utf8(&text) {
                        side.hear(text, self.at(), &mut out);
                        out.clear();
                    }
                }
                Woke::Binary(size) => side.violate(Fault::BinaryMessage, self.at(), format!("{size} bytes")),
            }
        }
    }

    /// Closes the books: the last words are awaited, the end is told.
    async fn conclude(mut self, mut side: Side, end: End) -> CallReport {
        let at = self.at();
        self.show(&mut side);
        let (mut report, speeches) = side.finish(at);
        self.listen(speeches);
        self.tell_new(&report.events);
        let deadline = Instant::now() + WORDS_WITHIN;
        while let Ok(Some((turn, at_ms, text))) = tokio::time::timeout_at(deadline, self.words.next()).await {
            report.events.push(Event { at_ms, what: What::AgentWords { turn, text } });
            self.tell_new(&report.events);
        }
        self.end(report, at, end)
    }

    /// A call that did not come to a stream.
    pub(crate) fn abort(mut self, mut report: CallReport, end: End) -> CallReport {
        let at = self.at();
        report.duration_ms = at;
        self.end(report, at, end)
    }

    fn end(&mut self, mut report: CallReport, at_ms: f64, end: End) -> CallReport {
        report.events.push(Event { at_ms, what: What::Ended { end: end.clone() } });
        self.tell_new(&report.events);
        report.end = end;
        report
    }

    /// Shows the observer what is new, and hands finished speech to the transcriber.
    fn show(&mut self, side: &mut Side) {
        self.tell_new(side.events());
        let speeches = side.take_speeches();
        self.listen(speeches);
    }

    fn listen(&mut self, speeches: Vec<AgentSpeech>) {
        let Some(transcriber) = self.audience.transcriber else { return };
        for speech in speeches {
            let (turn, at_ms) = (speech.turn, speech.at_ms);
            let words = transcriber.transcribe(speech);
            self.words.push(Box::pin(async move { (turn, at_ms, words.await.unwrap_or_default()) }));
        }
    }

    pub(crate) fn note(&mut self, plan: &CallPlan, report: &mut CallReport, what: What) {
        if plan.timeline {
            report.events.push(Event { at_ms: self.at(), what });
            self.tell_new(&report.events);
        }
    }

    fn tell_new(&mut self, events: &[Event]) {
        for event in events.get(self.told..).unwrap_or_default() {
            self.audience.observer.saw(self.call, event);
        }
        self.told = events.len();
    }

    /// Milliseconds since the call was placed.
    pub(crate) fn at(&self) -> f64 {
        tenths(self.began.elapsed())
    }
}

/// Hands the outbox to the socket; false if the engine has stopped reading.
fn post<F: Framed>(socket: &mut Socket<F>, out: &mut Vec<String>) -> bool {
    out.drain(..).all(|message| socket.send(Message::Text(message.into())))
}

/// Exotel's close follows its `stop` within about 20 ms.
const CLOSE_AFTER_STOP: Duration = Duration::from_millis(20);
/// A server should close within 5 s of `stop`.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
const FLUSH_WITHIN: Duration = Duration::from_millis(500);
/// How long the last words are awaited after the call.
const WORDS_WITHIN: Duration = Duration::from_secs(20);
/// RFC 6455, 7.4.1: a close frame without a code.
const NO_CODE: u16 = 1005;
