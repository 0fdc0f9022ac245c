use crate::carrier::{Carrier, Double, ExotelDouble, Fault, Ids, TwilioDouble};
use crate::dice::Dice;
use crate::listen::{AgentSpeech, Observer, Transcriber};
use crate::plan::CallPlan;
use crate::report::{CallReport, End, Event, Marks, Traffic, Underruns, What, tenths};
use crate::script::Death;
use crate::side::{Move, SLOT_MS, Side};
use crate::signature::twilio_signature;
use crate::socket::{Framed, LONGEST_MESSAGE, Socket, Woke};
use crate::stillborn::{Stillborn, half_handshake, linger};
use crate::webhook::{NoTarget, Target, credentials, dial, find_target, rate_of, signed_form};
use actix_http::ws::{CloseCode, CloseReason, Item, Message};
use actix_service::ServiceExt as _;
use awc::error::WsClientError;
use awc::http::header;
use awc::{Client, Connector};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

/// Places calls. One per thread: it holds the thread's HTTP client.
///
/// Must live on an actix `System` (a current-thread runtime with a local task set); calls are futures of that thread.
#[derive(Clone)]
pub struct Caller {
    client: Client,
}

/// Who follows a call while it goes on.
pub struct Audience<'a> {
    /// Sees the timeline grow.
    pub observer: &'a mut dyn Observer,
    /// Turns the agent's speech into words for the timeline. Needs [`CallPlan::record`].
    pub transcriber: Option<&'a dyn Transcriber>,
}

impl Caller {
    /// A caller with connections of its own.
    ///
    /// awc's defaults do not suit calls: 100 connections in all, sockets included, and Nagle's algorithm left on, which holds
    /// back a 20 ms frame until the previous one is acknowledged.
    pub fn new() -> Self {
        // rustls picks its only provider by itself; a second one, compiled in by some far feature, would make it panic instead.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing a race against another thread leaves that thread's provider, which is as good.
            let _raced = rustls::crypto::ring::default_provider().install_default();
        }
        let tcp = actix_tls::connect::Connector::default().service().map(|connection| {
            // A socket that refuses the option still carries the call, only less evenly.
            let _nagle_stays = connection.io_ref().set_nodelay(true);
            connection
        });
        let connector = Connector::new()
            .connector(tcp)
            .timeout(CONNECT_WITHIN)
            .limit(0)
            .conn_keep_alive(Duration::from_mins(1))
            .conn_lifetime(Duration::from_hours(1))
            // A socket cannot be opened through h2, which awc offers first.
            .max_http_version(awc::http::Version::HTTP_11);
        let client =
            Client::builder().connector(connector).timeout(Duration::from_secs(20)).disable_redirects().finish();
        Self { client }
    }

    /// Places one call and follows its script to the end. Never fails: what went wrong is in the report.
    ///
    /// `number` tells calls of a load apart; with the plan's seed it makes the call's ids.
    pub async fn place(&self, plan: &CallPlan, number: usize, audience: Audience<'_>) -> CallReport {
        let mut live = Live { call: number, audience, told: 0, began: Instant::now(), words: FuturesUnordered::new() };
        let ids = ids(plan.carrier, plan, &mut Dice::of_call(plan.seed, number));
        let mut report = blank(plan, &ids);
        let target = match find_target(&self.client, plan, &ids).await {
            Ok(target) => target,
            Err(NoTarget { status, why }) => return live.abort(report, End::WebhookFailed { status, why }),
        };
        if let Some((status, ms)) = target.answered {
            report.webhook_ms = Some(ms);
            live.note(plan, &mut report, What::WebhookAnswered { status, ms });
        }
        let at = live.at();
        for (fault, detail) in &target.faults {
            report.violate(*fault, at, detail.clone());
            live.note(plan, &mut report, What::Violated { fault: *fault, detail: detail.clone() });
        }
        let dialled = Instant::now();
        let framed = match self.open(plan, &target).await {
            Ok(framed) => framed,
            Err(end) => return live.abort(report, end),
        };
        report.connect_ms = Some(tenths(dialled.elapsed()));
        live.note(plan, &mut report, What::Connected { url: bare(&target.url) });
        let double = double(plan, ids, &target);
        let side = Side::new(plan, double, report, live.audience.transcriber.is_some() && plan.record);
        live.converse(side, Socket::new(framed)).await
    }

    /// Finds the socket as a call does, and then does not come to one.
    pub(crate) async fn place_stillborn(
        &self,
        plan: &CallPlan,
        number: usize,
        how: Stillborn,
        hold: Duration,
    ) -> CallReport {
        let began = Instant::now();
        let ids = ids(plan.carrier, plan, &mut Dice::of_call(plan.seed, number));
        let mut report = blank(plan, &ids);
        report.end = match find_target(&self.client, plan, &ids).await {
            Err(NoTarget { status, why }) => End::WebhookFailed { status, why },
            Ok(target) => {
                report.webhook_ms = target.answered.map(|(_, ms)| ms);
                match how {
                    Stillborn::HalfHandshake => match half_handshake(plan, &target, hold).await {
                        Ok(()) => End::Cut,
                        Err(error) => End::Unreached { why: error.to_string() },
                    },
                    Stillborn::Mute | Stillborn::OnlyConnected => match self.open(plan, &target).await {
                        Ok(framed) => {
                            linger(framed, how, plan.carrier, hold).await;
                            End::Cut
                        }
                        Err(end) => end,
                    },
                }
            }
        };
        report.duration_ms = tenths(began.elapsed());
        report
    }

    /// Dials the socket. Exotel tries a second time, once, as its pages say.
    async fn open(&self, plan: &CallPlan, target: &Target) -> Result<impl Framed + use<>, End> {
        let mut tries = if plan.carrier == Carrier::Exotel { 2 } else { 1 };
        loop {
            tries -= 1;
            let failed = match timeout(CONNECT_WITHIN, self.request(plan, target).connect()).await {
                Ok(Ok((_, framed))) => return Ok(framed),
                Ok(Err(WsClientError::InvalidResponseStatus(status))) => {
                    return Err(End::Refused { status: status.as_u16() });
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("not open within {} s", CONNECT_WITHIN.as_secs()),
            };
            if tries == 0 {
                return Err(End::Unreached { why: failed });
            }
        }
    }

    fn request(&self, plan: &CallPlan, target: &Target) -> awc::ws::WebsocketsRequest {
        let (dialled, host) = dial(&target.url, plan.via.as_ref());
        let mut request =
            self.client.ws(dialled.as_str()).max_frame_size(LONGEST_MESSAGE).set_header(header::HOST, host);
        if plan.carrier == Carrier::Exotel {
            request = request.header(header::USER_AGENT, "Go-http-client/1.1");
        }
        if let Some((user, password)) = credentials(plan, &target.url) {
            request = request.basic_auth(user, Some(&password));
        }
        if let Some(token) = plan.auth_token.as_deref().filter(|_| plan.carrier == Carrier::Twilio) {
            request = request.header("x-twilio-signature", twilio_signature(token, &signed_form(&target.url), &[]));
        }
        request
    }
}

impl Default for Caller {
    fn default() -> Self {
        Self::new()
    }
}

/// What goes along with a call: its clock, who watches, and words that are still being made out.
struct Live<'a> {
    call: usize,
    audience: Audience<'a>,
    /// Events that the observer has seen.
    told: usize,
    began: Instant,
    words: FuturesUnordered<LocalBoxFuture<'static, (usize, f64, Option<String>)>>,
}

impl Live<'_> {
    /// Plays the stream out, slot by slot, until somebody ends it.
    async fn converse<F: Framed>(mut self, mut side: Side, mut socket: Socket<F>) -> CallReport {
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
                    if let Some(text) = text {
                        side.note(Event { at_ms, what: What::AgentWords { turn, text } });
                    }
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
            if let Some(text) = text {
                push(&mut report.events, Event { at_ms, what: What::AgentWords { turn, text } });
                self.tell_new(&report.events);
            }
        }
        self.end(report, at, end)
    }

    /// A call that did not come to a stream.
    fn abort(mut self, mut report: CallReport, end: End) -> CallReport {
        let at = self.at();
        report.duration_ms = at;
        self.end(report, at, end)
    }

    fn end(&mut self, mut report: CallReport, at_ms: f64, end: End) -> CallReport {
        push(&mut report.events, Event { at_ms, what: What::Ended { end: end.clone() } });
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
            self.words.push(Box::pin(async move { (turn, at_ms, words.await) }));
        }
    }

    fn note(&mut self, plan: &CallPlan, report: &mut CallReport, what: What) {
        if plan.timeline {
            push(&mut report.events, Event { at_ms: self.at(), what });
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
    fn at(&self) -> f64 {
        tenths(self.began.elapsed())
    }
}

fn push(events: &mut Vec<Event>, event: Event) {
    events.push(event);
}

/// Hands the outbox to the socket; false if the engine has stopped reading.
fn post<F: Framed>(socket: &mut Socket<F>, out: &mut Vec<String>) -> bool {
    out.drain(..).all(|message| socket.send(Message::Text(message.into())))
}

fn double(plan: &CallPlan, ids: Ids, target: &Target) -> Double {
    let parameters = target.parameters.clone();
    match plan.carrier {
        Carrier::Exotel => {
            Double::Exotel(ExotelDouble::new(ids, plan.manner.clone(), rate_of(&target.url), parameters))
        }
        Carrier::Twilio => Double::Twilio(TwilioDouble::new(ids, &plan.manner, parameters)),
    }
}

fn ids(carrier: Carrier, plan: &CallPlan, dice: &mut Dice) -> Ids {
    let (from, to) = (plan.from.clone(), plan.called.clone());
    let (call_sid, stream_sid) = (dice.hex32(), dice.hex32());
    match carrier {
        Carrier::Exotel => Ids { call_sid, stream_sid, account_sid: "example1m".to_owned(), from, to },
        Carrier::Twilio => Ids {
            call_sid: format!("CA{call_sid}"),
            stream_sid: format!("MZ{stream_sid}"),
            account_sid: "AC000000000000000000000000000000a1".to_owned(),
            from,
            to,
        },
    }
}

fn blank(plan: &CallPlan, ids: &Ids) -> CallReport {
    CallReport {
        carrier: plan.carrier.name(),
        format: String::new(),
        call_sid: ids.call_sid.clone(),
        stream_sid: ids.stream_sid.clone(),
        webhook_ms: None,
        connect_ms: None,
        started_at_ms: None,
        first_audio_ms: None,
        first_sound_ms: None,
        expects_greeting: plan.script.expects_greeting,
        greeting: None,
        lines: Vec::new(),
        lines_unspoken: plan.script.lines.len(),
        marks: Marks::default(),
        clears: 0,
        underruns: Underruns::default(),
        traffic: Traffic::default(),
        late_ms_max: 0.0,
        end: End::Cut,
        duration_ms: 0.0,
        violations: Vec::new(),
        events: Vec::new(),
        recording: None,
    }
}

/// A URL that may be shown: no userinfo, no query (both can hold secrets).
fn bare(url: &Url) -> String {
    let mut url = dial(url, None).0;
    url.set_query(None);
    url.to_string()
}

/// Exotel's limit for a connection attempt; Twilio's is not documented.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Exotel's close follows its `stop` within about 20 ms.
const CLOSE_AFTER_STOP: Duration = Duration::from_millis(20);
/// A server should close within 5 s of `stop`.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
const FLUSH_WITHIN: Duration = Duration::from_millis(500);
/// How long the last words are awaited after the call.
const WORDS_WITHIN: Duration = Duration::from_secs(20);
/// RFC 6455, 7.4.1: a close frame without a code.
const NO_CODE: u16 = 1005;
