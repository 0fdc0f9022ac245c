//! What carriers ask of the engine: where to connect a call, and the connection itself.

mod exotel;
pub mod health;
mod request;
pub mod steering;
mod twilio;
mod twiml;

use std::rc::Rc;
use std::time::Duration;

use actix_web::web;
use operetta_session::{Admission, Granted, Leg, Proof, TokenDigest};
use operetta_wire::Carrier;

use crate::auth::{ExotelKeys, TwilioKeys};
use crate::config::PublicUrl;
use crate::leg::LegSettings;

/// The carriers' side of one lane. Built on the lane, by wiring.
pub struct Edge {
    /// What every URL that we hand out or verify is built from (threats T2 and T3).
    pub public_url: PublicUrl,
    /// Exotel, if it is enabled; otherwise its routes do not exist.
    pub exotel: Option<ExotelEdge>,
    /// Twilio, likewise.
    pub twilio: Option<TwilioEdge>,
    /// Where promises to carriers are kept.
    pub grants: Rc<dyn Grants>,
    /// Who takes the calls.
    pub opener: Rc<dyn CallOpener>,
    /// Bounds and deadlines of the legs.
    pub leg: LegSettings,
    /// Told of every request with a wrong or missing proof.
    pub on_refused: Rc<dyn Fn(Carrier)>,
    /// How long the body of a webhook may take; see [`Edge::BODY_DEADLINE`].
    pub body_deadline: Duration,
}

impl Edge {
    /// actix-web has a deadline for a request's head and none for its body.
    pub const BODY_DEADLINE: Duration = Duration::from_secs(10);
    /// Longest body of a webhook, in bytes.
    pub const BODY_BYTES: usize = 64 * 1024;
}

/// Exotel's settings at the edge.
#[derive(Debug)]
pub struct ExotelEdge {
    /// What Exotel must show. Empty: nothing, which only wiring may decide.
    pub keys: ExotelKeys,
    /// Path of the media socket, as configured.
    pub media_path: String,
    /// The rate asked of Exotel: 8000, 16000 or 24000.
    pub sample_rate_hz: u32,
}

/// Twilio's settings at the edge.
#[derive(Debug)]
pub struct TwilioEdge {
    /// What verifies Twilio's signatures. Empty: nothing, which only wiring may decide.
    pub keys: TwilioKeys,
}

/// Remembers which stream tokens were given out. Never waits: a webhook's answer depends on nothing behind it.
pub trait Grants {
    /// Remembers a token before the carrier learns of it.
    fn grant(&self, granted: Granted) -> Result<(), Busy>;
}

/// No more promises now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected room for another grant, found none")]
pub struct Busy;

impl Grants for actix::Addr<Admission> {
    fn grant(&self, granted: Granted) -> Result<(), Busy> {
        self.try_send(granted).map_err(|_| Busy)
    }
}

/// Takes a leg that has just been opened. Runs on the lane of the leg's socket, before the answer to the upgrade is
/// written, so it must not wait.
pub trait CallOpener {
    /// The call now owns the leg.
    fn open(&self, leg: Leg, upgrade: Upgrade);
}

/// What the upgrade of a leg told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Whose route it was.
    pub carrier: Carrier,
    /// Whether we may speak; the `listen` routes only hear.
    pub duplex: bool,
    /// `sample-rate` of the URL, if it is a rate that Exotel has.
    pub rate_hint_hz: Option<u32>,
    /// What was proven.
    pub proof: Proof,
    /// The stream token, where it came with the URL.
    pub token: Option<TokenDigest>,
}

/// Adds the routes of the carriers that `edge` has:
///
/// | route | method | what |
/// |---|---|---|
/// | `/exotel/voicebot` | GET, POST | lookup of the socket's URL |
/// | the configured media path, `/exotel/media` by default | GET upgrade | both directions |
/// | `/exotel/listen` | GET upgrade | caller audio only |
/// | `/twilio/voice` | GET, POST | TwiML |
/// | `/twilio/media` | GET upgrade | both directions |
/// | `/twilio/listen` | GET upgrade | caller audio only |
pub fn configure(edge: Edge) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        if let Some(exotel) = &edge.exotel {
            config
                .service(
                    web::resource("/exotel/voicebot")
                        .route(web::get().to(exotel::lookup))
                        .route(web::post().to(exotel::lookup)),
                )
                .route(&exotel.media_path, web::get().to(exotel::media))
                .route("/exotel/listen", web::get().to(exotel::listen));
        }
        if edge.twilio.is_some() {
            config
                .service(
                    web::resource("/twilio/voice")
                        .route(web::get().to(twilio::voice))
                        .route(web::post().to(twilio::voice)),
                )
                .route("/twilio/media", web::get().to(twilio::media))
                .route("/twilio/listen", web::get().to(twilio::listen));
        }
        config.app_data(web::Data::new(edge));
    }
}
