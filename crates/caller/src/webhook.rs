use crate::carrier::{Carrier, Fault, Ids};
use crate::plan::CallPlan;
use crate::report::tenths;
use crate::signature::twilio_signature;
use crate::twiml::read_twiml;
use awc::Client;
use awc::http::header;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

/// What the webhook named: the socket to dial and what to say there.
#[derive(Debug)]
pub(crate) struct Target {
    /// The socket, as the engine spelt it.
    pub(crate) url: Url,
    /// Custom parameters for `start`.
    pub(crate) parameters: Vec<(String, String)>,
    /// Rules of the carrier that the answer broke, with particulars.
    pub(crate) faults: Vec<(Fault, String)>,
    /// Status and time of the webhook, if there was one.
    pub(crate) answered: Option<(u16, f64)>,
}

/// The webhook gave nothing to dial.
#[derive(Debug)]
pub(crate) struct NoTarget {
    pub(crate) status: Option<u16>,
    pub(crate) why: String,
}

/// Finds out which socket to dial: asks the webhook as the carrier would, or takes `to` as the socket.
pub(crate) async fn find_target(client: &Client, plan: &CallPlan, ids: &Ids) -> Result<Target, NoTarget> {
    let to = asked(plan);
    if !plan.asks_webhook() {
        let mut target = Target { url: to, parameters: Vec::new(), faults: Vec::new(), answered: None };
        if plan.carrier == Carrier::Twilio {
            target.parameters.extend(plan.agent.iter().map(|agent| ("agent".to_owned(), agent.clone())));
        }
        return Ok(heed(target, plan.carrier));
    }
    let began = Instant::now();
    let (within, answer) = match plan.carrier {
        Carrier::Exotel => (EXOTEL_WITHIN, timeout(EXOTEL_WITHIN, ask_exotel(client, plan, to, ids)).await),
        Carrier::Twilio => (TWILIO_WITHIN, timeout(TWILIO_WITHIN, ask_twilio(client, plan, to, ids)).await),
    };
    let (status, content_type, body) =
        answer.map_err(|_| NoTarget { status: None, why: format!("no answer within {} s", within.as_secs()) })??;
    let ms = tenths(began.elapsed());
    let fail = |why: String| NoTarget { status: Some(status), why };
    if status != 200 {
        return Err(fail("expected 200".to_owned()));
    }
    let mut faults = Vec::new();
    let named = |types: &[&str]| types.iter().any(|it| content_type.starts_with(it));
    let (url, parameters) = match plan.carrier {
        Carrier::Exotel => {
            if !named(&["application/json"]) {
                faults.push((Fault::WrongContentType, "expected application/json".to_owned()));
            }
            let answer: ExotelAnswer =
                serde_json::from_str(&body).map_err(|_| fail("expected a JSON object with the key url".to_owned()))?;
            (answer.url, Vec::new())
        }
        Carrier::Twilio => {
            if !named(&["text/xml", "application/xml"]) {
                faults.push((Fault::WrongContentType, "expected text/xml".to_owned()));
            }
            let order = read_twiml(&body).map_err(|error| fail(error.to_string()))?;
            if !order.bidirectional {
                faults.push((Fault::BadStreamUrl, "<Start> streams take no audio: expected <Connect>".to_owned()));
            }
            (order.url, order.parameters)
        }
    };
    let url = Url::parse(&url).map_err(|_| fail("the socket's URL is no URL".to_owned()))?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(fail("the socket's URL is not wss".to_owned()));
    }
    Ok(heed(Target { url, parameters, faults, answered: Some((status, ms)) }, plan.carrier))
}

/// Dials `url`, but at `via` if that is set: the address to dial, and the `Host` to name there.
pub(crate) fn dial(url: &Url, via: Option<&Url>) -> (Url, String) {
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    };
    let mut dialled = url.clone();
    if let Some(via) = via {
        // `Url` refuses to turn a web scheme into another kind; these four are all of one kind.
        let scheme = match (url.scheme(), via.scheme()) {
            ("ws" | "wss", "http" | "ws") => "ws",
            ("ws" | "wss", _) => "wss",
            (_, "http" | "ws") => "http",
            _ => "https",
        };
        let changed = dialled.set_scheme(scheme).is_ok()
            && dialled.set_host(via.host_str()).is_ok()
            && dialled.set_port(via.port_or_known_default()).is_ok();
        debug_assert!(changed, "via is a URL with a host");
    }
    // Userinfo became a header already and a fragment never leaves the client.
    let stripped = dialled.set_username("").is_ok() && dialled.set_password(None).is_ok();
    debug_assert!(stripped, "web URLs can lose their userinfo");
    dialled.set_fragment(None);
    (dialled, host)
}

/// Basic credentials for a request to `url`: its userinfo, else the plan's.
pub(crate) fn credentials(plan: &CallPlan, url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() {
        return plan.basic.clone();
    }
    Some((percent_decode(url.username()), percent_decode(url.password().unwrap_or_default())))
}

/// The URL as Twilio signs it: no userinfo, no fragment.
pub(crate) fn signed_form(url: &Url) -> String {
    dial(url, None).0.to_string()
}

/// `to` with the agent asked for.
fn asked(plan: &CallPlan) -> Url {
    let mut to = plan.to.clone();
    let in_query = plan.asks_webhook() || plan.carrier == Carrier::Exotel;
    if let Some(agent) = plan.agent.as_deref().filter(|_| in_query) {
        to.query_pairs_mut().append_pair("agent", agent);
    }
    to
}

async fn ask_exotel(
    client: &Client,
    plan: &CallPlan,
    mut to: Url,
    ids: &Ids,
) -> Result<(u16, String, String), NoTarget> {
    to.query_pairs_mut()
        .append_pair("CallSid", &ids.call_sid)
        .append_pair("CallFrom", &ids.from)
        .append_pair("CallTo", &ids.to)
        .append_pair("Direction", "incoming");
    let (dialled, host) = dial(&to, plan.via.as_ref());
    let mut request = client
        .get(dialled.as_str())
        .insert_header((header::HOST, host))
        .insert_header((header::USER_AGENT, "Go-http-client/1.1"));
    if let Some((user, password)) = credentials(plan, &to) {
        request = request.basic_auth(user, password);
    }
    read_answer(request.send().await).await
}

async fn ask_twilio(client: &Client, plan: &CallPlan, to: Url, ids: &Ids) -> Result<(u16, String, String), NoTarget> {
    let form: Vec<(String, String)> = [
        ("CallSid", ids.call_sid.as_str()),
        ("AccountSid", &ids.account_sid),
        ("From", &ids.from),
        ("To", &ids.to),
        ("Caller", &ids.from),
        ("Called", &ids.to),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("ApiVersion", "2010-04-01"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let (dialled, host) = dial(&to, plan.via.as_ref());
    let mut request = client
        .post(dialled.as_str())
        .insert_header((header::HOST, host))
        .insert_header((header::USER_AGENT, "TwilioProxy/1.1"))
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8"));
    if let Some(token) = &plan.auth_token {
        request = request.insert_header(("X-Twilio-Signature", twilio_signature(token, &signed_form(&to), &form)));
    }
    if let Some((user, password)) = credentials(plan, &to) {
        request = request.basic_auth(user, password);
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    read_answer(request.send_body(body).await).await
}

async fn read_answer<S>(
    sent: Result<awc::ClientResponse<S>, awc::error::SendRequestError>,
) -> Result<(u16, String, String), NoTarget>
where
    S: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>>,
{
    let mut answer = sent.map_err(|error| NoTarget { status: None, why: error.to_string() })?;
    let status = answer.status().as_u16();
    let fail = |why: &str| NoTarget { status: Some(status), why: why.to_owned() };
    let content_type = answer.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    // Read to the end whatever the status: awc gives a connection back to its pool only then.
    let body =
        answer.body().limit(LONGEST_ANSWER).await.map_err(|_| fail("the answer broke off or is above 64 KiB"))?;
    let body = String::from_utf8(body.to_vec()).map_err(|_| fail("the answer is not UTF-8"))?;
    Ok((status, content_type, body))
}

/// Checks the target against the carrier's rules, and takes from its URL what the carrier takes.
fn heed(mut target: Target, carrier: Carrier) -> Target {
    let local = target.url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let asked = target.answered.is_some();
    if asked && !local && target.url.scheme() != "wss" {
        target.faults.push((Fault::BadStreamUrl, "expected wss".to_owned()));
    }
    match carrier {
        Carrier::Exotel => {
            let custom: Vec<(String, String)> = target
                .url
                .query_pairs()
                .filter(|(name, _)| !is_rate(name))
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            let size: usize = custom.iter().map(|(name, value)| name.len() + value.len()).sum();
            if custom.len() > EXOTEL_PARAMETERS || size > EXOTEL_PARAMETER_CHARACTERS {
                target.faults.push((
                    Fault::BadParameters,
                    format!("{} parameters of {size} characters in the URL", custom.len()),
                ));
            }
            let length = target.url.as_str().len();
            if length > EXOTEL_URL_CHARACTERS {
                target.faults.push((Fault::BadStreamUrl, format!("{length} characters")));
            }
            target.parameters.extend(custom);
        }
        Carrier::Twilio => {
            if target.url.query().is_some() {
                target.faults.push((Fault::BadStreamUrl, "a query, which Twilio strips or refuses".to_owned()));
            }
            let long = |text: &str| text.chars().count() >= TWILIO_PARAMETER_CHARACTERS;
            if target.parameters.iter().any(|(name, value)| long(name) || long(value)) {
                target.faults.push((Fault::BadParameters, "a parameter of 500 characters or more".to_owned()));
            }
        }
    }
    target
}

/// The sample rate that an Exotel stream URL asks for.
pub(crate) fn rate_of(url: &Url) -> u32 {
    url.query_pairs().find(|(name, _)| is_rate(name)).and_then(|(_, value)| value.parse().ok()).unwrap_or(8_000)
}

fn is_rate(name: &str) -> bool {
    matches!(name, "sample-rate" | "sample_rate")
}

fn percent_decode(text: &str) -> String {
    // `+` is a plus in userinfo and a space in a form: escape it before the form decoder sees it.
    let form = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(form.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

#[derive(Deserialize)]
struct ExotelAnswer {
    url: String,
}

/// Not documented; set-up adds to the caller's wait, so more than this is a failed lookup.
const EXOTEL_WITHIN: Duration = Duration::from_secs(10);
/// Twilio, "Webhooks FAQ": 15 s.
const TWILIO_WITHIN: Duration = Duration::from_secs(15);
const LONGEST_ANSWER: usize = 64 * 1024;
/// Exotel, "Stream & Voicebot applet": three custom parameters of 256 characters in all; "Connect Voice AI": URL up to 600.
const EXOTEL_PARAMETERS: usize = 3;
const EXOTEL_PARAMETER_CHARACTERS: usize = 256;
const EXOTEL_URL_CHARACTERS: usize = 600;
/// Twilio, "TwiML: Stream": name and value under 500 characters each.
const TWILIO_PARAMETER_CHARACTERS: usize = 500;

#[cfg(test)]
mod tests {
    use super::{Target, credentials, dial, heed, rate_of, signed_form};
    use crate::carrier::{Carrier, Fault};
    use crate::{CallPlan, Script};
    use url::Url;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn via_changes_where_to_dial_and_not_what_to_say() {
        let rows = [
            (
                "wss://voice.example.com/m?a=1",
                Some("http://127.0.0.1:8080"),
                "ws://127.0.0.1:8080/m?a=1",
                "voice.example.com",
            ),
            (
                "https://voice.example.com:8443/w",
                Some("http://localhost:8080/x"),
                "http://localhost:8080/w",
                "voice.example.com:8443",
            ),
            ("ws://user:pass@127.0.0.1:9/m#rc=2", None, "ws://127.0.0.1:9/m", "127.0.0.1:9"),
        ];
        for (to, via, dialled, host) in rows {
            let via = via.map(url);
            let (got, named) = dial(&url(to), via.as_ref());
            assert_eq!((got.as_str(), named.as_str()), (dialled, host));
        }
    }

    #[test]
    fn userinfo_is_credentials_and_not_signed() {
        let to = url("wss://k%40y:s+t%2Fu@voice.example.com/m");
        let plan = CallPlan::new(Carrier::Twilio, to.clone(), Script::new());
        assert_eq!(credentials(&plan, &to), Some(("k@y".to_owned(), "s+t/u".to_owned())));
        assert_eq!(signed_form(&to), "wss://voice.example.com/m");
    }

    #[test]
    fn the_stream_url_is_held_to_the_carriers_rules() {
        let faults = |carrier, text: &str, parameters: Vec<(String, String)>| {
            let target =
                heed(Target { url: url(text), parameters, faults: Vec::new(), answered: Some((200, 1.0)) }, carrier);
            (target.faults.iter().map(|(fault, _)| *fault).collect::<Vec<_>>(), target.parameters.len())
        };
        let (exotel, twilio) = (Carrier::Exotel, Carrier::Twilio);
        assert_eq!(faults(exotel, "wss://a/m?sample-rate=16000&x=1&y=2&z=3", vec![]), (vec![], 3));
        assert_eq!(faults(exotel, "wss://a/m?x=1&y=2&z=3&u=4", vec![]), (vec![Fault::BadParameters], 4));
        assert_eq!(
            faults(exotel, &format!("wss://a/m?x={}", "y".repeat(300)), vec![]),
            (vec![Fault::BadParameters], 1)
        );
        assert_eq!(faults(exotel, "ws://a/m", vec![]), (vec![Fault::BadStreamUrl], 0));
        assert_eq!(faults(exotel, "ws://127.0.0.1:8080/m", vec![]), (vec![], 0));
        assert_eq!(faults(twilio, "wss://a/m?x=1", vec![]), (vec![Fault::BadStreamUrl], 0));
        assert_eq!(faults(twilio, "wss://a/m", vec![("t".into(), "v".repeat(500))]), (vec![Fault::BadParameters], 1));
        assert_eq!(rate_of(&url("wss://a/m?x=1&sample-rate=24000")), 24_000);
        assert_eq!(rate_of(&url("wss://a/m")), 8_000);
    }
}
