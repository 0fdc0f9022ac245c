//! Closed by default, and what happens to those who have no key.

use std::time::Duration;

use operetta_caller::{Dice, read_twiml, twilio_signature};
use operetta_tests::{
    engine::{Engine, Setup},
    http,
    socket::{Said, Socket},
    turn,
    webhooks::twilio_form,
};
use serde_json::json;

const TOKEN: &str = "an-auth-token-of-this-test";

#[test]
fn an_open_address_without_keys_is_refused_with_what_to_set() {
    let _turn = turn::together();
    let open = Setup::new().var("OPERETTA__HTTP__BIND", "0.0.0.0:0");
    let (code, said) = open.run_to_end(Duration::from_secs(20));
    assert_eq!(code, Some(78), "{said}");
    for name in ["exotel", "twilio", "TWILIO_AUTH_TOKEN", "--insecure", "E150"] {
        assert!(said.contains(name), "the message names {name}: {said}");
    }
}

#[test]
fn without_a_signature_neither_webhook_nor_socket_opens() {
    let _turn = turn::together();
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", TOKEN).start();
    let form = serde_urlencoded::to_string(twilio_form(&Dice::new(1).hex32())).unwrap();
    let wrong = twilio_signature("another-token", &engine.url("http", "/twilio/voice"), &[]);
    for headers in [&[][..], &[("X-Twilio-Signature", wrong.as_str())]] {
        let answer = http::post_form(engine.carriers(), "/twilio/voice", headers, &form);
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(!answer.body.contains("Stream"), "{}", answer.body);
    }
    assert_eq!(http::get(engine.carriers(), "/twilio/voice?CallSid=CA1").status, 403);
    actix_rt::System::new().block_on(async {
        for path in ["/twilio/media", "/twilio/listen"] {
            let opened = Socket::open(&engine.url("ws", path), &[]).await;
            assert_eq!(opened.err(), Some(403), "{path}");
            let wrong = [("X-Twilio-Signature", wrong.as_str())];
            assert_eq!(Socket::open(&engine.url("ws", path), &wrong).await.err(), Some(403), "{path}");
        }
    });
    engine.until_quiet(Duration::from_secs(10));
    let metrics = engine.metrics();
    assert_eq!(metrics.count("operetta_calls_started_total", &[]), 0, "no call came to be");
    assert_eq!(metrics.count("operetta_webhook_signature_failures_total", &[]), 7);
    assert_eq!(metrics.count("operetta_faults_total", &[("code", "E013")]), 7);
}

#[test]
fn a_wrong_token_in_start_is_closed_before_anybody_is_asked_for_anything() {
    let _turn = turn::together();
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", TOKEN).start();
    let webhook = Webhook::ask(&engine);
    // Rendering greetings asks providers, too.
    engine.until_warm();
    let jobs = engine.metrics().jobs();
    let wrong = [Some("not-the-token".to_owned()), Some(String::new()), None];
    actix_rt::System::new().block_on(async {
        for token in wrong {
            let mut socket = signed(&engine).await;
            socket.say(&webhook.start(token.as_deref())).await;
            let said = socket.hear_out(Duration::from_secs(1)).await;
            assert_eq!(said, Some(Said::Close(Some(1008))), "{token:?}");
        }
    });
    engine.until_quiet(Duration::from_secs(5));
    let metrics = engine.metrics();
    assert_eq!(metrics.jobs(), jobs, "no provider was asked");
    assert_eq!(metrics.ended("refused_auth"), 3);
    assert_eq!(metrics.count("operetta_faults_total", &[("code", "E115")]), 3);
    assert_eq!(engine.recorded().len(), 0, "nothing was recorded");
}

#[test]
fn a_token_is_good_once() {
    let _turn = turn::together();
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", TOKEN).start();
    let webhook = Webhook::ask(&engine);
    actix_rt::System::new().block_on(async {
        let mut first = signed(&engine).await;
        first.say(&webhook.start(Some(&webhook.token))).await;
        assert_eq!(first.hear(Duration::from_secs(10)).await.event(), Some("media"), "the right token is let in");
        first.say(&webhook.stop()).await;
        assert_eq!(first.hear_out(Duration::from_secs(5)).await, Some(Said::Close(Some(1000))));
        let mut replay = signed(&engine).await;
        replay.say(&webhook.start(Some(&webhook.token))).await;
        assert_eq!(replay.hear_out(Duration::from_secs(1)).await, Some(Said::Close(Some(1008))));
    });
    engine.until_quiet(Duration::from_secs(5));
    assert_eq!(engine.metrics().ended("refused_auth"), 1);
}

#[test]
fn of_four_sockets_with_one_token_one_wins() {
    let _turn = turn::together();
    let engine = Setup::new().var("TWILIO_AUTH_TOKEN", TOKEN).start();
    let webhook = Webhook::ask(&engine);
    actix_rt::System::new().block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..4 {
            sockets.push(signed(&engine).await);
        }
        let start = webhook.start(Some(&webhook.token));
        futures_util::future::join_all(sockets.iter_mut().map(|socket| socket.say(&start))).await;
        let first = futures_util::future::join_all(sockets.iter_mut().map(|it| it.hear(Duration::from_secs(10)))).await;
        let winners: Vec<usize> = (0..4).filter(|&at| first[at].event() == Some("media")).collect();
        let refused = first.iter().filter(|said| **said == Said::Close(Some(1008))).count();
        assert_eq!((winners.len(), refused), (1, 3), "{first:?}");
        let winner = &mut sockets[winners[0]];
        winner.say(&webhook.stop()).await;
        assert_eq!(winner.hear_out(Duration::from_secs(5)).await, Some(Said::Close(Some(1000))));
    });
}

#[test]
fn a_second_leg_of_a_call_is_refused_and_the_first_lives() {
    let _turn = turn::together();
    // Open, so that the second leg has nothing against it but the first.
    let engine = Setup::new().start();
    let start = json!({"event": "start", "stream_sid": "s1", "start": {"stream_sid": "s1", "call_sid": "call-1",
        "account_sid": "a", "from": "01000000001", "to": "01000000002",
        "media_format": {"encoding": "raw/slin", "sample_rate": "8000", "bit_rate": "128kbps"}}})
    .to_string();
    let url = engine.url("ws", "/exotel/media");
    actix_rt::System::new().block_on(async {
        let mut first = Socket::open(&url, &[]).await.expect("open on loopback");
        first.say(&start).await;
        assert_eq!(first.hear(Duration::from_secs(10)).await.event(), Some("media"));
        let mut second = Socket::open(&url, &[]).await.expect("open on loopback");
        second.say(&start).await;
        assert_eq!(second.hear_out(Duration::from_secs(1)).await, Some(Said::Close(Some(1008))));
        // The greeting goes on to its mark.
        let mut said = Said::Nothing;
        while said.mark().is_none() {
            said = first.hear(Duration::from_secs(10)).await;
            assert!(matches!(said, Said::Text(_)), "{said:?}");
        }
        let stop = json!({"event": "stop", "stream_sid": "s1", "stop": {"call_sid": "call-1", "reason": "callended"}});
        first.say(&stop.to_string()).await;
        assert_eq!(first.hear_out(Duration::from_secs(5)).await, Some(Said::Close(Some(1000))));
    });
    engine.until_quiet(Duration::from_secs(5));
    let metrics = engine.metrics();
    assert_eq!((metrics.ended("refused_duplicate"), metrics.ended("caller_hung_up")), (1, 1));
}

#[test]
fn exotel_needs_its_password_or_its_secret() {
    let _turn = turn::together();
    let engine = Setup::new()
        .var("OPERETTA__EXOTEL__USERNAME", "carrier")
        .var("OPERETTA__EXOTEL__PASSWORD", "a-password-of-this-test")
        .start();
    let address = engine.carriers();
    let basic = |credentials: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("Basic {}", STANDARD.encode(credentials))
    };
    let (right, wrong) = (basic("carrier:a-password-of-this-test"), basic("carrier:another"));
    let ask =
        |headers: &[(&str, &str)]| http::ask(address, "GET /exotel/voicebot?CallSid=c1 HTTP/1.1", headers, "").status;
    assert_eq!(ask(&[]), 403);
    assert_eq!(ask(&[("Authorization", &wrong)]), 403);
    assert_eq!(ask(&[("Authorization", &right)]), 200);
    actix_rt::System::new().block_on(async {
        let url = engine.url("ws", "/exotel/media");
        assert_eq!(Socket::open(&url, &[]).await.err(), Some(401));
        assert_eq!(Socket::open(&url, &[("Authorization", &wrong)]).await.err(), Some(401));
        assert!(Socket::open(&url, &[("Authorization", &right)]).await.is_ok());
        let browser = [("Authorization", right.as_str()), ("Origin", "https://elsewhere.example.com")];
        assert_eq!(Socket::open(&url, &browser).await.err(), Some(403));
    });
}

/// A call that Twilio was told how to connect.
struct Webhook {
    id: String,
    token: String,
}

impl Webhook {
    fn ask(engine: &Engine) -> Self {
        let id = Dice::new(Dice::seed()).hex32();
        let form = twilio_form(&id).map(|(name, value)| (name.to_owned(), value));
        let signature = twilio_signature(TOKEN, &engine.url("http", "/twilio/voice"), &form);
        let body = serde_urlencoded::to_string(&form).expect("a form");
        let headers = [("X-Twilio-Signature", signature.as_str())];
        let answer = http::post_form(engine.carriers(), "/twilio/voice", &headers, &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let order = read_twiml(&answer.body).expect("TwiML with a stream");
        assert_eq!(order.url, engine.url("ws", "/twilio/media"));
        let token = order.parameters.into_iter().find(|(name, _)| name == "session_token").expect("a token");
        Self { id, token: token.1 }
    }

    fn start(&self, token: Option<&str>) -> String {
        let id = &self.id;
        let mut start = json!({"event": "start", "sequenceNumber": "1", "streamSid": format!("MZ{id}"), "start": {
            "accountSid": "AC000000000000000000000000000000a1", "streamSid": format!("MZ{id}"),
            "callSid": format!("CA{id}"), "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, "customParameters": {}}});
        if let Some(token) = token {
            start["start"]["customParameters"]["session_token"] = token.into();
        }
        start.to_string()
    }

    fn stop(&self) -> String {
        let id = &self.id;
        json!({"event": "stop", "sequenceNumber": "2", "streamSid": format!("MZ{id}"), "stop": {
            "accountSid": "AC000000000000000000000000000000a1", "callSid": format!("CA{id}")}})
        .to_string()
    }
}

async fn signed(engine: &Engine) -> Socket {
    let url = engine.url("ws", "/twilio/media");
    let signature = twilio_signature(TOKEN, &url, &[]);
    Socket::open(&url, &[("X-Twilio-Signature", &signature)]).await.expect("a signed upgrade is accepted")
}
