//! Fake providers behind the real contract.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;
use operetta_audio::{Format, g711, tone};
use operetta_contract::{
    Complete, Completion, Converse, Detect, ErrorClass, Exchange, Hearing, Next, ProviderError, Speech, Synthesize,
    ToolCall, Transcribe, Transcript, Turnout, Voice,
};
use operetta_stage::{Ask, Kind, Metered};
use tokio::time::sleep;

/// What the providers do.
#[derive(Default)]
pub struct Script {
    pub voice: VecDeque<VoiceAct>,
    /// What the listener understands, utterance by utterance.
    pub understood: VecDeque<&'static str>,
    pub replies: VecDeque<(&'static str, Next)>,
    /// What was asked of the mind: the caller's last words.
    pub asked: Vec<String>,
    /// Every text that was asked to be spoken.
    pub spoken: Vec<String>,
    /// Samples that reached the listener.
    pub listened: usize,
    /// What the partner of a conversation was told besides what it heard.
    pub told: Vec<Turnout>,
    /// What the partner knew of the conversation when it began.
    pub known: Vec<String>,
}

/// What the voice does with the next job; when the list is empty it speaks after 100 ms.
#[derive(Clone, Copy, Debug)]
pub enum VoiceAct {
    Speaks { after_ms: u64, ms: u32 },
    Refuses,
    Hangs,
    Drips,
    Empty,
    Crashes,
}

pub struct FakeVoice(pub Rc<RefCell<Script>>);

impl Kind for FakeVoice {
    const KIND: &'static str = "tts";
}

impl Actor for FakeVoice {
    type Context = Metered<Self>;
}

impl Handler<Ask<Synthesize>> for FakeVoice {
    type Result = ();

    fn handle(&mut self, ask: Ask<Synthesize>, ctx: &mut Metered<Self>) {
        let act = {
            let mut script = self.0.borrow_mut();
            script.spoken.push(ask.job.text.to_string());
            script.voice.pop_front().unwrap_or(VoiceAct::Speaks { after_ms: 100, ms: 1000 })
        };
        if matches!(act, VoiceAct::Crashes) {
            panic!("the voice crashes, as scripted");
        }
        let act = async move {
            let (answer, format) = (ask.answer, ask.job.format);
            match act {
                VoiceAct::Speaks { after_ms, ms } => {
                    sleep(Duration::from_millis(after_ms)).await;
                    if answer.tell(Speech::Audio(beep(format, ms))).await.is_ok() {
                        answer.finish(Speech::Done);
                    }
                }
                VoiceAct::Refuses => answer.fail(Speech::Failed(ProviderError::new(ErrorClass::Protocol, "refused"))),
                VoiceAct::Hangs => answer.cancelled().await,
                VoiceAct::Drips => {
                    while answer.tell(Speech::Audio(beep(format, 0))).await.is_ok() {
                        sleep(Duration::from_secs(1)).await;
                    }
                }
                VoiceAct::Empty => answer.finish(Speech::Done),
                VoiceAct::Crashes => {}
            }
        };
        ctx.spawn(act.into_actor(self));
    }
}

/// A tone, or one sample of it.
fn beep(format: Format, ms: u32) -> Arc<[u8]> {
    let mut samples = tone::sine(440.0, ms, format.rate_hz, -12.0);
    samples.resize(samples.len().max(1), 0);
    let mut bytes = Vec::new();
    g711::encode_into(format.encoding, &samples, &mut bytes);
    bytes.into()
}

/// Takes whatever is loud for speech.
pub struct FakeEar;

impl Kind for FakeEar {
    const KIND: &'static str = "vad";
}

impl Actor for FakeEar {
    type Context = Metered<Self>;
}

impl Handler<Ask<Detect>> for FakeEar {
    type Result = ();

    fn handle(&mut self, mut ask: Ask<Detect>, ctx: &mut Metered<Self>) {
        let detect = async move {
            let mut speaking = false;
            while let Some(piece) = ask.feed.recv().await {
                let loud = piece.iter().any(|sample| sample.unsigned_abs() > 1000);
                let event = match (speaking, loud) {
                    (false, true) => Voice::Began,
                    (true, false) => Voice::Ended,
                    (true, true) | (false, false) => continue,
                };
                speaking = loud;
                if ask.answer.tell(event).await.is_err() {
                    return;
                }
            }
        };
        ctx.spawn(detect.into_actor(self));
    }
}

/// Understands what the script says.
pub struct FakeListener(pub Rc<RefCell<Script>>);

impl Kind for FakeListener {
    const KIND: &'static str = "stt";
}

impl Actor for FakeListener {
    type Context = Metered<Self>;
}

impl Handler<Ask<Transcribe>> for FakeListener {
    type Result = ();

    fn handle(&mut self, mut ask: Ask<Transcribe>, ctx: &mut Metered<Self>) {
        let script = Rc::clone(&self.0);
        let listen = async move {
            while let Some(hearing) = ask.feed.recv().await {
                match hearing {
                    Hearing::Samples(samples) => script.borrow_mut().listened += samples.len(),
                    Hearing::Flush(flush) => {
                        sleep(Duration::from_millis(80)).await;
                        let text = script.borrow_mut().understood.pop_front().unwrap_or("").into();
                        if ask.answer.tell(Transcript::Final { text, flush: Some(flush) }).await.is_err() {
                            return;
                        }
                    }
                }
            }
        };
        ctx.spawn(listen.into_actor(self));
    }
}

/// Replies what the script says.
pub struct FakeMind(pub Rc<RefCell<Script>>);

impl Kind for FakeMind {
    const KIND: &'static str = "llm";
}

impl Actor for FakeMind {
    type Context = Metered<Self>;
}

impl Handler<Ask<Complete>> for FakeMind {
    type Result = ();

    fn handle(&mut self, ask: Ask<Complete>, ctx: &mut Metered<Self>) {
        let (reply, next) = {
            let mut script = self.0.borrow_mut();
            script.asked.push(ask.job.words().last().map(|words| words.text.to_string()).unwrap_or_default());
            script.replies.pop_front().unwrap_or(("I see.", Next::Listen))
        };
        let think = async move {
            sleep(Duration::from_millis(150)).await;
            if ask.answer.tell(Completion::Text(reply.into())).await.is_ok() {
                ask.answer.finish(Completion::Done(next));
            }
        };
        ctx.spawn(think.into_actor(self));
    }
}

/// Leads a conversation: 300 ms after the caller's last loud sound it says what the script says, 2 s of it.
pub struct FakePartner(pub Rc<RefCell<Script>>);

impl Kind for FakePartner {
    const KIND: &'static str = "realtime";
}

impl Actor for FakePartner {
    type Context = Metered<Self>;
}

impl Handler<Ask<Converse>> for FakePartner {
    type Result = ();

    fn handle(&mut self, ask: Ask<Converse>, ctx: &mut Metered<Self>) {
        let script = Rc::clone(&self.0);
        let known = ask.job.dialogue.iter().map(|entry| format!("{entry:?}"));
        script.borrow_mut().known.extend(known);
        ctx.spawn(lead(ask, script).into_actor(self));
    }
}

async fn lead(mut ask: Ask<Converse>, script: Rc<RefCell<Script>>) {
    let (mut reply, mut speaking) = (0, false);
    loop {
        let fed = match tokio::time::timeout(Duration::from_millis(300), ask.feed.recv()).await {
            Ok(None) => return,
            Ok(Some(fed)) => Some(fed),
            Err(_) => None,
        };
        let events = match fed {
            Some(Turnout::Samples(samples)) if samples.iter().any(|sample| sample.unsigned_abs() > 1000) => {
                if std::mem::replace(&mut speaking, true) {
                    vec![]
                } else {
                    vec![Exchange::CallerSpoke]
                }
            }
            Some(Turnout::Samples(_)) => vec![],
            Some(told) => {
                script.borrow_mut().told.push(told);
                vec![]
            }
            None if std::mem::take(&mut speaking) => {
                reply += 1;
                let (said, next) = script.borrow_mut().replies.pop_front().unwrap_or(("I see.", Next::Listen));
                let call = |name: &str| {
                    let call = ToolCall { id: "c1".into(), name: name.into(), arguments: "{}".into(), seal: None };
                    Exchange::Call(call)
                };
                let mut events = vec![
                    Exchange::CallerPaused,
                    Exchange::CallerSaid("Hello?".into()),
                    Exchange::Said { reply, text: said.into() },
                    Exchange::Audio { reply, audio: beep(ask.job.format, 1000) },
                    Exchange::Audio { reply, audio: beep(ask.job.format, 1000) },
                ];
                events.extend((next == Next::HangUp).then(|| call("hang_up")));
                events.push(Exchange::ReplyDone(reply));
                events
            }
            None => vec![],
        };
        for event in events {
            if ask.answer.tell(event).await.is_err() {
                return;
            }
        }
    }
}
