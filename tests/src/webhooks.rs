//! A steady load of webhooks from both carriers.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use awc::{Client, http::header};
use operetta_caller::{Caller, Dice, twilio_signature};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// What a load showed.
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// Statuses and how often they came; 0 stands for no answer within [`PATIENCE`].
    pub statuses: BTreeMap<u16, usize>,
    /// From the moment a request was due to its whole answer, in ms, sorted. A generator that is late counts against it.
    pub ms: Vec<f64>,
    /// Answers that named no stream.
    pub useless: usize,
}

impl Storm {
    /// The time within which the share `q` (0 to 1) of the answers came, in ms.
    pub fn at(&self, q: f64) -> f64 {
        let place = (q * self.ms.len() as f64).ceil() as usize;
        self.ms.get(place.saturating_sub(1)).or(self.ms.last()).copied().unwrap_or_default()
    }

    /// How many requests were not answered with 200.
    pub fn refused(&self) -> usize {
        self.statuses.iter().filter(|(status, _)| **status != 200).map(|(_, count)| count).sum()
    }
}

/// Asks the engine at `base` (`http://address`) `per_second` times a second for `seconds` where to connect a call: in turn a
/// lookup of Exotel's and a form of Twilio's, signed with `auth_token`. Needs an actix `System`.
pub async fn storm(base: &str, auth_token: &str, per_second: u32, seconds: u32) -> Storm {
    // The double chooses the cryptography for the process; nothing here needs TLS, but the client asks for it.
    drop(Caller::new());
    let client = Client::builder().timeout(PATIENCE).finish();
    let (base, auth_token): (Rc<str>, Rc<str>) = (base.into(), auth_token.into());
    let seed = Dice::seed();
    let began = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..per_second * seconds {
        let due = began + Duration::from_secs(1) * number / per_second;
        sleep_until(due).await;
        let (client, base, auth_token) = (client.clone(), Rc::clone(&base), Rc::clone(&auth_token));
        requests.spawn_local(async move {
            let id = Dice::of_call(seed, number as usize).hex32();
            let answer =
                if number % 2 == 0 { exotel(&client, &base, &id) } else { twilio(&client, &base, &auth_token, &id) };
            let (status, useful) = timeout(PATIENCE, answer).await.unwrap_or_default();
            (status, useful, due.elapsed())
        });
    }
    let mut storm = Storm::default();
    while let Some(answer) = requests.join_next().await {
        let (status, useful, took) = answer.expect("a request does not panic");
        *storm.statuses.entry(status).or_default() += 1;
        storm.useless += usize::from(!useful);
        storm.ms.push(took.as_secs_f64() * 1000.0);
    }
    storm.ms.sort_by(f64::total_cmp);
    storm
}

type Asked = futures_util::future::LocalBoxFuture<'static, (u16, bool)>;

fn exotel(client: &Client, base: &str, id: &str) -> Asked {
    let request = client.get(format!("{base}/exotel/voicebot?CallSid={id}&CallFrom=01000000001&CallTo=01000000002"));
    Box::pin(async move {
        let Ok(mut answer) = request.send().await else { return (0, false) };
        let body = answer.body().await.unwrap_or_default();
        (answer.status().as_u16(), body.starts_with(b"{\"url\":\"ws"))
    })
}

fn twilio(client: &Client, base: &str, auth_token: &str, id: &str) -> Asked {
    let url = format!("{base}/twilio/voice");
    let fields: Vec<(String, String)> = twilio_form(id).map(|(name, value)| (name.into(), value)).into();
    let form = serde_urlencoded::to_string(&fields).expect("a form");
    let request = client
        .post(&url)
        .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
        .insert_header(("X-Twilio-Signature", twilio_signature(auth_token, &url, &fields)));
    Box::pin(async move {
        let Ok(mut answer) = request.send_body(form).await else { return (0, false) };
        let body = answer.body().await.unwrap_or_default();
        (answer.status().as_u16(), body.windows(8).any(|window| window == b"<Stream "))
    })
}

/// What Twilio posts for an inbound call with the given 32 digits in its id.
pub fn twilio_form(id: &str) -> [(&'static str, String); 7] {
    [
        ("CallSid", format!("CA{id}")),
        ("AccountSid", "AC000000000000000000000000000000a1".into()),
        ("From", "+12025550123".into()),
        ("To", "+12025550199".into()),
        ("CallStatus", "ringing".into()),
        ("Direction", "inbound".into()),
        ("ApiVersion", "2010-04-01".into()),
    ]
}

/// How long an answer may take before it counts as none: carriers give up after 10 to 15 s.
pub const PATIENCE: Duration = Duration::from_secs(10);
