use crate::carrier::{Carrier, Double, ExotelDouble, Ids, TwilioDouble};
use crate::dice::Dice;
use crate::listen::{Observer, Transcriber};
use crate::live::Live;
use crate::plan::CallPlan;
use crate::report::{CallReport, End, Marks, Traffic, Underruns, tenths};
use crate::side::Side;
use crate::signature::twilio_signature;
use crate::socket::{Framed, LONGEST_MESSAGE, Socket};
use crate::stillborn::{Stillborn, half_handshake, linger};
use crate::timeline::What;
use crate::webhook::{NoTarget, Target, credentials, dial, find_target, rate_of, signed_form};
use actix_service::ServiceExt as _;
use awc::error::WsClientError;
use awc::http::header;
use awc::{Client, Connector};
use std::time::Duration;
use tokio::time::{Instant, timeout};
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
        let mut live = Live::begin(number, audience);
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
        let side = Side::new(plan, double, report, live.listens() && plan.record);
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
