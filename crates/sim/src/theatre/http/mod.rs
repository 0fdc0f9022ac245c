//! Fake vendors that are asked by HTTP.

mod answer;
mod anthropic;
mod checks;
mod date;
mod deepgram;
mod disguise;
mod elevenlabs;
mod gemini;
mod google_speech;
mod gzip;
mod openai_chat;
mod openai_speech;
mod perform;
mod refusal;
mod speech;
mod status;
mod thought;
mod transcription;
mod wav;

use super::{
    api::{Api, Vendor},
    auth,
    backstage::Backstage,
    head::RequestHead,
    ledger::Auth,
    line::Line,
};
use answer::Answer;
use perform::{Keep, perform};
use refusal::{Fault, played, refuse};

/// A request, complete.
#[derive(Debug)]
pub(super) struct Request {
    /// Where it leads; `None`: nowhere.
    pub(super) api: Option<Api>,
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
}

/// Answers one request: the line, if it lives on.
pub(super) async fn answer(line: Line, request: &Request, stage: &mut Backstage) -> Option<Line> {
    let answer = composed(request, stage);
    let keep = match request.head.keeps_alive() {
        true => Keep::Alive,
        false if request.head.is_old => Keep::Old,
        false => Keep::Close,
    };
    perform(line, answer, keep, stage).await
}

fn composed(request: &Request, stage: &mut Backstage) -> Answer {
    let Some(api) = request.api else { return refuse(Vendor::OpenAi, &Fault::NoPath) };
    let vendor = auth::vendor(api, &request.head);
    if let Some(answer) = stage.play().and_then(|play| played(vendor, play)) {
        return answer;
    }
    match checked(api, request, stage) {
        Ok(answer) => match stage.play.clone() {
            Some(play) if !disguise::suits(&play, api, answer.shape) => {
                unplayed(stage);
                answer
            }
            Some(play) => disguise::disguise(answer, &play, vendor, api),
            None => answer,
        },
        Err(fault) => {
            unplayed(stage);
            refuse(vendor, &fault)
        }
    }
}

/// What cannot be played was not: the ledger must not say so.
fn unplayed(stage: &mut Backstage) {
    stage.play = None;
    stage.note(|note| note.play = None);
}

fn checked(api: Api, request: &Request, stage: &Backstage) -> Result<Answer, Fault> {
    if request.head.method != api.method() {
        return Err(Fault::Method);
    }
    if stage.auth() != Auth::WellFormed {
        return Err(Fault::BadKey);
    }
    match api {
        Api::OpenAiSpeech => openai_speech::answer(request, stage),
        Api::ElevenLabsStream => elevenlabs::answer(request, stage),
        Api::GoogleSynthesize => google_speech::answer(request, stage),
        Api::DeepgramSpeak => deepgram::answer(request, stage),
        Api::OpenAiTranscription => transcription::answer(request, stage),
        Api::Anthropic => anthropic::answer(request, stage),
        Api::OpenAiChat => openai_chat::answer(request, stage),
        Api::Gemini => gemini::answer(request, stage),
        Api::Status => Ok(status::answer(request, stage)),
        // Sockets do not come here.
        Api::ElevenLabsSocket
        | Api::DeepgramSpeakSocket
        | Api::DeepgramListen
        | Api::DeepgramFlux
        | Api::AssemblyAi
        | Api::OpenAiRealtime => Err(Fault::NoPath),
    }
}

/// What is said to whoever does not speak HTTP.
pub(super) const fn garbled() -> &'static [u8] {
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
}
