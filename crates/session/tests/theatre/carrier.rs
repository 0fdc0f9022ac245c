//! The other end of the leg: Exotel's or Twilio's dialect, a playout buffer that returns marks when they have been played.

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytestring::ByteString;
use operetta_audio::{Format, g711, tone};
use operetta_session::{Arrival, CallActor, FromLeg, KillSwitch, Leg, Proof, ToLeg};
use operetta_wire::{Carrier, Line};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::Theatre;

pub struct FakeCarrier {
    to_call: mpsc::Sender<FromLeg>,
    from_call: mpsc::Receiver<ToLeg>,
    carrier: Carrier,
    format: Format,
    opened: Instant,
    plays_until: Instant,
    marks: VecDeque<(Instant, String)>,
    /// What came from the call: when (ms), and what.
    pub log: Vec<(u64, Said)>,
    pub agent_audio: Vec<u8>,
    pub return_marks: bool,
    pub closed: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Media(usize),
    Mark(String),
    Clear,
    Close(u16),
}

pub const STREAM: &str = "MZ1";

impl FakeCarrier {
    pub fn connect(theatre: &Theatre, carrier: Carrier) -> Self {
        let line = match carrier {
            Carrier::Exotel => Line::exotel(),
            Carrier::Twilio => Line::twilio(),
        };
        Self::connect_on(theatre, Line { implicit_start: carrier == Carrier::Exotel, ..line }, Proof::Upgrade)
    }

    pub fn connect_on(theatre: &Theatre, line: Line, proof: Proof) -> Self {
        let (to_call, heard) = mpsc::channel(256);
        let (say, from_call) = mpsc::channel(64);
        let leg = Leg { heard, say, kill: KillSwitch::none() };
        CallActor::open(leg, Arrival { line, proof, lead_ms: 800, token: None }, &theatre.lane);
        let now = Instant::now();
        Self {
            to_call,
            from_call,
            carrier: line.carrier,
            format: match line.carrier {
                Carrier::Exotel => Format::PCM16_8K,
                Carrier::Twilio => Format::MULAW_8K,
            },
            opened: now,
            plays_until: now,
            marks: VecDeque::new(),
            log: Vec::new(),
            agent_audio: Vec::new(),
            return_marks: true,
            closed: None,
        }
    }

    pub async fn send(&self, message: Value) {
        // A call that is over does not listen any more, as a carrier finds out as well.
        let _ = self.to_call.send(FromLeg::Text(ByteString::from(message.to_string()))).await;
    }

    pub async fn start(&self, call_sid: &str) {
        self.start_at(call_sid, 8000).await;
    }

    pub async fn start_at(&self, call_sid: &str, rate_hz: u32) {
        self.send(json!({"event": "connected"})).await;
        let start = match self.carrier {
            Carrier::Exotel => json!({
                "event": "start", "stream_sid": STREAM, "sequence_number": 1,
                "start": {"stream_sid": STREAM, "call_sid": call_sid, "from": "01000000001", "to": "01000000002",
                    "media_format": {"encoding": "raw/slin", "sample_rate": rate_hz.to_string()}},
            }),
            Carrier::Twilio => json!({
                "event": "start", "streamSid": STREAM, "sequenceNumber": "1",
                "start": {"streamSid": STREAM, "callSid": call_sid, "accountSid": "AC1", "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}},
            }),
        };
        self.send(start).await;
    }

    pub async fn stop(&self) {
        self.event("stop", json!({})).await;
    }

    pub async fn press(&self, digit: char) {
        self.event("dtmf", json!({"digit": digit.to_string()})).await;
    }

    /// The socket goes away.
    pub async fn hang_up_hard(&self) {
        let _ = self.to_call.send(FromLeg::Closed { code: 1006 }).await;
    }

    /// The caller is silent for `ms`.
    pub async fn silence(&mut self, ms: u64) {
        self.line(ms, &[tone::silence(20, 8000)]).await;
    }

    /// The caller makes a sound for `ms` that rises and falls as speech does.
    pub async fn speech(&mut self, ms: u64) {
        let frames = [-10.0, -14.0, -22.0, -12.0].map(|level| tone::sine(220.0, 20, 8000, level));
        self.line(ms, &frames).await;
    }

    async fn event(&self, name: &str, body: Value) {
        let sid = self.sid();
        self.send(json!({"event": name, sid: STREAM, name: body})).await;
    }

    fn sid(&self) -> &'static str {
        if self.carrier == Carrier::Exotel { "stream_sid" } else { "streamSid" }
    }

    async fn line(&mut self, ms: u64, frames: &[Vec<i16>]) {
        for frame in frames.iter().cycle().take(ms as usize / 20) {
            let mut bytes = Vec::new();
            g711::encode_into(self.format.encoding, frame, &mut bytes);
            self.event("media", json!({"payload": STANDARD.encode(bytes), "track": "inbound"})).await;
            sleep(Duration::from_millis(20)).await;
            self.collect().await;
        }
    }

    /// Without any media from the caller.
    pub async fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            sleep(Duration::from_millis(20)).await;
            self.collect().await;
        }
    }

    async fn collect(&mut self) {
        while let Ok(said) = self.from_call.try_recv() {
            self.take(said);
        }
        let now = Instant::now();
        while self.return_marks && self.marks.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.marks.pop_front() else { return };
            self.event("mark", json!({"name": name})).await;
        }
    }

    fn take(&mut self, said: ToLeg) {
        let now = Instant::now();
        let at = now.duration_since(self.opened).as_millis() as u64;
        let text = match said {
            ToLeg::Text(text) => text,
            ToLeg::Close { code } => {
                self.closed = Some(code);
                self.log.push((at, Said::Close(code)));
                return;
            }
        };
        let message: Value = serde_json::from_str(&text).expect("the call speaks JSON");
        assert_eq!(message[self.sid()], STREAM, "{text}");
        match message["event"].as_str().expect("an event") {
            "media" => {
                let payload = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).expect("base64");
                self.plays_until = self.plays_until.max(now)
                    + Duration::from_millis(u64::from(self.format.ms_of_bytes(payload.len())));
                self.log.push((at, Said::Media(payload.len())));
                self.agent_audio.extend(payload);
            }
            "mark" => {
                let name = message["mark"]["name"].as_str().expect("a name").to_owned();
                self.marks.push_back((self.plays_until, name.clone()));
                self.log.push((at, Said::Mark(name)));
            }
            "clear" => {
                self.plays_until = now;
                for mark in &mut self.marks {
                    mark.0 = now;
                }
                self.log.push((at, Said::Clear));
            }
            other => panic!("the call said {other}"),
        }
    }

    pub fn first(&self, what: impl Fn(&Said) -> bool) -> Option<u64> {
        self.log.iter().find(|(_, said)| what(said)).map(|(at, _)| *at)
    }

    pub fn count(&self, what: impl Fn(&Said) -> bool) -> usize {
        self.log.iter().filter(|(_, said)| what(said)).count()
    }

    /// What the call said, media in a row on one line.
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        let mut log = self.log.iter().peekable();
        while let Some((at, said)) = log.next() {
            let line = match said {
                Said::Media(bytes) => {
                    let (mut frames, mut bytes) = (1, *bytes);
                    while let Some((_, Said::Media(more))) = log.peek() {
                        frames += 1;
                        bytes += more;
                        log.next();
                    }
                    format!("-> media x{frames} {} ms", self.format.ms_of_bytes(bytes))
                }
                Said::Mark(name) => format!("-> mark {name}"),
                Said::Clear => "-> clear".into(),
                Said::Close(code) => format!("-> close {code}"),
            };
            let _ = writeln!(text, "+{}.{:03} {line}", at / 1000, at % 1000);
        }
        text
    }
}
