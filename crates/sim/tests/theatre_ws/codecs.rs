//! The engine's codecs against the fakes: each was written from the vendors' documents, and neither from the other.

use std::time::Duration;

use actix_http::ws::OpCode;
use operetta_audio::{Encoding, Format};
use operetta_contract::{
    ApiKey, Converse, DuplexCodec, DuplexVendor, ErrorClass, Exchange, Flow, Hearing, Job, Message, Outgoing,
    ProviderError, SocketRequest, Speech, Synthesize, Transcribe, Transcript, Turnout, Wire,
};
use operetta_sim::theatre::{Api, Reply, Theatre, Tone, ws::WsFailure};
use operetta_vendors::{realtime, stt, tts};
use tokio::time::Instant;

use crate::{
    client::{Client, Got, facts, play},
    paced, rises, theatre,
};

/// A codec and its socket, driven as a worker would drive them.
struct Talk<C: DuplexCodec> {
    client: Client,
    codec: C,
    wire: Wire<C::Job>,
    began: Instant,
    events: Vec<<C::Job as Job>::Event>,
}

type Ending<J> = Result<Option<<J as Job>::Event>, ProviderError>;

impl<C: DuplexCodec> Talk<C> {
    async fn open<V>(theatre: &Theatre, vendor: &V, job: &V::Job) -> Result<Self, ProviderError>
    where
        V: DuplexVendor<Codec = C, Job = C::Job>,
    {
        let (SocketRequest { url, headers }, mut codec) = vendor.open(job)?;
        let path = url.strip_prefix(&theatre.base_url().replace("http", "ws")).expect("the theatre's own address");
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {}", value.expose())).collect();
        let client = Client::open(theatre, path, &headers.join("\r\n")).await;
        let client = client.map_err(|refused| vendor.refusal(refused.status))?;
        let mut wire = Wire::default();
        codec.opened(Duration::ZERO, &mut wire);
        let mut talk = Self { client, codec, wire, began: Instant::now(), events: Vec::new() };
        while !talk.codec.is_ready() {
            talk.turn().await?;
        }
        talk.codec.begin(talk.began.elapsed(), job, &mut talk.wire);
        Ok(talk)
    }

    async fn feed(&mut self, piece: <C::Job as Job>::Feed) {
        self.codec.feed(self.began.elapsed(), piece, &mut self.wire);
        self.flush().await;
    }

    /// Goes on until what was read is as wanted, or the job is over.
    async fn until(&mut self, mut wanted: impl FnMut(&[<C::Job as Job>::Event]) -> bool) -> Ending<C::Job> {
        loop {
            self.flush().await;
            self.events.append(&mut self.wire.output.events);
            if wanted(&self.events) {
                return Ok(None);
            }
            if let Some(event) = self.turn().await? {
                self.events.append(&mut self.wire.output.events);
                return Ok(Some(event));
            }
        }
    }

    async fn end(&mut self) -> Ending<C::Job> {
        self.until(|_| false).await
    }

    async fn flush(&mut self) {
        for message in self.wire.send.drain(..) {
            // Whether the server still listens shows when it is read.
            let _ = match message {
                Outgoing::Text(text) => self.client.send(OpCode::Text, text.as_bytes()).await,
                Outgoing::Binary(bytes) => self.client.send(OpCode::Binary, &bytes).await,
            };
        }
    }

    /// Reads one message, or lets time pass.
    async fn turn(&mut self) -> Ending<C::Job> {
        self.flush().await;
        let now = self.began.elapsed();
        let patience = self.codec.wake_at().map_or(STALLED, |at| at.saturating_sub(now).min(STALLED));
        let got = self.client.next_within(patience).await;
        let now = self.began.elapsed();
        let flow = match &got {
            Got::Json(message) => self.codec.hear(now, Message::Text(&message.to_string()), &mut self.wire)?,
            Got::BadText(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.codec.hear(now, Message::Text(text), &mut self.wire)?,
                Err(_) => return Err(ProviderError::new(ErrorClass::Protocol, "text that is no UTF-8")),
            },
            Got::Binary(bytes) => self.codec.hear(now, Message::Binary(bytes), &mut self.wire)?,
            Got::Pong => Flow::More,
            Got::Close(code, reason) => return Err(self.codec.closed(*code, reason)),
            Got::End | Got::Reset => return Err(self.codec.closed(None, "")),
            Got::Broken => return Err(ProviderError::new(ErrorClass::Protocol, "a frame that breaks the rules")),
            Got::Nothing if self.codec.wake_at().is_some_and(|at| at <= now) => self.codec.tick(now, &mut self.wire)?,
            // What the relay's deadlines are for.
            Got::Nothing => return Err(ProviderError::new(ErrorClass::Timeout, "nothing came")),
        };
        Ok(match flow {
            Flow::More => None,
            Flow::Done(event) => Some(event),
        })
    }
}

fn key() -> ApiKey {
    ApiKey::new("mock")
}

fn listen(theatre: &Theatre) -> stt::deepgram::DeepgramListen {
    let mut config = stt::deepgram::Config::new(key(), "nova-3");
    config.base_url = theatre.base_url();
    stt::deepgram::DeepgramListen::new(config)
}

fn flux(theatre: &Theatre) -> stt::deepgram_flux::DeepgramFlux {
    let mut config = stt::deepgram_flux::Config::new(key(), "flux-general-en");
    config.base_url = theatre.base_url();
    stt::deepgram_flux::DeepgramFlux::new(config)
}

fn assemblyai(theatre: &Theatre) -> stt::assemblyai::AssemblyAi {
    let mut config = stt::assemblyai::Config::new(key(), "universal-3-6");
    config.base_url = theatre.base_url();
    stt::assemblyai::AssemblyAi::new(config)
}

fn aura(theatre: &Theatre) -> tts::deepgram_socket::DeepgramSpeechSocket {
    let mut config = tts::deepgram::Config::new(key(), "aura-2-thalia-en");
    config.base_url = theatre.base_url();
    tts::deepgram_socket::DeepgramSpeechSocket::new(config)
}

fn elevenlabs(theatre: &Theatre) -> tts::elevenlabs_socket::ElevenLabsSocket {
    let mut config = tts::elevenlabs::Config::new(key(), "eleven_flash_v2_5");
    config.base_url = theatre.base_url();
    config.voice = "voice1".into();
    tts::elevenlabs_socket::ElevenLabsSocket::new(config)
}

fn sentence() -> Synthesize {
    Synthesize {
        text: "Your appointment is on Tuesday at ten.".into(),
        voice: "default".into(),
        language: "en-IN".into(),
        format: Format::MULAW_8K,
        fixed: false,
    }
}

fn audio_of(events: &[Speech]) -> Vec<u8> {
    events
        .iter()
        .filter_map(|event| if let Speech::Audio(audio) = event { Some(audio.to_vec()) } else { None })
        .flatten()
        .collect()
}

async fn speaks<V: DuplexVendor<Job = Synthesize>>(theatre: &Theatre, vendor: &V, api: Api) -> Vec<Speech> {
    let job = sentence();
    let mut talk = Talk::open(theatre, vendor, &job).await.unwrap();
    assert_eq!(talk.end().await, Ok(Some(Speech::Done)), "{api}");
    let audio = audio_of(&talk.events);
    let least_ms = job.text.len() * 65;
    // Codecs add a space where one belongs, and it is spoken like any character.
    assert!((least_ms..=least_ms + 65).contains(&(audio.len() / 8)), "{api} {}", audio.len());
    let pitch = rises(&audio) * 8_000 / audio.len();
    assert!((438..=441).contains(&pitch), "{api} {pitch}");
    assert!(facts(theatre, api).faults.is_empty(), "{api} {:?}", facts(theatre, api).faults);
    talk.events
}

#[tokio::test]
async fn voices_are_understood() {
    let theatre = theatre();
    speaks(&theatre, &aura(&theatre), Api::DeepgramSpeakSocket).await;
    let events = speaks(&theatre, &elevenlabs(&theatre), Api::ElevenLabsSocket).await;
    let words: Vec<(String, u32)> = events
        .iter()
        .filter_map(|event| if let Speech::Words(words) = event { Some(words.to_vec()) } else { None })
        .flatten()
        .map(|word| (word.text.trim().to_owned(), word.start_ms))
        .collect();
    let text = sentence().text;
    let expected: Vec<(String, u32)> = text
        .split(' ')
        .map(|word| (word.to_owned(), (word.as_ptr() as usize - text.as_ptr() as usize) as u32 * 65))
        .collect();
    assert_eq!(words, expected);
}

#[tokio::test]
async fn a_cancelled_voice_can_speak_again() {
    let theatre = paced(5.0);
    for (name, rest) in [("aura", aura_again(&theatre).await), ("elevenlabs", elevenlabs_again(&theatre).await)] {
        assert_eq!(rest, Ok(Some(Speech::Done)), "{name}");
    }
    let aura = facts(&theatre, Api::DeepgramSpeakSocket);
    assert_eq!((aura.cancels.len(), aura.contexts.len()), (1, 2));
    assert!(aura.audio_after_cancel <= 5);
    let contexts = facts(&theatre, Api::ElevenLabsSocket).contexts;
    assert!(contexts.len() == 2 && contexts.iter().all(|context| context.closed.is_some() && !context.is_leak));
}

async fn again<V: DuplexVendor<Job = Synthesize>>(theatre: &Theatre, vendor: &V) -> Ending<Synthesize> {
    let mut talk = Talk::open(theatre, vendor, &sentence()).await?;
    talk.until(|events| !audio_of(events).is_empty()).await?;
    talk.codec.cancel(talk.began.elapsed(), &mut talk.wire);
    while talk.codec.rest() == operetta_contract::Rest::Draining {
        talk.turn().await?;
    }
    assert_eq!(talk.codec.rest(), operetta_contract::Rest::Ready);
    talk.events.clear();
    talk.wire.output.events.clear();
    talk.codec.begin(talk.began.elapsed(), &sentence(), &mut talk.wire);
    let ending = talk.end().await;
    let ms = audio_of(&talk.events).len() / 8;
    assert!((38 * 65..=39 * 65).contains(&ms), "{ms} ms: no audio of the cancelled one");
    ending
}

async fn aura_again(theatre: &Theatre) -> Ending<Synthesize> {
    again(theatre, &aura(theatre)).await
}

async fn elevenlabs_again(theatre: &Theatre) -> Ending<Synthesize> {
    again(theatre, &elevenlabs(theatre)).await
}

/// Speech of a caller, in frames of 20 ms at 8 kHz.
fn spoken(ms: u32) -> Vec<Vec<i16>> {
    let bytes = Tone::new(Format { encoding: Encoding::Pcm16, rate_hz: 8_000 }).piece(0, ms);
    let samples: Vec<i16> = bytes.chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    samples.chunks(160).map(<[i16]>::to_vec).collect()
}

async fn hears<V: DuplexVendor<Job = Transcribe>>(theatre: &Theatre, vendor: &V, api: Api) {
    theatre.hear("i would like to cancel");
    let job = Transcribe { language: "en-IN".into(), rate_hz: 8_000 };
    let mut talk = Talk::open(theatre, vendor, &job).await.unwrap();
    for frame in spoken(1_000) {
        talk.feed(Hearing::Samples(frame)).await;
    }
    talk.feed(Hearing::Flush(7)).await;
    let is_final = |event: &Transcript| matches!(event, Transcript::Final { flush: Some(7), .. });
    assert_eq!(talk.until(|events| events.iter().any(is_final)).await, Ok(None), "{api}");
    let last = talk.events.pop().unwrap();
    let Transcript::Final { text, .. } = &last else { panic!("{api} {last:?}") };
    assert_eq!(&**text, "i would like to cancel", "{api}");
    assert!(
        talk.events.iter().any(|event| matches!(event, Transcript::Partial(text) if &**text == "i would")),
        "{api} {:?}",
        talk.events
    );
    talk.codec.farewell(talk.began.elapsed(), &mut talk.wire);
    talk.flush().await;
    let rest = talk.client.rest().await;
    assert!(matches!(rest.last(), Some(Got::Close(Some(1000), _))), "{api} {rest:?}");
    let facts = facts(theatre, api);
    assert!(facts.faults.is_empty() && facts.empty_binaries == 0, "{api} {:?}", facts.faults);
    assert!(facts.audio.ms >= 1_000, "{api}");
}

#[tokio::test]
async fn ears_are_understood() {
    let theatre = theatre();
    hears(&theatre, &listen(&theatre), Api::DeepgramListen).await;
    hears(&theatre, &flux(&theatre), Api::DeepgramFlux).await;
    hears(&theatre, &assemblyai(&theatre), Api::AssemblyAi).await;
}

#[tokio::test]
async fn a_conversation_is_understood() {
    let theatre = paced(5.0);
    theatre.hear("Can I move my visit?");
    theatre.say(Reply::text("Of course, when would suit you?"));
    let mut config = realtime::Config::new(key(), "gpt-realtime-2.1");
    config.base_url = theatre.base_url();
    config.transcription_model = "gpt-live-transcribe".into();
    let vendor = realtime::OpenAiRealtime::new(config);
    let job = Converse {
        prompt: "You are a clinic receptionist.".into(),
        language: "en-IN".into(),
        voice: "default".into(),
        format: Format::MULAW_8K,
        tools: [].into(),
        dialogue: Vec::new(),
    };
    let mut talk = Talk::open(&theatre, &vendor, &job).await.unwrap();
    let silence = vec![vec![0; 160]; 60];
    for frame in spoken(1_000).into_iter().chain(silence) {
        talk.feed(Turnout::Samples(frame)).await;
    }
    let done = talk.until(|events| events.iter().any(|event| matches!(event, Exchange::ReplyDone(_)))).await;
    assert_eq!(done, Ok(None));
    let events = &talk.events;
    let at = |wanted: &dyn Fn(&Exchange) -> bool| events.iter().position(wanted).unwrap();
    let spoke = at(&|event| *event == Exchange::CallerSpoke);
    let said = at(&|event| matches!(event, Exchange::CallerSaid(text) if &**text == "Can I move my visit?"));
    let first = at(&|event| matches!(event, Exchange::Audio { .. }));
    assert!(spoke < said && said < first);
    let ms: usize =
        events.iter().map(|event| if let Exchange::Audio { audio, .. } = event { audio.len() / 8 } else { 0 }).sum();
    assert_eq!(ms, 31 * 65);
    let words: String = events
        .iter()
        .filter_map(|event| if let Exchange::Said { text, .. } = event { Some(&**text) } else { None })
        .collect();
    assert_eq!(words, "Of course, when would suit you?");
    assert!(facts(&theatre, Api::OpenAiRealtime).faults.is_empty());
}

/// What a job came to on a socket that plays this.
async fn ending<V: DuplexVendor>(
    theatre: &Theatre,
    vendor: &V,
    job: &V::Job,
    pieces: Vec<<V::Job as Job>::Feed>,
) -> Result<(), ErrorClass> {
    let mut talk = Talk::open(theatre, vendor, job).await.map_err(|error| error.class)?;
    for piece in pieces {
        talk.feed(piece).await;
    }
    let deadline = Instant::now() + Duration::from_secs(6);
    let ending = tokio::time::timeout_at(deadline, talk.end()).await;
    ending.map_or(Err(ErrorClass::Timeout), |ending| ending.map(drop).map_err(|error| error.class))
}

#[tokio::test]
async fn failures_are_classed_as_they_are_meant() {
    use ErrorClass::{
        Auth, BadRequest, Busy, Missing, Protocol, Quota, RateLimited, SessionExpired, Timeout, TooLong, Unavailable,
    };
    let theatre = theatre();
    for (failure, expected) in [
        ("W01:401", Err(Auth)),
        ("W01:402", Err(Quota)),
        ("W01:404", Err(Missing)),
        ("W01:503", Err(Unavailable)),
        ("W03:auth", Err(Auth)),
        ("W03:quota", Err(Quota)),
        ("W03:missing", Err(Missing)),
        ("W06:1011", Err(Unavailable)),
        ("W06:1012", Err(Unavailable)),
        ("W06:fin", Err(Unavailable)),
        ("W06:rst", Err(Unavailable)),
        ("W07:1009", Err(TooLong)),
        ("W07:DATA-0000", Err(BadRequest)),
        ("W10", Err(Timeout)),
        ("W12", Ok(())),
        ("W13:15m", Ok(())),
        ("W15:cut", Err(Protocol)),
        ("W15:utf8", Err(Protocol)),
        ("W15:rsv", Err(Protocol)),
        ("W20", Err(Busy)),
        ("W28", Err(SessionExpired)),
        ("W30", Ok(())),
        ("W37", Err(Unavailable)),
    ] {
        theatre.next(Api::ElevenLabsSocket, 1, play(failure));
        assert_eq!(ending(&theatre, &elevenlabs(&theatre), &sentence(), Vec::new()).await, expected, "{failure}");
    }
    for (failure, expected) in [
        ("W05:code", Err(SessionExpired)),
        ("W05:link", Err(SessionExpired)),
        ("W07:DATA-0001", Err(RateLimited)),
        ("W09", Err(Unavailable)),
    ] {
        let job = Transcribe { language: "en".into(), rate_hz: 8_000 };
        let pieces = spoken(1_000).into_iter().map(Hearing::Samples).collect();
        theatre.next(Api::DeepgramListen, 1, play(failure));
        assert_eq!(ending(&theatre, &listen(&theatre), &job, pieces).await, expected, "{failure}");
    }
}

/// Every failure in every form ends a job in one way or the other, and no codec panics over it.
#[tokio::test]
async fn whatever_is_played_ends() {
    // An upgrade that is not answered is the connecting worker's, not the codec's.
    let failures = WsFailure::ALL.into_iter().filter(|failure| *failure != WsFailure::SilentUpgrade);
    let forms = failures.flat_map(|failure| match failure.forms() {
        [] => vec![(failure, failure.id().to_owned())],
        forms => forms.iter().map(|form| (failure, format!("{}:{form}", failure.id()))).collect(),
    });
    futures_util::future::join_all(forms.map(async |(failure, form)| {
        let theatre = theatre();
        for api in SPEAKERS.into_iter().chain(LISTENERS) {
            theatre.next(api, 1, play(&form));
        }
        let pieces = || spoken(1_000).into_iter().map(Hearing::Samples).chain([Hearing::Flush(1)]).collect();
        let heard = Transcribe { language: "en".into(), rate_hz: 8_000 };
        let (aura, elevenlabs, job) = (aura(&theatre), elevenlabs(&theatre), sentence());
        let (listen, flux, assemblyai) = (listen(&theatre), flux(&theatre), assemblyai(&theatre));
        let (one, other, ..) = tokio::join!(
            ending(&theatre, &aura, &job, Vec::new()),
            ending(&theatre, &elevenlabs, &job, Vec::new()),
            ending(&theatre, &listen, &heard, pieces()),
            ending(&theatre, &flux, &heard, pieces()),
            ending(&theatre, &assemblyai, &heard, pieces()),
        );
        // Whatever cannot happen at an API changes nothing there.
        for (api, ending) in SPEAKERS.into_iter().zip([one, other]) {
            assert!(failure.suits(api) || ending == Ok(()), "{form} {api} {ending:?}");
        }
        for api in SPEAKERS.into_iter().chain(LISTENERS) {
            assert_eq!(theatre.ledger().count(api), 1, "{form} {api}");
        }
    }))
    .await;
}

const SPEAKERS: [Api; 2] = [Api::DeepgramSpeakSocket, Api::ElevenLabsSocket];

const LISTENERS: [Api; 3] = [Api::DeepgramListen, Api::DeepgramFlux, Api::AssemblyAi];

/// How long nothing may come: what a relay would wait.
const STALLED: Duration = Duration::from_millis(1_500);
