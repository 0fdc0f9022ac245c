mod strike;

use std::{collections::VecDeque, time::Duration};

use actix_http::ws::OpCode;
use tokio::time::Instant;

use super::{
    Conversation, Ender, SocketFacts, WsFailure,
    facts::End,
    play::Staged,
    session::{Act, Cause, Floor, Manner, Session, sooner},
    wire::{Heard, Wire, Woken},
};
use crate::theatre::{
    backstage::Backstage,
    deck::Deck,
    ledger::{Billed, CloseNote, RequestNote},
};

/// One socket, from its upgrade to its end: moves bytes and time to the session and back, writes down what happens, and plays the
/// failures that no vendor's protocol knows of.
pub(super) struct Stage {
    wire: Wire,
    session: Box<dyn Session>,
    manner: Manner,
    backstage: Backstage,
    conversation: Conversation,
    began: Instant,
    /// What has been said and is still being thought about.
    later: VecDeque<(Duration, Act)>,
    state: State,
    /// Messages of content that went out.
    content: u64,
    has_struck: bool,
    /// Whether a message has been made large, or preceded by a malformed one: once is enough.
    is_dressed: bool,
    pings: Pings,
    /// What the ledger has been told of bills and contexts.
    noted: (Billed, (u32, u32)),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing goes out any more, and what comes in is not heard.
    Dead,
    /// A close has been sent: until then for the client's.
    Closing(Duration),
    Over,
}

/// Pings to the client, where they are counted (`W11`).
#[derive(Default)]
struct Pings {
    next_at: Option<Duration>,
    unanswered: u32,
}

impl Stage {
    pub(super) fn new(
        wire: Wire,
        session: Box<dyn Session>,
        manner: Manner,
        backstage: Backstage,
        conversation: Conversation,
    ) -> Self {
        let next_at = manner.plays(WsFailure::PingsCounted).then_some(Duration::ZERO);
        Self {
            wire,
            session,
            manner,
            backstage,
            conversation,
            began: Instant::now(),
            later: VecDeque::new(),
            state: State::Open,
            content: 0,
            has_struck: false,
            is_dressed: false,
            pings: Pings { next_at, unanswered: 0 },
            noted: (Billed::default(), (0, 0)),
        }
    }

    pub(super) async fn run(mut self) {
        self.open();
        while self.state != State::Over {
            if self.wire.waiting() > UNREAD {
                self.end(Ender::VendorDropped, None, "");
                return self.wire.reset().await;
            }
            let wake = self.wake_at().map(|at| self.began + at);
            match self.wire.wait(wake).await {
                Woken::Bytes => {
                    while self.state != State::Over
                        && let Some(heard) = self.wire.take()
                    {
                        self.heard(heard);
                    }
                }
                Woken::Time => self.tick(),
                Woken::Gone => {
                    self.end(Ender::ClientDropped, None, "");
                    self.state = State::Over;
                }
            }
            match self.manner.staged {
                Some(Staged { failure: WsFailure::Dropped, form: "rst", .. }) if self.has_struck => {
                    return self.wire.reset().await;
                }
                Some(staged) if self.has_struck && is_shutting(staged) => {
                    self.wire.shut().await;
                    return self.wire.linger(LINGER).await;
                }
                _ => {}
            }
        }
        self.wire.shut().await;
        self.wire.linger(LINGER).await;
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn wake_at(&self) -> Option<Duration> {
        match self.state {
            State::Open => {
                let thought = self.later.front().map(|(at, _)| *at);
                sooner(sooner(self.session.wake_at(), thought), self.pings.next_at)
            }
            State::Dead | State::Over => None,
            State::Closing(until) => Some(until),
        }
    }

    fn open(&mut self) {
        if let Some(Staged { failure: WsFailure::ErrorAfterUpgrade, form, .. }) = self.manner.staged {
            let cause = match form {
                "quota" => Cause::Quota,
                "missing" => Cause::Missing,
                _ => Cause::Auth,
            };
            return self.complain(cause);
        }
        self.step(|session, floor| session.opened(floor));
    }

    fn tick(&mut self) {
        let now = self.now();
        if let State::Closing(until) = self.state {
            if until <= now {
                self.state = State::Over;
            }
            return;
        }
        if self.pings.next_at.is_some_and(|at| at <= now) {
            self.ping(now);
        }
        if self.session.wake_at().is_some_and(|at| at <= now) {
            self.step(|session, floor| session.tick(floor));
        }
        while self.state == State::Open
            && let Some((_, act)) = self.later.pop_front_if(|(at, _)| *at <= now)
        {
            self.perform(act);
        }
    }

    fn ping(&mut self, now: Duration) {
        if self.pings.unanswered >= 2 {
            return self.close(1011, "keepalive ping timeout");
        }
        self.pings.unanswered += 1;
        self.pings.next_at = Some(now + self.manner.limit(Duration::from_secs(1)));
        self.conversation.change(|facts| facts.pings_sent += 1);
        self.wire.frame(OpCode::Ping, b"are you there", true);
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Close(code, reason) => self.closed(code, &reason),
            Heard::Broken(code) => {
                let now = self.now();
                self.conversation.change(|facts| facts.fault(now, "broken_frames"));
                self.close(code, "");
            }
            Heard::Ping(payload) => {
                self.conversation.change(|facts| facts.pings += 1);
                self.write_down([("ping".to_owned(), payload.len())]);
                let is_mute = self.manner.plays(WsFailure::DeadButOpen) && self.manner.form() == "mute";
                if !(is_mute && self.has_struck) {
                    self.wire.frame(OpCode::Pong, &payload, true);
                }
            }
            Heard::Pong => {
                self.pings.unanswered = 0;
                self.conversation.change(|facts| facts.pongs += 1);
            }
            Heard::Text(text) => self.message(text.len(), |session, floor| session.text(&text, floor)),
            Heard::Binary(bytes) => self.message(bytes.len(), |session, floor| session.binary(&bytes, floor)),
        }
    }

    fn message(&mut self, bytes: usize, hear: impl FnOnce(&mut dyn Session, &mut Floor<'_>)) {
        if self.state != State::Open {
            return self.write_down([("unheard".to_owned(), bytes)]);
        }
        match self.manner.staged.map(|staged| (staged.failure, staged.form)) {
            Some((WsFailure::ResumeRefused, _)) => {
                self.write_down([("unheard".to_owned(), bytes)]);
                self.close(1007, "Session handle is not valid any more (mock)");
            }
            Some((WsFailure::ClosedDuringSend, form)) => {
                self.write_down([("unheard".to_owned(), bytes)]);
                self.has_struck = true;
                if form == "close" {
                    self.close(1011, "closed while you were sending (mock)");
                } else {
                    self.end(Ender::VendorDropped, None, "");
                    self.state = State::Dead;
                }
            }
            _ => self.step(hear),
        }
    }

    /// Lets the session act, and performs what it decides.
    fn step(&mut self, act: impl FnOnce(&mut dyn Session, &mut Floor<'_>)) {
        let now = self.now();
        let house = std::sync::Arc::clone(&self.backstage.house);
        let (session, backstage) = (&mut self.session, &self.backstage);
        let (acts, heard, billed, contexts) = self.conversation.change(|facts: &mut SocketFacts| {
            let mut floor = Floor {
                now,
                acts: Vec::new(),
                facts,
                heard: Vec::new(),
                lines: &mut || house.deck.change(Deck::transcript),
                replies: &mut || backstage.reply(),
            };
            act(session.as_mut(), &mut floor);
            let (acts, heard) = (floor.acts, floor.heard);
            (acts, heard, facts.billed, (facts.contexts_opened, facts.contexts_ended))
        });
        self.write_down(heard);
        if (billed, contexts) != self.noted {
            self.noted = (billed, contexts);
            self.note(|note| {
                note.billed = billed;
                (note.contexts_opened, note.contexts_closed) = contexts;
            });
        }
        let lag = self.session.lag();
        for act in acts {
            if lag.is_zero() {
                self.perform(act);
            } else {
                self.later.push_back((now + lag, act));
            }
        }
    }

    fn perform(&mut self, act: Act) {
        if self.state != State::Open {
            return;
        }
        match act {
            Act::Confirm(_) if self.manner.plays(WsFailure::NoConfirmation) => self.state = State::Dead,
            Act::Confirm(message) | Act::Note(message) => self.say(&message),
            Act::Say(message) => {
                if self.may_go() {
                    self.say(&message);
                    self.sent(message.to_string().len());
                }
            }
            Act::Audio(bytes) => {
                if self.may_go() {
                    self.write_audio(&bytes);
                    self.sent(bytes.len());
                }
            }
            Act::Close(code, reason) => self.close(code, &reason),
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.content += 1;
        let late = self.conversation.change(|facts| {
            facts.content_sent += 1;
            facts.audio_after_cancel
        });
        let now = self.backstage.now();
        self.note(|note| {
            note.first_output_at.get_or_insert(now);
            note.bytes_out += bytes as u64;
            let late_ms = late * u64::from(crate::theatre::PIECE_MS);
            if late_ms > note.billed_after_cancel.audio_out_ms {
                note.billed_after_cancel.audio_out_ms = late_ms;
                note.bytes_after_cancel += bytes as u64;
            }
        });
    }

    /// Says what is wrong, and closes.
    fn complain(&mut self, cause: Cause) {
        let complaint = self.session.complaint(cause);
        if let Some(message) = complaint.message {
            self.say(&message);
        }
        self.close(complaint.code, &complaint.reason);
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.close_with(Some(code), reason);
    }

    fn close_with(&mut self, code: Option<u16>, reason: &str) {
        if matches!(self.state, State::Closing(_) | State::Over) {
            return;
        }
        self.wire.close(code, reason);
        self.end(Ender::Vendor, code, reason);
        self.state = State::Closing(self.now() + LINGER);
    }

    /// The client's close frame, first or in answer to ours.
    fn closed(&mut self, code: Option<u16>, reason: &str) {
        self.write_down([("close".to_owned(), reason.len())]);
        if !matches!(self.state, State::Closing(_)) {
            self.end(Ender::Client, code, reason);
            self.wire.close(code, "");
        }
        self.state = State::Over;
    }

    /// Writes down how it ended. What was written first stays.
    fn end(&self, by: Ender, code: Option<u16>, reason: &str) {
        let at = self.now();
        let is_first = self.conversation.change(|facts| {
            let is_first = facts.end.is_none();
            facts.end.get_or_insert_with(|| End { at, by, code, reason: reason.to_owned() });
            is_first
        });
        if !is_first {
            return;
        }
        let now = self.backstage.now();
        self.note(|note| {
            note.close =
                Some(CloseNote { at: now, by_client: matches!(by, Ender::Client | Ender::ClientDropped), code });
            if by == Ender::ClientDropped {
                note.cancelled_at = Some(now);
            }
            if by == Ender::Vendor && code != Some(1000) {
                note.error = Some(code.map_or_else(|| "closed".to_owned(), |code| code.to_string()));
            }
        });
    }

    fn write_down(&self, messages: impl IntoIterator<Item = (String, usize)>) {
        let mut messages = messages.into_iter().peekable();
        if messages.peek().is_none() {
            return;
        }
        let now = self.backstage.now();
        self.note(|note| {
            for (kind, bytes) in messages {
                note.message(now, kind, bytes);
            }
        });
    }

    fn note(&self, change: impl FnOnce(&mut RequestNote)) {
        self.backstage.note(change);
    }
}

impl Drop for Stage {
    /// The theatre has closed before the socket was over.
    fn drop(&mut self) {
        self.end(Ender::Theatre, None, "");
    }
}

/// Whether the fake's half of the connection ends without a word.
fn is_shutting(staged: Staged) -> bool {
    matches!((staged.failure, staged.form), (WsFailure::Dropped, "fin") | (WsFailure::ClosedDuringSend, "half"))
}

/// How long a client has to answer a close, and to go.
const LINGER: Duration = Duration::from_secs(2);

/// What a client may leave unread: more than an hour of speech.
const UNREAD: usize = 64 << 20;
